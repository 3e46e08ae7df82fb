"""Train and test sides of a clip table, under protocols that say what they hold out.

=============  ================================================  ==============================
protocol       held out                                          says about a new recording
=============  ================================================  ==============================
``paper``      clips at random, stratified (section 4 of the     nothing: copies and overlaps
               paper); always marked as leaking                  of test clips are in training
``audio``      sets of clips that share no sample with the rest  little: same recordings
``recording``  whole recordings of every singer                  something, if recordings of
                                                                 one session are not split
``group``      one whole source group of every singer            most: other session, room
``column``     what the given column says                        depends
=============  ================================================  ==============================

Whatever the protocol, the result is checked against :mod:`cantaor.corpus.splits.overlap`; a split
in which training and test share audio has ``leaks`` set and a note that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np
from numpy.typing import ArrayLike

from cantaor.corpus.identity import hash_readable
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.splits.columns import clip_columns
from cantaor.corpus.splits.overlap import (
    ClipTable,
    audio_components,
    encode_columns,
    merge_partitions,
    share_notes,
    shared_fraction,
)
from cantaor.errors import ArgumentError, SplitError
from cantaor.types import Int64Array

PROTOCOLS = ("paper", "audio", "recording", "group", "column")

# Draws tried before a corpus whose units hold several singers is given up on.
_ATTEMPTS = 64


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Two sides of a clip table.

    Attributes
    ----------
    train, test
        int64, ascending indices of clips; disjoint; neither empty.
    protocol
        How it was cut.
    leaks
        Whether training and test share audio, as far as the given columns can tell.
    notes
        What a reader of the results has to know.
    shared_audio
        Fraction of the test clips that share audio with training, 0 to 1.
    """

    train: Int64Array
    test: Int64Array
    protocol: str
    leaks: bool
    notes: tuple[str, ...] = ()
    shared_audio: float = 0.0


