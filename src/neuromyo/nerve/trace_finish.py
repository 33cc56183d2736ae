"""A second look at a nerve that was followed: now its slant and its neighbours on both sides are known, and its rim can be averaged.

Each outline is settled again with the mean outline of its neighbours expected and edges spread by the slant within a slice's thickness,
moved to the edge itself (`section.polished`), and all are moved by the distance between edge and outer boundary (`rim`). Where fat is
bright, each outline is last laid between the layers of nerve, fat and muscle (`layers`), unless the mean profile then disagrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from neuromyo.nerve.contour import DIRECTIONS, Outline, smoothed
from neuromyo.nerve.follow import Step
from neuromyo.nerve.layers import refine
from neuromyo.nerve.pathway import near
from neuromyo.nerve.rim import offset_of, shift
from neuromyo.nerve.section import Cut, Expected, polished, settle
from neuromyo.nerve.trace_look import Look
from neuromyo.nerve.trace_stack import Piece, Stack

_OFFSETS = np.arange(-1.0, 1.001, 0.05)
#: how far outside of what layers say the mean profile may see the edge
DISAGREE_MM = 0.11


def finished(stack: Stack, steps: Sequence[Step], look: Look) -> list[Step]:
    """Steps by ascending slice -> the same with their final outlines."""
    slopes = slants(stack, steps)
    usual_area = ndimage.median_filter([step.cut.outline.area for step in steps], size=5, mode="nearest")
    cuts, profiles = [], []
    for i, step in enumerate(steps):
        piece = near(stack, step.cut.outline, step.slice)
        smear = slopes[i] * stack.flat.apart_mm
        radius = np.mean([one.cut.outline.recentred.radius for one in steps[max(0, i - 1) : i + 2]], axis=0)
        size = float(radius.mean())
        expected = Expected(radius, 0.1 * size + 0.1 + 0.1 * stack.flat.pixel_mm)
        guess = Outline(step.cut.outline.middle, radius)
        cut = settle(piece, guess, look, expected, half_mm=0.4 * size + 0.3, rounds=3, smear_mm=smear)
        cut = polished(piece, cut, smear)
        if not 0.75 < cut.outline.area / usual_area[i] < 1.35:
            cut = step.cut
        cuts.append(cut)
        profiles.append(_profile(piece, cut.outline, smear))
    by = offset_of(np.mean(profiles, axis=0), _OFFSETS, stack.flat.pixel_mm)
    moved = [replace(step, cut=_moved(cut, by)) for step, cut in zip(steps, cuts, strict=True)]
    laid, profiles = [], []
    for step, slope in zip(moved, slants(stack, moved), strict=True):
        piece, smear = near(stack, step.cut.outline, step.slice), slope * stack.flat.apart_mm
        outline = refine(piece, step.cut.outline, smear)
        laid.append(replace(step, cut=replace(step.cut, outline=outline)))
        profiles.append(_profile(piece, outline, smear)[list(piece.layered)])
    return laid if agree(np.array(profiles), stack.flat.pixel_mm) else moved


def agree(profiles: np.ndarray, pixel_mm: float) -> bool:
    """Whether mean profiles (slices, c, n) across outlines laid between layers have the sheath that was expected there. Those of a nerve
    without any have their edge further out: layers took the nerve's outermost part for it."""
    if not profiles.size:
        return True
    return bool(np.mean([shift(_OFFSETS, p, pixel_mm) for p in profiles.mean(axis=0)]) < DISAGREE_MM)


def _profile(piece: Piece, outline: Outline, smear_mm: np.ndarray) -> np.ndarray:
    """(c, n) across an outline, averaged over the rays along which the slice's thickness blurs little."""
    clean = np.abs(DIRECTIONS @ smear_mm) < max(0.4, 0.7 * float(np.linalg.norm(smear_mm)))
    rays = outline.centre + (outline.radius[:, None] + _OFFSETS)[..., None] * DIRECTIONS[:, None, :]
    return piece.at(rays)[:, clean].mean(axis=1)


def _moved(cut: Cut, by_mm: float) -> Cut:
    """All of an outline by so much along its outward normal."""
    outline = cut.outline
    slope = np.gradient(np.concatenate([outline.radius[-1:], outline.radius, outline.radius[:1]]))[1:-1] / (
        2 * np.pi / 64
    )
    along = by_mm * np.sqrt(1.0 + (slope / outline.radius) ** 2)
    radius = np.maximum(outline.radius + smoothed(along, 6), 0.3)
    return replace(cut, outline=Outline(outline.centre, radius))


def slants(stack: Stack, steps: Sequence[Step]) -> list[np.ndarray]:
    """(2,) mm per mm across slices at each step: a line through the middles of up to five neighbours."""
    at = np.array([s.slice for s in steps]) * stack.flat.apart_mm
    middles = np.array([s.cut.outline.middle for s in steps])
    out = []
    for i in range(len(steps)):
        some = slice(max(0, i - 2), i + 3)
        z = at[some] - at[some].mean()
        spread = float(z @ z)
        out.append(z @ (middles[some] - middles[some].mean(axis=0)) / spread if spread > 0 else np.zeros(2))
    return out
