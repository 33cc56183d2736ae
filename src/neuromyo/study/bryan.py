"""The analysis of Bryan et al. 1998: T1, T2, volume and reading of a weakened muscle, against controls, CMAP and strength, over time.

In patients and controls: means at the first visit (Welch), how many scans were read as abnormal (exact), in the patients correlation with
CMAP and strength, change against change, and which marker follows them most closely (Williams). Beside them what the paper printed. Then
what 1998 could not show: how much of the spread of global T2 is water T2, and how much fat.

*Assumes* people independent of each other, one muscle and side a person, and two visits at about the same distance in all.
*Breaks*: a dozen patients decide little; nothing here is corrected for the number of tests, as little as the paper's was.

*Cites* Bryan et al., Neurology 1998;51:110, doi:10.1212/WNL.51.1.110.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import FEW, Analysis, few
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.options import check, option
from neuromyo.study import bryan_numbers as numbers
from neuromyo.study import bryan_variables as variables
from neuromyo.study.bryan_numbers import Values
from neuromyo.study.bryan_said import Told
from neuromyo.study.bryan_variables import CMAP, MVIC, T1, T2, VOLUME, Found
from neuromyo.study.entering import known_visits
from neuromyo.study.said import r_number

TITLE = "The analysis of 1998: T2, T1 and volume in motor neurone disease"


@dataclass(frozen=True)
class Options:
    """Which variables are meant, and who is compared with whom. A variable that is not named is found by what it measures."""

    t2: str = option(
        "", "global T2 of the muscle; empty: the T2 by one exponential, of tibialis anterior where there are several"
    )
    t1: str = option("", "T1 of the muscle")
    volume: str = option("", "volume of the muscle")
    cmap: str = option("", "CMAP amplitude of the muscle's nerve")
    mvic: str = option("", "strength of the movement that the muscle makes")
    water_t2: str = option("", "water T2 of the muscle")
    fat: str = option("", "fat fraction of the muscle")
    reading: str = option(
        "", "reading of the scans: a variable, or a column of the table of people; empty: visual_reading"
    )
    abnormal: float = option(1.0, "a reading from this number on is abnormal")
    reference: str = option("control", "the group of healthy people; everybody else is a patient")
    visit: str = option("", "the first visit; empty: the study's first")
    later: str = option("", "the later visit; empty: the study's last")
    repeats: int = option(2000, "orders of people drawn for the p of rank correlations", low=99, high=1_000_000)
    seed: int = option(1427, "seed of those orders; of a simulated cohort, its own as well", low=0)
    level: float = option(0.95, "level of the intervals", low=0.5, high=0.999)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """The whole analysis. E-UNKNOWN for a name that is not there, E-STUDY without a T2 or with several, E-PEOPLE with too few people."""
    found, values = prepared(cohort, options)
    _enough(values, options)
    told = _compute(found, values, options)
    n_ill = int(values.ill.sum())
    return Analysis("bryan", TITLE, told.summary(), told.tables(), told.figures(), told.methods(), tuple(_cautions(told, n_ill)),
                    n_ill < FEW, "controls")  # fmt: skip


def prepared(cohort: Cohort, options: Options) -> tuple[Found, Values]:
    """The variables that are meant, and everybody's values of them at both visits."""
    check(options)
    named = {role.key: getattr(options, role.key) for role in variables.ROLES}
    found = variables.find(cohort, named, options.reading, options.abnormal)
    return found, _values(cohort, found, options)


def _compute(found: Found, values: Values, options: Options) -> Told:
    markers = [role.key for role in (T2, T1, VOLUME) if found.has(role)]
    targets = [role.key for role in (CMAP, MVIC) if found.has(role)]
    pairs = [numbers.pair(values, m, t, later, options.level, options.repeats, options.seed)
             for later in (False, True) for m in markers for t in targets]  # fmt: skip
    rivals = [numbers.rival(values, t, T2.key, m, options.level) for t in targets for m in markers if m != T2.key]
    sums = [
        numbers.explained(values, later, who, options.level)
        for later, who in ((False, True), (False, None), (True, True))
    ]
    return Told(
        found, values, options.level,
        {m: numbers.groups(values, m, options.level) for m in markers},
        numbers.readings(found.reading, values, options.level),
        tuple(p for p in pairs if p is not None),
        tuple(numbers.change(values, k, ill, options.level) for ill in (True, False) for k in (*markers, *targets)),
        tuple(r for r in rivals if r is not None),
        tuple(s for s in sums if s is not None),
    )  # fmt: skip


def _values(cohort: Cohort, found: Found, options: Options) -> Values:
    """People by rows; those of no group are left out."""
    visits = [options.visit or cohort.visits[0], options.later or cohort.visits[-1]] if cohort.visits else [""]
    known_visits(cohort, visits)
    people = tuple(p for p in dict.fromkeys(cohort.person) if cohort.people[p].group)
    ill = np.array([cohort.people[p].group != options.reference for p in people], dtype=bool)
    at = [cohort.visits.index(v) for v in visits]
    of = {key: cohort.wide(v.name, people)[1][:, at] for key, v in found.of.items()}
    if visits[0] == visits[-1]:
        of = {key: np.column_stack([v[:, 0], np.full(len(v), np.nan)]) for key, v in of.items()}
    return Values(of, ill, people)


def _enough(values: Values, options: Options) -> None:
    n_ill, n_well = (int(np.isfinite(values.first(T2.key, ill)).sum()) for ill in (True, False))
    if n_ill < numbers.FEWEST:
        raise DataError("E-PEOPLE", where="patients with a T2 at the first visit", needed=f"{numbers.FEWEST} or more", found=str(n_ill),
                        remedy=f"measure more people; everybody whose group is not {options.reference} is a patient")  # fmt: skip
    if n_well < 2:
        raise DataError("E-PEOPLE", where=f"people of the group {options.reference} with a T2 at the first visit", needed="2 or more",
                        found=str(n_well), remedy="name the healthy group with --reference, or measure controls")  # fmt: skip


def _cautions(told: Told, n_ill: int) -> list[Finding]:
    out: list[Finding] = []
    if n_ill < FEW:
        out.append(Finding("warn", "W-EXPLORATORY", "patients", f"{n_ill} patients, {few()}",
                           "plan what matters most, and confirm it in other people",
                           f"{told.n_tests} tests without correction: chance alone makes about one of twenty come out "
                           "positive"))  # fmt: skip
    for one in told.pairs:
        if (one.r.p < 0.05) != (one.p_without < 0.05):
            name = f"{told.title(one.x)} with {told.title(one.y)}" + (", changes" if one.changes else "")
            out.append(Finding("warn", "W-INFLUENCE", name, f"r = {r_number(one.r.r)} becomes {r_number(_nearest(one.without))} without "
                               f"{one.person}",
                               "look at that person's images and tables", "the correlation rests on one person"))  # fmt: skip
    lacking = [r.title for r in variables.ROLES if not told.found.has(r)] + (
        [] if told.found.reading else ["reading of the scans"]
    )
    if lacking:
        out.append(Finding("note", "N-STUDY", "variables", f"not measured: {', '.join(lacking)}",
                           "name them by their options if they are there", "what rests on them is left out"))  # fmt: skip
    return out


def _nearest(span: tuple[float, float]) -> float:
    return min(span, key=abs)