def split_clips(
    labels: Manifest | Sequence[str],
    recordings: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    *,
    protocol: str,
    test_fraction: float = 0.2,
    seed: int = 0,
    starts_s: ArrayLike | None = None,
    ends_s: ArrayLike | None = None,
    content: Sequence[str] | None = None,
    column: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Split:
    """Cut a clip table in two; every singer is on both sides (except under ``column``).

    Parameters
    ----------
    labels, recordings
        Singer and recording of each clip; recordings of two singers differ also under one name.
        Or a manifest in place of ``labels``, which then gives all columns: singers, recordings,
        groups, spans, its ``split``, and from its files what is the same audio.
    groups
        Source group of each clip; empty (or None) means its recording is a group of its own.
    protocol
        One of :data:`PROTOCOLS`.
    test_fraction
        Fraction of clips to hold out, in (0, 1), approximated by whole units.
        ``group`` holds out one group per singer whatever its size.
    seed
        Fixes the draw.
    starts_s, ends_s
        Span of each clip in its source, seconds. Needed to tell clips of one source apart
        under ``audio``; elsewhere they sharpen the leak check.
    content
        Key of equal audio, such as a hash; an empty key equals no other. Units that share a key
        are never separated, except under ``paper`` and ``column``.
    column
        ``"train"`` or ``"test"`` for each clip, under ``column``; clips marked ``"validation"``
        are left out.
    sources
        Key of the audio that each clip is a span of, such as its file: clips of one source share
        audio where they overlap, whatever their recordings are called. None: the recording. From
        files, :func:`cantaor.corpus.splits.columns.clip_columns` makes this and ``content``.

    Raises
    ------
    ArgumentError
        The columns do not fit each other, or ``test_fraction`` or ``protocol`` is out of range.
    SplitError
        A singer has too few units to be on both sides; the message names singer and number.

    Examples
    --------
    >>> split = split_clips(["AM", "AM", "EC", "EC"], ["a", "b", "c", "d"], protocol="recording")
    >>> split.leaks, split.train.size, split.test.size
    (False, 2, 2)
    """
    _require(protocol, test_fraction)
    if isinstance(labels, Manifest):
        if recordings is not None:
            raise ArgumentError("recordings must be left out where a manifest gives all columns")
        hashed, notes = hash_readable(labels)
        column = [entry.split for entry in labels.entries] if column is None else column
        split = split_clips(
            **clip_columns(hashed),
            protocol=protocol,
            test_fraction=test_fraction,
            seed=seed,
            column=column,
        )
        return replace(split, notes=(*split.notes, *notes))
    if recordings is None:
        raise ArgumentError("recordings must be given with labels")
    clips = encode_columns(labels, recordings, groups, starts_s, ends_s, content, sources)
    rng = np.random.default_rng(seed)
    if protocol == "column":
        return _by_column(clips, column)
    if protocol == "paper":
        test = _random_clips(clips, np.arange(len(clips)), test_fraction, rng)
        return _finish(clips, np.arange(len(clips)), test, protocol)
    units = split_units(clips, protocol)
    choose = _choose_one if protocol == "group" else _choose_fraction(test_fraction)
    test = _hold_out(clips, units, protocol, choose, rng)
    return _finish(clips, np.arange(len(clips)), test, protocol)


def group_splits(
    labels: Sequence[str],
    recordings: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    draws: int | None = None,
    seed: int = 0,
    starts_s: ArrayLike | None = None,
    ends_s: ArrayLike | None = None,
    content: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Iterator[Split]:
    """Different ways to hold out one source group of every singer.

    Parameters
    ----------
    labels, recordings, groups, starts_s, ends_s, content, sources
        As in :func:`split_clips`.
    draws
        Number of splits; None gives all of them, each once, in a fixed order.
    seed
        Fixes which are drawn, without repetition.

    Raises
    ------
    SplitError
        A singer has fewer than two groups.
    """
    clips = encode_columns(labels, recordings, groups, starts_s, ends_s, content, sources)
    units = split_units(clips, "group")
    owned = [_units_of(clips, units, label, "group") for label in range(len(clips.singers))]
    choices: Iterator[tuple[int, ...]] = product(*owned)
    if draws is not None:
        choices = islice(_drawn(owned, np.random.default_rng(seed)), draws)
    for chosen in choices:
        test = np.isin(units, chosen)
        if _covers(clips, test):
            yield _finish(clips, np.arange(len(clips)), np.flatnonzero(test), "group")


def _require(protocol: str, fraction: float) -> None:
    if protocol not in PROTOCOLS:
        raise ArgumentError(f"protocol must be one of {', '.join(PROTOCOLS)}, not {protocol!r}")
    if not 0 < fraction < 1:
        raise ArgumentError(f"fraction must be between 0 and 1, not {fraction}")


def split_units(clips: ClipTable, protocol: str) -> Int64Array:
    """What must not be cut: int64 (clips,), number of the unit of each clip.

    Parameters
    ----------
    clips
        The clip table.
    protocol
        ``"audio"``, ``"recording"`` or ``"group"``; clips that share audio are one unit under each.
    """
    audio = audio_components(clips)
    if protocol == "audio":
        return audio
    if protocol == "group":
        return merge_partitions(clips.groups, clips.recordings, audio)
    return merge_partitions(clips.recordings, audio)


def _units_of(clips: ClipTable, units: Int64Array, label: int, protocol: str) -> Int64Array:
    owned = np.unique(units[clips.labels == label])
    if owned.size < 2:
        name = {"audio": "set of clips without shared audio", "group": "source group"}
        raise SplitError(
            f"singer {clips.singers[label]} has {owned.size} {name.get(protocol, 'recording')}; "
            f"the {protocol} split needs at least 2 for every singer"
        )
    return owned


_Choice = Callable[[Int64Array, Int64Array, np.random.Generator], Int64Array]


def _choose_one(owned: Int64Array, sizes: Int64Array, rng: np.random.Generator) -> Int64Array:
    return owned[[int(rng.integers(owned.size))]]


def _choose_fraction(fraction: float) -> _Choice:
    def choose(owned: Int64Array, sizes: Int64Array, rng: np.random.Generator) -> Int64Array:
        order = rng.permutation(owned.size)
        filled = np.cumsum(sizes[order])[:-1]
        best = int(np.argmin(np.abs(filled - fraction * sizes.sum())))
        return owned[order[: best + 1]]

    return choose


def _hold_out(
    clips: ClipTable, units: Int64Array, protocol: str, choose: _Choice, rng: np.random.Generator
) -> Int64Array:
    """Clips of the units chosen for every singer, int64 ascending."""
    owned = [_units_of(clips, units, label, protocol) for label in range(len(clips.singers))]
    sizes = [np.bincount(units[clips.labels == label])[mine] for label, mine in enumerate(owned)]
    for _ in range(_ATTEMPTS):
        chosen = [choose(mine, size, rng) for mine, size in zip(owned, sizes, strict=True)]
        test = np.isin(units, np.concatenate(chosen))
        # A unit with clips of two singers may have taken all that one of them has.
        if _covers(clips, test):
            return np.flatnonzero(test)
    raise SplitError(
        f"no {protocol} split found with every singer on both sides: "
        "too many units hold clips of several singers"
    )


def _covers(clips: ClipTable, test: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    count = len(clips.singers)
    held = np.bincount(clips.labels[test], minlength=count)
    kept = np.bincount(clips.labels[~test], minlength=count)
    return bool(held.min() > 0 and kept.min() > 0)


def _random_clips(
    clips: ClipTable, among: Int64Array, fraction: float, rng: np.random.Generator
) -> Int64Array:
    chosen = []
    for label in np.unique(clips.labels[among]):
        mine = among[clips.labels[among] == label]
        if mine.size < 2:
            raise SplitError(
                f"singer {clips.singers[label]} has {mine.size} clip; "
                "the paper split needs at least 2 for every singer"
            )
        size = int(np.clip(round(fraction * mine.size), 1, mine.size - 1))
        chosen.append(rng.permutation(mine)[:size])
    return np.sort(np.concatenate(chosen))


def _by_column(clips: ClipTable, column: Sequence[str] | None) -> Split:
    if column is None or len(column) != len(clips):
        found = "nothing" if column is None else len(column)
        raise ArgumentError(f"length of column ({found}) must match labels ({len(clips)})")
    subsets = np.array([str(value).strip().lower() for value in column])
    unknown = np.flatnonzero(~np.isin(subsets, ["train", "test", "validation"]))
    if unknown.size:
        index = int(unknown[0])
        raise SplitError(
            f"split of clip {index} must be train, test or validation, not {column[index]!r}"
        )
    among, test = np.flatnonzero(subsets != "validation"), np.flatnonzero(subsets == "test")
    for subset in ("train", "test"):
        if not np.any(subsets == subset):
            raise SplitError(f"the split column marks no clip as {subset}")
    left = len(clips) - among.size
    notes = (f"{left} clips marked validation are on neither side",) if left else ()
    return _finish(clips, among, test, "column", notes)


def _finish(
    clips: ClipTable,
    among: Int64Array,
    test: Int64Array,
    protocol: str,
    notes: tuple[str, ...] = (),
) -> Split:
    train = np.setdiff1d(among, test).astype(np.int64)
    shared = shared_fraction(clips, test, train)
    said = share_notes({"test": shared})
    if protocol == "paper":
        said = ("random over clips: copies and overlaps of test clips may be in training", *said)
    leaks = shared > 0 or protocol == "paper"
    return Split(train, test.astype(np.int64), protocol, leaks, (*said, *notes), shared)


def _drawn(owned: list[Int64Array], rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """All choices of one unit each, in random order, without holding them all in memory."""
    sizes = [mine.size for mine in owned]
    total = int(np.prod([float(size) for size in sizes]))
    seen: set[tuple[int, ...]] = set()
    while len(seen) < total:
        pick = tuple(int(rng.integers(size)) for size in sizes)
        if pick not in seen:
            seen.add(pick)
            yield tuple(int(mine[index]) for mine, index in zip(owned, pick, strict=True))
