"""Rice's law against its known moments, its limits and an independent integration."""

import numpy as np
import pytest
from scipy import integrate, stats

from neuromyo.physics.noise import (
    rice_fisher,
    rice_mean,
    rice_series,
    rice_slope,
    rice_table,
    rice_variance,
    rician,
    sigma_from_background,
    sigma_from_residuals,
)


def test_rayleigh_without_signal():
    assert rice_mean(0.0, 3.0) == pytest.approx(3 * np.sqrt(np.pi / 2), rel=1e-14)
    assert rice_variance(0.0, 3.0) == pytest.approx(9 * (2 - np.pi / 2), rel=1e-13)
    assert rice_slope(0.0) == 0.0


@pytest.mark.parametrize("snr", [0.1, 1.0, 3.0, 12.0])
def test_moments_are_those_of_the_distribution(snr):
    assert rice_mean(2 * snr, 2.0) == pytest.approx(2 * stats.rice.mean(snr), rel=1e-10)
    assert rice_variance(2 * snr, 2.0) == pytest.approx(4 * stats.rice.var(snr), rel=1e-8)


def test_moments_stay_right_at_any_snr():
    snr = np.array([45.0, 49.999, 50.001, 60.0, 1e3, 1e6])
    np.testing.assert_allclose(rice_variance(snr, 1.0), 1 - 0.5 / snr**2 - 0.5 / snr**4, atol=3e-10)
    np.testing.assert_allclose(rice_mean(snr, 1.0), np.sqrt(snr**2 + 1), rtol=1e-6)
    np.testing.assert_allclose(rice_slope(snr), 1 - 0.5 / snr**2, atol=2e-7)


def test_second_moment_is_signal_and_noise_power():
    snr = np.linspace(0, 20, 41)
    np.testing.assert_allclose(rice_mean(snr, 1.0) ** 2 + rice_variance(snr, 1.0), snr**2 + 2, rtol=1e-13)


def test_slope_is_the_derivative_of_the_mean():
    snr, h = np.array([0.2, 1.0, 2.5, 8.0]), 1e-5
    numeric = (rice_mean(snr + h, 1.0) - rice_mean(snr - h, 1.0)) / (2 * h)
    np.testing.assert_allclose(rice_slope(snr), numeric, rtol=1e-8)


def test_fisher_limits():
    assert rice_fisher(1e-3) == pytest.approx(1e-6, rel=1e-5)
    assert rice_fisher(300.0) == pytest.approx(1.0, abs=1e-5)
    assert (np.diff(rice_fisher(np.linspace(0, 12, 60))) > 0).all()


@pytest.mark.parametrize("snr", [0.5, 1.5, 4.0])
def test_fisher_is_the_curvature_of_the_mean_log_likelihood(snr):
    """Another definition: minus the mean second derivative of log p, by finite differences and adaptive quadrature."""

    def curvature(m: float) -> float:
        h = 1e-3
        log = [stats.rice.logpdf(m, snr + d) for d in (-h, 0.0, h)]
        return -(log[0] - 2 * log[1] + log[2]) / h**2 * stats.rice.pdf(m, snr)

    assert rice_fisher(snr) == pytest.approx(integrate.quad(curvature, 1e-9, snr + 9, limit=200)[0], rel=1e-4)


def test_fisher_exceeds_what_the_mean_alone_tells():
    snr = np.linspace(0.2, 10, 50)
    assert (rice_fisher(snr) >= rice_slope(snr) ** 2 / rice_variance(snr, 1.0)).all()


def test_table_keeps_its_stated_error():
    table = rice_table()
    assert table.error < 2e-5
    snr = np.random.default_rng(1).uniform(0, 16, 500)
    exact = np.stack([rice_mean(snr, 1.0), rice_slope(snr), rice_variance(snr, 1.0), rice_fisher(snr)], axis=-1)
    assert np.abs(table(snr) - exact).max() <= 1.01 * table.error


def test_table_meets_the_series_above_its_top():
    table = rice_table()
    assert np.abs(table(16.0) - rice_series(16.0)).max() < 1e-6
    np.testing.assert_allclose(table(40.0), rice_series(40.0))
    assert np.abs(rice_series(8.0) - rice_table(513, 8.0).values[-1]).max() < 2e-5


def test_noise_has_the_moments_it_should():
    drawn = rician(np.full(200_000, 3.0), 2.0, np.random.default_rng(7))
    assert drawn.mean() == pytest.approx(rice_mean(3.0, 2.0), abs=4 * drawn.std() / np.sqrt(drawn.size))
    assert drawn.var() == pytest.approx(rice_variance(3.0, 2.0), rel=0.02)


def test_noise_does_not_know_the_phase_of_the_signal():
    phase = np.exp(1j * np.linspace(0, 6, 200_000))
    drawn = rician(3.0 * phase, 2.0, np.random.default_rng(8))
    assert drawn.mean() == pytest.approx(rice_mean(3.0, 2.0), rel=0.005)


@pytest.mark.parametrize("air_share", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("stored", [lambda v: v, np.round], ids=["floats", "integers"])
def test_sigma_from_a_background_with_tissue_in_it(air_share, stored):
    rng = np.random.default_rng(11)
    truth = np.where(rng.uniform(size=60_000) < air_share, 0.0, rng.uniform(40, 400, 60_000))
    image = stored(rician(truth, 5.0, rng))
    image[:500] = 0.0
    assert sigma_from_background(image) == pytest.approx(5.0, rel=0.03)


def test_no_background_gives_no_sigma():
    rng = np.random.default_rng(12)
    assert np.isnan(sigma_from_background(rician(rng.uniform(50, 400, 20_000), 5.0, rng)))
    assert np.isnan(sigma_from_background(rng.normal(100, 10, 5_000)))
    assert np.isnan(sigma_from_background(np.zeros(10)))


def test_known_air_needs_few_samples():
    air = rician(np.zeros(400), 2.0, np.random.default_rng(13))
    assert sigma_from_background(air, pure=True) == pytest.approx(2.0, rel=0.12)


def test_sigma_from_residuals_undoes_the_narrowing():
    amplitudes, sigma = np.array([[9.0, 4.0, 1.0, 0.0], [90.0, 80.0, 70.0, 60.0]]), np.array([2.0, 2.0])
    mean_square = rice_variance(amplitudes, sigma[:, None]).mean(axis=1)
    assert mean_square[0] < 0.8 * 4.0
    np.testing.assert_allclose(sigma_from_residuals(mean_square, amplitudes), sigma, rtol=1e-6)


def test_no_residual_is_no_noise():
    assert sigma_from_residuals(0.0, [5.0, 3.0]) == 0.0
