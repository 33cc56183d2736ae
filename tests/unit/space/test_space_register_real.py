"""Real scans: a neck that somebody else's software registered, a calf with images that do not belong to it."""

import nibabel as nib
import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.space.register import rigid

pytestmark = pytest.mark.realdata


def image(path):
    turned = nib.as_closest_canonical(nib.load(path))
    return np.asarray(turned.dataobj).astype(np.float32), Grid.of(turned.shape, turned.affine)


def test_a_neck_is_brought_together_as_well_as_by_the_reference(realdata):
    on, grid = image(realdata / "neck_mt/mt1.nii.gz")
    off, reference = (image(realdata / f"neck_mt/{n}.nii.gz")[0] for n in ("mt0", "mt0_reg_slicereg_goldstandard"))
    ours, theirs = rigid(on, grid, off, grid, freedom="in-plane"), rigid(on, grid, reference, grid, freedom="in-plane")
    assert ours.transform.in_voxels(grid) > 0.8  # it moved by about a voxel
    assert theirs.transform.in_voxels(grid) < 0.25  # and the reference hardly moves any more
    assert ours.agreement.information > 0.98 * theirs.agreement.information_before


@pytest.mark.parametrize("name", ["water", "fat"])
def test_images_with_wrong_origins_are_refused(realdata, name):
    echo, grid = image(realdata / "calf_bids/sub-calf1/anat/sub-calf1_echo-01_MESE.nii.gz")
    other, its = image(realdata / f"calf_mese/{name}.nii.gz")
    with pytest.raises(DataError) as caught:
        rigid(echo, grid, other, its, names=("echo-01", f"{name}.nii.gz"))
    assert caught.value.code == "E-GRID" and name in str(caught.value) and "echo-01" in str(caught.value)
