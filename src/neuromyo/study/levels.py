"""Change along a nerve: level by level, with the chance of any false finding along it held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.analysis import Along, Figure, Table, columns
from neuromyo.core.errors import Finding
from neuromyo.stats.estimates import Estimate
from neuromyo.stats.flips import sign_flip_draws
from neuromyo.stats.multiplicity import MaxT, stretches, westfall_young
from neuromyo.stats.permutation import two_sample_draws
from neuromyo.stats.two_samples import welch
from neuromyo.study.cells import cell
from neuromyo.study.change_models import mean_of
from neuromyo.study.change_options import Options
from neuromyo.study.said import capital, change_unit, number, p_text
from neuromyo.study.visits import Course

#: fewer levels are so many variables, not a profile
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Profile:
    """Courses of one thing at several levels, from one end to the other; ``places`` (m,) in ``unit``."""

    courses: tuple[Course, ...]
    places: np.ndarray
    unit: str

    @property
    def said(self) -> str:
        """What was measured, in words."""
        return replace(self.courses[0].variable, level="").said

    @property
    def name(self) -> str:
        """Without level."""
        v = self.courses[0].variable
        return "/".join(x for x in (v.quantity or v.measure or v.name, v.structure, v.side) if x and x != "none")

    def changes(self, group: str) -> np.ndarray:
        """(n, m) to the last visit, of people with a change at any level."""
        d = np.stack([c.change(len(c.visits) - 1)[c.of(group)] for c in self.courses], -1)
        return d[np.isfinite(d).any(1)]


@dataclass(frozen=True, slots=True)
class Tested:
    """Change of a group (or, with a reference, its difference) at all levels; ``means``: the estimate of each."""

    profile: Profile
    group: str
    reference: str
    n: int
    means: tuple[Estimate, ...]
    test: MaxT


@dataclass(frozen=True, slots=True)
class Found:
    """What an analysis of change adds about profiles; ``n``: the most people with a change."""

    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    summary: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    n: int = 0


def split(courses: Sequence[Course]) -> tuple[list[Profile], list[Course]]:
    """Profiles of variables that differ in nothing but their level, and the variables that are in none."""
    together: dict[object, list[Course]] = {}
    for one in courses:
        key = replace(one.variable, name="", level="") if one.variable.level else one.variable
        together.setdefault(key, []).append(one)
    profiles = [_profile(members) for members in together.values() if len(members) >= FEWEST]
    inside = {c.variable.name for p in profiles for c in p.courses}
    return profiles, [c for c in courses if c.variable.name not in inside]


def _profile(members: Sequence[Course]) -> Profile:
    """Sorted by the number that levels begin with, or in the order given."""
    numbers = [re.match(r"\s*([-+]?\d+(?:\.\d+)?)\s*(\w*)", c.variable.level) for c in members]
    if not all(numbers):
        return Profile(tuple(members), np.arange(len(members), dtype=np.float64), "")
    places = np.array([float(n.group(1)) for n in numbers if n])
    order = np.argsort(places, kind="stable")
    return Profile(tuple(members[i] for i in order), places[order], next(n.group(2) for n in numbers if n))


def along(profiles: Sequence[Profile], options: Options) -> Found:
    """All profiles: a table, a figure and sentences each."""
    if not profiles:
        return Found()
    tested = [t for p in profiles for t in _tests(p, options)]
    figures = tuple(
        _figure(p, [t for t in tested if t.profile is p], k, options) for k, p in enumerate(profiles, start=1)
    )
    n = max(sum(len(p.changes(g)) for g in p.courses[0].groups) for p in profiles)
    holes = [f"{p.name} in {g}" for p in profiles for g in p.courses[0].groups if np.isnan(p.changes(g)).any()]
    findings = (
        [
            Finding(
                "warn",
                "W-ABSENT",
                ", ".join(holes),
                "some people lack some levels",
                "see how far each nerve was followed",
                "each level counts the people who have it, so that levels are of different people",
            )
        ]
        if holes
        else []
    )
    return Found((_table(tested, options),), figures, tuple(_said(t, options) for t in tested), tuple(findings), n)


def _tests(profile: Profile, options: Options) -> list[Tested]:
    found = []
    groups = profile.courses[0].groups
    for group in groups:
        d = profile.changes(group)
        if len(d) > 1:
            draws = sign_flip_draws(d, options.repeats, options.seed)
            found.append(Tested(profile, group, "", len(d), _means(d, options), westfall_young(draws)))
    controls = (
        profile.changes(options.reference) if options.reference in groups else np.empty((0, len(profile.courses)))
    )
    for group in (g for g in groups if g != options.reference):
        d = profile.changes(group)
        if min(len(d), len(controls)) > 1:
            both, inside = np.concatenate([d, controls]), np.r_[np.ones(len(d), bool), np.zeros(len(controls), bool)]
            draws = two_sample_draws(both, inside, repeats=options.repeats, seed=options.seed)
            found.append(
                Tested(
                    profile,
                    group,
                    options.reference,
                    len(both),
                    _differences(d, controls, options),
                    westfall_young(draws),
                )
            )
    return found


def _means(d: np.ndarray, options: Options) -> tuple[Estimate, ...]:
    return tuple(mean_of(column[np.isfinite(column)], options.level) for column in d.T)


def _differences(d: np.ndarray, controls: np.ndarray, options: Options) -> tuple[Estimate, ...]:
    tests = [welch(a, b, options.level) for a, b in zip(d.T, controls.T, strict=True)]
    return tuple(
        Estimate(t.difference.value, float("nan"), t.difference.df, t.difference.low, t.difference.high, t.p)
        for t in tests
    )


def _table(tested: Sequence[Tested], options: Options) -> Table:
    heads = columns(
        ("profile", "what was measured", "", "text"),
        ("unit", "its unit", "", "text"),
        ("group", "group of people", "", "text"),
        ("reference", "compared with; empty for the group's own change", "", "text"),
        ("level", "level along the nerve", "", "text"),
        ("n", "people with a change at any level", "", "count"),
        ("change", "mean change, or difference in change"),
        ("change_low", "lower end of its interval at this level alone"),
        ("change_high", "upper end of that"),
        ("p", "p at this level alone", "", "p"),
        ("p_anywhere", "p with any false finding along the nerve held", "", "p"),
    )
    rows = tuple(
        (
            t.profile.name,
            c.variable.unit,
            t.group,
            t.reference,
            c.variable.level,
            t.n,
            cell(e.value),
            cell(e.low),
            cell(e.high),
            cell(float(t.test.p[k])),
            cell(float(t.test.adjusted[k])),
        )
        for t in tested
        for k, (c, e) in enumerate(zip(t.profile.courses, t.means, strict=True))
    )
    ends = f"intervals at {100 * options.level:g} % by Student's or Welch's t"
    note = f"Tested by sign flips (change) or by exchanging people (difference); {ends}."
    return Table("change-along-nerve", "Change level by level", heads, rows, note)


def _figure(profile: Profile, tested: Sequence[Tested], k: int, options: Options) -> Along:
    own = {
        t.group: tuple(np.array([getattr(e, n) for e in t.means]) for n in ("value", "low", "high"))
        for t in tested
        if not t.reference
    }
    marks = [t for t in tested if t.reference] or [t for t in tested if not t.reference]
    significant = (
        np.any([np.nan_to_num(t.test.adjusted, nan=1.0) < 1 - options.level for t in marks], axis=0)
        if marks
        else np.zeros(len(profile.places), bool)
    )
    v, c = profile.courses[0].variable, profile.courses[0]
    what = "groups differ" if any(t.reference for t in tested) else "change is not 0"
    counts = ", ".join(f"{t.group} {t.n}" for t in tested if not t.reference)
    return Along(
        f"change-along-{k}",
        f"Change of {profile.said} along the nerve",
        profile.places,
        {g: (m[0], m[1], m[2]) for g, m in own.items()},
        significant,
        f"level ({profile.unit})" if profile.unit else "level",
        f"change ({change_unit(v.unit)})" if v.unit else "change",
        f"Mean change from {c.visits[0]} to {c.visits[-1]} (people: {counts}); bands: {100 * options.level:g} % confidence intervals at "
        f"each level. Marked: where {what}, any false finding along the nerve held.",
    )


def _said(t: Tested, options: Options) -> str:
    what = (
        f"the change of {t.profile.said} along the nerve differs between {t.group} and {t.reference}"
        if t.reference
        else f"{t.profile.said} changes along the nerve in {t.group}"
    )
    runs = stretches(np.nan_to_num(t.test.adjusted, nan=1.0) < 1 - options.level)
    if not runs:
        least = p_text(t.test.anywhere)
        return f"Nowhere could it be shown that {what} (n = {t.n}; smallest {least}, all levels counted)."
    unit = change_unit(t.profile.courses[0].variable.unit)
    parts = []
    for a, b in runs:
        best = max(range(a, b + 1), key=lambda j: abs(float(t.test.t[j])))
        ends = t.profile.courses[a].variable.level + f" to {t.profile.courses[b].variable.level}" * (b > a)
        parts.append(
            f"{ends} (most clearly {number(t.means[best].value, unit=unit, sign=True)} at {t.profile.courses[best].variable.level}, "
            f"{p_text(float(t.test.adjusted[best]))})"
        )
    return f"{capital(what)} at {'; '.join(parts)} (n = {t.n}, all levels counted)."
