"""Diffusion gradients: bval and bvec files to b-values in s/m2 and directions in the RAS world frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.io.files import read_small

_PER_MM2 = 1e6  # 1 s/mm2 = 1e6 s/m2
_MOST = 100_000.0  # s/mm2; beyond any scanner, but not beyond a value given in s/m2
#: s/mm2 up to which a volume needs no direction: it takes at most 2 % of the signal
_UNWEIGHTED = 10.0
#: directions are told with a few digits; what is further from length 1 is no direction, or a b-value in disguise
_UNIT = 1e-2
#: b-values within this share of each other are one shell, as scanners vary them
_SHELL = 0.1

Directions = tuple[tuple[float, float, float], ...]


def read_bvals(path: Path, name: str, n: int) -> tuple[float, ...]:
    """The ``n`` b-values of a bval file (s/mm2 there), in s/m2."""
    values = _table(path, name).ravel()
    if values.size != n:
        raise DataError("E-GRAD", where=name, needed=f"{n} b-values, one a volume", found=str(values.size),
                        remedy="convert the series again")  # fmt: skip
    if not np.isfinite(values).all() or values.min() < 0:
        raise DataError("E-UNITS", where=name, needed="b-values of 0 or more", found="negative or no number",
                        remedy="convert the series again")  # fmt: skip
    if values.max() > _MOST:
        raise DataError("E-UNITS", where=name, needed="s/mm2", found=f"b-values up to {values.max():g}",
                        remedy="if they are in s/m2, divide by 1e6")  # fmt: skip
    return tuple(float(v) * _PER_MM2 for v in values)


def read_bvecs(
    path: Path, name: str, n: int, grid: Grid, b_values: Sequence[float] | None = None
) -> tuple[Directions, tuple[Finding, ...]]:
    """The ``n`` directions of a bvec file (three rows, in the stored image's axes) in the RAS world frame.

    b_values : s/m2; every volume weighted by more than a trace must have a direction of length 1 then, the others may
        have none (zeros or NaN, given back as zeros). Without them any may have none.

    A row for each volume instead of three rows is turned, with a warning. Lengths within a hundredth of 1 are made 1. Others
    are refused: some programs scale b by the squared length of a direction, others do not, and files do not say which.
    """
    table, findings = _table(path, name), ()
    weighted = np.ones(n, bool) if b_values is None else np.asarray(b_values) > _UNWEIGHTED * _PER_MM2
    if _lies_on_its_side(table, n, weighted):
        said = "one row a volume instead of three rows; it was transposed"
        table, findings = table.T, (Finding("warn", "W-GRAD", name, said, "write three rows"),)
    if table.shape != (3, n):
        raise DataError("E-GRAD", where=name, needed=f"3 x {n} numbers, a column a volume",
                        found=" x ".join(map(str, table.shape)), remedy="convert the series again")  # fmt: skip
    vectors = table.T
    missing = ~np.isfinite(vectors).all(axis=1) | (np.nan_to_num(vectors) == 0).all(axis=1)
    if b_values is not None:
        _require_directions(name, np.flatnonzero(missing & weighted))
    lengths = np.linalg.norm(np.where(missing[:, None], 0.0, vectors), axis=1)
    off = ~missing & (np.abs(lengths - 1) > _UNIT)
    if (off & weighted).any():
        first = int(np.flatnonzero(off & weighted)[0])
        raise DataError("E-GRAD", where=name, needed="directions of length 1", found=f"length {lengths[first]:.4g} in "
                        f"column {first + 1}", remedy="if b-values are scaled by squared lengths, write the scaled b into the "
                        "bval file and directions of length 1 here")  # fmt: skip
    none = missing | off  # no weighting to speak of, so that a direction would say nothing
    unit = np.where(none[:, None], 0.0, vectors) / np.where(none, 1.0, lengths)[:, None]
    return _to_world(unit, grid), findings


def require_tensor(b_values: Sequence[float], name: str) -> None:
    """E-GRAD where all weighted volumes are of one shell and none is unweighted: nothing to compare with."""
    b = np.asarray(b_values) / _PER_MM2
    if b.size and b.min() > _UNWEIGHTED and b.max() - b.min() <= _SHELL * b.max():
        raise DataError("E-GRAD", where=name, needed="a volume without diffusion weighting (b = 0), or a second b-value",
                        found=f"b = {b.mean():.0f} s/mm2 in all {b.size} volumes",
                        remedy="add the volumes of b = 0 to the series")  # fmt: skip


def _require_directions(name: str, lacking: np.ndarray) -> None:
    if lacking.size:
        raise DataError("E-GRAD", where=name, needed="a direction for each volume with diffusion weighting",
                        found=f"none in {lacking.size} of them (first in column {int(lacking[0]) + 1})",
                        remedy="convert the series again, or take out volumes that are averages over directions")  # fmt: skip


def _lies_on_its_side(table: np.ndarray, n: int, weighted: np.ndarray) -> bool:
    """Whether a table holds a row a volume. Of three volumes either is possible: then lengths decide."""
    if table.shape != (n, 3):
        return False
    if n != 3:
        return True

    def fits(vectors: np.ndarray) -> bool:
        return bool((np.abs(np.linalg.norm(np.nan_to_num(vectors[weighted]), axis=1) - 1) <= _UNIT).all())

    return not fits(table.T) and fits(table)


def _to_world(vectors: np.ndarray, grid: Grid) -> Directions:
    """Rows of a bvec file -> RAS world."""
    world = vectors @ grid.bvec_axes.T
    return tuple((float(x), float(y), float(z)) for x, y, z in world + 0.0)


def _table(path: Path, name: str) -> np.ndarray:
    """(rows, columns) of numbers."""
    text = read_small(path, name, "E-GRAD").decode("utf-8", errors="replace")
    try:
        rows = [[float(cell) for cell in line.replace(",", " ").split()] for line in text.splitlines() if line.strip()]
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)
    except ValueError as error:
        raise DataError("E-GRAD", where=name, needed="rows of numbers, all of one length", found=str(error),
                        remedy="convert the series again") from error  # fmt: skip
