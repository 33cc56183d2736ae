"""Our physics against the independent oracles: isochromats, Bloch integration, Rice by quadrature."""

import numpy as np
import pytest

from neuromyo.physics import noise
from neuromyo.physics.epg import cpmg, train
from neuromyo.physics.relaxation import inversion_recovery
from neuromyo.physics.slice_profile import SHAPES, pair, positions, profile, waveform
from tests import oracles


@pytest.mark.parametrize("seed", range(12))
def test_trains_of_any_timing_tissue_and_slice(seed):
    rng = np.random.default_rng(seed)
    n_echoes, n_positions = int(rng.integers(1, 20)), int(rng.integers(1, 6))
    spacing, first = rng.uniform(0.005, 0.015), rng.uniform(0.004, 0.03)
    T1, T2, B1 = rng.uniform(0.2, 2.5, 4), rng.uniform(0.015, 0.3, 4), rng.uniform(0.4, 1.4, 4)
    excitation, refocusing = rng.uniform(-0.2, 1.2, n_positions), rng.uniform(0.0, 1.2, n_positions)
    angle = rng.uniform(90, 180)
    end = first + n_echoes * spacing
    for tr in (np.inf, end + rng.uniform(0.01, 0.5), end + rng.uniform(0.5, 3.0)):
        ours = cpmg(n_echoes, spacing, T1, T2, B1, first_echo=first, excitation=excitation, refocusing=refocusing,
                    refocusing_angle_deg=angle, repetition_time=tr)  # fmt: skip
        theirs = oracles.cpmg(T2, B1, t1=T1, n_echoes=n_echoes, echo_spacing=spacing, first_echo=first, refocus_deg=angle,
                              excite_profile=excitation, refocus_profile=refocusing, tr=tr)  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_typical_muscle_protocol(shape):
    excitation, refocusing = pair(shape, shape, 15)
    timing = train(0.0076 * np.arange(1, 18))
    ours = cpmg(17, timing.spacing, 1.42, [0.03, 0.045], 0.85, excitation=excitation, refocusing=refocusing,
                repetition_time=3.0)  # fmt: skip
    theirs = oracles.cpmg(np.array([0.03, 0.045]), 0.85, t1=1.42, n_echoes=17, echo_spacing=0.0076, tr=3.0,
                          excite_profile=excitation, refocus_profile=refocusing)  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("time_bandwidth", [2.7, 4.0, 8.0])
@pytest.mark.parametrize(("shape", "make"), [("sinc", oracles.sinc_pulse), ("sinc-hann", oracles.hann_sinc_pulse)])
@pytest.mark.parametrize("B1", [0.6, 1.0, 1.2])
def test_slice_profiles(shape, make, time_bandwidth, B1):
    where, thickness, duration = positions(40, 1.5), 5e-3, 3e-3
    gradient = oracles.slice_gradient(time_bandwidth, duration, thickness)
    for role, nominal in (("excitation", 90.0), ("refocusing", 180.0)):
        pulse, dwell = make(time_bandwidth, duration, 256, nominal * B1)
        angle, transverse = oracles.slice_profile_bloch(pulse, dwell, gradient, where * thickness)
        ours = np.array(profile(shape, role, n=40, extent=1.5, time_bandwidth=time_bandwidth, B1=B1))
        np.testing.assert_allclose(np.abs(ours), angle / np.deg2rad(nominal * B1), atol=1e-9)
        if role == "excitation":
            clear = np.abs(transverse.imag) > 1e-3
            assert (np.sign(ours) == np.sign(-transverse.imag))[clear].all()


def test_leaving_out_the_phase_through_the_slice_costs_little():
    """What `slice_profile` states as an assumption, measured: echoes with the excited phase kept, after scaling."""
    where = positions(80, 1.0)
    pulse, dwell = oracles.sinc_pulse(4.0, 3e-3, 256, 90.0)
    _, transverse = oracles.slice_profile_bloch(pulse, dwell, oracles.slice_gradient(4.0, 3e-3, 1.0), where)
    refocusing = profile("sinc", "refocusing", n=80)
    excitation = profile("sinc", n=80)
    in_phase = 2 / np.pi * np.arcsin(np.clip(-transverse.imag, -1, 1))
    kept = cpmg(17, 0.0076, 1.42, 0.035, [1.0], excitation=in_phase, refocusing=refocusing)
    dropped = cpmg(17, 0.0076, 1.42, 0.035, [1.0], excitation=excitation, refocusing=refocusing)
    shape = kept / kept[:, :1] - dropped / dropped[:, :1]
    assert np.abs(shape).max() < 0.02


@pytest.mark.parametrize("B1", [0.75, 1.0, 1.15])
def test_inversion_recovery(B1):
    TI, TE = np.array([0.05, 0.2, 0.7, 1.6]), 0.012
    theirs = oracles.inversion_recovery(TI, 1.1, np.inf, B1, te=TE, tr=2.5)
    ours = inversion_recovery(TI, 1.1, repetition_time=2.5, inversion=np.cos(np.pi * B1), excitation_deg=90 * B1,
                              refocusing_delay=TE / 2, refocusing=np.cos(np.pi * B1))  # fmt: skip
    np.testing.assert_allclose(ours * np.sin(np.pi * B1 / 2) ** 2, theirs, atol=1e-10)


def test_rice():
    amplitude, sigma = np.array([0.0, 0.4, 2.0, 7.0, 40.0]), 1.7
    mean, variance = oracles.rice_moments(amplitude, sigma)
    np.testing.assert_allclose(noise.rice_mean(amplitude, sigma), mean, rtol=1e-9)
    np.testing.assert_allclose(noise.rice_variance(amplitude, sigma), variance, rtol=1e-8)
    theirs = oracles.rice_fisher(amplitude, sigma) * sigma**2
    np.testing.assert_allclose(noise.rice_fisher(amplitude / sigma), theirs, atol=1e-9)


@pytest.mark.parametrize("B1", [0.7, 1.0, 1.2])
def test_slr_pulse_played_by_the_oracle(B1):
    """The sub-pulses of the inverse transform, through the oracle's Bloch integration, give our profile."""
    where = positions(30, 1.2)
    for role, nominal in (("excitation", 90.0), ("refocusing", 180.0)):
        pulse = waveform("slr", role, 6.0) * B1
        angle, _ = oracles.slice_profile_bloch(pulse, 1.0, 2 * np.pi * 6.0 / pulse.size, where)
        ours = np.abs(profile("slr", role, n=30, extent=1.2, B1=B1))
        np.testing.assert_allclose(ours, angle / np.deg2rad(nominal * B1), atol=1e-6)
