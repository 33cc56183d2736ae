"""Where a function of one number is zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from scipy import optimize


def root(f: Callable[[float], float], low: float, high: float) -> float:
    """x with f(x) = 0 between ``low`` and ``high``, at whose ends f has opposite signs (Brent's method, to twelve figures).

    Breaks: ValueError where the signs are the same.
    """
    return float(cast(Any, optimize.brentq(f, low, high, xtol=1e-13, maxiter=500)))
