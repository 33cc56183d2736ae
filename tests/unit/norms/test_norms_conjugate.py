"""The closed form against brute force: integrals over coefficients and variance summed on a dense grid, in NumPy alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import conjugate, engine
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.options import CORRELATIONS, SITE_SDS

KEY = NormKey("T2", "t2-mono", "mean", "sciatic nerve", "thigh", "ms")


def test_update_and_evidence_equal_a_sum_over_a_dense_grid():
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(9), rng.normal(size=9)])
    y = 1.0 + 0.5 * x[:, 1] + rng.normal(size=9)
    variance = rng.uniform(0.5, 2.0, 9)
    m, sd, a, b = np.array([0.8, 0.1]), np.array([2.0, 0.7]), 1.5, 1.2
    found, evidence = conjugate.prior(m[None], sd[None], a, b).update(conjugate.rows(x, y, variance[None]))

    # trapezoids over b0, b1 and log s converge exponentially for such integrands
    log_s = np.linspace(-2.4, 3.2, 120)
    s = np.exp(log_s)
    unit = np.linspace(-1, 1, 61)
    total, mean, square = 0.0, np.zeros(2), 0.0
    for one in s:
        b0, b1 = found.mean[0, 0] + 8.5 * one * unit * 0.7, found.mean[0, 1] + 8.5 * one * unit * 0.5
        residual = y[:, None, None] - b0[:, None] * x[:, 0, None, None] - b1 * x[:, 1, None, None]
        log = stats.norm.logpdf(residual, 0, one * np.sqrt(variance)[:, None, None]).sum(axis=0)
        log = log + stats.norm.logpdf(b0, m[0], sd[0] * one)[:, None] + stats.norm.logpdf(b1, m[1], sd[1] * one)
        log = log + stats.invgamma.logpdf(one**2, a, scale=b) + np.log(2 * one**2)
        weight = np.exp(log) * (b0[1] - b0[0]) * (b1[1] - b1[0]) * (log_s[1] - log_s[0])
        total += weight.sum()
        mean += [(weight.sum(axis=1) @ b0), (weight.sum(axis=0) @ b1)]
        square += weight.sum() * one**2
    assert evidence[0] == pytest.approx(np.log(total), abs=1e-8)
    np.testing.assert_allclose(found.mean[0], mean / total, atol=1e-8)
    assert found.b[0] / (found.a[0] - 1) == pytest.approx(square / total, rel=1e-7)


def _dense(tau: float, r: float, sites: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Relative covariance of rows, as the model's words have it."""
    same_person, same_site = persons[:, None] == persons, sites[:, None] == sites
    return np.where(np.eye(len(sites)) > 0, 1.0, r * same_person) + tau**2 * same_site


def test_the_whole_norm_with_site_and_person_variance_equals_brute_force():
    """p(b, s) = 1/s; sums over tau and r with their priors; predictive share below a value, at a known and at a new site."""
    rng = np.random.default_rng(5)
    sites, persons = np.repeat([0, 1, 2], [6, 4, 4]), np.repeat(np.arange(7), 2)
    y = 33 + np.array([0.0, 0.8, -0.5])[sites] + 0.7 * rng.normal(size=7)[persons] + rng.normal(size=14)
    options = engine.Options(covariates=Covariates(()))
    bodies = tuple(Body(site="ABC"[s]) for s in sites)
    controls = engine.Controls(y, bodies, tuple(str(p) for p in persons))
    norm = engine.norm(engine.summarise(KEY, controls, options))
    value = 34.7

    edges = np.concatenate([[0], (np.array(SITE_SDS)[1:] + np.array(SITE_SDS)[:-1]) / 2, [1.5 * SITE_SDS[-1]]])
    below, total = np.zeros(2), 0.0
    for tau, width in zip(SITE_SDS, np.diff(edges), strict=True):
        for r in CORRELATIONS:
            inverse = np.linalg.inv(_dense(tau, r, sites, persons))
            _, log_det = np.linalg.slogdet(inverse)
            at = tau**2 * (sites == 1)
            log_s = np.linspace(-2.5, 2.5, 161)
            s = np.exp(log_s)[:, None]
            b = 33 + 3 * np.sqrt(1 / inverse.sum()) * np.linspace(-20, 20, 1201)
            away = y[:, None] - b
            square = np.einsum("ib,ij,jb->b", away, inverse, away)
            log = -len(y) * np.log(s) + 0.5 * log_det - 0.5 * square / s**2 + np.log(width) - 0.5 * (tau / 0.5) ** 2
            weight = np.exp(log) * (b[1] - b[0])
            known = b + at @ inverse @ away
            spread = np.sqrt(1 + tau**2 - at @ inverse @ at)
            below[0] += (weight * stats.norm.cdf((value - known) / (s * spread))).sum()
            below[1] += (weight * stats.norm.cdf((value - b) / (s * np.sqrt(1 + tau**2)))).sum()
            total += weight.sum()
    got = norm.cdf(np.array([value, value]), [Body(site="B"), Body(site="elsewhere")])
    np.testing.assert_allclose(got, below / total, atol=1e-8)


def test_without_priors_it_is_ordinary_least_squares_with_students_t():
    rng = np.random.default_rng(6)
    bodies = tuple(Body(age=a, sex="MF"[i % 2], height_m=h) for i, (a, h) in
                   enumerate(zip(rng.uniform(20, 80, 15), rng.normal(1.7, 0.1, 15), strict=True)))  # fmt: skip
    y = 33 + rng.normal(size=15)
    covariates = Covariates(("age", "sex", "height"))
    options = engine.Options(covariates=covariates, slope_sd=np.inf, heteroscedastic=False)
    norm = engine.norm(engine.summarise(KEY, engine.Controls(y, bodies), options))
    new = [Body(age=25.0, sex="M", height_m=1.9), Body(age=70.0, sex="F", height_m=1.6)]
    x, x_new = covariates.design(bodies), covariates.design(new)
    coefficients, residual, _, _ = np.linalg.lstsq(x, y, rcond=None)
    scale = np.sqrt(residual[0] / 11 * (1 + np.einsum("ij,jk,ik->i", x_new, np.linalg.inv(x.T @ x), x_new)))
    value = np.array([35.0, 31.0])
    t = (value - x_new @ coefficients) / scale
    np.testing.assert_allclose(norm.cdf(value, new), stats.t.cdf(t, 11), rtol=1e-6)
    np.testing.assert_allclose(norm.logpdf(value, new), stats.t.logpdf(t, 11) - np.log(scale), rtol=1e-6)
    np.testing.assert_allclose(norm.z(value, new), stats.norm.ppf(stats.t.cdf(t, 11)), rtol=1e-6)
