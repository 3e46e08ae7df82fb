"""The columns that a split needs, taken from the entries of a manifest and their audio."""

from __future__ import annotations

import os
from typing import Any

from cantaor.corpus.identity import place_clips
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.overlap import ClipTable, encode_columns
from cantaor.io.locations import is_url


def clip_columns(manifest: Manifest) -> dict[str, Any]:
    """Columns of the entries, as :func:`cantaor.corpus.splits.protocols.split_clips` takes them.

    Parameters
    ----------
    manifest
        Entries whose ``source_hash`` and ``content_hash`` are filled in, as
        :func:`cantaor.corpus.identity.hash_entries` does it. Without them only spans of one file
        are known to share audio.

    Returns
    -------
    ``labels``, ``recordings``, ``groups``, ``starts_s``, ``ends_s``, ``content``, ``sources``.
    Times are those in the audio that several files may hold, seconds.

    Examples
    --------
    >>> from pathlib import Path
    >>> entries = (ManifestEntry("a.wav", "AM", "a", start_s=1, source_hash="long"),)
    >>> clip_columns(Manifest(entries, Path(".")))["sources"]
    ['long']
    """
    entries = manifest.entries
    places = place_clips(
        [entry.source_hash or _file_key(manifest, entry) for entry in entries],
        [entry.content_hash for entry in entries],
        [entry.span[0] for entry in entries],
    )
    return {
        "labels": [entry.singer for entry in entries],
        "recordings": [entry.recording for entry in entries],
        "groups": [entry.group for entry in entries],
        "starts_s": places.times([entry.span[0] for entry in entries]),
        "ends_s": places.times([entry.span[1] for entry in entries]),
        "content": list(places.contents),
        "sources": list(places.tracks),
    }


def clip_table(manifest: Manifest) -> ClipTable:
    """The entries as a clip table; see :func:`clip_columns`."""
    return encode_columns(**clip_columns(manifest))


def _file_key(manifest: Manifest, entry: ManifestEntry) -> str:
    """A file's place with all links followed; what differs may still hold the same audio."""
    location = manifest.location(entry)
    return f"file {location if is_url(location) else os.path.realpath(location)}"
