"""What a task takes from others, as arrays on its own grid: known maps and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neuromyo.core.biomarker import Biomarker, MapNeed, RegionNeed
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.pipeline import known, nearest
from neuromyo.pipeline.plan import Origin, Task
from neuromyo.space.interpolate import map_to_grid
from neuromyo.space.overlap import LEAST_OVERLAP, require_overlap, shared_field
from neuromyo.space.resample import labels_to_grid


def gather(
    task: Task, maps: Mapping[str, Maps], labels: Mapping[str, Labels], root: Path, refused: Sequence[Labels] = ()
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], tuple[Finding, ...]]:
    """({map role: (x, y, z) SI}, {region role: (x, y, z) bool}, findings about optional ones that failed).

    maps, labels : results by task name; a task that failed has none; root : the dataset, for the units of its maps
    refused : label maps of the user's that do not lie on the images, and so serve nothing
    """
    biomarker, grid = task.declaration, task.main.grid
    assert isinstance(biomarker, Biomarker)
    found_maps, regions, findings = {}, {}, []
    for role, origin in task.maps.items():
        need = biomarker.needs[role]
        assert isinstance(need, MapNeed)
        found = _known(origin, need, grid, maps, root)
        if found is None:
            findings.append(_went_without(task, role, origin))
        else:
            found_maps[role] = found
    for role, origin in task.regions.items():
        need = biomarker.needs[role]
        assert isinstance(need, RegionNeed)
        mask = None if any(origin.labels is one for one in refused) else _region(origin, grid, labels)
        if isinstance(mask, str):
            findings.append(_unusable(task, role, origin, mask))
        elif mask is None or mask.sum() < need.min_voxels:
            findings.append(_went_without(task, role, origin, mask, need.min_voxels))
        else:
            regions[role] = mask
    return found_maps, regions, tuple(findings)


def _known(origin: Origin, need: MapNeed, grid: Grid, maps: Mapping[str, Maps], root: Path) -> np.ndarray | None:
    if origin.series is not None:
        scale = known.factor(origin.said, known.sidecars_of(root, origin.series), need)
        values, own = origin.series.read()[..., 0] * np.float32(scale), origin.series.grid
    elif origin.task in maps:
        one = maps[origin.task][origin.name]
        values, own = np.where(one.valid, one.values, np.nan), maps[origin.task].grid
    else:
        return None
    refuse_implausible(values, need, origin.said)
    return placed(values, own, grid, origin.said)


def placed(values: np.ndarray, own: Grid, grid: Grid, where: str) -> np.ndarray:
    """A known map on the grid that is fitted; E-GRID where it lies elsewhere, so that hardly a voxel would get a value."""
    require_overlap(own, grid, where=f"{where} and the images")
    return map_to_grid(values, own, grid)


def refuse_implausible(values: np.ndarray, need: MapNeed, where: str) -> None:
    """E-UNITS where a known map, in SI, is mostly outside its plausible range: it is then in another unit."""
    low, high = need.plausible
    sample = values[np.isfinite(values) & (values != 0)]
    if sample.size == 0:
        raise DataError("E-NODATA", where=where, needed=f"numbers in a map of {need.quantity}", found="none",
                        remedy="give the map that was meant, or none")  # fmt: skip
    middle = float(np.median(sample))
    if not low <= middle <= high:
        raise DataError("E-UNITS", where=where, needed=f"{need.quantity} of {low:g} to {high:g}",
                        found=f"a median of {middle:g}", remedy="state the map's Units in its sidecar")  # fmt: skip


def _region(origin: Origin, grid: Grid, labels: Mapping[str, Labels]) -> np.ndarray | str | None:
    """(x, y, z) bool on the grid, by geometry; None where nobody drew it, words where it was drawn somewhere else."""
    found = origin.labels if origin.labels is not None else labels.get(origin.task)
    if found is None:
        return None
    if nearest.lies_elsewhere(found.grid, grid):
        share = 100 * shared_field(found.grid, grid)
        return f"{share:.0f} % of the smaller field of view lies within the other, where {100 * LEAST_OVERLAP:.0f} % are needed"
    placed = found if found.grid.same_as(grid) else labels_to_grid(found, grid)[0]
    return placed.mask(origin.name)


def _went_without(task: Task, role: str, origin: Origin, mask: np.ndarray | None = None, least: int = 0) -> Finding:
    found = "it failed" if mask is None else f"{int(mask.sum())} voxels where {least} are needed"
    return _unusable(task, role, origin, found)


def _unusable(task: Task, role: str, origin: Origin, found: str) -> Finding:
    return Finding("warn", "W-WITHOUT", f"{task.name}, {role}", f"{origin.said} could not be used: {found}", "",
                   f"{task.id} was estimated without it")  # fmt: skip
