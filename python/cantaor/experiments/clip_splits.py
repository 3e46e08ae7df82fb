"""From a mined workspace to labelled clips that are split by a stated protocol.

Under ``recording`` and ``group``, recordings are split first; clusters and dictionaries are then
fitted anew on the training side, and the clips of both sides are occurrences of the union of the
training dictionaries, so no label reaches a test clip. ``paper`` and ``audio`` keep the paper's
order (mine everything, then split the instances): the dictionaries have seen the test side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cantaor.chain import DATA, MotifFinder, clip_spans, locate, reduce_contour
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.protocols import Split, split_clips
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import ArgumentError, SplitError
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pipeline.instances import own_instances
from cantaor.pipeline.mine import mine_singers
from cantaor.types import Float64Array
from cantaor.units import hz_to_cents
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
        What a backend of the figures must know, such as that the protocol leaks.
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
    content_hash: str
    pitch_key: str
    contour_key: str


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
        that are watched or tested on are never thinned.
    seed
        Decides the split, the random spans and what is drawn.

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
    if max_clips is not None and max_clips < 1:
        raise ArgumentError(f"max_clips must be at least 1, not {max_clips}")
    split = _split_recordings if protocol in DISJOINT else _split_instances
    prepared = split(workspace, recordings, protocol, data, test_fraction, seed)
    return prepared if max_clips is None else _thin(prepared, max_clips, seed)


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
            row["content_hash"] + repr((row["start_s"], row["end_s"])),
            row["pitch_key"],
            row["contour_key"],
        )
        for row in workspace.table("recordings").to_pylist()
    ]


def fit_finder(workspace: Workspace, recordings: Sequence[MinedRecording]) -> MotifFinder:
    """Clusters and dictionaries fitted on some recordings of a workspace, from its pitch tables."""
    settings = workspace.settings
    histogram = ClusterHistogram()
    for one in recordings:
        histogram.update(hz_to_cents(workspace.track(one.pitch_key).hz))
    clusters = histogram.solve(settings.k)
    contours = [
        reduce_contour(workspace.track(one.pitch_key), clusters, settings) for one in recordings
    ]
    dictionary = mine_singers([one.singer for one in recordings], contours, settings)
    return MotifFinder(clusters, dictionary.union(), settings)


def mark_validation(clips: Manifest, split: Split, seed: int) -> tuple[Manifest, tuple[str, ...]]:
    """Name every clip's side, a tenth of the training side set apart to stop training early.

    Parameters
    ----------
    clips
        Entries in the order that ``split`` counts.
    split
        Training and test side.
    seed
        Decides which training clips are watched.

    Returns
    -------
    The manifest with ``split`` filled in, without clips that would reach across a cut, and notes.
    """
    watched = validation_split(split, **_columns(clips.entries), seed=seed)
    sides = np.full(len(clips), "", dtype=object)
    sides[split.test] = "test"
    sides[watched.train] = "train"
    sides[watched.test] = "validation"
    entries = tuple(
        replace(entry, split=str(side))
        for entry, side in zip(clips.entries, sides, strict=True)
        if side
    )
    return replace(clips, entries=entries), split.notes + watched.notes


def _split_recordings(
    workspace: Workspace,
    recordings: list[MinedRecording],
    protocol: str,
    data: str,
    test_fraction: float,
    seed: int,
) -> PreparedClips:
    whole = split_clips(
        [one.singer for one in recordings],
        [one.recording for one in recordings],
        [one.group for one in recordings],
        content=[one.content_hash for one in recordings],
        protocol=protocol,
        test_fraction=test_fraction,
        seed=seed,
    )
    finder = fit_finder(workspace, [recordings[i] for i in whole.train])
    entries: list[ManifestEntry] = []
    is_test: list[bool] = []
    for index, one in enumerate(recordings):
        track = workspace.track(one.pitch_key)
        contour = reduce_contour(track, finder.clusters, finder.settings)
        found = locate(finder.motifs, contour, finder.settings)
        cut = _entries(one, clip_spans(data, found, contour, one.duration_s, [seed, index]))
        entries += cut
        is_test += [index in whole.test] * len(cut)
    _require_clips(entries, is_test, workspace)
    test = np.asarray(is_test, dtype=np.bool_)
    split = Split(np.flatnonzero(~test), np.flatnonzero(test), protocol, whole.leaks, whole.notes)
    clips, notes = mark_validation(_clips_of(workspace, entries), split, seed)
    return PreparedClips(clips, finder, protocol, data, notes)


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
    entries: list[ManifestEntry] = []
    for index, one in enumerate(recordings):
        contour = workspace.contour(one.contour_key)
        found = own_instances(dictionary, one.singer, contour, settings)
        entries += _entries(one, clip_spans(data, found, contour, one.duration_s, [seed, index]))
    if not entries:
        raise SplitError(f"{workspace.path}: no motif instance to split; {_ADVICE}")
    split = split_clips(
        **_columns(entries), protocol=protocol, test_fraction=test_fraction, seed=seed
    )
    clips, notes = mark_validation(_clips_of(workspace, entries), split, seed)
    finder = MotifFinder(workspace.clusters(), dictionary.union(), settings)
    note = "motifs were mined from all recordings before the split"
    return PreparedClips(clips, finder, protocol, data, (note, *notes))


def _clips_of(workspace: Workspace, entries: Sequence[ManifestEntry]) -> Manifest:
    return Manifest(tuple(entries), workspace.path, channel=workspace.settings.channel)


def _thin(prepared: PreparedClips, max_clips: int, seed: int) -> PreparedClips:
    rng = np.random.default_rng(seed)
    entries = prepared.clips.entries
    dropped: set[int] = set()
    notes = []
    for singer in prepared.clips.singers:
        own = [i for i, e in enumerate(entries) if e.split == "train" and e.singer == singer]
        if len(own) > max_clips:
            dropped.update(rng.permutation(own)[max_clips:].tolist())
            notes.append(f"singer {singer}: {max_clips} of {len(own)} training clips drawn")
    kept = tuple(entry for i, entry in enumerate(entries) if i not in dropped)
    clips = replace(prepared.clips, entries=kept)
    return replace(prepared, clips=clips, notes=(*prepared.notes, *notes))


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


def _columns(entries: Sequence[ManifestEntry]) -> dict[str, Any]:
    return {
        "labels": [e.singer for e in entries],
        "recordings": [e.recording for e in entries],
        "groups": [e.group for e in entries],
        "starts_s": [e.span[0] for e in entries],
        "ends_s": [e.span[1] for e in entries],
    }


def _entries(one: MinedRecording, spans: tuple[Float64Array, Float64Array]) -> list[ManifestEntry]:
    return [
        ManifestEntry(
            one.path,
            one.singer,
            one.recording,
            group=one.group,
            start_s=float(start) + one.offset_s,
            end_s=float(end) + one.offset_s,
        )
        for start, end in zip(*spans, strict=True)
    ]
