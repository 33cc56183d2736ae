"""Maps along lines: a map that is a known function of place comes back at that place, from the end that was said to be zero."""

import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course, Trace
from neuromyo.course import tract_profile
from neuromyo.course.profile import rows as profile_rows
from neuromyo.course.tracts import Tracts, proximal_first
from tests.oracles.tract_fields import Arc

GRID = Grid.of((30, 14, 24), np.array([[1.5, 0, 0, -33], [0, 1.5, 0, -9.75], [0, 0, 4.0, -46], [0, 0, 0, 1.0]]), 2)
WORLD = GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1))
ARC = Arc(100.0, (-100.0, 0.0, 0.0))


def bundle(n=40, low=-40.0, high=40.0, seed=1):
    """Lines beside the arc's middle, as long as asked, some turned the other way round."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(n):
        start = np.array([rng.uniform(-3, 3), rng.uniform(-3, 3), 0.0])
        line = ARC.through(start, np.arange(low, high + 0.1, 0.7))
        lines.append(line[:: -1 if i % 2 else 1].copy())
    return tuple(proximal_first(lines))


def nerve_of():
    """Share, trace and course (upper end first) of a nerve of 4 mm about the arc."""
    share = (ARC.off(WORLD) < 4.0).astype(float)
    trace = Trace("tibial-nerve", "right", GRID, (), share.astype(np.float32), 1.0)
    return share, trace, Course("tibial-nerve", "right", ARC.through(np.zeros(3), np.arange(40.0, -40.1, -1.0)))


def lines_of(streamlines):
    return Tracts("tibial-nerve", "right", GRID, streamlines, 100, 0.7)


def test_lines_are_turned_so_that_they_run_down():
    lines = bundle()
    assert all(line[0, 2] > line[-1, 2] for line in lines)
    flat = [np.array([[0.0, 0, 0], [s, 0.1 * s, 0.01 * s]]) for s in (10.0, -9.0, 11.0)]
    chords = np.array([line[-1] - line[0] for line in proximal_first(flat)])
    assert np.all(chords @ chords[0] > 0) and proximal_first([]) == []


def test_with_a_nerve_each_slice_has_its_value_at_its_distance():
    share, trace, course = nerve_of()
    found = tract_profile.along_nerve(
        WORLD[..., 2], lines_of(bundle()), trace, course, share, quantity="height", unit="mm"
    )
    assert np.all(np.diff(found.distance_mm) > 0) and found.distance_mm[0] < 4.1
    height = np.array([course.points_mm[np.argmin(abs(course.arc_mm - d))][2] for d in found.distance_mm])
    np.testing.assert_allclose(found.value, height, atol=1.0)


def test_voxels_weigh_by_the_lines_that_pass():
    """Nine lines in one column of voxels, one in the next: the mean lies a tenth of the way from the one to the other."""
    share, trace, course = nerve_of()
    z = np.arange(30.0, -30.0, -0.5)
    lines = tuple(np.stack([np.full(len(z), x), np.zeros(len(z)), z], axis=1) for x in [0.2] * 9 + [1.7])
    index = np.floor(GRID.to_index(np.array([[0.2, 0, 0], [1.7, 0, 0]])) + 0.5).astype(int)
    assert index[1, 0] == index[0, 0] + 1
    values = np.where(WORLD[..., 0] > 0.9, 1.0, 0.0)
    found = tract_profile.along_nerve(values, lines_of(lines), trace, course, share)
    # the nerve bends out of the second column at both ends
    np.testing.assert_allclose(found.value[1:-1], 0.1, atol=1e-6)
    inside = np.where(abs(WORLD[..., 2]) < 25, share, 0.0)
    whole = tract_profile.whole(values, lines_of(lines), nerve=inside)
    assert whole["value"] == pytest.approx(0.1, abs=1e-6) and whole["n_voxels"] == 24


def test_without_one_the_mean_line_is_the_axis():
    lines = lines_of(bundle())
    course = tract_profile.mean_course(lines)
    assert course.points_mm[0, 2] > course.points_mm[-1, 2]
    assert ARC.off(course.points_mm).max() < 1.5
    # the distance from the upper end, as a map
    angle = np.arctan2(WORLD[..., 2], WORLD[..., 0] + 100.0)
    along = 40.0 - 100.0 * angle
    found = tract_profile.along_mean(along, lines, course, quantity="arc", unit="mm")
    np.testing.assert_allclose(found.value, found.distance_mm, atol=2.5)
    assert np.all(found.n == 40) and np.all(found.sd < 3.0)


def test_stretches_have_names_of_their_own_on_fine_grids():
    """Rows are told apart by whole millimetres."""
    from neuromyo.core.measurements import Measurements

    fine = Grid.of((8, 8, 60), np.diag([0.5, 0.5, 0.5, 1.0]), 2)
    z = np.arange(29.0, 0.5, -0.2)
    lines = Tracts(
        "n", "none", fine, tuple(np.stack([np.full(len(z), x), np.full(len(z), 1.5), z], axis=1) for x in (1.0, 2.0))
    )
    found = tract_profile.along_mean(np.ones(fine.shape), lines, tract_profile.mean_course(lines))
    assert np.diff(found.distance_mm).min() >= 2.0
    trace = Trace("n", "none", fine, (), np.zeros(fine.shape, np.float32), 1.0)
    assert len(Measurements.of(profile_rows(found, trace, biomarker="tracts"))) == len(found.value) == 14


def test_short_lines_do_not_bend_the_mean_and_count_where_they_are():
    lines = lines_of((*bundle(30), *bundle(20, 10.0, 38.0, seed=3)))
    course = tract_profile.mean_course(lines)
    assert course.arc_mm[-1] == pytest.approx(80.0, rel=0.04) and ARC.off(course.points_mm).max() < 1.5
    found = tract_profile.along_mean(WORLD[..., 2], lines, course)
    assert found.n[2] == 50 and found.n[-3] == 30


def test_voxels_that_may_not_be_used_are_not():
    share, trace, course = nerve_of()
    lines = lines_of(bundle())
    values = np.where(WORLD[..., 0] > 0.5, 100.0, 1.0)
    valid = WORLD[..., 0] <= 0.5
    assert np.all(tract_profile.along_nerve(values, lines, trace, course, share, valid=valid).value == 1.0)
    assert np.all(tract_profile.along_mean(values, lines, tract_profile.mean_course(lines), valid=valid).value == 1.0)
    assert tract_profile.whole(values, lines, valid=valid)["value"] == pytest.approx(1.0)
    assert np.isnan(tract_profile.whole(values, lines, valid=np.zeros(GRID.shape, bool))["value"])
    with pytest.raises(DataError) as caught:
        tract_profile.along_mean(np.full(GRID.shape, np.nan), lines, course)
    assert caught.value.code == "E-EMPTYROI"


def test_a_brush_is_no_tube():
    rng = np.random.default_rng(2)
    lines = tuple(
        np.cumsum(np.vstack([rng.uniform(-20, 20, 3), np.tile(rng.normal(0, 1, 3), (60, 1))]), axis=0)
        for _ in range(30)
    )
    with pytest.raises(DataError, match="run as one tube") as caught:
        tract_profile.mean_course(lines_of(tuple(proximal_first(list(lines)))))
    assert caught.value.code == "E-COURSE"
    with pytest.raises(DataError):
        tract_profile.mean_course(lines_of(()))


def test_rows_tell_how_many_how_long_and_how_much():
    made = {(r["quantity"], r["statistic"]): r for r in tract_profile.rows(lines_of(bundle()))}
    assert made["tract_count", "count"]["value"] == 40
    assert made["tract_length", "mean"]["value"] == pytest.approx(80.0, rel=0.04)
    assert not any(q.startswith("coverage") for q, _ in made)


def test_voxels_in_part_nerve_count_only_where_whole_ones_are_too_few():
    share, _, _ = nerve_of()
    part = np.where(share > 0, 0.7, 0.0)
    rim = np.where(ARC.off(WORLD) < 2.5, share, part)
    lines = lines_of(bundle())
    used, few = tract_profile.counted(lines, rim)
    assert not few and np.array_equal(used > 0, rim == 1.0)
    used, few = tract_profile.counted(lines, part)
    assert few and np.array_equal(used, part)
