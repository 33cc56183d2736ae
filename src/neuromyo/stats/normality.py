r"""What would mislead a correlation of few people: skewed values, and single people who decide it.

Skewness with its correction for few values,

.. math:: G_1 = \frac{\sqrt{n(n-1)}}{n-2} \cdot \frac{\frac1n \sum (x_i-\bar x)^3}{\big(\frac1n \sum (x_i-\bar x)^2\big)^{3/2}}

its p under normality from 20,000 normal samples of the same n (fixed seed) up to 25 people, from D'Agostino's transformation above. Of
y on x: leverage h_i, Cook's distance D_i, and r without each person.

*Assumes* people independent. *Breaks*: with ten people only strong skewness (about 1.5) is noticed more often than not; silence
proves nothing.

*Cites* Joanes & Gill, The Statistician 1998;47:183, doi:10.1111/1467-9884.00122; D'Agostino, Biometrika 1970;57:679,
doi:10.1093/biomet/57.3.679; Cook, Technometrics 1977;19:15, doi:10.1080/00401706.1977.10489493.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import nan, sqrt

import numpy as np
from scipy import stats

#: up to so many people the law of skewness is simulated
MOST_SIMULATED = 25
_DRAWS, _SEED = 20_000, 1427


@dataclass(frozen=True, slots=True)
class Skewness:
    """G1, its two-sided p under normality, and of how many values; NaN with under three or without spread."""

    value: float
    p: float
    n: int


@dataclass(frozen=True, eq=False)
class Influence:
    """By person, each (n,): leverage, Cook's distance, and Pearson's r of all others (NaN where they do not vary)."""

    leverage: np.ndarray
    cook: np.ndarray
    r_without: np.ndarray

    @property
    def most(self) -> int:
        """Index of the person with the largest Cook's distance."""
        return int(np.argmax(np.where(np.isfinite(self.cook), self.cook, -1.0)))


def skewness(x: np.ndarray) -> Skewness:
    """Skewness of the values that are there, with its test."""
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 3 or np.ptp(x) <= 1e-12 * np.abs(x).max():
        return Skewness(nan, nan, n)
    g = float(_g1(x))
    if n <= MOST_SIMULATED:
        p = (1 + int(np.count_nonzero(np.abs(_null(n)) >= abs(g) - 1e-12))) / (1 + _DRAWS)
    else:
        p = float(stats.skewtest(x).pvalue)
    return Skewness(g * sqrt(n * (n - 1)) / (n - 2), p, n)


def influence(x: np.ndarray, y: np.ndarray) -> Influence:
    """Who decides the line of y on x; both (n,) without missing values, n >= 4."""
    n = len(x)
    a, b = x - x.mean(), y - y.mean()
    xx, yy, xy = float(a @ a), float(b @ b), float(a @ b)
    if n < 4 or not xx > 0 or not yy > 0:
        none = np.full(n, nan)
        return Influence(none, none, none)
    leverage = 1 / n + a**2 / xx
    left = b - xy / xx * a
    # sums of squares and products about the mean of the others
    scale = n / (n - 1)
    xx_i, yy_i, xy_i = xx - scale * a**2, yy - scale * b**2, xy - scale * a * b
    varies = (xx_i > 1e-12 * xx) & (yy_i > 1e-12 * yy)
    r = np.divide(xy_i, np.sqrt(np.maximum(xx_i * yy_i, 0.0)), out=np.full(n, nan), where=varies)
    square = float(left @ left) / (n - 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        cook = left**2 / (2 * square) * leverage / (1 - leverage) ** 2 if square > 1e-20 * yy else np.zeros(n)
    return Influence(leverage, cook, np.clip(r, -1.0, 1.0))


def _g1(x: np.ndarray) -> np.ndarray:
    d = x - x.mean(axis=-1, keepdims=True)
    return (d**3).mean(axis=-1) / (d**2).mean(axis=-1) ** 1.5


@cache
def _null(n: int) -> np.ndarray:
    """(draws,) skewness of normal samples."""
    return _g1(np.random.default_rng([_SEED, n]).standard_normal((_DRAWS, n)))
