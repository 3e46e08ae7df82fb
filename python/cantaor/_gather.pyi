"""Copying of spans of a signal into the rows of one buffer, counting of values in bins; no GIL."""

from cantaor.types import Float32Array, Float64Array, Int64Array

def gather_rows(
    samples: Float32Array, starts: Int64Array, lengths: Int64Array, out: Float32Array
) -> None: ...
def add_to_bins(
    values: Float64Array,
    weights: Int64Array,
    lowest: int,
    fraction: int,
    inside: int,
    bins: Int64Array,
) -> None: ...
