"""The people and covariates that enter an analysis of one visit, as its options say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import Finding, OptionError

#: what stands for all groups together
ALL = "all"


def known_visits(cohort: Cohort, asked: Sequence[str]) -> None:
    """E-UNKNOWN where a visit that is asked for is none of the study's."""
    for one in asked:
        if one not in cohort.visits:
            raise OptionError("E-UNKNOWN", where=f"visit {one}", needed="a visit of the study", found="none of that name",
                              remedy=f"there are: {', '.join(v or '(without a name)' for v in cohort.visits) or 'none'}")  # fmt: skip


def at_visit(cohort: Cohort, visit: str) -> Cohort:
    """The rows of a visit, of the first where none is named; E-UNKNOWN."""
    visit = visit or (cohort.visits[0] if cohort.visits else "")
    known_visits(cohort, [visit])
    return cohort.at(visit)


def known_groups(cohort: Cohort, asked: Sequence[str]) -> tuple[str, ...]:
    """The groups of the rows; E-UNKNOWN where one that is asked for is none of them."""
    groups = tuple(sorted({str(g) for g in cohort.groups if g}))
    for one in asked:
        if one not in groups:
            raise OptionError("E-UNKNOWN", where=f"group {one}", needed="a group of the study", found="none of that name",
                              remedy=f"there are: {', '.join(groups) or 'none'}")  # fmt: skip
    return groups


def of_groups(cohort: Cohort, asked: Sequence[str], reference: str) -> tuple[Cohort, str, list[Finding]]:
    """(rows, who they are, what to be careful about) of the groups asked for, of all but the reference where none is, or of ``all``."""
    groups = known_groups(cohort, [g for g in asked if g != ALL])
    kept = list(groups) if ALL in asked else list(asked) or [g for g in groups if g != reference] or list(groups)
    said = [_pooled(kept)] if len(kept) > 1 else []
    return (cohort.of_groups(kept) if kept else cohort), ", ".join(kept) or "everybody", said


def covariates(cohort: Cohort, names: Sequence[str]) -> np.ndarray:
    """(n, k) covariates of the rows, those that vary; of words a column of 0 and 1 for each but the first. E-UNKNOWN for what is known
    of nobody."""
    columns = [column for name in names for column in _columns(cohort, name)]
    columns = [c for c in columns if np.ptp(c[np.isfinite(c)]) > 0]
    return np.column_stack(columns) if columns else np.empty((len(cohort), 0))


def _columns(cohort: Cohort, name: str) -> list[np.ndarray]:
    numbers, words = cohort.covariate(name), cohort.words(name)
    if np.isfinite(numbers).any():
        return [numbers]
    levels = sorted({str(w) for w in words if w})
    if not levels:
        raise OptionError("E-UNKNOWN", where=f"covariate {name}", needed="a number or word known of the people", found="none",
                          remedy="add the column to the table of people, or leave it out of --given")  # fmt: skip
    return [np.where(words == "", np.nan, (words == level).astype(float)) for level in levels[1:]]


def _pooled(groups: Sequence[str]) -> Finding:
    return Finding("warn", "W-CLOSE", "groups", f"{', '.join(groups)} are pooled", "name one of them to analyse it alone",
                   "what differs between groups goes together even where nothing is linked within them")  # fmt: skip
