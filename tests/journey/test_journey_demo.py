"""The demo, as a new user runs it; its tables agree with what the phantom is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_erosion

pytestmark = pytest.mark.journey

IN_PLANE = np.ones((3, 3, 1), dtype=bool)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run([sys.executable, "-m", "neuromyo", "demo", str(out), "--json"], capture_output=True, text=True,
                          check=False, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert any(str(v).endswith("sub-01.html") for v in _leaves(json.loads(done.stdout)))
    return out


def _leaves(said: object) -> list[object]:
    if isinstance(said, dict):
        return [leaf for value in said.values() for leaf in _leaves(value)]
    return [leaf for value in said for leaf in _leaves(value)] if isinstance(said, list) else [said]


def image(folder: Path, pattern: str) -> np.ndarray:
    (path,) = folder.glob(pattern)
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


@pytest.mark.parametrize("subject", ["sub-01", "sub-02"])
def test_water_t2_and_fat_are_the_phantoms(demo: Path, subject: str) -> None:
    found, truth = demo / "results" / subject / "anat", demo / "bids/derivatives/truth" / subject / "anat"
    drawn = image(found, "*compartments_dseg.nii.gz")
    names = [line.split("\t") for line in next(found.glob("*compartments_dseg.tsv")).read_text().splitlines()[1:]]
    for index, name, side, *_ in names:
        if name != "muscle":
            continue
        inside = binary_erosion(drawn == int(index), IN_PLANE)
        t2, fat = image(found, "*desc-t2water_T2map.nii.gz"), image(found, "*desc-t2water_PDFF.nii.gz")
        true_t2, true_fat = image(truth, "*_T2map.nii.gz"), image(truth, "*_PDFF.nii.gz")
        used = inside & np.isfinite(t2) & np.isfinite(true_t2) & (true_fat < 50) & (fat < 50)
        assert used.sum() > 500
        assert abs(1e3 * np.mean(t2[used] - true_t2[used])) < 0.5, f"water T2 of {side} muscle"
        assert abs(np.mean(fat[used] - true_fat[used])) < 1.0, f"fat fraction of {side} muscle"
