"""The analysis of 1998: known answers, the statistics against SciPy and statsmodels, what is found by itself and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import NeuromyoError
from neuromyo.phantom import als_1998
from neuromyo.study import bryan, bryan_numbers, bryan_recovered
from neuromyo.study.bryan import Options, analyse, prepared

MADE = als_1998.draw()
TA = "tibialis-anterior"
VARIABLES = {
    "T2": Variable("T2[t2-mono]/ta", "ms", "imaging", "T2", TA, "right", "", "t2-mono", "mean"),
    "T1": Variable("T1/ta", "ms", "imaging", "T1", TA, "right", "", "t1-two-tr", "mean"),
    "volume": Variable("volume/ta", "ml", "imaging", "volume", TA, "right", "", "", "volume"),
    "cmap": Variable("cmap", "mV", "clinical", "amplitude", TA, "right", measure="cmap"),
    "mvic": Variable("mvic", "N", "clinical", "force", "", "right", measure="mvic"),
}
WATER = Variable("T2[t2-water]/ta", "ms", "imaging", "T2", TA, "right", "", "t2-water", "mean")
FAT = Variable("FF/ta", "%", "imaging", "FF", TA, "right", "", "t2-water", "mean")


def cohort(made=MADE, reading=True, leave=(), **other):
    """Both visits of everybody; ``other``: role's word -> (2, n) values in place of the drawn ones."""
    n, read = len(made.ill), als_1998.visual_reading(made)
    people = {
        label: Participant(label, "ALS" if ill else "control", more={"visual_reading": float(r)} if reading else {})
        for label, ill, r in zip(made.labels, made.ill, read, strict=True)
    }
    values = {VARIABLES[k].name: other.get(k, v).ravel() for k, v in made.values.items() if k not in leave}
    return Cohort(
        np.array(made.labels * 2, dtype=object), np.repeat(np.array(["m0", "m4"], dtype=object), n), np.repeat([0.0, 122.0], n),
        tuple(v for k, v in VARIABLES.items() if k not in leave), values, ("m0", "m4"), people,
    )  # fmt: skip


def modern(noise=0.0):
    """The same with a water T2 and a fat fraction of which global T2 is made, and ``noise`` (ms)."""
    rng = np.random.default_rng(3)
    water = 31 + 5 * (1 - (1 - MADE.severity) ** 2) + rng.normal(0, 0.7, MADE.severity.shape)
    fat = 2 + 8 * MADE.severity**2 + rng.normal(0, 0.5, MADE.severity.shape)
    t2 = 1.0 * water + 0.6 * fat + 1.0 + noise * rng.normal(size=water.shape)
    return cohort(T2=t2).with_variable(WATER, water.ravel()).with_variable(FAT, fat.ravel())


def rows(analysis, table):
    found = analysis.table(table)
    return [dict(zip([c.name for c in found.columns], row, strict=True)) for row in found.rows]


def refused(people, **options):
    with pytest.raises(NeuromyoError) as caught:
        analyse(people, Options(**options))
    error = caught.value
    assert error.where and error.needed and error.found and error.remedy
    return error


FOUND = analyse(cohort())


def test_what_the_paper_printed_gets_the_intervals_it_did_not_print():
    """Known answers: r = -0.63 of 11: -0.89 to -0.05; r = -0.80: -0.95 to -0.38; p = 0.009, 11 against 8: g = 1.31."""
    paper = {row["what"]: row for row in rows(FOUND, "paper-intervals")}
    change = paper["change of global T2 with change of CMAP, 4 months"]
    assert (change["low"], change["high"]) == pytest.approx((-0.89, -0.05), abs=0.005)
    closest = paper["global T2 with CMAP"]
    assert (closest["low"], closest["high"]) == pytest.approx((-0.95, -0.38), abs=0.005)
    assert paper["global T2, patients against controls"]["value"] == pytest.approx(1.31, abs=0.005)
    share = paper["scans of patients read as abnormal"]
    exact = stats.binomtest(6, 11).proportion_ci(0.95, "exact")
    assert (share["low"], share["high"]) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_chosen_cohort_has_all_of_the_papers_findings():
    assert [row["again"] for row in rows(FOUND, "paper")] == ["yes"] * 8
    assert all(row["n"] == 11 for row in rows(FOUND, "paper"))


def test_the_first_sentence_counts_what_came_up_again():
    assert FOUND.summary[0] == "Of the 8 findings of Bryan et al. 1998, 8 came up again and 0 did not."
    fewer = analyse(cohort(leave=("T1",))).summary[0]
    assert fewer == "Of the 8 findings of Bryan et al. 1998, 7 came up again and 0 did not; 1 could not be looked for."


def test_a_cohort_without_disease_has_none_of_them():
    rng = np.random.default_rng(8)
    flat = {k: v.mean() + 0.05 * v.mean() * rng.normal(size=v.shape) for k, v in MADE.values.items()}
    paper = {row["what"]: row["again"] for row in rows(analyse(cohort(**flat)), "paper")}
    assert paper["global T2, patients against controls"] == "no" and paper["global T2 with CMAP"] == "no"
    assert paper["T1, patients against controls"] == "yes"  # not different there either


