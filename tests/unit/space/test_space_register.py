"""Rigid registration: known motions recovered across contrasts, on any grid; what does not belong together refused."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.space.overlap import rough_body
from neuromyo.space.register import rigid
from neuromyo.space.transform import Transform
from tests.unit.space.leg import places, rigid_matrix, scanned, turn, upright

THIN, THICK = upright((72, 62, 30), (2.0, 2.0, 4.0)), upright((72, 62, 13), (2.0, 2.0, 12.0))
MOTION = rigid_matrix((1.0, -1.5, 3.0), (3.0, -4.0, 5.0))


def error_in_voxels(found, truth, grid, image):
    """Mean error of the place of the body's voxels, along the worst axis."""
    where = places(grid)[rough_body(image, grid.slice_axis)]
    inverse = np.linalg.inv(grid.affine)[:3, :3]
    return np.abs((found(where) - truth(where)) @ inverse.T).mean(axis=0).max()


@pytest.mark.parametrize("grid", [THIN, THICK], ids=["thin slices", "12 mm slices"])
@pytest.mark.parametrize(("a", "b"), [("T1w", "T2w"), ("T1w", "MT"), ("T2w", "MT")])
def test_a_known_motion_is_found_across_contrasts(grid, a, b):
    fixed, moving = scanned(grid, a, 1), scanned(grid, b, 2, MOTION)
    found = rigid(fixed, grid, moving, grid)
    truth = Transform.of(MOTION)
    assert error_in_voxels(found.transform, truth, grid, fixed) < 0.2
    assert found.transform.after(truth.inverse()).rotation_deg < 0.3
    assert found.agreement.information > found.agreement.information_before


@pytest.mark.parametrize("handed", [1.0, -1.0])
def test_oblique_left_handed_and_unlike_grids(handed):
    axes = turn(20, -15, 30) @ np.diag([handed * 2.0, 2.0, 5.0])
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = -axes @ ((np.array([76, 66, 28]) - 1) / 2) + [2.0, 1.0, -3.0]
    fixed_grid, moving_grid = Grid.of((76, 66, 28), affine, 2), THIN
    fixed, moving = scanned(fixed_grid, "T1w", 1), scanned(moving_grid, "T2w", 2, MOTION)
    found = rigid(fixed, fixed_grid, moving, moving_grid).transform
    assert error_in_voxels(found, Transform.of(MOTION), fixed_grid, fixed) < 0.2
    assert found.after(Transform.of(MOTION).inverse()).rotation_deg < 0.3


def test_what_did_not_move_is_found_still():
    fixed, moving = scanned(THICK, "T1w", 1), scanned(THICK, "T2w", 2)
    assert rigid(fixed, THICK, moving, THICK).transform.in_voxels(THICK) < 0.1


@pytest.mark.parametrize("slices", [1, 2])
def test_few_slices_move_within_themselves_only(slices):
    grid = upright((72, 62, slices), (2.0, 2.0, 10.0))
    moved = rigid_matrix((0, 0, 3.0), (3.0, -4.0, 0.0))
    fixed, moving = scanned(grid, "T1w", 1), scanned(grid, "T2w", 2, moved)
    found = rigid(fixed, grid, moving, grid).transform
    assert error_in_voxels(found, Transform.of(moved), grid, fixed) < 0.2
    np.testing.assert_allclose(found.matrix[2], [0, 0, 1, 0], atol=1e-9)


def test_the_bits_do_not_hang_on_threads():
    fixed, moving = scanned(THICK, "T1w", 1), scanned(THICK, "T2w", 2, MOTION)
    before, found = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(), []
    try:
        for threads in (1, 2):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(rigid(fixed, THICK, moving, THICK).transform.flat_matrix)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


def test_voxels_that_are_not_finite_are_left_out():
    fixed, moving = scanned(THICK, "T1w", 1), scanned(THICK, "T2w", 2, MOTION)
    fixed[30:36, 20:26, 5], moving[:, :, 0] = np.nan, np.inf
    found = rigid(fixed, THICK, moving, THICK).transform
    assert error_in_voxels(found, Transform.of(MOTION), THICK, np.nan_to_num(fixed)) < 0.2


def refused(code, *arguments, **options):
    with pytest.raises(DataError) as caught:
        rigid(*arguments, names=("first.nii", "second.nii"), **options)
    assert caught.value.code == code
    return str(caught.value)


def test_images_that_do_not_belong_together_are_refused():
    image = scanned(THICK, "T1w", 1)
    noise = np.random.default_rng(3).rayleigh(10.0, THICK.shape).astype(np.float32)
    said = refused("E-REGISTER", image, THICK, noise, THICK)
    assert "first.nii" in said and "second.nii" in said
    shifted = rigid_matrix((0, 0, 0), (40.0, 0.0, 0.0))
    wide = upright((96, 62, 13), (2.0, 2.0, 12.0))
    refused("E-REGISTER", scanned(wide, "T1w", 1), wide, scanned(wide, "T1w", 2, shifted), wide)


def test_fields_of_view_apart_are_refused():
    away = THICK.affine.copy()
    away[:3, 3] += [300.0, 0, 0]
    image = scanned(THICK, "T1w", 1)
    said = refused("E-GRID", image, THICK, image, Grid.of(THICK.shape, away, 2))
    assert "first.nii" in said and "second.nii" in said


def test_images_without_anything_to_go_by():
    image = scanned(THICK, "T1w", 1)
    refused("E-NOSIGNAL", image, THICK, np.full(THICK.shape, 7.0, np.float32), THICK)
    refused("E-NODATA", np.full(THICK.shape, np.nan, np.float32), THICK, image, THICK)
    refused("E-DIMS", image[..., None], THICK, image, THICK)
    refused("E-EMPTYROI", image, THICK, image, THICK, mask=np.zeros(THICK.shape, bool))
    few = upright((5, 62, 13), (2.0, 2.0, 12.0))
    assert "5 x 62" in refused("E-REGISTER", scanned(few, "T1w", 1), few, image, THICK)
    with pytest.raises(OptionError):
        rigid(image, THICK, image, THICK, freedom="elastic")
