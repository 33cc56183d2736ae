"""Tables of agreement on numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuromyo.core.analysis import Column, Table, columns
from neuromyo.stats.icc import FORMS, Form
from neuromyo.study.cells import cell, with_ends

if TYPE_CHECKING:
    from neuromyo.study.agree_numbers import Judgement, Pair

#: the columns that say of which two readers a row is
PAIR = (
    Column("variable", "what was read", "", "text"),
    Column("first", "first of the two", "", "text"),
    Column("second", "second of the two", "", "text"),
)
_MEANS: dict[Form, str] = {
    "1,1": "one reading, each person read by others",
    "2,1": "one reading, by readers drawn from many: their levels count as error",
    "3,1": "one reading, by these readers: their levels do not count",
    "1,k": "the mean of all readings of a person, each person read by others",
    "2,k": "the mean of all readings of a person, readers drawn from many",
    "3,k": "the mean of all readings of a person, these readers",
}


def of_numbers(
    found: Sequence[Judgement], pooled: Sequence[Pair], form: Form, log: bool, word: str
) -> tuple[Table, ...]:
    """Reliability (a line a variable), ICC by form, limits of agreement and proportional bias (a line for each two readers)."""
    return (
        _reliability(found, form),
        _icc(found, log),
        _limits(found, pooled, log),
        _proportion(found),
        _precision(found, word),
    )


def _reliability(found: Sequence[Judgement], form: Form) -> Table:
    """The numbers that people look for; the others are in `_precision`."""
    told = columns(
        ("variable", "what was read", "", "text"),
        ("n_people", "people", "", "count"),
        *three("icc", f"ICC({form})"),
        *three("mdc95", "minimal detectable change, or repeatability coefficient"),
        ("unit", "unit of MDC95", "", "text"),
    )
    rows = [
        (
            j.read.variable.name,
            j.precision.n,
            *with_ends(j.icc[form]),
            *with_ends(j.precision.mdc95),
            j.read.variable.unit,
        )
        for j in found
    ]
    note = "MDC95 = 1.96 sqrt(2) wSD. The ICC depends on how different the people are; the error of a reading does not."
    return Table("reliability", "Reliability and the change that can be told from error", told, tuple(rows), note)


def _precision(found: Sequence[Judgement], word: str) -> Table:
    told = columns(
        ("variable", "what was read", "", "text"),
        ("unit", "unit of mean, SD and wSD", "", "text"),
        ("n_people", "people", "", "count"),
        ("n_readers", f"{word}s", "", "count"),
        ("mean", "mean of all readings"),
        ("sd_between", "standard deviation of people's means"),
        *three("wsd", "within-person standard deviation, the error of one reading"),
        *three("consistency", f"the same, {word}s' levels left out"),
        *three("any_readers", f"the same for {word}s drawn from many"),
        *three("wcv", "within-person coefficient of variation", "%"),
        *three("wcv_log", "the same by logarithms", "%"),
        *three("change_ratio", "ratio of two readings that 5 in 100 exceed without change"),
        ("readers_p", f"that {word}s' levels are all the same, F test", "", "p"),
    )
    rows = []
    for j in found:
        p, x = j.precision, j.read.values
        each = (p.wsd, p.consistency, p.any_readers, p.wcv, p.wcv_log, p.change_ratio)
        first = (
            j.read.variable.name,
            j.read.variable.unit,
            p.n,
            p.k,
            float(x.mean()),
            float(x.mean(axis=1).std(ddof=1)),
        )
        rows.append((*first, *(c for one in each for c in with_ends(one)), cell(p.readers_p)))
    return Table("precision", "The error of one reading", told, tuple(rows))


def _icc(found: Sequence[Judgement], log: bool) -> Table:
    told = columns(
        ("variable", "what was read", "", "text"),
        ("form", "form of Shrout and Fleiss", "", "text"),
        *three("icc", "intraclass correlation"),
        ("meaning", "what it is of", "", "text"),
    )
    rows = [(j.read.variable.name, f"ICC({f})", *with_ends(j.icc[f]), _MEANS[f]) for j in found for f in FORMS]
    why = " ".join(f"{j.read.variable.name}: {j.why_no_icc}." for j in found if j.why_no_icc)
    return Table(
        "icc", "Intraclass correlation in six forms" + (", of logarithms" if log else ""), told, tuple(rows), why
    )


def _limits(found: Sequence[Judgement], pooled: Sequence[Pair], log: bool) -> Table:
    what = "ratio" if log else "difference"
    told = columns(
        *PAIR,
        ("unit", "unit of differences", "", "text"),
        ("n", f"{what}s", "", "count"),
        ("n_people", "people", "", "count"),
        *three("bias", f"mean {what}, second {'to' if log else 'less'} first"),
        ("sd", "SD of differences" + " of logarithms" * log),
        *three("lower", "lower limit of agreement"),
        *three("upper", "upper limit of agreement"),
        ("outer_low", "surely no more than 5 % of all lie beyond: lower end"),
        ("outer_high", "the same: upper end"),
        ("inner_low", "surely no less than 5 % of all lie beyond: lower end"),
        ("inner_high", "the same: upper end"),
    )
    each = [(j.read.variable.name, j.read.variable.unit, p) for j in found for p in j.pairs]
    each += [("all places together", found[0].read.variable.unit, p) for p in pooled]
    rows = []
    for name, unit, p in each:
        one = p.limits.exponential() if log else p.limits
        ends = (cell(x) for x in (*one.outer, *one.inner))
        rows.append(
            (
                name,
                p.first,
                p.second,
                "" if log else unit,
                one.n,
                one.n_people,
                *with_ends(one.bias),
                cell(one.sd),
                *with_ends(one.lower),
                *with_ends(one.upper),
                *ends,
            )
        )
    note = "Each limit with its exact interval; outer and inner ends are of both limits together (tolerance limits)."
    return Table("limits", "Limits of agreement" + (" as ratios" if log else ""), told, tuple(rows), note)


def _proportion(found: Sequence[Judgement]) -> Table:
    told = columns(
        *PAIR,
        *three("slope", "slope of the difference on the mean of both"),
        ("p", "that the slope is 0", "", "p"),
        *three("sd_ratio", "SD of the second over SD of the first"),
        *three("spread", "slope of the size of differences on the mean"),
        ("spread_p", "that differences do not grow", "", "p"),
    )
    rows = [
        (
            j.read.variable.name,
            p.first,
            p.second,
            *with_ends(p.proportion.slope),
            cell(p.proportion.p),
            *with_ends(p.proportion.sd_ratio),
            *with_ends(p.proportion.spread),
            cell(p.proportion.spread_p),
        )
        for j in found
        for p in j.pairs
    ]
    return Table(
        "proportional-bias",
        "Does the difference depend on the value?",
        told,
        tuple(rows),
        "The slope's test is Pitman and Morgan's test of equal spread: more noise in one makes a slope as well as another scale does.",
    )


def three(name: str, meaning: str, unit: str = "") -> tuple[Column, Column, Column]:
    """Columns of an estimate and its interval."""
    return (
        Column(name, meaning, unit),
        Column(f"{name}_low", f"{meaning}: lower end of the interval", unit),
        Column(f"{name}_high", f"{meaning}: upper end of the interval", unit),
    )
