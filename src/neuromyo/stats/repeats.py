r"""Repeatability: what the same scanner gives for the same thing on the same day.

.. math:: wSD^2 = \frac{\sum_g \sum_i (x_{gi} - \bar x_g)^2}{\sum_g (n_g - 1)}, \qquad RC = 1.96 \sqrt{2}\, wSD

over groups g of repeats under the same conditions; intervals by chi-square on the degrees of freedom alone. Pooled over m vials of
one phantom, the errors of vials in one scan may be alike (a drift of the scanner, the room's temperature). The mean square is then the
sum of two independent ones: that of the vials' mean, on the degrees of freedom nu of one vial, and that of the vials about their mean, on
(m - 1) nu; its interval is that of such a sum (`intervals.sum_interval`). Where vials err apart it is about that of m nu
degrees, where they err together that of nu.

For people: wCV is the root mean square of each person's coefficient of variation; ICC(1,1) is from a one-way layout, with the exact
F interval where all have equally many repeats.

*Assumes* normal errors of one size within what is pooled. *Breaks* where the error grows with the value: use wCV there.

*Cites* Raunig et al., Stat Methods Med Res 2015;24:27, doi:10.1177/0962280214537344; Obuchowski & Bullen, Stat Methods Med Res
2018;27:3139, doi:10.1177/0962280217693662; McGraw & Wong, Psychol Methods 1996;1:30, doi:10.1037/1082-989X.1.1.30.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.stats.icc import one_way
from neuromyo.stats.intervals import UNKNOWN, Interval, sd_interval, sum_interval

#: repeatability coefficient over within-subject standard deviation
RC_FACTOR = 1.96 * np.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Of one thing, or pooled: within-group standard deviation, its coefficient of variation in percent, RC, and on how many
    groups of repeats they stand."""

    wsd: Interval
    wcv: Interval
    n_groups: int

    @property
    def rc(self) -> Interval:
        """The repeatability coefficient: two repeats differ by less in 95 of 100 cases."""
        return self.wsd.scaled(RC_FACTOR)


def residuals(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scans, vials) less the mean of their group, NaN where a group holds one; degrees of freedom of each vial (vials,)."""
    out = np.full(values.shape, np.nan)
    df = np.zeros(values.shape[1])
    for g in np.unique(groups):
        rows = np.flatnonzero(groups == g)
        block = values[rows]
        known = np.isfinite(block)
        n = known.sum(0)
        mean = np.divide(np.where(known, block, 0.0).sum(0), n, out=np.full(n.shape, np.nan), where=n > 1)
        out[rows] = block - mean
        df += np.maximum(n - 1, 0)
    return out, df


def of_each(values: np.ndarray, groups: np.ndarray, means: np.ndarray | None = None) -> list[Repeatability]:
    """Each column of values (scans, vials) on its own; ``groups`` (scans,) says which scans are repeats of each other."""
    left, df = residuals(values, groups)
    out = []
    for j in range(values.shape[1]):
        column = left[:, j][np.isfinite(left[:, j])]
        wsd = sd_interval(float((column**2).sum() / df[j]), df[j]) if df[j] > 0 else UNKNOWN
        mean = float(np.nanmean(values[:, j])) if means is None and np.isfinite(values[:, j]).any() else np.nan
        level = mean if means is None else float(means[j])
        wcv = wsd.scaled(100.0 / abs(level)) if wsd.known and level else UNKNOWN
        out.append(Repeatability(wsd, wcv, _repeated(left[:, j], groups)))
    return out


def pooled(values: np.ndarray, groups: np.ndarray) -> Repeatability:
    """All columns together, of values that share one error size (deviations in percent, or in points). ``wcv`` is that of
    deviations in percent: the same as ``wsd``."""
    left, df = residuals(values, groups)
    total = float(df.sum())
    if total <= 0:
        return Repeatability(UNKNOWN, UNKNOWN, 0)
    wsd = sum_interval(_parts(left, df))
    wsd = wsd if wsd.known else UNKNOWN
    return Repeatability(wsd, wsd, _repeated(left, groups))


def _parts(left: np.ndarray, df: np.ndarray) -> list[tuple[float, float]]:
    """The pooled mean square of residuals (scans, vials) as terms with their degrees of freedom: of what the vials of a scan have in
    common, and of the rest. How it splits is read off the scans in which every vial was measured."""
    used = df > 0
    m, total = int(used.sum()), float(df.sum())
    variance, nu = float(np.nansum(left**2) / total), total / m
    rows = left[:, used][np.isfinite(left[:, used]).all(axis=1)]
    square = float((rows**2).sum())
    if m < 2 or len(rows) < 2 or square <= 0:
        return [(variance, total)]
    share = float(np.clip(m * (rows.mean(axis=1) ** 2).sum() / square, 0.0, 1.0))
    terms = [(variance * share, nu), (variance * (1.0 - share), (m - 1.0) * nu)]
    return [(v, d) for v, d in terms if v > 0]


def _repeated(left: np.ndarray, groups: np.ndarray) -> int:
    """Groups that hold at least two values."""
    has = np.isfinite(left) if left.ndim == 1 else np.isfinite(left).any(axis=1)
    return len(set(groups[has].tolist()))


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class People:
    """Repeat scans of people: wSD, wCV in percent, RC, ICC; ``why_no_icc`` says what is lacking."""

    wsd: Interval
    wcv: Interval
    icc: Interval
    n_people: int
    n_scans: int
    mean: float
    why_no_icc: str = ""

    @property
    def rc(self) -> Interval:
        """The repeatability coefficient."""
        return self.wsd.scaled(RC_FACTOR)


def of_people(people: list[np.ndarray]) -> People:
    """Each entry holds one person's repeats; people with one alone count for nothing."""
    rows = [p[np.isfinite(p)] for p in people]
    rows = [p for p in rows if p.size > 1]
    n, scans = len(rows), sum(p.size for p in rows)
    if n == 0:
        return People(UNKNOWN, UNKNOWN, UNKNOWN, 0, 0, float("nan"), "nobody was scanned twice")
    df = scans - n
    within = sum(float(((p - p.mean()) ** 2).sum()) for p in rows) / df
    mean = float(np.concatenate(rows).mean())
    wcv = UNKNOWN
    if all(p.mean() > 0 for p in rows):
        square = sum((p.size - 1) * float(p.var(ddof=1)) / float(p.mean()) ** 2 for p in rows) / df
        wcv = sd_interval(square, df).scaled(100.0)
    icc, why = _icc(rows, within)
    return People(sd_interval(within, df), wcv, icc, n, scans, mean, why)


def _icc(rows: list[np.ndarray], within: float) -> tuple[Interval, str]:
    """ICC(1,1): the share of the variance that is between people."""
    n = len(rows)
    if n < 3:
        return UNKNOWN, f"{n} {'person' if n == 1 else 'people'} with repeats: three are needed to tell people apart"
    if within <= 0:
        return UNKNOWN, "repeats are identical to the last digit: they are copies, not scans"
    alike = len({p.size for p in rows}) == 1
    return one_way(rows), "" if alike else "people differ in how often they were scanned: the interval is approximate"
