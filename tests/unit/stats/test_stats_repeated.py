"""Correlation within and between people who were measured several times: Bland & Altman's own example."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.stats.repeated import between, slope, within

#: intramural pH and PaCO2 (kPa) of eight subjects: Bland & Altman, BMJ 1995;310:446, table I (from Boyd et al., J Crit Care 1993)
PH = {
    1: [6.68, 6.53, 6.43, 6.33], 2: [6.85, 7.06, 7.13, 7.17],
    3: [7.40, 7.42, 7.41, 7.37, 7.34, 7.35, 7.28, 7.30, 7.34], 4: [7.36, 7.33, 7.29, 7.30, 7.35],
    5: [7.35, 7.30, 7.30, 7.37, 7.27, 7.28, 7.32, 7.32], 6: [7.38, 7.30, 7.29, 7.33, 7.31, 7.33],
    7: [6.86, 6.94, 6.92], 8: [7.19, 7.29, 7.21, 7.25, 7.20, 7.19, 6.77, 6.82],
}  # fmt: skip
PACO2 = {
    1: [3.97, 4.12, 4.09, 3.97], 2: [5.27, 5.37, 5.41, 5.44],
    3: [5.67, 3.64, 4.32, 4.73, 4.96, 5.04, 5.22, 4.82, 5.07], 4: [5.67, 5.10, 5.53, 4.75, 5.51],
    5: [4.28, 4.44, 4.32, 3.23, 4.46, 4.72, 4.75, 4.99], 6: [4.78, 4.73, 5.12, 4.93, 5.03, 4.93],
    7: [6.85, 6.44, 6.52], 8: [5.28, 4.56, 4.34, 4.32, 4.41, 3.69, 6.09, 5.58],
}  # fmt: skip
WHO = np.array([str(s) for s in PH for _ in PH[s]])
X, Y = (np.array([v for s in table for v in table[s]]) for table in (PACO2, PH))


def test_within_people_as_published():
    found = within(X, Y, WHO)
    assert found.r == pytest.approx(-0.51, abs=0.005) and found.p == pytest.approx(0.0008, abs=5e-5)
    assert (found.n, found.df) == (47, 38)
    assert [found.r, found.p, found.low, found.high] == pytest.approx(
        [-0.5067697, 0.0008471081, -0.7067146, -0.2318631], abs=5e-7
    )  # rmcorr (R)


def test_between_people_as_published():
    """Bland & Altman, BMJ 1995;310:633, from the means that they print with two decimals: weighted r = 0.08, unweighted 0.09."""
    ph, paco2 = (
        np.repeat([round(np.mean(v), 2) for v in t.values()], [len(v) for v in t.values()]) for t in (PH, PACO2)
    )
    found, once = between(paco2, ph, WHO), between(*[c[np.unique(WHO, return_index=True)[1]] for c in (paco2, ph, WHO)])
    assert [found.r, once.r] == pytest.approx([0.08, 0.09], abs=0.005)
    assert found.n == 8 and found.p == pytest.approx(
        2 * stats.t.sf(abs(found.r) * np.sqrt(6 / (1 - found.r**2)), 6), abs=1e-12
    )


def test_within_is_analysis_of_covariance():
    levels = np.unique(WHO)
    design = np.column_stack([X, np.equal(WHO[:, None], levels)]).astype(float)
    fit = sm.OLS(Y, design).fit()
    found = within(X, Y, WHO)
    assert [slope(X, Y, WHO), found.t, found.p] == pytest.approx(
        [fit.params[0], fit.tvalues[0], fit.pvalues[0]], abs=1e-8
    )


def test_between_is_a_weighted_correlation():
    people = np.unique(WHO)
    means = np.array([[X[p == WHO].mean(), Y[p == WHO].mean()] for p in people])
    weights = np.array([np.count_nonzero(p == WHO) for p in people])
    covariance = np.cov(means.T, fweights=weights)
    assert between(X, Y, WHO).r == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-12
    )


def test_two_visits_of_each_are_changes_through_the_origin():
    """Two rows a person: r within is the cosine of the changes, on as many degrees of freedom as people less one."""
    rng = np.random.default_rng(4)
    x, y, who = rng.normal(size=24), rng.normal(size=24), np.repeat(np.arange(12), 2)
    dx, dy = x[1::2] - x[::2], y[1::2] - y[::2]
    found = within(x, y, who)
    assert found.r == pytest.approx(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)), abs=1e-12) and found.df == 11
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), 11), abs=1e-12)


def test_rows_that_say_nothing_within_people_change_nothing():
    more = np.append(X, [5.0, np.nan]), np.append(Y, [7.0, 7.0]), np.append(WHO, ["once", "1"])
    assert within(*more) == within(X, Y, WHO)
    assert within(X[:1], Y[:1], WHO[:1]).n == 0 and np.isnan(within(X[:1], Y[:1], WHO[:1]).r)
    steady = np.repeat([1.1, 2.2, 3.3], 4)
    assert np.isnan(within(steady, np.arange(12.0), np.repeat([1, 2, 3], 4)).r)
    assert np.isnan(between(X, Y, np.where(WHO < "5", "a", "b")).r), "two people have no correlation"
