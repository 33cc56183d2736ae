r"""Bringing the same limb of one or of two people together: place along the stack, sizes within the slice, then bent.

What slices of several millimetres tell, and what they do not, decides the order. The headers, or the stacks' middles, propose
places along the limb; at each of them sizes are brought together (body moments, then `affine`) and the slices bent coarsely
(`demons`), and the place at which the two images then explain each other best is taken. A rigid search over all six numbers
is led astray here: a thigh that has grown thinner looks like one that was cut lower.

*Assumes* stacks across the same limb, cut within about 30 degrees of each other. *Breaks* where limbs are bent differently, and
along a limb that looks alike all the way.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from neuromyo.core.grid import Grid
from neuromyo.space import affine, demons, warp
from neuromyo.space.demons import Stacks
from neuromyo.space.overlap import rough_body
from neuromyo.space.transform import IDENTITY, Transform

#: voxels that displacements are looked for in (mm): within the slice, and across it, no finer than these
PITCH_MM, THICK_MM = 1.1, 3.0
#: how far along the limb another place is looked for (mm): about what the headers say; about the stacks' middles, where those are apart
AROUND_HEADER_MM, AROUND_MIDDLE_MM = 18.0, 40.0
#: a step of that search is a slice, but at least this many mm
_STEP_MM = 5.0
#: share of the shorter stack that must lie within the other
_LEAST_SHARED = 0.5
#: a place this far (mm) from the expected one must explain twice as well to be taken: along a thigh little changes, and places half-way
#: between slices look worse than they are, since interpolation blurs them
_DOUBT_MM = 22.0
_QUICK = demons.Level(4.4, 3, 10, 8.0)
#: sizes of two people within the slice that are believed, as a ratio
_SIZES = (0.6, 1.65)


@dataclass(frozen=True, eq=False)
class Met:
    """Two images brought together.

    transform : from places of the fixed image to places of the moving one, its field on a thinned grid of the fixed image
    shift_mm : place along the stack that was taken, against the headers'
    unexplained : share of the fixed image's variance that the moving one leaves, 0 to 1
    fixed, carried : (x, y, z) float32 on ``field_grid``, both images in one contrast, as they lie on each other
    seen : (x, y, z) bool: body of the fixed image where the moving image has data
    """

    transform: Transform
    shift_mm: float
    unexplained: float
    fixed: np.ndarray
    carried: np.ndarray
    seen: np.ndarray

    @property
    def grid(self) -> Grid:
        assert self.transform.field_grid is not None
        return self.transform.field_grid


def meet(fixed: np.ndarray, fixed_grid: Grid, moving: np.ndarray, moving_grid: Grid) -> Met:
    """The smooth displacement within the fixed image's slices that brings two images of one limb together.

    fixed, moving : (x, y, z) finite magnitudes, 0 where there is nothing (air, another leg)

    Whether the two belong together is for the caller to judge, by `Met.unexplained` and the Jacobian.
    """
    grid = _working(fixed_grid)
    image = _thinned(fixed, fixed_grid, grid)
    source = _smoothed(moving, moving_grid)
    body = rough_body(image, grid.slice_axis)
    other = rough_body(moving, moving_grid.slice_axis)
    expected, places = _places(grid, moving_grid)
    with ThreadPoolExecutor(
        max_workers=demons.workers()
    ) as pool:  # places are tried apart: their bits do not depend on it
        tried = list(pool.map(lambda mm: _tried(image, body, grid, source, other, moving_grid, mm), places))
    known = [t for t in tried if t is not None]
    if not known:
        return _apart(image, body, grid)
    chosen = min(known, key=lambda t: t.left * (1.0 + ((t.shift_mm - expected) / _DOUBT_MM) ** 2))
    stacks = _stacks(image, body, grid, source, moving_grid, chosen.start)
    u = demons.bend(stacks, demons.LEVELS, demons.refined(chosen.u, stacks.fixed.shape, _QUICK.thin(stacks.spacing)))
    return _told(stacks, u, grid, chosen)


@dataclass(frozen=True, eq=False)
class _Tried:
    shift_mm: float
    start: Transform
    u: np.ndarray
    left: float


def _tried(
    image: np.ndarray, body: np.ndarray, grid: Grid, source: np.ndarray, other: np.ndarray, moving_grid: Grid, mm: float
) -> _Tried | None:
    """What is left when the moving image is taken ``mm`` farther along the stack; None where too little is shared."""
    start = by_moments(body, grid, other, moving_grid, mm)
    if start is None:
        return None
    whole = _stacks(image, body, grid, source, moving_grid, start)
    thin = whole.every(_QUICK.thin(whole.spacing))
    u = demons.bend(thin, (_QUICK,), affine.fit(thin))
    return _Tried(mm, start, u, thin.left(u))


def by_moments(body: np.ndarray, grid: Grid, other: np.ndarray, other_grid: Grid, mm: float) -> Transform | None:
    """Middles and mean radii of two bodies (bool) laid on each other within the slices, ``mm`` farther along them.

    None where the shorter stack lies within the other by less than half.
    """
    mine, theirs = grid.to_world(np.argwhere(body)), other_grid.to_world(np.argwhere(other))
    axes = _axes(grid)
    normal = axes[:, grid.slice_axis]
    own, far = mine @ normal, theirs @ normal - mm
    low, high = max(own.min(), far.min()), min(own.max(), far.max())
    shorter = min(np.ptp(own), np.ptp(far))
    if high - low < _LEAST_SHARED * shorter - 1e-6:
        return None
    mine, theirs = mine[(own >= low) & (own <= high)], theirs[(far >= low) & (far <= high)]
    if not (len(mine) and len(theirs)):
        return None
    a, b = mine.mean(axis=0), theirs.mean(axis=0)
    flat = np.eye(3) - np.outer(normal, normal)
    radii = [float(np.linalg.norm((p - p.mean(axis=0)) @ flat, axis=1).mean()) for p in (mine, theirs)]
    size = float(np.clip(radii[1] / max(radii[0], 1e-6), *_SIZES))
    matrix = np.eye(4)
    matrix[:3, :3] = size * flat + np.outer(normal, normal)
    matrix[:3, 3] = flat @ (b - size * a) + mm * normal
    return Transform.of(matrix)


def _places(grid: Grid, moving: Grid) -> tuple[float, list[float]]:
    """Where along the stack the moving image is expected (mm, moving against fixed), and the places to look at."""
    normal = _axes(grid)[:, grid.slice_axis]
    step = max(grid.spacing_mm[grid.slice_axis], _STEP_MM)
    middles = float((_middle(moving) - _middle(grid)) @ normal)
    lengths = [g.shape[g.slice_axis] * g.spacing_mm[g.slice_axis] for g in (grid, moving)]
    shared = 0.5 * sum(lengths) - abs(middles)
    by_header = shared >= _LEAST_SHARED * min(lengths)
    centre, reach = (0.0, AROUND_HEADER_MM) if by_header else (middles, AROUND_MIDDLE_MM)
    n = int(reach / step)
    return centre, [centre + i * step for i in range(-n, n + 1)]


def _middle(grid: Grid) -> np.ndarray:
    return grid.to_world((np.array(grid.shape) - 1) / 2)


def _axes(grid: Grid) -> np.ndarray:
    """(3, 3) orthogonal directions nearest to the grid's axes, in columns."""
    left, _, right = np.linalg.svd(grid.affine[:3, :3] / np.array(grid.spacing_mm))
    return left @ right


