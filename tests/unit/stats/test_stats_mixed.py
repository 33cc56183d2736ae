"""REML with any covariance between visits: against closed forms, a dense computation of its own, statsmodels and a published table."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

from neuromyo.stats import reml
from neuromyo.stats.mixed import mmrm

GROUP = np.r_[np.ones(11), np.zeros(8)]
#: Potthoff & Roy, Biometrika 1964;51:313: distance of pituitary and fissure (mm) at 8, 10, 12, 14 years, 11 girls then 16 boys
GROWTH = np.fromstring("""21 20 21.5 23 21 21.5 24 25.5 20.5 24 24.5 26 23.5 24.5 25 26.5 21.5 23 22.5 23.5 20 21 21 22.5 21.5 22.5 23 25
    23 23 23.5 24 20 21 22 21.5 16.5 19 19 19.5 24.5 25 28 28 26 25 29 31 21.5 22.5 23 26.5 23 22.5 24 27.5 25.5 27.5 26.5 27
    20 23.5 22.5 26 24.5 25.5 27 28.5 22 22 24.5 26.5 24 21.5 24.5 25.5 23 20.5 31 26 27.5 28 31 31.5 23 23 23.5 25 21.5 23.5 24 28
    17 24.5 26 29.5 22.5 25.5 25.5 26 23 24.5 26 30 22 21.5 23.5 25""", sep=" ").reshape(27, 4)  # fmt: skip


def by_visit(n, T, *columns):
    """A design (n, T, T * columns): each column with an effect of its own at each visit."""
    X = np.zeros((n, T, T * len(columns)))
    for t in range(T):
        for k, column in enumerate(columns):
            X[:, t, k * T + t] = column
    return X


def three_visits(seed, lost=0.2):
    rng = np.random.default_rng(seed)
    y = rng.multivariate_normal([30, 31, 32], [[4, 3, 2.5], [3, 5, 3.5], [2.5, 3.5, 6]], 19)
    y[:, 1:][rng.random((19, 2)) < lost] = np.nan
    return y


def same(found, statistic, df, p):
    assert found.t == pytest.approx(statistic, rel=1e-8) and found.df == pytest.approx(df, rel=1e-8)
    assert found.p == pytest.approx(p, rel=1e-8)


def test_two_complete_visits_are_the_t_tests():
    y = three_visits(1, 0)[:, :2]
    change = y[:, 1] - y[:, 0]
    fit = mmrm(y, by_visit(19, 2, np.ones(19), GROUP))
    two = stats.ttest_ind(change[GROUP == 1], change[GROUP == 0])
    same(fit.test([0, 0, -1, 1]), two.statistic, 17, two.pvalue)
    assert fit.adjusted == pytest.approx(fit.covariance, rel=1e-8)
    paired = stats.ttest_rel(y[:, 1], y[:, 0])
    found = mmrm(y, by_visit(19, 2, np.ones(19))).test([-1, 1])
    same(found, paired.statistic, 18, paired.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(paired.confidence_interval()), rel=1e-8)
    welch = stats.ttest_ind(change[GROUP == 1], change[GROUP == 0], equal_var=False)
    strata = GROUP.astype(int)
    same(
        mmrm(y, by_visit(19, 2, np.ones(19), GROUP), strata).test([0, 0, -1, 1]),
        welch.statistic,
        welch.df,
        welch.pvalue,
    )


def test_one_follow_up_given_the_baseline_is_least_squares():
    y = three_visits(2, 0)
    columns = np.stack([np.ones(19), GROUP, y[:, 0]], -1)
    found = mmrm(y[:, 1:2], columns[:, None, :])
    theirs = sm.OLS(y[:, 1], columns).fit()
    assert found.beta == pytest.approx(theirs.params, rel=1e-8)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(theirs.bse, rel=1e-8)
    same(found.test([0, 1, 0]), theirs.tvalues[1], 16, theirs.pvalues[1])


def test_complete_visits_with_covariates_have_the_covariance_of_the_residuals():
    y = three_visits(3, 0)
    age = np.random.default_rng(3).normal(55, 8, 19)
    columns = np.stack([np.ones(19), GROUP, age], -1)
    fit = mmrm(y, by_visit(19, 3, *columns.T))
    residuals = y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    assert fit.R[0] == pytest.approx(residuals.T @ residuals / 16, rel=1e-8)
    # any contrast of visits is the least squares of that contrast, on n - 3 degrees of freedom
    theirs = sm.OLS(y @ [-1, 0.25, 0.75], columns).fit()
    same(fit.test([0, 0, 0, -1, 0.25, 0.75, 0, 0, 0]), theirs.tvalues[1], 16, theirs.pvalues[1])


class Dense:
    """The same model in one big matrix, maximised by a general optimiser, with every derivative by differences."""

    def __init__(self, y, X):
        self.seen = np.isfinite(y)
        self.n, self.T = y.shape
        self.at = np.flatnonzero(self.seen.ravel())
        self.y, self.X = y.ravel()[self.at], X.reshape(self.n * self.T, -1)[self.at]
        self.upper = np.triu_indices(self.T)
        lower = np.zeros((self.T, self.T))
        root = np.linalg.cholesky(np.cov(y[self.seen.all(1)].T))
        x = optimize.minimize(lambda v: -self.loglik(self.matrix(v)), root[np.tril_indices_from(lower)], method="BFGS",
                              options={"gtol": 1e-7}).x  # fmt: skip
        self.R = self.matrix(x)

    def matrix(self, v):
        root = np.zeros((self.T, self.T))
        root[np.tril_indices(self.T)] = v
        return root @ root.T

    def big(self, R):
        return np.kron(np.eye(self.n), R)[np.ix_(self.at, self.at)]

    def phi(self, R):
        return np.linalg.inv(self.X.T @ np.linalg.solve(self.big(R), self.X))

    def loglik(self, R):
        V = self.big(R)
        phi = self.phi(R)
        r = self.y - self.X @ (phi @ self.X.T @ np.linalg.solve(V, self.y))
        free = len(self.y) - self.X.shape[1]
        logs = np.linalg.slogdet(V)[1] - np.linalg.slogdet(phi)[1]
        return -0.5 * (logs + r @ np.linalg.solve(V, r) + free * np.log(2 * np.pi))

    def shifted(self, *which):
        R = self.R.copy()
        for j, h in which:
            a, b = self.upper[0][j], self.upper[1][j]
            R[a, b] += h
            if a != b:
                R[b, a] += h
        return R

    def kenward_roger(self, c):
        """Standard error and degrees of freedom of c'beta as their paper has them, with P, Q and w from big matrices."""
        V = np.linalg.inv(self.big(self.R))
        phi = self.phi(self.R)
        q = len(self.upper[0])
        G = [self.big(self.shifted((j, 1.0)) - self.R) for j in range(q)]
        P = [-self.X.T @ V @ g @ V @ self.X for g in G]
        M = V - V @ self.X @ phi @ self.X.T @ V
        w = np.linalg.inv([[0.5 * np.trace(M @ a @ M @ b) for b in G] for a in G])
        bend = sum(
            w[j, k] * (self.X.T @ V @ G[j] @ V @ G[k] @ V @ self.X - P[j] @ phi @ P[k])
            for j in range(q)
            for k in range(q)
        )
        h = 1e-5
        slope = [
            (c @ (self.phi(self.shifted((j, h))) - self.phi(self.shifted((j, -h)))) @ c) / (2 * h) for j in range(q)
        ]
        return np.sqrt(c @ (phi + 2 * phi @ bend @ phi) @ c), 2 * (c @ phi @ c) ** 2 / (slope @ w @ slope)


