"""How tables of a study become a cohort: names, sides, times, people, what is refused."""

import numpy as np
import pytest

from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import NeuromyoError
from neuromyo.pipeline import study_names, study_primary, study_sides, studying
from neuromyo.pipeline.study_names import Thing
from neuromyo.pipeline.studying import StudyRequest
from neuromyo.study.flow import flow
from tests.journey.study_making import number, two_visits, write_tsv


def cohort_of(study, tmp_path, **more):
    made = study.write(tmp_path)
    return studying.read(StudyRequest((made["tables"],), made["people"], **more))


def said(findings, *words):
    return [f for f in findings if all(w in str(f) for w in words)]


# --- names ------------------------------------------------------------------------------------------------------------


def thing(quantity="T2", structure="soleus", side="left", **extra):
    return Thing(Variable("", "ms", quantity=quantity, structure=structure, side=side), tuple(extra.items()))


def test_names_are_as_short_as_they_may_be():
    alone = [thing(), thing(side="right"), thing("FF")]
    assert list(study_names.names(alone).values()) == ["T2/soleus/left", "T2/soleus/right", "FF/soleus/left"]
    two = [
        thing(biomarker="t2-mono", statistic="mean"),
        thing(biomarker="t2-epg", statistic="mean"),
        thing("FF", biomarker="pdff", statistic="mean"),
    ]
    assert list(study_names.names(two).values()) == [
        "T2[t2-mono]/soleus/left",
        "T2[t2-epg]/soleus/left",
        "FF/soleus/left",
    ]
    both = [thing(biomarker=b, acquisition=a) for b in ("x", "y") for a in ("acq-a", "acq-b")]
    assert list(study_names.names(both).values())[1] == "T2[x,acq-b]/soleus/left"


def test_a_clash_at_one_place_names_the_whole_quantity_alike():
    things = [thing(biomarker="a"), thing(biomarker="b"), thing(structure="gastrocnemius", biomarker="a")]
    assert list(study_names.names(things).values())[2] == "T2[a]/gastrocnemius/left"


KNOWN = tuple(
    Variable(n)
    for n in (
        "T2[t2-mono]/soleus/left",
        "T2[t2-epg]/soleus/left",
        "FF/soleus/left",
        "FF/soleus/right",
        "FF/vastus/left/10 mm",
    )
)


@pytest.mark.parametrize(("word", "found"), [
    ("FF/soleus/left", ["FF/soleus/left"]),
    ("FF/*/left", ["FF/soleus/left"]),
    ("FF/*", ["FF/soleus/left", "FF/soleus/right", "FF/vastus/left/10 mm"]),
    ("T2[t2-mono]/*/left", ["T2[t2-mono]/soleus/left"]),
    ("T2/soleus/*", ["T2[t2-mono]/soleus/left", "T2[t2-epg]/soleus/left"]),
    ("ff/SOLEUS/right", ["FF/soleus/right"]),
    ("FF/vastus", ["FF/vastus/left/10 mm"]),
])  # fmt: skip
def test_variables_are_found_by_name_pattern_and_case(word, found):
    assert list(study_names.find([word], KNOWN)) == found


def test_an_ambiguous_name_lists_what_it_may_mean_and_a_wrong_one_what_is_near():
    with pytest.raises(NeuromyoError, match=r"T2\[t2-mono\]/soleus/left, T2\[t2-epg\]/soleus/left") as error:
        study_names.find(["T2/soleus/left"], KNOWN)
    assert error.value.code == "E-STUDY"
    with pytest.raises(NeuromyoError, match="did you mean FF/soleus/left") as error:
        study_names.find(["FF/soleos/left"], KNOWN)
    assert error.value.code == "E-UNKNOWN"


# --- sides ------------------------------------------------------------------------------------------------------------


def test_sides_mean_needs_both_and_worse_keeps_the_side_of_the_first_visit(tmp_path):
    study = two_visits(1, 0)
    values = {("m0", "left"): 40.0, ("m0", "right"): 36.0, ("m4", "left"): 37.0, ("m4", "right"): 45.0}
    study.measured = [number("p01", v, s, "T2", x) for (v, s), x in values.items()]
    cohort = cohort_of(study, tmp_path)
    mean = study_sides.take(cohort, "mean")
    assert mean.values["T2/tibialis-anterior/mean"].tolist() == [38.0, 41.0]
    worse = study_sides.take(cohort, "worse", {"T2": "high"})
    assert worse.values["T2/tibialis-anterior/worse"].tolist() == [40.0, 37.0]
    low = study_sides.take(cohort, "worse", {"T2": "low"})
    assert low.values["T2/tibialis-anterior/worse"].tolist() == [36.0, 45.0]
    assert [v.name for v in study_sides.take(cohort, "left").variables] == ["T2/tibialis-anterior/left"]
    with pytest.raises(NeuromyoError, match="--worse T2=high"):
        study_sides.take(cohort, "worse")


