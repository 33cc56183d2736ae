"""A table of measurements as scans by features, and back: what harmonising works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import Finding, OptionError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body
from neuromyo.norms import site_place
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.harmonise import Applied
from neuromyo.norms.site_model import Feature
from neuromyo.pipeline import trusted
from neuromyo.pipeline.persons import Roster

_MANY = 6
#: columns that told something of the value before
_STALE = ("z", "centile", "z_low", "z_high", "normal_low", "normal_high", "n_effective", "agreement")


@dataclass(frozen=True, slots=True)
class Scan:
    """One acquisition of somebody: the rows that share subject, session, acquisition and region source. ``person``: the same for
    one person at several sites."""

    subject: str
    person: str
    body: Body


@dataclass(frozen=True, eq=False)
class Sheet:
    """values (scans, features), NaN where missing; ``rows``: (scan, feature) -> the row of the table it stands in."""

    scans: tuple[Scan, ...]
    features: Mapping[str, Feature]
    values: np.ndarray
    rows: Mapping[tuple[int, str], Mapping[str, Any]]

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(scan.body.site for scan in self.scans)

    @property
    def persons(self) -> tuple[str, ...]:
        return tuple(scan.person for scan in self.scans)

    @property
    def n_values(self) -> int:
        return int(np.isfinite(self.values).sum())

    def design(self, names: Sequence[str]) -> np.ndarray:
        """(scans, p) covariates on the scales that norms have."""
        return Covariates(tuple(names)).design([scan.body for scan in self.scans])[:, 1:]

    def with_features(self, names: Sequence[str]) -> Sheet:
        """These features only, in this order."""
        order = list(self.features)
        columns = [order.index(name) for name in names]
        return replace(self, features={name: self.features[name] for name in names}, values=self.values[:, columns])

    def rows_of(self, keep: Sequence[bool]) -> Sheet:
        """Some of the scans."""
        chosen = [k for k, one in enumerate(keep) if one]
        place = {k: n for n, k in enumerate(chosen)}
        rows = {(place[k], name): row for (k, name), row in self.rows.items() if k in place}
        return replace(self, scans=tuple(self.scans[k] for k in chosen), values=self.values[chosen], rows=rows)

    def at(self, site: str) -> Sheet:
        """The scans of one site."""
        return self.rows_of([scan.body.site == site for scan in self.scans])

    def trusted(self, keep: Sequence[bool]) -> Sheet:
        """Some of the scans, without the values that are in doubt or not possible."""
        values = self.values.copy()
        for column, (name, feature) in enumerate(self.features.items()):
            values[~feature.transform.lawful(values[:, column]), column] = np.nan
            for k in range(len(self.scans)):
                row = self.rows.get((k, name))
                if row is None or trusted.doubt(row):
                    values[k, column] = np.nan
        return replace(self, values=values).rows_of(
            [one and bool(np.isfinite(values[k]).any()) for k, one in enumerate(keep)]
        )

    def lawful(self, findings: list[Finding]) -> Sheet:
        """Without impossible values, which are told."""
        values = self.values.copy()
        for column, (name, feature) in enumerate(self.features.items()):
            wrong = np.isfinite(values[:, column]) & ~feature.transform.lawful(values[:, column])
            if wrong.any():
                who = sorted({self.scans[k].subject for k in np.flatnonzero(wrong)})
                findings.append(Finding("warn", "W-SITES", f"{name}: {listed(who)}",
                                        f"needed {feature.transform.domain}, found {values[wrong, column][0]:g}",
                                        "look at the measurement", "left out of the harmonised table"))  # fmt: skip
                values[wrong, column] = np.nan
        return replace(self, values=values)


def sheet(measured: Measurements, roster: Roster, person: Mapping[str, str]) -> Sheet:
    """Rows of whole regions that describe the person's tissue, in an order that does not depend on that of the table."""
    rows = [row for row in measured.rows() if trusted.compares(row) and np.isfinite(row["value"])]
    kinds = {feature.name: feature for feature in map(_feature, rows)}
    features = {name: kinds[name] for name in sorted(kinds)}
    keys = sorted({_scan(row) for row in rows})
    place = {key: k for k, key in enumerate(keys)}
    columns = {name: k for k, name in enumerate(features)}
    values = np.full((len(keys), len(features)), np.nan)
    held: dict[tuple[int, str], Mapping[str, Any]] = {}
    for row in rows:
        k, name = place[_scan(row)], _feature(row).name
        values[k, columns[name]] = row["value"]
        held[k, name] = row
    scans = tuple(Scan(key[0], person.get(key[0], key[0]), roster.body(key[0])) for key in keys)
    return Sheet(scans, features, values, held)


def rewritten(inside: Sheet, applied: Applied) -> Iterator[dict[str, Any]]:
    """The rows with harmonised values. Uncertainties that a row had are stretched with it, and that of harmonising is added;
    a place among healthy people that the old value had is taken away."""
    names = list(inside.features)
    for (k, name), row in sorted(inside.rows.items(), key=lambda item: item[0]):
        column = names.index(name) if name in inside.features else -1
        if column < 0 or not np.isfinite(applied.values[k, column]):
            continue
        stretch, added = float(applied.stretch[k, column]), float(applied.se[k, column])
        own = 0.0 if np.isnan(row["se"]) else float(row["se"]) * stretch
        yield {**row, "value": float(applied.values[k, column]), "se": float(np.hypot(own, added)),
               "sd_between": float(row["sd_between"]) * stretch, **dict.fromkeys(_STALE, None), "norm": "",
               "flags": ",".join(part for part in (row["flags"], site_place.flag(added)) if part)}  # fmt: skip


def persons_of(people: Path, person_column: str, site_column: str) -> dict[str, str]:
    """Subject -> person, of a column that names people who were scanned under several labels; empty without a column.

    E-UNKNOWN where the table of people has no column of either name."""
    from neuromyo.io.people import census

    cells = census(people).cells
    header = list(next(iter(cells.values()), {}))
    spelled = {name.casefold(): name for name in header}
    for option, column in (("--site-column", site_column), ("--person-column", person_column)):
        if column and column.casefold() not in spelled:
            raise OptionError("E-UNKNOWN", where=f"{people.name}: {option}", needed=f"one of {', '.join(header)}", found=column,
                              remedy="name a column of the table of people, or add it")  # fmt: skip
    if not person_column:
        return {}
    own = spelled[person_column.casefold()]
    return {who: f"person {row[own]}" if row[own] else who for who, row in cells.items()}


def listed(people: Sequence[str]) -> str:
    """A few labels, and how many more."""
    return ", ".join(f"sub-{who}" for who in people[:_MANY]) + f" and {len(people) - _MANY} more" * (
        len(people) > _MANY
    )


def _feature(row: Mapping[str, Any]) -> Feature:
    key = trusted.key_of(row)
    name = f"{row['side']} {key}".strip() + (f" [{key.method}]" if key.method else "")
    pool = "; ".join((key.quantity, key.biomarker, key.statistic, key.unit))
    return Feature(name, key.quantity, key.unit, pool)


def _scan(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("subject", "session", "acquisition", "region_source"))
