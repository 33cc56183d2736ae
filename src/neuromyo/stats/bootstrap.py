r"""Intervals by resampling people: for numbers whose sampling law has no formula, or none that holds for few people.

Of a statistic s, its value t on n people, and its values t* on B samples of n people drawn from them with replacement:

``bca``, bias-corrected and accelerated: the quantiles of t* at

.. math:: \alpha' = \Phi\!\Big(z_0 + \frac{z_0 + z_\alpha}{1 - a\,(z_0 + z_\alpha)}\Big), \qquad
          z_0 = \Phi^{-1}\big(P(t^* < t)\big), \qquad a = \frac{\sum_i d_i^3}{6\,(\sum_i d_i^2)^{3/2}}

with d_i the mean of the n values that leave one person out, less the value without person i.

``bca-t``: the same with :math:`z_\alpha` replaced by :math:`\sqrt{n/(n-1)}\; t_{\alpha, n-1}`, because samples drawn from few people spread
too little; without it an interval of 11 people covers less than it says.

``studentised``: t - q se, with q the quantiles of (t* - t) / se*, and se, se* by leaving out one person at a time; made on a
transformed scale (Fisher's z of correlations) where one is given.

Which of them covers how often was measured (`neuromyo.stats.coverage`). Results are a pure function of data, repeats and seed.

*Assumes* people independent of each other, each row one person. *Breaks* with under eight people or so; for statistics that depend on one
value (a maximum); where most people have the same value.

*Cites* Efron, J Am Stat Assoc 1987;82:171, doi:10.1080/01621459.1987.10478410; DiCiccio & Efron, Stat Sci 1996;11:189,
doi:10.1214/ss/1032280214; Hesterberg, Am Stat 2015;69:371, doi:10.1080/00031305.2015.1089789 (quantiles of t).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import Literal

import numpy as np
from scipy import special

from neuromyo.stats.coverage import measured_coverage, method_for
from neuromyo.stats.intervals import LEVEL, Interval
from neuromyo.stats.resampled import STATISTICS, TRANSFORMS, Statistic, Transform

Method = Literal["bca", "bca-t", "studentised"]
METHODS: tuple[Method, ...] = ("bca", "bca-t", "studentised")
REPEATS, SEED = 5000, 1427
#: intervals are withheld of fewer people, and where a larger share of the samples drawn has no value
FEWEST, MOST_LOST = 4, 0.05
#: numbers held at a time while samples are drawn
_BLOCK = 2_000_000

__all__ = [
    "METHODS",
    "Method",
    "Resampled",
    "bca",
    "draw",
    "interval",
    "measured_coverage",
    "resample",
    "samples",
    "studentised",
]


def interval(
    what: str, data: np.ndarray, repeats: int = REPEATS, seed: int = SEED, level: float = LEVEL
) -> tuple[Interval, str]:
    """(interval, method) of one of `resampled.STATISTICS` by the method that was measured to cover best; the interval is
    unknown and the method empty where none covers 90 %."""
    method = method_for(what)
    if not method:
        value = float(STATISTICS[what](_table(data)[None])[0])
        return Interval(value, nan, nan, 0.0), ""
    if method == "studentised":
        return studentised(STATISTICS[what], data, repeats, seed, level, TRANSFORMS.get(what)), method
    return bca(STATISTICS[what], data, repeats, seed, level, expand=method == "bca-t"), method


def bca(
    statistic: Statistic,
    data: np.ndarray,
    repeats: int = REPEATS,
    seed: int = SEED,
    level: float = LEVEL,
    *,
    expand: bool = True,
) -> Interval:
    """The bias-corrected and accelerated interval.

    statistic : of samples (..., n, k) -> (...)
    data : (n,) or (n, k), a row a person, no NaN
    expand : by quantiles of t (``bca-t``)

    Ends are NaN where samples drawn do not vary, or more than `MOST_LOST` of them have no value.
    """
    return resample(statistic, data, repeats, seed).ends(level, expand=expand)


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic of n people, of the samples drawn from them, and what leaving one out does.

    drawn : (repeats,) NaN where a sample has no value
    speed : the acceleration a
    """

    value: float
    drawn: np.ndarray
    speed: float
    n: int

    def ends(self, level: float = LEVEL, *, expand: bool = True) -> Interval:
        """The interval; see `bca`."""
        drawn = _usable(self.drawn)
        if drawn is None or not np.isfinite([self.value, self.speed]).all():
            return Interval(self.value, nan, nan, 0.0)
        below = (np.count_nonzero(drawn < self.value) + 0.5 * np.count_nonzero(drawn == self.value)) / len(drawn)
        shift = float(special.ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn))))
        tail = float(special.ndtri(0.5 + level / 2))
        if expand:
            tail = sqrt(self.n / (self.n - 1)) * float(special.stdtrit(self.n - 1, 0.5 + level / 2))
        low, high = np.quantile(drawn, [_place(shift, z, self.speed) for z in (-tail, tail)])
        return Interval(self.value, float(low), float(high), inf)


