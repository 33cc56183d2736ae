"""Sums over the controls of each site: all that a norm needs of them, and no person's values.

For each slope g of log SD over age and each correlation r between rows of one person, with Z = [1, x, y] and
R = D C D (D = diag exp(g age), C = 1 on the diagonal, r between rows of one person):

    Z' R^-1 Z      log |R|

Sums of two sites, or of two halves of one site, add. Rows are brought into one order first, so that the order of a table
changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms.options import CORRELATIONS, Options
from neuromyo.norms.transforms import of


@dataclass(frozen=True, eq=False)
class Controls:
    """Healthy people: (n,) values in the table's unit, who they are, and which rows are of one person (both sides)."""

    value: np.ndarray
    bodies: tuple[Body, ...]
    person: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SiteSums:
    """The controls of one site.

    n_people, n_rows : persons and rows that entered
    low, high : (p,) range of each covariate, natural units, rounded outward
    moments : (G, R, q, q) Z' R^-1 Z over slopes of log SD and correlations; R is 1 where everybody has one row
    log_det : (G, R) log |R|
    """

    site: str
    n_people: int
    n_rows: int
    low: np.ndarray
    high: np.ndarray
    moments: np.ndarray
    log_det: np.ndarray

    def plus(self, other: SiteSums) -> SiteSums:
        """Two sets of people of one site."""
        return SiteSums(self.site, self.n_people + other.n_people, self.n_rows + other.n_rows,
                        np.minimum(self.low, other.low), np.maximum(self.high, other.high),
                        self.moments + other.moments, self.log_det + other.log_det)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Summary:
    """What a norm file stores. ``left_out``: rows that did not enter, and studies, in words."""

    key: NormKey
    options: Options
    sites: tuple[SiteSums, ...]
    left_out: tuple[str, ...] = field(default=())

    @property
    def n_people(self) -> int:
        return sum(site.n_people for site in self.sites)


def summarise(key: NormKey, controls: Controls, options: Options) -> Summary:
    """Sums per site. Refuses (E-NORM) where not one row is usable or all values are the same.

    Rows without a finite value, or of people of whom a covariate is not known, are left out and counted.
    """
    x, y, sites, persons, raw, left_out = _usable(key, controls, options)
    found = []
    for site in sorted(set(sites)):
        at = [i for i, name in enumerate(sites) if name == site]
        found.append(_site(site, x[at], y[at], [persons[i] for i in at], raw[at], options))
    return Summary(key, options, tuple(found), left_out)


def _usable(key: NormKey, controls: Controls, options: Options):
    value = np.asarray(controls.value, dtype=np.float64)
    persons = controls.person or tuple(str(i) for i in range(len(value)))
    if not len(value) == len(controls.bodies) == len(persons):
        raise DataError("E-NORM", where=f"norm of {key}", needed="a body and a person for each value",
                        found=f"{len(value)} values, {len(controls.bodies)} bodies, {len(persons)} persons")  # fmt: skip
    transform = of(key.quantity, key.unit)
    unlawful = np.isfinite(value) & ~transform.lawful(value)
    if unlawful.any():
        raise DataError("E-NORM", where=f"norm of {key}", needed=f"{transform.domain} of each control",
                        found=_listed(value[unlawful], [p for p, bad in zip(persons, unlawful, strict=True) if bad]),
                        remedy="look at these scans; is the unit right?")  # fmt: skip
    raw = options.covariates.raw(controls.bodies)
    missing, unknown = ~np.isfinite(value), np.isnan(raw)
    keep = ~missing & ~unknown.any(axis=1)
    left_out = _words(options.covariates.names, missing, unknown)
    if not keep.any():
        raise DataError("E-NORM", where=f"norm of {key}", needed="controls with a value and all covariates",
                        found=f"none of {len(value)} rows ({'; '.join(left_out) or 'there are none'})",
                        remedy="complete the table of people, or choose fewer covariates")  # fmt: skip
    y = transform.forward(value[keep])
    if len(y) >= 3 and np.ptp(y) <= 1e-9 * max(np.abs(y).max(), 1e-300):
        raise DataError("E-NORM", where=f"norm of {key}", needed="values that differ between people",
                        found=f"the same value in all {len(y)} controls", remedy="look at how the table was made")  # fmt: skip
    at = np.flatnonzero(keep)
    sites, persons = [controls.bodies[i].site for i in at], [persons[i] for i in at]
    return options.covariates.scaled(raw[keep]), y, sites, persons, raw[keep], left_out


def _listed(values: np.ndarray, persons: Sequence[str]) -> str:
    """The first impossible values, and whose."""
    said = [f"{value:g} ({person})" for value, person in zip(values, persons, strict=True)]
    return ", ".join(said[:3]) + f" and {len(said) - 3} more" * (len(said) > 3)


def _words(names: Sequence[str], missing: np.ndarray, unknown: np.ndarray) -> tuple[str, ...]:
    words = [f"{int(missing.sum())} without a value"] if missing.any() else []
    counts = (unknown & ~missing[:, None]).sum(axis=0)
    return tuple(words + [f"{int(n)} without {name}" for name, n in zip(names, counts, strict=True) if n])


def _site(site: str, x: np.ndarray, y: np.ndarray, persons: list[str], raw: np.ndarray, options: Options) -> SiteSums:
    z, sizes = _ordered(np.column_stack([x, y]), persons)
    names = options.covariates.names
    age = z[:, 1 + names.index("age")] if "age" in names else np.zeros(len(z))
    low, high = options.covariates.outward(raw)
    correlations = CORRELATIONS if (sizes > 1).any() else (0.0,)
    sums = [[_weighted(z, age, sizes, g, r) for r in correlations] for g in options.slopes]
    moments = np.array([[m for m, _ in line] for line in sums])
    log_det = np.array([[d for _, d in line] for line in sums])
    return SiteSums(site, len(sizes), len(z), low, high, moments, log_det)


def _ordered(z: np.ndarray, persons: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows person by person in an order that depends on the numbers alone, and how many each person has."""
    rows_of: dict[str, list[tuple[float, ...]]] = {}
    for person, row in zip(persons, z.tolist(), strict=True):
        rows_of.setdefault(person, []).append(tuple(row))
    blocks = sorted(sorted(rows) for rows in rows_of.values())
    return np.array([row for block in blocks for row in block]), np.array([len(block) for block in blocks])


def _weighted(z: np.ndarray, age: np.ndarray, sizes: np.ndarray, g: float, r: float) -> tuple[np.ndarray, float]:
    """Z' R^-1 Z and log |R| at one slope and one correlation; C^-1 = (I - r/(1 + (m-1) r) J) / (1 - r) for m rows."""
    z = z * np.exp(-g * age)[:, None]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    totals = np.add.reduceat(z, starts, axis=0)
    shrink = r / (1 + (sizes - 1) * r)
    moments = (np.einsum("ni,nj->ij", z, z) - np.einsum("ni,n,nj->ij", totals, shrink, totals)) / (1 - r)
    log_det = 2 * g * age.sum() + ((sizes - 1) * np.log1p(-r) + np.log1p((sizes - 1) * r)).sum()
    return 0.5 * (moments + moments.T), float(log_det)
