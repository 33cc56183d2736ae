"""The numbers of a chain: how closely its links go together, and, with people enough, its effects as a path model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neuromyo.stats import paths
from neuromyo.stats.correlation import from_r
from neuromyo.stats.intervals import Interval
from neuromyo.study.chain_join import Limbs, Marker, Route

#: fewer people than this are described by correlations, not modelled
PEOPLE = 30
#: fewer than this have no correlation
FEWEST = 4


@dataclass(frozen=True, eq=False)
class Link:
    """How closely two markers of a route go together in the limbs that have both; covariates held. r unknown of fewer than four people."""

    route: Route
    start: Marker
    end: Marker
    neighbours: bool
    r: Interval
    n_people: int
    n_limbs: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.r.known and (self.r.low > 0 or self.r.high < 0)


@dataclass(frozen=True, eq=False)
class Effect:
    """A standardised effect. kind : ``direct`` (of a marker on a later one, those between held), ``along`` (the product of all steps of
    the chain), ``indirect`` (all that runs through those between), ``total``"""

    kind: str
    markers: tuple[Marker, ...]
    size: Interval

    @property
    def sure(self) -> bool:
        return self.size.known and (self.size.low > 0 or self.size.high < 0)


@dataclass(frozen=True, eq=False)
class Model:
    """A path model through one marker of each stage; ``explained``: share of each marker's variance that the earlier ones and the
    covariates explain.

    decisive : (who, the total effect without that person) where one person makes or halves it
    """

    route: Route
    markers: tuple[Marker, ...]
    effects: tuple[Effect, ...]
    explained: tuple[float, ...]
    n_people: int
    n_limbs: int
    decisive: tuple[str, float] | None = None


def links(route: Route, limbs: Limbs, level: float) -> list[Link]:
    """The correlation of each two markers of different stages of a route."""
    return [_link(route, a, b, near, limbs, level) for a, b, near in route.links()]


def _link(route: Route, start: Marker, end: Marker, near: bool, limbs: Limbs, level: float) -> Link:
    person, table, given = limbs.complete((start, end))
    people = len(set(person))
    r = correlation(table[:, 0], table[:, 1], given, people, level) if people >= FEWEST else _unknown()
    return Link(route, start, end, near, r, people, len(person))


def correlation(x: np.ndarray, y: np.ndarray, given: np.ndarray, people: int, level: float) -> Interval:
    """Pearson's r, covariates (n, k) held, with Fisher's interval. Rows are counted as people: two limbs of one are not two people, so
    with both limbs the interval is rather too wide."""
    design = np.column_stack([np.ones(len(x)), given])
    rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    size = [float(np.sqrt(v @ v)) for v in rest]
    flat = [
        s <= 1e-10 * max(float(np.abs(v).max()), 1e-300) * np.sqrt(len(v)) for s, v in zip(size, (x, y), strict=True)
    ]
    if any(flat):
        return _unknown()
    r = float(np.clip(rest[0] @ rest[1] / (size[0] * size[1]), -1.0, 1.0))
    found = from_r(r, people, level, given.shape[1])
    return Interval(found.r, found.low, found.high, found.df)


def people_of(limbs: Limbs, markers: Sequence[Marker]) -> int:
    """How many people have all of the markers in a limb."""
    return len(set(limbs.complete(markers)[0]))


def model(
    route: Route, markers: tuple[Marker, ...], limbs: Limbs, repeats: int, seed: int, level: float
) -> Model | None:
    """The path model of the limbs that have all of the markers; None where one of them does not vary, or follows from the others."""
    person, table, given = limbs.complete(markers)
    if (np.ptp(table, axis=0) == 0).any():
        return None
    found = paths.by_people(table, given if given.shape[1] else None, person, repeats, seed)
    if not np.isfinite(found.whole.direct).all():
        return None
    last = len(markers) - 1

    def effect(kind: str, used: tuple[int, ...], of: Callable[[paths.Paths], np.ndarray]) -> Effect:
        return Effect(kind, tuple(markers[i] for i in used), paths.interval(found, of, level))

    out = [effect("direct", pair, lambda p, pair=pair: p.direct[..., pair[1], pair[0]])
           for pair in combinations(range(last + 1), 2)]  # fmt: skip
    if last > 1:
        every = tuple(range(last + 1))
        out.append(effect("along", every, lambda p: p.through(every)))
        out.append(effect("indirect", (0, last), lambda p: p.indirect(0, last)))
        out.append(effect("total", (0, last), lambda p: p.total[..., last, 0]))
    explained = tuple(float(x) for x in found.whole.explained)
    return Model(route, markers, tuple(out), explained, found.n_people, len(person), _decisive(found, person, last))


def _decisive(found: paths.Resampled, person: np.ndarray, last: int) -> tuple[str, float] | None:
    """The person without whom the total effect changes most, where it then loses half of its size or more, or changes sign."""
    total, without = float(found.whole.total[last, 0]), found.left_out.total[:, last, 0]
    at = int(np.argmax(np.abs(without - total)))
    kept = float(without[at]) / total if total else 0.0
    return (str(np.unique(person)[at]), float(without[at])) if kept < 0.5 else None


def _unknown() -> Interval:
    return Interval(float("nan"), float("nan"), float("nan"), 0.0)
