"""What people pointed at against the images they are said to be of: places outside, exchanged signs, voxel numbers, images of elsewhere.

The tracer says where no nerve is; here it is said why a place cannot have been meant as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import Trace
from neuromyo.space.overlap import shared_field

#: a second contrast that shares less of its field of view shows another place
_LEAST_SHARED = 0.05
#: cosine between rows and columns from which pixels are no rectangles
_SKEW = 0.02


def within(landmarks: Sequence[Landmark], image: Image) -> tuple[tuple[Landmark, ...], tuple[Finding, ...]]:
    """The landmarks that lie in the image (bony places wherever they lie), and what is said of the others. E-NERVE for a start that
    does not, with what was probably meant."""
    kept, told = [], []
    for one in landmarks:
        if one.kind == "bone" or _inside(image.grid, one.xyz_mm):
            kept.append(one)
        elif one.kind == "start":
            raise DataError("E-NERVE", where=f"{image.name}, start of the {one.name} at {_place(one.xyz_mm)} mm",
                            needed=f"a place within the image, {_extent(image.grid)}", found="one outside of it",
                            remedy=_meant(image.grid, one.xyz_mm))  # fmt: skip
        else:
            said = f"the {one.kind} at {_place(one.xyz_mm)} mm lies outside the image, {_extent(image.grid)}"
            told.append(
                Finding(
                    "warn",
                    "W-NERVE",
                    f"{image.name}, {one.name}",
                    said,
                    _meant(image.grid, one.xyz_mm),
                    "it was left out",
                )
            )
    return tuple(kept), tuple(told)


def together(images: Sequence[Image]) -> tuple[tuple[Image, ...], tuple[Finding, ...]]:
    """The images that show the place of the first one, and what is said of those left out. E-GEOM where the first one's pixels are
    no rectangles."""
    first = images[0]
    a, b = (
        first.grid.affine[:3, axis] / np.linalg.norm(first.grid.affine[:3, axis]) for axis in first.grid.in_plane_axes
    )
    if abs(a @ b) > _SKEW:
        raise DataError("E-GEOM", where=first.name, needed="rows and columns at right angles",
                        found=f"{np.degrees(np.arccos(a @ b)):.0f} degrees between them",
                        remedy="resample the image, or convert it again from its source")  # fmt: skip
    kept, told = [first], []
    for one in images[1:]:
        if shared_field(first.grid, one.grid) >= _LEAST_SHARED:
            kept.append(one)
            continue
        said = f"it shows another place than {first.name}: {_extent(one.grid)} against {_extent(first.grid)}"
        told.append(Finding("warn", "W-NERVE", one.name, said, "check that both are of one session and one part of the body",
                            "it was left out"))  # fmt: skip
    return tuple(kept), tuple(told)


def undivided(followed: Trace, landmarks: Sequence[Landmark]) -> tuple[Finding, ...]:
    """That somebody pointed at a division and none was seen."""
    pointed = [one for one in landmarks if one.kind == "split" and one.name == followed.name]
    if not pointed or followed.branches:
        return ()
    said = f"it was said to divide at {_place(pointed[0].xyz_mm)} mm, and two branches cannot be told apart there"
    return (Finding("warn", "W-NERVE", f"{followed.name} ({followed.side})", said,
                    "point at a slice in which both are seen apart, below the start", "it is followed as one nerve"),)  # fmt: skip


def _inside(grid: Grid, xyz_mm: Sequence[float]) -> bool:
    """Within the image or at most a voxel beside it: people point at the border of a slice."""
    index = grid.to_index(np.array(xyz_mm, dtype=np.float64))
    return bool(np.all((index >= -1.0) & (index <= np.array(grid.shape))))


def _extent(grid: Grid) -> str:
    """``x -9.7 to 9.7, y ..., z ... mm``."""
    corners = grid.to_world(np.array(list(product(*((-0.5, n - 0.5) for n in grid.shape)))))
    return (
        ", ".join(
            f"{axis} {low:.0f} to {high:.0f}"
            for axis, low, high in zip("xyz", corners.min(0), corners.max(0), strict=True)
        )
        + " mm"
    )


def _meant(grid: Grid, xyz_mm: Sequence[float]) -> str:
    """What somebody who wrote a place outside the image probably meant."""
    x, y, z = xyz_mm
    voxel = all(float(v).is_integer() for v in xyz_mm) and _inside(grid, _of_voxel(grid, xyz_mm))
    if voxel and any(v > 0 for v in xyz_mm) and all(v >= 0 for v in xyz_mm):
        return f"as voxel numbers it would be {_place(_of_voxel(grid, xyz_mm))} mm: give that if they were meant"
    if _inside(grid, (-x, -y, z)):
        return f"with the signs of x and y turned it lies inside: give {_place((-x, -y, z))} if the viewer shows LPS, as 3D Slicer may"
    return "give millimetres, right, anterior and superior positive, as a viewer's cursor shows them on this image"


def _of_voxel(grid: Grid, index: Sequence[float]) -> tuple[float, float, float]:
    """World mm of a voxel as the file counts it."""
    x, y, z = (grid.source_affine @ [*index, 1.0])[:3]
    return float(x), float(y), float(z)


def _place(xyz_mm: Sequence[float]) -> str:
    return f"({', '.join(f'{v:.1f}' for v in xyz_mm)})"
