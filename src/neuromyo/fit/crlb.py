r"""The Cramer-Rao bound: the smallest covariance that an unbiased estimate can have, for the noise law in force.

.. math:: C \ge I^{-1}, \qquad I_{ab} = \frac{1}{\sigma^2} \sum_i F(S_i/\sigma)\, \partial_a S_i\, \partial_b S_i

with F = 1 for Gaussian noise, the Fisher factor of a Rician magnitude (`neuromyo.physics.noise`) for magnitudes, and
for complex samples the real part of the product with the conjugate, since both channels carry noise sigma.

A parameter that no sample depends on has infinite variance and leaves the others alone; where several parameters
cannot be told apart, all variances are infinite.

*Assumes* independent samples and a known sigma. *Breaks* for bounded or regularised estimators, which may lie below it.

*Cites* Karlsen, Verhagen and Bovee, Magn Reson Med 1999;41:614,
doi:10.1002/(SICI)1522-2594(199903)41:3<614::AID-MRM26>3.0.CO;2-1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit.separable import SeparableModel
from neuromyo.physics.noise import rice_table

NoiseLaw = Literal["gaussian", "rician", "complex"]
#: smallest eigenvalue of the information, scaled to a unit diagonal, that still tells parameters apart
_SINGULAR = 1e-13


def bound(
    model: SeparableModel,
    theta: ArrayLike,
    amplitude: ArrayLike,
    sigma: ArrayLike,
    law: NoiseLaw = "rician",
    known: Sequence[str] = (),
) -> np.ndarray:
    """Covariance (..., P + K, P + K) of (theta, amplitudes), from the model's own tables.

    theta : (..., P) SI; amplitude : (..., K), complex for a complex model, whose amplitudes then count as (real,
    imaginary) pairs; sigma : noise per real channel, broadcast to (...); known : names of axes that are given, not
    estimated. Their rows and columns are NaN, as in a fit.
    """
    theta = np.asarray(theta, dtype=np.float64)
    basis, slopes = model.basis(theta)
    c = np.asarray(amplitude)
    if model.complex:
        c = np.stack([np.real(c), np.imag(c)], axis=-1).reshape(*c.shape[:-1], -1)
        if law == "rician":
            raise ValueError("a complex model predicts complex samples, not magnitudes")
    signal = np.einsum("...k,...kn->...n", c, basis)
    by_theta = np.einsum("...k,...kpn->...pn", c, slopes)
    free = [p for p, axis in enumerate(model.axes) if axis.name not in known]
    jacobian = np.concatenate([by_theta[..., free, :], basis], axis=-2)
    inner = _inverse(_information(signal, jacobian, sigma, "gaussian" if law == "complex" else law))
    size = len(model.axes) + basis.shape[-2]
    place = np.array([*free, *range(len(model.axes), size)])
    covariance = np.full((*inner.shape[:-2], size, size), np.nan)
    covariance[..., place[:, None], place[None, :]] = inner
    return covariance


def bound_of_signal(
    signal: Callable[[np.ndarray], np.ndarray],
    theta: ArrayLike,
    sigma: ArrayLike,
    law: NoiseLaw = "rician",
    step: ArrayLike | None = None,
) -> np.ndarray:
    """Covariance (..., q, q) for any signal function, (..., q) -> (..., n), by five-point central differences.

    sigma : noise per real channel, broadcast to (...); step : of each parameter, broadcast to theta; a thousandth of
    its size (0.001 where it is zero) where not given.
    """
    theta = np.asarray(theta, dtype=np.float64)
    size = 1e-3 * np.where(theta == 0, 1.0, np.abs(theta)) if step is None else step
    steps = np.broadcast_to(np.asarray(size, dtype=np.float64), theta.shape)
    columns = [_derivative(signal, theta, steps, i) for i in range(theta.shape[-1])]
    return _inverse(_information(np.asarray(signal(theta)), np.stack(columns, axis=-2), sigma, law))


def _derivative(signal: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, steps: np.ndarray, i: int) -> np.ndarray:
    h = np.zeros_like(theta)
    h[..., i] = steps[..., i]
    near = np.asarray(signal(theta + h)) - np.asarray(signal(theta - h))
    far = np.asarray(signal(theta + 2 * h)) - np.asarray(signal(theta - 2 * h))
    return (8 * near - far) / (12 * steps[..., i, None])


def _information(signal: np.ndarray, jacobian: np.ndarray, sigma: ArrayLike, law: NoiseLaw) -> np.ndarray:
    """(..., q, q) of samples (..., n) with derivatives (..., q, n)."""
    sigma = np.asarray(sigma, dtype=np.float64)[..., None]
    weight = np.broadcast_to(1.0 / sigma**2, np.broadcast_shapes(signal.shape, sigma.shape))
    if law == "rician":
        if np.iscomplexobj(signal):
            raise ValueError("Rician samples are magnitudes: give the modulus of the signal")
        weight = weight * rice_table()(np.abs(signal) / sigma)[..., 3]
    return np.real(np.einsum("...an,...n,...bn->...ab", jacobian, weight, np.conj(jacobian)))


def _inverse(information: np.ndarray) -> np.ndarray:
    diagonal = np.einsum("...aa->...a", information)
    absent = ~(diagonal > 0)
    size = np.sqrt(np.where(absent, 1.0, diagonal))
    unit = information / (size[..., :, None] * size[..., None, :])
    unit = unit + absent[..., None] * np.eye(unit.shape[-1])
    values, vectors = np.linalg.eigh(unit)
    singular = values[..., 0] < _SINGULAR
    values = np.where(singular[..., None], 1.0, values)
    inverse = np.einsum("...ia,...a,...ja->...ij", vectors, 1.0 / values, vectors)
    inverse = inverse / (size[..., :, None] * size[..., None, :])
    lost = absent | singular[..., None]
    apart = lost[..., :, None] | lost[..., None, :]
    inverse = np.where(apart, np.nan, inverse)
    return np.where(lost[..., None] & np.eye(unit.shape[-1], dtype=bool), np.inf, inverse)
