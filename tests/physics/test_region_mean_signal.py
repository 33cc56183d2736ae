"""The fit of a region's mean signal is free of the biases that averaging voxel values leaves in."""

from __future__ import annotations

import numpy as np

from neuromyo.biomarkers import t2_mono, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.fit import runner
from tests.oracles import cpmg, rician, two_pool

ACQUISITION = {"mese": Acquisition(echo_times=tuple(0.01 * k for k in range(1, 18)))}
VOXELS, SIGMA = 4000, 20.0


def test_lean_muscle_without_the_bias_of_non_negative_fat() -> None:
    signal = 1000 * two_pool(0.03, (1.4, 0.033), (0.37, 0.15), 0.9, n_echoes=17, echo_spacing=0.01)
    noisy = rician(signal, VOXELS, np.random.default_rng(1), sigma=SIGMA)
    options = t2_water.Options(fat_t2=0.15, noise=SIGMA)
    voxels = runner.fit_signals(t2_water.BIOMARKER, {"mese": noisy}, ACQUISITION, options)
    mean = noisy.mean(axis=0)[None]
    region = runner.fit_signals(t2_water.BIOMARKER, {"mese": mean}, ACQUISITION, options, averaged=True)
    assert abs(np.nanmean(voxels.values["T2"]) - 0.033) > 1.8e-4, "the voxel mean was expected to be biased here"
    assert abs(region.values["T2"][0] - 0.033) < 1e-4
    assert abs(region.values["FF"][0] - 0.03) < 2e-3
    assert 0 < region.sd["T2"][0] < 3e-4, "the error of a mean is not that of a voxel"


def test_global_t2_without_the_noise_floor() -> None:
    signal = 300 * cpmg(np.array([0.033]), 1.0, t1=1.4, n_echoes=17, echo_spacing=0.01)[0]
    noisy = rician(signal, VOXELS, np.random.default_rng(2), sigma=SIGMA).mean(axis=0)[None]
    options = t2_mono.Options(noise=SIGMA)
    plain = runner.fit_signals(t2_mono.BIOMARKER, {"mese": noisy}, ACQUISITION, options)
    region = runner.fit_signals(t2_mono.BIOMARKER, {"mese": noisy}, ACQUISITION, options, averaged=True)
    assert plain.values["T2"][0] > 0.036, "the floor lifts a plain fit"
    assert abs(region.values["T2"][0] - 0.033) < 4e-4
