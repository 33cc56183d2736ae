"""Numbers as cells of a table: None for what is not known."""

from __future__ import annotations

from math import isfinite

from neuromyo.stats.estimates import Estimate
from neuromyo.stats.intervals import Interval


def cell(value: float) -> float | None:
    """A number, or None where it is not finite."""
    return float(value) if isfinite(value) else None


def ends(found: Interval | Estimate) -> tuple[float | None, float | None]:
    """Lower and upper end."""
    return cell(found.low), cell(found.high)


def with_ends(found: Interval | Estimate) -> tuple[float | None, float | None, float | None]:
    """Value, lower and upper end."""
    return cell(found.value), *ends(found)
