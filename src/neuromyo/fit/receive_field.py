r"""A smooth field that multiplies an image, from tissues that should each be equally bright everywhere.

.. math:: \ln S(x) = c_{tissue(x)} + \sum_{1 \le |d| \le D} b_d\, L_{d_1}(x_1) L_{d_2}(x_2) L_{d_3}(x_3) + \text{rest}

with Legendre polynomials L over the box that holds the body, total degree up to D. Each reference tissue has a level of its own, so that
muscle and the fat around it, together, hold the field in the middle and at the rim without being equally bright. Least
squares with Tukey's weights (vessels, borders and lesions count little or nothing) and a small penalty on the coefficients
that grows with their degree, which keeps the field tame where there is no reference.

*Assumes* the field is smooth on the scale of the body and the reference tissues are uniform in what is measured. *Breaks* where a
tissue's own property varies smoothly (fat infiltration from proximal to distal): it is taken for the field.

*Cites* Volz, Noeth and Deichmann, Magn Reson Med 2012;68:74, doi:10.1002/mrm.23206; Mezer et al., Nat Med 2013;19:1667,
doi:10.1038/nm.3390; Beaton and Tukey, Technometrics 1974;16:147, doi:10.1080/00401706.1974.10489171 (weights).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: reference voxels used at most, evenly taken
_MOST = 60_000
#: penalty on a coefficient of degree 1, as a share of the voxels; it grows with the square of the degree
_PENALTY = 1e-5
_TUKEY, _ROUNDS = 4.685, 20
_MAD = 1.4826
#: scatter of ln S below which nothing is an outlier: a polynomial's own misfit must not be taken for one
_SMOOTHEST = 0.005


@dataclass(frozen=True, eq=False)
class ReceiveField:
    """degrees : (p, 3); coefficients : (p,) of ln S; levels : (tissues,) constants; scatter : robust sd of what remains in the
    reference, of ln S; low, high : (3,) ends of the box in voxel indices."""

    degrees: np.ndarray
    coefficients: np.ndarray
    levels: np.ndarray
    scatter: float
    low: np.ndarray
    high: np.ndarray

    def __call__(self, index: np.ndarray) -> np.ndarray:
        """The field (m,) at voxel indices (m, 3), relative to the tissues' levels."""
        return np.exp(_columns(index, self.degrees, self.low, self.high) @ self.coefficients)


def receive_field(image: np.ndarray, tissues: Sequence[np.ndarray], body: np.ndarray, order: int = 3) -> ReceiveField:
    """Fit the field of ``image`` (x, y, z), positive in the ``tissues`` (masks (x, y, z), disjoint), for use within ``body``.

    ``order`` is the highest total degree D; 0 gives a field of 1. Along an axis the degree is below the number of voxels.
    """
    place = np.argwhere(body)
    low, high = place.min(axis=0).astype(float), place.max(axis=0).astype(float)
    index, values, kind = _samples(image, tissues)
    degrees = _degrees(order, np.array([len(np.unique(index[:, axis])) for axis in range(3)]))
    design = np.concatenate(
        [kind[:, None] == np.arange(len(tissues)), _columns(index, degrees, low, high)], axis=1
    ).astype(np.float64)
    penalty = np.concatenate([np.zeros(len(tissues)), _PENALTY * len(values) * (degrees.sum(axis=1) ** 2.0)])
    found, scatter = _robust(design, values, penalty)
    many = len(tissues)
    return ReceiveField(degrees, found[many:], found[:many], scatter, low, high)


def _samples(image: np.ndarray, tissues: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices (m, 3), ln S (m,) and which tissue (m,), thinned evenly, the same every time."""
    parts = [np.argwhere(mask) for mask in tissues]
    index = np.concatenate(parts)
    kind = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    if len(index) > _MOST:
        kept = np.linspace(0, len(index) - 1, _MOST).round().astype(int)
        index, kind = index[kept], kind[kept]
    return index, np.log(image[tuple(index.T)].astype(np.float64)), kind


def _degrees(order: int, sizes: np.ndarray) -> np.ndarray:
    most = [min(order, int(n) - 1) for n in sizes]
    every = itertools.product(*(range(m + 1) for m in most))
    return np.array([d for d in every if 1 <= sum(d) <= order], dtype=int).reshape(-1, 3)


def _columns(index: np.ndarray, degrees: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    out = np.ones((len(index), len(degrees)))
    for axis in range(3):
        span = max(high[axis] - low[axis], 1.0)
        u = 2 * (index[:, axis] - low[axis]) / span - 1 if high[axis] > low[axis] else np.zeros(len(index))
        top = int(degrees[:, axis].max(initial=0))
        out *= np.polynomial.legendre.legvander(u, top)[:, degrees[:, axis]]
    return out


def _robust(design: np.ndarray, values: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, float]:
    weight = np.ones(len(values))
    found, scale = np.zeros(design.shape[1]), 0.0
    for _ in range(_ROUNDS):
        normal = design.T @ (design * weight[:, None]) + np.diag(penalty)
        found = np.linalg.lstsq(normal, design.T @ (weight * values), rcond=None)[0]
        left = values - design @ found
        scale = _MAD * float(np.median(np.abs(left)))
        weight = np.clip(1 - (left / (_TUKEY * max(scale, _SMOOTHEST))) ** 2, 0, None) ** 2
    return found, scale
