"""Change between two visits: closed forms, published limits, and false alarms with few repeat scans."""

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import DataError
from neuromyo.norms.change import change
from neuromyo.norms.retest import Drift, Healthy, Retest

SEED = 20240611


class Plain:
    """T2 and the like: the scale is the unit."""

    def forward(self, value):
        return np.asarray(value, float)

    def back(self, x):
        return np.asarray(x, float)

    def jacobian_log(self, value):
        return np.zeros_like(np.asarray(value, float))


class Log:
    """Areas and the like."""

    def forward(self, value):
        return np.log(value)

    def back(self, x):
        return np.exp(x)

    def jacobian_log(self, value):
        return -np.log(value)


@pytest.mark.parametrize(("sem", "printed"), [(1.7, 4.7), (2.66, 7.4)])
def test_many_repeats_give_the_published_limit(sem, printed):
    # sciatic nerve, Preisner 2021: MTR 4.7 points, apparent T2 7.4 ms; MDC95 = 1.96 sqrt(2) SEM
    found = change(50.0, 50.0, Retest(sem, 1e7), Plain())
    assert found.smallest_rise == pytest.approx(1.959964 * np.sqrt(2) * sem, rel=1e-5)
    assert round(found.smallest_rise, 1) == printed
    assert found.smallest_fall == pytest.approx(found.smallest_rise)


@pytest.mark.parametrize("pairs", [3, 5, 10, 30])
def test_the_multiplier_is_that_of_the_degrees_of_freedom(pairs):
    found = change(60.0, 66.0, Retest(2.0, pairs), Plain())
    assert found.multiplier == pytest.approx(stats.t.ppf(0.975, pairs), rel=1e-9)
    assert found.probability == pytest.approx(2 * stats.t.sf(6 / (2 * np.sqrt(2)), pairs), rel=1e-9)
    assert stats.norm.sf(found.z) * 2 == pytest.approx(found.probability)


def test_follow_up_given_the_baseline_is_the_bivariate_normal_of_the_textbook():
    # both visits: variance 9 + 1 and covariance 9 -> regression 0.9, rest 10 (1 - 0.81)
    many = 10**9
    found = change(55.0, 53.0, Retest(1.0, many), Plain(), healthy=Healthy(50.0, np.sqrt(10.0), many))
    joint = np.array([[10.0, 9.0], [9.0, 10.0]])
    mean, var = 50 + joint[1, 0] / joint[0, 0] * 5, joint[1, 1] - joint[0, 1] ** 2 / joint[0, 0]
    assert found.expected == pytest.approx(mean) == pytest.approx(54.5)
    assert found.high - found.expected == pytest.approx(1.959964 * np.sqrt(var), rel=1e-5)
    assert found.reliability == pytest.approx(0.9)


def test_areas_change_by_factors():
    a = change(20.0, 26.0, Retest(0.05, 20), Log())
    b = change(80.0, 104.0, Retest(0.05, 20), Log())
    assert a.probability == pytest.approx(b.probability)
    assert b.low / 80 == pytest.approx(a.low / 20) and a.high * a.low == pytest.approx(400)
    assert (
        a.verdict == "rise"
        and "reliable rise: 20 to 26 mm2" in change(20, 26, Retest(0.05, 20), Log(), unit="mm2").words
    )


def test_wsd_is_that_of_one_way_anova():
    pairs = [(10.0, 11.0), (12.0, 12.5), (9.0, 8.0), (14.0, np.nan), (11.0, 11.5, 12.5)]
    found = Retest.of(pairs, Plain(), days=7)
    within = np.mean([0.5, 0.125, 0.5]) * 3 + np.var([11.0, 11.5, 12.5], ddof=1) * 2
    assert found.df == 5
    assert found.wsd == pytest.approx(np.sqrt(within / 5))
    assert "4 people" in found.source
    assert Retest.of([(1, 2)] * 9, Log()).df == 9


def test_published_repeatability_of_three_visits():
    # T2app of the sciatic nerve: mean 64.54 ms, wCV 4.1 %, 21 people with 3 visits
    plain, log = (Retest.published(0.041, 21, s, 64.54, visits=3) for s in (Plain(), Log()))
    assert plain.df == log.df == 42
    assert plain.wsd == pytest.approx(2.646, abs=1e-3) and log.wsd == pytest.approx(0.041)
    with pytest.raises(DataError, match=r"4.1 % as 0.041"):
        Retest.published(4.1, 21, Plain(), 64.54)


def alarms(pairs, *, replicates=500, people=6, wsd=1.0, between=2.0, controls=40):
    """Share of unchanged people told a change: by `change`, with the norm, without, and by 2.77 wSD. Truth known."""
    rng = np.random.default_rng(SEED + pairs)
    told = np.zeros(3)
    for _ in range(replicates):
        retest = Retest.of(rng.normal(0, wsd, (pairs, 2)) + 50, Plain())
        sample = rng.normal(50, np.hypot(wsd, between), controls)
        norm = Healthy(float(sample.mean()), float(sample.std(ddof=1)), controls)
        for true in 50 + between * rng.standard_normal(people):
            first, second = true + wsd * rng.standard_normal(2)
            told += [change(first, second, retest, Plain(), healthy=norm).verdict != "none",
                     change(first, second, retest, Plain()).verdict != "none",
                     abs(second - first) > 2.77 * retest.wsd]  # fmt: skip
    return told / (replicates * people), replicates * people


@pytest.mark.parametrize("pairs", [5, 10, 30])
def test_false_alarms_are_five_percent_with_few_repeats(pairs):
    (with_norm, without, plug_in), n = alarms(pairs)
    sd = np.sqrt(0.05 * 0.95 / n)
    assert abs(with_norm - 0.05) < 0.006 + 3 * sd
    assert abs(without - 0.05) < 3 * sd + 0.002
    if pairs == 5:
        assert plug_in > 0.09  # what people do: twice as many false alarms as they think
    if pairs == 10:
        assert plug_in > 0.065


