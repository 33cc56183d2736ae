"""Correlations and their p as people write them."""

from __future__ import annotations

from math import isfinite


def p_text(p: float) -> str:
    """``p = 0.038``, ``p < 0.001``; ``p not known``."""
    if not isfinite(p):
        return "p not known"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.095 else f"p = {p:.2g}"


def r_number(r: float) -> str:
    """Two decimals; more where two would make a perfect correlation of one that is none: ``-0.997``."""
    for decimals in (2, 3, 4):
        if abs(r) == 1 or abs(round(r, decimals)) < 1:
            return f"{r:.{decimals}f}"
    return f"{r:.4f}"


def r_text(value: float, low: float, high: float, level: float) -> str:
    """``-0.63 (95 % interval -0.89 to -0.05)``."""
    inside = f" ({100 * level:g} % interval {r_number(low)} to {r_number(high)})" if isfinite(low) else ""
    return r_number(value) + inside
