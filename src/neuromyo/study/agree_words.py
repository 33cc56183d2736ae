"""Numbers as sentences have them: as many digits as their uncertainty deserves, with unit and interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10

from neuromyo.stats.intervals import Interval


def number(value: float, like: float | None = None) -> str:
    """Three figures; with ``like``, a width: as many decimals as show a tenth of it."""
    if not isfinite(value):
        return "not known"
    size = abs(value) / 10 if like is None or not like > 0 or not isfinite(like) else like
    places = 0 if size == 0 else max(0, min(6, 1 - floor(log10(size))))
    said = f"{value:.{places}f}"
    return said[1:] if float(said) == 0 and said.startswith("-") else said


def percent(share: float) -> str:
    """A share of 0.8 as ``80 %``."""
    return f"{100 * share:.3g} %"


def interval(one: Interval, unit: str = "", level: float = 0.95) -> str:
    """``4.2 ms (95 % CI 3.1 to 5.9 ms)``, or the value alone where it has no interval, or one without width."""
    after = f" {unit}" if unit else ""
    if not one.known or one.low == one.high:
        return f"{number(one.value)}{after}" if isfinite(one.value) else "not known"
    wide = (one.high - one.low) / 2
    low, high = number(one.low, wide), number(one.high, wide)
    return f"{number(one.value, wide)}{after} ({percent(level)} CI {low} to {high}{after})"


def people(labels: Sequence[str]) -> str:
    """``sub-01, sub-02``: all of them."""
    return ", ".join(f"sub-{p}" for p in labels)


def listed(words: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def counted(n: int, one: str, many: str = "") -> str:
    """``1 person``, ``2 people``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def p_value(p: float) -> str:
    """``p = 0.031``, ``p < 0.001``."""
    if not isfinite(p):
        return "p not known"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"
