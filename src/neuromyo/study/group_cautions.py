"""What to be careful about in a comparison of groups: each said with the people and numbers it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.analysis import few
from neuromyo.core.errors import Finding
from neuromyo.stats.effect_size import detectable, hedges_g
from neuromyo.study.group_cautions_one import of_one, warn
from neuromyo.study.group_covariates import TITLES, known, titled
from neuromyo.study.said import alpha_text, listed, some

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

#: people of both groups below whom nothing is confirmed
CONFIRMING = 20
#: share of people at whose covariate both groups have people, below which that is told
OVERLAP = 1 / 3
#: Hedges g of a covariate between groups, from which on that is told
IMBALANCE = 0.5


def findings(found: Compared) -> tuple[Finding, ...]:
    """In the order in which they matter."""
    return (
        *_few(found),
        *_absent(found),
        *_untested(found),
        *_imbalance(found),
        *_sites(found),
        *_constant(found),
        *_uncorrected(found),
        *(f for c in found.comparisons if not c.why for f in of_one(found, c)),
    )


def _few(found: Compared) -> Iterator[Finding]:
    s = found.setting
    for g in s.compared:
        n, m = s.size(g), s.size(s.reference)
        if n + m < CONFIRMING:
            yield warn(
                "W-EXPLORATORY",
                f"{g} against {s.reference}",
                f"{n + m} people ({n} against {m}): {few(CONFIRMING)}",
                "confirm it in other people",
                f"a difference has to be {detectable(n, m):.1f} standard deviations to be found four times in five; smaller ones are "
                "rather missed than found, and those found look larger than they are",
            )


def _absent(found: Compared) -> Iterator[Finding]:
    s, at = found.setting, f" at visit {found.setting.visit}" * bool(found.setting.visit)
    for g, people in s.absent.items():
        if people:
            why = [s.rows.people[p].end for p in people]
            named = [f"sub-{p}" + f" ({w})" * bool(w) for p, w in zip(people, why, strict=True)]
            yield warn(
                "W-ABSENT",
                f"group {g}",
                f"{len(people)} of {len(people) + s.size(g)} people have no measurements{at}: {some(named)}",
                "say why they are missing: those who cannot be scanned may be the sickest",
            )
    if s.ungrouped:
        yield warn(
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
        has = "has" if len(missing) == 1 else "have"
        yield warn(
            "W-ABSENT",
            some(names),
            f"{len(missing)} of {s.size(g)} people of {g} {has} no value: {some([f'sub-{p}' for p in missing])}",
            "look why: their flags in the table of measurements may tell",
        )
    if found.covariates.columns:
        unknown = [f"sub-{p}" for p, whole in zip(s.rows.person, found.covariates.complete(), strict=True) if not whole]
        if unknown:
            yield warn(
                "W-ABSENT",
                listed(titled(found.covariates.names)),
                f"not known of {some(unknown)}, who "
                f"{'is' if len(unknown) == 1 else 'are'} left out of "
                "what is compared at the same covariates",
                "complete participants.tsv",
            )


def _untested(found: Compared) -> Iterator[Finding]:
    for c in found.comparisons:
        if c.why or c.why_not:
            yield warn(
                "N-STUDY",
                c.variable.name,
                f"{c.compared} and {c.reference} were not compared" + " at the same "
                "covariates" * (not c.why) + f": {c.why or c.why_not}",
            )
    for p in found.profiles:
        if p.why:
            yield warn("N-STUDY", p.name, f"{p.compared} and {p.reference} were not compared along levels: {p.why}")
            continue
        there = int(np.isfinite(p.values).any(axis=1).sum())
        if sum(p.n_tested) < there:
            held = listed(titled(found.covariates.names))
            yield warn(
                "N-STUDY",
                p.name,
                f"{sum(p.n_tested)} of {there} people have all levels tested and known {held}; "
                "the others are left out of the profile's test",
            )


def _imbalance(found: Compared) -> Iterator[Finding]:
    rows, s = found.setting.rows, found.setting
    for name in [n for n in known(rows) if n not in ("sex", "site", *found.covariates.names)]:
        x = rows.covariate(name)
        word, unit = TITLES.get(name, (name.replace("_", " "), ""))
        for g in s.compared:
            a, b = (v[np.isfinite(v)] for v in (x[s.member(g)], x[s.member(s.reference)]))
            apart = hedges_g(a, b)
            if isfinite(apart.value) and abs(apart.value) > IMBALANCE:
                unit_word = f" {unit}" if unit else ""
                yield warn(
                    "W-BALANCE",
                    f"{g} against {s.reference}",
                    f"{word} differs: {_mean(a)} against {_mean(b)}{unit_word} on average (g {apart.value:.1f})",
                    f"compare at the same {word} (`--covariates {name}`)",
                    "part of a difference may be of that",
                )
    yield from _extrapolated(found)
    if "sex" in known(rows) and "sex" not in found.covariates.names:
        for g in s.compared:
            yield from _sexes(found, g)


def _extrapolated(found: Compared) -> Iterator[Finding]:
    """Covariates that are held, but at which hardly anybody of both groups can be compared."""
    rows, s = found.setting.rows, found.setting
    for name in [n for n in found.covariates.names if n not in ("sex", "site")]:
        x = rows.covariate(name)
        for g in s.compared:
            a, b = (v[np.isfinite(v)] for v in (x[s.member(g)], x[s.member(s.reference)]))
            if not (a.size and b.size):
                continue
            low, high = max(a.min(), b.min()), min(a.max(), b.max())
            both = np.concatenate([a, b])
            inside = int(((both >= low) & (both <= high)).sum())
            word, unit = TITLES.get(name, (name.replace("_", " "), ""))
            if inside < both.size * OVERLAP:
                yield warn(
                    "W-BALANCE",
                    f"{g} against {s.reference}",
                    f"{word} of the groups overlaps in {inside} of {both.size} people: {g} {_range(a, unit)}, "
                    f"{s.reference} {_range(b, unit)}",
                    f"compare people of one {word}",
                    "what is said of groups at the same covariates rests on the straight line between them",
                )


def _range(x: np.ndarray, unit: str) -> str:
    return f"{x.min():.3g} to {x.max():.3g} {unit}".rstrip()


def _mean(x: np.ndarray) -> str:
    """With as many digits as its spread bears."""
    spread = float(x.std(ddof=1)) if x.size > 1 else 0.0
    return f"{x.mean():.{0 if spread >= 3 else 1 if spread >= 0.3 else 2}f}"


def _sexes(found: Compared, group: str) -> Iterator[Finding]:
    s, sex = found.setting, found.setting.rows.words("sex")
    (f, m), (rf, rm) = (
        ((sex[s.member(g)] == "F").sum(), (sex[s.member(g)] == "M").sum()) for g in (group, s.reference)
    )
    if f + m and rf + rm and abs(f / (f + m) - rf / (rf + rm)) > 0.25:
        yield warn(
            "W-BALANCE",
            f"{group} against {s.reference}",
            f"sexes differ: {f} of {f + m} against {rf} of {rf + rm} are women",
            "compare at the same sex (`--covariates sex`)",
            "part of a difference may be of that",
        )


def _sites(found: Compared) -> Iterator[Finding]:
    s, site = found.setting, found.setting.rows.words("site")
    for g in s.compared:
        theirs, ours = ({str(w) for w in site[s.member(one)] if w} for one in (g, s.reference))
        if theirs and ours and len(theirs | ours) > 1 and not theirs & ours:
            yield warn(
                "W-BALANCE",
                f"{g} against {s.reference}",
                f"no site has people of both: {g} were measured at "
                f"{some(sorted(theirs))}, {s.reference} at {some(sorted(ours))}",
                "measure both groups on each scanner",
                "a difference between scanners cannot be told from one between groups",
            )


def _constant(found: Compared) -> Iterator[Finding]:
    for name in found.covariates.constant:
        yield warn("N-STUDY", "option covariates", f"{name} is the same in everybody, and was left out")


def _uncorrected(found: Compared) -> Iterator[Finding]:
    if found.options.correction == "none" and found.family > 1:
        alpha = 1 - found.options.level
        yield warn(
            "W-CLOSE",
            "option correction",
            f"{found.family} tests without correction: if nothing differed, "
            f"about {found.family * alpha:.1f} of them would "
            f"still have p < {alpha_text(found.options.level)}",
            "take `bh` or `holm`",
        )
