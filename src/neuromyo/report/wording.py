"""Numbers, units and names as people read them."""

from __future__ import annotations

import math

_PRETTY = {"10^-3 mm2/s": "10⁻³ mm²/s", "m2/s": "m²/s", "mm2": "mm²", "deg": "°", "1": "", "a.u.": "a.u."}
SIDE_ORDER = {"left": 0, "right": 1, "midline": 2, "none": 3, "": 3}


def unit(text: str) -> str:
    """A unit of `neuromyo.core.units` as it is typeset; empty for a plain number."""
    return _PRETTY.get(text, text.replace("mm2", "mm²"))


def number(value: float, like: float | None = None, more: int = 0) -> str:
    """``value`` to about three figures, with a true minus sign; – where there is none.

    ``like`` is the number whose decimals are taken instead, with so many ``more``: 33.1 -> ± 2.2, se 0.05.
    """
    if not math.isfinite(value):
        return "–"
    scale = abs(value if like is None or not math.isfinite(like) else like)
    decimals = more + (0 if scale >= 1000 else 1 if scale >= 10 else 2 if scale >= 1 else 3)
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", "−")


def with_unit(value: float, unit_text: str, like: float | None = None) -> str:
    """``33.1`` and ``ms`` -> ``33.1 ms``, with a space that does not break."""
    shown = unit(unit_text)
    return f"{number(value, like)} {shown}" if shown else number(value, like)


def percent(share: float) -> str:
    """A share from 0 to 1 as percent; small shares keep a decimal, and nothing but all is called 100 %."""
    if not math.isfinite(share):
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100:
        return "> 99.9 %"
    return f"{value:.0f} %" if value in (0, 100) or 10 <= value < 99.5 else f"{value:.1f} %"


def count(n: float) -> str:
    """A number of things, with thousands set apart."""
    return "–" if not math.isfinite(n) else f"{int(n):,}"


def plural(n: int, word: str) -> str:
    """``1 warning``, ``2 warnings``."""
    return f"{n:,} {word}" + ("" if n == 1 else "s")


def region(name: str) -> str:
    """``subcutaneous-fat`` -> ``subcutaneous fat``."""
    return name.replace("-", " ").replace("_", " ")


def short(title: str) -> str:
    """A title without what explains it in brackets, for lines and axes: ``B1 (actual over nominal)`` -> ``B1``."""
    return title.split(" (")[0]


def listing(words: list[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def capital(text: str) -> str:
    """``text`` with a capital, unless it begins with a name (a file, a code, T2) whose letters matter."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    named = len(first) == 1 and first not in "aAI"  # r, p, n: a letter that stands for a number
    return text if named or not first.rstrip(",;:.").replace("-", "").isalpha() else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """``text`` with a capital and a full stop."""
    text = text.strip()
    return capital(text) + ("" if not text or text[-1] in ".!?" else ".")
