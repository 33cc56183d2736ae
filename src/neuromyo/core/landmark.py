"""A place that a person points at: where a nerve is, where it goes on, where a bone ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuromyo.core.labels import Side

#: ``start``: the nerve is here; ``restart``: it is here too, whatever was found before; ``end``: it is not followed beyond;
#: ``split``: it divides here; ``bone``: distances are counted from the level of this place
LandmarkKind = Literal["start", "restart", "end", "split", "bone"]
LANDMARK_KINDS: tuple[LandmarkKind, ...] = ("start", "restart", "end", "split", "bone")


@dataclass(frozen=True, slots=True)
class Landmark:
    """A point in RAS+ millimetres; ``name`` is the nerve it belongs to, or the bony place (``fibular-head``)."""

    kind: LandmarkKind
    xyz_mm: tuple[float, float, float]
    name: str = ""
    side: Side = "none"

    def __post_init__(self) -> None:
        if self.kind not in LANDMARK_KINDS:
            raise ValueError(f"{self.kind!r} is none of {', '.join(LANDMARK_KINDS)}")
        if len(self.xyz_mm) != 3 or not np.isfinite(self.xyz_mm).all():
            raise ValueError(f"a landmark is three finite numbers in mm, not {self.xyz_mm}")
