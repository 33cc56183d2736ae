"""Of several drawings of the same regions, which one serves an image: so that no region has two rows of one map."""

from __future__ import annotations

from collections.abc import Mapping

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.space.overlap import LEAST_OVERLAP, covered, shared_field

#: segmenters that always run where they can, so that there are regions to measure without anyone's label maps. They draw the same
#: regions from different series; where two serve an image equally well the first does
SUMMARY_SEGMENTERS = ("compartments", "compartments-gre")


def family(task: str) -> str:
    """What drawings of the same regions share, by the name of a segmenter's task (``ID@SERIES``)."""
    id_ = task.partition("@")[0]
    return SUMMARY_SEGMENTERS[0] if id_ in SUMMARY_SEGMENTERS else id_


def rank(task: str, drawn_on: Grid, grid: Grid) -> tuple[bool, int, int]:
    """Lowest for the drawing that serves an image best: on its very grid, covering more of it, by an earlier segmenter."""
    id_ = task.partition("@")[0]
    order = SUMMARY_SEGMENTERS.index(id_) if id_ in SUMMARY_SEGMENTERS else 0
    return not drawn_on.same_as(grid), -round(10 * covered(grid, drawn_on)), order


def of_each_family(drawn: Mapping[str, Labels], grid: Grid, series: str) -> tuple[Labels, ...]:
    """The one drawing of each family that serves an image on ``grid``; of equal ones that on the image itself (``series``)."""
    best = sorted(drawn, key=lambda name: (*rank(name, drawn[name].grid, grid), not name.endswith(f"@{series}")))
    chosen: dict[str, Labels] = {}
    for name in best:
        chosen.setdefault(family(name), drawn[name])
    return tuple(chosen.values())


def apart(drawn: Mapping[str, Labels]) -> tuple[Labels, ...]:
    """Every drawing that shows regions which none before it in its family shows: those of other places of the body."""
    kept: dict[str, list[Labels]] = {}
    for name, one in drawn.items():
        others = kept.setdefault(family(name), [])
        if all(lies_elsewhere(one.grid, other.grid) for other in others):
            others.append(one)
    return tuple(one for several in kept.values() for one in several)


def lies_elsewhere(a: Grid, b: Grid) -> bool:
    """Whether two fields of view have too little in common for regions of one to be those of the other."""
    return not a.same_as(b) and shared_field(a, b) < LEAST_OVERLAP
