"""A planned trial as an analysis: what it says, that formula and simulation agree, what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.stats.power import TTestIndPower

from neuromyo.core.analysis import Curves
from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError, OptionError
from neuromyo.study import power
from neuromyo.study.power import Options

QUICK = {"repeats": 2000}


def pilot(n=30, seed=1, controls=0, days=(0.0, 365.25)):
    """Fat fraction and T2 of the tibialis anterior of n patients (and healthy controls) at two visits a year apart."""
    rng = np.random.default_rng(seed)
    fat = np.linspace(5, 60, n + controls)
    t2 = 40 + 0.2 * fat + rng.normal(0, 2, n + controls)
    columns = {
        "FF/ta": np.column_stack([fat, fat + 2 + rng.normal(0, 1.8, n + controls)]),
        "T2/ta": np.column_stack([t2, t2 + 1.5 + rng.normal(0, 1.6, n + controls)]),
    }
    labels = [f"{i:02d}" for i in range(1, n + controls + 1)]
    groups = ["als"] * n + ["control"] * controls
    return Cohort(
        np.repeat(labels, 2).astype(object), np.array(["m0", "m12"] * len(labels), object), np.array(list(days) * len(labels)),
        (Variable("FF/ta", "%"), Variable("T2/ta", "ms")), {k: x.ravel() for k, x in columns.items()}, ("m0", "m12"),
        {p: Participant(p, g) for p, g in zip(labels, groups, strict=True)},
    )  # fmt: skip


def row(found, at=0, table=None):
    """A row's cells by name: of the table, or of both that have a line for each endpoint."""
    cells = {}
    for one in [found.table(table)] if table else [found.table("sample-size"), found.table("basis")]:
        cells |= dict(zip((c.name for c in one.columns), one.rows[at], strict=True))
    return cells


def codes(found):
    return [f.code for f in found.findings]


def test_becker_from_a_published_srm():
    # Becker muscular dystrophy: SRM 1.04, treatment of 50 %, 80 % power: 58.1, printed 59 people an arm
    found = power.analyse(None, Options(srm=1.04))
    one = row(found)
    assert one["n_approximate"] == pytest.approx(58.1, abs=0.05) and one["effect"] == pytest.approx(0.52)
    assert one["n_control"] == one["n_treated"] == 60  # noncentral t: 59.03
    assert one["power"] == pytest.approx(TTestIndPower().power(0.52, 60, 0.05), abs=1e-8)
    assert abs(one["power_simulated"] - one["power"]) < 3.5 * one["simulation_se"] and one["trials"] == 10_000
    assert "60 people in each arm" in found.summary[0] and "the normal approximation says 58.1" in found.summary[0]
    assert one["assurance"] is None and "cannot be told" in " ".join(found.summary) and not found.exploratory


def test_a_published_change_of_few_people_is_not_taken_as_known():
    # CMT1A calf fat fraction +1.8 +- 1.7 %, n = 10: SRM 1.06
    found = power.analyse(
        None, Options(mean_change=1.8, sd_change=1.7, change_unit="%", pilot_n=10, dropout=0.15, **QUICK)
    )
    one = row(found)
    assert one["srm"] == pytest.approx(1.06, abs=0.005) and one["srm_low"] < 0.4 and one["srm_high"] > 1.7
    assert one["n_control_limit"] > 1.5 * one["n_control"] and one["assurance"] < 0.75
    assert one["n_enrolled"] == 2 * math.ceil(one["n_control"] / 0.85)
    assert (
        found.exploratory
        and "W-EXPLORATORY" in codes(found)
        and f"may be {math.sqrt(9 / chi2.ppf(0.2, 9)):.2f} times as large" in " ".join(found.summary)
    )


def test_a_pilot_compares_its_markers():
    study = pilot()
    found = power.analyse(study, Options(dropout=0.1, **QUICK))
    change = np.diff(study.wide("FF/ta")[1], axis=1)[:, 0]
    first, second = row(found, 0), row(found, 1)
    assert first["change"] == pytest.approx(change.mean()) and first["sd_change"] == pytest.approx(change.std(ddof=1))
    assert first["n_control"] == math.ceil(
        TTestIndPower().solve_power(0.5 * change.mean() / change.std(ddof=1), power=0.8, alpha=0.05)
    )
    best = min((first, second), key=lambda r: r["n_control"])
    assert best["endpoint"] in found.summary[0] and "fewest of 2" in found.summary[1]
    assert "W-CLOSE" in codes(found)  # the best of several looks better than it is
    drawn = next(f for f in found.figures if isinstance(f, Curves))
    assert set(drawn.lines) == {"FF/ta", "T2/ta"} == set(drawn.bands) and drawn.mark_y == 0.8
    low, high = drawn.bands["FF/ta"]
    assert (low <= drawn.lines["FF/ta"] + 1e-12).all() and (drawn.lines["FF/ta"] <= high + 1e-12).all()
    assert len(found.table("pilot").rows) == 60 and len(found.table("power-curves").rows) == len(drawn.x)
    assert found.as_dict() == power.analyse(study, Options(dropout=0.1, **QUICK)).as_dict()


