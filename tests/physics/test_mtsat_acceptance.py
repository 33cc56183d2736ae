"""MTsat, T1 and M0 against the time-stepped two-pool simulator.

Two pools have no single MTsat: it is by definition what one pool would need to give the same three signals. The oracle finds
that pool by bisection, and separately shows, where exchange is fast, that it is the share of protons that the pulse saturates.
"""

import numpy as np
import pytest

from neuromyo.biomarkers import mtsat
from neuromyo.fit.runner import run
from tests.oracles.bloch_mcconnell import mpm, mt_pulse, one_pool, one_pool_twin, tissue
from tests.physics.as_series import noisy_magnitude, series

FLIPS, TR = (6.0, 21.0), 0.03
ECHOES = (0.0023, 0.0046, 0.0069, 0.0092)
PULSE = mt_pulse(450.0, 0.009, "gaussian")
TISSUES = {
    "muscle": tissue(t1=1.4, bound_fraction=0.07),
    "nerve": tissue(t1=1.1, t2=0.06, bound_fraction=0.11, exchange=30.0),
    "oedema": tissue(t1=1.9, t2=0.05, bound_fraction=0.04),
}


def scans(signals, r2star=35.0, echoes=ECHOES):
    """Roles -> series of signals {PDw, T1w, MTw: (m,)}."""
    decay = np.exp(-np.atleast_1d(r2star)[:, None] * np.array(echoes))
    told = {"echo_times": echoes, "repetition_time": TR, "field_strength": 3.0}
    mt = {"mt_on": (True,) * len(echoes), "mt_offset_hz": 2000.0, "mt_flip_angle_deg": 450.0}
    out = {}
    for role, name, flip, more in (
        ("pd", "PDw", FLIPS[0], {}),
        ("t1", "T1w", FLIPS[1], {}),
        ("mt", "MTw", FLIPS[0], mt),
    ):
        values = np.atleast_1d(signals[name])[:, None] * decay
        out[role] = series(values, "MTS", told | more | {"flip_angles_deg": (flip,) * len(echoes)})
    return out


def fitted(signals, b1=None, r2star=35.0, **options):
    given = scans(signals, r2star)
    shape = given["pd"].grid.shape
    known = {} if b1 is None else {"B1": np.broadcast_to(np.reshape(b1, (-1, 1, 1)), shape).astype(float)}
    maps, _ = run(mtsat.BIOMARKER, given, mtsat.Options(**options), known=known)
    return {name: maps[name].values.ravel() for name in ("MTsat", "T1", "M0", "MTR")}


@pytest.mark.parametrize("name", TISSUES)
@pytest.mark.parametrize("b1", [0.8, 1.0, 1.2])
def test_equals_the_one_pool_with_the_same_signals(name, b1):
    """B1 in all angles; the pulse's own dependence on B1 left in (no residual correction)."""
    signals = mpm(
        TISSUES[name], flips_deg=FLIPS, tr=TR, mt_flip_deg=FLIPS[0], b1=b1, m0=1000.0, pulse=PULSE, offset_hz=2000.0
    )
    amplitude, r1, delta = one_pool_twin(*(signals[n] for n in ("PDw", "T1w", "MTw")), FLIPS, TR, FLIPS[0], b1=b1)
    found = fitted(signals, b1, b1_residual="none")
    assert found["T1"][0] == pytest.approx(1 / r1, rel=2e-3)
    assert found["M0"][0] == pytest.approx(amplitude, rel=2e-3)
    assert found["MTsat"][0] == pytest.approx(delta, rel=5e-3)
    assert found["MTR"][0] == pytest.approx(1 - signals["MTw"] / signals["PDw"], abs=2e-3)


def test_the_residual_of_b1_is_taken_out():
    """Muscle at B1 0.8 to 1.2: MTsat varies by half uncorrected, and by far less corrected."""
    b1 = np.array([0.8, 0.9, 1.0, 1.1, 1.2])
    each = [
        mpm(
            TISSUES["muscle"],
            flips_deg=FLIPS,
            tr=TR,
            mt_flip_deg=FLIPS[0],
            b1=b,
            pulse=PULSE,
            offset_hz=2000.0,
            m0=1000.0,
        )
        for b in b1
    ]
    signals = {n: np.array([s[n] for s in each]) for n in each[0]}
    raw = fitted(signals, b1, b1_residual="none")["MTsat"]
    corrected = fitted(signals, b1)["MTsat"]
    assert np.ptp(raw) / raw[2] > 0.5
    assert np.ptp(corrected) / corrected[2] < 0.25 * np.ptp(raw) / raw[2]
    assert corrected[2] == pytest.approx(raw[2], rel=1e-3)


def test_does_not_depend_on_the_readout_angle():
    """Two pools under readouts of 4, 6 and 9 degrees: MTsat stays within 3 %, MTR does not."""
    found = []
    for flip in (4.0, 6.0, 9.0):
        s = mpm(TISSUES["muscle"], flips_deg=FLIPS, tr=TR, mt_flip_deg=flip, pulse=PULSE, offset_hz=2000.0, m0=1000.0)
        given = scans(s)
        given["mt"] = series(
            given["mt"].read(), "MTS", given["mt"].acquisition.as_dict() | {"flip_angles_deg": (flip,) * 4}
        )
        maps, _ = run(mtsat.BIOMARKER, given, mtsat.Options(), known={"B1": np.ones(given["pd"].grid.shape)})
        found.append(maps["MTsat"].values.item())
    assert np.ptp(found) / found[1] < 0.03, found


def test_bias_and_sd_with_noise():
    draws, m0, sigma = 1500, 1000.0, 0.6
    truth = (1.4, 0.02)
    signals = {
        "PDw": one_pool(m0, 1 / truth[0], FLIPS[0], TR),
        "T1w": one_pool(m0, 1 / truth[0], FLIPS[1], TR),
        "MTw": one_pool(m0, 1 / truth[0], FLIPS[0], TR, truth[1]),
    }
    given = {
        role: series(noisy_magnitude(s.read()[0, 0], sigma, draws, seed=k), "MTS", s.acquisition.as_dict())
        for k, (role, s) in enumerate(scans(signals).items())
    }
    maps, _ = run(mtsat.BIOMARKER, given, mtsat.Options(), known={"B1": np.ones(given["pd"].grid.shape)})
    for name, value, rel in (("T1", truth[0], 0.01), ("MTsat", truth[1], 0.01), ("M0", m0, 0.01)):
        found, sd = maps[name].values.ravel(), maps[name].sd.ravel()
        assert np.isfinite(found).mean() > 0.999
        assert np.mean(found) == pytest.approx(value, rel=rel)
        assert 0.925 <= np.mean(np.abs(found - value) < 1.96 * sd) <= 0.975, name
