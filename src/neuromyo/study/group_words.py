"""What a comparison of groups says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuromyo.study.group_covariates import titled
from neuromyo.study.group_profiles import Profile
from neuromyo.study.group_tables_profiles import said_stretches
from neuromyo.study.group_tests import Comparison
from neuromyo.study.said import (
    MOST_SAID,
    alpha_text,
    capital,
    change_unit,
    ends,
    estimate,
    half_width,
    listed,
    number,
    p_text,
    percent,
    shortened,
)

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

#: differences that get a sentence of their own; the others are in the tables
MOST_SENTENCES = 3
_RULES = {"bh": "Benjamini-Hochberg", "holm": "Holm", "none": ""}


def summary(found: Compared) -> tuple[str, ...]:
    """The first sentence is what a clinician reads; then the clearest differences, profiles, and what was not shown."""
    tested = sorted((c for c in found.comparisons if c.tested), key=lambda c: c.p)
    shown = [c for c in tested if _shown(found, c)]
    rest = [c for c in tested if not _shown(found, c)]
    said = [_overall(found, len(shown), len(tested))] if len(tested) != 1 else []
    said += [_difference(found, c) for c in shown[:MOST_SENTENCES] or rest[:1]]
    said += [_profile(found, p) for p in found.profiles]
    last = "Where no difference was shown, groups need not be alike: the interval holds what remains possible."
    return (*shortened([s for s in said if s], MOST_SAID - 1), *([last] if rest else []))


def _shown(found: Compared, c: Comparison) -> bool:
    return c.p_corrected < 1 - found.options.level


def _overall(found: Compared, shown: int, tested: int) -> str:
    if tested == 0:
        return (
            ""
            if found.profiles
            else f"Nothing could be compared between {_who(found)}; the table says why for each variable."
        )
    rule = _RULES[found.options.correction]
    corrected = f", corrected for {found.family} tests ({rule})" if rule and found.family > 1 else ""
    differ = "none differs" if shown == 0 else "1 differs" if shown == 1 else f"{shown} differ"
    what = "measurements compared" if len(found.setting.compared) == 1 else "comparisons"
    return f"Of {tested} {what} between {_who(found)}, {differ} at p < {alpha_text(found.options.level)}{corrected}."


def _who(found: Compared) -> str:
    groups = [f"{g} (n = {found.setting.size(g)})" for g in (*found.setting.compared, found.setting.reference)]
    at = f" at visit {found.setting.visit}" * bool(found.setting.visit)
    return f"{listed(groups)}{at}"


def _difference(found: Compared, c: Comparison) -> str:
    """``T2 of ... was 3.9 ms higher in als (n = 11) than in control (n = 8) (95 % CI 1.1 to 6.7; p = 0.009 ...``."""
    d, level = c.difference, found.options.level
    n = c.adjusted.n if c.with_covariates and c.adjusted else (c.a.size, c.b.size)
    size = number(abs(d.value), half_width(d), change_unit(c.variable.unit))
    way = "higher" if d.value > 0 else "lower"
    same = f" at the same {listed(titled(found.covariates.names))}" * bool(c.with_covariates and c.adjusted)
    tests = [p_text(c.p)]
    if found.options.correction != "none" and found.family > 1:
        tests.append(p_text(c.p_corrected, "corrected p"))
    permuted = c.adjusted.permutation if c.with_covariates and c.adjusted else c.permutation.p
    tests.append(p_text(permuted, "by permutation p"))
    g = c.effect.g
    plain = "without covariates " * c.with_covariates
    effect = f"; {plain}Hedges g {number(g.value, half_width(g))} ({ends(g)})" if g.known else ""
    what = f"{capital(c.variable.said)} was {size} {way}"
    head = f"{what} in {c.compared} (n = {n[0]}) than in {c.reference} (n = {n[1]}){same}"
    end = "" if _shown(found, c) else ": no difference was shown"
    ci = f"{percent(level)} CI {ends(d)}; " if d.known else ""
    return f"{head} ({ci}{', '.join(tests)}{effect}){end}."


def _profile(found: Compared, p: Profile) -> str:
    between = f"between {p.compared} and {p.reference}"
    if found.covariates.columns:
        between += f" at the same {listed(titled(found.covariates.names))}"
    if p.result is None:
        return f"{capital(p.said)} could not be compared {between} along its levels: {p.why}."
    where = said_stretches(p, found.options.level)
    said = f"differs {between} at {where}" if where else f"was not shown to differ {between} at any level"
    top = int(np.nanargmax(np.abs(p.result.t)))
    d = p.differences[top]
    alone = estimate(d, change_unit(p.unit), found.options.level, sign=True)
    most = f"clearest at {p.variables[top].level}: {alone}, of that level alone"
    tests = f"{p_text(p.p)} that it differs anywhere (max-T over {int(np.isfinite(p.result.t).sum())} levels)"
    if found.options.correction != "none" and found.family > 1:
        tests += ", " + p_text(p.p_corrected, "corrected p")
    return f"{capital(p.said)} {said}; {tests}; {most}."
