"""What was measured of a file, kept by content: an interrupted audit goes on from there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cantaor.corpus.audit.landmarks import Landmarks
from cantaor.corpus.audit.measuring import (
    AUDIT_VERSION,
    FilePass,
    Measured,
    measure_entries,
)
from cantaor.corpus.audit.winnowing import ClipAnchors
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, WorkspaceError
from cantaor.io.audio import AudioStream
from cantaor.io.files import replacing
from cantaor.io.locations import file_hash
from cantaor.types import Float32Array

_TEXTS = ("exact", "content", "sample_rate", "peak", "accompanied", "warnings")
_ARRAYS = ("anchor_hashes", "anchor_positions", "print_hashes", "print_frames")


def measure_or_load(
    manifest: Manifest, min_shared: int, near: bool, folder: Path | None
) -> list[Measured | AudioError]:
    """Measurements of the entries of one file, from the cache where they are there.

    Parameters
    ----------
    manifest
        All entries of one file.
    min_shared, near
        As for :func:`~cantaor.corpus.audit.measuring.measure_entries`.
    folder
        The cache; None keeps nothing.

    Raises
    ------
    WorkspaceError
        The cache cannot be written.
    """
    entries = range(len(manifest))
    if folder is None:
        return measure_entries(manifest, entries, min_shared, near, ())
    # Before the file is decoded: one that changes meanwhile is measured again by the next audit.
    path = _path(manifest, min_shared, near, folder)
    if path is not None and (known := _read(path, len(manifest))) is not None:
        return list(known)
    found = measure_entries(manifest, entries, min_shared, near, ())
    measured = [one for one in found if isinstance(one, Measured)]
    # What failed is tried again.
    if path is not None and len(measured) == len(found):
        _write(path, measured)
    return found


@dataclass(frozen=True, slots=True)
class SharedPass:
    """How to measure for an audit while a file is decoded for something else.

    Attributes
    ----------
    cache
        Folder of measurements, as for :func:`measure_or_load`.
    min_shared
        Shortest shared run to be found for sure, samples.
    """

    cache: Path
    min_shared: int

    def watch(
        self, stream: AudioStream, location: str, channel: str | int
    ) -> tuple[Iterator[Float32Array], Callable[[], None]]:
        """Blocks of a whole file as they are, and what to call when they have passed.

        Parameters
        ----------
        stream
            The opened file.
        location
            Its path or URL.
        channel
            As it was opened with.

        Raises
        ------
        WorkspaceError
            By what is called: the cache cannot be written.
        """
        entry = ManifestEntry(location, "-", "-")
        manifest = Manifest((entry,), Path(), channel=channel)
        path = _path(manifest, self.min_shared, True, self.cache)
        rate, stated = stream.sample_rate, stream.info.frames
        job = FilePass([entry], rate, stated, self.min_shared, True, ())

        def keep() -> None:
            found = job.finish(location, channel, stream.warnings)
            measured = [one for one in found if isinstance(one, Measured)]
            if path is not None and measured:
                _write(path, measured)

        return job.watch(stream.blocks()), keep


def _path(manifest: Manifest, min_shared: int, near: bool, folder: Path) -> Path | None:
    """Where the measurements of a file's bytes lie; None where it cannot be read."""
    try:
        content = file_hash(manifest.location(manifest.entries[0]))
    except (OSError, ValueError):
        return None
    spans = [entry.span for entry in manifest.entries]
    facts = repr((AUDIT_VERSION, content, manifest.channel, spans, min_shared, near))
    key = blake2b(facts.encode(), digest_size=16).hexdigest()
    return folder / key[:2] / f"{key}.npz"


def _write(path: Path, measured: Sequence[Measured]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{path.parent}: cannot be written: {error}") from error
    facts = [[getattr(one, name) for name in _TEXTS] for one in measured]
    samples = [one.anchors.samples for one in measured]
    told = json.dumps([path.name, facts, samples]).encode()
    arrays: dict[str, NDArray[Any]] = {"facts": np.frombuffer(told, np.uint8)}
    for index, one in enumerate(measured):
        arrays[f"anchor_hashes_{index}"] = one.anchors.hashes
        arrays[f"anchor_positions_{index}"] = one.anchors.positions
        arrays[f"print_hashes_{index}"] = one.prints.hashes
        arrays[f"print_frames_{index}"] = one.prints.frames
    with replacing(path) as draft, draft.open("wb") as sink:
        np.savez(sink, allow_pickle=False, **arrays)


def _read(path: Path, entries: int) -> list[Measured] | None:
    """What a file of the cache holds; None where there is none, or it is damaged or foreign."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name, facts, samples = json.loads(arrays["facts"].tobytes())
            if name != path.name or len(facts) != entries or len(samples) != entries:
                return None
            return [
                _measured(row, samples[i], *(arrays[f"{name}_{i}"] for name in _ARRAYS))
                for i, row in enumerate(facts)
            ]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _measured(
    row: Sequence[Any],
    samples: int,
    anchor_hashes: NDArray[Any],
    anchor_positions: NDArray[Any],
    print_hashes: NDArray[Any],
    print_frames: NDArray[Any],
) -> Measured:
    kinds = [array.dtype for array in (anchor_hashes, anchor_positions, print_hashes, print_frames)]
    if kinds != [np.uint64, np.int64, np.uint64, np.int32]:
        raise TypeError(f"arrays of types {kinds}")
    if anchor_hashes.shape != anchor_positions.shape or print_hashes.shape != print_frames.shape:
        raise ValueError("arrays of different lengths")
    exact, content, rate, peak, accompanied, warnings = row
    return Measured(
        str(exact),
        str(content),
        int(rate),
        float(peak),
        ClipAnchors(anchor_hashes, anchor_positions, int(samples)),
        Landmarks(print_hashes, print_frames),
        str(accompanied),
        tuple(str(warning) for warning in warnings),
    )
