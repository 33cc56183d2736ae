"""The compiled fit of saturated echoes against SciPy's, one voxel at a time, on the model in plain NumPy."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from neuromyo.biomarkers import _mt_model as mt_model
from neuromyo.biomarkers import mtsat
from neuromyo.fit import saturation_kernel as kernel

COUNT = 40
OPTIONS = mtsat.Options(saturation_gap=0.005)
FAT_RATE = np.full(COUNT, 1 / 0.35)
SCALE = np.array([1.0, 1.0, 0.1, 100.0])


def voxels(echoes, fat, noise=0.01):
    """The layout, samples, a start away from the truth, the truth, B1 and the share of fat."""
    rng = np.random.default_rng(5)
    lay = mt_model.layout(mtsat.BIOMARKER.typical, mtsat.Options(echoes=echoes, saturation_gap=OPTIONS.saturation_gap))
    truth = np.stack([rng.normal(0, 0.3, COUNT), -np.log(rng.uniform(0.7, 2.0, COUNT)), rng.uniform(0.0, 0.05, COUNT),
                      rng.uniform(15, 60, COUNT)], axis=1)[:, : lay.unknowns]  # fmt: skip
    b1, ff = rng.uniform(0.7, 1.3, COUNT), (rng.uniform(0, 0.4, COUNT) if fat else np.zeros(COUNT))
    clean = mt_model.predict(lay, truth, b1, ff, FAT_RATE)[0]
    data = clean * (1 + noise * rng.standard_normal(clean.shape))
    return lay, data, truth + 0.1 * SCALE[: lay.unknowns], truth, b1, ff


@pytest.mark.parametrize("fat", [False, True])
@pytest.mark.parametrize("echoes", ["extrapolate", "first"])
def test_finds_what_scipy_finds(echoes, fat):
    lay, data, start, truth, b1, ff = voxels(echoes, fat)
    found = kernel.fit(lay.scan, data, start, b1, ff, FAT_RATE)
    assert found.converged.all()
    scale = SCALE[: lay.unknowns]
    for i in range(0, COUNT, 5):

        def misfit(t, i=i):
            one = slice(i, i + 1)
            return 1e3 * (mt_model.predict(lay, t[None] * scale, b1[one], ff[one], FAT_RATE[one])[0][0] - data[i])

        one = least_squares(misfit, truth[i] / scale, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-13)
        np.testing.assert_allclose(found.theta[i] / scale, one.x, atol=1e-7)
        unit = found.inverse[i] / (scale[:, None] * scale)
        np.testing.assert_allclose(
            unit, 1e6 * np.linalg.inv(one.jac.T @ one.jac), rtol=1e-4, atol=1e-6 * np.abs(unit).max()
        )
        np.testing.assert_allclose(found.rss[i], 2e-6 * one.cost, rtol=1e-6, atol=1e-18)


def test_exact_data_give_exact_parameters():
    lay, data, start, truth, b1, ff = voxels("extrapolate", True, noise=0.0)
    np.testing.assert_allclose(kernel.fit(lay.scan, data, start, b1, ff, FAT_RATE).theta, truth, atol=1e-9)


def test_starting_from_the_result_changes_nothing_that_counts():
    lay, data, start, _, b1, ff = voxels("extrapolate", True)
    first = kernel.fit(lay.scan, data, start, b1, ff, FAT_RATE).theta
    again = kernel.fit(lay.scan, data, first, b1, ff, FAT_RATE).theta
    assert np.abs((again - first) / SCALE).max() < 1e-9


def test_a_voxel_has_the_same_bits_alone_and_among_others():
    lay, data, start, _, b1, ff = voxels("extrapolate", True)
    spoilt = data.copy()
    spoilt[::3] = np.nan
    spoilt[1::3] *= 1e6
    whole, beside = (kernel.fit(lay.scan, d, start, b1, ff, FAT_RATE) for d in (data, spoilt))
    assert np.array_equal(whole.theta[2::3], beside.theta[2::3])
    assert np.array_equal(whole.inverse[2::3], beside.inverse[2::3])
    assert not beside.converged[::3].any() and np.isnan(beside.theta[::3]).all()


def test_parameters_that_cannot_be_told_apart_have_no_covariance():
    """One angle twice: A and R1 move together."""
    lay, data, start, _, b1, ff = voxels("extrapolate", False)
    tips = np.full_like(lay.scan.tips, lay.scan.tips[0])
    found = kernel.fit(lay.scan._replace(tips=tips), data, start, b1, ff, FAT_RATE)
    told = np.isfinite(found.inverse).all(axis=(1, 2))
    assert (np.sqrt(found.inverse[told, 1, 1]) > 1e3).all()  # of ln R1, for noise of 1 beside signals below 1
