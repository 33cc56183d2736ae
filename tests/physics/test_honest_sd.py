"""A predicted sd is that of the number it stands beside, or there is none."""

import numpy as np
import pytest

from neuromyo.biomarkers import mtr, t1_ir, t2_epg, t2_mono, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.reasons import Reason
from neuromyo.fit import runner
from tests import oracles

TIMES = tuple(0.01 * k for k in range(1, 18))
MESE = {"mese": Acquisition(echo_times=TIMES, repetition_time=3.0)}
TI = (0.05, 0.1, 0.2, 0.4, 0.7, 1.1, 1.6, 2.2, 3.0)


def _noisy(count: int = 200) -> np.ndarray:
    signal = 1000 * oracles.cpmg(np.array([0.035]), 0.85, t1=1.4, n_echoes=17, echo_spacing=0.01, tr=3.0)[0]
    return oracles.rician(signal, count, np.random.default_rng(3), sigma=10.0)


@pytest.mark.parametrize(("module", "unknowns"), [(t2_mono, 2), (t2_epg, 3), (t2_water, 4)])
def test_as_many_unknowns_as_samples(module, unknowns):
    """Nothing is left over: without a noise level there is no sd; with one there is; with one sample less, no value."""
    exactly = {"mese": _noisy()}
    blind = runner.fit_signals(module.BIOMARKER, exactly, MESE, module.Options(echoes=f"1-{unknowns}"))
    kept = np.isfinite(blind.values["T2"])
    assert not (np.isfinite(blind.sd["T2"]) & (blind.sd["T2"] < 1e-5) & kept).any()
    assert (blind.reason_of("T2")[kept] != Reason.OK).mean() > 0.5
    told = runner.fit_signals(module.BIOMARKER, exactly, MESE, module.Options(echoes=f"1-{unknowns}", noise=10.0))
    assert np.nanmedian(told.sd["T2"]) > 3e-4
    short = runner.fit_signals(module.BIOMARKER, exactly, MESE, module.Options(echoes=f"1-{unknowns - 1}"))
    assert (short.reason_of("T2") == Reason.TOO_FEW_POINTS).all() and np.isnan(short.values["T2"]).all()


def test_region_means_scatter_as_their_se_says():
    """Noise averages away in a region's mean signal: its standard error is not that of a voxel."""
    rng = np.random.default_rng(4)
    recovery = 1000 * oracles.inversion_recovery(np.array(TI), 1.2, 0.035, te=0.01, tr=6.0)
    means = {
        "t1-ir": (t1_ir, {"ir": Acquisition(inversion_times=TI)}, "T1", recovery),
        "t2-mono": (t2_mono, MESE, "T2", 1000 * np.exp(-np.array(TIMES) / 0.035)),
    }
    for name, (module, acquisitions, quantity, clean) in means.items():
        mean = np.stack([oracles.rician(clean, 400, rng, sigma=20.0).mean(axis=0) for _ in range(100)])
        role = next(iter(acquisitions))
        found = runner.fit_signals(
            module.BIOMARKER, {role: mean}, acquisitions, module.Options(noise=20.0), averaged=True
        )
        scatter = found.values[quantity].std()
        assert 0.7 < np.sqrt(np.mean(found.sd[quantity] ** 2)) / scatter < 1.6, name
    given = {"mt": np.array([[1000.0, 650.0]])}
    acquisition = {"mt": Acquisition(mt_on=(False, True))}
    ratio = runner.fit_signals(mtr.BIOMARKER, given, acquisition, mtr.Options(noise=20.0), averaged=True)
    assert "MTR" not in ratio.sd, "a voxel's noise says nothing of a mean over many"
