"""Stated body part and side against what the images show. Only warnings, and only where it is clear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Segmenter
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline.plan import Task

#: slices from the middle of the stack that are looked at
_SLICES = 5
_PARTS: Mapping[str, tuple[str, ...]] = {
    "calf": ("calf", "lowerleg", "shank", "tibia", "crus"),
    "thigh": ("thigh", "upperleg", "femur"),
}
_SIDES: Mapping[str, tuple[str, ...]] = {"left": ("left",), "right": ("right",)}
#: entities whose labels people put a body part or a side in
_TELLING = ("acq", "chunk", "rec", "run")


def check(series: Sequence[Series], tasks: Sequence[Task], protocol: str = "") -> tuple[Finding, ...]:
    """W-BODYPART and W-SIDE: statements that contradict each other, and such that contradict the image of a planned segmentation.

    protocol : name of what was to be acquired; a body part in it counts as a statement
    """
    found = [f for one in series if one.part == "mag" for f in _contradictions(one)]
    looked: set[str] = set()
    for task in tasks:
        told = [*_parts(task.main, protocol), *_sides(task.main)]
        if isinstance(task.declaration, Segmenter) and told and task.main.name not in looked:
            looked.add(task.main.name)
            labels = _drawn(task)
            if labels is not None:
                found += [*_part_seen(task.main, labels, protocol), *_side_seen(task.main, labels)]
    return tuple(dict.fromkeys(found))


# --- what is stated ---------------------------------------------------------------------------------------------------


def _parts(series: Series, protocol: str = "") -> list[tuple[str, str]]:
    """(where it is stated, ``calf`` or ``thigh``)."""
    said = [("BodyPartExamined", series.acquisition.body_part or ""), *_labels_of(series)]
    if "\n" not in protocol:
        said.append((f"the protocol {protocol}", protocol))
    return [(where, part) for where, text in said if (part := _word(text, _PARTS))]


def _sides(series: Series) -> list[tuple[str, str]]:
    said = [("Laterality", series.acquisition.laterality or ""), *_labels_of(series)]
    return [(where, side) for where, text in said if (side := _word(text, _SIDES))]


def _labels_of(series: Series) -> Iterator[tuple[str, str]]:
    yield from ((f"the name ({k}-{v})", v) for k, v in series.entities.items() if k in _TELLING)


def _word(text: str, words: Mapping[str, tuple[str, ...]]) -> str:
    """The one meaning that a text has; empty where it has none or several."""
    plain = re.sub(r"[^a-z]", "", text.lower())
    found = {meaning for meaning, spellings in words.items() if any(s in plain for s in spellings)}
    return found.pop() if len(found) == 1 else ""


def _contradictions(series: Series) -> Iterator[Finding]:
    for code, what, said in (("W-BODYPART", "body parts", _parts(series)), ("W-SIDE", "sides", _sides(series))):
        if len({meaning for _, meaning in said}) > 1:
            told = " and ".join(f"{meaning} by {where}" for where, meaning in said)
            yield Finding(
                "warn", code, f"{series.name}: {said[0][0]}", f"two {what} are stated: {told}",
                "correct the one that is wrong", "values would be filed under the wrong one",
            )  # fmt: skip


# --- what is seen -----------------------------------------------------------------------------------------------------


def _drawn(task: Task) -> Labels | None:
    """The segmentation of a few slices; None where it cannot be done, which `run` will tell."""
    assert isinstance(task.declaration, Segmenter)
    if "bone-marrow" not in task.declaration.gives:
        return None
    try:
        return task.declaration.segment({r: _middle(s) for r, s in task.series.items()}, task.declaration.options())
    except Exception:  # what cannot be segmented says nothing about the body
        return None


def _middle(series: Series) -> Series:
    """The slices in the middle of the stack."""
    axis = series.grid.slice_axis
    count = series.grid.shape[axis]
    start = max(0, (count - _SLICES) // 2)
    box: list[Any] = [slice(None)] * 3
    box[axis] = slice(start, min(count, start + _SLICES))
    data = series.read((box[0], box[1], box[2]))
    affine = np.array(series.grid.affine)
    affine[:3, 3] += start * affine[:3, axis]
    grid = Grid.of(data.shape[:3], affine, slice_axis=axis)
    return replace(series, data=ArrayData(data), grid=grid)


def _part_seen(series: Series, labels: Labels, protocol: str) -> Iterator[Finding]:
    from neuromyo.anatomy import bones

    seen = bones.part(labels)
    shows = {
        "calf": "two bones in each leg, as a calf has",
        "thigh": "one bone in the middle of each leg, as a thigh has",
    }
    for where, said in _parts(series, protocol):
        if seen and said != seen:
            yield Finding(
                "warn", "W-BODYPART", f"{series.name}: {where}", f"stated is the {said}, but the image shows {shows[seen]}",
                "look at the image, and correct what is stated", f"muscles and norms of the {said} would be taken for those of the {seen}",
            )  # fmt: skip


def _side_seen(series: Series, labels: Labels) -> Iterator[Finding]:
    seen = {r.side for r in labels.regions if r.name == "leg" or r.parent == "leg"} & {"left", "right"}
    seen = {side for side in seen if np.isin(labels.volume, [r.index for r in labels.regions if r.side == side]).any()}
    for where, said in _sides(series):
        if len(seen) == 2:
            yield Finding(
                "note", "N-SIDE", f"{series.name}: {where}", f"stated is the {said} side, but both legs are in view",
                "none if both were meant to be seen", "both legs are measured, each under its own side",
            )  # fmt: skip
        elif seen and said not in seen:
            yield Finding(
                "warn", "W-SIDE", f"{series.name}: {where}",
                f"stated is the {said} side, but the leg lies {'right' if said == 'left' else 'left'} of the scanner's midline",
                "find out which leg it is; if the image is flipped, convert it again", "left and right would be exchanged",
            )  # fmt: skip
