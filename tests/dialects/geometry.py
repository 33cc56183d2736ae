"""Where slices may lie, what may be wrong with a folder of them, and whether two volumes put the same voxels at the same places."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pydicom

#: column index, row index and slice step as RAS directions, of each plane as scanners lay it out
PLANES = {
    "axial": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "sagittal": ((0, -1, 0), (0, 0, -1), (-1, 0, 0)),
    "coronal": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
}


def turned(about_x_deg: float, about_y_deg: float, about_z_deg: float) -> np.ndarray:
    """A rotation of the world."""
    made = np.eye(3)
    for axis, angle in enumerate(np.radians([about_x_deg, about_y_deg, about_z_deg])):
        one = np.eye(3)
        i, j = [a for a in range(3) if a != axis]
        one[i, i] = one[j, j] = math.cos(angle)
        one[i, j], one[j, i] = -math.sin(angle), math.sin(angle)
        made = one @ made
    return made


def affine(
    plane: str = "axial", spacing_mm=(1.25, 1.5, 6.0), corner=(55.0, 61.0, -312.0), turn=(0.0, 0.0, 0.0), back=False
) -> np.ndarray:
    """RAS affine of a stack; ``turn`` makes it oblique, ``back`` counts the slices the other way."""
    axes = np.array(PLANES[plane], float).T
    if back:
        axes[:, 2] *= -1
    made = np.eye(4)
    made[:3, :3] = turned(*turn) @ axes * np.asarray(spacing_mm)
    made[:3, 3] = corner
    return made


def pattern(shape: tuple[int, ...], seed: int = 1, low: int = 0, high: int = 4000, dtype=np.uint16) -> np.ndarray:
    """Integers without any symmetry: a voxel out of place is found."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def onto(values: np.ndarray, own: np.ndarray, other: np.ndarray, atol_voxel: float = 1e-3) -> np.ndarray:
    """``values`` (x, y, z, ...) with affine ``own``, in the voxel order of the affine ``other``.

    The two grids must be the same points of the world: axes may change places and be reversed, no voxel may lie elsewhere.
    """
    between = np.linalg.inv(other) @ own
    order = np.abs(between[:3, :3]).argmax(axis=0)
    assert sorted(order) == [0, 1, 2], f"the axes do not match: {between}"
    exact = np.zeros((3, 3))
    signs = np.sign(between[order, range(3)])
    exact[order, range(3)] = signs
    moved = np.transpose(values, [*np.argsort(order), *range(3, values.ndim)])
    origin = np.zeros(3)
    for axis, to in enumerate(order):
        if signs[axis] < 0:
            moved = np.flip(moved, to)
            origin[to] = values.shape[axis] - 1
    corners = np.array(np.meshgrid(*([0, n - 1] for n in values.shape[:3]))).reshape(3, -1)
    off = between[:3, :3] @ corners + between[:3, 3:] - (exact @ corners + origin[:, None])
    assert np.abs(off).max() <= atol_voxel, f"voxels lie {np.abs(off).max():.4f} voxels apart"
    return moved


def along_voxel_axes(direction: np.ndarray, own: np.ndarray) -> np.ndarray:
    """A world direction (RAS) in the axes of FSL's bvec: the image's, the first reversed where the affine turns right-handed."""
    axes = own[:3, :3] / np.linalg.norm(own[:3, :3], axis=0)
    said = axes.T @ np.asarray(direction)
    return said * [-1, 1, 1] if np.linalg.det(axes) > 0 else said


def world_of_bvec(bvec: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The other way: FSL's bvec of an image to world RAS."""
    axes = own[:3, :3] / np.linalg.norm(own[:3, :3], axis=0)
    return axes @ (np.asarray(bvec) * [-1, 1, 1] if np.linalg.det(axes) > 0 else np.asarray(bvec))


def directions(count: int, seed: int = 3) -> np.ndarray:
    """Unit vectors without symmetry; the first is no direction, for b = 0."""
    made = np.random.default_rng(seed).normal(size=(count, 3))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    made[0] = 0
    return made


def without(paths: list[Path], slices: int) -> None:
    """The file of that place in the list is gone."""
    paths[slices].unlink()


def twice(path: Path, as_new_instance: bool) -> Path:
    """The same image again: the same file under another name, or with an identifier of its own, as a second export leaves it."""
    copy = path.with_name(f"copy_{path.name}")
    if not as_new_instance:
        shutil.copyfile(path, copy)
        return copy
    said = pydicom.dcmread(path)
    said.SOPInstanceUID += ".7"
    said.file_meta.MediaStorageSOPInstanceUID = said.SOPInstanceUID
    said.save_as(copy)
    return copy
