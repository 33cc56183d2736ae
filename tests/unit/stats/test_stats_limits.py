"""Limits of agreement, proportional bias and the error of a reading: against closed forms, scipy, published figures, simulation.

The whole, with the figures: NEUROMYO_TEST_REPEATS=10000 pytest -s tests/unit/stats/test_stats_limits.py
"""

import math
import os

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import bland_altman as ba
from neuromyo.stats.icc import FORMS, icc
from neuromyo.stats.precision import icc_from_sem, minimal_detectable_change, precision

REPEATS = int(os.environ.get("NEUROMYO_TEST_REPEATS", "500"))


def held(count, share=0.95):
    """Within what chance breaks less than once in 1000."""
    low, high = stats.binom.ppf([0.0005, 0.9995], REPEATS, share)
    print(f"{100 * count / REPEATS:.2f} % of {REPEATS} for {100 * share:g} %")
    return low <= count <= high


def test_known_answers_of_measurement_error():
    # Preisner 2021 (nerve MTR and T2app of 21 people, three visits): SEM 1.7 points among an SD of 3.5; SEM 2.66 ms
    assert icc_from_sem(1.7, 3.5) == pytest.approx(0.76, abs=0.005)
    assert minimal_detectable_change(1.7) == pytest.approx(4.7, abs=0.05)
    assert minimal_detectable_change(2.66) == pytest.approx(7.4, abs=0.05)


def test_limits_of_two_people_and_of_none_who_differ():
    one = ba.limits(np.array([1.0, 3.0]))
    assert one.bias.value == 2 and one.sd == pytest.approx(math.sqrt(2)) and one.upper.known
    assert one.upper.low < one.upper.value < one.upper.high
    same = ba.limits(np.full(5, 0.4))
    assert same.lower.value == pytest.approx(0.4) and same.sd == pytest.approx(0, abs=1e-15)
    assert not ba.limits(np.array([1.0])).upper.known


def test_exact_limits_and_both_together_cover():
    rng = np.random.default_rng(11)
    n, z = 11, stats.norm.ppf(0.975)
    d = rng.normal(1.0, 2.0, (REPEATS, n))
    mean, sd = d.mean(1), d.std(1, ddof=1)
    near, far = ba.limit_reach(n)
    upper = (mean + near * sd <= 1 + 2 * z) & (1 + 2 * z <= mean + far * sd)
    assert held(upper.sum())
    for confidence in (0.025, 0.975):
        k = ba.tolerance_factor(n, 0.95, confidence)
        inside = stats.norm.cdf(mean + k * sd, 1, 2) - stats.norm.cdf(mean - k * sd, 1, 2)
        assert held((inside >= 0.95).sum(), confidence)


@pytest.mark.parametrize(("n", "confidence"), [(10, 0.95), (30, 0.95), (100, 0.99), (20, 0.05)])
def test_tolerance_factors_are_near_those_of_howe(n, confidence):
    # Howe's approximation, good to a percent where the confidence is high
    howe = stats.norm.ppf(0.975) * math.sqrt((n - 1) * (1 + 1 / n) / stats.chi2.ppf(1 - confidence, n - 1))
    assert ba.tolerance_factor(n, 0.95, confidence) == pytest.approx(howe, rel=0.02)


def test_ratios_are_limits_of_logarithms():
    rng = np.random.default_rng(3)
    d = rng.normal(0.1, 0.05, 25)
    logs, ratios = ba.limits(d), ba.limits(d).exponential()
    assert ratios.bias.value == pytest.approx(math.exp(d.mean()))
    assert ratios.upper.high == pytest.approx(math.exp(logs.upper.high))


def test_limits_of_repeated_places_rest_on_people():
    rng = np.random.default_rng(5)
    d, person = rng.normal(0, 1, 12), np.arange(12)
    assert ba.limits_by_person(d, person) == ba.limits(d)
    copies = ba.limits_by_person(np.repeat(d, 2), np.repeat(person, 2))
    # two equal places of a person say what one says: the variance is that of people
    assert copies.sd == pytest.approx(ba.limits(d).sd) and copies.n == 24 and copies.n_people == 12
    assert copies.bias.high - copies.bias.low == pytest.approx(ba.limits(d).bias.high - ba.limits(d).bias.low)
    naive = ba.limits(np.repeat(d, 2))
    assert naive.bias.high - naive.bias.low < 0.75 * (copies.bias.high - copies.bias.low)
    assert not ba.limits_by_person(np.array([1.0, 2.0]), np.zeros(2)).upper.known
    flat = ba.limits_by_person(np.ones(6), np.array([0, 0, 1, 1, 2, 2]))
    assert flat.upper.value == 1.0 and flat.sd == 0.0


def test_repeated_limits_cover():
    rng = np.random.default_rng(8)
    people, places, z = 15, 2, stats.norm.ppf(0.975)
    truth, count = z * math.sqrt(1.0 + 0.5**2), 0
    d = rng.normal(0, 1, (REPEATS, people, 1)) + rng.normal(0, 0.5, (REPEATS, people, places))
    person = np.repeat(np.arange(people), places)
    for one in d:
        found = ba.limits_by_person(one.ravel(), person).upper
        count += found.low <= truth <= found.high
    print(f"{100 * count / REPEATS:.2f} % of {REPEATS} for 95 %, not exact")
    assert 0.92 <= count / REPEATS <= 0.985


