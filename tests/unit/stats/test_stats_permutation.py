"""Permutation and multiplicity: against scipy, statsmodels, and every arrangement written out."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from neuromyo.stats import linear, multiplicity, permutation, two_samples


def welch(a, b, axis=-1):
    return stats.ttest_ind(a, b, equal_var=False, axis=axis).statistic


def test_eleven_against_eight_are_all_tried():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, 11), rng.normal(0, 1, 8)
    found = permutation.two_sample(a, b)
    assert found.exact and found.repeats == 75_582
    assert found.p * 75_582 == pytest.approx(round(found.p * 75_582), abs=1e-6)
    every = np.array(list(combinations(range(19), 8)))
    pool = np.concatenate([a, b])
    mask = np.ones((75_582, 19), dtype=bool)
    np.put_along_axis(mask, every, False, axis=1)
    t = welch(np.broadcast_to(pool, mask.shape)[mask].reshape(-1, 11), pool[every])
    assert found.p == pytest.approx(np.mean(np.abs(t) >= abs(welch(a, b)) * (1 - 1e-9)), abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(6, 4), (4, 6), (5, 5), (2, 9)])
def test_exact_p_is_that_of_scipy(n, m):
    rng = np.random.default_rng(n)
    a, b = rng.normal(1, 1, n), rng.normal(0, 1, m)
    for name, statistic in (("t", lambda x, y, axis: np.abs(welch(x, y, axis))),
                            ("difference", lambda x, y, axis: np.abs(x.mean(axis) - y.mean(axis)))):  # fmt: skip
        theirs = stats.permutation_test((a, b), statistic, vectorized=True, n_resamples=np.inf, alternative="greater")
        assert permutation.two_sample(a, b, name).p == pytest.approx(theirs.pvalue, abs=1e-12)


def test_beyond_the_limit_it_is_drawn_and_never_zero():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.7, 1, 11), rng.normal(0, 1, 8)
    exact, drawn = permutation.two_sample(a, b), permutation.two_sample(a, b, most=1000, repeats=20_000)
    assert not drawn.exact and drawn.repeats == 20_000
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 20_000))
    assert permutation.two_sample(a, b, most=1000, seed=1) == permutation.two_sample(a, b, most=1000, seed=1)
    apart = permutation.two_sample(np.arange(30.0) + 100, np.arange(30.0), repeats=99)
    assert apart.p == pytest.approx(0.01)
    assert not permutation.two_sample(np.arange(12.0), np.arange(12.0)).exact  # 2.7 million


def test_ties_far_values_and_constants():
    assert permutation.two_sample(np.array([1.0, 1, 1, 2]), np.array([1.0, 2, 1, 1])).p == 1.0
    assert np.isnan(permutation.two_sample(np.ones(4), np.ones(4)).p)
    assert np.isnan(permutation.two_sample(np.full(6, 0.1 + 0.2), np.full(5, 0.1 + 0.2)).p)
    assert np.isnan(permutation.two_sample(np.ones(1), np.arange(4.0)).p)
    a, b = np.array([3.0, 4, 5, 6.5]), np.array([1.0, 2, 2.5, 4])
    assert permutation.two_sample(a + 1e6, b + 1e6) == permutation.two_sample(a, b)
    zeros = permutation.two_sample(np.array([1.0, 2, 3]), np.zeros(4))  # controls without any fat
    assert zeros.p == pytest.approx(1 / 35)
    with pytest.raises(ValueError, match="no statistic"):
        permutation.two_sample(a, b, "median")


def test_missing_values_stay_with_their_people():
    rng = np.random.default_rng(5)
    values, in_a = rng.normal(0, 1, (9, 2)), np.arange(9) < 5
    values[2, 1] = np.nan
    draws = permutation.two_sample_draws(values, in_a)
    expected = two_samples.welch(values[in_a, 1], values[~in_a, 1]).t
    assert draws.t[1] == pytest.approx(expected) and draws.repeats == 126
    count = 0
    for chosen in combinations(range(9), 5):
        member = np.isin(np.arange(9), chosen)
        count += abs(two_samples.welch(values[member, 1], values[~member, 1]).t) >= abs(expected) * (1 - 1e-9)
    assert draws.p()[1] == pytest.approx(count / 126)
    assert draws.p()[0] == permutation.two_sample(values[in_a, 0], values[~in_a, 0]).p


def test_freedman_and_lane_by_hand():
    rng = np.random.default_rng(6)
    n = 6
    x, age = np.array([1.0, 1, 1, 0, 0, 0]), rng.uniform(20, 70, n)
    Z, y = np.column_stack([np.ones(n), age]), rng.normal(0, 1, n) + 0.1 * age + x
    fitted = linear.least_squares(Z, y)
    full = np.column_stack([Z, x])
    t = [
        linear.least_squares(full, y - fitted.residuals + fitted.residuals[list(o)]).test(np.eye(3)[2]).t
        for o in permutations(range(n))
    ]
    draws = permutation.freedman_lane_draws(y[:, None], x, Z, repeats=20_000)
    assert draws.t[0] == pytest.approx(linear.least_squares(full, y).test(np.eye(3)[2]).t)
    expected = np.mean(np.abs(t) >= abs(draws.t[0]) * (1 - 1e-9))
    assert draws.p()[0] == pytest.approx(expected, abs=4 * np.sqrt(expected / 20_000))
    found = np.concatenate(list(draws.blocks()))[:, 0]
    assert set(np.round(found, 6)) <= set(np.round(t, 6))


def test_freedman_and_lane_refuse_what_cannot_be_told_apart():
    ones, group = np.ones((6, 1)), np.arange(6) < 3
    for Z in (np.column_stack([ones, group]), np.column_stack([ones, ones]), np.eye(6)):
        with pytest.raises(ValueError):  # noqa: PT011
            permutation.freedman_lane_draws(np.random.default_rng(0).normal(size=(6, 1)), group, Z)
    assert np.isnan(permutation.freedman_lane_draws(np.ones((6, 1)), group, ones, repeats=10).p()).all()


# --- many tests


@pytest.mark.parametrize("seed", range(4))
def test_corrections_are_those_of_statsmodels(seed):
    p = np.random.default_rng(seed).uniform(0, 1, 30) ** 3
    p[5] = p[6]
    assert multiplicity.benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], rel=1e-12)
    assert multiplicity.holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)
    holed = np.insert(p, 3, np.nan)
    assert np.isnan(multiplicity.holm(holed)[3]) and multiplicity.adjust(holed, "bh")[4:] == pytest.approx(
        multiplicity.benjamini_hochberg(p)[3:]
    )


def test_corrections_of_one_none_and_nonsense():
    assert multiplicity.holm([0.04]) == [0.04] and multiplicity.benjamini_hochberg([]).size == 0
    assert (multiplicity.adjust([0.3, 0.4], "none") == [0.3, 0.4]).all()
    for wrong in (lambda: multiplicity.adjust([0.1], "fdr"), lambda: multiplicity.holm([1.2])):
        with pytest.raises(ValueError):  # noqa: PT011
            wrong()


def test_max_t_by_hand():
    rng = np.random.default_rng(8)
    values, in_a = rng.normal(0, 1, (9, 3)), np.arange(9) < 4
    values[in_a] += [1.5, 0.7, 0.0]
    found = multiplicity.westfall_young(permutation.two_sample_draws(values, in_a))
    size = []
    for chosen in combinations(range(9), 4):
        member = np.isin(np.arange(9), chosen)
        size.append(np.abs(welch(values[member], values[~member], axis=0)))
    size, own = np.array(size), np.abs(welch(values[in_a], values[~in_a], axis=0))
    order = np.argsort(-own)
    expected, floor = np.empty(3), 0.0
    for k, j in enumerate(order):
        floor = max(floor, np.mean(size[:, order[k:]].max(axis=1) >= own[j] * (1 - 1e-9)))
        expected[j] = floor
    assert found.adjusted == pytest.approx(expected) and found.anywhere == pytest.approx(expected.min())
    assert found.p == pytest.approx([np.mean(size[:, j] >= own[j] * (1 - 1e-9)) for j in range(3)])


def test_p_does_not_fall_on_the_way_down():
    block = np.array([[9.0, 0.1], [-9.0, 0.2], [0.3, 5.0], [2.0, 1.9]] + [[0.1, 0.1]] * 6)
    found = multiplicity.westfall_young(permutation.Draws(np.array([2.0, -1.9]), True, 10, lambda: iter([block])))
    assert found.p == pytest.approx([0.3, 0.2]) and found.adjusted == pytest.approx([0.4, 0.4])  # 0.2 by itself
    drawn = multiplicity.westfall_young(
        permutation.Draws(np.array([2.0, -1.9]), False, 10, lambda: iter([block[:4], block[4:]]))
    )
    assert drawn.p == pytest.approx([4 / 11, 3 / 11]) and drawn.repeats == 10


def test_max_t_of_copies_is_one_test_and_of_nothing_is_nothing():
    rng = np.random.default_rng(9)
    one, in_a = rng.normal(0, 1, 12), np.arange(12) < 7
    found = multiplicity.westfall_young(permutation.two_sample_draws(np.column_stack([one, 2 * one, -one]), in_a))
    assert found.adjusted == pytest.approx(np.full(3, permutation.two_sample(one[in_a], one[~in_a]).p))
    flat = multiplicity.westfall_young(permutation.two_sample_draws(np.column_stack([one, np.ones(12)]), in_a))
    assert np.isnan(flat.adjusted[1]) and flat.adjusted[0] == pytest.approx(found.adjusted[0])
    none = multiplicity.westfall_young(permutation.two_sample_draws(np.ones((12, 2)), in_a))
    assert np.isnan(none.anywhere) and np.isnan(none.adjusted).all()


def test_stretches():
    assert multiplicity.stretches(np.array([1, 1, 0, 1, 0, 1, 1], dtype=bool)) == [(0, 1), (3, 3), (5, 6)]
    assert multiplicity.stretches(np.zeros(3, dtype=bool)) == [] and multiplicity.stretches(np.ones(2, dtype=bool)) == [
        (0, 1)
    ]
