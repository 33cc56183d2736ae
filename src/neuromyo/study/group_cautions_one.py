"""What to be careful about in one variable between two groups."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from neuromyo.core.errors import Finding
from neuromyo.stats.normality import skewness
from neuromyo.stats.two_samples import spreads_differ, without_each
from neuromyo.study.group_covariates import titled
from neuromyo.study.group_tests import Comparison
from neuromyo.study.said import alpha_text, listed, minus, p_text, some

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

#: p of the tests of skewness, of one value far out, and of unequal spreads with the ratio of these: from here on it is told
SKEWED, OUTLYING, UNEQUAL, RATIO = 0.02, 0.02, 0.05, 2.0
#: p of one slope for both groups, the same
SLOPES = 0.01
_ONE_SPREAD = "Welch's t and the permutation test allow for that; Mann-Whitney, ANCOVA and Hedges g take one spread"


def warn(code: str, where: str, message: str, remedy: str = "", consequence: str = "") -> Finding:
    """A warning, or a note, by its code."""
    return Finding("note" if code.startswith("N-") else "warn", code, where, minus(message), remedy, consequence)


def of_one(found: Compared, c: Comparison) -> Iterator[Finding]:
    """In the order in which they matter."""
    where = c.variable.name + f", {c.compared}" * (len(found.setting.compared) > 1)
    yield from _skewed(c, where)
    yield from _spread(c, where)
    yield from _influence(c, where, found.options.level)
    yield from _close(c, where, found.options.level)
    if c.adjusted and c.adjusted.slopes < SLOPES:
        held = listed(titled(found.covariates.names))
        yield warn(
            "W-CLOSE",
            where,
            f"{held} {'go' if len(found.covariates.names) > 1 else 'goes'} with the value otherwise in {c.compared} than in {c.reference} "
            f"({p_text(c.adjusted.slopes)})",
            "draw both groups against it",
            "the difference at the same covariates is that at their mean, and another elsewhere",
        )
    if c.ranks.tied > 0.5:
        yield warn(
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
    skewed = skewness(pooled)
    if skewed.p < SKEWED:
        said.append(f"values are skewed within groups (skewness {skewed.value:.1f})")
    if said:
        yield warn(
            "W-SKEWED",
            where,
            "; ".join(said),
            f"look at the dots; the rank test has {p_text(c.ranks.p)}, the permutation test {p_text(c.permutation.p)}",
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
        much = (
            f"{ratio:.1f} times as much as those of {narrow}"
            if isfinite(ratio)
            else f"and those of {narrow} not at all"
        )
        beside = [f"in standard deviations of {c.reference} the difference is {c.glass.value:.1f}"] * c.glass.known
        if c.adjusted:
            beside.append(f"ANCOVA without one spread (HC3) has {p_text(c.adjusted.robust.p)}")
        yield warn(
            "W-SPREAD",
            where,
            f"values of {wide} spread {much} (standard deviation {max(a, b):.3g} against {min(a, b):.3g}{unit})",
            "",
            "; ".join([_ONE_SPREAD, *beside]),
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
        said = some([f"without sub-{who} {p_text(p)}" for who, p in turned])
        yield warn(
            "W-INFLUENCE",
            where,
            f"one person alone decides whether p is below {alpha_text(level)}: {p_text(c.welch.p)} "
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
        yield warn(
            "W-CLOSE",
            where,
            f"tests lie on both sides of {alpha_text(level)}: " + ", ".join(f"{n} {p_text(p)}" for n, p in known_),
            "say which one was planned, and report that one",
        )
