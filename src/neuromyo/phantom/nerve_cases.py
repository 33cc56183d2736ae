"""Named cases of a nerve in a stack of slices, with the truth: what tracers and proposals are judged on.

Each case is one acquisition of one made place of one person: the numbers of the table below and a seed decide all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image, Weighting
from neuromyo.core.labels import Side
from neuromyo.core.landmark import Landmark
from neuromyo.phantom.nerve_places import ABSENCES, KINDS, Place, place
from neuromyo.phantom.nerve_scene import NerveScene
from neuromyo.phantom.nerve_truth import NerveTruth

_T2: tuple[Weighting, ...] = ("T2w",)
_T2_T1: tuple[Weighting, ...] = ("T2w", "T1w")
_FS: tuple[Weighting, ...] = ("T2w-fs",)
_FS_T1: tuple[Weighting, ...] = ("T2w-fs", "T1w")
_T1: tuple[Weighting, ...] = ("T1w",)
_MT: tuple[Weighting, ...] = ("MTw",)
_ALL: tuple[Weighting, ...] = ("T2w", "T2w-fs", "T1w", "MTw", "FA")


@dataclass(frozen=True, eq=False)
class Made:
    """A case made: ``images`` share one grid; ``start`` is where a person clicked, on the nerve or on what is none."""

    images: tuple[Image, ...]
    truth: NerveTruth
    start: Landmark
    name: str
    side: Side
    has_nerve: bool


@dataclass(frozen=True)
class NerveCase:
    """One acquisition of one place.

    nerve : what is there, or would be; kind : of `nerve_places.KINDS`
    in_plane_mm, thickness_mm, slices : of the stack, without gaps; field_mm : its width
    obliquity_deg : between nerve and slices' normal; ``tilted``: by tilting the slices, else the nerve runs slanted
    snr : signal of muscle over noise
    absent : of `nerve_places.ABSENCES`, what lies at the start instead of a nerve; "" with a nerve
    """

    name: str
    nerve: str
    kind: str
    in_plane_mm: float
    thickness_mm: float
    slices: int
    snr: float
    obliquity_deg: float
    weightings: tuple[Weighting, ...]
    seed: int
    field_mm: float = 44.0
    tilted: bool = False
    absent: str = ""
    side: Side = "right"

    @property
    def has_nerve(self) -> bool:
        return not self.absent

    @property
    def grid(self) -> Grid:
        """Slices across z, centred on the world's origin; of ``tilted`` cases turned about an axis in the plane."""
        n = round(self.field_mm / self.in_plane_mm)
        affine = np.eye(4)
        turn = _rotation(self.obliquity_deg if self.tilted else 0.0, 0.9 * self.seed)
        affine[:3, :3] = turn @ np.diag([self.in_plane_mm, self.in_plane_mm, self.thickness_mm])
        affine[:3, 3] = -affine[:3, :3] @ ((np.array([n, n, self.slices]) - 1) / 2)
        return Grid.of((n, n, self.slices), affine, 2)

    @property
    def scene(self) -> NerveScene:
        """What lies there."""
        return self._place.scene

    @property
    def _place(self) -> Place:
        slant = 0.0 if self.tilted else self.obliquity_deg
        return place(self.nerve, self.kind, slant, self.seed, self.side, self.absent)

    def make(self) -> Made:
        """Images, truth and the click; the same each time."""
        spot = self._place
        truth = spot.scene.truth(self.grid)
        images = spot.scene.images(self.grid, self.weightings, self.snr, self.seed)
        start = truth.start
        if start is None:
            x, y, z = (float(v) for v in spot.start_mm)
            start = Landmark("start", (x, y, z), self.nerve, self.side)
        else:
            start = _clicked(start, self.grid, self.seed)
        return Made(images, truth, start, self.nerve, self.side, self.has_nerve)


