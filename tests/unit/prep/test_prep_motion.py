"""Motion between scans: told, undone where it matters, and data that did not move left alone to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.biomarkers import mtr
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.prep import motion
from neuromyo.prep.scans import scans_of
from neuromyo.space.transform import Transform
from tests.unit.space.leg import leg, places, rigid_matrix, scanned, upright

GRID = upright((72, 62, 13), (2.0, 2.0, 12.0))
MOVED = rigid_matrix((0.5, -0.5, 2.0), (2.5, -3.0, 3.0))


def pair(matrix=None, grid=GRID):
    """Two volumes without and with the MT pulse; the person moved in between."""
    data = np.stack([scanned(grid, "T1w", 1), scanned(grid, "MT", 2, matrix)], axis=-1)
    return {"mt": Series(ArrayData(data), grid, Acquisition(mt_on=(False, True)), "MTR", files=("a_MTR.nii.gz",))}


def test_data_that_did_not_move_are_the_very_same():
    series = pair()
    moved, findings = motion.estimate(mtr.BIOMARKER, series, "correct")
    assert [m.resampled for m in moved] == [False] and [f.code for f in findings] == ["N-MOTION"]
    assert motion.correct(series, moved)["mt"] is series["mt"]


def test_motion_is_told_and_undone():
    series = pair(MOVED)
    moved, findings = motion.estimate(mtr.BIOMARKER, series, "correct")
    assert [f.code for f in findings] == ["W-MOTION"] and "mm" in findings[0].message
    assert moved[0].resampled and moved[0].volumes == (1,)
    after = motion.correct(series, moved)["mt"].read()
    np.testing.assert_array_equal(after[..., 0], series["mt"].read()[..., 0])
    truth = leg(places(GRID), "MT")
    held = np.isfinite(after[..., 1]) & (truth > 50)
    before = np.abs(series["mt"].read()[..., 1] - truth)[held].mean()
    assert np.abs(after[..., 1] - truth)[held].mean() < 0.35 * before
    again = motion.correct(series, [motion.Moved.from_dict(m.as_dict()) for m in moved])
    np.testing.assert_array_equal(again["mt"].read(), after)


def test_measuring_changes_nothing_and_says_so():
    series = pair(MOVED)
    moved, findings = motion.estimate(mtr.BIOMARKER, series, "measure")
    assert "NOT corrected" in findings[0].consequence
    assert motion.correct(series, moved)["mt"] is series["mt"]
    assert motion.estimate(mtr.BIOMARKER, series, "off") == ((), ())


def test_a_block_without_structure_is_left_where_it_is():
    """A small even block, as of a test object: the search runs out of the image, which is no fault of the program's."""
    from neuromyo.biomarkers import dti

    rng = np.random.default_rng(0)
    b, g = (
        np.array([0.0, 0.0] + [5e8] * 6),
        np.vstack([np.zeros((2, 3)), np.eye(3), np.roll(np.eye(3), 1, 0) * 0.8 + 0.6 * np.eye(3)]),
    )
    data = (1000 * np.exp(-1.5e-9 * b) + rng.normal(0, 2, (8, 8, 4, 8))).astype(np.float32)
    told = Acquisition(b_values=tuple(b), b_vectors=tuple((float(x), float(y), float(z)) for x, y, z in g))
    for affine in (np.diag([3.0, 3.0, 6.0, 1.0]), np.diag([-3.0, 3.0, 6.0, 1.0])):
        series = {"dwi": Series(ArrayData(data), Grid.of((8, 8, 4), affine), told, "dwi", files=("a_dwi.nii.gz",))}
        moved, _ = motion.estimate(dti.BIOMARKER, series, "correct")
        assert any(m.unsure for m in moved) and not any(m.resampled for m in moved if m.unsure)


def test_one_image_without_signal_is_a_warning_not_an_end():
    series = pair()
    data = series["mt"].read().copy()
    data[..., 1] = 5.0
    moved, findings = motion.estimate(mtr.BIOMARKER, {"mt": series["mt"].with_data(data)}, "correct")
    assert moved[0].unsure and not moved[0].resampled and findings[0].code == "W-MOTION"


