"""A study's tables: as a page shows them, rounded and with intervals behind their estimates; and as files, unrounded."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from neuromyo.core.analysis import Cell, Column, Table
from neuromyo.io.table import cell as file_cell
from neuromyo.report import study_numbers as numbers
from neuromyo.report import wording

#: so many rows are shown at once; of longer tables the first few, the others folded; no page holds more than the last number
SHOWN, FIRST, MOST = 16, 8, 400
#: columns that hold the reason of a missing number, in words
_REASONS = ("why", "reason", "remark", "note", "missing")
#: correlations and other numbers between -1 and 1 that are read with two decimals
_BOUNDED = re.compile(r"(.*_)?(r|rho|tau|icc|kappa|auc|r2|r_squared|correlation)$")
#: test statistics and their decimals; columns that tell rows of different kinds apart
_STATISTICS = {"t": 2, "z": 2, "f": 2, "w": 2, "d": 2, "g": 2, "srm": 2, "chi2": 2, "df": 1}
_KINDS = ("variable", "unit", "quantity", "measure", "marker", "what", "name")
_LEVEL = re.compile(r"(\d+(?:\.\d+)?) ?%")


@dataclass(frozen=True, slots=True)
class ShownCell:
    """``text`` of a cell; ``why``: for people who cannot see a dash, and on pointing at it; ``words``: text rather than a number."""

    text: str
    why: str = ""
    words: bool = False


@dataclass(frozen=True, slots=True)
class ShownTable:
    """Headings (text, what it means, ``words`` or ``short`` for columns of texts, else empty), rows to show at once, rows to fold away,
    how many more only the file holds."""

    headings: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[ShownCell, ...], ...]
    folded: tuple[tuple[ShownCell, ...], ...]
    left_out: int


def shown(table: Table) -> ShownTable:
    """The table as people read it: an estimate and its interval are one column."""
    parts = joined(table.columns)
    headings = tuple(_heading(table, part) for part in parts)
    made = [tuple(_shown(table, row, part) for part in parts) for row in table.rows[:MOST]]
    first = len(made) if len(made) <= SHOWN else FIRST
    return ShownTable(headings, tuple(made[:first]), tuple(made[first:]), max(len(table.rows) - MOST, 0))


def joined(columns: Sequence[Column]) -> tuple[tuple[int, ...], ...]:
    """Columns that are shown as one: (estimate, low, high) where an interval belongs to an estimate, else one alone."""
    out: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for i, one in enumerate(columns):
        if i in taken:
            continue
        ends = _ends(columns, i) if one.kind in ("number", "percent") else None
        if ends and not taken & set(ends):
            taken |= set(ends)
            out.append((i, *ends))
        else:
            out.append((i,))
    return tuple(p for p in out if len(p) == 3 or p[0] not in taken)


def _ends(columns: Sequence[Column], i: int) -> tuple[int, int] | None:
    """Where the ends of column i's interval stand: ``x_low`` and ``x_high``, or ``low`` and ``high`` right behind it."""
    names = [c.name for c in columns]
    for low, high in (("_low", "_high"), ("_lower", "_upper")):
        if names[i] + low in names and names[i] + high in names:
            return names.index(names[i] + low), names.index(names[i] + high)
    low, high = re.compile(r"(ci_?)?(low|lower)"), re.compile(r"(ci_?)?(high|upper)")
    if i + 2 < len(names) and low.fullmatch(names[i + 1]) and high.fullmatch(names[i + 2]):
        ends = re.search(r"interval|end|limit|bound|%", columns[i + 1].meaning)  # not the smallest and largest value
        return (i + 1, i + 2) if ends else None
    return None


def _heading(table: Table, part: tuple[int, ...]) -> tuple[str, str, str]:
    one = table.columns[part[0]]
    said = wording.region(one.name)
    if len(part) == 3:
        level = _LEVEL.search(table.columns[part[1]].meaning)
        said += f" ({level[1]} % interval)" if level else " (interval)"
    unit = wording.unit(one.unit)
    if unit and not (unit == "%" and one.kind == "percent"):
        said += f", {unit}"
    return said, one.meaning, _text_kind(table, part[0]) if one.kind == "text" else ""


def _text_kind(table: Table, i: int) -> str:
    """``words`` for a column of texts that may be wrapped, ``short`` for one of single words."""
    longest = max((len(str(row[i])) for row in table.rows[:MOST] if row[i] is not None), default=0)
    return "words" if longest > 14 else "short"


def _shown(table: Table, row: Sequence[Cell], part: tuple[int, ...]) -> ShownCell:
    one, value = table.columns[part[0]], _plain(row[part[0]])
    if isinstance(value, bool):
        return ShownCell("yes" if value else "no", words=one.kind == "text")
    if one.kind == "text" or isinstance(value, str):
        said = str(value if value is not None else "").strip()
        empty = (
            ShownCell("", words=True)
            if one.name in (*_REASONS, "unit")
            else ShownCell(numbers.MISSING, _why(table, row), True)
        )
        return ShownCell(said, words=True) if said else empty
    if value is None or math.isnan(value):
        return ShownCell(numbers.MISSING, _why(table, row))
    if len(part) == 3:
        low, high = (_float(row[k]) for k in part[1:])
        return ShownCell(numbers.interval(value, low, high, _decimals(table, part, low, high)) + _percent(one))
    return ShownCell(_number(table, part[0], float(value)))


