r"""Is the table of gradients turned against the image? Fibres tell: they run on along themselves.

A table whose rows are exchanged or negated gives every voxel the same FA and MD, but an axis V1 that is turned by the same
signed permutation P. All 24 of them (up to overall sign, which diffusion cannot see) are tried on the finished map, without
fitting again:

*continuity*: ahead and back along P V1, at one to three times the largest spacing, the axis is the voxel's own. The cost of a
look is sin^2 of the angle between the two axes over that of a sharp angle, at most 1, and 1 where fibres are left; voxels count
by their FA. Looks land on single voxels, and equally far whichever way they go, so that neither noise nor thick slices favour
a way; looks out of the image tell nothing and count for nothing.

*surface*, where a muscle region is given: fibres run along the surface of muscle, not through it: the mean of (P V1 . normal)^2.

*limb*, where a muscle or nerve region is given: both run along the limb; pennation is rarely above 30 degrees. A table under
which they do is not called wrong for one under which they do not.

Costs are compared by how their differences scatter over blocks of the image. Where most fibres share one axis, as in a limb,
continuity is asked only which axis that is: where halves of a pennate muscle meet, fibres end, and a flip that leaves the main
axis alone can look the smoother table. Such flips are for the surface to tell. What cannot be told is said and not guessed.
Left and right legs mirror each other under every flip, so that symmetry tells nothing that the others do not.

*Cites* Schilling et al., Magn Reson Imaging 2019;58:82, doi:10.1016/j.mri.2019.01.018; Aganj, Sci Rep 2018;8:16541,
doi:10.1038/s41598-018-34797-z.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from neuromyo.biomarkers._gradient_tables import CANDIDATES, what_to_do
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Maps

#: share of bright tissue's S0, and FA, below which V1 is mostly noise
_DARK, _ROUND = 0.1, 0.12
#: degrees from which on a fibre does not run on
_SHARP = 45.0
#: looks ahead and back along a fibre, in units of the largest spacing: no look lands on its own voxel
_STEPS = (-3, -2, -1, 1, 2, 3)
_MOST_VOXELS = 30_000
#: voxels along the side of a block, whose fibres count as one observation; fewer blocks or voxels weigh nothing
_BLOCK = 6
_LEAST_BLOCKS, _LEAST_VOXELS = 12, 300
#: standard errors by which another table has to be better to be warned of, and within which two count as equal
_SURE, _EQUAL = 4.5, 3.0
#: share by which a better table has to lower the cost
_MARGIN = 0.03
#: share of the mean dyad along one axis from which on fibres share that axis
_SHARED = 0.6
#: degrees from the limb: fibres are along it within the first, against it beyond the second
_ALONG, _AGAINST = 40.0, 55.0

_HARMLESS = "V1 and D are as good as the table; FA, MD, AD and RD do not depend on this"


@dataclass(frozen=True, eq=False)
class Evidence:
    """How well each of the 24 candidate tables fits.

    continuity, surface : (blocks, 24) costs; None where there was too little to look at
    axis : (24,) which row of the bvec file the fibres' common axis would lie along; all equal where they share none
    limb_deg : (24,) angle of the median fibre from the limb; NaN without a muscle or nerve region
    voxels : how many were looked at
    """

    continuity: np.ndarray | None
    surface: np.ndarray | None
    axis: np.ndarray
    shared: bool
    limb_deg: np.ndarray
    voxels: int

    def better(self, one: int, other: int, costs: list[np.ndarray]) -> tuple[float, float]:
        """By how many standard errors, and by what share, table ``one`` costs less than ``other``."""
        errors = [_standard_errors(c[:, other] - c[:, one]) for c in costs]
        before, after = (sum(float(c[:, i].sum() / c[:, 0].sum()) for c in costs) for i in (other, one))
        return float(np.sum(errors) / np.sqrt(len(errors))), 1 - after / before

    @property
    def between(self) -> list[np.ndarray]:
        """What tells along which axis fibres run."""
        return [c for c in (self.continuity, self.surface) if c is not None]

    @property
    def within(self) -> list[np.ndarray]:
        """What tells tables apart that leave the fibres' common axis where it is."""
        return [c for c in (self.surface,) if c is not None] if self.shared else self.between


def review(maps: Maps, regions: Mapping[str, np.ndarray], options: Any) -> tuple[Finding, ...]:
    """Findings about the gradient table, from the maps V1, FA and S0 and the regions muscle and nerve."""
    where = next(iter(maps.sources.get("dwi", ())), "dwi")
    evidence = weigh(maps, regions)
    if not evidence.between:
        said = f"{evidence.voxels} voxels with a clear direction are too few to check the gradient table against"
        return (Finding("note", "N-GRAD", where, said, consequence=_HARMLESS),)
    return _judge(evidence, where)


