"""Refocusing pulses of less than 180 degrees through a real slice: their shape is that of the angle they have."""

import numpy as np
import pytest

from neuromyo.biomarkers import t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.fit import runner
from tests import oracles

T2 = np.array([0.030, 0.035, 0.040])


def _angles(nominal: float, B1: float, where: np.ndarray) -> tuple[float, ...]:
    pulse, dwell = oracles.sinc_pulse(4.0, 1.0, 512, nominal * B1)
    angle, transverse = oracles.slice_profile_bloch(pulse, dwell, oracles.slice_gradient(4.0, 1.0, 1.0), where)
    sign = np.sign(transverse.imag * transverse.imag[0]) if nominal == 90 else 1.0
    return tuple(sign * angle / np.deg2rad(nominal * B1))


@pytest.mark.parametrize("B1", [0.8, 1.0])
@pytest.mark.parametrize("nominal", [180.0, 140.0, 120.0])
def test_water_T2_through_a_slice(nominal, B1):
    where = (np.arange(200) + 0.5) / 200
    train = {
        "n_echoes": 17, "echo_spacing": 0.01, "tr": 3.0, "refocus_deg": nominal,
        "excite_profile": _angles(90.0, B1, where), "refocus_profile": _angles(nominal, B1, where),
    }  # fmt: skip
    signal = np.stack([1000 * oracles.two_pool(0.2, (1.4, t2), (0.37, 0.15), B1, **train) for t2 in T2])
    times = tuple(0.01 * k for k in range(1, 18))
    acquisition = {"mese": Acquisition(echo_times=times, repetition_time=3.0, refocusing_angle_deg=nominal)}
    options = t2_water.Options(fat_t2=0.15, excitation_pulse="sinc", refocusing_pulse="sinc")
    found = runner.fit_signals(t2_water.BIOMARKER, {"mese": signal}, acquisition, options)
    np.testing.assert_allclose(found.values["T2"], T2, atol=2e-4)
    np.testing.assert_allclose(found.values["FF"], 0.2, atol=5e-3)
    np.testing.assert_allclose(found.values["B1"], B1, atol=5e-3)
