"""A run beside healthy people: the columns, what a second norm repeats, and that everything else stays as it is."""

import csv
import json

import pytest

from tests.gauntlet.driving import neuromyo, rewrite, write_study
from tests.gauntlet.making import digests
from tests.unit.norms.cohort_tables import healthy

pytestmark = pytest.mark.gauntlet
ASK = ("--biomarkers", "t2-mono", "--nprocs", 1)


def norm_of_muscle(folder, name, seed=0, *more):
    """A norm of what `run` measures in the tiny study: T2 of muscle around 35 ms."""
    cohort = healthy(20, seed=seed, quantities=("T2",))
    for row in cohort.rows:
        row |= {"region": "muscle", "region_source": "compartments", "biomarker": "t2-mono"}
    measured, people = cohort.write(folder, name)
    out = folder / f"{name}.norm.json"
    assert neuromyo("norms", "build", measured, "--people", people, "-o", out, *more).status == 0
    return out


def run(root, out, *more):
    said = neuromyo("run", root, out, "participant", *ASK, *more)
    steps = {s["session"]: {x["name"]: x["status"] for x in s["steps"]} for s in said.json["sessions"]}
    return said, steps


def rows(path):
    with path.open() as file:
        return [r for r in csv.DictReader(file, delimiter="\t") if r["slice"] == "n/a" and r["statistic"] == "mean"]


def test_a_run_beside_healthy_people(tmp_path):
    root, out = write_study(tmp_path / "study", subjects=("good",)), tmp_path / "out"
    (root / "participants.tsv").write_text("participant_id\tage\tsex\tsite\nsub-good\t50\tF\there\n")
    first, second = norm_of_muscle(tmp_path, "first"), norm_of_muscle(tmp_path, "second", 5, "--field", 3)

    plain, steps = run(root, out)
    assert plain.status == 0 and set(steps["sub-good"].values()) == {"done"}
    bare = rows(out / "measurements.tsv")
    assert all(r["z"] == "n/a" for r in bare)

    said, steps = run(root, out, "--norms", first)
    assert said.status == 0
    redone = {name for name, status in steps["sub-good"].items() if status == "done"}
    assert redone == {"table", "page"}, "maps and regions are as they were"
    found = rows(out / "measurements.tsv")
    label = f"first@{json.loads(first.read_text())['sha256'][:8]}"
    muscle = [r for r in found if r["region"] == "muscle" and r["quantity"] == "T2"]
    assert len(muscle) == 2 and all(r["norm"] == label and abs(float(r["z"])) < 4 for r in muscle)
    assert [r["value"] for r in found] == [r["value"] for r in bare]
    assert all(
        r["z"] == "n/a" and "W-NOTCOMPARED" in r["flags"]
        for r in found
        if r["region"] == "other-tissue" and r["quantity"] == "T2"
    )
    assert rows(out / "sub-good" / "sub-good_measurements.tsv") == found
    assert "there is no value" in json.dumps(said.json), "why is told once"

    before = digests(out)
    again, steps = run(root, out, "--norms", first)
    assert set(steps["sub-good"].values()) == {"reused"}
    after = digests(out)
    assert {n: d for n, d in after.items() if n != "record/run.json"} == {
        n: d for n, d in before.items() if n != "record/run.json"
    }
    assert again.status == 0

    _, steps = run(root, out, "--norms", second)
    assert {n for n, s in steps["sub-good"].items() if s == "done"} == {"table", "page"}
    assert {r["norm"].partition("@")[0] for r in rows(out / "measurements.tsv") if r["z"] != "n/a"} == {"second"}

    for sidecar in (root / "sub-good" / "anat").glob("*.json"):
        rewrite(sidecar, MagneticFieldStrength=1.5)
    other, _ = run(root, out, "--norms", second)
    assert other.status == 0 and "scans at 3 T" in json.dumps(other.json)
    assert all(r["z"] == "n/a" for r in rows(out / "measurements.tsv"))


def test_a_norm_that_cannot_be_used_stops_the_run_before_it_begins(tmp_path):
    root = write_study(tmp_path / "study", subjects=("good",))
    (tmp_path / "x.norm.json").write_text("{}")
    said = neuromyo("run", root, tmp_path / "out", "participant", *ASK, "--norms", tmp_path / "x.norm.json")
    assert said.status == 2 and said.json["error"]["code"] == "E-NORM"
    assert not (tmp_path / "out").exists()
