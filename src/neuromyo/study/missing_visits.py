"""Who was not seen, why, whether they had begun otherwise, and what they would have to have been for a result to turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.stats.estimates import NOT_KNOWN, Estimate
from neuromyo.stats.mixed import mmrm
from neuromyo.stats.tipping import shifted, tipping_points
from neuromyo.study.visits import Course


@dataclass(frozen=True, slots=True)
class Seen:
    """Of ``enrolled`` people of a group, ``measured`` at a visit; of the others why not: (word, how many)."""

    group: str
    visit: str
    enrolled: int
    measured: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who did not come to the last visit."""

    label: str
    group: str
    last: str
    last_days: float
    reason: str
    end_days: float


@dataclass(frozen=True, slots=True)
class AtStart:
    """First values of those without a value at the last visit, less those of people with one."""

    group: str
    n_stayed: int
    n_left: int
    stayed: float
    left: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A result of the mixed model, and what it takes to turn it: ``points``, the deltas at which its interval touches 0 (nearest
    first), and ``shifted`` by the delta asked for."""

    group: str
    reference: str
    visit: str
    missing: int
    n: int
    found: Estimate
    points: tuple[float, ...]
    delta: float
    shifted: Estimate


def why(one: Course, person: int, visit: int) -> str:
    """Why there is no value of a person at a visit."""
    who = one.people[person]
    if one.came[person, visit]:
        return "came, not measured"
    usual = one.days[:, visit]
    planned = float(np.median(usual[np.isfinite(usual)])) if np.isfinite(usual).any() else np.nan
    if who.end and not who.end_days > planned:
        return who.end
    if one.came[person, visit:].any() or one.came_after[person]:
        return "visit missed"
    return "not seen again" if one.came[person].any() else "never came"


def seen(one: Course) -> list[Seen]:
    """Every group at every visit."""
    found = []
    for group in one.groups:
        rows = np.flatnonzero(one.of(group)).tolist()
        for k, visit in enumerate(one.visits):
            missing = [i for i in rows if not np.isfinite(one.values[i, k])]
            reasons = Counter(why(one, i, k) for i in missing)
            found.append(Seen(group, visit, len(rows), len(rows) - len(missing), tuple(sorted(reasons.items()))))
    return found


def leavers(one: Course) -> list[Leaver]:
    """Who came at first, but not to the last visit."""
    found = []
    for i, who in enumerate(one.people):
        if one.came[i].any() and not one.came[i, -1]:
            last = int(np.flatnonzero(one.came[i])[-1])
            reason = why(one, i, len(one.visits) - 1)
            found.append(
                Leaver(who.label, str(one.group[i]), one.visits[last], float(one.days[i, last]), reason, who.end_days)
            )
    return found


def at_start(one: Course, level: float) -> list[AtStart]:
    """Of every group in which somebody measured at first has no value at the last visit."""
    found = []
    for group in one.groups:
        first, gone = one.values[one.of(group), 0], np.isnan(one.values[one.of(group), -1])
        known = np.isfinite(first)
        first, gone = first[known], gone[known]
        if gone.any() and not gone.all():
            found.append(
                AtStart(
                    group,
                    int((~gone).sum()),
                    int(gone.sum()),
                    float(first[~gone].mean()),
                    float(first[gone].mean()),
                    _welch(first, gone, level),
                )
            )
    return found


def _welch(values: np.ndarray, inside: np.ndarray, level: float) -> Estimate:
    if min(inside.sum(), (~inside).sum()) < 2:
        return NOT_KNOWN
    X = np.stack([np.ones(values.size), inside], -1)[:, None]
    return mmrm(values[:, None], X, inside.astype(int)).test(np.array([0.0, 1.0]), level)


def sensitivity(
    one: Course, group: str, reference: str, found: Estimate, counted: np.ndarray, delta: float | None, level: float
) -> Sensitivity | None:
    """Of a result at the last visit, in which the people ``counted`` (n,) entered; None where nobody of the group is missing
    then, or the model gave nothing."""
    values = one.values[one.of(group) & counted]
    values = values[np.isfinite(values).any(1)]
    missing = int(np.isnan(values[:, -1]).sum()) if len(values) else 0
    if not missing or not found.known:
        return None
    points = tipping_points(found, missing, len(values), level)
    moved = NOT_KNOWN if delta is None else shifted(found, missing, len(values), delta, level)
    return Sensitivity(
        group, reference, one.visits[-1], missing, len(values), found, points, np.nan if delta is None else delta, moved
    )


def everybody_left(one: Course, visits: Sequence[int]) -> bool:
    """Whether nobody has both a first value and one at any of these visits."""
    return not any(np.isfinite(one.change(k)).any() for k in visits)