def _clicked(start: Landmark, grid: Grid, seed: int) -> Landmark:
    """A click near the middle: up to 0.8 mm beside it, in the plane."""
    rng = np.random.default_rng([seed, 23])
    off = np.zeros(3)
    for axis, by in zip(grid.in_plane_axes, rng.uniform(-0.55, 0.55, 2), strict=True):
        off += by * grid.affine[:3, axis] / grid.spacing_mm[axis]
    x, y, z = (float(v) for v in np.array(start.xyz_mm) + off)
    return Landmark("start", (x, y, z), start.name, start.side)


def _rotation(angle_deg: float, about_rad: float) -> np.ndarray:
    """Turn by an angle about an axis in the x, y plane (Rodrigues)."""
    angle = np.deg2rad(angle_deg)
    x, y = np.cos(about_rad), np.sin(about_rad)
    cross = np.array([[0.0, 0.0, y], [0.0, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross


#: nerve, kind, in-plane mm, thickness mm, slices, SNR, obliquity deg, weightings, tilted, field mm
_TABLE: tuple[tuple[str, str, float, float, int, float, float, tuple[Weighting, ...], bool, float], ...] = (
    ("sciatic-nerve", "healthy", 0.2, 2.0, 16, 30, 0, _T2, False, 36),
    ("sciatic-nerve", "healthy", 0.2, 3.0, 12, 20, 15, _T1, True, 36),
    ("sciatic-nerve", "healthy", 0.3, 3.0, 16, 40, 5, _T2_T1, False, 40),
    ("sciatic-nerve", "healthy", 0.3, 3.0, 14, 25, 20, _FS, True, 42),
    ("sciatic-nerve", "healthy", 0.4, 3.0, 16, 30, 10, _T2, False, 44),
    ("sciatic-nerve", "healthy", 0.4, 4.0, 14, 30, 30, _T2, True, 50),
    ("sciatic-nerve", "healthy", 0.4, 2.0, 20, 15, 25, _MT, False, 44),
    ("sciatic-nerve", "healthy", 0.6, 4.0, 20, 40, 8, _T2, False, 48),
    ("sciatic-nerve", "healthy", 0.6, 3.0, 16, 30, 20, _ALL, True, 48),
    ("sciatic-nerve", "healthy", 0.8, 4.0, 20, 60, 5, _T2, False, 56),
    ("sciatic-nerve", "healthy", 0.8, 4.0, 14, 30, 15, _FS_T1, True, 56),
    ("sciatic-nerve", "healthy", 1.0, 5.0, 16, 40, 8, _T2, False, 60),
    ("sciatic-nerve", "healthy", 1.0, 3.0, 24, 60, 15, _T2_T1, True, 60),
    ("sciatic-nerve", "hypertrophic", 0.3, 3.0, 16, 30, 10, _T2, False, 44),
    ("sciatic-nerve", "hypertrophic", 0.6, 4.0, 16, 20, 20, _FS, True, 52),
    ("sciatic-nerve", "hypertrophic", 0.8, 5.0, 14, 45, 5, _T2_T1, False, 56),
    ("sciatic-nerve", "atrophic", 0.3, 2.0, 18, 35, 5, _T2, False, 40),
    ("sciatic-nerve", "atrophic", 0.4, 3.0, 16, 25, 15, _FS, True, 44),
    ("sciatic-nerve", "atrophic", 0.8, 4.0, 16, 50, 10, _T2, False, 56),
    ("sciatic-nerve", "fatty", 0.3, 3.0, 14, 30, 10, _T2, True, 42),
    ("sciatic-nerve", "fatty", 0.4, 4.0, 16, 40, 5, _FS_T1, False, 44),
    ("sciatic-nerve", "fatty", 0.8, 4.0, 16, 40, 12, _T2_T1, True, 56),
    ("sciatic-nerve", "split", 0.3, 3.0, 20, 30, 5, _T2, False, 46),
    ("sciatic-nerve", "split", 0.4, 3.0, 20, 40, 12, _T2_T1, True, 50),
    ("sciatic-nerve", "split", 0.8, 4.0, 20, 50, 5, _T2, False, 60),
    ("tibial-nerve", "healthy", 0.2, 2.0, 16, 25, 10, _T2, False, 32),
    ("tibial-nerve", "healthy", 0.3, 3.0, 16, 40, 20, _FS_T1, True, 40),
    ("tibial-nerve", "atrophic", 0.3, 3.0, 16, 30, 5, _T2, False, 36),
    ("tibial-nerve", "healthy", 0.4, 3.0, 18, 50, 10, _T2_T1, False, 40),
    ("tibial-nerve", "hypertrophic", 0.6, 3.0, 16, 40, 10, _T2, True, 44),
    ("fibular-nerve", "healthy", 0.3, 3.0, 16, 40, 15, _T2, False, 38),
    ("femoral-nerve", "healthy", 0.4, 3.0, 16, 40, 15, _T2_T1, False, 46),
    ("l5-root", "healthy", 0.4, 2.0, 14, 40, 30, _T2, False, 46),
    ("sciatic-nerve", "healthy", 0.4, 3.0, 16, 30, 10, _FS, False, 44),
    ("sciatic-nerve", "healthy", 0.4, 3.0, 16, 35, 10, ("FA", "T2w"), True, 44),
)  # fmt: skip
#: what lies at the start instead, nerve looked for, in-plane mm, thickness mm, slices, SNR, obliquity deg, weightings
_NONE: tuple[tuple[str, str, float, float, int, float, float, tuple[Weighting, ...]], ...] = (
    ("artery", "tibial-nerve", 0.4, 3.0, 16, 40, 5, _T2),
    ("vein", "tibial-nerve", 0.3, 3.0, 16, 30, 10, _FS),
    ("node", "sciatic-nerve", 0.4, 3.0, 16, 40, 5, _T2_T1),
    ("node", "femoral-nerve", 0.6, 3.0, 14, 50, 5, _FS_T1),
    ("septum", "sciatic-nerve", 0.3, 3.0, 14, 30, 10, _T2),
    ("fat", "sciatic-nerve", 0.4, 4.0, 14, 40, 0, _T2),
    ("muscle", "sciatic-nerve", 0.4, 3.0, 16, 30, 5, _T2_T1),
    ("muscle", "tibial-nerve", 0.8, 4.0, 14, 50, 5, _T1),
    ("noise", "sciatic-nerve", 0.6, 3.0, 14, 20, 0, _T2),
    ("tendon", "fibular-nerve", 0.4, 3.0, 16, 35, 5, _T2),
)


def cases() -> tuple[NerveCase, ...]:
    """All cases: 35 with a nerve and 10 without, by turns of the right and the left side."""
    found = []
    for i, (nerve, kind, pixel, thick, slices, snr, angle, weightings, tilted, field_mm) in enumerate(_TABLE):
        assert kind in KINDS
        name = f"{i + 1:02d}-{nerve.removesuffix('-nerve')}-{kind}-{pixel:g}mm-{'+'.join(weightings[:3])}"
        side: Side = "left" if i % 2 else "right"
        found.append(NerveCase(name, nerve, kind, pixel, thick, slices, snr, angle, weightings, 100 + i, field_mm,
                               tilted, side=side))  # fmt: skip
    for i, (absent, nerve, pixel, thick, slices, snr, angle, weightings) in enumerate(_NONE, len(_TABLE)):
        assert absent in ABSENCES
        name = f"{i + 1:02d}-none-{absent}-{pixel:g}mm-{'+'.join(weightings)}"
        side = "left" if i % 2 else "right"
        found.append(NerveCase(name, nerve, "healthy", pixel, thick, slices, snr, angle, weightings, 100 + i,
                               absent=absent, side=side))  # fmt: skip
    return tuple(found)