def test_healthy_people_do_not_enter_unless_asked():
    study = pilot(12, controls=5)
    assert row(power.analyse(study, Options(variables=("T2/ta",), **QUICK)))["n_pilot"] == 12
    assert row(power.analyse(study, Options(variables=("T2/ta",), group="all", **QUICK)))["n_pilot"] == 17
    with pytest.raises(OptionError, match="there are: als, control"):
        power.analyse(study, Options(group="sma"))


def test_ancova_takes_the_residual_spread():
    study = pilot()
    _, wide = study.wide("T2/ta")
    left = wide[:, 1] - np.polyval(np.polyfit(wide[:, 0], wide[:, 1], 1), wide[:, 0])
    one = row(power.analyse(study, Options(variables=("T2/ta",), design="ancova", **QUICK)))
    assert one["sd"] == pytest.approx(math.sqrt((left**2).sum() / 28)) and one["sd_change"] != one["sd"]
    stated = Options(srm=1.0, rho=0.5, design="ancova", **QUICK)
    assert row(power.analyse(None, stated))["sd"] == pytest.approx(math.sqrt(0.75))


def test_enrichment_by_fat_fraction():
    found = power.analyse(
        pilot(), Options(variables=("T2/ta",), enrich="FF/ta", enrich_low=15, enrich_high=45, dropout=0.2, **QUICK)
    )
    everybody, some = row(found, 0), row(found, 1)
    assert everybody["people"] == "everybody" and some["people"] == "FF/ta at least 15 and at most 45 %"
    assert some["n_pilot"] == 16 and some["eligible"] == pytest.approx(16 / 30) and everybody["n_screened"] is None
    assert some["n_screened"] == math.ceil(some["n_enrolled"] / (16 / 30))
    assert any(
        "have to be screened" in s and "16 of the pilot's 30" in s for s in found.summary
    ) and "N-STUDY" in codes(found)
    with pytest.raises(DataError, match=r"at least 3 people .* found 0"):
        power.analyse(pilot(), Options(variables=("T2/ta",), enrich="FF/ta", enrich_low=90))


def test_several_endpoints_any_and_all():
    any_ = power.analyse(pilot(), Options(endpoints="any", **QUICK))
    all_ = power.analyse(pilot(), Options(endpoints="all", **QUICK))
    alone = any_.table("sample-size").column("n_control")
    assert (
        row(any_, table="several-endpoints")["n_control"]
        < max(alone)
        <= row(all_, table="several-endpoints")["n_control"] + 3
    )
    assert row(any_, table="several-endpoints")["power"] >= 0.8 and any("Holm's correction" in s for s in any_.summary)
    with pytest.raises(OptionError, match="at least two endpoints"):
        power.analyse(pilot(), Options(variables=("T2/ta",), endpoints="all"))
    with pytest.raises(OptionError, match="pilot study's two visits"):
        power.analyse(None, Options(srm=1.0, endpoints="all"))


def test_another_duration_grows_the_change_and_not_the_error():
    year = row(power.analyse(pilot(), Options(variables=("T2/ta",), **QUICK)))
    two = row(power.analyse(pilot(), Options(variables=("T2/ta",), months=24, error_sd=0.5, **QUICK)))
    assert two["change"] == pytest.approx(2 * year["change"])
    assert two["sd_change"] == pytest.approx(math.sqrt((year["sd_change"] ** 2 - 0.5) * 4 + 0.5))
    assert two["n_control"] < year["n_control"]
    with pytest.raises(OptionError, match="study agree"):
        power.analyse(pilot(), Options(months=24))
    with pytest.raises(OptionError, match="error below"):
        power.analyse(pilot(), Options(months=24, error_sd=5.0))
    with pytest.raises(OptionError, match="--pilot-months"):
        power.analyse(pilot(days=(math.nan, math.nan)), Options(months=24, error_sd=0.5))


