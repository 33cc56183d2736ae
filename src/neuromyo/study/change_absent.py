"""What an analysis of change left out, and what it was not asked: each said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import Finding, first_few
from neuromyo.study.change_figures import MOST_DRAWN
from neuromyo.study.change_found import Found
from neuromyo.study.change_options import Options
from neuromyo.study.visits import Course, chosen_visits


def findings(
    cohort: Cohort,
    courses: Sequence[Course],
    covariates: np.ndarray,
    absent: Sequence[str],
    found: Sequence[Found],
    options: Options,
) -> tuple[Finding, ...]:
    """covariates : (people, k) NaN where not known; absent : variables that nobody has a change of"""
    last = chosen_visits(cohort, options.baseline, options.visits)[-1]
    return (
        *_never_followed(absent),
        *_ended_before(courses, last),
        *_covariates_not_known(courses[0], covariates, options),
        *_without_group(cohort, options),
        *_not_compared(courses[0].groups, found, options),
        *_not_drawn(found),
    )


def _never_followed(absent: Sequence[str]) -> Iterator[Finding]:
    if absent:
        yield Finding("warn", "W-ABSENT", first_few(absent, 4), "nobody has a first and a later value",
                      "look whether it was measured at the later visit", "left out of the analysis")  # fmt: skip


def _ended_before(courses: Sequence[Course], last: str) -> Iterator[Finding]:
    ended = [c.variable.name for c in courses if c.visits[-1] != last]
    if ended:
        message = "nobody was measured at the last visit"
        yield Finding("warn", "W-ABSENT", first_few(ended, 4), message, "", "the analysis ends at the visit before")


def _covariates_not_known(course: Course, covariates: np.ndarray, options: Options) -> Iterator[Finding]:
    unknown = [p.label for p, row in zip(course.people, covariates, strict=True) if not np.isfinite(row).all()]
    if unknown:
        message = f"{first_few(options.covariates, 4)} not known of {first_few((f'sub-{x}' for x in unknown), 4)}"
        consequence = "these people count in t of the change, not in ANCOVA and the mixed model"
        yield Finding("warn", "W-ABSENT", "covariates", message, "complete the table of people", consequence)


def _without_group(cohort: Cohort, options: Options) -> Iterator[Finding]:
    without = [p.label for p in cohort.people.values() if not p.group]
    if without and len(without) < len(cohort.people) and not options.groups:
        people = first_few((f"sub-{x}" for x in without), 4)
        yield Finding(
            "warn", "W-ABSENT", people, "no group in the table of people", "enter the group", "left out of the analysis"
        )


def _not_compared(groups: Sequence[str], found: Sequence[Found], options: Options) -> Iterator[Finding]:
    if options.reference not in groups:
        yield Finding("note", "N-STUDY", "groups", f"no group {options.reference}: changes are not compared between groups",
                      f"name the group to compare with (--reference; there are {', '.join(groups)})")  # fmt: skip
        return
    compared = [g for g in groups if g != options.reference]
    unfit = [f"{f.course.variable.name} in {g}" for f in found for g in compared if f.main(g) is None]
    if unfit:
        yield Finding("warn", "W-ABSENT", first_few(unfit, 4), "too few people, or no spread, to compare changes", "",
                      "two people with a change in each group are the least")  # fmt: skip


def _not_drawn(found: Sequence[Found]) -> Iterator[Finding]:
    if len(found) > MOST_DRAWN:
        yield Finding("note", "N-STUDY", "figures", f"the first {MOST_DRAWN} of {len(found)} variables are drawn",
                      "name variables to have others drawn")  # fmt: skip
