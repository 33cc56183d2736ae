r"""Gaussian diffusion: signals of a diffusion tensor, and the numbers that describe one.

.. math:: S = S_0\, e^{-b\, g^T D g}

D is symmetric and written by its six components in the order xx yy zz xy xz yz; directions g and D share one frame.

.. math::
    MD = \tfrac13 \operatorname{tr} D, \qquad AD = \lambda_1, \qquad RD = \tfrac12(\lambda_2 + \lambda_3), \qquad
    FA = \sqrt{\tfrac32}\, \frac{\lVert D - MD\, I\rVert}{\lVert D\rVert}

with eigenvalues l1 >= l2 >= l3 and Frobenius norms. Derivatives follow from dl1 = e1^T dD e1 and
FA^2 = 3/2 - tr(D)^2 / (2 ||D||^2).

*Assumes* one Gaussian compartment a voxel. *Breaks* with perfusion (low b), restriction (high b) and crossing fibres.

*Cites* Basser, Mattiello and LeBihan, J Magn Reson B 1994;103:247, doi:10.1006/jmrb.1994.1037; Basser and Pierpaoli,
J Magn Reson B 1996;111:209, doi:10.1006/jmrb.1996.0086.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

#: order of a symmetric tensor's components, here and in every image
COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
_PLACE = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
#: each off-diagonal component stands for two entries of the matrix
_TWICE = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


class TensorScalars(NamedTuple):
    """Descriptions of a tensor, each (...), and their derivatives by its components, each (..., 6).

    V1 : (..., 3) unit vector along the largest eigenvalue, pointing up (z >= 0), since only its axis means anything
    """

    FA: np.ndarray
    MD: np.ndarray
    AD: np.ndarray
    RD: np.ndarray
    V1: np.ndarray
    eigenvalues: np.ndarray
    gradient: dict[str, np.ndarray]


def b_matrix(b_values: ArrayLike, b_vectors: ArrayLike) -> np.ndarray:
    """(n, 6): row i times a tensor's components is b g^T D g. b in s/m2, directions unit vectors (n, 3), or zero."""
    g = np.asarray(b_vectors, dtype=np.float64)
    return np.asarray(b_values, dtype=np.float64)[:, None] * outer(g)


def outer(vectors: ArrayLike) -> np.ndarray:
    """(..., 3) -> (..., 6): what a tensor's components are multiplied by to give v^T D v."""
    x, y, z = np.moveaxis(np.asarray(vectors, dtype=np.float64), -1, 0)
    return np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=-1)


def tensor_signal(S0: ArrayLike, tensor: ArrayLike, b_values: ArrayLike, b_vectors: ArrayLike) -> np.ndarray:
    """Magnitudes (..., n) of tensors (..., 6) in m2/s, S0 (...)."""
    exponent = np.asarray(tensor, dtype=np.float64) @ b_matrix(b_values, b_vectors).T
    return np.asarray(S0, dtype=np.float64)[..., None] * np.exp(-exponent)


def as_matrix(tensor: ArrayLike) -> np.ndarray:
    """(..., 6) -> (..., 3, 3)."""
    return np.asarray(tensor)[..., _PLACE]


def as_components(matrix: ArrayLike) -> np.ndarray:
    """(..., 3, 3) symmetric -> (..., 6)."""
    m = np.asarray(matrix)
    return np.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2], m[..., 0, 1], m[..., 0, 2], m[..., 1, 2]], axis=-1)


def describe(tensor: ArrayLike) -> TensorScalars:
    """FA, MD, AD, RD, V1 and eigenvalues (..., 3), largest first, of tensors (..., 6); the scalars' derivatives too.

    Closed form, the same for every voxel whatever its neighbours. *Breaks*: V1 is any direction where the two largest
    eigenvalues are equal; the derivative of FA is 0 where FA is 0, where it has none.
    """
    d = np.asarray(tensor, dtype=np.float64)
    trace = d[..., 0] + d[..., 1] + d[..., 2]
    mean = trace / 3
    shifted = d.copy()
    shifted[..., :3] -= mean[..., None]
    deviation = (shifted * shifted) @ _TWICE  # squared norm of D - MD I
    size = deviation + 3 * mean * mean  # squared norm of D
    values = _eigenvalues(mean, shifted, deviation)
    axis = _first_axis(d, values)
    with np.errstate(invalid="ignore", divide="ignore"):
        fa = np.sqrt(1.5 * deviation / size)
        slope = (0.5 * trace * trace / (size * size))[..., None] * (d * _TWICE)
        slope[..., :3] -= (0.5 * trace / size)[..., None]
        slope = np.where((fa > 0)[..., None], slope / fa[..., None], 0.0)
    by_trace = np.broadcast_to(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), d.shape)
    along = outer(axis)
    gradient = {"FA": slope, "MD": by_trace / 3, "AD": along, "RD": 0.5 * (by_trace - along)}
    largest = values[..., 0]
    return TensorScalars(fa, mean, largest, 0.5 * (trace - largest), axis, values, gradient)


def _eigenvalues(mean: np.ndarray, shifted: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Roots of the characteristic polynomial by the cosine of a third of an angle (Smith, doi:10.1145/355578.366316)."""
    xx, yy, zz, xy, xz, yz = np.moveaxis(shifted, -1, 0)
    p = np.sqrt(deviation / 6)
    determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(p > 0, determinant / (2 * p * p * p), 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0)) / 3
    first = mean + 2 * p * np.cos(angle)
    last = mean + 2 * p * np.cos(angle + 2 * np.pi / 3)
    return np.stack([first, 3 * mean - first - last, last], axis=-1)


def _first_axis(d: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(..., 3) unit eigenvector of the largest eigenvalue: the longest column of (D - l2)(D - l3), which is
    (l1 - l2)(l1 - l3) times the projection on it."""
    matrix = as_matrix(d)
    scale = np.abs(values).max(axis=-1)[..., None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        a = np.where(scale > 0, (matrix - values[..., 1, None, None] * np.eye(3)) / scale, 0.0)
        b = np.where(scale > 0, (matrix - values[..., 2, None, None] * np.eye(3)) / scale, 0.0)
    product = sum(a[..., :, k, None] * b[..., k, None, :] for k in range(3))
    best = np.argmax(np.abs(np.einsum("...ii->...i", product)), axis=-1)
    column = np.take_along_axis(product, best[..., None, None], axis=-1)[..., 0]
    norm = np.sqrt(column[..., 0] ** 2 + column[..., 1] ** 2 + column[..., 2] ** 2)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        axis = np.where(norm > 0, column / norm, np.array([0.0, 0.0, 1.0]))
    return upwards(axis)


def upwards(vectors: np.ndarray) -> np.ndarray:
    """(..., 3): each vector or its opposite, so that z > 0; else y > 0; else x >= 0."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    down = (z < 0) | ((z == 0) & ((y < 0) | ((y == 0) & (x < 0))))
    return np.where(down[..., None], -vectors, vectors) + 0.0