def test_a_change_that_may_be_none_and_a_trial_nobody_can_run():
    study = pilot(12)
    values = study.values["T2/ta"].reshape(-1, 2).copy()
    values[:, 1] = values[:, 0] + np.tile([1.0, -1.0], 6) + 1e-3
    study = replace(study, values={**study.values, "T2/ta": values.ravel()})
    found = power.analyse(study, Options(variables=("T2/ta",), **QUICK))
    assert "more than 100,000 people an arm" in found.summary[0] and row(found)["n_control"] is None
    assert any("cannot be told from none" in f.message for f in found.findings)


def test_people_without_a_second_visit_are_named():
    study = pilot(12)
    gone = study.rows(~((study.person == "05") & (study.visit == "m12")))
    found = power.analyse(gone, Options(variables=("T2/ta",), **QUICK))
    assert row(found)["n_pilot"] == 11 and any(f.code == "W-ABSENT" and "sub-05" in f.message for f in found.findings)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"effect": 0.0}, "without an effect no number"), ({"power": 1.0}, "endlessly many"), ({"power": 0.04}, "above alpha"),
        ({"dropout": 1.0}, "if all leave"), ({"dropout": -0.1}, "0.15 for 15 %"), ({"alpha": 0.0}, "0.05 is usual"),
        ({"ratio": 0.0}, "arms of one size"), ({"srm": 0.0}, "cannot be slowed"), ({"pilot_n": 2}, "at least 3 people"),
        ({"srm": None, "mean_change": 1.0, "sd_change": -1.0}, "neither zero nor negative"),
        ({"srm": None, "mean_change": 1.0}, "give both"), ({"mean_change": 1.0, "sd_change": 1.0}, "leave one out"),
        ({"design": "ancova"}, "--rho"), ({"rho": 1.0}, "between -1 and 1"), ({"enrich_low": 3.0}, "name it"),
        ({"enrich": "FF/ta"}, "--enrich-low"), ({"enrich": "FF/ta", "enrich_low": 9.0, "enrich_high": 3.0}, "exchange"),
        ({"effect": math.nan}, "without an effect"), ({"srm": math.inf}, "cannot be slowed"),
    ],
)  # fmt: skip
def test_impossible_plans_are_refused_with_a_remedy(wrong, words):
    with pytest.raises(OptionError, match=words) as said:
        power.analyse(None, Options(**{"srm": 1.0, **wrong}))
    assert said.value.code == "E-OPTION" and said.value.remedy and said.value.where.startswith("option ")


def test_pilots_that_say_nothing():
    with pytest.raises(DataError, match="neither") as said:
        power.analyse(None, Options())
    assert said.value.code == "E-STUDY" and "--srm" in said.value.remedy
    with pytest.raises(DataError, match=r"at least 3 people .* found 2") as said:
        power.analyse(pilot(2), Options(variables=("T2/ta",)))
    assert said.value.code == "E-PEOPLE" and "--mean-change" in said.value.remedy
    with pytest.raises(DataError, match="two visits"):
        power.analyse(one_visit(), Options())
    study = pilot(6)
    values = study.values["T2/ta"].reshape(-1, 2).copy()
    for second, words in ((values[:, 0], "no change"), (values[:, 0] + 1, "same change of 1")):
        both = np.column_stack([values[:, 0], second]).ravel()
        same = replace(study, values={**study.values, "T2/ta": both})
        with pytest.raises(DataError, match=words):
            power.analyse(same, Options(variables=("T2/ta",)))
    with pytest.raises(OptionError, match="a visit after"):
        power.analyse(pilot(6), Options(first="m12", last="m0"))


def one_visit():
    study = pilot(5).at("m0")
    return replace(study, visits=("m0",))


def test_many_endpoints_are_told_in_short():
    study = pilot(12)
    more = {f"T2/{i}": study.values["T2/ta"] + np.tile([0.0, 0.1 * i], 12) for i in range(1, 8)}
    many = replace(
        study, variables=(*study.variables, *(Variable(k, "ms") for k in more)), values={**study.values, **more}
    )
    found = power.analyse(many, Options(repeats=200))
    assert (
        len(found.table("basis").rows) == 9
        and len(found.summary) == 5
        and "and 3 more in the table" in found.summary[1]
    )
    assert len(next(f for f in found.figures if isinstance(f, Curves)).lines) == 6
