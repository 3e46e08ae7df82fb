"""cantaor recognises flamenco singers by the melodic motifs of their voice.

The stages of the chain are plain functions over arrays and frozen records; importing the package
loads none of the heavy libraries behind them. A public name is resolved on first use.

References
----------
Arronte Alvarez, A. and Gómez-Martín, F. (2020). Singer Identification Using Convolutional
Acoustic Motif Embeddings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantaor.clips import cut_clips as cut_clips
    from cantaor.clustering import ClusterHistogram as ClusterHistogram
    from cantaor.clustering import kmeans_1d as kmeans_1d
    from cantaor.contour import segment_contour as segment_contour
    from cantaor.corpus.audit.audit import audit as audit
    from cantaor.io.audio import read_audio as read_audio
    from cantaor.learn.identification.identification import identify as identify
    from cantaor.learn.identification.singer_identifier import SingerIdentifier as SingerIdentifier
    from cantaor.motifs import MotifDictionary as MotifDictionary
    from cantaor.motifs import find_occurrences as find_occurrences
    from cantaor.motifs import mine_closed as mine_closed
    from cantaor.motifs import mine_right_closed as mine_right_closed
    from cantaor.pipeline.figures import find_similar as find_similar
    from cantaor.pipeline.merge import merge_shards as merge_shards
    from cantaor.pipeline.mine import mine as mine
    from cantaor.pitch import extract_pitch as extract_pitch
    from cantaor.types import Audio as Audio
    from cantaor.types import Clusters as Clusters
    from cantaor.types import Contour as Contour
    from cantaor.types import Motifs as Motifs
    from cantaor.types import Occurrences as Occurrences
    from cantaor.types import PitchTrack as PitchTrack
    from cantaor.units import cents_to_hz as cents_to_hz
    from cantaor.units import hz_to_cents as hz_to_cents

_HOME = {
    "read_audio": "cantaor.io.audio",
    "extract_pitch": "cantaor.pitch",
    "hz_to_cents": "cantaor.units",
    "cents_to_hz": "cantaor.units",
    "kmeans_1d": "cantaor.clustering",
    "ClusterHistogram": "cantaor.clustering",
    "segment_contour": "cantaor.contour",
    "mine_closed": "cantaor.motifs",
    "mine_right_closed": "cantaor.motifs",
    "find_occurrences": "cantaor.motifs",
    "MotifDictionary": "cantaor.motifs",
    "cut_clips": "cantaor.clips",
    "find_similar": "cantaor.pipeline.figures",
    "mine": "cantaor.pipeline.mine",
    "merge_shards": "cantaor.pipeline.merge",
    "identify": "cantaor.learn.identification.identification",
    "SingerIdentifier": "cantaor.learn.identification.singer_identifier",
    "audit": "cantaor.corpus.audit.audit",
    "Audio": "cantaor.types",
    "PitchTrack": "cantaor.types",
    "Clusters": "cantaor.types",
    "Contour": "cantaor.types",
    "Motifs": "cantaor.types",
    "Occurrences": "cantaor.types",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("cantaor")
    if name not in _HOME:
        raise AttributeError(f"module 'cantaor' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
