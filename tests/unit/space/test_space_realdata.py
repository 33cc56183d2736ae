"""Labels and images of a real calf: where they lie, which way round, and what must be refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space.overlap import place_labels, require_overlap
from neuromyo.space.sides import exchange_sides, midline_x

pytestmark = pytest.mark.realdata


@cache
def image(path: Path) -> tuple[np.ndarray, Grid]:
    stored = nib.load(path)
    turned = nib.as_closest_canonical(stored)
    return np.asarray(turned.dataobj), Grid.of(turned.shape, turned.affine)


@pytest.fixture(scope="module")
def calf(realdata) -> tuple[np.ndarray, Grid]:
    """The first echo's tissue, holes filled slice by slice, and its grid."""
    echo, grid = image(realdata / "calf_bids/sub-calf1/anat/sub-calf1_echo-01_MESE.nii.gz")
    bright = echo > 0.1 * np.percentile(echo, 99)
    return np.stack([ndimage.binary_fill_holes(bright[:, :, k]) for k in range(bright.shape[2])], axis=2), grid


def muscles(realdata: Path, odd: str = "left") -> Labels:
    """The 14 labels, in pairs: odd ones of one side, even ones of the other."""
    volume, grid = image(realdata / "calf_mese/labels.nii.gz")
    even = {"left": "right", "right": "left"}[odd]
    regions = [Region(k, f"muscle-{(k - 13) // 2 + 1}", odd if k % 2 else even, "calf") for k in range(13, 27)]
    return Labels(volume, grid, tuple(regions), "by-hand")


def test_every_label_lies_in_the_field_and_on_tissue(realdata, calf):
    body, grid = calf
    labels = replace(muscles(realdata), regions=tuple(Region(k, f"muscle-{k}") for k in range(13, 27)))
    placed = place_labels(labels, grid, body=body)
    assert min(placed.in_field.values()) > 0.95
    assert min(placed.on_tissue.values()) > 0.90
    on = sum(placed.on_tissue[k] * (labels.volume == k).sum() for k in placed.on_tissue)
    assert on / (labels.volume > 0).sum() > 0.975
    volumes = [(labels.volume == k).sum() * labels.grid.voxel_volume_mm3 for k in range(13, 27)]
    placed_volumes = [(placed.labels.volume == k).sum() * grid.voxel_volume_mm3 for k in range(13, 27)]
    # the labels reach beyond the slices by a few per cent; what lies within keeps its volume
    expected = np.array(volumes) * [placed.in_field[k] for k in range(13, 27)]
    np.testing.assert_allclose(placed_volumes, expected, rtol=0.08)
    assert sum(placed_volumes) == pytest.approx(sum(expected), rel=0.01)


def test_there_are_two_legs_with_a_gap_between(calf):
    body, grid = calf
    assert midline_x(body, grid) == pytest.approx(4.5, abs=10)


def test_named_sides_contradict_the_geometry(realdata, calf):
    body, grid = calf
    with pytest.raises(DataError) as caught:
        place_labels(muscles(realdata), grid, body=body, where="labels.nii.gz")
    assert caught.value.code == "E-SIDE"
    assert "14 of 14" in str(caught.value) and "--flip-labels left-right" in str(caught.value)


def test_an_explicit_flip_or_exchanged_names_put_it_right(realdata, calf):
    body, grid = calf
    flipped = place_labels(muscles(realdata), grid, body=body, flip_labels="left-right")
    assert min(flipped.on_tissue.values()) > 0.80
    exchanged = place_labels(exchange_sides(muscles(realdata)), grid, body=body)
    assert flipped.findings == exchanged.findings == ()
    for placed in (flipped, exchanged):
        left = np.argwhere(placed.labels.mask("calf", "left"))
        assert grid.to_world(left)[:, 0].max() < midline_x(body, grid)


@pytest.mark.parametrize("name", ["water", "fat"])
def test_images_with_wrong_origins_are_refused(realdata, calf, name):
    _, grid = calf
    other = image(realdata / f"calf_mese/{name}.nii.gz")[1]
    with pytest.raises(DataError) as caught:
        require_overlap(other, grid, where=f"{name}.nii.gz")
    assert caught.value.code == "E-GRID"
    assert "0 %" in str(caught.value)


def test_the_scanners_own_map_overlaps(realdata, calf):
    other = image(realdata / "calf_mese/T2_scanner_map_13sl.nii.gz")[1]
    assert require_overlap(other, calf[1]) == 1.0


def test_thigh_labels_of_other_people_lie_on_themselves(realdata):
    for path in sorted((realdata / "thigh_labels").glob("*.nii.gz"))[:3]:
        volume, grid = image(path)
        labels = Labels(volume.astype(np.int16), grid, tuple(Region(int(k), f"m{k}") for k in np.unique(volume) if k))
        placed = place_labels(labels, grid)
        assert set(placed.in_field.values()) == {1.0}
        np.testing.assert_array_equal(placed.labels.volume, volume)
