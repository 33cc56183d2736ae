r"""How large a change is beside its spread, and beside what measuring twice makes of no change at all.

Standardised response mean of n people's changes d: :math:`SRM = \bar d / s_d = t / \sqrt n`; sqrt(n) SRM has a noncentral t
distribution on n - 1 degrees of freedom, which gives an exact interval.

A person's change is *reliable* where measuring alone would seldom make it: :math:`|d| > 1.96 \sqrt 2\, wSD` (Jacobson and Truax),
wSD being the within-subject standard deviation of a study of repeats. Where it has to be taken from the changes of n people in whom
nothing should have changed, :math:`wSD^2 = \sum d^2 / 2n` on n degrees of freedom, and Student's t takes the place of 1.96.

Assumes: normal changes. Breaks: errors of measuring that grow with the value; people picked for a high or low first value, who fall back
to the mean by wSD^2 over the variance of first values for each unit they lay above it (`falling_back`).
Cites: Jacobson & Truax, J Consult Clin Psychol 1991;59:12, doi:10.1037/0022-006X.59.1.12; Liang, Fossel & Larson, Med Care
1990;28:632, doi:10.1097/00005650-199007000-00008.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from scipy import stats

from neuromyo.stats.effect_size import noncentral_interval
from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval


def response_from(mean: float, sd: float, n: int, level: float = LEVEL) -> Interval:
    """SRM of n changes whose mean and standard deviation are known, with its exact interval."""
    if n < 2 or not sd > 0:
        return UNKNOWN
    low, high = noncentral_interval(mean / sd * sqrt(n), n - 1, level)
    return Interval(mean / sd, low / sqrt(n), high / sqrt(n), n - 1.0)


def response(changes: np.ndarray, level: float = LEVEL) -> Interval:
    """SRM of changes (n,), those that are not finite left out; unknown below two or where all changed alike."""
    d = changes[np.isfinite(changes)]
    sd = float(d.std(ddof=1)) if d.size > 1 else nan
    return response_from(
        float(d.mean()) if d.size else nan, sd if sd > 1e-12 * np.abs(d).max(initial=0.0) else nan, d.size, level
    )


@dataclass(frozen=True, slots=True)
class Repeating:
    """wSD and the degrees of freedom it is known on (infinite: given)."""

    wsd: float
    df: float = inf

    @property
    def limit(self) -> float:
        """The change that 95 of 100 people who did not change stay below."""
        factor = 1.96 if self.df == inf else float(stats.t.ppf(0.975, self.df))
        return factor * sqrt(2.0) * self.wsd


def repeating(changes: np.ndarray) -> Repeating:
    """From changes (n,) of people in whom nothing should have changed; those that are not finite are left out."""
    d = changes[np.isfinite(changes)]
    return Repeating(float(np.sqrt((d**2).mean() / 2)), float(d.size)) if d.size else Repeating(nan, 0.0)


def falling_back(wsd: float, baseline: np.ndarray) -> float:
    """The share by which people move back to the mean because their first value was measured with error; NaN of fewer than two."""
    x = baseline[np.isfinite(baseline)]
    variance = float(x.var(ddof=1)) if x.size > 1 else 0.0
    return min(wsd**2 / variance, 1.0) if variance > 0 else nan
