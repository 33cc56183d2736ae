"""Penalised regression against scikit-learn, statsmodels, and itself one problem at a time."""

import numpy as np
import pytest

from neuromyo.stats import penalised

RNG = np.random.default_rng(3)
N, P = 50, 4
X = RNG.normal(size=(N, P)) @ RNG.normal(size=(P, P)) + 3
Y = X @ np.array([0.5, 0.0, -1.0, 0.2]) + RNG.normal(size=N)
GROUP = (Y + RNG.normal(size=N) > np.median(Y)).astype(float)
PENALTIES = np.array([1e-2, 1.0, 30.0])


@pytest.mark.parametrize("penalty", [0.01, 1.0, 500.0])
def test_linear_is_that_of_scikit_learn(penalty):
    from sklearn.linear_model import Ridge

    theirs = Ridge(alpha=penalty, tol=1e-12).fit(X, Y)
    intercept, b = penalised.linear(X, Y, penalty)
    assert b == pytest.approx(theirs.coef_, abs=1e-10) and intercept == pytest.approx(theirs.intercept_, abs=1e-9)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 500.0])
def test_logistic_is_that_of_scikit_learn(penalty):
    from sklearn.linear_model import LogisticRegression

    theirs = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, GROUP)
    intercept, b = penalised.logistic(X, GROUP, penalty)
    assert b == pytest.approx(theirs.coef_[0], abs=1e-8) and intercept == pytest.approx(theirs.intercept_[0], abs=1e-7)


def test_without_a_penalty_they_are_plain_regressions():
    import statsmodels.api as sm

    theirs = sm.Logit(GROUP, sm.add_constant(X)).fit(disp=0, tol=1e-12)
    assert np.r_[penalised.logistic(X, GROUP, 0.0)] == pytest.approx(theirs.params, abs=1e-7)
    assert np.r_[penalised.linear(X, Y, 0.0)] == pytest.approx(sm.OLS(Y, sm.add_constant(X)).fit().params, abs=1e-8)


@pytest.mark.parametrize("solve", [penalised.linear, penalised.logistic])
def test_many_problems_at_once_are_each_its_own(solve):
    weights = (RNG.random((5, 1, N)) < 0.7).astype(float)
    intercept, b = solve(X, GROUP, PENALTIES, weights)
    assert intercept.shape == (5, 3) and b.shape == (5, 3, P)
    for i in range(5):
        keep = weights[i, 0] == 1
        for j, penalty in enumerate(PENALTIES):
            one = solve(X[keep], GROUP[keep], penalty)
            assert b[i, j] == pytest.approx(one[1], abs=1e-8) and intercept[i, j] == pytest.approx(one[0], abs=1e-7)


def test_separated_groups_need_the_penalty():
    apart = np.column_stack([np.r_[np.arange(10.0), np.arange(20, 30.0)], RNG.normal(size=20)])
    group = np.r_[np.zeros(10), np.ones(10)]
    assert np.isnan(penalised.logistic(apart, group, 0.0)[1]).all()
    assert np.isfinite(penalised.logistic(apart, group, 1.0)[1]).all()


def test_large_numbers_do_not_overflow():
    _, b = penalised.logistic(X * 1e3, GROUP, 1.0)
    assert np.isfinite(b).all()


def test_standardise_by_weights():
    weights = np.r_[np.ones(30), np.zeros(20)]
    mean, spread = penalised.standardise(np.column_stack([X, np.full(N, 7.0)]), weights)
    assert (
        mean[:P] == pytest.approx(X[:30].mean(axis=0))
        and spread[:P] == pytest.approx(X[:30].std(axis=0))
        and spread[P] == 1
    )
