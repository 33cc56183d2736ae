"""G39 to G42 and other people's mistakes with norms, through the command line."""

import csv
import json
import math
import re

import numpy as np
import pytest

from tests.gauntlet.driving import neuromyo
from tests.unit.norms.cohort_tables import Cohort, healthy, one, patient

pytestmark = pytest.mark.gauntlet


def build(folder, cohort, *more, name="a"):
    measured, people = cohort.write(folder, name)
    return neuromyo("norms", "build", measured, "--people", people, "-o", folder / f"{name}.norm.json", *more)


def table_of(folder, rows, name="patient"):
    return Cohort(rows=rows).write(folder, name)[0]


def compare(folder, rows, *more, norm="a", name="patient"):
    table = table_of(folder, rows, name)
    return neuromyo("compare", table, "--norms", folder / f"{norm}.norm.json", "-o", folder / f"{name}_z.tsv", *more)


def compared(folder, name="patient"):
    with (folder / f"{name}_z.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def refused(said, code, *words):
    assert said.status == 2, said.err
    error = said.json["error"]
    assert error["code"] == code, error
    for word in words:
        assert word in error["message"], error["message"]
    assert "\n" not in error["message"]


ABOUT = ("--age", 45, "--sex", "F", "--height", 1.65, "--weight", 66, "--site", "here")


@pytest.fixture(scope="module")
def norm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("norms")
    assert build(folder, healthy(20), "--field", 3).status == 0
    return folder


# --- G39: too few controls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 4])
def test_g39_one_to_four_controls_make_no_norm(tmp_path, n):
    refused(build(tmp_path, healthy(n)), "E-NORM", "at least 5 healthy people", f"{n} controls", "merge files")
    assert not (tmp_path / "a.norm.json").exists()


def test_g39_zero_variance_makes_no_norm(tmp_path):
    cohort = healthy(12)
    for row in cohort.rows:
        row["value"] = 35.0
    refused(build(tmp_path, cohort), "E-NORM", "the same value")


def test_g39_eight_controls_for_eight_covariates_use_what_they_bear(tmp_path):
    said = build(tmp_path, healthy(8), "--covariates", "age,sex,height,weight,side")
    assert said.status == 0
    assert any("cannot be taken into account" in f["message"] for f in said.json["findings"])
    held = json.loads((tmp_path / "a.norm.json").read_text())
    assert all(len(n["covariates"]) == 3 for n in held["norms"])
    assert compare(tmp_path, patient(csa=40.0), *ABOUT).status == 0
    (row,) = compared(tmp_path)
    numbers = [float(row[c]) for c in ("z", "z_low", "z_high", "normal_low", "normal_high")]
    assert all(map(math.isfinite, numbers)) and abs(numbers[0]) < 8
    assert "W-FEW" in row["flags"]


# --- G40 to G42 -------------------------------------------------------------------------------------------------------


def width(row):
    return float(row["normal_high"]) - float(row["normal_low"])


def test_g40_fifteen_years_outside_are_flagged_and_wider(norm):
    assert compare(norm, patient(T2=37.0), *ABOUT[2:], "--age", 95, name="old").status == 0
    assert compare(norm, patient(T2=37.0), *ABOUT, name="middle").status == 0
    (old,), (middle,) = compared(norm, "old"), compared(norm, "middle")
    assert "W-EXTRAPOLATED" in old["flags"] and "W-EXTRAPOLATED" not in middle["flags"]
    assert width(old) > 1.15 * width(middle)


def test_g42_an_unknown_site_adds_the_spread_between_sites_and_says_so(norm):
    for site in ("there", "here"):
        assert compare(norm, patient(T2=37.0), *ABOUT[:-1], site, name=site).status == 0
    (there,), (here,) = compared(norm, "there"), compared(norm, "here")
    assert "W-NEWSITE" in there["flags"] and "W-NEWSITE" not in here["flags"]
    assert width(there) > 1.05 * width(here)
    unsaid = compare(norm, patient(T2=37.0), *ABOUT[:-2], name="unsaid")
    assert any(f["code"] == "W-NEWSITE" for f in unsaid.json["findings"]), "no site is never taken for a known one"


#: Preisner 2021: multi-echo T2 of the sciatic nerve in the thigh at 3 T, 64.54 (SD 8.2) ms in 21 people
PRINTED, PRINTED_SD = 64.54, 8.2


def sciatic(shift_sd):
    rng = np.random.default_rng(8)
    cohort = healthy(20, quantities=("T2",))
    cohort.rows = [r for r in cohort.rows if r["side"] == "left"]
    for row, z in zip(cohort.rows, rng.permutation(np.linspace(-1.6, 1.6, 20)), strict=True):
        row |= {"region": "sciatic-nerve", "level": "thigh", "biomarker": "t2-mono", "side": "",
                "value": round(PRINTED + PRINTED_SD * (z + shift_sd), 3)}  # fmt: skip
    return cohort


@pytest.mark.parametrize("shift", [0, 2, 3])
def test_g41_published_values_that_are_off_by_some_sd_lose_their_weight_and_it_is_said(tmp_path, shift):
    said = build(tmp_path, sciatic(shift), "--literature", "--field", 3)
    assert said.status == 0 and "Preisner" in said.json["norms"][0]["published"][0]
    row = {**patient(T2=PRINTED)[0], "region": "sciatic-nerve", "level": "thigh", "biomarker": "t2-mono", "side": ""}
    told = compare(tmp_path, [row], *ABOUT)
    (found,) = compared(tmp_path)
    weight = float(found["agreement"])
    assert "N-LOCALONLY" not in found["flags"]
    if shift == 3:
        assert weight < 0.6 and "W-CONFLICT" in found["flags"] and f"keep a weight of {weight:.2f}" in told.err
    elif shift == 2:
        assert weight < 0.7
        assert ("W-CONFLICT" in found["flags"]) == (weight < 0.6)
    else:
        assert weight > 0.8 and "W-CONFLICT" not in found["flags"]


def test_literature_of_another_method_is_not_used_and_says_why(tmp_path):
    cohort = sciatic(0)
    for row in cohort.rows:
        row["biomarker"] = "t2-epg"
    said = build(tmp_path, cohort, "--literature", "--field", 3)
    assert said.json["norms"][0]["published"] == []
    assert "no published value is used" in said.err and "differs in method" in said.err


# --- G43: a site with one person -------------------------------------------------------------------------------------


def test_g43_a_site_with_one_person_is_left_out_with_the_reason(tmp_path):
    cohort = healthy(20)
    cohort.people[0]["site"] = "alone"
    said = build(tmp_path, cohort)
    assert said.status == 0 and all(n["sites"] == {"here": 19} for n in said.json["norms"])
    assert "site alone left out: 1 person" in said.err
    assert "NaN" not in (tmp_path / "a.norm.json").read_text()


# --- what people do by mistake ----------------------------------------------------------------------------------------


def spoiled(change):
    cohort = healthy(12)
    change(cohort)
    return cohort


def no_column(name):
    def change(cohort):
        for row in (*cohort.rows, *cohort.people):
            row.pop(name, None)

    return change


def cell(column, value, who=0):
    return lambda cohort: cohort.rows[who].__setitem__(column, value)


BAD_TABLES = {
    "empty": (lambda c: c.rows.clear(), "E-TABLE", ("a.tsv",)),
    "no-unit": (no_column("unit"), "E-TABLE", ("none named unit", "a.tsv")),
    "decimal-comma": (cell("value", "35,2"), "E-TABLE", ("row 2, column value", "decimal point: 35.2")),
    "nan": (cell("value", "NaN"), "E-TABLE", ("row 2, column value", "write n/a")),
    "infinity": (cell("value", "inf"), "E-TABLE", ("row 2, column value",)),
    "twice": (lambda c: c.rows.append(dict(c.rows[0])), "E-TABLE", ("one row for each key", "c001")),
    "no-group": (no_column("group"), "E-NORM", ("says who is a control", "--everyone")),
    "no-site": (no_column("site"), "E-NORM", ("--site", "sub-c001")),
    "negative-area": (lambda c: [r.update(value=-1.0) for r in c.rows if r["quantity"] == "csa"] and None, "", ("above 0",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_of_controls(tmp_path, name):
    change, code, words = BAD_TABLES[name]
    said = build(tmp_path, spoiled(change))
    if code:
        refused(said, code, *words)
        return
    assert said.status == 0  # the other numbers are none the worse
    assert any(all(w in f["message"] for w in words) for f in said.json["findings"]), said.err


def test_a_header_alone(tmp_path):
    measured, people = healthy(3).write(tmp_path)
    measured.write_text(measured.read_text().splitlines()[0] + "\n")
    refused(
        neuromyo("norms", "build", measured, "--people", people, "-o", tmp_path / "a.norm.json"), "E-NODATA", "rows"
    )


def test_commas_between_cells(tmp_path):
    measured, people = healthy(3).write(tmp_path)
    measured.write_text(measured.read_text().replace("\t", ","))
    refused(neuromyo("norms", "build", measured, "--people", people, "-o", tmp_path / "a.norm.json"), "E-TABLE", "tabs")


def test_ages_in_months_are_not_taken_for_years(tmp_path):
    def months(cohort):
        for person in cohort.people:
            person["age"] = round(person["age"] * 12)

    said = build(tmp_path, spoiled(months))
    assert said.status == 0 and "needed 0 to 120 years" in said.err
    assert "not used, since too few controls have it: age" in said.err
    measured, people = spoiled(months).write(tmp_path, "b")
    people.with_suffix(".json").write_text(
        json.dumps({"age": {"Units": "months"}, "height": {"Units": "m"}, "weight": {"Units": "kg"}})
    )
    assert neuromyo("norms", "build", measured, "--people", people, "-o", tmp_path / "b.norm.json").status == 0
    assert "age" in json.loads((tmp_path / "b.norm.json").read_text())["norms"][0]["covariates"]


def test_patients_are_no_controls(tmp_path):
    cohort = healthy(12)
    for person in cohort.people[:3]:
        person["group"] = "ALS"
    said = build(tmp_path, cohort)
    assert said.status == 0 and "no controls, so left out: ALS (3)" in said.err
    assert said.json["norms"][0]["people"] == 9
    refused(build(tmp_path, cohort, "--control", "volontaire"), "E-NORM", "volontaire", "control (9)", "--control")


def test_a_patient_among_the_controls_is_named(tmp_path):
    cohort = healthy(20)
    for row in cohort.of("c007"):
        row["value"] *= 2
    said = build(tmp_path, cohort)
    assert any(
        f["where"] == "sub-c007" and "lies far from the other controls" in f["message"] for f in said.json["findings"]
    )


def test_a_person_who_is_not_in_the_table_of_people(tmp_path):
    cohort = healthy(12)
    cohort.people[0]["participant_id"] = "sub-C01"
    said = build(tmp_path, cohort)
    assert said.status == 0 and "probably sub-C01 is meant" in said.err


def test_repeat_visits_count_once(tmp_path):
    cohort = healthy(16)
    for row in list(cohort.rows):
        row["session"] = "m0"
        cohort.rows.append({**row, "session": "m12", "value": row["value"] + 50})
    said = build(tmp_path, cohort)
    assert said.json["norms"][0]["people"] == 16 and "later visits are left out" in said.err
    plain = build(tmp_path, healthy(16), name="b")
    assert said.json["sha256"] != plain.json["sha256"], "the name is in it"
    held = [json.loads((tmp_path / f"{n}.norm.json").read_text())["norms"] for n in "ab"]
    assert held[0] == held[1]


def test_values_that_nobody_should_trust_are_left_out_and_told(tmp_path):
    cohort = healthy(12)
    cohort.rows[0]["flags"], cohort.rows[2]["flags"], cohort.rows[4]["flags"] = (
        "TRUNCATED",
        "W-SWAP,few:3%",
        "failed:80%",
    )
    said = build(tmp_path, cohort)
    for words in ("cuts the region off", "may be exchanged", "half of its voxels or more are not fitted"):
        assert words in said.err


NOT_COMPARED = {
    "unit": ({"unit": "s"}, "in the unit ms, not s"),
    "biomarker": ({"biomarker": "t2-mono"}, "by the biomarker t2-water, not t2-mono"),
    "region": ({"region": "sartorius"}, "not of this region"),
    "flag": ({"flags": "W-SWAP"}, "may be exchanged"),
    "acquisition": ({"acquisition": "acq-fast"}, "by the method none, not acq-fast"),
}


@pytest.mark.parametrize("name", NOT_COMPARED)
def test_what_is_not_the_same_is_not_compared_and_says_why(norm, name):
    change, words = NOT_COMPARED[name]
    rows = [one("p1", "left", "T2", 36.0), {**one("p1", "right", "T2", 36.0), **change}]
    said = compare(norm, rows, *ABOUT, name=f"not_{name}")
    assert said.status == 0 and words in said.err
    fine, bad = compared(norm, f"not_{name}")
    assert fine["z"] != "n/a" and bad["z"] == "n/a" and "W-NOTCOMPARED" in bad["flags"]


def test_a_page_shows_what_is_unusual(norm, tmp_path):
    page = tmp_path / "p.html"
    assert compare(norm, patient(T2=45.0, csa=22.0), *ABOUT, "--html", page).status == 0
    text = page.read_text()
    assert "Unusual" in text and "local controls (n = 20)" in text and "<script" not in text


def test_another_field_is_refused(norm):
    refused(compare(norm, patient(T2=36.0), *ABOUT, "--field", 1.5), "E-METHOD", "3 T", "1.5 T")


def test_nothing_to_compare_is_an_error_that_tells_where_to_look(norm):
    refused(compare(norm, patient(FF=4.0), *ABOUT), "E-NORM", "the norm has no FF", "norms card")


def test_what_is_not_known_of_a_person_is_told(norm):
    said = compare(norm, patient(T2=36.0), "--age", 45, "--site", "here", name="bare")
    assert said.status == 0 and "not known of everybody: sex, height, weight" in said.err


def test_centimetres_and_odd_people_are_refused(norm):
    refused(compare(norm, patient(T2=36.0), "--height", 165), "E-UNITS", "write 1.65")
    refused(compare(norm, patient(T2=36.0), "--sex", "x"), "E-OPTION", "--sex")
    refused(compare(norm, patient(T2=36.0), "--age", 540), "E-OPTION", "--age")


def test_norm_files_that_cannot_be_used(norm, tmp_path):
    text = (norm / "a.norm.json").read_text()
    for name, held, words in (
        ("cut", text[:-200], "ends early"), ("edited", text.replace('"people": [\n', '"people": [\n '), ""),
        ("other", re.sub(r"\b10\b", "11", text, count=1), "edited or damaged"), ("binary", "\x00\x01", "no JSON"),
        ("newer", text.replace('"version": 1', '"version": 3'), "update neuromyo"),
    ):  # fmt: skip
        (tmp_path / f"{name}.norm.json").write_text(held)
        said = neuromyo("norms", "card", tmp_path / f"{name}.norm.json")
        if words:
            refused(said, "E-NORM", words)
        else:
            assert said.status == 0  # spaces are no content
    refused(neuromyo("norms", "card", tmp_path / "none.norm.json"), "E-NOTFOUND")


def test_the_norm_file_needs_its_ending_and_the_input_is_never_overwritten(norm, tmp_path):
    measured, people = healthy(9).write(tmp_path)
    refused(
        neuromyo("norms", "build", measured, "--people", people, "-o", tmp_path / "a.tsv"), "E-OPTION", ".norm.json"
    )
    table = table_of(norm, patient(T2=36.0), "same")
    said = neuromyo("compare", table, "--norms", norm / "a.norm.json", "-o", table)
    assert said.status == 4 and said.json["error"]["code"] == "E-OUTDIR"
    refused(
        neuromyo("norms", "merge", norm / "a.norm.json", norm / "a.norm.json", "-o", tmp_path / "b.norm.json"),
        "E-NORM",
        "once",
    )


def test_two_centres_pool_their_files_and_a_patient_of_either_is_at_home(tmp_path):
    assert build(tmp_path, healthy(12, seed=1, site="A"), name="a").status == 0
    assert build(tmp_path, healthy(12, seed=2, site="B", first=40), name="b").status == 0
    files = [tmp_path / f"{n}.norm.json" for n in "ab"]
    said = neuromyo("norms", "merge", *files, "-o", tmp_path / "both.norm.json")
    assert said.status == 0 and said.json["norms"][0]["sites"] == {"A": 12, "B": 12}
    assert "| A | 12 |" in neuromyo("norms", "card", tmp_path / "both.norm.json").json["card"]
    for site in "AB":
        assert compare(tmp_path, patient(T2=37.0), *ABOUT[:-1], site, norm="both", name=site).status == 0
        (row,) = compared(tmp_path, site)
        assert "W-NEWSITE" not in row["flags"] and row["norm"].startswith("both@")
