"""What identifies the audio of the entries of one file, which passes once, in blocks.

A short entry is held until it is complete. A long one is hashed, searched for anchors and for
landmarks while it passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from cantaor.clips.batches import cut_blocks
from cantaor.corpus.audit.landmarks import Landmarks, LandmarkStream, landmarks
from cantaor.corpus.audit.winnowing import AnchorStream, ClipAnchors, clip_anchors
from cantaor.corpus.identity import SILENT_PEAK, SamplesHash, samples_hash
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, blame
from cantaor.io.audio import open_audio
from cantaor.pitch.monophony import (
    accompaniment_warning,
    excerpt_spans,
    explained_in_excerpt,
    explained_share,
    joined_share,
)
from cantaor.types import Audio, Float32Array, Int64Array

#: Raised when any measurement of the same samples changes: kept ones are then made anew.
AUDIT_VERSION = 2

# Samples of an entry that is held; longer ones are measured as they pass.
_HELD = 1 << 19
# A sample that no recording reaches.
_ENDLESS = 1 << 62

NO_PRINTS = Landmarks(np.zeros(0, np.uint64), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Measured:
    """What identifies the samples of one entry.

    Attributes
    ----------
    exact
        Hash of the samples to the last bit, 32 hexadecimal digits.
    content
        Their key, see :mod:`cantaor.corpus.identity`; empty for silence.
    sample_rate
        Hz.
    peak
        Largest absolute sample.
    anchors, prints
        For shared samples and near copies; empty in silence and where the samples are known.
    accompanied
        That not one voice sings alone; empty where it does, and where the samples are known.
    warnings
        What is wrong with the file and does not keep it from being used.
    """

    exact: str
    content: str
    sample_rate: int
    peak: float
    anchors: ClipAnchors
    prints: Landmarks
    accompanied: str = ""
    warnings: tuple[str, ...] = ()


def no_anchors(samples: int) -> ClipAnchors:
    """Of a clip of so many samples that is not searched for any."""
    return ClipAnchors(np.zeros(0, np.uint64), np.zeros(0, np.int64), samples)


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
    return sha256(_bytes(samples)).hexdigest()[:32]


def _bytes(samples: Float32Array) -> memoryview:
    return np.ascontiguousarray(samples + np.float32(0.0), dtype="<f4").data


def measure_entries(
    manifest: Manifest, indices: Sequence[int], min_shared: int, near: bool, known: Collection[str]
) -> list[Measured | AudioError]:
    """Measure the entries of one file.

    Parameters
    ----------
    manifest
        The corpus.
    indices
        Its entries of one file, all of them.
    min_shared
        Shortest shared run to be found for sure, samples.
    near
        Whether to take fingerprints for near copies.
    known
        Exact hashes of samples that need no anchors and fingerprints any more.

    Returns
    -------
    What was found for each entry, or why its audio cannot be had.
    """
    entries = [manifest.entries[index] for index in indices]
    location, channel = manifest.location(entries[0]), manifest.channel
    try:
        with blame(entries[0].path):
            with open_audio(location, channel) as stream:
                rate, stated = stream.sample_rate, stream.info.frames
                job = FilePass(entries, rate, stated, min_shared, near, known)
                found = job.measure(stream.blocks())
                warnings = stream.warnings
            accompanied = job.accompaniment(found, location, channel)
    except AudioError as error:
        return [error] * len(entries)
    return _with_remarks(found, warnings, accompanied)


def _with_remarks(
    found: Sequence[Measured | AudioError],
    warnings: tuple[str, ...],
    accompanied: Mapping[int, str],
) -> list[Measured | AudioError]:
    """Measurements with what was said of the file and of some of its entries."""
    return [
        replace(one, warnings=warnings, accompanied=accompanied.get(index, one.accompanied))
        if isinstance(one, Measured)
        else one
        for index, one in enumerate(found)
    ]


class FilePass:
    """One pass over a file."""

    def __init__(
        self,
        entries: Sequence[ManifestEntry],
        rate: int,
        stated: int,
        min_shared: int,
        near: bool,
        known: Collection[str],
    ) -> None:
        self._entries, self._rate, self._stated = entries, rate, stated
        self._min_shared, self._near = min_shared, near
        spans = np.array([entry.span for entry in entries])
        # Half to even, as round does.
        bounds = np.minimum(np.rint(spans * rate), _ENDLESS).astype(np.int64)
        self._first, self._last = bounds[:, 0], bounds[:, 1]
        self._known, self._before = set(known), frozenset(known)
        self._samples = 0
        self._passing: dict[int, _Passing] = {}

    def watch(self, blocks: Iterator[Float32Array]) -> Iterator[Float32Array]:
        """The blocks of the file as they are, for an entry that is the whole of it."""
        self._begin(long := np.zeros(1, np.int64))
        return self._pass_on(blocks, long)

    def finish(
        self, location: str, channel: str | int, warnings: tuple[str, ...]
    ) -> list[Measured | AudioError]:
        """What is found once all blocks were watched, with the warnings of the file."""
        found = self._answers({0: self._passing[0].finish()})
        return _with_remarks(found, warnings, self.accompaniment(found, location, channel))

    def _begin(self, long: Int64Array) -> None:
        expected = np.minimum(self._last, self._stated) - self._first
        self._passing = {
            i: _Passing(self._rate, self._min_shared, self._near, int(expected[i]))
            for i in long.tolist()
        }

    def measure(self, blocks: Iterator[Float32Array]) -> list[Measured | AudioError]:
        """What is found in one pass, for each entry."""
        lengths = self._last - self._first
        empty = np.flatnonzero(lengths <= 0).tolist()
        held = np.flatnonzero((lengths <= _HELD) & (lengths > 0))
        long = np.flatnonzero(lengths > _HELD)
        self._begin(long)
        found = {i: self._measure(np.zeros(0, np.float32)) for i in empty}
        passing = self._pass_on(blocks, long)
        for index, samples in cut_blocks(passing, self._first[held], self._last[held]):
            found[int(held[index])] = self._measure(samples)
        deque(passing, maxlen=0)
        found |= {index: one.finish() for index, one in self._passing.items()}
        return self._answers(found)

    def accompaniment(
        self, found: Sequence[Measured | AudioError], location: str, channel: str | int
    ) -> dict[int, str]:
        """What to say of long entries in which more than one voice sings, from excerpts of them."""
        wanted: dict[str, int] = {}
        for index in self._passing:
            one = found[index]
            if isinstance(one, Measured) and one.content and one.exact not in self._before:
                wanted.setdefault(one.exact, index)
        excerpts = {
            index: self._passing[index].excerpts(min(int(self._last[index]), self._samples) - first)
            for index in wanted.values()
            if (first := int(self._first[index])) < self._samples
        }
        missing = [index for index, parts in excerpts.items() if parts is None]
        again = self._excerpts_again(missing, location, channel) if missing else {}
        warnings = {}
        for index, parts in excerpts.items():
            cuts = again[index] if parts is None else parts
            shares = [explained_in_excerpt(Audio(samples, self._rate)) for samples in cuts]
            warnings[index] = accompaniment_warning(*joined_share(shares))
        return warnings

    def _excerpts_again(
        self, indices: Sequence[int], location: str, channel: str | int
    ) -> dict[int, list[Float32Array]]:
        """Excerpts of entries whose length the file's header did not tell, in another pass."""
        starts, ends, owners = [], [], []
        for index in indices:
            first, last = int(self._first[index]), min(int(self._last[index]), self._samples)
            for start, length in excerpt_spans(last - first, self._rate):
                starts.append(first + start)
                ends.append(min(first + start + length, last))
                owners.append(index)
        cut: dict[int, dict[int, Float32Array]] = {index: {} for index in indices}
        with open_audio(location, channel) as stream:
            for number, samples in cut_blocks(stream.blocks(), starts, ends):
                cut[owners[number]][number] = samples.copy()
        return {index: [own[n] for n in sorted(own)] for index, own in cut.items()}

    def _pass_on(self, blocks: Iterator[Float32Array], long: Int64Array) -> Iterator[Float32Array]:
        """The blocks, while long entries take what is theirs."""
        for block in blocks:
            start, end = self._samples, self._samples + block.size
            for i in long[(self._first[long] < end) & (self._last[long] > start)].tolist():
                own = slice(max(self._first[i] - start, 0), min(self._last[i] - start, block.size))
                self._passing[i].add(block[own])
            self._samples = end
            yield block

    def _measure(self, samples: Float32Array) -> Measured:
        exact = exact_hash(samples)
        searched = exact not in self._known and bool(samples.any())
        self._known.add(exact)
        audio = Audio(samples, self._rate)
        peak = float(np.abs(samples).max(initial=0.0))
        heard = searched and peak >= SILENT_PEAK
        return Measured(
            exact,
            samples_hash(samples) if samples.size else "",
            self._rate,
            peak,
            clip_anchors(samples, self._min_shared) if searched else no_anchors(samples.size),
            landmarks(audio) if searched and self._near else NO_PRINTS,
            accompaniment_warning(*explained_share(audio)) if heard else "",
        )

    def _answers(self, found: dict[int, Measured]) -> list[Measured | AudioError]:
        """In the order of the entries; the first of some samples has what was found for them."""
        searched = {one.exact: one for one in found.values() if one.anchors.hashes.size}
        printed = {one.exact: one for one in found.values() if one.prints.hashes.size}
        warned = {one.exact: one for one in found.values() if one.accompanied}
        answers: list[Measured | AudioError] = []
        for index, entry in enumerate(self._entries):
            problem = self._outside(index, entry)
            if problem is not None:
                answers.append(problem)
                continue
            one = found[index]
            answers.append(
                replace(
                    one,
                    anchors=searched.get(one.exact, one).anchors,
                    prints=printed.get(one.exact, one).prints,
                    accompanied=warned.get(one.exact, one).accompanied,
                )
            )
        return answers

    def _outside(self, index: int, entry: ManifestEntry) -> AudioError | None:
        """Why an entry is not in its file; None where it is."""
        # Times in tables are rounded: a sample more than there is may be meant to be the end.
        allowed = self._samples + self._rate // 100
        over = entry.end_s is not None and self._last[index] > allowed
        if self._first[index] < self._samples and not over:
            return None
        start, end = entry.span
        return AudioError(
            f"{entry.path}: span {start} to {end} s lies outside the file of "
            f"{self._samples / self._rate:.3f} s"
        )


