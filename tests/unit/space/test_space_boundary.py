"""Overlap and distances of outlines: against closed forms, and against SimpleITK."""

import math

import numpy as np
import pytest
import SimpleITK

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space import boundary


def grid_of(shape=(40, 36, 10), spacing=(0.5, 0.7, 4.0), turned=0.0):
    c, s = math.cos(turned), math.sin(turned)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = (-11.0, 7.0, 30.0)
    return Grid.of(shape, affine, 2)


def box_in(shape, low, high):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


def disc_in(grid, centre, radius, slices):
    x, y = np.meshgrid(*(np.arange(n) for n in grid.shape[:2]), indexing="ij")
    inside = ((x - centre[0]) * grid.spacing_mm[0]) ** 2 + ((y - centre[1]) * grid.spacing_mm[1]) ** 2 <= radius**2
    mask = np.zeros(grid.shape, bool)
    mask[:, :, slices] = inside[..., None]
    return mask


@pytest.mark.parametrize("turned", [0.0, 0.4])
def test_a_shifted_box_has_the_overlap_and_distances_of_its_shift(turned):
    grid = grid_of(turned=turned)
    a = box_in(grid.shape, (5, 5, 2), (15, 17, 7))
    b = box_in(grid.shape, (8, 5, 2), (18, 17, 7))  # 3 voxels of 0.5 mm along x
    found = boundary.compare_masks(a, b, grid)
    assert found.dice == pytest.approx(0.7) and found.jaccard == pytest.approx(7 / 13)
    assert found.centre_distance_mm == pytest.approx(1.5)
    assert found.surface.hausdorff_mm == pytest.approx(1.5) and found.in_plane.hausdorff_mm == pytest.approx(1.5)
    assert found.volume_difference_ml == 0.0 and found.volume_difference_percent == 0.0
    assert found.slices[0].area_first_mm2 == pytest.approx(10 * 12 * 0.35)
    assert [s.slice for s in found.slices] == [2, 3, 4, 5, 6]


def test_distances_of_a_shifted_box_are_those_counted_by_hand():
    grid = grid_of((12, 12, 1), (1.0, 1.0, 5.0))
    a = box_in(grid.shape, (2, 2, 0), (5, 5, 1))  # 3 x 3 voxels: an outline of 8
    b = box_in(grid.shape, (4, 2, 0), (7, 5, 1))  # shifted by 2
    found = boundary.compare_masks(a, b, grid)
    # from a: columns at x = 2 (2, 2, 2), x = 3 (1, 1), x = 4 (0, 0, 0), and the same back
    assert found.in_plane.mean_mm == pytest.approx((3 * 2 + 2 * 1) / 8)
    assert found.in_plane.hd95_mm == pytest.approx(2.0)
    assert found.surface == found.in_plane  # one slice: nobody drew an end of it


def test_centred_discs_are_apart_by_the_difference_of_their_radii():
    grid = grid_of((120, 120, 3), (0.1, 0.1, 3.0))
    a, b = disc_in(grid, (60, 60), 4.0, slice(0, 3)), disc_in(grid, (60, 60), 3.0, slice(0, 3))
    found = boundary.compare_masks(a, b, grid)
    assert found.in_plane.mean_mm == pytest.approx(1.0, abs=0.05)
    assert found.in_plane.hausdorff_mm == pytest.approx(1.0, abs=0.15)
    assert found.dice == pytest.approx(2 * 9 / (16 + 9), abs=0.01)
    assert found.volume_difference_percent == pytest.approx(100 * (9 / 16 - 1), abs=1)


def test_a_shift_across_slices_is_seen_in_space_and_not_in_the_plane():
    grid = grid_of()
    a, b = disc_in(grid, (20, 18), 4.0, slice(2, 6)), disc_in(grid, (20, 18), 4.0, slice(3, 7))
    found = boundary.compare_masks(a, b, grid)
    assert found.surface.hausdorff_mm == pytest.approx(4.0)
    assert found.in_plane.hausdorff_mm == 0.0
    assert [s.drawn for s in found.slices] == ["first", "both", "both", "both", "second"]


def test_an_image_that_ends_is_not_the_end_of_a_nerve():
    grid = grid_of()
    a, b = disc_in(grid, (20, 18), 4.0, slice(0, 10)), disc_in(grid, (20, 18), 3.0, slice(0, 10))
    found = boundary.compare_masks(a, b, grid)
    assert found.surface.mean_mm == pytest.approx(found.in_plane.mean_mm, rel=0.02)


