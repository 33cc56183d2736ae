"""How numbers of a change are said."""

from __future__ import annotations

from math import floor, isfinite, log10

from neuromyo.stats.estimates import Estimate
from neuromyo.stats.intervals import Interval


def p_text(p: float) -> str:
    """``p = 0.009``, ``p < 0.001``; empty where there is none."""
    if not isfinite(p):
        return ""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def decimals(width: float) -> int:
    """Enough for two digits of the width of an interval."""
    return min(max(1 - floor(log10(width)), 0), 9) if isfinite(width) and width > 0 else 2


def number(value: float, width: float = float("nan"), unit: str = "", sign: bool = False) -> str:
    """A value with its unit, as many decimals as an interval of that half width deserves; three digits without one."""
    if not isfinite(value):
        return "not known"
    text = (
        f"{value:{'+' if sign else ''}.{decimals(width)}f}" if isfinite(width) else f"{value:{'+' if sign else ''}.3g}"
    )
    return f"{text} {unit}".rstrip()


def estimate_text(found: Estimate, unit: str, level: float, sign: bool = True) -> str:
    """``+1.2 ms (95 % CI +0.4 to +2.0; p = 0.009)``."""
    if not found.known:
        return f"{number(found.value, unit=unit, sign=sign)} (no interval: too few people, or all the same)"
    width = (found.high - found.low) / 2
    ends = " to ".join(number(x, width, sign=sign) for x in (found.low, found.high))
    return f"{number(found.value, width, unit, sign)} ({100 * level:g} % CI {ends}; {p_text(found.p)})"


def interval_text(found: Interval, unit: str, level: float, sign: bool = False) -> str:
    """``1.06 (95 % CI 0.26 to 1.83)``."""
    if not found.known:
        return number(found.value, unit=unit, sign=sign)
    width = (found.high - found.low) / 2
    ends = " to ".join(number(x, width, sign=sign) for x in (found.low, found.high))
    return f"{number(found.value, width, unit, sign)} ({100 * level:g} % CI {ends})"


def change_unit(unit: str) -> str:
    """What a change is in: of percent, percentage points, lest it be taken for a share of the value."""
    return "percentage points" if unit == "%" else unit


def people(n: int) -> str:
    """``1 person``, ``3 people``."""
    return "1 person" if n == 1 else f"{n} people"
