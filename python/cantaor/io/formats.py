"""Which files are recordings, what reads them, and what to say where nothing does."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath

#: Extensions that libsndfile reads: always there.
LIBSNDFILE = {
    "WAV": (".wav", ".wave", ".bwf", ".rf64"),
    "FLAC": (".flac",),
    "MP3": (".mp3", ".mp2", ".mpga"),
    "Ogg Vorbis, Opus or FLAC": (".ogg", ".oga", ".opus"),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "CAF": (".caf",),
    "W64": (".w64",),
    "AU": (".au", ".snd"),
    "VOC": (".voc",),
    "8SVX": (".8svx", ".svx", ".iff"),
    "NIST Sphere": (".sph", ".nist"),
    "IRCAM": (".sf",),
    "AVR": (".avr",),
    "PAF": (".paf",),
    "PVF": (".pvf",),
}
#: Extensions that FFmpeg reads, through PyAV.
FFMPEG = {
    "MP4 audio (AAC, ALAC)": (".m4a", ".m4b", ".m4r", ".mp4a"),
    "AAC": (".aac", ".adts"),
    "Windows Media": (".wma", ".wmv", ".asf"),
    "AMR": (".amr", ".awb"),
    "3GP": (".3gp", ".3gpp", ".3g2"),
    "MP4 video": (".mp4", ".m4v", ".f4v"),
    "QuickTime": (".mov", ".qt"),
    "Matroska, WebM": (".mkv", ".mka", ".webm", ".weba"),
    "AVI": (".avi",),
    "Flash video": (".flv",),
    "MPEG video": (".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts"),
    "Ogg video, Speex": (".ogv", ".ogx", ".spx"),
    "AC-3, DTS": (".ac3", ".eac3", ".dts"),
    "Monkey's Audio, WavPack, TTA, Musepack": (".ape", ".wv", ".tta", ".mpc"),
    "RealAudio": (".ra", ".rm", ".rmvb"),
}

_BY_LIBSNDFILE = tuple(one for group in LIBSNDFILE.values() for one in group)
_BY_FFMPEG = tuple(one for group in FFMPEG.values() for one in group)

#: File name extensions that count as audio when a folder is searched, whatever is installed.
EXTENSIONS = _BY_LIBSNDFILE + _BY_FFMPEG

#: Install line of what reads the rest.
INSTALL = "pip install 'cantaor[formats]'"

# First bytes of files that libsndfile does not read, some of which it would take for others.
_MAGIC = (
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media"),
    (0, b"#!AMR", "AMR"),
    (0, b"FLV", "Flash video"),
    (0, b"\x00\x00\x01\xba", "MPEG video"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "TTA"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"\x0bw", "AC-3"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "QuickTime"),
    (4, b"mdat", "QuickTime"),
    (4, b"wide", "QuickTime"),
)
#: Bytes from the start of a file that :func:`recognise` needs.
HEAD = 256


@dataclass(frozen=True, slots=True)
class FormatRow:
    """A kind of file and whether this installation reads it.

    Attributes
    ----------
    format
        Its name.
    extensions
        With their dots.
    decoder
        ``"libsndfile"`` or ``"ffmpeg"``.
    readable
        Whether it can be read here.
    install
        The line that installs what is missing; empty where nothing is.
    """

    format: str
    extensions: tuple[str, ...]
    decoder: str
    readable: bool
    install: str = ""


def has_ffmpeg() -> bool:
    """Whether PyAV, which carries FFmpeg, is installed."""
    return find_spec("av") is not None


def known_formats() -> list[FormatRow]:
    """Every kind of recording by its extensions, and whether this installation reads it.

    Examples
    --------
    >>> known_formats()[0].extensions
    ('.wav', '.wave', '.bwf', '.rf64')
    """
    there = has_ffmpeg()
    rows = [FormatRow(name, ends, "libsndfile", True) for name, ends in LIBSNDFILE.items()]
    missing = "" if there else INSTALL
    return rows + [FormatRow(name, ends, "ffmpeg", there, missing) for name, ends in FFMPEG.items()]


def recognise(head: bytes) -> str:
    """Name of the format that only FFmpeg reads and that a file begins like; empty for others.

    Parameters
    ----------
    head
        The first :data:`HEAD` bytes.

    Examples
    --------
    >>> recognise(b"RIFF....WAVE"), recognise(bytes(4) + b"ftypM4A ")
    ('', 'MP4')
    """
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    # Layer 0 tells AAC from MP3, whose frames begin with the same bits.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return "MPEG video"
    return next((name for at, magic, name in _MAGIC if head[at : at + len(magic)] == magic), "")


def needs_ffmpeg(name: str) -> bool:
    """Whether a file's extension is one of those that FFmpeg reads."""
    return PurePath(name).suffix.lower() in _BY_FFMPEG


def conversion_hint(name: str) -> str:
    """What to do about a file that cannot be read here: the install line, and one that converts it.

    Examples
    --------
    >>> conversion_hint("a b.m4a")
    "pip install 'cantaor[formats]', or convert it: ffmpeg -i 'a b.m4a' -vn 'a b.flac'"
    """
    target = shlex.quote(str(PurePath(name).with_suffix(".flac")))
    return f"{INSTALL}, or convert it: ffmpeg -i {shlex.quote(name)} -vn {target}"