def test_the_slope_is_pitman_and_morgans_test():
    rng = np.random.default_rng(2)
    truth = rng.normal(50, 5, 24)
    a, b = truth + rng.normal(0, 1, 24), 1.2 * truth + rng.normal(0, 1, 24)
    found = ba.proportion(a, b)
    line = stats.linregress((a + b) / 2, b - a)
    assert found.slope.value == pytest.approx(line.slope, rel=1e-9) and found.p == pytest.approx(line.pvalue, rel=1e-8)
    assert found.intercept == pytest.approx(line.intercept, rel=1e-8)
    assert found.p == pytest.approx(stats.pearsonr(a + b, b - a).pvalue, rel=1e-8)
    assert found.sd_ratio.value == pytest.approx(b.std() / a.std())
    # the interval inverts the test: at its ends, the ratio taken out, p is 5 %
    for end in (found.sd_ratio.low, found.sd_ratio.high):
        assert stats.pearsonr(a * end + b, b - a * end).pvalue == pytest.approx(0.05, abs=1e-6)


def test_a_slope_comes_of_noise_alone():
    rng = np.random.default_rng(9)
    truth = rng.normal(0, 3, 4000)
    found = ba.proportion(truth + rng.normal(0, 0.5, 4000), truth + rng.normal(0, 3, 4000))
    assert (
        found.slope.low > 0.2
        and found.p < 1e-6
        and found.sd_ratio.value == pytest.approx(math.sqrt(18 / 9.25), rel=0.05)
    )


def test_differences_that_grow_are_seen():
    rng = np.random.default_rng(4)
    truth = rng.uniform(1, 50, 60)
    found = ba.proportion(truth * np.exp(rng.normal(0, 0.1, 60)), truth * np.exp(rng.normal(0, 0.1, 60)))
    assert found.spread.value > 0 and found.spread_p < 0.01


def test_proportion_where_it_says_nothing():
    assert math.isnan(ba.proportion(np.ones(2), np.ones(2)).p)
    constant = ba.proportion(np.array([1.0, 2, 3, 4]), np.full(4, 2.0))
    assert constant.slope.value == pytest.approx(-2) and math.isnan(constant.p) and not constant.sd_ratio.known
    assert math.isnan(constant.spread_p) or constant.spread.value == pytest.approx(0)


def test_precision_of_two_readers_is_that_of_their_differences():
    rng = np.random.default_rng(6)
    x = rng.normal(40, 5, (15, 1)) + rng.normal(0, 1, (15, 2))
    found, d = precision(x), x[:, 1] - x[:, 0]
    assert found.wsd.value == pytest.approx(math.sqrt((d**2).sum() / 30), rel=1e-10)
    assert found.consistency.value == pytest.approx(d.std(ddof=1) / math.sqrt(2), rel=1e-10)
    assert found.mdc95.value == pytest.approx(1.96 * math.sqrt(2) * found.wsd.value)
    ends = np.sqrt(15 * found.wsd.value**2 / stats.chi2.ppf([0.975, 0.025], 15))
    assert [found.wsd.low, found.wsd.high] == pytest.approx(ends.tolist())
    assert found.readers_p == pytest.approx(stats.ttest_rel(x[:, 0], x[:, 1]).pvalue, rel=1e-8)
    cv = np.abs(d) / math.sqrt(2) / x.mean(1)
    assert found.wcv.value == pytest.approx(100 * math.sqrt((cv**2).mean()))
    logs = np.log(x[:, 1] / x[:, 0])
    assert found.wcv_log.value == pytest.approx(100 * math.sqrt(math.expm1((logs**2).mean() / 2)))
    assert not precision(-x).wcv.known and not precision(x[:1]).wsd.known


def test_intervals_of_precision_cover_people_and_readers_anew():
    rng = np.random.default_rng(7)
    people, readers, level, noise = 12, 3, 0.8, 1.0
    fixed = anyone = 0
    for _ in range(REPEATS):
        shift = rng.normal(0, level, readers)
        x = rng.normal(0, 5, (people, 1)) + rng.normal(0, noise, (people, readers))
        found = precision(x).wsd
        fixed += found.low <= noise <= found.high
        found = precision(x + shift).any_readers
        anyone += found.low <= math.hypot(level, noise) <= found.high
    assert held(fixed)
    assert held(anyone)


def test_icc_intervals_cover():
    rng = np.random.default_rng(12)
    n, k, truth = 15, 3, {"1,1": 0.8, "3,1": 0.8, "1,k": 12 / 13, "3,k": 12 / 13}
    x = rng.normal(0, 2, (REPEATS, n, 1)) + rng.normal(0, 1, (REPEATS, n, k))
    for form, value in truth.items():
        found = [icc(one, form) for one in x]  # type: ignore[arg-type]
        assert held(sum(f.low <= value <= f.high for f in found)), form
    shift = rng.normal(0, 0.5, (REPEATS, 1, k))
    found = [icc(one) for one in x + shift]
    covered = np.mean([f.low <= 4 / 5.25 <= f.high for f in found])
    print(f"{100 * covered:.2f} % of {REPEATS} for 95 %, not exact")
    assert 0.925 <= covered <= 0.985


def test_icc_of_copies_and_of_people_all_alike():
    x = np.random.default_rng(1).normal(40.1, 3, (20, 1))
    for form in FORMS:
        copies = icc(np.repeat(x, 2, axis=1), form)
        assert copies.value == 1 and not copies.known
        assert math.isnan(icc(np.array([[1.0, 2.0], [2.0, 1.0], [1.5, 1.5]]), form).value)
    narrow = icc(np.column_stack([x, x + 0.1 * np.random.default_rng(2).normal(size=(20, 1))]), level=0.5)
    wide = icc(np.column_stack([x, x + 0.1 * np.random.default_rng(2).normal(size=(20, 1))]), level=0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
