"""How many people each endpoint needs, by formula and by simulation, and what is left when the pilot was wrong about the spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from neuromyo.stats import sample_size as size
from neuromyo.stats.trials import Joint, Simulated, endpoints, simulate
from neuromyo.study.power_endpoints import Endpoint, correlation
from neuromyo.study.power_options import Options

#: random numbers that the simulation of one endpoint may draw
_DRAWN = 20_000_000


@dataclass(frozen=True, eq=False)
class Sized:
    """An endpoint and its trial. None where more than `sample_size.MOST` controls would be needed, or nothing is known.

    effect : difference of the arms in standard deviations
    approximate : controls by the normal approximation, not rounded
    n0, n1 : controls and treated who have to finish; reached, simulated : power with them
    sd_limit, n0_limit : upper limit of the standard deviation, and controls if it were true
    assurance : power to be expected with n0, the pilot's mean and SD being as uncertain as they are
    """

    endpoint: Endpoint
    effect: float
    approximate: float
    n0: int | None
    n1: int | None
    reached: float
    simulated: Simulated | None
    sd_limit: float
    n0_limit: int | None
    assurance: float

    def enrolled(self, dropout: float) -> int | None:
        """People to enrol in both arms."""
        if self.n0 is None or self.n1 is None:
            return None
        return size.enrolled(self.n0, dropout) + size.enrolled(self.n1, dropout)


def _design(options: Options) -> size.Design:
    return "ancova" if options.design == "ancova" else "change"


def power_of(options: Options, effect: np.ndarray | float, n0: np.ndarray | float) -> np.ndarray:
    """Power with n0 controls and `ratio` times as many treated (not rounded)."""
    n0 = np.asarray(n0, float)
    return size.of_design(_design(options), effect, n0, n0 * options.ratio, options.alpha)


def _least(options: Options) -> int:
    """Controls that leave a degree of freedom."""
    lost = 4 if options.design == "ancova" else 3
    return next(n for n in range(1, 10) if n + size.treated(n, options.ratio) >= lost and n >= 2)


def _needed(effect: float, options: Options) -> int | None:
    def reached(n: int) -> float:
        return float(size.of_design(_design(options), effect, n, size.treated(n, options.ratio), options.alpha))

    return size.n_needed(reached, options.power, _least(options))


def sized(one: Endpoint, options: Options) -> Sized:
    """The trial with this endpoint."""
    effect = one.effect(options.effect)
    approximate, n0 = size.n_normal(effect, options.power, options.alpha, options.ratio), _needed(effect, options)
    limit = size.sd_limit(one.sd, one.df, options.confidence) if isfinite(one.df) else nan
    n0_limit = _needed(one.effect(options.effect, limit), options) if isfinite(limit) else None
    if n0 is None:
        return Sized(one, effect, approximate, None, None, nan, None, limit, n0_limit, nan)
    n1 = size.treated(n0, options.ratio)
    reached = float(size.of_design(_design(options), effect, n0, n1, options.alpha))
    repeats = min(options.repeats, max(200, _DRAWN // (2 * (n0 + n1))))
    rho = float(np.clip(one.rho, 0.0, 0.95)) if isfinite(one.rho) else 0.5
    simulated = simulate(_design(options), effect, n0, n1, options.alpha, repeats, options.seed, rho)
    return Sized(one, effect, approximate, n0, n1, reached, simulated, limit, n0_limit, _assurance(one, n0, options))


def _assurance(one: Endpoint, n0: int, options: Options) -> float:
    if not isfinite(one.df):
        return nan
    return size.assurance(
        abs(one.mean) / one.sd, one.mean_se / one.sd, one.df, lambda srm: power_of(options, options.effect * srm, n0)
    )


@dataclass(frozen=True, eq=False)
class Together:
    """A trial with several endpoints: controls and treated (None where more than `sample_size.MOST` are needed), and its power."""

    n0: int | None
    n1: int | None
    joint: Joint | None
    correlation: np.ndarray


def together(found: Sequence[Endpoint], options: Options) -> Together:
    """The trial that wins with any, or with all of the endpoints."""
    r = correlation(found, options.correlation)
    effects = np.array([e.effect(options.effect) for e in found])

    def at(n: int) -> Joint:
        return endpoints(
            effects,
            r,
            n,
            size.treated(n, options.ratio),
            options.alpha,
            "any" if options.endpoints == "any" else "all",
            "bonferroni" if options.correction == "bonferroni" else "holm",
            options.repeats,
            options.seed,
            int(options.design == "ancova"),
        )

    n0 = size.n_needed(lambda n: at(n).power, options.power, max(_least(options), 1 + len(found)))
    return Together(n0, None if n0 is None else size.treated(n0, options.ratio), None if n0 is None else at(n0), r)
