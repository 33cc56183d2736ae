"""Planes that make up volumes: the noun between a heap of scanner images and the files of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuromyo.core.errors import Finding, NeuromyoError
from neuromyo.dicom.frames import Frame

Plane = list[Any]


@dataclass(frozen=True, eq=False)
class Stack:
    """Volumes of one grid, one part and one way of acquisition.

    numbers : SeriesNumbers of the series that it came from, empty where none is stated
    planes : (volumes)(slices) frames; slices along row x column, volumes by echo time, then in the order of acquisition
    affine : (4, 4) stored voxel index -> RAS mm; see `neuromyo.dicom.geometry`
    echo_times : s, one a volume, None where not stated; b_values s/m2, None in images without diffusion weighting
    facts : BIDS keys of the whole series
    orientations : how many directions the series' planes had before they were parted: a localiser has three
    """

    numbers: tuple[int, ...]
    planes: tuple[tuple[Frame, ...], ...]
    affine: np.ndarray
    echo_times: tuple[float | None, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    orientations: int = 1

    @property
    def first(self) -> Frame:
        return self.planes[0][0]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(columns, rows, slices, volumes), as stored."""
        rows, columns = self.first.shape
        return columns, rows, len(self.planes[0]), len(self.planes)

    @property
    def n(self) -> int:
        return len(self.planes)

    @property
    def part(self) -> str:
        return self.first.part

    @property
    def made(self) -> str:
        return self.first.made

    @property
    def call(self) -> str:
        """What messages call it: ``series 8`` or ``series 8 to 15``."""
        return call(self.numbers)

    @property
    def b_values(self) -> tuple[float, ...] | None:
        """s/m2, one a volume; None where no volume states one."""
        stated = [v[0].b_value for v in self.planes]
        return None if all(b is None for b in stated) else tuple(b or 0.0 for b in stated)

    @property
    def clock(self) -> float | None:
        """When its first image was acquired, s of the day."""
        return min((f.clock for v in self.planes for f in v if f.clock is not None), default=None)

    @property
    def instances(self) -> tuple[int, int, int]:
        """A place in the order of the examination."""
        first = min((f.instance for v in self.planes for f in v if f.instance is not None), default=0)
        return (self.numbers[0] if self.numbers else 1 << 30), first, min(f.file for v in self.planes for f in v)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Along i, j and k."""
        i, j, k = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @property
    def stored(self) -> bool:
        """Whether the stored numbers can be kept: every plane means what it stores."""
        return all(f.scale.identity for v in self.planes for f in v)

    def dtype(self) -> str:
        """How its voxels are written: whole numbers where nothing is to be scaled and their kind is known, else float32.

        ``BitsStored`` (with ``PixelRepresentation``, 1 for signed) is looked for in the facts. float32 holds whole numbers up to
        16,777,216 exactly.
        """
        bits = self.facts.get("BitsStored")
        if not self.stored or not isinstance(bits, int) or not 1 <= bits <= 32:
            return "<f4"
        signed = self.facts.get("PixelRepresentation") == 1
        if bits <= (16 if signed else 15):
            return "<i2"
        return "<u2" if bits == 16 else "<i4" if signed or bits < 32 else "<f4"

    def requests(self) -> list[Plane]:
        """[file, frame, tile, place in the raw file, slope, intercept] of every plane, for the job ``pixels``: volume
        after volume, slice after slice."""
        slices = len(self.planes[0])
        return [
            [f.file, f.frame, f.tile, v * slices + k, f.scale.slope, f.scale.intercept]
            for v, volume in enumerate(self.planes)
            for k, f in enumerate(volume)
        ]

    def files(self) -> tuple[int, ...]:
        """Numbers of the source files, sorted."""
        return tuple(sorted({f.file for v in self.planes for f in v}))


def call(numbers: Sequence[int]) -> str:
    """``series 8``, ``series 8 to 15``, ``series 8, 11``; a series without a number is called so."""
    if not numbers:
        return "a series without number"
    ordered = sorted(set(numbers))
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"series {ordered[0]} to {ordered[-1]}"
    return "series " + ", ".join(map(str, ordered))


@dataclass(frozen=True, eq=False)
class Sorted:
    """Stacks in the order of the examination, what there is to say, and the series that could not be made up."""

    stacks: tuple[Stack, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[NeuromyoError, ...] = ()