def test_a_missing_side_gives_no_mean_and_is_told(tmp_path):
    study = two_visits(2, 0)
    study.measured = [r for r in study.measured if not (r["subject"] == "p01" and r["side"] == "left")]
    cohort = cohort_of(study, tmp_path, sides="mean")
    x = cohort.values["T2/tibialis-anterior/mean"]
    assert np.isnan(x[cohort.person == "p01"]).all() and np.isfinite(x[cohort.person == "p02"]).all()
    assert said(cohort.findings, "W-ABSENT", "one side only")


# --- time -------------------------------------------------------------------------------------------------------------


def test_days_come_from_dates_then_from_months_and_never_from_labels(tmp_path):
    dated = cohort_of(two_visits(2, 1, dated=True), tmp_path / "a")
    assert dated.days.tolist() == [0, 120] * 3 and dated.visits == ("m0", "m4")
    plain = cohort_of(two_visits(2, 1), tmp_path / "b")
    assert np.isnan(plain.days).all() and said(plain.time_findings, "labels are not read as times")
    stated = cohort_of(two_visits(2, 1), tmp_path / "c", visits=("m0=0,m4=6",))
    assert stated.days == pytest.approx([0, 6 * 365.25 / 12] * 3)
    reverse = cohort_of(two_visits(2, 1), tmp_path / "d", visits=("m0=4", "m4=0"))
    assert reverse.visits == ("m4", "m0")


def test_a_visit_without_months_is_refused(tmp_path):
    with pytest.raises(NeuromyoError, match="none of m4"):
        cohort_of(two_visits(2, 1), tmp_path, visits=("m0=0",))
    with pytest.raises(NeuromyoError, match="m0=0,m4=4"):
        cohort_of(two_visits(2, 1), tmp_path, visits=("m0=zero",))


def test_dates_that_contradict_the_labels_are_refused(tmp_path):
    study = two_visits(1, 0, dated=True)
    study.dates["p01"]["m4"] = "1924-01-01"
    with pytest.raises(NeuromyoError, match="after that of ses-m0") as error:
        cohort_of(study, tmp_path)
    assert error.value.code == "E-DATE"


# --- people -----------------------------------------------------------------------------------------------------------


def test_people_keep_covariates_and_ends(tmp_path):
    study = two_visits(2, 1)
    study.person("p01").update(end="died", end_months=3, onset="bulbar", duration_months=14)
    study.person("p02").update(end="", end_months="")
    cohort = cohort_of(study, tmp_path)
    p = cohort.people["p01"]
    assert (p.end, p.more) == ("died", {"onset": "bulbar", "duration_months": 14.0})
    assert p.end_days == pytest.approx(3 * 365.25 / 12)
    assert cohort.people["p02"].end == "" and np.isnan(cohort.people["p02"].end_days)
    assert cohort.covariate("duration_months")[cohort.person == "p01"].tolist() == [14.0, 14.0]


def test_flow_counts_people_and_reasons(tmp_path):
    study = two_visits(4, 3)
    study.people.append({"participant_id": "sub-p99", "age": 50, "sex": "F", "group": "patient", "site": "here"})
    study.drop("p01", "m4")
    study.person("p01")["end"] = "died"
    study.drop("p02", "m4")
    study.drop("c01")
    found = flow(cohort_of(study, tmp_path), ["T2/tibialis-anterior/left"], analysed={"p03", "c02", "c03"})
    assert found.arms["patient"] == (
        ("enrolled", 5, (("not measured", 1),)),
        ("with baseline (m0)", 4, (("died", 1), ("not seen, reason not stated", 1))),
        ("with visit m4", 2, (("values missing", 1),)),
        ("analysed", 1, ()),
    )
    assert [n for _, n, _ in found.arms["control"]] == [3, 2, 2, 2]


def test_flow_adds_up_where_somebody_comes_back_after_a_missed_visit(tmp_path):
    study = two_visits(4, 0)
    study.drop("p01", "m0")
    study.drop("p02", "m4")
    boxes = flow(cohort_of(study, tmp_path)).arms["patient"]
    assert [b[:2] for b in boxes] == [("enrolled", 4), ("with baseline (m0)", 3), ("with visit m4 (1 back)", 3)]
    assert [sum(n for _, n in left) for _, _, left in boxes] == [1, 1, 0]


