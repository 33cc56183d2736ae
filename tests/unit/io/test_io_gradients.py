"""Gradient tables: what is refused, what is mended, and that directions stand in the world however an image is stored."""

import itertools

import nibabel
import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.io import gradients, nifti
from neuromyo.io.unpack import Room

GRID = Grid.of((2, 2, 2), np.diag([-2.0, 2, 2, 1]))
#: all ways to store an image with its axes along the world's, left-handed ones too
CODES = ["".join(c) for p in itertools.permutations(("LR", "PA", "IS")) for c in itertools.product(*p)]
UNIT = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0.6, 0.8], [0.6, 0, -0.8], [0.48, 0.64, 0.6]])


def write(path, table):
    np.savetxt(path, table, fmt="%.6f")
    return path


def refusal(path, n, b=None):
    with pytest.raises(NeuromyoError) as caught:
        gradients.read_bvecs(path, "x.bvec", n, GRID, b)
    return caught.value


def test_lengths_near_one_are_made_one(tmp_path):
    vectors, findings = gradients.read_bvecs(
        write(tmp_path / "v", 1.006 * UNIT.T), "x.bvec", 5, GRID, [0.0, *[1e9] * 4]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [0, 1, 1, 1, 1], rtol=1e-12)
    assert not findings


def test_other_lengths_are_refused_where_there_is_weighting(tmp_path):
    table = UNIT.T.copy()
    table[:, 3] *= 0.7
    path = write(tmp_path / "v", table)
    error = refusal(path, 5, [0.0, *[1e9] * 4])
    assert error.code == "E-GRAD" and "0.7 in column 4" in str(error) and "scaled" in error.remedy
    vectors, _ = gradients.read_bvecs(path, "x.bvec", 5, GRID, [0.0, 1e9, 1e9, 5e6, 1e9])
    assert vectors[3] == (0, 0, 0)


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_direction_is_needed_where_there_is_weighting_only(tmp_path, nothing):
    table = UNIT.T.copy()
    table[:, 0] = nothing
    path = write(tmp_path / "v", table)
    assert gradients.read_bvecs(path, "x.bvec", 5, GRID, [2e6, *[1e9] * 4])[0][0] == (0, 0, 0)
    error = refusal(path, 5, [1e9] * 5)
    assert error.code == "E-GRAD" and "column 1" in str(error) and "averages" in error.remedy


def test_a_table_on_its_side_is_turned_exactly(tmp_path):
    straight, none = gradients.read_bvecs(write(tmp_path / "a", UNIT.T), "x.bvec", 5, GRID)
    turned, said = gradients.read_bvecs(write(tmp_path / "b", UNIT), "x.bvec", 5, GRID)
    assert straight == turned and not none and [f.code for f in said] == ["W-GRAD"]


def test_three_volumes_lie_as_their_lengths_tell(tmp_path):
    square = np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.6], [0.0, 0.0, 0.8]])  # columns are unit vectors
    straight, none = gradients.read_bvecs(write(tmp_path / "a", square), "x.bvec", 3, GRID, [1e9] * 3)
    turned, said = gradients.read_bvecs(write(tmp_path / "b", square.T), "x.bvec", 3, GRID, [1e9] * 3)
    assert straight == turned and not none and said
    assert gradients.read_bvecs(write(tmp_path / "c", np.eye(3)), "x.bvec", 3, GRID, [1e9] * 3)[1] == ()


@pytest.mark.parametrize(
    ("text", "found"), [("1 0\n0 1\n0 0\n", "3 x 2"), ("a b\n", "float"), ("1 0\n0\n", "inhom"), ("", "size 0")]
)
def test_tables_that_are_none(tmp_path, text, found):
    (tmp_path / "v").write_text(text)
    error = refusal(tmp_path / "v", 5)
    assert error.code == "E-GRAD" and found in str(error)


