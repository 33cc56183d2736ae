"""Tables of measurements as one long table of a study: a row a number, of whole regions or of levels along a nerve."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, OptionError
from neuromyo.io import sheet, table
from neuromyo.io.files import printable
from neuromyo.pipeline import trusted

#: a pandas DataFrame, whose own types are too wide for a checker to help
Frame = Any
#: columns of text that say what a number is of, and whose it is
ABOUT = ("subject", "session", "acquisition", "region", "region_source", "side", "level", "slice", "quantity", "biomarker",
         "unit", "statistic", "flags")  # fmt: skip
#: statistics that tell the spread over voxels, one slice, or the ratio of sides by slices
SPREAD = ("iqr", "sd", "slice", "matched")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_CLINICAL = ("participant_id", "participant")


def read(paths: Sequence[Path], keep: Sequence[str] = ()) -> Frame:
    """The numbers of all tables: the columns `ABOUT` (empty where a table lacks one), ``value`` (float), ``table`` and ``row`` (where
    it stands), and the columns of text named in ``keep``, where a table has them.

    A folder stands for the ``measurements.tsv`` in it. Rows of single slices and of spreads are left out. E-TABLE and E-NODATA.
    """
    import pandas as pd

    if not paths:
        raise OptionError("E-STUDY", where="TABLES", needed="a table of measurements, or the folder of a run", found="none",
                          remedy="name measurements.tsv of your run")  # fmt: skip
    files = [file_of(path) for path in paths]
    alike = len({file.name for file in files}) < len(files)  # runs all call their table so: say whose
    called = [printable(f"{file.absolute().parent.name}/{file.name}" if alike else file.name) for file in files]
    frame = pd.concat([_frame(file, name, keep) for file, name in zip(files, called, strict=True)], ignore_index=True)
    whole = (frame["slice"] == "") | (frame["statistic"] == "max")  # the largest of the slices says which it was
    return frame[whole & ~frame["statistic"].isin(SPREAD)].reset_index(drop=True)


def file_of(path: Path) -> Path:
    """The table that a file or the folder of a run stands for."""
    if not path.is_dir():
        return path
    inside = path / "measurements.tsv"
    if not inside.is_file():
        raise DataError("E-NOTFOUND", where=printable(path), needed="measurements.tsv in that folder, as run leaves it",
                        found="no such file", remedy="name the table itself, or the output folder of a run")  # fmt: skip
    return inside


def _frame(path: Path, name: str, keep: Sequence[str]) -> Frame:
    import pandas as pd

    columns = table.read_tsv(path)
    _refuse_other(columns, name)
    n = len(columns["value"])
    if not n:
        raise DataError("E-NODATA", where=name, needed="rows of measurements", found="a header alone",
                        remedy="check which table was meant")  # fmt: skip
    cells = {c: columns.get(c, [""] * n) for c in dict.fromkeys((*ABOUT, *(k for k in keep if k in columns)))}
    made = pd.DataFrame({c: np.array(v, dtype=object) for c, v in cells.items()})
    made["unit"] = made["unit"].replace("1", "")  # a pure number has no unit on an axis
    made["value"] = _numbers(columns["value"], name)
    made["table"], made["row"] = name, np.arange(2, n + 2)
    return made


def _refuse_other(columns: dict[str, list[str]], name: str) -> None:
    """E-TABLE for a table of something else, with what it probably is."""
    absent = [c for c in trusted.NEEDED if c not in columns]
    if not absent:
        return
    needed = f"a table of measurements, with the columns {', '.join(trusted.NEEDED)}"
    found, remedy = f"none named {', '.join(absent)}", "give the measurements.tsv that run, trace or measure wrote"
    if len(columns) == 1 and any(sign in next(iter(columns)) for sign in ",;"):
        found, remedy = "one column with commas or semicolons in it", "save it with tabs between the cells"
    elif any(c.casefold() in _CLINICAL for c in columns):
        found = "participant_id: a table of people or of clinical values"
        remedy = "people go after --people, clinical tables after --clinical"
    raise DataError("E-TABLE", where=f"{name}: row 1", needed=needed, found=found, remedy=remedy)


def _numbers(cells: Sequence[str], name: str) -> np.ndarray:
    """Floats, NaN of what is missing; E-TABLE for the first cell that is no finite number (nan, inf, a formula, a comma)."""
    out = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if not cell:
            continue
        if not _NUMBER.fullmatch(cell) or not np.isfinite(value := float(cell)):
            told = sheet.not_a_number(f"{name}: row {i + 2}, column value", cell)
            found = "infinity" if cell.casefold().lstrip("+-") in ("inf", "infinity") else sheet.shown(cell)
            raise DataError(
                "E-TABLE",
                where=told.where,
                needed="a finite number, or n/a",
                found=found,
                remedy=_remedy(cell, told.remedy),
            )
        out[i] = value
    return out


def _remedy(cell: str, usual: str) -> str:
    if cell.startswith(("=", "@", "'")):
        return "put the number that the spreadsheet showed there, not its formula"
    return "write n/a where there is no value" if "inf" in cell.casefold() else usual
