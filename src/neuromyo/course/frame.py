"""The nerve pulled straight, for looking at: planes square to the course, stacked.

The two directions across the nerve are carried along so that they turn about it as little as possible (rotation-minimising
frame, by double reflection): neighbouring planes do not spin against each other, and a straight nerve keeps one orientation.

    x(s, a, b) = c(s) + a u(s) + b v(s),    u, v square to the tangent t(s)

u points to the patient's right as far as it can at the proximal end, v = u x t (front, of a nerve that runs down).

Numbers are never taken from the straightened picture: it is interpolated (see `course.profile`).

Assumes: half the width is smaller than the radius of the nerve's curvature; beyond it planes cross each other.
Cites: Wang 2008, 10.1145/1330511.1330513 (double reflection)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course

_RIGHT, _FRONT = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
#: numbers along one plane at most: a guard against a slip of units
_MOST_PIXELS = 2048


@dataclass(frozen=True, eq=False)
class Straightened:
    """values : (m, m, n), a along the first axis, b along the second, the n points of the course along the third
    offset_mm : (m,) a and b; distance_mm : (n,) along the nerve, from zero
    """

    values: np.ndarray
    offset_mm: np.ndarray
    distance_mm: np.ndarray


def axes(course: Course) -> np.ndarray:
    """(n, 3, 3): rows u, v and t at every point of the course, unit vectors square to each other."""
    points, tangents = course.points_mm, course.tangents
    across = np.empty_like(points)
    across[0] = _square(_RIGHT if abs(tangents[0] @ _RIGHT) < 0.9 else _FRONT, tangents[0])
    for i in range(len(points) - 1):
        chord = points[i + 1] - points[i]
        mirrored, turned = _reflect(across[i], chord), _reflect(tangents[i], chord)
        across[i + 1] = _square(_reflect(mirrored, tangents[i + 1] - turned), tangents[i + 1])
    return np.stack([across, np.cross(across, tangents), tangents], axis=1)


def straighten(
    values: np.ndarray, grid: Grid, course: Course, *, half_width_mm: float, pixel_mm: float, order: int = 1
) -> Straightened:
    """A map or image along the course.

    values : (x, y, z) on ``grid``, any geometry; NaN stays NaN
    half_width_mm, pixel_mm : planes reach from -half_width to +half_width in steps of pixel
    order : 0 nearest voxel, 1 linear
    """
    if not (pixel_mm > 0 and pixel_mm <= half_width_mm <= _MOST_PIXELS / 2 * pixel_mm):
        raise OptionError("E-OPTION", where="straightened planes", needed=f"0 < pixel <= half width <= {_MOST_PIXELS // 2} pixels",
                          found=f"pixel {pixel_mm:g} mm, half width {half_width_mm:g} mm", remedy="give both in mm")  # fmt: skip
    if order not in (0, 1):
        raise OptionError("E-OPTION", where="order of interpolation", needed="0 (nearest) or 1 (linear)", found=str(order),
                          remedy="give one of them")  # fmt: skip
    count = int(np.floor(half_width_mm / pixel_mm + 1e-9))
    offset = pixel_mm * np.arange(-count, count + 1)
    frames = axes(course)
    planes = np.empty((len(offset), len(offset), len(frames)), dtype=np.float32)
    for i, (point, (u, v, _)) in enumerate(zip(course.points_mm, frames, strict=True)):
        world = point + offset[:, None, None] * u + offset[None, :, None] * v
        planes[:, :, i] = sample(values, grid, world, order)
    return Straightened(planes, offset, course.distance_mm)


def coordinates(points_mm: np.ndarray, course: Course) -> np.ndarray:
    """World points (k, 3) in the nerve's frame: distance along it (mm, from zero), a and b (mm) -> (k, 3).

    The plane taken is that of the nearest point of the course; points beyond its ends belong to no plane: NaN.
    """
    points = np.atleast_2d(np.asarray(points_mm, dtype=float))
    line, frames = course.points_mm, axes(course)
    found = np.full((len(points), 3), np.nan)
    for k, point in enumerate(points):
        i = int(np.argmin(np.sum((line - point) ** 2, axis=1)))
        placed = _in_plane(point, i, line, frames)
        if placed is not None:
            share, u, v, centre = placed
            arc = np.interp(share, np.arange(len(line)), course.arc_mm)
            found[k] = arc - course.zero_mm, (point - centre) @ u, (point - centre) @ v
    return found


def world(coordinates_mm: np.ndarray, course: Course) -> np.ndarray:
    """The inverse of `coordinates`: (k, 3) distance, a, b -> (k, 3) RAS+ mm."""
    given, frames = np.atleast_2d(np.asarray(coordinates_mm, dtype=float)), axes(course)
    share = np.interp(given[:, 0] + course.zero_mm, course.arc_mm, np.arange(len(course.points_mm)))
    found = np.empty((len(given), 3))
    for k, (at, (_, a, b)) in enumerate(zip(share, given, strict=True)):
        centre, u, v, _ = _between(at, course.points_mm, frames)
        found[k] = centre + a * u + b * v
    return found


def sample(values: np.ndarray, grid: Grid, points_mm: np.ndarray, order: int = 1) -> np.ndarray:
    """Values (x, y, z) at world points (..., 3) -> (...); NaN outside the field of view."""
    index = np.moveaxis(grid.to_index(points_mm), -1, 0)
    found = np.asarray(map_coordinates(np.asarray(values, dtype=np.float32), index, order=order, mode="nearest"))
    inside = np.all([(c >= -0.5) & (c <= n - 0.5) for c, n in zip(index, grid.shape, strict=True)], axis=0)
    return np.where(inside, found, np.nan)


def _reflect(vector: np.ndarray, normal: np.ndarray) -> np.ndarray:
    length = float(normal @ normal)
    return vector if length < 1e-20 else vector - 2 * (vector @ normal) / length * normal


def _square(vector: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    across = vector - (vector @ tangent) * tangent
    return across / np.linalg.norm(across)


def _between(
    share: float, line: np.ndarray, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Point, u, v and tangent at a place (index, with fraction) between points of the course."""
    low = int(np.clip(np.floor(share), 0, len(line) - 2))
    part = share - low
    centre = (1 - part) * line[low] + part * line[low + 1]
    u, _, t = (1 - part) * frames[low] + part * frames[low + 1]
    t = t / np.linalg.norm(t)
    u = _square(u, t)
    return centre, u, np.cross(u, t), t


def _in_plane(
    point: np.ndarray, nearest: int, line: np.ndarray, frames: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray] | None:
    """The place whose plane holds the point, by Newton steps of the height above the plane; None beyond the ends."""
    share, spacing = float(nearest), float(np.linalg.norm(line[1] - line[0]))
    for _ in range(20):
        centre, u, v, t = _between(share, line, frames)
        above = float((point - centre) @ t) / spacing
        share += above
        if abs(above) < 1e-9 or not -1.5 <= share <= len(line) + 0.5:
            break
    if not -1e-6 <= share <= len(line) - 1 + 1e-6:
        return None
    centre, u, v, _ = _between(share, line, frames)
    return share, u, v, centre
