"""Drawings of an analysis of change: courses, response means, differences by method, tipping points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.analysis import Courses, Curves, Figure, Forest, Mean
from neuromyo.core.cohort import MONTH_DAYS
from neuromyo.stats.tipping import shifted
from neuromyo.study.change_found import Found
from neuromyo.study.change_models import model_of_group
from neuromyo.study.change_options import Options
from neuromyo.study.missing_visits import Sensitivity
from neuromyo.study.said import capital, change_unit, people, percent
from neuromyo.study.visits import Course

#: variables whose courses are drawn; further ones stand in the tables
MOST_DRAWN = 12


def figures(all_found: Sequence[Found], options: Options) -> list[Figure]:
    """Of the first variables all, and one of response means together."""
    drawn: list[Figure] = []
    for number, found in enumerate(all_found[:MOST_DRAWN], start=1):
        drawn.append(courses(found.course, number, options))
        drawn += [difference_forest(found, number, options)] if found.against else []
        drawn += [
            tipping(found, s, f"change-tipping-{number}-{k}", options) for k, s in enumerate(found.sensitivity, start=1)
        ]
    return [*drawn, *response_forest(all_found, options)]


def courses(one: Course, number: int, options: Options) -> Courses:
    """Everybody's line, with each group's mean by the mixed model."""
    times, axis = _times(one)
    kept = np.flatnonzero(np.isfinite(one.values).any(1))
    typical = np.array(
        [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan for column in times.T]
    )
    means = {}
    for group in one.groups:
        fit = model_of_group(one, group)
        if fit is not None:
            at = [fit.test(row, options.level) for row in np.eye(len(one.visits))]
            means[group] = (typical, *(np.array([getattr(a, name) for a in at]) for name in ("value", "low", "high")))
    ends = {i: one.people[k].end for i, k in enumerate(kept) if one.people[k].end and np.isnan(one.values[k, -1])}
    counts = ", ".join(f"{g} {np.isfinite(one.values[one.of(g)]).any(1).sum()}" for g in one.groups)
    bars = f" Mean of a group: mixed model with {100 * options.level:g} % confidence interval." if means else ""
    return Courses(
        f"change-courses-{number}",
        f"Course of {one.variable.said}",
        times[kept],
        one.values[kept],
        tuple(one.group[kept]),
        tuple(one.labels[k] for k in kept),
        axis,
        one.variable.axis,
        means,
        ends,
        f"A line is a person ({counts}).{bars}",
    )


def _times(one: Course) -> tuple[np.ndarray, str]:
    """Months since each person's baseline where the days are known of every value, else the visit's number."""
    since = one.days - one.days[:, :1]
    if np.isfinite(since[np.isfinite(one.values)]).all():
        return since / MONTH_DAYS, f"months since {one.visits[0]}"
    number = np.arange(len(one.visits), dtype=np.float64)
    return np.tile(number, (len(one.people), 1)), "visit (" + ", ".join(
        f"{k}: {v}" for k, v in enumerate(one.visits)
    ) + ")"


def difference_forest(found: Found, number: int, options: Options) -> Forest:
    """A difference by every method, at the last visit."""
    v, groups = found.course.variable, dict.fromkeys(a.group for a in found.against)
    lines = [
        Mean(a.found.value, a.found.low, a.found.high, f"{a.method}" + f", {g}" * (len(groups) > 1))
        for g in groups
        for a in found.methods(g).values()
        if a.found.known
    ]
    return Forest(
        f"change-difference-{number}",
        f"{capital(v.said)}: change against that of {options.reference}",
        tuple(lines),
        f"difference in change ({change_unit(v.unit)})" if v.unit else "difference in change",
        0.0,
        f"Change from {found.course.visits[0]} to {found.last} less that of {options.reference}, by every method; bars: "
        f"{100 * options.level:g} % confidence intervals.",
    )


def response_forest(all_found: Sequence[Found], options: Options) -> list[Forest]:
    """Response means of all variables and groups, which have no unit and hence one axis."""
    lines = [
        Mean(w.srm.value, w.srm.low, w.srm.high, f"{f.course.variable.said}, {w.group} (n = {w.n})")
        for f in all_found
        for w in f.within
        if w.visit == f.last and w.srm.known
    ]
    if not lines:
        return []
    bars = f"exact {percent(options.level)} confidence intervals"
    caption = f"Mean change over the standard deviation of changes, to the last visit; bars: {bars}."
    return [
        Forest(
            "change-response", "Standardised response means", tuple(lines), "standardised response mean", 0.0, caption
        )
    ]


def tipping(found: Found, one: Sensitivity, id: str, options: Options) -> Curves:
    """The result against how far the missing are shifted."""
    reach = 1.5 * abs(one.points[0]) if one.points else 3 * found.of(one.group).sd
    reach = max(reach, 1.2 * abs(one.delta)) if np.isfinite(one.delta) else reach
    x = np.linspace(-reach, reach, 81)
    at = shifted(one.found, one.missing, one.n, x, options.level)
    unit = f" ({change_unit(found.course.variable.unit)})" if found.course.variable.unit else ""
    result = f"change of {one.group}" + f" less that of {one.reference}" * bool(one.reference)
    return Curves(
        id,
        f"{capital(found.course.variable.said)}: what missing values would have to be",
        x,
        {result: at.value},
        f"shift of each missing person{unit}",
        f"{result}{unit}",
        {result: (at.low, at.high)},
        0.0,
        one.points[0] if one.points else None,
        f"{people(one.missing)} of {one.n} in {one.group} without a value at {one.visit}. At 0 they went on as people who were "
        f"alike before; band: {100 * options.level:g} % confidence interval.",
    )
