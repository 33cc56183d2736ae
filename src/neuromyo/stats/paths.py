r"""Paths through things in a given order: what each does to the later ones, straight and through those between.

With variables z_1 ... z_m in the order in which one is taken to act on the next, each is regressed on all before it,

.. math:: z_j = \sum_{i<j} B_{ji} z_i + (\text{covariates}) + e_j, \qquad T = (I - B)^{-1} - I

B are the direct effects, T the total ones, T - B what runs through others; one route a -> b -> c has the product B_ba B_cb. All are
standardised: SDs of the later for one SD of the earlier. S being the covariance of covariates and variables in that order, (I - B)^-1
is the lower right part of the unit lower triangle L of S = L D L', and D what each leaves unexplained: one factorisation does all
regressions, and those of thousands of resamples at once.

Shapes: values (n, m), covariates (n, k), weights (r, n) how often each row counts in each of r resamples; effects (r, m, m) or (m, m)
with [later, earlier].

Assumes: the order is right, effects are straight lines and add up, nothing that was left out acts on two of the variables. Data do not
tell one order from another: all orders of a full set of regressions fit equally well.
Breaks: a variable that those before it determine (NaN); fewer rows than variables.
Cites: Wright, Ann Math Stat 1934;5:161, doi:10.1214/aoms/1177732676; MacKinnon, Lockwood & Williams, Multivariate Behav Res 2004;39:99,
doi:10.1207/s15327906mbr3901_4 (intervals of products by resampling).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan

import numpy as np

from neuromyo.stats import bootstrap
from neuromyo.stats.intervals import LEVEL, Interval

#: the kind of `neuromyo.stats.bootstrap` that intervals are of
METHOD = "bca-t"
#: a variable is taken as determined by those before it where less than this share of its variance is its own
_OWN = 1e-10


@dataclass(frozen=True, eq=False)
class Paths:
    """Standardised effects, [..., later, earlier], zero elsewhere; ``explained`` (..., m): share of each variable's variance that
    covariates and earlier variables explain."""

    direct: np.ndarray
    total: np.ndarray
    explained: np.ndarray

    def through(self, route: Sequence[int]) -> np.ndarray:
        """(...) the effect along one route, the product of its steps: ``(0, 1, 3)`` is z_0 -> z_1 -> z_3."""
        steps = tuple(pairwise(route))
        if not steps or any(later <= earlier for earlier, later in steps):
            raise ValueError(f"a route runs from earlier to later variables, not {tuple(route)}")
        return np.prod([self.direct[..., later, earlier] for earlier, later in steps], axis=0)

    def indirect(self, start: int, end: int) -> np.ndarray:
        """(...) all that one does to another through those between."""
        return self.total[..., end, start] - self.direct[..., end, start]


def fit(values: np.ndarray, given: np.ndarray | None = None, weights: np.ndarray | None = None) -> Paths:
    """The effects among the columns of ``values``, covariates ``given`` held; one set for each row of ``weights`` where there are."""
    n, m = values.shape
    everything = values if given is None else np.column_stack([given, values])
    if not np.isfinite(everything).all():
        raise ValueError("paths need complete rows")
    if n <= everything.shape[1]:
        raise ValueError(f"{n} rows for {everything.shape[1]} variables")
    s = _covariance(everything, np.ones((1, n)) if weights is None else weights)
    lower, own = _factors(s, everything.shape[1] - m)
    lower, own, spread = lower[:, -m:, -m:], own[:, -m:], np.diagonal(s, axis1=1, axis2=2)[:, -m:]
    one = np.eye(m)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(spread[:, None, :] / spread[:, :, None])
        found = Paths((one - np.linalg.inv(lower)) * scale, (lower - one) * scale, 1 - own / spread)
    return found if weights is not None else Paths(found.direct[0], found.total[0], found.explained[0])


def _covariance(z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(r, p, p) covariance of the columns of z (n, p) with each set of weights (r, n)."""
    n, p = z.shape
    spread = z.std(axis=0)
    z = (z - z.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ z
    second = (share @ (z[:, :, None] * z[:, None, :]).reshape(n, p * p)).reshape(-1, p, p)
    return second - mean[:, :, None] * mean[:, None, :]


def _factors(s: np.ndarray, covariates: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit lower triangle (r, p, p) and variances left over (r, p) of covariances s. Below a variable that the earlier ones determine it
    is NaN; below such a covariate (a site of which a sample drew nobody) zero: it holds nothing more."""
    rest, lower, own = s.copy(), np.zeros_like(s), np.zeros(s.shape[:2])
    for j in range(s.shape[-1]):
        own[:, j] = np.clip(rest[:, j, j], 0.0, None)
        varies = own[:, j] > _OWN * np.clip(s[:, j, j], _OWN, None)
        pivot = np.where(varies, own[:, j], 1.0)
        column = np.where(varies[:, None], rest[:, :, j] / pivot[:, None], 0.0 if j < covariates else np.nan)
        column[:, :j], column[:, j] = 0.0, 1.0
        lower[:, :, j] = column
        rest = rest - np.where(varies, pivot, 0.0)[:, None, None] * column[:, :, None] * column[:, None, :]
    return lower, own


@dataclass(frozen=True, eq=False)
class Resampled:
    """Paths of all people, of samples of people drawn with replacement (all rows of a person together), and without each in turn."""

    whole: Paths
    drawn: Paths
    left_out: Paths
    n_people: int


def by_people(
    values: np.ndarray, given: np.ndarray | None, person: np.ndarray, repeats: int, seed: int
) -> Resampled:  # fmt: skip
    """What intervals of effects are made of. person : (n,) whose each row is; rows of one person are drawn together."""
    labels, whose = np.unique(person, return_inverse=True)
    people = len(labels)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(people, np.full(people, 1 / people), size=repeats).astype(np.float64)
    without = np.ones((people, people)) - np.eye(people)
    drawn, left_out = (fit(values, given, w[:, whose]) for w in (times, without))
    return Resampled(fit(values, given), drawn, left_out, people)


def interval(found: Resampled, effect: Callable[[Paths], np.ndarray], level: float = LEVEL) -> Interval:
    """An effect, picked from `Paths` by ``effect``, with its interval: bias-corrected and accelerated, by quantiles of t
    (`METHOD`). Plain normal quantiles cover 92.7 % of products of three steps in 30 people with two limbs each, these 93.7 to 94.3 %."""
    left_out = effect(found.left_out)
    off = left_out.mean() - left_out
    square = float((off**2).sum())
    speed = float((off**3).sum()) / (6 * square**1.5) if square > 0 else nan
    resampled = bootstrap.Resampled(float(effect(found.whole)), effect(found.drawn), speed, found.n_people)
    return resampled.ends(level, expand=True)
