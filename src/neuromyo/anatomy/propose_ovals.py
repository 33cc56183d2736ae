"""Ovals that look like nerve within a ring that does not: where in a slice, how large, how clearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

#: sizes tried, relative to the nerve's usual area; flattenings; directions (rad)
SIZES = (0.4, 0.62, 0.95, 1.45, 2.2)
_SHAPES = ((1.0, 0.0), *((0.55, turn * np.pi / 4.0) for turn in range(4)))
#: width of the ring in which there is fat, sheath or muscle, and the gap to it (mm)
_RING_MM, _GAP_MM = 1.2, 0.2
_FINE = 5


@dataclass(frozen=True, slots=True)
class Oval:
    """An ellipse of an area (mm2), flattening and direction of its long axis (rad)."""

    area_mm2: float
    flattening: float
    turn: float

    @property
    def axes_mm(self) -> tuple[float, float]:
        long = float(np.sqrt(self.area_mm2 / (np.pi * self.flattening)))
        return long, self.flattening * long

    def radius(self, angle: np.ndarray) -> np.ndarray:
        """Distance (mm) of the outline from the middle in directions (...)."""
        a, b = self.axes_mm
        return 1.0 / np.hypot(np.cos(angle - self.turn) / a, np.sin(angle - self.turn) / b)


def ovals(usual_mm2: float) -> tuple[Oval, ...]:
    """What is looked for, for a nerve of that usual area."""
    return tuple(Oval(usual_mm2 * s, flat, turn) for s in SIZES for flat, turn in _SHAPES)


def responses(
    likeness: np.ndarray, pixel_mm: tuple[float, float], wanted: tuple[Oval, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (a, b, z) -> best over all ovals of (mean within - mean in the ring), and which oval that was (both (a, b, z)).

    Beyond the edge of the picture everything counts as not like nerve.
    """
    kernels = [_kernel(one, pixel_mm) for one in wanted]
    half = np.max([k.shape for k in kernels], axis=0) // 2
    size = [fft.next_fast_len(n + int(h), real=True) for n, h in zip(likeness.shape[:2], half, strict=True)]
    spectrum = fft.rfft2(likeness, size, axes=(0, 1))
    best = np.full(likeness.shape, -1.0, np.float32)
    which = np.zeros(likeness.shape, np.int16)
    for i, kernel in enumerate(kernels):
        place = np.zeros(size, np.float32)
        place[: kernel.shape[0], : kernel.shape[1]] = kernel
        place = np.roll(place, [-(n // 2) for n in kernel.shape], (0, 1))
        # kernels are symmetric about their middle, so that convolving is correlating
        found = fft.irfft2(spectrum * fft.rfft2(place)[..., None], size, axes=(0, 1))
        found = found[: likeness.shape[0], : likeness.shape[1]]
        better = found > best
        best[better], which[better] = found[better], i
    return best, which


def peaks(
    response: np.ndarray, pixel_mm: tuple[float, float], apart_mm: float, least: float, most: int
) -> list[tuple[int, int]]:
    """Places (pixels) of the highest responses of a slice (a, b), best first, none nearer to a better one than ``apart_mm``."""
    around = tuple(2 * max(1, round(0.5 * apart_mm / p)) + 1 for p in pixel_mm)
    tops = np.argwhere((response == ndimage.maximum_filter(response, around)) & (response > least))
    order = np.argsort(-response[tuple(tops.T)], kind="stable")[:most]
    return [(int(i), int(j)) for i, j in tops[order]]


def _kernel(one: Oval, pixel_mm: tuple[float, float]) -> np.ndarray:
    """1 / n within, -1 / m in the ring: soft-edged weights of an odd number of pixels."""
    reach = one.axes_mm[0] + _GAP_MM + max(_RING_MM, *pixel_mm)
    n = [2 * int(np.ceil(reach / p)) + 1 for p in pixel_mm]
    fine = [(np.arange(k * _FINE) + 0.5) / _FINE - 0.5 - k // 2 for k in n]
    x, y = np.meshgrid(fine[0] * pixel_mm[0], fine[1] * pixel_mm[1], indexing="ij")
    beyond = np.hypot(x, y) - one.radius(np.arctan2(y, x))
    width = max(_RING_MM, *pixel_mm)
    inside, ring = beyond <= 0.0, (beyond > _GAP_MM) & (beyond <= _GAP_MM + width)
    coarse = [m.reshape(n[0], _FINE, n[1], _FINE).mean(axis=(1, 3)) for m in (inside, ring)]
    kernel = coarse[0] / coarse[0].sum() - coarse[1] / coarse[1].sum()
    return (0.5 * (kernel + kernel[::-1, ::-1])).astype(np.float32)