# --- measurements -----------------------------------------------------------------------------------------------------


def test_two_biomarkers_and_two_scans_of_all_are_told_apart_by_name(tmp_path):
    study = two_visits(2, 0)
    twice = [{**r, "biomarker": "t2-epg"} for r in study.measured if r["quantity"] == "T2"]
    runs = [{**r, "acquisition": f"run-{k}"} for r in study.measured if r["quantity"] == "FF" for k in (1, 2)]
    study.measured = [r for r in study.measured if r["quantity"] != "FF"] + twice + runs
    names = {v.name for v in cohort_of(study, tmp_path).variables}
    assert {
        "T2[t2-mono]/tibialis-anterior/left",
        "T2[t2-epg]/tibialis-anterior/right",
        "FF[run-1]/tibialis-anterior/left",
    } <= names


def test_pure_numbers_have_no_unit_and_calibrations_of_a_person_are_told_nowhere(tmp_path):
    study = two_visits(2, 0, visits=("m0",))
    study.measured = [{**r, "unit": "1", "quantity": "FA"} for r in study.measured if r["quantity"] == "T2"]
    study.measured += [{**r, "quantity": "FatT2", "unit": "ms", "side": "", "region": "subject", "statistic": "subject",
                        "region_source": f"median of {i} voxels"} for i, r in enumerate(study.measured[::2])]  # fmt: skip
    cohort = cohort_of(study, tmp_path)
    assert cohort.variable("FA/tibialis-anterior/left").title == "FA/tibialis-anterior/left"
    assert "FatT2/subject" in cohort.values and not said(cohort.findings, "FatT2")


def test_one_region_drawn_twice_is_told_apart_among_many_that_were_not(tmp_path):
    """What `run --regions` leaves: all muscle by the program and by a person, each single muscle by one of them."""
    study = two_visits(2, 0, visits=("m0",))
    whole = [
        {**r, "region": "muscle", "region_source": who} for r in study.measured for who in ("compartments", "anna")
    ]
    study.measured += whole
    cohort = cohort_of(study, tmp_path)
    names = {v.name for v in cohort.variables if v.quantity == "T2" and v.side == "left"}
    assert names == {"T2/tibialis-anterior/left", "T2[anna]/muscle/left", "T2[compartments]/muscle/left"}
    assert not said(cohort.findings, "not all values")


def test_the_largest_cross_section_is_of_the_region_whichever_its_slice(tmp_path):
    study = two_visits(2, 0, visits=("m0",))
    areas = [{**r, "quantity": "CSA", "unit": "mm2"} for r in study.measured if r["quantity"] == "volume"]
    for k, row in enumerate(areas):
        study.measured += [
            {**row, "statistic": "max", "slice": str(k), "value": 900.0 + k},
            {**row, "statistic": "mean"},
        ]
        study.measured += [{**row, "statistic": "slice", "slice": str(s)} for s in (3, 4)]
    cohort = cohort_of(study, tmp_path, statistic="max")
    assert sorted(cohort.values["CSA/tibialis-anterior/left"]) == [900.0, 902.0]


def test_sites_that_scan_otherwise_are_one_variable_and_told(tmp_path):
    study = two_visits(2, 0, visits=("m0",))
    for row in study.measured:
        row["acquisition"] = f"acq-{row['subject']}"
    cohort = cohort_of(study, tmp_path)
    assert np.isfinite(cohort.values["T2/tibialis-anterior/left"]).all()
    assert said(cohort.findings, "T2", "not all values are from the same acquisition", "acq-p01, acq-p02")


def test_readers_become_the_occasions_of_agreement(tmp_path):
    study = two_visits(3, 0, visits=("m0",))
    study.measured = [{**r, "region_source": who} for r in study.measured for who in ("anna", "bert")]
    cohort = cohort_of(study, tmp_path, between="reader")
    assert cohort.visits == ("anna", "bert") and len(cohort) == 6
    assert {v.name for v in cohort.variables} >= {"T2/tibialis-anterior/left"}


def test_readers_of_several_visits_need_one_chosen(tmp_path):
    with pytest.raises(NeuromyoError, match="choose one by --session"):
        cohort_of(two_visits(2, 0), tmp_path, between="region_source")
    with pytest.raises(NeuromyoError, match="a column scanner"):
        cohort_of(two_visits(2, 0), tmp_path / "b", between="scanner")


