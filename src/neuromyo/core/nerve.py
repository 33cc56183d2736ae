"""A nerve as it was followed through a stack of slices, and the smooth course drawn through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region, Side

#: how the source of a region begins that was followed by `trace`
TRACED = "trace-"


@dataclass(frozen=True, eq=False)
class Section:
    """The nerve in one slice.

    slice : index along the grid's slice axis (array order)
    centre_mm : (3,) RAS+ mm, centre of area
    outlines_mm : closed polygons (m, 3) RAS+ mm in the plane of the slice, the last point not repeated; more than one where the
        nerve runs in separate parts under one sheath
    area_mm2 : area within the outlines in the plane of the slice, not corrected for obliquity; ``se_mm2`` its uncertainty
    confidence : 0 to 1, how surely this is the nerve and its outline
    flags : of ``start restart proposed gap crossing split interpolated edge weak``
    """

    slice: int
    centre_mm: np.ndarray
    outlines_mm: tuple[np.ndarray, ...]
    area_mm2: float
    se_mm2: float
    confidence: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Trace:
    """A nerve followed through a stack; ``branches`` are what it divides into, each with its own name.

    sections : one a slice, by ascending slice index; slices in which nothing was found have none
    coverage : (x, y, z) float32, share of each voxel within the outlines, 0 to 1
    score : 0 to 1, how surely the whole is a nerve; ``proposed`` where no person pointed at it
    findings : gaps, crossings, divisions, weak stretches, by slice
    """

    name: str
    side: Side
    grid: Grid
    sections: tuple[Section, ...]
    coverage: np.ndarray
    score: float
    proposed: bool = False
    branches: tuple[Trace, ...] = ()
    findings: tuple[Finding, ...] = ()
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def all(self) -> tuple[Trace, ...]:
        """The nerve and all its branches."""
        return (self, *(one for branch in self.branches for one in branch.all))

    def labels(self, *, first: int = 1, source: str = "trace") -> Labels:
        """The nerve and its branches as regions: voxels of which at least half lie within the outlines."""
        volume = np.zeros(self.grid.shape, np.uint8)
        regions = []
        for index, one in enumerate(self.all, first):
            volume[(one.coverage >= 0.5) & (volume == 0)] = index
            regions.append(Region(index, one.name, one.side, "nerve"))
        return Labels(volume, self.grid, tuple(regions), source)


@dataclass(frozen=True, eq=False)
class Course:
    """The smooth line through a nerve, proximal end first.

    points_mm : (n, 3) RAS+ mm, evenly spaced by arc length (to 1e-3 of the step)
    zero_mm : arc length at which the bony landmark's level is crossed; distances are counted from there, towards the foot
    landmark : what lies at zero (``fibular-head``), or "" where distances begin at the proximal end of what was followed
    tangent_sd_deg : (n,) standard deviation of the direction at each point; None where nothing is known about it
    findings : gaps that were bridged, sections that were not believed, where zero lies
    details : scatter of the centres about the line (``scatter_mm``), shortest wave that is followed (``wave_mm``)
    """

    name: str
    side: Side
    points_mm: np.ndarray
    zero_mm: float = 0.0
    landmark: str = ""
    tangent_sd_deg: np.ndarray | None = None
    findings: tuple[Finding, ...] = ()
    details: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def arc_mm(self) -> np.ndarray:
        """(n,) arc length from the proximal end of what was followed."""
        steps = np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1)
        return np.concatenate(([0.0], np.cumsum(steps)))

    @property
    def distance_mm(self) -> np.ndarray:
        """(n,) signed distance along the nerve from the landmark, positive distally."""
        return self.arc_mm - self.zero_mm

    @property
    def percent(self) -> np.ndarray:
        """(n,) share of the followed segment, 0 at its proximal end, 100 at its distal end."""
        return 100.0 * self.arc_mm / self.arc_mm[-1]

    @cached_property
    def tangents(self) -> np.ndarray:
        """(n, 3) unit vectors along the course, pointing distally."""
        slope = np.gradient(self.points_mm, axis=0, edge_order=2 if len(self.points_mm) > 2 else 1)
        return slope / np.linalg.norm(slope, axis=1, keepdims=True)
