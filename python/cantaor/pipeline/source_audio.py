"""Keys of the audio behind recordings: what tells that two of them hold the same samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from cantaor.corpus.identity import SamplesHash
from cantaor.corpus.manifest import ManifestEntry
from cantaor.errors import AudioError
from cantaor.io.audio import open_audio
from cantaor.io.files import write_text
from cantaor.types import Float32Array
from cantaor.workspace.provenance import stage_key
from cantaor.workspace.rooms import made, note_path

# Raise it when the keys change.
KEY_VERSION = 1


def hashed(blocks: Iterable[Float32Array], into: SamplesHash) -> Iterator[Float32Array]:
    """Pass blocks of audio on while a key is made of them."""
    for block in blocks:
        into.update(block)
        yield block


def source_hash(
    location: str,
    entry: ManifestEntry,
    content_hash: str,
    own: str,
    folder: Path,
    channel: str | int = "mean",
) -> str:
    """Key of the whole file that a recording is a span of; empty where all of it cannot be read.

    Parameters
    ----------
    location, entry
        The file, and the recording's row of the manifest.
    content_hash
        Hash of the file's bytes: a file is decoded once for all its spans and runs.
    own
        Key of the recording's own samples, which are the whole file's where it is no span.
    folder
        The workspace.
    channel
        Which channel of the file is listened to.
    """
    if entry.start_s is None and entry.end_s is None:
        return own
    note = source_note(folder, content_hash, channel)
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["source_hash"])
    except (OSError, ValueError, KeyError, TypeError):
        found = _whole_file(location, channel)
    write_text(made(note), json.dumps({"source_hash": found}))
    return found


def source_note(folder: Path, content_hash: str, channel: str | int) -> Path:
    """Where a workspace notes the key of a whole file."""
    key = stage_key("source", KEY_VERSION, {"content": content_hash, "channel": channel})
    return note_path(folder, "seen", f"{key}.json")


def _whole_file(location: str, channel: str | int) -> str:
    whole = SamplesHash()
    try:
        with open_audio(location, channel) as stream:
            for block in stream.blocks():
                whole.update(block)
    except AudioError:
        return ""  # damaged outside of the span, which is all that was asked for
    return whole.key()
