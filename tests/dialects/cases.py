"""Folders of scanner files, each with the truth that must come out of it: values, places, parts and times.

`CASES` are to be read rightly, `BROKEN` are to be refused or warned of. Whoever judges a reader runs over both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import altered, enhanced, ge, geometry, philips, siemens, uih
from .exam import Examination
from .geometry import affine, directions, pattern
from .scan import Scan

SHAPE = (20, 24, 5)
OBLIQUE = affine(turn=(12, -7, 20))
TES = (0.0101, 0.0202, 0.0303)
#: two of the scalings that Philips chooses series by series
NARROW, WIDE = philips.Scaling(1.8312576, 0.0, 0.0123457), philips.Scaling(0.7326007, 0.0, 0.0309021)


@dataclass(frozen=True, eq=False)
class Truth:
    """One image that must come out: (x, y, z, n) values lying where ``affine`` says; n by echo time, or by direction.

    values : signals, radians, or a map's units in SI (a T2 map in s)
    exact : values are whole numbers and must be equal; else to the rounding of 32-bit floats (scale: the largest value)
    """

    values: np.ndarray
    affine: np.ndarray
    part: str = "mag"
    made: str = ""
    echo_times: tuple[float, ...] = ()
    flip_deg: float | None = None
    inversion_time: float | None = None
    mt_on: bool | None = None
    b_values: tuple[float, ...] = ()
    b_vectors: np.ndarray | None = None
    exact: bool = True

    @staticmethod
    def of(
        scan: Scan, volumes: list[int] | None = None, values: np.ndarray | None = None, made: str = "", **more
    ) -> Truth:
        """A scan, or some of its volumes, as it must come out; the values are those stored unless given."""
        chosen = list(range(scan.volumes)) if volumes is None else volumes
        first = chosen[0]
        return Truth(
            (scan.stored if values is None else values)[..., chosen], scan.affine, scan.of("parts", first),
            made or scan.of("made", first) or "",
            tuple(scan.of("echo_times", n) for n in chosen), scan.of("flip_deg", first), scan.of("inversion_times", first), scan.mt_on,
            tuple(scan.of("b_values", n) for n in chosen) if scan.b_values else (),
            scan.b_vectors[chosen] if len(scan.b_vectors) else None, **more,
        )  # fmt: skip


Write = Callable[[Path], list[Truth]]
CASES: dict[str, Write] = {}
BROKEN: dict[str, Write] = {}


def case(name: str, among: dict[str, Write] = CASES) -> Callable[[Write], Write]:
    def add(write: Write) -> Write:
        assert name not in among
        among[name] = write
        return write

    return add


def _each(names: list, form: str, write: Callable[[Path, str], list[Truth]], among: dict[str, Write] = CASES) -> None:
    for name in names:
        among[form.format(name)] = lambda folder, name=name: write(folder, name)


def mese(where: np.ndarray = OBLIQUE, seed: int = 1, shape=SHAPE, **more) -> Scan:
    return Scan(pattern((*shape, 3), seed), where, **{"echo_times": TES, **more})


def weighted(where: np.ndarray = OBLIQUE, slices: int = 5, volumes: int = 7, **more) -> Scan:
    b = (0.0, *[1000.0] * (volumes - 1))
    return Scan(pattern((20, 24, slices, volumes), 4), where, echo_times=(0.07,), sequence="EP", b_values=b,
                b_vectors=directions(volumes), **more)  # fmt: skip


# Siemens


def _orders(folder: Path, order: str) -> list[Truth]:
    scan = mese()
    siemens.write(scan, Examination().series(3, "mese t2 calf"), folder, order=order)
    return [Truth.of(scan)]


_each(["volumes", "slices", "reversed", "interleaved", "shuffled"], "siemens mese, {}", _orders)


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


_each([4, 7], "siemens dti, mosaic of {}", _mosaic)


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


_each(["ge", "philips", "philips enhanced", "siemens xa"], "mt on and off, {}", _mt)


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


_each(
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


_each(["one", "volumes"], "siemens xa, enhanced, files: {}", _xa)


@case("siemens xa, enhanced dti")
def _(folder: Path) -> list[Truth]:
    scan = weighted()
    enhanced.write(scan, Examination().series(5, "dti ep2d"), folder, vendor="siemens", files="volumes")
    return [Truth.of(scan)]


# GE


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


_each(["explicit", "implicit", "big", "deflated"], "ge parts in one series, {}", _parts)


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


_each([f"{plane} {pe}" for plane in geometry.PLANES for pe in ("COL", "ROW")], "ge dti, {}", _ge_dti)


# Philips


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


_each(["classic", "enhanced"], "philips parts in one series, {}", _philips_parts)


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


_each(
    [f"{kind} {last}" for kind in ("classic", "enhanced") for last in ("isotropic", "ADC")],
    "philips dti, last volume {}",
    _philips_dti,
)


def _philips_enhanced(folder: Path, order: str) -> list[Truth]:
    scan = mese()
    enhanced.write(scan, Examination().series(601, "mese t2"), folder, vendor="philips", scaling=NARROW, order=order)
    return [Truth.of(scan, values=NARROW.measured(scan.stored), exact=False)]


_each(["volumes", "slices", "shuffled"], "philips enhanced mese, {}", _philips_enhanced)


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


_each(["classic", "enhanced"], "philips scanner's maps, {}", _philips_maps)


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


_each(["classic", "enhanced"], "philips dixon in one series, {}", _philips_mdixon)


# United Imaging


def _grid(folder: Path, slices: int) -> list[Truth]:
    scan = weighted(slices=slices)
    uih.write_grid(scan, Examination().series(9, "dti"), folder)
    return [replace(Truth.of(scan), b_values=tuple(uih.reached(b) for b in scan.b_values))]


_each([5, 20], "uih dti, grid of {}", _grid)


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


# What happens to files on their way

_WAYS = {"private elements unknown": altered.unknown, "private blocks moved": altered.moved}
_SENT = ("siemens dti, mosaic of 7", "siemens xa, enhanced dti", "ge parts in one series, explicit", "ge dti, axial COL",
         "philips parts in one series, classic", "philips parts in one series, enhanced", "philips dti, last volume classic isotropic",
         "uih dti, grid of 5", "uih dti, a slice a file")  # fmt: skip


def _sent(folder: Path, how: str) -> list[Truth]:
    name, way = how.split("; ")
    truths = CASES[name](folder)
    altered.rewrite(folder, _WAYS[way])
    return truths


_each(
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


_each(
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


_each(["rle", "jpeg", "jpeg2000", "jpegls"], "compressed, {}", _compressed)


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


# What is to be refused, or said


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
