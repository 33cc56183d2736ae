"""Small-sample intervals of means and standard deviations, and whether an interval decides about a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
#: no more scans than this are ever asked for
MOST_SCANS = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided interval at `LEVEL`; ``df`` degrees of freedom, inf where none were spent on it."""

    value: float
    low: float
    high: float
    df: float

    @property
    def known(self) -> bool:
        """Whether it has an interval at all."""
        return bool(np.isfinite([self.value, self.low, self.high]).all())

    def scaled(self, factor: float) -> Interval:
        """Value and ends times a positive factor."""
        return Interval(self.value * factor, self.low * factor, self.high * factor, self.df)

    def mapped(self, f: Callable[[float], float]) -> Interval:
        """Value and ends through an increasing function."""
        return Interval(f(self.value), f(self.low), f(self.high), self.df)


UNKNOWN = Interval(float("nan"), float("nan"), float("nan"), 0.0)


def t_interval(value: float, se: float, df: float, level: float = LEVEL) -> Interval:
    """value +- t se; without an interval where no degree of freedom is left."""
    if df <= 0 or not np.isfinite(se):
        return Interval(value, float("nan"), float("nan"), max(df, 0.0))
    t = float(stats.t.ppf(0.5 + level / 2, df)) if np.isfinite(df) else float(stats.norm.ppf(0.5 + level / 2))
    return Interval(value, value - t * se, value + t * se, df)


def mean_interval(values: np.ndarray, extra: float = 0.0, level: float = LEVEL) -> Interval:
    r"""Mean of independent values, with a further standard uncertainty ``extra`` known from elsewhere.

    u^2 = s^2 / n + extra^2, degrees of freedom by Welch and Satterthwaite with ``extra`` known perfectly (GUM G.4.1).
    """
    x = values[np.isfinite(values)]
    if x.size < 2:
        return Interval(float(x.mean()) if x.size else float("nan"), float("nan"), float("nan"), 0.0)
    a = float(x.var(ddof=1)) / x.size
    total = a + extra**2
    df = (x.size - 1) * (total / a) ** 2 if a > 0 else float("inf")
    return t_interval(float(x.mean()), float(np.sqrt(total)), df, level)


def share_interval(count: int, of: int, level: float = LEVEL) -> Interval:
    """A share with its exact interval (Clopper & Pearson, Biometrika 1934;26:404, doi:10.1093/biomet/26.4.404): its coverage is
    never under the level, and above it for few. Unknown of none."""
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    if of == 0:
        return UNKNOWN
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, count, of - count + 1)) if count else 0.0
    high = float(stats.beta.ppf(1 - tail, count + 1, of - count)) if count < of else 1.0
    return Interval(count / of, low, high, float(of))


def sd_interval(variance: float, df: float, level: float = LEVEL) -> Interval:
    """A standard deviation from a mean square on ``df`` degrees of freedom: exact for normal errors (chi-square)."""
    if df <= 0 or not np.isfinite(variance):
        return UNKNOWN
    tail = (1 - level) / 2
    high = float(np.sqrt(df * variance / stats.chi2.ppf(tail, df)))
    low = float(np.sqrt(df * variance / stats.chi2.ppf(1 - tail, df)))
    return Interval(float(np.sqrt(variance)), low, high, df)


def sum_interval(parts: Sequence[tuple[float, float]], level: float = LEVEL) -> Interval:
    r"""sqrt of a sum of independent terms, each (value, df): a positive multiple of a mean square with its degrees of freedom.

    The modified large-sample interval of Graybill and Wang (J Am Stat Assoc 1980;75:869, doi:10.1080/01621459.1980.10477565): exact
    for one term, and close to its level for several, where Satterthwaite's falls short if they differ. ``df`` is Satterthwaite's.
    """
    total = sum(v for v, _ in parts)
    if not total > 0 or any(df <= 0 for _, df in parts):
        return UNKNOWN
    tail = (1 - level) / 2
    up = sum(((df / float(stats.chi2.ppf(tail, df)) - 1) * v) ** 2 for v, df in parts)
    down = sum(((1 - df / float(stats.chi2.ppf(1 - tail, df))) * v) ** 2 for v, df in parts)
    spent = sum(v**2 / df for v, df in parts)
    return Interval(float(np.sqrt(total)), float(np.sqrt(max(total - np.sqrt(down), 0.0))), float(np.sqrt(total + np.sqrt(up))),
                    total**2 / spent)  # fmt: skip


def decide(found: Interval, low: float, high: float) -> str:
    """``pass`` where the whole interval lies within the limits, ``fail`` where all of it lies outside, else ``undecided``."""
    if not found.known:
        return "undecided"
    if low <= found.low and found.high <= high:
        return "pass"
    return "fail" if found.low > high or found.high < low else "undecided"


def scans_to_decide(
    expected: Callable[[int], Interval], low: float, high: float, n_now: int, most: int = MOST_SCANS
) -> int | None:
    """How many more independent scans would decide if estimate and spread stayed as they are; None where not even ``most``
    would. ``expected(n)`` is the interval then expected of n scans."""
    for n in range(n_now + 1, most + 1):
        if decide(expected(n), low, high) != "undecided":
            return n - n_now
    return None
