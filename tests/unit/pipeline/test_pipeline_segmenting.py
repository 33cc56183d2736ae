"""What people hand to `segment transfer` by mistake, and labels without names."""

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io import nifti_write
from neuromyo.pipeline import pictures, segmenting
from neuromyo.pipeline.segmenting import SegmentRequest, segment

GRID = Grid.of((20, 20, 4), np.diag([2.0, 2.0, 8.0, 1.0]))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    image = rng.rayleigh(60, GRID.shape).astype(np.float32)
    drawn = np.zeros(GRID.shape, np.uint8)
    for index in range(1, 13):
        drawn[index, 4:16] = index
    nifti_write.write_image(tmp_path / "a_T1w.nii.gz", image, GRID)
    nifti_write.write_image(tmp_path / "a_dseg.nii.gz", drawn, GRID)
    return tmp_path


def asked(folder, atlas, target="a_T1w.nii.gz", prefix="out"):
    image, _, labels = atlas.partition(",")
    pair = f"{folder / image},{folder / labels}"
    return SegmentRequest("transfer", (str(folder / target),), folder / prefix, (pair,))


def test_image_and_labels_exchanged_are_told(folder):
    with pytest.raises(DataError, match="image before the comma and its labels behind it") as told:
        segment(asked(folder, "a_dseg.nii.gz,a_T1w.nii.gz"))
    assert "13 different numbers, as in a mask or label image" in str(told.value)


def test_labels_are_no_image_to_draw_on(folder):
    with pytest.raises(DataError, match="13 different numbers") as told:
        segment(asked(folder, "a_T1w.nii.gz,a_dseg.nii.gz", "a_dseg.nii.gz"))
    assert told.value.code == "E-NOSIGNAL"


def test_an_image_of_few_bits_is_an_image_all_the_same(folder):
    values = np.random.default_rng(2).integers(0, 100, GRID.shape).astype(np.uint8)
    nifti_write.write_image(folder / "b_T1w.nii.gz", values, GRID)
    assert pictures.open_picture(str(folder / "b_T1w.nii.gz"), folder).image.weighting == "T1w"


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_read(folder):
    with pytest.raises(OptionError, match="which is no folder") as told:
        segment(asked(folder, "nothing.nii.gz,nothing.nii.gz", prefix="a_T1w.nii.gz/out"))
    assert told.value.code == "E-OUTDIR"


def test_labels_without_names_are_told():
    named = Labels(np.ones(GRID.shape, np.uint8), GRID, (Region(1, "soleus"),))
    bare = Labels(
        np.ones(GRID.shape, np.uint8), GRID, (Region(1, "soleus"), *(Region(i, f"label-{i}") for i in range(2, 13)))
    )
    assert not segmenting._nameless(named, "x")
    (told,) = segmenting._nameless(bare, "x")
    assert told.code == "W-NOTABLE"
    assert "2, 3, 4, 5, 6, 7, 8, 9 and 3 more" in told.message
