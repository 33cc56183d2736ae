"""`neuromyo study VERB` as a person gives it: flags from options, tables in, a folder of results out."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.gauntlet.driving import neuromyo
from tests.gauntlet.making import digests
from tests.journey.study_fake import fakery  # noqa: F401
from tests.journey.study_making import two_visits, write_tsv

pytestmark = pytest.mark.usefixtures("fakery")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return two_visits().write(tmp_path_factory.mktemp("study"))


def fake(made, *more, tables=None, people=True):
    who = ("--people", made["people"]) if people else ()
    return neuromyo("study", "fakery", tables or made["tables"], *who, *more)


def test_the_verb_reads_analyses_and_writes_all(made, tmp_path):
    out = tmp_path / "out"
    said = fake(made, "--clinical", made["clinical"], "-o", out)
    assert said.status == 0, said.err
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {"analysis.json", "methods.md", "tables/means.tsv", "tables/means.json"} <= names
    numbers = json.loads((out / "analysis.json").read_text())
    rows = numbers["analyses"][0]["tables"][0]["rows"]
    assert {r["variable"] for r in rows} >= {
        "T2/tibialis-anterior/right",
        "cmap.amplitude/tibialis-anterior/left",
        "mvic.force/ankle-dorsiflexion/left",
    }
    assert json.loads((out / "tables/means.json").read_text())["mean"]["Description"] == "mean of the group"
    assert said.json["analyses"][0]["kind"] == "fakery" and said.json["exit"] == 0
    assert numbers["flow"]["patient"][0] == {"box": "enrolled", "people": 11, "left": {}}


def test_means_are_those_of_the_tables(made):
    said = fake(made, "--variables", "T2/*/right", "--session", "m0")
    rows = said.json["analyses"][0]["tables"][0]["rows"]
    truth = [
        r["value"]
        for r in two_visits().measured
        if r["quantity"] == "T2" and r["side"] == "right" and r["session"] == "m0" and r["subject"][0] == "c"
    ]
    control = next(r for r in rows if r["group"] == "control")
    assert (control["n"], control["variable"]) == (8, "T2/tibialis-anterior/right")
    assert control["mean"] == pytest.approx(np.mean(truth), abs=1e-12)


def test_the_mean_of_sides_only_where_asked(made):
    said = fake(made, "--variables", "T2/tibialis-anterior", "--sides", "mean")
    assert said.json["analyses"][0]["tables"][0]["rows"][0]["variable"] == "T2/tibialis-anterior/mean"
    assert any("--sides mean" in f["message"] for f in said.json["findings"])
    both = fake(made, "--variables", "T2/tibialis-anterior")
    assert both.status == 2 and "T2/tibialis-anterior/left, T2/tibialis-anterior/right" in both.json["error"]["message"]


def test_lists_by_commas_or_repeated_and_numbers_are_checked(made):
    for flags in (("--cutoffs", "0.5,1"), ("--cutoffs", "0.5", "--cutoffs", "1")):
        said = fake(made, *flags, "--log", "--level", "0.9")
        assert said.status == 0, said.err
    wrong = fake(made, "--level", "95")
    assert wrong.status == 2 and "<= 0.999" in wrong.json["error"]["message"]
    assert "a whole number" in fake(made, "--seed", "1.5").json["error"]["message"]
    assert fake(made, "--nonsense", "1").status == 2


def test_help_says_what_options_mean(made, capsys):
    said = neuromyo("study", "fakery", "--help")
    assert "The group of reference. Default: control." in " ".join(said.out.split())
    assert "Cut-offs, in ms. Default: 1.5,2.5." in " ".join(said.out.split())
    assert "fakery" in neuromyo("study", "--help").out


def test_the_same_bytes_wherever_and_whenever(made, tmp_path):
    for name in ("a", "b"):
        assert fake(made, "--clinical", made["clinical"], "-o", tmp_path / name).status == 0
    kept = [{k: v for k, v in digests(tmp_path / n).items() if not str(k).startswith("record")} for n in "ab"]
    assert kept[0] == kept[1]
    text = "".join(p.read_text() for p in (tmp_path / "a").rglob("*") if p.is_file() and "record" not in p.parts)
    assert str(tmp_path) not in text


def test_a_folder_of_others_is_left_alone(made, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    said = fake(made, "-o", tmp_path)
    assert said.status == 4 and said.json["error"]["code"] == "E-OUTDIR"
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]
    run = tmp_path / "run" / "record"
    run.mkdir(parents=True)
    (run / "made_by_neuromyo.json").write_text("{}")
    assert "results of another verb" in fake(made, "-o", run.parent).json["error"]["message"]


def test_a_second_study_replaces_the_first_and_leaves_nothing_of_it(made, tmp_path):
    out = tmp_path / "out"
    assert fake(made, "-o", out).status == 0
    stale = out / "tables" / "old.tsv"
    record = json.loads((out / "record/study.json").read_text())
    record["files"] |= {"tables/old.tsv": "", "../outside.tsv": ""}
    stale.write_text("x")
    (tmp_path / "outside.tsv").write_text("x")
    (out / "record/study.json").write_text(json.dumps(record))
    assert fake(made, "-o", out).status == 0
    assert not stale.exists() and (tmp_path / "outside.tsv").exists()


def test_people_are_told_in_words(made, capsys):
    from neuromyo.cli.main import main

    with pytest.raises(SystemExit) as end:
        main(["study", "fakery", str(made["tables"]), "--people", str(made["people"])])
    assert end.value.code == 0
    told = capsys.readouterr()
    assert "A small analysis" in told.out and " % in control" in told.out
    assert "labels are not read as times" not in told.err  # one visit: it does not matter when the others were


def test_when_visits_were_is_told_where_they_are_compared(made, capsys):
    from neuromyo.cli.main import main

    given = ["--people", str(made["people"]), "--variables", "T2/tibialis-anterior/left"]
    with pytest.raises(SystemExit) as end:
        main(["study", "change", str(made["tables"]), *given])
    assert end.value.code == 0
    assert "labels are not read as times" in capsys.readouterr().err


def test_the_terminal_shows_a_small_table_and_names_the_file_of_a_large_one(made, capsys, tmp_path):
    from neuromyo.cli.main import main

    told = []
    for more in (["--session", "m0", "--variables", "T2/*"], ["-o", str(tmp_path / "out")]):
        with pytest.raises(SystemExit):
            main(["study", "fakery", str(made["tables"]), "--people", str(made["people"]), *more])
        told.append(capsys.readouterr().out)
    small, large = told
    assert "T2/tibialis-anterior/left" in small and "Table:" not in small
    assert f"rows): {tmp_path / 'out/tables/means.tsv'}" in large


def test_without_people_and_without_tables(made, tmp_path):
    said = fake(made, people=False)
    assert said.status == 2 and said.json["error"]["code"] == "E-STUDY"
    alone = neuromyo("study", "fakery", "--people", made["people"], "--clinical", made["clinical"])
    assert alone.status == 0, alone.err
    nothing = neuromyo("study", "fakery", "--people", made["people"])
    assert nothing.status == 2 and "measurements.tsv of your run" in nothing.json["error"]["message"]


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read_in_seconds(tmp_path):
    import time

    rows = []
    for i in range(500):
        for k in range(100):
            base = {
                "subject": f"{i:03d}",
                "region": f"muscle-{k}",
                "quantity": "T2",
                "biomarker": "t2-mono",
                "unit": "ms",
                "statistic": "mean",
            }
            rows += [{**base, "session": v, "side": "left", "value": 30 + k / 7} for v in ("m0", "m4")]
    path = write_tsv(Path(tmp_path) / "measurements.tsv", rows)
    from neuromyo.pipeline import studying

    start = time.process_time()
    cohort = studying.read(studying.StudyRequest((path,)))
    assert len(cohort) == 1000 and len(cohort.variables) == 100
    assert time.process_time() - start < 20  # a guard; about 2 s


def test_real_analyses_have_their_page_and_power_needs_no_table(made, tmp_path):
    said = neuromyo(
        "study", "group", made["tables"], "--people", made["people"], "--variables", "T2/*/left", "-o", tmp_path / "out"
    )
    assert said.status == 0, said.err
    page = (tmp_path / "out/study.html").read_text()
    assert "11 patient" in page and "tests.tsv" in page and str(tmp_path) not in page
    assert list((tmp_path / "out/figures").glob("*.svg"))
    alone = neuromyo(
        "study",
        "power",
        "--mean-change",
        2,
        "--sd-change",
        3,
        "--change-unit",
        "ms",
        "--repeats",
        200,
        "-o",
        tmp_path / "power",
    )
    assert alone.status == 0, alone.err
    assert (tmp_path / "power/study.html").is_file()
