"""The main job on a real scan of both calves, as a user runs it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import spearmanr

pytestmark = [pytest.mark.realdata, pytest.mark.journey]

FIRST_LABEL, LAST_LABEL = 13, 26


def neuromyo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "neuromyo", *words], capture_output=True, text=True, check=False, timeout=300
    )


def image(path: Path) -> np.ndarray:
    """Voxels in RAS+ order."""
    return np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj, dtype=np.float64)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    data = request.getfixturevalue("realdata")
    folder = tmp_path_factory.mktemp("calf") / "out"
    done = neuromyo("run", str(data / "calf_bids"), str(folder), "participant")
    assert done.returncode == 0, done.stderr
    assert "assumes repetition_time" in done.stderr and "assumes refocusing_angle_deg" in done.stderr
    return folder


@pytest.fixture(scope="module")
def muscle(out: Path, realdata: Path) -> np.ndarray:
    """Voxels with scanner T2 of 20 to 70 ms and a first echo over 10 % of its 99th percentile."""
    scanner = image(realdata / "calf_mese/T2_scanner_map_13sl.nii.gz")
    first = image(realdata / "calf_bids/sub-calf1/anat/sub-calf1_echo-01_MESE.nii.gz")
    return (scanner >= 20) & (scanner <= 70) & (first > 0.1 * np.percentile(first, 99))


def test_global_t2_is_the_scanners(out: Path, realdata: Path, muscle: np.ndarray) -> None:
    scanner = image(realdata / "calf_mese/T2_scanner_map_13sl.nii.gz")[muscle]
    ours = 1e3 * image(out / "sub-calf1/anat/sub-calf1_desc-t2mono_T2map.nii.gz")[muscle]
    assert muscle.sum() > 26000
    assert np.isfinite(ours).all(), "none dropped as failed"
    assert spearmanr(ours, scanner).statistic > 0.99
    assert np.median(np.abs(ours - scanner)) < 0.5


def test_water_t2_of_muscle_is_believable(out: Path, muscle: np.ndarray) -> None:
    water = 1e3 * image(out / "sub-calf1/anat/sub-calf1_desc-t2water_T2map.nii.gz")
    fat = image(out / "sub-calf1/anat/sub-calf1_desc-t2water_PDFF.nii.gz")
    lean = water[muscle & (fat < 20)]
    assert np.isfinite(lean).mean() > 0.99
    assert 27 < np.nanmedian(lean) < 40
    assert np.nanpercentile(lean, 95) < 45 and np.nanpercentile(lean, 5) > 20, "piled up at a bound"


def test_output_is_valid_bids_and_says_what_was_assumed(out: Path, validator: Callable[[Path], list]) -> None:
    assert validator(out) == []
    page = (out / "sub-calf1.html").read_text(encoding="utf-8")
    assert "RepetitionTime" in page and "not stated" in page


def regions_of(realdata: Path, folder: Path, odd_side: str, even_side: str) -> Path:
    anat = folder / "sub-calf1" / "anat"
    anat.mkdir(parents=True)
    shutil.copy(realdata / "calf_mese/labels.nii.gz", anat / "sub-calf1_dseg.nii.gz")
    with (anat / "sub-calf1_dseg.tsv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(["index", "name", "side", "parent", "code"])
        for index in range(FIRST_LABEL, LAST_LABEL + 1):
            side = odd_side if index % 2 else even_side
            table.writerow([index, f"muscle-{(index - FIRST_LABEL) // 2 + 1}", side, "calf", "n/a"])
    return folder


def test_swapped_sides_stop_and_an_explicit_flip_goes_on(realdata: Path, tmp_path: Path) -> None:
    regions = regions_of(realdata, tmp_path / "regions", odd_side="left", even_side="right")
    words = ("run", str(realdata / "calf_bids"), str(tmp_path / "out"), "participant", "--biomarkers", "t2-mono",
             "--regions", str(regions))  # fmt: skip
    refused = neuromyo(*words)
    assert refused.returncode == 2
    assert "E-SIDE" in refused.stderr and "Traceback" not in refused.stderr
    flipped = neuromyo(*words, "--flip-labels", "left-right")
    assert flipped.returncode == 0, flipped.stderr
    with (tmp_path / "out/measurements.tsv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["region"].startswith("muscle-")]
    means = {(r["region"], r["side"]) for r in rows if r["statistic"] == "mean" and r["slice"] == "n/a"}
    assert len(means) == LAST_LABEL - FIRST_LABEL + 1
