"""What is the same audio and what is one recording: the definitions that splits, votes, audits and
leak figures share.

*The same audio.* Two clips share audio if they overlap in time in one source, whatever their
recordings are called. Sources are one where their decoded samples are: the mean of all channels,
rounded to 16 bits, at the file's own rate. Container, bit depth, file name and links do not
matter; neither does the rounding of a change of bit depth. A clip and a whole file with the same
samples lay their sources beside each other. Silence is not trimmed, and what went through a lossy
codec, another rate or another level is no longer the same here: an audit finds such near copies.

*A recording.* What one singer's clips of one name come from. Two singers may each have a
``take 03``; Unicode forms of one name are one name.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count

import numpy as np
from scipy.spatial import cKDTree

from cantaor.clips.batches import cut_blocks
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError
from cantaor.io.audio import open_audio
from cantaor.io.locations import printable
from cantaor.types import Float32Array, Float64Array, Int64Array

#: Audio whose largest sample stays below is called silent: -60 dB of full scale.
SILENT_PEAK = 1e-3

_FULL_SCALE = 32768
# Random projections of a key, and samples after which their signs repeat, turned anew each time.
_PROJECTIONS, _PERIOD = 12, 1 << 14
# Periods whose projections are one product of matrices.
_TOGETHER = 16
# Parts of one in which projections and the logarithm of the level are written down.
_STEPS = 256
# Most that keys of the same audio differ: rounding to 16 bits moves both far less, other audio
# that is equally long differs by about 1.
_ALIKE = np.array([0.01, *[0.05] * _PROJECTIONS])


class SamplesHash:
    """Key of decoded samples that arrive in blocks; how they are cut does not matter.

    The key tells the number of samples, their level, and 12 random projections of the samples
    (rounded to 16 bits) onto signs, relative to their norm. Audio that differs by no more than
    the rounding to 16 bits has keys that :func:`match_keys` takes for one.

    Examples
    --------
    >>> samples = np.sin(np.arange(1000, dtype=np.float32))
    >>> one = SamplesHash()
    >>> for block in (samples[:300], samples[300:]):
    ...     one.update(block)
    >>> one.key() == samples_hash(samples)
    True
    """

    def __init__(self) -> None:
        self._count = self._energy = self._peak = 0
        self._sums = np.zeros(_PROJECTIONS)

    def update(self, samples: Float32Array) -> None:
        """Take the next samples, float32 (n,), full scale is -1..1."""
        # Exact, as is a product with a power of two.
        whole = np.rint(samples * np.float32(_FULL_SCALE))
        self._peak = max(self._peak, int(whole.max(initial=0)), -int(whole.min(initial=0)))
        while whole.size:
            turn, first = divmod(self._count, _PERIOD)
            # As many whole periods as there are, or what is left of one.
            periods = 0 if first else min(whole.size // _PERIOD, _TOGETHER)
            size = periods * _PERIOD if periods else min(_PERIOD - first, whole.size)
            # Whole numbers in float64: sums are exact, so no order of adding matters.
            part = whole[:size].reshape(max(periods, 1), -1).astype(np.float64)
            whole = whole[size:]
            # Every period has other signs: a sign of each row for the period as a whole.
            turns = turn + 1 + np.arange(len(part))[:, None]
            turned = _random_signs(np.arange(_PROJECTIONS) - turns * _PROJECTIONS)
            signs = _signs()[:, first : first + part.shape[1]]
            self._sums += (turned * (part @ signs.T)).sum(axis=0)
            self._energy += sum(map(int, np.square(part).sum(axis=1)))
            self._count += size

    @property
    def samples(self) -> int:
        """Samples so far."""
        return self._count

    def key(self) -> str:
        """The key, hexadecimal; empty for silence, which identifies nothing."""
        if self._peak < SILENT_PEAK * _FULL_SCALE:
            return ""
        level = np.log2(self._energy / self._count) / 2
        values = np.array([level, *(self._sums / np.sqrt(float(self._energy)))])
        steps = np.clip(np.rint(values * _STEPS), -32768, 32767).astype(">i2")
        return f"{self._count:x}-{steps.tobytes().hex()}"


def samples_hash(samples: Float32Array) -> str:
    """Key of decoded samples; see :class:`SamplesHash`.

    Parameters
    ----------
    samples
        float32 (n,), mono, full scale is -1..1.

    Examples
    --------
    >>> samples_hash(np.zeros(100, np.float32))
    ''
    """
    one = SamplesHash()
    one.update(samples)
    return one.key()


@lru_cache(maxsize=1)
def _signs() -> Float64Array:
    """float64 (projections, period) of 1 and -1, the same on every machine."""
    return _random_signs(np.arange(_PROJECTIONS * _PERIOD)).reshape(_PROJECTIONS, _PERIOD)


def _random_signs(numbers: Int64Array) -> Float64Array:
    """1 or -1 for each number, as good as random (splitmix64; Steele, Lea and Flood 2014)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return 1.0 - 2.0 * ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(63)).astype(np.float64)


