r"""The subject's own fat spectrum, between published ones.

Published spectra of fat differ (liver, marrow, subcutaneous fat), by up to three points of fat fraction at 50 % fat. Voxels that are
mostly fat show which is nearer: with :math:`c(\lambda) = c_0 + \lambda (c_1 - c_0)` the residual summed over them is least at some
:math:`\lambda`. The spectrum moves only where the data reject :math:`\lambda = 0` clearly, and never far beyond the second one.

*Assumes* one spectrum for all fat of the subject. *Breaks* where fat's misfit has another cause (motion, a wrong field strength): the
share moved is therefore bounded and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit.water_fat import fat_fraction, separate

#: how far towards, and beyond, the other spectrum
BOUNDS = (-0.5, 1.5)
#: least fall of chi-square, and least share by which the residual falls, from which the data reject the given spectrum
_CLEAR, _SHARE = 25.0, 0.01
_MOST_VOXELS, _FEWEST = 6000, 100
_STEPS = np.linspace(*BOUNDS, 9)


@dataclass(frozen=True, slots=True)
class Moved:
    """``share`` of the way from the given spectrum to the other; by how much chi-square falls; over how many voxels."""

    share: float
    chi_square: float
    voxels: int


def between(
    samples: np.ndarray, echo_times: Sequence[float] | ArrayLike, given: np.ndarray, other: np.ndarray, field_hz: np.ndarray,
    *, precession_sign: int = 1, theta: ArrayLike = 0.0, r2star: float | None = None,
) -> Moved:  # fmt: skip
    """How far fat's signal lies from ``given`` towards ``other`` ((n,) phasors), on samples (m, n) in a known field (m,)."""
    turn = np.broadcast_to(np.asarray(theta, dtype=np.float64), (len(samples),))

    def fit(phasor: np.ndarray, part: np.ndarray):
        return separate(
            samples[part], echo_times, phasor, field_hz[part], 40.0 if r2star is None else r2star, precession_sign=precession_sign,
            theta=turn[part], hold_r2star=r2star is not None, covariance=False,
        )  # fmt: skip

    everywhere = np.arange(len(samples))
    first = fit(given, everywhere)
    size = np.abs(first.water + first.fat)
    with np.errstate(invalid="ignore"):
        fatty = np.flatnonzero(
            (fat_fraction(first.water, first.fat) > 0.5) & (size > 0.3 * np.nanmedian(size)) & first.converged
        )
    if len(fatty) < _FEWEST or first.dof <= 0:
        return Moved(0.0, 0.0, len(fatty))
    fatty = fatty[np.linspace(0, len(fatty) - 1, min(len(fatty), _MOST_VOXELS)).round().astype(int)]
    left = np.stack([fit(given + step * (other - given), fatty).rss for step in _STEPS])
    core = left.min(axis=0) <= np.quantile(left.min(axis=0), 0.9)  # vessels and borders have no say
    total = left[:, core].sum(axis=1)
    best = int(np.clip(total.argmin(), 1, len(_STEPS) - 2))
    below, at, above = total[best - 1 : best + 2]
    bend = below + above - 2 * at
    step = _STEPS[1] - _STEPS[0]
    share = float(np.clip(_STEPS[best] + (0.5 * step * (below - above) / bend if bend > 0 else 0.0), *BOUNDS))
    least, nothing = min(total.min(), at), float(np.interp(0.0, _STEPS, total))
    floor = max(least, 1e-12 * float((np.abs(samples[fatty][core]) ** 2).sum()))
    fall = max(nothing - least, 0.0) / floor
    chi_square = float(fall * first.dof * core.sum())
    if chi_square < _CLEAR or fall < _SHARE:
        return Moved(0.0, chi_square, len(fatty))
    return Moved(share, chi_square, len(fatty))
