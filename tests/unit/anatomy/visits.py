"""One person scanned twice, or another person: the phantom's body behind a warp of its own, NumPy only, none of `neuromyo.space`.

A place x of the scanner shows the body at R^-1 (x - shift) + w(x): repositioned rigidly, and bent by a few waves.
"""

from dataclasses import dataclass

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Region
from neuromyo.phantom.geometry import Body, Leg
from neuromyo.phantom.regions import LEAVES, N_CODES, leaf_of
from neuromyo.phantom.tissue import FAT, TISSUES

#: repetition and echo time in s
CONTRASTS = {"T1w": (0.6, 0.012), "T2w": (3.5, 0.060), "PDw": (3.0, 0.010)}


@dataclass(frozen=True)
class Warp:
    """Four waves of 90 to 220 mm an axis, none of which alone or with the others goes beyond ``most_mm`` within the slice."""

    most_mm: float = 0.0
    through_mm: float = 0.0
    seed: int = 0

    def __call__(self, xyz):
        if self.most_mm == 0:
            return np.zeros_like(xyz)
        rng = np.random.default_rng(self.seed)
        out = np.zeros_like(xyz)
        for axis, most in enumerate((self.most_mm, self.most_mm, self.through_mm)):
            for _ in range(4):
                direction = rng.normal(size=3) * (1, 1, 0.7)
                k = 2 * np.pi / rng.uniform(90, 220) * direction / np.linalg.norm(direction)
                out[:, axis] += np.cos(xyz @ k + rng.uniform(0, 2 * np.pi)) * most / 4
        return out


@dataclass(frozen=True)
class Visit:
    warp: Warp = Warp()
    turn_deg: float = 0.0
    shift_mm: tuple = (0.0, 0.0, 0.0)
    about_mm: tuple = (95.0, 0.0, 150.0)

    def to_body(self, xyz):
        a = np.deg2rad(self.turn_deg)
        back = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
        moved = (xyz - np.array(self.shift_mm) - self.about_mm) @ back.T + self.about_mm
        return moved + self.warp(xyz)


def stack(matrix, spacing, slices, step, centre=(95.0, 0.0, 150.0)):
    affine = np.diag([spacing, spacing, step, 1.0])
    affine[:3, 3] = np.array(centre) - (np.array([*matrix, slices]) - 1) / 2 * np.diag(affine)[:3]
    return Grid.of((*matrix, slices), affine, 2)


def person(*, sides=("right",), **leg):
    """A body; keywords are those of `Leg` (girth, length, fat, turn_deg, atrophy)."""
    return Body(Leg("right", (95.0, 0.0), **leg), Leg("left", (-95.0, 0.0), **leg), sides)


def scan(body, grid, contrast, seed, visit=None, *, snr=25.0, fat=0.0, shading=0.2, in_plane=2, through=2):
    """(Image, Labels) of the muscles: each voxel the mean of its points, a smooth shading, Rician noise.

    fat : share of fat within the muscles
    """
    visit = visit or Visit()
    signals = _signals(contrast, fat)
    region, regions = _muscles()
    offsets = _offsets(in_plane, through)
    signal = np.zeros(grid.shape)
    share = np.zeros((*grid.shape[:2], len(regions) + 1), np.float32)
    volume = np.zeros(grid.shape, np.int16)
    for k in range(grid.shape[2]):
        x, y = np.indices(grid.shape[:2])
        index = np.stack([x.ravel(), y.ravel(), np.full(x.size, k)], axis=1).astype(float)
        share[:] = 0
        for offset in offsets:
            codes = body.codes(visit.to_body(grid.to_world(index + offset)))
            signal[:, :, k] += signals[codes].reshape(x.shape) / len(offsets)
            np.add.at(share.reshape(-1, len(regions) + 1), (np.arange(x.size), region[codes]), 1)
        volume[:, :, k] = share.argmax(axis=2)
    rng = np.random.default_rng(seed)
    place = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    centre = place.reshape(-1, 3).mean(axis=0)
    slope = rng.normal(size=3)
    signal *= 1 + shading * np.tanh((place - centre) @ slope / np.linalg.norm(slope) / 80)
    sd = signals[next(i for i in range(1, N_CODES) if leaf_of(i)[0].tissue == "muscle")] / snr
    noisy = np.hypot(signal + sd * rng.normal(size=grid.shape), sd * rng.normal(size=grid.shape))
    present = tuple(r for r in regions if (volume == r.index).any())
    return Image(noisy.astype(np.float32), grid, contrast, f"{contrast} {seed}"), Labels(volume, grid, present, "truth")


def dice(found, true):
    """{(name, side): Dice} of the regions of ``true``."""
    out = {}
    for r in true.regions:
        a, b = found.mask(r.name, r.side), true.mask(r.name, r.side)
        out[(r.name, r.side)] = float(2 * (a & b).sum() / (a.sum() + b.sum()))
    return out


def _offsets(n, through):
    axis = (np.arange(n) + 0.5) / n - 0.5
    z = (np.arange(through) + 0.5) / through - 0.5
    return np.stack(np.meshgrid(axis, axis, z, indexing="ij"), axis=-1).reshape(-1, 3)


def _signals(contrast, fat):
    tr, te = CONTRASTS[contrast]

    def echo(t1, t2):
        return (1 - np.exp(-tr / t1)) * np.exp(-te / t2)

    out = np.zeros(N_CODES)
    for code in range(1, N_CODES):
        tissue = TISSUES[leaf_of(code)[0].tissue]
        share = max(tissue.FF, fat) if leaf_of(code)[0].tissue == "muscle" else tissue.FF
        out[code] = 1000 * tissue.PD * ((1 - share) * echo(tissue.T1, tissue.T2) + share * echo(FAT.T1, FAT.T2))
    return out


def _muscles():
    region, regions = np.zeros(N_CODES, np.intp), []
    for code in range(1, N_CODES):
        leaf, side = leaf_of(code)
        if leaf.tissue == "muscle":
            regions.append(Region(len(regions) + 1, leaf.region, side, "muscle"))
            region[code] = len(regions)
    assert len(LEAVES) * 2 + 1 == N_CODES
    return region, tuple(regions)
