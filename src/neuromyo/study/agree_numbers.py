"""Agreement on numbers: sentences, tables, findings and drawings of what was computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.analysis import Figure, Table
from neuromyo.core.errors import Finding
from neuromyo.stats.icc import FORMS, Form
from neuromyo.stats.intervals import Interval
from neuromyo.study import agree_care, agree_figures, agree_tables
from neuromyo.study.agree_judgement import Asked, Judgement, Pair, judgement, pooled
from neuromyo.study.agree_methods import methods
from neuromyo.study.agree_readings import Readings
from neuromyo.study.said import MOST_SAID, capital, change_unit, counted, estimate, people, shortened

Judged = tuple[tuple[str, ...], tuple[Table, ...], tuple[Figure, ...], tuple[str, ...], tuple[Finding, ...]]


def judge(read: Sequence[Readings], options: Asked, word: str) -> Judged:
    """Summary, tables, figures, methods and findings of all variables."""
    form: Form = next(f for f in FORMS if f == options.form)
    found = [judgement(r, options) for r in read]
    together = pooled(read, options) if options.pool else ()
    each = max(1, (MOST_SAID - len(together)) // len(found))
    summary = [
        _limits_sentence(p, "All places together", change_unit(read[0].variable.unit), options, word) for p in together
    ]
    summary += [s for j in found for s in _sentences(j, form, options, word)[:each]]
    tables = agree_tables.of_numbers(found, together, form, options.log, word)
    figures: list[Figure] = [
        f
        for j in found
        for f in (agree_figures.dots(j, options), *(agree_figures.drawn(j, p, options, word) for p in j.pairs))
    ]
    findings = [
        f
        for j in found
        for f in (
            *agree_care.findings(j, word),
            *(o for p in j.pairs for o in agree_care.of_pair(j, p, options.log)),
        )
    ]
    return (
        shortened(summary),
        tables,
        tuple(figures),
        methods(options.log, options.pool, len(read[0].readers), word),
        tuple(findings),
    )


def _sentences(j: Judgement, form: Form, options: Asked, word: str) -> list[str]:
    name, unit, level = capital(j.read.variable.said), change_unit(j.read.variable.unit), options.level
    who = f"{people(j.read.n)}, {counted(len(j.read.readers), word)}"
    error = j.precision
    if error.wsd.value == 0:
        return [
            f"{name} ({who}): all readings of a person are the same, so the error of a reading cannot be told; {j.why_no_icc}."
        ]
    if options.log and error.change_ratio.known:
        change = f"the ratio of two readings of a person who has not changed stays below {estimate(error.change_ratio, '', level)}"
    else:
        change = (
            f"two readings of a person who has not changed differ by less than {estimate(error.mdc95, unit, level)}"
        )
    opening = f"{name} ({who}): {change} in 95 of 100 cases (MDC95); the error of one reading (wSD) is {estimate(error.wsd, unit, level)}"
    opening += f", {estimate(error.wcv, '%', level)} of the value (wCV)." if error.wcv.known else "."
    share = j.icc[form]
    what = " of logarithms" if options.log else ""
    told = (
        f"ICC({form}){what} is {estimate(share, '', level)}"
        if np.isfinite(share.value)
        else f"ICC({form}) cannot be told"
    )
    return [
        opening,
        f"{name}: {told}" + (f": {j.why_no_icc}." if j.why_no_icc else "."),
        *(_limits_sentence(p, name, unit, options, word) for p in j.pairs),
    ]


def _limits_sentence(pair: Pair, name: str, unit: str, options: Asked, word: str) -> str:
    one, level = (pair.limits.exponential() if options.log else pair.limits), options.level
    if options.log:
        return (
            f"{name}: {word} {pair.second} reads {estimate(one.bias, '', level)} times what {pair.first} reads; "
            f"95 % of ratios lie between {estimate(one.lower, '', level)} and {estimate(one.upper, '', level)}."
        )
    if one.bias.value == 0 and one.sd == 0:
        return f"{name}: {word}s {pair.first} and {pair.second} read the same."
    higher = "higher" if one.bias.value >= 0 else "lower"
    b = one.bias if one.bias.value >= 0 else Interval(-one.bias.value, -one.bias.high, -one.bias.low, one.bias.df)
    return (
        f"{name}: {word} {pair.second} reads {estimate(b, unit, level)} {higher} than {pair.first}; 95 % of differences lie "
        f"between {estimate(one.lower, unit, level)} and {estimate(one.upper, unit, level)}."
    )
