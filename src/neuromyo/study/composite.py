"""One score of severity from several markers, judged on people whom it has not seen.

Against an outcome that is a number (strength, a score) by ridge regression, or against groups (patients and controls) by ridge logistic
regression. Everything that is learnt (mean and spread of markers, the penalty, the coefficients) is learnt inside the folds of a nested
cross-validation (`neuromyo.stats.nested`); the same with outcomes shuffled shows what chance gives.

Assumes: one row a person; markers act in straight lines, without each other's help.
Breaks: with few people for the markers, and is refused there: under 40 people, or under 10 for each marker (of groups, 10 in the smaller).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort
from neuromyo.core.options import check, option
from neuromyo.stats import nested, penalised
from neuromyo.stats.nested import Nested
from neuromyo.study.composite_people import Entered, enter
from neuromyo.study.composite_said import Found, Told

TITLE = "A score from several markers"
#: ways of dealing people into folds when outcomes are shuffled: each shuffle is one of many
_SHUFFLED = 2


@dataclass(frozen=True)
class Options:
    """What enters the score, and how it is judged."""

    variables: tuple[str, ...] = option((), "names of the markers; empty: all imaging variables")
    outcome: str = option("", "name of the variable that the score predicts; empty: the groups are told apart")
    reference: str = option("control", "the group of healthy people")
    compared: tuple[str, ...] = option(
        (), "the groups told from the reference, or that a number is predicted in; empty: all others"
    )
    visit: str = option("", "the visit; empty: the first")
    missing: str = option("complete", "people who lack a value are left out and counted, or the analysis is refused",
                          choices=("complete", "refuse"))  # fmt: skip
    folds: int = option(5, "folds of people, for judging and inside for the penalty", low=2, high=20)
    partitions: int = option(20, "ways of dealing people into folds, averaged", low=1, high=500)
    shuffles: int = option(200, "times that outcomes are shuffled", low=20, high=10_000)
    repeats: int = option(2000, "samples of people that the interval of R2 is made of", low=200, high=100_000)
    seed: int = option(1427, "start of the random numbers", low=0)
    level: float = option(0.95, "coverage of intervals", low=0.5, high=0.999)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """The score of one visit's markers; E-PEOPLE where they are too many for the people."""
    entered = enter(cohort, check(options))
    found = _find(entered, options)
    told = Told(TITLE, entered, found, options)
    findings = (*entered.findings, *told.cautions())
    return Analysis("composite", TITLE, told.summary(), told.tables(), told.figures(), told.methods(), findings,
                    entered=tuple(entered.person))  # fmt: skip


def _find(entered: Entered, options: Options) -> Found:
    judged = _judge(entered, entered.y, options, options.partitions, np.random.default_rng(options.seed))
    seen = _worth(judged)
    shuffled = _shuffled(entered, options)
    p = (1 + np.count_nonzero(shuffled >= seen)) / (1 + len(shuffled))
    intercept, b, mean, spread = _final(entered, options)
    return Found(judged, shuffled, float(p), intercept, b, mean, spread)


def _judge(entered: Entered, y: np.ndarray, options: Options, partitions: int, rng: np.random.Generator) -> Nested:
    order = entered.order(y)
    return nested.cross_validate(entered.x, y, entered.kind, order, rng, options.folds, options.folds, partitions)


def _worth(judged: Nested) -> float:
    """What is compared with chance: the area under the curve, or R2."""
    return nested.area(judged) if judged.kind == "groups" else nested.explained(judged)


def _shuffled(entered: Entered, options: Options) -> np.ndarray:
    """(shuffles,) the same with outcomes shuffled among the people of a site: what markers that know only the site would reach."""
    rng = np.random.default_rng([options.seed, 1])
    out = np.empty(options.shuffles)
    for i in range(options.shuffles):
        y = entered.y.copy()
        for site in np.unique(entered.site):
            rows = np.flatnonzero(entered.site == site)
            y[rows] = y[rng.permutation(rows)]
        out[i] = _worth(_judge(entered, y, options, _SHUFFLED, rng))
    return out


def _final(entered: Entered, options: Options) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Intercept, coefficients per standard deviation, means and standard deviations of the score made from everybody, the penalty being
    the middle one of those that cross-validations choose."""
    x, y = entered.x, entered.y
    everybody = np.ones((options.partitions, len(y)))
    held_in = nested.deal(entered.order(y), options.folds, np.random.default_rng([options.seed, 2]), options.partitions)
    penalty = np.exp(np.median(np.log(nested.choose_penalty(x, y, entered.kind, everybody, held_in))))
    intercept, b = nested.fit(x, y, entered.kind, np.array([penalty]), everybody[:1])
    mean, spread = penalised.standardise(x, everybody[0])
    return float(intercept[0]), b[0], mean, spread
