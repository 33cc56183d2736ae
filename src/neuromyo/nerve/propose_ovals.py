"""Ovals whose brightness fits nerve and is another than that of the ring around: where in a slice, how large, how clearly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from neuromyo.nerve.propose_look import Look

#: sizes tried, relative to the nerve's usual area; flattenings; directions (rad)
SIZES = (0.4, 0.62, 0.95, 1.45, 2.2)
_SHAPES = ((1.0, 0.0), *((0.55, turn * np.pi / 4.0) for turn in range(4)))
#: width of the ring in which there is fat, sheath or muscle, and the gap to it (mm)
_RING_MM, _GAP_MM = 0.9, 0.15
#: spread of areas about the usual, as the sd of the logarithm
SIZE_SPREAD = 0.9
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
    looks: tuple[Look, ...],
    k: int,
    pixel_mm: tuple[float, float],
    wanted: tuple[Oval, ...],
    usual_mm2: float,
    flatness: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The best oval about each pixel of slice k: (a, b) response 0 to 1, and which oval (a, b).

        response = size x product over images of (fit within)
                        x mean over images of rim (1 - sum over classes sqrt(p_in p_ring))

    ``rim`` is 1 where at least half of the ring is fat, 0.7 without. The last is 1 less Bhattacharyya's overlap of the classes
    within and in the ring. Ovals whose ring leaves the picture are not looked at. ``size`` falls off slowly with the ratio to the
    nerve's usual area; where the nerve is usually flat, a round oval counts a little less.
    """
    shape = looks[0].classes.shape[1:3]
    longest = max(one.axes_mm[0] for one in wanted) + _GAP_MM + max(_RING_MM, *pixel_mm)
    height, width = (
        int(np.asarray(fft.next_fast_len(n + int(longest / p) + 2, real=True)))
        for n, p in zip(shape, pixel_mm, strict=True)
    )
    size = (height, width)
    spectra = [np.asarray(fft.rfft2(look.classes[..., k], size)) for look in looks]
    best, which = np.zeros(shape, np.float32), np.zeros(shape, np.int16)
    for i, one in enumerate(wanted):
        turned = _spectra(one, pixel_mm, size)
        fit, apart, whole = np.ones(shape, np.float32), np.zeros(shape, np.float32), np.ones(shape, np.float32)
        for look, spectrum in zip(looks, spectra, strict=True):
            within, around = (
                np.maximum(np.asarray(fft.irfft2(spectrum * t, size))[:, : shape[0], : shape[1]], 0.0) for t in turned
            )
            fit *= np.tensordot(look.fits, within, 1)
            whole = around.sum(axis=0)
            rim = 0.7 + 0.3 * np.minimum(2.0 * np.tensordot(look.rims, around, 1), 1.0)
            apart += rim * (1.0 - np.sqrt(within * around).sum(axis=0)) * within.sum(axis=0) / len(looks)
        apart[whole < 0.9] = 0.0
        found = fit ** (1.0 / len(looks)) * np.clip(apart, 0.0, 1.0) * _size(one, usual_mm2) * _shape(one, flatness)
        better = found > best
        best[better], which[better] = found[better], i
    return best, which


def _size(one: Oval, usual_mm2: float) -> float:
    return float(np.exp(-0.5 * (np.log(one.area_mm2 / usual_mm2) / SIZE_SPREAD) ** 2))


def _shape(one: Oval, flatness: float) -> float:
    """Round where the nerve is usually flat (longer over shorter diameter above 1.5) is a little less likely: vessels are round."""
    return 0.8 if one.flattening == 1.0 and flatness >= 1.5 else 1.0


@lru_cache(maxsize=64)
def _spectra(one: Oval, pixel_mm: tuple[float, float], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Of the weights within and in the ring, about the origin; they are symmetric, so that convolving is correlating."""
    found = []
    for kernel in _kernels(one, pixel_mm):
        place = np.zeros(size, np.float32)
        place[: kernel.shape[0], : kernel.shape[1]] = kernel
        found.append(np.asarray(fft.rfft2(np.roll(place, [-(n // 2) for n in kernel.shape], (0, 1)))))
    return found[0], found[1]


def peaks(
    response: np.ndarray, pixel_mm: tuple[float, float], apart_mm: float, least: float, most: int
) -> list[tuple[int, int]]:
    """Places (pixels) of the highest responses of a slice (a, b), best first, none nearer to a better one than ``apart_mm``."""
    around = tuple(2 * max(1, round(0.5 * apart_mm / p)) + 1 for p in pixel_mm)
    tops = np.argwhere((response == ndimage.maximum_filter(response, around)) & (response > least))
    order = np.argsort(-response[tuple(tops.T)], kind="stable")[:most]
    return [(int(i), int(j)) for i, j in tops[order]]


def _kernels(one: Oval, pixel_mm: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Soft-edged weights within the oval and in the ring, each adding up to 1, of an odd number of pixels."""
    width = max(_RING_MM, *pixel_mm)
    reach = one.axes_mm[0] + _GAP_MM + width
    n = [2 * int(np.ceil(reach / p)) + 1 for p in pixel_mm]
    fine = [(np.arange(k * _FINE) + 0.5) / _FINE - 0.5 - k // 2 for k in n]
    x, y = np.meshgrid(fine[0] * pixel_mm[0], fine[1] * pixel_mm[1], indexing="ij")
    beyond = np.hypot(x, y) - one.radius(np.arctan2(y, x))
    found = []
    for part in (beyond <= 0.0, (beyond > _GAP_MM) & (beyond <= _GAP_MM + width)):
        coarse = part.reshape(n[0], _FINE, n[1], _FINE).mean(axis=(1, 3))
        coarse = coarse + coarse[::-1, ::-1]
        found.append((coarse / coarse.sum()).astype(np.float32))
    return found[0], found[1]
