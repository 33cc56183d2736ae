r"""Bringing one image onto another: rigid, or smoothly deformed, between any two contrasts of one subject.

.. math:: T = \arg\max_T I(\mathrm{fixed}(x),\ \mathrm{moving}(T(x)))

with Mattes mutual information (doi:10.1109/TMI.2003.809072), coarse to fine. Axes are thinned only where there are voxels
enough, so that 13 slices of 12 mm stay 13 slices; with fewer than `FEW_SLICES` slices only shifts and the rotation within the
slice are looked for, since nothing there tells of the others.

The result is compared with what was there before and refused (E-REGISTER, E-GRID) where the images do not belong together:
see `neuromyo.space.agreement`. A registration that was not checked is not given out.

*Assumes* one subject, one session: headers that are nearly right. *Breaks* on images without structure, on anatomy cut
differently by the two fields of view, and (rigid) on limbs bent between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.space import _itk, _smooth
from neuromyo.space.agreement import Agreement, Limits, judged
from neuromyo.space.likeness import Pair, contrast_map
from neuromyo.space.overlap import require_overlap, rough_body
from neuromyo.space.transform import IDENTITY, Transform

#: with fewer slices, only motion within the slice is looked for
FEW_SLICES = 4
#: with fewer voxels along either axis of the slice nothing is registered: rows of samples, vials of a table, cut-outs of one tissue, in
#: whose few hundred voxels noise makes another turn look likelier
FEW_ACROSS = 16
#: voxels at the finest level; larger images are thinned
_MOST_VOXELS = 4_000_000
#: coarsest first, in voxels of the finest in-plane size
_LEVELS = (4.0, 2.0, 1.0)
#: half of the shortest wave of a deformation (mm), its price of bending, and steps a level
SHORTEST_MM, STIFFNESS, _STEPS = 30.0, 3.0, 6
#: the least volume a voxel may shrink to in a deformation
LEAST_JACOBIAN = 0.1
FREEDOMS = ("auto", "rigid", "in-plane")


@dataclass(frozen=True, eq=False)
class Registered:
    """A transform that passed its checks, with the figures it was judged by; ``body`` (x, y, z) bool is the fixed image's."""

    transform: Transform
    agreement: Agreement
    body: np.ndarray


@dataclass(frozen=True, eq=False)
class _Ready:
    """Both images in the fixed image's frame; the moving one already put through ``start``."""

    frame: _itk.Frame
    fixed: _itk.Picture
    moving: _itk.Picture
    mask: _itk.Picture
    body: np.ndarray
    pair: Pair


def rigid(
    fixed: np.ndarray,
    fixed_grid: Grid,
    moving: np.ndarray,
    moving_grid: Grid,
    *,
    mask: np.ndarray | None = None,
    start: Transform = IDENTITY,
    freedom: str = "auto",
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    names: tuple[str, str] = ("the fixed image", "the moving image"),
) -> Registered:
    """The rotation and shift that bring two images of one subject together.

    fixed, moving : (x, y, z), real or complex (magnitudes are compared), on their grids; NaN is left out
    mask : (x, y, z) bool on the fixed grid: where to compare (the body, where None)
    start : without displacement field; the headers, where not given
    freedom : ``rigid``, ``in-plane`` (one rotation and two shifts along the fixed image's slices), or ``auto``: in-plane
        with fewer than four slices
    names : of the two files, for messages
    returns : the `Transform` from fixed to moving places in RAS+ mm, with its `Agreement`

    Raises E-NODATA, E-NOSIGNAL, E-EMPTYROI (nothing to compare), E-GRID (fields of view apart), E-REGISTER (too few voxels
    within the slice, or see `judged`).
    The bits depend on the images alone, not on the number of threads.
    """
    free = _free(freedom, fixed_grid)
    ready = _prepare(fixed, fixed_grid, moving, moving_grid, mask, start, names)
    numbers = np.zeros(6)
    unit = float(ready.fixed.spacing.min())
    coarsest = max(1.0, (fixed_grid.n_voxels / _MOST_VOXELS) ** (1 / 3))
    for level in _LEVELS:
        pitch = level * coarsest * unit
        try:
            numbers = _itk.rigid_level(
                *_at(ready, pitch), numbers, free, 0.5 * pitch, (0.005 if level == 1 else 0.03) * pitch
            )
        except _itk.LostError:
            raise DataError("E-REGISTER", where=f"{names[1]} onto {names[0]}", needed="structure that both images show",
                            found="so little that the search left the field of view",
                            remedy="leave motion as it is (--motion off), or give a mask of what both show") from None  # fmt: skip
    own = ready.frame.matrix_to_world(_itk.euler_matrix(numbers))
    found = Transform.of(start.matrix @ own)
    agreement = judged(found, ready.pair, ready.body, fixed_grid, _clean(moving)[0], moving_grid, limits, names, start)
    return Registered(agreement.kept, agreement, ready.body)


