"""All visits at once: do two values move together within people, and do people who have more of one have more of the other?"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from neuromyo.core.analysis import Analysis, Cell, Figure, Scatter, Table, columns, few
from neuromyo.core.cohort import Variable
from neuromyo.core.errors import DataError, Finding
from neuromyo.stats.correlation import Correlation
from neuromyo.stats.multiplicity import adjust
from neuromyo.stats.repeated import between, slope, within
from neuromyo.study.cells import cell
from neuromyo.study.correlate_care import crossed
from neuromyo.study.correlate_drawn import MOST_DRAWN
from neuromyo.study.correlate_people import Chosen
from neuromyo.study.correlate_told import CORRECTIONS, EXPLORATORY
from neuromyo.study.said import alpha_text, capital, number, p_text, people, r_number, r_text

#: a drawing tells no more people apart than these
MOST_TOLD_APART = 12
METHODS = (
    "Values of several visits were correlated within people, each person having a level of his or her own (Bland and Altman 1995, "
    "doi:10.1136/bmj.310.6977.446), and between people by their means, weighted by the number of visits (Bland and Altman 1995, "
    "doi:10.1136/bmj.310.6980.633)."
)


@dataclass(frozen=True, eq=False)
class Course:
    """x against y over visits: within people, its slope in y's unit per x's, between people, and how many came twice."""

    x: Variable
    y: Variable
    inside: Correlation
    slope: float
    across: Correlation
    people: int
    adjusted: float = nan


def analyse(chosen: Chosen, title: str, level: float, correction: str) -> Analysis:
    """The correlations within people; E-PEOPLE where nobody came twice."""
    found = [_course(chosen, x, y, level) for x, y in chosen.pairs]
    known = [one for one in found if isfinite(one.inside.r)]
    if not known:
        most = max(found, key=lambda one: one.people)
        raise DataError("E-PEOPLE", where=f"{most.x.name} and {most.y.name}", needed="at least three people with both values at two visits "
                        "or more, and values that change", found=f"{most.people} of {chosen.whom}",
                        remedy="leave out repeated, or add visits")  # fmt: skip
    adjusted = adjust([one.inside.p for one in found], correction)
    top = min(known, key=lambda one: one.inside.p if isfinite(one.inside.p) else 2.0)
    n = max(one.people for one in found)
    return Analysis("correlate", title, _summary(top, known, adjusted, level, correction, chosen),
                    (_table(found, adjusted, level, correction, chosen),), _figures(known, chosen),
                    (METHODS, f"p values were corrected by: {CORRECTIONS[correction]}."), tuple(_findings(found, chosen, n)),
                    exploratory=n < EXPLORATORY)  # fmt: skip


def _course(chosen: Chosen, x: Variable, y: Variable, level: float) -> Course:
    a, b, who = chosen.values(x), chosen.values(y), chosen.cohort.person
    both = np.isfinite(a) & np.isfinite(b)
    people = int((np.unique(who[both].astype(str), return_counts=True)[1] > 1).sum())
    inside = within(a, b, who, level) if people >= 3 else Correlation(nan, nan, nan, nan, 0, nan, 0)
    return Course(x, y, inside, slope(a, b, who), between(a, b, who, level), people)


def _summary(
    top: Course, known: list[Course], adjusted: np.ndarray, level: float, correction: str, chosen: Chosen
) -> tuple[str, ...]:
    r, way = top.inside, "fell" if top.inside.r < 0 else "rose"
    unit = f"{top.y.unit or 'points'} per {top.x.unit or 'point'}"
    first = (
        f"Within people ({top.people} with two visits or more of {chosen.whom}, {r.n} visits in all), "
        f"{top.y.said} {way} when {top.x.said} rose: "
        f"r = {r_text(r.r, r.low, r.high, level)}, {p_text(r.p)}, {number(top.slope, unit=unit)}."
    )
    across = top.across
    second = (f"Between people ({across.n} means): r = {r_text(across.r, across.low, across.high, level)}, {p_text(across.p)}."
              if isfinite(across.r) else "")  # fmt: skip
    clear = int(np.nansum(adjusted < 1 - level))
    third = f"{clear} of {len(known)} correlations within people have an adjusted p < {alpha_text(level)} ({CORRECTIONS[correction]})."
    return tuple(s for s in (first, second, third if len(known) > 1 else "") if s)


def _table(found: list[Course], adjusted: np.ndarray, level: float, correction: str, chosen: Chosen) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            one.x.name,
            one.y.name,
            one.people,
            one.inside.n,
            cell(one.inside.r),
            cell(one.inside.low),
            cell(one.inside.high),
            cell(one.inside.df),
            cell(one.inside.p),
            cell(float(p)),
            cell(one.slope),
            f"{one.y.unit or 'points'} per {one.x.unit or 'point'}",
            one.across.n,
            cell(one.across.r),
            cell(one.across.low),
            cell(one.across.high),
            cell(one.across.p),
        )
        for one, p in zip(found, adjusted, strict=True)
    ]
    head = columns(
        ("variable", "imaging value", "", "text"), ("against", "what it is put against", "", "text"),
        ("people", "people with both at two visits or more", "", "count"), ("rows", "visits of these people", "", "count"),
        ("r_within", "correlation within people"), ("r_low", "lower end of its interval"), ("r_high", "upper end of its interval"),
        ("df", "degrees of freedom", "", "count"), ("p", "its p", "", "p"), ("p_adjusted", "p adjusted over all pairs", "", "p"),
        ("slope", "common slope within people"), ("slope_unit", "unit of the slope", "", "text"),
        ("n_between", "people in the correlation of means", "", "count"), ("r_between", "correlation between people's means"),
        ("r_between_low", "lower end of its interval"), ("r_between_high", "upper end of its interval"),
        ("p_between", "its p", "", "p"),
    )  # fmt: skip
    note = f"Intervals of {100 * level:g} % by Fisher's z. Correction: {CORRECTIONS[correction]}."
    return Table(
        "repeated-correlations", f"Within and between people: {chosen.whom}, all visits", head, tuple(rows), note
    )


def _figures(known: list[Course], chosen: Chosen) -> tuple[Figure, ...]:
    ordered = sorted(known, key=lambda one: -abs(one.inside.r))[:MOST_DRAWN]
    return tuple(_scatter(one, chosen, i) for i, one in enumerate(ordered, 1))


def _scatter(one: Course, chosen: Chosen, rank: int) -> Scatter:
    x, y = chosen.values(one.x), chosen.values(one.y)
    both = np.isfinite(x) & np.isfinite(y)
    who = tuple(str(p) for p in chosen.cohort.person[both])
    labels = tuple(f"{p} {v}".strip() for p, v in zip(who, chosen.cohort.visit[both], strict=True))
    many = len(set(who)) > MOST_TOLD_APART
    group = tuple(chosen.cohort.people[p].group for p in who) if many else who
    caption = f"A dot a visit{'' if many else ', a colour a person'} ({len(set(who))} people); within people r = {r_number(one.inside.r)}."
    title = capital(f"{one.y.said} against {one.x.said}, all visits")
    return Scatter(f"within-{rank:02d}", title, x[both], y[both], one.x.axis, one.y.axis,
                   group, labels, None, caption)  # fmt: skip


def _findings(found: list[Course], chosen: Chosen, n: int) -> list[Finding]:
    out = []
    if chosen.pooled:
        out.append(Finding("warn", "W-CLOSE", f"groups {', '.join(chosen.groups)}", "people of several groups are taken together: the "
                           "correlation between people's means may be no more than the difference between groups",
                           "take one group for it", "the correlation within people is not touched by it"))  # fmt: skip
    if n < EXPLORATORY:
        out.append(
            Finding(
                "warn",
                "W-EXPLORATORY",
                people(n),
                few(EXPLORATORY),
            )
        )
    out += crossed(chosen)
    once = len(set(chosen.cohort.person)) - min(one.people for one in found)
    if once:
        out.append(Finding("warn", "W-ABSENT", f"{once} people", "have no second visit with both values in at least one pair", "",
                           "they say nothing about what happens within people, and are left out of it"))  # fmt: skip
    if chosen.held_names and chosen.held_names != ("group",):
        out.append(Finding("note", "N-STUDY", "option given", "covariates that stay the same in a person need not be held within people",
                           "", "they are not used here"))  # fmt: skip
    return out
