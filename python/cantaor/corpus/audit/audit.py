"""Audit of a corpus before training: copies, shared audio, conflicting labels, leakage.

One pass over the audio finds exact copies, clips that share samples at any offset, recordings that
are copies up to level, rate or codec, and conflicting labels. Entries that share audio form source
groups, which a split without leakage keeps together.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from cantaor.corpus.audit.inspection import (
    AudioInspection,
    faults_of,
    inspect_entries,
    total_samples,
)
from cantaor.corpus.audit.near_copies import LandmarkTable, NearCopy
from cantaor.corpus.audit.summary import AuditReport, LeakFigures
from cantaor.corpus.audit.winnowing import place_on_timelines, shared_run
from cantaor.corpus.identity import plain_name, recording_key
from cantaor.corpus.loaders import read_corpus, read_entries
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.splits.columns import clip_table
from cantaor.corpus.splits.overlap import (
    ClipTable,
    audio_components,
    join_pairs,
    merge_partitions,
    overlaps_any,
)
from cantaor.corpus.splits.protocols import Split, split_clips
from cantaor.errors import CorpusError, SplitError
from cantaor.io.locations import is_url, require_local
from cantaor.parallel.workers import open_pool, workers_for
from cantaor.types import Float64Array, Int64Array

_DRAWS = 5


def audit(
    manifest: Manifest | str | os.PathLike[str],
    *,
    splits: Mapping[str, Split] | None = None,
    near: bool = True,
    min_shared: int | None = None,
    seed: int = 0,
    strict: bool = False,
    workers: int | None = 1,
    executor: Executor | None = None,
    dask: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> AuditReport:
    """Compare every entry of a corpus with every other, in time linear in their total length.

    Parameters
    ----------
    manifest
        Recordings or clips: a manifest, or the path or URL of a folder, a CSV or a Parquet
        manifest, as for :func:`cantaor.mine`.
    splits
        Splits of the entries to give leak figures for, by name. Those of the manifest's own
        ``split`` column and of a random 80/20 split are always given where possible; where not,
        the report says why.
    near
        Whether to look for near copies as well.
    min_shared
        Shortest run of shared samples to be found for sure; None chooses 64, or more where the
        anchors of a large corpus would not fit in memory.
    seed
        Fixes the random splits.
    strict
        Whether an entry with a warning counts as unreadable.
    workers, executor, dask
        Processes, an executor of one's own, or the address of a Dask scheduler, as for
        :func:`cantaor.mine`. The report does not depend on them.
    cache
        Folder for what is measured of each file, by its content: an audit that was interrupted
        goes on from there, and a second one reads no audio again. Workers elsewhere must see it.
    progress
        Called with the number of entries read.

    Raises
    ------
    CorpusError
        The corpus cannot be read or has no entries, or ``min_shared`` is below 32.
    ArgumentError
        ``workers`` is below 1, or an executor and an address are both given.
    WorkspaceError
        The cache cannot be written, the executor broke, or no Dask scheduler answers.

    Examples
    --------
    >>> import tempfile
    >>> from cantaor.corpus.synthetic.corpus import make_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     corpus = make_corpus(folder, voices=1, recordings=2, seconds=8.0)
    ...     audit(corpus.folder).faults
    ()
    """
    if not isinstance(manifest, Manifest):
        manifest = read_corpus(manifest) if is_url(manifest) else read_entries(manifest)
    if not manifest.entries:
        raise CorpusError("the manifest has no entries to audit")
    run = shared_run(total_samples(manifest)) if min_shared is None else min_shared
    if run < 32:
        raise CorpusError(f"min_shared must be at least 32 samples, not {run}")
    given, left_out = _own_splits(manifest, seed)
    kept = None if cache is None else require_local(cache, "a cache")
    files = len({entry.path for entry in manifest.entries})
    number = workers_for(files) if workers is None and dask is None else workers
    with LandmarkTable() as table:
        with open_pool(number, executor, dask) as pool:
            sounds = inspect_entries(
                manifest,
                min_shared=run,
                near=near,
                progress=progress,
                pool=pool,
                cache=kept,
                table=table,
            )
        clips = _lay_clips(manifest, sounds)
        copies = _near_entries(clips, table)
    groups, doubtful = _sources(manifest, clips, sounds, copies)
    report = AuditReport(
        paths=tuple(entry.path for entry in manifest.entries),
        singers=tuple(entry.singer for entry in manifest.entries),
        recordings=tuple(entry.recording for entry in manifest.entries),
        durations_s=tuple(sound.duration_s for sound in sounds),
        contents=tuple(sound.content for sound in sounds),
        faults=faults_of(manifest, sounds, strict),
        timelines=clips.tracks,
        starts=_known(clips.starts_s),
        ends=_known(clips.ends_s),
        groups=groups,
        conflicts=doubtful,
        near=copies,
        min_shared=run,
        left_out=left_out,
        ignored=manifest.ignored,
        near_sample=table.share,
    )
    given |= {name: (split,) for name, split in (splits or {}).items()}
    spans = _span_table(manifest)
    figures = tuple(_leaks(report, clips, spans, name, draws) for name, draws in given.items())
    return replace(report, leaks=figures)


def fix(manifest: Manifest, report: AuditReport) -> Manifest:
    """Cleaned manifest: readable entries, one per content, no conflicting label, groups filled in.

    Parameters
    ----------
    manifest
        What was audited.
    report
        What :func:`audit` said of it.

    Returns
    -------
    The kept entries with ``group``, ``content_hash`` and ``duration_s``. Near copies and clips
    that overlap stay; they share a group.

    Raises
    ------
    CorpusError
        The report is of another manifest, or nothing is left.
    """
    if report.paths != tuple(entry.path for entry in manifest.entries):
        raise CorpusError(
            f"the report is of {len(report.paths)} entries, not of these {len(manifest.entries)}"
        )
    dropped = {fault.entry for fault in report.faults if fault.kind in ("unreadable", "silent")}
    dropped |= set(report.conflicts)
    kept, seen = [], set()
    for index, entry in enumerate(manifest.entries):
        content = report.contents[index]
        if index in dropped or content in seen:
            continue
        seen.add(content)
        kept.append(
            replace(
                entry,
                group=report.groups[index],
                content_hash=content,
                duration_s=report.durations_s[index],
            )
        )
    if not kept:
        raise CorpusError("no entry is left: all are unreadable, silent or contradict each other")
    return replace(manifest, entries=tuple(kept))


def _lay_clips(manifest: Manifest, sounds: list[AudioInspection]) -> ClipTable:
    """The entries as a clip table: timelines for recordings, samples for seconds."""
    keys = [_key(sound, index) for index, sound in enumerate(sounds)]
    contents = np.unique(keys, return_inverse=True)[1]
    # Silences are first of their content only once, but each has a key of its own.
    first = {code: index for index, code in reversed(list(enumerate(contents.tolist())))}
    first |= {code: i for i, code in enumerate(contents.tolist()) if sounds[i].is_first}
    timelines = place_on_timelines([sounds[first[code]].anchors for code in range(len(first))])
    entries = manifest.entries
    singers, labels = np.unique([entry.singer for entry in entries], return_inverse=True)
    # A group and a recording may bear the same name without being the same thing.
    named = [
        ("group", plain_name(e.group)) if e.group else ("entry", str(i))
        for i, e in enumerate(entries)
    ]
    return ClipTable(
        labels=labels.astype(np.int64),
        singers=tuple(singers.tolist()),
        recordings=_codes([recording_key(entry) for entry in entries]),
        tracks=timelines.timeline[contents],
        groups=_codes(named),
        contents=contents.astype(np.int64),
        starts_s=timelines.start[contents],
        ends_s=timelines.end[contents],
    )


def _span_table(manifest: Manifest) -> ClipTable:
    """The entries as spans of their files, whatever keys the manifest has of the samples."""
    plain = tuple(replace(e, content_hash="", source_hash="") for e in manifest.entries)
    return clip_table(replace(manifest, entries=plain))


def _key(sound: AudioInspection, index: int) -> str:
    # Silences are alike without being copies of each other.
    return sound.content if sound.content and sound.fault != "silent" else f"own {index}"


def _codes(names: Sequence[tuple[str, str]]) -> Int64Array:
    order = {name: code for code, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], dtype=np.int64)


def _near_entries(clips: ClipTable, table: LandmarkTable) -> tuple[NearCopy, ...]:
    """Near copies among the entries that do not hold the very same samples anyway."""
    pairs = table.near_copies()
    return tuple(p for p in pairs if clips.tracks[p.one] != clips.tracks[p.other])


def _known(times: Float64Array | None) -> Float64Array:
    assert times is not None
    return times


def _sources(
    manifest: Manifest, clips: ClipTable, sounds: list[AudioInspection], near: tuple[NearCopy, ...]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Name of every entry's source group, and the entries whose label its group contradicts."""
    linked = join_pairs(len(clips), [pair.one for pair in near], [pair.other for pair in near])
    spans = audio_components(_span_table(manifest))
    sound = merge_partitions(clips.tracks, clips.contents, linked, spans)
    group = merge_partitions(sound, clips.recordings, clips.groups)
    owner = _owners(clips, group)
    mixed = _label_count(clips.labels, sound) > 1
    doubtful = np.flatnonzero(mixed & (owner[group] != clips.labels))
    return _group_names(clips, group), tuple(doubtful.tolist())


