"""Which of the series are those that a protocol declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neuromyo.core.series import Series
from neuromyo.protocol.sequence import Sequence as Declared

#: as what the images of a complex sequence may come
PARTS = ("complex", "mag", "phase", "real", "imag")


def belongs(declared: Declared, series: Series) -> bool:
    """Whether a series is one of that declared sequence: kind, part and entities."""
    same_entities = all(series.entities.get(k) == v for k, v in declared.entities.items() if k != "part")
    parts = PARTS if declared.part == "complex" else (declared.part,)
    return series.kind == declared.kind and series.part in parts and same_entities


def whole(declared: Declared, matching: Sequence[Series]) -> bool:
    """Whether a complex sequence came as such, or in two parts that make it up."""
    there = {s.part for s in matching}
    return declared.part != "complex" or any(set(pair) <= there for pair in (PARTS[:1], PARTS[1:3], PARTS[3:]))


def told_once(matching: Sequence[Series]) -> Iterator[Series]:
    """Phase and imaginary images carry the sidecars of their counterparts: one of the two is looked at."""
    there = {s.part for s in matching}
    for one in matching:
        counterpart = {"phase": "mag", "imag": "real"}.get(one.part)
        if counterpart not in there:
            yield one
