"""Profiles along a nerve or a limb: variables that differ in their level alone, compared as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from neuromyo.core.cohort import Variable
from neuromyo.stats.intervals import Interval
from neuromyo.stats.linear import ancova, full_rank
from neuromyo.stats.multiplicity import MaxT, stretches, westfall_young
from neuromyo.stats.permutation import Draws, freedman_lane_draws, two_sample_draws
from neuromyo.stats.two_samples import welch
from neuromyo.study.group_covariates import Covariates
from neuromyo.study.group_people import Setting
from neuromyo.study.group_tests import Choice

#: fewest people of a group at a level
LEAST_AT_LEVEL = 3
#: share of people who are to have a level, for it to be tested with covariates
MOST_HAVE = 0.9
_NUMBER = re.compile(r"^\s*([-+]?\d+(?:\.\d+)?)\s*([a-z%]*)\s*$")


@dataclass(frozen=True, eq=False)
class Profile:
    """One profile between two groups, level by level.

    variables : of the levels, in order along the nerve; places : (m,) where they are drawn, in ``place_unit``
    values : (n, m) of the people in ``in_a`` (n,) true for the compared group, false for the reference
    differences : compared less reference, at the same covariates where these were asked for
    level_p : p of each level alone, of the same test; n_tested : people of the compared group and the reference in ``result``
    result : max-T over the levels tested; NaN at the others; None where none could be
    """

    name: str
    variables: tuple[Variable, ...]
    places: np.ndarray
    place_unit: str
    compared: str
    reference: str
    values: np.ndarray
    in_a: np.ndarray
    differences: tuple[Interval, ...]
    level_p: np.ndarray
    n_tested: tuple[int, int]
    result: MaxT | None
    why: str = ""
    p_corrected: float = nan

    @property
    def said(self) -> str:
        """What was measured, in words."""
        return replace(self.variables[0], level="").said

    @property
    def p(self) -> float:
        """That the groups differ anywhere along the profile."""
        return self.result.anywhere if self.result else nan

    @property
    def tested(self) -> bool:
        return isfinite(self.p)

    @property
    def unit(self) -> str:
        return self.variables[0].unit

    def corrected(self, p: float) -> Profile:
        """The same with its p over all tests."""
        return replace(self, p_corrected=p)

    def significant(self, level: float) -> np.ndarray:
        """(m,) levels where groups differ: by max-T there, and by the profile's own p over all tests."""
        if self.result is None or not self.p_corrected < 1 - level:
            return np.zeros(len(self.variables), dtype=bool)
        return np.nan_to_num(self.result.adjusted, nan=1.0) < 1 - level

    def stretches(self, level: float) -> list[tuple[int, int]]:
        """Unbroken runs of such levels, (first, last); levels without a test break them."""
        return stretches(self.significant(level))

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) people of the compared group and of the reference at each level."""
        there = np.isfinite(self.values)
        return there[self.in_a].sum(axis=0), there[~self.in_a].sum(axis=0)


def families(variables: Sequence[Variable]) -> tuple[tuple[Variable, ...], ...]:
    """Those of two levels or more that are the same in all else, each in order along the nerve."""
    found: dict[tuple, list[Variable]] = {}
    for v in variables:
        if v.level:
            found.setdefault(
                (v.source, v.quantity, v.structure, v.side, v.biomarker, v.statistic, v.measure, v.keys, v.unit), []
            ).append(v)
    return tuple(_in_order(f) for f in found.values() if len(f) > 1 and len({v.level for v in f}) == len(f))


def _in_order(family: list[Variable]) -> tuple[Variable, ...]:
    at = [_place(v.level) for v in family]
    if all(p is not None for p in at) and len({p[1] for p in at if p}) == 1:
        return tuple(v for _, v in sorted(zip([p[0] for p in at if p], family, strict=True), key=lambda one: one[0]))
    return tuple(family)


def _place(level: str) -> tuple[float, str] | None:
    found = _NUMBER.match(level)
    return (float(found[1]), found[2]) if found else None


def places(family: Sequence[Variable]) -> tuple[np.ndarray, str]:
    """Where levels are drawn, and in what unit; 1, 2, 3 ... where levels are words."""
    at = [_place(v.level) for v in family]
    if all(p is not None for p in at) and len({p[1] for p in at if p}) == 1:
        return np.array([p[0] for p in at if p]), at[0][1] if at[0] else ""
    return np.arange(1.0, len(family) + 1), ""


def title(family: Sequence[Variable]) -> str:
    """What the levels have in common: their name without the level."""
    first = family[0]
    parts = [p for p in first.name.split("/") if p != first.level]
    return "/".join(parts) or first.name


def compare_profile(
    setting: Setting, covariates: Covariates, family: Sequence[Variable], group: str, choice: Choice
) -> Profile:
    """One profile of the group against the setting's reference.

    Without covariates each person counts at the levels that he or she has. With them, people count who have all levels tested, and
    levels are tested that nine people in ten have.
    """
    pair = np.flatnonzero(setting.member(group) | setting.member(setting.reference))
    values = np.column_stack([setting.rows.values[v.name][pair] for v in family])
    values = np.where(np.isfinite(values), values, np.nan)
    in_a = setting.member(group)[pair]
    used, rows = _enough(values, in_a), np.flatnonzero(np.isfinite(values).any(axis=1))
    why = "" if used.any() else f"at no level have {LEAST_AT_LEVEL} people of each group a value that varies"
    design = None
    if covariates.columns and not why:
        known = covariates.complete()[pair]
        used &= np.isfinite(values[known]).mean(axis=0) >= MOST_HAVE if known.any() else False
        rows = np.flatnonzero(np.isfinite(values[:, used]).all(axis=1) & known)
        design = np.column_stack([np.ones(len(rows)), covariates.matrix(pair[rows])])
        why = _why_not(design, in_a[rows]) if used.any() else "no level is known of nine people in ten"
    differences, p = _each_level(setting, covariates, values, in_a, pair, choice)
    result = None if why else _max_t(values[rows], in_a[rows], used, design, choice)
    at, unit = places(family)
    n = (int(in_a[rows].sum()), int((~in_a[rows]).sum()))
    return Profile(
        title(family), tuple(family), at, unit, group, setting.reference, values, in_a, differences, p, n, result, why
    )


def _enough(values: np.ndarray, in_a: np.ndarray) -> np.ndarray:
    """(m,) levels at which enough people of both groups have a value, and any varies."""
    there = np.isfinite(values)
    many = (there[in_a].sum(axis=0) >= LEAST_AT_LEVEL) & (there[~in_a].sum(axis=0) >= LEAST_AT_LEVEL)
    return many & np.array([welch(x[in_a], x[~in_a]).known for x in values.T], dtype=bool)


def _why_not(design: np.ndarray, in_a: np.ndarray) -> str:
    """Why covariates cannot be held alike along a whole profile; empty where they can."""
    full = np.column_stack([design, in_a])
    if len(full) - full.shape[1] < 2:
        return f"only {len(full)} people have a value at every level and all covariates known"
    return (
        "" if full_rank(full) else "among people with values at every level, covariates cannot be told from the group"
    )


def _max_t(values: np.ndarray, in_a: np.ndarray, enough: np.ndarray, design: np.ndarray | None, choice: Choice) -> MaxT:
    """Max-T over the levels with enough people, laid back onto all levels."""
    used = values[:, enough]
    draws: Draws = (
        two_sample_draws(used, in_a, "t", choice.repeats, choice.seed)
        if design is None
        else freedman_lane_draws(used, in_a.astype(np.float64), design, choice.repeats, choice.seed)
    )
    found = westfall_young(draws)

    def laid(part: np.ndarray) -> np.ndarray:
        out = np.full(len(enough), np.nan)
        out[enough] = part
        return out

    return replace(found, t=laid(found.t), p=laid(found.p), adjusted=laid(found.adjusted))


def _each_level(
    setting: Setting, covariates: Covariates, values: np.ndarray, in_a: np.ndarray, pair: np.ndarray, choice: Choice
) -> tuple[tuple[Interval, ...], np.ndarray]:
    """Difference and p at each level by itself: Welch's, or at the same covariates."""
    out, p = [], []
    for x in values.T:
        plain = welch(x[in_a], x[~in_a], choice.level)
        out.append(plain.difference)
        p.append(plain.p)
        if not covariates.columns:
            continue
        rows = np.flatnonzero(np.isfinite(x) & covariates.complete()[pair])
        columns = covariates.matrix(pair[rows])
        if not _why_not(np.column_stack([np.ones(len(rows)), columns]), in_a[rows]):
            found = ancova(x[rows], in_a[rows], columns, choice.level).difference
            out[-1], p[-1] = found.estimate, found.p
    return tuple(out), np.array(p)
