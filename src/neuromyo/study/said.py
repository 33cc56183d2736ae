"""One voice for all analyses of a study: p values, numbers with as many digits as they deserve, intervals, people, lists."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10, nan

from neuromyo.core.cohort import Variable
from neuromyo.stats.estimates import Estimate
from neuromyo.stats.intervals import Interval

#: what stands in a sentence where there is no number
UNKNOWN = "not known"
#: sentences of an analysis that are read; all the rest is in its tables
MOST_SAID = 6


def p_number(p: float) -> str:
    """``0.009``, ``0.38``, ``< 0.001``, ``> 0.99``; with more digits next to 0.05, which rounding would hide."""
    if not 0 <= p <= 1:
        return UNKNOWN
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    if p != 0.05 and abs(p - 0.05) < 0.0005:
        near = f"{p:.4f}"
        return near if near != "0.0500" else "0.0499" if p < 0.05 else "0.0501"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p_text(p: float, name: str = "p") -> str:
    """``p = 0.009``, ``p < 0.001``, ``p not known``; ``name`` may be ``adjusted p``."""
    word = p_number(p)
    return f"{name} = {word}" if word[0].isdigit() else f"{name} {word}"


def alpha_text(level: float) -> str:
    """``0.05`` of intervals of 95 %."""
    return f"{round(1 - level, 6):g}"


def decimals(half: float) -> int:
    """Digits behind the point for an estimate whose interval reaches so far to either side: two figures of that reach."""
    return min(max(1 - floor(log10(half)), 0), 6) if isfinite(half) and half > 0 else 2


def number(value: float, like: float = nan, unit: str = "", sign: bool = False) -> str:
    """``4.5 ms``: a value as exact as an interval of half width ``like`` bears; of three figures without one. True minus sign."""
    if not isfinite(value):
        return UNKNOWN
    known = isfinite(like) and like > 0
    places = decimals(like if known else abs(value) / 10)
    text = f"{value:,.{places}f}"
    zero = not text.strip("-0.,")
    text = text.lstrip("-") if zero else f"+{text}" if sign and value > 0 else text
    return f"{minus(text if known or not zero else '0')} {unit}".rstrip()


def half_width(found: Interval | Estimate) -> float:
    """Of its interval, of the narrower side where that is far narrower; NaN without one."""
    half, narrow = (found.high - found.low) / 2, min(found.value - found.low, found.high - found.value)
    return nan if not found.known else narrow if 0 < 5 * narrow < half else half


def ends(found: Interval | Estimate, sign: bool = False) -> str:
    """``2.1 to 6.9``."""
    half = half_width(found)
    return f"{number(found.low, half, sign=sign)} to {number(found.high, half, sign=sign)}"


def estimate(
    found: Interval | Estimate, unit: str = "", level: float = 0.95, sign: bool = False, p: float = nan
) -> str:
    """``4.5 ms (95 % CI 2.1 to 6.9; p = 0.002)``; the value alone where it has no interval, or one without width."""
    inside = [f"{percent(level)} CI {ends(found, sign)}"] if found.known and found.low < found.high else []
    inside += [p_text(p)] if isfinite(p) else []
    return number(found.value, half_width(found), unit, sign) + (f" ({'; '.join(inside)})" if inside else "")


def shares(found: Interval, level: float = 0.95) -> str:
    """A share of 0.55 with its interval, as ``55 % (95 % CI 23 to 83)``."""
    value, low, high = (f"{100 * x:.0f}" for x in (found.value, found.low, found.high))
    return f"{minus(value)} % ({percent(level)} CI {minus(low)} to {minus(high)})"


def r_number(r: float) -> str:
    """A correlation with two decimals; more where two would make a perfect one of one that is none: ``−0.997``."""
    if not isfinite(r):
        return UNKNOWN
    places = next((n for n in (2, 3, 4) if abs(r) >= 1 or abs(round(r, n)) < 1), 4)
    text = f"{r:.{places}f}"
    return minus(text if text.strip("-0.") else text.lstrip("-"))


def r_ends(low: float, high: float) -> str:
    """``−0.89 to −0.05``."""
    return f"{r_number(low)} to {r_number(high)}"


def r_text(value: float, low: float, high: float, level: float = 0.95) -> str:
    """``−0.63 (95 % CI −0.89 to −0.05)``."""
    return r_number(value) + (f" ({percent(level)} CI {r_ends(low, high)})" if isfinite(low) else "")


def percent(share: float) -> str:
    """A share of 0.8 as ``80 %``."""
    return f"{100 * share:.3g} %"


def change_unit(unit: str) -> str:
    """What a change or difference is in: of percent, percentage points, lest it be taken for a share of the value."""
    return "percentage points" if unit == "%" else unit


def minus(text: str) -> str:
    """True minus signs before numbers."""
    return "".join(
        "−" if c == "-" and text[i + 1 : i + 2].isdigit() and (i == 0 or text[i - 1] in " (") else c
        for i, c in enumerate(text)
    )


def capital(text: str) -> str:
    """A sentence's beginning; a name that a user types (``cmap.amplitude/right``) stays as it is."""
    first = text.split(" ", 1)[0]
    return text if "/" in first or "." in first[:-1] else text[:1].upper() + text[1:]


def counted(n: int, one: str, many: str = "") -> str:
    """``1 variable``, ``2 variables``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def people(n: int) -> str:
    """``1 person``, ``3 people``."""
    return counted(n, "person", "people")


def subjects(of: Sequence[str]) -> str:
    """``sub-01, sub-02``: all of them."""
    return ", ".join(f"sub-{p}" for p in of)


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def some(words: Sequence[str], most: int = 5) -> str:
    """A few, and how many more."""
    return listed(words) if len(words) <= most else ", ".join(words[:most]) + f" and {len(words) - most} more"


def shortened(sentences: Sequence[str], most: int = MOST_SAID) -> tuple[str, ...]:
    """At most so many sentences; how many more there are is said, and left to the tables."""
    if len(sentences) <= most:
        return tuple(sentences)
    left = len(sentences) - most + 1
    return (*sentences[: most - 1], f"{left} more results are in the tables.")


def variables(of: Sequence[Variable], most: int = 5) -> str:
    """Several variables in words: a few, and how many more."""
    return some([v.said for v in of], most)
