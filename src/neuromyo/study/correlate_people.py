"""Whom and what `correlate` takes: groups, a visit, variables, covariates; refused in plain words where that cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError, OptionError
from neuromyo.stats.correlation import dummies


@dataclass(frozen=True, eq=False)
class Chosen:
    """The rows of the groups and visit asked for, the pairs of variables to correlate, and what is held.

    visit : empty where all visits are taken, or there is but one without a name
    crossed : pairs of one side with the other that were left out
    held : (n, k) columns of the covariates, or none; held_names : their names, ``group`` among them where groups are pooled
    """

    cohort: Cohort
    groups: tuple[str, ...]
    visit: str
    pairs: tuple[tuple[Variable, Variable], ...]
    held: np.ndarray | None
    held_names: tuple[str, ...]
    crossed: int = 0

    @property
    def entered(self) -> tuple[str, ...]:
        """People who have both values of any pair."""
        known = np.any([np.isfinite(self.values(x)) & np.isfinite(self.values(y)) for x, y in self.pairs], axis=0)
        return tuple(dict.fromkeys(self.cohort.person[known]))

    @property
    def pooled(self) -> bool:
        """Whether people of several groups are taken together."""
        return len(self.groups) > 1

    def values(self, variable: Variable) -> np.ndarray:
        """(n,) one column."""
        return self.cohort.values[variable.name]

    @property
    def whom(self) -> str:
        """The people in words: ``11 people (als, visit baseline)``."""
        n = len(set(self.cohort.person))
        about = [*self.groups, f"visit {self.visit}" if self.visit else ""]
        told = ", ".join(word for word in about if word)
        return f"{n} {'person' if n == 1 else 'people'}" + f" ({told})" * bool(told)


def choose(
    cohort: Cohort, variables: tuple[str, ...], against: tuple[str, ...], group: tuple[str, ...], reference: str,
    visit: str, given: tuple[str, ...], repeated: bool, across_sides: bool = False,
) -> Chosen:  # fmt: skip
    """The part of a study that was asked for."""
    groups = _groups(cohort, group, reference)
    taken = cohort.of_groups(groups) if groups else cohort
    when = "" if repeated else _visit(cohort, visit)
    taken = taken.at(when) if when else taken
    if len(taken) == 0:
        raise DataError("E-PEOPLE", where=f"visit {when}", needed="people of the groups asked for who came to it", found="none",
                        remedy="choose another visit or group")  # fmt: skip
    pairs = _pairs(taken, variables, against)
    alike = pairs if across_sides else tuple(p for p in pairs if _same_side(*p)) or pairs
    names = (*given, *(["group"] if len(groups) > 1 and "group" not in given else []))
    return Chosen(taken, groups, when, alike, _held(taken, names), names, len(pairs) - len(alike))


def _groups(cohort: Cohort, asked: tuple[str, ...], reference: str) -> tuple[str, ...]:
    """The groups asked for; else all but the reference; empty where people have none."""
    there = tuple(sorted({str(g) for g in cohort.groups if g}))
    if asked:
        unknown = [g for g in asked if g not in there]
        if unknown:
            raise OptionError("E-UNKNOWN", where=f"group {unknown[0]}", needed=f"one of {', '.join(there) or 'no groups'}",
                              found="no people of that name", remedy="give a group as it stands in the table of people")  # fmt: skip
        return tuple(dict.fromkeys(asked))
    if len(there) > 1 and reference not in there:
        raise OptionError("E-OPTION", where="option group", needed="the groups to take, since people of different groups must not be mixed "
                          "unawares", found=f"groups {', '.join(there)}, none of which is the reference ({reference})",
                          remedy="name the patients' group with group, or the controls' with reference")  # fmt: skip
    patients = tuple(g for g in there if g != reference)
    return patients or there


def _visit(cohort: Cohort, asked: str) -> str:
    if asked and asked not in cohort.visits:
        raise OptionError(
            "E-UNKNOWN",
            where=f"visit {asked}",
            needed=f"one of {', '.join(v for v in cohort.visits if v) or 'one visit only'}",
            found="no visit of that name",
            remedy="give a visit of the study, or repeated to take all",
        )
    return asked or (cohort.visits[0] if cohort.visits else "")


def _pairs(
    cohort: Cohort, variables: tuple[str, ...], against: tuple[str, ...]
) -> tuple[tuple[Variable, Variable], ...]:
    """Each variable with each it is put against, once, none with itself."""
    first = [cohort.variable(n) for n in dict.fromkeys(variables)] or _of(cohort, "imaging", "variables")
    second = [cohort.variable(n) for n in dict.fromkeys(against)] or _of(cohort, "clinical", "against")
    pairs = {frozenset((x.name, y.name)): (x, y) for x in first for y in second if x.name != y.name}
    if not pairs:
        raise OptionError("E-OPTION", where="options variables and against", needed="two different variables",
                          found=f"{first[0].name} against itself", remedy="name another one")  # fmt: skip
    return tuple(pairs.values())


def _same_side(x: Variable, y: Variable) -> bool:
    """Not left with right; what has no side goes with all."""
    return {x.side, y.side} != {"left", "right"}


def _of(cohort: Cohort, source: str, option: str) -> list[Variable]:
    found = [v for v in cohort.variables if v.source == source]
    if not found:
        raise DataError("E-STUDY", where="the study's tables", needed=f"{source} variables to correlate", found="none",
                        remedy=f"add the {source} table, or name variables with {option}")  # fmt: skip
    return found


def _held(cohort: Cohort, names: tuple[str, ...]) -> np.ndarray | None:
    """(n, k) covariates, words as levels; E-UNKNOWN where nobody has one."""
    columns = []
    for name in names:
        numbers = np.full(len(cohort), np.nan) if name in ("site", "group") else cohort.covariate(name)
        if np.isfinite(numbers).any():
            columns.append(numbers[:, None])
            continue
        words = cohort.words(name)
        if not any(words):
            raise OptionError("E-UNKNOWN", where=f"option given: {name}", needed="a covariate that is known of the people",
                              found="nobody who has it", remedy="give age, sex, site, height_m, weight_kg, bmi or another column "
                              "of the table of people")  # fmt: skip
        columns.append(dummies(words))
    return np.column_stack(columns) if columns else None
