"""Sample size and power: against statsmodels, published numbers, each other and simulation.

The whole, with the figures: NEUROMYO_TEST_REPEATS=10000 pytest -s tests/unit/stats/test_stats_sample_size.py
"""

import math
import os

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from neuromyo.stats import sample_size as size
from neuromyo.stats import trials

REPEATS = int(os.environ.get("NEUROMYO_TEST_REPEATS", "500"))


def like(share, truth, repeats):
    """Within what chance breaks less than once in 1000."""
    print(f"{100 * share:.2f} % of {repeats} for {100 * truth:.2f} %")
    return abs(share - truth) <= 3.4 * math.sqrt(truth * (1 - truth) / repeats) + 1e-9


def test_becker_needs_58_an_arm():
    # SRM 1.04, treatment halves the change, 80 % power: 58.1 by the normal approximation; a paper prints 59
    assert size.n_normal(0.5 * 1.04, 0.8) == pytest.approx(58.1, abs=0.05)
    assert size.n_exact(0.5 * 1.04, 0.8) == pytest.approx(59.03, abs=0.02)
    assert math.ceil(size.n_normal(0.52, 0.8)) == 59


@pytest.mark.parametrize("effect", [0.2, 0.52, 1.5])
@pytest.mark.parametrize(("n0", "ratio"), [(5, 1.0), (59, 1.0), (30, 2.0), (200, 0.5)])
def test_two_arms_are_those_of_statsmodels(effect, n0, ratio):
    theirs = TTestIndPower().power(effect, n0, 0.05, ratio=ratio)
    assert float(size.two_arms(effect, n0, ratio * n0)) == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize(
    ("effect", "power", "alpha", "ratio"), [(0.52, 0.8, 0.05, 1), (0.3, 0.9, 0.01, 2), (1.2, 0.8, 0.05, 0.5)]
)
def test_people_needed_are_those_of_statsmodels(effect, power, alpha, ratio):
    theirs, mine = TTestIndPower(), size.n_exact(effect, power, alpha, ratio)
    # their solver stops at seven figures of n; the power at our n is exact
    assert mine == pytest.approx(float(theirs.solve_power(effect, None, alpha, power, ratio)), rel=1e-6)
    assert theirs.power(effect, mine, alpha, ratio=ratio) == pytest.approx(power, abs=1e-8)
    whole = size.n_needed(lambda n: float(size.two_arms(effect, n, ratio * n, alpha)), power)
    assert whole == math.ceil(mine)


def test_power_has_its_limits():
    assert float(size.two_arms(0.0, 20, 20)) == pytest.approx(0.05)
    assert float(size.two_arms(100.0, 20, 20)) == pytest.approx(1.0)
    # beyond where noncentral t can be computed nothing jumps
    near = size.t_power(np.array([34.99, 35.01]), 3.0, 1e-4)
    assert near[1] == pytest.approx(near[0], abs=2e-3) and near[1] >= near[0] - 1e-3
    assert size.n_needed(lambda n: float(size.two_arms(0.001, n, n)), 0.8) is None


def test_ancova_of_no_covariate_and_of_many_people():
    # many people: the t test with a smaller SD
    assert float(size.ancova(0.3, 400, 400)) == pytest.approx(float(size.two_arms(0.3, 400, 400)), abs=2e-3)
    # few: what a covariate costs
    assert float(size.ancova(1.0, 8, 8)) < float(size.two_arms(1.0, 8, 8)) - 0.02
    assert size.ancova_share(0.5) == pytest.approx(math.sqrt(1 - 0.25) / math.sqrt(2 * 0.5))
    assert size.ancova_share(1.0) == 1.0
    assert size.ancova(np.array([0.3, 0.5]), 20, 20).shape == (2,)


def test_ancova_is_the_mean_over_baselines():
    rng = np.random.default_rng(1)
    arm, n, d = np.r_[np.zeros(6), np.ones(9)], 15, 1.1
    noncentral = []
    for _ in range(2000):
        X = np.column_stack([np.ones(n), arm, rng.normal(size=n)])
        noncentral.append(d / math.sqrt(np.linalg.inv(X.T @ X)[1, 1]))
    direct = size.t_power(np.array(noncentral), 12.0, 0.05)
    assert float(size.ancova(d, 6, 9)) == pytest.approx(direct.mean(), abs=4 * direct.std() / math.sqrt(2000))