# --- images on the working grid -------------------------------------------------------------------------------------------


def _working(grid: Grid) -> Grid:
    """The grid itself, thinned where its voxels are finer than displacements need."""
    least = [THICK_MM if a == grid.slice_axis else PITCH_MM for a in range(3)]
    factors = [max(1, int(m / s + 0.01)) for m, s in zip(least, grid.spacing_mm, strict=True)]
    shape = [max(1, n // f) for n, f in zip(grid.shape, factors, strict=True)]
    turn = np.diag([*map(float, factors), 1.0])
    turn[:3, 3] = [(f - 1) / 2 for f in factors]
    return Grid.of(tuple(shape), grid.affine @ turn, grid.slice_axis)


def _thinned(image: np.ndarray, grid: Grid, onto: Grid) -> np.ndarray:
    blur = [0.4 * a / b if a > 1.01 * b else 0.0 for a, b in zip(onto.spacing_mm, grid.spacing_mm, strict=True)]
    smooth = gaussian_filter(image.astype(np.float32), blur) if any(blur) else image
    return np.nan_to_num(warp.apply(IDENTITY, smooth.astype(np.float32), grid, onto))


def _smoothed(image: np.ndarray, grid: Grid) -> np.ndarray:
    """A moving image that is finer than the working grid, smoothed to it, so that thinning makes no patterns."""
    least = [THICK_MM if a == grid.slice_axis else PITCH_MM for a in range(3)]
    blur = [0.4 * m / s if m > 1.3 * s else 0.0 for m, s in zip(least, grid.spacing_mm, strict=True)]
    return gaussian_filter(image.astype(np.float32), blur) if any(blur) else image.astype(np.float32)


def _stacks(
    image: np.ndarray, body: np.ndarray, grid: Grid, source: np.ndarray, source_grid: Grid, start: Transform
) -> Stacks:
    """Both images on the working grid, slices last."""
    there = warp.apply(start, source, source_grid, grid)
    seen = np.isfinite(there)
    parts = [np.moveaxis(p, grid.slice_axis, 2) for p in (image, np.where(seen, there, 0), body, seen)]
    a, b = grid.in_plane_axes
    spacing = np.array([grid.spacing_mm[a], grid.spacing_mm[b], grid.spacing_mm[grid.slice_axis]])
    fixed, moving, where, visible = (np.ascontiguousarray(p) for p in parts)
    return Stacks(fixed, moving, where, visible, spacing)


def _told(stacks: Stacks, u: np.ndarray, grid: Grid, chosen: _Tried) -> Met:
    axes = _axes(grid)
    within = np.stack([axes[:, a] for a in grid.in_plane_axes])
    own = np.moveaxis(u, 2, grid.slice_axis).astype(np.float64) @ within
    transform = Transform.of(chosen.start.matrix, own @ chosen.start.matrix[:3, :3].T, grid)
    fixed, _, carried = stacks.matched(u)
    seen = stacks.body & (stacks.through(stacks.seen.astype(np.float32), u) > 0.5)
    back = [np.moveaxis(p, 2, grid.slice_axis) for p in (fixed, carried, seen)]
    return Met(transform, chosen.shift_mm, stacks.left(u), *back)


def _apart(image: np.ndarray, body: np.ndarray, grid: Grid) -> Met:
    nothing = Transform.of(np.eye(4), np.zeros((*grid.shape, 3)), grid)
    return Met(nothing, 0.0, 1.0, image, np.zeros_like(image), np.zeros_like(body))
