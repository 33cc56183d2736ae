r"""Where a nerve ends in the thin fat around it: its layers, fitted along rays under the blur of the pixels.

.. math:: I(\delta) = N + (D - N)\,\Phi(\delta - \rho + w) + (F - D)\,\Phi(\delta - \rho) + (M - F)\,\Phi(\delta - \rho - t)

nerve (level N), its dark sheath of width w (level D), fat (F) of thickness t, and what lies behind it, mostly muscle (M);
:math:`\Phi` is a step under the blur of a pixel and of the slice's thickness. Whoever looks for one edge finds the strongest, and that
is the outer side of the fat, wherever fat is so thin that it lies within reach: it steps by F - M there, and at the nerve by F - N
only, behind a dark line. Areas are then 10 to 40 % too large. Here the misfit of all layers counts instead. Levels are those of
the slice, each with a spread of its own, integrated out in closed form:

.. math:: -\ln p = \tfrac12 \left(\lambda r^T r - q^T A^{-1} q + \ln|A V|\right),
          \quad q = \lambda T^T r, \quad A = V^{-1} + \lambda T^T T

with the residual r = I - T (N, D, F, M), shares T of the layers, precision lambda of a sample and the levels' variances V. Each
place of the boundary is given the thickness behind it that fits best, thin fat at a price, and the closed path of least cost is
taken; then again from there.

*Assumes* spin echoes in which fat is brighter than nerve and muscle, and a sheath as dark as collagen and `SHEATH_MM` wide: 0.05 mm more
of it make areas 3 % smaller at 0.4 mm. *Breaks* where an outline holds more than the nerve and the fat beside it (a whole vessel).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from neuromyo.nerve.contour import DIRECTIONS, N_ANGLES, Outline, around, best_path, peak_between, smoothed
from neuromyo.nerve.rim import SHEATH_MM
from neuromyo.nerve.trace_stack import Piece

#: level of the sheath as a share of muscle's or nerve's, whichever is darker
SHEATH_LEVEL = 0.4
#: thickness of fat around a nerve below which it is unusual, its spread (mm), and thicknesses tried
USUAL_FAT_MM, SPREAD_MM = 0.45, 0.25
_THICK = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7, 2.5])
#: how far the boundary may move in a round: outward, inward at most (mm, share of the radius); and rounds
_OUTWARD, _INWARD, _SHARE, _ROUNDS = 0.3, 1.2, 0.4, 3
#: what is looked at: from so far inside of the boundary to so far behind the fat, and no further out than this from the outline, mm
_WITHIN, _BEHIND, _OUT = 1.5, 1.0, 1.5
#: largest pixel, mm, in which layers as thick as those around a nerve can be told apart: at 0.8 areas became 15 % too small
COARSEST_MM = 0.62
#: least step from nerve to fat, as a share of that from muscle to fat
LEAST_STEP = 0.15
#: texture of tissues; spread of the levels N, D, F and M from place to place: shares of the step from muscle to fat
TEXTURE, SPREADS = 0.10, (0.10, 0.20, 0.08, 0.25)
#: natural units by which a pixel that no layer explains costs more than one that a layer does; most that one ray may speak against
#: a place
UNEXPLAINED, WORST = 0.75, 25.0
STIFF = 0.05
#: blur of an edge, pixels (standard deviation): the pixel's own box (0.29) and some filtering
BLUR = 0.4
#: the slice's blur is counted in steps of this, mm
_SMEAR_MM = 0.2


def refine(piece: Piece, outline: Outline, smear_mm: np.ndarray) -> Outline:
    """The outline with its boundary at the nerve's own edge, by spin echoes with bright fat; itself without such, or where pixels are
    too coarse for layers. ``smear_mm`` (2,): how far the nerve moves within the slice's thickness."""
    if piece.flat.pixel_mm > COARSEST_MM:
        return outline
    for _ in range(_ROUNDS):
        levels = _levels(piece, outline)
        if not levels:
            break
        outline = _moved(piece, outline, levels, smear_mm)
    return outline


def _moved(piece: Piece, outline: Outline, levels: dict[int, np.ndarray], smear_mm: np.ndarray) -> Outline:
    """A round from an outline with levels known."""
    pixel = piece.flat.pixel_mm
    step = max(0.05, 0.125 * pixel)
    n_in = round(float(np.clip(_SHARE * outline.radius.mean(), 0.1, _INWARD)) / step)
    offsets = np.arange(-n_in, round(_OUTWARD / step) + 1) * step
    at = np.arange(-n_in - round(1.0 / step), round(_OUT / step) + 1) * step
    r = outline.radius[:, None] + at
    values = piece.at(outline.centre + r[..., None] * DIRECTIONS[:, None, :])
    groups = np.round(0.5 * np.abs(DIRECTIONS @ smear_mm) / _SMEAR_MM)
    cost = np.zeros((N_ANGLES, len(offsets)))
    for group in np.unique(groups):
        rays = groups == group
        layers = _layers(tuple(offsets), tuple(at), pixel, float(group) * _SMEAR_MM)
        known = np.all(r[rays] > 0.2, axis=0)
        for c, level in levels.items():
            cost[rays] += _cost(around(values[c], 0.7)[rays], level, *layers, known, (at[1] - at[0]) / pixel)
    path = best_path(-cost, stiffness=STIFF * (step / 0.1) ** 2, reach=5)
    found = outline.radius + np.interp(peak_between(-cost, path), np.arange(len(offsets)), offsets)
    return Outline(outline.centre, np.maximum(smoothed(found, 6), 0.3)).recentred


