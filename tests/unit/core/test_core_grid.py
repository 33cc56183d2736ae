"""Grids: geometry there and back, and the order in which images were stored."""

import itertools

import numpy as np
import pytest

from neuromyo.core.grid import Grid

OBLIQUE = np.array([[0.9, 0.1, 0.3, -40.0], [-0.1, 0.95, 0.2, 12.0], [-0.05, -0.1, 4.8, 100.0], [0, 0, 0, 1.0]])


def test_index_and_world_are_inverse():
    grid = Grid.of((5, 6, 7), OBLIQUE)
    index = np.random.default_rng(0).uniform(0, 6, (4, 3, 3))
    np.testing.assert_allclose(grid.to_index(grid.to_world(index)), index, atol=1e-9)
    assert grid.slice_axis == 2 and grid.in_plane_axes == (0, 1) and grid.n_voxels == 210
    assert grid.voxel_volume_mm3 == pytest.approx(abs(np.linalg.det(OBLIQUE[:3, :3])))
    assert np.prod(grid.spacing_mm) >= grid.voxel_volume_mm3


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_stored_order_comes_back(axes, flips):
    source = tuple(zip(axes, flips, strict=True))
    grid = Grid.of((4, 5, 6), OBLIQUE, source_axes=source)
    array = np.arange(4 * 5 * 6 * 2).reshape(4, 5, 6, 2)
    stored = grid.to_source(array)
    assert stored.shape[:3] == tuple(grid.shape[a] for a in axes)
    np.testing.assert_array_equal(grid.from_source(stored), array)
    # a voxel lies at the same place, by either affine
    place = np.array([1, 2, 3])
    value = stored[tuple(place)]
    found = np.argwhere((array == value).all(axis=-1))[0]
    np.testing.assert_allclose(grid.to_world(found), (grid.source_affine @ [*place, 1])[:3], atol=1e-9)


def test_the_slice_axis_is_the_thick_one():
    assert Grid.of((4, 4, 4), np.diag([5.0, 1.0, 1.0, 1.0])).slice_axis == 0
    assert Grid.of((4, 4, 4), np.eye(4)).slice_axis == 2
    assert Grid.of((4, 4, 4), np.eye(4), slice_axis=1).slice_axis == 1
    assert Grid.of((4, 4, 4), np.diag([1.5, 1.5, 1.0, 1.0])).slice_axis == 2, "or the thin one"
    assert Grid.of((4, 4, 4), np.diag([1.5, 5.0, 1.2, 1.0])).slice_axis == 1
    assert Grid.of((4, 4, 4), np.diag([3.5, 1.5, 8.0, 1.0])).slice_axis == 2
    assert Grid.of((8, 8, 1), np.diag([1.5, 1.5, 1.0, 1.0])).slice_axis == 2, "or the one of a single slice"
    assert Grid.of((8, 1, 8), np.diag([1.5, 1.0, 1.5, 1.0])).slice_axis == 1


def test_a_slice_has_the_index_under_which_it_is_stored():
    turned = ((2, True), (0, False), (1, True))
    assert Grid.of((6, 8, 4), np.eye(4), 2, turned).stored_slice(3) == 0
    assert Grid.of((6, 8, 4), np.eye(4), 2).stored_slice(3) == 3


def test_the_normal_of_slices_is_square_to_both_axes_within_them():
    sheared = np.array([[1.0, 0, 0, 0], [0, 1, 2.0, 0], [0, 0, 4.0, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(Grid.of((4, 4, 4), sheared, 2).slice_normal, [0, 0, 1])
    assert Grid.of((4, 4, 4), np.diag([0.5, 0.8, 5, 1]), 2).pixel_area_mm2 == pytest.approx(0.4)
    np.testing.assert_allclose(Grid.of((4, 4, 4), np.diag([1.0, 1, -5, 1]), 2).slice_normal, [0, 0, -1])


def test_sameness_is_measured_in_voxels():
    grid = Grid.of((10, 10, 10), np.diag([2.0, 2.0, 2.0, 1.0]))
    moved = np.diag([2.0, 2.0, 2.0, 1.0])
    moved[0, 3] = 1.0
    assert grid.offset_to(Grid.of((10, 10, 10), moved)) == pytest.approx(0.5)
    assert not grid.same_as(Grid.of((10, 10, 10), moved)) and grid.same_as(
        Grid.of((10, 10, 10), np.diag([2.0, 2, 2, 1]))
    )
    assert grid.offset_to(Grid.of((10, 10, 9), np.eye(4))) == np.inf


def test_a_grid_is_a_value():
    assert Grid.of((2, 2, 2), np.eye(4)) == Grid.of((2, 2, 2), np.eye(4))
    with pytest.raises(ValueError, match="read-only"):
        Grid.of((2, 2, 2), np.eye(4)).affine[0, 0] = 2.0
