"""Left and right: what a region is called against where it lies.

World coordinates are RAS+: x grows towards the patient's right, so a left region has the smaller x. Three kinds of
evidence are used, and only what they settle is said:

* a name or side column that contradicts itself;
* regions of both sides in one volume: the left one of each pair must have the smaller x;
* a tissue mask that falls into two legs with air between: a left region must lie left of the gap.

With one leg in view and nothing to compare it with, an isocentre is no evidence: legs are moved to it. Nothing is
refused then; `check_sides` notes that the side rests on its name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region, Side

_WORD = re.compile(r"(?:^|(?<=[\s_.\-]))(left|right)(?=$|[\s_.\-])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(Left|Right)$")
_LETTER = re.compile(r"^([LlRr])[\s_.\-](?=.)|(?<=.)[\s_.\-]([LlRr])$")
_OPPOSITE: dict[str, Side] = {"left": "right", "right": "left"}
#: a gap must be this empty, against the fuller of the two legs, and each leg hold this share of the tissue
_GAP_SHARE, _LEG_SHARE = 0.02, 0.25
_SURE_MM = 5.0


def named_side(region: Region, others: tuple[Region, ...] = ()) -> Side:
    """The side that a region's column or name states: ``soleus_L``, ``left-soleus``, ``SoleusRight``.

    Single letters count in capitals, or in small type when the other letter's twin is among ``others``: ``vastus_l``
    alone may be the lateralis.
    """
    column, name = region.side, _side_in_name(region, others)
    return column if column in ("left", "right") or name == "none" else name


def with_sides(labels: Labels) -> Labels:
    """The same labels with the side column filled from the names where it says nothing."""
    return replace(
        labels,
        regions=tuple(
            replace(r, side=named_side(r, labels.regions)) if r.side == "none" else r for r in labels.regions
        ),
    )


def flip_left_right(labels: Labels) -> Labels:
    """The label volume mirrored about the middle of its own grid, left to right; names and grid stay.

    Right when the labels were drawn or stored on a mirrored copy of the image (a lost or misread orientation), so that
    each outline lies on the other leg. Wrong when outlines fit the leg they lie on and merely the names are exchanged:
    then use `exchange_sides`. It is never done unasked.
    """
    return replace(labels, volume=np.ascontiguousarray(labels.volume[::-1]))


def exchange_sides(labels: Labels) -> Labels:
    """The same outlines with left and right exchanged in the side column. Names must not carry a side themselves."""
    for region in labels.regions:
        if _side_in_name(region, labels.regions) != "none":
            raise DataError("E-SIDE", where=f"label {region.index}", needed="names without a side, to exchange sides",
                            found=region.name, remedy="state sides in the side column")  # fmt: skip
    swapped = tuple(replace(r, side=_OPPOSITE.get(r.side, r.side)) for r in labels.regions)
    return replace(labels, regions=swapped)


def check_sides(
    labels: Labels,
    *,
    body: np.ndarray | None = None,
    body_grid: Grid | None = None,
    midline: float | None = None,
    where: str = "labels",
) -> tuple[Finding, ...]:
    """E-SIDE where names contradict geometry; otherwise a note for sides that nothing in view can confirm.

    body : (x, y, z) bool, tissue, on ``body_grid`` (the labels' grid where not given)
    midline : world x (mm) between two legs, where it is known (`between_legs`); else a gap is looked for in ``body``
    """
    sides: dict[int, Side] = {r.index: named_side(r, labels.regions) for r in labels.regions}
    _refuse_self_contradiction(labels, where)
    places = _centroids_x(labels)
    sided: dict[int, Side] = {k: s for k, s in sides.items() if s in _OPPOSITE and k in places}
    if not sided:
        return ()
    wrong = _wrong_pairs(labels, sided, places)
    middle = midline
    if middle is None and body is not None:
        middle = midline_x(body, body_grid or labels.grid)
    if middle is not None:
        wrong |= {k for k, s in sided.items() if _beyond(places[k], middle, s)}
    if wrong:
        raise _contradiction(labels, sided, wrong, where)
    if middle is None and len(set(sided.values())) == 1:
        side = next(iter(sided.values()))
        return (
            Finding("note", "N-SIDE", where, f"the side ({side}) rests on its name: one leg in view proves nothing"),
        )
    return ()


def between_legs(drawn: Labels) -> float | None:
    """World x (mm) midway between two legs that were drawn by geometry, touching or not; None where there are not two."""
    places = _centroids_x(drawn)
    sides = [[places[r.index] for r in drawn.regions if r.side == s and r.index in places] for s in ("left", "right")]
    return float(np.mean([np.mean(side) for side in sides])) if all(sides) else None


def midline_x(body: np.ndarray, grid: Grid) -> float | None:
    """World x (mm) of the gap between two legs in a tissue mask (x, y, z); None where there are not two legs."""
    x = grid.to_world(np.argwhere(body))[:, 0] if body.any() else np.empty(0)
    if x.size < 2:
        return None
    step = 2 * grid.spacing_mm[0]  # bins of two voxels: columns of voxels on a lattice leave none empty by chance
    counts, edges = np.histogram(x, bins=max(int(np.ceil((x.max() - x.min()) / step)), 1))
    low = np.cumsum(counts) / counts.sum()
    between = np.flatnonzero((low > _LEG_SHARE) & (low < 1 - _LEG_SHARE) & (counts <= _GAP_SHARE * counts.max()))
    if not between.size:
        return None
    emptiest = between[counts[between] == counts[between].min()]
    middle = emptiest[len(emptiest) // 2]
    return float((edges[middle] + edges[middle + 1]) / 2)


def _side_in_name(region: Region, others: tuple[Region, ...]) -> Side:
    word = _WORD.search(region.name) or _CAMEL.search(region.name)
    if word:
        return "left" if word.group(0).lower() == "left" else "right"
    letter = _LETTER.search(region.name)
    if not letter:
        return "none"
    found = letter.group(1) or letter.group(2)
    at = letter.start(1) if letter.group(1) else letter.start(2)
    twin = region.name[:at] + {"l": "r", "r": "l", "L": "R", "R": "L"}[found] + region.name[at + 1 :]
    if found.islower() and twin not in {r.name for r in others}:
        return "none"
    return "left" if found in "lL" else "right"


def _stem(region: Region, others: tuple[Region, ...]) -> str:
    if _side_in_name(region, others) == "none":
        return region.name
    return _LETTER.sub("", _CAMEL.sub("", _WORD.sub("", region.name))).strip(" _.-").lower()


def _centroids_x(labels: Labels) -> dict[int, float]:
    """{label index: world x of its centroid, mm}."""
    voxels = np.argwhere(labels.volume > 0)
    index = labels.volume[tuple(voxels.T)].astype(np.int64)
    total = np.bincount(index)
    x = np.bincount(index, weights=labels.grid.to_world(voxels)[:, 0])
    return {int(k): float(x[k] / total[k]) for k in np.flatnonzero(total)}


def _beyond(x: float, middle: float, side: Side) -> bool:
    return x > middle + _SURE_MM if side == "left" else x < middle - _SURE_MM


def _wrong_pairs(labels: Labels, sided: dict[int, Side], places: dict[int, float]) -> set[int]:
    """Labels whose partner of the same name lies on the wrong side of them; without a pair, all against all."""
    stems: dict[str, dict[str, list[int]]] = defaultdict(lambda: {"left": [], "right": []})
    for region in labels.regions:
        if region.index in sided:
            stems[_stem(region, labels.regions)][sided[region.index]].append(region.index)
    pairs = [p for p in stems.values() if p["left"] and p["right"]]
    if not pairs:
        pairs = [{s: [k for k in sided if sided[k] == s] for s in ("left", "right")}]
    wrong: set[int] = set()
    for pair in pairs:
        left, right = ([places[k] for k in pair[s]] for s in ("left", "right"))
        if left and right and np.mean(left) > np.mean(right):
            wrong.update(pair["left"] + pair["right"])
    return wrong


def _refuse_self_contradiction(labels: Labels, where: str) -> None:
    for region in labels.regions:
        name = _side_in_name(region, labels.regions)
        if name != "none" and region.side in ("left", "right") and region.side != name:
            raise DataError("E-SIDE", where=f"{where}: label {region.index}", needed="one side",
                            found=f"the name {region.name!r} with side {region.side}",
                            remedy="correct the name or the side column of the label table")  # fmt: skip


def _contradiction(labels: Labels, sided: dict[int, Side], wrong: set[int], where: str) -> DataError:
    listed = [f"{r.index} ({r.name}, {sided[r.index]})" for r in labels.regions if r.index in wrong]
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return DataError(
        "E-SIDE", where=where, needed="left regions at the patient's left by the affine",
        found=f"{len(wrong)} of {len(sided)} on the other side: {', '.join(listed[:6])}{more}",
        remedy="correct the side column if the names are exchanged, or give --flip-labels left-right if the label image "
        "is mirrored, having looked at the overlay before choosing",
    )  # fmt: skip
