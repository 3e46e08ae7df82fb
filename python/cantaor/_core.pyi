"""Native kernels of cantaor; the public functions live in the stage modules."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cantaor.types import Float32Array, Float64Array, Int32Array, Int64Array

def build_info() -> dict[str, str]: ...
def find_anchors(
    samples: Float32Array, window: int, spread: int, min_values: int
) -> tuple[NDArray[np.uint64], Int64Array]: ...
def find_near_figures(
    text: Int32Array, figure: Int32Array, max_edits: int
) -> tuple[Int64Array, Int64Array, Int64Array]: ...
def segments_in_clusters(
    cents: Float64Array, edges: Float64Array, hysteresis: float, min_frames: int, max_gap: int
) -> tuple[Int32Array, Float64Array, Int64Array, Int64Array, Int64Array]: ...
def segments_within_margin(
    cents: Float64Array, margin: float, min_frames: int, max_gap: int
) -> tuple[Int32Array, Float64Array, Int64Array, Int64Array, Int64Array]: ...
def flatten_vibrato(
    cents: Float64Array, hop_s: float
) -> tuple[Int64Array, Int64Array, Float64Array, Float64Array]: ...
def first_bad_sample(samples: Float32Array) -> int: ...

class SalienceSettings:
    window_s: float
    focus_s: float
    min_hz: float
    max_hz: float
    band_hz: float
    peak_range_db: float
    decay: float
    harmonics: int
    between: float
    half_width_cents: float
    candidates: int
    def __init__(self) -> None: ...

class TrackerSettings:
    voicing: float
    level_slope: float
    before_slope: float
    after_slope: float
    noisy_voicing: float
    high_noise: float
    voiceless: float
    floor_voicing: float
    reverberant_slope: float
    look_s: float
    before_s: float
    after_s: float
    octave_jump_cost: float
    voicing_cost: float
    glide_cents: float
    sharpening: float
    octave_cost: float
    subharmonic_db: float
    harmonic_db: float
    overtone_cost: float
    overtone_db: float
    range_weight: float
    lowest_hz: float
    highest_hz: float
    def __init__(self) -> None: ...

class Framing:
    def __init__(
        self,
        sample_rate: int,
        hop: int,
        reference_rate: int,
        window_s: float,
        focus_s: float,
        band_hz: float,
    ) -> None: ...
    @property
    def fft_size(self) -> int: ...
    @property
    def rate(self) -> float: ...
    def frames_of(self, samples: int) -> int: ...
    def frames_within(self, samples: int) -> int: ...
    def first_sample(self, frame: int) -> int: ...
    def last_sample(self, frame: int) -> int: ...
    def cut(
        self, samples: Float32Array, origin: int, first: int, count: int, rows: int
    ) -> tuple[Float32Array, Float32Array, Float32Array]: ...
    def look_at_periods(
        self,
        stretch: Float32Array,
        first: int,
        cents: Float32Array,
        strength: Float32Array,
        above: NDArray[np.int8],
        between_db: Float32Array,
        min_hz: float,
    ) -> Float32Array: ...

class Salience:
    def __init__(self, settings: SalienceSettings, rate: float, fft_size: int) -> None: ...
    def candidates(
        self, spectrum: NDArray[np.complex64], focus_db: Float32Array
    ) -> tuple[Float32Array, Float32Array, Float32Array, NDArray[np.int8], Float32Array]: ...

class Tracker:
    def __init__(
        self,
        settings: TrackerSettings,
        candidates: int,
        min_hz: float,
        hop_s: float,
    ) -> None: ...
    def push(
        self,
        cents: Float32Array,
        strength: Float32Array,
        level_db: Float32Array,
        above: NDArray[np.int8],
        between_db: Float32Array,
        drift: Float32Array,
    ) -> None: ...
    def finish(self) -> tuple[Float32Array, Float32Array, Float32Array]: ...

_Progress: TypeAlias = Callable[[int], object] | None
_Rows: TypeAlias = tuple[Int32Array, Int64Array, Int32Array, bool]

class TooManyPatterns(RuntimeError): ...  # noqa: N818

def mine_any_gap(
    values: Int32Array,
    offsets: Int64Array,
    min_support: int,
    min_length: int,
    max_length: int | None,
    top_k: int | None,
    max_patterns: int | None,
    threads: int,
    progress: _Progress,
    layout: str = "automatic",
    max_nodes: int | None = None,
    max_seconds: float | None = None,
) -> _Rows: ...
def mine_gapped(
    values: Int32Array,
    offsets: Int64Array,
    min_support: int,
    min_length: int,
    max_length: int | None,
    top_k: int | None,
    max_patterns: int | None,
    threads: int,
    progress: _Progress,
    low: int,
    high: int,
    layout: str = "automatic",
    max_nodes: int | None = None,
    max_seconds: float | None = None,
) -> _Rows: ...
def mine_contiguous(
    values: Int32Array,
    offsets: Int64Array,
    min_support: int,
    min_length: int,
    max_length: int | None,
    top_k: int | None,
    max_patterns: int | None,
    threads: int,
    progress: _Progress,
    right_side_only: bool = False,
    max_nodes: int | None = None,
    max_seconds: float | None = None,
) -> _Rows: ...
def find_occurrences(
    motif_values: Int32Array,
    motif_offsets: Int64Array,
    values: Int32Array,
    offsets: Int64Array,
    low: int,
    high: int,
    progress: _Progress,
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]: ...
