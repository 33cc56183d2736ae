"""Frames made by hand: what a description of scanner files gives, without any file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import Finding
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.listing import Listing
from neuromyo.dicom.sort import Sorted, stacks

TRANSVERSE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))


def turned(degrees: Sequence[float]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Row and column directions of a plane turned about x, then y, then z."""
    x, y, z = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    turn = about_z @ about_y @ about_x
    return tuple(turn[:, 0].tolist()), tuple(turn[:, 1].tolist())


class Examination:
    """Frames, numbered as they are added; each is a file of its own."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.facts: dict[str, dict[str, Any]] = {}
        self._instance = itertools.count(1)

    def add(
        self,
        number: int,
        volumes: Sequence[dict[str, Any]] = ({},),
        *,
        slices: int = 4,
        apart: float = 5.0,
        start: Sequence[float] = (-60.0, -50.0, -30.0),
        plane: tuple = TRANSVERSE,
        shape: tuple[int, int] = (6, 8),
        spacing_mm: tuple[float, float] = (1.5, 1.25),
        facts: dict[str, Any] | None = None,
        **common: Any,
    ) -> Examination:
        """One series: ``slices`` planes of every volume, volume after volume."""
        row, column = plane
        step = np.cross(row, column) * apart
        for volume in volumes:
            for k in range(slices):
                given = {"thickness_mm": 4.0, "apart_mm": apart, **common, **volume}
                self.frames.append(
                    Frame(
                        file=len(self.frames),
                        series=f"key {number}",
                        number=number,
                        shape=shape,
                        spacing_mm=spacing_mm,
                        row=row,
                        column=column,
                        position=tuple((np.array(start) + k * step).tolist()),
                        instance=next(self._instance),
                        **given,
                    )
                )
        self.facts[f"key {number}"] = {"SeriesNumber": number, **(facts or {})}
        return self

    @property
    def listing(self) -> Listing:
        return Listing(Path("nowhere"), [f"IM{n:04}" for n in range(len(self.frames))])

    def sorted(self, frames: Sequence[Frame] | None = None, **more: Any) -> Sorted:
        return stacks(self.frames if frames is None else frames, self.facts, self.listing, **more)


def echoes(n: int, first: float = 0.01, spacing: float = 0.01) -> list[dict[str, Any]]:
    return [{"echo_time": first + spacing * e} for e in range(n)]


def codes(findings: Sequence[Finding]) -> list[str]:
    return [f.code for f in findings]
