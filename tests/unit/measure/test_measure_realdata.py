"""The table of a real calf: the scanner's own T2 map by muscle."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map, Maps
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.measure.summarise import summarise, volumes
from neuromyo.space.overlap import place_labels

pytestmark = pytest.mark.realdata

T2 = Quantity("T2", "global T2", "ms", (0.005, 0.2), "T2map")


def read(path) -> tuple[np.ndarray, Grid]:
    turned = nib.as_closest_canonical(nib.load(path))
    source = nib.io_orientation(nib.load(path).affine)
    axes = tuple((int(axis), bool(sign < 0)) for axis, sign in source)
    return np.asarray(turned.dataobj), Grid.of(turned.shape, turned.affine, source_axes=axes)


def test_muscles_of_a_real_calf_have_muscles_t2_on_both_sides(realdata):
    milliseconds, grid = read(realdata / "calf_mese/T2_scanner_map_13sl.nii.gz")
    reason = np.where(milliseconds > 0, Reason.OK, Reason.NO_SIGNAL).astype(np.uint8)
    values = np.where(reason == Reason.OK, milliseconds / 1000.0, np.nan)
    maps = Maps("scanner", grid, {"T2": Map(T2, values, None, reason)})
    volume, own = read(realdata / "calf_mese/labels.nii.gz")
    sides = {0: "left", 1: "right"}
    regions = [Region(k, f"muscle-{(k + 1) // 2}", sides[k % 2], "calf") for k in range(13, 27)]
    labels = Labels(volume, own, tuple(regions))
    placed = place_labels(labels, grid)
    assert placed.findings == ()
    rows = summarise(maps, [placed.labels], subject="calf1", session="")
    medians = {(r["region"], r["side"]): r["value"] for r in rows.where(statistic="median", slice="").rows()}
    assert len(medians) == 14 + 2
    # the labels lie a few mm too far back: the hindmost pair (15 and 16) lies half in the fat under the skin
    inside = {key: value for key, value in medians.items() if key[0] != "muscle-8"}
    assert all(38 < value < 50 for value in inside.values()), medians
    assert abs(medians["calf", "left"] - medians["calf", "right"]) < 3
    means = rows.where(statistic="mean", slice="").rows()
    assert all(r["se"] > r["sd_between"] / np.sqrt(r["n_voxels"]) * 0.999 for r in means)
    assert all(0.2 < r["coverage"] <= 1 for r in means)
    assert {r["slice"] for r in rows.rows()} - {""} <= {str(k) for k in range(13)}
    drawn = {(r["region"], r["side"]): r["value"] for r in volumes([placed.original], subject="", session="").rows()}
    assert 350 < drawn["calf", "left"] < 1500
    assert drawn["calf", "left"] == pytest.approx(drawn["calf", "right"], rel=0.15)
