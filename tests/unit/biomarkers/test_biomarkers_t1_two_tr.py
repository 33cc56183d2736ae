"""T1 of spin echoes at two repetition times: against an independent sum of pulses, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.biomarkers.t1_two_tr import BIOMARKER, Options, recovered
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Inputs
from neuromyo.core.errors import ProtocolError
from neuromyo.core.reasons import Reason
from tests.oracles.two_tr import spin_echoes

SETS = {
    "single echoes": (Acquisition(echo_times=(0.02,), repetition_time=0.5), Acquisition(echo_times=(0.02,), repetition_time=2.0)),
    "two echoes at the long TR": (BIOMARKER.typical["tr1"], BIOMARKER.typical["tr2"]),
    "three echoes at both": (
        Acquisition(echo_times=(0.015, 0.045, 0.09), repetition_time=0.4),
        Acquisition(echo_times=(0.015, 0.045, 0.09), repetition_time=3.0),
    ),
    "the shared echo comes second": (
        Acquisition(echo_times=(0.03,), repetition_time=0.6), Acquisition(echo_times=(0.012, 0.03), repetition_time=2.5),
    ),
}  # fmt: skip


def fitted(signals, acquisitions, **options):
    return BIOMARKER.estimate(Inputs(signals, acquisitions), Options(**options))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("t1", [0.3, 0.9, 1.42])
def test_t1_of_pulses_played_one_by_one(name, t1):
    acquisitions = dict(zip(("tr1", "tr2"), SETS[name], strict=True))
    signals = {
        role: 700 * spin_echoes(a.repetition_time, a.echo_times, t1, 0.033)[None] for role, a in acquisitions.items()
    }
    found = fitted(signals, acquisitions)
    assert found.reason.tolist() == [Reason.OK]
    np.testing.assert_allclose(found.values["T1"], t1, rtol=1e-9)
    te = 0.03 if "second" in name else acquisitions["tr1"].echo_times[0]
    np.testing.assert_allclose(found.values["S0"], 700 * np.exp(-te / 0.033), rtol=1e-9)


def test_the_equation_of_one_pulse():
    value = recovered(np.array([1.2]), 0.5, (0.01,))
    assert value[0] == pytest.approx(1 - 2 * np.exp(-0.49 / 1.2) + np.exp(-0.5 / 1.2), rel=1e-14)


def test_the_sd_is_that_of_repeated_noise():
    rng = np.random.default_rng(2)
    clean = BIOMARKER.simulate(BIOMARKER.example, BIOMARKER.typical, Options())
    signals = {r: s + rng.normal(0, 3.0, (20000, s.size)) for r, s in clean.items()}
    found = fitted(signals, BIOMARKER.typical, noise=3.0)
    for name in ("T1", "S0"):
        assert np.median(found.sd[name]) == pytest.approx(found.values[name].std(), rel=0.03), name
    assert not fitted(signals, BIOMARKER.typical).sd, "two images leave nothing over to tell noise by"


def played(b1):
    """Both images of T1 1.2 s with pulses of that B1."""
    return {
        r: 700
        * spin_echoes(a.repetition_time, a.echo_times, 1.2, 0.033, excitation_deg=90 * b1, refocusing_deg=180 * b1)[
            None
        ]
        for r, a in BIOMARKER.typical.items()
    }


@pytest.mark.parametrize("b1", [0.75, 0.9, 1.1, 1.25])
def test_a_known_b1_is_accounted_for(b1):
    found = BIOMARKER.estimate(Inputs(played(b1), BIOMARKER.typical, known={"B1": np.array([b1])}), Options())
    np.testing.assert_allclose(found.values["T1"], 1.2, rtol=1e-9)


@pytest.mark.parametrize(("b1", "off"), [(0.9, 0.38), (1.1, -0.25)])
def test_an_unknown_b1_does_what_the_docstring_says(b1, off):
    assert fitted(played(b1), BIOMARKER.typical).values["T1"][0] / 1.2 - 1 == pytest.approx(off, abs=0.01)


def test_a_b1_map_without_a_value_gives_none():
    found = BIOMARKER.estimate(Inputs(played(1.0), BIOMARKER.typical, known={"B1": np.array([np.nan])}), Options())
    assert found.reason.tolist() == [Reason.NOT_KNOWN]


@pytest.mark.parametrize(
    ("short", "long", "reason"),
    [
        (100.0, 90.0, Reason.AT_BOUND),
        (1.0, 100.0, Reason.AT_BOUND),
        (0.0, 90.0, Reason.NO_SIGNAL),
        (np.nan, 90.0, Reason.NOT_FINITE),
    ],
)
def test_what_has_no_root_has_a_reason(short, long, reason):
    signals = {"tr1": np.array([[short]]), "tr2": np.array([[long, 10.0]])}
    assert fitted(signals, BIOMARKER.typical).reason.tolist() == [reason]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (Acquisition(echo_times=(0.02,), repetition_time=2.0), Acquisition(echo_times=(0.02,), repetition_time=0.5)),
        (Acquisition(echo_times=(0.02,), repetition_time=0.5), Acquisition(echo_times=(0.03,), repetition_time=2.0)),
    ],
)
def test_series_that_do_not_pair_are_refused(short, long):
    with pytest.raises(ProtocolError, match="E-PROTOCOL"):
        fitted({"tr1": np.ones((1, 1)), "tr2": np.ones((1, 1))}, {"tr1": short, "tr2": long})


@pytest.mark.parametrize("stated", [{"flip_angles_deg": (60.0,)}, {"refocusing_angle_deg": 120.0}])
def test_angles_that_the_equation_does_not_hold_for_are_refused(stated):
    acquisitions = {**BIOMARKER.typical, "tr1": BIOMARKER.typical["tr1"].with_(**stated)}
    with pytest.raises(ProtocolError, match="about 90 and 180 degrees"):
        fitted(played(1.0), acquisitions)
    fine = {
        **BIOMARKER.typical,
        "tr1": BIOMARKER.typical["tr1"].with_(flip_angles_deg=(90.0,), refocusing_angle_deg=180.0),
    }
    np.testing.assert_allclose(fitted(played(1.0), fine).values["T1"], 1.2, rtol=1e-9)