def test_false_alarms_do_not_depend_on_the_baseline():
    # began at 1.9 sd of the healthy, error as large as the spread between people: half of that is expected to go
    rng = np.random.default_rng(SEED)
    first, told = 50 + 1.9 * np.sqrt(2), np.zeros(2)
    for _ in range(300):
        retest = Retest.of(50 + rng.normal(0, 1, (30, 2)), Plain())
        sample = rng.normal(50, np.sqrt(2), 60)
        norm = Healthy(float(sample.mean()), float(sample.std(ddof=1)), 60)
        for true in 50 + 0.5 * (first - 50) + np.sqrt(0.5) * rng.standard_normal(5):
            second = true + rng.standard_normal()
            told += [change(first, second, retest, Plain(), healthy=norm).verdict != "none",
                     change(first, second, retest, Plain()).verdict != "none"]  # fmt: skip
    given, plain = told / 1500
    assert given < 0.065
    assert plain > 0.085


def test_a_patient_far_outside_is_not_told_that_he_rose_by_staying():
    norm, retest = Healthy(50.0, 2.0, 30), Retest(1.0, 20)
    stays = change(38.0, 38.0, retest, Plain(), healthy=norm)
    assert stays.verdict == "none" and stays.probability == pytest.approx(1.0)
    comes_back = change(38.0, 40.5, retest, Plain(), healthy=norm)  # what regression to the mean would explain
    assert comes_back.verdict == "none"
    assert change(38.0, 34.0, retest, Plain(), healthy=norm).verdict == "fall"


def test_the_fits_uncertainty_is_a_floor_of_the_error():
    clear = change(50, 54, Retest(1.0, 20), Plain(), se=(0.2, 0.3))
    blurred = change(50, 54, Retest(1.0, 20), Plain(), se=(0.2, 3.0))
    assert clear == change(50, 54, Retest(1.0, 20), Plain())
    assert clear.verdict == "rise" and blurred.verdict == "none"
    assert blurred.high - 50 == pytest.approx(stats.t.ppf(0.975, 20) * np.sqrt(1 + 9))
    areas = change(20, 24, Retest(0.01, 20), Log(), se=(np.nan, 2.4))
    assert np.log(areas.high / 20) == pytest.approx(stats.t.ppf(0.975, 20) * np.hypot(0.01, 0.1))


def test_controls_seen_twice_are_the_predictive_t_of_their_changes():
    d = np.array([0.5, 1.9, -2.2, 3.1, 1.4, 4.0, -0.6, 2.5])
    drift = Drift.of(np.full(8, 50.0), 50 + d, 1.0, Plain())
    found = change(50.0, 51.0, Retest(0.5, 40), Plain(), drift=drift, years=1.0)
    assert found.expected - 50 == pytest.approx(d.mean())
    assert found.high - found.expected == pytest.approx(
        stats.t.ppf(0.975, 7) * d.std(ddof=1) * np.sqrt(1 + 1 / 8), rel=1e-9
    )
    assert "W-FEW" in found.flags and "W-EXTRAPOLATED" not in found.flags
    far = change(50.0, 51.0, Retest(0.5, 40), Plain(), drift=drift, years=3.0)
    assert far.expected - 50 == pytest.approx(3 * d.mean()) and "W-EXTRAPOLATED" in far.flags
    with pytest.raises(DataError, match="at least 5 controls with two visits, found 4"):
        Drift.of([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 5], 1.0, Plain())


def test_false_alarms_with_drift_are_five_percent():
    rng = np.random.default_rng(SEED)
    told = []
    for _ in range(800):
        retest = Retest.of(50 + rng.normal(0, 1, (10, 2)), Plain())
        d = 0.8 + rng.normal(0, 0.7, 12) + np.sqrt(2) * rng.standard_normal(12)
        drift = Drift.of(np.full(12, 50.0), 50 + d, 1.0, Plain())
        for _ in range(3):
            f = 50 + 0.8 + rng.normal(0, 0.7) + np.sqrt(2) * rng.standard_normal()
            told.append(change(50.0, f, retest, Plain(), drift=drift, years=1.0).verdict != "none")
    assert 0.038 < np.mean(told) < 0.062


def test_too_few_repeats_are_not_judged():
    found = change(50, 70, Retest(1.0, 2), Plain())
    assert found.verdict == "unknown" and np.isnan(found.probability)
    assert "cannot be told: too few repeat scans (2 degrees of freedom, needed 3)" in found.words
    assert "missing" in change(50, float("nan"), Retest(1.0, 20), Plain()).refused
    assert "outside of what this quantity can be" in change(0.0, 20.0, Retest(0.1, 20), Log()).refused
    with pytest.raises(DataError, match="agree to the last digit"):
        Retest.of([(5, 5), (6, 6), (7, 7)], Plain())
    with pytest.raises(DataError, match="one person scanned twice, found none"):
        Retest.of([(5,), (6, np.nan)], Plain())


def test_repeats_of_one_day_say_so_where_visits_lie_a_year_apart():
    same_day, weeks = Retest(1.0, 20, days=0.0), Retest(1.0, 20, days=30.0)
    assert "what months add is not in that range" in change(50, 51, same_day, Plain(), years=1.0).words
    assert change(50, 51, weeks, Plain(), years=1.0).flags == ()
    few = change(50, 51, Retest(1.0, 6), Plain())
    assert "W-FEW" in few.flags and "few repeat scans (6 degrees of freedom)" in few.words