def match_keys(keys: Sequence[str]) -> list[str]:
    """Each key, or the first one of the same audio.

    Parameters
    ----------
    keys
        Of :func:`samples_hash`, or any other text, which equals itself alone; empty ones stay.

    Examples
    --------
    >>> samples = np.sin(np.arange(1000)).astype(np.float32)
    >>> rounded = (np.rint(samples * 32768) / 32768).astype(np.float32)
    >>> first, second = match_keys([samples_hash(samples), samples_hash(rounded)])
    >>> first == second
    True
    """
    named: dict[str, str] = {}
    by_size: dict[str, list[str]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        named[key] = key
        if _is_key(key):
            by_size[key.partition("-")[0]].append(key)
    for members in by_size.values():
        if len(members) > 1:
            named.update(_first_alike(members))
    return [named[key] for key in keys]


def _is_key(text: str) -> bool:
    size, _, digits = text.partition("-")
    right = len(digits) == 4 * (1 + _PROJECTIONS) and 0 < len(size) <= 16
    return right and all(sign in "0123456789abcdef" for sign in size + digits)


def _first_alike(keys: list[str]) -> dict[str, str]:
    """Keys of equally long audio, each with the first that a chain of like ones leads to."""
    values = np.array([np.frombuffer(bytes.fromhex(k.partition("-")[2]), ">i2") for k in keys])
    pairs = cKDTree(values / _STEPS / _ALIKE).query_pairs(1.0, p=np.inf)
    first = list(range(len(keys)))
    for one, other in sorted(pairs):
        low, high = sorted((_root(first, one), _root(first, other)))
        first[high] = low
    return {key: keys[_root(first, index)] for index, key in enumerate(keys)}


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        index = parent[index]
    return index


def hash_entries(manifest: Manifest) -> Manifest:
    """The entries with ``content_hash`` and ``source_hash`` taken from their audio.

    Every file is decoded once, a block at a time. What was in the two columns is not believed.

    Raises
    ------
    AudioError
        A file cannot be read, or a span lies outside its file.
    """
    hashed = list(manifest.entries)
    for location, indices in _by_file(manifest).items():
        source, contents = _hash_file(
            location, [manifest.entries[i] for i in indices], manifest.channel
        )
        for index, content in zip(indices, contents, strict=True):
            hashed[index] = replace(hashed[index], content_hash=content, source_hash=source)
    return replace(manifest, entries=tuple(hashed))


def hash_readable(manifest: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """:func:`hash_entries` as far as the files can be read, and a note of those that cannot.

    Entries of the others keep the keys that they have.
    """
    hashed = list(manifest.entries)
    unread, files = [], _by_file(manifest)
    for location, indices in files.items():
        try:
            source, contents = _hash_file(location, [hashed[i] for i in indices], manifest.channel)
        except AudioError:
            unread.append(location)
            continue
        for index, content in zip(indices, contents, strict=True):
            hashed[index] = replace(hashed[index], content_hash=content, source_hash=source)
    note = f"{len(unread)} of {len(files)} files cannot be read: copies of them are not recognised"
    return replace(manifest, entries=tuple(hashed)), (note,) if unread else ()


def _by_file(manifest: Manifest) -> dict[str, list[int]]:
    """Indices of the entries of each file."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(manifest.entries):
        found[manifest.location(entry)].append(index)
    return found


def _hash_file(
    location: str, entries: Sequence[ManifestEntry], channel: str | int
) -> tuple[str, list[str]]:
    """Key of a whole file, and of the span of each entry."""
    whole = SamplesHash()
    contents = [""] * len(entries)
    spans = [i for i, e in enumerate(entries) if e.start_s is not None or e.end_s is not None]

    def watched(blocks: Iterable[Float32Array]) -> Iterator[Float32Array]:
        for block in blocks:
            whole.update(block)
            yield block

    with open_audio(location, channel) as stream:
        rate = stream.sample_rate
        times = [entries[i].span for i in spans]
        first = [round(start * rate) for start, _ in times]
        # An open end is past any file's; a span of less than a sample is one.
        last = [2**62 if end == float("inf") else round(end * rate) for _, end in times]
        last = [max(end, start + 1) for start, end in zip(first, last, strict=True)]
        blocks = watched(stream.blocks())
        for number, samples in cut_blocks(blocks, first, last):
            contents[spans[number]] = samples_hash(samples)
        for _ in blocks:
            pass
    if first and max(first) >= whole.samples:
        late = max(first) / rate
        raise AudioError(f"{printable(location)}: span from {late:.3f} s lies past its end")
    for index in set(range(len(entries))) - set(spans):
        contents[index] = whole.key()
    return whole.key(), contents


@dataclass(frozen=True, eq=False, slots=True)
class Places:
    """Where clips lie on the audio they come from.

    Attributes
    ----------
    tracks
        One key for all sources that hold the same audio.
    shifts_s
        float64 (n,), what to add to a time in a clip's own source for its time on the track.
    contents
        One key for all clips with the same samples; empty where not known.
    """

    tracks: tuple[str, ...]
    shifts_s: Float64Array
    contents: tuple[str, ...]

    def times(self, times_s: Sequence[float]) -> Float64Array:
        """Times on the tracks, seconds, of one time in the source of each clip.

        They are rounded to a nanosecond: clips that touch do so after the shift as well.
        """
        shifted: Float64Array = np.round(np.asarray(times_s, np.float64) + self.shifts_s, 9)
        return shifted


def place_clips(
    sources: Sequence[str], contents: Sequence[str], starts_s: Sequence[float]
) -> Places:
    """Lay sources that hold the same audio beside each other.

    Parameters
    ----------
    sources
        Key of the whole file that each clip is a span of.
    contents
        Key of the clip's own samples; empty where not known.
    starts_s
        Start of each clip in its source, seconds.

    Examples
    --------
    >>> places = place_clips(["long", "short"], ["same", "same"], [5.0, 0.0])
    >>> places.tracks, places.shifts_s.tolist()
    (('long', 'long'), [0.0, 5.0])
    """
    known, same = match_keys(sources), match_keys(contents)
    neighbours: dict[str, list[tuple[str, float]]] = defaultdict(list)
    last: dict[str, tuple[str, float]] = {}
    for source, content, start in zip(known, same, starts_s, strict=True):
        if _size(content) >= _PERIOD and content in last and last[content][0] != source:
            other, its_start = last[content]
            neighbours[source].append((other, start - its_start))
            neighbours[other].append((source, its_start - start))
        last[content] = source, start
    place: dict[str, tuple[str, float]] = {}
    for root in dict.fromkeys(known):
        place.setdefault(root, (root, 0.0))
        waiting = [root] if place[root][0] == root else []
        while waiting:
            source = waiting.pop()
            for other, shift in neighbours[source]:
                if other not in place:
                    place[other] = root, place[source][1] + shift
                    waiting.append(other)
    return Places(
        tuple(place[source][0] for source in known),
        np.array([place[source][1] for source in known], dtype=np.float64),
        tuple(same),
    )


def _size(key: str) -> float:
    """Samples that a key stands for; less than a period of them may be equal by chance."""
    size = key.partition("-")[0]
    return (int(size, 16) if _is_key(key) else float("inf")) if key else 0


def plain_name(name: str) -> str:
    """One spelling of a name whose accents may be written in several ways (Unicode's NFC)."""
    return unicodedata.normalize("NFC", name)


def recording_key(entry: ManifestEntry) -> tuple[str, str]:
    """What tells recordings apart: the singer, and the recording's name."""
    return plain_name(entry.singer), plain_name(entry.recording)


def unique_recordings(manifest: Manifest) -> Manifest:
    """The entries with recording names that tell recordings apart.

    Where two singers have a recording of one name, the singer comes before it.

    Examples
    --------
    >>> from pathlib import Path
    >>> entries = (ManifestEntry("a.wav", "AM", "take 1"), ManifestEntry("b.wav", "EC", "take 1"))
    >>> unique_recordings(Manifest(entries, Path("."))).recordings
    ('AM/take 1', 'EC/take 1')
    """
    keys = dict.fromkeys(recording_key(entry) for entry in manifest.entries)
    shared = Counter(name for _, name in keys)
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    # Names that stay as they are come first: a longer one must not take theirs.
    for singer, name in sorted(keys, key=lambda key: shared[key[1]] > 1):
        wanted = f"{singer}/{name}" if shared[name] > 1 else name
        again = (f"{wanted} ({number})" for number in count(2))
        names[singer, name] = next(one for one in chain([wanted], again) if one not in taken)
        taken.add(names[singer, name])
    return replace(
        manifest,
        entries=tuple(replace(e, recording=names[recording_key(e)]) for e in manifest.entries),
    )
