r"""Where a nerve ends that lies in a thin layer of fat: the layers themselves, fitted ray by ray under the blur of the pixels.

.. math:: I(\delta) = N + (D - N)\,\Phi_s(\delta - \rho + w) + (F - D)\,\Phi_s(\delta - \rho) + (M - F)\,\Phi_s(\delta - \rho - t)

nerve (level N), its dark sheath of width w (level D), fat (F) of thickness t, muscle (M); :math:`\Phi_s` a step blurred by s. Fat thinner
than a pixel is blurred to the brightness of nerve, so that what looks like the nerve's edge is that of the fat: too far out by about
t (F - M) / (N - M). One ray cannot tell rho from t; all of them together can, since the boundary is smooth, fat is thick somewhere, and a
nerve hardly ever touches muscle without any fat. So each place of the boundary is given the best thickness behind it, thin ones at a
price, and the closed path of least misfit is taken.

*Assumes* a T2-weighted image with bright fat, in which a sheath of collagen is dark; fat and muscle of one brightness each near the
nerve. *Breaks* where something else (a vessel) lies
against the nerve: its misfit is bounded, and the neighbours decide.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from neuromyo.anatomy.contour import DIRECTIONS, N_ANGLES, Outline, around, best_path, peak_between, smoothed
from neuromyo.anatomy.trace_stack import Piece

#: widths of the sheath that are tried, mm (the one that explains a slice best is taken), and its level as a share of muscle's
SHEATHS_MM, SHEATH_LEVEL = (0.0, 0.15), 0.4
#: thickness of fat around a nerve below which it is unusual, its spread (mm), and thicknesses tried
USUAL_FAT_MM, SPREAD_MM = 0.45, 0.25
_THICK = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7, 2.5])
#: how far the boundary may lie outside of the edge found, and inside at most (mm, share of the radius)
_OUTWARD, _INWARD, _SHARE = 0.3, 1.0, 0.3
#: along the ray, layers are looked at from here to there, mm
_FROM, _TO = -1.0, 1.5
#: largest pixel, mm, in which layers as thick as those around a nerve can be told apart
COARSEST_MM = 0.5
#: least step from muscle to nerve, and from nerve to fat, as shares of that from muscle to fat
LEAST_STEP = 0.15
#: texture of tissues as a share of the step from muscle to fat; the misfit of a ray is bounded at this many natural units
TEXTURE, WORST = 0.10, 25.0
STIFF = 0.5
#: blur of an edge, pixels (standard deviation): the pixel's own box, and the spline between pixels
BLUR = 0.6


def refine(piece: Piece, outline: Outline, smear_mm: np.ndarray) -> Outline:
    """The outline with its boundary at the nerve's own edge, as T2-weighted images with bright fat tell; itself without such, or where
    pixels are too coarse for layers."""
    pixel = piece.flat.pixel_mm
    levels = _levels(piece, outline) if pixel <= COARSEST_MM else {}
    if not levels:
        return outline
    step = max(0.04, 0.1 * pixel)
    # fat as thick as most of a pixel is seen as fat: the edge can be no further out than what less of it does
    most = max(0.7 * pixel * (fat - muscle) / (nerve - muscle) for nerve, fat, muscle in levels.values())
    inward = float(np.clip(min(most, _SHARE * outline.radius.mean()), 0.1, _INWARD))
    at = np.arange(_FROM - inward, _TO + step, step)
    offsets = np.arange(-inward, _OUTWARD + 1e-9, step)
    places = outline.centre + (outline.radius[:, None] + at)[..., None] * DIRECTIONS[:, None, :]
    values = piece.at(places)
    values[:, (outline.radius[:, None] + at) < 0.2] = np.nan
    spread = 0.29 * np.abs(DIRECTIONS @ smear_mm)
    best, radius = -np.inf, outline.radius
    for sheath in SHEATHS_MM:
        cost = sum(_misfit(values[c], at, offsets, level, sheath, spread, pixel) for c, level in levels.items())
        gain = -cost - 0.5 * (offsets / (0.7 * inward + 0.1)) ** 2
        path = best_path(gain, stiffness=STIFF * (step / 0.1) ** 2 * 0.1, reach=5)
        total = float(gain[np.arange(N_ANGLES), path].sum())
        if total > best:
            best = total
            radius = outline.radius + np.interp(peak_between(gain, path), np.arange(len(offsets)), offsets)
    return Outline(outline.centre, np.maximum(smoothed(radius, 6), 0.3)).recentred


def _levels(piece: Piece, outline: Outline) -> dict[int, tuple[float, float, float]]:
    """(nerve, fat, muscle) of each T2-weighted image with bright fat in which the three differ enough."""
    r = np.linspace(0.05, 0.75, 12)[None, :] * outline.radius[:, None]
    inside = piece.at(outline.centre + r[..., None] * DIRECTIONS[:, None, :])
    beyond = outline.radius[:, None] + np.arange(-0.3, 4.0, 0.2)[None]
    around_it = piece.at(outline.centre + beyond[..., None] * DIRECTIONS[:, None, :])
    found = {}
    for c, t2 in enumerate(piece.t2):
        nerve = float(np.average(inside[c], weights=np.broadcast_to(r, inside[c].shape)))
        fat, muscle = float(np.percentile(around_it[c], 95)), float(np.percentile(around_it[c], 25))
        least = LEAST_STEP * (fat - muscle)
        if t2 and nerve - muscle > least and fat - nerve > least:
            found[c] = (nerve, fat, muscle)
    return found


def _misfit(
    image: np.ndarray, at: np.ndarray, offsets: np.ndarray, level: tuple[float, float, float], sheath_mm: float,
    spread: np.ndarray, pixel: float,
) -> np.ndarray:  # fmt: skip
    """(64, n) natural units: of a boundary at each offset, with the thickness of fat behind it that fits best at its price."""
    nerve, fat, muscle = level
    sheath = SHEATH_LEVEL * muscle
    noise = TEXTURE * (fat - muscle)
    smooth = around(image, 0.7)
    price = 0.5 * (np.minimum(_THICK - USUAL_FAT_MM, 0.0) / SPREAD_MM) ** 2
    independent = (at[1] - at[0]) / pixel
    window = (at > _FROM) & (at < _TO)
    out = np.full((N_ANGLES, len(offsets)), np.inf)
    for wide in np.unique(np.ceil(spread / 0.15)):
        rays = np.ceil(spread / 0.15) == wide
        s = np.hypot(BLUR * pixel, 0.15 * wide)
        for k, rho in enumerate(offsets):
            to_edge, to_sheath = _phi((at - rho) / s), _phi((at - rho + sheath_mm) / s)
            base = nerve + (sheath - nerve) * to_sheath + (fat - sheath) * to_edge
            for thick, cost in zip(_THICK, price, strict=True):
                model = base + (muscle - fat) * _phi((at - rho - thick) / s)
                near = window & (at < rho + thick + 0.6)
                left = (smooth[rays][:, near] - model[near]) / noise
                total = np.minimum(0.5 * independent * np.nansum(np.minimum(left**2, 16.0), axis=1), WORST)
                # what is not looked at costs as much as texture would
                total = total + 0.5 * independent * (window.sum() - near.sum()) + cost
                out[rays, k] = np.minimum(out[rays, k], total)
    return out


def _phi(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + special.erf(x / np.sqrt(2.0)))
