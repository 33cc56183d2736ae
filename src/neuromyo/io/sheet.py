"""Tables as people save them: comma, semicolon or tab; every cell keeps the row and column that its user sees."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import DataError, Finding
from neuromyo.io.files import printable, read_small

#: the only ways to say that a value is missing
MISSING = ("", "n/a")
DIVIDERS = ("\t", ";", ",")
_LIMIT = 64 << 20
_WORKBOOKS = {b"PK\x03\x04": "a workbook (xlsx or ods)", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff")
_ABSENT = re.compile(
    r"(?i)n\.?\s?r\.?|abs(ent)?|none|nil|no[ _-]?(response|potential)|(not|un)[ _-]?(recordable|obtainable|elicitable|recorded)"
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_SHOWN = 40
_REMEDY = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as text. ``header`` is row 1 of the file; ``rows`` are (row number in the file, cells, one a column);
    ``findings`` tell rows that were left out because they have another number of cells."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    findings: tuple[Finding, ...] = ()

    def where(self, row: int, column: str) -> str:
        """A cell, as messages call it."""
        return f"{self.name}: row {row}, column {printable(column)}"

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Row number and cells by column; what is missing is empty."""
        for number, cells in self.rows:
            yield number, dict(zip(self.header, cells, strict=True))


def read(path: Path, name: str | None = None, divider: str | None = None) -> Sheet:
    """The table in ``path``. E-TABLE where it is no text in UTF-8, has no header or a column twice; rows that are too short or
    too long are told and left out, so that all of them are told at once.

    divider : what stands between the cells; without it, the one of tab, semicolon and comma that the header holds.
    """
    name = name or printable(path.name)
    text = text_of(path, name)
    divider = divider or _divider(text)
    records = _records(text, divider, name)
    first = next(((n, cells) for n, cells in records if any(cells)), None)
    if first is None:
        raise _complaint(name, "a header line", "an empty table", "check the file")
    number, header = first
    _check_header(header, f"{name}: row {number}")
    rows, findings = [], []
    for n, cells in records:
        if n <= number or not any(cells):
            continue
        cells = cells[: len(header)] if not any(cells[len(header) :]) else cells  # empty cells beyond the last column
        if len(cells) == len(header):
            rows.append((n, tuple("" if c in MISSING else c for c in cells)))
        else:
            findings.append(_ragged(f"{name}: row {n}", header, cells, divider))
    return Sheet(name, header, tuple(rows), tuple(findings))


def shown(cell: str) -> str:
    """A cell as a message may quote it."""
    text = printable(cell)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def number(cell: str) -> float | None:
    """The number in a cell written with a decimal point; None for anything else, NaN and infinity included."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", cell, re.ASCII):
        return None
    value = float(cell)
    return value if abs(value) < float("inf") else None


def not_a_number(where: str, cell: str, absent: str = "") -> Finding:
    """E-TABLE for a cell that should hold a number, with what to write instead.

    absent : what stands for a response that was looked for and is not there, 0 or n/a; empty where there is no such thing. What NR means,
        not recordable or not recorded, is never guessed: taken for missing, the worst affected would drop out.
    """
    if absent and _ABSENT.fullmatch(cell.strip()):
        remedy = {
            "0": "write 0 if a response was looked for and is absent, n/a only if it was not looked for or not recorded",
            "n/a": "write n/a: an absent response has none, and its amplitude of 0 says that it is absent",
        }[absent]
    elif _DECIMAL_COMMA.fullmatch(cell):
        remedy = f"write a decimal point: {cell.replace(',', '.')}"
    elif cell.casefold() in ("nan", "na", "null", "none", "-", ".", "?", "missing", "#n/a"):
        remedy = "leave the cell empty or write n/a where there is no value"
    elif re.match(r"\s*[<>]", cell):
        remedy = "a limit is no value: write n/a, or a number and say in the data dictionary how limits were treated"
    else:
        remedy = "write the number alone, without its unit; n/a where there is none"
    return stop("E-TABLE", where, f"needed a number, found {shown(cell)}", remedy)


def stop(code: str, where: str, message: str, remedy: str) -> Finding:
    """A finding that stops."""
    return Finding("stop", code, where, message, remedy)


def text_of(path: Path, name: str, limit: int = _LIMIT) -> str:
    """The text of a table; E-FORMAT for a workbook, E-TABLE where it is no UTF-8, with the cell where that shows."""
    raw = read_small(path, name, "E-TABLE", limit)
    for magic, what in _WORKBOOKS.items():
        if raw.startswith(magic):
            raise DataError("E-FORMAT", where=name, needed="a table as text (CSV or TSV)", found=what,
                            remedy="save the sheet as CSV UTF-8 and give that")  # fmt: skip
    if raw.startswith(_WIDE_TEXT):
        raise _complaint(name, "UTF-8 text", "UTF-16", _REMEDY)
    if b"\x00" in raw:
        at = raw.index(b"\x00")
        raise _complaint(_cell_at(raw, at, name), "text", "a NUL byte", _REMEDY)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"a byte that is not ({raw[error.start]:#04x})"
        raise _complaint(_cell_at(raw, error.start, name), "UTF-8 text", found, _REMEDY) from error


def _cell_at(raw: bytes, at: int, name: str) -> str:
    """Which line a byte is in and which cell of it, counted from 1, as far as dividers tell."""
    line = raw[raw.rfind(b"\n", 0, at) + 1 : at]
    cell = 1 + max(line.count(d.encode()) for d in DIVIDERS)
    return f"{name}: row {raw.count(bytes([10]), 0, at) + 1}, column {cell}"


def _divider(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    outside = re.sub(r'"[^"]*"', "", header)
    return max(DIVIDERS, key=outside.count)


def _records(text: str, divider: str, name: str) -> list[tuple[int, tuple[str, ...]]]:
    """Row number and stripped cells; a row is what a spreadsheet shows as one, line breaks in quotes included."""
    try:
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=divider))
    except csv.Error as error:
        raise _complaint(name, "cells divided by one sign", str(error), _REMEDY) from error
    return [(n, tuple(c.strip() for c in cells)) for n, cells in enumerate(found, start=1)]


def _check_header(header: tuple[str, ...], where: str) -> None:
    if "" in header:
        place = header.index("") + 1
        raise _complaint(f"{where}, column {place}", "a name for every column", "none", "name or remove that column")
    seen: dict[str, str] = {}
    for column in header:
        if column.casefold() in seen:
            found = f"{shown(column)} twice"
            raise _complaint(where, "columns with different names", found, "rename or remove one")
        seen[column.casefold()] = column


def _ragged(where: str, header: tuple[str, ...], cells: tuple[str, ...], divider: str) -> Finding:
    word = {"\t": "tabs", ";": "semicolons", ",": "commas"}[divider]
    remedy = "mend that row"
    if divider == "," and len(cells) > len(header):
        remedy = "if numbers are written with a decimal comma, write points, or divide the cells by semicolons or tabs"
    return stop("E-TABLE", where, f"needed {len(header)} cells, divided by {word}, found {len(cells)}", remedy)


def _complaint(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-TABLE", where=where, needed=needed, found=found, remedy=remedy)
