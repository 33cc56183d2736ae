"""Patients against controls, from people to sentences: numbers against scipy and statsmodels, what is told, what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.core.analysis import Along, Dots, Forest
from neuromyo.core.cohort import Participant
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.options import describe, parse
from neuromyo.study import group
from neuromyo.study.group_tests import slopes_differ
from tests.unit.study.study_groups import CMAP, T1, T2, VOLUME, along, als_like, cohort, folk


def row(table, **given):
    names = [c.name for c in table.columns]
    found = [dict(zip(names, r, strict=True)) for r in table.rows]
    return next(r for r in found if all(r[k] == v for k, v in given.items()))


def codes(analysis):
    return [f.code for f in analysis.findings]


def told(analysis, code):
    return " ".join(str(f) for f in analysis.findings if f.code == code)


def refused(made, **options):
    with pytest.raises(NeuromyoError) as caught:
        group.analyse(made, group.Options(**options))
    error = caught.value
    assert error.where and error.needed and error.found and error.remedy
    return error.code, str(error)


def test_numbers_are_those_of_scipy():
    made = als_like()
    found = group.analyse(made)
    ill = made.groups == "als"
    for v in (T2, T1, VOLUME):
        x = made.values[v.name]
        theirs = stats.ttest_ind(x[ill], x[~ill], equal_var=False)
        mine = {**row(found.table("tests"), variable=v.name), **row(found.table("test-details"), variable=v.name)}
        assert (mine["t"], mine["p"], mine["df"]) == pytest.approx(
            (theirs.statistic, theirs.pvalue, theirs.df), rel=1e-9
        )
        assert (mine["low"], mine["high"]) == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-9)
        assert mine["p_ranks"] == pytest.approx(stats.mannwhitneyu(x[ill], x[~ill], method="exact").pvalue, rel=1e-9)
        assert mine["exact"] == "yes" and mine["arrangements"] == 75_582 and mine["unit"] == v.unit
        own = row(found.table("descriptives"), variable=v.name, group="als")
        assert (own["n"], own["missing"]) == (11, 0) and own["median"] == pytest.approx(np.median(x[ill]))
        assert own["sd"] == pytest.approx(x[ill].std(ddof=1)) and own["q25"] == pytest.approx(np.quantile(x[ill], 0.25))
    p = found.table("tests").column("p")
    assert found.table("tests").column("p_corrected") == pytest.approx(stats.false_discovery_control(p), rel=1e-9)
    assert CMAP.name not in found.table("tests").column("variable")  # images alone, unless asked for


def test_first_sentences_say_what_was_found_with_n_unit_and_interval():
    found = group.analyse(als_like())
    assert found.summary[0] == ("Of 3 measurements compared between als (n = 11) and control (n = 8) at visit m0, 1 differs at p < 0.05, "
                                "corrected for 3 tests (Benjamini-Hochberg).")  # fmt: skip
    assert found.summary[1].startswith(
        "T2 of right tibialis anterior was 4.0 ms higher in als (n = 11) than in control (n = 8) (95 % CI 2.3 to 5.6; p < 0.001"
    )
    assert len(found.summary) == 3 and "need not be alike" in found.summary[-1]
    alone = group.analyse(als_like(), group.Options(variables=(CMAP.name,)))
    assert (
        alone.summary[0].startswith("cmap.amplitude/tibialis-anterior/right was")
        and " mV lower in als" in alone.summary[0]
    )
    assert "corrected" not in alone.summary[0]
    assert all(s.endswith(".") for a in (found, alone) for s in (*a.summary, *a.methods))
    assert any("all 75,582 arrangements" in m for m in found.methods)
    assert found.exploratory and "a difference has to be 1.4 standard deviations" in told(found, "W-EXPLORATORY")
    assert found.mark == "exploratory: fewer than 20 people; suggests, does not confirm"


def test_covariates_are_held_as_statsmodels_holds_them():
    made = als_like(age_shift=6.0)
    found = group.analyse(made, group.Options(covariates=("age", "sex"), repeats=999))
    X = np.column_stack([np.ones(19), made.groups == "als", made.covariate("age"), made.covariate("sex")]).astype(float)
    theirs, robust = (
        sm.OLS(made.values[T2.name], X).fit(),
        sm.OLS(made.values[T2.name], X).fit(cov_type="HC3", use_t=True),
    )
    mine = row(found.table("adjusted"), variable=T2.name)
    assert (mine["difference"], mine["p"]) == pytest.approx((theirs.params[1], theirs.pvalues[1]), rel=1e-8)
    assert (mine["low"], mine["high"]) == pytest.approx(tuple(theirs.conf_int()[1]), rel=1e-8)
    assert mine["p_robust"] == pytest.approx(robust.pvalues[1], rel=1e-8) and 0 < mine["p_permutation"] < 0.05
    assert found.table("adjusted").column("p_corrected") == pytest.approx(
        stats.false_discovery_control(found.table("adjusted").column("p"))
    )
    assert "at the same age and sex" in found.summary[1] and "without covariates Hedges g" in found.summary[1]
    assert not any("age differs" in str(f) for f in found.findings) and "W-BALANCE" not in codes(found)
    assert set(found.table("tests").column("p_corrected")) == {None}  # that p is the ANCOVA's
    apart = group.analyse(als_like(age_shift=40.0), group.Options(covariates=("age",), repeats=99))
    assert "age of the groups overlaps in 0 of 19 people: als 80 to" in told(apart, "W-BALANCE").replace(
        "81 to", "80 to"
    )


def test_a_covariate_that_differs_between_groups_is_told_unless_it_is_held():
    made = als_like(age_shift=12.0)
    assert "age differs: " in told(group.analyse(made), "W-BALANCE") and "--covariates age" in told(
        group.analyse(made), "W-BALANCE"
    )
    people = [replace(p, sex="F" if p.group == "als" else "M", site="a" if p.group == "als" else "b") for p in folk()]
    other = cohort({T2: made.values[T2.name]}, people)
    said = told(group.analyse(other), "W-BALANCE")
    assert "sexes differ: 11 of 11 against 0 of 8 are women" in said and "no site has people of both" in said
    assert "W-BALANCE" not in codes(group.analyse(als_like(seed=2)))


def test_covariates_that_act_otherwise_in_patients_are_told():
    people = folk(20, 20)
    age = np.array([p.age for p in people])
    ill = np.arange(40) < 20
    y = 33 + np.random.default_rng(2).normal(0, 1, 40) + 0.4 * ill * (age - 50)
    found = group.analyse(cohort({T2: y}, people), group.Options(covariates=("age",), repeats=99))
    X = sm.add_constant(np.column_stack([ill, age, ill * age]).astype(float))
    p = sm.OLS(y, X).fit().pvalues[3]
    assert p < 0.001 and "age goes with the value otherwise in als than in control (p < 0.001)" in told(
        found, "W-CLOSE"
    )
    design = np.column_stack([np.ones(40), ill, age])
    assert slopes_differ(y, design) == pytest.approx(p, rel=1e-7)
    assert "otherwise" not in told(group.analyse(als_like(), group.Options(covariates=("age",), repeats=99)), "W-CLOSE")


def test_a_profile_is_one_test_and_shows_where():
    made = along()
    found = group.analyse(made)
    whole = row(found.table("profiles"), profile="T2/tibial-nerve/right")
    assert whole["levels"] == 12 and whole["p_anywhere"] < 0.01 and whole["unit"] == "ms"
    levels = found.table("profile-levels")
    assert levels.column("level") == [f"{20 * k} mm" for k in range(12)]
    differs = np.array(levels.column("differs")) == "yes"
    assert differs[4:8].all() and not differs[[0, 1, 2, 9, 10, 11]].any()
    alone, over = np.array(levels.column("p")), np.array(levels.column("p_max_t"))
    assert (over >= alone * 0.8).all() and whole["p_anywhere"] == pytest.approx(over.min())
    drawn = next(f for f in found.figures if isinstance(f, Along))
    assert (
        drawn.levels.tolist() == [20.0 * k for k in range(12)]
        and drawn.level_axis == "level (mm)"
        and drawn.axis == "T2 of the right tibial nerve (ms)"
    )
    assert (drawn.significant == differs).all() and drawn.means["als"][0] == pytest.approx(
        [np.mean(made.values[v.name][:11]) for v in made.variables]
    )
    apart = group.analyse(made, group.Options(profile="none"))
    assert len(apart.table("tests").rows) == 12 and not [t for t in apart.tables if t.id == "profiles"]
    held = group.analyse(made, group.Options(covariates=("age",), repeats=999))
    assert row(held.table("profile-levels"), level="100 mm")["differs"] == "yes"
    assert "between als and control at the same age at " in held.summary[0]


def test_a_profile_with_covariates_leaves_out_levels_that_few_have_and_people_who_lack_others():
    made = along()
    values = {v: made.values[v.name].copy() for v in made.variables}
    each = list(values.values())
    each[0][[1, 4, 12, 13]], each[7][2], each[9][:5] = np.nan, np.nan, np.nan
    found = group.analyse(cohort(values, folk()), group.Options(covariates=("age",), repeats=999))
    levels = found.table("profile-levels")
    assert [k for k, x in enumerate(levels.column("differs")) if x == "n/a"] == [0, 9]
    whole = row(found.table("profiles"))
    assert (whole["n_compared"], whole["n_reference"], whole["levels"]) == (10, 8, 10)
    assert "18 of 19 people have all levels tested and known age" in told(found, "N-STUDY")
    X = np.column_stack([np.ones(19), made.groups == "als", made.covariate("age")]).astype(float)
    there = np.isfinite(each[7])
    alone = sm.OLS(each[7][there], X[there]).fit()
    assert levels.column("p")[7] == pytest.approx(alone.pvalues[1], rel=1e-8)


def test_a_profile_counts_once_in_the_correction_and_bears_holes():
    made = along()
    more = cohort({T2: np.random.default_rng(0).normal(33, 1, 19)}, folk())
    both = cohort({**{v: made.values[v.name] for v in made.variables}, T2: more.values[T2.name]}, folk())
    found = group.analyse(both, group.Options(correction="holm"))
    p = [found.table("tests").column("p")[0], found.table("profiles").column("p_anywhere")[0]]
    assert found.table("profiles").column("p_corrected")[0] == pytest.approx(
        min(1.0, 2 * p[1]) if p[1] < p[0] else p[1]
    )
    holed = {v: made.values[v.name].copy() for v in made.variables}
    values = list(holed.values())
    values[5][3], values[0][:9] = np.nan, np.nan  # one person at one level; two patients left at the first
    found = group.analyse(cohort(holed, folk()))
    first = row(found.table("profile-levels"), level="0 mm")
    assert first["n_compared"] == 2 and first["p_max_t"] is None and first["differs"] == "n/a"
    assert (
        row(found.table("profiles"))["levels"] == 11
        and row(found.table("profile-levels"), level="100 mm")["n_compared"] == 10
    )
    assert "1 of 11 people of als has no value: sub-04" in told(found, "W-ABSENT")


def test_a_profile_that_does_not_survive_correction_marks_nothing():
    made, rng = along(seed=4, size=1.8, affected=(5, 7)), np.random.default_rng(8)
    alone = group.analyse(made)
    assert 0.005 < alone.table("profiles").column("p_anywhere")[0] < 0.05 and "yes" in alone.table(
        "profile-levels"
    ).column("differs")
    others = {replace(T2, name=f"v{k}"): rng.normal(0, 1, 19) for k in range(12)}
    among = group.analyse(
        cohort({**{v: made.values[v.name] for v in made.variables}, **others}, folk()), group.Options(correction="holm")
    )
    assert set(among.table("profile-levels").column("differs")) == {"no"}
    assert among.table("profiles").column("stretches") == ["none"]
    assert not next(f for f in among.figures if isinstance(f, Along)).significant.any()


def test_levels_in_words_keep_their_order_and_units_of_two_kinds_are_words():
    made = along(levels=3, affected=(0, 3))
    named = [
        replace(v, name=f"T2/tibial-nerve/right/{w}", level=w)
        for v, w in zip(made.variables, ("distal", "middle", "proximal"), strict=True)
    ]
    found = group.analyse(cohort(dict(zip(named, made.values.values(), strict=True)), folk()))
    drawn = next(f for f in found.figures if isinstance(f, Along))
    assert drawn.levels.tolist() == [1, 2, 3] and "Levels: distal, middle, proximal." in drawn.caption


def three():
    people = folk() + [Participant(f"p{k}", "pls", 50.0 + k, "F", "utrecht", 1.7) for k in range(6)]
    rng = np.random.default_rng(4)
    shift = np.array([{"als": 4.0, "control": 0.0, "pls": 1.0}[p.group] for p in people])
    return cohort({T2: 33 + shift + rng.normal(0, 1.2, 25)}, people)


def test_more_groups_are_each_compared_with_the_reference():
    found = group.analyse(three())
    assert [(r[2], r[-1]) for r in found.table("tests").rows] == [("als", "control"), ("pls", "control")]
    omnibus = row(found.table("omnibus"))
    assert omnibus["groups"] == 3 and omnibus["p"] < 0.01 and omnibus["df_groups"] == 2
    assert found.summary[0].startswith("Of 2 comparisons between als (n = 11), pls (n = 6) and control (n = 8)")
    assert [len(f.groups) for f in found.figures if isinstance(f, Dots)] == [3]
    lines = next(f for f in found.figures if isinstance(f, Forest)).lines
    assert [m.label for m in lines] == ["T2 of right tibialis anterior, als", "T2 of right tibialis anterior, pls"]
    one = group.analyse(three(), group.Options(compared=("pls",), reference="als"))
    assert one.table("tests").column("compared") == ["pls"] and row(one.table("tests"))["difference"] < 0
    assert not [t for t in one.tables if t.id == "omnibus"]


def test_the_visit_asked_for_is_the_one_compared():
    people = folk()
    person = [p.label for p in people] * 2
    values = np.concatenate([np.random.default_rng(0).normal(33, 1, 19), np.random.default_rng(1).normal(40, 1, 19)])
    made = cohort({T2: values}, people, ("m0", "m4"), person, ["m0"] * 19 + ["m4"] * 19)
    means = [
        row(group.analyse(made, group.Options(visit=v)).table("descriptives"), group="als")["mean"]
        for v in ("", "m0", "m4")
    ]
    assert means[0] == means[1] == pytest.approx(values[:11].mean()) and means[2] == pytest.approx(values[19:30].mean())


def test_people_and_values_that_are_missing_are_named():
    people = folk()
    people[2] = replace(people[2], end="died", age=np.nan)
    people.append(Participant("x1"))
    values = np.random.default_rng(0).normal(33, 1, 19)
    values[[5, 14]] = np.nan, np.inf
    labels = [p.label for p in people if p.label != "03"]
    found = group.analyse(
        cohort({T2: np.append(np.delete(values, 2), 31.0)}, people, person=labels),
        group.Options(covariates=("age",), repeats=99),
    )
    said = told(found, "W-ABSENT")
    assert "1 of 11 people have no measurements at visit m0: sub-03 (died)" in said and "sub-x1" in said
    assert (
        "1 of 10 people of als has no value: sub-06" in said and "1 of 8 people of control has no value: sub-15" in said
    )
    assert (
        row(found.table("descriptives"), group="als")["missing"] == 1 and row(found.table("tests"))["n_compared"] == 9
    )
    people[4] = replace(people[4], age=np.nan)
    found = group.analyse(cohort({T2: np.append(values, 31.0)}, people), group.Options(covariates=("age",), repeats=99))
    assert "age: not known of sub-03 and sub-05, who are left out" in told(found, "W-ABSENT")
    assert row(found.table("adjusted"))["n_compared"] == 8


def one_variable(a, b, **options):
    return group.analyse(cohort({T2: np.concatenate([a, b])}, folk(len(a), len(b))), group.Options(**options))


def test_a_value_far_from_the_rest_is_named():
    a, b = (
        np.array([33.0, 34, 33.5, 34.2, 33.9, 34.4, 33.1, 33.7, 34.9, 35.2, 38.0]),
        np.array([32.9, 33.2, 33.8, 32.5, 34.3, 33.1, 33.6, 33.0]),
    )
    assert "sub-11 of als has 38 ms, all others 33 to 35.2 ms" in told(one_variable(a, b), "W-SKEWED")
    assert "W-SKEWED" not in codes(one_variable(a[:-1], b))
    skewed = np.random.default_rng(0).gamma(0.5, 1, (2, 20))
    assert "values are skewed within groups (skewness" in told(one_variable(*skewed), "W-SKEWED")


def test_a_result_that_rests_on_one_person_is_told_with_both_p():
    rng = np.random.default_rng(11)
    for _ in range(200):  # the first study of this kind that chance makes
        a, b = rng.normal(1.0, 1, 11), rng.normal(0, 1, 8)
        p = stats.ttest_ind(a, b, equal_var=False).pvalue
        each = [stats.ttest_ind(np.delete(a, k), b, equal_var=False).pvalue for k in range(11)]
        if p < 0.05 and sum(q >= 0.05 for q in each) == 1:
            break
    said = told(one_variable(a, b), "W-INFLUENCE")
    assert f"without sub-{int(np.argmax(each)) + 1:02d}" in said and f"p = {p:.3f}" in said


def test_tests_that_disagree_about_five_percent_are_told():
    a = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 60])
    found = one_variable(a + 4, np.arange(8.0))
    mine = row(found.table("tests"))
    assert (mine["p"] < 0.05) != (mine["p_ranks"] < 0.05)
    assert "W-CLOSE" in codes(found) and "tests lie on both sides of 0.05" in told(found, "W-CLOSE")


def test_unequal_spreads_ties_and_constants_are_told():
    rng = np.random.default_rng(3)
    found = one_variable(rng.normal(0, 6, 11), rng.normal(0, 1, 8))
    assert "values of als spread " in told(
        found, "W-SPREAD"
    ) and "Welch's t and the permutation test allow for that" in told(found, "W-SPREAD")
    scores = one_variable(np.array([0, 1, 1, 2, 2, 2, 1, 0, 1, 2, 3.0]), np.array([0, 0, 0, 1, 0, 0, 1, 0.0]))
    assert "W-TIES" in codes(scores)
    none = one_variable(rng.normal(5, 1, 11), np.zeros(8))  # controls without any fat
    assert "and those of control not at all" in told(none, "W-SPREAD") and row(none.table("tests"))["p"] < 0.001
    few = np.r_[1.0, np.full(10, np.nan)]
    cases = [
        (np.ones(11), np.ones(8), "everybody has the same value"),
        (np.ones(11), np.zeros(8), "no two people of als differ"),
        (np.full(11, np.nan), np.ones(8), "nobody of als has a value"),
        (few, np.arange(8.0), "one person of als"),
    ]
    for a, b, words in cases:
        flat = one_variable(a, b)
        assert words in row(flat.table("test-details"))["not_tested"] and words in told(flat, "N-STUDY")
        assert row(flat.table("tests"))["p"] is None and "Nothing could be compared" in flat.summary[0]


def test_cautions_are_rare_where_nothing_is_wrong():
    rng, n = np.random.default_rng(5), 60
    many = cohort({replace(T2, name=f"v{k}"): rng.normal(33, 1, 15) for k in range(n)}, folk(8, 7, seed=1))
    said = codes(group.analyse(many, group.Options(repeats=99)))
    assert said.count("W-SKEWED") <= 9 and said.count("W-SPREAD") <= 4 and said.count("W-TIES") == 0


def test_differences_of_percents_are_in_points():
    rng = np.random.default_rng(0)
    fat = replace(T2, name="FF/soleus/left", unit="%")
    said = group.analyse(cohort({fat: np.r_[rng.normal(12, 2, 11), rng.normal(5, 2, 8)]}, folk())).summary[0]
    assert " percentage points higher in als" in said and "% CI" in said


def test_many_variables_without_correction_are_told():
    rng = np.random.default_rng(6)
    many = cohort({replace(T2, name=f"v{k}"): rng.normal(33, 1, 40) for k in range(70)}, folk(20, 20))
    found = group.analyse(many, group.Options(correction="none", repeats=99))
    assert (
        "70 tests without correction: if nothing differed, about 3.5 of them" in told(found, "W-CLOSE")
        and not found.exploratory
    )
    assert found.table("tests").column("p_corrected") == found.table("tests").column("p")
    assert [f.id for f in found.figures if isinstance(f, Forest)] == ["group-effects-1", "group-effects-2"]
    assert (
        len([f for f in found.figures if isinstance(f, Dots)]) == 12
        and "58 further variables" in found.figures[2].caption
    )
    assert not group.analyse(many, group.Options(repeats=99)).exploratory


# --- refused


def test_names_that_are_not_there_are_refused_with_the_near_one():
    made = als_like()
    code, said = refused(made, reference="Controls")
    assert code == "E-UNKNOWN" and "did you mean control?" in said and "there are: als, control" in said
    assert "did you mean als?" in refused(made, compared=("asl",))[1]
    assert refused(made, visit="m4")[0] == "E-UNKNOWN" and refused(made, variables=("T9",))[0] == "E-UNKNOWN"
    code, said = refused(made, covariates=("hight",))
    assert code == "E-UNKNOWN" and "there are: age, sex, height_m, site" in said
    assert (
        refused(made, covariates=("group",))[0] == "E-OPTION" and refused(made, compared=("control",))[0] == "E-OPTION"
    )
    assert refused(made, correction="fdr")[0] == "E-OPTION"


def test_too_few_people_are_refused():
    code, said = refused(cohort({T2: np.arange(12.0)}, folk(11, 1)))
    assert code == "E-PEOPLE" and "group control" in said and "one: a spread cannot be told from one person" in said
    lonely = [replace(p, group="") for p in folk()]
    assert refused(cohort({T2: np.arange(19.0)}, lonely))[1].startswith(
        "the table of people: needed a group for each person"
    )
    assert refused(cohort({T2: np.arange(3.0)}, folk(3, 0)), reference="als")[0] == "E-OPTION"
    assert refused(cohort({T2: np.empty(0)}, []))[0] == "E-STUDY"
    code, said = refused(cohort({T2: np.arange(8.0)}, folk(4, 4)), covariates=("age", "height", "sex"))
    assert code == "E-PEOPLE" and "at least 10 people of als and control" in said and "found 8" in said
    assert refused(cohort({}, folk()))[0] == "E-STUDY"


def test_a_site_that_tells_the_groups_is_refused_as_a_covariate():
    people = [replace(p, site="a" if p.group == "als" else "b") for p in folk()]
    code, said = refused(cohort({T2: np.arange(19.0)}, people), covariates=("age", "site"))
    assert code == "E-STUDY" and "site, which everybody's group can be told from" in said
    twice = [replace(p, more={"years": p.age * 2}) for p in folk()]
    assert (
        "one of which follows from the others"
        in refused(cohort({T2: np.arange(19.0)}, twice), covariates=("age", "years"))[1]
    )


def test_sites_are_held_also_where_a_pair_of_groups_lacks_one():
    people = [replace(p, site=("a", "b", "c")[k % 3]) for k, p in enumerate(folk())]
    people += [Participant(f"p{k}", "pls", 50.0, "F", "d") for k in range(3)]
    rng = np.random.default_rng(1)
    found = group.analyse(
        cohort({T2: rng.normal(33, 1, 22)}, people),
        group.Options(compared=("als",), covariates=("site", "sex"), repeats=99),
    )
    assert row(found.table("adjusted-means"))["df"] == 19 - 5
    same = group.analyse(als_like(), group.Options(covariates=("site", "age"), repeats=99))
    assert "site is the same in everybody" in told(same, "N-STUDY") and "at the same age" in same.summary[1]
    only = group.analyse(als_like(), group.Options(covariates=("site",)))
    assert not [t for t in only.tables if t.id == "adjusted"]


# --- whatever is asked


def test_options_come_from_words_and_explain_themselves():
    given = parse(
        group.Options,
        {
            "variables": "a,b",
            "covariates": "age sex",
            "compared": "als",
            "level": "0.9",
            "profile": "none",
            "seed": "3",
        },
    )
    assert given == group.Options(
        ("a", "b"), compared=("als",), covariates=("age", "sex"), level=0.9, profile="none", seed=3
    )
    assert all(len(o["doc"]) > 10 for o in describe(group.Options))


def test_order_of_rows_and_units_do_not_matter_and_results_repeat():
    made = als_like()
    turned = np.random.default_rng(0).permutation(19)
    a, b, again = (group.analyse(m).as_dict() for m in (made, made.rows(turned), made))
    assert json.dumps(a) == json.dumps(again)
    for one, two in zip(a["tables"][1]["rows"], b["tables"][1]["rows"], strict=True):
        assert one["p"] == pytest.approx(two["p"]) and one["p_permutation"] == pytest.approx(two["p_permutation"])


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_study_no_cell_is_nan_and_no_error_is_bare(seed):
    rng = np.random.default_rng(seed)
    people = folk(int(rng.integers(2, 7)), int(rng.integers(2, 7)), seed)
    n = len(people)
    people = [
        replace(
            p, age=np.nan if rng.random() < 0.2 else p.age, sex="" if rng.random() < 0.2 else p.sex, site="ab"[k % 2]
        )
        for k, p in enumerate(people)
    ]
    values = {
        replace(T2, name=f"v{k}", level=str(k) if k < 4 else ""): np.where(
            rng.random(n) < 0.3, np.nan, rng.integers(0, 3 + 40 * (k % 2), n)
        )
        for k in range(7)
    }
    covariates = tuple(rng.choice(["age", "sex", "site", "height"], int(rng.integers(0, 3)), replace=False))
    try:
        found = group.analyse(
            cohort(values, people),
            group.Options(covariates=covariates, repeats=99, correction=("bh", "holm", "none")[seed % 3]),
        )
    except NeuromyoError as error:
        ours = error.code in ("E-PEOPLE", "E-STUDY") and bool(error.remedy and covariates)
        assert ours, str(error)  # noqa: PT017
        return
    json.dumps(found.as_dict(), allow_nan=False)
    said = " ".join((*found.summary, *found.methods, *map(str, found.findings), *(f.caption for f in found.figures)))
    assert " nan" not in said and " inf" not in said and "None" not in said
    assert len({t.id for t in found.tables}) == len(found.tables) and len({f.id for f in found.figures}) == len(
        found.figures
    )
