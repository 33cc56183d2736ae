"""Does one thing change as another does: changes of two variables in the same people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import Scatter
from neuromyo.stats.correlation import Correlation, PermutationP, pearson, permutation_p
from neuromyo.stats.mixed import mmrm
from neuromyo.study.change_options import Options
from neuromyo.study.said import capital, change_unit, r_number
from neuromyo.study.visits import Course


@dataclass(frozen=True, eq=False)
class Pair:
    """Changes x and y (n,) of one group's people who have both, from the baseline to ``visit``."""

    x: Course
    y: Course
    group: str
    visit: str
    changes: np.ndarray
    labels: tuple[str, ...]
    r: Correlation
    permuted: PermutationP

    @property
    def title(self) -> str:
        """Of both."""
        return f"change in {self.y.variable.said} against change in {self.x.variable.said}"


def pair(x: Course, y: Course, group: str, visit: str, options: Options) -> Pair:
    """Two courses of the same people, to a visit that both have."""
    rows = x.of(group)
    both = np.stack([x.change(x.visits.index(visit)), y.change(y.visits.index(visit))], -1)[rows]
    known = np.asarray(np.isfinite(both).all(1))
    labels = tuple(label for label, inside in zip(np.array(x.labels, dtype=object)[rows], known, strict=True) if inside)
    changes = both[known]
    permuted = permutation_p(changes[:, 0], changes[:, 1], options.repeats, options.seed)
    return Pair(x, y, group, visit, changes, labels, pearson(changes[:, 0], changes[:, 1], options.level), permuted)


def scatter(one: Pair, number: int, level: float) -> Scatter:
    """A dot a person, the straight line and its band."""
    x, y = one.changes.T
    caption = (
        f"Change from {one.x.visits[0]} to {one.visit} in {one.group}, n = {one.r.n}: r = {r_number(one.r.r)}. Line: least squares "
        f"with its {100 * level:g} % band."
    )
    return Scatter(
        f"change-pair-{number}",
        capital(one.title),
        x,
        y,
        _axis(one.x),
        _axis(one.y),
        (one.group,) * x.size,
        one.labels,
        _line(x, y, level),
        caption,
    )


def _axis(one: Course) -> str:
    unit = change_unit(one.variable.unit)
    return f"change in {one.variable.said}" + f" ({unit})" * bool(unit)


def _line(x: np.ndarray, y: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    if x.size < 3 or np.ptp(x) == 0:
        return None
    centre = x.mean()
    fit = mmrm(y[:, None], np.stack([np.ones(x.size), x - centre], -1)[:, None])
    at = np.linspace(x.min(), x.max(), 41)
    on = [fit.test(np.array([1.0, a - centre]), level) for a in at]
    return at, np.array([f.value for f in on]), np.array([f.low for f in on]), np.array([f.high for f in on])
