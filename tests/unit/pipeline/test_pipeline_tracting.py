"""``neuromyo tract`` from files to files: lines, tables and page of a nerve whose course is known; others' lines; bad asking."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from tests.gauntlet.driving import neuromyo
from tests.oracles import tract_study

ASK = ("--option", "seeds_per_voxel=1", "--nprocs", 1, "--motion", "off")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tract")
    tract_study.write(folder)
    return folder


@pytest.fixture(scope="module")
def done(study):
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", study / "out" / "n", "--nerve", study / "nerve.nii.gz",
                     "--name", "tibial-nerve", "--side", "right", *ASK)  # fmt: skip
    assert ended.status == 0, ended.err
    return ended


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_lines_lie_in_the_nerve(study, done):
    lines = nib.streamlines.load(study / "out" / "n.trk").streamlines
    assert len(lines) == done.json["lines"] > 100
    off = np.concatenate([tract_study.BUNDLE.off(np.asarray(line)) for line in lines])
    assert np.percentile(off, 95) < tract_study.RADIUS_MM + 1.0 and off.max() < tract_study.RADIUS_MM + 3.0
    assert all(line[0][2] > line[-1][2] for line in lines)


def test_the_profile_is_that_of_the_nerve_from_its_upper_end(study, done):
    rows = table(study / "out" / "n_profile.tsv")
    assert list(rows[0]) == ["nerve", "side", "distance_mm", "quantity", "unit", "value", "spread"]
    fa = [r for r in rows if r["quantity"] == "FA"]
    distance = np.array([float(r["distance_mm"]) for r in fa])
    assert distance[0] == pytest.approx(0.0, abs=2.5) and np.all(np.diff(distance) > 0) and distance[-1] > 70
    true = 0.5777  # of eigenvalues 1.9, 0.7, 0.7
    assert np.mean([float(r["value"]) for r in fa]) == pytest.approx(true, abs=0.06)
    ad = [float(r["value"]) for r in rows if r["quantity"] == "AD"]
    assert np.mean(ad) == pytest.approx(1.9, abs=0.12) and rows[-1]["unit"]
    said = json.loads((study / "out" / "n_profile.json").read_text())
    assert said["Zero"] == "the nerve's upper end" and said["Lines"] == done.json["lines"]


def test_the_tidy_table_tells_of_the_whole(study, done):
    rows = {
        (r["quantity"], r["statistic"]): r for r in table(study / "out" / "n_measurements.tsv") if r["slice"] == "n/a"
    }
    assert float(rows["tract_count", "count"]["value"]) == done.json["lines"]
    assert 40 < float(rows["tract_length", "mean"]["value"]) < 82
    assert float(rows["coverage_length", "mean"]["value"]) == 1.0
    assert 0 < float(rows["FA", "mean"]["se"]) < 0.05
    assert rows["FA", "mean"]["region"] == "tibial-nerve" and rows["FA", "mean"]["side"] == "right"


def test_the_page_shows_them_and_fetches_nothing(study, done):
    page = (study / "out" / "n.html").read_text()
    assert page.count("<svg") == 6 and "Tibial nerve, right" in page and "Why lines ended" in page
    assert "http" not in page.replace("http-equiv", "").replace("https://doi.org", "")


def test_lines_of_others_are_measured_too_and_trx_is_written(study, done):
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", study / "theirs" / "n", "--nerve", study / "nerve.nii.gz",
                     "--tracts", study / "out" / "n.trk", "--format", "trx", *ASK)  # fmt: skip
    assert ended.status == 0, ended.err
    assert ended.json["lines"] == done.json["lines"]

    def mean(folder):
        return [
            r["value"]
            for r in table(study / folder / "n_measurements.tsv")
            if r["quantity"] == "FA" and r["slice"] == "n/a"
        ]

    assert float(mean("theirs")[0]) == pytest.approx(float(mean("out")[0]), abs=2e-3)
    assert (study / "theirs" / "n.trx").stat().st_size > 1000


def test_lines_without_a_nerve_have_the_profile_of_their_mean(study, done):
    ended = neuromyo(
        "tract", study / "dwi.nii.gz", "-o", study / "bare" / "n", "--tracts", study / "out" / "n.trk", *ASK
    )
    assert ended.status == 0, ended.err
    assert ended.json["zero"] == "the upper end of the mean line"
    fa = [float(r["value"]) for r in table(study / "bare" / "n_profile.tsv") if r["quantity"] == "FA"]
    assert np.mean(fa) == pytest.approx(0.56, abs=0.08)


def test_everything_anisotropic_has_a_profile_or_is_told_to_be_no_tube(study):
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", study / "all" / "n", "--option", "most_seeds=300", "--option",
                     "least_length_mm=10", *ASK)  # fmt: skip
    assert ended.status == 0, ended.err
    assert table(study / "all" / "n_measurements.tsv")
    told = [f for f in ended.json["findings"] if f["consequence"] == "no profile is given"]
    assert bool(told) == (ended.json["zero"] == "") == (not table(study / "all" / "n_profile.tsv"))


def test_a_turned_table_is_told_and_not_followed(study, tmp_path):
    """Rows two and three of the bvec file exchanged: water seems to move most freely across the nerve."""
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.json", "nerve.nii.gz", "nerve.tsv"):
        (tmp_path / name).symlink_to(study / name)
    rows = (study / "dwi.bvec").read_text().splitlines()
    (tmp_path / "dwi.bvec").write_text("\n".join((rows[0], rows[2], rows[1])) + "\n")
    ended = neuromyo(
        "tract", tmp_path / "dwi.nii.gz", "-o", tmp_path / "out" / "n", "--nerve", tmp_path / "nerve.nii.gz", *ASK
    )
    said = (
        ended.json["error"]["message"]
        if ended.status
        else " ".join(f["message"] + f["remedy"] for f in ended.json["findings"])
    )
    assert "check the bvec file" in said and (
        "across the nerve's course" in said or "off the nerve's course" in said
    ), said


def test_labels_on_a_finer_grid_are_brought_over(study, tmp_path):
    """Drawn on pixels of half the size, oblique to nothing else: the same lines in number and FA to a few percent."""
    image = nib.load(study / "nerve.nii.gz")
    fine = np.repeat(np.repeat(np.asarray(image.dataobj), 2, 0), 2, 1)
    affine = image.affine @ np.diag([0.5, 0.5, 1.0, 1.0])
    affine[:3, 3] = image.affine[:3, 3] - image.affine[:3, :2] @ [0.25, 0.25]
    nib.save(nib.Nifti1Image(fine.astype(np.uint8), affine), tmp_path / "fine.nii.gz")
    (tmp_path / "fine.tsv").write_text((study / "nerve.tsv").read_text())
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", tmp_path / "n", "--nerve", tmp_path / "fine.nii.gz", *ASK)
    assert ended.status == 0, ended.err
    fa = next(r["value"] for r in ended.json["measurements"] if r["quantity"] == "FA")
    assert fa == pytest.approx(0.55, abs=0.05)


def test_distances_begin_at_a_bony_level(study, done):
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", study / "bone" / "n", "--nerve", study / "nerve.nii.gz", "--zero",
                     "fibular-head=-20,5,0", *ASK)  # fmt: skip
    assert ended.status == 0, ended.err
    assert ended.json["zero"] == "fibular-head"
    distance = [float(r["distance_mm"]) for r in table(study / "bone" / "n_profile.tsv") if r["quantity"] == "FA"]
    assert distance[0] == pytest.approx(-38.0, abs=3.0) and distance[-1] == pytest.approx(38.0, abs=3.0)


def test_a_bony_level_beyond_the_nerve_is_told(study):
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", study / "far" / "n", "--nerve", study / "nerve.nii.gz", "--zero",
                     "fibular-head=-20,5,400", *ASK)  # fmt: skip
    assert ended.status == 0, ended.err
    assert ended.json["zero"] == "the nerve's upper end"
    assert [f for f in ended.json["findings"] if f["consequence"] == "distances are counted from its upper end"]


ASKED_WRONGLY = {
    "a zero without a nerve": (("--zero", "fibular-head=0,0,0"), "E-OPTION", "--nerve"),
    "another name": (("--nerve", "{}/nerve.nii.gz", "--name", "sural-nerve"), "E-EMPTYROI", "tibial-nerve (right)"),
    "the other side": (
        ("--nerve", "{}/nerve.nii.gz", "--name", "tibial-nerve", "--side", "left"),
        "E-EMPTYROI",
        "tibial-nerve (right)",
    ),
    "no such side": (("--side", "up"), "E-OPTION", "left or right"),
    "no such format": (("--format", "tck"), "E-OPTION", "trk"),
    "no such option": (("--option", "steps=3"), "E-UNKNOWN", "least_fa"),
    "an impossible option": (("--option", "least_fa=2"), "E-OPTION", "least_fa"),
    "no file": (("--nerve", "{}/nowhere.nii.gz"), "E-NOTFOUND", "nowhere"),
    "no lines": (("--tracts", "{}/dwi.bval"), "E-FORMAT", "TrackVis"),
    "nothing anisotropic": (
        ("--nerve", "{}/nerve.nii.gz", "--option", "least_fa=0.95"),
        "E-NERVE",
        "anisotropy too low",
    ),
}


@pytest.mark.parametrize("name", ASKED_WRONGLY)
def test_what_cannot_be_is_refused_in_words(name, study, tmp_path):
    words, code, said = ASKED_WRONGLY[name]
    ended = neuromyo("tract", study / "dwi.nii.gz", "-o", tmp_path / "n", *(w.format(study) for w in words), *ASK)
    assert ended.status == 2 and ended.json["error"]["code"] == code, ended.err
    assert said in ended.json["error"]["message"]
    assert not list(tmp_path.iterdir())
