"""Columns and cells that tables of change have in common."""

from __future__ import annotations

from math import isfinite

from neuromyo.core.analysis import Cell, Column
from neuromyo.stats.estimates import Estimate


def word(name: str, meaning: str) -> Column:
    """A column of words."""
    return Column(name, meaning, kind="text")


def count(name: str, meaning: str) -> Column:
    """A column of whole numbers."""
    return Column(name, meaning, kind="count")


def p_of(name: str, meaning: str) -> Column:
    """A column of p."""
    return Column(name, meaning, kind="p")


VARIABLE = (word("variable", "what was measured"), word("unit", "its unit"))
GROUP, TO_VISIT = word("group", "group of people"), word("visit", "from the baseline to this visit")


def cell(x: float) -> Cell:
    """None for what is not a number."""
    return float(x) if isfinite(x) else None


def estimate_cells(found: Estimate) -> tuple[Cell, ...]:
    """Value, both ends and p."""
    return tuple(cell(x) for x in (found.value, found.low, found.high, found.p))


def interval_columns(name: str, meaning: str) -> tuple[Column, ...]:
    """A value and both ends."""
    ends = Column(f"{name}_low", "lower end of its interval"), Column(f"{name}_high", "upper end of its interval")
    return (Column(name, meaning), *ends)
