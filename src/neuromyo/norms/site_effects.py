r"""How far each site is from the common level, shrunk towards what is plausible: two ways from the same raw estimates.

Of feature v at site s, in SDs of the feature: shift :math:`\hat\gamma_{sv}` with variance :math:`h_{sv}\delta_{sv}^2`, and squared
spread :math:`\hat\delta_{sv}^2` on :math:`f_{sv}` degrees of freedom.

``levels`` (the default) asks how much sites differ at all, and how much features differ within a site:

.. math:: \gamma_{sv} = c_s + d_{sv},\quad c_s \sim N(0, \omega^2),\quad d_{sv} \sim N(0, \tau^2)

and the same of :math:`\log\delta_{sv}`, with both variances integrated over a grid. Features of one person are alike (a person with high
T2 in one muscle has it in the next), so that averaging a site's features removes less noise than their number promises; the mean
correlation of the features says how much less. One feature alone is the plain random effect of sites.

``combat`` are the equations of the papers. Hyperparameters are moments over the features of one site, and

.. math:: \gamma^*_{sv} = \frac{m \bar\tau_s^2 \hat\gamma_{sv} + \delta^{*2}_{sv}\bar\gamma_s}{m\bar\tau_s^2 + \delta^{*2}_{sv}},\quad
          \delta^{*2}_{sv} = \frac{\bar\theta_s + \frac12\sum_i (Z_{isv} - \gamma^*_{sv})^2}{n/2 + \bar\lambda_s - 1}

*Assumes* features of one pool exchangeable. *Breaks*: ``combat`` with few features or few people, where what a site's features have
in common is not shrunk at all: three controls whose T2 happens to be alike make a site look precise.

*Cites* Johnson, Li, Rabinovic 2007, doi:10.1093/biostatistics/kxj037; Fortin 2018, doi:10.1016/j.neuroimage.2017.11.024;
Gelman 2006, doi:10.1214/06-BA117A (priors of the SD between few groups).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

#: median of the half-Cauchy prior of the SD between sites: of shifts in SDs of the feature, and of log variances
SHIFT_PRIOR, SPREAD_PRIOR = 0.5, 0.3
_GRID = np.geomspace(1e-3, 10.0, 161)
_SWEEPS = 500


@dataclass(frozen=True, eq=False)
class Raw:
    """What the people of each site say, before anything is shrunk; all (sites, features), in SDs of the feature.

    shift, variance : site minus common level, and its variance where the site's spread is 1
    spread2, df : squared spread at the site, and its degrees of freedom
    people, worth : rows at the site, and how many independent people they are worth for the shift
    alike, alike2 : mean correlation of two features of a person, and mean squared correlation, 0 to 1
    """

    shift: np.ndarray
    variance: np.ndarray
    spread2: np.ndarray
    df: np.ndarray
    people: np.ndarray
    worth: np.ndarray
    alike: float
    alike2: float


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Shift in SDs and log of the SD ratio, each with its standard uncertainty; (sites, features)."""

    shift: np.ndarray
    shift_se: np.ndarray
    log_spread: np.ndarray
    log_spread_se: np.ndarray


