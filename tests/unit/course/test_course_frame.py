"""The straightened nerve: a straightened helix is a line, and frames do not spin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course
from neuromyo.course import frame
from tests.oracles import tubes

RADIUS, RISE = 12.0, 80.0


def course_of(tube, step=0.5) -> Course:
    u = np.linspace(*tube.span, 4000)
    points = tube.curve(u)
    arc = np.concatenate(([0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    even = np.interp(np.linspace(0, arc[-1], round(arc[-1] / step) + 1), arc, u)
    return Course("nerve", "none", tube.curve(even))


def helix() -> Course:
    return course_of(tubes.helix(RADIUS, RISE, (2, 2), 1.0))


def test_frames_are_square_and_turn_as_little_as_possible():
    """Between two turns the rotation-minimising frame lags behind Frenet's by the total torsion, known of a helix."""
    course = helix()
    axes = frame.axes(course)
    np.testing.assert_allclose(axes @ axes.transpose(0, 2, 1), np.broadcast_to(np.eye(3), axes.shape), atol=1e-9)
    change = np.diff(axes[:, 0], axis=0)
    middle = (axes[1:, 1] + axes[:-1, 1]) / 2
    assert np.abs(np.sum(change * middle, axis=1)).max() < 1e-5, "u moves along t only, never towards v"
    u = 2 * np.pi * course.arc_mm / course.arc_mm[-1]
    normal = np.stack([-np.cos(u), -np.sin(u), 0 * u], axis=1)
    angle = np.unwrap(np.arctan2(np.sum(normal * axes[:, 1], axis=1), np.sum(normal * axes[:, 0], axis=1)))
    per = RISE / (2 * np.pi)
    torsion = per / (RADIUS**2 + per**2) * course.arc_mm[-1]
    assert abs(angle[-1] - angle[0]) == pytest.approx(torsion, rel=2e-3)


def test_a_straight_nerve_keeps_the_patients_right_and_front():
    axes = frame.axes(course_of(tubes.straight([0, 0, -1.0], (2, 2), 50.0)))
    np.testing.assert_allclose(axes[20], [[1, 0, 0], [0, 1, 0], [0, 0, -1]], atol=1e-12)


def test_a_straightened_helix_is_a_line():
    """A blob around the helix, drawn voxel by voxel, lies in the middle of every plane."""
    shape, spacing = (60, 60, 100), 0.8
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [-24, -24, -80]
    grid = Grid.of(shape, affine, 2)
    voxels = grid.to_world(np.stack(np.indices(shape), axis=-1))
    course = helix()
    away = cKDTree(course.points_mm).query(voxels.reshape(-1, 3))[0].reshape(shape)
    found = frame.straighten(np.exp(-((away / 2.5) ** 2)), grid, course, half_width_mm=6.0, pixel_mm=0.5)
    assert found.values.shape == (25, 25, len(course.points_mm)) and found.values.dtype == np.float32
    planes = found.values[:, :, 20:-20]
    assert np.isfinite(planes).all()
    a, b = np.meshgrid(found.offset_mm, found.offset_mm, indexing="ij")
    total = planes.sum(axis=(0, 1))
    for along in (a, b):
        assert np.abs((planes * along[..., None]).sum(axis=(0, 1)) / total).max() < 0.15
    assert np.ptp(total) < 0.05 * total.mean(), "of one calibre all the way"


def test_values_are_those_of_the_world():
    """Of a field that is linear in the world, every pixel has the value of its place; outside there is none."""
    shape = (50, 40, 12)
    affine = np.eye(4)
    affine[:3, :3] = (tubes.turned(np.eye(3), (1, 0.4, 0), 15.0) * np.array([[1.0], [1.0], [5.0]])).T
    affine[:3, 3] = [-20, -15, -40]
    grid = Grid.of(shape, affine, 2)
    values = grid.to_world(np.stack(np.indices(shape), axis=-1)) @ [1.0, 2.0, -0.5] + 100
    course = course_of(tubes.straight([0.1, 0.1, -1.0], (2, 2), 40.0, centre=(0, 5, -15.0)))
    found = frame.straighten(values, grid, course, half_width_mm=4.0, pixel_mm=1.0)
    place = frame.world([[course.distance_mm[9], 3.0, -2.0]], course)[0]
    assert found.values[7, 2, 9] == pytest.approx(place @ [1.0, 2.0, -0.5] + 100, abs=1e-3)
    far = frame.straighten(values, grid, course, half_width_mm=60.0, pixel_mm=5.0, order=0)
    assert np.isnan(far.values[0, 0, 0])


def test_coordinates_and_back():
    course = helix()
    rng = np.random.default_rng(0)
    inside = np.column_stack([rng.uniform(5, course.arc_mm[-1] - 5, 40), rng.uniform(-4, 4, (40, 2))])
    np.testing.assert_allclose(frame.coordinates(frame.world(inside, course), course), inside, atol=1e-5)
    beyond = course.points_mm[0] - 5 * course.tangents[0]
    assert np.isnan(frame.coordinates(beyond, course)).all()


def test_impossible_planes_are_refused():
    grid = Grid.of((4, 4, 4), np.eye(4))
    for bad in (
        {"half_width_mm": 1, "pixel_mm": 0},
        {"half_width_mm": 1, "pixel_mm": 2},
        {"half_width_mm": 1e6, "pixel_mm": 0.1},
    ):
        with pytest.raises(OptionError, match="half width"):
            frame.straighten(np.zeros((4, 4, 4)), grid, helix(), **bad)
    with pytest.raises(OptionError, match="linear"):
        frame.straighten(np.zeros((4, 4, 4)), grid, helix(), half_width_mm=2, pixel_mm=1, order=3)
