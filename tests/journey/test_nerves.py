"""Two nerves of one person and a refused one of another through `run`: nothing twice, only what changed again, everything told."""

import hashlib
import json

import numpy as np
import pytest

from neuromyo.pipeline import nerves
from tests.gauntlet.driving import neuromyo
from tests.gauntlet.making import gz, nii
from tests.journey.kit import rows
from tests.unit.nerve.nerve_scene import Scene

pytestmark = pytest.mark.journey

PIXEL = 0.8
AFFINE = np.diag([PIXEL, PIXEL, 3.0, 1.0])
AFFINE[:3, 3] = [-11.6, -11.6, -6]
HEAD = "participant_id\tsession_id\tkind\tname\tside\tx\ty\tz\n"
LEFT = "sub-01\tn/a\tstart\tsciatic-nerve\tleft\t0\t0\t0\n"
RIGHT = "sub-01\tn/a\tstart\tsciatic-nerve\tright\t40\t0\t0\n"
NONE = "sub-02\tn/a\tstart\ttibial-nerve\tright\t11\t11\t0\n"


def keys(table):
    names = (
        "subject",
        "session",
        "acquisition",
        "region",
        "region_source",
        "side",
        "level",
        "slice",
        "quantity",
        "biomarker",
    )
    return [tuple(r[n] for n in (*names, "statistic")) for r in table]


def digests(out):
    return {
        str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(out.rglob("*"))
        if p.is_file() and p.name != "run.json"
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """T2-weighted images alone, of one person with two nerves 40 mm apart, and of one where the click is in the muscle."""
    root = tmp_path_factory.mktemp("nerves")
    scene = Scene(weighting="T2w-fs", pixel_mm=PIXEL, field_mm=24.0, n_slices=5, area_mm2=30, seed=1)
    one = scene.make()[0].astype(np.float32)
    rng = np.random.default_rng(0)
    between = np.median(one) + rng.normal(0, 8, (20, *one.shape[1:]))
    both = np.concatenate([one, between.astype(np.float32), one], axis=0)
    for subject, values in (("01", both), ("02", one)):
        anat = root / "in" / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        (anat / f"sub-{subject}_acq-fs_T2w.nii.gz").write_bytes(gz(nii(values, AFFINE)))
        (anat / f"sub-{subject}_acq-fs_T2w.json").write_text("{}")
    said = {"Name": "Nerves", "BIDSVersion": "1.10.0"}
    (root / "in" / "dataset_description.json").write_text(json.dumps(said))
    return root


@pytest.fixture
def traced(monkeypatch):
    """What was followed since, without fascicles, which are slow and another matter."""
    seen, true = [], nerves.trace
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([], []))
    monkeypatch.setattr(nerves, "trace", lambda *a, **k: (seen.append(f"{k['name']} {k['side']}"), true(*a, **k))[1])
    return seen


def test_a_run_with_landmarks_is_a_resume(study, traced):
    table, out = study / "landmarks.tsv", study / "out"

    def run():
        traced.clear()
        return neuromyo("run", study / "in", out, "participant", "--landmarks", table, "--nprocs", "1")

    table.write_text(HEAD + LEFT + RIGHT + NONE)
    first = run()
    assert first.status == 0, first.err
    assert traced == ["sciatic-nerve left", "sciatic-nerve right", "tibial-nerve right"]
    assert "sub-02: trace tibial-nerve right" in first.err  # the refused one is told where the run is watched
    assert "no nerve" in first.err
    made = digests(out)
    found = rows(out / "measurements.tsv")
    assert len(keys(found)) == len(set(keys(found)))
    assert {r["side"] for r in found if r["quantity"] == "CSA" and r["statistic"] == "mean"} == {"left", "right"}
    assert "" not in {r["unit"] for r in found}
    page = (out / "sub-01.html").read_text()
    assert "Sciatic nerve, left" in page
    assert "Sciatic nerve, right" in page
    assert "Cross-section in sciatic nerve: left" in page
    assert "likeness to a nerve" in page
    assert "_diameter" not in page.partition("<main")[2].partition('id="nerves"')[0]
    assert "mm2/" not in page
    assert "tibial-nerve" in (out / "sub-02.html").read_text()

    again = run()
    assert traced == []
    assert again.json["did_nothing"]
    assert digests(out) == made
    assert "no nerve" in again.err

    table.write_text(HEAD + LEFT.replace("\t0\t0\t0", "\t0.5\t0\t0") + RIGHT + NONE)
    assert run().status == 0
    assert traced == ["sciatic-nerve left"]
    changed = {name for name, digest in digests(out).items() if made.get(name) != digest}
    assert not [name for name in changed if "sciatic-nerve-right" in name or "SciaticnerveRight" in name], changed
    assert neuromyo("run", study / "in", out, "group").status == 0

    (out / "sub-01" / "anat" / "sub-01_acq-fs_desc-traceSciaticnerveRight_dseg.nii.gz").write_bytes(
        b"half"
    )  # killed in between
    table.write_text(HEAD + LEFT + RIGHT + NONE)
    run()
    assert digests(out)["measurements.tsv"] == made["measurements.tsv"]


def test_a_table_of_others_is_told(study, traced, tmp_path):
    table = tmp_path / "landmarks.tsv"
    table.write_text(HEAD + LEFT.replace("sub-01", "sub-1"))
    said = neuromyo("run", study / "in", tmp_path / "out", "participant", "--landmarks", table, "--nprocs", "1")
    assert traced == []
    assert "no row is of a session that is measured (sub-01, sub-02)" in said.err
