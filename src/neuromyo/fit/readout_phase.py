r"""The phase by which echoes read to and fro differ: :math:`\theta` in :math:`e^{i\theta(-1)^n}`, linear over the image.

Gradient delays shift odd and even echoes against each other in k-space, which is a phase that grows linearly along the readout and
has an offset from eddy currents. Second differences of phase over evenly spaced echoes know nothing of field and first phase and turn
by 4 theta: they give a start. Water-fat fits with theta free then give it in every voxel, and a plane through them is the estimate.

*Assumes* evenly spaced echoes for the start, and \|theta\| < pi/4 at the image's centre. *Breaks* where the phase is not linear.

*Cites* Lu et al., Magn Reson Med 2008;60:198, doi:10.1002/mrm.21583; Peterson and Mansson, Magn Reson Med 2014;71:1158,
doi:10.1002/mrm.24657.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit.field_map import field_map
from neuromyo.fit.water_fat import separate

#: rms theta in rad below which it is not worth taking out
NEGLIGIBLE = 0.02
#: by what share a plane must lower what is left over to be believed
_GAIN = 0.02
_MOST_VOXELS = 12000
_FEWEST = 50


def estimate(
    signals: np.ndarray, echo_times: Sequence[float] | ArrayLike, fat_phasor: np.ndarray, mask: np.ndarray, spacing_mm: Sequence[float],
    *, precession_sign: int = 1, threads: int = 1,
) -> np.ndarray | None:  # fmt: skip
    """theta (x, y, z) float32 in rad, a plane; None where there are fewer than five echoes, too few voxels, or where no
    plane explains the samples better than none."""
    times = np.asarray(echo_times, dtype=np.float64)
    if len(times) < 5 or mask.sum() < _FEWEST:
        return None
    place, plane = _design(mask.shape)
    box = _slab(mask)
    inner, part = mask[box], signals[box]
    order = np.flatnonzero(inner)
    if len(order) > _MOST_VOXELS:
        order = order[np.linspace(0, len(order) - 1, _MOST_VOXELS).round().astype(int)]
    samples = part.reshape(-1, part.shape[-1])[order]
    at = np.stack([c[box].ravel()[order] for c in place], axis=1)
    sign = precession_sign

    def field_given(c: np.ndarray) -> np.ndarray:
        chosen = field_map(
            part, times, fat_phasor, inner, spacing_mm, theta=plane(c, box), threads=threads, precession_sign=sign
        )
        return chosen.field_hz.ravel()[order]

    def left(c: np.ndarray, start: np.ndarray) -> float:
        fit = separate(samples, times, fat_phasor, start, theta=at @ c, covariance=False, precession_sign=sign)
        return float(np.nansum(fit.rss))

    nothing = np.zeros(4)
    start = field_given(nothing)
    best, least = nothing, (1 - _GAIN) * left(nothing, start)
    for rough in _starts(part, inner, [c[box] for c in place], times):
        start = field_given(rough) if rough.any() else start
        fit = separate(samples, times, fat_phasor, start, theta=at @ rough, fit_theta=True, precession_sign=sign)
        found = _plane_through(at, fit.theta, fit.covariance[:, 6, 6], rough)
        remains = left(found, start)
        if remains < least:
            best, least = found, remains
    return plane(best, (slice(None),) * 3) if best.any() else None


def _starts(signals: np.ndarray, mask: np.ndarray, place: list[np.ndarray], times: np.ndarray) -> list[np.ndarray]:
    """Planes to start from: none, and for evenly spaced echoes what second differences of phase say."""
    spacing = np.diff(times)
    if np.ptp(spacing) > 0.02 * spacing.mean():
        return [np.zeros(4)]
    rough = _rough(signals, mask, place)
    return [np.zeros(4), *([rough] if np.abs(rough).max() > NEGLIGIBLE else [])]


def _design(shape: tuple[int, ...]):
    """Coordinates 1, x, y, z from -1/2 to 1/2 (views that cost no memory), and the plane over a box from four numbers."""
    axes = [np.linspace(-0.5, 0.5, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32) for n in shape]
    spread = [np.broadcast_to(a.reshape([-1 if k == i else 1 for k in range(3)]), shape) for i, a in enumerate(axes)]
    place = [np.broadcast_to(np.float32(1.0), shape), *spread]

    def plane(c: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
        return sum(np.float32(v) * p[box] for v, p in zip(c, place, strict=True))  # type: ignore[return-value]

    return place, plane


def _slab(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """At most four slices in the middle of the mask: enough to see a plane in-plane; along z it varies little."""
    filled = np.flatnonzero(mask.any(axis=(0, 1)))
    if len(filled) <= 4:
        return slice(None), slice(None), slice(int(filled[0]), int(filled[-1]) + 1)
    middle = int(filled[len(filled) // 2])
    return slice(None), slice(None), slice(max(middle - 2, 0), middle + 2)


def _rough(signals: np.ndarray, mask: np.ndarray, place: list[np.ndarray]) -> np.ndarray:
    """Offset and slopes along x and y from second differences of phase, slice by slice summed."""
    u = np.zeros(mask.shape, np.complex64)
    for z in np.flatnonzero(mask.any(axis=(0, 1))):
        y = np.where(mask[:, :, z, None], signals[:, :, z], 0)
        second = y[..., :-2] * y[..., 2:] * np.conj(y[..., 1:-1]) ** 2
        power = np.abs(second).sum(axis=-1)
        turned = np.where(np.arange(second.shape[-1]) % 2 == 0, second, np.conj(second)).sum(axis=-1)
        u[:, :, z] = turned / np.where(power > 0, np.sqrt(power), 1)
    slopes = [0.0, 0.0]
    for axis in (0, 1):
        if mask.shape[axis] > 1:
            step = np.sum(
                np.take(u, range(1, mask.shape[axis]), axis) * np.conj(np.take(u, range(mask.shape[axis] - 1), axis))
            )
            slopes[axis] = float(np.angle(step)) * (mask.shape[axis] - 1)
    flat = np.sum(u * np.exp(-1j * (slopes[0] * place[1] + slopes[1] * place[2])))
    return np.array([float(np.angle(flat)), *slopes, 0.0]) / 4


def _plane_through(at: np.ndarray, theta: np.ndarray, variance: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Offset and slopes by weighted least squares, far points left out twice. at : (m, 4)."""
    usable = np.isfinite(theta) & np.isfinite(variance) & (variance > 0)
    near = theta - at @ rough
    used = usable & (np.abs(near) < 0.6)
    free = [k for k in range(3) if np.ptp(at[:, k]) > 0 or k == 0]
    found = np.array(rough, dtype=np.float64)
    for _ in range(3):
        if used.sum() < _FEWEST:
            return found
        weights = 1 / np.sqrt(variance[used] + np.median(variance[used]))
        fitted, *_ = np.linalg.lstsq(at[used][:, free] * weights[:, None], theta[used] * weights, rcond=None)
        found = np.zeros(4)
        found[free] = fitted
        left = theta - at @ found
        used = usable & (np.abs(left) < 3 * 1.4826 * np.median(np.abs(left[used])))
    return found
