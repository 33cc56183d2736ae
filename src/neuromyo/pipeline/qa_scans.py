"""When, where and how warm each scan of a phantom was: from the dataset's ``sessions.tsv``, or a table of the user's."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.errors import DataError, Finding

#: columns of the user's table; subject is needed, session where there are sessions
COLUMNS = ("subject", "session", "date", "site", "temperature")
_COLDEST, _WARMEST = 0.0, 50.0


@dataclass(frozen=True, slots=True)
class About:
    """What is known of one scan beside its images; None for what is not."""

    day: datetime.date | None = None
    site: str = ""
    temperature_c: float | None = None


@dataclass(frozen=True)
class Diary:
    """(subject, session) -> what is known of it."""

    scans: Mapping[tuple[str, str], About] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def of(self, subject: str, session: str) -> About:
        """Of one scan; nothing known where it is not listed."""
        return self.scans.get((subject, session), About())


def read_table(path: Path) -> Diary:
    """The user's table: tab-separated, with the columns of `COLUMNS`. E-TABLE, E-DATE and E-UNITS name row and column."""
    from neuromyo.io.files import printable
    from neuromyo.io.table import read_tsv

    name = printable(path.name)
    table = read_tsv(path)
    unknown = sorted(set(table) - set(COLUMNS))
    if unknown or "subject" not in table:
        raise DataError("E-TABLE", where=f"{name}: row 1", needed=f"the column subject, and of {', '.join(COLUMNS[1:])} those known",
                        found=", ".join(table) or "nothing", remedy="name the columns so")  # fmt: skip
    return Diary(_rows(table, name, "subject", "session", "date"))


def read_dataset(root: Path, subjects: Iterable[str]) -> Diary:
    """From ``sub-X/sub-X_sessions.tsv`` of a raw dataset: session_id, acq_time, and where they are there site and temperature."""
    from neuromyo.io.table import read_tsv

    found: dict[tuple[str, str], About] = {}
    for subject in dict.fromkeys(subjects):
        path = root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
        if path.is_file():
            table = read_tsv(path)
            n = len(next(iter(table.values())))
            table["subject"] = [subject] * n
            found |= _rows(table, path.name, "subject", "session_id", "acq_time")
    return Diary(found)


def _rows(
    table: Mapping[str, list[str]], name: str, subject: str, session: str, date: str
) -> dict[tuple[str, str], About]:
    found: dict[tuple[str, str], About] = {}
    for i in range(len(table[subject])):

        def cell(column: str, row: int = i) -> str:
            return table[column][row] if column in table else ""

        key = cell(subject).removeprefix("sub-"), cell(session).removeprefix("ses-")
        where = f"{name}: row {i + 2}"
        if not key[0]:
            raise DataError(
                "E-TABLE", where=f"{where}, column {subject}", needed="a label", found="an empty cell", remedy="fill it"
            )
        if key in found:
            raise DataError(
                "E-DATE",
                where=where,
                needed="each scan once",
                found=f"sub-{key[0]} {'ses-' + key[1] if key[1] else ''} again".strip(),
                remedy="remove one of the two rows",
            )
        found[key] = About(_day(cell(date), f"{where}, column {date}"), cell("site"),
                           temperature(cell("temperature"), f"{where}, column temperature"))  # fmt: skip
    return found


def _day(text: str, where: str) -> datetime.date | None:
    if not text:
        return None
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError as error:
        raise DataError(
            "E-DATE", where=where, needed="a date such as 2024-03-18", found=repr(text), remedy="write year, month, day"
        ) from error


def temperature(text: str, where: str) -> float | None:
    """Degrees Celsius; E-UNITS where a number can only be kelvin or Fahrenheit."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(
            "E-TABLE",
            where=where,
            needed="degrees Celsius, such as 21.5",
            found=repr(text),
            remedy="write a number with a point",
        ) from error
    if not _COLDEST <= value <= _WARMEST:
        likely = (
            f"{value - 273.15:.1f} if that was kelvin"
            if value > 200
            else f"{(value - 32) / 1.8:.1f} if that was Fahrenheit"
        )
        remedy = f"write {likely}" if value > _WARMEST else "check the number"
        raise DataError(
            "E-UNITS", where=where, needed="degrees Celsius from 0 to 50", found=f"{value:g}", remedy=remedy
        )
    return value
