"""Regions: an integer volume, and what each integer is called, on which side, as part of what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from neuromyo.core.grid import Grid

Side = Literal["left", "right", "midline", "none"]
SIDES: tuple[Side, ...] = ("left", "right", "midline", "none")


@dataclass(frozen=True, slots=True)
class Region:
    """One label: ``index`` in the volume, ``name`` in words with hyphens, ``side``, ``parent`` (a name), ``code``."""

    index: int
    name: str
    side: Side = "none"
    parent: str = ""
    code: str = ""


@dataclass(frozen=True, eq=False)
class Labels:
    """A label volume (x, y, z) of integers with its table; 0 is nothing. ``source`` says who drew it. ``above`` tells the
    parents of parents that are no regions themselves: quadriceps -> thigh-muscles."""

    volume: np.ndarray
    grid: Grid
    regions: tuple[Region, ...]
    source: str = ""
    above: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.volume.shape != self.grid.shape:
            raise ValueError(f"label volume {self.volume.shape} and grid {self.grid.shape} differ")

    def find(self, name: str, side: Side | None = None) -> tuple[Region, ...]:
        """The regions of that name, or whose parents (at any height) have it; ``side`` narrows to one side."""
        return tuple(
            r
            for r in self.regions
            if (r.name == name or name in self._ancestors(r)) and (side is None or r.side == side)
        )

    def mask(self, name: str, side: Side | None = None) -> np.ndarray:
        """(x, y, z) bool of a region by name, children pooled; empty where there is none of that name."""
        return self.mask_of(r.index for r in self.find(name, side))

    def mask_of(self, indices: Iterable[int]) -> np.ndarray:
        return np.isin(self.volume, list(indices))

    def groups(self) -> tuple[tuple[str, Side, tuple[int, ...]], ...]:
        """Every region and every parent that can be measured: (name, side, label indices), leaves first. A parent that is
        drawn itself (the rest of a muscle group) is pooled with its children, as in `mask`."""
        parent_names = list(dict.fromkeys(name for region in self.regions for name in self._ancestors(region)))
        leaves: list[tuple[str, Side, tuple[int, ...]]] = [
            (r.name, r.side, (r.index,)) for r in self.regions if r.name not in parent_names
        ]
        pooled: list[tuple[str, Side, tuple[int, ...]]] = []
        for name in parent_names:
            members = self.find(name)
            sides: list[Side] = list(dict.fromkeys(r.side for r in members))
            for side in sides:
                pooled.append((name, side, tuple(r.index for r in members if r.side == side)))
        return (*leaves, *pooled)

    def _ancestors(self, region: Region) -> list[str]:
        parents = {**self.above, **{r.name: r.parent for r in self.regions if r.parent}}
        chain: list[str] = []
        step = region.parent
        while step and step not in chain:
            chain.append(step)
            step = parents.get(step, "")
        return chain
