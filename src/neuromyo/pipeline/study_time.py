"""When visits were: from the dates of a dataset, or from months that are stated. Labels alone tell an order, never a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import nan
from pathlib import Path

import numpy as np

from neuromyo.core.cohort import MONTH_DAYS
from neuromyo.core.errors import DataError, Finding, OptionError, first_few
from neuromyo.io import visits
from neuromyo.io.files import printable
from neuromyo.pipeline.controls import visit_order


@dataclass(frozen=True)
class Calendar:
    """``dates``: person -> visit -> when it began; ``months``: visit -> planned time since the first one, in the order of the visits;
    ``days``: person -> visit -> days since the first, as a key of blinded tables keeps them."""

    dates: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    months: Mapping[str, float] = field(default_factory=dict)
    days: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def stated(text: Sequence[str]) -> dict[str, float]:
    """``m0=0,m4=4`` -> months by visit; E-OPTION for anything else."""
    out: dict[str, float] = {}
    for part in (p.strip() for word in text for p in word.split(",") if p.strip()):
        name, equals, number = part.partition("=")
        label = name.strip().removeprefix("ses-")
        try:
            months = float(number)
        except ValueError:
            months = nan
        if not equals or not label or not np.isfinite(months):
            raise OptionError("E-OPTION", where="--visits", needed="VISIT=MONTHS, such as m0=0,m4=4", found=printable(part),
                              remedy="give each visit and its time in months")  # fmt: skip
        if label in out:
            raise OptionError(
                "E-OPTION", where="--visits", needed="each visit once", found=f"{label} twice", remedy="remove one"
            )
        out[label] = months
    return out


def read(
    root: Path | None,
    people: Iterable[str],
    months: Mapping[str, float],
    days: Mapping[str, Mapping[str, float]] | None = None,
) -> Calendar:
    """The dates that a dataset states of these people (sessions.tsv, scans.tsv), beside the months. E-DATE where dates contradict each
    other; what else is wrong there is told."""
    dates: dict[str, Mapping[str, datetime]] = {}
    findings: list[Finding] = []
    for who in sorted(people) if root is not None else ():
        found = visits.of_subject(root, who)  # type: ignore[arg-type]
        wrong = [f for f in found.findings if f.code == "E-DATE"]
        if wrong:
            raise DataError(wrong[0].code, where=wrong[0].where, found=wrong[0].message, remedy=wrong[0].remedy)
        findings += [
            Finding("warn", "W-TABLES", f.where, f.message, f.remedy) for f in found.findings if f.level == "stop"
        ]
        if found.dates:
            dates[who] = found.dates
    return Calendar(dates, months, days or {}, tuple(findings))


def days(person: np.ndarray, visit: np.ndarray, calendar: Calendar) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """(n,) days of each row since the person's first visit; NaN where not known, which is told.

    A person's dates count where every one of the person's visits has one; else the stated months, where they have every visit.
    """
    out = np.full(len(person), nan)
    by: dict[str, list[int]] = {}
    for i, who in enumerate(person):
        by.setdefault(who, []).append(i)
    planned, unknown = [], []
    for who, rows in by.items():
        labels = [visit[i] for i in rows]
        since = _kept(calendar.days.get(who, {}), labels) or _dated(calendar.dates.get(who, {}), labels)
        if since is None and all(v in calendar.months for v in labels):
            first = min(calendar.months[v] for v in labels)
            since = [(calendar.months[v] - first) * MONTH_DAYS for v in labels]
            planned.append(who)
        if since is None:
            unknown.append(who)
            continue
        out[rows] = since
    return out, _told(by, planned, unknown, calendar)


def _kept(days: Mapping[str, float], labels: Sequence[str]) -> list[float] | None:
    return [days[v] - min(days[u] for u in labels) for v in labels] if all(v in days for v in labels) else None


def _dated(dates: Mapping[str, datetime], labels: Sequence[str]) -> list[float] | None:
    if any(v not in dates for v in labels):
        return None
    whole = any(
        (dates[v].hour, dates[v].minute, dates[v].second) == (0, 0, 0) for v in labels
    )  # a date without its time of day
    when = [dates[v].replace(hour=0, minute=0, second=0, microsecond=0) if whole else dates[v] for v in labels]
    return [(t - min(when)).total_seconds() / 86400 for t in when]


def _told(
    by: Mapping[str, list[int]], planned: Sequence[str], unknown: Sequence[str], calendar: Calendar
) -> tuple[Finding, ...]:
    several = any(len(rows) > 1 for rows in by.values())
    found = []
    if planned and calendar.dates:
        found.append(Finding("warn", "W-ABSENT", _people(planned), "no date of every visit; the months given by --visits are taken",
                             "add the dates to sessions.tsv"))  # fmt: skip
    if unknown and several:
        found.append(
            Finding(
                "warn",
                "W-ABSENT",
                _people(unknown),
                "when the visits were is not known, so nothing can be told a month or a year",
                "state dates in sessions.tsv, or months by --visits m0=0,m4=4; labels are not read as times",
            )
        )
    return tuple(found)


def _people(who: Sequence[str]) -> str:
    return first_few(f"sub-{w}" for w in sorted(who))


def order(
    labels: Iterable[str], visit: np.ndarray, day: np.ndarray, calendar: Calendar
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The visits in order of time: as --visits says; else by their median day where all have one; else by their labels, which is told.

    visit, day : (n,) of the rows
    """
    there = sorted(set(labels))
    if calendar.months:
        lost = [v for v in there if v not in calendar.months]
        if lost:
            raise OptionError("E-OPTION", where="--visits", needed=f"the months of every visit ({', '.join(there)})",
                              found=f"none of {', '.join(lost)}", remedy="add it, or choose visits by --session")  # fmt: skip
        return tuple(sorted(there, key=lambda v: (calendar.months[v], v))), ()
    medians = {v: float(np.median(day[visit == v])) for v in there if np.isfinite(day[visit == v]).all()}
    if len(medians) == len(there) and len(set(medians.values())) == len(there):
        return tuple(sorted(there, key=lambda v: medians[v])), ()
    ordered = tuple(sorted(there, key=visit_order))
    if len(there) < 2:
        return ordered, ()
    said = f"the order of visits is that of their labels: {', '.join(v or 'without a label' for v in ordered)}"
    return ordered, (Finding("note", "N-STUDY", "visits", said, "say it by --visits, with months"),)
