"""Copying of many spans of one signal into the rows of one buffer, without the GIL."""

from cantaor.types import Float32Array, Int64Array

def gather_rows(
    samples: Float32Array, starts: Int64Array, lengths: Int64Array, out: Float32Array
) -> None: ...
