"""What is true of a made scan: maps, labels and a table of regions, exact for the voxels as they were sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.phantom.regions import REGION_OF_CODE, REGIONS
from neuromyo.phantom.render import Parts, slice_index

#: what is averaged over the protons of a voxel's or a region's water, of all its protons, or of its space
OF_WATER = ("T2", "T1", "R2star", "MTsat", "FA", "MD")
OF_PROTONS, OF_SPACE = ("FF", "MTR"), ("B1", "B0", "Protons")
QUANTITIES = (*OF_WATER, *OF_PROTONS, *OF_SPACE)
_REGION_OF_CODE = np.array(REGION_OF_CODE)


def weights(parts: Parts, truth: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(m,) weight of each part in a mean, by quantity."""
    protons = parts.fraction * truth["PD"]
    water = protons * (1.0 - truth["FF"])
    return {
        **dict.fromkeys(OF_WATER, water),
        **dict.fromkeys(OF_PROTONS, protons),
        **dict.fromkeys(OF_SPACE, parts.fraction),
    }


@dataclass
class Truth:
    """Gathers the truth of a scene as its slices pass (`add`).

    maps : quantity -> (x, y, z) float32, SI; NaN in air
    tissue : (x, y, z) share of the voxel that is not air
    """

    grid: Grid
    maps: dict[str, np.ndarray] = field(init=False)
    tissue: np.ndarray = field(init=False)
    volume: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.maps = {name: np.full(self.grid.shape, np.nan, dtype=np.float32) for name in QUANTITIES}
        self.tissue = np.zeros(self.grid.shape, dtype=np.float32)
        self.volume = np.zeros(self.grid.shape, dtype=np.int16)
        self._sums = {name: np.zeros((2, len(REGIONS) + 1)) for name in QUANTITIES}
        self._space = np.zeros(len(REGIONS) + 1)

    def add(self, k: int, parts: Parts, truth: Mapping[str, np.ndarray]) -> None:
        """Take in slice ``k``."""
        plane = tuple(self.grid.shape[axis] for axis in self.grid.in_plane_axes)
        n = plane[0] * plane[1]
        region = _REGION_OF_CODE[parts.code]
        where = slice_index(self.grid, k)
        for name, weight in weights(parts, truth).items():
            total = np.bincount(parts.voxel, weight * truth[name], n)
            share = np.bincount(parts.voxel, weight, n)
            mean = np.divide(total, share, out=np.full(n, np.nan), where=share > 0)
            self.maps[name][where] = mean.reshape(plane)
            self._sums[name] += [np.bincount(region, w, len(REGIONS) + 1) for w in (weight * truth[name], weight)]
        self._space += np.bincount(region, parts.fraction, len(REGIONS) + 1)
        self.tissue[where] = np.bincount(parts.voxel, parts.fraction, n).reshape(plane)
        self.volume[where] = _largest(parts, region, n).reshape(plane)

    def labels(self) -> Labels:
        """Each voxel belongs to the region that fills most of it, if that is more than is left to air."""
        present = set(np.unique(self.volume).tolist())
        return Labels(self.volume, self.grid, tuple(r for r in REGIONS if r.index in present), "phantom")

    def rows(self) -> list[dict[str, str | float]]:
        """One row a region and side that the stack meets, ``muscle`` of each side as a whole last: volume in ml (by
        area fractions, gaps between slices counted) and the means, SI."""
        named = [(r.name, r.side, r.parent, [r.index]) for r in REGIONS if self._space[r.index] > 0]
        for side in ("right", "left"):
            members = [r.index for r in REGIONS if r.parent == "muscle" and r.side == side]
            named.append(("muscle", side, "leg", members))
        return [self._row(*entry) for entry in named if self._space[entry[3]].sum() > 0]

    def _row(self, name: str, side: str, parent: str, members: list[int]) -> dict[str, str | float]:
        volume_ml = float(self._space[members].sum()) * self.grid.voxel_volume_mm3 / 1000.0
        row: dict[str, str | float] = {"region": name, "side": side, "parent": parent, "volume_ml": volume_ml}
        for quantity, sums in self._sums.items():
            total, share = sums[:, members].sum(axis=1)
            row[quantity] = float(total / share) if share > 0 else float("nan")
        return row


def _largest(parts: Parts, region: np.ndarray, n: int) -> np.ndarray:
    """(n,) the region of the largest share of each voxel, 0 where air has more. Leaves of one region are pooled."""
    n_regions = len(REGIONS) + 1
    keys, place = np.unique(parts.voxel * n_regions + region, return_inverse=True)
    shares = np.bincount(place, parts.fraction)
    voxel = keys // n_regions
    air = 1.0 - np.bincount(voxel, shares, n)
    order = np.lexsort((-keys, shares))  # of equal shares the lower region number comes last and stays
    best = np.zeros(n, dtype=np.int16)
    best_share = np.zeros(n)
    best[voxel[order]], best_share[voxel[order]] = keys[order] % n_regions, shares[order]
    return np.where(best_share > air, best, 0).astype(np.int16)
