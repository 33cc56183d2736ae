"""Standardised differences: against published answers, tables, scipy's noncentral t, and draws."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from neuromyo.stats import effect_size


def test_published_p_of_als_against_controls():
    """p = .009 with 11 against 8 (Bryan et al. 1998) is |d| = 1.37, g = 1.31."""
    found = effect_size.from_p(0.009, 11, 8)
    assert found.df == 17 and found.t == pytest.approx(2.948, abs=5e-4)
    assert found.d.value == pytest.approx(1.37, abs=0.005) and found.g.value == pytest.approx(1.31, abs=0.005)
    # the ends are those noncentralities that leave 2.5 % on either side
    for end, share in ((found.d.low, 0.975), (found.d.high, 0.025)):
        assert stats.nct.cdf(found.t, 17, end * np.sqrt(88 / 19)) == pytest.approx(share, abs=1e-9)
    assert (found.d.low, found.d.high) == pytest.approx((0.33, 2.37), abs=0.01)
    assert found.g.low == pytest.approx(found.d.low * found.g.value / found.d.value)


def test_factor_is_the_mean_of_noncentral_t():
    for df in (2.0, 5.0, 17.0, 300.0):
        biased = stats.nct.mean(df, 1.5) / 1.5  # E[t] = centre / J
        assert effect_size.hedges_factor(df) * biased == pytest.approx(1.0, rel=1e-9)
        assert effect_size.hedges_factor(df) == pytest.approx(1 - 3 / (4 * df - 1), abs=0.02)
    assert np.isnan(effect_size.hedges_factor(1.0))


@pytest.mark.parametrize(("t", "df"), [(0.0, 3.0), (2.0, 1.0), (-3.1, 17.0), (8.0, 9.0), (45.0, 40.0), (300.0, 6.0)])
def test_noncentral_interval_leaves_equal_tails(t, df):
    low, high = effect_size.noncentral_interval(t, df, 0.9)
    assert low < t < high or abs(t) > 5  # far out, the interval is longer towards zero
    for end, share in ((low, 0.95), (high, 0.05)):
        # P(T <= t) = E over chi of Phi(t s - end), integrated by hand
        def at(s, end=end):
            return stats.chi.pdf(s * np.sqrt(df), df) * np.sqrt(df) * special.ndtr(t * s - end)

        found = integrate.quad(at, 0, 1 + 12 / np.sqrt(df), limit=400, points=[max(end / t, 1e-3) if t else 1.0])[0]
        assert found == pytest.approx(share, abs=2e-7)


@pytest.mark.parametrize("df", [1.0, 2.0, 3.0, 7.0])
def test_small_studies_far_apart_have_an_interval(df):
    for t in np.geomspace(0.1, 1000, 30):
        low, high = effect_size.noncentral_interval(t, df)
        assert low < high and np.isfinite([low, high]).all()
        assert effect_size.noncentral_interval(-t, df) == pytest.approx((-high, -low), rel=1e-6)


def test_interval_of_no_effect_and_of_large_samples_is_normal():
    low, high = effect_size.noncentral_interval(0.0, 1e5)
    assert (low, high) == pytest.approx((-1.96, 1.96), abs=1e-3) and low == pytest.approx(-high)
    assert all(np.isnan(effect_size.noncentral_interval(t, df)).all() for t, df in ((np.nan, 5), (np.inf, 5), (1.0, 0)))


def test_d_is_the_t_of_scipy_and_turns_with_the_groups():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 1, 11), rng.normal(0, 1, 8)
    found, t = effect_size.effect(a, b), stats.ttest_ind(a, b).statistic
    assert found.t == pytest.approx(t, rel=1e-10) and found.d.value == pytest.approx(
        t * np.sqrt(1 / 11 + 1 / 8), rel=1e-10
    )
    turned = effect_size.hedges_g(b, a)
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.g.value, -found.g.high, -found.g.low))
    assert effect_size.cohens_d(np.append(a, np.nan), b) == found.d
    assert effect_size.hedges_g(a * 1000 + 5, b * 1000 + 5).value == pytest.approx(found.g.value)


def test_what_has_no_standardiser_is_unknown():
    for a, b in ([1.0], [1.0, 2.0]), ([2.0, 2.0], [1.0, 1.0]), ([], [1.0, 2.0]):
        assert not effect_size.hedges_g(np.array(a), np.array(b)).known
        assert not effect_size.glass_delta(np.array(a), np.array(b)[:1]).known
    assert not effect_size.glass_delta(np.array([1.0, 2, 3]), np.ones(4)).known
    assert not effect_size.from_t(np.nan, 4, 4).g.known
    with pytest.raises(ValueError, match="no p"):
        effect_size.from_p(0.0, 5, 5)


@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_glass_covers_about_its_level_whatever_the_patients_spread(sd):
    rng, hits = np.random.default_rng(7), 0
    for a, c in zip(rng.normal(1.2, sd, (500, 11)), rng.normal(0, 1, (500, 8)), strict=True):
        found = effect_size.glass_delta(a, c)
        hits += found.low <= 1.2 <= found.high
    assert 0.915 < hits / 500 < 0.99


@pytest.mark.parametrize(("n", "m"), [(11, 8), (3, 4), (60, 20)])
def test_detectable_difference_is_that_of_statsmodels(n, m):
    from statsmodels.stats.power import TTestIndPower

    found = TTestIndPower().power(effect_size.detectable(n, m), nobs1=n, alpha=0.05, ratio=m / n)
    assert found == pytest.approx(0.8, abs=1e-8)
    assert np.isnan(effect_size.detectable(1, 1))
