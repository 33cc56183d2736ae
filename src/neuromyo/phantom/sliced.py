"""What every scene can do, slice by slice, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.render import Parts, Sampling, render_slice


class Sliced:
    """Base of the scenes, which are frozen dataclasses: a ``body`` that tells codes of places, on a ``grid``, in a ``pose``."""

    body: Any
    grid: Grid
    sampling: Sampling
    pose: Pose
    _seen: dict[int, Parts]

    @property
    def n_slices(self) -> int:
        return self.grid.shape[self.grid.slice_axis]

    def moved(self, pose: Pose) -> Self:
        """The same scene with its body elsewhere."""
        return self if pose == self.pose else replace(self, pose=pose)  # type: ignore[type-var]

    def codes(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (n, 3) of the scanner -> codes (n,)."""
        return self.body.codes(self.pose.to_body(xyz))

    def parts(self, k: int) -> Parts:
        """What shares the voxels of slice ``k``; kept, since every series asks for it."""
        if k not in self._seen:
            self._seen[k] = render_slice(self, self.grid, k, self.sampling)
        return self._seen[k]
