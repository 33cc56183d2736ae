"""Profiles, slopes and ratios along a nerve, with known values and many draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.landmark import Landmark
from neuromyo.core.measurements import Measurements
from neuromyo.course import centreline, gradient, profile, shape
from neuromyo.course.profile import Profile, ProfileOptions
from tests.oracles import tubes
from tests.unit.course.nerve_tubes import inside_cylinder, trace_of

LEAN = (0.3, 0.0, -1.0)
DOWN = np.array(LEAN) / np.linalg.norm(LEAN)


@pytest.fixture(scope="module")
def nerve():
    """A leaning nerve of 3 mm radius, zero in the middle of the stack."""
    trace = trace_of(tubes.straight(LEAN, (3, 3), 400.0), shape=(190, 24, 31), pixel=0.5)
    trace = replace(trace, coverage=inside_cylinder(trace.grid, LEAN, 3.0))
    return trace, centreline.course(trace, landmarks=[Landmark("bone", (0, 0, 0), "fibular-head")])


def linear(grid: Grid) -> np.ndarray:
    """0.04 per mm along the nerve, 10 at zero."""
    return 10 + 0.04 * (grid.to_world(np.stack(np.indices(grid.shape), axis=-1)) @ DOWN)


def made(value, distance=None, weight=None, unit="ms") -> Profile:
    n = len(value)
    d = np.linspace(-60, 60, n) if distance is None else distance
    w = np.ones(n) if weight is None else weight
    return Profile("T2", unit, d, 100 * (d - d[0]) / (d[-1] - d[0]), np.asarray(value, float), np.ones(n), 1 / np.sqrt(w), w, w,
                   np.arange(n), Grid.of((4, 4, n), np.eye(4)))  # fmt: skip


def test_each_slice_has_its_mean_at_its_distance(nerve):
    trace, line = nerve
    found = profile.profile(linear(trace.grid), trace.grid, trace, line, quantity="T2", unit="ms")
    assert len(found.value) == 31 and (np.diff(found.distance_mm) > 0).all()
    np.testing.assert_allclose(found.value, 10 + 0.04 * found.distance_mm, atol=0.01)
    assert found.distance_mm[15] == pytest.approx(0.0, abs=0.05) and list(found.slices) == list(range(30, -1, -1))
    assert found.percent[0] == pytest.approx(0, abs=0.1) and found.percent[-1] == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("tilt", [0.0, 12.0])
def test_a_map_on_another_grid_is_placed_by_geometry_not_resampled(nerve, tilt):
    trace, line = nerve
    axes = tubes.turned(np.eye(3), (0, 1, 0), tilt)
    affine = np.eye(4)
    affine[:3, :3] = (axes * np.array([[0.8], [0.8], [7.0]])).T
    affine[:3, 3] = -affine[:3, :3] @ [60, 10, 8]
    grid = Grid.of((121, 21, 17), affine, 2)
    found = profile.profile(linear(grid), grid, trace, line)
    assert len(found.value) >= 15
    np.testing.assert_allclose(found.value, 10 + 0.04 * found.distance_mm, atol=0.02)
    box, share = profile.coverage_on(trace, grid)
    truth = inside_cylinder(grid, LEAN, 3.0, points=4)[box]
    middle = (slice(None), slice(None), slice(3, -3))
    assert np.abs(share - truth)[middle].mean() < 0.01
    assert share[middle].sum() == pytest.approx(truth[middle].sum(), rel=0.02)


def test_voxels_that_are_half_fat_are_left_out_or_weighed(nerve):
    trace, line = nerve
    mixed = np.where(trace.coverage >= 0.9, 10.0, 10 * trace.coverage + 2 * (1 - trace.coverage))
    left_out = profile.profile(mixed, trace.grid, trace, line)
    weighed = profile.profile(mixed, trace.grid, trace, line, options=ProfileOptions(partial="weight"))
    np.testing.assert_allclose(left_out.value, 10.0)
    assert (weighed.value < 9.8).all() and (weighed.n > left_out.n).all()
    np.testing.assert_allclose(weighed.n, trace.coverage.sum(axis=(0, 1))[::-1], rtol=1e-5)


def test_a_slices_uncertainty_is_that_of_its_mean(nerve):
    trace, line = nerve
    rng = np.random.default_rng(0)
    for options in (ProfileOptions(), ProfileOptions(partial="weight")):
        deviates = []
        for _ in range(12):
            noisy = rng.normal(50, 4, trace.grid.shape)
            found = profile.profile(noisy, trace.grid, trace, line, options=options)
            deviates += list((found.value - 50) / found.se)
        assert np.std(deviates) == pytest.approx(1.0, abs=0.12)
    sure = profile.profile(np.full(trace.grid.shape, 50.0), trace.grid, trace, line, sd=np.full(trace.grid.shape, 4.0))
    np.testing.assert_allclose(sure.se, 4 / np.sqrt(sure.n), err_msg="the fit's own sd counts")


def test_missing_voxels_and_slices_have_no_entry(nerve):
    trace, line = nerve
    values = linear(trace.grid)
    values[:, :, 10] = np.nan
    valid = np.ones(values.shape, bool)
    valid[:, :, 20] = False
    found = profile.profile(values, trace.grid, trace, line, valid=valid)
    assert set(range(31)) - set(found.slices) == {10, 20}
    with pytest.raises(DataError, match="usable voxels") as raised:
        profile.profile(np.full(values.shape, np.nan), trace.grid, trace, line)
    assert raised.value.code == "E-EMPTYROI"
    along = Grid.of(trace.grid.shape, trace.grid.affine, 0)
    with pytest.raises(DataError, match="slices across the nerve") as raised:
        profile.profile(values, along, trace, line)
    assert raised.value.code == "E-COURSE"
    with pytest.raises(OptionError, match="leave-out"):
        profile.profile(values, trace.grid, trace, line, options=ProfileOptions(partial="all"))


def test_profiles_are_resampled_not_images():
    straight = made(np.linspace(0, 12, 25))
    found = straight.resampled(step_mm=7.0)
    np.testing.assert_allclose(found.distance_mm, 7.0 * np.arange(-8, 9))
    np.testing.assert_allclose(found.value, 6 + 0.1 * found.distance_mm)
    assert (found.se <= 1).all() and (found.slices == -1).all()
    nodes = straight.resampled(nodes=101)
    np.testing.assert_allclose(nodes.percent, np.arange(101))
    np.testing.assert_allclose(nodes.value, 0.12 * np.arange(101))
    holed = made(np.zeros(20), distance=np.concatenate([np.arange(10) * 5.0, 100 + np.arange(10) * 5.0])).resampled(
        step_mm=5.0
    )
    inside = (holed.distance_mm > 46) & (holed.distance_mm < 99)
    assert np.isnan(holed.value[inside]).all() and np.isfinite(holed.value[~inside]).all()
    for bad in ({}, {"step_mm": 1.0, "nodes": 5}, {"step_mm": 0.0}, {"nodes": 1}):
        with pytest.raises(OptionError, match="step above 0"):
            straight.resampled(**bad)


def covered(estimates, truth) -> float:
    return float(np.mean([low <= truth <= high for low, high in (e.interval() for e in estimates)]))


@pytest.mark.parametrize(
    ("n", "noise"), [(12, "even"), (30, "even"), (30, "distal"), (30, "by voxels"), (60, "distal")]
)
def test_slopes_are_right_and_their_intervals_cover(n, noise):
    """A slope of 5 per 100 mm in noise, 2,000 draws: 95 % intervals cover 93 to 97 %."""
    rng = np.random.default_rng(n)
    d = np.linspace(-60, 60, n)
    weight = rng.uniform(5, 40, n) if noise == "by voxels" else np.ones(n)
    sd = {"even": np.full(n, 2.0), "distal": 1 + 3 * (d + 60) / 120, "by voxels": 10 / np.sqrt(weight)}[noise]
    found = [gradient.slope(made(40 + 0.05 * d + sd * rng.normal(size=n), d, weight)) for _ in range(2000)]
    values = np.array([f.value for f in found])
    assert values.mean() == pytest.approx(5.0, abs=4 * values.std() / np.sqrt(2000))
    assert 0.93 <= covered(found, 5.0) <= 0.972
    assert found[0].n == n and found[0].dof == n - 2


def test_a_slope_without_noise_is_exact_and_weights_count():
    assert gradient.slope(made(3 - 0.02 * np.linspace(-60, 60, 9))).value == pytest.approx(-2.0)
    d = np.linspace(0, 40, 5)
    weights = np.array([1.0, 1, 1, 1, 1e-9])
    assert gradient.slope(made([0, 1, 2, 3, 100], d, weights)).value == pytest.approx(10.0, abs=1e-4)


def test_alike_neighbours_widen_the_interval():
    rng = np.random.default_rng(1)
    n, found = 60, []
    for _ in range(500):
        e = np.empty(n)
        e[0] = rng.normal()
        for i in range(1, n):
            e[i] = 0.5 * e[i - 1] + np.sqrt(0.75) * rng.normal()
        found.append(gradient.slope(made(e)))
    assert covered(found, 0.0) > 0.88


@pytest.mark.parametrize("n", [12, 36])
def test_distal_over_proximal_third_covers(n):
    """Thirds of a line from 60 to 40 have known means; 2,000 draws."""
    rng = np.random.default_rng(n)
    truth_line = np.linspace(60, 40, n)
    percent = 100 * np.arange(n) / (n - 1)
    truth = truth_line[percent >= 200 / 3].mean() / truth_line[percent <= 100 / 3].mean()
    found = [gradient.distal_proximal(made(truth_line + rng.normal(0, 2, n))) for _ in range(2000)]
    assert np.mean([f.value for f in found]) == pytest.approx(truth, abs=0.003)
    assert 0.93 <= covered(found, truth) <= 0.97


def test_too_little_gives_no_number_and_says_why():
    few = gradient.slope(made([1.0, 2, 3]))
    assert np.isnan(few.value) and "4 slices" in few.why
    cut = made(np.ones(20))
    short = replace(cut, percent=np.linspace(40, 100, 20))
    assert "proximal third has 0 slices" in gradient.distal_proximal(short).why
    assert np.isnan(gradient.distal_proximal(made(np.linspace(-1, 1, 12) * 0)).value)


def test_the_area_has_a_profile_too(nerve):
    _, line = nerve
    tapered = trace_of(
        tubes.straight(LEAN, lambda u: np.repeat(3 - u[:, None] / 200, 2, axis=1), 400.0), area_noise=0.02
    )
    line = centreline.course(tapered)
    found = profile.of_shapes(shape.sections(tapered, line), line, tapered.grid)
    assert (found.quantity, found.unit) == ("CSA", "mm2") and len(found.value) == len(tapered.sections)
    one = gradient.slope(found)
    low, high = one.interval(0.999)
    assert low < -2 * np.pi * 3 * 100 / 200 < high and one.se < 0.5
    assert profile.of_shapes(shape.sections(tapered, line), line, tapered.grid, "flattening").unit == "1"


def test_rows(nerve):
    trace, line = nerve
    found = profile.profile(linear(trace.grid), trace.grid, trace, line, quantity="T2", unit="ms")
    table = Measurements.of(
        [*profile.rows(found, trace, biomarker="t2-water"), *gradient.rows(found, trace, biomarker="t2-water")]
    )
    slices = table.where(quantity="T2").rows()
    assert len(slices) == 31 and slices[15]["level"] == "0 mm" and slices[0]["slice"] == "30"
    (slope,) = table.where(quantity="slope_T2").rows()
    assert slope["value"] == pytest.approx(4.0, abs=0.01) and slope["unit"] == "ms/100 mm"
    (ratio,) = table.where(quantity="distal_proximal_T2").rows()
    assert 1 < ratio["value"] < 2 and ratio["unit"] == "1"
    bare = gradient.rows(made([1.0, 2, 3], unit="1"), trace, biomarker="pdff")
    assert bare[0]["flags"] == ["W-NOFIT"] and bare[0]["unit"] == "1/100 mm"
