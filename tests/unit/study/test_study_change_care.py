"""Change from visit to visit: what is refused, what is told, and that few people give what can be given."""

import json
import math

import numpy as np
import pytest

from neuromyo.core.analysis import Forest
from neuromyo.core.errors import NeuromyoError
from neuromyo.study.change import Options, analyse
from tests.unit.study.change_cohorts import CMAP, GROUPS, T2, codes, cohort, row, two_visits, with_leavers


def test_one_person_or_one_method_deciding_is_told():
    y = two_visits(seed=10, gain=0.0)
    y[:11, 1] = y[:11, 0] + 0.45 + np.linspace(-0.8, 0.8, 11)
    y[11:, 1] = y[11:, 0] + np.linspace(-0.8, 0.8, 8)
    y[3, 1] += 1.2
    assert "W-INFLUENCE" in codes(analyse(cohort({T2: y}, GROUPS)))
    y = two_visits(seed=11, gain=0.0)
    y[:, 1] = y[:, 0] + 0.6 * (y[:, 0] - 35) + np.random.default_rng(1).normal(0, 0.3, 19)
    close = next(f for f in analyse(cohort({T2: y}, GROUPS)).findings if f.code == "W-CLOSE")
    assert "ANCOVA" in close.message and "another question" in close.consequence


def test_spreads_that_differ_and_uneven_gaps_are_told():
    y = two_visits()
    y[11:, 1] = y[11:, 0] + np.linspace(-0.05, 0.05, 8)
    days = np.stack([np.zeros(19), np.linspace(60, 240, 19)], 1)
    found = analyse(cohort({T2: y}, GROUPS, days))
    assert "W-SPREAD" in codes(found) and any(
        "60 to" in f.message for f in found.findings if f.where == "dates of visits"
    )


def test_falling_back_to_the_mean_is_told():
    found = analyse(cohort({T2: two_visits()}, GROUPS), Options(retest_wsd=("1.2",)))
    assert any("measuring error" in f.message and "back" in f.message for f in found.findings if f.code == "N-STUDY")


def test_nobody_varies_and_one_person_alone():
    same = np.tile([30.0, 31.0], (8, 1))
    found = analyse(cohort({T2: same}, ["als"] * 7 + ["control"]))
    assert {"W-TIES", "W-ABSENT"} <= codes(found)
    one = row(found.table("change-within-groups"), group="als")
    assert one["change"] == 1.0 and one["p"] is None and one["srm"] is None
    assert "change-between-groups" not in [t.id for t in found.tables]
    assert any("one person only" in f.message for f in found.findings) and any(
        "too few people" in f.message for f in found.findings
    )


def test_a_variable_without_follow_up_is_left_out_and_told():
    y = two_visits()
    gone = y.copy()
    gone[:, 1] = np.nan
    found = analyse(cohort({T2: y, "T1/muscle": gone}, GROUPS))
    assert any(f.code == "W-ABSENT" and f.where == "T1/muscle" for f in found.findings)
    with pytest.raises(NeuromyoError, match="E-PEOPLE") as caught:
        analyse(cohort({"T1/muscle": gone, T2: y}, GROUPS), Options(variables=("T1/muscle",)))
    assert caught.value.needed and caught.value.found == "nobody" and "labels" in caught.value.remedy


def backwards():
    days = np.tile([0.0, 120.0], (19, 1))
    days[4, 1] = -10
    return cohort({T2: two_visits()}, GROUPS, days)


def infinite():
    y = two_visits()
    y[1, 1] = np.inf
    return cohort({T2: y, "T1/muscle": two_visits()}, GROUPS)


