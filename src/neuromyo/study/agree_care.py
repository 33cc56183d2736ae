"""What to be careful about where readers are compared."""

from __future__ import annotations

import numpy as np
from scipy import stats

from neuromyo.core.errors import Finding
from neuromyo.study.agree_judgement import Judgement, Pair
from neuromyo.study.said import change_unit, estimate, number, p_text

#: below it a slope or a difference of levels is worth a finding
TELL = 0.05


def findings(j: Judgement, word: str) -> list[Finding]:
    """Of a variable."""
    name, found = j.read.variable.name, []
    if j.why_no_icc:
        alike = j.read.n >= 3 and np.ptp(j.read.values.mean(axis=1)) == 0
        found.append(Finding("warn" if alike else "note", "W-SPREAD" if alike else "N-STUDY", name, j.why_no_icc))
    for reader, column in zip(j.read.readers, j.read.values.T, strict=True):
        if np.ptp(column) == 0 and np.ptp(j.read.values) > 0:
            found.append(
                Finding(
                    "warn",
                    "W-SPREAD",
                    name,
                    f"{word} {reader} gave everybody the same value, {number(float(column[0]))}",
                    "look whether the column was filled in by a measurement",
                )
            )
    if j.precision.readers_p < TELL:
        other = estimate(j.precision.any_readers, change_unit(j.read.variable.unit))
        level = f"{word}s differ in level ({p_text(j.precision.readers_p)}, F test)"
        remedy = "keep one of them through a study, or correct the level"
        if word == "visit":
            remedy = "if people may have changed between visits, these are no repeats: see `study change`"
        found.append(
            Finding(
                "warn",
                "W-SPREAD",
                name,
                level,
                remedy,
                f"wSD holds for these {word}s; for others, drawn from many, it is {other}",
            )
        )
    return found


def of_pair(j: Judgement, pair: Pair, log: bool) -> list[Finding]:
    """Of two readers: a slope, differences that grow, one person far off."""
    where, found, p = f"{j.read.variable.name}, {pair.second} against {pair.first}", [], pair.proportion
    size = "its logarithm" if log else "the value"
    if p.p < TELL:
        found.append(
            Finding(
                "warn",
                "W-SPREAD",
                where,
                f"differences go with {size}: slope {estimate(p.slope)}, {p_text(p.p)}",
                consequence="limits are too wide at one end and too narrow at the other. The test is that of equal spread "
                f"(Pitman-Morgan; SD ratio {estimate(p.sd_ratio)}): more noise in one makes a slope as well as another scale does",
            )
        )
    if p.spread_p < TELL and p.spread.value > 0 and not log:
        found.append(
            Finding(
                "warn",
                "W-SPREAD",
                where,
                f"differences are larger for larger values ({p_text(p.spread_p)})",
                "compare ratios: --log",
                "limits are too narrow for large values",
            )
        )
    if (far := _outlier(pair.d)) is not None:
        found.append(
            Finding(
                "warn",
                "W-INFLUENCE",
                where,
                f"sub-{j.read.people[far]} differs by far more than all others",
                "look at the images and at the row of that person",
                "limits and MDC95 rest on that person",
            )
        )
    return found


def _outlier(d: np.ndarray) -> int | None:
    """Whose difference is an outlier by Grubbs' test at 1 %, if anybody's."""
    n, sd = d.size, float(d.std(ddof=1)) if d.size > 1 else 0.0
    if n < 6 or not sd > 0:
        return None
    far = int(np.argmax(np.abs(d - d.mean())))
    t = float(stats.t.isf(0.01 / (2 * n), n - 2))
    limit = (n - 1) / np.sqrt(n) * np.sqrt(t**2 / (n - 2 + t**2))
    return far if abs(d[far] - d.mean()) / sd > limit else None
