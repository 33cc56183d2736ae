"""Numbers of studies as people read them: p values, correlations, estimates to the digit that their interval bears."""

from __future__ import annotations

import math
from collections.abc import Iterable

from neuromyo.report import wording
from neuromyo.study import said

#: what stands where there is no number
MISSING = "–"


def p_value(p: float) -> str:
    """``0.009``, ``0.23``, ``< 0.001`` (its space does not break); never rounded across 0.05, and a dash for what is no probability."""
    return said.p_number(p).replace(" ", "\N{NO-BREAK SPACE}") if 0 <= p <= 1 else MISSING


def decimals_of(low: float, high: float) -> int:
    """Decimals for an estimate and its interval: two figures of the interval's half width."""
    half = (high - low) / 2
    return 3 if not (math.isfinite(half) and half > 0) else max(0, 1 - math.floor(math.log10(half)))


def common_decimals(ends: Iterable[tuple[float, float]]) -> int | None:
    """The decimals of the middle one of several intervals (low, high) of one kind; None where they differ more than a hundredfold."""
    widths = sorted(high - low for low, high in ends if math.isfinite(high - low) and high > low)
    middle = widths[len(widths) // 2] if widths else 0.0
    return decimals_of(0.0, middle) if widths and widths[0] > middle / 100 and widths[-1] < 100 * middle else None


def fixed(value: float, decimals: int) -> str:
    """With so many decimals, thousands set apart and a true minus sign; powers of ten where digits would not do."""
    if not math.isfinite(value):
        return MISSING
    if value and (abs(value) >= 1e7 or (decimals > 5 and abs(value) < 1e-3)):
        return power(value)
    text = f"{value:,.{min(decimals, 8)}f}"
    return (text if text.strip("-0.,") else text.lstrip("-")).replace("-", "−")


def power(value: float) -> str:
    """``1.2 × 10⁻⁷``."""
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{raised}".replace("-", "−")


def plain(value: float) -> str:
    """About three figures."""
    return (
        power(value)
        if value and math.isfinite(value) and (abs(value) < 1e-3 or abs(value) >= 1e7)
        else wording.number(value)
    )


def interval(value: float, low: float, high: float, decimals: int | None = None) -> str:
    """``3.2 (0.8 to 5.6)``; the estimate alone where it has no interval."""
    value, low, high = float(value), float(low), float(high)
    if not math.isfinite(value):
        return MISSING
    if math.isnan(low) or math.isnan(high) or not math.isfinite(low + high):
        return _half_known(value, low, high, decimals)
    d = decimals_of(low, high) if decimals is None else decimals
    text = fixed(value, d)
    text = plain(value) if text == "0" and value else text  # an interval so wide that it leaves no digit
    return f"{text} ({fixed(low, d)} to {fixed(high, d)})"


def _half_known(value: float, low: float, high: float, decimals: int | None) -> str:
    text = plain(value) if decimals is None else fixed(value, decimals)
    if math.isnan(low) or math.isnan(high):
        return text
    if math.isinf(low) and math.isinf(high):
        return f"{text} (no bounds)"
    return f"{text} (up to {plain(high)})" if math.isinf(low) else f"{text} ({plain(low)} or more)"
