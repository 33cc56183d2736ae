"""Declared beside acquired: every number of every sequence, with its grade, as a table to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from neuromyo.core.series import Series
from neuromyo.protocol.compare import Compared, comparisons
from neuromyo.protocol.pairing import belongs, told_once, whole
from neuromyo.protocol.protocol import Protocol
from neuromyo.protocol.sequence import Sequence as Declared

#: a sequence's state, in words for people
STATES = {
    "there": "acquired",
    "half": "acquired in part: magnitude or phase is missing",
    "missing": "missing",
    "left out": "optional, not acquired",
}
#: a number's grade
GRADES = {"fine": "fine", "usable": "usable", "unusable": "unusable", "unstated": "not stated"}


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what was declared, with its tolerances and where it is from, and what was found; ``grade`` of `GRADES`."""

    title: str
    expected: str
    tolerances: str
    origin: str
    found: str
    grade: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One declared sequence against one series; ``state`` of `STATES`, ``series`` and ``rows`` empty where there is none."""

    sequence: str
    title: str
    state: str
    series: str = ""
    rows: tuple[Row, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        rows = [{name: getattr(row, name) for name in Row.__slots__} for row in self.rows]
        return {
            "sequence": self.sequence,
            "title": self.title,
            "state": self.state,
            "series": self.series,
            "numbers": rows,
        }


def sheets(series: Sequence[Series], protocol: Protocol) -> tuple[Sheet, ...]:
    """A sheet for every series of every declared sequence, in the order of the protocol."""
    return tuple(s for name, declared in protocol.sequences.items() for s in _of(name, declared, series, protocol))


def _of(name: str, declared: Declared, series: Sequence[Series], protocol: Protocol) -> Iterator[Sheet]:
    matching = [s for s in series if belongs(declared, s)]
    if not matching:
        yield Sheet(name, declared.title, "left out" if declared.optional else "missing")
        return
    state = "there" if whole(declared, matching) else "half"
    shown: set[tuple] = set()
    for one in told_once(matching):
        rows = (*_switch(one, declared), *(_row(c) for c in comparisons(one, declared, protocol)))
        bare = (tuple(v for k, v in one.entities.items() if k != "part"), rows)
        if bare not in shown:  # a complex series and the magnitude in it say the same
            shown.add(bare)
            yield Sheet(name, declared.title, state, one.name, rows)


def _row(compared: Compared) -> Row:
    figure = compared.figure
    grade = "unstated" if compared.found is None else figure.level(compared.found)
    found = "not stated" if compared.found is None else compared.show(compared.found)
    origin = "proposed by this project" if figure.proposed else figure.source
    return Row(compared.title, compared.show(figure.target), compared.tolerances, origin, found, grade)


def _switch(series: Series, declared: Declared) -> Iterator[Row]:
    if declared.mt_on is None:
        return
    words = {True: "on", False: "off"}
    found = series.acquisition.mt_on
    if found is None:
        grade, said = "unstated", "not stated"
    else:
        said = " and ".join(words[state] for state in sorted(set(found)))
        grade = "fine" if set(found) == {declared.mt_on} else "unusable"
    yield Row("MT pulse", words[declared.mt_on], "no other", "what tells the sequences apart", said, grade)
