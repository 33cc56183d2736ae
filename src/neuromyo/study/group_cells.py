"""What the tables of a comparison of groups have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuromyo.core.analysis import Cell, Column
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

_CORRECTIONS = {"bh": "Benjamini-Hochberg (false discovery rate)", "holm": "Holm (any false finding)"}
PAIR = (
    Column("variable", "what was measured", kind="text"),
    Column("unit", "its unit", kind="text"),
    Column("compared", "group that is compared", kind="text"),
    Column("reference", "group it is compared with", kind="text"),
)


def pair(one: Comparison) -> tuple[Cell, ...]:
    """The cells of `PAIR`."""
    return one.variable.name, one.variable.unit, one.compared, one.reference


def corrected(found: Compared) -> str:
    """How p are corrected."""
    if found.family < 2:
        return "one test, nothing to correct"
    if found.options.correction == "none":
        return f"not at all, though {found.family} tests were made"
    return f"over {found.family} tests, by {_CORRECTIONS[found.options.correction]}"
