"""Labels from grid to grid: the world decides, not the index."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space.resample import in_field, labels_to_grid

REGIONS = (Region(1, "inner"), Region(2, "outer"))


def rotation(degrees_x: float, degrees_z: float) -> np.ndarray:
    a, b = np.deg2rad([degrees_x, degrees_z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_z @ about_x


def centred(shape: tuple[int, int, int], spacing: tuple[float, float, float], turn: np.ndarray | None = None) -> Grid:
    """A grid whose middle lies at the world's origin."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid.of(shape, affine)


def off_centre(grid: Grid) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [0.13, -0.07, 0.21]
    return Grid.of(grid.shape, affine)


def places(grid: Grid) -> np.ndarray:
    return grid.to_world(np.stack(np.indices(grid.shape), axis=-1))


def drawn(grid: Grid) -> np.ndarray:
    """A known scene in the world: an off-centre ball in a larger one."""
    world = places(grid)
    outer = np.linalg.norm(world - [2.0, 1.0, -3.0], axis=-1) < 22
    inner = np.linalg.norm(world - [6.0, 4.0, 0.0], axis=-1) < 11
    return (2 * outer - 1 * (inner & outer)).astype(np.uint8)


def stored_otherwise(labels: Labels, order: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> Labels:
    """The same labels in the same places, with array axes permuted and flipped."""
    volume, affine = labels.volume.transpose(order), labels.grid.affine[:, [*order, 3]].copy()
    for axis in np.flatnonzero(flips):
        volume = np.flip(volume, axis)
        affine[:, 3] += affine[:, axis] * (volume.shape[axis] - 1)
        affine[:, axis] *= -1
    return Labels(np.ascontiguousarray(volume), Grid.of(volume.shape, affine), labels.regions)


def test_the_same_grid_gives_the_same_labels():
    grid = centred((20, 21, 9), (3, 3, 6))
    placed, shares = labels_to_grid(Labels(drawn(grid), grid, REGIONS), grid)
    np.testing.assert_array_equal(placed.volume, drawn(grid))
    assert shares == {1: 1.0, 2: 1.0}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, False), (True, True, True)])
def test_storage_order_does_not_matter(order, flips):
    fine, target = centred((40, 42, 20), (1.3, 1.3, 3.1)), centred((24, 22, 9), (2.7, 2.9, 6.3), rotation(8, -11))
    labels = Labels(drawn(fine), fine, REGIONS)
    expected, expected_shares = labels_to_grid(labels, target)
    placed, shares = labels_to_grid(stored_otherwise(labels, order, flips), target)
    np.testing.assert_array_equal(placed.volume, expected.volume)
    assert shares == pytest.approx(expected_shares, abs=1e-12)
    assert (expected.volume == 1).sum() > 20


@settings(max_examples=20, deadline=None)
@given(st.floats(-25, 25), st.floats(-40, 40), st.floats(1.1, 4.1), st.floats(1.2, 4.2))
def test_a_known_scene_is_found_again_on_any_oblique_grid(about_x, about_z, drawn_mm, target_mm):
    shape = tuple(int(np.ceil(64 / drawn_mm)) for _ in range(3))
    own = centred(shape, (drawn_mm, drawn_mm, 1.3 * drawn_mm))
    target = centred((18, 17, 10), (target_mm, target_mm, 1.5 * target_mm), rotation(about_x, about_z))
    placed, _ = labels_to_grid(Labels(drawn(own), own, REGIONS), target)
    truth = drawn(target)
    # voxels may differ only near an outline: within half a diagonal of either voxel
    reach = 0.5 * (drawn_mm * np.linalg.norm([1, 1, 1.3]) + target_mm * np.linalg.norm([1, 1, 1.5]))
    world = places(target)
    distance = np.minimum(
        abs(np.linalg.norm(world - [2.0, 1.0, -3.0], axis=-1) - 22),
        abs(np.linalg.norm(world - [6.0, 4.0, 0.0], axis=-1) - 11),
    )
    differing = placed.volume != truth
    assert (distance[differing] <= reach).all()


def test_turning_both_grids_changes_nothing():
    turn = rotation(20, 35)
    shapes = ((30, 31, 14), (1.7, 1.7, 4.3)), ((22, 20, 9), (2.9, 3.1, 6.1))
    own, target = (centred(*s) for s in shapes)
    target = off_centre(target)  # no point falls on a face between voxels, where rounding would decide
    own_turned, target_turned = centred(*shapes[0], turn), off_centre(centred(*shapes[1], turn))
    labels = drawn(own)
    a, _ = labels_to_grid(Labels(labels, own, REGIONS), target)
    b, _ = labels_to_grid(Labels(labels, own_turned, REGIONS), target_turned)
    np.testing.assert_array_equal(a.volume, b.volume)


def test_finer_labels_are_decided_by_majority():
    fine, coarse = centred((8, 8, 4), (1, 1, 1)), centred((4, 4, 2), (2, 2, 2))
    volume = np.zeros(fine.shape, dtype=np.uint8)
    volume[0:2, 0:2, 0:2] = 1
    volume[1, 1, 1] = 2  # the point nearest to the coarse voxel's centre does not decide
    volume[2:4, 0, 0] = 1  # two of eight: too few
    placed, _ = labels_to_grid(Labels(volume, fine, REGIONS), coarse)
    assert placed.volume[0, 0, 0] == 1
    assert placed.volume[1, 0, 0] == 0
    assert (placed.volume > 0).sum() == 1


def test_the_share_in_the_field_is_a_share_of_volume():
    own = centred((10, 10, 4), (2, 2, 8))
    volume = np.zeros(own.shape, dtype=np.int16)
    volume[:, :5, :] = 1
    volume[:, 5:, 0:2] = 2
    upper = centred((60, 60, 32), (1, 1, 1))
    shifted = upper.affine.copy()
    shifted[2, 3] += 4.0  # the field now begins 4 mm up: half of the lowest slices of 8 mm is lost
    field = Grid.of(upper.shape, shifted)
    shares = in_field(Labels(volume, own, REGIONS), field)
    assert shares[1] == pytest.approx(28 / 32, abs=0.05)
    assert shares[2] == pytest.approx(12 / 16, abs=0.05)


def test_far_away_nothing_is_in_the_field():
    own = centred((6, 6, 6), (2, 2, 2))
    away = own.affine.copy()
    away[:3, 3] += 500
    placed, shares = labels_to_grid(Labels(np.ones(own.shape, np.uint8), own, REGIONS[:1]), Grid.of(own.shape, away))
    assert not placed.volume.any()
    assert shares == {1: 0.0}
