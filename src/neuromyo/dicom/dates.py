"""Dates of visits, moved into the past by the same number of days for all visits of one person, and ages.

A whole number of days: the time between visits stays exact, as does the time of day. All dates fall before 1925, by which BIDS
tells shifted dates from true ones.

Cites: Gorgolewski et al. 2016, doi:10.1038/sdata.2016.44 (BIDS); DICOM PS3.15 section E.3.6 (modified dates).
"""

from __future__ import annotations

import datetime
import re

from neuromyo.dicom import key as keys

#: days back: 151 years at least, 178 at most, so that visits until 2075 fall before 1925
_LEAST, _SPREAD = 55_152, 10_000
_OLDEST = 89
_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.\d*)?")
_CLOCK = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2}(?:\.\d{1,6})?))?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_YEARS = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
FIRST_TRUE_YEAR = 1925


class Shift:
    """One person's shift, from the key and the person's label."""

    __slots__ = ("days",)

    def __init__(self, key: bytes, subject: str) -> None:
        number = int.from_bytes(keys.digest(key, "days", subject)[:8])
        self.days: int = -(_LEAST + number % _SPREAD)

    def __repr__(self) -> str:
        return "Shift(...)"  # the number of days would undo it

    def day(self, date: datetime.date) -> datetime.date | None:
        """The shifted day; None where it is not a day that could be shown (after 1925, or before the calendar)."""
        try:
            moved = date + datetime.timedelta(days=self.days)
        except OverflowError:
            return None
        return moved if 1000 <= moved.year < FIRST_TRUE_YEAR else None

    def date(self, value: str) -> str | None:
        """A DICOM date (DA) shifted, ``YYYYMMDD``; None where it is none."""
        day = parse_date(value)
        moved = self.day(day) if day else None
        return f"{moved:%Y%m%d}" if moved else None

    def datetime(self, value: str) -> str | None:
        """A DICOM date and time (DT) shifted, ``YYYYMMDD[HHMMSS]``, without the time zone; None where the day is not whole."""
        text = value.strip()
        date, clock = self.date(text[:8]), time_of_day(re.sub(r"[+-]\d{4}$", "", text[8:]))
        return date + (clock or "") if date else None


def parse_date(value: str) -> datetime.date | None:
    """The day that a DA value names (``YYYYMMDD``, also with dots or dashes), or None."""
    match = _DATE.fullmatch(value.strip())
    try:
        return datetime.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def time_of_day(value: str) -> str | None:
    """A TM value to the second, ``HHMMSS``; None where it is no time."""
    match = _TIME.fullmatch(value.strip())
    if not match:
        return None
    hour, minute, second = (int(g or 0) for g in match.groups())
    return f"{hour:02}{minute:02}{min(second, 59):02}" if hour < 24 and minute < 60 and second <= 60 else None


def clock(value: str) -> float | None:
    """Seconds since midnight that the beginning of a TM value names; None where it is no time."""
    match = _CLOCK.match(value.strip())
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0 + float(match[3] or 0.0)


def age(value: str) -> tuple[str, str] | None:
    """A DICOM age (AS) as it may be kept, and a note: ``("090Y", "over 89, ...")``; None where it is none."""
    years = years_of(value)
    if years is None:
        return None
    if years > _OLDEST:
        return "090Y", "an age over 89 is written as 90: so old, a person could be told by it"
    return value.strip(), ""


def years_of(value: str) -> float | None:
    """An AS value in years, or None."""
    match = _AGE.fullmatch(value.strip())
    return int(match[1]) / _YEARS[match[2]] if match else None


def age_in_years(value: str) -> tuple[float, str] | None:
    """An AS value for participants.tsv in years (whole ones from 2 years on), never over 90, with the note of `age`."""
    kept = age(value)
    if kept is None:
        return None
    years = years_of(kept[0])
    assert years is not None
    return (float(int(years)) if years >= 2 else round(years, 2)), kept[1]