def resample(statistic: Statistic, data: np.ndarray, repeats: int = REPEATS, seed: int = SEED) -> Resampled:
    """What `bca` makes its interval of, for more than one interval from the same samples."""
    table = _table(data)
    n = len(table)
    if n < FEWEST:
        return Resampled(float(statistic(table[None])[0]) if n > 1 else nan, np.empty(0), nan, n)
    value = float(statistic(table[None])[0])
    return Resampled(value, draw(statistic, table, repeats, seed), _acceleration(statistic(_without_each(table))), n)


def _place(shift: float, z: float, speed: float) -> float:
    """The quantile to be taken; 0 or 1 where the correction runs past its pole."""
    scale = 1 - speed * (shift + z)
    return float(special.ndtr(shift + (shift + z) / scale)) if scale > 0 else float(z > 0)


def studentised(
    statistic: Statistic,
    data: np.ndarray,
    repeats: int = REPEATS,
    seed: int = SEED,
    level: float = LEVEL,
    transform: Transform | None = None,
) -> Interval:
    """The interval by quantiles of t = (t* - t) / se*; arguments as of `bca`.

    transform : (there, back), a scale on which the standard error hardly depends on the value
    """
    table = _table(data)
    value = float(statistic(table[None])[0])
    there, back = transform or (_same, _same)

    def scaled(drawn: np.ndarray) -> np.ndarray:
        return there(statistic(drawn))

    middle = float(there(np.array([value]))[0])
    se = float(_jackknife_se(scaled, table[None])[0]) if len(table) >= FEWEST and np.isfinite(middle) else nan
    if not (np.isfinite(se) and se > 0):
        return Interval(value, nan, nan, 0.0)
    ratios = [(scaled(s) - middle) / _jackknife_se(scaled, s) for s in samples(table, repeats, seed, weight=len(table))]
    drawn = _usable(np.concatenate(ratios))
    if drawn is None:
        return Interval(value, nan, nan, 0.0)
    q_low, q_high = np.quantile(drawn, [(1 - level) / 2, 0.5 + level / 2])
    ends = back(np.array([middle - q_high * se, middle - q_low * se]))
    return Interval(value, float(ends[0]), float(ends[1]), inf)


def samples(table: np.ndarray, repeats: int, seed: int, weight: int = 1) -> Iterator[np.ndarray]:
    """Samples (some, n, k) of people drawn with replacement, ``repeats`` in all, a block at a time; the blocks' size (smaller by
    ``weight``) changes no number."""
    n, k = table.shape
    at_once = max(1, _BLOCK // (n * k * weight))
    rows = np.random.default_rng(seed).integers(0, n, (repeats, n))
    for start in range(0, repeats, at_once):
        yield table[rows[start : start + at_once]]


def draw(statistic: Statistic, data: np.ndarray, repeats: int = REPEATS, seed: int = SEED) -> np.ndarray:
    """(repeats,) the statistic of samples drawn."""
    return np.concatenate([statistic(s) for s in samples(_table(data), repeats, seed)])


def _table(data: np.ndarray) -> np.ndarray:
    """(n, k) floats; ValueError where some are missing."""
    table = np.asarray(data, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("a bootstrap takes (n,) or (n, k) finite numbers: leave out people with missing ones")
    return table


def _usable(drawn: np.ndarray) -> np.ndarray | None:
    """The finite ones, if they vary and few are lost."""
    kept = drawn[np.isfinite(drawn)]
    enough = kept.size >= (1 - MOST_LOST) * drawn.size
    return kept if enough and kept.size and np.ptp(kept) > 0 else None


def _without_each(table: np.ndarray) -> np.ndarray:
    """(n, k) -> (n, n - 1, k), without each person in turn; leading axes stay in front."""
    n = table.shape[-2]
    keep = np.arange(n - 1)[None, :] + (np.arange(n - 1)[None, :] >= np.arange(n)[:, None])
    return table[..., keep, :]


def _acceleration(left_out: np.ndarray) -> float:
    d = left_out.mean() - left_out
    square = float((d**2).sum())
    return float((d**3).sum()) / (6 * square**1.5) if square > 0 else nan


def _jackknife_se(statistic: Callable[[np.ndarray], np.ndarray], drawn: np.ndarray) -> np.ndarray:
    """(some,) standard errors of samples (some, n, k); NaN where one is zero."""
    n = drawn.shape[-2]
    left_out = statistic(_without_each(drawn))
    se = np.sqrt((n - 1) * left_out.var(axis=-1))
    return np.where(se > 0, se, nan)


def _same(values: np.ndarray) -> np.ndarray:
    return values
