"""Labels of a first visit carried to a second one, as a person asks for it: files in, labels, table and page out."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.unit.anatomy.visits import Visit, Warp, dice, person, scan, stack

pytestmark = pytest.mark.journey

CENTRE = (95.0, 0.0, 195.0)
MOVED = Visit(Warp(5.0, 1.0, 3), 4.0, (6.0, -4.0, 0.0), CENTRE)


def neuromyo(*words):
    return subprocess.run([sys.executable, "-m", "neuromyo", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip


def put(path, values, grid):
    nib.save(nib.Nifti1Image(values, grid.affine), path)


def put_labels(path, labels, affine=None):
    """Stored from left to right where the image is stored from right to left: another grid, the same places."""
    volume, placed = labels.volume[::-1].astype(np.uint8), (labels.grid.affine if affine is None else affine).copy()
    placed[:3, 3] += placed[:3, 0] * (volume.shape[0] - 1)
    placed[:3, 0] *= -1
    nib.save(nib.Nifti1Image(volume, placed), path)
    rows = ["index\tname\tside", *(f"{r.index}\t{r.name}\t{r.side}" for r in labels.regions)]
    path.with_name(path.name.replace(".nii.gz", ".tsv")).write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    image, labels = scan(person(), stack((100, 100), 1.6, 5, 8.0, CENTRE), "T2w", 1, through=1)
    put(folder / "first_T2w.nii.gz", image.values, image.grid)
    put_labels(folder / "first_dseg.nii.gz", labels)
    far = labels.grid.affine.copy()
    far[0, 3] += 70.0
    put_labels(folder / "far_dseg.nii.gz", labels, far)
    image, truth = scan(person(), stack((100, 100), 1.6, 5, 8.0, (95.0, 0.0, 197.0)), "T1w", 2, MOVED, through=1)
    put(folder / "second_T1w.nii.gz", image.values, image.grid)
    return folder, truth


def test_labels_stored_in_another_order_reach_the_second_visit(visits):
    folder, truth = visits
    out = folder / "out"
    said = neuromyo("segment", "transfer", folder / "second_T1w.nii.gz", "-o", out,
                    "--from", f"{folder / 'first_T2w.nii.gz'},{folder / 'first_dseg.nii.gz'}")  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "bringing first_T2w.nii.gz onto" in said.stderr
    found = np.asarray(nib.load(f"{out}_dseg.nii.gz").dataobj)
    rows = list(csv.DictReader(Path(f"{out}_dseg.tsv").read_text().splitlines(), delimiter="\t"))
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)
    index = {row["name"]: int(row["index"]) for row in rows}
    regions = tuple(replace(r, index=index[r.name]) for r in truth.regions)
    reached = dice(replace(truth, volume=found, regions=regions), truth)
    assert min(reached.values()) > 0.85, reached
    assert np.mean(list(reached.values())) > 0.92, reached
    assert json.loads(Path(f"{out}_dseg.json").read_text())["Atlases"] == ["first_T2w.nii.gz"]
    assert "<svg" in Path(f"{out}.html").read_text() or "<img" in Path(f"{out}.html").read_text()


def test_labels_that_do_not_lie_on_their_image_are_refused(visits):
    folder, _ = visits
    said = neuromyo("segment", "transfer", folder / "second_T1w.nii.gz", "-o", folder / "refused",
                    "--from", f"{folder / 'first_T2w.nii.gz'},{folder / 'far_dseg.nii.gz'}")  # fmt: skip
    assert said.returncode == 2
    assert "E-GRID" in said.stderr and "far_dseg.nii.gz" in said.stderr
    assert not list(folder.glob("refused*"))
