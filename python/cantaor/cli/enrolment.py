"""`enrol` and `nearest`: add singers to a model, search similar recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Channel, Json, app, model_folder, print_json, report_failures
from cantaor.cli.encoders import (
    EmbeddingsFile,
    EncoderFile,
    EncoderRate,
    EncoderWindow,
    Trust,
    open_model,
)
from cantaor.errors import ArgumentError, AudioError, CantaorError
from cantaor.io.channels import parse_channel
from cantaor.io.locations import require_local
from cantaor.report.terminal import print_rows


@app.command(epilog="Example: `cantaor enrol work/model a.flac b.flac --singer 'La Niña'`")
def enrol(
    model: Annotated[Path, typer.Argument(help="A robust model, or a workspace with one.")],
    audio: Annotated[list[str], typer.Argument(help="Recordings of the singer, or folders.")],
    singer: Annotated[str, typer.Option(help="Name of the singer.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the new model; MODEL-enrolled if not given.")
    ] = None,
    channel: Channel = None,
    encoder: EncoderFile = None,
    encoder_rate: EncoderRate = None,
    encoder_window: EncoderWindow = None,
    trust: Trust = False,
    embeddings: EmbeddingsFile = None,
    as_json: Json = False,
) -> None:
    """Add a singer to a model from a few recordings, without training.

    The new model is written beside the old one, which stays as it is.
    """
    from cantaor.experiments.train_evaluate import copy_clips
    from cantaor.inference.batch import find_inputs
    from cantaor.learn.export.bundle import require_model_folder, save_bundle
    from cantaor.learn.identification.enrolment import enrol as enrol_singer
    from cantaor.learn.identification.identification import predict_clips

    folder = model_folder(model)
    bundle = open_model(folder, encoder, embeddings, encoder_rate, encoder_window, trust)
    target = _beside(folder) if out is None else require_local(out, "a model")
    require_model_folder(target)
    predictions, failures = [], []
    for path in [one.location for one in find_inputs(audio)]:
        try:
            predictions.append(predict_clips(bundle, path, parse_channel(channel)))
        except AudioError as error:
            failures.append((path, str(error)))
    if not predictions:
        report_failures(failures, all_failed=True)
    known = enrol_singer(bundle, singer, [one.embeddings for one in predictions])
    saved = save_bundle(target, known.trained, known.arrays, known.extra)
    copy_clips(folder, saved)
    clips = sum(len(one.motifs) for one in predictions)
    facts = {"model": str(saved), "singer": singer, "recordings": len(predictions), "clips": clips}
    if as_json:
        print_json({**facts, "failures": [{"path": p, "error": why} for p, why in failures]})
    else:
        typer.echo(
            f"{saved} knows {singer} from {len(predictions)} recordings, {clips} motif clips"
        )
    report_failures(failures)


def _beside(folder: Path) -> Path:
    """Where a model goes that must not replace its source; what is there is not replaced."""
    source = folder.resolve()
    target = source.with_name(f"{source.name}-enrolled")
    if target.exists():
        raise ArgumentError(
            f"{target} is there already: name another folder with --out, or enrol in that model"
        )
    return target


@app.command(epilog="Example: `cantaor nearest work/model embeddings.parquet song.flac`")
def nearest(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    embeddings: Annotated[
        Path, typer.Argument(help="Embeddings that `embed` wrote with the same model.")
    ],
    audio: Annotated[list[str], typer.Argument(help="Recordings to compare.")],
    kind: Annotated[
        str, typer.Option(help="Compare whole recordings or motif clips: recording, motif.")
    ] = "recording",
    count: Annotated[int, typer.Option(help="Number of results.")] = 10,
    method: Annotated[str, typer.Option(help="Search: exact, or index (extra search).")] = "exact",
    channel: Channel = None,
    encoder: EncoderFile = None,
    encoder_rate: EncoderRate = None,
    encoder_window: EncoderWindow = None,
    trust: Trust = False,
    encoder_embeddings: EmbeddingsFile = None,
    as_json: Json = False,
) -> None:
    """Find the recordings or motif clips that sound most like a recording."""
    from cantaor.inference.embeddings import nearest_clips
    from cantaor.learn.identification.identification import predict_clips

    bundle = open_model(
        model_folder(model), encoder, encoder_embeddings, encoder_rate, encoder_window, trust
    )
    failures = []
    for path in audio:
        try:
            found = nearest_clips(
                embeddings, predict_clips(bundle, path, parse_channel(channel)), kind, count, method
            )
        except CantaorError as error:
            failures.append((path, str(error)))
            continue
        if as_json:
            print_json({"path": path, "nearest": found}, indent=None)
        else:
            names = ("path", "start_s", "end_s", "cosine")
            print_rows(path, names, [[row[name] for name in names] for row in found])
    report_failures(failures, all_failed=len(failures) == len(audio))
