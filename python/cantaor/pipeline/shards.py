"""A share of a corpus in a workspace of its own: its pitch, for one job of an array.

Shard i of n holds the recordings i, i + n, i + 2n, ... of the corpus in the order of its manifest.
What it leaves is enough to go on from without the audio: a row for every recording, their pitch,
the sum of their histograms, and what failed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.io.locations import Stamp, printable
from cantaor.pipeline.publishing import publish_shard
from cantaor.pipeline.stages import Mined, Run, map_pitch
from cantaor.workspace.journal import read_status
from cantaor.workspace.shard_facts import ShardFacts, forget_shard, read_facts
from cantaor.workspace.workspace import Workspace

_NAME = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")
# What a row keeps of a manifest's entry; the rest plays no part in mining.
_LABELS = ("path", "singer", "recording", "group", "style")
_SPAN = ("start_s", "end_s")
_HASHES = ("content_hash", "samples_hash", "source_hash", "pitch_key")
_SECONDS = ("duration_s", "voiced_s")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``of`` parts of a corpus; ``number`` counts from 1.

    Examples
    --------
    >>> Shard(2, 3).name, list(Shard(2, 3).positions(8))
    ('2/3', [1, 4, 7])
    """

    number: int
    of: int

    @property
    def name(self) -> str:
        """Such as ``"2/8"``."""
        return f"{self.number}/{self.of}"

    def positions(self, recordings: int) -> range:
        """Places in the manifest, from 0, of this part of so many recordings."""
        return range(self.number - 1, recordings, self.of)

    def share(self, manifest: Manifest) -> Manifest:
        """This part of a corpus; what could not be an entry is divided as well."""
        entries = manifest.entries[self.number - 1 :: self.of]
        return replace(
            manifest, entries=entries, skipped=manifest.skipped[self.number - 1 :: self.of]
        )


def parse_shard(text: str) -> Shard:
    """A shard by its name, such as ``"2/8"``.

    Raises
    ------
    ArgumentError
        The text is no such name, or its first number is above the second.

    Examples
    --------
    >>> parse_shard("2/8")
    Shard(number=2, of=8)
    """
    found = _NAME.fullmatch(text.strip())
    if not found or int(found[1]) > int(found[2]):
        raise ArgumentError(f'shard must be "i/n" with i from 1 to n, such as "2/8", not {text!r}')
    return Shard(int(found[1]), int(found[2]))


def require_pitch_only(stage: str | None, prune: bool) -> None:
    """Refuse what makes no sense for a shard.

    Raises
    ------
    ArgumentError
        A later stage is named, or recordings are to be removed.
    """
    if stage not in (None, "pitch"):
        raise ArgumentError(f"a shard ends after stage pitch, so it cannot go on to {stage!r}")
    if prune:
        raise ArgumentError("prune is for whole workspaces: give it to merge, not to a shard")


def refuse_other_use(workspace: Workspace, part: Shard) -> None:
    """Refuse to track a shard in a workspace that holds another one, or a whole corpus.

    Raises
    ------
    WorkspaceError
        It does; the message says which.
    """
    folder = workspace.path
    if workspace.is_mined:
        raise WorkspaceError(f"{folder}: is a whole mined workspace; name another for {part.name}")
    there = read_facts(folder)
    try:
        name = str(read_status(folder)["shard"]) if there is None else there.name
    except WorkspaceError:
        return  # new
    if name not in ("", part.name):
        raise WorkspaceError(
            f"{folder}: is shard {name}, not {part.name}; every shard has a workspace of its own"
        )


def track_shard(run: Run, part: Shard, whole: Manifest, share: Manifest) -> None:
    """Track the recordings of a share and leave what :func:`~cantaor.pipeline.merge` joins.

    Parameters
    ----------
    run
        The run.
    part
        Which shard.
    whole, share
        The corpus, and this shard's part of it.
    """
    forget_shard(run.workspace.path)  # until this run is complete too
    mined, histogram = map_pitch(run, share)
    places = part.positions(len(whole))
    locations = [whole.location(entry) for entry in share.entries]
    facts = ShardFacts(
        part.number,
        part.of,
        len(whole),
        corpus_digest(whole),
        str(whole.root.resolve()),
        run.strict,
        tuple(whole.passed_over),
    )
    rows = _rows(places, locations, share.entries, mined)
    publish_shard(run, facts, rows, pa.table(histogram.to_arrays()))


def corpus_digest(manifest: Manifest) -> str:
    """A digest of all that a manifest says of its recordings, in their order."""
    state = hashlib.blake2b(digest_size=16)
    for entry in manifest.entries:
        facts = [manifest.location(entry), *(getattr(entry, name) for name in (*_LABELS, *_SPAN))]
        state.update(json.dumps(facts).encode())
    state.update(json.dumps(manifest.skipped).encode())
    return state.hexdigest()


def _rows(
    places: Sequence[int],
    locations: Sequence[str],
    entries: Sequence[ManifestEntry],
    mined: Sequence[Mined | None],
) -> pa.Table:
    """A row for every recording of a share; what was found is null where it failed."""
    columns = {
        "position": pa.array(places, pa.int64()),
        "location": pa.array(locations, pa.string()),
        **{n: pa.array([getattr(e, n) for e in entries], pa.string()) for n in _LABELS},
        **{n: pa.array([getattr(e, n) for e in entries], pa.float64()) for n in _SPAN},
        "size": pa.array([one and one.stamp.size for one in mined], pa.int64()),
        "version": pa.array([one and one.stamp.version for one in mined], pa.string()),
        **{n: pa.array([one and getattr(one, n) for one in mined], pa.string()) for n in _HASHES},
        **{n: pa.array([one and getattr(one, n) for one in mined], pa.float64()) for n in _SECONDS},
    }
    return pa.table(columns)


def rows_to_recordings(table: pa.Table) -> list[tuple[int, ManifestEntry, Mined | None]]:
    """Position, entry and result of every recording, from the table of a shard.

    Raises
    ------
    KeyError, TypeError, ValueError, CorpusError
        It is not such a table.
    """
    found = []
    for row in table.to_pylist():
        entry = ManifestEntry(**{name: row[name] for name in (*_LABELS, *_SPAN)})
        mined = None
        if row["pitch_key"] is not None:
            hashes = [row[name] for name in _HASHES]
            seconds = [row[name] for name in _SECONDS]
            stamp = Stamp(row["size"], row["version"])
            mined = Mined(row["location"], entry, stamp, *hashes, *seconds)
        found.append((row["position"], entry, mined))
    return found


def state_in_words(folder: Path) -> str:
    """What a folder is that holds no complete shard."""
    if not folder.is_dir():
        return "no such folder"
    if Workspace(folder).is_mined:
        return "is a whole mined workspace, no shard"
    try:
        status = read_status(folder)
    except WorkspaceError:
        return "is no workspace"
    if not status["shard"]:
        return "is no shard, but an unfinished run of mine without --shard"
    how = {"running": "is still running", "killed": "was killed", "stopped": "stopped"}
    reason = f" ({printable(status['reason'])})" if status["reason"] else ""
    state = how.get(status["state"], "did not leave its table")
    return (
        f"shard {status['shard']} {state}{reason} with {status['left']} of {status['recordings']} "
        "recordings left; run mine with --shard again, it resumes"
    )