class _Passing:
    """A long entry that is measured while it passes; ``expected`` is its likely length."""

    def __init__(self, rate: int, min_shared: int, near: bool, expected: int) -> None:
        self._rate = rate
        self._spans = excerpt_spans(expected, rate)
        self._excerpts: list[list[Float32Array]] = [[] for _ in self._spans]
        self._samples = 0
        # Processors of the last ten years compute it twice as fast as others.
        self._digest = sha256()
        self._key = SamplesHash()
        self._peak = 0.0
        self._anchors = AnchorStream(min_shared)
        self._prints = LandmarkStream(rate) if near else None

    def add(self, block: Float32Array) -> None:
        self._digest.update(_bytes(block))
        self._key.update(block)
        self._peak = max(self._peak, float(block.max()), -float(block.min()))
        self._anchors.add(block)
        if self._prints is not None:
            self._prints.add(block)
        for (start, length), parts in zip(self._spans, self._excerpts, strict=True):
            part = block[max(start - self._samples, 0) : max(start + length - self._samples, 0)]
            if part.size:
                parts.append(part.copy())
        self._samples += block.size

    def excerpts(self, samples: int) -> list[Float32Array] | None:
        """The excerpts of an entry of so many samples; None where other ones were expected."""
        if excerpt_spans(samples, self._rate) != self._spans:
            return None
        return [np.concatenate(parts) for parts in self._excerpts]

    def finish(self) -> Measured:
        anchors = self._anchors.finish()
        heard = self._prints is not None and self._peak > 0
        prints = self._prints.finish() if self._prints is not None and heard else NO_PRINTS
        return Measured(
            self._digest.hexdigest()[:32],
            self._key.key() if anchors.samples else "",
            self._rate,
            self._peak,
            anchors,
            prints,
        )
