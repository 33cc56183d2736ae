"""One variable of the same people, visit by visit: who was seen when, and what changed since the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError
from neuromyo.study.entering import known_visits

#: what people without a group are called where nobody has one
EVERYONE = "everyone"


@dataclass(frozen=True, eq=False)
class Course:
    """values, days : (n_people, n_visits), NaN where missing; ``visits[0]`` is the baseline; everyone enrolled has a row.

    came : (n_people, n_visits) whether there is anything at all of the person at that visit
    came_after : (n_people,) whether there is at a visit after the last of these
    """

    variable: Variable
    visits: tuple[str, ...]
    people: tuple[Participant, ...]
    group: np.ndarray
    values: np.ndarray
    days: np.ndarray
    came: np.ndarray
    came_after: np.ndarray

    @property
    def labels(self) -> tuple[str, ...]:
        """Of people."""
        return tuple(p.label for p in self.people)

    @property
    def groups(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(self.group))

    def of(self, *groups: str) -> np.ndarray:
        """(n,) who is in one of these groups."""
        return np.isin(self.group.astype(str), groups)

    def change(self, visit: int) -> np.ndarray:
        """(n,) value at a visit (its number) less the baseline's."""
        return self.values[:, visit] - self.values[:, 0]

    def gap(self, visit: int) -> np.ndarray:
        """(n,) days between the two values; NaN where a date is not known or a value is missing."""
        return np.where(np.isfinite(self.change(visit)), self.days[:, visit] - self.days[:, 0], np.nan)


def chosen_visits(cohort: Cohort, baseline: str, follow_ups: Sequence[str]) -> tuple[str, ...]:
    """The baseline, then the follow-ups in order of time; E-STUDY where there is only one visit, E-UNKNOWN for one that is not there."""
    known_visits(cohort, [*([baseline] if baseline else []), *follow_ups])
    first = baseline or (cohort.visits[0] if cohort.visits else "")
    after = cohort.visits[cohort.visits.index(first) + 1 :] if first in cohort.visits else ()
    later = tuple(v for v in (follow_ups or after) if v != first)
    if not later:
        raise DataError(
            "E-STUDY",
            where="visits of the study",
            needed="a baseline and a later visit of the same people",
            found=f"only {first or 'one visit'}",
            remedy="add the tables of the later visit, or compare groups at one visit instead",
        )
    return (first, *later)


def chosen_people(cohort: Cohort, groups: Sequence[str]) -> tuple[Participant, ...]:
    """Everyone enrolled in these groups, or in any; people without a group only where nobody has one."""
    known = {p.group for p in cohort.people.values()}
    for one in groups:
        if one not in known:
            raise DataError(
                "E-UNKNOWN",
                where=f"group {one}",
                needed="a group of the study",
                found="none of that name",
                remedy=f"there are: {', '.join(sorted(g for g in known if g)) or 'no groups'}",
            )
    wanted = set(groups) or (known - {""} or {""})
    return tuple(p for p in cohort.people.values() if p.group in wanted)


def course(cohort: Cohort, variable: Variable, visits: Sequence[str], people: Sequence[Participant]) -> Course:
    """One variable of these people at these visits."""
    values = _wide(cohort, cohort.values[variable.name], visits, people)
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise DataError(
            "E-STUDY",
            where=f"sub-{people[row].label}, ses-{visits[column]}, {variable.name}",
            needed="a finite number",
            found="infinity",
            remedy="correct the table, or leave the cell empty",
        )
    group = np.array([p.group or EVERYONE for p in people], dtype=object)
    days = _wide(cohort, cohort.days, visits, people)
    came = np.isfinite(_wide(cohort, np.ones(len(cohort)), visits, people))
    order = list(cohort.visits)
    after = [v for v in order[order.index(visits[-1]) + 1 :] if v not in visits]
    came_after = np.asarray(np.isfinite(_wide(cohort, np.ones(len(cohort)), after, people)).any(1))
    return Course(variable, tuple(visits), tuple(people), group, values, days, came, came_after)


def _wide(cohort: Cohort, column: np.ndarray, visits: Sequence[str], people: Sequence[Participant]) -> np.ndarray:
    row, at = {p.label: i for i, p in enumerate(people)}, {v: j for j, v in enumerate(visits)}
    out = np.full((len(people), len(visits)), np.nan)
    for person, visit, x in zip(cohort.person, cohort.visit, column, strict=True):
        if person in row and visit in at:
            out[row[person], at[visit]] = x
    return out


def measured_visits(one: Course) -> Course:
    """Without the follow-up visits at which nobody has a value: a variable ends where it was last measured."""
    kept = [0, *(k for k in range(1, len(one.visits)) if np.isfinite(one.values[:, k]).any())]
    return replace(
        one,
        visits=tuple(one.visits[k] for k in kept),
        values=one.values[:, kept],
        days=one.days[:, kept],
        came=one.came[:, kept],
        came_after=one.came_after | one.came[:, kept[-1] + 1 :].any(1),
    )


def check_dates(one: Course) -> None:
    """E-DATE where a later visit is not dated after an earlier one of the same person."""
    for i, person in enumerate(one.people):
        known = np.flatnonzero(np.isfinite(one.days[i]))
        for a, b in pairwise(known):
            if one.days[i, b] <= one.days[i, a]:
                raise DataError(
                    "E-DATE",
                    where=f"sub-{person.label}, ses-{one.visits[b]}",
                    needed=f"a date after that of ses-{one.visits[a]} (day {one.days[i, a]:g})",
                    found=f"day {one.days[i, b]:g}",
                    remedy="correct the date, or give the visits in order of time",
                )
