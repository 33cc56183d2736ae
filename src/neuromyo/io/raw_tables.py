"""Adding to the tables of a dataset that others wrote too: rows and columns are added, what stands there stays to the letter."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io import sidecar, store, table
from neuromyo.io.files import printable

Rows = Mapping[str, Mapping[str, Any]]


def add_rows(
    root: Path,
    into: Path,
    relative: str,
    key: str,
    rows: Rows,
    *,
    columns: Collection[str] = (),
    same: Collection[str] = (),
) -> bool:
    """Add rows to the table ``root/relative``, writing the result to ``into/relative``; whether there was anything to add.

    key : the first column; rows : its value -> column -> value (None for missing)
    columns : to be there in any case, in this order, after the key
    same : columns in which a row that is there already must agree with the one added, or E-ID

    Rows of others are kept as they are written, and so is what stands in a row that is there already; only its missing cells
    are filled. The same rows added twice change nothing.
    """
    header, lines = _read(root / relative, relative, key)
    wanted = dict.fromkeys([*columns, *(c for row in rows.values() for c in row)])
    added = [c for c in wanted if c not in header]
    header += added
    lines = [cells + [table.MISSING] * len(added) for cells in lines]
    place = {cells[0]: n for n, cells in enumerate(lines)}
    before = [list(cells) for cells in lines]
    for name, row in rows.items():
        if name not in place:
            lines.append([name, *[table.MISSING] * (len(header) - 1)])
            place[name] = len(lines) - 1
        _fill(lines[place[name]], header, row, f"{relative}: {name}", same)
    if not added and lines == before and (root / relative).is_file():
        return False
    text = "\n".join("\t".join(cells) for cells in [header, *lines]) + "\n"
    store.write_text(into / relative, text)
    return True


def describe_columns(root: Path, into: Path, relative: str, columns: Mapping[str, Mapping[str, Any]]) -> bool:
    """Add the meaning of columns to the JSON beside a table; keys that are there stay. Whether there was anything to add."""
    there = sidecar.read_json(root / relative, relative) if (root / relative).is_file() else {}
    missing = {name: dict(meaning) for name, meaning in columns.items() if name not in there}
    if not missing:
        return False
    text = json.dumps({**there, **missing}, indent=2, ensure_ascii=False, allow_nan=False)
    store.write_text(into / relative, text + "\n")
    return True


def _read(path: Path, relative: str, key: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table as they are written; only the key where there is no table yet."""
    if not path.is_file():
        return [key], []
    header = list(table.read_tsv(path))  # refuses what is no table, with its row
    if not header or header[0] != key:
        raise DataError("E-TABLE", where=f"{printable(relative)}: row 1", needed=f"{key} as the first column",
                        found=printable(header[0]), remedy="mend the table")  # fmt: skip
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    lines = [line.split("\t") for line in text.split("\n") if line.strip()][1:]
    names = [cells[0].strip() for cells in lines]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DataError("E-TABLE", where=printable(relative), needed=f"each {key} once", found=f"{printable(twice[0])} twice",
                        remedy="remove one of the rows")  # fmt: skip
    return header, [[name, *cells[1:]] for name, cells in zip(names, lines, strict=True)]


def _fill(cells: list[str], header: list[str], row: Mapping[str, Any], where: str, same: Collection[str]) -> None:
    for column, value in row.items():
        at, text = header.index(column), table.cell(value, where)
        there = cells[at].strip() or table.MISSING
        if there == table.MISSING:
            cells[at] = text
        elif column in same and text not in (table.MISSING, there):
            raise DataError(
                "E-ID",
                where=f"{where}, {column}",
                needed="the same person as in the table",
                found=f"{printable(there)} there, {text} in the images",
                remedy="check that the images are this subject's, or correct the table",
            )
