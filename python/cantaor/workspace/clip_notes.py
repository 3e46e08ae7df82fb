"""Notes beside the clips: which clips of a recording are there, how large, and what made them.

A note is written after its clips, so what it lists is whole; it says so too where a clip was
deleted since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cantaor.errors import WorkspaceError
from cantaor.io.files import write_text
from cantaor.workspace.confinement import path_to_write
from cantaor.workspace.provenance import CANTAOR, stage_key
from cantaor.workspace.rooms import made, note_path


@dataclass(frozen=True, slots=True)
class ClipNote:
    """What is known of the clips of one recording.

    Attributes
    ----------
    key
        Of all that decides them; empty where they are not whole.
    clips
        Bytes of each by name; -1 where a note does not say.
    """

    key: str = ""
    clips: Mapping[str, int] = field(default_factory=dict)


def note_name(singer: str, recording: str) -> str:
    """File name of the note of a recording."""
    return f"{stage_key('note', 1, {'singer': singer, 'recording': recording})}.json"


def read_note(folder: Path, name: str) -> ClipNote:
    """A note of a folder that has ``cut`` and ``clips``; an empty one where none can be read."""
    try:
        found = json.loads(note_path(folder, "cut", name).read_text(encoding="utf-8"))
        clips = found["clips"]
        sizes = dict(clips) if isinstance(clips, dict) else dict.fromkeys(clips, -1)
        return ClipNote(str(found["key"]), {str(k): int(v) for k, v in sizes.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return ClipNote()


def write_note(folder: Path, name: str, note: ClipNote) -> None:
    """Write a note; its clips must be there."""
    facts = {"cantaor": CANTAOR, "key": note.key, "clips": dict(note.clips)}
    write_text(made(note_path(folder, "cut", name)), json.dumps(facts))


def is_whole(folder: Path, note: ClipNote, key: str) -> bool:
    """Whether the clips that a note lists are those of a key, all there and as long as they were.

    Raises
    ------
    WorkspaceError
        The note names a clip outside its folder.
    """
    if note.key != key:
        return False
    for name, size in note.clips.items():
        try:
            if path_to_write(folder, "clips", name).lstat().st_size != size:
                return False
        except OSError:
            return False
    return True


def remove_clips(folder: Path, names: Iterable[str]) -> None:
    """Remove clips by name; folders that are empty then go too.

    A name that leads outside the folder of clips is passed over: it is none of ours.
    """
    parents = set()
    for name in names:
        try:
            clip = path_to_write(folder, "clips", name)
        except WorkspaceError:
            continue
        if clip.is_dir() and not clip.is_symlink():
            continue
        clip.unlink(missing_ok=True)
        parents.add(clip.parent)
    for parent in parents - {folder.resolve() / "clips"}:
        try:
            parent.rmdir()
        except OSError:
            continue  # others still have clips there
