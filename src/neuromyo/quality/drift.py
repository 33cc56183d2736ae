"""A scanner over time: its trend, and the sessions that fall outside what its own baseline lets expect.

Trend: least squares of the sessions' mean deviation on time, t on n - 2 degrees of freedom. Chart (Shewhart): centre and standard
deviation of the first N sessions, the latter divided by c4(N) for its bias; a session is out of control by the rules of the Western
Electric handbook (1956): one point beyond 3 sigma, two of three beyond 2 sigma on one side, four of five beyond 1 sigma on one side,
eight in a row on one side. A scanner in control rings that bell once in 92 sessions on average, with 3 sigma alone once in 370
(Champ & Woodall, Technometrics 1987;29:393, doi:10.1080/00401706.1987.10488266); limits from few baseline sessions ring more often.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np

from neuromyo.stats.intervals import UNKNOWN, Interval, t_interval

DAYS_A_YEAR = 365.25
#: (how many, of how many in a row, beyond how many sigma, in words)
RULES = (
    (1, 1, 3.0, "beyond 3 sigma"),
    (2, 3, 2.0, "two of three beyond 2 sigma on one side"),
    (4, 5, 1.0, "four of five beyond 1 sigma on one side"),
    (8, 8, 0.0, "eight in a row on one side"),
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A session (its place in the chart) and the rule that it broke."""

    place: int
    rule: str


@dataclass(frozen=True, eq=False)
class Chart:
    """Sessions in order of time: ``days`` since the first, ``values``; centre and sigma NaN where the baseline is too short."""

    days: np.ndarray
    values: np.ndarray
    n_baseline: int
    centre: float
    sigma: float
    alarms: tuple[Alarm, ...]
    trend: Interval


def c4(n: int) -> float:
    """Mean of a standard deviation of n normal values over the true one."""
    return float(np.sqrt(2.0 / (n - 1)) * np.exp(lgamma(n / 2) - lgamma((n - 1) / 2)))


def trend(days: np.ndarray, values: np.ndarray) -> Interval:
    """Change a year with its interval; unknown below three days."""
    if len(np.unique(days)) < 3:
        return UNKNOWN
    t = (days - days.mean()) / DAYS_A_YEAR
    size = float((t**2).sum())
    slope = float((t * values).sum() / size)
    left = values - values.mean() - slope * t
    return t_interval(slope, float(np.sqrt((left**2).sum() / (len(t) - 2) / size)), len(t) - 2)


def chart(days: np.ndarray, values: np.ndarray, least_baseline: int = 8, n_baseline: int | None = None) -> Chart:
    """The control chart of sessions (one value a session); limits from the first ``n_baseline`` (``least_baseline`` where not
    given), none where there are fewer than ``least_baseline``. Alarms are looked for after the baseline alone."""
    order = np.argsort(days, kind="stable")
    days, values = days[order] - days.min(), values[order]
    n = max(least_baseline, n_baseline or least_baseline)
    if len(values) < n:
        return Chart(days, values, 0, float("nan"), float("nan"), (), trend(days, values))
    centre = float(values[:n].mean())
    sigma = float(values[:n].std(ddof=1)) / c4(n)
    return Chart(days, values, n, centre, sigma, alarms(values, centre, sigma, n), trend(days, values))


def alarms(values: np.ndarray, centre: float, sigma: float, first: int = 0) -> tuple[Alarm, ...]:
    """The sessions from place ``first`` on at which a rule is broken, each with the gravest; runs begin at ``first`` too."""
    if not sigma > 0:
        return ()
    z = (values[first:] - centre) / sigma
    found = []
    for i in range(len(z)):
        for many, of, beyond, words in RULES:
            window = z[max(0, i - of + 1) : i + 1]
            broken = any((side * window > beyond).sum() >= many and side * z[i] > beyond for side in (1.0, -1.0))
            if len(window) >= many and broken:
                found.append(Alarm(first + i, words))
                break
    return tuple(found)