def _owners(clips: ClipTable, group: Int64Array) -> Int64Array:
    """Singer with most distinct contents in each group, -1 where two have equally many."""
    rows = np.unique(np.stack([group, clips.labels, clips.contents], axis=1), axis=0)
    counts = np.zeros((int(group.max()) + 1, len(clips.singers)), dtype=np.int64)
    np.add.at(counts, (rows[:, 0], rows[:, 1]), 1)
    best = counts.argmax(axis=1)
    tied = np.sum(counts == counts.max(axis=1, keepdims=True), axis=1) > 1
    return np.where(tied, -1, best)


def _label_count(labels: Int64Array, part: Int64Array) -> Int64Array:
    pairs = np.unique(np.stack([part, labels], axis=1), axis=0)
    return np.bincount(pairs[:, 0])[part]


def _group_names(clips: ClipTable, group: Int64Array) -> tuple[str, ...]:
    """``SINGER-n``, after the singer most entries name, numbered as the groups appear."""
    entries = np.zeros((int(group.max()) + 1, len(clips.singers)), dtype=np.int64)
    np.add.at(entries, (group, clips.labels), 1)
    counts: Counter[str] = Counter()
    names = []
    for label in entries.argmax(axis=1).tolist():
        singer = clips.singers[label]
        counts[singer] += 1
        names.append(f"{singer}-{counts[singer]}")
    return tuple(names[number] for number in group.tolist())