def _levels(piece: Piece, outline: Outline) -> dict[int, np.ndarray]:
    """(N, D, F, M) of each spin echo in which fat stands out from the nerve."""
    r = np.linspace(0.05, 0.75, 12)[None, :] * outline.radius[:, None]
    inside = piece.at(outline.centre + r[..., None] * DIRECTIONS[:, None, :])
    beyond = outline.radius[:, None] + np.arange(-0.3, 4.0, 0.2)[None]
    around_it = piece.at(outline.centre + beyond[..., None] * DIRECTIONS[:, None, :])
    found = {}
    for c in np.flatnonzero(piece.layered):
        nerve = float(np.average(inside[c], weights=np.broadcast_to(r, inside[c].shape)))
        muscle, fat = np.percentile(around_it[c], (10, 95))
        if fat - nerve > LEAST_STEP * (fat - muscle) > 0:
            found[int(c)] = np.array([nerve, SHEATH_LEVEL * min(muscle, nerve), fat, muscle])
    return found


@lru_cache(maxsize=32)
def _layers(
    offsets: tuple[float, ...], at: tuple[float, ...], pixel: float, smear_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (rho, t, at, 4) of the layers in each sample, and whether (rho, t, at) it is looked at.

    smear_mm : half the way along the ray that the nerve moves within the slice
    """
    rho, t, x = np.array(offsets)[:, None, None], _THICK[None, :, None], np.array(at)[None, None, :]
    shifts = smear_mm * (np.arange(-2.5, 3.0) / 3.0) if smear_mm > 0 else np.zeros(1)

    def phi(y: np.ndarray) -> np.ndarray:
        blur = np.sqrt(2.0) * np.hypot(BLUR * pixel, 0.03)
        return np.mean([0.5 * (1.0 + special.erf((y - by) / blur)) for by in shifts], axis=0)

    sheath, edge, behind = np.broadcast_arrays(phi(x - rho + SHEATH_MM), phi(x - rho), phi(x - rho - t))
    looked = (x > rho - _WITHIN) & (x < rho + t + _BEHIND)
    return np.stack([1.0 - sheath, sheath - edge, edge - behind, behind], axis=-1), looked


def _cost(
    rays: np.ndarray, level: np.ndarray, shares: np.ndarray, looked: np.ndarray, known: np.ndarray, pixels: float
) -> np.ndarray:
    """(m, rho) natural units against a boundary at each offset along rays (m, at); ``pixels``: share of a pixel from sample to sample."""
    scale = level[2] - level[3]
    weigh = pixels / (TEXTURE * scale) ** 2
    spread = (np.array(SPREADS) * scale) ** 2
    seen = looked & known
    weighted = shares * seen[..., None]
    model = shares @ level
    squares = _along(rays**2, seen) - 2.0 * _along(rays, seen * model) + np.sum(seen * model**2, axis=-1)
    weighted_t = np.swapaxes(weighted, -1, -2)
    pull = weigh * (_along(rays, weighted_t) - (weighted_t @ model[..., None])[..., 0])
    inner = weigh * (weighted_t @ shares) + np.diag(1.0 / spread)
    pulls = np.moveaxis(pull, 0, 2)
    taken = np.moveaxis(np.sum((pulls @ np.linalg.inv(inner)) * pulls, axis=-1), 2, 0)
    cost = 0.5 * (weigh * squares - taken + np.linalg.slogdet(inner)[1] + np.log(spread).sum())
    # a pixel that is explained costs a half on average; one that is not, that and more
    cost = cost + (0.5 + UNEXPLAINED) * pixels * (known.sum() - seen.sum(axis=-1))
    cost = cost + 0.5 * (np.minimum(_THICK - USUAL_FAT_MM, 0.0) / SPREAD_MM) ** 2
    best = cost.min(axis=2)
    least = best.min(axis=1, keepdims=True)
    return least + np.minimum(best - least, WORST)


def _along(rays: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(m, ...) sums of rays (m, at) weighed by (..., at)."""
    flat = weights.reshape(-1, weights.shape[-1]).astype(float)
    return (rays @ flat.T).reshape(len(rays), *weights.shape[:-1])
