"""One pass over the audio of a corpus: faults, hashes, anchors and fingerprints of every entry.

Files are decoded one at a time and only hashes, anchors and fingerprints are kept, so memory does
not grow with the length of the recordings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import PurePosixPath

import numpy as np

from cantaor.corpus.audit.landmarks import Landmarks, landmarks
from cantaor.corpus.audit.winnowing import MIN_SHARED, ClipAnchors, clip_anchors
from cantaor.corpus.identity import SILENT_PEAK, match_keys, samples_hash
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, blame
from cantaor.io.audio import probe, read_audio
from cantaor.pitch.monophony import accompaniment_warning, explained_share
from cantaor.types import Audio, Float32Array

#: Shorter audio is called too short, in seconds: it holds no motif.
MIN_DURATION_S = 0.05

KINDS = ("unreadable", "silent", "too short", "warned", "label")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one entry.

    Attributes
    ----------
    entry
        Index in the manifest.
    path
        Its file.
    kind
        One of :data:`KINDS`.
    detail
        What exactly.
    """

    entry: int
    path: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class AudioInspection:
    """What identifies the audio of one entry.

    Attributes
    ----------
    exact
        Hash of the samples to the last bit; empty where unreadable.
    content
        Key of the samples, see :mod:`cantaor.corpus.identity`; ``exact`` where they are silent,
        empty where unreadable.
    duration_s
        Length in seconds, 0 where unreadable.
    sample_rate
        Hz, 0 where unreadable.
    is_first
        Whether no entry with exactly the same samples was read before.
    anchors
        For shared samples; empty where not the first.
    prints
        For near copies; empty likewise, and where not asked for.
    fault
        Kind of fault, empty where there is none.
    detail
        What exactly.
    warnings
        What is wrong with the file and does not keep it from being used.
    """

    exact: str
    content: str
    duration_s: float
    sample_rate: int
    is_first: bool
    anchors: ClipAnchors
    prints: Landmarks
    fault: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


_NO_PRINTS = Landmarks(np.zeros(0, np.uint64), np.zeros(0, np.int32))


def exact_hash(samples: Float32Array) -> str:
    """Hash of decoded samples to the last bit, the same on every machine; 0 and -0 are equal.

    Parameters
    ----------
    samples
        float32 (n,).

    Examples
    --------
    >>> exact_hash(np.zeros(2, np.float32)) == exact_hash(-np.zeros(2, np.float32))
    True
    """
    plain = np.ascontiguousarray(samples + np.float32(0.0), dtype="<f4")
    return blake2b(plain.tobytes(), digest_size=16).hexdigest()


def decode(manifest: Manifest) -> Iterator[Audio | AudioError]:
    """The audio of every entry in order, or why it cannot be had.

    Parameters
    ----------
    manifest
        Entries of one file that follow each other are cut from one decoding.
    """
    path, whole = "", None
    for entry in manifest.entries:
        if entry.path != path:
            path, whole = entry.path, _decode_file(manifest, entry)
        assert whole is not None
        yield whole if isinstance(whole, AudioError) else cut_entry(whole, entry)


def cut_entry(audio: Audio, entry: ManifestEntry) -> Audio | AudioError:
    """The span of an entry from the audio of its file, or an error if the file ends before."""
    start, end = entry.span
    first = round(start * audio.sample_rate)
    last = audio.samples.size if entry.end_s is None else round(end * audio.sample_rate)
    # Times in tables are rounded: a sample more than there is may be meant to be the end.
    if first >= audio.samples.size or last > audio.samples.size + audio.sample_rate // 100:
        return AudioError(
            f"{entry.path}: span {start} to {end} s lies outside the file of "
            f"{audio.duration_s:.3f} s"
        )
    return Audio(audio.samples[first:last], audio.sample_rate, audio.warnings)


def inspect_entries(
    manifest: Manifest,
    *,
    min_shared: int = MIN_SHARED,
    near: bool = True,
    progress: Callable[[int], object] | None = None,
) -> list[AudioInspection]:
    """Read every entry once and compute its hashes, anchors and fingerprint.

    Parameters
    ----------
    manifest
        The corpus.
    min_shared
        Shortest shared run to be found for sure, samples.
    near
        Whether to take fingerprints for near copies.
    progress
        Called with the number of entries done.
    """
    seen: set[str] = set()
    sounds: dict[int, AudioInspection] = {}
    # Clips of one file may stand anywhere in the table; the file is decoded once all the same.
    order = sorted(range(len(manifest)), key=lambda index: manifest.entries[index].path)
    by_file = replace(manifest, entries=tuple(manifest.entries[index] for index in order))
    for index, audio in zip(order, decode(by_file), strict=True):
        sounds[index] = _sound(audio, seen, min_shared, near)
        if progress is not None:
            progress(len(sounds))
    found = [sounds[index] for index in range(len(manifest))]
    contents = match_keys([sound.content for sound in found])
    return [replace(one, content=key) for one, key in zip(found, contents, strict=True)]


