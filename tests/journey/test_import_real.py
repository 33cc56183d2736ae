"""Real scans of two vendors: imported with one command each, valid, the same again, and measured."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.journey import kit

pytestmark = [pytest.mark.journey, pytest.mark.realdata]

#: data set -> images that it becomes, a biomarker that can be measured on it, a map of that, and where most of its values lie
SCANS = {
    "knee_mese_dicom": (8, "t2-mono", "anat/*desc-t2mono_T2map.nii.gz", (0.01, 0.4)),
    "leg_dualecho_dicom": (8, "b0", "fmap/*desc-b0_fieldmap.nii.gz", (-220.0, 220.0)),
    "dti_uih_dicom": (1, "dti", "dwi/*desc-dti_FA.nii.gz", (0.02, 0.9)),
}


@pytest.fixture(scope="module")
def imported(realdata, tmp_path_factory):
    """Name -> (program, dataset), imported once a module."""
    made = {}

    def of(name: str) -> tuple[kit.Program, Path]:
        if name not in made:
            folder = tmp_path_factory.mktemp(name.split("_")[0])
            program = kit.install(folder / "plugins")
            done = program("import", realdata / name, folder / "bids", "--subject", "01", HOME=str(folder / "home"))
            assert done.status == 0, done.err
            made[name] = program, folder / "bids"
        return made[name]

    return of


@pytest.mark.parametrize("name", SCANS)
def test_one_command_makes_valid_bids(imported, validator, name):
    _, bids = imported(name)
    assert len(list(bids.rglob("*.nii.gz"))) == SCANS[name][0]
    assert validator(bids) == []


def test_the_same_folder_again_adds_nothing(imported, realdata):
    program, bids = imported("dti_uih_dicom")
    before = kit.tree(bids)
    again = program("import", realdata / "dti_uih_dicom", bids, "--subject", "01", HOME=str(bids.parent / "home"))
    assert again.status == 0 and "0 of 17 images are new; 0 files added" in again.out
    assert kit.tree(bids) == before


def test_the_gradients_are_those_of_the_reference_conversion(imported, realdata):
    """Voxels are stored in the order that the reference has too, so that images and tables can be held against each other as they
    stand."""
    _, bids = imported("dti_uih_dicom")
    (mine,), (theirs,) = bids.rglob("*_dwi.nii.gz"), (realdata / "dti_uih_dicom").glob("*.nii")
    one, two = nibabel.load(mine), nibabel.load(theirs)
    np.testing.assert_array_equal(one.get_fdata(), two.get_fdata())
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-4)
    mine, theirs = (str(p).removesuffix(".gz").removesuffix(".nii") for p in (mine, theirs))
    np.testing.assert_allclose(np.loadtxt(f"{mine}.bval"), np.loadtxt(f"{theirs}.bval"), rtol=1e-5)
    np.testing.assert_allclose(np.loadtxt(f"{mine}.bvec"), np.loadtxt(f"{theirs}.bvec"), atol=1e-6)


def test_magnitudes_are_those_of_real_and_imaginary(imported):
    """The scanner corrects each kind of image for its gradients' warping by itself, so that edges differ; the middle of the
    differences is rounding."""
    _, bids = imported("leg_dualecho_dicom")
    for echo in (1, 2):
        stem = f"{bids}/sub-01/anat/sub-01_echo-{echo}_part-"
        mag, real, imag = (nibabel.load(f"{stem}{part}_MEGRE.nii.gz").get_fdata() for part in ("mag", "real", "imag"))
        tissue = mag > 0.1 * np.percentile(mag, 99)
        difference = np.abs(mag - np.hypot(real, imag))[tissue]
        assert np.median(difference) < 1.5
        assert np.percentile(difference / mag[tissue], 90) < 0.05


@pytest.mark.parametrize("name", SCANS)
def test_what_was_imported_can_be_measured(imported, tmp_path, name):
    program, bids = imported(name)
    _, biomarker, where, (low, high) = SCANS[name]
    done = program("run", bids, tmp_path / "out", "participant", "--biomarkers", biomarker, "--motion", "off")
    assert done.status == 0, done.err
    (path,) = (tmp_path / "out" / "sub-01").glob(where)
    values = nibabel.load(path).get_fdata()
    values = values[np.isfinite(values)]
    assert values.size > 20_000
    assert low < np.percentile(values, 5) < np.percentile(values, 95) < high
