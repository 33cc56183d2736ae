r"""Two groups of different people: their means compared.

Welch's t lets spreads differ,

.. math:: t = \frac{\bar a - \bar b}{\sqrt{v_a + v_b}}, \qquad \nu = \frac{(v_a + v_b)^2}{v_a^2/(n_a - 1) + v_b^2/(n_b - 1)},
          \qquad v = s^2/n

Student's takes them as one. Differences are a less b.

*Assumes* independent people; normal values in small groups. *Breaks* where a few values lie far out: see `ranks`, `permutation`.
*Unknown* below two values in a group, or where neither group varies.

*Cites* Welch, Biometrika 1947;34:28, doi:10.1093/biomet/34.1-2.28; Welch, Biometrika 1951;38:330, doi:10.1093/biomet/38.3-4.330
(several groups); Brown & Forsythe, J Am Stat Assoc 1974;69:364, doi:10.1080/01621459.1974.10482955 (spreads).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval, t_interval


@dataclass(frozen=True, slots=True)
class TTest:
    """Difference of means with its interval, t on ``df`` degrees of freedom, two-sided p, and how many people are in a and b."""

    difference: Interval
    t: float
    df: float
    p: float
    n: tuple[int, int]

    @property
    def known(self) -> bool:
        """Whether there was anything to test."""
        return bool(np.isfinite(self.p))


@dataclass(frozen=True, slots=True)
class FTest:
    """F on ``df`` degrees of freedom (of effect and error), and p."""

    f: float
    df: tuple[float, float]
    p: float


def welch(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> TTest:
    """Means compared without taking spreads as one: the default."""
    x, y = _finite(a), _finite(b)
    if x.size < 2 or y.size < 2:
        return _untested(x, y)
    va, vb = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    if not _varies(x, y):
        return _untested(x, y)
    df = (va + vb) ** 2 / (va**2 / (x.size - 1) + vb**2 / (y.size - 1))
    return _tested(x, y, float(np.sqrt(va + vb)), df, level)


def student(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> TTest:
    """Means compared with one spread for both groups."""
    x, y = _finite(a), _finite(b)
    if x.size < 2 or y.size < 2 or not _varies(x, y):
        return _untested(x, y)
    df = x.size + y.size - 2
    pooled = float((x.size - 1) * x.var(ddof=1) + (y.size - 1) * y.var(ddof=1)) / df
    return _tested(x, y, float(np.sqrt(pooled * (1 / x.size + 1 / y.size))), float(df), level)


def welch_anova(groups: Sequence[np.ndarray]) -> FTest:
    r"""Whether means of several groups differ at all, without taking spreads as one (Welch 1951).

    With weights w = n/s^2 of k groups: F = [sum w (m - m_w)^2 / (k-1)] / [1 + 2 (k-2) L / (k^2-1)], L = sum (1 - w/W)^2 / (n-1), on k - 1
    and (k^2 - 1) / (3 L) degrees of freedom. NaN where a group has fewer than two values or does not vary.
    """
    known = [_finite(g) for g in groups]
    k = len(known)
    if k < 2 or any(g.size < 2 or not g.var() > 0 for g in known):
        return FTest(float("nan"), (float(k - 1), float("nan")), float("nan"))
    n, mean = np.array([g.size for g in known]), np.array([g.mean() for g in known])
    w = n / np.array([g.var(ddof=1) for g in known])
    spread = float((w * (mean - (w @ mean) / w.sum()) ** 2).sum()) / (k - 1)
    lack = float(((1 - w / w.sum()) ** 2 / (n - 1)).sum())
    f = spread / (1 + 2 * (k - 2) * lack / (k**2 - 1))
    df = (float(k - 1), (k**2 - 1) / (3 * lack))
    return FTest(f, df, float(special.fdtrc(*df, f)))


def spreads_differ(a: np.ndarray, b: np.ndarray) -> float:
    """p of Brown and Forsythe: Student's t on distances from each group's median, which outliers and skewness bear on little."""
    x, y = _finite(a), _finite(b)
    if x.size < 3 or y.size < 3:
        return float("nan")
    return student(np.abs(x - np.median(x)), np.abs(y - np.median(y))).p


def without_each(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> list[TTest]:
    """Welch's test again without the first of a, the second of a, ..., then without each of b. All values finite."""
    return [*(welch(np.delete(a, i), b, level) for i in range(a.size)),
            *(welch(a, np.delete(b, i), level) for i in range(b.size))]  # fmt: skip


def _finite(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)[np.isfinite(values)]


def _varies(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether any group holds two different numbers, rounding apart."""
    both = np.concatenate([x, y])
    return max(float(np.ptp(x)), float(np.ptp(y))) > 1e-12 * float(np.abs(both).max())


def _untested(x: np.ndarray, y: np.ndarray) -> TTest:
    value = float(x.mean() - y.mean()) if x.size and y.size else float("nan")
    return TTest(
        Interval(value, UNKNOWN.low, UNKNOWN.high, 0.0), float("nan"), float("nan"), float("nan"), (x.size, y.size)
    )


def _tested(x: np.ndarray, y: np.ndarray, se: float, df: float, level: float) -> TTest:
    value = float(x.mean() - y.mean())
    t = value / se
    return TTest(t_interval(value, se, df, level), t, df, float(2 * special.stdtr(df, -abs(t))), (x.size, y.size))
