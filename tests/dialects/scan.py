"""What was scanned: stored integers (x, y, z, n), where they lie, and the numbers each volume was acquired with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

#: world RAS <-> DICOM's patient frame (LPS)
FLIP = np.array([-1.0, -1.0, 1.0])

PARTS = ("mag", "phase", "real", "imag")


@dataclass(frozen=True)
class Scan:
    """A stack of parallel slices, acquired once or several times.

    stored : integers (x, y, z, n) as the file's pixels hold them; x runs along a row (column index), y down the rows
    affine : RAS, mm, voxel index to world; its first two columns at right angles, the third from slice to slice
    echo_times, parts, b_values ... : one a volume, or one for all
    made : what the scanner computed ("water", "T2map" ...) where one series holds several such; else the writers' own argument
    b_vectors : unit vectors in RAS world axes, (0, 0, 0) where there is none
    offsets_mm : where the slices lie along the normal, for spacings that are not even; else k times the third column
    thickness_mm : of a slice; less than the distance where there are gaps
    phase_positive : phase encoding runs towards higher row (COL) or column (ROW) index
    times in s, b in s/mm2
    """

    stored: np.ndarray
    affine: np.ndarray
    echo_times: tuple[float, ...] = (0.01,)
    repetition_time: float = 1.5
    flip_deg: tuple[float, ...] = (90.0,)
    inversion_times: tuple[float, ...] = ()
    parts: tuple[str, ...] = ("mag",)
    b_values: tuple[float, ...] = ()
    b_vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    made: tuple[str, ...] = ()
    mt_on: bool | None = None
    thickness_mm: float | None = None
    offsets_mm: tuple[float, ...] = ()
    sequence: str = "SE"
    phase_encoding: str = "COL"
    phase_positive: bool = True
    position: str = "FFS"
    field_tesla: float = 3.0

    def __post_init__(self) -> None:
        assert self.stored.ndim == 4, "stored voxels are (x, y, z, n)"
        assert np.issubdtype(self.stored.dtype, np.integer)
        i, j, _ = self.axes
        assert abs(i @ j) < 1e-9, "rows and columns of a slice are at right angles"
        for values in (self.echo_times, self.flip_deg, self.inversion_times, self.parts, self.b_values, self.made):
            assert len(values) in (0, 1, self.volumes), "one value a volume, or one for all"

    @property
    def volumes(self) -> int:
        return self.stored.shape[3]

    @property
    def slices(self) -> int:
        return self.stored.shape[2]

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unit vectors (LPS) along a row, down the columns, and from slice to slice."""
        steps = self.affine[:3, :3].T * FLIP
        return tuple(step / np.linalg.norm(step) for step in steps)  # type: ignore[return-value]

    @property
    def normal(self) -> np.ndarray:
        """DICOM's slice normal (LPS): row direction x column direction; slices may be counted along it or against it."""
        return np.cross(*self.axes[:2])

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return tuple(float(np.linalg.norm(step)) for step in self.affine[:3, :3].T)  # type: ignore[return-value]

    @property
    def slice_mm(self) -> float:
        return self.spacing_mm[2] if self.thickness_mm is None else self.thickness_mm

    def corner(self, k: float) -> np.ndarray:
        """ImagePositionPatient of slice k: the centre of its first voxel, LPS, mm."""
        world = self.affine[:3, 3] + self.affine[:3, 2] * k
        if self.offsets_mm:
            world = self.affine[:3, 3] + self.affine[:3, 2] / self.spacing_mm[2] * self.offsets_mm[int(k)]
        return world * FLIP

    def plane(self, k: int, n: int) -> np.ndarray:
        """Rows x columns, as pixel data are stored."""
        return np.ascontiguousarray(self.stored[:, :, k, n].T)

    def of(self, name: str, n: int):
        """A number of volume n: ``scan.of("echo_times", 2)``; None where it was not given."""
        values = getattr(self, name)
        if len(values) == 0:
            return None
        return values[n if len(values) > 1 else 0]

    def direction(self, n: int) -> np.ndarray:
        """The diffusion direction of volume n in the patient frame (LPS); zeros where there is none."""
        return np.asarray(self.b_vectors[n]) * FLIP if len(self.b_vectors) else np.zeros(3)


#: (slice, volume) pairs in the order of their instance numbers
Order = Sequence[tuple[int, int]]


def in_order(scan: Scan, how: str = "volumes") -> list[tuple[int, int]]:
    """Every (slice, volume) of a scan as a scanner might number them.

    ``volumes``: all slices of the first volume, then the next. ``slices``: all volumes of the first slice, then the next.
    ``reversed``: from the last slice to the first. ``interleaved``: odd slices before even ones. ``shuffled``: no order.
    """
    pairs = list(_pairs(scan, how))
    if how == "shuffled":
        np.random.default_rng(5).shuffle(pairs)
        pairs = [(int(k), int(n)) for k, n in pairs]
    return pairs


def _pairs(scan: Scan, how: str) -> Iterator[tuple[int, int]]:
    slices = list(range(scan.slices))
    if how == "reversed":
        slices.reverse()
    elif how == "interleaved":
        slices = slices[1::2] + slices[::2]
    if how == "slices":
        yield from ((k, n) for k in slices for n in range(scan.volumes))
    else:
        yield from ((k, n) for n in range(scan.volumes) for k in slices)
