"""Regions as the page shows them: their voxels on a map's grid, and their outlines on the anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.report import paint, wording
from neuromyo.report.colours import OUTLINES
from neuromyo.report.montage import Montage, Stage
from neuromyo.report.panels import file_slice, labels_on

ENLARGED_TO = 420  # pixels across, so that outlines are thin
MOST_OUTLINES = 150  # palette entries for outlines; further regions share them


@dataclass(frozen=True, eq=False)
class RegionVoxels:
    """One region of one side: its voxels (x, y, z) bool on the grid that was asked for."""

    name: str
    side: str
    mask: np.ndarray


def leaves(labels: Sequence[Labels], grid: Grid) -> tuple[RegionVoxels, ...]:
    """Every labelled region that has voxels on the grid, in the order of the tables; sides apart.

    A name that an earlier label image also uses is told from it by its source.
    """
    found: list[RegionVoxels] = []
    for one in labels:
        taken = {r.name for r in found}
        volume = labels_on(grid, one)
        present = set(np.unique(volume).tolist())
        for region in one.regions:
            if region.index in present:
                name = f"{region.name} ({one.source})" if region.name in taken else region.name
                found.append(RegionVoxels(name, region.side, volume == region.index))
    return tuple(found)


def by_name(regions: Sequence[RegionVoxels]) -> dict[str, list[RegionVoxels]]:
    """Region name -> its sides, left before right, in the order of first appearance."""
    grouped: dict[str, list[RegionVoxels]] = {}
    for region in regions:
        grouped.setdefault(region.name, []).append(region)
    return {n: sorted(r, key=lambda one: wording.SIDE_ORDER.get(one.side, 3)) for n, r in grouped.items()}


def anatomy_montage(stage: Stage, regions: Sequence[RegionVoxels], title: str) -> Montage:
    """The anatomy with the regions' outlines, one colour a region name."""
    names = list(dict.fromkeys(r.name for r in regions))
    colours = [OUTLINES[i % len(OUTLINES)] for i in range(len(names))]
    index = np.zeros(stage.grey.shape, dtype=np.uint8)
    for region in regions:
        index[region.mask] = names.index(region.name) % MOST_OUTLINES + 1
    across, _ = (s.stop - s.start for s in stage.frame.box)
    factor = min(4, max(1, round(ENLARGED_TO * stage.strides[0] / max(across, 1))))

    def draw(k: int) -> np.ndarray:
        grey = paint.enlarge(stage.cut(stage.grey, k), factor)
        return paint.paint_categories(paint.outlines(paint.enlarge(stage.cut(index, k), factor)), grey)

    def describe(k: int) -> str:
        return f"{title}, {stage.plane} slice {file_slice(stage.frame.grid, k)}" + (
            " with region outlines" if names else ""
        )

    legend = tuple((c, wording.region(n)) for c, n in zip(colours, names, strict=True))
    caption = f"{wording.sentence(title)} Lines: the rims of the regions." if names else wording.sentence(title)
    return stage.montage(
        "Anatomy", caption, draw, paint.category_palette(colours[:MOST_OUTLINES]), describe, legend=legend, smooth=True
    )
