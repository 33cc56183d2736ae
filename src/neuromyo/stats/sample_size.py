r"""How many people a trial needs, and the power that it has.

Two arms of n_0 and n_1 people, effect d = difference of means / standard deviation, two-sided test at alpha:

.. math:: \text{power} = P\!\left(|T| > t_{1-\alpha/2,\,\nu}\right), \quad T \sim t_\nu(\lambda), \quad
          \lambda = d \Big/ \sqrt{1/n_0 + 1/n_1}, \quad \nu = n_0 + n_1 - 2

with noncentral t, exact for normal values of one spread. One sample (or pairs): lambda = d sqrt(n), nu = n - 1. The normal
approximation n_0 = (1 + 1/r) (z_{1-alpha/2} + z_{power})^2 / d^2, r people treated for each control, is what most papers print.

*ANCOVA* (follow-up adjusted for baseline): d by the residual standard deviation, nu = n_0 + n_1 - 3, and lambda shrinks by
the chance imbalance of baselines: lambda sqrt(B) with B ~ Beta((n_0 + n_1 - 2)/2, 1/2) for normal baselines; the power is the mean
over B, exact before the baselines are known. With equal spread at both visits and correlation rho between them the residual SD is
sqrt((1 + rho)/2) of the SD of the change.

*Assumes* normal values, one spread in both arms, dropped-out people missing at random and not used. *Breaks* where the SD is not
known but estimated from few: use `sd_limit` and `assurance`.

*Cites* Harrison & Brady, Stata J 2004;4:142 (noncentral t); Borm, Fransen & Lemmens, J Clin Epidemiol 2007;60:1234,
doi:10.1016/j.jclinepi.2007.02.006 (ANCOVA); Browne, Stat Med 1995;14:1933, doi:10.1002/sim.4780141709 (limit of the SD).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import special, stats

from neuromyo.stats.roots import root

Design = Literal["change", "ancova"]
#: no more people an arm than this are ever asked for
MOST = 100_000
_U, _W = np.polynomial.legendre.leggauss(32)
#: above this noncentrality the normal deviate in T is nothing beside it
_LARGE = 35.0


def t_power(noncentrality: np.ndarray | float, df: np.ndarray | float, alpha: float) -> np.ndarray:
    """Probability that a two-sided t test at ``alpha`` is significant; any shapes that fit together."""
    nc, v = np.broadcast_arrays(np.abs(np.asarray(noncentrality, float)), np.asarray(df, float))
    limit = special.stdtrit(v, 1 - alpha / 2)
    small = np.minimum(nc, _LARGE)
    both = stats.nct.sf(limit, v, small) + stats.nct.cdf(-limit, v, small)
    return np.where(nc > _LARGE, special.chdtr(v, v * (nc / limit) ** 2), np.clip(both, 0.0, 1.0))


def two_arms(
    effect: np.ndarray | float, n0: np.ndarray | float, n1: np.ndarray | float, alpha: float = 0.05
) -> np.ndarray:
    """Power of the two-sample t test of ``effect`` standard deviations, n0 controls and n1 treated."""
    n0, n1 = np.asarray(n0, float), np.asarray(n1, float)
    return t_power(np.asarray(effect) / np.sqrt(1 / n0 + 1 / n1), n0 + n1 - 2, alpha)


def ancova(
    effect: np.ndarray | float, n0: np.ndarray | float, n1: np.ndarray | float, alpha: float = 0.05
) -> np.ndarray:
    """Power of an analysis of covariance; ``effect`` in residual standard deviations. Four people at the least."""
    n0, n1 = np.asarray(n0, float)[..., None], np.asarray(n1, float)[..., None]
    balance = special.betaincinv((n0 + n1 - 2) / 2, 0.5, (1 + _U) / 2)
    each = t_power(np.asarray(effect, float)[..., None] * np.sqrt(balance / (1 / n0 + 1 / n1)), n0 + n1 - 3, alpha)
    return each @ (_W / 2)


def of_design(
    design: Design, effect: np.ndarray | float, n0: np.ndarray | float, n1: np.ndarray | float, alpha: float
) -> np.ndarray:
    """`two_arms` of changes, or `ancova`."""
    return (ancova if design == "ancova" else two_arms)(effect, n0, n1, alpha)


def n_normal(effect: float, power: float, alpha: float = 0.05, ratio: float = 1.0) -> float:
    """Controls by the normal approximation, not rounded; ``ratio`` treated for each."""
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))
    return (1 + 1 / ratio) * (z / effect) ** 2


def n_exact(effect: float, power: float, alpha: float = 0.05, ratio: float = 1.0) -> float:
    """Controls of the two-sample t test by noncentral t, not rounded; three people in all at the least."""
    low, high = 3.0 / (1 + ratio), 2 * n_normal(effect, power, alpha, ratio) + 50

    def short(n: float) -> float:
        return float(two_arms(effect, n, ratio * n, alpha)) - power

    return low if short(low) >= 0 else root(short, low, high)


def n_needed(reached: Callable[[int], float], power: float, least: int = 2, most: int = MOST) -> int | None:
    """The least whole number of people at which ``reached`` (which grows) is ``power``; None where ``most`` are too few."""
    low, high = least, least
    while reached(high) < power:
        if high >= most:
            return None
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle + 1, high)
    return high


def treated(n0: int, ratio: float) -> int:
    """People treated beside n0 controls, rounded up."""
    return int(np.ceil(n0 * ratio - 1e-9))


def enrolled(n: int, dropout: float) -> int:
    """People to enrol so that n stay, where a share ``dropout`` leaves."""
    return int(np.ceil(n / (1 - dropout) - 1e-9))


def ancova_share(rho: float) -> float:
    """Residual SD of an ANCOVA over the SD of the change, equal spread at both visits, correlation ``rho`` between them."""
    return float(np.sqrt((1 + rho) / 2))


# --- a standard deviation from few people -----------------------------------------------------------------------------


def sd_limit(sd: float, df: float, confidence: float) -> float:
    """The one-sided upper limit of a standard deviation known on ``df`` degrees of freedom: it is smaller with that confidence."""
    return float(sd * np.sqrt(df / stats.chi2.ppf(1 - confidence, df)))


def assurance(srm: float, se: float, df: float, power: Callable[[np.ndarray], np.ndarray]) -> float:
    r"""The power to be expected, the pilot's mean and SD being as uncertain as they are: its mean over

    .. math:: \delta = SRM \sqrt{\chi^2_{df} / df} + z\,se

    se : standard error of the pilot's mean in standard deviations, 1 / sqrt(n)

    ``power`` takes SRMs (m,) above 0; where delta has the other sign a success counts for nothing. It lies below the power planned, and
    does not reach 1 with any number of people.

    Cites: O'Hagan, Stevens & Campbell, Pharm Stat 2005;4:187, doi:10.1002/pst.175.
    """
    u = (1 + _U) / 2
    scale = np.sqrt(special.chdtri(df, 1 - u) / df)
    delta = abs(srm) * scale[:, None] + special.ndtri(u)[None, :] * se
    reached = np.where(delta > 0, power(np.maximum(delta, 1e-9).ravel()).reshape(delta.shape), 0.0)
    return float((_W / 2) @ reached @ (_W / 2))
