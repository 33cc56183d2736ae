"""The analysis of 1998 from the command line: on the simulated cohort's tables, on the same tables as a user has them, from images.

The whole cohort from images takes minutes, and is asked for by name:

    pytest -m whole tests/journey/test_journey_als_1998.py -s
"""

import csv
import json

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from neuromyo.phantom import als_1998, als_1998_legs
from neuromyo.pipeline import als_1998 as job
from neuromyo.pipeline import als_1998_scans as scans
from tests.gauntlet import driving

pytestmark = pytest.mark.journey


def table(path):
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    out = tmp_path_factory.mktemp("als") / "out"
    return out, driving.neuromyo("study", "als-1998", "--simulate", "--tables-only", "-o", out)


def test_the_table_of_the_cohort_has_the_papers_findings(simulated):
    out, ran = simulated
    assert ran.status == 0, ran.err
    paper = table(out / "study" / "tables" / "paper.tsv")
    assert len(paper) == 8 and all(row["again"] == "yes" for row in paper)
    said = json.loads((out / "study" / "analysis.json").read_text(encoding="utf-8"))
    assert "chosen out of 3,000" in said["analyses"][0]["summary"][0]
    page = (out / "study" / "study.html").read_text(encoding="utf-8")
    assert "chosen out of 3,000" in page and "Bryan" in page
    assert (out / "study" / "figures" / "t2-cmap-change.svg").is_file()


def test_a_users_tables_give_the_same_numbers(simulated, tmp_path):
    out, first = simulated
    again = driving.neuromyo("study", "als-1998", out / "table" / "measurements.tsv", "--people", out / "bids", "--clinical",
                        out / "bids" / "phenotype", "-o", tmp_path / "study")  # fmt: skip
    assert again.status == 0, again.err
    ours, theirs = (one.json["analyses"][0] for one in (again, first))
    assert ours["tables"] == theirs["tables"]
    assert ours["summary"] == theirs["summary"][1:]  # but for where the cohort is from


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--simulate"),
        (("--simulate",), "add -o DIR"),
        (("--tables-only",), "add --simulate"),
        (("--only", "3"), "add --simulate"),
    ],
)
def test_what_is_missing_is_said(arguments, words):
    ran = driving.neuromyo("study", "als-1998", *arguments)
    assert ran.status == 2 and words in ran.err and "Traceback" not in ran.err


@pytest.mark.slow
def test_one_patient_from_paint_to_muscle(tmp_path):
    """The most wasted muscle: drawn by the software, its T2 by the closed form of two echoes, its volume by counting."""
    made, number = als_1998.draw(), 8
    scans.make_reader(tmp_path, made, als_1998_legs.SNR)
    visit = scans.Visit(tmp_path, made, number, 0, als_1998_legs.SNR)
    scans.make(visit)
    drawn = np.asarray(nibabel.load(visit.regions).dataobj) > 0
    echoes = [np.asarray(nibabel.load(visit.scan(f"acq-tr2_echo-{i}_MESE")).dataobj) for i in (1, 2)]
    inner = np.stack([ndimage.binary_erosion(drawn[..., k]) for k in range(drawn.shape[2])], axis=2)
    t2 = 60.0 / np.log(echoes[0][inner] / echoes[1][inner])
    assert t2.mean() == pytest.approx(made.values["T2"][0, number], abs=0.5)
    stack = als_1998_legs.STACK
    volume = drawn.sum() * np.prod(stack.spacing_mm) * stack.slice_spacing_mm / 1000.0
    assert volume == pytest.approx(made.values["volume"][0, number], abs=9.0)
    truth = nibabel.load(
        next((tmp_path / "bids" / "derivatives" / "truth" / visit.names[0]).rglob("*truth_dseg.nii.gz"))
    )
    index = next(
        int(r["index"])
        for r in table(str(truth.get_filename()).replace(".nii.gz", ".tsv"))
        if r["name"] == als_1998_legs.MUSCLE
    )
    true = np.asarray(truth.dataobj) == index
    assert 2 * (drawn & true).sum() / (drawn.sum() + true.sum()) > 0.94
    before = visit.regions.stat().st_mtime_ns
    assert (
        visit.done and scans.make(visit) == visit.label and visit.regions.stat().st_mtime_ns == before
    )  # not made again


@pytest.mark.whole
@pytest.mark.timeout(7200)
def test_the_whole_cohort_from_images(tmp_path):
    done = job.simulate(job.Request(tmp_path / "out", nprocs=2), {})
    one, back = done.results.analyses
    print(*one.summary, *back.summary, sep="\n")
    assert [row[-1] for row in one.table("paper").rows] == ["yes"] * 8
    errors = {row[0]: row for row in back.table("errors").rows}
    assert abs(errors["global T2"][3]) < 0.5 and errors["global T2"][2] == 38
    promised = [row for row in back.table("correlations").rows if row[-1] == "yes"]
    assert len(promised) == 4 and all(abs(row[6]) <= 0.05 for row in promised)
    assert {t.id for t in one.tables} >= {"explained", "markers", "changes"}
