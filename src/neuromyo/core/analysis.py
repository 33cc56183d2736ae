"""What an analysis found: sentences, tables, drawings and methods, as plain data that pages, files and machines are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Literal

import numpy as np

from neuromyo.core.errors import Finding

Kind = Literal["text", "number", "p", "count", "percent"]
Cell = str | float | int | bool | None


#: under so many people nothing is confirmed, whatever its p
FEW = 20


def few(limit: int = FEW) -> str:
    """Why an analysis is exploratory, in the words that all of them use."""
    return f"fewer than {limit} people; suggests, does not confirm"


@dataclass(frozen=True, slots=True)
class Column:
    """``name`` is the header in files (snake_case), ``meaning`` a phrase for people, ``kind`` how a cell is written."""

    name: str
    meaning: str
    unit: str = ""
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Table:
    """``id`` is the file's name (kebab-case, unique in an analysis); numbers unrounded, None for missing; ``note`` stands below."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        wrong = [r for r in self.rows if len(r) != len(self.columns)]
        if wrong:
            raise ValueError(f"table {self.id}: {len(self.columns)} columns, but a row of {len(wrong[0])}")

    def column(self, name: str) -> list[Cell]:
        """One column's cells."""
        at = [c.name for c in self.columns].index(name)
        return [r[at] for r in self.rows]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, or another estimate, with its interval."""

    value: float
    low: float
    high: float
    label: str = ""


# Drawings: what is to be seen, not how. Arrays are float, labels str. ``caption`` is one or two sentences with n and what bars mean.


@dataclass(frozen=True, eq=False)
class Dots:
    """Values by group, a dot a person, mean and interval beside: (values of a group, (n_i,)) by group's name."""

    id: str
    title: str
    groups: Mapping[str, np.ndarray]
    means: Mapping[str, Mean]
    axis: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Scatter:
    """y against x, a dot a person, with the straight line and its band where given: (x, y, low, high), each (m,)."""

    id: str
    title: str
    x: np.ndarray
    y: np.ndarray
    x_axis: str
    y_axis: str
    group: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    line: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None = None
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Courses:
    """Each person's values over time (spaghetti): values and times (n_people, n_visits), with the model's mean by group: (times, value,
    low, high). ``ends``: person's index -> word (died, withdrew), drawn where the line ends."""

    id: str
    title: str
    times: np.ndarray
    values: np.ndarray
    group: tuple[str, ...]
    labels: tuple[str, ...]
    time_axis: str
    axis: str
    means: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict)
    ends: Mapping[int, str] = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Forest:
    """Estimates with intervals, one a line, about ``zero``."""

    id: str
    title: str
    lines: tuple[Mean, ...]
    axis: str
    zero: float = 0.0
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Bland-Altman: differences (n,) against means (n,), bias and limits with their intervals; ``slope``: (x, y) of a proportional bias."""

    id: str
    title: str
    mean: np.ndarray
    difference: np.ndarray
    bias: Mean
    lower: Mean
    upper: Mean
    axis: str
    difference_axis: str
    slope: tuple[np.ndarray, np.ndarray] | None = None
    labels: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Curves:
    """Lines by name, (m,) each over x (m,), with levels to mark on either axis: power curves, tipping points."""

    id: str
    title: str
    x: np.ndarray
    lines: Mapping[str, np.ndarray]
    x_axis: str
    axis: str
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    mark_y: float | None = None
    mark_x: float | None = None
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Along:
    """A profile along a nerve: mean by group with its band over levels (m,), and where the difference is significant (m,)."""

    id: str
    title: str
    levels: np.ndarray
    means: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    significant: np.ndarray
    level_axis: str
    axis: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Correlations (or other numbers from -1 to 1) of rows with columns, with a mark in each cell ("" or "*")."""

    id: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    marks: tuple[tuple[str, ...], ...]
    axis: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Chain:
    """Things in a row or web with arrows between: names of nodes, and (from, to, text, strength -1 to 1, sure)."""

    id: str
    title: str
    nodes: tuple[str, ...]
    arrows: tuple[tuple[str, str, str, float, bool], ...]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow of people: (box's text, how many, what happened to those who left: (reason, how many)) from enrolled to analysed, by arm."""

    id: str
    title: str
    arms: Mapping[str, tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]]
    caption: str = ""


Figure = Dots | Scatter | Courses | Forest | Agreement | Curves | Along | Matrix | Chain | Flow


@dataclass(frozen=True, eq=False)
class Analysis:
    """One analysis, finished.

    kind : which one: ``group``, ``change`` ... ; title : of the section
    summary : what was found, in sentences with numbers, units and intervals; the first is what a clinician reads
    methods : sentences for the methods section of a paper, past tense, with sources (author year, DOI)
    findings : what to be careful about (W-, N-)
    exploratory : True where too few people were there to confirm anything; pages say so
    reference : the group that others are compared with, which drawings show in their first style; empty where there is none
    entered : labels of the people whose values entered it; None where an analysis does not say
    """

    kind: str
    title: str
    summary: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...] = ()
    methods: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    exploratory: bool = False
    reference: str = ""
    entered: tuple[str, ...] | None = None

    @property
    def mark(self) -> str:
        """What stands beside the title of an exploratory analysis; empty of others."""
        if not self.exploratory:
            return ""
        found = (re.search(r"fewer than \d+ people", f.message) for f in self.findings if f.code == "W-EXPLORATORY")
        why = next((one[0] + "; " for one in found if one), "")
        return f"exploratory: {why}suggests, does not confirm"

    def table(self, id: str) -> Table:
        """The table of that id."""
        return next(t for t in self.tables if t.id == id)

    def as_dict(self) -> dict[str, Any]:
        """For machines: everything but the drawings' points, which stand in the tables."""
        return {"kind": self.kind, "title": self.title, "summary": list(self.summary), "exploratory": self.exploratory,
                "tables": [_table(t) for t in self.tables], "methods": list(self.methods),
                "findings": [f.as_dict() for f in self.findings]}  # fmt: skip


def _table(table: Table) -> dict[str, Any]:
    names = [c.name for c in table.columns]
    return {"id": table.id, "title": table.title, "columns": [asdict(c) for c in table.columns],
            "rows": [dict(zip(names, row, strict=True)) for row in table.rows], "note": table.note}  # fmt: skip


def columns(*given: Column | Sequence[Any]) -> tuple[Column, ...]:
    """Columns from (name, meaning[, unit[, kind]])."""
    return tuple(one if is_dataclass(one) else Column(*one) for one in given)  # type: ignore[arg-type, return-value]
