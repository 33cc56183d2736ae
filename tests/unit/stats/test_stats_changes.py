"""Sign flips, standardised response means, reliable change and tipping points: published answers, scipy and brute force."""

import itertools

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import flips, responsiveness, tipping
from neuromyo.stats.estimates import estimate
from neuromyo.stats.mixed import mmrm
from neuromyo.stats.multiplicity import westfall_young


def test_fat_fraction_of_charcot_marie_tooth_1a_as_published():
    """+1.8 +- 1.7 % in 12 months, n = 10: t = 3.35, p = 0.009, SRM 1.06."""
    found = estimate(1.8, 1.7 / np.sqrt(10), 9)
    assert found.t == pytest.approx(3.35, abs=0.005) and found.p == pytest.approx(0.009, abs=0.0005)
    srm = responsiveness.response_from(1.8, 1.7, 10)
    assert srm.value == pytest.approx(1.06, abs=0.005)
    # at the ends of its interval the t that was found is a 2.5 % tail
    for end, tail in ((srm.low, 0.975), (srm.high, 0.025)):
        assert stats.nct.cdf(found.t, 9, end * np.sqrt(10)) == pytest.approx(tail, abs=1e-6)


def test_response_of_changes():
    d = np.array([1.0, 2, 4, np.nan, 3])
    assert responsiveness.response(d).value == pytest.approx(np.mean([1, 2, 4, 3]) / np.std([1, 2, 4, 3], ddof=1))
    assert not responsiveness.response(np.ones(5)).known and not responsiveness.response(np.array([1.0])).known


def test_reliable_change_of_published_errors():
    """MDC95 = 1.96 sqrt(2) SEM: MTR 4.7 points of SEM 1.7."""
    assert responsiveness.Repeating(1.7).limit == pytest.approx(4.7, abs=0.05)
    d = np.random.default_rng(1).normal(0, np.sqrt(2) * 1.7, (4000, 8))
    new = np.random.default_rng(2).normal(0, np.sqrt(2) * 1.7, 4000)
    beyond = np.mean([abs(x) > responsiveness.repeating(row).limit for x, row in zip(new, d, strict=True)])
    assert 0.04 < beyond < 0.061  # 5 % of people who did not change, though wSD is from eight controls


def test_falling_back_is_what_error_does():
    rng = np.random.default_rng(3)
    truth = rng.normal(30, 2, 20_000)
    first, second = (truth + rng.normal(0, 1, truth.size) for _ in range(2))
    slope = np.polyfit(first, second - first, 1)[0]
    assert responsiveness.falling_back(1.0, first) == pytest.approx(-slope, abs=0.02) == pytest.approx(0.2, abs=0.02)


def test_sign_flips_are_all_ways_by_hand():
    d = np.random.default_rng(4).normal(0.6, 1, (7, 1))
    signs = np.array(list(itertools.product([1, -1], repeat=7)))
    means = np.abs((signs * d[:, 0]).mean(1))
    by_hand = np.mean(means >= abs(d.mean()) - 1e-12)
    found = flips.sign_flip_draws(d)
    assert found.exact and found.repeats == 64 and found.p()[0] == pytest.approx(by_hand)
    assert found.t[0] == pytest.approx(stats.ttest_1samp(d[:, 0], 0).statistic)
    theirs = stats.permutation_test((d[:, 0],), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.p()[0] == pytest.approx(theirs.pvalue)


def test_many_people_draw_ways_that_agree_with_all_of_them():
    d = np.random.default_rng(5).normal(0.4, 1, (15, 1))
    drawn = flips.sign_flip_draws(d, 20_000)
    assert not drawn.exact and drawn.p()[0] == flips.sign_flip_draws(d, 20_000).p()[0]
    assert drawn.p()[0] == pytest.approx(stats.ttest_1samp(d[:, 0], 0).pvalue, abs=0.02)


def test_largest_t_along_a_profile_keeps_five_per_cent():
    rng = np.random.default_rng(6)
    falls = 0
    for _ in range(300):
        d = np.cumsum(rng.standard_normal((8, 12)), axis=1)
        falls += westfall_young(flips.sign_flip_draws(d)).anywhere <= 0.05
    assert stats.binom.ppf(0.0005, 300, 0.047) <= falls <= stats.binom.ppf(0.9995, 300, 0.05)


def test_missing_changes_leave_their_level_only():
    d = np.random.default_rng(7).normal(1, 1, (6, 2))
    d[0, 1] = np.nan
    draws = flips.sign_flip_draws(d)
    assert draws.t[1] == pytest.approx(stats.ttest_1samp(d[1:, 1], 0).statistic)
    assert np.isnan(flips.sign_flip_draws(np.full((3, 1), np.nan)).t).all()


def test_tipping_points_touch_zero():
    found = estimate(2.0, 0.6, 15.0)
    for delta in tipping.tipping_points(found, 3, 11):
        at = tipping.shifted(found, 3, 11, delta)
        assert min(abs(at.low), abs(at.high)) == pytest.approx(0, abs=1e-9)
    nearest = tipping.tipping_points(found, 3, 11)[0]
    assert (
        nearest < 0
        and tipping.shifted(found, 3, 11, nearest * 0.9).p < 0.05 < tipping.shifted(found, 3, 11, nearest * 1.1).p
    )
    assert tipping.tipping_points(found, 0, 11) == ()
    weak = estimate(0.2, 0.6, 15.0)
    assert tipping.shifted(weak, 6, 11, tipping.tipping_points(weak, 6, 11)[0] * 1.05).p < 0.05
    with pytest.raises(ValueError, match="12 missing of 11"):
        tipping.tipping_points(found, 12, 11)


def test_tipping_is_what_multiple_imputation_with_delta_tends_to():
    """Two visits, a third of follow-ups missing: 400 imputations by Bayesian regression on the baseline, delta added, Rubin's rules."""
    rng = np.random.default_rng(8)
    n, delta = 60, -2.0
    first = rng.normal(30, 2, n)
    second = 3 + 0.95 * first + rng.normal(0, 1, n)
    gone = rng.random(n) < 1 / (1 + np.exp(-(first - 31.3)))
    y = np.stack([first, np.where(gone, np.nan, second)], 1)
    found = mmrm(y, np.broadcast_to(np.eye(2), (n, 2, 2))).test([-1, 1])
    closed = tipping.shifted(found, int(gone.sum()), n, delta)
    A, seen = np.stack([np.ones(n), first], 1), ~gone
    inverse = np.linalg.inv(A[seen].T @ A[seen])
    b = inverse @ A[seen].T @ second[seen]
    free = seen.sum() - 2
    square = ((second[seen] - A[seen] @ b) ** 2).sum()
    sigma = np.sqrt(square / rng.chisquare(free, 400))
    drawn = b + sigma[:, None] * rng.multivariate_normal(np.zeros(2), inverse, 400)
    filled = drawn @ A.T + sigma[:, None] * rng.standard_normal((400, n)) + delta
    changes = np.where(gone, filled, second) - first
    means, within = changes.mean(1), changes.var(1, ddof=1) / n
    assert closed.value == pytest.approx(means.mean(), abs=4 * means.std() / 20)
    assert closed.se == pytest.approx(np.sqrt(within.mean() + 1.0025 * means.var(ddof=1)), rel=0.07)
