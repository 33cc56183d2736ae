r"""Differences of two readings of the same people: how far apart, whether more so for large values, and whether one spreads more.

Of n differences d (second less first) with mean and standard deviation s, the limits between which a share of them lies (95 %):

.. math:: \bar d \pm z\,s, \qquad z = 1.96

*Intervals of the limits.* Each limit estimates mu +- z sigma, and :math:`\sqrt n\,(\bar d + z s - \ldots)/s` is noncentral t: the
interval is exact for normal differences. For both limits together stand two ranges mean +- k s: one that holds at least 95 % of
all differences with a confidence of 97.5 % (``outer``), one that does with 2.5 % (``inner``): exact two-sided tolerance factors.

*Repeated.* Where a person gives several pairs (left and right leg) the variance of a difference is the sum of that between and
within people, each independent; the limits' intervals recover the variance from those of its parts (MOVER) and rest on people.

*Assumes* normal differences of one size, people independent of each other. *Breaks* where differences grow with the value
(`proportion` shows it): take logarithms, the limits are then ratios.

*Cites* Bland & Altman, Lancet 1986;327:307, doi:10.1016/S0140-6736(86)90837-8; Bland & Altman, Stat Methods Med Res 1999;8:135,
doi:10.1177/096228029900800204; Carkeet, Optom Vis Sci 2015;92:e71, doi:10.1097/OPX.0000000000000513; Zou, Stat Methods Med Res
2013;22:630, doi:10.1177/0962280211402548 (repeated).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special, stats

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval, mean_interval, sum_interval, t_interval
from neuromyo.stats.roots import root

#: the share of differences that limits are of
COVERED = 0.95
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(81)


@dataclass(frozen=True, slots=True)
class Limits:
    """Mean difference and limits of agreement, each with its own interval.

    sd : of the differences; n : differences, n_people : whose
    outer, inner : ends of the ranges that surely, and perhaps just, hold 95 % of all differences; NaN where people repeat
    """

    bias: Interval
    lower: Interval
    upper: Interval
    sd: float
    n: int
    n_people: int
    outer: tuple[float, float]
    inner: tuple[float, float]

    def exponential(self) -> Limits:
        """Of differences of logarithms: the same as ratios, second to first (``sd`` stays that of the logarithms)."""
        bias, lower, upper = (one.mapped(_exp) for one in (self.bias, self.lower, self.upper))
        outer, inner = ((float(np.exp(a)), float(np.exp(b))) for a, b in (self.outer, self.inner))
        return Limits(bias, lower, upper, self.sd, self.n, self.n_people, outer, inner)


def limits(d: np.ndarray, level: float = LEVEL) -> Limits:
    """Limits of agreement of differences d (n,), one a person, finite; unknown of fewer than two."""
    n, unknown = int(d.size), (float("nan"), float("nan"))
    bias = mean_interval(d, level=level)
    if n < 2:
        return Limits(bias, UNKNOWN, UNKNOWN, float("nan"), n, n, unknown, unknown)
    mean, sd, z = float(d.mean()), float(d.std(ddof=1)), _z()
    near, far = limit_reach(n, level)
    lower = Interval(mean - z * sd, mean - far * sd, mean - near * sd, n - 1.0)
    upper = Interval(mean + z * sd, mean + near * sd, mean + far * sd, n - 1.0)
    tail = (1 - level) / 2
    wide, narrow = (tolerance_factor(n, COVERED, c) * sd for c in (1 - tail, tail))
    return Limits(bias, lower, upper, sd, n, n, (mean - wide, mean + wide), (mean - narrow, mean + narrow))


def limits_by_person(d: np.ndarray, person: np.ndarray, level: float = LEVEL) -> Limits:
    """The same where people give several differences: d (n,), ``person`` (n,) whose each is; what is measured may differ within a
    person. The mean is that of people. Exactly `limits` where each gives one."""
    labels, of = np.unique(person, return_inverse=True)
    people, count = len(labels), np.bincount(of)
    if people == d.size:
        return limits(d, level)
    if people < 2:
        return limits(d[:0], level)
    means = np.bincount(of, d) / count
    within_df = int(d.size - people)
    within = float(((d - means[of]) ** 2).sum()) / within_df
    between = float(means.var(ddof=1))
    # var of a single difference = var between people's means + (1 - 1/m_h) within, m_h the harmonic mean of differences a person
    left = 1.0 - float((1.0 / count).mean())
    parts = [(v, df) for v, df in ((between, people - 1.0), (left * within, float(within_df))) if v > 0]
    spread = sum_interval(parts, level) if parts else Interval(0.0, 0.0, 0.0, people - 1.0)
    mean, se = float(means.mean()), float(np.sqrt(between / people))
    bias = t_interval(mean, se, people - 1.0, level)
    lower, upper = _mover(bias, spread)
    nothing = (float("nan"), float("nan"))
    return Limits(bias, lower, upper, spread.value, int(d.size), people, nothing, nothing)


def _mover(bias: Interval, spread: Interval) -> tuple[Interval, Interval]:
    """Intervals of mean +- z sd from those of mean and of sd."""
    z, mean, sd = _z(), bias.value, spread.value
    down, up = mean - bias.low, bias.high - mean
    less, more = z * (sd - spread.low), z * (spread.high - sd)
    low, high = mean - z * sd, mean + z * sd
    lower = Interval(low, low - float(np.hypot(down, more)), low + float(np.hypot(up, less)), spread.df)
    upper = Interval(high, high - float(np.hypot(down, less)), high + float(np.hypot(up, more)), spread.df)
    return lower, upper


@lru_cache(maxsize=256)
def limit_reach(n: int, level: float = LEVEL) -> tuple[float, float]:
    """How many standard deviations from the mean the exact interval of mu + z sigma begins and ends, of n normal differences."""
    tail = (1 - level) / 2
    ends = stats.nct.ppf([tail, 1 - tail], n - 1, _z() * np.sqrt(n)) / np.sqrt(n)
    return float(ends[0]), float(ends[1])


@lru_cache(maxsize=256)
def tolerance_factor(n: int, share: float, confidence: float) -> float:
    r"""k such that mean +- k s of n normal values holds at least ``share`` of all values with probability ``confidence``.

    .. math:: \int P\!\left(\chi^2_{n-1} \ge (n-1)\, r(u)^2 / k^2\right) \varphi(u)\,du = \text{confidence}, \qquad
              \Phi(u/\sqrt n + r) - \Phi(u/\sqrt n - r) = \text{share}

    Cites: Wald & Wolfowitz, Ann Math Stat 1946;17:208.
    """
    r = _half_width(np.abs(_NODES) / np.sqrt(n), share)
    weights = _WEIGHTS / _WEIGHTS.sum()

    def held(k: float) -> float:
        return float(weights @ special.chdtrc(n - 1.0, (n - 1) * (r / k) ** 2)) - confidence

    return root(held, 1e-3, 1e5)


def _half_width(shift: np.ndarray, share: float) -> np.ndarray:
    """Half the widths of ranges about ``shift`` (m,) that hold ``share`` of standard normal values, by halving."""
    low, high = np.zeros(shift.shape), shift + float(special.ndtri(0.5 + share / 2)) + 1.0
    for _ in range(60):
        r = (low + high) / 2
        enough = special.ndtr(shift + r) - special.ndtr(shift - r) >= share
        low, high = np.where(enough, low, r), np.where(enough, r, high)
    return (low + high) / 2


# --- does the difference depend on the value? -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proportion:
    """How the difference goes with the mean of the two readings.

    slope : of the difference on the mean; intercept : where the mean is 0 ; p : that the slope is 0
    sd_ratio : standard deviation of the second readings over that of the first, with its interval. The test of ``p`` is Pitman and
        Morgan's, that this is 1: a slope comes as soon as one spreads more, by its scale or by its noise
    spread : slope of the size of the residuals on the mean (differences grow with the value), and ``spread_p``
    """

    slope: Interval
    intercept: float
    p: float
    sd_ratio: Interval
    spread: Interval
    spread_p: float


def proportion(first: np.ndarray, second: np.ndarray, level: float = LEVEL) -> Proportion:
    """Of finite readings (n,); unknown below three people, or where the means are all the same.

    Cites: Pitman, Biometrika 1939;31:9; Morgan, Biometrika 1939;31:13 (the same test); Bland & Altman 1999 (the regressions).
    """
    d, mean = second - first, (first + second) / 2
    slope, intercept, p, left = _line(mean, d, level)
    spread, _, spread_p, _ = _line(mean, np.abs(left), level)
    return Proportion(slope, intercept, p, _sd_ratio(first, second, level), spread, spread_p)


def _line(x: np.ndarray, y: np.ndarray, level: float) -> tuple[Interval, float, float, np.ndarray]:
    """Slope with interval, intercept, two-sided p, residuals (n,) of a straight line."""
    n, dx = x.size, x - x.mean() if x.size else x
    square = float((dx**2).sum())
    if n < 3 or square <= 1e-24 * max(float((x**2).sum()), 1e-300):
        return UNKNOWN, float("nan"), float("nan"), y - (y.mean() if n else 0.0)
    slope = float((dx * y).sum()) / square
    left = y - y.mean() - slope * dx
    variance = float((left**2).sum()) / (n - 2)
    if variance <= 1e-24 * float((y**2).sum()):  # all on one line: nothing is left to judge the slope by
        return (
            Interval(slope, float("nan"), float("nan"), n - 2.0),
            float(y.mean() - slope * x.mean()),
            float("nan"),
            np.zeros(n),
        )
    se = float(np.sqrt(variance / square))
    p = float(2 * stats.t.sf(abs(slope) / se, n - 2))
    return t_interval(slope, se, n - 2.0, level), float(y.mean() - slope * x.mean()), p, left


def _sd_ratio(first: np.ndarray, second: np.ndarray, level: float) -> Interval:
    """SD of the second over SD of the first, both of the same people: exact for normal pairs (inverts Pitman and Morgan's test)."""
    n = first.size
    if n < 3 or not first.std() > 0 or not second.std() > 0:
        return UNKNOWN
    ratio = float(second.var(ddof=1) / first.var(ddof=1))
    r = float(np.clip(np.corrcoef(first, second)[0, 1], -1.0, 1.0))
    t = float(stats.t.ppf(0.5 + level / 2, n - 2))
    k = 1.0 + 2.0 * (1.0 - r**2) * t**2 / (n - 2)
    root = np.sqrt(max(k**2 - 1.0, 0.0))
    low, high = (float(np.sqrt(ratio * f)) for f in (k - root, k + root))
    return Interval(float(np.sqrt(ratio)), low, high, n - 2.0)


def _exp(x: float) -> float:
    return float(np.exp(x))


def _z() -> float:
    return float(stats.norm.ppf(0.5 + COVERED / 2))
