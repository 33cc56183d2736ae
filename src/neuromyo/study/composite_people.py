"""The people and markers that enter a score, and whether there are enough of the one for the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.stats.nested import Kind
from neuromyo.study import entering

if TYPE_CHECKING:
    from neuromyo.study.composite import Options

#: people at least, and people (of groups: in the smaller one) for each marker
PEOPLE, A_MARKER = 40, 10
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Entered:
    """Complete people in the order of their labels: markers x (n, p), outcome y (n,) (1 for the compared groups, 0 for the reference), who
    and where each is.

    outcome : the variable predicted, None where groups are told apart ; compared, reference : names of the groups
    """

    x: np.ndarray
    y: np.ndarray
    kind: Kind
    markers: tuple[Variable, ...]
    outcome: Variable | None
    person: np.ndarray
    group: np.ndarray
    site: np.ndarray
    compared: str
    reference: str
    findings: tuple[Finding, ...]

    def order(self, y: np.ndarray) -> np.ndarray:
        """(n,) by which folds are made alike: by group and site, or by site and outcome."""
        _, site = np.unique(self.site, return_inverse=True)
        keys = np.column_stack([y, site] if self.kind == "groups" else [site, y])
        return np.unique(keys, axis=0, return_inverse=True)[1].ravel()


def enter(cohort: Cohort, options: Options) -> Entered:
    """What enters as the options say; refused where it cannot be enough."""
    here = entering.at_visit(cohort, options.visit)
    markers, outcome = _markers(here, options)
    if outcome is None:
        here, compared, said = _groups(here, options)
        y = (here.groups != options.reference).astype(float)
    else:
        here, compared, said = entering.of_groups(here, options.compared, options.reference)
        y = here.values[outcome.name]
    x = np.column_stack([here.values[m.name] for m in markers])
    keep = np.isfinite(x).all(axis=1) & np.isfinite(y)
    said = [*said, *_missing(here, x, y, keep, markers, outcome, options)]
    kind: Kind = "groups" if outcome is None else "number"
    rows = np.flatnonzero(keep)[np.argsort(here.person[keep].astype(str), kind="stable")]
    found = Entered(x[rows], y[rows], kind, markers, outcome, here.person[rows], here.groups[rows], here.words("site")[rows], compared,
                    options.reference, tuple(said))  # fmt: skip
    _enough(found, int((~keep).sum()))
    _varies(found)
    return found


def _markers(cohort: Cohort, options: Options) -> tuple[tuple[Variable, ...], Variable | None]:
    outcome = cohort.variable(options.outcome) if options.outcome else None
    named = [cohort.variable(name) for name in dict.fromkeys(options.variables)]
    if outcome is not None and outcome in named:
        raise OptionError("E-OPTION", where="option variables", needed="markers other than the outcome", found=outcome.name,
                          remedy="leave the outcome out of the markers")  # fmt: skip
    found = tuple(named) or tuple(v for v in cohort.variables if v.source == "imaging" and v != outcome)
    if not found:
        raise DataError("E-STUDY", where="composite", needed="markers to make a score of", found="no imaging variable",
                        remedy="name the markers with --variables")  # fmt: skip
    return found, outcome


def _groups(cohort: Cohort, options: Options) -> tuple[Cohort, str, list[Finding]]:
    """The rows of the reference and the groups compared with it."""
    groups = entering.known_groups(cohort, options.compared)
    compared = [g for g in options.compared or groups if g != options.reference]
    if options.reference not in groups or not compared:
        raise DataError("E-STUDY", where="composite", needed=f"a group to tell from the group {options.reference}",
                        found=f"groups {', '.join(groups)}" if groups else "no groups",
                        remedy="name the healthy group with --reference, or a number to predict with --outcome")  # fmt: skip
    return cohort.of_groups([options.reference, *compared]), " and ".join(compared), []


def _missing(
    cohort: Cohort, x: np.ndarray, y: np.ndarray, keep: np.ndarray, markers: Sequence[Variable], outcome: Variable | None, options: Options
) -> list[Finding]:  # fmt: skip
    if keep.all():
        return []
    holes = {m.name: int((~np.isfinite(column)).sum()) for m, column in zip(markers, x.T, strict=True)}
    if outcome is not None:
        holes[outcome.name] = int((~np.isfinite(y)).sum())
    told = ", ".join(f"{name} of {n}" for name, n in sorted(holes.items(), key=lambda one: -one[1])[:_NAMED] if n)
    who = [str(p) for p in cohort.person[~keep]]
    named = ", ".join(f"sub-{p}" for p in who[:_NAMED]) + f" and {len(who) - _NAMED} more" * (len(who) > _NAMED)
    if options.missing == "refuse":
        raise DataError("E-STUDY", where=named, needed="every marker and the outcome of everybody", found=f"missing: {told}",
                        remedy="complete the tables, leave out a marker, or leave these people out with --missing complete")  # fmt: skip
    return [Finding("warn", "W-ABSENT", "composite", f"{len(who)} of {len(keep)} people are left out, because they lack a value ({named}); "
                    f"missing: {told}", "complete the tables, or leave out the marker that is missing most",
                    "the score is of those who could be measured")]  # fmt: skip


def _enough(found: Entered, left_out: int) -> None:
    """E-PEOPLE under `PEOPLE` people, or under `A_MARKER` for each marker."""
    n, p = found.x.shape
    more = f" ({left_out} more lack a value)" if left_out else ""
    if n < PEOPLE:
        raise DataError("E-PEOPLE", where="composite", needed=f"{PEOPLE} people with all markers and the outcome", found=f"{n}{more}",
                        remedy="take markers one by one (`neuromyo study group`, `correlate`): a score would fit chance")  # fmt: skip
    events = n if found.kind == "number" else int(min(found.y.sum(), n - found.y.sum()))
    if events < A_MARKER * p:
        whom = "people" if found.kind == "number" else "people in the smaller group"
        allowed = events // A_MARKER
        raise DataError("E-PEOPLE", where="composite", needed=f"{A_MARKER} {whom} for each marker: {A_MARKER * p} for {p}",
                        found=f"{events}{more}",
                        remedy=f"choose at most {allowed} of them with --variables, before looking at the outcome" if allowed
                        else "a score needs more people")  # fmt: skip


def _varies(found: Entered) -> None:
    flat = [m.name for m, column in zip(found.markers, found.x.T, strict=True) if np.ptp(column) == 0]
    flat += [found.outcome.name] if found.outcome is not None and np.ptp(found.y) == 0 else []
    if flat:
        raise DataError("E-STUDY", where=", ".join(flat), needed="values that differ between people", found="one value for everybody",
                        remedy="leave it out")  # fmt: skip
