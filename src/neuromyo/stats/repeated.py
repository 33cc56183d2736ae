r"""Two things measured several times in each person: how they go together within people, and between people.

Within: y fitted by one line's slope common to all and a level for each person (analysis of covariance). With S_xx, S_yy, S_xy the sums of
squares and products about each person's own means, N rows of n people:

.. math:: r_w = \frac{S_{xy}}{\sqrt{S_{xx} S_{yy}}}, \qquad df = N - n - 1

Between: the correlation of people's means, each weighted by how many rows it is of; its p and interval count people, not rows.

*Assumes* one slope for all; rows of a person independent of each other about it. *Breaks* with visits so close in time that one resembles
the next; p is then too small.

*Cites* Bland & Altman, BMJ 1995;310:446, doi:10.1136/bmj.310.6977.446 (within); BMJ 1995;310:633, doi:10.1136/bmj.310.6980.633 (between).
"""

from __future__ import annotations

from math import isfinite, nan, sqrt

import numpy as np

from neuromyo.stats.correlation import Correlation, from_r
from neuromyo.stats.intervals import LEVEL


def within(x: np.ndarray, y: np.ndarray, person: np.ndarray, level: float = LEVEL) -> Correlation:
    """The correlation within people, of rows x, y (N,) and whose they are; ``n`` is the number of rows used.

    Rows that lack one of both, and people with one row, count for nothing.
    """
    x, y, code, counts = _rows(x, y, person)
    if counts.size == 0:
        return Correlation(nan, nan, nan, nan, 0, nan, 0)
    a, b = x - _means(x, code, counts)[code], y - _means(y, code, counts)[code]
    size = sqrt(float((a**2).sum() * (b**2).sum()))
    flat = size <= 1e-24 * sqrt(float((x**2).sum() * (y**2).sum()))
    r = nan if flat else float(np.clip((a * b).sum() / size, -1, 1))
    return from_r(r, len(x), level, held=len(counts) - 1)


def slope(x: np.ndarray, y: np.ndarray, person: np.ndarray) -> float:
    """The common slope of y on x within people, in units of y per unit of x; NaN where x does not vary."""
    x, y, code, counts = _rows(x, y, person)
    if counts.size == 0:
        return nan
    a, b = x - _means(x, code, counts)[code], y - _means(y, code, counts)[code]
    return float((a * b).sum() / (a**2).sum()) if (a**2).sum() > 0 else nan


def between(x: np.ndarray, y: np.ndarray, person: np.ndarray, level: float = LEVEL) -> Correlation:
    """The correlation of people's means, weighted by their rows; ``n`` is the number of people. Those with one row count too."""
    x, y, code, counts = _rows(x, y, person, fewest=1)
    if counts.size < 3:
        return Correlation(nan, nan, nan, nan, len(counts), nan, 0)
    a, b = _means(x, code, counts), _means(y, code, counts)
    a, b = a - (counts @ a) / counts.sum(), b - (counts @ b) / counts.sum()
    size = sqrt(float((counts @ a**2) * (counts @ b**2)))
    r = float(np.clip(counts @ (a * b) / size, -1, 1)) if size > 0 and isfinite(size) else nan
    return from_r(r, len(counts), level)


def _rows(
    x: np.ndarray, y: np.ndarray, person: np.ndarray, fewest: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Complete rows of people with at least ``fewest`` of them: x, y, person's number, and how many rows each has."""
    x, y, person = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), np.asarray(person)
    keep = np.isfinite(x) & np.isfinite(y)
    _, code, counts = np.unique(person[keep].astype(str), return_inverse=True, return_counts=True)
    often = counts[code] >= fewest
    _, code, counts = np.unique(code[often], return_inverse=True, return_counts=True)
    return x[keep][often], y[keep][often], code, counts.astype(np.float64)


def _means(x: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.bincount(code, x, minlength=len(counts)) / counts
