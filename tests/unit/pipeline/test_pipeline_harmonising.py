"""`neuromyo norms harmonise`: tables of several sites in, one table in line out, and everything that is left out told."""

import contextlib
import io
import json

import numpy as np
import pytest
import typer

from neuromyo.cli.norms_harmonise import add_to
from neuromyo.cli.speak import speaker
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body
from neuromyo.io.table import read_tsv
from neuromyo.norms import engine, site_place
from neuromyo.norms.covariates import Covariates
from neuromyo.pipeline import comparing, trusted
from neuromyo.pipeline.persons import Roster

HEAD = ("subject", "session", "region", "side", "quantity", "biomarker", "unit", "value", "statistic", "se", "flags")
MUSCLES = ("soleus", "gastrocnemius")


def program(monkeypatch):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    add_to(app)
    monkeypatch.setattr(speaker, "json", True)

    def run(*arguments):
        speaker._answered = False
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = app(args=["harmonise", *map(str, arguments)], standalone_mode=False)
        return status, json.loads(out.getvalue()), err.getvalue()

    return run


@pytest.fixture
def neuromyo(monkeypatch):
    return program(monkeypatch)


def write(path, header, rows):
    path.write_text("\n".join("\t".join(str(cell) for cell in row) for row in (header, *rows)) + "\n")
    return path


class Study:
    """Controls of Aarhus and Bonn (T2 4 ms higher), and a patient in each."""

    def __init__(self, folder, seed=0):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.people, self.rows = [], []
        for site, n, shift in (("Aarhus", 12, 0.0), ("Bonn", 12, 4.0)):
            for k in range(n):
                self.add(f"{site[0].lower()}{k}", site, "control", shift)
            self.add(f"{site[0].lower()}P", site, "ALS", shift + 5.0)

    def add(self, who, site, group, shift, value=None, own=""):
        age = 50 if own else int(self.rng.uniform(20, 80))
        sex = "F" if own else "MF"[len(self.people) % 2]
        self.people.append((f"sub-{who}", age, sex, group, site, own or "n/a"))
        for muscle in MUSCLES:
            t2 = 35 + 0.03 * age + shift + 1.5 * self.rng.normal() if value is None else value
            self.rows.append((who, "", muscle, "left", "T2", "t2-water", "ms", round(t2, 3), "mean", 0.4, "n/a"))

    def files(self):
        people = write(
            self.folder / "participants.tsv", ("participant_id", "age", "sex", "group", "site", "person"), self.people
        )
        return write(self.folder / "measurements.tsv", HEAD, self.rows), "--people", people


def values(path):
    table = read_tsv(path)
    return {(s, r): float(v) for s, r, v in zip(table["subject"], table["region"], table["value"], strict=True)}


def test_two_sites_come_into_line_and_patients_stay_apart(tmp_path, neuromyo):
    study = Study(tmp_path)
    out, model = tmp_path / "out.tsv", tmp_path / "sites.json"
    status, said, _ = neuromyo(*study.files(), "-o", out, "--model", model)
    before, after = values(tmp_path / "measurements.tsv"), values(out)
    assert status == 0 and said["harmonised"] == len(after) == len(before) and said["left_out"] == 0

    def mean(table, initial):
        return np.mean([v for (who, _), v in table.items() if who[0] == initial and who[1] != "P"])

    assert abs(mean(before, "b") - mean(before, "a")) > 3 > 1 > abs(mean(after, "b") - mean(after, "a"))
    for site in "ab":
        assert after[f"{site}P", "soleus"] - mean(after, site) > 3
    table = read_tsv(out)
    for before_se, se, flags in zip(
        read_tsv(tmp_path / "measurements.tsv")["se"], table["se"], table["flags"], strict=True
    ):
        added = site_place.added(flags.split(","))
        assert 0 < added < float(se) and float(before_se) == 0.4
    report = read_tsv(tmp_path / "out_sites.tsv")
    assert sorted(set(report["site"])) == ["Aarhus", "Bonn"] and {
        "shift_before",
        "shift_after_low",
        "may_be_left",
    } <= set(report)
    assert set(said["files"]) == {"out.tsv", "out.json", "out_sites.tsv", "sites.json"}
    text = model.read_text()
    assert "sub-" not in text and not any(f'"{who}"' in text for who, _ in before)


def test_the_same_people_in_another_order_give_the_same_bits(tmp_path, neuromyo):
    study = Study(tmp_path)
    neuromyo(*study.files(), "-o", tmp_path / "one.tsv", "--model", tmp_path / "one_model.json")
    study.rows, study.people = study.rows[::-1], study.people[::-1]
    neuromyo(*study.files(), "-o", tmp_path / "two.tsv", "--model", tmp_path / "two_model.json")
    assert (tmp_path / "one_model.json").read_bytes() == (tmp_path / "two_model.json").read_bytes()
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()


