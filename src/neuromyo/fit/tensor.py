r"""Diffusion tensors of many voxels at once: weighted and nonlinear least squares, with or without rejected samples.

.. math:: \ln S_i = \ln S_0 - b_i\, g_i^T D g_i

``wls``    least squares of the logarithms in two steps: unweighted, then weighted by the squared predictions of the first
``nlls``   least squares of the magnitudes themselves, by damped Gauss-Newton from there
``robust`` samples further than a limit from a fit that far samples hardly pull (Geman-McClure weights) are left out, then
           ``nlls`` of the others

For nlls and robust, a noise level given as floor puts the mean of a Rician magnitude in place of the amplitude.

*Assumes* one tensor a voxel and independent samples. *Breaks* for wls near the noise floor, where logarithms of magnitudes
are biased.

*Cites* Salvador et al., Hum Brain Mapp 2005;24:144, doi:10.1002/hbm.20076; Koay et al., J Magn Reson 2006;182:115,
doi:10.1016/j.jmr.2006.06.020; Chang, Jones and Pierpaoli, Magn Reson Med 2005;53:1088, doi:10.1002/mrm.20426.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit import tensor_kernel as kernel
from neuromyo.fit import tensor_logs
from neuromyo.physics.diffusion import b_matrix
from neuromyo.physics.noise import rice_table

METHODS = ("wls", "nlls", "robust")
#: smallest over largest singular value of the (scaled) design at which six components and S0 can still be told apart
_RANK = 1e-6


@dataclass(frozen=True, eq=False)
class TensorFit:
    """Fitted voxels, leading shape (...) as the signals; NaN where ``state`` is not `tensor_kernel.OK`.

    tensor : (..., 6) m2/s, xx yy zz xy xz yz in the frame of the directions
    log_S0 : (...)
    inverse : (..., 7, 7) covariance of (tensor, ln S0) for noise of 1
    rss : (...) residual sum of squares in squared units of the signal; used : (...) samples used; state : (...)
    """

    tensor: np.ndarray
    log_S0: np.ndarray
    inverse: np.ndarray
    rss: np.ndarray
    used: np.ndarray
    state: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """(...) residual variance; NaN where nothing is left over."""
        spare = (self.used - kernel.UNKNOWNS).astype(np.float64)
        return np.where(spare > 0, self.rss / np.maximum(spare, 1), np.nan)


@dataclass(frozen=True)
class TensorModel:
    """What was measured: b-values (n,) in s/m2 and unit directions (n, 3) (zero where b is)."""

    b_values: tuple[float, ...]
    b_vectors: tuple[tuple[float, float, float], ...]

    @cached_property
    def scale(self) -> float:
        """The largest b, by which tensors are made numbers near 1."""
        return max(max(self.b_values), 1.0)

    @cached_property
    def design(self) -> np.ndarray:
        """(n, 7): logarithms per parameter (tensor times `scale`, ln S0)."""
        columns = -b_matrix(self.b_values, self.b_vectors) / self.scale
        return np.concatenate([columns, np.ones((len(columns), 1))], axis=1)

    @cached_property
    def determined(self) -> bool:
        """Whether the samples determine a tensor and S0."""
        if len(self.b_values) < kernel.UNKNOWNS:
            return False
        singular = np.linalg.svd(self.design, compute_uv=False)
        return bool(singular[-1] > _RANK * singular[0])

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = self.design
        first, second = np.triu_indices(kernel.UNKNOWNS)
        return (np.ascontiguousarray(x.T), np.ascontiguousarray((x[:, first] * x[:, second]).T),
                np.ascontiguousarray(np.linalg.pinv(x)))  # fmt: skip

    @cached_property
    def _padded(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, products, projector = (tensor_logs.padded(table) for table in self._tables)
        return x, products, projector

    @cached_property
    def _units(self) -> np.ndarray:
        return np.array([1 / self.scale] * 6 + [1.0])

    def fit(
        self,
        signals: np.ndarray,
        method: str = "wls",
        *,
        floor: ArrayLike = 0.0,
        sigma: ArrayLike = 0.0,
        limit: float = 3.0,
    ) -> TensorFit:
        """Magnitudes (..., n) -> tensors.

        floor : noise per channel (...) whose floor the model has; 0 for none. Not for wls.
        sigma : noise per channel (...) that outliers are judged by; 0 to take it from the voxel's residuals
        limit : of outliers, in sigma
        """
        lead = signals.shape[:-1]
        flat = np.ascontiguousarray(signals.reshape(-1, signals.shape[-1]), dtype=np.float64)
        fitted = self._fit_logs(flat) if method == "wls" else self._fit_each(flat, lead, method, floor, sigma, limit)
        tails = ((6,), (), (kernel.UNKNOWNS, kernel.UNKNOWNS), (), (), ())
        return TensorFit(*(part.reshape((*lead, *tail)) for part, tail in zip(fitted, tails, strict=True)))

    def _fit_logs(self, flat: np.ndarray) -> tuple[np.ndarray, ...]:
        """The parts of a `TensorFit` of ``flat`` (m, n), many voxels side by side."""
        count, n = flat.shape
        beta, inverse, rss = _unfitted(count)
        state = np.full(count, kernel.FEW if n < kernel.UNKNOWNS else kernel.OK)
        if n >= kernel.UNKNOWNS:
            tensor_logs.fit_logs(flat, *self._padded, self._units, beta, inverse, rss, state)
        used = np.full(count, n)
        odd = state == kernel.NOT_POSITIVE
        if odd.any():
            used[odd] = (flat[odd] > 0).sum(axis=1)
        return beta[:, :6], beta[:, 6], inverse, rss, used, state

    def _fit_each(
        self, flat: np.ndarray, lead: tuple[int, ...], method: str, floor: ArrayLike, sigma: ArrayLike, limit: float
    ) -> tuple[np.ndarray, ...]:
        """The parts of a `TensorFit` of ``flat`` (m, n), a voxel after the other."""
        count = len(flat)
        floors, sigmas = (
            np.ascontiguousarray(np.broadcast_to(np.asarray(v, np.float64), lead).reshape(-1)) for v in (floor, sigma)
        )
        beta, inverse, rss = _unfitted(count)
        used, state = np.zeros(count, np.int64), np.zeros(count, np.int64)
        table = rice_table()
        kernel.fit_voxels(flat, *self._tables, METHODS.index(method), floors, sigmas, float(limit), table.values,
                          table.step, beta, inverse, rss, used, state)  # fmt: skip
        beta[state != kernel.OK] = np.nan
        beta *= self._units
        return beta[:, :6], beta[:, 6], inverse * (self._units[:, None] * self._units), rss, used, state


def _unfitted(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, inverse and residuals of voxels not fitted yet."""
    size = kernel.UNKNOWNS
    return np.full((count, size), np.nan), np.full((count, size, size), np.nan), np.full(count, np.nan)
