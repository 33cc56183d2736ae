"""Numbers as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10

from neuromyo.stats.intervals import Interval


def p_word(p: float) -> str:
    """``.009``, ``.38``, ``< .001``; with a fourth digit next to .05, which rounding would hide."""
    if not isfinite(p):
        return "unknown"
    if p < 0.001:
        return "< .001"
    text = f"{p:.4f}" if p != 0.05 and abs(p - 0.05) < 0.0005 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return text.lstrip("0") if p < 0.995 else "1.0"


def alpha_word(level: float) -> str:
    """``.05`` of intervals of 95 %."""
    return f"{round(1 - level, 6):g}".lstrip("0")


def p_said(name: str, p: float) -> str:
    """``p = .009``, ``p < .001``."""
    word = p_word(p)
    return f"{name} {word}" if word.startswith("<") else f"{name} = {word}"


def decimals(one: Interval) -> int:
    """Digits behind the point that the interval bears: two figures of its half width."""
    half = (one.high - one.low) / 2 if one.known else abs(one.value)
    return min(max(1 - floor(log10(half)), 0), 6) if isfinite(half) and half > 0 else 2


def unit_word(unit: str) -> str:
    """Of a difference, with the space before it: of percents it is in percentage points."""
    return " percentage points" if unit == "%" else f" {unit}" if unit else ""


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def minus(text: str) -> str:
    """True minus signs before numbers."""
    return "".join(
        "−" if c == "-" and i + 1 < len(text) and text[i + 1].isdigit() and (i == 0 or text[i - 1] in " (") else c
        for i, c in enumerate(text)
    )


def some(words: Sequence[str], most: int = 5) -> str:
    """A few, and how many more."""
    return listed(words) if len(words) <= most else ", ".join(words[:most]) + f" and {len(words) - most} more"