def test_groups_correlations_and_readings_are_those_of_scipy():
    first = {k: v[0] for k, v in MADE.values.items()}
    for row, name in zip(rows(FOUND, "groups"), ("T2", "T1", "volume"), strict=True):
        a, b = first[name][MADE.ill], first[name][~MADE.ill]
        welch, student = stats.ttest_ind(a, b, equal_var=False), stats.ttest_ind(a, b)
        interval = welch.confidence_interval()
        assert (row["p_welch"], row["p_student"]) == pytest.approx((welch.pvalue, student.pvalue), abs=1e-10)
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), abs=1e-8)
    told = {(r["x"], r["y"], r["of"]): r for r in rows(FOUND, "correlations")}
    assert len(told) == 12
    change = {k: (v[1] - v[0])[MADE.ill] for k, v in MADE.values.items()}
    for values, of in (({k: v[MADE.ill] for k, v in first.items()}, "first visit"), (change, "change")):
        theirs = stats.pearsonr(values["volume"], values["mvic"])
        ours = told["volume", "strength", of]
        assert (ours["r"], ours["p"]) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-10)
        limits = theirs.confidence_interval()
        assert (ours["low"], ours["high"]) == pytest.approx((limits.low, limits.high), abs=1e-8)
        assert ours["rho"] == pytest.approx(stats.spearmanr(values["volume"], values["mvic"]).statistic, abs=1e-10)
    patients, controls = rows(FOUND, "readings")
    assert (patients["abnormal"], patients["n"], controls["abnormal"], controls["n"]) == (6, 11, 0, 8)
    assert patients["p"] == pytest.approx(stats.fisher_exact([[6, 5], [0, 8]])[1], abs=1e-12)


@pytest.mark.parametrize(
    ("a", "n", "b", "m"), [(6, 11, 0, 8), (3, 11, 3, 8), (0, 11, 0, 8), (11, 11, 0, 8), (2, 5, 4, 9)]
)
def test_fishers_exact_p_is_that_of_scipy(a, n, b, m):
    assert bryan_numbers._fisher(a, n, b, m) == pytest.approx(
        stats.fisher_exact([[a, n - a], [b, m - b]])[1], abs=1e-12
    )


def test_one_person_left_out_in_turn():
    row = next(
        r for r in rows(FOUND, "correlations") if (r["x"], r["y"], r["of"]) == ("global T2", "CMAP amplitude", "change")
    )
    change = {k: (v[1] - v[0])[MADE.ill] for k, v in MADE.values.items()}
    alone = [stats.pearsonr(np.delete(change["T2"], i), np.delete(change["cmap"], i)) for i in range(11)]
    each = [a.statistic for a in alone]
    assert (row["least_without_one"], row["most_without_one"]) == pytest.approx((min(each), max(each)), abs=1e-10)
    warned = [f for f in FOUND.findings if f.code == "W-INFLUENCE"]
    assert any(f"without A{int(np.argmin(np.abs(each))) + 1:02d}" in f.message for f in warned)


def test_the_marker_that_follows_most_closely_is_the_same_whichever_way_it_points():
    """Turning a marker round (more is worse, or more is better) changes nothing."""
    turned = analyse(cohort(T2=-MADE.values["T2"]))
    ours, theirs = rows(FOUND, "markers"), rows(turned, "markers")
    assert [r["closer"] for r in ours] == [r["closer"] for r in theirs] == ["global T2"] * 4
    assert [r["p"] for r in ours] == pytest.approx([r["p"] for r in theirs], abs=1e-12)
    against_volume = ours[3]
    assert against_volume["y"] == "strength" and against_volume["p"] > 0.05
    told = next(s for s in FOUND.summary if s.startswith("Global T2 followed strength"))
    assert "more closely than T1 (|r| = 0.05" in told and told.count("which may be chance") == 1


def test_shares_of_global_t2_add_up_and_are_those_of_statsmodels():
    found = analyse(modern(noise=0.4))
    row = next(r for r in rows(found, "explained") if r["who"] == "patients" and r["of"] == "first visit")
    assert row["water_share"] + row["fat_share"] + row["neither_share"] == pytest.approx(100, abs=1e-9)
    people = modern(noise=0.4)
    keep = (people.visit == "m0") & (people.groups == "ALS")
    y, water, fat = (people.values[v.name][keep] for v in (VARIABLES["T2"], WATER, FAT))

    def squared(*columns):
        return sm.OLS(y, sm.add_constant(np.column_stack(columns))).fit()

    both = squared(water, fat)
    w, f = squared(water).rsquared, squared(fat).rsquared
    assert row["water_share"] / 100 == pytest.approx((w + both.rsquared - f) / 2, abs=1e-8)
    assert row["fat_share"] / 100 == pytest.approx((f + both.rsquared - w) / 2, abs=1e-8)
    low, high = both.conf_int()[2]
    assert (row["fat_slope"], row["fat_low"], row["fat_high"]) == pytest.approx((both.params[2], low, high), abs=1e-8)
    assert [r["of"] for r in rows(found, "explained")] == ["first visit", "first visit", "change"]
    assert any(s.startswith("What 1998 could not show") for s in found.summary)
    assert {f.id for f in found.figures} >= {"global-t2-water-t2", "global-t2-fat"}


