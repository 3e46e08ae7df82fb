"""Validation clips for early stopping, cut from the training clips by the same protocol.

A singer who has a single unit left in training cannot spare it. Then a smaller unit is taken: a
recording of the group, or the last part of the recording, without any sample in common with what
stays in training. Notes say where that happened.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cantaor.corpus.splits.overlap import (
    ClipTable,
    audio_components,
    encode_columns,
    merge_partitions,
    overlaps_any,
    share_notes,
    shared_fraction,
)
from cantaor.corpus.splits.protocols import Split
from cantaor.errors import ArgumentError, SplitError
from cantaor.types import Float64Array, Int64Array

_DRAWS = 16


def validation_split(
    split: Split,
    labels: Sequence[str],
    recordings: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    fraction: float = 0.1,
    seed: int = 0,
    starts_s: ArrayLike | None = None,
    ends_s: ArrayLike | None = None,
    content: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Split:
    """Cut the training side of a split in two by the same protocol; the test side is not seen.

    Parameters
    ----------
    split
        What :func:`cantaor.corpus.splits.protocols.split_clips` returned for the same columns.
    labels, recordings, groups, starts_s, ends_s, content, sources
        Columns of all clips, as in :func:`cantaor.corpus.splits.protocols.split_clips`.
    fraction
        Fraction of training clips for validation, in (0, 1).
    seed
        Fixes the draw.

    Returns
    -------
    Split with ``train`` to fit on and ``test`` to validate on, both indices into all clips and
    parts of ``split.train``. Clips that would reach across a cut are in neither. A ``column``
    split is cut by recordings. A singer with too few clips has none in validation; a note says so.

    Raises
    ------
    ArgumentError
        The columns do not fit each other, or ``fraction`` is out of range.
    SplitError
        No singer can spare a clip.

    Examples
    --------
    >>> from cantaor.corpus.splits.protocols import split_clips
    >>> labels, recordings = ["AM"] * 3 + ["EC"] * 3, list("abcdef")
    >>> split = split_clips(labels, recordings, protocol="recording")
    >>> inner = validation_split(split, labels, recordings)
    >>> inner.train.size, inner.test.size
    (2, 2)
    """
    clips = encode_columns(labels, recordings, groups, starts_s, ends_s, content, sources)
    if not 0 < fraction < 1:
        raise ArgumentError(f"fraction must be between 0 and 1, not {fraction}")
    rng = np.random.default_rng(seed)
    validation, dropped, notes = _choose_validation(clips, split, fraction, rng)
    if validation.size == 0:
        raise SplitError("no singer has clips to spare for validation: " + "; ".join(notes))
    train = np.setdiff1d(split.train, np.union1d(validation, dropped))
    shared = shared_fraction(clips, validation, train)
    leaks = split.protocol == "paper"  # what any other shares with training was dropped
    said = share_notes({"validation": shared})
    if leaks and not said:
        said = ("training and validation may share audio",)
    return Split(train, validation, split.protocol, leaks, (*said, *notes), shared)


def _choose_validation(
    clips: ClipTable, split: Split, fraction: float, rng: np.random.Generator
) -> tuple[Int64Array, Int64Array, tuple[str, ...]]:
    spare: dict[int, Int64Array] = {}
    notes: dict[int, str] = {}
    for label in np.unique(clips.labels[split.train]).tolist():
        mine = split.train[clips.labels[split.train] == label]
        spare[label], note = _spare(clips, split, mine, fraction, rng)
        if note:
            notes[label] = f"singer {clips.singers[label]}: {note}"
    held, dropped = _settle(clips, split, spare, notes)
    said = [notes[label] for label in sorted(notes)]
    if dropped.size:
        said.append(f"{dropped.size} clips that reach across a cut are on neither side")
    return held, dropped, tuple(said)


def _settle(
    clips: ClipTable, split: Split, spare: dict[int, Int64Array], notes: dict[int, str]
) -> tuple[Int64Array, Int64Array]:
    """Give back what would leave a singer without training clips, until none is without."""
    while True:
        held = np.unique(np.concatenate([np.zeros(0, np.int64), *spare.values()]))
        rest = np.setdiff1d(split.train, held)
        dropped = rest[:0] if split.protocol == "paper" else rest[overlaps_any(clips, rest, held)]
        left = clips.labels[np.setdiff1d(rest, dropped)]
        bare = np.setdiff1d(clips.labels[split.train], left).tolist()
        validation = [label for label, chosen in spare.items() if chosen.size]
        if not bare or not validation:
            return held, dropped
        # Where a singer loses its clips to another's cut, that other one has to give way.
        for label in [label for label in bare if label in validation] or validation[:1]:
            spare[label] = held[:0]
            name = clips.singers[label]
            notes[label] = f"singer {name}: training clips all share audio, not watched"


def _spare(
    clips: ClipTable, split: Split, mine: Int64Array, fraction: float, rng: np.random.Generator
) -> tuple[Int64Array, str]:
    """Validation clips of one singer, and a note."""
    nothing = np.zeros(0, dtype=np.int64)
    if mine.size < 2:
        return nothing, "a single training clip, not watched"
    if split.protocol == "paper":
        size = int(np.clip(round(fraction * mine.size), 1, mine.size - 1))
        return rng.permutation(mine)[:size], ""
    has_times = clips.starts_s is not None and clips.ends_s is not None
    several = False
    for units, what in _candidate_sizes(clips, mine, split.protocol):
        names, sizes = np.unique(units, return_counts=True)
        if names.size > 1:
            chosen = _nearest_fraction(sizes, fraction * mine.size, rng)
            # A long recording must not take most of what there is to learn from.
            if 2 * sizes[chosen].sum() <= mine.size or not has_times:
                return mine[np.isin(units, names[chosen])], what
            several = True
    if clips.starts_s is None or not has_times:
        return nothing, "a single training recording and no times to cut it at, not watched"
    pieces = np.stack([clips.recordings[mine], clips.tracks[mine]])
    if np.unique(pieces, axis=1).shape[1] > np.unique(pieces[0]).size:
        # Where the files of one recording overlap is not known, nor which of them comes last.
        return nothing, "a single training recording in several files, not watched"
    why = "training recordings too unlike in length" if several else "a single training recording"
    return _last_part(clips, clips.starts_s, mine, fraction), f"{why}, its last part is watched"


def _nearest_fraction(sizes: Int64Array, wanted: float, rng: np.random.Generator) -> Int64Array:
    """Some units, never all, whose sizes come nearest to a number of clips among random draws."""
    draws = []
    for _ in range(_DRAWS):
        order = rng.permutation(sizes.size)
        filled = np.cumsum(sizes[order])[:-1]
        best = int(np.argmin(np.abs(filled - wanted)))
        draws.append((abs(float(filled[best]) - wanted), order[: best + 1]))
    return min(draws, key=lambda draw: draw[0])[1]


def _candidate_sizes(
    clips: ClipTable, mine: Int64Array, protocol: str
) -> list[tuple[Int64Array, str]]:
    audio, recordings = audio_components(clips, mine), clips.recordings[mine]
    by_recording = merge_partitions(recordings, audio)
    if protocol == "audio":
        return [(audio, "")]
    if protocol == "group":
        by_group = merge_partitions(clips.groups[mine], recordings, audio)
        note = "a single training group, one of its recordings is watched"
        return [(by_group, ""), (by_recording, note)]
    return [(by_recording, "")]


def _last_part(
    clips: ClipTable, starts_s: Float64Array, mine: Int64Array, fraction: float
) -> Int64Array:
    # Recordings joined by shared content are laid end to end: the last part is of the last one.
    order = np.lexsort((starts_s[mine], clips.recordings[mine]))
    size = int(np.clip(round(fraction * mine.size), 1, mine.size - 1))
    return mine[order[-size:]]
