"""Tables of tab-separated values: `n/a` for missing, nothing that a spreadsheet would take for a formula."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.core.measurements import COLUMNS, NUMERIC, Measurements
from neuromyo.io import sheet, store
from neuromyo.io.files import printable

MISSING = "n/a"
_FORMULA = ("=", "+", "-", "@")
_LIMIT = 512 << 20


def write_measurements(path: Path, measurements: Measurements) -> dict[str, str]:
    """Write the table and, beside it, the JSON that says what its columns are; file name -> SHA-256 (hex)."""
    rows = ([row[name] for name in COLUMNS] for row in measurements.rows())
    dictionary = {name: {"Description": meaning} for name, meaning in COLUMNS.items()}
    beside = path.with_suffix(".json")
    return {path.name: write_tsv(path, list(COLUMNS), rows), beside.name: store.write_json(beside, dictionary)}


def read_measurements(path: Path, needed: Sequence[str] = ()) -> Measurements:
    """A table that `write_measurements` wrote, or one with the same columns; E-TABLE where those ``needed`` are not there."""
    columns = read_tsv(path)
    absent = [name for name in needed if name not in columns]
    if absent:
        undivided = len(columns) == 1 and any(sign in next(iter(columns)) for sign in ",;")
        raise DataError("E-TABLE", where=f"{printable(path.name)}: row 1", needed=f"the columns {', '.join(needed)}",
                        found="one column with commas or semicolons in it" if undivided else f"none named {', '.join(absent)}",
                        remedy="save it with tabs between the cells" if undivided
                        else "give a table of measurements as run, trace or measure write it")  # fmt: skip
    unknown = sorted(set(columns) - set(COLUMNS))
    if unknown:
        raise DataError("E-TABLE", where=printable(path.name), needed="the columns of a measurement table",
                        found=f"also {', '.join(unknown)}", remedy="remove the other columns")  # fmt: skip
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return Measurements.of(_typed(row, n, printable(path.name)) for n, row in enumerate(rows, start=2))


def write_tsv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table with one header line; the SHA-256 (hex) of the file."""
    name = printable(path.name)
    lines = ["\t".join(cell(v, name) for v in row) for row in (header, *rows)]
    return store.write_text(path, "\n".join(lines) + "\n")


def read_tsv(path: Path) -> dict[str, list[str]]:
    """Column name -> cells, as text; ``n/a`` becomes empty. Byte-order marks and Windows line ends do no harm."""
    name = printable(path.name)
    lines = [line for line in sheet.text_of(path, name, _LIMIT).replace("\r\n", "\n").split("\n") if line.strip()]
    if not lines:
        raise DataError("E-TABLE", where=name, needed="a header line", found="an empty table", remedy="check the file")
    header = [cell.strip() for cell in lines[0].split("\t")]
    if len(set(header)) != len(header):
        raise DataError(
            "E-TABLE",
            where=f"{name}: row 1",
            needed="columns with different names",
            found=", ".join(sorted({h for h in header if header.count(h) > 1})),
            remedy="rename one",
        )
    columns: dict[str, list[str]] = {h: [] for h in header}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(header):
            raise DataError("E-TABLE", where=f"{name}: row {number}", needed=f"{len(header)} cells, divided by tabs",
                            found=str(len(cells)), remedy="mend that row")  # fmt: skip
        for h, cell in zip(header, cells, strict=True):
            columns[h].append("" if cell.strip() == MISSING else cell.strip())
    return columns


def cell(value: Any, name: str) -> str:
    """A value as it stands in a table, ``name`` being what messages call its place."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _number(float(value), name) if not isinstance(value, int) else str(value)
    return neutral(str(value))


def _number(value: float, name: str) -> str:
    """Ten digits: more than any measurement holds, fewer than the last bits that differ between machines."""
    if math.isinf(value):
        raise DataError("E-TABLE", where=name, needed="finite numbers", found="infinity", remedy="report this")
    return MISSING if math.isnan(value) else f"{value:.10g}"


def neutral(text: str) -> str:
    """A text that no spreadsheet evaluates: one line, no tab, a quote before what begins like a formula."""
    flat = " ".join(part for line in text.replace("\x00", " ").splitlines() for part in line.split("\t")).strip()
    if flat.startswith(_FORMULA) and not _is_number(flat):
        return "'" + flat
    return flat or MISSING


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _typed(row: Mapping[str, str], number: int, name: str) -> dict[str, Any]:
    typed: dict[str, Any] = dict(row)
    for column in NUMERIC:
        cell = row.get(column, "")
        if cell and not _is_number(cell):
            raise DataError(
                "E-TABLE",
                where=f"{name}: row {number}, column {column}",
                needed="a number",
                found=repr(cell),
                remedy=sheet.not_a_number(name, cell).remedy,
            )
        typed[column] = float(cell) if cell else None
    return typed