def test_vials_and_rows_of_samples_are_not_registered_but_told_once():
    row = upright((40, 1, 1), (2.0, 2.0, 2.0))
    data = np.random.default_rng(0).uniform(100, 200, (40, 1, 1, 3)).astype(np.float32)
    series = {
        "mt": Series(ArrayData(data), row, Acquisition(mt_on=(False, True, False)), "MTR", files=("a_MTR.nii.gz",))
    }
    moved, findings = motion.estimate(mtr.BIOMARKER, series, "correct")
    assert [m.resampled for m in moved] == [False, False]
    assert [f.code for f in findings] == ["W-MOTION"] and "that of 1 more" in findings[0].message


def test_echoes_stay_together_and_repeats_do_not():
    a = Acquisition(echo_times=(0.002, 0.004) * 3, flip_angles_deg=(4.0, 4.0, 4.0, 4.0, 20.0, 20.0))
    series = Series(ArrayData(np.zeros((2, 2, 2, 6), np.float32)), upright((2, 2, 2), (1, 1, 1)), a, "VFA")
    assert [s.volumes for s in scans_of("vfa", series)] == [(0, 1), (2, 3), (4, 5)]


def two_roles(other_grid, matrix=None):
    need = mtr.BIOMARKER.series_need("mt")
    both = replace(
        mtr.BIOMARKER,
        needs={"pd": replace(need, kinds=("MTS",)), "t1": replace(need, kinds=("MTS",))},
        typical={"pd": mtr.BIOMARKER.typical["mt"], "t1": mtr.BIOMARKER.typical["mt"]},
    )
    series = {
        role: Series(
            ArrayData(scanned(grid, contrast, 3, m)[..., None]), grid, Acquisition(), "MTS", files=(f"{role}.nii",)
        )
        for role, grid, contrast, m in (("pd", GRID, "MT", None), ("t1", other_grid, "T1w", matrix))
    }
    return both, series


def test_a_role_on_another_grid_comes_to_the_main_one():
    both, series = two_roles(upright((84, 76, 36), (1.7, 1.7, 5.0)), MOVED)
    moved, _ = motion.estimate(both, series, "correct")
    after = motion.correct(series, moved)
    assert after["t1"].grid.same_as(GRID) and after["pd"] is series["pd"]
    truth, found = leg(places(GRID), "T1w"), after["t1"].read()[..., 0]
    held = np.isfinite(found) & (truth > 50)
    assert np.corrcoef(truth[held], found[held])[0, 1] > 0.97


def test_a_role_that_lies_elsewhere_is_refused():
    both, series = two_roles(GRID)
    affine = GRID.affine.copy()
    affine[:3, 3] += [400.0, 0.0, 0.0]
    series["t1"] = replace(series["t1"], grid=Grid.of(GRID.shape, affine, 2))
    for mode in ("correct", "off"):
        with pytest.raises(DataError) as caught:
            motion.estimate(both, series, mode)
        assert caught.value.code == "E-GRID" and "pd.nii" in str(caught.value) and "t1.nii" in str(caught.value)


def test_gradients_turn_back_with_the_volume():
    vectors = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    a = Acquisition(b_values=(0.0, 4e8), b_vectors=vectors)
    data = np.stack([scanned(GRID, "T1w", 1)] * 2, axis=-1)
    series = {"dwi": Series(ArrayData(data), GRID, a, "dwi")}
    turned = motion.Moved("dwi", "", (1,), Transform.of(rigid_matrix((0, 0, 90.0), (0, 0, 0))), resampled=True)
    after = motion.correct(series, [turned])["dwi"].acquisition.b_vectors
    # the body turned by +90 degrees about z between the volumes: x of the scanner was -y of the body as it lay first
    np.testing.assert_allclose(after, [(0, 0, 0), (0, -1, 0)], atol=1e-12)
