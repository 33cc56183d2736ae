"""The people of a study and what was measured in them, visit by visit: the table that every analysis of a study takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from typing import Literal

import numpy as np

from neuromyo.core.errors import DataError, Finding

#: days of a mean month and of a mean year, in which studies count
MONTH_DAYS, YEAR_DAYS = 365.25 / 12, 365.25
Source = Literal["imaging", "clinical", "made"]
#: what people call measures and quantities; others are said as they are written
_SPOKEN = {
    "FF": "fat fraction", "CSA": "cross-section", "contractile_CSA": "contractile cross-section", "PD": "proton density",
    "alsfrsr": "ALSFRS-R", "cmtns": "CMT neuropathy score", "disease": "disease", "grip": "grip", "mercuri": "Mercuri",
    "mrcsum": "MRC sum score", "ncv": "nerve conduction", "sixmwt": "six-minute walk", "vitalcapacity": "vital capacity",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing measured in many people: a column of a `Cohort`.

    name : short, unique within a cohort, what a user asks for it by: ``T2/tibialis-anterior/right``,
        ``cmap.amplitude/tibialis-anterior/right``
    unit : display unit (ms, %, mm2, mV, N ...); empty for scores and counts
    source : ``imaging`` (a table of measurements), ``clinical`` (a clinical table), ``made`` (from others: a change, a mean of sides)
    quantity, structure, side, level, biomarker, statistic : as in the table of measurements; for clinical values the measure's
        quantity (``amplitude``) and the nerve, muscle or movement it is of
    measure : the clinical measure (``cmap``, ``mvic``); empty for imaging
    keys : what else tells clinical values apart, (key, word) pairs (nerve, site of stimulation, movement)
    """

    name: str
    unit: str = ""
    source: Source = "imaging"
    quantity: str = ""
    structure: str = ""
    side: str = ""
    level: str = ""
    biomarker: str = ""
    statistic: str = ""
    measure: str = ""
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """Name and unit, as an axis has them."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def said(self) -> str:
        """What it is, for a sentence: ``T2 of right tibialis anterior``, ``CMAP amplitude of right tibialis anterior``. What stands in
        brackets in the name stays; the name itself where nothing is known but that."""
        if not self.quantity:
            return self.name
        bracket = re.search(r"\[.*?\]", self.name)
        what = self._what + (f" {bracket[0]}" if bracket else "")
        side = self.side if self.side in ("left", "right", "midline") else ""
        joined = {"mean": " (both sides)", "worse": " (worse side)"}.get(self.side, "")
        place = " ".join(word for word in (side, _spaced(self.structure)) if word)
        the = "the " if self.structure.endswith(("nerve", "nerve-root", "plexus")) else ""
        where = (f" of {the}{place}" if self.structure else f", {place}" if place else "") + joined
        return what + where + (f", level {_spaced(self.level)}" if self.level else "")

    @property
    def axis(self) -> str:
        """The same with its unit."""
        return f"{self.said} ({self.unit})" if self.unit else self.said

    @property
    def _what(self) -> str:
        own, _, what = self.quantity.rpartition(".")
        measure, quantity = self.measure or own, _SPOKEN.get(what, _spaced(what))
        said = _SPOKEN.get(measure, measure.upper())
        return said if what == measure else f"{said} {quantity}".strip()


def _spaced(word: str) -> str:
    return word.replace("-", " ").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Participant:
    """One person. Covariates NaN or empty where not known; ``sex`` F or M.

    end, end_days : why a person's observation ended before the study did (``died``, ``withdrew``, ``lost`` ...; empty where it did not),
        and when
    more : further covariates by name (disease duration, onset ...)
    """

    label: str
    group: str = ""
    age: float = nan
    sex: str = ""
    site: str = ""
    height_m: float = nan
    weight_kg: float = nan
    end: str = ""
    end_days: float = nan
    more: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Cohort:
    """One row a person and visit, one column a variable.

    person, visit : (n,) labels without ``sub-`` and ``ses-``; each pair once. A study of repeats may have reader or scanner for ``visit``
    days : (n,) time since the person's first visit; NaN where not known
    values : variable's name -> (n,) float, NaN where missing
    visits : the visits in order of time
    people : label -> person, those without any row included (they were enrolled)
    findings : what was noticed when the tables were read; time_findings : about dates and order of visits, for analyses of several
    """

    person: np.ndarray
    visit: np.ndarray
    days: np.ndarray
    variables: tuple[Variable, ...]
    values: Mapping[str, np.ndarray]
    visits: tuple[str, ...]
    people: Mapping[str, Participant]
    findings: tuple[Finding, ...] = ()
    time_findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        counts = Counter(zip(self.person, self.visit, strict=True))
        twice = sorted(k for k, n in counts.items() if n > 1)
        if twice:
            said = ", ".join(
                f"sub-{who}" + f" ses-{when}" * bool(when) + f" {counts[who, when]}" for who, when in twice
            )
            raise DataError("E-REPEATS", where="rows of people and visits", needed="one for each person and visit (or reader)",
                            found=f"more than one of {len(twice)}: {said}",
                            remedy="say which of them counts; they are not averaged")  # fmt: skip
        stray = sorted(set(self.person) - set(self.people))
        if stray:
            raise DataError("E-STUDY", where=f"sub-{stray[0]}", needed="a row in the table of people", found="none",
                            remedy="add the person, or leave out the person's measurements")  # fmt: skip

    def __len__(self) -> int:
        return len(self.person)

    def variable(self, name: str) -> Variable:
        """The variable of that name; E-UNKNOWN with what there is."""
        for one in self.variables:
            if one.name == name:
                return one
        known = ", ".join(v.name for v in self.variables[:12]) + " ..." * (len(self.variables) > 12)
        raise DataError("E-UNKNOWN", where=name, needed="a variable of the study", found="none of that name",
                        remedy=f"there are: {known}")  # fmt: skip

    @property
    def groups(self) -> np.ndarray:
        """(n,) group of each row."""
        return np.array([self.people[p].group for p in self.person], dtype=object)

    def covariate(self, name: str) -> np.ndarray:
        """(n,) a covariate of each row's person: ``age``, ``height_m``, ``weight_kg``, ``bmi``, ``sex`` (F 0, M 1), or one of
        `Participant.more` that is a number. NaN where not known. ``site`` and ``group`` are words: see `words`."""
        return np.array([_number(self.people[p], name) for p in self.person], dtype=np.float64)

    def words(self, name: str) -> np.ndarray:
        """(n,) a covariate in words: ``site``, ``group``, ``sex``, or one of `Participant.more`; empty where not known."""
        return np.array([_word(self.people[p], name) for p in self.person], dtype=object)

    def rows(self, keep: np.ndarray) -> Cohort:
        """The rows where ``keep`` (n,) is true; people stay all."""
        return replace(self, person=self.person[keep], visit=self.visit[keep], days=self.days[keep],
                       values={k: v[keep] for k, v in self.values.items()})  # fmt: skip

    def at(self, visit: str) -> Cohort:
        """The rows of one visit."""
        return self.rows(self.visit == visit)

    def of_groups(self, groups: Iterable[str]) -> Cohort:
        """The rows of people of these groups."""
        wanted = set(groups)
        return self.rows(np.array([g in wanted for g in self.groups], dtype=bool))

    def wide(self, name: str, people: Sequence[str] | None = None) -> tuple[tuple[str, ...], np.ndarray]:
        """(people, (n_people, n_visits) values in the order of ``visits``), NaN where missing; people who have any row, or those given."""
        labels = tuple(dict.fromkeys(self.person)) if people is None else tuple(people)
        row, column = {p: i for i, p in enumerate(labels)}, {v: j for j, v in enumerate(self.visits)}
        out = np.full((len(labels), len(self.visits)), nan)
        for p, v, x in zip(self.person, self.visit, self.values[name], strict=True):
            if p in row and v in column:
                out[row[p], column[v]] = x
        return labels, out

    def with_variable(self, variable: Variable, values: np.ndarray) -> Cohort:
        """The same with one more column."""
        if variable.name in self.values:
            raise KeyError(f"there is a variable {variable.name} already")
        return replace(self, variables=(*self.variables, variable), values={**self.values, variable.name: values})


def _number(person: Participant, name: str) -> float:
    if name == "sex":
        return {"F": 0.0, "M": 1.0}.get(person.sex, nan)
    if name == "bmi":
        return person.weight_kg / person.height_m**2
    if name in ("age", "height_m", "weight_kg"):
        return float(getattr(person, name))
    found = person.more.get(name, nan)
    return float(found) if isinstance(found, int | float) else nan


def _word(person: Participant, name: str) -> str:
    if name in ("site", "group", "sex"):
        return str(getattr(person, name))
    found = person.more.get(name, "")
    return "" if isinstance(found, float) and found != found else str(found)
