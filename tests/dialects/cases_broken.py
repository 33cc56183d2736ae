"""What is to be refused, or said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import altered, ge, geometry, philips, siemens
from .exam import Examination
from .geometry import affine, pattern
from .scan import Scan
from .truth import BROKEN, NARROW, OBLIQUE, SHAPE, WIDE, Truth, case, mese, weighted


@case("slices drawn sideways", BROKEN)
def _(folder: Path) -> list[Truth]:
    """Each slice a little further along the row: the grid is sheared."""
    where = OBLIQUE.copy()
    where[:3, 2] += 0.2 * where[:3, 0]
    scan = mese(where, thickness_mm=6.0)
    siemens.write(scan, Examination().series(3, "mese t2"), folder)
    return []


@case("two stacks side by side in one series", BROKEN)
def _(folder: Path) -> list[Truth]:
    """Left and right, parallel, their slices between each other: to be parted or refused, never to be shuffled into one."""
    series = Examination().series(3, "mese t2")
    for n, x in enumerate((60.0, -20.0)):
        where = affine("axial", corner=(x, 61.0, -312.0 + 3.0 * n))
        scan = mese(where, seed=n)
        siemens.write(scan, series, folder)
    return []


@case("missing slice", BROKEN)
def _(folder: Path) -> list[Truth]:
    scan = mese()
    paths = siemens.write(scan, Examination().series(3, "mese t2"), folder)
    for echo in range(3):
        geometry.without(paths, echo * scan.slices + 2)
    return []


@case("missing image of one echo", BROKEN)
def _(folder: Path) -> list[Truth]:
    geometry.without(siemens.write(mese(), Examination().series(3, "mese t2"), folder), 7)
    return []


@case("unequal spacing", BROKEN)
def _(folder: Path) -> list[Truth]:
    scan = mese(offsets_mm=(0.0, 6.0, 12.0, 19.0, 25.0))
    siemens.write(scan, Examination().series(3, "mese t2"), folder)
    return []


@case("an image twice, each under its own identifier", BROKEN)
def _(folder: Path) -> list[Truth]:
    paths = siemens.write(mese(), Examination().series(3, "mese t2"), folder)
    geometry.twice(paths[4], as_new_instance=True)
    return []


@case("ge, one echo time for all", BROKEN)
def _(folder: Path) -> list[Truth]:
    ge.write(mese(), Examination().series(8, "mese"), folder, one_echo_time=True)
    return []


@case("siemens mosaic whose slices may be counted either way", BROKEN)
def _(folder: Path) -> list[Truth]:
    """Without the CSA header nothing says whether the tiles go along the normal or against it."""
    siemens.write_mosaic(weighted(affine(back=True), slices=7), Examination().series(5, "dti"), folder)
    altered.rewrite(folder, altered.without_csa)
    return []


@case("philips display values only", BROKEN)
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, scale in enumerate((NARROW, WIDE)):
        lost = replace(scale, scale_slope=None)  # private elements went on the way
        scan = Scan(
            pattern((*SHAPE, 1), number), OBLIQUE, sequence="GR", flip_deg=((4.0, 20.0)[number],), echo_times=(0.005,)
        )
        philips.write(scan, exam.series(201 + 100 * number, "t1 vfa"), folder, scaling=lost)
        truths.append(Truth.of(scan, values=lost.displayed(scan.stored), exact=False))
    return truths
