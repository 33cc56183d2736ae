"""The muscle envelope: the smooth closed contour on which subcutaneous fat ends (fascia lata, crural fascia).

Rays from the middle of the leg are followed from the skin inwards through fat until something else lasts some 2 mm.
Where a muscle beneath has turned to fat a ray runs on through it; so the thickness round the leg is also fitted by a
smooth closed curve that does not listen to such rays, and no ray may pass much deeper than that curve. The bound is
geometric, so that the envelope does not collapse when muscle looks like fat.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_RAYS = 180
#: skin: fat has to begin within this depth (mm)
_SKIN_MM = 5.0
#: what must last this long (mm) along a ray to end the fat
_LASTING_MM = 2.0


def envelope(leg: np.ndarray, fat: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Inside of the fascia in one slice.

    leg, fat : (a, b) bool, fat being every voxel that decays like fat
    spacing : in-plane pixel (mm)
    """
    centre = np.array(ndimage.center_of_mass(ndimage.binary_erosion(leg) if leg.sum() > 50 else leg)) * spacing
    step = max(0.25, 0.4 * min(spacing))
    inside, fatty = _rays(leg, fat, centre, spacing, step)
    outer = inside.shape[1] - np.argmax(inside[:, ::-1], axis=1)  # samples from the centre to the skin
    skin, run = _fat_run(fatty, outer, step, max(spacing))
    outer = outer - skin
    kept = _bounded(step * run, step * outer)
    index = np.argwhere(leg) * spacing - centre
    angle = np.arctan2(index[:, 1], index[:, 0])
    radius = np.hypot(index[:, 0], index[:, 1])
    within = np.zeros(leg.shape, bool)
    within[leg] = radius <= _at(angle, step * outer - kept)
    return within


def _rays(
    leg: np.ndarray, fat: np.ndarray, centre: np.ndarray, spacing: tuple[float, float], step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Leg and fat sampled along rays from the centre, (rays, samples) bool each."""
    reach = float(np.hypot(*((np.argwhere(leg) * spacing - centre).T)).max()) + 2 * max(spacing)
    radius = np.arange(0.0, reach, step)
    angle = _angles()
    points = np.stack([(centre[0] + np.cos(angle)[:, None] * radius) / spacing[0],
                       (centre[1] + np.sin(angle)[:, None] * radius) / spacing[1]])  # fmt: skip
    leg_there, fat_there = (
        ndimage.map_coordinates(image.astype(np.float32), points, order=1, mode="constant") >= 0.5
        for image in (leg, fat)
    )
    return leg_there, fat_there


def _fat_run(fatty: np.ndarray, outer: np.ndarray, step: float, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples of skin and of fat beneath it for each ray, both 0 where no fat begins there."""
    rays, samples = fatty.shape
    depth = np.arange(samples)
    inward = outer[:, None] - 1 - depth  # sample at each depth below the skin
    seen = np.take_along_axis(fatty, np.maximum(inward, 0), 1) & (inward >= 0)
    starts = np.argmax(seen, axis=1)
    begins = seen[np.arange(rays), starts] & (starts * step <= max(_SKIN_MM, 1.6 * pixel))
    lasting = max(1, round(max(_LASTING_MM, 0.7 * pixel) / step))
    total = np.cumsum(np.pad(seen, ((0, 0), (1, lasting))), axis=1)
    other = (total[:, lasting:] - total[:, :-lasting])[:, :samples] == 0
    other &= depth >= starts[:, None]
    return np.where(begins, starts, 0), np.where(begins, np.argmax(other, axis=1) - starts, 0)


def _bounded(thickness: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Thickness (mm) with notches filtered away and no ray much deeper than the smooth curve through the others."""
    plain = ndimage.median_filter(thickness, 9, mode="wrap")
    curve = np.maximum(_smooth_curve(np.minimum(plain, 0.5 * radius)), 0)
    allowed = curve + np.clip(0.8 * curve, 6.0, 10.0)
    kept = np.where(plain > allowed, curve, plain)
    kept = np.minimum(kept, 0.55 * radius)
    return ndimage.gaussian_filter1d(kept, 1.5, mode="wrap")


def _smooth_curve(values: np.ndarray) -> np.ndarray:
    """A second-order closed curve that disregards rays far above it: they start with hardly any weight, and a ray that
    lies above the curve loses weight three times as soon as one below."""
    angle = _angles()
    basis = np.stack([np.ones(_RAYS), *(f(m * angle) for m in (1, 2) for f in (np.cos, np.sin))], 1)
    usual = float(np.percentile(values, 40))
    weight = np.where(values <= usual + np.clip(usual, 6.0, 15.0), 1.0, 1e-3)
    fitted = np.zeros(_RAYS)
    ridge = np.diag([0.0, *[0.05 * _RAYS] * (basis.shape[1] - 1)])
    final = max(3.0, 0.4 * usual)
    for scale in np.geomspace(2 * final, final, 6):
        scaled = basis * weight[:, None]
        fitted = basis @ np.linalg.solve(scaled.T @ basis + ridge, scaled.T @ values)
        above = (values - fitted) / scale
        weight = 1 / (1 + np.where(above > 0, above, above / 3) ** 2) ** 2
    return fitted


def _at(angle: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values round the leg, interpolated at other angles (rad)."""
    turn = _angles()
    return np.interp(angle, np.append(turn, np.pi), np.append(values, values[0]))


def _angles() -> np.ndarray:
    return np.linspace(-np.pi, np.pi, _RAYS, endpoint=False)
