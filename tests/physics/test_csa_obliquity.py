"""The cross-section of a followed nerve does not depend on how the slices lie: re-simulated with the stack tilted by 0 to 30 degrees,
and with the whole world turned. From images to numbers, through the tracer."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.anatomy import centreline, shape
from neuromyo.anatomy.trace import trace
from neuromyo.core.grid import Grid
from neuromyo.core.landmark import Landmark
from neuromyo.phantom.nerve_cases import cases

#: a healthy sciatic nerve that runs square to an untilted stack, in thin slices so that tilt does not smear it
CASE = next(c for c in cases() if c.name.startswith("05-sciatic-healthy"))


def tilted(angle_deg, **changes):
    return replace(CASE, obliquity_deg=angle_deg, tilted=True, thickness_mm=2.0, snr=50.0, **changes).make()


def areas(images, start):
    """(corrected, in the slice) of the middle sections by slice, in mm2."""
    one = trace(images, start, name="sciatic-nerve", side="right")
    shapes = shape.sections(one, centreline.course(one))[3:-3]
    return {s.slice: s.csa_mm2 for s in shapes}, {s.slice: s.csa_in_plane_mm2 for s in shapes}


def against_truth(made):
    """Mean corrected and uncorrected area over the true one, of the slices that were measured: the nerve's own calibre varies."""
    corrected, uncorrected = areas(made.images, made.start)
    true = made.truth.main.csa_by_slice_mm2
    total = sum(true[k] for k in corrected)
    return sum(corrected.values()) / total, sum(uncorrected.values()) / total


@pytest.mark.slow
@pytest.mark.parametrize("angle", [10.0, 20.0, 30.0])
def test_corrected_areas_stay_within_three_percent(angle):
    square, _ = against_truth(tilted(0.0))
    corrected, uncorrected = against_truth(tilted(angle))
    assert corrected == pytest.approx(square, rel=0.03)
    assert corrected == pytest.approx(1.0, abs=0.06)
    if angle == 30.0:
        assert uncorrected / corrected == pytest.approx(1 / np.cos(np.deg2rad(30)), abs=0.04)


def test_turning_the_header_changes_the_area_by_less_than_one_percent():
    made = tilted(20.0, slices=10)
    before = np.mean(list(areas(made.images, made.start)[0].values()))
    turn = np.eye(4)
    c, s = np.cos(np.deg2rad(35)), np.sin(np.deg2rad(35))
    turn[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    turn[:3, 3] = (30, -20, 100)
    images = [replace(i, grid=Grid.of(i.grid.shape, turn @ i.grid.affine, i.grid.slice_axis)) for i in made.images]
    x, y, z = (turn @ [*made.start.xyz_mm, 1.0])[:3]
    start = Landmark("start", (float(x), float(y), float(z)), "sciatic-nerve", "right")
    after = np.mean(list(areas(images, start)[0].values()))
    assert after == pytest.approx(before, rel=0.01)
