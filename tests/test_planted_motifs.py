"""The chain finds the motifs that the synthetic corpus planted.

How it is scored. For every voice, its closed contiguous motifs are ranked by how strongly they mark
it: the log-likelihood ratio of "a phrase holds the motif" for its phrases against those of all
other voices (Dunning 1993). The first 2 x planted motifs count.

A mined motif *matches* a planted one if more than half of its occurrences in the voice's recordings
overlap a span of that planted motif for at least half of the longer of the two. Recall is the
share of planted motifs matched by a counted motif, precision the share of counted motifs that
match a planted one; both over all voices.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pytest

from cantaor.clustering.kmeans import kmeans_1d
from cantaor.contour import segment_contour
from cantaor.corpus.synthetic.corpus import SungRecording, SyntheticCorpus, make_corpus
from cantaor.io.audio import read_audio
from cantaor.motifs.mining import find_occurrences, mine_closed
from cantaor.pitch.tracker import extract_pitch
from cantaor.types import Contour, Motifs
from cantaor.units import hz_to_cents

_PLANTED = 3


@dataclass(frozen=True)
class Melody:
    recall: float
    precision: float
    mined: int


def contours_of(corpus: SyntheticCorpus, method: str) -> list[Contour]:
    if method == "truth":
        tracks = [one.pitch for one in corpus.recordings]
    else:
        tracks = [
            extract_pitch(read_audio(corpus.manifest.file(entry)), method)
            for entry in corpus.manifest.entries
        ]
    clusters = kmeans_1d(np.concatenate([hz_to_cents(track.hz) for track in tracks]), 24)
    return [segment_contour(track, clusters) for track in tracks]


def phrases_of(contour: Contour) -> list[np.ndarray]:
    return np.split(contour.symbols, contour.symbol_offsets[1:-1])


def supports(motifs: Motifs, contours: list[Contour]) -> tuple[np.ndarray, int]:
    """Number of phrases that hold each motif, and number of phrases."""
    phrases = [phrase for contour in contours for phrase in phrases_of(contour)]
    found = find_occurrences(motifs, phrases)
    held = [
        np.unique(found.sequence[a:b]).size
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    return np.array(held), len(phrases)


def likelihood_ratio(own: np.ndarray, n: int, others: np.ndarray, m: int) -> np.ndarray:
    """Signed: negative where a motif is rarer in the voice than elsewhere."""

    def log_likelihood(k: np.ndarray, size: int, p: np.ndarray) -> np.ndarray:
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return k * np.log(p) + (size - k) * np.log1p(-p)

    together = (own + others) / (n + m)
    ratio = 2 * (
        log_likelihood(own, n, own / n)
        + log_likelihood(others, m, others / m)
        - log_likelihood(own, n, together)
        - log_likelihood(others, m, together)
    )
    return np.where(own / n >= others / m, ratio, -ratio)


def strongest(motifs: Motifs, strength: np.ndarray, count: int) -> list[int]:
    """The longer of two motifs that mark equally comes first."""
    return np.lexsort((-motifs.lengths, -strength))[:count].tolist()


def matched(motif: np.ndarray, sung: list[tuple[SungRecording, Contour]]) -> str:
    """Planted motif that a mined one stands for, or nothing."""
    hits: dict[str, int] = {}
    total = 0
    rows = Motifs(motif, np.array([0, motif.size]), np.array([1], np.int32))
    for one, contour in sung:
        found = find_occurrences(rows, phrases_of(contour))
        starts, ends = contour.span_s(found.sequence, found.start, found.end)
        for start, end in zip(starts, ends, strict=True):
            total += 1
            for span in one.spans:
                overlap = min(end, span.end_s) - max(start, span.start_s)
                if overlap >= 0.5 * max(end - start, span.end_s - span.start_s):
                    hits[span.motif] = hits.get(span.motif, 0) + 1
    best = max(hits, key=lambda name: hits[name], default="")
    return best if best and hits[best] > total / 2 else ""


def score(corpus: SyntheticCorpus, contours: list[Contour]) -> Melody:
    found: set[str] = set()
    good = counted = mined = 0
    for singer in corpus.manifest.singers:
        mine = [
            (one, contour)
            for one, contour in zip(corpus.recordings, contours, strict=True)
            if one.singer == singer
        ]
        others = [
            contour
            for one, contour in zip(corpus.recordings, contours, strict=True)
            if one.singer != singer
        ]
        own = [contour for _, contour in mine]
        phrases = [phrase for contour in own for phrase in phrases_of(contour)]
        motifs = mine_closed(phrases, 3, gap=(0, 0), min_length=5)
        strength = likelihood_ratio(*supports(motifs, own), *supports(motifs, others))
        names = [matched(motifs[i], mine) for i in strongest(motifs, strength, 2 * _PLANTED)]
        found |= {name for name in names if name}
        good += sum(bool(name) for name in names)
        counted += len(names)
        mined += len(motifs)
    return Melody(len(found) / len(corpus.motifs), good / counted, mined)


@pytest.fixture(
    scope="module", params=[0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
def corpus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SyntheticCorpus:
    return make_corpus(tmp_path_factory.mktemp("planted"), seed=request.param)


@pytest.mark.parametrize("method", ["truth", "salience"])
def test_planted_motifs_are_found(corpus: SyntheticCorpus, method: str) -> None:
    began = time.perf_counter()
    result = score(corpus, contours_of(corpus, method))
    print(
        f"\nplanted motifs by {method}: recall {result.recall:.2f}, "
        f"precision {result.precision:.2f} among the first {2 * _PLANTED} of each voice, "
        f"{result.mined} closed motifs mined, {time.perf_counter() - began:.1f} s"
    )
    assert result.recall >= 0.8
    assert result.precision >= 0.5
