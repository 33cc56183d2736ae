r"""Two groups compared by ranks: how often a person of one lies above a person of the other.

.. math:: U = \#\{a_i > b_j\} + \tfrac12 \#\{a_i = b_j\}, \qquad \theta = U / (n_a n_b)

theta is the probability of superiority (the area under the ROC curve). p of Mann and Whitney is exact up to 100 people: the ways to
choose n_a of the midranks with each sum are counted, equal values being kept equal. The Hodges-Lehmann shift is the median of all
differences a_i - b_j; its interval ends at those of the ordered differences that the same exact distribution names.

*Assumes* independent people; the shift, groups of one shape. *Breaks* for Mann and Whitney where spreads differ (it answers whether
the distributions are one): take Brunner and Munzel, which asks for theta = 1/2 alone, or the studentised permutation.

*Cites* Mann & Whitney, Ann Math Stat 1947;18:50, doi:10.1214/aoms/1177730491; Hodges & Lehmann, Ann Math Stat 1963;34:598,
doi:10.1214/aoms/1177704172; Streitberg & Roehmel, Stat Software Newsl 1986;12:10 (exact with ties); Brunner & Munzel, Biom J
2000;42:17; Newcombe, Stat Med 2006;25:559, doi:10.1002/sim.2324 (interval of theta).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from scipy import optimize, special, stats

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval

#: people up to whom the distribution of ranks is counted
EXACT_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class RankTest:
    """Of a against b: U, two-sided p (Mann and Whitney) and whether it is exact, the shift a less b (Hodges and Lehmann), the
    probability that a person of a lies above one of b, and the share of people whose value somebody else has, too."""

    u: float
    p: float
    exact: bool
    shift: Interval
    superiority: Interval
    tied: float


@dataclass(frozen=True, slots=True)
class BrunnerMunzel:
    """Statistic (positive where a lies above), degrees of freedom, two-sided p."""

    statistic: float
    df: float
    p: float


def mann_whitney(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> RankTest:
    """Ranks of a (n_a,) against b (n_b,); values that are not finite are left out. Unknown without two values in each."""
    x, y = a[np.isfinite(a)], b[np.isfinite(b)]
    n, m = x.size, y.size
    if n < 2 or m < 2:
        return RankTest(float("nan"), float("nan"), False, UNKNOWN, UNKNOWN, float("nan"))
    ranks = stats.rankdata(np.concatenate([x, y]))
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    repeated = np.unique(ranks, return_counts=True)[1]
    tied = float(repeated[repeated > 1].sum()) / (n + m)
    exact = n + m <= EXACT_PEOPLE
    p = _exact_p(ranks, n) if exact else _normal_p(u, n, m, repeated)
    return RankTest(u, p, exact, _shift(x, y, level), superiority_interval(u, n, m, level), tied)


def brunner_munzel(a: np.ndarray, b: np.ndarray) -> BrunnerMunzel:
    """Whether theta is 1/2, by t; NaN where the groups do not overlap at all, or no value varies: its standard error is then zero.

    A little liberal below ten in a group.
    """
    x, y = a[np.isfinite(a)], b[np.isfinite(b)]
    n, m = x.size, y.size
    if n < 2 or m < 2:
        return BrunnerMunzel(float("nan"), float("nan"), float("nan"))
    above, below = _placements(x, y), _placements(y, x)
    va, vb = float(above.var(ddof=1)) / n, float(below.var(ddof=1)) / m
    if not va + vb > 0:
        return BrunnerMunzel(float("nan"), float("nan"), float("nan"))
    t = (float(above.mean()) - 0.5) / sqrt(va + vb)
    df = (va + vb) ** 2 / (va**2 / (n - 1) + vb**2 / (m - 1))
    return BrunnerMunzel(t, df, float(2 * special.stdtr(df, -abs(t))))


def superiority_interval(u: float, n: int, m: int, level: float = LEVEL) -> Interval:
    r"""theta = U/(nm) with Newcombe's interval (his method 5): |theta_hat - theta| = z sqrt(V(theta)) is solved for theta,

    V = theta (1 - theta) [1 + (N - 1) ((1 - theta)/(2 - theta) + theta/(1 + theta))] / (nm), N = (n + m)/2; within 0 to 1, and with a width
    where the groups do not overlap.
    """
    theta, z, half = u / (n * m), float(special.ndtri(0.5 + level / 2)), (n + m) / 2 - 1

    def beyond(at: float) -> float:
        spread = at * (1 - at) * (1 + half * ((1 - at) / (2 - at) + at / (1 + at))) / (n * m)
        return abs(theta - at) - z * sqrt(max(spread, 0.0))

    # the ends 0 and 1 solve the equation, too, where theta lies there: they are left out
    low = 0.0 if theta <= 0 else float(optimize.brentq(beyond, 0.0, min(theta, 1 - 1e-12)))  # type: ignore[arg-type]
    high = 1.0 if theta >= 1 else float(optimize.brentq(beyond, max(theta, 1e-12), 1.0))  # type: ignore[arg-type]
    return Interval(theta, low, high, float("inf"))


def _placements(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of each x, the share of y below it, equal ones counting half."""
    order = np.sort(y)
    return (np.searchsorted(order, x, "left") + np.searchsorted(order, x, "right")) / (2 * y.size)


