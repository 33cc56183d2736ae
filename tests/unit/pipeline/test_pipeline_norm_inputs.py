"""Norms from tables as people write them: what is mended, what is told once, and what is refused before anything is overwritten."""

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.norm import Body, judge
from neuromyo.norms import site_place
from neuromyo.pipeline import norm_build, norm_compare, norm_held, norm_options, persons
from neuromyo.pipeline.norm_build import BuildRequest
from neuromyo.pipeline.norm_compare import CompareRequest
from tests.unit.norms.cohort_tables import Cohort, healthy, patient

WHO = {
    "participant_id": "sub-p1",
    "age": 50,
    "sex": "F",
    "height": 1.65,
    "weight": 65,
    "group": "patient",
    "site": "here",
}


def built(folder, cohort, name="calf", **more):
    measured, people = cohort.write(folder, name)
    return norm_build.build(BuildRequest((measured,), people, folder / f"{name}.norm.json", **more))


def compared(folder, rows, who=WHO, norm="calf.norm.json", **more):
    measured, people = Cohort([dict(who)], rows).write(folder, "patient")
    return norm_compare.compare_files(CompareRequest(measured, folder / norm, folder / "z.tsv", people, **more))


def told(findings, code):
    return [f"{f.where}: {f.message}; {f.remedy}" for f in findings if f.code == code]


@pytest.fixture(scope="module")
def calf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calf")
    built(folder, healthy(20))
    return folder


@pytest.mark.parametrize("out", ["calf.norm.json", "calf.norm.tsv", "patient.tsv", "patient_participants.tsv"])
def test_nothing_that_is_read_is_overwritten(calf, out):
    norm = (calf / "calf.norm.json").read_bytes()
    measured, people = Cohort([WHO], patient(T2=36)).write(calf, "patient")
    with pytest.raises(NeuromyoError) as said:
        norm_compare.compare_files(CompareRequest(measured, calf / "calf.norm.json", calf / out, people))
    assert said.value.code == "E-OUTDIR" and "-o" in said.value.where
    assert (calf / "calf.norm.json").read_bytes() == norm and "T2" in measured.read_text()


def test_the_page_is_not_written_over_the_table_nor_the_norm(tmp_path):
    table, norm = tmp_path / "a.tsv", tmp_path / "a.norm.json"
    for page in (tmp_path / "z.tsv", norm, table):
        with pytest.raises(NeuromyoError) as said:
            norm_options.apart({"-o": tmp_path / "z.tsv", "--html": page}, {"the table": table, "the norm": norm})
        assert "--html" in said.value.where
    norm_options.apart({"-o": tmp_path / "z.tsv", "--html": tmp_path / "z.html"}, {"the table": table, "people": None})
    with pytest.raises(NeuromyoError, match="what -o writes"):  # the table's sidecar
        norm_options.apart({"-o": tmp_path / "sites.tsv", "--model": tmp_path / "sites.json"}, {})


@pytest.mark.parametrize(
    ("field", "remedy"), [(3000.0, "write 3"), (float("nan"), "mend"), (-3.0, "mend"), (0.0, "mend")]
)
def test_a_field_is_in_tesla(field, remedy):
    with pytest.raises(NeuromyoError) as said:
        norm_options.field(field)
    assert said.value.code == "E-OPTION" and remedy in said.value.remedy


def test_a_column_in_another_unit_is_told_once_with_what_to_do(tmp_path):
    cohort = healthy(12)
    for row in cohort.people:
        row["age"] = round(row["age"] * 12)
    lines = told(built(tmp_path, cohort).findings, "W-TABLES")
    assert len(lines) == 1 and "in 11 more rows" in lines[0] and "if it is months" in lines[0]


def test_a_body_mass_index_may_stand_in_place_of_the_weight(tmp_path):
    cohort = healthy(12)
    for row in cohort.people:
        row["bmi"] = round(row.pop("weight") / row["height"] ** 2, 2)
    _, people = cohort.write(tmp_path, "bmi")
    roster = persons.read(people)
    assert all(
        roster.body(row["participant_id"][4:]).bmi == pytest.approx(row["bmi"], abs=1e-9) for row in cohort.people
    )
    assert "bmi" in built(tmp_path, cohort).file.entries[0].covariates


def test_one_person_under_two_labels_is_told(tmp_path):
    cohort = healthy(12)
    cohort.people.append(cohort.people[2] | {"participant_id": "sub-again"})
    cohort.rows += [row | {"subject": "again"} for row in cohort.of("c003")]
    lines = [line for line in told(built(tmp_path, cohort).findings, "N-CONTROL") if "one person" in line]
    assert len(lines) == 1 and "sub-again, sub-c003" in lines[0]
    assert not [line for line in told(built(tmp_path, healthy(12)).findings, "N-CONTROL") if "one person" in line]


