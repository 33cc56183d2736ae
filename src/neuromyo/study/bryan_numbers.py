"""The numbers of the analysis of 1998, and of what it could not show, from (n, 2) values of people at two visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuromyo.stats.correlation import Correlation, pearson, spearman
from neuromyo.stats.dependent import Comparison, williams
from neuromyo.stats.effect_size import hedges_g
from neuromyo.stats.intervals import Interval, mean_interval, share_interval
from neuromyo.stats.linear import Fit, full_rank, least_squares
from neuromyo.stats.normality import influence
from neuromyo.stats.two_samples import TTest, student, welch

#: fewest people for a correlation with an interval
FEWEST = 4


@dataclass(frozen=True, eq=False)
class Values:
    """By role's key, (n, 2): at the first visit and the later one, NaN where missing; ``ill`` (n,); labels of the people."""

    of: Mapping[str, np.ndarray]
    ill: np.ndarray
    labels: tuple[str, ...]

    def first(self, key: str, ill: bool | None = None) -> np.ndarray:
        """(n,) at the first visit, of one group where ``ill`` is said."""
        return self.of[key][self._who(ill), 0]

    def change(self, key: str, ill: bool | None = None) -> np.ndarray:
        """(n,) later less first."""
        own = self.of[key][self._who(ill)]
        return own[:, 1] - own[:, 0]

    def _who(self, ill: bool | None) -> np.ndarray:
        return np.ones(len(self.ill), dtype=bool) if ill is None else self.ill == ill


@dataclass(frozen=True)
class Groups:
    """Patients against controls in one variable."""

    key: str
    means: tuple[Interval, Interval]
    sds: tuple[float, float]
    welch: TTest
    student: TTest
    g: Interval


@dataclass(frozen=True)
class Readings:
    """How many were called abnormal, of how many, with exact intervals; p by Fisher's exact test."""

    patients: tuple[int, int]
    controls: tuple[int, int]
    share_patients: Interval
    share_controls: Interval
    p: float


@dataclass(frozen=True)
class Pair:
    """Two variables in the patients: at the first visit, or their changes. ``without``: smallest and largest r when one person is left
    out, and p of whichever of these r is nearest to zero."""

    x: str
    y: str
    changes: bool
    r: Correlation
    ranks: Correlation
    without: tuple[float, float]
    p_without: float
    person: str


@dataclass(frozen=True)
class Change:
    """Mean change of one variable with its interval, and the mean over the sd of changes."""

    key: str
    ill: bool
    mean: Interval
    srm: float
    n: int


@dataclass(frozen=True)
class Rival:
    """Whether one marker follows y more closely than another (both turned so that they rise together with it)."""

    y: str
    better: str
    worse: str
    sizes: tuple[float, float]
    comparison: Comparison
    n: int


@dataclass(frozen=True, eq=False)
class Explained:
    """Global T2 as a sum: b0 + b1 water T2 + b2 fat. ``share``: of the variance, by predictor, the mean over both orders of entering."""

    changes: bool
    who: str
    fit: Fit
    slopes: tuple[Interval, Interval]
    share: tuple[float, float]
    alone: tuple[float, float]
    r_squared: float
    n: int


def groups(values: Values, key: str, level: float) -> Groups:
    """Patients less controls at the first visit."""
    a, b = (_finite(values.first(key, ill)) for ill in (True, False))
    sds = (_sd(a), _sd(b))
    return Groups(key, (mean_interval(a, level=level), mean_interval(b, level=level)), sds, welch(a, b, level),
                  student(a, b, level), hedges_g(a, b, level))  # fmt: skip


def readings(abnormal: Mapping[str, bool], values: Values, level: float) -> Readings | None:
    """None where nobody was read."""
    counts = []
    for ill in (True, False):
        own = [abnormal[p] for p, i in zip(values.labels, values.ill, strict=True) if bool(i) is ill and p in abnormal]
        counts.append((sum(own), len(own)))
    (a, n), (b, m) = counts
    if not n:
        return None
    p = _fisher(a, n, b, m) if m else float("nan")
    return Readings((a, n), (b, m), share_interval(a, n, level), share_interval(b, m, level), p)


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Fisher's exact p of a of n against b of m: of all tables with these margins, those no likelier than this one."""
    counts = np.arange(max(0, a + b - m), min(n, a + b) + 1)
    chance = stats.hypergeom.pmf(counts, n + m, n, a + b)
    return min(1.0, float(chance[chance <= chance[counts == a] * (1 + 1e-9)].sum()))


