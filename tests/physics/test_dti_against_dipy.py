"""Our tensors against dipy's on a brain: the same numbers where signals are positive and the tensor is positive definite."""

import nibabel
import numpy as np
import pytest

from neuromyo.biomarkers import dti
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.reasons import Reason
from neuromyo.fit import runner

pytestmark = pytest.mark.realdata
#: mm2/s; dipy lifts eigenvalues below about 1e-9 to that
LIFTED = 2e-9


@pytest.fixture(scope="module")
def brain(realdata):
    """Signals (m, n), b in s/mm2, directions; dipy works in the frame of the table, and so does this test."""
    folder = realdata / "dti_brain"
    data = np.asarray(nibabel.load(folder / "small_64D.nii").dataobj)
    b, g = np.loadtxt(folder / "small_64D.bval"), np.nan_to_num(np.loadtxt(folder / "small_64D.bvec"))
    return data.reshape(-1, data.shape[-1]).astype(np.float32), b, g


def ours(brain, **options):
    signals, b, g = brain
    acquisition = Acquisition(b_values=tuple(b * 1e6), b_vectors=tuple(map(tuple, g)))
    return runner.fit_signals(dti.BIOMARKER, {"dwi": signals}, {"dwi": acquisition}, dti.Options(noise=20.0, **options))


def theirs(brain, method):
    from dipy.core.gradients import gradient_table
    from dipy.reconst.dti import TensorModel

    signals, b, g = brain
    positive = (signals > 0).all(axis=1)
    fit = TensorModel(gradient_table(b, bvecs=g), fit_method=method).fit(signals[positive].astype(np.float64))
    return positive, fit


@pytest.mark.parametrize(("method", "tolerance", "share"), [("wls", 1e-6, 1.0), ("nlls", 1e-3, 0.99)])
def test_anisotropy_is_dipys(brain, method, tolerance, share):
    found = ours(brain, method=method)
    positive, fit = theirs(brain, method.upper())
    definite = np.zeros(len(positive), bool)
    definite[positive] = fit.evals[:, 2] > LIFTED
    assert definite.mean() > 0.9
    fa = np.full(len(positive), np.nan)
    fa[positive] = fit.fa
    within = np.abs(found.values["FA"][definite] - fa[definite]) <= tolerance
    assert within.mean() >= share, np.nanmax(np.abs(found.values["FA"][definite] - fa[definite]))
    for name, peer in (("MD", fit.md), ("AD", fit.ad), ("RD", fit.rd)):
        wanted = np.full(len(positive), np.nan)
        wanted[positive] = peer * 1e-6
        off = np.abs(found.values[name][definite] / wanted[definite] - 1)
        assert np.mean(off <= 10 * tolerance) >= share, name
    axes = np.full((len(positive), 3), np.nan)
    axes[positive] = fit.evecs[:, :, 0]
    assert np.quantile(np.abs((axes * found.values["V1"])[definite].sum(axis=1)), 0.01) > 0.9999


def test_the_rest_has_a_reason(brain):
    found = ours(brain)
    positive, fit = theirs(brain, "WLS")
    reason = found.reason_of("FA")
    assert (reason[~positive] == Reason.NO_SIGNAL).all() and np.isnan(found.values["FA"][~positive]).all()
    lifted = np.zeros(len(positive), bool)
    lifted[positive] = fit.evals[:, 2] <= LIFTED
    assert lifted.any() and (reason[lifted] == Reason.IMPLAUSIBLE).all()
    assert np.isnan(found.values["D"][lifted]).all() and np.isnan(found.values["V1"][lifted]).all()
