"""What happens to files on their way; geometry; transfer syntaxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from . import altered, enhanced, ge, geometry, siemens
from .exam import Examination
from .geometry import affine, pattern
from .scan import Scan
from .truth import CASES, NARROW, OBLIQUE, SHAPE, TES, Truth, case, each, mese, weighted

_WAYS = {"private elements unknown": altered.unknown, "private blocks moved": altered.moved}
_SENT = ("siemens dti, mosaic of 7", "siemens xa, enhanced dti", "ge parts in one series, explicit", "ge dti, axial COL",
         "philips parts in one series, classic", "philips parts in one series, enhanced", "philips dti, last volume classic isotropic",
         "uih dti, grid of 5", "uih dti, a slice a file")  # fmt: skip


def _sent(folder: Path, how: str) -> list[Truth]:
    name, way = how.split("; ")
    truths = CASES[name](folder)
    altered.rewrite(folder, _WAYS[way])
    return truths


each(
    [f"{name}; {way}" for name in _SENT for way in _WAYS if not (way.endswith("moved") and "uih" in name)], "{}", _sent
)


@case("siemens dti, one slice a file; private elements unknown")
def _(folder: Path) -> list[Truth]:
    scan = weighted()
    siemens.write(scan, Examination().series(5, "dti ep2d"), folder)
    altered.rewrite(folder, altered.unknown)
    return [Truth.of(scan)]


@case("siemens dti, one slice a file, without CSA headers")
def _(folder: Path) -> list[Truth]:
    scan = weighted()
    siemens.write(scan, Examination().series(5, "dti ep2d"), folder)
    altered.rewrite(folder, altered.without_csa)
    return [Truth.of(scan)]


@case("places and directions rounded")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    siemens.write(scan, Examination().series(3, "mese"), folder)
    altered.rewrite(folder, altered.rounded)
    return [Truth.of(scan)]


@case("an overlay in the bits above those stored")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    siemens.write(scan, Examination().series(3, "mese"), folder)
    altered.rewrite(folder, altered.overlaid)
    return [Truth.of(scan)]


@case("philips enhanced, each frame scaled for itself")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    enhanced.write(scan, Examination().series(601, "mese"), folder, vendor="philips", scaling=NARROW)
    altered.rewrite(folder, altered.frames_scaled_apart)
    frame = np.arange(scan.slices)[:, None] + scan.slices * np.arange(3)
    values = scan.stored / np.float32(np.float32(NARROW.scale_slope) / (1 + 0.125 * frame)).astype(float)
    return [Truth.of(scan, values=values, exact=False)]


@case("one slice, three echoes")
def _(folder: Path) -> list[Truth]:
    scan = mese(shape=(20, 24, 1))
    siemens.write(scan, Examination().series(3, "mese nerve"), folder)
    return [Truth.of(scan)]


@case("siemens, a series an echo")
def _(folder: Path) -> list[Truth]:
    exam, scan = Examination(), mese()
    for n in range(3):
        one = replace(scan, stored=scan.stored[..., n : n + 1], echo_times=(TES[n],))
        siemens.write(one, exam.series(3 + n, "mese t2"), folder)
    return [Truth.of(scan)]


@case("ge dixon")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, made in enumerate(ge.DIXON):
        scan = Scan(pattern((*SHAPE, 1), number), OBLIQUE, echo_times=(0.0022,), sequence="GR", flip_deg=(5.0,))
        ge.write(scan, exam.series(10 + number, "ideal thigh"), folder, made=made)
        truths.append(Truth.of(scan, made=made))
    return truths


# Geometry and transfer syntaxes


def _stack(folder: Path, how: str) -> list[Truth]:
    plane, turn, way = how.split()
    where = affine(plane, turn=(12, -7, 20) if turn == "oblique" else (0, 0, 0), back=way == "back")
    scan = Scan(pattern((*SHAPE, 1), 7), where, thickness_mm=4.0)
    siemens.write(scan, Examination().series(3, "t2 tse"), folder, order="interleaved")
    return [Truth.of(scan)]


each(
    [f"{p} {t} {w}" for p in geometry.PLANES for t in ("straight", "oblique") for w in ("forth", "back")],
    "stack {}, gaps",
    _stack,
)


@case("three-plane localiser")
def _(folder: Path) -> list[Truth]:
    series, truths = Examination().series(1, "loc"), []
    for number, plane in enumerate(geometry.PLANES):
        scan = Scan(pattern((24, 24, 3, 1), number), affine(plane, spacing_mm=(2.0, 2.0, 20.0)), sequence="GR")
        siemens.write(scan, series, folder)
        truths.append(Truth.of(scan))
    return truths


def _compressed(folder: Path, syntax: str) -> list[Truth]:
    scan = Scan(pattern((*SHAPE, 1), 8, high=60000), OBLIQUE)
    ge.write(scan, Examination().series(9, "t2"), folder, syntax=syntax)
    return [Truth.of(scan)]


each(["rle", "jpeg", "jpeg2000", "jpegls"], "compressed, {}", _compressed)


@case("compressed frames of a multi-frame file")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    enhanced.write(scan, Examination().series(9, "mese"), folder, vendor="siemens", syntax="rle")
    return [Truth.of(scan)]


@case("the same files twice")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    paths = siemens.write(scan, Examination().series(3, "mese t2"), folder)
    geometry.twice(paths[4], as_new_instance=False)
    return [Truth.of(scan)]


@case("the same echoes twice, one after the other")
def _(folder: Path) -> list[Truth]:
    """Two measurements in one series, told apart by AcquisitionNumber and by the time."""
    series, truths = Examination().series(3, "mese t2"), []
    for n in range(2):
        scan = mese(seed=10 + n)
        siemens.write(scan, series, folder, measurement=n + 1)
        truths.append(Truth.of(scan))
    return truths
