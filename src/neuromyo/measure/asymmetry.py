"""One side against the other.

    asymmetry = 100 (L - R) / ((L + R) / 2)        (per cent; positive where the left is larger)
    atrophy   = 100 (H - A) / H                    (per cent of the healthy side H that the affected side A lacks)

Uncertainties by first-order propagation of independent ones: se(asymmetry) = 400 sqrt(R^2 sL^2 + L^2 sR^2) / (L + R)^2 and
se(atrophy) = 100 sqrt(sA^2 + (A sH / H)^2) / H.

*Assumes* sizes of the same levels of both sides. *Breaks* for sizes near zero: not a number where a divisor is not positive.
"""

from __future__ import annotations

from math import hypot, nan

#: a size and its standard uncertainty
Size = tuple[float, float]


def asymmetry(left: Size, right: Size) -> Size:
    """Per cent of the mean of both, and its standard uncertainty."""
    (a, sa), (b, sb) = left, right
    if not a + b > 0:
        return nan, nan
    return 200 * (a - b) / (a + b), 400 * hypot(b * sa, a * sb) / (a + b) ** 2


def atrophy(healthy: Size, affected: Size) -> Size:
    """Per cent of the healthy side, and its standard uncertainty; negative where the affected side is larger."""
    (h, sh), (a, sa) = healthy, affected
    if not h > 0:
        return nan, nan
    return 100 * (h - a) / h, 100 * hypot(sa, a * sh / h) / h
