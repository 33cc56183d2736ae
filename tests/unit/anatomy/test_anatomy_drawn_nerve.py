"""A nerve that a person drew: areas and places of known shapes."""

import numpy as np
import pytest

from neuromyo.anatomy.drawn_nerve import of_labels
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region


def drawn(slice_axis=2, gap=(), semi=(4.0, 2.5)):
    """An ellipse (semi-axes in mm) that drifts 0.3 mm a slice, on 0.25 mm pixels and 3 mm slices."""
    spacing = [0.25, 0.25, 0.25]
    spacing[slice_axis] = 3.0
    shape = [80, 80, 80]
    shape[slice_axis] = 9
    grid = Grid.of(tuple(shape), np.diag([*spacing, 1.0]), slice_axis=slice_axis)
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    a, b = grid.in_plane_axes
    k = world[..., slice_axis] / 3.0
    volume = (((world[..., a] - 9 - 0.3 * k) / semi[0]) ** 2 + ((world[..., b] - 10) / semi[1]) ** 2 <= 1).astype(
        np.uint8
    )
    for one in gap:
        np.moveaxis(volume, slice_axis, 0)[one] = 0
    return Labels(3 * volume, grid, (Region(3, "tibial-nerve", "left", "nerve"),), "mine")


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_areas_and_centres_are_those_of_the_ellipse(slice_axis):
    labels = drawn(slice_axis)
    trace = of_labels(labels, "tibial-nerve", "left")
    assert [s.slice for s in trace.sections] == list(range(9))
    a, _ = labels.grid.in_plane_axes
    for s in trace.sections:
        assert s.area_mm2 == pytest.approx(np.pi * 4.0 * 2.5, rel=0.02)
        assert s.centre_mm[a] == pytest.approx(9 + 0.3 * s.slice, abs=0.06)
        assert s.centre_mm[slice_axis] == pytest.approx(3.0 * s.slice)
        (outline,) = s.outlines_mm
        flat = np.delete(outline, slice_axis, axis=1)
        x, y = flat.T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx(s.area_mm2, rel=0.01)
    np.testing.assert_array_equal(trace.labels().volume > 0, labels.volume > 0)


def test_slices_that_nobody_drew_are_told():
    trace = of_labels(drawn(gap=(4, 5)), "tibial-nerve")
    assert [s.slice for s in trace.sections] == [0, 1, 2, 3, 6, 7, 8]
    (finding,) = trace.findings
    assert finding.code == "N-NERVE"
    assert "2 slices" in finding.message


def test_a_nerve_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"tibial-nerve \(left\)") as caught:
        of_labels(drawn(), "sciatic-nerve", "right")
    assert caught.value.code == "E-EMPTYROI"