@pytest.mark.parametrize("seed", [4, 5])
def test_missing_visits_agree_with_a_dense_computation(seed):
    y = three_visits(seed)
    X = by_visit(19, 3, np.ones(19), GROUP)
    found, dense = mmrm(y, X), Dense(y, X)
    assert found.converged and found.loglik >= dense.loglik(dense.R) - 1e-9
    assert found.R[0] == pytest.approx(dense.R, rel=1e-4)
    dense.R = found.R[0]
    assert found.loglik == pytest.approx(dense.loglik(dense.R), rel=1e-10)
    c = np.array([0, 0, 0, -1, 0, 1.0])
    se, df = dense.kenward_roger(c)
    test = found.test(c)
    assert test.se == pytest.approx(se, rel=1e-8) and test.df == pytest.approx(df, rel=1e-5)
    assert test.se > np.sqrt(c @ found.covariance @ c)


@pytest.mark.parametrize("seed", [6, 7])
def test_statsmodels_finds_the_same_maximum(seed):
    y = three_visits(seed)
    X = by_visit(19, 3, np.ones(19), GROUP)
    found = mmrm(y, X)
    seen = np.isfinite(y)
    person, visit = np.nonzero(seen)
    theirs = MixedLM(y[seen], X[seen], groups=person, exog_re=np.eye(3)[visit])
    theirs.reml, theirs.cov_pen, theirs.fe_pen, theirs._freepat = True, None, None, None  # as its fit would set them
    # R = scale (random effects of each visit + I): any scale below the least eigenvalue is the same model
    scale = 0.5 * np.linalg.eigvalsh(found.R[0])[0]
    at = MixedLMParams.from_components(found.beta, found.R[0] / scale - np.eye(3))
    assert theirs.loglike(at) == pytest.approx(found.loglik, rel=1e-8)
    for turned in (0.02 * np.eye(3)[[0]].T @ np.eye(3)[[0]], np.full((3, 3), -0.02)):
        near = MixedLMParams.from_components(found.beta, (found.R[0] + turned) / scale - np.eye(3))
        assert theirs.loglike(near) < theirs.loglike(at) - 1e-7
    assert np.abs(theirs.score(at, profile_fe=True)).max() < 1e-4