def test_what_is_not_measured_is_left_out_and_said():
    found = analyse(cohort(reading=False, leave=("T1", "mvic")))
    said = next(f for f in found.findings if f.code == "N-STUDY")
    assert "T1" in said.message and "strength" in said.message and "reading of the scans" in said.message
    paper = {r["what"]: r["again"] for r in rows(found, "paper")}
    assert paper["global T2 with strength"] == paper["T1, patients against controls"] == "not measured"
    assert paper["global T2 with CMAP"] == "yes"


def test_few_patients_are_exploratory_and_said_to_be():
    assert FOUND.exploratory and any(f.code == "W-EXPLORATORY" and "11 patients" in f.message for f in FOUND.findings)


def test_missing_visits_are_left_out_of_changes_only():
    t2 = MADE.values["T2"].copy()
    t2[1, 2] = np.nan
    row = {(r["x"], r["y"], r["of"]): r["n"] for r in rows(analyse(cohort(T2=t2)), "correlations")}
    assert (
        row["global T2", "CMAP amplitude", "first visit"] == 11 and row["global T2", "CMAP amplitude", "change"] == 10
    )


def test_one_visit_is_enough_for_all_but_change():
    only = cohort().at("m0")
    only = replace(only, visits=("m0",))
    found = analyse(only)
    assert {r["of"] for r in rows(found, "correlations")} == {"first visit"}
    assert {r["what"]: r["again"] for r in rows(found, "paper")}[
        "change of global T2 with change of CMAP, 4 months"
    ] == "not measured"


def test_two_muscles_need_a_name_unless_one_is_that_of_1998():
    soleus = replace(VARIABLES["T2"], name="T2/soleus", structure="soleus")
    people = cohort().with_variable(soleus, MADE.values["T2"].ravel() + 1)
    assert analyse(people).summary == FOUND.summary
    assert "37.8 against 34.1 ms" in analyse(people, Options(t2="T2/soleus")).summary[1]
    left = replace(VARIABLES["T2"], name="T2/left", side="left")
    error = refused(people.with_variable(left, MADE.values["T2"].ravel()))
    assert error.code == "E-STUDY" and "T2/left" in error.found and "--t2" in error.remedy


@pytest.mark.parametrize(
    ("people", "options", "code"),
    [
        (cohort(), {"t2": "T3"}, "E-UNKNOWN"),
        (cohort(), {"visit": "m9"}, "E-UNKNOWN"),
        (cohort(), {"reading": "somebody"}, "E-UNKNOWN"),
        (cohort(leave=("T2",)), {}, "E-STUDY"),
        (cohort(), {"reference": "healthy"}, "E-PEOPLE"),
        (cohort().of_groups(["control"]), {}, "E-PEOPLE"),
        (cohort(), {"level": 2.0}, "E-OPTION"),
    ],
)
def test_what_cannot_be_analysed_is_refused(people, options, code):
    assert refused(people, **options).code == code


def test_what_images_give_back_is_counted_right():
    """Images off by +0.2 ms in T2, with noise in volume: the bias, and correlations as SciPy has them."""
    rng = np.random.default_rng(4)
    volume = MADE.values["volume"] + rng.normal(0, 8, MADE.values["volume"].shape)
    images = cohort(T2=MADE.values["T2"] + 0.2, volume=volume)
    found, values = prepared(images, Options())
    made = bryan_recovered.analyse(found, prepared(cohort(), Options())[1], values)
    errors = {r["variable"]: r for r in rows(made, "errors")}
    assert errors["global T2"]["bias"] == pytest.approx(0.2, abs=1e-9) and errors["global T2"]["n"] == 38
    assert errors["volume"]["sd"] == pytest.approx(float((volume - MADE.values["volume"]).std(ddof=1)), abs=1e-9)
    pair = next(
        r for r in rows(made, "correlations") if (r["x"], r["y"], r["of"]) == ("volume", "strength", "first visit")
    )
    theirs = stats.pearsonr(volume[0, MADE.ill], MADE.values["mvic"][0, MADE.ill]).statistic
    assert pair["r_images"] == pytest.approx(theirs, abs=1e-10) and pair["promised"] == "yes"
    far = [f for f in made.findings if f.code == "W-CLOSE"]
    assert bool(far) == (abs(pair["difference"]) > 0.05)


def test_titles_and_methods_are_for_readers():
    assert bryan.TITLE and all(s.endswith(".") for s in (*FOUND.summary, *FOUND.methods))
    assert "doi:10.1212/WNL.51.1.110" in FOUND.methods[0]
    assert not any("nan" in s for s in FOUND.summary)
