"""At which voxel sizes lines through a nerve mean something.

The nerve's width is that of a disc of its median cross-section, square to its course. Under two pixels no voxel need lie wholly in
it: what is followed would be the direction of a mixture, and it is refused. Pixels over 2 mm or slices over 5 mm are outside of what
has been tested (`docs/tracts.md` has the figures) and are warned about.
"""

from __future__ import annotations

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course

LEAST_ACROSS = 2.0
MOST_PIXEL_MM, MOST_SLICE_MM = 2.0, 5.0


def judge(grid: Grid, nerve: np.ndarray | None, course: Course | None, where: str) -> tuple[Finding, ...]:
    """What is to be said of the voxels; E-RESOLUTION where the nerve is too thin for them, E-EMPTYROI where it is not there.

    nerve : (x, y, z) share of each voxel within the nerve, on ``grid``
    """
    pixel = max(grid.spacing_mm[a] for a in grid.in_plane_axes)
    thick = grid.spacing_mm[grid.slice_axis]
    if nerve is not None:
        across = width_mm(grid, nerve, course, where)
        if across < LEAST_ACROSS * pixel:
            raise DataError("E-RESOLUTION", where=where, needed=f"pixels of at most {across / LEAST_ACROSS:.1f} mm, so that the nerve is "
                            f"{LEAST_ACROSS:g} across", found=f"pixels of {pixel:.1f} mm and a nerve {across:.1f} mm wide",
                            remedy="not supported by this scan: acquire finer voxels, or follow a larger nerve")  # fmt: skip
    if pixel > MOST_PIXEL_MM + 0.01 or thick > MOST_SLICE_MM + 0.01:
        return (Finding("warn", "W-COARSE", where, f"voxels are {pixel:.1f} mm in the slice and {thick:.1f} mm across slices",
                        f"at most {MOST_PIXEL_MM:g} and {MOST_SLICE_MM:g} mm have been tested for nerves",
                        "values along lines mix the nerve with what lies beside it"),)  # fmt: skip
    return ()


def width_mm(grid: Grid, nerve: np.ndarray, course: Course | None, where: str) -> float:
    """Diameter (mm) of a disc of the nerve's median cross-section over its slices; E-EMPTYROI where there is none."""
    others = tuple(a for a in range(3) if a != grid.slice_axis)
    shares = nerve.sum(axis=others)
    shares = shares[shares > 0]
    if not len(shares):
        raise DataError("E-EMPTYROI", where=where, needed="the nerve within the diffusion images", found="none of it",
                        remedy="check that labels and diffusion images are of the same visit and the same place")  # fmt: skip
    a, b = grid.in_plane_axes
    pixel = float(np.linalg.norm(np.cross(grid.affine[:3, a], grid.affine[:3, b])))
    square = 1.0 if course is None else float(np.median(np.abs(course.tangents @ grid.slice_normal)))
    return float(2 * np.sqrt(np.median(shares) * pixel * square / np.pi))