def _own_splits(
    manifest: Manifest, seed: int
) -> tuple[dict[str, tuple[Split, ...]], tuple[tuple[str, str], ...]]:
    """Splits to give figures for whatever is asked, and those that there are not, with reasons."""
    labels = [entry.singer for entry in manifest.entries]
    recordings = [entry.recording for entry in manifest.entries]
    column = [entry.split for entry in manifest.entries]

    def given() -> tuple[Split, ...]:
        return (split_clips(labels, recordings, protocol="column", column=column),)

    def drawn() -> tuple[Split, ...]:
        return tuple(
            split_clips(labels, recordings, protocol="paper", seed=seed + draw)
            for draw in range(_DRAWS)
        )

    wanted = {"split column": given} if any(column) else {}
    own, left_out = {}, []
    for name, make in {**wanted, f"random 80/20, {_DRAWS} draws": drawn}.items():
        try:
            own[name] = make()
        except SplitError as error:
            left_out.append((name, str(error)))
    return own, tuple(left_out)


def _leaks(
    report: AuditReport, clips: ClipTable, spans: ClipTable, name: str, draws: tuple[Split, ...]
) -> LeakFigures:
    groups = np.unique(report.groups, return_inverse=True)[1]
    rows = [_leak_shares(report, clips, spans, groups, draw) for draw in draws]
    copies, shared, near, group = np.mean(rows, axis=0).tolist()
    test = round(float(np.mean([draw.test.size for draw in draws])))
    return LeakFigures(name, test, copies, shared, near, group)


def _leak_shares(
    report: AuditReport, clips: ClipTable, spans: ClipTable, groups: Int64Array, draw: Split
) -> tuple[float, float, float, float]:
    train, test = draw.train, draw.test
    beside: dict[int, set[int]] = {}
    for copy in report.near:
        for one, other in ((copy.one, copy.other), (copy.other, copy.one)):
            beside.setdefault(int(clips.contents[one]), set()).add(int(clips.contents[other]))
    learnt = set(clips.contents[train].tolist())
    near = [bool(beside.get(int(clips.contents[i]), set()) & learnt) for i in test.tolist()]
    return (
        float(np.mean(np.isin(clips.contents[test], clips.contents[train]))),
        # Spans of one file overlap also where their samples leave no anchors, as in silence.
        float(np.mean(overlaps_any(clips, test, train) | overlaps_any(spans, test, train))),
        float(np.mean(near)),
        float(np.mean(np.isin(groups[test], groups[train]))),
    )