def deformable(
    fixed: np.ndarray,
    fixed_grid: Grid,
    moving: np.ndarray,
    moving_grid: Grid,
    *,
    mask: np.ndarray | None = None,
    start: Transform = IDENTITY,
    freedom: str = "auto",
    shortest_mm: float = SHORTEST_MM,
    stiffness: float = STIFFNESS,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    names: tuple[str, str] = ("the fixed image", "the moving image"),
) -> Registered:
    """A smooth displacement on top of ``start``, usually what `rigid` found; other arguments as there.

    The contrast of the moving image is carried over to the fixed one's (the mean intensity of the one at each intensity of the
    other, learnt where they now lie on each other, again in every step); a sum of cosines is then fitted to what is left, by
    least squares with a price on bending. With ``in-plane`` nothing moves across slices.

    shortest_mm : half of the shortest wave of the displacement
    stiffness : weight of the bending energy

    Raises also E-REGISTER where a voxel would shrink below a tenth of its volume or fold.
    """
    if not (shortest_mm > 0 and stiffness > 0):
        raise OptionError("E-OPTION", where="shortest_mm, stiffness", needed="numbers above 0",
                          found=f"{shortest_mm:g}, {stiffness:g}", remedy="give numbers above 0")  # fmt: skip
    ready = _prepare(fixed, fixed_grid, moving, moving_grid, mask, start, names)
    axes = [a for a in range(3) if all(_free(freedom, fixed_grid)) or a != fixed_grid.slice_axis]
    waves = _smooth.Waves.of(fixed_grid.shape, ready.fixed.spacing, shortest_mm / ready.frame.radius)
    index = _smooth.places_in(ready.mask.array > 0)
    basis, weights = waves.at(index), np.zeros((len(waves.modes), 3))
    unit = float(ready.fixed.spacing.min())
    for level in _LEVELS:
        blur = 0.5 * level * unit
        a, b = ready.fixed.blurred(blur), ready.moving.blurred(blur)
        for _ in range(_STEPS):
            weights = _stepped(a, b, index, basis, weights, waves.bending, stiffness, axes)
    coarse = _coarse(fixed_grid, shortest_mm / 8)
    own = np.round(replace(waves, shape=coarse.shape).field(weights), 6)
    field = own @ (start.matrix[:3, :3] @ ready.frame.to_world[:3, :3]).T
    found = Transform.of(start.matrix, field, coarse)
    if found.smallest_jacobian() < LEAST_JACOBIAN:
        raise DataError("E-REGISTER", where=f"{names[1]} onto {names[0]}", needed="a deformation that folds nothing",
                        found=f"a voxel at {found.smallest_jacobian():.2f} of its volume",
                        remedy="register rigidly, or give a larger stiffness")  # fmt: skip
    agreement = judged(found, ready.pair, ready.body, fixed_grid, _clean(moving)[0], moving_grid, limits, names, start)
    return Registered(agreement.kept, agreement, ready.body)


def _stepped(
    fixed: _itk.Picture,
    moving: _itk.Picture,
    index: np.ndarray,
    basis: np.ndarray,
    weights: np.ndarray,
    bending: np.ndarray,
    stiffness: float,
    axes: list[int],
) -> np.ndarray:
    """One Gauss-Newton step, with the contrast learnt at the present displacement."""
    places = index @ fixed.affine[:3, :3].T + fixed.affine[:3, 3] + basis @ weights
    back = np.linalg.inv(moving.affine)[:3]
    there = places @ back[:, :3].T + back[:, 3]
    inside = np.all((there >= -0.5) & (there <= np.array(moving.array.shape) - 0.5), axis=1)
    a, b = _smooth.sampled(fixed.array, index[inside]), _smooth.sampled(moving.array, there[inside])
    forth, reverse = contrast_map(b, a), contrast_map(a, b)
    image = forth(moving.array) if forth.explained >= reverse.explained else moving.array
    wanted = a if forth.explained >= reverse.explained else reverse(a)
    slopes = [np.gradient(image, axis=c) if n > 1 else np.zeros_like(image) for c, n in enumerate(image.shape)]
    gradient = np.stack([_smooth.sampled(s, there[inside]) for s in slopes], axis=1) @ back[:, :3]
    residual = wanted - _smooth.sampled(image, there[inside])
    new = weights.copy()
    new[:, axes] = _smooth.step(residual, gradient[:, axes], basis[inside], weights[:, axes], bending, stiffness)
    return new