def weigh(maps: Maps, regions: Mapping[str, np.ndarray]) -> Evidence:
    """The evidence for each candidate table."""
    grid, axes, usable = maps.grid, maps["V1"].values.astype(np.float64), _usable(maps)
    turned = [grid.bvec_axes @ p @ np.linalg.inv(grid.bvec_axes) for p in CANDIDATES]
    given = {r: np.asarray(regions[r], bool) & usable for r in ("muscle", "nerve") if r in regions}
    limb = np.logical_or.reduce(list(given.values())) if given else np.zeros(usable.shape, bool)
    surface = _surface(axes, usable, np.asarray(regions["muscle"], bool), grid, turned) if "muscle" in given else None
    main, shared = _common_axis(axes, usable, grid)
    lies = np.array([int(np.argmax(np.abs(p @ main))) for p in CANDIDATES])
    return Evidence(
        _continuity(axes, np.where(usable, maps["FA"].values, 0.0), grid, turned),
        surface,
        lies,
        shared,
        _limb_angles(axes, limb, turned),
        int(usable.sum()),
    )


def _usable(maps: Maps) -> np.ndarray:
    """(x, y, z) bool: tissue with a direction."""
    fa, s0 = maps["FA"], maps["S0"]
    valid = maps["V1"].valid & fa.valid & s0.valid
    if not valid.any():
        return valid
    bright = s0.values > _DARK * np.quantile(s0.values[valid], 0.98)
    return valid & bright & (fa.values > _ROUND)


def _common_axis(axes: np.ndarray, usable: np.ndarray, grid: Grid) -> tuple[np.ndarray, bool]:
    """The axis that fibres have in common, in rows of the bvec file, and whether they do."""
    v = axes[usable] @ np.linalg.inv(grid.bvec_axes).T
    if not len(v):
        return np.array([0.0, 0.0, 1.0]), False
    values, vectors = np.linalg.eigh(v.T @ v / len(v))
    return vectors[:, -1], bool(values[-1] > _SHARED)


def _standard_errors(differences: np.ndarray) -> float:
    """The sum over blocks over its standard error, the mean being 0 where tables are alike."""
    spread = float(np.sqrt((differences**2).sum()))
    return float(differences.sum()) / spread if spread > 0 else 0.0


# --- costs ------------------------------------------------------------------------------------------------------------


def _continuity(axes: np.ndarray, weight: np.ndarray, grid: Grid, turned: list[np.ndarray]) -> np.ndarray | None:
    """(blocks, 24): how badly fibres run on. weight : (x, y, z) FA, 0 where there is no direction."""
    usable = weight > 0
    chosen = np.argwhere(usable)
    if len(chosen) < _LEAST_VOXELS:
        return None
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_VOXELS)).round().astype(int)]
    fibres, share = axes[tuple(chosen.T)], weight[tuple(chosen.T)][:, None]
    known = np.where(usable[..., None], axes, 0.0)
    to_index = max(grid.spacing_mm) * np.linalg.inv(grid.affine[:3, :3])
    cost = np.zeros((len(chosen), len(turned)))
    for i, turn in enumerate(turned):
        offset = fibres @ (to_index @ turn).T
        looks = np.stack([_misses(fibres, known, chosen, step * offset) for step in _STEPS])
        seen = np.isfinite(looks)
        with np.errstate(invalid="ignore"):
            cost[:, i] = np.where(seen, looks, 0.0).sum(axis=0) / seen.sum(axis=0)
    here = np.isfinite(cost[:, 0])  # where the table as it is looks out of the image, there is nothing to compare with
    cost = np.where(np.isfinite(cost), cost, cost[:, :1])[here]
    return _by_block(cost * share[here], chosen[here])


