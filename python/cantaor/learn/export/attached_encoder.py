"""A model together with the encoder that it was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cantaor.errors import ArgumentError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.sources import EmbeddingSource, add_embeddings, require_source
from cantaor.learn.encoders.tables import Span
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.networks.ensemble import PROFILE, VIEWS
from cantaor.learn.training.settings import TrainingSettings

#: Where a model keeps what it was trained with.
ENCODER = "encoder"


def encoder_facts(bundle: Bundle) -> Mapping[str, Any] | None:
    """What is known of the encoder that a model was trained with; None: it had none."""
    facts = bundle.extra.get(ENCODER)
    return facts if isinstance(facts, dict) else None


def attach_encoder(bundle: Bundle, source: EmbeddingSource | None) -> Bundle:
    """The model with the encoder, or the table of embeddings, that it takes.

    Parameters
    ----------
    bundle
        A model.
    source
        As it was trained with; None for a model without one.

    Raises
    ------
    ModelError
        The source is missing, not wanted, or another than the model's; both are named.
    """
    require_source(source, encoder_facts(bundle), bundle.path or "the model")
    return replace(bundle, encoder=source)


def embed_clips(bundle: Bundle, clips: ClipSet, spans: Sequence[Span] | None = None) -> ClipSet:
    """Clips as a model takes them: with the embeddings of its encoder where it has one.

    Parameters
    ----------
    bundle
        A model; see :func:`attach_encoder`.
    clips
        Clips at the model's rate.
    spans
        Where each clip lies in which recording, which a table of embeddings needs.

    Raises
    ------
    ModelError
        The model was trained with an encoder that is not attached.
    ArgumentError
        The table lacks clips.
    """
    facts = encoder_facts(bundle)
    if facts is None or clips.embeddings is not None:
        return clips
    require_source(bundle.encoder, facts, bundle.path or "the model")
    assert bundle.encoder is not None
    return add_embeddings(clips, bundle.encoder, spans, bundle.trained.module.sample_rate)


def require_view(settings: TrainingSettings, source: EmbeddingSource | None) -> None:
    """Raise unless settings and source agree on whether there is an encoder.

    Raises
    ------
    ArgumentError
        Only one of them has one.
    """
    if (settings.view == PROFILE) != (source is None):
        given = "no encoder is given" if source is None else f"{source.path} is given"
        raise ArgumentError(
            f"settings have the view {settings.view!r}, and {given}: an encoder takes the view "
            f"{' or '.join(map(repr, VIEWS[1:]))}, {PROFILE!r} takes none"
        )
