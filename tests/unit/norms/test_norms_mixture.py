"""Tails, and the interval for the true deviate, against SciPy's integrals and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import log_ndtr

from neuromyo.norms import interval, mixture


def test_one_component_is_students_t():
    t, df = np.array([-4.0, -0.3, 0.0, 2.5]), np.array([7.0])
    z = mixture.deviate(t * 2 + 1, np.ones((4, 1)), 2 * np.ones((4, 1)), df, np.zeros(1))
    np.testing.assert_allclose(z, stats.norm.ppf(stats.t.cdf(t, 7)), rtol=1e-9, atol=1e-12)
    density = mixture.density(t * 2 + 1, np.ones((4, 1)), 2 * np.ones((4, 1)), df, np.zeros(1))
    np.testing.assert_allclose(density, stats.t.logpdf(t, 7) - np.log(2), rtol=1e-10)


def test_tails_are_finite_and_right_where_probabilities_are_not():
    far = mixture.log_tail(np.array([-60.0]), np.array([1e9]))
    assert far[0] == pytest.approx(log_ndtr(-60.0), abs=5e-3)
    # df = 2 has a closed form: P(T < t) = (1 + t / sqrt(2 + t2)) / 2, about 1 / (2 t2) far out
    assert mixture.log_tail(np.array([-1e6]), np.array([2.0]))[0] == pytest.approx(np.log(0.5e-12), abs=1e-6)
    z = mixture.deviate(np.array([1e4, -1e4, 1e9]), np.zeros((3, 1)), np.ones((3, 1)), np.array([200.0]), np.zeros(1))
    assert np.isfinite(z).all()
    assert z[0] == -z[1] > 20
    assert z[2] > z[0]


def test_z_rises_without_a_step_where_the_tail_changes_its_formula():
    value = np.linspace(30, 60, 400)
    z = mixture.deviate(value, np.zeros((400, 1)), np.ones((400, 1)), np.array([5000.0]), np.zeros(1))
    steps = np.diff(z)
    assert (steps > 0).all()
    assert np.abs(np.diff(steps)).max() < 0.02 * steps.max()


def test_mixture_is_the_weighted_sum():
    location, scale, df = np.array([[0.0, 3.0]]), np.array([[1.0, 0.5]]), np.array([4.0, 30.0])
    low, high = mixture.tails(np.array([1.2]), location, scale, df, np.log([0.3, 0.7]))
    expected = 0.3 * stats.t.cdf(1.2, 4) + 0.7 * stats.t.cdf((1.2 - 3) / 0.5, 30)
    assert np.exp(low[0]) == pytest.approx(expected, rel=1e-10)
    assert np.exp(high[0]) == pytest.approx(1 - expected, rel=1e-10)


@pytest.mark.parametrize("residual", [-3.0, 0.2, 6.0])
def test_interval_of_the_true_deviate_is_that_of_the_integral(residual):
    a, b, h = 6.0, 9.0, 0.15
    nodes, weight = interval.variance_nodes(np.array([a]), np.array([b]))
    ends = interval.true_deviate(np.array([[residual]]), np.array([[np.sqrt(h)]]), np.ones(1), nodes, weight, 0.95)

    def below(c: float) -> float:
        def one(t: float) -> float:
            return stats.norm.cdf((c - residual * np.sqrt(t)) / np.sqrt(h)) * stats.gamma.pdf(t, a, scale=1 / b)

        return integrate.quad(one, 0, stats.gamma.ppf(1 - 1e-13, a, scale=1 / b), epsabs=1e-10)[0]

    assert below(ends[0][0]) == pytest.approx(0.025, abs=5e-4)
    assert below(ends[1][0]) == pytest.approx(0.975, abs=5e-4)


def test_roots_are_found_on_bent_curves_many_at_once():
    target = np.linspace(0.2, 9.0, 50)
    found = interval.solve(lambda x: np.sinh(x) - target, 0.0, np.zeros(50), np.ones(50))
    np.testing.assert_allclose(found, np.arcsinh(target), atol=1e-4)


def test_the_heaviest_components_hold_the_share():
    weight = np.array([0.5, 0.001, 0.3, 0.199])
    np.testing.assert_array_equal(interval.main_share(np.log(weight), 0.99), [0, 2, 3])
    np.testing.assert_array_equal(interval.main_share(np.log(weight), 0.4), [0])