REFUSED = {
    "one visit": (lambda: cohort({T2: two_visits()[:, :1]}, GROUPS), Options(), "E-STUDY", "a baseline and a later visit"),
    "dates run backwards": (backwards, Options(), "E-DATE", "sub-05"),
    "no such visit": (lambda: cohort({T2: two_visits()}, GROUPS), Options(visits=("m6",)), "E-UNKNOWN", "m0, m4"),
    "no such group": (lambda: cohort({T2: two_visits()}, GROUPS), Options(groups=("sma",)), "E-UNKNOWN", "als, control"),
    "no such variable": (lambda: cohort({T2: two_visits()}, GROUPS), Options(variables=("T3",)), "E-UNKNOWN", T2),
    "no such covariate": (lambda: cohort({T2: two_visits()}, GROUPS), Options(covariates=("shoe",)), "E-UNKNOWN", "shoe"),
    "infinite": (infinite, Options(), "E-STUDY", "infinity"),
    "nothing imaged": (lambda: cohort({CMAP: two_visits()}, GROUPS), Options(), "E-STUDY", "variables"),
    "a wrong choice": (lambda: cohort({T2: two_visits()}, GROUPS), Options(correction="bonferoni"), "E-OPTION", "holm"),
    "a wrong level": (lambda: cohort({T2: two_visits()}, GROUPS), Options(level=95.0), "E-OPTION", "level"),
    "baseline after all": (lambda: cohort({T2: two_visits()}, GROUPS), Options(baseline="m4"), "E-STUDY", "later visit"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    given, options, code, words = REFUSED[name]
    with pytest.raises(NeuromyoError) as caught:
        analyse(given(), options)
    error = caught.value
    assert error.code == code and words in str(error) and error.remedy and error.needed and error.found


SMALL = {
    "two people": (["als", "control"], 2),
    "two and two": (["als", "als", "control", "control"], 2),
    "three and one": (["als", "als", "als", "control"], 3),
    "no groups": ([""] * 5, 2),
    "three groups": (["als", "als", "als", "sma", "sma", "control", "control", "control"], 3),
    "some without": (["als"] * 4 + [""] + ["control"] * 4, 2),
}


@pytest.mark.parametrize("name", SMALL)
def test_few_people_give_what_can_be_given(name):
    groups, visits = SMALL[name]
    y = np.random.default_rng(12).normal(30, 2, (len(groups), visits))
    found = analyse(cohort({T2: y}, groups), Options(with_variables=(T2,), delta=1.0))
    assert found.exploratory and "W-EXPLORATORY" in codes(found) and found.summary and found.methods
    for table in found.tables:
        assert not any(isinstance(x, float) and not math.isfinite(x) for r in table.rows for x in r), table.id
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_same_again_and_with_rows_in_another_order():
    given = cohort({T2: with_leavers(), CMAP: with_leavers(13)}, GROUPS, ends={2: ("died", 90.0)})
    options = Options(variables=(T2, CMAP), with_variables=(CMAP,), delta=1.0)
    once = json.dumps(analyse(given, options).as_dict(), allow_nan=False)
    order = np.random.default_rng(14).permutation(len(given))
    assert json.dumps(analyse(given.rows(order), options).as_dict()) == once
    forests = [f for f in analyse(given, options).figures if isinstance(f, Forest)]
    assert {f.id for f in forests} == {"change-difference-1", "change-difference-2", "change-response"}
    assert len({f.id for f in analyse(given, options).figures}) == len(analyse(given, options).figures)


def test_a_variable_ends_where_it_was_last_measured():
    y = with_leavers()
    short = y.copy()
    short[:, 2] = np.nan
    found = analyse(cohort({T2: y, "T1/muscle": short}, GROUPS), Options(with_variables=("T1/muscle",)))
    assert any(f.where == "T1/muscle" and "last visit" in f.message for f in found.findings)
    between = found.table("change-between-groups")
    alone = analyse(cohort({"T1/muscle": y[:, :2]}, GROUPS, visits=("m0", "m4")))
    theirs = row(alone.table("change-between-groups"), method="mixed model")
    assert row(between, variable="T1/muscle", method="mixed model")["p"] == pytest.approx(theirs["p"])
    assert found.table("change-with-change").column("visit") == ["m4"]


def test_people_without_a_covariate_are_told_and_not_counted_as_missing():
    y = with_leavers()
    more = [{"onset": float(i)} if i not in (0, 12) else {} for i in range(19)]
    found = analyse(cohort({T2: y}, GROUPS, more=more), Options(covariates=("onset",)))
    told = next(f for f in found.findings if f.where == "covariates")
    assert "onset not known of sub-01, sub-13" in told.message
    model = row(found.table("change-between-groups"), method="mixed model", visit="m8")
    assert (model["n"], model["n_reference"]) == (10, 7)
    assert row(found.table("change-sensitivity"), group="als")["n"] == 10


def test_who_comes_back_later_has_not_left():
    y = two_visits()
    y = np.concatenate([y, y[:, 1:]], 1)
    y[3, 1] = np.nan
    found = analyse(cohort({T2: y}, GROUPS), Options(visits=("m4",)))
    assert row(found.table("change-who-was-measured"), group="als", visit="m4")["reasons"] == "visit missed: 1"
