r"""Intraclass correlation: the share of the variance of readings that is between the cases read.

Of n cases read k times, with mean squares between cases (R), readers (C), left over (E), and within cases (W):

.. math:: ICC(1,1) = \frac{R - W}{R + (k-1)W}, \quad
          ICC(2,1) = \frac{R - E}{R + (k-1)E + \frac{k}{n}(C - E)}, \quad
          ICC(3,1) = \frac{R - E}{R + (k-1)E}

``1``: each case by other readers; ``2``: all cases by the same readers, drawn from many, whose levels count as error (absolute
agreement); ``3``: by these readers alone, whose levels do not count (consistency). ``k`` instead of ``1`` behind the comma: of the
mean of k readings. Intervals: exact F of ``1`` and ``3``, Satterthwaite's of ``2``.

*Assumes* normal cases and errors, one size of error. *Breaks* where cases differ little: the ICC is then low however well they
are read; tell the standard error of measurement beside it.

*Cites* Shrout & Fleiss, Psychol Bull 1979;86:420, doi:10.1037/0033-2909.86.2.420; McGraw & Wong, Psychol Methods 1996;1:30,
doi:10.1037/1082-989X.1.1.30.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
FORMS: tuple[Form, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Of n cases by k readers: between cases, between readers, left over, and within cases."""

    n: int
    k: int
    cases: float
    readers: float
    error: float
    within: float


def mean_squares(values: np.ndarray) -> MeanSquares:
    """The two-way layout of values (cases, readers); cases that a reader left out (NaN) are dropped."""
    x = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    n, k = x.shape
    if n < 2 or k < 2:
        return MeanSquares(n, k, *[float("nan")] * 4)
    grand, of_cases, of_readers = x.mean(), x.mean(axis=1), x.mean(axis=0)
    cases = k * float(((of_cases - grand) ** 2).sum())
    readers = n * float(((of_readers - grand) ** 2).sum())
    error = float(((x - of_cases[:, None] - of_readers + grand) ** 2).sum())
    rounding = 1e-26 * float((x**2).sum())  # what is left of equal numbers after their mean was taken off
    cases, readers, error = (0.0 if one <= rounding else one for one in (cases, readers, error))
    return MeanSquares(
        n, k, cases / (n - 1), readers / (k - 1), error / ((n - 1) * (k - 1)), (readers + error) / (n * (k - 1))
    )


def icc(values: np.ndarray, form: Form = "2,1", level: float = LEVEL) -> Interval:
    """One form of the ICC with its interval, of values (cases, readers). Unknown below 3 complete cases or 2 readers, or where
    all numbers are the same; 1 without an interval where readers agree to the last digit."""
    squares = mean_squares(values)
    if squares.n < 3 or squares.k < 2 or not squares.cases > 0:
        return UNKNOWN
    left = squares.within if form[0] == "1" else squares.error
    if left <= 0 and (form[0] != "2" or squares.readers <= 0):
        return Interval(1.0, float("nan"), float("nan"), float(squares.n - 1))
    single = _absolute(squares, level) if form[0] == "2" else _by_ratio(squares, left, form[0] == "1", level)
    return single if form.endswith("1") else _of_mean(single, squares.k)


def one_way(rows: Sequence[np.ndarray], level: float = LEVEL) -> Interval:
    """ICC(1,1) of cases with as many readings each as there are, which may differ (the interval is then approximate, on the mean
    number k0 of readings). Rows are finite, of at least two readings each."""
    n, readings = len(rows), sum(r.size for r in rows)
    within = sum(float(((r - r.mean()) ** 2).sum()) for r in rows) / (readings - n)
    if n < 2 or within <= 0:
        return UNKNOWN
    grand = np.concatenate(rows).mean()
    between = sum(r.size * float(r.mean() - grand) ** 2 for r in rows) / (n - 1)
    k = (readings - sum(r.size**2 for r in rows) / readings) / (n - 1)
    return _from_f(between / within, k, n - 1, readings - n, level)


def _by_ratio(squares: MeanSquares, left: float, one_way: bool, level: float) -> Interval:
    df = squares.n * (squares.k - 1) if one_way else (squares.n - 1) * (squares.k - 1)
    return _from_f(squares.cases / left, squares.k, squares.n - 1, df, level)


def _from_f(ratio: float, k: float, df_cases: float, df_left: float, level: float) -> Interval:
    """The ICC of one reading from a ratio of mean squares."""
    tail = (1 - level) / 2
    low = ratio / float(stats.f.ppf(1 - tail, df_cases, df_left))
    high = ratio / float(stats.f.ppf(tail, df_cases, df_left))
    value, below, above = ((f - 1) / (f + k - 1) for f in (ratio, low, high))
    return Interval(value, below, above, float(df_cases))


def _absolute(squares: MeanSquares, level: float) -> Interval:
    """ICC(2,1) with the interval of McGraw & Wong, table 7."""
    n, k, r, c, e = squares.n, squares.k, squares.cases, squares.readers, squares.error
    value = (r - e) / (r + (k - 1) * e + k * (c - e) / n)
    if value >= 1:
        return Interval(value, float("nan"), float("nan"), float(n - 1))
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    df = (a * c + b * e) ** 2 / ((a * c) ** 2 / (k - 1) + (b * e) ** 2 / ((n - 1) * (k - 1)))
    tail = (1 - level) / 2
    down, up = float(stats.f.ppf(1 - tail, n - 1, df)), float(stats.f.ppf(1 - tail, df, n - 1))
    rest = k * c + (k * n - k - n) * e
    low, high = n * (r - down * e) / (down * rest + n * r), n * (up * r - e) / (rest + n * up * r)
    return Interval(value, low, high, float(n - 1))


def _of_mean(single: Interval, k: int) -> Interval:
    """Of the mean of k readings (Spearman-Brown)."""
    value, low, high = (k * v / (1 + (k - 1) * v) for v in (single.value, single.low, single.high))
    return Interval(value, low, high, single.df)
