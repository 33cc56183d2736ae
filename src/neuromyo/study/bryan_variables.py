"""Which variables of a study are those of 1998: named by the user, or found by what they measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError

#: a column of the table of people that holds the reading of the images at the first visit (1: abnormal), where nothing else is named
READING = "visual_reading"
_MUSCLE = "tibialis-anterior"


@dataclass(frozen=True)
class Role:
    """What a variable is in the analysis: ``key`` is the option that names it, ``title`` what sentences call it."""

    key: str
    title: str
    fits: Callable[[Variable], bool]


def _imaging(quantity: str, biomarkers: tuple[str, ...] = ()) -> Callable[[Variable], bool]:
    def fits(v: Variable) -> bool:
        own = not biomarkers or v.biomarker in biomarkers
        return (
            v.source != "clinical"
            and v.quantity == quantity
            and own
            and not v.level
            and v.statistic not in ("median", "iqr")
        )

    return fits


def _clinical(measure: str, quantities: tuple[str, ...]) -> Callable[[Variable], bool]:
    return lambda v: v.measure == measure and v.quantity in quantities


T2 = Role("t2", "global T2", _imaging("T2", ("t2-mono", "")))
T1 = Role("t1", "T1", _imaging("T1"))
VOLUME = Role("volume", "volume", _imaging("volume"))
CMAP = Role("cmap", "CMAP amplitude", _clinical("cmap", ("amplitude",)))
MVIC = Role("mvic", "strength", _clinical("mvic", ("force", "torque", "percent_predicted")))
WATER = Role("water_t2", "water T2", _imaging("T2", ("t2-water",)))
FAT = Role("fat", "fat fraction", _imaging("FF"))
ROLES = (T2, T1, VOLUME, CMAP, MVIC, WATER, FAT)


@dataclass(frozen=True, eq=False)
class Found:
    """The study's variable of each role that it has; ``reading``: person -> abnormal or not."""

    of: dict[str, Variable]
    reading: dict[str, bool]

    def has(self, *roles: Role) -> bool:
        return all(role.key in self.of for role in roles)

    def unit(self, role: Role) -> str:
        return self.of[role.key].unit


def find(cohort: Cohort, named: dict[str, str], reading: str, abnormal: float) -> Found:
    """The variables named, by role, and for the others the only one that fits. E-UNKNOWN for a name there is none of, E-STUDY where
    several fit, or no T2 is there."""
    of: dict[str, Variable] = {}
    for role in ROLES:
        name = named.get(role.key, "")
        fitting = [cohort.variable(name)] if name else _same_muscle([v for v in cohort.variables if role.fits(v)])
        if len(fitting) > 1:
            few = ", ".join(v.name for v in fitting[:6]) + " ..." * (len(fitting) > 6)
            raise DataError("E-STUDY", where=role.title, needed="one variable", found=f"{len(fitting)}: {few}",
                            remedy=f"name one of them with --{role.key.replace('_', '-')}, or a side with --sides right")  # fmt: skip
        if fitting:
            of[role.key] = fitting[0]
    if T2.key not in of:
        raise DataError("E-STUDY", where="global T2", needed="a T2 by one exponential (t2-mono) of a muscle", found="none",
                        remedy="measure it with `neuromyo run --biomarkers t2-mono`, or name another T2 with --t2")  # fmt: skip
    return Found(of, _reading(cohort, reading, abnormal))


def _same_muscle(fitting: list[Variable]) -> list[Variable]:
    """Those of the muscle of 1998, where several are left."""
    own = [v for v in fitting if v.structure == _MUSCLE or _MUSCLE in (level for _, level in v.keys)]
    return own if len(fitting) > 1 and own else fitting


def _reading(cohort: Cohort, name: str, abnormal: float) -> dict[str, bool]:
    """person -> abnormal at the first visit, from a variable or from a column of the table of people."""
    if name and name in cohort.values:
        first = cohort.at(cohort.visits[0]) if cohort.visits else cohort
        return _known(zip(first.person, first.values[name], strict=True), abnormal)
    column = name or READING
    held = {p.label: p.more.get(column, np.nan) for p in cohort.people.values()}
    found = _known(((k, v) for k, v in held.items() if not isinstance(v, str)), abnormal)
    if name and not found:
        raise DataError("E-UNKNOWN", where=name, needed="a variable, or a column of numbers in the table of people", found="neither",
                        remedy="check the name given with --reading")  # fmt: skip
    return found


def _known(pairs: Iterable[tuple[str, float]], abnormal: float) -> dict[str, bool]:
    return {str(who): bool(value >= abnormal) for who, value in pairs if np.isfinite(value)}
