"""Siemens: classic files, mosaics, XA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import enhanced, ge, philips, siemens
from .exam import Examination
from .geometry import affine, pattern
from .scan import Scan
from .truth import NARROW, OBLIQUE, SHAPE, Truth, case, each, mese, weighted


def _orders(folder: Path, order: str) -> list[Truth]:
    scan = mese()
    siemens.write(scan, Examination().series(3, "mese t2 calf"), folder, order=order)
    return [Truth.of(scan)]


each(["volumes", "slices", "reversed", "interleaved", "shuffled"], "siemens mese, {}", _orders)


@case("siemens mese, xa without echo numbers")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    siemens.write(scan, Examination().series(3, "mese t2 calf"), folder, order="slices", xa=True)
    return [Truth.of(scan)]


@case("siemens gre, magnitude and phase")
def _(folder: Path) -> list[Truth]:
    exam = Examination()
    scan = mese(sequence="GR", flip_deg=(15.0,))
    turned = replace(scan, stored=pattern((*SHAPE, 3), 2, high=4096), parts=("phase",))
    siemens.write(scan, exam.series(3, "gre b0"), folder)
    siemens.write(turned, exam.series(4, "gre b0"), folder)
    return [Truth.of(scan), Truth.of(turned, values=siemens.radians(turned.stored), exact=False)]


def _mosaic(folder: Path, slices: int) -> list[Truth]:
    scan = weighted(slices=slices)
    siemens.write_mosaic(scan, Examination().series(5, "dti ep2d calf"), folder)
    return [Truth.of(scan)]


each([4, 7], "siemens dti, mosaic of {}", _mosaic)


@case("siemens dti, mosaic, slices counted downwards")
def _(folder: Path) -> list[Truth]:
    scan = weighted(affine(turn=(12, -7, 20), back=True), slices=7)
    siemens.write_mosaic(scan, Examination().series(5, "dti ep2d calf"), folder)
    return [Truth.of(scan)]


@case("siemens dixon")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, made in enumerate(("inphase", "outphase", "water", "fat")):
        te = {"inphase": 0.00246, "outphase": 0.00123}.get(made, 0.00123)
        scan = Scan(pattern((*SHAPE, 1), number), OBLIQUE, echo_times=(te,), sequence="GR", flip_deg=(9.0,))
        siemens.write(scan, exam.series(10 + number, "vibe dixon thigh"), folder, made=made)
        truths.append(Truth.of(scan, made=made))
    return truths


@case("siemens mt on and off")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, on in enumerate((False, True)):
        scan = Scan(
            pattern((*SHAPE, 1), number), OBLIQUE, echo_times=(0.004,), sequence="GR", flip_deg=(10.0,), mt_on=on
        )
        siemens.write(scan, exam.series(20 + number, "gre mton" if on else "gre mtoff"), folder)
        truths.append(Truth.of(scan))
    return truths


@case("siemens scanner's maps")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    scan = mese()
    siemens.write(scan, exam.series(3, "mese"), folder)
    for number, made in enumerate(("T2map", "ADC", "FA")):
        derived = Scan(pattern((*SHAPE, 1), 30 + number), OBLIQUE)
        siemens.write(derived, exam.series(30 + number, "mese" if made == "T2map" else "dti"), folder, made=made)
        truths.append(Truth.of(derived, made=made))
    return [Truth.of(scan), *truths]


def _mt(folder: Path, vendor: str) -> list[Truth]:
    """GE and Philips say it only where it is on: what is off is known by its twin, not by its own header."""
    exam, truths = Examination(), []
    for number, on in enumerate((False, True)):
        scan = Scan(
            pattern((*SHAPE, 1), number), OBLIQUE, echo_times=(0.004,), sequence="GR", flip_deg=(10.0,), mt_on=on
        )
        series = exam.series(20 + number, "gre mton" if on else "gre mtoff")
        if vendor == "ge":
            ge.write(scan, series, folder)
        elif vendor == "philips":
            philips.write(scan, series, folder, scaling=NARROW)
        else:
            enhanced.write(scan, series, folder, vendor=vendor.split()[0], scaling=NARROW if vendor[0] == "p" else None)
        values = scan.stored if vendor == "ge" or vendor[0] == "s" else NARROW.measured(scan.stored)
        stated = on or None if vendor in ("ge", "philips") else on
        truths.append(replace(Truth.of(scan, values=values, exact=vendor[0] != "p"), mt_on=stated))
    return truths


each(["ge", "philips", "philips enhanced", "siemens xa"], "mt on and off, {}", _mt)


def _in_one(folder: Path, how: str) -> list[Truth]:
    """Flip angles or inversion times of one series, which may be fitted together only if they are told apart."""
    kind, what = how.split(", ")
    if what == "flips":
        scan = Scan(pattern((*SHAPE, 2), 3), OBLIQUE, echo_times=(0.004,), sequence="GR", flip_deg=(4.0, 20.0))
    else:
        scan = Scan(
            pattern((*SHAPE, 3), 3), OBLIQUE, sequence="IR", inversion_times=(0.05, 0.4, 2.5), repetition_time=5.0
        )
    series = Examination().series(5, "vfa t1" if what == "flips" else "ir t1")
    if kind == "classic":
        philips.write(scan, series, folder, scaling=NARROW)
    else:
        enhanced.write(scan, series, folder, vendor="philips", scaling=NARROW)
    return [Truth.of(scan, [n], NARROW.measured(scan.stored), exact=False) for n in range(scan.volumes)]


each(
    [f"{k}, {w}" for k in ("classic", "enhanced") for w in ("flips", "inversion times")],
    "philips in one series, {}",
    _in_one,
)


@case("siemens inversion times")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, ti in enumerate((0.05, 0.4, 2.5)):
        scan = Scan(pattern((*SHAPE, 1), number), OBLIQUE, sequence="IR", inversion_times=(ti,), repetition_time=5.0)
        siemens.write(scan, exam.series(40 + number, "tir t1"), folder)
        truths.append(Truth.of(scan))
    return truths


def _xa(folder: Path, files: str) -> list[Truth]:
    exam = Examination()
    scan, turned = mese(sequence="GR"), mese(seed=9, sequence="GR", parts=("phase",))
    enhanced.write(scan, exam.series(3, "gre"), folder, vendor="siemens", files=files)
    enhanced.write(turned, exam.series(4, "gre"), folder, vendor="siemens", files=files)
    return [Truth.of(scan), Truth.of(turned, values=siemens.radians(turned.stored), exact=False)]


each(["one", "volumes"], "siemens xa, enhanced, files: {}", _xa)


@case("siemens xa, enhanced dti")
def _(folder: Path) -> list[Truth]:
    scan = weighted()
    enhanced.write(scan, Examination().series(5, "dti ep2d"), folder, vendor="siemens", files="volumes")
    return [Truth.of(scan)]
