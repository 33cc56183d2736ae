"""How a quantity changes along the nerve: its slope, and its distal against its proximal third (length-dependent disease).

Slope, by weighted least squares y = a + b d, weights w from the precision of each slice:

    b = sum w (d - d_w)(y - y_w) / sum w (d - d_w)^2,    var b = sum [ w (d - d_w) e / (1 - h) ]^2 / ( sum w (d - d_w)^2 )^2

with residuals e and leverages h (HC3, consistent whatever the residuals' variances, and wide enough in small samples); intervals by
Student's t with n - 2 degrees of freedom. Neighbouring slices are often alike: where the residuals' correlation r from
slice to slice exceeds 2 / sqrt(n), var b is multiplied by (1 + r) / (1 - r).

Distal / proximal: ratio of the weighted means of the thirds; each mean's variance from the residuals about the third's own
line (a trend within a third is no noise), the ratio's by propagation.

Assumes: a straight line tells what matters; slices evenly spaced, as far as r is concerned.
Breaks: fewer than 4 slices (slope) or 3 in a third (ratio): no number, and why. Strongly correlated slices in short segments.
Cites: MacKinnon and White 1985, 10.1016/0304-4076(85)90158-7 (HC3); Long and Ervin 2000, 10.1080/00031305.2000.10474549
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from neuromyo.core.nerve import Trace
from neuromyo.course.profile import Profile

#: slopes are given per this length
PER_MM = 100.0
FEWEST_SLICES, FEWEST_IN_THIRD = 4, 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """value, its standard uncertainty, degrees of freedom for Student's t, slices used; NaN with ``why`` where there is none."""

    value: float
    se: float
    dof: float
    n: int
    why: str = ""

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """Confidence interval."""
        half = float(student.ppf((1 + share) / 2, self.dof)) * self.se if self.dof > 0 else float("nan")
        return self.value - half, self.value + half


def slope(profile: Profile) -> Estimate:
    """Change of the quantity per 100 mm towards the foot."""
    d, y, w = _known(profile)
    n = len(y)
    if n < FEWEST_SLICES:
        return _none(n, f"a slope needs {FEWEST_SLICES} slices, and there are {n}")
    b, e, centred, leverage = _line(d, y, w)
    moment = float(np.sum(w * centred**2))
    variance = float(np.sum((w * centred * e / (1 - leverage)) ** 2)) / moment**2 * _alike(e, w)
    return Estimate(PER_MM * b, PER_MM * float(np.sqrt(variance)), n - 2, n)


def distal_proximal(profile: Profile) -> Estimate:
    """Mean of the distal third of the followed segment over that of the proximal third."""
    percent = profile.percent[np.isfinite(profile.value) & (profile.weight > 0)]
    d, y, w = _known(profile)
    thirds = {"proximal": percent <= 100 / 3, "distal": percent >= 200 / 3}
    for name, third in thirds.items():
        if third.sum() < FEWEST_IN_THIRD:
            return _none(
                len(y), f"the {name} third has {int(third.sum())} slices of the {FEWEST_IN_THIRD} that are needed"
            )
    near, near_var, near_dof = _mean(d[thirds["proximal"]], y[thirds["proximal"]], w[thirds["proximal"]])
    far, far_var, far_dof = _mean(d[thirds["distal"]], y[thirds["distal"]], w[thirds["distal"]])
    if near == 0:
        return _none(len(y), "the proximal third is 0 on average")
    ratio = far / near
    parts = np.array([far_var / near**2, ratio**2 * near_var / near**2])
    total = float(parts.sum())
    dof = total**2 / float(np.sum(parts**2 / [far_dof, near_dof])) if total > 0 else far_dof + near_dof
    return Estimate(ratio, float(np.sqrt(total)), dof, int(thirds["proximal"].sum() + thirds["distal"].sum()))


def rows(
    profile: Profile, trace: Trace, *, biomarker: str, common: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of the tidy table: ``slope_<quantity>`` per 100 mm and ``distal_proximal_<quantity>``."""
    base = {**(common or {}), "region": trace.name, "side": trace.side, "biomarker": biomarker}
    base.setdefault("region_source", "trace")
    every = ["PROPOSED"] if trace.proposed else []
    unit = "1/100 mm" if profile.unit == "1" else f"{profile.unit}/100 mm"
    found = []
    for name, one_unit, one in (("slope", unit, slope(profile)), ("distal_proximal", "1", distal_proximal(profile))):
        flags = [*every, *(["W-NOFIT"] if one.why else [])]
        found.append({**base, "quantity": f"{name}_{profile.quantity}", "unit": one_unit, "statistic": name, "value": one.value,
                      "se": one.se, "flags": flags})  # fmt: skip
    return found


def _known(profile: Profile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    good = np.isfinite(profile.value) & (profile.weight > 0)
    return profile.distance_mm[good], profile.value[good], profile.weight[good]


def _none(n: int, why: str) -> Estimate:
    return Estimate(float("nan"), float("nan"), float("nan"), n, why)


def _line(d: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Slope, residuals, centred distances, leverages of a weighted straight line."""
    centred = d - np.sum(w * d) / w.sum()
    moment = float(np.sum(w * centred**2))
    level = float(np.sum(w * y) / w.sum())
    b = float(np.sum(w * centred * y)) / moment
    leverage = np.minimum(w / w.sum() + w * centred**2 / moment, 1 - 1e-9)
    return b, y - level - b * centred, centred, leverage


def _alike(e: np.ndarray, w: np.ndarray) -> float:
    """By how much a variance grows because neighbouring residuals are alike; 1 where they are not."""
    scaled = e * np.sqrt(w)
    power = float(np.sum(scaled**2))
    if power == 0:
        return 1.0
    r = float(np.sum(scaled[1:] * scaled[:-1])) / power
    return (1 + r) / (1 - r) if r > 2 / np.sqrt(len(e)) else 1.0


def _mean(d: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[float, float, float]:
    """Weighted mean, its variance, degrees of freedom."""
    _, e, _, _ = _line(d, y, w)
    spread = float(np.sum(w * e**2)) / (len(y) - 2)
    return float(np.sum(w * y) / w.sum()), spread / float(w.sum()) * _alike(e, w), len(y) - 2.0
