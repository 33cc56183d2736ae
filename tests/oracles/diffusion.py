"""Diffusion-weighted signals of tensors, gradients as FSL writes them, and the fibres of two legs.

    S = S0 exp(-b g' D g)          b in s/m2, D in m2/s, g a unit vector in the world frame (x right, y anterior, z superior)

A bvec file, in the words of the FSL documentation: vectors are along the axes of the stored voxels "in radiological
convention": the x of the file runs as the first voxel axis does where the affine has a negative determinant, and against it
where the determinant is positive; y and z run along the second and third voxel axis. Lengths are those of world vectors.
"""

from itertools import permutations, product
from typing import NamedTuple

import numpy as np

#: eigenvalues in m2/s (J Damon et al, NMR Biomed 2017;30:e3563, for muscle; nerve as in limb nerves at b 800)
EIGENVALUES = {"muscle": (2.1e-9, 1.6e-9, 1.4e-9), "nerve": (2.0e-9, 0.8e-9, 0.8e-9), "fat": (1e-11, 1e-11, 1e-11)}


class FibrePhantom(NamedTuple):
    """signals (x, y, z, n) float32; truth direction (x, y, z, 3) in the world frame; labels 0 air, 1.. parts."""

    signals: np.ndarray
    direction: np.ndarray
    label: np.ndarray
    eigenvalues: np.ndarray
    b_values: np.ndarray
    gradients: np.ndarray
    affine: np.ndarray
    sigma: float


def tensor(direction, eigenvalues, second=None):
    """Tensor (..., 3, 3) with its first axis along ``direction`` (..., 3); ``second`` hints at where the second one lies."""
    e1 = np.asarray(direction, float)
    e1 = e1 / np.linalg.norm(e1, axis=-1, keepdims=True)
    if second is None:  # the world axis least along e1
        second = np.eye(3)[np.argmin(np.abs(e1), axis=-1)]
    e3 = np.cross(e1, second)
    e3 = e3 / np.linalg.norm(e3, axis=-1, keepdims=True)
    frame = np.stack([e1, np.cross(e3, e1), e3], axis=-1)
    return np.einsum("...ia,...a,...ja->...ij", frame, np.broadcast_to(eigenvalues, e1.shape), frame)


def dwi(tensors, b_values, gradients, s0=1.0):
    """Noise-free signals (..., n)."""
    g = np.asarray(gradients, float)
    along = np.einsum("ni,...ij,nj->...n", g, tensors, g)
    return np.asarray(s0, float)[..., None] * np.exp(-np.asarray(b_values, float) * along)


def measures(eigenvalues):
    """FA, MD, AD and RD of eigenvalues (..., 3), the largest first."""
    lam = np.asarray(eigenvalues, float)
    md = lam.mean(axis=-1)
    spread = ((lam - md[..., None]) ** 2).sum(axis=-1)
    fa = np.sqrt(1.5 * spread / (lam**2).sum(axis=-1))
    return {"FA": fa, "MD": md, "AD": lam[..., 0], "RD": lam[..., 1:].mean(axis=-1)}


def sphere(n):
    """``n`` unit vectors over the whole sphere along a golden-angle spiral."""
    z = 1 - (2 * np.arange(n) + 1) / n
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=-1)


def table(n_directions=24, b=4.5e8, n_b0=3):
    """b-values (s/m2; 4.5e8 is 450 s/mm2) and world gradients of one shell, the b = 0 first."""
    b_values = np.concatenate([np.zeros(n_b0), np.full(n_directions, b)])
    return b_values, np.concatenate([np.zeros((n_b0, 3)), sphere(n_directions)])


def world_to_bvec(gradients, affine):
    """Rows of a bvec file, (3, n), for world gradients (n, 3) and the affine of the stored voxels."""
    return (np.asarray(gradients, float) @ _file_axes(affine)).T


def bvec_to_world(bvec, affine):
    """World gradients (n, 3) from a bvec file (3, n)."""
    return (_file_axes(affine) @ np.asarray(bvec, float)).T


