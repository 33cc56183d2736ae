"""Which part of the leg a cross-section is of, by its bones: the calf has two, the larger near the skin; the thigh one, in the middle.

The distance of a bone from the middle of its leg is told in radii of a circle as large as the leg: tibia 0.6 to 0.7, fibula 0.35 to 0.45,
femur under 0.3.

*Assumes* labels of marrow and of the leg around it, by side. *Breaks* at knee and ankle, where nothing is said.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from neuromyo.anatomy.shapes import islands
from neuromyo.core.labels import Labels

Part = Literal["calf", "thigh", ""]

#: share of the slices with marrow that must agree
_CLEAR = 0.75
#: radii from the middle of the leg: the larger bone of a calf beyond, the only bone of a thigh within
_TIBIA, _FEMUR = 0.5, 0.4


def part(labels: Labels) -> Part:
    """``calf`` or ``thigh`` where the bones in the labels say so clearly, in every leg there is; else nothing."""
    told: list[Part] = [found for side in ("left", "right", "none") if (found := _of_leg(labels, side)) is not None]
    if not told or any(one != told[0] for one in told):
        return ""
    return told[0]


def _of_leg(labels: Labels, side: str) -> Part | None:
    """None where there is no leg, or no marrow in it."""
    axis = labels.grid.slice_axis
    leg = np.moveaxis(np.isin(labels.volume, [r.index for r in labels.regions if r.side == side]), axis, 2)
    marrow = [r.index for r in labels.regions if r.side == side and r.name == "bone-marrow"]
    inside = np.moveaxis(np.isin(labels.volume, marrow), axis, 2)
    spacing = [s for i, s in enumerate(labels.grid.spacing_mm) if i != axis]
    votes = [_of_slice(leg[..., k], inside[..., k], spacing) for k in np.flatnonzero(inside.any((0, 1)))]
    if not votes:
        return None
    answers: tuple[Part, ...] = ("calf", "thigh")
    for answer in answers:
        if votes.count(answer) >= _CLEAR * len(votes):
            return answer
    return ""


def _of_slice(leg: np.ndarray, marrow: np.ndarray, spacing: list[float]) -> Part:
    label, n = islands(marrow)
    if n not in (1, 2):
        return ""
    sizes = [int((label == i).sum()) for i in range(1, n + 1)]
    middle = np.argwhere(leg).mean(axis=0)
    centre = np.argwhere(label == 1 + int(np.argmax(sizes))).mean(axis=0)
    radius = float(np.sqrt(leg.sum() * spacing[0] * spacing[1] / np.pi))
    away = float(np.hypot(*((centre - middle) * spacing))) / radius
    if n == 2:
        return "calf" if away > _TIBIA else ""
    return "thigh" if away < _FEMUR else ""
