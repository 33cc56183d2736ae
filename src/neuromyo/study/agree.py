r"""Agreement and repeatability: readers, scanners or repeated scans of the same people.

For numbers: intraclass correlation in all six forms, the error of one reading (wSD, wCV), the change that can be told from error
(MDC95, which is the repeatability coefficient), and for each two readers the mean difference with limits of agreement. For grades on
a scale: weighted kappa. For Dice coefficients that were measured elsewhere: their distribution.

*Assumes* that the cohort's visits are the readings to be compared (readers, scanners, repeats) and that people are independent.
*Breaks* where people had changed between readings: that change is then counted as error.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuromyo.core.analysis import Analysis, Figure, Table, columns, few
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.options import check, option
from neuromyo.study import agree_grades, agree_numbers
from neuromyo.study.agree_readings import Readings, gather, readers_of
from neuromyo.study.said import listed, people

TITLE = "Agreement of readers, scanners or repeats"
#: fewer people than this suggest, and do not confirm
FEW = 10
_WORDS = {
    "visit": "visit",
    "session": "visit",
    "reader": "reader",
    "region_source": "reader",
    "scanner": "scanner",
    "site": "site",
    "acquisition": "acquisition",
    "repeat": "repeat",
}


@dataclass(frozen=True)
class Options:
    """How agreement is judged."""

    variables: tuple[str, ...] = option((), "what was read; all imaging variables where none is named")
    between: str = option("visit", "what tells the readings of a person apart", choices=tuple(_WORDS))
    readers: tuple[str, ...] = option((), "which of the readings (readers, scanners, visits); all where none is named")
    form: str = option(
        "2,1",
        "the ICC that is told first; all six stand in the table",
        choices=("1,1", "2,1", "3,1", "1,k", "2,k", "3,k"),
    )
    kind: str = option(
        "continuous", "numbers, grades on a scale, or Dice coefficients", choices=("continuous", "ordinal", "dice")
    )
    log: bool = option(False, "compare ratios instead of differences: for errors that grow with the value")
    pool: bool = option(
        False, "take the variables as several places of a person (left and right) and give limits of all together"
    )
    scale: tuple[float, ...] = option(
        (), "for grades: all of the scale in order; those found, without gaps, where not given"
    )
    weights: str = option("quadratic", "for grades: how disagreement weighs", choices=("none", "linear", "quadratic"))
    incomplete: str = option("refuse", "what to do with people whom a reader left out", choices=("refuse", "leave-out"))
    level: float = option(0.95, "of the intervals", low=0.5, high=0.999)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """Agreement of the readings of each variable.

    Raises E-REPEATS where readings are missing or not finite (all named at once), E-PEOPLE below two people with every reading,
    E-STUDY where there are not two readings to compare, E-UNKNOWN for a name that is not there.
    """
    check(options)
    word = _WORDS.get(options.between, "reader")
    names = options.variables or tuple(v.name for v in cohort.variables if v.source == "imaging")
    if not names:
        raise DataError(
            "E-STUDY",
            where="agreement",
            needed="an imaging variable, or variables named",
            found="neither",
            remedy="name the variables that were read",
        )
    readers = readers_of(cohort, options.readers, word)
    read, findings = _gather_all(cohort, dict.fromkeys(names), readers, options, word)
    findings += _mixed_groups(cohort, read, options)
    part = agree_numbers if options.kind == "continuous" else agree_grades
    found: tuple[tuple[str, ...], tuple[Table, ...], tuple[Figure, ...], tuple[str, ...], tuple[Finding, ...]]
    found = part.judge(read, options, word)
    summary, tables, figures, methods, more = found
    few = [r for r in read if r.n < FEW]
    findings += [_few(r) for r in few]
    return Analysis(
        "agree", TITLE, summary, (*tables, _readings_table(read, word)), figures, methods, (*findings, *more), bool(few)
    )


def _gather_all(
    cohort: Cohort, names: dict[str, None], readers: tuple[str, ...], options: Options, word: str
) -> tuple[list[Readings], list[Finding]]:
    """All variables, and all that is wrong with any of them in one error."""
    read, findings, refused = [], [], []
    for name in names:
        try:
            one, told = gather(cohort, name, readers, options.incomplete == "leave-out", word)
        except DataError as error:
            if error.code != "E-REPEATS":
                raise
            refused.append(error)
            continue
        if one.n < 2:
            raise DataError(
                "E-PEOPLE",
                where=name,
                needed=f"at least two people read by {listed(readers)}",
                found=str(one.n),
                remedy="more people; ten or more give intervals that are of use",
            )
        read.append(one)
        findings += told
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise DataError(
            "E-REPEATS",
            where=f"{len(refused)} variables",
            needed=refused[0].needed,
            remedy=refused[0].remedy,
            found=" | ".join(f"{e.where}: {e.found}" for e in refused),
        )
    if options.pool and (options.kind != "continuous" or len({r.variable.unit for r in read}) > 1 or len(read) < 2):
        raise OptionError(
            "E-OPTION",
            where="option pool",
            needed="two or more variables in the same unit, kind continuous",
            found=", ".join(f"{r.variable.name} ({r.variable.unit or 'no unit'})" for r in read),
            remedy="name the places of one quantity, for example left and right",
        )
    return read, findings


def _few(read: Readings) -> Finding:
    return Finding(
        "warn",
        "W-EXPLORATORY",
        read.variable.name,
        f"{people(read.n)} read: {few(FEW)}",
        consequence="the intervals are right for normal errors, but wide",
    )


def _mixed_groups(cohort: Cohort, read: list[Readings], options: Options) -> list[Finding]:
    groups = sorted({cohort.people[p].group for r in read for p in r.people} - {""})
    if len(groups) < 2 or options.kind != "continuous":
        return []
    return [
        Finding(
            "note",
            "N-STUDY",
            "ICC",
            f"people of {listed(groups)} are judged together",
            consequence="the ICC is higher the more people differ; the error of a reading (wSD) does not depend on that",
        )
    ]


def _readings_table(read: list[Readings], word: str) -> Table:
    rows = [
        (r.variable.name, p, reader, float(x))
        for r in read
        for p, line in zip(r.people, r.values, strict=True)
        for reader, x in zip(r.readers, line, strict=True)
    ]
    told = columns(
        ("variable", "what was read", "", "text"),
        ("person", "person", "", "text"),
        (word, word, "", "text"),
        ("value", "reading, in the variable's unit"),
    )
    return Table("readings", "Readings that were compared", told, tuple(rows))