@pytest.mark.parametrize("design", ["change", "ancova"])
@pytest.mark.parametrize(("effect", "n0", "n1"), [(0.52, 59, 59), (1.0, 8, 16), (0.0, 11, 8)])
def test_simulated_trials_have_the_power_of_the_formula(design, effect, n0, n1):
    found = trials.simulate(design, effect, n0, n1, 0.05, REPEATS, 3, rho=0.7)
    assert like(found.power, float(size.of_design(design, effect, n0, n1, 0.05)), REPEATS)
    assert found == trials.simulate(design, effect, n0, n1, 0.05, REPEATS, 3, rho=0.7)


def test_one_endpoint_of_several_is_a_t_test():
    one = trials.endpoints(np.array([0.52]), np.eye(1), 59, 59, 0.05, "any", "holm", REPEATS, 4)
    assert like(one.power, float(size.two_arms(0.52, 59, 59)), REPEATS)


def test_several_endpoints():
    effects, eye = np.array([0.5, 0.5, 0.5]), np.eye(3)
    any_, each = (
        trials.endpoints(effects, eye, 40, 40, 0.05, "any", "bonferroni", REPEATS, 5),
        float(size.two_arms(0.5, 40, 40, 0.05 / 3)),
    )
    assert like(any_.power, 1 - (1 - each) ** 3, REPEATS)  # independent endpoints, but for their common variance draws
    all_ = trials.endpoints(effects, eye, 40, 40, 0.05, "all", "holm", REPEATS, 6)
    assert like(all_.power, float(size.two_arms(0.5, 40, 40)) ** 3, REPEATS)
    # endpoints that are one and the same
    same = trials.endpoints(effects, np.ones((3, 3)), 40, 40, 0.05, "all", "holm", REPEATS, 7)
    assert like(same.power, float(size.two_arms(0.5, 40, 40)), REPEATS)
    holm = trials.endpoints(effects, eye, 40, 40, 0.05, "any", "holm", REPEATS, 5)
    assert holm.power == any_.power and sum(holm.each) > sum(any_.each)


def test_size_of_several_endpoints_under_nothing():
    for correction in ("bonferroni", "holm"):
        found = trials.endpoints(
            np.zeros(3), np.full((3, 3), 0.5) + 0.5 * np.eye(3), 11, 8, 0.05, "any", correction, REPEATS, 8
        )
        assert found.power <= stats.binom.ppf(0.9995, REPEATS, 0.05) / REPEATS


def test_limit_of_a_standard_deviation():
    rng = np.random.default_rng(2)
    sds = rng.normal(0, 2.0, (REPEATS, 11)).std(axis=1, ddof=1)
    share = np.mean([size.sd_limit(s, 10, 0.8) >= 2.0 for s in sds])
    assert like(share, 0.8, REPEATS)


def test_assurance_is_the_mean_power_over_what_the_pilot_leaves_open():
    rng = np.random.default_rng(3)

    def power(srm):
        return size.two_arms(0.5 * srm, 59, 59)

    found = size.assurance(1.04, 11**-0.5, 10, power)
    delta = 1.04 * np.sqrt(rng.chisquare(10, 20_000) / 10) + rng.standard_normal(20_000) / math.sqrt(11)
    drawn = np.where(delta > 0, power(np.maximum(delta, 1e-9)), 0)
    assert found == pytest.approx(drawn.mean(), abs=0.012)
    assert found < 0.75 < size.assurance(1.04, 5000**-0.5, 4999, power) == pytest.approx(0.8, abs=0.01)


def test_people_to_enrol():
    assert size.enrolled(59, 0.0) == 59 and size.enrolled(59, 0.15) == 70 and size.enrolled(80, 0.2) == 100
    assert size.treated(30, 2.0) == 60 and size.treated(3, 1 / 3) == 1