def test_growth_of_children_as_published():
    """SAS, PROC MIXED, repeated measures of the growth data, maximum likelihood: from its covariance its effects and errors."""
    boy = np.r_[np.zeros(11), np.ones(16)]
    ages = np.array([8.0, 10, 12, 14])
    X = np.stack([np.ones((27, 4)), np.tile(1 - boy[:, None], 4), np.tile(ages, (27, 1)), np.outer(1 - boy, ages)], -1)
    theta = np.array([[5.1192, 2.4409, 3.6105, 2.5222, 3.9279, 2.7175, 3.0624, 5.9798, 3.8235, 4.6180]])
    data = reml.Data(GROWTH[None], np.ones((1, 27, 4), bool), X[None], reml.elements(4, np.zeros(27, int)))
    at = reml.sums(theta, data)
    assert at.beta[0] == pytest.approx([15.8423, 1.5831, 0.8268, -0.3504], abs=2e-4)
    assert np.sqrt(np.diag(at.phi[0])) == pytest.approx([0.9356, 1.4658, 0.0791, 0.1239], abs=2e-4)
    # minus twice its log-likelihood, 419.477, is ours without what REML adds
    free = np.linalg.slogdet(at.phi[0])[1] - 4 * np.log(2 * np.pi)
    assert -2 * at.loglik[0] + free + 8 * np.log(2 * np.pi) == pytest.approx(419.477, abs=2e-3)


def test_many_sets_at_once_are_each_alone():
    sets = np.stack([three_visits(seed) for seed in (8, 9, 10)])
    X = by_visit(19, 3, np.ones(19), GROUP)
    together = mmrm(sets, X).test([0, 0, 0, -1, 0, 1])
    alone = [mmrm(y, X).test([0, 0, 0, -1, 0, 1]) for y in sets]
    assert together.p == pytest.approx([a.p for a in alone], rel=1e-9)
    assert together.df == pytest.approx([a.df for a in alone], rel=1e-9)


def test_units_do_not_matter():
    y, X = three_visits(11), by_visit(19, 3, np.ones(19), GROUP)
    one, other = (mmrm(y * unit, X).test([0, 0, 0, -1, 0, 1]) for unit in (1.0, 1e-3))
    assert (one.p, one.df) == pytest.approx((other.p, other.df), rel=1e-7) and other.low == pytest.approx(
        one.low * 1e-3
    )


def test_what_cannot_be_told_has_no_interval():
    same_values = np.tile([30.0, 31.0], (6, 1))
    fit = mmrm(same_values, by_visit(6, 2, np.ones(6)))
    assert not fit.converged and fit.test([-1, 1]).value == pytest.approx(1.0) and np.isnan(fit.test([-1, 1]).p)
    with pytest.raises(ValueError, match="tell 4 effects apart"):
        mmrm(same_values, by_visit(6, 2, np.ones(6), np.ones(6)))
    with pytest.raises(ValueError, match="does not belong"):
        mmrm(same_values, by_visit(5, 2, np.ones(5)))
