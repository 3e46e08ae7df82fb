"""Ways to find a corpus: a folder, a table, a file name pattern, the published clips, mirdata.

Every loader gives entries in a sorted order that does not depend on the file system, skips hidden
files and folders, follows links without walking a loop, and says what it looked for when it finds
nothing.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from cantaor.corpus.folders import OWN_KINDS, list_folder, sort_names
from cantaor.corpus.manifest import Manifest, ManifestEntry, require_unique_recordings
from cantaor.corpus.manifest_files import read_manifest
from cantaor.errors import CorpusError, require_extra
from cantaor.io.locations import Location, is_url, join, list_names, printable
from cantaor.io.own_output import own_folders, own_output

_FIELDS = ("singer", "recording", "group", "style", "split")
# A set name may hold underscores (M1036_intervals), so its end is told by the motif, which
# starts with a sign, a digit or a bracket.
_PUBLISHED = re.compile(
    r"(?P<singer>[^/]+)/(?P<recording>.+?)_(?P<motif>[-+\d\[(].*)_(?P<uuid>[^_/]+)\.[^./]+",
    re.DOTALL,
)


def read_corpus(path: str | os.PathLike[str]) -> Manifest:
    """Read a corpus of whole recordings from a folder, a CSV or a Parquet file.

    Parameters
    ----------
    path
        A folder with ``SINGER-anything.ext`` or ``SINGER/anything.ext`` (any of
        :data:`cantaor.io.formats.EXTENSIONS`; any depth below ``SINGER``), or a manifest as
        :func:`cantaor.corpus.manifest_files.read_manifest` takes it; or the URL of
        either, such as ``s3://bucket/songs``. A file whose name is not UTF-8 is
        left out and listed as ``skipped``, as is one whose singer cannot be told.
        Workspaces, models and folders of clips that cantaor wrote are ``passed_over``.

    Returns
    -------
    Manifest whose recording names are unique.

    Raises
    ------
    CorpusError
        Nothing is there, there is no audio, a singer cannot be told, or names repeat.
    """
    if is_url(path):
        return require_unique_recordings(_read_url(os.fspath(path)))
    place = Path(path)
    if kind := own_output(place):
        raise CorpusError(f"{place}: is a {OWN_KINDS[kind]}, no corpus of recordings")
    if place.is_dir():
        return require_unique_recordings(_read_folder(place))
    if place.is_file():
        return require_unique_recordings(read_manifest(place))
    raise CorpusError(f"no corpus at {place}: expected a folder, a .csv or a .parquet file")


def read_entries(path: str | os.PathLike[str], layout: str = "") -> Manifest:
    """Read recordings or clips: what an audit looks at.

    Parameters
    ----------
    path
        A folder or a manifest.
    layout
        Of a folder: ``"flamenco-motifs"``, or a pattern as :func:`read_pattern` takes it. Empty
        means the published layout where every file follows it down to a motif of signed steps,
        else that of :func:`read_corpus`.

    Returns
    -------
    Manifest whose entries may share a recording.

    Raises
    ------
    CorpusError
        As :func:`read_corpus`, or a layout is given for a table.
    """
    if is_url(path):
        if layout:
            raise CorpusError(f"{os.fspath(path)}: a layout is for folders of this machine")
        return _read_url(os.fspath(path))
    place = Path(path)
    if place.is_file() and not layout:
        return read_manifest(place)
    if place.is_file():
        raise CorpusError(f"{place} is a table; the layout {layout!r} is for folders")
    if "{" in layout:
        return read_pattern(place, layout)
    if layout not in ("", "flamenco-motifs"):
        raise CorpusError(f"layout must be flamenco-motifs or a pattern, not {layout!r}")
    if layout or (place.is_dir() and _looks_published(place)):
        return read_flamenco_motifs(place)
    if own_output(place) == "clips":
        return _read_folder(place)  # to mine them is no use, to look at them is
    return read_corpus(place)


def read_pattern(folder: str | os.PathLike[str], pattern: str) -> Manifest:
    """Read a folder tree whose file names follow one pattern.

    Parameters
    ----------
    folder
        Root of the tree.
    pattern
        Path below ``folder`` with fields in braces, such as
        ``"{singer}/{recording}_{motif}_{uuid}.wav"``. ``{singer}`` is required; ``{recording}``,
        ``{group}``, ``{style}`` and ``{split}`` are kept, other names only matched. A field holds
        no ``/``; where it could end in several places, earlier fields take as much as they can.

    Raises
    ------
    CorpusError
        The pattern is wrong, there is no audio, or some audio file does not follow the pattern.
    """
    return _read_matching(Path(folder), _compile(pattern), pattern)


def read_flamenco_motifs(folder: str | os.PathLike[str]) -> Manifest:
    """Read clips in the layout of the published motif data set, ``SINGER/SET_MOTIF_UUID.wav``.

    The file set becomes the ``recording``. Sets of one recording share audio and labels may
    contradict each other there: see :func:`cantaor.corpus.audit.audit.audit`.

    Raises
    ------
    CorpusError
        There is no audio, or some audio file does not follow the layout.
    """
    return _read_matching(Path(folder), _PUBLISHED, "SINGER/SET_MOTIF_UUID.wav")


def published_motif(path: str) -> tuple[int, ...]:
    """Steps of the motif that a file of the published data set names.

    Parameters
    ----------
    path
        As in the entries of :func:`read_flamenco_motifs`.

    Raises
    ------
    CorpusError
        The name holds no steps.

    Examples
    --------
    >>> published_motif("AM/M1038_intervals_-1 1 2 -1 1_0ab3.wav")
    (-1, 1, 2, -1, 1)
    """
    match = _PUBLISHED.fullmatch(path)
    steps = re.findall(r"[-+]?\d+", match["motif"]) if match else []
    if not steps:
        raise CorpusError(f"{path} does not follow SINGER/SET_MOTIF_UUID.wav: no motif in it")
    return tuple(int(step) for step in steps)


def read_mirdata(
    dataset: Any, data_home: str | os.PathLike[str] | None = None, version: str = "default"
) -> Manifest:
    """Read a corpus through mirdata: any loader whose tracks name a singer or artist and audio.

    Parameters
    ----------
    dataset
        Name of a loader, such as ``"tonas"`` or ``"cante100"``, or an initialised data set.
    data_home
        Folder of the data set; None means mirdata's default.
    version
        Version of the index.

    Returns
    -------
    Manifest with one entry per track that has audio in the index.

    Raises
    ------
    MissingExtraError
        mirdata is not installed.
    CorpusError
        The loader is unknown, its index is missing, a track has no singer, or there is no audio.
    """
    if isinstance(dataset, str):
        mirdata = require_extra("mirdata", "mirdata")
        home = None if data_home is None else os.fspath(data_home)
        try:
            dataset = mirdata.initialize(dataset, data_home=home, version=version)
        except ValueError as error:
            raise CorpusError(f"mirdata has no such loader: {error}") from error
    root = Path(dataset.data_home)
    try:
        tracks = sorted(dataset.load_tracks().items())
        entries = [_mirdata_entry(track, name, root, dataset.name) for name, track in tracks]
    except FileNotFoundError as error:
        raise CorpusError(f"mirdata cannot read {dataset.name} in {root}: {error}") from error
    found = tuple(entry for entry in entries if entry is not None)
    if not any((root / entry.path).is_file() for entry in found):
        raise CorpusError(
            f"none of the {len(entries)} tracks of {dataset.name} has its audio under {root}"
        )
    return require_unique_recordings(Manifest(found, root))


def audio_files(
    folder: Path, passed_over: list[tuple[str, str]] | None = None
) -> Iterator[PurePosixPath]:
    """Audio files below a folder, relative to it, in sorted order.

    Parameters
    ----------
    folder
        Where to look; not in folders below it that cantaor wrote as its own results.
    passed_over
        Gets those: how to print their path, and what they are.

    Raises
    ------
    CorpusError
        The folder is missing.
    """
    found = list_folder(folder)
    if passed_over is not None:
        passed_over += found.passed_over
    yield from found.audio


def audio_urls(url: str) -> list[PurePosixPath]:
    """Audio files below a URL, relative to it, in sorted order.

    Raises
    ------
    OSError
        The URL cannot be listed.
    """
    return list(sort_names(list_names(url)).audio)


def _read_folder(folder: Path) -> Manifest:
    found = list_folder(folder)
    if not found.audio:
        passed = "".join(f"; passed over {path}: {kind}" for path, kind in found.passed_over)
        looked = _nothing_found(folder, "SINGER-anything.ext or SINGER/anything.ext")
        raise CorpusError(looked + passed)
    entries, skipped = _entries_of(sorted(found.audio), folder)
    if not entries:
        raise CorpusError(f"no recording in {folder}: {skipped[0][1]}")
    return Manifest(entries, folder, skipped, found.passed_over, found.ignored)


def _entries_of(
    files: Iterable[PurePosixPath], folder: Location
) -> tuple[tuple[ManifestEntry, ...], tuple[tuple[str, str], ...]]:
    """Entries of files, and those that cannot be entries with the reason."""
    entries, skipped = [], []
    for file in files:
        try:
            if not _is_text(str(file)):
                where = _place(file, folder)
                raise CorpusError(f"{where}: the name is not valid UTF-8; rename it")
            entries.append(_folder_entry(file, folder))
        except CorpusError as error:
            skipped.append((_place(file, folder), str(error)))
    return tuple(entries), tuple(skipped)


def _place(file: PurePosixPath, folder: Location) -> str:
    return printable(join(folder, str(file)))


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read_url(url: str) -> Manifest:
    """A manifest or a folder behind a URL; its entries have URLs for paths."""
    if PurePosixPath(url).suffix.lower() in (".csv", ".parquet"):
        return read_manifest(url)
    try:
        listed, own = sort_names(list_names(url)), own_folders(url)
    except OSError as error:
        raise CorpusError(f"no corpus at {url}: {error}") from error
    kept = [file for file in listed.audio if not own.keys() & {str(p) for p in file.parents}]
    entries, skipped = _entries_of(kept, url)
    passed = tuple((join(url, name), f"a {OWN_KINDS[own[name]]}") for name in sorted(own))
    if not entries:
        why = [*(reason for _, reason in skipped[:1]), *(f"{p}: {kind}" for p, kind in passed)]
        raise CorpusError("; ".join([f"no audio at {url}", *why]))
    found = tuple(replace(e, path=join(url, e.path)) for e in entries)
    return Manifest(found, Path(), skipped, passed, listed.ignored)


def _folder_entry(file: PurePosixPath, folder: Location) -> ManifestEntry:
    singer, separator, _ = file.name.partition("-")
    if len(file.parts) > 1:
        singer = file.parts[0]
    elif not separator or not singer.strip():
        raise CorpusError(
            f"cannot tell the singer of {file.name!r} in {folder}: "
            "name it SINGER-anything or put it in a folder named after the singer"
        )
    # One name may be spelt in two ways (é as one character, or e with an accent): one singer.
    singer = unicodedata.normalize("NFC", singer.strip())
    return ManifestEntry(str(file), singer, file.with_suffix("").as_posix())


def _nothing_found(folder: Path, layout: str) -> str:
    return f"no audio in {folder}: looked for {layout} (`cantaor formats` lists the extensions)"


def _looks_published(folder: Path) -> bool:
    matches = [_PUBLISHED.fullmatch(str(file)) for file in audio_files(folder)]
    known = [match for match in matches if match and _is_clip(match["motif"], match["uuid"])]
    # Motifs are steps up and down: names with numbers but no sign at all are something else.
    signed = any(re.search(r"-\d", match["motif"]) for match in known)
    return signed and len(known) == len(matches)


def _is_clip(motif: str, name: str) -> bool:
    steps = re.fullmatch(r"[-+\d ,_()\[\]]+", motif)
    return bool(steps and re.fullmatch(r"(?=.*\d)[-0-9A-Za-z]{4,}", name))


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{([A-Za-z_]\w*)\}", pattern)
    names = parts[1::2]
    if "singer" not in names:
        raise CorpusError(f"pattern {pattern!r} has no {{singer}}")
    if len(set(names)) < len(names):
        raise CorpusError(f"pattern {pattern!r} names a field twice")
    pieces = [
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    ]
    return re.compile("".join(pieces))


def _read_matching(folder: Path, expression: re.Pattern[str], layout: str) -> Manifest:
    found = list_folder(folder)
    files = sorted(found.audio)
    if not files:
        raise CorpusError(_nothing_found(folder, layout))
    matches = [(file, expression.fullmatch(str(file))) for file in files]
    strangers = [str(file) for file, match in matches if match is None]
    if strangers:
        raise CorpusError(
            f"{len(strangers)} of {len(files)} audio files in {folder} do not follow {layout}: "
            + ", ".join(repr(name) for name in strangers[:3])
        )
    entries = tuple(_matched(file, match) for file, match in matches if match)
    return Manifest(entries, folder, (), found.passed_over, found.ignored)


def _matched(file: PurePosixPath, match: re.Match[str]) -> ManifestEntry:
    given = match.groupdict()
    values: dict[str, Any] = {name: given[name] for name in _FIELDS if name in given}
    return ManifestEntry(path=str(file), **{"recording": file.with_suffix("").as_posix(), **values})


def _mirdata_entry(track: Any, name: str, root: Path, dataset: str) -> ManifestEntry | None:
    path = getattr(track, "audio_path", None)
    if path is None:
        return None
    singer = getattr(track, "singer", None) or getattr(track, "artist", None)
    if not singer:
        raise CorpusError(f"track {name} of {dataset} names neither a singer nor an artist")
    file = Path(path)
    relative = file.relative_to(root) if file.is_relative_to(root) else file
    style = getattr(track, "style", None) or ""
    return ManifestEntry(relative.as_posix(), str(singer), name, style=str(style))