def test_slices_spreads_and_other_statistics_stay_out(tmp_path):
    study = two_visits(1, 0, visits=("m0",))
    first = next(r for r in study.measured if r["quantity"] == "T2")
    study.measured += [{**first, "statistic": s} for s in ("iqr", "median", "region-fit")] + [
        {**first, "slice": "3", "statistic": "slice"}
    ]
    cohort = cohort_of(study, tmp_path)
    assert cohort.values["T2/tibialis-anterior/left"].tolist() == [first["value"]]
    median = cohort_of(study, tmp_path / "b", statistic="median")
    assert "T2/tibialis-anterior/left" in median.values and "T2/tibialis-anterior/right" not in median.values


def test_doubtful_values_are_left_out_and_told(tmp_path):
    study = two_visits(2, 0)
    for row in study.measured:
        if row["subject"] == "p01" and row["quantity"] == "volume":
            row["flags"] = "TRUNCATED"
    cohort = cohort_of(study, tmp_path)
    assert np.isnan(cohort.values["volume/tibialis-anterior/left"][cohort.person == "p01"]).all()
    assert said(cohort.findings, "sub-p01", "cuts the region off", "--keep-doubtful")
    kept = cohort_of(study, tmp_path / "b", keep_doubtful=True)
    assert np.isfinite(kept.values["volume/tibialis-anterior/left"]).all()


def test_clinical_values_without_visits_join_a_single_visit_and_no_other(tmp_path):
    study = two_visits(2, 1, visits=("m0",))
    for row in study.cmap:
        del row["session_id"]
    made = study.write(tmp_path)
    request = StudyRequest((made["tables"],), made["people"], (made["clinical"] / "cmap.tsv",))
    cohort = studying.read(request)
    assert len(cohort) == 3 and said(cohort.findings, "there is only one each")
    both = two_visits(2, 1)
    for row in both.cmap:
        del row["session_id"]
    both.cmap = both.cmap[::4] + both.cmap[1::4]
    two = both.write(tmp_path / "b")
    with pytest.raises(NeuromyoError, match="add a column session_id"):
        studying.read(StudyRequest((two["tables"],), two["people"], (two["clinical"] / "cmap.tsv",)))


def test_a_visit_that_is_chosen_holds_for_clinical_values_too(tmp_path):
    made = two_visits(2, 1).write(tmp_path)
    both = StudyRequest((made["tables"],), made["people"], (made["clinical"],), sessions=("ses-m4",))
    cohort = studying.read(both)
    assert cohort.visits == ("m4",) and np.isfinite(cohort.values["mvic.force/ankle-dorsiflexion/left"]).all()
    alone = studying.read(StudyRequest((), made["people"], (made["clinical"],), sessions=("m0",)))
    assert alone.visits == ("m0",) and len(alone) == 3
    with pytest.raises(NeuromyoError, match="there are: m0, m4"):
        studying.read(StudyRequest((), made["people"], (made["clinical"],), sessions=("m9",)))


def test_clinical_values_are_no_readings_of_images(tmp_path):
    made = two_visits(2, 1, visits=("m0",)).write(tmp_path)
    cohort = studying.read(
        StudyRequest((made["tables"],), made["people"], (made["clinical"],), between="region_source")
    )
    assert cohort.visits == ("drawn",) and {v.source for v in cohort.variables} == {"imaging"}
    assert said(cohort.findings, "they have no region_source")


def test_disease_tells_covariates_and_grades_count_by_their_place(tmp_path):
    study = two_visits(2, 0, visits=("m0",))
    made = study.write(tmp_path)
    folder = made["clinical"]
    write_tsv(
        folder / "disease.tsv",
        [{"participant_id": f"sub-p0{i}", "onset_region": "bulbar", "duration (months)": 10 + i} for i in (1, 2)],
    )
    rows = [
        {"participant_id": "sub-p01", "session_id": "ses-m0", "side": "left", "muscle": "tibialis_anterior", "grade": g}
        for g in ("2b",)
    ]
    write_tsv(folder / "mercuri.tsv", rows)
    cohort = studying.read(StudyRequest((made["tables"],), made["people"], (folder,)))
    assert cohort.people["p02"].more == {"onset_region": "bulbar", "duration": 12.0}
    assert cohort.values["mercuri.grade/tibialis-anterior/left"][0] == 3.0
    assert said(cohort.findings, "place in the scale")


# --- primary outcomes -------------------------------------------------------------------------------------------------


