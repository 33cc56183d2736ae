"""Through the command line: a profile on its band, and a change since baseline, in the answer, the tables and the page."""

import csv

import pytest

from tests.gauntlet.driving import neuromyo
from tests.unit.norms.cohort_tables import _tsv
from tests.unit.pipeline.test_pipeline_norm_profiles import cohort, profile

pytestmark = pytest.mark.gauntlet


def scalar(value, session=""):
    return {"subject": "c003", "session": session, "region": "soleus", "region_source": "", "side": "left", "quantity": "T2",
            "biomarker": "t2-water", "unit": "ms", "value": value, "statistic": "mean", "flags": ""}  # fmt: skip


def test_a_profile_and_a_change_reach_the_user(tmp_path):
    measured, people = cohort(12).write(tmp_path, "controls")
    norm, out, page = tmp_path / "n.norm.json", tmp_path / "z.tsv", tmp_path / "z.html"
    built = neuromyo("norms", "build", measured, "--people", people, "-o", norm)
    assert built.status == 0
    assert any(
        line["key"].startswith("CSA of sciatic-nerve (nerve-morphometry, profile") for line in built.json["norms"]
    )
    assert "## Along nerves" in neuromyo("norms", "card", norm).json["card"]

    (tmp_path / "bl.tsv").write_text(_tsv([scalar(34.0)]))
    (tmp_path / "fu.tsv").write_text(_tsv([scalar(40.0), *profile("c003", shift=25.0)]))
    asked = ("--baseline", tmp_path / "bl.tsv", "--retest-cv", "T2=2.1", "--retest-n", 12)
    said = neuromyo(
        "compare", tmp_path / "fu.tsv", "--norms", norm, "--people", people, "-o", out, "--html", page, *asked
    )
    assert said.status == 0
    (along,) = said.json["profiles"]
    assert along["how"] == "Bonferroni-t" and along["zero"] == "fibular-head" and 10.0 in along["unusual_mm"]
    assert along["said"].startswith("Cross-section of the left sciatic nerve is unusual at")
    (change,) = said.json["changes"]
    assert change["verdict"] == "rise" and change["words"].startswith("reliable rise: 34 to 40 ms")
    with out.open() as file:
        flagged = [r["level"] for r in csv.DictReader(file, delimiter="\t") if "W-ENVELOPE" in r["flags"]]
    assert "8 mm" in flagged and "-40 mm" not in flagged
    text = page.read_text()
    assert "Since baseline" in text and "reliable rise" in text and "mm from the fibular head, towards the foot" in text