def _misses(fibres: np.ndarray, known: np.ndarray, chosen: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(m,) cost of one look each; NaN out of the image."""
    shape = np.array(known.shape[:3])
    there = np.rint(chosen + offset).astype(np.int64)
    inside = ((there >= 0) & (there < shape)).all(axis=1)
    found = known[tuple(np.clip(there, 0, shape - 1).T)]
    sine_squared = 1 - np.einsum("mc,mc->m", fibres, found) ** 2
    return np.where(inside, np.minimum(sine_squared / np.sin(np.radians(_SHARP)) ** 2, 1.0), np.nan)


def _surface(
    axes: np.ndarray, usable: np.ndarray, muscle: np.ndarray, grid: Grid, turned: list[np.ndarray]
) -> np.ndarray | None:
    """(blocks, 24): how far fibres point through the surface of muscle."""
    if min(muscle.shape) < 2:
        return None
    smooth = gaussian_filter(
        muscle.astype(np.float64), [2.0 * min(grid.spacing_mm) / s for s in grid.spacing_mm], mode="nearest"
    )
    normal = np.stack([np.gradient(smooth, axis=a) for a in range(3)], axis=-1) @ np.linalg.inv(grid.affine[:3, :3])
    size = np.linalg.norm(normal, axis=-1)
    here = usable & muscle & (size > 0.3 * size.max(initial=0.0))
    if here.sum() < _LEAST_VOXELS:
        return None
    unit = normal[here] / size[here][:, None]
    cost = np.stack([((axes[here] @ t.T) * unit).sum(axis=1) ** 2 for t in turned], axis=1)
    return _by_block(cost, np.argwhere(here))


def _by_block(cost: np.ndarray, where: np.ndarray) -> np.ndarray | None:
    if not len(where):
        return None
    _, block = np.unique(where // _BLOCK, axis=0, return_inverse=True)
    count = int(block.max()) + 1
    if count < _LEAST_BLOCKS:
        return None
    return np.stack([np.bincount(block.ravel(), weights=c, minlength=count) for c in cost.T], axis=1)


def _limb_angles(axes: np.ndarray, limb: np.ndarray, turned: list[np.ndarray]) -> np.ndarray:
    """(24,) degrees of the median fibre from head to foot, as legs and arms lie in a scanner."""
    if limb.sum() < _LEAST_VOXELS:
        return np.full(len(turned), np.nan)
    return np.array([np.degrees(np.arccos(min(1.0, np.median(np.abs(axes[limb] @ t[2]))))) for t in turned])


# --- the verdict ------------------------------------------------------------------------------------------------------


def _judge(e: Evidence, where: str) -> tuple[Finding, ...]:
    total = _summed(e.between)
    best = int(np.argmin(np.round(total, 12)))
    if e.shared and e.axis[best] == e.axis[0]:
        best = 0  # the axis is as it should be; what remains is for the surface
    if best != 0 and not e.limb_deg[0] < _ALONG <= e.limb_deg[best]:
        errors, share = e.better(best, 0, e.between)
        if errors > _SURE and share > _MARGIN:
            return (_warning(e, _settled(e, best), errors, share, where),)
    if e.limb_deg[0] > _AGAINST and np.nanmin(e.limb_deg) < _ALONG:
        along = int(np.nanargmin(np.round(e.limb_deg)))
        return (_against_limb(e, _settled(e, along), where),)
    if e.shared:
        settled = _settled(e, 0)
        if 0 not in settled:
            errors, share = e.better(settled[0], 0, e.within)
            if errors > _SURE and share > _MARGIN:
                return (_warning(e, settled, errors, share, where),)
    return _open_questions(e, where)


def _summed(costs: list[np.ndarray]) -> np.ndarray:
    """(24,) costs, each over that of the table as it is."""
    return np.sum([c.sum(axis=0) / c[:, 0].sum() for c in costs], axis=0)


def _settled(e: Evidence, best: int) -> list[int]:
    """The tables that cannot be told from the best of those that lay fibres along the same row, that one first."""
    group = [i for i in range(len(CANDIDATES)) if e.axis[i] == e.axis[best]] if e.shared else [best]
    if not e.within:
        return group
    total = _summed(e.within)
    first = min(group, key=lambda i: round(float(total[i]), 12))
    return [first, *(i for i in group if i != first and e.better(first, i, e.within)[0] < _EQUAL)]


def _open_questions(e: Evidence, where: str) -> tuple[Finding, ...]:
    alike = [
        i for i in range(1, len(CANDIDATES))
        if e.better(0, i, e.within if e.shared and e.axis[i] == e.axis[0] else e.between)[0] < _EQUAL
    ] if e.within else [i for i in range(1, len(CANDIDATES)) if e.axis[i] == e.axis[0]]  # fmt: skip
    if not alike:
        return ()
    said = f"the fibres cannot tell the gradient table as it is from one with {_listed(alike)}"
    remedy = "" if e.surface is not None else "give a muscle region, along whose surface fibres run"
    return (Finding("note", "N-GRAD", where, said, remedy, _HARMLESS),)


def _listed(tables: list[int]) -> str:
    said = ", or with ".join(what_to_do(CANDIDATES[i]) for i in tables[:3])
    return said + (f" (and {len(tables) - 3} more)" if len(tables) > 3 else "")


def _warning(e: Evidence, tables: list[int], errors: float, share: float, where: str) -> Finding:
    said = (
        f"fibres run on better along themselves with {_listed(tables)}: by {errors:.0f} standard errors, "
        f"at {100 * share:.0f} % less cost, over {e.voxels} voxels"
    )
    return _turned(where, said)


def _against_limb(e: Evidence, tables: list[int], where: str) -> Finding:
    said = f"muscle and nerve run {e.limb_deg[0]:.0f} degrees from the limb; they would run along it with {_listed(tables)}"
    return _turned(where, said)


def _turned(where: str, said: str) -> Finding:
    return Finding("warn", "W-GRAD", where, said, "look at V1 over the anatomy, and correct the bvec file or its conversion",
                   "V1 and D are turned if so; FA, MD, AD and RD are not affected")  # fmt: skip
