"""When people were scanned: the dates of visits, from sessions.tsv and scans.tsv, and whether they can be right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from neuromyo.core.errors import Finding, NeuromyoError
from neuromyo.io import identifying, sheet
from neuromyo.io.sheet import Sheet, shown, stop
from neuromyo.io.who import Known, label

#: words for the first visit and for later ones, where labels carry no number
_FIRST = ("baseline", "base", "bl", "pre", "screening", "initial", "first", "test")
_LATER = ("followup", "fu", "post", "final", "last", "second", "retest")
#: words by which two visits dated alike are told
SAME_DATE = "have the same date"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?")


@dataclass(frozen=True)
class Visits:
    """The visits of one participant. ``dates`` maps a label to when it began; what is not stated is not there."""

    dates: Mapping[str, datetime] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def of_subject(root: Path, subject: str) -> Visits:
    """The dates of a participant's visits, and what is wrong with them: E-DATE, E-ID and E-TABLE, row and column named.

    A visit's date is that of its row in sessions.tsv, else its earliest scan's.
    """
    folder = root / f"sub-{subject}"
    there = {v.name.removeprefix("ses-") for v in folder.glob("ses-*") if v.is_dir()}
    dates, places, findings = _sessions(folder, subject, there)
    for session in sorted(there) or [""]:
        first, remarks = _scans(folder, subject, session)
        findings += remarks
        if first is None:
            continue
        when, where = first
        if session not in dates:
            dates[session], places[session] = when, where
        elif abs((when.date() - dates[session].date()).days) >= 1:
            findings.append(
                Finding("warn", "W-DATE", where, f"scanned on {when.date()}, but the visit is dated {dates[session].date()}",
                        "correct one of the two")
            )  # fmt: skip
    return Visits(dates, (*findings, *_in_order(dates, places)))


def rank(session: str) -> tuple[str, float] | None:
    """How labels of visits follow each other: (prefix, number), so that ``m0`` comes before ``m4`` before ``m12``; words such
    as baseline and followup have a place too; None for a label that tells nothing."""
    low = session.casefold()
    found = re.fullmatch(r"([a-z]*)(\d+)([a-z]*)", low)
    if found and not found[3]:
        word, number = found[1], float(found[2])
        return ("word", number) if word in _LATER else ("word", -1.0) if word in _FIRST else (word, number)
    if low in _FIRST:
        return "word", -1.0
    return ("word", 1.0) if low in _LATER else None


def _sessions(folder: Path, subject: str, there: set[str]) -> tuple[dict[str, datetime], dict[str, str], list[Finding]]:
    path = folder / f"sub-{subject}_sessions.tsv"
    dates: dict[str, datetime] = {}
    places: dict[str, str] = {}
    table, findings = _table(path, f"sub-{subject}/{path.name}", "session_id")
    if table is None:
        return dates, places, findings
    seen: dict[str, int] = {}
    for row, cells in table.records():
        where = table.where(row, "session_id")
        session = label(cells["session_id"], "ses-")
        if session is None or not cells["session_id"].startswith("ses-"):
            findings.append(
                stop("E-ID", where, f"needed ses-<label>, found {shown(cells['session_id'])}", "mend that cell")
            )
            continue
        if session in seen:
            said = f"needed one row a visit, found ses-{session} here and in row {seen[session]}"
            findings.append(stop("E-ID", where, said, "remove one, or give two visits two labels"))
            continue
        seen[session] = row
        near = Known(there).likely(session) if session not in there else ""
        if near:
            said = f"needed a visit of the images, found ses-{session}; probably ses-{near}"
            findings.append(stop("E-ID", where, said, f"write ses-{near} if that is meant"))
        elif session not in there:
            findings.append(Finding("note", "N-NOIMAGES", where, f"the visit ses-{session} has no images", ""))
        when, complaint = _when(table, row, cells)
        findings += [complaint] if complaint else []
        if when is not None:
            dates[session], places[session] = when, table.where(row, "acq_time")
    return dates, places, findings


def _scans(folder: Path, subject: str, session: str) -> tuple[tuple[datetime, str] | None, list[Finding]]:
    """The earliest scan of a visit and the cell that says so."""
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    here = folder / f"ses-{session}" if session else folder
    path = here / f"{stem}_scans.tsv"
    table, findings = _table(path, str(path.relative_to(folder.parent)), "filename")
    if table is None:
        return None, findings
    times = []
    for row, cells in table.records():
        when, complaint = _when(table, row, cells)
        findings += [complaint] if complaint else []
        if when is not None:
            times.append((when, table.where(row, "acq_time")))
        if cells["filename"] and not os.path.exists(
            here / cells["filename"]
        ):  # a name no disk can have is not there either
            said = f"needed a file of this visit, found {shown(cells['filename'])}, which is not there"
            findings.append(Finding("warn", "W-NOSCAN", table.where(row, "filename"), said, "remove the row"))
    return (min(times) if times else None), findings


def _table(path: Path, name: str, first: str) -> tuple[Sheet | None, list[Finding]]:
    if not path.exists():
        return None, []
    try:
        table = sheet.read(path, name, "\t")
    except NeuromyoError as error:
        return None, [Finding.from_error(error)]
    findings = [*table.findings, *identifying.already_in(table.header, name)]
    if table.header[0] != first:
        said = f"needed {first} as the first column, found {shown(table.header[0])}"
        return None, [*findings, stop("E-TABLE", f"{name}: row 1", said, "rename or move it")]
    return table, findings


def _when(table: Sheet, row: int, cells: Mapping[str, str]) -> tuple[datetime | None, Finding | None]:
    cell = cells.get("acq_time", "")
    if not cell:
        return None, None
    where = table.where(row, "acq_time")
    try:
        if _TIME.fullmatch(cell):
            return datetime.fromisoformat(cell.removesuffix("Z")), None
    except ValueError:
        pass
    return None, stop("E-DATE", where, f"needed a date such as 1925-03-01T10:15:00, found {shown(cell)}",
                      "write year-month-day, T, hours:minutes:seconds")  # fmt: skip


def _in_order(dates: Mapping[str, datetime], places: Mapping[str, str]) -> Iterator[Finding]:
    """Later visits are dated later, and no two alike."""
    sessions = [s for s in dates if s]
    for i, one in enumerate(sessions):
        for other in sessions[i + 1 :]:
            a, b = rank(one), rank(other)
            first, second = (other, one) if a and b and a[0] == b[0] and b < a else (one, other)
            ranked = bool(a and b and a[0] == b[0] and a != b)
            if _same(dates[first], dates[second]):
                yield stop("E-DATE", places[second], f"ses-{first} and ses-{second} {SAME_DATE} ({dates[second].date()})",
                           "correct one; two visits on one day need their times of day")  # fmt: skip
            elif ranked and dates[second] < dates[first]:
                yield stop("E-DATE", places[second],
                           f"needed a date after that of ses-{first} ({dates[first].date()}), found {dates[second].date()}",
                           "correct the dates, or the labels of the visits")  # fmt: skip


def _same(a: datetime, b: datetime) -> bool:
    """Whether two times are one, or one day without the time of day on either side."""
    timeless = any((t.hour, t.minute, t.second) == (0, 0, 0) for t in (a, b))
    return a == b or (a.date() == b.date() and timeless)