def test_corrections_over_primary_outcomes():
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.01, 0.2, 0.03, 0.001])
    for how in ("holm", "bonferroni"):
        assert study_primary.correct(p, how) == pytest.approx(multipletests(p, method=how)[1], abs=1e-12)
    some = study_primary.correct(np.array([0.01, np.nan, 0.04]), "holm")
    assert some[[0, 2]] == pytest.approx([0.03, 0.08]) and np.isnan(
        some[1]
    )  # what could not be tested counts all the same
    assert study_primary.correct(p, "none").tolist() == p.tolist()


def test_an_empty_cohort_serves_what_needs_no_tables():
    assert len(studying.read(StudyRequest(may_be_empty=True))) == 0
    assert (
        isinstance(studying.NOBODY, Cohort)
        and not flow(
            Cohort(np.zeros(0, object), np.zeros(0, object), np.zeros(0), (), {}, (), {"a": Participant("a")})
        ).arms["no group"][0][2]
    )


# --- outcomes of a plan -----------------------------------------------------------------------------------------------


def planned(items, multiplicity="holm"):
    from neuromyo.pipeline.study_plan import Plan

    return Plan("title", "none", multiplicity, 0.05, tuple(items))


def an_analysis():
    from neuromyo.core.analysis import Analysis, Table, columns

    words = Table(
        "people", "People", columns(("group", "group", "", "text"), ("n", "people", "", "count")), (("patient", 11),)
    )
    heads = columns(
        ("variable", "variable", "", "text"),
        ("method", "test", "", "text"),
        ("p", "p value", "", "p"),
        ("p_rank", "by ranks", "", "p"),
    )
    tests = Table(
        "tests", "Tests", heads, (("T2", "t", 0.02, 0.03), ("T2", "model", 0.04, 0.05), ("FF", "t", None, 0.2))
    )
    return Analysis("group", "Groups", ("said",), (words, tests))


def test_primary_outcomes_are_the_rows_that_the_plan_names():
    from neuromyo.pipeline.study_plan import Item

    items = [Item("a", "primary", "group", {}, "tests.p_rank", {"method": "t"}), Item("b", "secondary", "group", {})]
    found = study_primary.outcomes(planned(items), [an_analysis(), an_analysis()], "0" * 64, 0)
    assert found.tables[0].rows == (("a", "T2 t", 0.03, 0.06, "no"), ("a", "FF t", 0.2, 0.2, "no"))
    assert "0 of 2 primary outcomes" in found.summary[0] and "No deviation" in found.summary[0]
    every = study_primary.outcomes(planned([Item("a", "primary", "group", {})]), [an_analysis()], "0" * 64, 2)
    assert [r[2:] for r in every.tables[0].rows] == [
        (0.02, 0.06, "no"),
        (0.04, 0.08, "no"),
        (None, None, "not known"),
    ]
    assert "2 deviations" in every.summary[0]


@pytest.mark.parametrize(
    ("outcome", "where", "word"),
    [
        ("test.p", {}, "people, tests"),
        ("tests.q", {}, "p_rank"),
        ("tests.p", {"side": "left"}, "side"),
        ("tests.method", {}, r"a column of p values \(p, p_rank\)"),
        ("tests.p", {"method": "modell"}, "method: model, t.*none where method = modell"),
    ],
)
def test_an_outcome_that_the_analysis_does_not_give_is_refused(outcome, where, word):
    from neuromyo.pipeline.study_plan import Item

    with pytest.raises(NeuromyoError, match=word) as error:
        study_primary.outcomes(
            planned([Item("a", "primary", "group", {}, outcome, where)]), [an_analysis()], "0" * 64, 0
        )
    assert error.value.code == "E-PLAN"


def test_several_outcomes_of_a_plan_without_a_correction_are_corrected_all_the_same():
    from neuromyo.pipeline.study_plan import Item

    one = planned([Item("a", "primary", "group", {}, "tests.p_rank")], "none")
    found = study_primary.outcomes(one, [an_analysis()], "0" * 64, 0)
    assert [row[3] for row in found.tables[0].rows] == pytest.approx([0.09, 0.1, 0.2])
    assert "corrected after Holm: the plan names no correction, and there are several" in found.summary[0]


def test_somebody_with_two_rows_is_refused(tmp_path):
    study = two_visits(2, 0)
    study.people.append({**study.people[0], "group": "control"})
    with pytest.raises(NeuromyoError, match="sub-p01") as error:
        cohort_of(study, tmp_path)
    assert error.value.code == "E-ID"
