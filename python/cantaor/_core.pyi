"""Native kernels of cantaor; the public functions live in the stage modules."""

from collections.abc import Callable
from typing import TypeAlias

from cantaor.types import Int32Array, Int64Array

def build_info() -> dict[str, str]: ...

_Progress: TypeAlias = Callable[[int], object] | None
_Rows: TypeAlias = tuple[Int32Array, Int64Array, Int32Array]

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
