"""Calf or thigh by the bones: drawn by hand, and in a real calf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuromyo.anatomy import bones, compartments
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io import bids

SHAPE = (120, 60, 5)
X, Y, _ = np.indices(SHAPE)


def drawn(*bones_of_a_leg: tuple[float, float, float], shape=SHAPE) -> Labels:
    """Two legs of radius 25 voxels; bones by offset from the middle and radius, mirrored in the left leg."""
    volume = np.zeros(shape, np.uint8)
    for n, (centre, sign) in enumerate(((30, 1), (90, -1))):
        volume[(X - centre) ** 2 + (Y - 30) ** 2 < 625] = 10 * n + 1
        for dx, dy, radius in bones_of_a_leg:
            volume[(X - centre - sign * dx) ** 2 + (Y - 30 - dy) ** 2 < radius**2] = 10 * n + 2
    regions = tuple(
        Region(10 * n + i, name, side, "leg") for n, side in enumerate(("left", "right"))
        for i, name in ((1, "muscle"), (2, "bone-marrow"))
    )  # fmt: skip
    return Labels(volume, Grid.of(shape, np.diag([2.0, 2.0, 10.0, 1.0])), regions, "x")


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (((16, 4, 6), (-10, -6, 2.5)), "calf"),  # tibia near the skin, fibula
        (((2, -1, 5),), "thigh"),  # femur in the middle
        (((16, 4, 6),), ""),  # a tibia alone may have lost its fibula to the noise
        (((2, 1, 6), (-12, 0, 4)), ""),  # two bones, the larger in the middle: near the knee
        ((), ""),
    ],
)
def test_the_bones_tell_the_part_or_nothing(drawing, said):
    assert bones.part(drawn(*drawing)) == said


def test_legs_that_contradict_each_other_say_nothing():
    labels = drawn((2, -1, 5))
    volume = labels.volume.copy()
    calf = drawn((16, 4, 6), (-10, -6, 2.5)).volume
    volume[60:] = calf[60:]
    assert bones.part(Labels(volume, labels.grid, labels.regions, "x")) == ""


@pytest.mark.realdata
def test_a_real_calf_is_one(realdata: Path, tmp_path):
    dataset = bids.index(realdata / "calf_bids")
    opened = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path)
    train = next(s for s in opened.series if s.kind == "MESE")
    assert bones.part(compartments.segment({"mese": train}, None)) == "calf"
