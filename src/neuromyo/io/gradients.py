"""Diffusion gradients: bval and bvec files to b-values in s/m2 and directions in the RAS world frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.io.files import read_small

_PER_MM2 = 1e6  # 1 s/mm2 = 1e6 s/m2
_MOST = 100_000.0  # s/mm2; beyond any scanner, but not beyond a value given in s/m2


def read_bvals(path: Path, name: str, n: int) -> tuple[float, ...]:
    """The ``n`` b-values of a bval file (s/mm2 there), in s/m2."""
    values = _table(path, name).ravel()
    if values.size != n:
        raise DataError("E-SIDECAR", where=name, needed=f"{n} b-values, one a volume", found=str(values.size),
                        remedy="convert the series again")  # fmt: skip
    if not np.isfinite(values).all() or values.min() < 0:
        raise DataError("E-UNITS", where=name, needed="b-values of 0 or more", found="negative or no number",
                        remedy="convert the series again")  # fmt: skip
    if values.max() > _MOST:
        raise DataError("E-UNITS", where=name, needed="s/mm2", found=f"b-values up to {values.max():g}",
                        remedy="if they are in s/m2, divide by 1e6")  # fmt: skip
    return tuple(float(v) * _PER_MM2 for v in values)


def read_bvecs(path: Path, name: str, n: int, grid: Grid) -> tuple[tuple[tuple[float, float, float], ...], tuple[Finding, ...]]:
    """The ``n`` directions of a bvec file (three rows, in the stored image's axes) in the RAS world frame.

    A row for each volume instead of three rows is turned, with a warning. NaN, which stands for "no direction", is 0.
    """
    table, findings = _table(path, name), ()
    if table.shape == (n, 3) and n != 3:
        said = "one row a volume instead of three rows; it was transposed"
        table, findings = table.T, (Finding("warn", "W-GRAD", name, said, "write three rows"),)
    if table.shape != (3, n):
        raise DataError("E-SIDECAR", where=name, needed=f"3 x {n} numbers, a column a volume",
                        found=" x ".join(map(str, table.shape)), remedy="convert the series again")  # fmt: skip
    return _to_world(np.nan_to_num(table.T, nan=0.0, posinf=0.0, neginf=0.0), grid), findings


def _to_world(vectors: np.ndarray, grid: Grid) -> tuple[tuple[float, float, float], ...]:
    """FSL's convention: image axes as stored, the first of them negated where the stored image is right-handed."""
    stored = grid.source_affine[:3, :3]
    axes = stored / np.linalg.norm(stored, axis=0)
    signs = np.array([-1.0 if np.linalg.det(stored) > 0 else 1.0, 1.0, 1.0])
    world = (vectors * signs) @ axes.T
    return tuple((float(x), float(y), float(z)) for x, y, z in world)


def _table(path: Path, name: str) -> np.ndarray:
    """(rows, columns) of numbers."""
    text = read_small(path, name, "E-SIDECAR").decode("utf-8", errors="replace")
    try:
        rows = [[float(cell) for cell in line.replace(",", " ").split()] for line in text.splitlines() if line.strip()]
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)
    except ValueError as error:
        raise DataError("E-SIDECAR", where=name, needed="rows of numbers, all of one length", found=str(error),
                        remedy="convert the series again") from error  # fmt: skip
