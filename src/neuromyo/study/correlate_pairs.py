"""One imaging value against one clinical value: every number about the pair that `correlate` tells."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from scipy import special

from neuromyo.core.cohort import Variable
from neuromyo.stats import bootstrap
from neuromyo.stats.correlation import Correlation, PermutationP, complete, partial, pearson, permutation_p, spearman
from neuromyo.stats.coverage import Coverage, coverage, method_for
from neuromyo.stats.intervals import UNKNOWN, Interval
from neuromyo.stats.normality import influence
from neuromyo.study.correlate_people import Chosen

#: fewer people than this have no correlation here
FEWEST = 4


@dataclass(frozen=True, eq=False)
class Pair:
    """x against y.

    r, order, rho, held : Pearson's, its p by orders, Spearman's, and Pearson's with covariates held (None where none are)
    resampled : the bootstrap's interval of r, unknown where its coverage was not measured
    slope : of y on x, in y's unit per x's
    without : smallest and largest r when one person is left out; changes : whether that moves p across 1 - level
    who : the person with the largest Cook's distance
    p, adjusted : by the method asked for; and adjusted over all pairs
    """

    x: Variable
    y: Variable
    people: tuple[str, ...]
    points: np.ndarray
    r: Correlation
    order: PermutationP
    rho: Correlation
    held: Correlation | None
    resampled: Interval
    slope: Interval
    without: tuple[float, float]
    changes: bool
    who: str
    p: float
    adjusted: float = nan

    @property
    def n(self) -> int:
        """People who have both."""
        return len(self.people)

    @property
    def known(self) -> bool:
        """Whether there is a correlation at all."""
        return isfinite(self.r.r)


def pair(chosen: Chosen, x: Variable, y: Variable, method: str, level: float, repeats: int, seed: int) -> Pair:
    """All about one pair; ``adjusted`` comes later, from all pairs."""
    a, b = chosen.values(x), chosen.values(y)
    both = np.isfinite(a) & np.isfinite(b)
    people = tuple(str(p) for p in chosen.cohort.person[both])
    u, v = complete(a, b)
    if len(u) < FEWEST:
        return _without_numbers(x, y, people, np.column_stack([u, v]))
    r, order = pearson(u, v, level), permutation_p(u, v, repeats, seed)
    rho = spearman(u, v, level, repeats, seed)
    held = partial(a, b, chosen.held, level) if chosen.held is not None else None
    p = {"pearson": r.p, "permutation": order.p, "spearman": rho.p, "partial": held.p if held else nan}[method]
    without, changes, who = _influence(u, v, people, r, 1 - level)
    return Pair(x, y, people, np.column_stack([u, v]), r, order, rho, held, _resampled(u, v, r, level, repeats, seed),
                line(u, v, level), without, changes, who, p)  # fmt: skip


def covered(n: int) -> Coverage:
    """The measured coverage of the bootstrap's interval of r for n people."""
    return coverage(method_for("correlation"), n, "correlation")


def line(x: np.ndarray, y: np.ndarray, level: float) -> Interval:
    """The least-squares slope of y on x, interval by t."""
    a, b = x - x.mean(), y - y.mean()
    xx, n = float(a @ a), len(x)
    if not xx > 0:
        return UNKNOWN
    slope = float(a @ b) / xx
    half = float(special.stdtrit(n - 2, 0.5 + level / 2)) * np.sqrt(float(((b - slope * a) ** 2).sum()) / (n - 2) / xx)
    return Interval(slope, slope - half, slope + half, n - 2)


def band(x: np.ndarray, y: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The line over the range of x with the band of its mean: (x, y, low, high), each (41,)."""
    a, b, n = x - x.mean(), y - y.mean(), len(x)
    xx = float(a @ a)
    slope = float(a @ b) / xx
    at = np.linspace(x.min(), x.max(), 41)
    middle = y.mean() + slope * (at - x.mean())
    square = float(((b - slope * a) ** 2).sum()) / (n - 2)
    half = float(special.stdtrit(n - 2, 0.5 + level / 2)) * np.sqrt(square * (1 / n + (at - x.mean()) ** 2 / xx))
    return at, middle, middle - half, middle + half


def _resampled(u: np.ndarray, v: np.ndarray, r: Correlation, level: float, repeats: int, seed: int) -> Interval:
    if not isfinite(r.r) or not covered(len(u)).datasets:
        return UNKNOWN
    return bootstrap.interval("correlation", np.column_stack([u, v]), repeats, seed, level)[0]


def _influence(
    u: np.ndarray, v: np.ndarray, people: tuple[str, ...], r: Correlation, alpha: float
) -> tuple[tuple[float, float], bool, str]:
    if not isfinite(r.r):
        return (nan, nan), False, ""
    found = influence(u, v)
    rest = found.r_without
    if not np.isfinite(rest).all():  # one person makes all the spread
        return (nan, nan), True, people[int(np.argmax(~np.isfinite(rest)))]
    df = len(u) - 3
    square = np.clip(1 - rest**2, 1e-300, None)
    p = 2 * special.stdtr(df, -np.abs(rest) * np.sqrt(df / square)) if df > 0 else np.ones(len(u))
    changes = bool(((p < alpha) != (r.p < alpha)).any()) if isfinite(r.p) else False
    return (float(rest.min()), float(rest.max())), changes, people[found.most]


def _without_numbers(x: Variable, y: Variable, people: tuple[str, ...], points: np.ndarray) -> Pair:
    none = Correlation(nan, nan, nan, nan, len(people), nan, 0)
    return Pair(
        x,
        y,
        people,
        points,
        none,
        PermutationP(nan, False, 0),
        none,
        None,
        UNKNOWN,
        UNKNOWN,
        (nan, nan),
        False,
        "",
        nan,
    )
