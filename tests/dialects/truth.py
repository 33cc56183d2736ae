"""What must come out of a folder of scanner files, and the register that the cases enter themselves in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import philips
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


def each(names: list, form: str, write: Callable[[Path, str], list[Truth]], among: dict[str, Write] = CASES) -> None:
    for name in names:
        among[form.format(name)] = lambda folder, name=name: write(folder, name)


def mese(where: np.ndarray = OBLIQUE, seed: int = 1, shape=SHAPE, **more) -> Scan:
    return Scan(pattern((*shape, 3), seed), where, **{"echo_times": TES, **more})


def weighted(where: np.ndarray = OBLIQUE, slices: int = 5, volumes: int = 7, **more) -> Scan:
    b = (0.0, *[1000.0] * (volumes - 1))
    return Scan(pattern((20, 24, slices, volumes), 4), where, echo_times=(0.07,), sequence="EP", b_values=b,
                b_vectors=directions(volumes), **more)  # fmt: skip
