"""Nerves made up to see what a resolution can tell: round fascicles in epineurium in a dark sheath, through the scanner's blur and noise.

Diameters are drawn evenly from a range until the share of the nerve that was asked for is filled; the discs are strewn at random and
pushed apart until a gap of `GAP` mean diameters is free around each; one that finds no room is left out. Fascicles are bright in dark
epineurium within muscle (fat suppressed), or dark in bright epineurium within fat; the sheath is dark in either.

*Assumes* round nerves and fascicles. *Breaks* (is too kind) where fascicles divide and join, or touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.fascicles import fascicle_sheet
from neuromyo.fascicles.fascicle_sheet import FWHM, Sheet

#: least gap between fascicles, over their mean diameter
GAP = 0.15
#: fascicles in a nerve that is made up
FASCICLES = 12
#: thickness of the sheath, mm
RIM_MM = 0.15
#: difference of the classes, signal of the sheath and of what lies around the nerve, the brighter class being 1: where fascicles are
#: bright, and where they are dark
BRIGHT, DARK = (0.7, 0.1, 0.5), (0.45, 0.05, 1.3)
_PUSHES = 300


@dataclass(frozen=True)
class Setting:
    """What is imaged, and how; lengths in mm.

    cnr : difference of fascicle and epineurium over the noise of a channel
    dark : whether fascicles are darker than epineurium
    smear_mm : by how much the nerve moves across a slice's thickness, in the plane
    bright_share, bright : share of fascicles whose contrast is so many times that of the others
    """

    pixel_mm: float
    psf_mm: float
    smear_mm: float
    cnr: float
    fascicle_mm: tuple[float, float]
    fraction: float
    bright_share: float = 0.0
    bright: float = 1.5
    dark: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """A window of voxels with its truth; ``areas_mm2`` of the single fascicles, ``bright`` which of them are."""

    sheet: Sheet
    plane: np.ndarray
    sigma: float
    fraction: float
    areas_mm2: np.ndarray
    bright: np.ndarray


def make(setting: Setting, rng: np.random.Generator) -> Scene:
    """One section of one nerve."""
    discs, radius = _pack(setting, rng)
    pixel = (setting.pixel_mm, setting.pixel_mm)
    fine = fascicle_sheet.division(pixel)[0]
    reach = radius + 2.0 * (setting.pixel_mm + setting.psf_mm) + setting.smear_mm
    n = (2 * int(np.ceil(reach / setting.pixel_mm)) + 1) * fine
    step = setting.pixel_mm / fine
    line = (np.arange(n) - 0.5 * (n - 1)) * step
    shift = rng.uniform(-0.5, 0.5, 2) * setting.pixel_mm
    x, y = np.meshgrid(line - shift[0], line - shift[1], indexing="ij")
    sheet = fascicle_sheet.make(
        _disc(x, y, 0.0, 0.0, radius, step), pixel, setting.psf_mm, (setting.smear_mm, 0.0), RIM_MM
    )
    bright = rng.uniform(size=len(discs)) < setting.bright_share
    drawn = np.stack([_disc(x, y, cx, cy, own, step) for cx, cy, own in discs])
    contrast, rim, around = DARK if setting.dark else BRIGHT
    epineurium, up = (1.0, -1.0) if setting.dark else (1.0 - contrast, 1.0)
    relative = up * contrast * np.where(bright, setting.bright, 1.0)
    signal = epineurium + np.tensordot(relative, drawn, axes=1)
    sheath = sheet.inside * (1.0 - _disc(x, y, 0.0, 0.0, radius - RIM_MM, step))
    signal = signal * (sheet.inside - sheath) + rim * sheath
    clean = sheet.see(signal) + around * (1.0 - sheet.see(sheet.inside))
    sigma = contrast / setting.cnr
    noise = sigma * rng.standard_normal((2, *clean.shape))
    plane = np.hypot(clean + noise[0], noise[1])
    return Scene(sheet, plane, sigma, float(drawn.sum() / sheet.inside.sum()), np.pi * discs[:, 2] ** 2, bright)


def psf_of(pixel_mm: float) -> float:
    """Full width at half maximum of the Gaussian which, with the voxel's box, has the width of an unfiltered k-space's main
    lobe (1.2 voxels): one voxel."""
    total = 1.2 * pixel_mm / FWHM
    return FWHM * float(np.sqrt(total**2 - pixel_mm**2 / 12.0))


def _disc(x: np.ndarray, y: np.ndarray, cx: float, cy: float, radius: float, step: float) -> np.ndarray:
    return np.clip(0.5 + (radius - np.hypot(x - cx, y - cy)) / step, 0.0, 1.0)


def _pack(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """(n, 3) centres and radii, and the nerve's radius, its sheath included."""
    low, high = setting.fascicle_mm
    radii = 0.5 * rng.uniform(low, high, FASCICLES)
    nerve = float(np.sqrt((radii**2).sum() / setting.fraction))
    gap = GAP * 0.5 * (low + high)
    room = nerve - RIM_MM
    angle, out = rng.uniform(0.0, 2.0 * np.pi, FASCICLES), room * np.sqrt(rng.uniform(0.0, 0.8, FASCICLES))
    at = np.stack([out * np.cos(angle), out * np.sin(angle)], -1)
    for _ in range(_PUSHES):
        apart = at[:, None] - at[None]
        distance = np.hypot(apart[..., 0], apart[..., 1]) + np.eye(FASCICLES) * 1e9
        overlap = np.maximum(radii[:, None] + radii[None] + gap - distance, 0.0)
        at = at + 0.5 * ((overlap / distance)[..., None] * apart).sum(axis=1)
        beyond = np.maximum(np.hypot(*at.T) + radii + 0.5 * gap - room, 0.0)
        at = at * (1.0 - beyond / np.maximum(np.hypot(*at.T), 1e-9))[:, None]
    return np.column_stack([at, radii])[_free(at, radii, room, gap)], nerve


def _free(at: np.ndarray, radii: np.ndarray, nerve: float, gap: float) -> np.ndarray:
    """The largest first: those that keep three quarters of the gap to all that were kept before and lie within the nerve."""
    kept: list[int] = []
    for i in np.argsort(-radii):
        room = [np.hypot(*(at[i] - at[j])) - radii[i] - radii[j] for j in kept]
        if all(r > 0.75 * gap for r in room) and np.hypot(*at[i]) + radii[i] < nerve:
            kept.append(int(i))
    return np.array(kept, int)
