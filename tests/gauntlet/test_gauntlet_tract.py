"""Bad diffusion images, tables and regions through ``neuromyo tract``: one sentence, an exit status, nothing written."""

import json
import shutil

import numpy as np
import pytest

from neuromyo.core.errors import CODES
from tests.gauntlet.driving import neuromyo
from tests.gauntlet.making import digests
from tests.oracles import tract_study
from tests.oracles.tract_study import affine_of, nifti

pytestmark = pytest.mark.gauntlet

SHAPE = (12, 12, 14)
ASK = ("--option", "seeds_per_voxel=1", "--nprocs", 1, "--motion", "off")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    tract_study.write(folder, shape=SHAPE, n=12)
    return folder


def no_bvec(folder):
    (folder / "dwi.bvec").unlink()


def no_tables(folder):
    (folder / "dwi.bvec").unlink()
    (folder / "dwi.bval").unlink()


def short_table(folder):
    rows = (folder / "dwi.bvec").read_text().splitlines()
    (folder / "dwi.bvec").write_text("\n".join(row.rsplit(" ", 1)[0] for row in rows) + "\n")


def three_directions(folder):
    signal = np.random.default_rng(4).uniform(400, 600, (*SHAPE, 4)).astype("<f4")
    (folder / "dwi.nii.gz").write_bytes(nifti(signal, affine_of(SHAPE)))
    (folder / "dwi.bval").write_text("0 800 800 800\n")
    (folder / "dwi.bvec").write_text("0 1 0 0\n0 0 1 0\n0 0 0 1\n")


def not_numbers(folder):
    (folder / "dwi.nii.gz").write_bytes(nifti(np.full((*SHAPE, 15), np.nan, "<f4"), affine_of(SHAPE)))


def zeros(folder):
    (folder / "dwi.nii.gz").write_bytes(nifti(np.zeros((*SHAPE, 15), "<f4"), affine_of(SHAPE)))


def noise_alone(folder):
    noise = np.abs(np.random.default_rng(1).normal(0, 20, (*SHAPE, 15))).astype("<f4")
    (folder / "dwi.nii.gz").write_bytes(nifti(noise, affine_of(SHAPE)))


def cut_off(folder):
    path = folder / "dwi.nii.gz"
    path.write_bytes(path.read_bytes()[:-2000])


def region_elsewhere(folder):
    affine = affine_of(SHAPE)
    affine[:3, 3] += 500.0
    volume = np.zeros(SHAPE, np.uint8)
    volume[4:8, 4:8] = 1
    (folder / "nerve.nii.gz").write_bytes(nifti(volume, affine))


def empty_region(folder):
    (folder / "nerve.nii.gz").write_bytes(nifti(np.zeros(SHAPE, np.uint8), affine_of(SHAPE)))


def one_voxel(folder):
    volume = np.zeros(SHAPE, np.uint8)
    volume[6, 6, :] = 1
    (folder / "nerve.nii.gz").write_bytes(nifti(volume, affine_of(SHAPE)))


def no_image(folder):
    (folder / "nerve.nii.gz").write_bytes(b"not an image at all" * 40)


BAD = {
    "no bvec": (no_bvec, ("E-NEEDS", "E-GRAD"), "bvec"),
    "no tables": (no_tables, ("E-NEEDS", "E-GRAD", "E-BIDS"), "bv"),
    "a table one short": (short_table, ("E-GRAD",), "bvec"),
    "three directions": (three_directions, ("E-GRAD", "E-NEEDS", "E-PROTOCOL"), "dwi"),
    "an image of NaN": (not_numbers, ("E-NODATA",), "dwi"),
    "an image of nothing": (zeros, ("E-NOSIGNAL", "E-IDENTICAL", "E-EMPTYROI"), "dwi"),
    "half a file": (cut_off, ("E-TRUNC", "E-CRC"), "dwi"),
    "a region elsewhere": (region_elsewhere, ("E-GRID",), "same place"),
    "a region without a voxel": (empty_region, ("E-EMPTYROI",), "nerve.nii.gz"),
    "a nerve one voxel thick": (one_voxel, ("E-RESOLUTION",), "not supported"),
    "a region that is no image": (no_image, ("E-FORMAT",), "nerve.nii.gz"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_followed_is_refused_in_one_sentence(name, good, tmp_path):
    spoil, codes, words = BAD[name]
    folder = tmp_path / "in"
    shutil.copytree(good, folder)
    spoil(folder)
    before = digests(folder)
    ended = neuromyo("tract", folder / "dwi.nii.gz", "-o", tmp_path / "out" / "n", "--nerve", folder / "nerve.nii.gz", "--name",
                     "tibial-nerve", *ASK)  # fmt: skip
    error = ended.json["error"]
    assert error["code"] in codes, error["message"]
    assert ended.status == CODES[error["code"]][0] == ended.json["exit"]
    assert words in error["message"] and "\n" not in error["message"]
    assert digests(folder) == before and not (tmp_path / "out").exists()


def test_noise_alone_is_no_nerve(good, tmp_path):
    """Where there is only noise, lines are refused or told to be few; never a bundle from end to end."""
    folder = tmp_path / "in"
    shutil.copytree(good, folder)
    noise_alone(folder)
    ended = neuromyo(
        "tract", folder / "dwi.nii.gz", "-o", tmp_path / "out" / "n", "--nerve", folder / "nerve.nii.gz", *ASK
    )
    if ended.status == 0:
        rows = {(r["quantity"], r["statistic"]): r["value"] for r in ended.json["measurements"]}
        assert rows["tract_length", "mean"] < 0.7 * SHAPE[2] * 4.0, json.dumps(ended.json["measurements"])
    else:
        assert ended.json["error"]["code"] in ("E-NERVE", "E-EMPTYROI")


def test_an_input_is_never_written_over(good, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(good, folder)
    (folder / "n.trk").write_bytes(b"TRACK")
    before = digests(folder)
    ended = neuromyo("tract", folder / "dwi.nii.gz", "-o", folder / "n", "--tracts", folder / "n.trk", *ASK)
    assert ended.status == CODES["E-OUTDIR"][0] and ended.json["error"]["code"] == "E-OUTDIR"
    assert digests(folder) == before