def test_ten_people_of_whom_one_is_left_out_still_make_a_norm(tmp_path):
    cohort = healthy(10)
    for i, row in enumerate(cohort.people):
        row["sex"] = "F" if i == 3 else "M"
    made = built(tmp_path, cohort)
    assert all(entry.n >= 9 and entry.covariates for entry in made.file.entries) and len(made.file.entries) == 2
    assert any("cannot be taken into account" in line for line in told(made.findings, "N-CONTROL"))


def test_an_impossible_value_is_told_with_whose_it_is(tmp_path):
    cohort = healthy(12, quantities=("csa",))
    cohort.rows[4]["value"] = -5
    with pytest.raises(NeuromyoError, match=r"-5 \(c003\)"):
        built(tmp_path, cohort)


@pytest.mark.parametrize(("asked", "found"), [(("Age", "SEX"), ("age", "sex")), (("shoe",), None), (("site",), None)])
def test_covariates_are_named_in_any_case_and_only_those_of_the_table(tmp_path, asked, found):
    if found:
        assert built(tmp_path, healthy(12), covariates=asked).file.entries[0].covariates == found
        return
    with pytest.raises(NeuromyoError, match="names out of age, sex") as said:
        built(tmp_path, healthy(12), covariates=asked)
    assert said.value.code == "E-OPTION"


@pytest.mark.parametrize(
    ("site", "words"), [("Here", "write 'here' for 'Here'"), ("", "state it by --site"), ("Bonn", "stated: Bonn; the norm's: here")]
)  # fmt: skip
def test_another_site_is_named_beside_the_norms_own(calf, site, words):
    lines = told(compared(calf, patient(T2=36), WHO | {"site": site}).findings, "W-NEWSITE")
    assert len(lines) == 1 and words in lines[0] and "here" in lines[0]


def test_who_lies_outside_is_told_by_what(calf):
    lines = told(compared(calf, patient(T2=36), WHO | {"age": 95}).findings, "W-EXTRAPOLATED")
    assert "age 95 years (controls: 20 to 80 years)" in lines[0]


def test_adults_tell_nothing_of_a_child_and_little_of_a_youth(calf):
    with pytest.raises(NeuromyoError, match="children"):
        compared(calf, patient(T2=36), WHO | {"age": 7})
    assert told(compared(calf, patient(T2=36), WHO | {"age": 16}).findings, "W-EXTRAPOLATED")


def test_a_flag_that_tells_no_number_is_no_small_uncertainty(calf):
    for words in ("harmonised:much", "harmonised:nan", "harmonised:-1", "harmonised"):
        assert np.isnan(site_place.added([words]))
    rows = [row | {"flags": "harmonised:much"} for row in patient(T2=36)] + patient(csa=22)
    done = compared(calf, rows).compared
    assert len(done.places) == 1 and "harmonising" in next(iter(done.refused.values()))


def test_far_out_the_interval_holds_z(calf):
    norm = norm_held.read(calf / "calf.norm.json")
    csa = next(norm.norm(e) for e in norm.entries if e.key.quantity == "csa")
    body = Body(50, "F", 1.65, 65, "left", "here")
    for value in (2.0, 8.0, 22.0, 60.0, 300.0):
        place = csa.place(value, body)
        assert place.z_interval[0] <= place.z <= place.z_interval[1]
    near = csa.place(26.0, body)
    exact = csa.intervals(np.array([26.0]), [body])[0]
    assert near.z_interval == pytest.approx(tuple(exact), abs=1e-12)


def test_a_verdict_is_sure_where_the_whole_interval_is_outside():
    assert judge(2.5, 2.0, 4.0) == "sure" and judge(-2.5, -4.0, -2.0) == "sure"
    assert judge(2.5, 1.9, 4.0) == "unsure" and judge(2.5, np.nan, 4.0) == "unsure"
    assert judge(1.0, -0.5, 2.5) == "open" and judge(1.0, np.nan, np.nan) == "open"
    assert judge(0.5, -0.5, 1.5) == "usual"


def test_a_norm_of_a_stated_field_asks_for_that_of_the_scans(tmp_path):
    built(tmp_path, healthy(12), field_t=3.0)
    lines = told(compared(tmp_path, patient(T2=36)).findings, "N-CONTROL")
    assert len(lines) == 1 and "3 T" in lines[0] and "--field" in lines[0]
    assert not told(compared(tmp_path, patient(T2=36), field_t=3.0).findings, "N-CONTROL")
