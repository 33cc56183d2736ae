"""A nerve as a body: its course, outline, fascicles, sheath and the fat around it; or two that run in one sheath and part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuromyo.phantom.nerve_course import Line
from neuromyo.phantom.nerve_fascicles import Bundle, pack
from neuromyo.phantom.nerve_outline import Outline
from neuromyo.phantom.nerve_sampling import NERVE_MM, Sheets

#: how widely the sheath bridges the cleft between two divisions that run together, mm, and over which length it lets go
BRIDGE_MM, LETS_GO_MM = 0.45, 8.0


@dataclass(frozen=True)
class Nerve:
    """One nerve, or one division of a nerve.

    fascicle_share : share of the outline's area that fascicles fill
    fascicle_mm : median diameter
    sheath_mm : thickness of the thin dark layer just inside the outline
    paraneural_mm : fat around it, mean thickness; it is twice as thick on one side as on the other
    seed : of the fascicles' places
    """

    name: str
    line: Line
    outline: Outline
    fascicle_share: float = 0.45
    fascicle_mm: float = 0.65
    sheath_mm: float = 0.15
    paraneural_mm: float = 1.2
    seed: int = 0

    @property
    def bundle(self) -> Bundle:
        return pack(self.outline, self.fascicle_share, self.fascicle_mm, self.sheath_mm, self.seed)

    @property
    def reach_mm(self) -> float:
        return self.outline.reach_mm

    def depths(self, xyz: np.ndarray, width_mm: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, 3) -> how far (mm) inside the outline, inside a fascicle, and inside the fat around the nerve.

        width_mm : over which the caller will soften borders (see `Bundle.depth`); 0 for the places themselves"""
        u, v, z = self.line.across(xyz)
        depth = self.outline.depth(u, v, z)
        fascicle = np.full(depth.shape, -np.inf)
        inside = depth > 0.0
        if inside.any():
            fascicle[inside] = self._fascicle(u[inside], v[inside], z[inside], width_mm)
        angle = np.arctan2(v, u) - 0.7 * self.seed
        fat = depth + self.paraneural_mm * (1.0 + 0.33 * np.cos(angle) + 0.2 * np.cos(3.0 * angle + 1.0))
        return depth, fascicle, fat

    def _fascicle(self, u: np.ndarray, v: np.ndarray, z: np.ndarray, width_mm: float) -> np.ndarray:
        x, y = self.outline.normalised(u, v, z)
        a, b = (float(axis) for axis in self.outline.axes(np.zeros(())))
        return self.bundle.depth(x * a, y * b, z, width_mm)

    def fascicles_at(self, z: float) -> tuple[np.ndarray, np.ndarray]:
        """Centres (n, 3) RAS+ mm and true areas (n,) mm2 of the fascicles in the section across the nerve at level z."""
        level = np.array(z)
        u0, v0 = self.bundle.centres(z)
        (a0, b0), (a, b) = self.outline.axes(np.zeros(())), self.outline.axes(level)
        u, v = self.outline.turned(u0 * a / a0, v0 * b / b0, level, back=True)
        first, second = self.line.frame(np.array([z]))
        places = self.line.points(np.array([z])) + u[:, None] * first + v[:, None] * second
        return places, np.pi * self.bundle.radius_mm**2 * float(a * b / (a0 * b0))


@dataclass(frozen=True)
class NerveBody:
    """What is traced: one nerve; or two divisions, called by ``trunk`` above ``splits_at_mm`` (z) and by their own names
    below."""

    parts: tuple[Nerve, ...]
    trunk: str = ""
    splits_at_mm: float = 0.0

    @property
    def name(self) -> str:
        """Name of the whole, or of what it is above the split."""
        return self.names[0]

    @property
    def names(self) -> tuple[str, ...]:
        own = tuple(part.name for part in self.parts)
        return own if len(own) == 1 else (self.trunk, *own)

    def points(self, z: np.ndarray) -> np.ndarray:
        """(n,) levels -> (n, 3) the middle line; of divisions, weighted by their areas."""
        weights = np.array([p.outline.area_mm2 for p in self.parts])
        return np.tensordot(weights / weights.sum(), np.array([p.line.points(z) for p in self.parts]), 1)

    def depths(self, xyz: np.ndarray, width_mm: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Nerve.depths`, of the whole; where divisions run together the sheath bridges the cleft between them."""
        each = [part.depths(xyz, width_mm) for part in self.parts]
        if len(each) == 1:
            return each[0]
        (one, fascicle_one, fat_one), (two, fascicle_two, fat_two) = each
        together = np.clip(1.0 + (xyz[:, 2] - self.splits_at_mm) / LETS_GO_MM, 0.02, 1.0)
        width = BRIDGE_MM * together
        larger, apart = np.maximum(one, two), np.abs(one - two)
        bridged = larger + width * np.log1p(np.exp(-apart / width))
        return bridged, np.maximum(fascicle_one, fascicle_two), np.maximum(fat_one, fat_two)

    def owners(self, xyz: np.ndarray) -> np.ndarray:
        """(n,) place in `names` of what a point within the nerve belongs to."""
        if len(self.parts) == 1:
            return np.zeros(len(xyz), np.intp)
        one, two = (p.outline.depth(*p.line.across(xyz)) for p in self.parts)
        return np.where(xyz[:, 2] >= self.splits_at_mm, 0, np.where(one >= two, 1, 2))

    def area(self, z: float, step_mm: float = 0.12) -> float:
        """True area across the nerve at level z, mm2: closed form for one nerve, by counting for divisions that run together."""
        if len(self.parts) == 1:
            return float(self.parts[0].outline.area(np.array(z)))
        reach = 1.2 * sum(p.reach_mm for p in self.parts)
        side = np.arange(-reach, reach, step_mm)
        u, v = (m.ravel() for m in np.meshgrid(side, side))
        here = self.points(np.array([z - 0.5, z, z + 0.5]))
        along = (here[2] - here[0]) / np.linalg.norm(here[2] - here[0])
        first = np.array([1.0, 0.0, 0.0]) - along * along[0]
        first /= np.linalg.norm(first)
        depth = self.depths(here[1] + u[:, None] * first + v[:, None] * np.cross(along, first))[0]
        return float(np.clip(0.5 + depth / step_mm, 0.0, 1.0).sum() * step_mm**2)


@dataclass(frozen=True, eq=False)
class Sampled:
    """A nerve sampled in one slice: the box of voxels it may lie in, ``n`` samples along their sides ``width_mm`` apart, and
    what `NerveBody.depths` says of them."""

    box: tuple[slice, slice]
    n: int
    width_mm: float
    depth: np.ndarray
    fascicle: np.ndarray
    fat: np.ndarray


@lru_cache(maxsize=32)
def sampled(body: NerveBody, sheets: Sheets, k: int) -> Sampled | None:
    """The nerve in slice k, None where it is not; kept for a moment, as pictures and truth both ask."""
    levels = sheets.levels()
    spine = np.concatenate([p.line.points(levels) for p in body.parts])
    box = sheets.window(k, spine, max(p.reach_mm + 1.6 * p.paraneural_mm for p in body.parts))
    if box is None:
        return None
    n, width = sheets.finer(NERVE_MM)
    return Sampled(box, n, width, *(d.astype(np.float32) for d in body.depths(sheets.samples(k, box, n), width)))
