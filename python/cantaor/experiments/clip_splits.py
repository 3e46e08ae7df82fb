"""From a mined workspace to labelled clips that are split by a stated protocol.

Under ``recording`` and ``group``, recordings are split first; clusters and dictionaries are then
fitted anew on the training side, and the clips of both sides are occurrences of the union of the
training dictionaries, so no label reaches a test clip. ``paper`` and ``audio`` keep the paper's
order (mine everything, then split the instances): the dictionaries have seen the test side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from cantaor.chain import DATA, MotifFinder, clip_spans, locate, reduce_contour
from cantaor.corpus.manifest import Manifest, ManifestEntry, motif_name
from cantaor.corpus.splits.overlap import encode_columns, share_notes, shared_audio
from cantaor.corpus.splits.protocols import Split, split_clips
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import ArgumentError, SplitError
from cantaor.experiments.mined_recordings import (
    MinedRecording,
    fit_finder,
    mined_recordings,
    recording_columns,
)
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pipeline.instances import own_instances
from cantaor.pipeline.publishing import require_current
from cantaor.types import Float64Array
from cantaor.workspace.workspace import Workspace

#: Protocols that fit everything on the training recordings.
DISJOINT = ("recording", "group")
#: Protocols that mine first and split the instances.
MINED_FIRST = ("paper", "audio")

#: Training clips of one singer, unless more are asked for.
MAX_CLIPS = 1000

_ADVICE = "mine with a lower min_length or min_support, or add recordings"


@dataclass(frozen=True, slots=True)
class PreparedClips:
    """Clips ready for training and testing.

    Attributes
    ----------
    clips
        One entry a clip; ``split`` is ``"train"``, ``"validation"`` or ``"test"``.
    finder
        What finds the same motifs in other recordings.
    protocol, data
        Names of the protocol and the kind of clips.
    notes
        What a reader of the figures must know, such as that the protocol leaks.
    shared_audio
        Fractions of the test and the validation clips that share audio with what is learnt
        from; see :func:`cantaor.corpus.splits.overlap.shared_audio`.
    """

    clips: Manifest
    finder: MotifFinder
    protocol: str
    data: str
    notes: tuple[str, ...]
    shared_audio: Mapping[str, float]


def prepare_clips(
    workspace: Workspace,
    protocol: str = "paper",
    data: str = "motifs",
    *,
    test_fraction: float = 0.2,
    max_clips: int | None = MAX_CLIPS,
    seed: int = 0,
) -> PreparedClips:
    """Cut the clips of a workspace and split them.

    Parameters
    ----------
    workspace
        A mined workspace.
    protocol
        ``"paper"`` (random over instances; leaks), ``"audio"`` (no shared sample),
        ``"recording"`` or ``"group"`` (whole recordings or groups held out).
    data
        ``"motifs"``, ``"motifs+segment"`` (3 s that contain the motif) or ``"random"`` (as many
        spans of the same lengths, anywhere in the voice).
    test_fraction
        Share held out, in (0, 1).
    max_clips
        Most training clips of one singer, drawn at random where there are more: instances of long
        motifs hold those of their parts, so more add little but time. ``None`` keeps all. Clips
        for validation and test are never thinned.
    seed
        Decides the split, the random spans and what is drawn.

    Raises
    ------
    ArgumentError
        The protocol or the data is unknown.
    SplitError
        There is one singer only, or too little for the split; the message names who lacks what.
    WorkspaceError
        Other code made the tables than this, which finds motifs in other recordings.
    """
    if data not in DATA:
        raise ArgumentError(f"data must be one of {', '.join(DATA)}, not {data!r}")
    if protocol not in MINED_FIRST + DISJOINT:
        raise ArgumentError(
            f"split must be one of {', '.join(MINED_FIRST + DISJOINT)}, not {protocol!r}"
        )
    require_current(workspace)
    recordings = mined_recordings(workspace)
    singers = sorted({one.singer for one in recordings})
    if len(singers) < 2:
        raise SplitError(f"{workspace.path}: one singer only ({singers[0]}); two are needed")
    if max_clips is not None and max_clips < 1:
        raise ArgumentError(f"max_clips must be at least 1, not {max_clips}")
    split = _split_recordings if protocol in DISJOINT else _split_instances
    cut, whole, finder, notes = split(workspace, recordings, protocol, data, test_fraction, seed)
    sides, more = mark_sides(cut.columns, whole, seed)
    sides, drawn = _thin(cut.entries, sides, max_clips, seed)
    shared = shared_audio(encode_columns(**cut.columns), sides)
    return PreparedClips(
        side_manifest(
            Manifest(tuple(cut.entries), workspace.path, channel=workspace.settings.channel),
            sides,
        ),
        finder,
        protocol,
        data,
        (*notes, *more, *share_notes(shared), *drawn, *_missing_keys(workspace)),
        shared,
    )


def prepare_fold(
    workspace: Workspace,
    left_out: Sequence[int],
    data: str = "motifs",
    *,
    max_clips: int | None = MAX_CLIPS,
    seed: int = 0,
) -> PreparedClips:
    """Cut the clips of a workspace for a fold that leaves out some recordings.

    Parameters
    ----------
    workspace
        A mined workspace.
    left_out
        Places of recordings in its table; the others are trained on.
    data, max_clips, seed
        As for :func:`prepare_clips`.

    Returns
    -------
    Clips whose test side may be empty, where no motif of the others is sung in what is left out.
    """
    require_current(workspace)
    recordings = mined_recordings(workspace)
    test = np.isin(np.arange(len(recordings)), left_out)
    whole = Split(np.flatnonzero(~test), np.flatnonzero(test), "left out", False)
    cut, split, finder = _cut_sides(workspace, recordings, whole, data, seed)
    sides, notes = mark_sides(cut.columns, split, seed)
    sides, drawn = _thin(cut.entries, sides, max_clips, seed)
    clips = Manifest(tuple(cut.entries), workspace.path, channel=workspace.settings.channel)
    marked = side_manifest(clips, sides)
    return PreparedClips(marked, finder, "left out", data, (*notes, *drawn), {})


@dataclass(frozen=True, slots=True)
class _CutClips:
    """Entries of clips, and their columns as splits take them."""

    entries: list[ManifestEntry]
    columns: dict[str, Any]


def _missing_keys(workspace: Workspace) -> tuple[str, ...]:
    if "samples_hash" in workspace.table("recordings").column_names:
        return ()
    return (
        "mined by an earlier version: the same samples in files of two formats are not recognised; "
        "run mine again",
    )


def mark_sides(
    columns: Mapping[str, Any], split: Split, seed: int
) -> tuple[list[str], tuple[str, ...]]:
    """Name every clip's side, a tenth of the training side set apart to stop training early.

    Parameters
    ----------
    columns
        Of all clips, see :func:`cantaor.corpus.splits.columns.clip_columns`.
    split
        Training and test side.
    seed
        Decides which training clips are for validation.

    Returns
    -------
    One side a clip, empty for those that would reach across a cut, and notes.
    """
    validation = validation_split(split, **columns, seed=seed)
    sides = [""] * len(columns["labels"])
    for name, index in (
        ("test", split.test),
        ("train", validation.train),
        ("validation", validation.test),
    ):
        for clip in index.tolist():
            sides[clip] = name
    # How much they share is said of the sides as they are in the end.
    early = share_notes({"validation": validation.shared_audio})
    return sides, tuple(note for note in validation.notes if note not in early)


def side_manifest(clips: Manifest, sides: Sequence[str]) -> Manifest:
    """The entries with their sides filled in, without those that are on none."""
    entries = tuple(
        replace(entry, split=side) for entry, side in zip(clips.entries, sides, strict=True) if side
    )
    return replace(clips, entries=entries)


_Cut: TypeAlias = tuple[_CutClips, Split, MotifFinder, tuple[str, ...]]


def _split_recordings(
    workspace: Workspace,
    recordings: list[MinedRecording],
    protocol: str,
    data: str,
    test_fraction: float,
    seed: int,
) -> _Cut:
    columns = recording_columns(recordings)
    whole = split_clips(**columns, protocol=protocol, test_fraction=test_fraction, seed=seed)
    cut, split, finder = _cut_sides(workspace, recordings, whole, data, seed)
    _require_clips(
        cut.entries, np.isin(np.arange(len(cut.entries)), split.test).tolist(), workspace
    )
    return cut, split, finder, ()


def _cut_sides(
    workspace: Workspace,
    recordings: Sequence[MinedRecording],
    whole: Split,
    data: str,
    seed: int,
) -> tuple[_CutClips, Split, MotifFinder]:
    """Clips of recordings on two sides, found with what is fitted on the training side."""
    finder = fit_finder(workspace, [recordings[i] for i in whole.train])
    spans, sung = [], []
    for index, one in enumerate(recordings):
        track = workspace.track(one.pitch_key)
        contour = reduce_contour(track, finder.clusters, finder.settings)
        found = locate(finder.motifs, contour, finder.settings)
        spans.append(clip_spans(data, found, contour, one.duration_s, [seed, index]))
        sung.append(found.motif)
    names = [motif_name(motif.tolist()) for motif in finder.motifs]
    cut = _cut_clips(recordings, spans, [[names[i] for i in own.tolist()] for own in sung])
    test = np.isin(np.repeat(np.arange(len(spans)), [len(s) for s, _ in spans]), whole.test)
    split = Split(np.flatnonzero(~test), np.flatnonzero(test), whole.protocol, whole.leaks)
    return cut, split, finder


def _split_instances(
    workspace: Workspace,
    recordings: list[MinedRecording],
    protocol: str,
    data: str,
    test_fraction: float,
    seed: int,
) -> _Cut:
    settings = workspace.settings
    dictionary = MotifDictionary.from_arrow(workspace.table("motifs"))
    spans = []
    for index, one in enumerate(recordings):
        contour = workspace.contour(one.contour_key)
        found = own_instances(dictionary, one.singer, contour, settings)
        spans.append(clip_spans(data, found, contour, one.duration_s, [seed, index]))
    cut = _cut_clips(recordings, spans)
    if not cut.entries:
        raise SplitError(f"{workspace.path}: no motif instance to split; {_ADVICE}")
    split = split_clips(**cut.columns, protocol=protocol, test_fraction=test_fraction, seed=seed)
    finder = MotifFinder(workspace.clusters(), dictionary.union(), settings)
    notes = ["motifs were mined from all recordings before the split"]
    if protocol == "paper":
        notes.append(split.notes[0])
    return cut, split, finder, tuple(notes)


def _thin(
    entries: Sequence[ManifestEntry], sides: Sequence[str], max_clips: int | None, seed: int
) -> tuple[list[str], list[str]]:
    """Sides once no singer has more training clips than asked for, and notes."""
    rng = np.random.default_rng(seed)
    thinned, notes = list(sides), []
    for singer in sorted({e.singer for e, side in zip(entries, sides, strict=True) if side}):
        own = [i for i, e in enumerate(entries) if sides[i] == "train" and e.singer == singer]
        if max_clips is not None and len(own) > max_clips:
            for index in rng.permutation(own)[max_clips:].tolist():
                thinned[index] = ""
            notes.append(f"singer {singer}: {max_clips} of {len(own)} training clips drawn")
    return thinned, notes


def _require_clips(
    entries: Sequence[ManifestEntry], is_test: Sequence[bool], workspace: Workspace
) -> None:
    for wanted, name in ((False, "training"), (True, "test")):
        singers = {e.singer for e, t in zip(entries, is_test, strict=True) if t == wanted}
        if len(singers) < 2:
            raise SplitError(
                f"{workspace.path}: the {name} side has motif instances of {len(singers)} "
                f"singers, two are needed; {_ADVICE}"
            )


def _cut_clips(
    recordings: Sequence[MinedRecording],
    spans: Sequence[tuple[Float64Array, Float64Array]],
    sung: Sequence[Sequence[str]] | None = None,
) -> _CutClips:
    """One clip for each span of each recording; times of the entries count in the files.

    ``sung`` names the motif of each span, where it counts for who sings.
    """
    entries: list[ManifestEntry] = []
    owners: list[MinedRecording] = []
    for index, (one, (starts, ends)) in enumerate(zip(recordings, spans, strict=True)):
        owners += [one] * len(starts)
        motifs = [""] * len(starts) if sung is None else sung[index]
        entries += [
            ManifestEntry(
                one.path,
                one.singer,
                one.recording,
                group=one.group,
                start_s=float(start) + one.offset_s,
                end_s=float(end) + one.offset_s,
                source_hash=one.source_hash,
                motif=motif,
            )
            for start, end, motif in zip(starts, ends, motifs, strict=True)
        ]
    columns = {
        "labels": [e.singer for e in entries],
        "recordings": [e.recording for e in entries],
        "groups": [e.group for e in entries],
        # To a nanosecond: clips that touch do so after the shift as well.
        "starts_s": np.round(
            [e.span[0] + o.shift_s for e, o in zip(entries, owners, strict=True)], 9
        ),
        "ends_s": np.round(
            [e.span[1] + o.shift_s for e, o in zip(entries, owners, strict=True)], 9
        ),
        "sources": [one.track for one in owners],
    }
    return _CutClips(entries, columns)
