r"""Change of the same people from visit to visit: within groups, between groups, person by person, and with whom missing.

Within a group: paired t, change per year by each person's own days, standardised response mean, and the share of people whose change is
more than measuring error. Between a group and the reference: the mixed model for repeated measures (`stats.mixed`) answers, because it
keeps people with a missing visit; t of the change, Welch's t, permutation and ANCOVA stand beside it. With complete data of two visits the
mixed model *is* the two-sample t of the change.

*Assumes* people independent; that a visit is missing for reasons to be seen in earlier values. *Breaks* where people leave because of what
happened after their last visit: see the tipping points; and where people died, of whom the model speaks as if they had lived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuromyo.core.analysis import FEW, Analysis, Table
from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError, first_few
from neuromyo.core.options import check
from neuromyo.stats.multiplicity import adjust
from neuromyo.study import change_absent, change_figures, change_said, change_tables, levels, missing_tables
from neuromyo.study.change_care import cares, n_changed
from neuromyo.study.change_found import Found, find
from neuromyo.study.change_options import Options
from neuromyo.study.change_pairs import Pair, pair, scatter
from neuromyo.study.change_reliable import given_wsd
from neuromyo.study.entering import covariates
from neuromyo.study.missing_visits import everybody_left
from neuromyo.study.visits import Course, check_dates, chosen_people, chosen_visits, course, measured_visits

__all__ = ["TITLE", "Options", "analyse"]
TITLE = "Change from visit to visit"


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:  # noqa: B008
    """Change of the variables asked for.

    Raises E-STUDY where there is one visit only or a value is infinite, E-DATE where a later visit is dated before an earlier one,
    E-PEOPLE where nobody has both a first and a later value, E-UNKNOWN for a name that is not there.
    """
    check(options)
    visits = chosen_visits(cohort, options.baseline, options.visits)
    people = chosen_people(cohort, options.groups)
    courses, absent = _courses(cohort, _variables(cohort, options), visits, people)
    profiles, single = levels.split(courses)
    more = _covariates(cohort, people, options)
    wsd = given_wsd(options, tuple(c.variable.name for c in single))
    found = [find(c, more, wsd, options) for c in single]
    adjusted = _adjusted(found, options)
    pairs = _pairs(cohort, single, visits, people, options)
    along = levels.along(profiles, options)
    tables = [*_tables(found, adjusted, pairs, options), *along.tables]
    figures = [
        *change_figures.figures(found, options),
        *(scatter(p, k, options.level) for k, p in enumerate(pairs, start=1)),
        *along.figures,
    ]
    n = max(n_changed(found), along.n)
    return Analysis(
        "change",
        TITLE,
        change_said.summary(found, adjusted, pairs, along.summary, options),
        tuple(tables),
        tuple(figures),
        change_said.methods(found, pairs, options, bool(profiles)),
        (
            *cares(found, n, options),
            *along.findings,
            *change_absent.findings(cohort, courses, more, absent, found, options),
        ),
        exploratory=n < FEW,
        entered=_entered(courses),
    )


def _entered(courses: Sequence[Course]) -> tuple[str, ...]:
    """People with a first and a later value of anything."""
    both = [np.isfinite(c.values[:, 0]) & np.isfinite(c.values[:, 1:]).any(axis=1) for c in courses]
    return tuple(p for p, known in zip(courses[0].labels, np.any(both, axis=0), strict=True) if known)


def _variables(cohort: Cohort, options: Options) -> list[Variable]:
    if options.variables:
        return [cohort.variable(name) for name in dict.fromkeys(options.variables)]
    found = [v for v in cohort.variables if v.source == "imaging"]
    if not found:
        raise DataError(
            "E-STUDY",
            where="variables of the study",
            needed="an imaging variable, or variables named",
            found="neither",
            remedy="name the variables whose change is asked for (--variables)",
        )
    return found


def _courses(
    cohort: Cohort, variables: Sequence[Variable], visits: Sequence[str], people: Sequence[Participant]
) -> tuple[list[Course], list[str]]:
    """Of variables that somebody has a change of; names of the others. E-PEOPLE where nobody has any."""
    kept, absent = [], []
    for variable in variables:
        one = course(cohort, variable, visits, people)
        check_dates(one)
        if everybody_left(one, range(1, len(visits))):
            absent.append(variable.name)
        else:
            kept.append(measured_visits(one))
    if not kept:
        raise DataError(
            "E-PEOPLE",
            where=first_few(absent, 4),
            needed=f"people with a value at {visits[0]} and at a later visit",
            found="nobody",
            remedy="look whether the labels of people are the same at all visits, and whether the later visit was measured",
        )
    return kept, absent


def _covariates(cohort: Cohort, people: Sequence[Participant], options: Options) -> np.ndarray:
    """(people, k): a row a person."""
    labels = np.array([p.label for p in people], dtype=object)
    rows = replace(
        cohort,
        person=labels,
        visit=np.full(labels.size, "", dtype=object),
        days=np.zeros(labels.size),
        variables=(),
        values={},
    )
    return covariates(rows, options.covariates)


def _adjusted(found: Sequence[Found], options: Options) -> dict[tuple[str, str], float]:
    """p by (variable, group), corrected for all of them."""
    tested = [(f.course.variable.name, g, e.p) for f in found for g, e in f.answers]
    corrected = adjust(np.array([p for *_, p in tested]), options.correction) if tested else []
    return {(name, group): float(p) for (name, group, _), p in zip(tested, corrected, strict=True)}


def _pairs(
    cohort: Cohort, single: Sequence[Course], visits: Sequence[str], people: Sequence[Participant], options: Options
) -> list[Pair]:
    """Each variable's change with that of each of the others, to the last visit, in every group but the reference."""
    others = [measured_visits(course(cohort, cohort.variable(name), visits, people)) for name in options.with_variables]
    return [
        pair(x, y, group, visit, options)
        for y in others
        for x in single
        if x.variable.name != y.variable.name
        for visit in [v for v in x.visits[1:] if v in y.visits[1:]][-1:]
        for group in x.groups
        if group != options.reference or len(x.groups) == 1
    ]


def _tables(
    found: Sequence[Found], adjusted: dict[tuple[str, str], float], pairs: Sequence[Pair], options: Options
) -> list[Table]:
    if not found:
        return []
    possible = [
        change_tables.within_table(found, options),
        change_tables.rate_table(found, options),
        change_tables.against_table(found, adjusted, options) if any(f.against for f in found) else None,
        change_tables.reliable_table(found),
        missing_tables.seen_table(found),
        missing_tables.left_table(found),
        missing_tables.start_table(found),
        missing_tables.model_table(found),
        missing_tables.sensitivity_table(found),
        change_tables.pairs_table(pairs),
        change_tables.people_table(found, options),
    ]
    return [t for t in possible if t is not None]
