"""Images and regions that do not lie on each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space.overlap import place_labels, require_overlap, rough_body, shared_field

SHAPE = (30, 30, 6)


def grid_at(x: float = 0.0, y: float = 0.0, z: float = 0.0, mm: float = 3.0) -> Grid:
    return Grid.of(SHAPE, np.array([[mm, 0, 0, x], [0, mm, 0, y], [0, 0, 8, z], [0, 0, 0, 1.0]]))


def body() -> np.ndarray:
    x, y = np.meshgrid(np.arange(30), np.arange(30), indexing="ij")
    return np.repeat((np.hypot(x - 15, y - 15) < 10)[:, :, None], 6, axis=2)


def muscle(grid: Grid) -> Labels:
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[12:18, 12:18] = 3
    return Labels(volume, grid, (Region(3, "soleus"),), "by hand")


def code_of(call, *args, **kwargs) -> str:
    with pytest.raises(NeuromyoError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_labels_in_place_are_placed():
    placed = place_labels(muscle(grid_at()), grid_at(), body=body())
    np.testing.assert_array_equal(placed.labels.volume, muscle(grid_at()).volume)
    assert placed.in_field == {3: 1.0} and placed.on_tissue == {3: 1.0}
    assert placed.findings == ()


def test_shifted_labels_are_refused_off_the_field_and_off_tissue():
    # 7.2 mm along z leaves 1 of 6 slices outside: 83 % in view
    assert code_of(place_labels, muscle(grid_at(z=8.0)), grid_at()) == "E-GRID"
    # in view, but two thirds over air
    error_code = code_of(place_labels, muscle(grid_at(x=30.0)), grid_at(), body=body())
    assert error_code == "E-GRID"
    # without a body mask nothing is known of tissue
    assert place_labels(muscle(grid_at(x=30.0)), grid_at()).on_tissue == {}


def test_the_message_names_the_label_and_the_share():
    with pytest.raises(NeuromyoError, match="soleus 8[0-9] %"):
        place_labels(muscle(grid_at(z=8.0)), grid_at(), where="regions/sub-01_dseg.nii.gz")


def test_empty_regions_are_refused():
    labels = Labels(muscle(grid_at()).volume, grid_at(), (Region(3, "soleus"), Region(4, "plantaris")))
    with pytest.raises(NeuromyoError, match="plantaris") as caught:
        place_labels(labels, grid_at())
    assert caught.value.code == "E-EMPTYROI"
    assert code_of(place_labels, Labels(np.zeros(SHAPE, int), grid_at(), ()), grid_at()) == "E-EMPTYROI"


def test_a_region_lost_between_voxels_is_refused():
    fine = Grid.of((40, 40, 6), np.array([[0.5, 0, 0, 40], [0, 0.5, 0, 40], [0, 0, 8, 0], [0, 0, 0, 1.0]]))
    volume = np.zeros(fine.shape, dtype=np.uint8)
    volume[10, 10] = 1
    assert code_of(place_labels, Labels(volume, fine, (Region(1, "fascicle"),)), grid_at()) == "E-EMPTYROI"


def test_an_unknown_flip_is_refused():
    assert code_of(place_labels, muscle(grid_at()), grid_at(), flip_labels="up-down") == "E-OPTION"


def test_flip_is_done_before_anything_is_checked():
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[0:6, 12:18] = 1
    placed = place_labels(Labels(volume, grid_at(), (Region(1, "soleus"),)), grid_at(), flip_labels="left-right")
    assert placed.labels.volume[24:, 12:18].all() and not placed.labels.volume[:24].any()


def test_shared_field_of_known_boxes():
    assert shared_field(grid_at(), grid_at()) == 1.0
    assert shared_field(grid_at(), grid_at(x=45.0)) == pytest.approx(0.5, abs=0.03)
    assert shared_field(grid_at(mm=1.5, x=20, y=20), grid_at()) == 1.0  # a smaller field inside a larger one
    assert require_overlap(grid_at(), grid_at(x=9.0)) > 0.85


def test_far_images_are_refused_with_both_centres():
    with pytest.raises(NeuromyoError, match=r"\(44, 44, 20\) and \(344, 44, 20\)") as caught:
        require_overlap(grid_at(), grid_at(x=300.0), where="water.nii.gz against the T2 images")
    assert caught.value.code == "E-GRID"


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_the_rough_body_is_what_is_not_air_with_its_holes(slice_axis):
    rng = np.random.default_rng(0)
    image = np.where(body(), 100.0, 0.0) + np.abs(rng.normal(0, 2, SHAPE))
    image[13:17, 13:17] = 0.0  # bone
    image[0, 0, 0] = np.nan
    found = np.moveaxis(rough_body(np.moveaxis(image, 2, slice_axis), slice_axis), slice_axis, 2)
    assert found[body()].all()
    assert found.sum() < 1.35 * body().sum()  # one voxel wider
    assert not found[0].any() and not found[:, -1].any()


def test_a_label_off_tissue_is_told_with_its_side():
    labels = Labels(muscle(grid_at()).volume, grid_at(), (Region(3, "soleus", "left"),))
    with pytest.raises(NeuromyoError, match=r"soleus \(left\) \d+ %"):
        place_labels(labels, grid_at(), body=np.roll(body(), 14, axis=0))