def shrunk(estimate: np.ndarray, variance: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Posterior mean and variance of :math:`\theta_j \sim N(0, \omega^2)` from estimates with known variances; any shape.

    :math:`\omega` has a half-Cauchy prior with median ``scale`` and is summed over a logarithmic grid; nothing is drawn at random.
    """
    x, s2 = estimate.ravel(), variance.ravel()
    total = s2[:, None] + _GRID**2  # (estimates, grid)
    log_weight = -0.5 * (np.log(total) + x[:, None] ** 2 / total).sum(axis=0)
    log_weight += np.log(_GRID) - np.log1p((_GRID / scale) ** 2)  # a step of the grid is proportional to omega
    weight = np.exp(log_weight - special.logsumexp(log_weight))
    keep = _GRID**2 / total
    mean = keep * x[:, None]
    centre = (mean * weight).sum(axis=1)
    spread = ((keep * s2[:, None] + (mean - centre[:, None]) ** 2) * weight).sum(axis=1)
    return centre.reshape(estimate.shape), spread.reshape(estimate.shape)


def levels(raw: Raw, spread: bool = True) -> Shrunk:
    """Sites first, features within sites second. ``spread`` False: sites differ in level only."""
    log_spread, log_var = np.zeros_like(raw.shift), np.zeros_like(raw.shift)
    if spread:
        half = raw.df / 2
        said = np.log(raw.spread2) - special.digamma(half) + np.log(half)  # unbiased for log delta^2
        twice, var = _two_levels(said, special.polygamma(1, half), raw.alike2, SPREAD_PRIOR)
        log_spread, log_var = twice / 2, var / 4
    noise = raw.variance * np.exp(2 * log_spread)
    shift, var = _two_levels(raw.shift, noise, raw.alike, SHIFT_PRIOR)
    return Shrunk(shift, np.sqrt(var), log_spread, np.sqrt(log_var))


def _two_levels(x: np.ndarray, variance: np.ndarray, alike: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    n = x.shape[1]
    common = 1 / n + (1 - 1 / n) * alike  # share of the noise that averaging over features leaves
    centre = x.mean(axis=1)
    mean, var = shrunk(centre, variance.mean(axis=1) * common, scale)
    if n == 1:
        return mean[:, None], var[:, None]
    own = max(1 - common, 1e-6)
    deviation, own_var = shrunk(x - centre[:, None], variance * own, scale / 2)
    return mean[:, None] + deviation, var[:, None] + own_var


def combat(raw: Raw, spread: bool = True) -> Shrunk:
    """Johnson's empirical Bayes, site by site, over at least two features; uncertainty as told in `_papers_se`."""
    shift, spread2, shape = np.empty_like(raw.shift), np.ones_like(raw.shift), np.full_like(raw.shift, np.inf)
    shift_se = np.empty_like(raw.shift)
    for s in range(raw.shift.shape[0]):
        gamma, m, n = raw.shift[s], raw.worth[s], raw.people[s]
        mean, tau2 = float(gamma.mean()), float(gamma.var(ddof=1))
        squares = raw.spread2[s] * raw.df[s]
        prior = _inverse_gamma(squares / (n - 1)) if spread else None
        for _ in range(_SWEEPS):
            before = spread2[s].copy()
            shift[s] = (m * tau2 * gamma + spread2[s] * mean) / (m * tau2 + spread2[s])
            if prior is None:
                break
            shape[s] = n / 2 + prior[0]
            spread2[s] = (prior[1] + 0.5 * (squares + n * (gamma - shift[s]) ** 2)) / (shape[s] - 1)
            if np.all(np.abs(spread2[s] - before) <= 1e-14 * before):
                break
        shift_se[s] = _papers_se(spread2[s], raw.variance[s], m, tau2, raw.alike)
    log_se = np.where(np.isfinite(shape), 0.5 * np.sqrt(special.polygamma(1, np.minimum(shape, 1e12))), 0.0)
    return Shrunk(shift, shift_se, 0.5 * np.log(spread2), log_se)


def _inverse_gamma(spread2: np.ndarray) -> tuple[float, float]:
    """lambda and theta whose mean and variance are those of the squared spreads (bounded where all are the same)."""
    mean, var = float(spread2.mean()), float(spread2.var(ddof=1))
    var = max(var, 1e-9 * mean**2)
    return 2 + mean**2 / var, mean + mean**3 / var


def _papers_se(spread2: np.ndarray, variance: np.ndarray, m: np.ndarray, tau2: float, alike: float) -> np.ndarray:
    """Root of the mean squared error of gamma*, weights and tau taken as known, the features' noise correlated.

    The error is (1 - B) e_v + B (mean(e) + mean(d) - d_v), with B the weight of the site's mean, e noise and d the features' own shifts.
    """
    n = spread2.size
    noise, b = spread2 * variance, spread2 / (m * tau2 + spread2)
    common = noise * (1 / n + (1 - 1 / n) * alike)
    error = (1 - b) ** 2 * noise + b**2 * (common + tau2 * (1 - 1 / n)) + 2 * b * (1 - b) * common
    return np.sqrt(error)
