"""The nerve protocol has no spin echoes: its regions come from gradient echoes, and reach images on other grids."""

from __future__ import annotations

import collections
import csv
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_erosion

pytestmark = pytest.mark.journey

KEY = ("subject", "session", "acquisition", "region", "region_source", "side", "level", "slice", "quantity", "biomarker",
       "statistic")  # fmt: skip


def neuromyo(*words: object) -> None:
    done = subprocess.run([sys.executable, "-m", "neuromyo", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr


def halve(path: Path) -> None:
    """The image with pixels twice as wide, each the mean of four."""
    image = nib.load(path)
    data = np.asarray(image.dataobj, np.float32)
    x, y, *rest = data.shape
    affine = image.affine @ np.diag([2.0, 2.0, 1.0, 1.0])
    affine[:3, 3] += image.affine[:3, :2] @ [0.5, 0.5]
    nib.save(nib.Nifti1Image(data.reshape(x // 2, 2, y // 2, 2, *rest).mean((1, 3)), affine), path)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small nerve phantom, its B1 mapping on a coarser grid, run for B1 alone."""
    root = tmp_path_factory.mktemp("nerve")
    neuromyo("phantom", root / "in", "--set", "nerve_small")
    for path in (root / "in" / "sub-01" / "fmap").glob("*TB1AFI.nii.gz"):
        halve(path)
    neuromyo("run", root / "in", root / "out", "participant", "--biomarkers", "b1-afi")
    return root


def image(folder: Path, pattern: str) -> np.ndarray:
    (path,) = folder.rglob(pattern)
    return np.asarray(nib.load(path).dataobj)


def table(folder: Path, pattern: str) -> list[dict[str, str]]:
    (path,) = folder.rglob(pattern)
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_regions_agree_with_what_the_phantom_is_made_of(study):
    drawn, truth = image(study / "out", "*compartmentsgre_dseg.nii.gz"), study / "in" / "derivatives" / "truth"
    kinds = {row["index"]: row["name"] for row in table(study / "out", "*compartmentsgre_dseg.tsv")}
    true, rows = image(truth, "*truth_dseg.nii.gz"), table(truth, "*truth_dseg.tsv")
    for name, column in (("muscle", "parent"), ("subcutaneous-fat", "name")):
        mine = np.isin(drawn, [int(i) for i, one in kinds.items() if one == name])
        theirs = np.isin(true, [int(r["index"]) for r in rows if r[column] == name])
        assert 2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()) > 0.93
        inner = binary_erosion(theirs, np.ones((3, 3, 1), bool))
        assert mine[inner].mean() > 0.99


def test_a_map_on_another_grid_is_measured_in_them(study):
    rows = table(study / "out", "sub-01_measurements.tsv")
    assert max(collections.Counter(tuple(r[c] for c in KEY) for r in rows).values()) == 1
    assert {r["region_source"] for r in rows} == {"compartments-gre"}
    means = {r["region"]: r for r in rows if r["quantity"] == "B1" and r["statistic"] == "mean" and r["slice"] == "n/a"}
    volumes = {r["region"]: float(r["value"]) for r in rows if r["quantity"] == "volume" and r["statistic"] == "volume"}
    for name in ("muscle", "subcutaneous-fat"):
        assert means[name]["side"] == "right"
        assert 75 < float(means[name]["value"]) < 115
        assert float(means[name]["volume_ml"]) == pytest.approx(
            volumes[name], rel=0.1
        )  # on the coarse grid, and as drawn
        assert int(means[name]["n_voxels"]) > 100
