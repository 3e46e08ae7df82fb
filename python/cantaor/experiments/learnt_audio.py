"""Overlap of the test audio of a model with its training audio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cantaor.corpus.identity import hash_entries, hash_readable, plain_name, unique_recordings
from cantaor.corpus.manifest import Manifest, side_of
from cantaor.corpus.manifest_files import read_clips
from cantaor.corpus.splits.columns import clip_columns, clip_table
from cantaor.corpus.splits.overlap import encode_columns, share_notes, shared_audio
from cantaor.corpus.splits.protocols import Split
from cantaor.experiments.clip_splits import mark_sides, side_manifest
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.networks.ensemble import PROFILE
from cantaor.learn.training.settings import TrainingSettings

#: The list of a model's clips and their sides, beside the model.
CLIPS = "clips.csv"


def checked_clips(clips: Manifest) -> Manifest:
    """Clips whose sides are known ones, with one spelling of every singer and name of recording."""
    entries = tuple(
        replace(
            entry,
            singer=plain_name(entry.singer),
            split=side_of(entry.split, f"clip {number} ({entry.path})"),
        )
        for number, entry in enumerate(clips.entries)
    )
    return unique_recordings(replace(clips, entries=entries))


def name_subsets(
    clips: Manifest, settings: TrainingSettings
) -> tuple[Manifest, tuple[str, ...], dict[str, float]]:
    """Clips without a side are training clips; validation clips are cut where there are none.

    Parameters
    ----------
    clips
        Clips as a file lists them; their audio is read.
    settings
        Say whether there is early stopping, and the seed.

    Returns
    -------
    The clips with their sides and the keys of their audio, notes, and the fractions of test and
    validation clips that share audio with what is learnt from.

    Raises
    ------
    SplitError
        A clip names a side that there is not.
    """
    clips = hash_entries(checked_clips(clips))
    sides = [entry.split or "train" for entry in clips.entries]
    columns = clip_columns(clips)
    notes: tuple[str, ...] = ()
    # The ensemble has no early stopping: it is trained on all clips.
    if settings.model != PROFILE and "validation" not in sides:
        is_test = np.array(sides) == "test"
        split = Split(np.flatnonzero(~is_test), np.flatnonzero(is_test), "column", False)
        sides, notes = mark_sides(columns, split, settings.seed)
    shared = shared_audio(encode_columns(**columns), sides)
    return side_manifest(clips, sides), (*notes, *share_notes(shared)), shared


def own_clips(model: Path) -> Manifest | None:
    """The clips that a model was made and tested with, if they are listed beside it."""
    return read_clips(model / CLIPS) if (model / CLIPS).exists() else None


def own_share(model: Path, bundle: Bundle) -> dict[str, float]:
    """How much of a model's own held-out clips it had learnt from, as found in training."""
    kept = bundle.extra.get("shared_audio")
    if kept is not None:
        return {name: float(fraction) for name, fraction in kept.items()}
    own = own_clips(model)
    return {} if own is None else shared_in(hash_entries(own))


def share_with(model: Path, tested: Manifest) -> dict[str, float]:
    """How much of other clips a model has learnt from; empty where it does not say from what."""
    own = own_clips(model)
    if own is None:
        return {}
    learnt = [
        replace(entry, path=own.location(entry))
        for entry in own.entries
        if entry.split in ("train", "validation")
    ]
    unread: tuple[str, ...] = ()
    if not all(entry.source_hash for entry in learnt):
        # Listed by an earlier version: the audio itself has to tell, as far as it is there.
        found, unread = hash_readable(replace(own, entries=tuple(learnt)))
        learnt = list(found.entries)
    hashed = hash_entries(tested)
    asked = [replace(e, path=tested.location(e), split="test") for e in hashed.entries]
    share = shared_in(Manifest((*asked, *learnt), own.root)).get("test", 0.0)
    return {} if unread and share == 0 else {"test": share}


def shared_in(clips: Manifest) -> dict[str, float]:
    """What the test and validation clips of a manifest share with what is learnt from."""
    return shared_audio(clip_table(clips), [entry.split for entry in clips.entries])
