r"""Trials simulated: people drawn, arms compared, significant results counted. What the formulas of `sample_size` are checked by.

A person's baseline is normal; the follow-up is baseline + mean change, slowed in the treated arm, with the spread of changes and the
correlation of baseline and follow-up that were stated. Each trial is analysed from its raw values.

Several endpoints: t of each is drawn with its exact joint law: normal differences of correlation R and sums of squares from one
Wishart matrix.

*Assumes* normal values. *Breaks* where values are skewed: t tests keep their size then, but power may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from neuromyo.stats.sample_size import Design

Rule = Literal["any", "all"]
Correction = Literal["bonferroni", "holm"]
#: numbers drawn at once, so that memory stays bounded and the draws do not depend on the machine
_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Simulated:
    """Share of trials that were significant, its Monte Carlo standard error, and of how many trials."""

    power: float
    se: float
    repeats: int


def simulate(
    design: Design, effect: float, n0: int, n1: int, alpha: float, repeats: int, seed: int, rho: float = 0.5
) -> Simulated:
    """Power of a trial by simulation.

    effect : difference of the arms in standard deviations of what is compared (changes, or residuals)
    rho : correlation of baseline and follow-up, of equal spread at both; it cancels out of both designs but is drawn all the same
    """
    rng, per = np.random.default_rng(seed), max(1, _BLOCK // (2 * (n0 + n1)))
    hits, left = 0, repeats
    while left > 0:
        some = min(per, left)
        hits += int(_significant(design, _drawn(rng, some, n0, n1, effect, rho, design), n0, alpha).sum())
        left -= some
    share = hits / repeats
    return Simulated(share, float(np.sqrt(share * (1 - share) / repeats)), repeats)


def _drawn(
    rng: np.random.Generator, repeats: int, n0: int, n1: int, effect: float, rho: float, design: Design
) -> tuple[np.ndarray, np.ndarray]:
    """Baselines and follow-ups (repeats, n0 + n1) of SD 1; the last n1 people are treated."""
    x, e = rng.standard_normal((2, repeats, n0 + n1))
    y = rho * x + np.sqrt(1 - rho**2) * e
    sd = np.sqrt(1 - rho**2) if design == "ancova" else np.sqrt(2 * (1 - rho))
    y[:, n0:] += effect * sd
    return x, y


def _significant(design: Design, people: tuple[np.ndarray, np.ndarray], n0: int, alpha: float) -> np.ndarray:
    x, y = people
    n = x.shape[1]
    if design == "change":
        x, y = np.zeros_like(x), y - x
    gap_x, xx = _arms(x, x, n0)
    gap_y, yy = _arms(y, y, n0)
    error, df = 1 / n0 + 1 / (n - n0), n - 2
    if design == "ancova":
        xy = _arms(x, y, n0)[1]
        slope = xy / xx
        gap_y, yy, error, df = gap_y - slope * gap_x, yy - slope * xy, error + gap_x**2 / xx, n - 3
    t = gap_y / np.sqrt(yy / df * error)
    return np.abs(t) > special.stdtrit(df, 1 - alpha / 2)


def _arms(x: np.ndarray, y: np.ndarray, n0: int) -> tuple[np.ndarray, np.ndarray]:
    """(repeats,) difference of the arms' means of x, and the products of x and y about their arms' means."""
    a, b, c, d = x[:, :n0], x[:, n0:], y[:, :n0], y[:, n0:]
    products = np.einsum("ri,ri->r", a, c) - n0 * a.mean(1) * c.mean(1)
    products += np.einsum("ri,ri->r", b, d) - b.shape[1] * b.mean(1) * d.mean(1)
    return b.mean(1) - a.mean(1), products


# --- several endpoints ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Joint:
    """Of several endpoints: the trial's power by the rule, each endpoint's own under it, and the Monte Carlo error of the first."""

    power: float
    se: float
    each: tuple[float, ...]
    repeats: int


def endpoints(
    effects: np.ndarray, correlation: np.ndarray, n0: int, n1: int, alpha: float,
    rule: Rule, correction: Correction, repeats: int, seed: int, covariates: int = 0,
) -> Joint:  # fmt: skip
    """Power of a trial with endpoints of effects (m,) in standard deviations, correlated by (m, m) between people.

    ``any``: one at least is significant after the correction (Bonferroni and Holm agree on that, not on each endpoint's own power);
    ``all``: every one is, each at ``alpha``, which needs no correction (co-primary endpoints).
    """
    m, df = len(effects), n0 + n1 - 2 - covariates
    rng, root = np.random.default_rng(seed), np.linalg.cholesky(correlation + 1e-12 * np.eye(m))
    z = rng.standard_normal((repeats, m)) @ root.T + np.asarray(effects) / np.sqrt(1 / n0 + 1 / n1)
    p = 2 * special.stdtr(df, -np.abs(z) / np.sqrt(_spread(rng, repeats, root, df)))
    hits = p <= alpha if rule == "all" else _corrected(p, alpha, correction)
    won = hits.all(axis=1) if rule == "all" else hits.any(axis=1)
    share = float(won.mean())
    return Joint(share, float(np.sqrt(share * (1 - share) / repeats)), tuple(hits.mean(axis=0).tolist()), repeats)


def _spread(rng: np.random.Generator, repeats: int, root: np.ndarray, df: int) -> np.ndarray:
    """(repeats, m) estimated variances over the true ones: the diagonal of Wishart matrices over df (Bartlett's decomposition)."""
    m = len(root)
    lower = np.tril(rng.standard_normal((repeats, m, m)), -1)
    k = np.arange(m)
    lower[:, k, k] = np.sqrt(rng.chisquare(np.maximum(df - k, 1), (repeats, m)))
    return ((root @ lower) ** 2).sum(axis=2) / df


def _corrected(p: np.ndarray, alpha: float, correction: Correction) -> np.ndarray:
    """(repeats, m) which p are significant."""
    m = p.shape[1]
    if correction == "bonferroni":
        return p <= alpha / m
    order = np.argsort(p, axis=1)
    passed = np.logical_and.accumulate(np.take_along_axis(p, order, 1) <= alpha / (m - np.arange(m)), axis=1)
    hits = np.empty_like(passed)
    np.put_along_axis(hits, order, passed, 1)
    return hits
