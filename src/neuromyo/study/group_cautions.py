"""What to be careful about in a comparison of groups: each said with the people and numbers it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from neuromyo.core.errors import Finding
from neuromyo.stats.effect_size import detectable, hedges_g
from neuromyo.stats.two_samples import spreads_differ, without_each
from neuromyo.study.group_covariates import TITLES, known, titled
from neuromyo.study.group_numbers import alpha_word, listed, minus, p_said, some
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Findings

#: people of both groups below whom nothing is confirmed
CONFIRMING = 20
#: p of the tests of skewness, of one value far out, of unequal spreads and the ratio of these, g of a covariate: from here on it is told
SKEWED, OUTLYING, UNEQUAL, RATIO, IMBALANCE = 0.01, 0.01, 0.05, 2.0, 0.5


def findings(found: Findings) -> tuple[Finding, ...]:
    """In the order in which they matter."""
    return (
        *_few(found),
        *_absent(found),
        *_untested(found),
        *_imbalance(found),
        *_sites(found),
        *_constant(found),
        *_uncorrected(found),
        *(f for c in found.comparisons if not c.why for f in _of_one(found, c)),
    )


def _warn(code: str, where: str, message: str, remedy: str = "", consequence: str = "") -> Finding:
    return Finding("note" if code.startswith("N-") else "warn", code, where, minus(message), remedy, consequence)


def _few(found: Findings) -> Iterator[Finding]:
    s = found.setting
    for g in s.compared:
        n, m = s.size(g), s.size(s.reference)
        if n + m < CONFIRMING:
            yield _warn(
                "W-EXPLORATORY",
                f"{g} against {s.reference}",
                f"{n + m} people ({n} against {m}): a difference has "
                f"to be {detectable(n, m):.1f} standard "
                "deviations to be found four times in five",
                "confirm it in other people",
                "smaller differences are rather missed than found, and those found look larger than they are",
            )


def _absent(found: Findings) -> Iterator[Finding]:
    s, at = found.setting, f" at visit {found.setting.visit}" * bool(found.setting.visit)
    for g, people in s.absent.items():
        if people:
            why = [s.rows.people[p].end for p in people]
            named = [f"sub-{p}" + f" ({w})" * bool(w) for p, w in zip(people, why, strict=True)]
            yield _warn(
                "W-ABSENT",
                f"group {g}",
                f"{len(people)} of {len(people) + s.size(g)} people have no measurements{at}: {some(named)}",
                "say why they are missing: those who cannot be scanned may be the sickest",
            )
    if s.ungrouped:
        yield _warn(
            "W-ABSENT",
            "the table of people",
            f"{len(s.ungrouped)} with measurements{at} have no group and were left out: "
            f"{some([f'sub-{p}' for p in s.ungrouped])}",
            "give their group in participants.tsv",
        )
    holes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    every = dict.fromkeys([c.variable for c in found.comparisons] + [v for p in found.profiles for v in p.variables])
    for v in every:
        for g in s.groups:
            there = set(s.labels(v, g))
            missing = tuple(str(p) for p in s.rows.person[s.member(g)] if p not in there)
            if missing:
                holes.setdefault((g, missing), []).append(v.name)
    for (g, missing), names in holes.items():
        yield _warn(
            "W-ABSENT",
            some(names),
            f"{len(missing)} of {s.size(g)} {g} have no value: {some([f'sub-{p}' for p in missing])}",
            "look why: their flags in the table of measurements may tell",
        )
    if found.covariates.columns:
        unknown = [f"sub-{p}" for p, whole in zip(s.rows.person, found.covariates.complete(), strict=True) if not whole]
        if unknown:
            yield _warn(
                "W-ABSENT",
                listed(titled(found.covariates.names)),
                f"not known of {some(unknown)}, who "
                f"{'is' if len(unknown) == 1 else 'are'} left out of "
                "what is compared at the same covariates",
                "complete participants.tsv",
            )


def _untested(found: Findings) -> Iterator[Finding]:
    for c in found.comparisons:
        if c.why or c.why_not:
            yield _warn(
                "N-STUDY",
                c.variable.name,
                f"{c.compared} and {c.reference} were not compared" + " at the same "
                "covariates" * (not c.why) + f": {c.why or c.why_not}",
            )
    for p in found.profiles:
        if p.why:
            yield _warn("N-STUDY", p.name, f"{p.compared} and {p.reference} were not compared along levels: {p.why}")


def _imbalance(found: Findings) -> Iterator[Finding]:
    rows, s = found.setting.rows, found.setting
    for name in [n for n in known(rows) if n not in ("sex", "site", *found.covariates.names)]:
        x = rows.covariate(name)
        word, unit = TITLES.get(name, (name.replace("_", " "), ""))
        for g in s.compared:
            a, b = (v[np.isfinite(v)] for v in (x[s.member(g)], x[s.member(s.reference)]))
            apart = hedges_g(a, b)
            if isfinite(apart.value) and abs(apart.value) > IMBALANCE:
                unit_word = f" {unit}" if unit else ""
                yield _warn(
                    "W-BALANCE",
                    f"{g} against {s.reference}",
                    f"{word} differs: {_mean(a)} against {_mean(b)}{unit_word} on average (g {apart.value:.1f})",
                    f"compare at the same {word} (`--covariates {name}`)",
                    "part of a difference may be of that",
                )
    if "sex" in known(rows) and "sex" not in found.covariates.names:
        for g in s.compared:
            yield from _sexes(found, g)


def _mean(x: np.ndarray) -> str:
    """With as many digits as its spread bears."""
    spread = float(x.std(ddof=1)) if x.size > 1 else 0.0
    return f"{x.mean():.{0 if spread >= 3 else 1 if spread >= 0.3 else 2}f}"


def _sexes(found: Findings, group: str) -> Iterator[Finding]:
    s, sex = found.setting, found.setting.rows.words("sex")
    (f, m), (rf, rm) = (
        ((sex[s.member(g)] == "F").sum(), (sex[s.member(g)] == "M").sum()) for g in (group, s.reference)
    )
    if f + m and rf + rm and abs(f / (f + m) - rf / (rf + rm)) > 0.25:
        yield _warn(
            "W-BALANCE",
            f"{group} against {s.reference}",
            f"sexes differ: {f} of {f + m} against {rf} of {rf + rm} are women",
            "compare at the same sex (`--covariates sex`)",
            "part of a difference may be of that",
        )


def _sites(found: Findings) -> Iterator[Finding]:
    s, site = found.setting, found.setting.rows.words("site")
    for g in s.compared:
        theirs, ours = ({str(w) for w in site[s.member(one)] if w} for one in (g, s.reference))
        if theirs and ours and len(theirs | ours) > 1 and not theirs & ours:
            yield _warn(
                "W-BALANCE",
                f"{g} against {s.reference}",
                f"no site has people of both: {g} were measured at "
                f"{some(sorted(theirs))}, {s.reference} at {some(sorted(ours))}",
                "measure both groups on each scanner",
                "a difference between scanners cannot be told from one between groups",
            )


def _constant(found: Findings) -> Iterator[Finding]:
    for name in found.covariates.constant:
        yield _warn("N-STUDY", "option covariates", f"{name} is the same in everybody, and was left out")


def _uncorrected(found: Findings) -> Iterator[Finding]:
    if found.options.correction == "none" and found.family > 1:
        alpha = 1 - found.options.level
        yield _warn(
            "W-EXPLORATORY",
            "option correction",
            f"{found.family} tests without correction: if nothing differed, "
            f"about {found.family * alpha:.1f} of them would "
            f"still have p < {alpha_word(found.options.level)}",
            "take `bh` or `holm`",
        )


# --- of one variable


def _of_one(found: Findings, c: Comparison) -> Iterator[Finding]:
    where = c.variable.name + f", {c.compared}" * (len(found.setting.compared) > 1)
    yield from _skewed(c, where)
    yield from _spread(c, where)
    yield from _influence(c, where, found.options.level)
    yield from _close(c, where, found.options.level)
    if c.ranks.tied > 0.5:
        yield _warn(
            "W-TIES",
            where,
            f"{100 * c.ranks.tied:.0f} % of people share their value with another",
            "",
            "tests by ranks are weak; their p are right",
        )


def _skewed(c: Comparison, where: str) -> Iterator[Finding]:
    left = [(x - x.mean()) / x.std(ddof=1) for x in (c.a, c.b) if x.size > 2 and np.ptp(x) > 0]
    pooled = np.concatenate(left) if left else np.empty(0)
    said = [*_far(c.a, c.who[0], c.compared, c.variable.unit), *_far(c.b, c.who[1], c.reference, c.variable.unit)]
    if pooled.size >= 8 and stats.skewtest(pooled).pvalue < SKEWED:
        said.append(f"values are skewed within groups (skewness {stats.skew(pooled, bias=False):.1f})")
    if said:
        yield _warn(
            "W-SKEWED",
            where,
            "; ".join(said),
            f"look at the dots; the rank test has {p_said('p', c.ranks.p)}, the permutation test {p_said('p', c.permutation.p)}",
            "means follow a few people, and a t test finds less",
        )


def _far(x: np.ndarray, who: list[str], group: str, unit: str) -> Iterator[str]:
    """The value furthest from the rest of its group, where chance hardly puts one there (Grubbs)."""
    n = x.size
    if n < 5 or not np.ptp(x) > 0:
        return
    k = int(np.argmax(np.abs(x - x.mean())))
    rest = np.delete(x, k)
    spread = float(rest.std(ddof=1)) * sqrt(1 + 1 / (n - 1))
    t = abs(x[k] - rest.mean()) / spread if spread > 0 else float("inf")
    if 2 * n * stats.t.sf(t, n - 2) < OUTLYING:
        unit_word = f" {unit}" if unit else ""
        yield f"sub-{who[k]} of {group} has {x[k]:.4g}{unit_word}, all others {rest.min():.4g} to {rest.max():.4g}{unit_word}"


def _spread(c: Comparison, where: str) -> Iterator[Finding]:
    a, b = float(c.a.std(ddof=1)), float(c.b.std(ddof=1))
    p = spreads_differ(c.a, c.b) if min(c.a.size, c.b.size) > 2 else float("nan")
    ratio = max(a, b) / min(a, b) if min(a, b) > 0 else float("inf")
    if ratio > RATIO and (p < UNEQUAL or not min(a, b) > 0):
        wide, narrow = (c.compared, c.reference) if a > b else (c.reference, c.compared)
        unit = f" {c.variable.unit}" if c.variable.unit else ""
        times = f"{ratio:.1f} times as much as" if isfinite(ratio) else "and there is no spread at all in"
        glass = (
            f"in standard deviations of {c.reference} the difference is {c.glass.value:.1f}" if c.glass.known else ""
        )
        yield _warn(
            "W-SPREAD",
            where,
            f"{wide} vary {times} {narrow} (standard deviation {max(a, b):.3g} against {min(a, b):.3g}{unit})",
            "",
            "Welch's t and the permutation test allow for that; Mann-Whitney, ANCOVA and Hedges g take one spread"
            + f"; {glass}" * bool(glass),
        )


def _influence(c: Comparison, where: str, level: float) -> Iterator[Finding]:
    if not c.welch.known:
        return
    alpha, low = 1 - level, c.welch.p < 1 - level
    people = [*c.who[0], *c.who[1]]
    turned = [
        (who, t.p)
        for who, t in zip(people, without_each(c.a, c.b), strict=True)
        if isfinite(t.p) and (t.p < alpha) != low
    ]
    if turned:
        turned.sort(key=lambda one: one[1], reverse=low)
        said = some([f"without sub-{who} {p_said('p', p)}" for who, p in turned])
        yield _warn(
            "W-INFLUENCE",
            where,
            f"one person alone decides whether p is below {alpha_word(level)}: {p_said('p', c.welch.p)} "
            f"with everybody, {said} (Welch)",
            f"look at the images of {'that person' if len(turned) == 1 else 'these people'} before believing either",
        )


def _close(c: Comparison, where: str, level: float) -> Iterator[Finding]:
    alpha = 1 - level
    named = [("Welch's t", c.welch.p), ("permutation", c.permutation.p), ("Mann-Whitney", c.ranks.p)]
    if c.adjusted:
        named += [
            ("at the same covariates", c.adjusted.model.difference.p),
            ("the same by permutation", c.adjusted.permutation),
        ]
    named += [("corrected for all tests", c.p_corrected)]
    known_ = [(n, p) for n, p in named if isfinite(p)]
    if any(p < alpha for _, p in known_) and any(p >= alpha for _, p in known_):
        yield _warn(
            "W-CLOSE",
            where,
            f"tests lie on both sides of {alpha_word(level)}: " + ", ".join(f"{n} {p_said('p', p)}" for n, p in known_),
            "say which one was planned, and report that one",
        )