def pair(values: Values, x: str, y: str, changes: bool, level: float, repeats: int, seed: int) -> Pair | None:
    """None with too few patients."""
    take = values.change if changes else values.first
    a, b = take(x, True), take(y, True)
    both = np.isfinite(a) & np.isfinite(b)
    r = pearson(a, b, level)
    if both.sum() < FEWEST or not np.isfinite(r.r):
        return None
    others = influence(a[both], b[both]).r_without
    least = int(np.nanargmin(np.abs(others)))
    who = [p for p, i in zip(values.labels, values.ill, strict=True) if i]
    person = [p for p, k in zip(who, both, strict=True) if k][least]
    kept = np.delete(np.flatnonzero(both), least)
    alone = pearson(a[kept], b[kept], level)
    span = (float(np.nanmin(others)), float(np.nanmax(others)))
    return Pair(x, y, changes, r, spearman(a, b, level, repeats, seed), span, alone.p, person)


def change(values: Values, key: str, ill: bool, level: float) -> Change:
    """How much one variable changed."""
    d = _finite(values.change(key, ill))
    sd = float(d.std(ddof=1)) if d.size > 1 else float("nan")
    return Change(
        key, ill, mean_interval(d, level=level), float(d.mean()) / sd if d.size > 1 and sd > 0 else float("nan"), d.size
    )


def rival(values: Values, y: str, one: str, other: str, level: float) -> Rival | None:
    """Two markers at the first visit, the one that follows ``y`` more closely against the other; None with too few patients."""
    columns = np.column_stack([values.first(k, True) for k in (y, one, other)])
    columns = columns[np.isfinite(columns).all(axis=1)]
    n = len(columns)
    if n < FEWEST or not (np.ptp(columns, axis=0) > 0).all():
        return None
    r = np.corrcoef(columns.T)
    signs = np.where(r[0, 1:] < 0, -1.0, 1.0)
    sizes, between = np.abs(r[0, 1:]), float(r[1, 2] * signs.prod())
    order = (0, 1) if sizes[0] >= sizes[1] else (1, 0)
    a, b = float(sizes[order[0]]), float(sizes[order[1]])
    names = (one, other)
    return Rival(y, names[order[0]], names[order[1]], (a, b), williams(a, b, between, n, level), n)


def explained(values: Values, changes: bool, ill: bool | None, level: float) -> Explained | None:
    """Global T2 by water T2 and fat; None where these were not measured in enough people, or do not differ."""
    keys = ("t2", "water_t2", "fat")
    if any(k not in values.of for k in keys):
        return None
    take = values.change if changes else values.first
    rows = np.column_stack([take(k, ill) for k in keys])
    rows = rows[np.isfinite(rows).all(axis=1)]
    X = np.column_stack([np.ones(len(rows)), rows[:, 1:]])
    if len(rows) < FEWEST + 1 or not full_rank(X) or not np.ptp(rows[:, 0]) > 0:
        return None
    fit = least_squares(X, rows[:, 0])
    water, fat = (_r_squared(rows[:, 0], X[:, [0, k]]) for k in (1, 2))
    both = _r_squared(rows[:, 0], X)
    share = ((water + both - fat) / 2, (fat + both - water) / 2)
    one = np.eye(3)
    who = {True: "patients", False: "controls", None: "everybody"}[ill]
    slopes = (fit.interval(one[1], level), fit.interval(one[2], level))
    return Explained(changes, who, fit, slopes, share, (water, fat), both, len(rows))


def _r_squared(y: np.ndarray, X: np.ndarray) -> float:
    left = least_squares(X, y).residuals
    return 1.0 - float(left @ left) / float(((y - y.mean()) ** 2).sum())


def _sd(x: np.ndarray) -> float:
    return float(x.std(ddof=1)) if x.size > 1 else float("nan")


def _finite(x: np.ndarray) -> np.ndarray:
    return x[np.isfinite(x)]
