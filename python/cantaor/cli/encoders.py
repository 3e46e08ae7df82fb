"""The options of commands whose models may take embeddings from outside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cantaor.errors import ArgumentError, ModelError

if TYPE_CHECKING:
    from cantaor.learn.encoders.sources import EmbeddingSource
    from cantaor.learn.export.bundle import Bundle

EncoderFile = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        help="Network of others from waveform to embedding: .onnx, .ts or .pt2. See --trust.",
    ),
]
EncoderRate = Annotated[
    int | None,
    typer.Option("--encoder-rate", help="Hz that the encoder takes; default: as its file says."),
]
EncoderWindow = Annotated[
    float | None,
    typer.Option(
        "--encoder-window",
        help="Seconds that the encoder is given at a time; default: as its file says.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Let an encoder's .ts or .pt2 file run the code that it holds."),
]
EmbeddingsFile = Annotated[
    Path | None,
    typer.Option(
        "--embeddings",
        help="Parquet table of embeddings made elsewhere, in place of --encoder: columns path, "
        "embedding, and start_s and end_s where a row is of a part.",
    ),
]
EncoderView = Annotated[
    str | None,
    typer.Option(
        "--encoder-view",
        help="What the model knows a clip by: beside (the profile and the embedding, default) or "
        "alone (the embedding).",
    ),
]

_VIEWS = {"beside": "profile+encoder", "alone": "encoder"}


def open_source(
    encoder: Path | None,
    embeddings: Path | None,
    rate: int | None,
    window: float | None,
    trust: bool,
    facts: Mapping[str, Any] | None = None,
) -> EmbeddingSource | None:
    """The encoder or table that the options name; ``facts`` are of the model's own encoder.

    Rate and window not given are the model's, and only the file that it was trained with is run.
    """
    if encoder is not None and embeddings is not None:
        raise ArgumentError("give one of --encoder and --embeddings, not both")
    if encoder is None:
        given = {"--encoder-rate": rate, "--encoder-window": window, "--trust": trust or None}
        alone = [name for name, value in given.items() if value is not None]
        if alone:
            raise ArgumentError(f"{', '.join(alone)} without --encoder")
    if embeddings is not None:
        from cantaor.learn.encoders.tables import read_embeddings

        return read_embeddings(embeddings)
    if encoder is None:
        return None
    from cantaor.learn.encoders.encoder import load_encoder

    known = facts or {}
    return load_encoder(
        encoder,
        trust=trust,
        sample_rate=known.get("sample_rate") if rate is None else rate,
        window_s=known.get("window_s") if window is None else window,
        digest=known.get("digest"),
    )


def open_model(
    folder: Path,
    encoder: Path | None,
    embeddings: Path | None,
    rate: int | None,
    window: float | None,
    trust: bool,
) -> Bundle:
    """A model with the encoder or table that it takes."""
    from cantaor.learn.export.attached_encoder import attach_encoder, encoder_facts
    from cantaor.learn.export.bundle import load_bundle

    bundle = load_bundle(folder)
    facts = encoder_facts(bundle)
    if facts is None and encoder is not None:
        # Before anything of the file runs.
        raise ModelError(
            f"{folder} was trained without an encoder; {encoder} cannot be used with it"
        )
    return attach_encoder(bundle, open_source(encoder, embeddings, rate, window, trust, facts))


def view_of(view: str | None, source: EmbeddingSource | None) -> str | None:
    """The settings' view that the options ask for; None: the recipe's."""
    if source is None:
        if view is not None:
            raise ArgumentError("--encoder-view without --encoder or --embeddings")
        return None
    name = view or "beside"
    if name not in _VIEWS:
        raise ArgumentError(f"--encoder-view must be one of {', '.join(_VIEWS)}, not {name!r}")
    return _VIEWS[name]
