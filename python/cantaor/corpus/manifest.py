"""Manifest: the table of a corpus with audio, singer, recording and source of every entry.

An entry is a whole file or a span of one. Several entries may share a ``recording`` (the clips of
one performance); several recordings may share a ``group`` (the same session, album or file set).
Paths are kept relative to ``Manifest.root``, the folder of the manifest file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from cantaor.errors import CorpusError, SplitError
from cantaor.io.locations import is_url

#: Sides of a split that a model is made and tested with.
SIDES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One entry of a manifest: a file or a span of it, with its labels.

    Attributes
    ----------
    path
        File, relative to the manifest's folder (or absolute), ``/`` between folders; or a URL.
    singer
        Label, never empty.
    recording
        Name of the performance the audio belongs to, never empty.
    group
        Source (session, album, file set); empty where unknown.
    style
        Palo, such as ``"martinete"``; empty where unknown.
    start_s, end_s
        Span inside the file in seconds; None means from the start, to the end.
    content_hash
        Key of the decoded samples of the span; empty where not computed, and for silence.
    duration_s
        Length of the span in seconds; None where not known.
    split
        Side of a given split, such as ``"train"`` or ``"test"``; empty where none is given.
    source_hash
        Key of the decoded samples of the whole file; empty where not computed.
    motif
        Symbols of the motif that is sung in a clip, separated by blanks; empty where not known.

    Raises
    ------
    CorpusError
        ``path``, ``singer`` or ``recording`` is empty, or the span is not ``0 <= start < end``.

    Examples
    --------
    >>> ManifestEntry("AM-1.flac", "AM", "AM-1").span
    (0.0, inf)
    """

    path: str
    singer: str
    recording: str
    group: str = ""
    style: str = ""
    start_s: float | None = None
    end_s: float | None = None
    content_hash: str = ""
    duration_s: float | None = None
    split: str = ""
    source_hash: str = ""
    motif: str = ""

    def __post_init__(self) -> None:
        for name in ("path", "singer", "recording"):
            if not getattr(self, name).strip():
                raise CorpusError(f"{name} is empty in the entry of {self.path or '(no path)'!r}")
            _require_text(name, getattr(self, name))
        for name in ("start_s", "end_s", "duration_s"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise CorpusError(f"{name} of {self.path!r} must be a time >= 0, not {value}")
        start, end = self.span
        if start >= end:
            raise CorpusError(f"start_s ({start}) of {self.path!r} must be below end_s ({end})")

    @property
    def span(self) -> tuple[float, float]:
        """Start and end inside the file in seconds; the end is infinite where not given."""
        start = 0.0 if self.start_s is None else self.start_s
        return start, float("inf") if self.end_s is None else self.end_s

    @property
    def is_whole_file(self) -> bool:
        """Whether it has no start and no end inside its file."""
        return self.start_s is None and self.end_s is None

    @property
    def source(self) -> str:
        """``group`` where it is known, else ``recording``: what a fair split keeps together."""
        return self.group or self.recording


def motif_name(symbols: Iterable[int]) -> str:
    """How an entry names a motif.

    Examples
    --------
    >>> motif_name((1, -2, 1))
    '1 -2 1'
    """
    return " ".join(map(str, symbols))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The entries of a corpus and the folder their paths start from.

    Attributes
    ----------
    entries
        In a fixed order, which results follow.
    root
        Folder that relative paths start from.
    skipped
        Files that were found but cannot be entries: how to print their path, and the reason.
    ignored
        Names in the folder that are no recordings, and why: ``"hidden"``, no audio by the
        extension, a folder called like a file, a link back into the corpus.
    channel
        Which channel of the files is listened to; see :func:`cantaor.io.audio.read_audio`.
    passed_over
        Folders that hold no recordings, such as a workspace: how to print their path, and why.

    Examples
    --------
    >>> entries = (ManifestEntry("a.wav", "AM", "a"), ManifestEntry("b.wav", "EC", "b"))
    >>> corpus = Manifest(entries, Path("."))
    >>> corpus.singers, len(corpus.select(singers=["EC"]))
    (('AM', 'EC'), 1)
    """

    entries: tuple[ManifestEntry, ...]
    root: Path
    skipped: tuple[tuple[str, str], ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    channel: str | int = "mean"

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def singers(self) -> tuple[str, ...]:
        """Distinct singers, sorted."""
        return tuple(sorted({entry.singer for entry in self.entries}))

    @property
    def recordings(self) -> tuple[str, ...]:
        """Distinct recording names, sorted."""
        return tuple(sorted({entry.recording for entry in self.entries}))

    def file(self, entry: ManifestEntry) -> Path:
        """Where the audio of an entry lies."""
        return self.root / entry.path

    def location(self, entry: ManifestEntry) -> str:
        """Where the audio of an entry lies: an absolute path, or the URL that ``path`` is."""
        return entry.path if is_url(entry.path) else str(self.root.resolve() / entry.path)

    def select(
        self,
        *,
        singers: Iterable[str] | None = None,
        recordings: Iterable[str] | None = None,
        styles: Iterable[str] | None = None,
        where: Callable[[ManifestEntry], bool] | None = None,
    ) -> Manifest:
        """The entries that fit every given condition, in their order.

        Parameters
        ----------
        singers, recordings, styles
            Allowed values; None allows all.
        where
            Any further condition on an entry.
        """
        allowed = {
            name: set(values)
            for name, values in (
                ("singer", singers),
                ("recording", recordings),
                ("style", styles),
            )
            if values is not None
        }
        kept = (
            entry
            for entry in self.entries
            if all(getattr(entry, name) in values for name, values in allowed.items())
            and (where is None or where(entry))
        )
        return replace(self, entries=tuple(kept))


def _require_text(name: str, value: str) -> None:
    # Names that the system could not decode cannot be stored in a table or printed.
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise CorpusError(f"{name} {value!a} is not valid UTF-8; rename it") from None


def side_of(text: str, where: str) -> str:
    """A side as its name in :data:`SIDES`, whatever its case; empty where none is given.

    Raises
    ------
    SplitError
        It is no side; the message says where it stands and which there are.

    Examples
    --------
    >>> side_of(" Test ", "clips.csv, line 2")
    'test'
    """
    side = text.strip().lower()
    if side and side not in SIDES:
        raise SplitError(f"{where}: split must be {', '.join(SIDES)} or empty, not {text!r}")
    return side


def require_unique_recordings(manifest: Manifest) -> Manifest:
    """The same manifest, if every recording name stands for one entry.

    Raises
    ------
    CorpusError
        Two entries share a name; the message names both files.
    """
    first: dict[str, ManifestEntry] = {}
    for entry in manifest.entries:
        other = first.setdefault(entry.recording, entry)
        if other is not entry:
            raise CorpusError(
                f"two entries of {manifest.root} are called {entry.recording!r}: "
                f"{other.path!r} and {entry.path!r}; recording names must differ"
            )
    return manifest


def select_singers(
    manifest: Manifest, min_recordings: int = 1, styles: Sequence[str] = ()
) -> Manifest:
    """Keep the styles asked for, then the singers with enough recordings in them.

    The paper keeps singers of one style who have at least three recordings (section 3).

    Parameters
    ----------
    manifest
        The corpus.
    min_recordings
        Smallest number of distinct recordings a singer must have, >= 1.
    styles
        Styles to keep, compared without regard to case; empty keeps all.

    Raises
    ------
    CorpusError
        No entry has one of the styles (those present are named), or no singer has enough
        recordings (the numbers found are named).

    Examples
    --------
    >>> corpus = Manifest((ManifestEntry("a.wav", "AM", "a"), ManifestEntry("b.wav", "AM", "b"),
    ...                    ManifestEntry("c.wav", "EC", "c")), Path("."))
    >>> select_singers(corpus, min_recordings=2).singers
    ('AM',)
    """
    wanted = {style.casefold() for style in styles}
    chosen = manifest.select(where=lambda entry: not wanted or entry.style.casefold() in wanted)
    if not chosen.entries:
        present = sorted({entry.style or "(none)" for entry in manifest.entries})
        raise CorpusError(f"no entry has style {', '.join(styles)}; found: {', '.join(present)}")
    pairs = {(entry.singer, entry.recording) for entry in chosen.entries}
    counts = Counter(singer for singer, _ in pairs)
    singers = {singer for singer, count in counts.items() if count >= min_recordings}
    if not singers:
        found = ", ".join(f"{singer}: {count}" for singer, count in sorted(counts.items()))
        raise CorpusError(f"no singer has {min_recordings} recordings; found {found}")
    return chosen.select(singers=singers)
