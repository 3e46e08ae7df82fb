"""From a mined workspace to labelled clips that are split by a stated protocol.

Under ``recording`` and ``group``, recordings are split first; clusters and dictionaries are then
fitted anew on the training side, and the clips of both sides are occurrences of the union of the
training dictionaries, so no label reaches a test clip. ``paper`` and ``audio`` keep the paper's
order (mine everything, then split the instances): the dictionaries have seen the test side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cantaor.chain import DATA, MotifFinder, clip_spans, locate, reduce_contour
from cantaor.clusters import ClusterHistogram
from cantaor.corpus.manifest import Manifest, Recording
from cantaor.corpus.splits import Split, split_clips
from cantaor.errors import ArgumentError, SplitError
from cantaor.motifs import MotifDictionary
from cantaor.pitch import hz_to_cents
from cantaor.run.pipeline import load_contour, mine_singers
from cantaor.run.workspace import Workspace, read_table, track_from_table
from cantaor.types import Float64Array, PitchTrack

#: Protocols that fit everything on the training recordings.
DISJOINT = ("recording", "group")
#: Protocols that mine first and split the instances.
MINED_FIRST = ("paper", "audio")


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
    """

    clips: Manifest
    finder: MotifFinder
    protocol: str
    data: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MinedRecording:
    """One row of the workspace's table of recordings."""

    path: str
    singer: str
    recording: str
    group: str
    duration_s: float
    offset_s: float
    pitch_key: str
    contour_key: str


def prepare_clips(
    workspace: Workspace,
    protocol: str = "paper",
    data: str = "motifs",
    *,
    test_fraction: float = 0.2,
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
    seed
        Decides the split and the random spans.

    Raises
    ------
    ArgumentError
        The protocol or the data is unknown.
    SplitError
        There is one singer only, or too little for the split; the message names who lacks what.
    """
    if data not in DATA:
        raise ArgumentError(f"data must be one of {', '.join(DATA)}, not {data!r}")
    if protocol not in MINED_FIRST + DISJOINT:
        raise ArgumentError(
            f"split must be one of {', '.join(MINED_FIRST + DISJOINT)}, not {protocol!r}"
        )
    recordings = mined_recordings(workspace)
    singers = sorted({one.singer for one in recordings})
    if len(singers) < 2:
        raise SplitError(f"{workspace.path}: one singer only ({singers[0]}); two are needed")
    if protocol in DISJOINT:
        return _split_recordings(workspace, recordings, protocol, data, test_fraction, seed)
    return _split_instances(workspace, recordings, protocol, data, test_fraction, seed)


def mined_recordings(workspace: Workspace) -> list[MinedRecording]:
    """The recordings of a workspace, in the order of its table."""
    return [
        MinedRecording(
            row["path"],
            row["singer"],
            row["recording"],
            row["group"],
            row["duration_s"],
            row["start_s"] or 0.0,
            row["pitch_key"],
            row["contour_key"],
        )
        for row in workspace.table("recordings").to_pylist()
    ]


def fit_finder(
    workspace: Workspace, recordings: Sequence[MinedRecording]
) -> tuple[MotifFinder, MotifDictionary]:
    """Clusters and dictionaries fitted on some recordings of a workspace, from its pitch tables."""
    settings = workspace.settings
    histogram = ClusterHistogram()
    for one in recordings:
        histogram.update(hz_to_cents(_track(workspace, one).hz))
    clusters = histogram.solve(settings.k)
    contours = [reduce_contour(_track(workspace, one), clusters, settings) for one in recordings]
    dictionary = mine_singers([one.singer for one in recordings], contours, settings)
    return MotifFinder(clusters, dictionary.union(), settings), dictionary


def full_finder(workspace: Workspace) -> MotifFinder:
    """The finder of everything the workspace holds."""
    dictionary = MotifDictionary.from_arrow(workspace.table("motifs"))
    return MotifFinder(workspace.clusters(), dictionary.union(), workspace.settings)


def _split_recordings(
    workspace: Workspace,
    recordings: list[MinedRecording],
    protocol: str,
    data: str,
    test_fraction: float,
    seed: int,
) -> PreparedClips:
    names = [one.recording for one in recordings]
    split = split_clips(
        [one.singer for one in recordings],
        names,
        [one.group or one.recording for one in recordings],
        protocol=protocol,
        test_fraction=test_fraction,
        seed=seed,
    )
    finder, _ = fit_finder(workspace, [recordings[i] for i in split.train])
    is_test = set(split.test.tolist())
    entries: list[Recording] = []
    for index, one in enumerate(recordings):
        track = _track(workspace, one)
        contour = reduce_contour(track, finder.clusters, finder.settings)
        found = locate(finder.motifs, contour, finder.settings)
        spans = clip_spans(data, found, contour, one.duration_s, [seed, index])
        entries += _entries(one, spans, "test" if index in is_test else "train")
    entries, notes = _mark_validation(entries, protocol, seed)
    manifest = Manifest(tuple(entries), workspace.path)
    _require_sides(manifest, workspace.path)
    return PreparedClips(manifest, finder, protocol, data, split.notes + notes)


def _split_instances(
    workspace: Workspace,
    recordings: list[MinedRecording],
    protocol: str,
    data: str,
    test_fraction: float,
    seed: int,
) -> PreparedClips:
    settings = workspace.settings
    dictionary = MotifDictionary.from_arrow(workspace.table("motifs"))
    rows_of = {
        singer: dictionary.select(np.flatnonzero(np.asarray(dictionary.singer) == singer)).motifs
        for singer in {one.singer for one in recordings}
    }
    entries: list[Recording] = []
    for index, one in enumerate(recordings):
        contour = load_contour(workspace, one.contour_key)
        found = locate(rows_of[one.singer], contour, settings)
        spans = clip_spans(data, found, contour, one.duration_s, [seed, index])
        entries += _entries(one, spans, "")
    split = _split_entries(entries, protocol, test_fraction, seed)
    sides = np.full(len(entries), "train", dtype=object)
    sides[split.test] = "test"
    entries = [_with_side(e, str(side)) for e, side in zip(entries, sides, strict=True)]
    entries, notes = _mark_validation(entries, protocol, seed)
    note = "motifs were mined from all recordings before the split"
    manifest = Manifest(tuple(entries), workspace.path)
    _require_sides(manifest, workspace.path)
    finder = full_finder(workspace)
    return PreparedClips(manifest, finder, protocol, data, (*split.notes, note, *notes))


def _split_entries(
    entries: Sequence[Recording], protocol: str, test_fraction: float, seed: int
) -> Split:
    if not entries:
        raise SplitError("no motif instance to split; mine with a lower min_length or min_support")
    return split_clips(
        [e.singer for e in entries],
        [e.recording for e in entries],
        [e.source for e in entries],
        protocol=protocol,
        test_fraction=test_fraction,
        seed=seed,
        spans_s=[e.span for e in entries],
    )


def _entries(
    one: MinedRecording, spans: tuple[Float64Array, Float64Array], side: str
) -> list[Recording]:
    return [
        Recording(
            one.path,
            one.singer,
            one.recording,
            group=one.group,
            start_s=float(start) + one.offset_s,
            end_s=float(end) + one.offset_s,
            split=side,
        )
        for start, end in zip(*spans, strict=True)
    ]


def _track(workspace: Workspace, one: MinedRecording) -> PitchTrack:
    return track_from_table(read_table(workspace.path / "pitch" / f"{one.pitch_key}.parquet"))[0]
