"""Columns and cells that tables of change have in common."""

from __future__ import annotations

from neuromyo.core.analysis import Cell, Column
from neuromyo.stats.estimates import Estimate
from neuromyo.study.cells import cell, with_ends


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


def estimate_cells(found: Estimate) -> tuple[Cell, ...]:
    """Value, both ends and p."""
    return *with_ends(found), cell(found.p)


def interval_columns(name: str, meaning: str) -> tuple[Column, ...]:
    """A value and both ends."""
    ends = Column(f"{name}_low", "lower end of its interval"), Column(f"{name}_high", "upper end of its interval")
    return (Column(name, meaning), *ends)
