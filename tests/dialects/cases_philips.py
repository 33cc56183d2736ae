"""Philips: scalings, parts and computed images in one series."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import enhanced, philips
from .exam import Examination
from .geometry import pattern
from .scan import Scan
from .truth import NARROW, OBLIQUE, SHAPE, WIDE, Truth, case, each, mese, weighted


@case("philips series scaled each for itself")
def _(folder: Path) -> list[Truth]:
    exam, truths = Examination(), []
    for number, scale in enumerate((NARROW, WIDE)):
        scan = Scan(
            pattern((*SHAPE, 1), number), OBLIQUE, sequence="GR", flip_deg=((4.0, 20.0)[number],), echo_times=(0.005,)
        )
        philips.write(scan, exam.series(201 + 100 * number, "t1 vfa"), folder, scaling=scale)
        truths.append(Truth.of(scan, values=scale.measured(scan.stored), exact=False))
    return truths


@case("philips all echoes in one series")
def _(folder: Path) -> list[Truth]:
    scan = mese()
    philips.write(scan, Examination().series(301, "mese t2"), folder, scaling=NARROW)
    return [Truth.of(scan, values=NARROW.measured(scan.stored), exact=False)]


PARTS_OF_PHILIPS = {"mag": NARROW, "phase": philips.MILLIRADIANS,
                    "real": philips.Scaling(4.0, -8190.0, 0.01), "imag": philips.Scaling(4.0, -8190.0, 0.01)}  # fmt: skip


def _measured(scan: Scan) -> np.ndarray:
    made = np.zeros(scan.stored.shape)
    for n in range(scan.volumes):
        part = scan.of("parts", n)
        one = scan.stored[..., n]
        made[..., n] = philips.radians(one) if part == "phase" else PARTS_OF_PHILIPS[part].measured(one)
    return made


def _philips_parts(folder: Path, kind: str) -> list[Truth]:
    parts = ("mag", "phase", "real", "imag")
    stored = pattern((*SHAPE, 8), 6, high=4096)
    scan = Scan(
        stored, OBLIQUE, parts=parts * 2, sequence="GR", echo_times=(0.0023,) * 4 + (0.0046,) * 4, flip_deg=(20.0,)
    )
    series = Examination().series(401, "gre b0")
    if kind == "classic":
        philips.write(scan, series, folder, scaling=PARTS_OF_PHILIPS)
    else:
        enhanced.write(scan, series, folder, vendor="philips", scaling=PARTS_OF_PHILIPS)
    values = _measured(scan)
    return [Truth.of(scan, [n, n + 4], values, exact=False) for n in range(4)]


each(["classic", "enhanced"], "philips parts in one series, {}", _philips_parts)


def _philips_dti(folder: Path, how: str) -> list[Truth]:
    kind, trailing = how.split()
    scan = weighted(volumes=8)
    scan.b_vectors[-1] = 0
    series = Examination().series(501, "dti")
    if kind == "classic":
        philips.write(scan, series, folder, trailing=trailing, scaling=NARROW)
    else:
        enhanced.write(scan, series, folder, vendor="philips", trailing=trailing, scaling=NARROW)
    values = NARROW.measured(scan.stored)
    if trailing == "ADC":  # a map, which is what the console shows
        values = np.concatenate([values[..., :7], NARROW.displayed(scan.stored[..., 7:])], axis=-1)
    first = Truth.of(scan, list(range(7)), values, exact=False)
    last = Truth.of(scan, [7], values, made="ADC" if trailing == "ADC" else "trace", exact=False)
    return [first, last]


each(
    [f"{kind} {last}" for kind in ("classic", "enhanced") for last in ("isotropic", "ADC")],
    "philips dti, last volume {}",
    _philips_dti,
)


def _philips_enhanced(folder: Path, order: str) -> list[Truth]:
    scan = mese()
    enhanced.write(scan, Examination().series(601, "mese t2"), folder, vendor="philips", scaling=NARROW, order=order)
    return [Truth.of(scan, values=NARROW.measured(scan.stored), exact=False)]


each(["volumes", "slices", "shuffled"], "philips enhanced mese, {}", _philips_enhanced)


def _philips_maps(folder: Path, kind: str) -> list[Truth]:
    """A T2 map in ms and a field map in Hz, scaled for display."""
    exam, truths = Examination(), []
    for number, (made, unit, per_unit) in enumerate((("T2map", "ms", 1e-3), ("B0map", "Hz", 1.0))):
        scale = philips.Scaling(0.25, -500.0 if made == "B0map" else 0.0, 4.0, unit)
        scan = Scan(pattern((*SHAPE, 1), number), OBLIQUE)
        series = exam.series(701 + number, "t2" if made == "T2map" else "b0")
        if kind == "classic":
            philips.write(scan, series, folder, scaling=scale, made=made)
        else:
            enhanced.write(scan, series, folder, vendor="philips", scaling=scale, made=made)
        truths.append(Truth.of(scan, values=scale.displayed(scan.stored) * per_unit, made=made, exact=False))
    return truths


each(["classic", "enhanced"], "philips scanner's maps, {}", _philips_maps)


@case("philips dixon")
def _(folder: Path) -> list[Truth]:
    """Water and fat are signals: they are compared with each other, so they come out as measured, not as displayed."""
    exam, truths = Examination(), []
    for number, made in enumerate(("inphase", "outphase", "water", "fat")):
        scale = (NARROW, WIDE)[number % 2]
        scan = Scan(pattern((*SHAPE, 1), number), OBLIQUE, echo_times=(0.0023,), sequence="GR", flip_deg=(10.0,))
        philips.write(scan, exam.series(801 + number, "dixon thigh"), folder, scaling=scale, made=made)
        truths.append(Truth.of(scan, values=scale.measured(scan.stored), made=made, exact=False))
    return truths


def _philips_mdixon(folder: Path, kind: str) -> list[Truth]:
    """All four images of a water-fat scan in one series."""
    made = ("inphase", "outphase", "water", "fat")
    scan = Scan(pattern((*SHAPE, 4), 3), OBLIQUE, echo_times=(0.0023,), sequence="GR", flip_deg=(10.0,), made=made)
    series = Examination().series(901, "dixon thigh")
    if kind == "classic":
        philips.write(scan, series, folder, scaling=WIDE)
    else:
        enhanced.write(scan, series, folder, vendor="philips", scaling=WIDE)
    return [Truth.of(scan, [n], WIDE.measured(scan.stored), exact=False) for n in range(4)]


each(["classic", "enhanced"], "philips dixon in one series, {}", _philips_mdixon)
