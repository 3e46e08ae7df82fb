"""The whole chain, FLAC to motifs, beside the peers of its stages strung together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cantaor.bench.cases.checks import require
from cantaor.bench.cases.contour import Melody, numpy_segments
from cantaor.bench.cases.pitch import MAX_HZ, MIN_HZ, overall_accuracy
from cantaor.bench.cases.singing import CorpusOnDisk, corpus_on_disk
from cantaor.bench.records import Case, Peer
from cantaor.pipeline.mine import mine
from cantaor.types import Clusters, Float32Array, PitchTrack
from cantaor.units import hz_to_cents

_K, _MIN_SUPPORT, _HOP_S = 24, 3, 256 / 44_100


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What a chain found: f0 of every recording, and its motifs."""

    hz: list[Float32Array]
    motifs: int


def _ours(data: CorpusOnDisk) -> Found:
    with TemporaryDirectory(prefix="cantaor-bench-") as folder:
        workspace = mine(data.corpus.folder, Path(folder) / "work", k=_K, clips=False)
        keys = workspace.table("recordings")["pitch_key"].to_pylist()
        tracks = [workspace.track(key).hz for key in keys]
        return Found(tracks, workspace.table("motifs").num_rows)


def _check(data: CorpusOnDisk, found: Found) -> str:
    accuracy = _accuracy(data, found)
    require(accuracy > 0.9, f"overall accuracy of f0 is {accuracy:.3f}")
    return f"f0 {accuracy:.3f}, {found.motifs} motifs"


def _accuracy(data: CorpusOnDisk, found: Found) -> float:
    known = [one.pitch.hz for one in data.corpus.recordings]
    pairs = zip(found.hz, known, strict=True)
    return float(np.mean([overall_accuracy(hz, truth) for hz, truth in pairs]))


def _peers(data: CorpusOnDisk) -> Found:
    """librosa, Essentia, kmeans1d, numpy, seq2pat: what one would string together instead."""
    import essentia.standard
    import kmeans1d
    import librosa

    melodia = essentia.standard.PredominantPitchMelodia(
        frameSize=2048, hopSize=256, minFrequency=MIN_HZ, maxFrequency=MAX_HZ
    )
    files = [data.corpus.manifest.file(entry) for entry in data.corpus.manifest.entries]
    sounds = [librosa.load(file, sr=44_100)[0] for file in files]
    tracks = [np.maximum(melodia(sound)[0], 0).astype(np.float32) for sound in sounds]
    cents = np.concatenate([hz_to_cents(hz[hz > 0]) for hz in tracks])
    centers = np.sort(kmeans1d.cluster(cents, _K).centroids)
    clusters = Clusters(centers, (centers[1:] + centers[:-1]) / 2, 0.0, np.ones(_K))
    phrases = [
        phrase for hz in tracks for phrase in _phrases(Melody(PitchTrack(hz, hz, _HOP_S), clusters))
    ]
    return Found(tracks, len(_mine_with_seq2pat(phrases)))


def _phrases(melody: Melody) -> list[list[int]]:
    """Steps of every phrase that has any."""
    cluster, phrase, _ = numpy_segments(melody)
    parts = np.split(cluster, np.flatnonzero(np.diff(phrase)) + 1)
    return [np.diff(part).tolist() for part in parts if part.size > 1]


def _mine_with_seq2pat(phrases: list[list[int]]) -> list[list[int]]:
    """Contiguous patterns of at least five steps, those that are not closed among them."""
    from sequential.seq2pat import Attribute, Seq2Pat

    miner = Seq2Pat([[step + _K for step in phrase] for phrase in phrases], max_span=None)
    places = Attribute([list(range(len(phrase))) for phrase in phrases])
    miner.add_constraint(places.gap() <= 1)
    miner.add_constraint(places.span() >= 4)
    found = miner.get_patterns(min_frequency=_MIN_SUPPORT)
    return [pattern for *pattern, _ in found]


def _agree(data: CorpusOnDisk, _ours: Found, theirs: Found) -> str:
    accuracy = _accuracy(data, theirs)
    require(accuracy > 0.4, f"overall accuracy of the peers' f0 is {accuracy:.3f}: used wrongly")
    return f"f0 {accuracy:.3f}, {theirs.motifs} motifs, open ones too"


CASES = (
    Case(
        "chain",
        "FLAC to motifs",
        "recordings a voice, 2 voices, 8 s",
        (1, 3, 10),
        corpus_on_disk,
        _ours,
        _check,
        (
            Peer(
                "librosa, Essentia, kmeans1d, seq2pat",
                ("librosa", "essentia.standard", "kmeans1d", "sequential.seq2pat"),
                "",
                "pip install 'cantaor[bench,essentia]'",
                _peers,
                _agree,
            ),
        ),
    ),
)
