"""The drawings of a comparison of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.analysis import Along, Dots, Figure, Forest, Mean
from neuromyo.core.cohort import Variable
from neuromyo.stats.intervals import mean_interval
from neuromyo.study.group_covariates import titled
from neuromyo.study.group_profiles import Profile
from neuromyo.study.group_tests import Comparison
from neuromyo.study.said import capital, listed

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

#: no more than so many variables are drawn dot by dot: those with the smallest p
MOST_DOTS = 12
#: lines of one forest
MOST_LINES = 60


def figures(found: Compared) -> tuple[Figure, ...]:
    """Effect sizes of all variables, the values themselves, and profiles."""
    return (
        *_forests(found),
        *_dots(found),
        *(_along(found, p, k) for k, p in enumerate(found.profiles) if p.result is not None),
    )


def _forests(found: Compared) -> list[Forest]:
    several = len(found.setting.compared) > 1
    known = [c for c in found.comparisons if c.effect.g.known]
    lines = tuple(
        Mean(c.effect.g.value, c.effect.g.low, c.effect.g.high, c.variable.said + f", {c.compared}" * several)
        for c in known
    )
    caption = (
        f"Hedges g of {listed(found.setting.compared)} against {found.setting.reference}: the difference of means in "
        "standard deviations. "
        f"Bars: {100 * found.options.level:g} % confidence intervals, of each variable alone."
    )
    parts = [lines[i : i + MOST_LINES] for i in range(0, len(lines), MOST_LINES)]
    return [
        Forest(
            f"group-effects-{k + 1}" if len(parts) > 1 else "group-effects",
            "Differences in standard deviations",
            part,
            "Hedges g",
            0.0,
            caption,
        )
        for k, part in enumerate(parts)
    ]


def _dots(found: Compared) -> list[Dots]:
    smallest: dict[str, tuple[float, Comparison]] = {}
    for c in found.comparisons:
        p = c.p if np.isfinite(c.p) else 2.0
        if c.variable.name not in smallest or p < smallest[c.variable.name][0]:
            smallest[c.variable.name] = (p, c)
    ordered = sorted(smallest.values(), key=lambda one: one[0])[:MOST_DOTS]
    left = len(smallest) - len(ordered)
    return [_dots_of(found, c.variable, k, left) for k, (_, c) in enumerate(ordered)]


def _dots_of(found: Compared, variable: Variable, k: int, left: int) -> Dots:
    groups = {g: found.setting.values(variable, g) for g in found.setting.groups}
    level = found.options.level
    means = {}
    for g, x in groups.items():
        one = mean_interval(x, level=level)
        means[g] = Mean(one.value, one.low, one.high, g)
    n = ", ".join(f"{g} n = {x.size}" for g, x in groups.items())
    more = f" {left} further variables with larger p are in the tables." if left and k == 0 else ""
    caption = f"Each dot is a person ({n}). Beside: mean and its {100 * level:g} % confidence interval.{more}"
    return Dots(f"group-{k + 1}", capital(variable.said), groups, means, variable.axis, caption)


def _along(found: Compared, p: Profile, k: int) -> Along:
    means = {
        p.reference: _band(p.values[~p.in_a], found.options.level),
        p.compared: _band(p.values[p.in_a], found.options.level),
    }
    marked = p.significant(found.options.level)
    n_a, n_b = (int(n.max()) for n in p.counts())
    words = (
        ""
        if p.place_unit or p.variables[0].level == f"{p.places[0]:g}"
        else " Levels: " + ", ".join(v.level for v in p.variables) + "."
    )
    held = f" at the same {listed(titled(found.covariates.names))}" * bool(found.covariates.columns)
    said = (
        f"Marked: levels where the groups differ{held}, over all levels (max-T)."
        if marked.any()
        else f"The groups differ at no level{held} (max-T)."
    )
    caption = (
        f"Mean by group with its {100 * found.options.level:g} % confidence interval, level by level ({p.compared} n = {n_a}, "
        f"{p.reference} n = {n_b} "
        f"at most). {said}{words}"
    )
    axis = f"level ({p.place_unit})" if p.place_unit else "level"
    return Along(
        f"group-profile-{k + 1}",
        capital(p.said),
        p.places,
        means,
        marked,
        axis,
        f"{p.said} ({p.unit})" if p.unit else p.said,
        caption,
    )


def _band(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = [mean_interval(x, level=level) for x in values.T]
    return tuple(np.array([getattr(f, end) for f in found]) for end in ("value", "low", "high"))  # type: ignore[return-value]
