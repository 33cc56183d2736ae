"""What is true of a made scan: maps, labels and a table of regions, exact for the voxels as they were sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.phantom.regions import REGION_OF_CODE, REGIONS
from neuromyo.phantom.render import Parts, slice_index
from neuromyo.phantom.scene import TENSOR

#: what is averaged over the protons of a voxel's or a region's water, of all its protons, or of its space. FA and MD of a
#: region are means of its tissues'; those of a voxel follow from the mean tensor of its water.
OF_WATER = ("T2", "T1", "R2star", "MTsat", "FA", "MD")
OF_PROTONS, OF_SPACE = ("FF", "MTR"), ("B1", "B0", "Protons")
QUANTITIES = (*OF_WATER, *OF_PROTONS, *OF_SPACE)
_REGION_OF_CODE = np.array(REGION_OF_CODE)


def values(truth: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(m,) what is averaged, by quantity: the truth itself, but for MTR, which fat has none of and dilutes."""
    return {**{name: truth[name] for name in QUANTITIES}, "MTR": truth["MTR"] * (1.0 - truth["FF"])}


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
    tensor : (x, y, z, 6) float32, mean diffusion tensor of the water, xx yy zz xy xz yz, in m2/s; NaN in air
    tissue : (x, y, z) share of the voxel that is not air
    """

    grid: Grid
    maps: dict[str, np.ndarray] = field(init=False)
    tensor: np.ndarray = field(init=False)
    tissue: np.ndarray = field(init=False)
    volume: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.maps = {name: np.full(self.grid.shape, np.nan, dtype=np.float32) for name in QUANTITIES}
        self.tensor = np.full((*self.grid.shape, len(TENSOR)), np.nan, dtype=np.float32)
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
        weight, value = weights(parts, truth), values(truth)
        for name in QUANTITIES:
            self.maps[name][where] = _mean(parts.voxel, weight[name], value[name], n).reshape(plane)
            sums = (weight[name] * value[name], weight[name])
            self._sums[name] += [np.bincount(region, w, len(REGIONS) + 1) for w in sums]
        components = [_mean(parts.voxel, weight["T2"], truth[name], n) for name in TENSOR]
        self.tensor[where] = np.stack(components, axis=-1).reshape(*plane, -1)
        self._space += np.bincount(region, parts.fraction, len(REGIONS) + 1)
        self.tissue[where] = np.bincount(parts.voxel, parts.fraction, n).reshape(plane)
        self.volume[where] = _largest(parts, region, n).reshape(plane)

    def anisotropy(self) -> dict[str, np.ndarray]:
        """``FA`` and ``MD`` (x, y, z) and ``V1`` (x, y, z, 3), upwards, of the mean tensor; NaN in air."""
        return of_tensor(self.tensor)

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


def of_tensor(tensor: np.ndarray) -> dict[str, np.ndarray]:
    """Tensors (..., 6) -> ``FA`` (...), ``MD`` (...), ``V1`` (..., 3) with z of at least 0, float32; NaN stays."""
    order = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
    known = np.isfinite(tensor).all(axis=-1)
    size, axes = np.linalg.eigh(tensor[known].astype(np.float64)[..., order])
    mean = size.mean(axis=-1)
    apart, square = ((size - mean[:, None]) ** 2).sum(axis=-1), (size**2).sum(axis=-1)
    first = axes[..., 2]
    found = {
        "FA": np.sqrt(1.5 * np.divide(apart, square, out=np.zeros_like(apart), where=square > 0)),
        "MD": mean,
        "V1": np.where(first[:, 2:] < 0, -first, first),
    }
    out = {}
    for name, value in found.items():
        out[name] = np.full((*known.shape, *value.shape[1:]), np.nan, dtype=np.float32)
        out[name][known] = value
    return out


def _mean(voxel: np.ndarray, weight: np.ndarray, value: np.ndarray, n: int) -> np.ndarray:
    """(n,) weighted mean a voxel, NaN where nothing weighs."""
    total, share = np.bincount(voxel, weight * value, n), np.bincount(voxel, weight, n)
    return np.divide(total, share, out=np.full(n, np.nan), where=share > 0)


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
