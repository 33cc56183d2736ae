"""What a person said about a nerve, in the slices of a stack: where it is, where else it is, where it ends and divides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.landmark import Landmark
from neuromyo.nerve.trace_stack import Stack


@dataclass(frozen=True, eq=False)
class Told:
    """start : (slice, (2,) mm); first and last slice that may hold the nerve; restarts and splits by slice, (2,) mm each

    short : a person bounded the stretch, which may then be shorter than nerves are
    """

    xyz_mm: tuple[float, float, float]
    start: tuple[int, np.ndarray]
    first: int
    last: int
    restarts: Mapping[int, np.ndarray]
    splits: Mapping[int, np.ndarray]
    short: bool


def told(stack: Stack, name: str, start: Landmark | None, landmarks: Sequence[Landmark]) -> Told:
    """Landmarks of this nerve (by name, or without one) in terms of slices; E-NERVE for a start outside the stack."""
    own = [one for one in landmarks if one.name in ("", name)]
    at = (0, np.zeros(2)) if start is None else _slice_of(stack, start)
    if at is None:
        assert start is not None
        x, y, z = start.xyz_mm
        raise DataError(
            "E-NERVE", where=f"{stack.images[0].name}, start of the {name} at ({x:.1f}, {y:.1f}, {z:.1f}) mm",
            needed="a point within the slices of the image", found="one beyond them",
            remedy="give the point in RAS+ millimetres of the scanner, as an image viewer shows them",
        )  # fmt: skip
    first, last = 0, stack.flat.n_slices - 1
    ends = [_slice_of(stack, one) for one in own if one.kind == "end"]
    for end in ends:
        if end is not None and start is not None and end[0] <= at[0]:
            first = max(first, end[0])
        if end is not None and start is not None and end[0] >= at[0]:
            last = min(last, end[0])
    by_kind = {
        kind: {found[0]: found[1] for one in own if one.kind == kind and (found := _slice_of(stack, one)) is not None}
        for kind in ("restart", "split")
    }
    xyz = start.xyz_mm if start is not None else (0.0, 0.0, 0.0)
    return Told(xyz, at, first, last, by_kind["restart"], by_kind["split"], any(end is not None for end in ends))


def _slice_of(stack: Stack, landmark: Landmark) -> tuple[int, np.ndarray] | None:
    """The slice nearest to a landmark and its place there; None further than a slice beyond the stack."""
    place, k = stack.flat.flat(np.array(landmark.xyz_mm))
    if not -1.0 <= k <= stack.flat.n_slices:
        return None
    return int(np.clip(round(k), 0, stack.flat.n_slices - 1)), place
