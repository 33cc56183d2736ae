"""What is said about labels that were carried over: refusals, warnings, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.anatomy.fusion import Source
from neuromyo.anatomy.limbs import Limb
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Region, Side
from neuromyo.space.between import Met
from neuromyo.space.transform import jacobian

if TYPE_CHECKING:
    from neuromyo.anatomy.transfer import Atlas

#: a label with less of the atlas' volume than this in the target's field of view is cut off
_WHOLE = 0.95
#: the largest share of the limb that may be squeezed to a quarter, or folded
_SQUEEZED, _LEAST_JACOBIAN = 0.05, 0.25


def require_belonging(met: Met, target: str, atlas: str, most_unexplained: float) -> None:
    """E-REGISTER where an atlas and a target do not show the same part of a body."""
    where = f"atlas {atlas} onto {target}"
    remedy = "look at the two side by side: the same part of the body, the same side, slices across the limb in both?"
    if met.unexplained > most_unexplained:
        raise DataError("E-REGISTER", where=where, needed=f"at least {100 * (1 - most_unexplained):.0f} % of the target explained",
                        found=f"{100 * (1 - met.unexplained):.0f} %", remedy=f"{remedy} If so, allow more (most_unexplained)")  # fmt: skip
    squeezed = float((jacobian(met.transform)[met.seen] < _LEAST_JACOBIAN).mean())
    if squeezed > _SQUEEZED:
        raise DataError("E-REGISTER", where=where, needed="a displacement that squeezes hardly any tissue to a quarter of its volume",
                        found=f"one that does so to {100 * squeezed:.0f} % of the limb", remedy=remedy)  # fmt: skip


def much_unexplained(target: str, atlas: str, share: float) -> Finding:
    """W-TRANSFER: an atlas that was not refused, but not by far."""
    return Finding("warn", "W-TRANSFER", target, f"atlas {atlas} leaves {100 * share:.0f} % of the image unexplained, which is much",
                   "look whether the two show the same part of the body, and at every label",
                   "the confidence may say too much")  # fmt: skip


def no_atlas(target: str, side: Side) -> Finding:
    """W-TRANSFER: a limb that no atlas shows."""
    return Finding("warn", "W-TRANSFER", target, f"the {side} limb gets no labels, since no atlas shows a {side} one",
                   "give an atlas of that side, or allow atlases of the other side in a mirror (--mirror)")  # fmt: skip


def no_side(target: str, atlases: Sequence[Atlas], mirror: bool) -> DataError:
    """E-SIDE: no limb of the target is in any atlas."""
    sides = sorted({r.side for a in atlases for r in a.labels.regions})
    remedy = (
        "check the sides of the labels"
        if mirror
        else "give an atlas of the target's side, or allow a mirror image (--mirror)"
    )
    return DataError("E-SIDE", where=target, needed="an atlas with labels of the limb that the target shows",
                     found=f"labels of side {', '.join(sides)}", remedy=remedy)  # fmt: skip


def in_mirror(atlas: str, side: Side) -> Finding:
    """An atlas of the other side was used."""
    return Finding("note", "N-SIDE", f"atlas {atlas}", f"used in a mirror for the {side} limb, as was allowed")


def by_name(target: str, side: Side) -> Finding:
    """The side of a single limb was taken from the labels."""
    return Finding("note", "N-SIDE", target, f"taken to show the {side} side, because the atlas' labels do: one limb proves nothing",
                   "state the side (--side) if that is wrong")  # fmt: skip


def doubts(target: str, regions: Sequence[Region], confidence: Mapping[int, float], least: float) -> list[Finding]:
    """One warning for all labels of little confidence."""
    low = [(r, confidence[r.index]) for r in regions if confidence.get(r.index, 1.0) < least]
    if not low:
        return []
    listed = ", ".join(f"{called(r)} {c:.2f}" for r, c in sorted(low, key=lambda pair: pair[1]))
    return [Finding("warn", "W-TRANSFER", target, f"labels whose expected Dice is under {least:g}: {listed}",
                    "look at them on the image, and correct them by hand or leave them out")]  # fmt: skip


def cuts(
    target: str, regions: Sequence[Region], volume: np.ndarray, seen: np.ndarray, limb: Limb, sources: Sequence[Source]
) -> list[Finding]:
    """Labels that the target's field of view cuts off or misses, and slices that no atlas reaches."""
    found: list[Finding] = []
    shares = {
        r.index: max((_in_view(s, r.index, limb.grid) for s in sources if r.index in s.outlines), default=1.0)
        for r in regions
    }
    gone = [r for r in regions if not (volume == r.index).any()]
    if gone:
        names = ", ".join(called(r) for r in gone)
        found.append(
            Finding("note", "W-TRUNCATED", target, f"not in the field of view, or too small for its voxels: {names}")
        )
    partial = [r for r in regions if r not in gone and shares[r.index] < _WHOLE]
    if partial:
        listed = ", ".join(f"{called(r)} {100 * shares[r.index]:.0f} %" for r in partial)
        said = "cut off by the field of view, with this share of the atlas' label within: " + listed
        found.append(Finding("warn", "W-TRUNCATED", target, said, "", "its volume is of that part only"))
    other = tuple(a for a in range(3) if a != limb.grid.slice_axis)
    blind = np.flatnonzero(~seen.any(axis=other))
    if blind.size:
        planes = ", ".join(str(int(k)) for k in blind)
        found.append(Finding("warn", "W-TRUNCATED", target, f"slices beyond the atlases, which get no labels: {planes}",
                             "give an atlas that covers them"))  # fmt: skip
    return found


def called(region: Region) -> str:
    """A region as a person reads it."""
    return f"{region.name} ({region.side})" if region.side in ("left", "right") else region.name


def _in_view(source: Source, label: int, grid: Grid) -> float:
    """Share of an atlas' label that the target's slices cover, by the place along the stack that was found."""
    outline = source.outlines[label]
    index = np.argwhere(outline.distance > 0) + outline.first
    matrix = np.linalg.inv(source.met.transform.matrix)
    world = source.grid.to_world(index) @ matrix[:3, :3].T + matrix[:3, 3]
    k = grid.to_index(world)[:, grid.slice_axis]
    return float(((k >= -0.5) & (k <= grid.shape[grid.slice_axis] - 0.5)).mean())
