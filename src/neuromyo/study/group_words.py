"""What a comparison of groups says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuromyo.study.group_covariates import titled
from neuromyo.study.group_numbers import alpha_word, decimals, listed, minus, p_said, unit_word
from neuromyo.study.group_profiles import Profile
from neuromyo.study.group_tables_profiles import said_stretches
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

#: differences that get a sentence of their own; the others are in the tables
MOST_SENTENCES = 6
_RULES = {"bh": "Benjamini-Hochberg", "holm": "Holm", "none": ""}


def summary(found: Compared) -> tuple[str, ...]:
    """The first sentence is what a clinician reads; then the clearest differences, profiles, and what was not shown."""
    tested = sorted((c for c in found.comparisons if c.tested), key=lambda c: c.p)
    shown = [c for c in tested if _shown(found, c)]
    rest = [c for c in tested if not _shown(found, c)]
    said = [_overall(found, len(shown), len(tested))] if len(tested) != 1 else []
    said += [_difference(found, c) for c in shown[:MOST_SENTENCES]]
    said += [_difference(found, c) for c in rest[: max(1, 3 - len(shown))]]
    said += [_profile(found, p) for p in found.profiles]
    if any(not _shown(found, c) for c in tested):
        said.append(
            "Where no difference was shown, groups need not be alike: the interval holds what remains possible."
        )
    return tuple(s for s in said if s)


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
    return f"Of {tested} {what} between {_who(found)}, {differ} at p < {alpha_word(found.options.level)}{corrected}."


def _who(found: Compared) -> str:
    groups = [f"{g} (n = {found.setting.size(g)})" for g in (*found.setting.compared, found.setting.reference)]
    at = f" at visit {found.setting.visit}" * bool(found.setting.visit)
    return f"{listed(groups)}{at}"


def _difference(found: Compared, c: Comparison) -> str:
    """``T2/... was 3.9 ms higher in als (n = 11) than in control (n = 8): 95 % CI 1.1 to 6.7 ms, p = .009 ...``."""
    d, level = c.difference, f"{100 * found.options.level:g} % CI"
    n = c.adjusted.n if c.with_covariates and c.adjusted else (c.a.size, c.b.size)
    digits = decimals(d)
    unit = unit_word(c.variable.unit)
    way = "higher" if d.value > 0 else "lower"
    same = f" at the same {listed(titled(found.covariates.names))}" * bool(c.with_covariates and c.adjusted)
    tests = [p_said("p", c.p)]
    if found.options.correction != "none" and found.family > 1:
        tests.append(f"corrected {p_said('p', c.p_corrected)}")
    permuted = c.adjusted.permutation if c.with_covariates and c.adjusted else c.permutation.p
    tests.append(p_said("by permutation p", permuted))
    g = c.effect.g
    plain = "without covariates " * c.with_covariates
    size = f"; {plain}Hedges g {g.value:.2f} ({g.low:.2f} to {g.high:.2f})" if g.known else ""
    what = f"{c.variable.name} was {abs(d.value):.{digits}f}{unit} {way}"
    head = f"{what} in {c.compared} (n = {n[0]}) than in {c.reference} (n = {n[1]}){same}"
    end = "" if _shown(found, c) else ": no difference was shown"
    return minus(f"{head} ({level} {d.low:.{digits}f} to {d.high:.{digits}f}{unit}; {', '.join(tests)}{size}){end}.")


def _profile(found: Compared, p: Profile) -> str:
    between = f"between {p.compared} and {p.reference}"
    if found.covariates.columns:
        between += f" at the same {listed(titled(found.covariates.names))}"
    if p.result is None:
        return f"{p.name} could not be compared {between} along its levels: {p.why}."
    where = said_stretches(p, found.options.level)
    said = f"differs {between} at {where}" if where else f"was not shown to differ {between} at any level"
    top = int(np.nanargmax(np.abs(p.result.t)))
    d = p.differences[top]
    digits, unit = decimals(d), unit_word(p.unit)
    most = (
        f"clearest at {p.variables[top].level}: {d.value:+.{digits}f}{unit}, {100 * found.options.level:g} % CI of that level alone "
        f"{d.low:.{digits}f} to {d.high:.{digits}f}{unit}"
    )
    tests = f"{p_said('p', p.p)} that it differs anywhere (max-T over {int(np.isfinite(p.result.t).sum())} levels)"
    if found.options.correction != "none" and found.family > 1:
        tests += f", corrected {p_said('p', p.p_corrected)}"
    return minus(f"{p.name} {said}; {tests}; {most}.")
