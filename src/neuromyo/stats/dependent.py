r"""Two correlations of the same people compared: does T2 follow CMAP more closely than volume does?

With one variable in common (r_1 = r_y1, r_2 = r_y2, the two markers correlating r_12), Williams' t on n - 3 degrees of freedom:

.. math:: t = (r_1 - r_2) \sqrt{\frac{(n-1)(1+r_{12})}{2\frac{n-1}{n-3}|R| + \bar r^2 (1-r_{12})^3}}, \qquad
          |R| = 1 - r_1^2 - r_2^2 - r_{12}^2 + 2 r_1 r_2 r_{12}, \quad \bar r = \tfrac12 (r_1 + r_2)

Steiger's z, with or without a variable in common, c being the correlation of the two estimates at their mean (``correlated``):

.. math:: z = (\operatorname{artanh} r_1 - \operatorname{artanh} r_2) \sqrt{\frac{n - 3}{2 (1 - c)}}

Zou's interval of r_1 - r_2, from the limits (l, u) of Fisher's intervals of both, c at the two themselves:

.. math:: L = r_1 - r_2 - \sqrt{(r_1-l_1)^2 + (u_2-r_2)^2 - 2 c (r_1-l_1)(u_2-r_2)}

*Assumes* normal data of the same n people for all. *Breaks* where the markers are all but the same (r_12 near 1), and after the best of
many was picked, unless that is accounted for (`neuromyo.stats.best`).

*Cites* Williams, J R Stat Soc B 1959;21:396; Steiger, Psychol Bull 1980;87:245, doi:10.1037/0033-2909.87.2.245; Meng, Rosenthal & Rubin,
Psychol Bull 1992;111:172, doi:10.1037/0033-2909.111.1.172; Zou, Psychol Methods 2007;12:399, doi:10.1037/1082-989X.12.4.399.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, inf, nan, sqrt

from scipy import special

from neuromyo.stats.correlation import from_r
from neuromyo.stats.intervals import LEVEL, Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """r_1 - r_2 with Zou's interval; the test's statistic, its degrees of freedom (inf: normal) and two-sided p."""

    difference: Interval
    statistic: float
    df: float
    p: float


_NONE = (nan, nan, nan)


def williams(r_y1: float, r_y2: float, r_12: float, n: int, level: float = LEVEL) -> Comparison:
    """Two correlations with one y, of markers that correlate r_12, by Williams' t: the one to take for few people."""
    difference = zou(r_y1, r_y2, n, overlapping(r_y1, r_y2, r_12), level)
    det = 1 - r_y1**2 - r_y2**2 - r_12**2 + 2 * r_y1 * r_y2 * r_12
    if n < 4 or not det > -1e-12:
        return Comparison(difference, *_NONE)
    mean = (r_y1 + r_y2) / 2
    below = 2 * (n - 1) / (n - 3) * max(det, 0.0) + mean**2 * (1 - r_12) ** 3
    if not below > 1e-12:
        return Comparison(difference, *_NONE)
    t = (r_y1 - r_y2) * sqrt((n - 1) * (1 + r_12) / below)
    return Comparison(difference, t, n - 3, float(2 * special.stdtr(n - 3, -abs(t))))


def steiger(
    r_1: float, r_2: float, correlated: float, correlated_at_mean: float, n: int, level: float = LEVEL
) -> Comparison:
    """Two correlations by Steiger's z, with ``correlated`` from `overlapping` or `apart`: at r_1 and r_2, and with both at their mean."""
    difference = zou(r_1, r_2, n, correlated, level)
    if n < 4 or max(abs(r_1), abs(r_2)) >= 1 or not correlated_at_mean < 1:
        return Comparison(difference, *_NONE)
    z = (atanh(r_1) - atanh(r_2)) * sqrt((n - 3) / (2 * (1 - correlated_at_mean)))
    return Comparison(difference, z, inf, float(2 * special.ndtr(-abs(z))))


def steiger_overlapping(r_y1: float, r_y2: float, r_12: float, n: int, level: float = LEVEL) -> Comparison:
    """r_y1 against r_y2 by Steiger's z."""
    mean = (r_y1 + r_y2) / 2
    return steiger(r_y1, r_y2, overlapping(r_y1, r_y2, r_12), overlapping(mean, mean, r_12), n, level)


def steiger_apart(
    r_jk: float, r_hm: float, r_jh: float, r_jm: float, r_kh: float, r_km: float, n: int, level: float = LEVEL
) -> Comparison:
    """r_jk against r_hm of four variables by Steiger's z: T2 with CMAP against volume with strength, one visit against another."""
    mean, others = (r_jk + r_hm) / 2, (r_jh, r_jm, r_kh, r_km)
    return steiger(r_jk, r_hm, apart(r_jk, r_hm, *others), apart(mean, mean, *others), n, level)


def meng(r_y1: float, r_y2: float, r_12: float, n: int) -> tuple[float, float]:
    """(z, two-sided p) of r_y1 against r_y2 by Meng, Rosenthal & Rubin."""
    square = (r_y1**2 + r_y2**2) / 2
    if n < 4 or square >= 1 or not r_12 < 1:
        return nan, nan
    f = min((1 - r_12) / (2 * (1 - square)), 1.0)
    h = (1 - f * square) / (1 - square)
    z = (atanh(r_y1) - atanh(r_y2)) * sqrt((n - 3) / (2 * (1 - r_12) * h))
    return z, float(2 * special.ndtr(-abs(z)))


def zou(r_1: float, r_2: float, n: int, correlated: float, level: float = LEVEL) -> Interval:
    """r_1 - r_2 with its interval, the two estimates correlating ``correlated``."""
    one, two = from_r(r_1, n, level), from_r(r_2, n, level)
    down, up = _reach(r_1 - one.low, two.high - r_2, correlated), _reach(one.high - r_1, r_2 - two.low, correlated)
    return Interval(r_1 - r_2, r_1 - r_2 - down, r_1 - r_2 + up, inf)


def _reach(a: float, b: float, correlated: float) -> float:
    return (
        sqrt(max(a * a + b * b - 2 * correlated * a * b, 0.0))
        if a == a and b == b and correlated == correlated
        else nan
    )


def overlapping(r_y1: float, r_y2: float, r_12: float) -> float:
    """Correlation of the estimates r_y1 and r_y2 over samples, for many people."""
    left = (1 - r_y1**2) * (1 - r_y2**2)
    if not left > 0:
        return nan
    shared = r_12 * (1 - r_y1**2 - r_y2**2) - r_y1 * r_y2 * (1 - r_y1**2 - r_y2**2 - r_12**2) / 2
    return shared / left


def apart(r_jk: float, r_hm: float, r_jh: float, r_jm: float, r_kh: float, r_km: float) -> float:
    """Correlation of the estimates r_jk and r_hm over samples, for many people."""
    left = (1 - r_jk**2) * (1 - r_hm**2)
    if not left > 0:
        return nan
    shared = r_jk * r_hm * (r_jh**2 + r_jm**2 + r_kh**2 + r_km**2) / 2 + r_jh * r_km + r_jm * r_kh
    shared -= r_jk * (r_jh * r_jm + r_kh * r_km) + r_hm * (r_jh * r_kh + r_jm * r_km)
    return shared / left