def test_one_shell_without_b0_cannot_give_a_tensor():
    for good in ((0.0, 1e9), (5e6, 1e9), (5e8, 1e9), (0.0, 0.0)):
        gradients.require_tensor(good, "x.bval")
    with pytest.raises(NeuromyoError) as caught:
        gradients.require_tensor((9.9e8, 1e9, 1.01e9), "x.bval")
    assert caught.value.code == "E-GRAD" and "b = 0" in str(caught.value)


def fsl_rows(world, affine):
    """Directions in the world -> the three rows of a bvec file, as FSL's documentation puts it: along the voxel axes of the
    image, x negated where the image is "neurological" (positive determinant). nibabel resolves the axes."""
    axes = nibabel.affines.voxel_sizes(affine)
    rows = np.linalg.inv(affine[:3, :3] / axes) @ np.asarray(world).T
    return rows * np.array([[-1.0 if np.linalg.det(affine[:3, :3]) > 0 else 1.0], [1.0], [1.0]])


def stored_as(code, turn, shape=(5, 6, 7), sizes=(2.0, 2.5, 4.0)):
    """An image that is stored with these axis codes, turned in the world: nibabel works out the affine."""
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(sizes)
    image = nibabel.Nifti1Image(np.random.default_rng(1).uniform(1, 9, shape).astype(np.float32), affine)
    wanted = nibabel.orientations.axcodes2ornt(code)
    return image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), wanted))


@pytest.mark.parametrize("oblique_deg", [0.0, 17.0])
@pytest.mark.parametrize("code", CODES)
def test_directions_stand_in_the_world_however_the_image_is_stored(code, oblique_deg, tmp_path):
    c, s = np.cos(np.radians(oblique_deg)), np.sin(np.radians(oblique_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    image = stored_as(code, turn)
    assert oblique_deg or "".join(nibabel.aff2axcodes(image.affine)) == code
    nibabel.save(image, tmp_path / "a.nii")
    write(tmp_path / "a.bvec", fsl_rows(UNIT, image.affine))
    grid = nifti.load(tmp_path / "a.nii", Room(tmp_path, 500), name="a", max_input_gb=1, geometry="strict").grid
    found, _ = gradients.read_bvecs(tmp_path / "a.bvec", "a.bvec", 5, grid, [0.0, *[1e9] * 4])
    np.testing.assert_allclose(found, UNIT, atol=2e-6)


@pytest.mark.realdata
def test_the_scanner_says_the_same_directions(realdata, tmp_path):
    """United Imaging writes directions along rows, columns and slices of the DICOM image; its orientation takes them to the
    patient. Nothing of the NIfTI or its bvec enters."""
    import pydicom

    folder = realdata / "dti_uih_dicom"
    stem = folder / "dti_tra_dir16_AP_9_134431"
    grid = nifti.load(stem.with_suffix(".nii"), Room(tmp_path, 500), name="a", max_input_gb=1, geometry="strict").grid
    b = gradients.read_bvals(stem.with_suffix(".bval"), "a", 17)
    found, _ = gradients.read_bvecs(stem.with_suffix(".bvec"), "a", 17, grid, b)
    headers = sorted((pydicom.dcmread(p, stop_before_pixels=True) for p in (folder / "In").glob("*.dcm")),
                     key=lambda d: d.InstanceNumber)  # fmt: skip
    for header, value, direction in zip(headers, b, found, strict=True):
        orientation = next(e.value for e in header.iterall() if e.tag == (0x0020, 0x0037))
        row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
        axes = np.stack([row, column, np.cross(row, column)], axis=1)
        patient = axes @ np.array(header[0x0065, 0x1037].value)
        np.testing.assert_allclose(np.array(direction) * [-1, -1, 1], patient, atol=2e-4)  # DICOM's patient is LPS
        assert value * 1e-6 == pytest.approx(float(header[0x0065, 0x1009].value), abs=1e-2)
    # the vendor's scheme limits each component to 0.78 along the patient's axes, and most directions reach it
    reached = np.isclose(np.abs(np.array(found)).max(axis=1), 0.78, atol=2e-3)
    assert reached.sum() >= 10
