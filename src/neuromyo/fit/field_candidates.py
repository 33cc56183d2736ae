r"""Fields that a voxel's samples would agree with: the minima of its residual over the field axis.

With water and fat projected out for a given R2*, the residual is a sum over pairs of echoes,

.. math:: J(\psi) = \sum_n |y_n|^2 - \Re \sum_{k \le l} (2 - \delta_{kl}) P_{kl}\, \bar y_k y_l\, e^{-2\pi i s \psi (t_l - t_k)}

a trigonometric polynomial in the field: few coefficients a voxel give the residual everywhere. Of several R2* the best counts, at
each field. Evenly spaced echoes make it periodic in 1/spacing, and all fields that differ by a period are one candidate.

*Cites* Hernando et al., Magn Reson Med 2008;59:571, doi:10.1002/mrm.21522; 2010;63:79, doi:10.1002/mrm.22177.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

#: most candidates a voxel keeps
MOST = 3
#: R2* in 1/s at which residuals are looked at, unless it is known
RATES = (20.0, 65.0, 130.0, 220.0)
#: fields looked at, per turn that the last echo makes against the first
_PER_TURN = 12
#: echoes whose phase at the range's end is off an even train by less than this share of a turn count as even
_EVEN = 0.01


@dataclass(frozen=True, eq=False)
class Axis:
    """The fields looked at. ``period`` in Hz, 0 where the residual has none; ``values`` (g,) in Hz; lags (q,) s."""

    values: np.ndarray
    period: float
    lags: np.ndarray
    lag_of_pair: np.ndarray


@dataclass(frozen=True, eq=False)
class Candidates:
    """Fields in Hz (m, MOST) float32, best first; their residual over both channels; how strongly the best one is curved
    (J'' / 2 in 1/Hz^2, (m,)); how many there are (m,) uint8; the samples' square sum (m,)."""

    field: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    count: np.ndarray
    power: np.ndarray


def axis(echo_times: np.ndarray, field_range_hz: float) -> Axis:
    """The field axis of an acquisition: one period, or +- ``field_range_hz`` for echoes in uneven spacing."""
    times = np.asarray(echo_times, dtype=np.float64)
    pairs = [(k, n) for k in range(len(times)) for n in range(k + 1, len(times))]
    gaps = np.array([times[n] - times[k] for k, n in pairs])
    spacing = (times[-1] - times[0]) / (len(times) - 1)
    even = np.abs(times - times[0] - spacing * np.arange(len(times))).max() * field_range_hz < _EVEN
    if even:
        lags, lag_of_pair = spacing * np.arange(1, len(times)), np.array([n - k - 1 for k, n in pairs])
        period, count = 1 / spacing, _PER_TURN * (len(times) - 1)
        values = (np.arange(count) / count - 0.5) * period
    else:
        lags, lag_of_pair = np.unique(np.round(gaps, 9), return_inverse=True)
        period = 0.0
        count = int(np.ceil(2 * field_range_hz * (times[-1] - times[0]) * _PER_TURN)) + 1
        values = np.linspace(-field_range_hz, field_range_hz, count)
    return Axis(values, period, lags, lag_of_pair.astype(np.int64).ravel())


def projectors(echo_times: np.ndarray, fat_phasor: np.ndarray, rates: Sequence[float] = RATES) -> np.ndarray:
    """(rates, n, n): onto what water and fat together can give at each R2*."""
    decay = np.exp(-np.asarray(rates)[:, None] * (echo_times - echo_times[0]))
    columns = np.stack([decay, decay * fat_phasor], axis=-1)
    basis, _ = np.linalg.qr(columns)
    return basis @ basis.conj().swapaxes(-1, -2)


def find(samples: np.ndarray, where: Axis, projections: np.ndarray, precession_sign: int) -> Candidates:
    """Candidates of complex samples (m, n)."""
    count = len(samples)
    angle = 2 * np.pi * precession_sign * where.lags[:, None] * where.values
    found = Candidates(
        np.zeros((count, MOST), np.float32), np.full((count, MOST), np.inf, np.float32), np.zeros(count, np.float32),
        np.zeros(count, np.uint8), np.zeros(count, np.float32),
    )  # fmt: skip
    _find(
        np.ascontiguousarray(samples), projections.astype(np.complex64), where.lag_of_pair,
        np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32), np.float32(where.values[0]),
        np.float32(where.values[1] - where.values[0]), where.period > 0, found.field, found.residual, found.curvature,
        found.count, found.power,
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "nnan", "ninf"})
def _find(
    samples, projections, lag_of_pair, cosines, sines, first, step, periodic, field, residual, curvature, count, power
):
    echoes, (lags, grid), rates = samples.shape[1], cosines.shape, len(projections)
    row, best = np.empty(grid, np.float32), np.empty(grid, np.float32)
    re, im = np.empty(lags, np.float32), np.empty(lags, np.float32)
    for p in range(len(samples)):
        square = np.float32(0.0)
        for n in range(echoes):
            square += samples[p, n].real ** 2 + samples[p, n].imag ** 2
        power[p] = square
        if not (square > 0.0 and square < 1e38):
            continue
        unit = np.float32(1.0) / square
        for r in range(rates):
            re[:] = 0.0
            im[:] = 0.0
            level, pair = np.float32(1.0), 0
            for k in range(echoes):
                level -= unit * projections[r, k, k].real * (samples[p, k].real ** 2 + samples[p, k].imag ** 2)
                for n in range(k + 1, echoes):
                    z = projections[r, k, n] * (samples[p, k].conjugate() * samples[p, n])
                    re[lag_of_pair[pair]] += np.float32(2.0) * unit * z.real
                    im[lag_of_pair[pair]] += np.float32(2.0) * unit * z.imag
                    pair += 1
            row[:] = level
            for q in range(lags):
                a, b = re[q], im[q]
                for g in range(grid):
                    row[g] -= a * cosines[q, g] + b * sines[q, g]
            if r == 0:
                best[:] = row
            else:
                for g in range(grid):
                    best[g] = min(best[g], row[g])
        _minima(best, periodic, first, step, square, p, field, residual, curvature, count)


@njit(nogil=True, error_model="numpy", inline="always")
def _minima(best, periodic, first, step, square, p, field, residual, curvature, count):
    """The lowest minima of ``best``, each with its parabola's foot, into row p."""
    grid, most = len(best), field.shape[1]
    for g in range(grid):
        here = best[g]
        if periodic:
            left, right = best[g - 1], best[g + 1 - grid]
        else:
            left, right = best[max(g - 1, 0)], best[min(g + 1, grid - 1)]
        if not (here <= right and (here < left or (not periodic and g == 0))):
            continue
        bend = left + right - np.float32(2.0) * here
        shift = np.float32(0.0)
        low = here
        if bend > 0.0 and (periodic or 0 < g < grid - 1):
            shift = np.float32(0.5) * (left - right) / bend
            low = here - np.float32(0.25) * (left - right) * shift
        low = max(low, np.float32(0.0)) * square
        k = min(int(count[p]), most)
        while k > 0 and residual[p, k - 1] > low:
            k -= 1
        if k == most:
            continue
        for j in range(most - 1, k, -1):
            field[p, j], residual[p, j] = field[p, j - 1], residual[p, j - 1]
        field[p, k], residual[p, k] = first + (g + shift) * step, low
        if k == 0:
            curvature[p] = np.float32(0.5) * max(bend, np.float32(0.0)) * square / (step * step)
        count[p] = min(int(count[p]) + 1, most)