def _decimals(table: Table, part: tuple[int, ...], low: float, high: float) -> int | None:
    """Decimals of an estimate with its interval: two for correlations and effect sizes; where all rows are of one kind those of most
    rows; else (None) those that its own interval bears."""
    one = table.columns[part[0]]
    if not math.isfinite(low + high):
        return None
    if _bounded(one) or _STATISTICS.get(one.name) == 2:
        return 2
    if any(c.name in _KINDS for c in table.columns):
        return None
    return numbers.common_decimals((_float(row[part[1]]), _float(row[part[2]])) for row in table.rows)


def _number(table: Table, i: int, value: float) -> str:
    one = table.columns[i]
    if math.isinf(value):
        return "no bound"
    if one.kind == "p":
        return numbers.p_value(value)
    if one.kind == "count":
        return f"{value:,.0f}".replace("-", "−")
    if one.kind == "percent":
        return numbers.fixed(value, 0 if value in (0.0, 100.0) else 1) + _percent(one)
    if _bounded(one) and abs(value) <= 1:
        return numbers.fixed(value, 2)
    decimals = _alike(table, i)
    return numbers.plain(value) if decimals is None else numbers.fixed(value, decimals)


def _percent(one: Column) -> str:
    return " %" if one.kind == "percent" else ""


def _bounded(one: Column) -> bool:
    return not one.unit and bool(_BOUNDED.fullmatch(one.name))


def _alike(table: Table, i: int) -> int | None:
    """Decimals for a column: two for test statistics; else three figures of what is usual in columns of its unit. None where rows are
    of different kinds, so that each number has figures of its own."""
    one = table.columns[i]
    if one.name in _STATISTICS:
        return _STATISTICS[one.name]
    if any(c.name in _KINDS for c in table.columns):
        return None
    alike = [
        k for k, c in enumerate(table.columns) if c.kind == "number" and (k == i or (one.unit and c.unit == one.unit))
    ]
    values = [v for row in table.rows for k in alike if math.isfinite(v := _float(row[k]))]
    sizes = sorted(abs(v) for v in values if v)
    middle = sizes[len(sizes) // 2] if sizes else 0.0
    if not 1e-3 <= middle < 1e7 or sizes[-1] > 1000 * middle:
        return None
    if all(v.is_integer() for v in values):
        return 0
    return 0 if middle >= 1000 else 1 if middle >= 10 else 2 if middle >= 1 else 3


def _float(value: Cell) -> float:
    return math.nan if value is None or isinstance(value, str) else float(value)


def _why(table: Table, row: Sequence[Cell]) -> str:
    """Why a number is missing: in the row's own words, else that it does not exist."""
    for name in _REASONS:
        for column, value in zip(table.columns, row, strict=True):
            if column.name == name and value:
                return str(value)
    return "no value"


# --- files ------------------------------------------------------------------------------------------------------------


def tsv(table: Table) -> str:
    """Tab-separated, ten digits, ``n/a`` for missing; no text that a spreadsheet would take for a formula."""
    lines = ["\t".join(file_cell(c.name, table.id) for c in table.columns)]
    lines += [
        "\t".join(file_cell(_worded(v), f"{table.id}, {c.name}") for c, v in zip(table.columns, row, strict=True))
        for row in table.rows
    ]
    return "\n".join(lines) + "\n"


def as_json(table: Table) -> str:
    """What the columns mean, their units, and the rows as objects; null for missing."""
    names = [c.name for c in table.columns]
    rows = [dict(zip(names, map(_finite, row), strict=True)) for row in table.rows]
    held = {
        "id": table.id,
        "title": table.title,
        "note": table.note,
        "columns": [asdict(c) for c in table.columns],
        "rows": rows,
    }
    return json.dumps(held, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def dictionary(table: Table) -> str:
    """The data dictionary that lies beside a table's file, as BIDS has them: what each column means, with its unit."""
    about = {c.name: {"Description": c.meaning} | ({"Units": c.unit} if c.unit else {}) for c in table.columns}
    held = {"Title": table.title} | ({"Note": table.note} if table.note else {}) | about
    return json.dumps(held, indent=2, ensure_ascii=False) + "\n"


def _finite(value: Cell) -> Cell:
    """NaN and infinity as missing, NumPy's numbers as Python's."""
    value = _plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _worded(value: Cell) -> Cell:
    """Infinity, which an interval may reach, in words; tables have no number for it."""
    value = _plain(value)
    return ("inf" if value > 0 else "-inf") if isinstance(value, float) and math.isinf(value) else value


def _plain(value: Cell) -> Cell:
    """A number or truth of NumPy's as Python's."""
    return value.item() if isinstance(value, np.generic) else value