def _file_axes(affine):
    """Columns: the world directions of the file's x, y and z (for voxel axes at right angles to each other)."""
    affine = np.asarray(affine, float)
    axes = [affine[:3, k] / np.sqrt((affine[:3, k] ** 2).sum()) for k in range(3)]
    handed = np.dot(np.cross(axes[0], axes[1]), axes[2])
    if handed > 0:
        axes[0] = -axes[0]
    return np.stack(axes, axis=-1)


def orientations(spacing_mm=(3.0, 3.0, 6.0)):
    """The 48 affines whose voxel axes run along world axes, either way round, as (name, affine)."""
    letters = (("L", "R"), ("P", "A"), ("I", "S"))
    for order in permutations(range(3)):
        for way in product((-1, 1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for voxel_axis, world_axis in enumerate(order):
                affine[world_axis, voxel_axis] = way[voxel_axis] * spacing_mm[voxel_axis]
            name = "".join(letters[w][(s + 1) // 2] for w, s in zip(order, way, strict=True))
            yield name, affine


def tilted(affine, degrees=(12.0, -20.0, 33.0)):
    """An oblique affine: the image turned about world x, then y, then z."""
    out = np.array(affine, float)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        turn, (i, j) = np.eye(4), [k for k in range(3) if k != axis]
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out


def pennate_legs(affine, shape=(24, 16, 6), *, snr=40.0, seed=0, n_directions=24, b=4.5e8, n_b0=3, noise="rice"):
    """Two legs side by side in world x, each with three muscles about a nerve; directions fixed in the world.

    Labels: 1, 2, 3 muscles of the left-hand leg (world x < centre), 4 its nerve, 5 to 8 the same mirrored. Fibres run along z
    (1), are pennate outwards by 25 degrees in the coronal plane (2) and forwards by 20 degrees (3); the nerve leans by 5
    degrees. sigma is 1/``snr`` of S0. The parts are laid out in world coordinates, whatever the affine.
    """
    rng = np.random.default_rng(seed)
    b_values, gradients = table(n_directions, b, n_b0)
    i = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).astype(float)
    world = (i - (np.array(shape) - 1) / 2) @ np.asarray(affine, float)[:3, :3].T
    size = np.abs(world).reshape(-1, 3).max(axis=0)
    x, y, _ = np.moveaxis(world / size, -1, 0)
    side = np.where(x < 0, -1.0, 1.0)
    u, v = (np.abs(x) - 0.5) / 0.42, y / 0.9
    r, angle = np.hypot(u, v), np.arctan2(v, u)
    part = np.where(angle < -np.pi / 3, 1, np.where(angle < np.pi / 3, 2, 3))
    part = np.where(r < 0.25, 4, part)
    label = np.where(r < 1, np.where(side < 0, part, part + 4), 0)
    steep = {1: (0.0, 0.0), 2: (25.0, 0.0), 3: (0.0, 20.0), 4: (5.0, 0.0)}
    direction, lam = np.zeros((*shape, 3)), np.zeros((*shape, 3))
    for p, (out, forward) in steep.items():
        d = np.stack([side * np.tan(np.deg2rad(out)), np.full(shape, np.tan(np.deg2rad(forward))), np.ones(shape)], -1)
        d = d / np.linalg.norm(d, axis=-1, keepdims=True)
        here = (label == p) | (label == p + 4)
        direction[here], lam[here] = d[here], EIGENVALUES["nerve" if p == 4 else "muscle"]
    inside = label > 0
    clean = np.zeros((*shape, len(b_values)))
    clean[inside] = dwi(tensor(direction[inside], lam[inside]), b_values, gradients)
    real, imag = rng.standard_normal((2, *clean.shape)) / snr
    noisy = np.hypot(clean + real, imag) if noise == "rice" else clean + real
    affine = np.asarray(affine, float)
    return FibrePhantom(noisy.astype(np.float32), direction, label, lam, b_values, gradients, affine, 1 / snr)


def angle_deg(a, b):
    """Angle between axes (..., 3), which have no head and tail: 0 to 90 degrees."""
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (np.asarray(a, float), np.asarray(b, float)))
    return np.rad2deg(np.arccos(np.clip(np.abs((a * b).sum(axis=-1)), 0, 1)))


def mean_axis(vectors):
    """The axis that fits axes (m, 3) best: first eigenvector of the mean of v v'."""
    v = np.asarray(vectors, float)
    return np.linalg.eigh(v.T @ v)[1][:, -1]
