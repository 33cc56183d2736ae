"""What was read off the vials: one number a vial and scan, beside what it should be; gathered into tables of deviations."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from neuromyo.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of the phantom: ``label`` for messages, the site (or scanner), the day (None where nobody stated it)."""

    label: str
    site: str
    day: datetime.date | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One vial in one scan: the mean over its region and the spread between its voxels, in the reference's unit, the reference at
    the scan's temperature with its standard uncertainty. NaN where the vial could not be measured."""

    scan: Scan
    vial: str
    quantity: str
    biomarker: str
    acquisition: str
    value: float
    spread: float
    n_voxels: int
    reference: float
    reference_u: float


@dataclass(frozen=True, eq=False)
class Table:
    """One quantity by one biomarker of one acquisition: scans in order of site and day, vials in the declared order.

    measured, expected, expected_u : (scans, vials) in ``unit``; relative : deviations are told in percent of the reference
    """

    quantity: str
    biomarker: str
    acquisition: str
    unit: str
    relative: bool
    scans: tuple[Scan, ...]
    vials: tuple[str, ...]
    measured: np.ndarray
    expected: np.ndarray
    expected_u: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        """(scans, vials) in percent of the reference, or in percentage points."""
        off = self.measured - self.expected
        return 100.0 * off / self.expected if self.relative else off

    @property
    def deviation_u(self) -> np.ndarray:
        """(vials,) standard uncertainty of the references, in the unit of `deviation`."""
        u = 100.0 * self.expected_u / self.expected if self.relative else self.expected_u
        return np.nanmean(u, axis=0)

    @property
    def deviation_unit(self) -> str:
        """What a deviation is told in."""
        return "%" if self.relative else "points" if self.unit == "%" else self.unit

    @property
    def sites(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(s.site for s in self.scans))

    @property
    def dated(self) -> bool:
        """Whether every scan's day is known."""
        return all(s.day is not None for s in self.scans)

    @property
    def day_index(self) -> np.ndarray:
        """(scans,) one integer a site and day: repeats share it. Without dates all scans of a site are repeats."""
        keys = [(s.site, s.day if self.dated else None) for s in self.scans]
        order = list(dict.fromkeys(keys))
        return np.array([order.index(k) for k in keys])

    @property
    def site_index(self) -> np.ndarray:
        """(scans,) one integer a site."""
        return np.array([self.sites.index(s.site) for s in self.scans])

    def of_site(self, site: str) -> Table:
        """The scans of one site."""
        return self.only([i for i, s in enumerate(self.scans) if s.site == site])

    def only(self, keep: Sequence[int]) -> Table:
        """The scans of those places."""
        return replace(self, scans=tuple(self.scans[i] for i in keep), measured=self.measured[keep], expected=self.expected[keep],
                       expected_u=self.expected_u[keep])  # fmt: skip

    def by_day(self) -> tuple[np.ndarray, list[datetime.date | None]]:
        """Deviations (days, vials) averaged over the repeats of a day, and the days, of one site."""
        days = self.day_index
        rows = [_mean(self.deviation[days == d]) for d in dict.fromkeys(days.tolist())]
        dates = [self.scans[int(np.flatnonzero(days == d)[0])].day for d in dict.fromkeys(days.tolist())]
        return np.array(rows), dates

    def independent(self) -> tuple[np.ndarray, str]:
        """Deviations (n, vials) that count as independent: days where there are two, else scans; and which they are."""
        days, _ = self.by_day()
        return (days, "days") if len(days) > 1 else (self.deviation, "scans")


def _mean(block: np.ndarray) -> np.ndarray:
    known = np.isfinite(block)
    n = known.sum(0)
    return np.divide(np.where(known, block, 0.0).sum(0), n, out=np.full(n.shape, np.nan), where=n > 0)


def tables(readings: Iterable[Reading], units: dict[str, tuple[str, bool]]) -> tuple[Table, ...]:
    """Readings by quantity, biomarker and acquisition; ``units``: quantity -> (unit, relative). E-TABLE for a vial read twice in
    one scan."""

    def key(r: Reading) -> tuple[str, str, str]:
        return str(list(units).index(r.quantity)), r.biomarker, r.acquisition

    return tuple(_table(list(rows), units) for _, rows in groupby(sorted(readings, key=key), key=key))


def _table(rows: list[Reading], units: dict[str, tuple[str, bool]]) -> Table:
    vials = tuple(dict.fromkeys(r.vial for r in rows))
    scans = sorted(dict.fromkeys(r.scan for r in rows), key=lambda s: (s.site, s.day or datetime.date.min, s.label))
    shape = (len(scans), len(vials))
    measured, expected, u = (np.full(shape, np.nan) for _ in range(3))
    seen = set()
    for r in rows:
        at = scans.index(r.scan), vials.index(r.vial)
        if at in seen:
            raise DataError("E-TABLE", where=f"{r.scan.label}, vial {r.vial}", needed=f"one {r.quantity}", found="two",
                            remedy="give different sessions to different scans")  # fmt: skip
        seen.add(at)
        measured[at], expected[at], u[at] = r.value, r.reference, r.reference_u
    first = rows[0]
    unit, relative = units[first.quantity]
    return Table(first.quantity, first.biomarker, first.acquisition, unit, relative, tuple(scans), vials, measured,
                 expected, u)  # fmt: skip
