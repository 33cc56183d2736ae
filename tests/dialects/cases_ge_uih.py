"""GE and United Imaging."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from . import ge, geometry, uih
from .exam import Examination
from .geometry import affine, pattern
from .scan import Scan
from .truth import OBLIQUE, SHAPE, Truth, case, each, mese, weighted


def _parts(folder: Path, syntax: str) -> list[Truth]:
    parts, echoes = ("mag", "phase", "real", "imag"), (0.0039, 0.0063)
    stored = pattern((*SHAPE, 8), 6, low=-3000, high=3000, dtype=np.int16)
    stored[..., ::4] = abs(stored[..., ::4])
    stored[..., 1::4] = ge.milliradians(stored[..., 1::4] / 3000 * np.pi)
    scan = Scan(
        stored,
        OBLIQUE,
        parts=parts * 2,
        sequence="GR",
        echo_times=tuple(t for t in echoes for _ in parts),
        flip_deg=(50.0,),
    )
    ge.write(scan, Examination().series(6, "gre b0"), folder, syntax=syntax)
    return [
        Truth.of(scan, [n, n + 4]) for n in range(4)
    ]  # GE states no unit of phase: whole numbers stay what they are


each(["explicit", "implicit", "big", "deflated"], "ge parts in one series, {}", _parts)


@case("ge mese, big endian, sagittal")
def _(folder: Path) -> list[Truth]:
    scan = mese(affine("sagittal", turn=(3, 8, -4)))
    ge.write(scan, Examination().series(8, "mese"), folder, syntax="big", order="shuffled")
    return [Truth.of(scan)]


def _ge_dti(folder: Path, how: str) -> list[Truth]:
    plane, phase_encoding = how.split()
    scan = weighted(affine(plane, turn=(4, -7, 10)), phase_encoding=phase_encoding)
    ge.write(scan, Examination().series(9, "dti"), folder, order="volumes", b_offset=plane != "sagittal")
    return [Truth.of(scan)]


each([f"{plane} {pe}" for plane in geometry.PLANES for pe in ("COL", "ROW")], "ge dti, {}", _ge_dti)


def _grid(folder: Path, slices: int) -> list[Truth]:
    scan = weighted(slices=slices)
    uih.write_grid(scan, Examination().series(9, "dti"), folder)
    return [replace(Truth.of(scan), b_values=tuple(uih.reached(b) for b in scan.b_values))]


each([5, 20], "uih dti, grid of {}", _grid)


@case("uih dti, a slice a file")
def _(folder: Path) -> list[Truth]:
    scan = weighted()
    uih.write(scan, Examination().series(9, "dti"), folder)
    return [replace(Truth.of(scan), b_values=tuple(uih.reached(b) for b in scan.b_values))]


@case("uih mese, a slice a file")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    uih.write(scan, Examination().series(9, "mese"), folder, order="interleaved")
    return [Truth.of(scan)]