def _counts(doubled: np.ndarray, n: int) -> np.ndarray:
    """How many choices of n of the doubled midranks have the sum 0, 1, 2, ...: (largest sum + 1,), float for large numbers."""
    largest = int(np.sort(doubled)[-n:].sum())
    ways = np.zeros((n + 1, largest + 1))
    ways[0, 0] = 1.0
    for r in doubled:
        ways[1:, r:] = ways[1:, r:] + ways[:-1, : largest + 1 - r]
    return ways[n]


def _exact_p(ranks: np.ndarray, n: int) -> float:
    """Share of choices of n ranks whose sum lies as far from the mean as that of the first n, both ways."""
    doubled = np.rint(2 * ranks).astype(np.intp)
    ways = _counts(doubled, n)
    centre = n * (len(ranks) + 1)
    far = np.abs(np.arange(ways.size) - centre) >= abs(int(doubled[:n].sum()) - centre)
    return float(min(ways[far].sum() / ways.sum(), 1.0))


def _normal_p(u: float, n: int, m: int, repeated: np.ndarray) -> float:
    """By the normal distribution, corrected for ties and for U's steps."""
    total = n + m
    variance = n * m / 12 * (total + 1 - float((repeated**3.0 - repeated).sum()) / (total * (total - 1)))
    if not variance > 0:
        return 1.0
    z = (abs(u - n * m / 2) - 0.5) / sqrt(variance)
    return float(min(2 * special.ndtr(-z), 1.0))


def _shift(x: np.ndarray, y: np.ndarray, level: float) -> Interval:
    """Hodges and Lehmann; without an interval where even the extreme differences do not reach the level (4 against 3)."""
    apart = np.sort((x[:, None] - y[None, :]).ravel())
    value, k = float(np.median(apart)), _outer(x.size, y.size, (1 - level) / 2)
    if k < 1:
        return Interval(value, float("nan"), float("nan"), 0.0)
    return Interval(value, float(apart[k - 1]), float(apart[-k]), float("inf"))


def _outer(n: int, m: int, tail: float) -> int:
    """The largest k with P(U <= k - 1) <= tail, U of n against m without ties; 0 where there is none."""
    if n + m > EXACT_PEOPLE:
        step = special.ndtri(tail) * sqrt(n * m * (n + m + 1) / 12)
        return max(int(np.floor(n * m / 2 + step)), 0)
    ways = _counts(2 * np.arange(1, n + m + 1), n)[n * (n + 1) :: 2]
    below = np.cumsum(ways) / comb(n + m, n)
    return int(np.searchsorted(below, tail, side="right"))
