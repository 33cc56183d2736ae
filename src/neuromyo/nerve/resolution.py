"""Whether the voxels are fine enough to outline a nerve at all.

An outline whose area is wrong by more than a third (80th percentile of its error) is not given. How many voxels across the shorter
diameter of an oval that takes is a matter of simulation: `bench/nerve_resolution.py` draws fascicled ovals in fat at every size, at a
signal-to-noise ratio of 20, and outlines them with the tracer's own first step; its table is `AREA_ERROR`. Most of that error is of one
sign: the thin rim outside of the outermost fascicles is lost, which `rim` gives back where many slices are seen.

*Assumes* the usual size of the nerve (`usual`): an atrophic nerve may need finer voxels than said. *Breaks* where a nerve has no fat
around it: then more is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuromyo.core.grid import Grid
from neuromyo.nerve.trace_stack import Flat
from neuromyo.nerve.usual import usual

#: voxels across the shorter diameter -> 80th percentile of the area's error (share); bench/nerve_resolution.py --draws 6
AREA_ERROR: dict[float, float] = {1.5: 0.45, 2.0: 0.44, 2.5: 0.34, 3.0: 0.23, 4.0: 0.19, 6.0: 0.11, 10.0: 0.07}
#: the least number of voxels across: an outline of fewer is not given
LEAST_ACROSS = 2.5
#: slices further apart cannot be joined: a nerve at 30 degrees moves further than its own width
FARTHEST_MM = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a nerve can be outlined; the largest in-plane voxel side that would do, the one found, and why (a sentence)."""

    ok: bool
    needed_mm: float
    found_mm: float
    why: str


def supports_outline(grid: Grid, name: str) -> Verdict:
    """Whether voxels of this grid can carry the outline of a nerve of that name: in-plane size, and distance of slices."""
    flat = Flat(grid)
    found = max(grid.spacing_mm[axis] for axis in grid.in_plane_axes)
    needed = usual(name).narrow_mm / LEAST_ACROSS
    across = usual(name).narrow_mm / found
    if found > needed:
        why = (
            f"the {name} is usually {usual(name).narrow_mm:.1f} mm across its shorter diameter, which is {across:.1f} voxels here; "
            f"below {LEAST_ACROSS:g} voxels the area of an outline is wrong by more than a third in one case of five"
        )
        return Verdict(False, needed, found, why)
    if flat.n_slices > 1 and flat.apart_mm > FARTHEST_MM:
        why = f"slices lie {flat.apart_mm:.1f} mm apart, and beyond {FARTHEST_MM:g} mm a nerve cannot be followed from one to the next"
        return Verdict(False, needed, found, why)
    return Verdict(True, needed, found, f"the shorter diameter of the {name}, usually, is {across:.1f} voxels")
