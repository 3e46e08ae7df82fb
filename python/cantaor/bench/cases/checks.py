"""How answers are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import AnswersDifferError


def require(holds: bool, what: str) -> None:
    """Raise unless something holds.

    Raises
    ------
    AnswersDifferError
        It does not; the message is ``what``.
    """
    if not holds:
        raise AnswersDifferError(what)


def require_close(what: str, ours: ArrayLike, theirs: ArrayLike, tolerance: float) -> str:
    """Require equal shapes and values within a tolerance; returns the largest difference in words.

    Raises
    ------
    AnswersDifferError
        They differ by more.

    Examples
    --------
    >>> require_close("levels", [1.0, 2.0], [1.0, 2.5], 1.0)
    'levels within 0.5'
    """
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    require(one.shape == other.shape, f"{what}: shape {one.shape} is not {other.shape}")
    worst = float(np.abs(one - other).max(initial=0.0))
    require(worst <= tolerance, f"{what} differ by {worst:.3g}, more than {tolerance:.3g}")
    return f"{what} within {worst:.2g}"
