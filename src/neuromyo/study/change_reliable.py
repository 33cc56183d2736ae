"""Whose change is more than measuring twice makes of no change: the limit, and how many are beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.stats.intervals import Interval, share_interval
from neuromyo.stats.responsiveness import Repeating, repeating
from neuromyo.study.change_options import Options
from neuromyo.study.visits import Course


@dataclass(frozen=True, slots=True)
class Limit:
    """The change of one variable that measuring alone seldom makes, and where it comes from."""

    repeating: Repeating
    source: str
    given: bool

    @property
    def size(self) -> float:
        """In the variable's unit; NaN where it is not known."""
        return self.repeating.limit


@dataclass(frozen=True, slots=True)
class Reliable:
    """Of a group's n people with a change to ``visit``: how many rose or fell by more than the limit."""

    group: str
    visit: str
    n: int
    rose: int
    fell: int
    share: Interval
    limit: Limit


def given_wsd(options: Options, names: tuple[str, ...]) -> dict[str, float]:
    """wSD by variable, from ``NAME=NUMBER`` or one number; E-OPTION where that cannot be read, E-UNKNOWN for a name not analysed."""
    found = {}
    for text in options.retest_wsd:
        name, _, said = text.rpartition("=")
        if not name and len(names) == 1:
            name = names[0]
        try:
            value = float(said)
        except ValueError:
            value = float("nan")
        if not name or not value > 0 or not np.isfinite(value):
            raise OptionError(
                "E-OPTION",
                where="option retest_wsd",
                needed="NAME=NUMBER above 0, or one number for one variable",
                found=repr(text),
                remedy="write for example T2/tibialis-anterior/right=0.5",
            )
        if name not in names:
            raise OptionError(
                "E-UNKNOWN",
                where="option retest_wsd",
                needed="a variable of this analysis",
                found=name,
                remedy=f"there are: {', '.join(names[:8])}",
            )
        found[name] = value
    return found


def limit_of(one: Course, visit: int, given: dict[str, float], reference: str) -> Limit | None:
    """From a study of repeats where one was given; otherwise from the changes of at least three of the reference group."""
    name = one.variable.name
    if name in given:
        return Limit(Repeating(given[name]), "a study of repeats", True)
    d = one.change(visit)[one.of(reference)]
    found = repeating(d)
    if found.df < 3 or not found.wsd > 0:
        return None
    source = f"changes of {found.df:.0f} people of the group {reference} between the same visits"
    return Limit(found, source, False)


def reliable(one: Course, group: str, visit: int, limit: Limit, level: float) -> Reliable:
    """How many of a group are beyond the limit."""
    d = one.change(visit)[one.of(group)]
    d = d[np.isfinite(d)]
    rose, fell = int((d > limit.size).sum()), int((d < -limit.size).sum())
    return Reliable(group, one.visits[visit], d.size, rose, fell, share_interval(rose + fell, d.size, level), limit)


def verdict(change: float, limit: Limit | None) -> str | None:
    """``rose``, ``fell``, or ``within error``; None where it cannot be told."""
    if limit is None or not np.isfinite(change):
        return None
    return "within error" if abs(change) <= limit.size else "rose" if change > 0 else "fell"
