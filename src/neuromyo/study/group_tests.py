"""One variable between two groups, by every test that stands in the tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from neuromyo.core.cohort import Variable
from neuromyo.stats.effect_size import Effect, effect, glass_delta
from neuromyo.stats.intervals import Interval
from neuromyo.stats.linear import Ancova, ContrastTest, ancova, full_rank, least_squares
from neuromyo.stats.permutation import PermutationP, freedman_lane_draws, two_sample
from neuromyo.stats.ranks import BrunnerMunzel, RankTest, brunner_munzel, mann_whitney
from neuromyo.stats.two_samples import TTest, welch
from neuromyo.study.group_covariates import LEAST_DF, Covariates, titled
from neuromyo.study.group_people import Setting


@dataclass(frozen=True, slots=True)
class Choice:
    """Level of intervals; how many arrangements are drawn where not all are tried, and by which seed."""

    level: float
    repeats: int
    seed: int


@dataclass(frozen=True, slots=True)
class Adjusted:
    """At the same covariates: the model, p by permuted residuals, people of (compared, reference) in it, HC3 beside; ``slopes``: p that
    covariates act alike in both groups, NaN where too few people tell."""

    model: Ancova
    permutation: float
    robust: ContrastTest
    n: tuple[int, int]
    slopes: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """``a`` and ``b`` : finite values of the compared group and of the reference, of the people in ``who``; differences are a less b.

    why : the reason where nothing was tested, else empty; adjusted, why_not : the same of the covariates' model
    p_corrected : of `p`, over all tests
    """

    variable: Variable
    compared: str
    reference: str
    a: np.ndarray
    b: np.ndarray
    who: tuple[list[str], list[str]]
    welch: TTest
    permutation: PermutationP
    effect: Effect
    glass: Interval
    ranks: RankTest
    brunner_munzel: BrunnerMunzel
    why: str = ""
    adjusted: Adjusted | None = None
    why_not: str = ""
    with_covariates: bool = False
    p_corrected: float = nan

    @property
    def p(self) -> float:
        """That of the test which counts: of the ANCOVA where covariates were asked for, else of Welch's t."""
        if self.with_covariates:
            return self.adjusted.model.difference.p if self.adjusted else nan
        return self.welch.p

    @property
    def difference(self) -> Interval:
        """That of the same test."""
        if self.with_covariates and self.adjusted:
            return self.adjusted.model.difference.estimate
        return self.welch.difference

    @property
    def tested(self) -> bool:
        """Whether there is such a p."""
        return isfinite(self.p)

    def corrected(self, p: float) -> Comparison:
        """The same with its p over all tests."""
        return replace(self, p_corrected=p)


def compare(setting: Setting, covariates: Covariates, variable: Variable, group: str, choice: Choice) -> Comparison:
    """The group against the setting's reference."""
    a, b = setting.values(variable, group), setting.values(variable, setting.reference)
    why = reason(a, b, group, setting.reference)
    blank = np.empty(0)
    x, y = (blank, blank) if why else (a, b)
    found = Comparison(
        variable,
        group,
        setting.reference,
        a,
        b,
        (setting.labels(variable, group), setting.labels(variable, setting.reference)),
        welch(a, b, choice.level),
        two_sample(x, y, repeats=choice.repeats, seed=choice.seed),
        effect(x, y, choice.level),
        glass_delta(x, y, choice.level),
        mann_whitney(x, y, choice.level),
        brunner_munzel(x, y),
        why,
        with_covariates=bool(covariates.columns),
    )
    if why or not covariates.columns:
        return found
    model, why_not = adjust_for(setting, covariates, variable, group, choice)
    return replace(found, adjusted=model, why_not=why_not)


def reason(a: np.ndarray, b: np.ndarray, group: str, reference: str) -> str:
    """Why two groups of values are not compared; empty where they are."""
    for values, name in ((a, group), (b, reference)):
        if values.size < 2:
            return f"{'nobody' if values.size == 0 else 'one person'} of {name} has a value"
    if np.ptp(a) == np.ptp(b) == 0:
        return (
            "everybody has the same value" if a[0] == b[0] else f"no two people of {group} differ, nor of {reference}"
        )
    return "" if welch(a, b).known else "values differ by rounding alone"


def adjust_for(
    setting: Setting, covariates: Covariates, variable: Variable, group: str, choice: Choice
) -> tuple[Adjusted | None, str]:
    """The ANCOVA among people whose value and covariates are known, or why there is none."""
    y = setting.rows.values[variable.name]
    in_a = setting.member(group)
    rows = np.flatnonzero((in_a | setting.member(setting.reference)) & np.isfinite(y) & covariates.complete())
    columns = covariates.matrix(rows)
    design = np.column_stack([np.ones(len(rows)), in_a[rows], columns])
    if len(rows) - design.shape[1] < 2:
        return None, f"only {len(rows)} people have a value and known {', '.join(titled(covariates.names))}"
    if not full_rank(design):
        return None, f"among people with a value, {', '.join(titled(covariates.names))} cannot be told from the group"
    model = ancova(y[rows], in_a[rows], columns, choice.level)
    draws = freedman_lane_draws(
        y[rows][:, None], in_a[rows].astype(float), np.delete(design, 1, axis=1), choice.repeats, choice.seed
    )
    one = np.eye(design.shape[1])[1]
    n_a = int(in_a[rows].sum())
    robust = model.fit.test(one, choice.level, robust=True)
    return Adjusted(model, float(draws.p()[0]), robust, (n_a, len(rows) - n_a), slopes_differ(y[rows], design)), ""


def slopes_differ(y: np.ndarray, design: np.ndarray) -> float:
    """p that covariates have one slope in both groups; design (n, 2 + k): constant, in the group, covariates."""
    own = design[:, 1:2] * (design[:, 2:] - design[:, 2:].mean(axis=0))
    full = np.column_stack([design, own])
    if len(y) - full.shape[1] < LEAST_DF or not full_rank(full):
        return nan
    fit = least_squares(full, y)
    return fit.f_test(np.eye(full.shape[1])[design.shape[1] :])[3] if fit.variance > 0 else nan
