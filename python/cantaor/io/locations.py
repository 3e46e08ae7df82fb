"""Where bytes are: files of this machine, and any URL that fsspec opens.

A location is a path or a text with ``://`` in it, such as ``s3://bucket/song.flac``. URLs need the
extra ``remote``; their own packages (``s3fs``, ``gcsfs``) come on top.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, TypeAlias, cast

from cantaor.errors import ArgumentError, require_extra

#: A path, or a URL as text.
Location: TypeAlias = str | os.PathLike[str]

# Two letters at least: one is a drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is still the one it was, without reading it.

    Attributes
    ----------
    size
        Bytes.
    version
        Local files: time of the last change in nanoseconds. URLs: what the store calls a version.
    """

    size: int
    version: str


def is_url(location: Location) -> bool:
    """Whether a location is opened through fsspec.

    Examples
    --------
    >>> is_url("s3://bucket/song.flac"), is_url(Path("song.flac"))
    (True, False)
    """
    return "://" in os.fspath(location)


def require_local(location: Location, what: str) -> Path:
    """The path of a folder or file of this machine.

    Raises
    ------
    ArgumentError
        It is a URL, also one whose slashes were folded as a path's are.

    Examples
    --------
    >>> require_local("work", "a workspace").name
    'work'
    """
    if _URL.match(os.fspath(location)):
        raise ArgumentError(
            f"{os.fspath(location)}: {what} is on this machine, not behind a URL; name a path"
        )
    return Path(location)


def open_bytes(location: Location) -> IO[bytes]:
    """Open a location for reading; the file can be sought.

    Raises
    ------
    OSError
        There is nothing, or it cannot be opened.
    MissingExtraError
        A URL without fsspec, or without the package of its protocol.
    """
    if not is_url(location):
        return Path(location).open("rb")
    system, path = _system(location)
    return cast("IO[bytes]", system.open(path, "rb"))


def open_local(location: Location) -> IO[bytes]:
    """Open a location as a file of this machine, which has a descriptor.

    What lies behind a URL is fetched into an unnamed temporary file first.

    Raises
    ------
    OSError
        There is nothing, it cannot be opened, or there is no room for the copy.
    MissingExtraError
        A URL without fsspec, or without the package of its protocol.
    """
    if not is_url(location):
        return open_bytes(location)
    with ExitStack() as undo:
        copy = undo.enter_context(TemporaryFile())
        with open_bytes(location) as source:
            shutil.copyfileobj(source, copy, 1 << 20)
        copy.seek(0)
        undo.pop_all()
    return copy


def stamp_of(location: Location) -> Stamp:
    """Size and version of a file, from its directory entry.

    Raises
    ------
    OSError
        There is no such file, or it is a pipe, a device or a folder.
    """
    if not is_url(location):
        found = Path(location).stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "not a file", os.fspath(location))
        if not stat.S_ISREG(found.st_mode):
            # A pipe would be waited for, a device may never end.
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(location))
        return Stamp(found.st_size, str(found.st_mtime_ns))
    system, path = _system(location)
    return Stamp(int(system.size(path) or 0), str(system.ukey(path)))


def file_hash(location: Location) -> str:
    """Hash of a file's bytes, 32 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with open_bytes(location) as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def list_names(url: str) -> list[PurePosixPath]:
    """All files below a URL, relative to it.

    Raises
    ------
    OSError
        The URL cannot be listed.
    """
    system, root = _system(url)
    root = root.rstrip("/")
    return [PurePosixPath(str(name)[len(root) :].lstrip("/")) for name in system.find(root)]


def is_folder(url: str) -> bool:
    """Whether a URL is a folder, or a prefix that files lie below.

    Raises
    ------
    OSError
        The URL cannot be asked.
    """
    system, path = _system(url)
    return bool(system.isdir(path))


def parent_of(url: Location) -> str:
    """The folder of a URL.

    Examples
    --------
    >>> parent_of("s3://bucket/songs/list.csv")
    's3://bucket/songs'
    """
    return os.fspath(url).rpartition("/")[0]


def join(root: Location, name: str) -> str:
    """A location below a folder; a ``name`` that is absolute or a URL stands for itself.

    Examples
    --------
    >>> join("s3://bucket/songs", "a.flac"), join("songs", "s3://bucket/a.flac")
    ('s3://bucket/songs/a.flac', 's3://bucket/a.flac')
    """
    if is_url(name):
        return name
    if is_url(root):
        return f"{os.fspath(root).rstrip('/')}/{name}"
    return str(Path(root) / name)


def printable(text: str) -> str:
    r"""Text that any terminal, table and JSON reader takes; odd characters as escapes.

    Examples
    --------
    >>> printable("a b\n.wav"), printable("caf\udcff.wav")
    ('a b\\n.wav', 'caf\\udcff.wav')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _system(location: Location) -> tuple[Any, str]:
    fsspec = require_extra("fsspec", "remote")
    try:
        system, path = fsspec.core.url_to_fs(os.fspath(location))
    except (ImportError, ValueError) as error:
        raise OSError(f"no access to {os.fspath(location)}: {error}") from error
    return system, path
