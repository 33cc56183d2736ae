"""One picture of a session, ready to be looked at by a tracer or a reader: values, where they are, what makes them bright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuromyo.core.grid import Grid

#: what makes an image bright. ``T2w-fs``: fat suppressed (also STIR); ``MTw``: gradient echo under an MT pulse
Weighting = Literal["T2w", "T2w-fs", "T1w", "PDw", "MTw", "GRE", "FA", "other"]
WEIGHTINGS: tuple[Weighting, ...] = ("T2w", "T2w-fs", "T1w", "PDw", "MTw", "GRE", "FA", "other")


@dataclass(frozen=True, eq=False)
class Image:
    """A scalar image (x, y, z), float, any scale, NaN where nothing is known; ``name`` is what messages call it."""

    values: np.ndarray
    grid: Grid
    weighting: Weighting = "other"
    name: str = "image"

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"image {self.values.shape} and grid {self.grid.shape} differ")
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"{self.weighting!r} is none of {', '.join(WEIGHTINGS)}")
