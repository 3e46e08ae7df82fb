"""Native kernels of cantaor; the public functions live in the stage modules."""

import numpy as np
from numpy.typing import NDArray

from cantaor.types import Float32Array, Int64Array

def build_info() -> dict[str, str]: ...
def find_anchors(
    samples: Float32Array, window: int, spread: int, least_values: int
) -> tuple[NDArray[np.uint64], Int64Array]: ...
