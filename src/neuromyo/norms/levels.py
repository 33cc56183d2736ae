"""Profiles brought to common levels along the nerve: between measured slices only, never beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuromyo.core.errors import DataError, OptionError

#: no value is given across gaps wider than this many usual distances between neighbouring slices
WIDEST_GAP = 2.5


@dataclass(frozen=True)
class Axis:
    """The levels that people are compared at.

    levels : rising; ``unit``: mm along the nerve, or % of a followed segment
    zero : the landmark that distances are counted from (``knee joint``, ``split``); empty where there is none and they are
        counted from the upper end of what was followed: positions of people then agree to centimetres only, and W-LEVELS says so
    """

    levels: tuple[float, ...]
    unit: Literal["mm", "%"] = "mm"
    zero: str = ""

    def __post_init__(self) -> None:
        steps = np.diff(self.levels)
        if not self.levels or not np.isfinite(self.levels).all() or (steps <= 0).any():
            raise OptionError("E-OPTION", where="levels of a profile norm", needed="at least one level, in rising order",
                              found=", ".join(f"{v:g}" for v in self.levels) or "none")  # fmt: skip

    @property
    def step(self) -> float:
        """Usual distance between levels; 0 of one."""
        return float(np.median(np.diff(self.levels))) if len(self.levels) > 1 else 0.0

    def __str__(self) -> str:
        return f"{self.unit} from {self.zero or 'the upper end of what was followed'}"


def resampled(positions: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(g,) values at the positions of ``grid``, linear between neighbouring measured ones; NaN where there are none.

    positions, values : (m,), any order; missing ones NaN. Nothing is given beyond the first and the last, nor across gaps
    wider than `WIDEST_GAP` times the usual distance of ``positions``.
    """
    positions, values, grid = (np.asarray(a, dtype=np.float64) for a in (positions, values, grid))
    if positions.shape != values.shape or positions.ndim != 1:
        raise DataError("E-NORM", where="profile along a nerve", needed="one value for each position",
                        found=f"{positions.shape} positions, {values.shape} values")  # fmt: skip
    if np.array_equal(positions, grid):  # at the levels already: gaps stay gaps
        return values.copy()
    placed = np.sort(positions[np.isfinite(positions)])
    if (np.diff(placed) == 0).any():
        raise DataError("E-NORM", where="profile along a nerve", needed="each position once", found="one of them twice",
                        remedy="give one biomarker, statistic, side and visit at a time")  # fmt: skip
    good = np.isfinite(positions) & np.isfinite(values)
    order = np.argsort(positions[good])
    at, known = positions[good][order], values[good][order]
    if not at.size:
        return np.full(grid.shape, np.nan)
    widest = WIDEST_GAP * float(np.median(np.diff(placed))) if len(placed) > 1 else 0.0
    high = np.clip(np.searchsorted(at, grid), 0, len(at) - 1)
    low = np.maximum(high - 1, 0)
    near = np.where(np.abs(at[high] - grid) <= np.abs(at[low] - grid), high, low)
    on_one = np.abs(at[near] - grid) <= 1e-6
    inside = (grid > at[low]) & (grid < at[high]) & (at[high] - at[low] <= widest)
    return np.where(on_one, known[near], np.where(inside, np.interp(grid, at, known), np.nan))