def test_a_model_is_applied_later_and_takes_in_a_site_from_three_controls(tmp_path, neuromyo):
    study = Study(tmp_path)
    model = tmp_path / "sites.json"
    neuromyo(*study.files(), "-o", tmp_path / "out.tsv", "--model", model)
    later = Study(tmp_path / "later" if (tmp_path / "later").mkdir() is None else tmp_path, seed=9)
    later.people, later.rows = [], []
    for k in range(3):
        later.add(f"c{k}", "Cork", "control", -6.0)
    later.add("cP", "Cork", "ALS", -1.0)
    later.add("dP", "Delft", "ALS", 0.0)
    out = tmp_path / "later" / "out.tsv"
    status, said, err = neuromyo(*later.files(), "-o", out, "--apply", model, "--model", tmp_path / "more.json")
    after = values(out)
    assert status == 0 and {who for who, _ in after} == {"c0", "c1", "c2", "cP"} and said["left_out"] == 2
    assert np.mean([after[f"c{k}", "soleus"] for k in range(3)]) > 33
    assert "Delft" in err and "sub-dP" in err and "no controls of this site" in err and "[W-SITES]" in err
    assert set(json.loads((tmp_path / "more.json").read_text())["models"][0]["sites"]) == {"Aarhus", "Bonn", "Cork"}


def test_travelling_people_are_told_by_a_column_of_the_table_of_people(tmp_path, neuromyo):
    study = Study(tmp_path)
    for k in range(5):
        value = 36 + 1.5 * study.rng.normal()
        study.add(f"ta{k}", "Aarhus", "control", 0, value + 0.2 * study.rng.normal(), own=f"T{k}")
        study.add(f"tb{k}", "Bonn", "control", 0, value + 4 + 0.2 * study.rng.normal(), own=f"T{k}")
    arguments = (*study.files(), "-o", tmp_path / "out.tsv", "--model", tmp_path / "sites.json")
    plain = neuromyo(*arguments)[1]["sites"]
    told = neuromyo(*arguments, "--person-column", "person")[1]["sites"]
    assert all(
        a["worth"] == 17 and b["worth"] > 30 and b["se"] < 0.85 * a["se"] for a, b in zip(plain, told, strict=True)
    )


def refused(neuromyo, *arguments):
    with pytest.raises(NeuromyoError) as caught:
        neuromyo(*arguments)
    return caught.value.code, str(caught.value)


def test_one_control_at_a_site_is_refused_with_the_reason_and_nothing_is_written(tmp_path, neuromyo):
    study = Study(tmp_path)
    study.add("c0", "Cork", "control", 0.0)
    code, said = refused(neuromyo, *study.files(), "-o", tmp_path / "out.tsv", "--model", tmp_path / "sites.json")
    assert code == "E-SITES" and "site Cork" in said and "one person" in said and "leave the site out" in said
    assert not (tmp_path / "out.tsv").exists() and not (tmp_path / "sites.json").exists()


def test_what_a_user_may_forget(tmp_path, neuromyo):
    study = Study(tmp_path)
    given = study.files()
    out = ("-o", tmp_path / "out.tsv")
    assert refused(neuromyo, *given, *out)[0] == "E-OPTION"  # neither --model nor --apply
    model = (*out, "--model", tmp_path / "sites.json")
    code, said = refused(neuromyo, *given, *model, "--site-column", "scanner")
    assert code == "E-UNKNOWN" and "scanner" in said and "site" in said
    code, said = refused(neuromyo, *given, *model, "--control", "volunteers")
    assert code == "E-SITES" and "never learnt from patients" in said
    assert refused(neuromyo, *given, "-o", given[0], "--model", tmp_path / "sites.json")[0] == "E-OUTDIR"
    write(tmp_path / "bad.json", ("{}",), ())
    code, said = refused(neuromyo, *given, *out, "--apply", tmp_path / "bad.json")
    assert code == "E-SITES" and "make the model anew" in said


def test_a_number_that_one_site_lacks_is_left_out_and_told(tmp_path, neuromyo):
    study = Study(tmp_path)
    study.rows += [(who, "", "tibialis", "left", "T2", "t2-water", "ms", 30 + 0.1 * k, "mean", 0.4, "n/a")
                   for k, who in enumerate(f"a{k}" for k in range(12))]  # fmt: skip
    study.rows += [("a0", "", "soleus", "right", "area", "t2-water", "mm2", -3.0, "mean", 0.4, "n/a")]
    status, said, err = neuromyo(*study.files(), "-o", tmp_path / "out.tsv", "--model", tmp_path / "sites.json")
    assert status == 0 and said["left_out"] == 13 and "tibialis" in err and "left out of the harmonised table" in err
    assert not any(region == "tibialis" for _, region in values(tmp_path / "out.tsv"))


def test_a_comparison_counts_what_harmonising_made_uncertain():
    row = dict(zip(HEAD, ("p", "", "soleus", "left", "T2", "t2-water", "ms", 41.0, "mean", 0.4, ""), strict=True))
    sure = Measurements.of([row])
    key = trusted.key_of(sure.rows()[0])
    controls = engine.Controls(np.random.default_rng(0).normal(35, 2, 30), (Body(site="one"),) * 30)
    norm = engine.norm(engine.summarise(key, controls, engine.Options(covariates=Covariates(()))))
    roster = Roster({"p": Body(site="one")})
    plain, wide = (
        comparing.compare(Measurements.of([row | {"flags": flags}]), {key: norm}, roster, "n").table.rows()[0]
        for flags in ("", site_place.flag(2.0))
    )
    assert (
        wide["z"] == pytest.approx(plain["z"] / np.sqrt(2), rel=0.1) and wide["normal_high"] > plain["normal_high"] + 1
    )
