"""Where a NIfTI image is: sform, qform and voxel sizes must say the same, in millimetres, or a person has to choose."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.io.header import Header

Geometry = Literal["strict", "sform", "qform"]

#: NIfTI code of the spatial unit -> factor to millimetres
_TO_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_DISAGREE_MM = 1.0
#: no voxel is this large and no patient this far away, whatever the unit
_FAR = 1e9


def grid_of(header: Header, name: str, geometry: Geometry = "strict") -> tuple[Grid, tuple[Finding, ...]]:
    """The RAS+ grid of an image, and what is to be said about it.

    ``geometry`` chooses between an sform and a qform that disagree by more than 1 mm anywhere in the volume; an image
    that has only the other one uses that.
    """
    _check_voxel_sizes(header, name)
    factor, findings = _unit(header, name)
    has_sform, has_qform = header.sform_code > 0, header.qform_code > 0
    sform = _sform(header, name) if has_sform and not (geometry == "qform" and has_qform) else None
    qform = _qform(header, name) if has_qform and not (geometry == "sform" and has_sform) else None
    chosen = sform if sform is not None else qform
    if chosen is None:
        raise _geom(f"{name}: sform_code and qform_code", "an sform or a qform", "none",
                    "convert the image again with its orientation")  # fmt: skip
    if sform is not None and qform is not None:
        _check_agreement(sform, qform, header, factor, name)
    if sform is not None and geometry == "strict":
        _check_against_voxel_sizes(sform, header, factor, name)
    slice_axis = header.slice_dim - 1 if header.slice_dim else None
    return turned(_to_mm(chosen, factor, header.version), header.shape[:3], slice_axis), findings


def _geom(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-GEOM", where=where, needed=needed, found=found, remedy=remedy)


def _check_voxel_sizes(header: Header, name: str) -> None:
    for axis in (1, 2, 3):
        size = header.pixdim[axis]
        if not 0 < size < _FAR:
            raise _geom(f"{name}: pixdim[{axis}]", "a positive voxel size", f"{size:g}", "convert the image again")


def _unit(header: Header, name: str) -> tuple[float, tuple[Finding, ...]]:
    code = header.units & 7
    if code in _TO_MM:
        return _TO_MM[code], ()
    said = "the unit of length is not stated; millimetres are used"
    return 1.0, (Finding("warn", "W-UNITS", f"{name}: xyzt_units", said, "state the unit in the header",
                         "volumes and resampled regions are wrong if it is another unit"),)  # fmt: skip


def _sform(header: Header, name: str) -> np.ndarray:
    affine = np.eye(4)
    affine[:3] = np.array(header.srows, dtype=np.float64).reshape(3, 4)
    return checked(affine, f"{name}: sform")


def _qform(header: Header, name: str) -> np.ndarray:
    b, c, d = (float(v) for v in header.quaternion)
    square = b * b + c * c + d * d
    if not np.isfinite(square) or square > 1 + 1e-4:
        raise _geom(f"{name}: qform", "a unit quaternion", f"{b:g}, {c:g}, {d:g}", "convert the image again")
    if header.pixdim[0] not in (-1.0, 0.0, 1.0):
        raise _geom(f"{name}: pixdim[0]", "-1 or 1", f"{header.pixdim[0]:g}", "convert the image again")
    spacing = np.array(header.pixdim[1:4], dtype=np.float64)
    spacing[2] *= -1.0 if header.pixdim[0] < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = rotation(b, c, d) * spacing
    affine[:3, 3] = header.qoffset
    return checked(affine, f"{name}: qform")


def rotation(b: float, c: float, d: float) -> np.ndarray:
    """(3, 3) rotation of the unit quaternion (a, b, c, d) with a >= 0 left out."""
    square = b * b + c * c + d * d
    a = float(np.sqrt(max(1.0 - square, 0.0)))
    if square > 1.0:
        b, c, d = (v / np.sqrt(square) for v in (b, c, d))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )


def quaternion(matrix: np.ndarray) -> tuple[float, float, float]:
    """The inverse of `rotation`: (b, c, d) of a proper rotation matrix (3, 3)."""
    # the eigenvector of the largest eigenvalue of this symmetric matrix is the quaternion (Bar-Itzhack 2000)
    xx, xy, xz, yx, yy, yz, zx, zy, zz = np.asarray(matrix, dtype=np.float64).ravel()
    table = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    _, vectors = np.linalg.eigh(table / 3.0)
    q = vectors[:, -1]
    q = -q if q[0] < 0 else q
    return float(q[1]), float(q[2]), float(q[3])


def checked(affine: np.ndarray, where: str) -> np.ndarray:
    """An affine (4, 4) with three independent directions; E-GEOM."""
    if not (np.abs(affine) < _FAR).all():
        raise _geom(where, "finite numbers", "NaN, infinity or a place far off", "convert the image again")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise _geom(where, "three independent directions", "a singular matrix", "convert the image again")
    return affine


def _check_agreement(sform: np.ndarray, qform: np.ndarray, header: Header, factor: float, name: str) -> None:
    corners = np.array([[i, j, k, 0] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64)
    corners[:, :3] *= np.array(header.shape[:3]) - 1
    corners[:, 3] = 1
    apart = float(np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max()) * factor
    if apart > _DISAGREE_MM:
        raise _geom(f"{name}: sform and qform", f"agreement within {_DISAGREE_MM:g} mm", f"{apart:.4g} mm apart",
                    "choose one of them with the geometry option: sform or qform")  # fmt: skip


def _check_against_voxel_sizes(sform: np.ndarray, header: Header, factor: float, name: str) -> None:
    lengths, sizes = np.linalg.norm(sform[:3, :3], axis=0), np.array(header.pixdim[1:4])
    apart = np.abs(lengths - sizes) * np.array(header.shape[:3]) * factor
    if apart.max() > _DISAGREE_MM and (np.abs(lengths / sizes - 1) > 0.01).any():
        said = [" x ".join(f"{v:.4g}" for v in values) for values in (lengths, sizes)]
        raise _geom(f"{name}: pixdim and sform", "the same voxel sizes", f"{said[1]} and {said[0]}",
                    "choose with the geometry option: sform uses the sform alone")  # fmt: skip


def _to_mm(affine: np.ndarray, factor: float, version: int) -> np.ndarray:
    """In millimetres; a NIfTI-1 header holds single precision, so 0.003 m comes out as 3 mm and not 3.0000001."""
    if factor == 1.0:
        return affine
    scaled = affine.copy()
    scaled[:3] *= factor
    return scaled.astype(np.float32).astype(np.float64) if version == 1 else scaled


def turned(stored: np.ndarray, shape: tuple[int, ...], stored_slice_axis: int | None = None) -> Grid:
    """The RAS+ grid of an image whose stored voxels map to millimetres (RAS+) by ``stored`` (4, 4).

    shape : of the three spatial axes as stored; stored_slice_axis : which of them runs across slices, where it is known
    """
    axes = closest_axes(stored)
    made, ras_shape = np.eye(4), [0, 0, 0]
    made[:3, 3] = stored[:3, 3]
    for axis, (ras, flipped) in enumerate(axes):
        ras_shape[ras] = shape[axis]
        made[:3, ras] = -stored[:3, axis] if flipped else stored[:3, axis]
        if flipped:
            made[:3, 3] += stored[:3, axis] * (shape[axis] - 1)
    slice_axis = axes[stored_slice_axis][0] if stored_slice_axis is not None else None
    return Grid.of(tuple(ras_shape), made, slice_axis, axes)


def closest_axes(affine: np.ndarray) -> tuple[tuple[int, bool], ...]:
    """For each stored axis: the RAS+ axis closest to it, each taken once, and whether it runs the other way."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    best = max(permutations(range(3)), key=lambda order: sum(directions[order[i], i] ** 2 for i in range(3)))
    return tuple((ras, bool(directions[ras, axis] < 0)) for axis, ras in enumerate(best))
