"""What lies in a folder: recordings by their extension, and everything else by name.

Nothing is passed over without a word: a file that is no recording, a hidden one, a link that would
lead back into the folder are all listed with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cantaor.errors import CorpusError
from cantaor.io.formats import EXTENSIONS
from cantaor.io.locations import printable
from cantaor.io.own_output import own_output

#: How a folder that cantaor wrote is called.
OWN_KINDS = {
    "workspace": "workspace of cantaor",
    "model": "model of cantaor",
    "clips": "folder of clips that cantaor cut",
}
#: Why a name is no recording.
HIDDEN = "hidden"
NO_AUDIO = "no audio by its extension"
FOLDER = "a folder, not a recording"
LINK = "a link to a folder that is read anyway"


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in a folder.

    Attributes
    ----------
    audio
        Recordings, relative to the folder, sorted folder by folder.
    ignored
        Every other name, as text to print, with the reason. What a hidden folder holds is not
        looked at.
    passed_over
        Folders that cantaor wrote as its own results: how to print their path, and what they are.
    """

    audio: tuple[PurePosixPath, ...]
    ignored: tuple[tuple[str, str], ...]
    passed_over: tuple[tuple[str, str], ...] = ()


def list_folder(folder: Path) -> Listing:
    """Walk over a folder; links are followed, but no folder is read twice.

    Raises
    ------
    CorpusError
        The folder is missing.
    """
    if not folder.is_dir():
        raise CorpusError(f"no folder at {folder}")
    audio: list[PurePosixPath] = []
    ignored: list[tuple[str, str]] = []
    own: list[tuple[str, str]] = []
    for path, reason in _walk(folder, own):
        if reason:
            ignored.append((printable(path.as_posix()), reason))
        else:
            audio.append(path)
    return Listing(tuple(audio), tuple(ignored), tuple(own))


def sort_names(names: Iterable[PurePosixPath]) -> Listing:
    """The same for names that come as one list.

    Examples
    --------
    >>> sort_names([PurePosixPath("AM/a.wav"), PurePosixPath("AM/notes.docx")]).ignored
    (('AM/notes.docx', 'no audio by its extension'),)
    """
    judged = [(name, _reason(name)) for name in names]
    return Listing(
        tuple(name for name, reason in judged if not reason),
        tuple((printable(str(name)), reason) for name, reason in judged if reason),
    )


def _walk(folder: Path, own: list[tuple[str, str]]) -> Iterator[tuple[PurePosixPath, str]]:
    root = folder.resolve()
    seen = {root}
    for place, folders, files in os.walk(folder, followlinks=True):
        kept = []
        for name in sorted(folders):
            inner = Path(place, name)
            path = PurePosixPath(inner.relative_to(folder).as_posix())
            if name.startswith("."):
                yield path, HIDDEN
            elif kind := own_output(inner):
                own.append((printable(str(inner)), f"a {OWN_KINDS[kind]}"))
            elif not _is_new(inner, root, seen):
                yield path, LINK
            else:
                kept.append(name)
                if path.suffix.lower() in EXTENSIONS:
                    yield path, FOLDER
        folders[:] = kept
        for name in sorted(files):
            path = PurePosixPath(Path(place, name).relative_to(folder).as_posix())
            yield path, _reason(PurePosixPath(name))


def _reason(name: PurePosixPath) -> str:
    if any(part.startswith(".") for part in name.parts):
        return HIDDEN
    return "" if name.suffix.lower() in EXTENSIONS else NO_AUDIO


def _is_new(place: Path, root: Path, seen: set[Path]) -> bool:
    # A link back into the corpus would show its files twice, or never end.
    target = place.resolve()
    if target in seen or (place.is_symlink() and target.is_relative_to(root)):
        return False
    seen.add(target)
    return True
