"""Simulated studies, and how a norm scores in them. Shared by the acceptance tests and by `bench/norm_calibration.py`.

A `Situation` says who the controls are, what was published and who is looked at; `scores` draws it many times, has each rule make
its norm from the controls, and counts over healthy test people whose truth is known. The k-th cohort is the same whatever
the number of cohorts, so that a short run is the beginning of a long one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import engine
from neuromyo.norms.covariates import Covariates
from tests.oracles import norm_cohorts as nc
from tests.physics.norm_rivals import Rule, mean_and_sd, plug_in, student_t, truth

#: healthy test people a cohort, and how many of them have their interval looked at
TESTED, INTERVALS = 200, 6
COVARIATES = ("age", "sex", "height", "bmi")


@dataclass(frozen=True)
class Drawn:
    """One simulated study: the controls, what is published, and the healthy people that are then compared."""

    controls: nc.Cohort
    studies: Sequence[nc.Study]
    tested: nc.Cohort


@dataclass(frozen=True)
class Situation:
    """How a study is drawn. ``n`` people as controls; ``off``: the literature is wrong by so many SD; ``sides``: two rows a person.

    ``slopes``: whether the publications print the slopes of their regressions beside mean and SD.
    ``sites``: number of other sites of ``n`` controls each; ``here``: controls at the test people's own site (0: none).
    """

    world: nc.World
    n: int
    literature: bool = True
    off: float = 0.0
    slopes: bool = True
    sides: bool = False
    sites: int = 0
    here: int = 0

    def draw(self, k: int) -> Drawn:
        rng = np.random.default_rng([self.n, self.sites, self.here, k, 20261121])
        studies = nc.published(self.world, rng, shift=self.off)
        if not self.slopes:
            studies = [dataclasses.replace(s, slopes=()) for s in studies]
        studies = studies if self.literature else []
        if not self.sites:
            controls = nc.healthy(self.world, self.n, rng, both_sides=self.sides)
            return Drawn(controls, studies, nc.healthy(self.world, TESTED, rng, evenly=True))
        sizes = {f"site-{i}": self.n for i in range(self.sites)} | {"here": self.here}
        sites = nc.draw_sites(sizes, self.world, rng)
        controls = nc.of_sites(self.world, sizes, rng, sites)
        return Drawn(controls, studies, nc.of_sites(self.world, {"here": TESTED}, rng, sites, evenly=True))


@dataclass(frozen=True)
class Scores:
    """One number a cohort, (cohorts,) each.

    wrong, far      share of healthy test people with |z| > 1.96, > 2.58
    found           share found with z > 1.96 after their true deviate was raised by 3
    loss            mean log density under the truth less that under the norm: nats lost
    covered, width  share of intervals that hold the true deviate, and their mean width (NaN of rules that give none)
    agreement       posterior weight of the literature (NaN without)
    old, young      ``wrong`` of those more than 1 SD older or younger than 50
    """

    wrong: np.ndarray
    far: np.ndarray
    found: np.ndarray
    loss: np.ndarray
    covered: np.ndarray
    width: np.ndarray
    agreement: np.ndarray
    old: np.ndarray
    young: np.ndarray

    def mean(self, name: str) -> float:
        values = getattr(self, name)
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else math.nan

    def error(self, name: str) -> float:
        """Standard error of the mean, from the scatter of the cohorts."""
        values = getattr(self, name)
        values = values[np.isfinite(values)]
        return float(values.std(ddof=1) / math.sqrt(len(values)))

    def in_conflict(self) -> float:
        """Share of cohorts whose agreement is below 0.6 (W-CONFLICT); NaN without literature."""
        told = self.agreement[np.isfinite(self.agreement)]
        return float((told < 0.6).mean()) if len(told) else math.nan

    def worst_tenth(self) -> float:
        """False positives of the cohort than which one in ten is worse."""
        return float(np.quantile(self.wrong, 0.9))


def bodies_of(people: nc.People) -> tuple[Body, ...]:
    columns = (people.age, people.sex, people.height_m, people.weight_kg, people.side, people.site)
    return tuple(
        Body(float(age), str(sex), float(height), float(weight), str(side), str(site))
        for age, sex, height, weight, side, site in zip(*columns, strict=True)
    )


def key_of(world: nc.World) -> NormKey:
    return NormKey(world.quantity, "", "mean", "thigh", "", world.unit)


def published_of(studies: Sequence[nc.Study]) -> tuple[engine.Published, ...]:
    return tuple(
        engine.Published(
            n=s.n,
            mean=s.mean,
            sd=s.sd,
            age_mean=s.age,
            male_share=s.male_share,
            height_mean=s.height_m,
            bmi_mean=s.bmi,
            slopes=dict(zip(COVARIATES, s.slopes, strict=False)),
            label=f"study {i}",
        )
        for i, s in enumerate(studies, 1)
    )


def norm_of(drawn: Drawn, **options) -> engine.Norm:
    """The norm that this software makes of such controls."""
    chosen = engine.Options(covariates=Covariates(COVARIATES), **options)
    who = drawn.controls.people
    controls = engine.Controls(drawn.controls.value, bodies_of(who), tuple(str(p) for p in who.person))
    summary = engine.summarise(key_of(drawn.controls.world), controls, chosen)
    return engine.norm(summary, published_of(drawn.studies), chosen)


def rule_of(norm: engine.Norm) -> Rule:
    return Rule(
        lambda c: norm.z(c.value, bodies_of(c.people)),
        lambda c: norm.logpdf(c.value, bodies_of(c.people)),
    )


RIVALS: dict[str, Callable[[nc.Cohort], Rule]] = {
    "mean": mean_and_sd,
    "plug-in": plug_in,
    "t": student_t,
    "truth": truth,
}


def scores(situation: Situation, cohorts: int, rule: str = "ours", **options) -> Scores:
    """`Scores` of ``rule`` (``ours`` or one of `RIVALS`) over the first ``cohorts`` simulated studies."""
    rows = [_score(situation.draw(k), rule, options) for k in range(cohorts)]
    return Scores(*(np.array(column) for column in zip(*rows, strict=True)))


def _score(drawn: Drawn, rule: str, options: dict) -> tuple[float, ...]:
    tested, nan = drawn.tested, math.nan
    covered = width = agreement = nan
    if rule == "ours":
        norm = norm_of(drawn, **options)
        made, agreement = rule_of(norm), norm.agreement
        covered, width = _intervals(norm, tested[slice(INTERVALS)])
    else:
        made = RIVALS[rule](drawn.controls)
    z = made.z(tested)
    if not np.isfinite(z).all():
        raise AssertionError(f"{rule}: a healthy value has no finite z")
    outside, age = np.abs(z) > 1.96, tested.people.standard[:, nc.AGE]
    return (
        outside.mean(),
        (np.abs(z) > 2.576).mean(),
        (made.z(tested[::2].shifted(3.0)) > 1.96).mean(),
        (tested.log_density - made.log_density(tested)).mean(),
        covered, width, agreement,
        outside[age > 1].mean(), outside[age < -1].mean(),
    )  # fmt: skip


def _intervals(norm: engine.Norm, tested: nc.Cohort) -> tuple[float, float]:
    """Over those who are not refused (too unlike the controls)."""
    places = norm.places(tested.value, bodies_of(tested.people))
    told = np.array([not p.refused for p in places])
    if not told.any():
        return math.nan, math.nan
    low, high = np.array([p.z_interval for p in places])[told].T
    true = tested.deviate[told]
    return float(np.mean((low <= true) & (true <= high))), float(np.mean(high - low))


@dataclass(frozen=True)
class Jury:
    """Limits for so many cohorts that an honest norm hardly ever breaks, and a plug-in z does.

    A mean may lie 3 standard errors beyond a limit: of its cohorts' scatter, or of that of an honest norm of ten controls, if that is
    less, so that what scatters wildly earns no indulgence. A count of cohorts may be as large as a binomial makes it once in a
    thousand. ``strict`` (the full size) allows neither, but for half of the
    last digit that limits are stated to, 0.1 %.
    """

    cohorts: int
    strict: bool

    #: SD over cohorts of a norm from ten controls with literature
    HONEST: ClassVar[dict[str, float]] = {"wrong": 0.035, "far": 0.012, "old": 0.06, "young": 0.06}

    def slack(self, scores: Scores, name: str) -> float:
        if self.strict:
            return 0.0005
        return 3.0 * min(scores.error(name), self.HONEST.get(name, math.inf) / math.sqrt(self.cohorts))

    def between(self, scores: Scores, name: str, low: float, high: float) -> bool:
        slack = self.slack(scores, name)
        return low - slack <= scores.mean(name) <= high + slack

    def worst_tenth(self, scores: Scores, limit: float) -> bool:
        """No more than a tenth of the cohorts are worse than ``limit``."""
        allowed = 0.1 * self.cohorts if self.strict else stats.binom.ppf(0.999, self.cohorts, 0.1)
        return bool((scores.wrong > limit).sum() <= allowed)


def with_world(situation: Situation, **changes) -> Situation:
    return dataclasses.replace(situation, world=dataclasses.replace(situation.world, **changes))
