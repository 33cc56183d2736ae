"""Before and after an upgrade: the difference, and whether it is too small to matter.

Welch's difference of two means, each over days; equivalence by two one-sided tests (Schuirmann, J Pharmacokinet Biopharm
1987;15:657, doi:10.1007/BF01068419): with margin d, equivalent at 5 % where the 90 % interval lies within -d and d. Pooled over the
vials, each day is one value: the mean deviation of the vials that were measured on every day of both periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuromyo.stats.intervals import UNKNOWN, Interval, t_interval


@dataclass(frozen=True, slots=True)
class Change:
    """after - before: with its 95 % interval, the 90 % interval that equivalence is judged by, p of the two one-sided tests (the
    larger), and how many days stand on each side."""

    difference: Interval
    interval_90: Interval
    p_equivalent: float
    n_before: int
    n_after: int

    def verdict(self, margin: float) -> str:
        """``pass``: equivalent; ``fail``: the 90 % interval lies wholly outside the margin; else ``undecided``."""
        if not self.interval_90.known:
            return "undecided"
        if -margin < self.interval_90.low and self.interval_90.high < margin:
            return "pass"
        return "fail" if self.interval_90.low > margin or self.interval_90.high < -margin else "undecided"


def change(before: np.ndarray, after: np.ndarray, margin: float) -> Change:
    """Of two sets of independent values (days)."""
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    n, m = before.size, after.size
    if n < 2 or m < 2:
        return Change(UNKNOWN, UNKNOWN, float("nan"), n, m)
    a, b = float(before.var(ddof=1)) / n, float(after.var(ddof=1)) / m
    se = float(np.sqrt(a + b))
    value = float(after.mean() - before.mean())
    if se == 0.0:
        return Change(UNKNOWN, UNKNOWN, float("nan"), n, m)
    df = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))
    p = max(float(stats.t.sf((value + margin) / se, df)), float(stats.t.cdf((value - margin) / se, df)))
    return Change(t_interval(value, se, df), t_interval(value, se, df, 0.90), p, n, m)
