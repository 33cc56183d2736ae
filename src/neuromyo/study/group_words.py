"""What a comparison of groups says: summary and methods, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

from neuromyo.stats.intervals import Interval
from neuromyo.stats.permutation import MOST
from neuromyo.study.group_profiles import Profile
from neuromyo.study.group_tables import said_stretches
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Findings

#: differences that get a sentence of their own; the others are in the tables
MOST_SENTENCES = 6
_RULES = {"bh": "Benjamini-Hochberg", "holm": "Holm", "none": ""}


def summary(found: Findings) -> tuple[str, ...]:
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


def _shown(found: Findings, c: Comparison) -> bool:
    return c.p_corrected < 1 - found.options.level


def _overall(found: Findings, shown: int, tested: int) -> str:
    if tested == 0:
        return (
            ""
            if found.profiles
            else f"Nothing could be compared between {_who(found)}; the table says why for each variable."
        )
    corrected = f" after correction for {found.family} tests ({_RULES[found.options.correction]})" * (
        found.options.correction != "none"
    )
    return f"{shown} of {tested} comparisons between {_who(found)} differ at p < {p_word(1 - found.options.level)}{corrected}."


def _who(found: Findings) -> str:
    groups = [f"{g} (n = {found.setting.size(g)})" for g in (*found.setting.compared, found.setting.reference)]
    at = f", visit {found.setting.visit}" * bool(found.setting.visit)
    return f"{listed(groups)}{at}"


def _difference(found: Findings, c: Comparison) -> str:
    """``T2/... was 3.9 ms higher in als (n = 11) than in control (n = 8): 95 % CI 1.1 to 6.7 ms, p = .009 ...``."""
    d, level = c.difference, f"{100 * found.options.level:g} % CI"
    n = c.adjusted.n if c.with_covariates and c.adjusted else (c.a.size, c.b.size)
    digits = decimals(d)
    unit = f" {c.variable.unit}" if c.variable.unit else ""
    way = "higher" if d.value > 0 else "lower"
    same = f" at the same {listed(list(found.covariates.names))}" * bool(c.with_covariates and c.adjusted)
    tests = [p_said("p", c.p)]
    if found.options.correction != "none" and found.family > 1:
        tests.append(f"corrected {p_said('p', c.p_corrected)}")
    permuted = c.adjusted.permutation if c.with_covariates and c.adjusted else c.permutation.p
    tests.append(p_said("by permutation p", permuted))
    g = c.effect.g
    size = f"; Hedges g {g.value:.2f} ({g.low:.2f} to {g.high:.2f})" if g.known else ""
    what = f"{c.variable.name} was {abs(d.value):.{digits}f}{unit} {way}"
    head = f"{what} in {c.compared} (n = {n[0]}) than in {c.reference} (n = {n[1]}){same}"
    end = "" if _shown(found, c) else ": no difference was shown"
    return minus(f"{head} ({level} {d.low:.{digits}f} to {d.high:.{digits}f}{unit}; {', '.join(tests)}{size}){end}.")


def _profile(found: Findings, p: Profile) -> str:
    if p.result is None:
        return f"{p.name} could not be compared between {p.compared} and {p.reference} along its levels: {p.why}."
    corrected = f", corrected {p_said('p', p.p_corrected)}" * (found.options.correction != "none" and found.family > 1)
    where = said_stretches(p, found.options.level)
    said = (
        f"differs between {p.compared} and {p.reference} at {where}"
        if where
        else f"was not shown to differ between {p.compared} and {p.reference} at any level"
    )
    return minus(
        f"{p.name} {said} ({p_said('p', p.p)} that it differs anywhere, by max-T over {int((p.result.t == p.result.t).sum())} "
        f"levels{corrected})."
    )


def methods(found: Findings) -> tuple[str, ...]:
    """For the methods section of a paper; each test that was made, with its source."""
    o, several = found.options, len(found.setting.compared) > 1
    exact = [c.permutation.exact for c in found.comparisons if not c.why]
    said = [
        f"Means of {listed(list(found.setting.compared))} were compared with {found.setting.reference} by Welch's t test, "
        "which does not take spreads "
        f"as equal; differences are given with {100 * o.level:g} % confidence intervals (Welch 1947, doi:10.1093/biomet/34.1-2.28).",
        "Standardised differences are Hedges g with exact intervals from the noncentral t distribution (Hedges 1981, "
        "doi:10.3102/10769986006002107).",
    ]
    if exact:
        how = f"all arrangements of people were tried where they were no more than {MOST:,}" if any(exact) else ""
        drawn = f"{o.repeats:,} arrangements were drawn (seed {o.seed})" + " otherwise" * bool(how)
        both = [how] * any(exact) + [drawn] * (not all(exact))
        said.append(
            f"Permutation p are of Welch's t computed anew in each arrangement: {', and '.join(both)} "
            "(Janssen 1997, doi:10.1016/S0167-7152(97)00043-6; Phipson and Smyth 2010, doi:10.2202/1544-6115.1585)."
        )
        said.append(
            "Ranks were compared by the Mann-Whitney test (exact up to 100 people, equal values included) and the "
            "Brunner-Munzel test, with the "
            "Hodges-Lehmann shift and the probability of superiority (Newcombe 2006, doi:10.1002/sim.2324)."
        )
    if found.covariates.columns:
        said.append(
            f"Analysis of covariance held {listed(list(found.covariates.names))} alike, with slopes taken as the same "
            "in both groups; adjusted means are "
            f"at the pooled means of the covariates, p by permutation is from {o.repeats:,} permutations of the "
            "residuals of the model without group "
            "(Freedman and Lane 1983, doi:10.1080/07350015.1983.10509354)."
        )
    if found.profiles:
        said.append(
            "Levels along a nerve were tested as one profile: people were exchanged as a whole, and each level was "
            "held against the largest t of all levels, "
            "stepping down (Westfall and Young 1993)."
        )
    if several:
        said.append(
            "Whether any of the groups differ was tested by Welch's analysis of variance (Welch 1951, doi:10.1093/biomet/38.3-4.330)."
        )
    said.append(_corrected(found))
    return tuple(said)


def _corrected(found: Findings) -> str:
    what = "p of the analysis of covariance" if found.covariates.columns else "p of Welch's t"
    what += " and, of a profile, the p that it differs anywhere," if found.profiles else ""
    if found.options.correction == "none":
        return f"{found.family} tests were made, and p were not corrected for that." if found.family > 1 else ""
    source = (
        "(Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x)"
        if found.options.correction == "bh"
        else "(Holm 1979)"
    )
    held = "false discovery rate" if found.options.correction == "bh" else "chance of any false finding"
    return f"The {what} were corrected over {found.family} test{'s' * (found.family != 1)} for the {held} {source}."


# --- numbers in sentences


def p_word(p: float) -> str:
    """``.009``, ``.38``, ``< .001``."""
    if not isfinite(p):
        return "unknown"
    if p < 0.001:
        return "< .001"
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return text.lstrip("0") if p < 0.995 else "1.0"


def p_said(name: str, p: float) -> str:
    """``p = .009``, ``p < .001``."""
    word = p_word(p)
    return f"{name} {word}" if word.startswith("<") else f"{name} = {word}"


def decimals(one: Interval) -> int:
    """Digits behind the point that the interval bears: two figures of its half width."""
    half = (one.high - one.low) / 2 if one.known else abs(one.value)
    return min(max(1 - floor(log10(half)), 0), 6) if isfinite(half) and half > 0 else 2


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def minus(text: str) -> str:
    """True minus signs before numbers."""
    return "".join(
        "−" if c == "-" and i + 1 < len(text) and text[i + 1].isdigit() and (i == 0 or text[i - 1] in " (") else c
        for i, c in enumerate(text)
    )