@pytest.mark.parametrize("turned", [0.0, 0.3])
def test_simpleitk_finds_the_same(turned):
    rng = np.random.default_rng(7)
    grid = grid_of((30, 28, 12), (0.4, 0.6, 2.0), turned)
    for _ in range(3):
        centre = rng.uniform(12, 16, 2)
        a = disc_in(grid, centre, rng.uniform(2, 4), slice(2, 9))
        b = disc_in(grid, centre + rng.uniform(-4, 4, 2), rng.uniform(2, 4), slice(4, 11))
        found = boundary.compare_masks(a, b, grid)
        images = [as_itk(m, grid) for m in (a, b)]
        overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
        overlap.Execute(*images)
        assert found.dice == pytest.approx(overlap.GetDiceCoefficient())
        assert found.jaccard == pytest.approx(overlap.GetJaccardCoefficient())
        far = SimpleITK.HausdorffDistanceImageFilter()
        far.Execute(*images)
        assert found.surface.hausdorff_mm == pytest.approx(far.GetHausdorffDistance(), abs=1e-5)
        there, back = itk_distances(images[0], images[1]), itk_distances(images[1], images[0])
        assert found.surface.mean_mm == pytest.approx(np.concatenate([there, back]).mean(), abs=1e-5)
        assert found.surface.hd95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-5)


def as_itk(mask, grid):
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
    image.SetSpacing([float(v) for v in grid.spacing_mm])
    return image


def itk_distances(a, b):
    edge = SimpleITK.GetArrayFromImage(SimpleITK.BinaryContour(a, fullyConnected=False)) > 0
    contour = SimpleITK.BinaryContour(b, fullyConnected=False)
    away = SimpleITK.GetArrayFromImage(
        SimpleITK.SignedMaurerDistanceMap(contour, squaredDistance=False, useImageSpacing=True, insideIsPositive=False)
    )
    return np.abs(away[edge])


def test_what_is_empty_is_said_and_not_invented():
    grid = grid_of()
    some, none = disc_in(grid, (20, 18), 4.0, slice(2, 6)), np.zeros(grid.shape, bool)
    one, other, neither = (boundary.compare_masks(*p, grid) for p in ((some, none), (none, some), (none, none)))
    assert (one.drawn, other.drawn, neither.drawn) == ("first", "second", "neither")
    assert one.dice == other.dice == one.jaccard == 0.0 and math.isnan(neither.dice) and math.isnan(neither.jaccard)
    assert one.volume_difference_percent == -100.0 and math.isnan(other.volume_difference_percent)
    for found in (one, other, neither):
        assert math.isnan(found.surface.mean_mm) and math.isnan(found.in_plane.hd95_mm)
        assert math.isnan(found.centre_distance_mm)
    assert neither.slices == ()


def labels_on(grid, left, right, names=("tibial-nerve", "fibular-nerve")):
    volume = np.where(left, 1, np.where(right, 2, 0)).astype(np.int32)
    return Labels(
        volume, grid, tuple(Region(i + 1, n, "left", "sciatic-nerve") for i, n in enumerate(names)), "a reader"
    )


def test_labels_are_compared_region_by_region_with_their_parents():
    grid = grid_of()
    first = labels_on(grid, disc_in(grid, (12, 18), 3.0, slice(2, 8)), disc_in(grid, (28, 18), 3.0, slice(2, 8)))
    second = labels_on(grid, disc_in(grid, (13, 18), 3.0, slice(2, 8)), np.zeros(grid.shape, bool))
    found = {(p.name, p.side): p for p in boundary.compare(first, second)}
    assert list(found) == [("tibial-nerve", "left"), ("fibular-nerve", "left"), ("sciatic-nerve", "left")]
    assert found["tibial-nerve", "left"].compared.in_plane.hausdorff_mm == pytest.approx(0.5)
    assert found["fibular-nerve", "left"].compared.drawn == "first"
    assert 0 < found["sciatic-nerve", "left"].compared.dice < found["tibial-nerve", "left"].compared.dice
    assert [p.name for p in boundary.compare(first, second, names=["fibular-nerve"])] == ["fibular-nerve"]


def test_another_grid_is_met_by_geometry():
    grid = grid_of((40, 36, 10), (0.5, 0.5, 4.0))
    moved = grid.affine.copy()
    moved[:3, 3] = grid.to_world(np.array([39, 35, 9]))  # the same voxels, counted from the other corner
    moved[:3, :3] = -moved[:3, :3]
    there = Grid.of(grid.shape, moved, 2)
    a, b = disc_in(grid, (12, 18), 3.0, slice(2, 8)), disc_in(grid, (28, 18), 3.0, slice(2, 8))
    second = labels_on(there, a[::-1, ::-1, ::-1], b[::-1, ::-1, ::-1])
    for pair in boundary.compare(labels_on(grid, a, b), second):
        assert pair.compared.dice == 1.0 and pair.in_field == pytest.approx(1.0)


def test_labels_of_another_place_are_refused():
    grid = grid_of()
    away = Grid.of(grid.shape, grid.affine + np.array([[0, 0, 0, 500.0]] + [[0, 0, 0, 0.0]] * 3), 2)
    mask = disc_in(grid, (12, 18), 3.0, slice(2, 8))
    with pytest.raises(DataError, match="E-GRID"):
        boundary.compare(labels_on(grid, mask, ~mask), labels_on(away, mask, ~mask))
