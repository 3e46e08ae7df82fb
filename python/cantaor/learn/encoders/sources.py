"""Where embeddings of clips come from: an encoder, or a table made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.encoder import Encoder
from cantaor.learn.encoders.encoding import encode
from cantaor.learn.encoders.tables import EmbeddingTable, Span, find_embeddings

#: An encoder or a table.
EmbeddingSource: TypeAlias = Encoder | EmbeddingTable

_TABLE = "table"


def add_embeddings(
    clips: ClipSet,
    source: EmbeddingSource,
    spans: Sequence[Span] | None = None,
    sample_rate: int | None = None,
) -> ClipSet:
    """The clips with the embedding of each.

    Parameters
    ----------
    clips
        Clips.
    source
        An encoder is given the samples, a table is asked for the spans.
    spans
        Where each clip lies; None: nowhere, which a table refuses.
    sample_rate
        Hz, of clips that do not state it.

    Raises
    ------
    ArgumentError
        The table lacks clips, or nobody says the clips' rate.
    ModelError
        The encoder fails.
    """
    if isinstance(source, EmbeddingTable):
        if spans is None:
            raise ArgumentError(
                f"{source.path}: embeddings of a table are found by recording, and these clips "
                "name none"
            )
        return replace(clips, embeddings=find_embeddings(source, spans))
    rate = clips.sample_rate or sample_rate
    if rate is None:
        raise ArgumentError("clips must state their sample_rate to be encoded")
    encoded = encode(source, [clips[i] for i in range(len(clips))], rate)
    return replace(clips, embeddings=encoded.values)


def source_facts(source: EmbeddingSource) -> dict[str, Any]:
    """What a model keeps of the source it was trained with; of a table the size alone."""
    if isinstance(source, EmbeddingTable):
        return {"kind": _TABLE, "size": source.size}
    return {
        "kind": source.kind,
        "file": source.path.name,
        "digest": source.digest,
        "sample_rate": source.sample_rate,
        "window_s": source.window_s,
        "size": source.size,
    }


def describe_source(facts: Mapping[str, Any]) -> str:
    """How messages call the source of such facts, and the option that names it."""
    if facts.get("kind") == _TABLE:
        return f"embeddings of size {facts.get('size')} from a table: --embeddings FILE"
    trust = "" if facts.get("kind") == "onnx" else " --trust"
    return f"encoder {facts.get('file')} (digest {facts.get('digest')}): --encoder FILE{trust}"


def require_source(
    source: EmbeddingSource | None, facts: Mapping[str, Any] | None, where: str
) -> None:
    """Raise unless a source is the one that a model was trained with.

    Raises
    ------
    ModelError
        A source is missing, not wanted, or another; both are named.
    """
    if facts is None:
        if source is not None:
            raise ModelError(
                f"{where} was trained without an encoder; {source.path} cannot be used with it"
            )
        return
    wanted = describe_source(facts)
    if source is None:
        raise ModelError(f"{where} takes {wanted}")
    own = source_facts(source)
    if own["kind"] == _TABLE and facts.get("kind") == _TABLE:
        if own["size"] != facts.get("size"):
            raise ModelError(
                f"{source.path}: embeddings have size {own['size']}, but {where} takes size "
                f"{facts.get('size')}"
            )
        return
    names = ("digest", "sample_rate", "window_s", "size")
    if any(own.get(name) != facts.get(name) for name in names):
        told = {name: own.get(name) for name in names}
        known = {name: facts.get(name) for name in names}
        raise ModelError(f"{where} takes {wanted}; {source.path} is another: {told}, not {known}")