def _coarse(grid: Grid, pitch_mm: float) -> Grid:
    """A grid over the same box with voxels of about ``pitch_mm``, no finer than the grid's own."""
    shape = [max(1, min(n, int(np.ceil(n * s / pitch_mm)))) for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    ratio = np.array(grid.shape) / np.array(shape)
    turn = np.diag([*ratio, 1.0])
    turn[:3, 3] = 0.5 * ratio - 0.5
    return Grid.of(tuple(shape), grid.affine @ turn, grid.slice_axis)


# --- what both do -----------------------------------------------------------------------------------------------------


def _free(freedom: str, grid: Grid) -> tuple[bool, ...]:
    """Which of three angles and three shifts may change."""
    if freedom not in FREEDOMS:
        raise OptionError("E-OPTION", where="freedom", needed=f"one of {', '.join(FREEDOMS)}", found=freedom,
                          remedy="give one of them")  # fmt: skip
    axis = grid.slice_axis
    if freedom == "rigid" or (freedom == "auto" and grid.shape[axis] >= FEW_SLICES):
        return (True,) * 6
    return tuple([a == axis for a in range(3)] + [a != axis for a in range(3)])


def _prepare(
    fixed: np.ndarray,
    fixed_grid: Grid,
    moving: np.ndarray,
    moving_grid: Grid,
    mask: np.ndarray | None,
    start: Transform,
    names: tuple[str, str],
) -> _Ready:
    if start.field is not None:
        raise ValueError("a start has no displacement field")
    _require_image(fixed, fixed_grid, names[0])
    _require_image(moving, moving_grid, names[1])
    _require_extent(fixed_grid, names[0])
    _require_extent(moving_grid, names[1])
    if start.is_identity:
        require_overlap(fixed_grid, moving_grid, where=f"{names[0]} and {names[1]}", least=0.3)
    whole, finite = _clean(fixed)
    other, _ = _clean(moving)
    body = rough_body(whole, fixed_grid.slice_axis)
    where = (body if mask is None else np.asarray(mask, dtype=bool)) & finite
    if not where.any():
        raise DataError("E-EMPTYROI", where=f"{names[0]}: mask", needed="voxels to compare", found="none",
                        remedy="check the mask, or leave it out")  # fmt: skip
    frame = _itk.Frame.of(fixed_grid, where)
    back = np.linalg.inv(frame.to_world)
    a = _itk.Picture(_limited(whole), back @ fixed_grid.affine)
    b = _itk.Picture(_limited(other), back @ np.linalg.inv(start.matrix) @ moving_grid.affine)
    m = _itk.Picture(where.astype(np.uint8), a.affine)
    return _Ready(frame, a, b, m, body, Pair.of(whole, fixed_grid, other, moving_grid, where))


def _at(ready: _Ready, pitch: float) -> tuple[_itk.Picture, _itk.Picture, _itk.Picture]:
    """Fixed, moving and mask at one level; where thinning leaves nothing of the mask, it is not thinned."""
    thin = ready.mask.every(ready.fixed.factors(pitch))
    if not thin.array.any():
        return ready.fixed, ready.moving, ready.mask
    return ready.fixed.thinned(pitch), ready.moving.thinned(pitch), thin


def _require_image(image: np.ndarray, grid: Grid, name: str) -> None:
    if image.shape != grid.shape:
        raise DataError("E-DIMS", where=name, needed=f"one volume of shape {grid.shape}", found=str(image.shape),
                        remedy="give one volume")  # fmt: skip
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        raise DataError("E-NODATA", where=name, needed="finite numbers to register on", found="none",
                        remedy="check the image")  # fmt: skip
    if not np.ptp(np.abs(finite)) > 0:
        raise DataError("E-NOSIGNAL", where=name, needed="structure to register on", found="a constant image",
                        remedy="check the image")  # fmt: skip


def _require_extent(grid: Grid, name: str) -> None:
    across = [n for axis, n in enumerate(grid.shape) if axis != grid.slice_axis]
    if min(across) < FEW_ACROSS:
        raise DataError("E-REGISTER", where=name, needed=f"{FEW_ACROSS} voxels or more along both axes of the slice to register on",
                        found=" x ".join(str(n) for n in across), remedy="register larger images, or none")  # fmt: skip


def _clean(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(magnitude float32 with 0 for what is not finite, where it is finite)."""
    finite = np.isfinite(image)
    return np.where(finite, np.abs(np.where(finite, image, 0)), 0).astype(np.float32), finite


def _limited(image: np.ndarray) -> np.ndarray:
    """Without the brightest thousandth, whose few voxels would take most of a histogram's bins."""
    return np.minimum(image, np.percentile(image, 99.9) or image.max()).astype(np.float32)
