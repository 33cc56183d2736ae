"""Least squares and adjusted means against statsmodels and closed forms."""

import numpy as np
import pytest
import statsmodels.api as sm

from neuromyo.stats import linear, two_samples


def people(seed=0, n=19):
    rng = np.random.default_rng(seed)
    group = np.arange(n) < 11
    age, height = rng.uniform(30, 75, n), rng.normal(1.75, 0.1, n)
    y = 33 + 2.5 * group + 0.05 * age + (1 + group) * rng.standard_normal(n)
    return y, group, np.column_stack([age, height])


@pytest.mark.parametrize("seed", range(3))
def test_everything_is_that_of_statsmodels(seed):
    y, group, covariates = people(seed)
    X = np.column_stack([np.ones(19), group, covariates])
    mine, theirs = linear.least_squares(X, y), sm.OLS(y, X).fit()
    influence = theirs.get_influence()
    for ours, other in ((mine.beta, theirs.params), (mine.covariance, theirs.cov_params()), (mine.leverage, influence.hat_matrix_diag),
                        (mine.residuals, theirs.resid), (mine.cook, influence.cooks_distance[0])):  # fmt: skip
        np.testing.assert_allclose(ours, other, rtol=1e-8, atol=1e-9)
    robust = sm.OLS(y, X).fit(cov_type="HC3", use_t=True)
    np.testing.assert_allclose(mine.hc3, robust.cov_params(), rtol=1e-7)
    contrast = np.array([0.3, 1.0, -1.0, 0.5])
    for flag, model in ((False, theirs), (True, robust)):
        found, other = mine.test(contrast, 0.9, flag), model.t_test(contrast)
        assert found.t == pytest.approx(float(np.squeeze(other.tvalue)), rel=1e-8)
        assert found.p == pytest.approx(float(np.squeeze(other.pvalue)), rel=1e-8)
        ends = np.squeeze(other.conf_int(alpha=0.1))
        assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(ends), rel=1e-8)
        assert mine.interval(contrast, 0.9, flag) == found.estimate
    both = np.eye(4)[2:]
    assert mine.f_test(both)[0] == pytest.approx(float(np.squeeze(theirs.f_test(both).fvalue)), rel=1e-8)
    assert mine.f_test(both)[3] == pytest.approx(float(theirs.f_test(both).pvalue), rel=1e-8)


def test_units_of_columns_do_not_matter():
    y, group, covariates = people()
    X = np.column_stack([np.ones(19), group, covariates])
    small = linear.least_squares(X * [1, 1, 1e-9, 1e7], y)
    assert small.beta[1] == pytest.approx(linear.least_squares(X, y).beta[1], rel=1e-9)


def test_adjusted_means_are_those_at_the_pooled_covariates():
    y, group, covariates = people(2)
    found = linear.ancova(y, group, covariates)
    X = np.column_stack([np.ones(19), group, covariates])
    theirs = sm.OLS(y, X).fit()
    for mean, g in ((found.mean_a, 1.0), (found.mean_b, 0.0)):
        other = theirs.get_prediction(np.array([[1.0, g, *covariates.mean(axis=0)]])).summary_frame(alpha=0.05).iloc[0]
        assert (mean.value, mean.low, mean.high) == pytest.approx(
            (other["mean"], other["mean_ci_lower"], other["mean_ci_upper"])
        )
    assert found.difference.p == pytest.approx(theirs.pvalues[1], rel=1e-8)
    assert found.mean_a.value - found.mean_b.value == pytest.approx(found.difference.estimate.value)


def test_without_covariates_it_is_student_and_robust_is_nearly_welch():
    y, group, _ = people(3)
    found = linear.ancova(y, group, np.empty((19, 0)))
    student = two_samples.student(y[group], y[~group])
    assert found.difference.t == pytest.approx(student.t) and found.difference.p == pytest.approx(student.p)
    a, b = y[group], y[~group]
    # HC3 of two means: each variance over (n - 1) twice too few
    expected = a.var() * 11 / 10**2 + b.var() * 8 / 7**2
    assert found.fit.hc3[1, 1] == pytest.approx(expected)


def test_what_cannot_be_told_apart_is_refused():
    y, group, covariates = people()
    for X in (
        np.column_stack([group, ~group, np.ones(19)]),
        covariates[:1],
        np.zeros((19, 1)),
        np.full((19, 1), np.nan),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            linear.least_squares(X, y[: len(X)])
    assert not linear.full_rank(np.column_stack([np.ones(19), np.full(19, 1e-6)]))
    assert linear.full_rank(np.column_stack([np.ones(19), 1e-9 * group]))
    with pytest.raises(ValueError, match="contrast of 1"):
        linear.ancova(y, group, covariates).fit.test(np.ones(1))


def test_as_many_coefficients_as_people_leave_no_interval():
    fit = linear.least_squares(np.array([[1.0, 0], [1, 1]]), np.array([3.0, 5.0]))
    found = fit.test(np.array([0.0, 1.0]))
    assert found.estimate.value == pytest.approx(2.0) and not found.estimate.known and np.isnan(found.p)
    assert np.isnan(fit.hc3).all()