def validate(manifest: Manifest) -> tuple[Fault, ...]:
    """List the entries that are unreadable, silent, too short or wrongly labelled.

    Parameters
    ----------
    manifest
        The corpus.

    Returns
    -------
    Faults in the order of the entries. A label is in doubt if it differs from another only in
    case, accents or spaces, if the file's name says another singer of the corpus, or if the same
    audio is there under another singer.
    """
    return faults_of(manifest, inspect_entries(manifest, min_shared=1 << 20, near=False))


def faults_of(
    manifest: Manifest, sounds: list[AudioInspection], strict: bool = False
) -> tuple[Fault, ...]:
    """Faults of entries already examined; see :func:`validate`.

    Parameters
    ----------
    manifest, sounds
        The corpus, and what was found in its audio.
    strict
        Whether an entry with a warning is unreadable.
    """
    faults = [
        Fault(index, entry.path, sound.fault, sound.detail)
        for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True))
        if sound.fault
    ]
    faults += [
        Fault(index, entry.path, "unreadable" if strict else "warned", warning)
        for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True))
        for warning in sound.warnings
    ]
    faults += _label_faults(manifest, sounds)
    return tuple(sorted(faults, key=lambda fault: (fault.entry, KINDS.index(fault.kind))))


def total_samples(manifest: Manifest) -> int:
    """Samples of all readable files of a corpus, from their headers."""
    total = 0
    for entry in {entry.path: entry for entry in manifest.entries}.values():
        try:
            with blame(entry.path):
                total += probe(manifest.location(entry)).frames
        except AudioError:
            continue
    return total


def _decode_file(manifest: Manifest, entry: ManifestEntry) -> Audio | AudioError:
    try:
        with blame(entry.path):
            return read_audio(manifest.location(entry), channel=manifest.channel)
    except AudioError as error:
        return error


def _sound(
    audio: Audio | AudioError, seen: set[str], min_shared: int, near: bool
) -> AudioInspection:
    if isinstance(audio, AudioError):
        return AudioInspection(
            "", "", 0.0, 0, True, _no_anchors(0), _NO_PRINTS, "unreadable", str(audio)
        )
    exact, size = exact_hash(audio.samples), audio.samples.size
    peak = float(np.abs(audio.samples).max(initial=0.0))
    fault, detail = "", ""
    if peak < SILENT_PEAK:
        fault, detail = "silent", f"largest sample {peak:.2g} of full scale"
    elif audio.duration_s < MIN_DURATION_S:
        fault, detail = (
            "too short",
            f"{audio.duration_s:.4f} s, at least {MIN_DURATION_S} s are needed",
        )
    is_first = exact not in seen
    known = not is_first or not audio.samples.any()
    seen.add(exact)
    return AudioInspection(
        exact,
        samples_hash(audio.samples) or exact,
        audio.duration_s,
        audio.sample_rate,
        is_first,
        _no_anchors(size) if known else clip_anchors(audio.samples, min_shared),
        _NO_PRINTS if known or not near else landmarks(audio),
        fault,
        detail,
        audio.warnings if fault == "silent" or known else _warnings(audio),
    )


def _warnings(audio: Audio) -> tuple[str, ...]:
    alone = accompaniment_warning(*explained_share(audio))
    return (*audio.warnings, alone) if alone else audio.warnings


def _no_anchors(samples: int) -> ClipAnchors:
    return ClipAnchors(np.zeros(0, np.uint64), np.zeros(0, np.int64), samples)


def _label_faults(manifest: Manifest, sounds: list[AudioInspection]) -> Iterator[Fault]:
    spellings: dict[str, set[str]] = {}
    labels: dict[str, set[str]] = {}
    for entry, sound in zip(manifest.entries, sounds, strict=True):
        spellings.setdefault(_plain(entry.singer), set()).add(entry.singer)
        if sound.content and sound.fault != "silent":
            labels.setdefault(sound.content, set()).add(entry.singer)
    for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True)):
        others = spellings[_plain(entry.singer)] - {entry.singer}
        named = {_plain(name) for name in _names_in(entry.path)} & set(spellings)
        doubled = labels.get(sound.content, set()) - {entry.singer}
        for found, what in (
            (others, "is also spelt"),
            (named - {_plain(entry.singer)} if len(named) == 1 else set(), "but the name says"),
            (doubled, "but the same audio is there as"),
        ):
            if found:
                detail = f"singer {entry.singer!r} {what} {', '.join(sorted(found))}"
                yield Fault(index, entry.path, "label", detail)


def _names_in(path: str) -> list[str]:
    """What a path says of the singer: its first folder, and its name up to the first hyphen."""
    place = PurePosixPath(path)
    prefix, hyphen, _ = place.name.partition("-")
    return [*place.parts[:1][: len(place.parts) - 1], *([prefix] if hyphen else [])]


def _plain(name: str) -> str:
    """A name without case, accents and spaces."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in bare if sign.isalnum())
