"""Tables of landmarks: where people pointed at nerves and bones, in world millimetres.

Columns ``kind`` (start, restart, end, split, bone), ``name`` (the nerve, or the bony place), ``x``, ``y``, ``z`` (RAS+ mm);
``side`` and, for a whole dataset, ``participant_id`` and ``session_id`` if there are any. Other columns are left alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import DataError
from neuromyo.core.labels import SIDES
from neuromyo.core.landmark import LANDMARK_KINDS, Landmark
from neuromyo.io.files import printable
from neuromyo.io.table import read_tsv

_NEEDED = ("kind", "name", "x", "y", "z")
#: a landmark further from the scanner's middle than this (mm) is no place in a person
_FARTHEST_MM = 3000.0
_SHORT = {"l": "left", "r": "right", "m": "midline"}


@dataclass(frozen=True, slots=True)
class Pointed:
    """A landmark of somebody: ``subject`` and ``session`` without their prefixes, empty where the table does not say."""

    subject: str
    session: str
    landmark: Landmark


def read_landmarks(path: Path) -> tuple[Pointed, ...]:
    """The rows of a table of landmarks, in its order; E-TABLE names the cell that cannot be read."""
    name = printable(path.name)
    table = {column.lower(): cells for column, cells in read_tsv(path).items()}
    if len(table) == 1 and re.search("[,;]", next(iter(table))):
        raise DataError("E-TABLE", where=name, needed="cells divided by tabs", found="commas or semicolons between them",
                        remedy="save the table as tab-separated text (.tsv)")  # fmt: skip
    missing = [column for column in _NEEDED if column not in table]
    if missing:
        raise DataError("E-TABLE", where=name, needed=f"columns {', '.join(_NEEDED)}", found=f"no {', '.join(missing)}",
                        remedy="name the columns so; x, y, z are millimetres in the scanner's RAS+ frame")  # fmt: skip
    rows = (dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True))
    return tuple(_pointed(row, f"{name}: row {number}") for number, row in enumerate(rows, start=2))


def _pointed(row: Mapping[str, str], where: str) -> Pointed:
    kind, side = row["kind"].lower(), _SHORT.get(row.get("side", "").lower(), row.get("side", "").lower()) or "none"
    for column, value, allowed in (("kind", kind, LANDMARK_KINDS), ("side", side, SIDES)):
        if value not in allowed:
            raise DataError("E-TABLE", where=f"{where}, column {column}", needed=f"one of {', '.join(allowed)}",
                            found=repr(row.get(column, "")), remedy="mend that cell")  # fmt: skip
    if not row["name"]:
        raise DataError("E-TABLE", where=f"{where}, column name", needed="the nerve's name, or the bony place's",
                        found="nothing", remedy="write sciatic-nerve, tibial-nerve, fibular-head ...")  # fmt: skip
    xyz = (_millimetres(row["x"], where, "x"), _millimetres(row["y"], where, "y"), _millimetres(row["z"], where, "z"))
    spot = Landmark(kind, xyz, row["name"].strip().lower().replace(" ", "-"), side)  # type: ignore[arg-type]
    subject = row.get("participant_id", "").removeprefix("sub-")
    return Pointed(subject, row.get("session_id", "").removeprefix("ses-"), spot)


def _millimetres(text: str, where: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _FARTHEST_MM:
        raise DataError("E-TABLE", where=f"{where}, column {column}", needed="millimetres in the scanner's frame",
                        found=repr(text), remedy="write a number such as -83.5")  # fmt: skip
    return value
