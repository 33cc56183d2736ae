"""Who is compared with whom, at which visit; and what is refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError, OptionError

#: fewest people of a group
LEAST = 2


@dataclass(frozen=True, eq=False)
class Setting:
    """The people of the groups compared, at one visit.

    rows : one row a person, of the reference and the compared groups alone
    absent : people of these groups without a row at that visit, by group
    ungrouped : people with a row at that visit, but no group
    """

    rows: Cohort
    visit: str
    reference: str
    compared: tuple[str, ...]
    absent: dict[str, tuple[str, ...]]
    ungrouped: tuple[str, ...]

    @staticmethod
    def of(cohort: Cohort, reference: str, compared: tuple[str, ...], visit: str) -> Setting:
        """The groups of these names; ``compared`` and ``visit`` may be empty: all others, the first."""
        when = _visit(cohort, visit)
        there = _group_names(cohort)
        _known(reference, there, "option reference", "--reference")
        for name in compared:
            _known(name, there, "option compared", "--compared")
        others = tuple(dict.fromkeys(compared)) or tuple(g for g in there if g != reference)
        if reference in others or not others:
            raise OptionError(
                "E-OPTION",
                where="option compared",
                needed=f"a group other than the reference, {reference}",
                found="none" if not others else reference,
                remedy=f"name two groups; there are: {', '.join(there)}",
            )
        now = cohort.at(when)
        setting = Setting(
            now.of_groups((reference, *others)),
            when,
            reference,
            others,
            {g: _without_row(cohort, now, g) for g in (reference, *others)},
            tuple(p for p in now.person if not cohort.people[p].group),
        )
        setting._refuse_too_few()
        return setting

    @property
    def groups(self) -> tuple[str, ...]:
        """The reference first."""
        return (self.reference, *self.compared)

    def member(self, group: str) -> np.ndarray:
        """(n,) whose row is of that group."""
        return self.rows.groups == group

    def size(self, group: str) -> int:
        """People of a group who have a row."""
        return int(self.member(group).sum())

    def values(self, variable: Variable, group: str) -> np.ndarray:
        """The finite values of one group."""
        x = self.rows.values[variable.name][self.member(group)]
        return x[np.isfinite(x)]

    def labels(self, variable: Variable, group: str) -> list[str]:
        """Whose values these are."""
        keep = self.member(group) & np.isfinite(self.rows.values[variable.name])
        return [str(p) for p in self.rows.person[keep]]

    def _spelt_otherwise(self, group: str) -> str:
        """Whether a group of one person or nobody has a name that is nearly another's."""
        others = {g.casefold(): g for g in self.groups if g != group}
        close = difflib.get_close_matches(group.casefold(), list(others), n=1, cutoff=0.8)
        return f"write {others[close[0]]} in the table of people if that is meant; else " if close else ""

    def _refuse_too_few(self) -> None:
        for group in self.groups:
            n = self.size(group)
            if n < LEAST:
                at = f" at visit {self.visit}" if self.visit else ""
                raise DataError(
                    "E-PEOPLE",
                    where=f"group {group}",
                    needed=f"at least {LEAST} people with measurements{at}",
                    found="nobody" if n == 0 else "one: a spread cannot be told from one person",
                    remedy=self._spelt_otherwise(group)
                    + "compare other groups or another visit, or compare the person with norms (`neuromyo compare`)",
                )


def _visit(cohort: Cohort, asked: str) -> str:
    if not len(cohort):
        raise DataError(
            "E-STUDY",
            where="the study's tables",
            needed="people with measurements",
            found="no row",
            remedy="give a table of measurements, or clinical tables",
        )
    if not asked:
        seen = set(cohort.visit)
        return next((v for v in cohort.visits if v in seen), str(cohort.visit[0]))
    if asked not in set(cohort.visit):
        raise OptionError(
            "E-UNKNOWN",
            where="option visit",
            needed="a visit of the study",
            found=asked,
            remedy=near(asked, sorted(map(str, set(cohort.visit)))),
        )
    return asked


def _group_names(cohort: Cohort) -> list[str]:
    """Groups of people who have any row, in order of appearance."""
    return [g for g in dict.fromkeys(str(g) for g in cohort.groups) if g]


def _known(name: str, there: list[str], where: str, flag: str) -> None:
    if not there:
        raise DataError(
            "E-STUDY",
            where="the table of people",
            needed="a group for each person",
            found="no group at all",
            remedy="give participants.tsv by --people, with a column `group` (`control`, `als` ...)",
        )
    if name not in there:
        raise OptionError(
            "E-UNKNOWN",
            where=where,
            needed="a group of the study",
            found=name,
            remedy=f"give it by {flag}; " + near(name, there),
        )


def _without_row(cohort: Cohort, now: Cohort, group: str) -> tuple[str, ...]:
    seen = set(now.person)
    return tuple(label for label, one in cohort.people.items() if one.group == group and label not in seen)


def near(name: str, there: Iterable[str]) -> str:
    """``did you mean controls? there are: als, controls``."""
    known = list(there)
    lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    return (f"did you mean {lower[close[0]]}? " if close else "") + f"there are: {', '.join(known) or 'none'}"
