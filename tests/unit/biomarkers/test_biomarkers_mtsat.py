"""MTsat: exact whichever way it is derived, near the truth of two exchanging pools, and honest about B1 and fat."""

import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy.optimize import brentq

from neuromyo.biomarkers import _mt_model as mt_model
from neuromyo.biomarkers import mtsat
from neuromyo.biomarkers.mtsat import BIOMARKER, Options
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Domain, Inputs, MapNeed
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.reasons import Reason
from neuromyo.fit.runner import fit_signals
from neuromyo.physics import exchange, fat
from neuromyo.physics.relaxation import spoiled_gradient_echo
from neuromyo.testing.contract import checks

TRUE = {"T1": 1.3, "M0": 700.0, "MTsat": 0.023}
ONE_ECHO = {
    "pd": Acquisition(flip_angles_deg=(6.0,), repetition_time=0.03),
    "t1": Acquisition(flip_angles_deg=(21.0,), repetition_time=0.022),
    "mt": Acquisition(flip_angles_deg=(7.0,), repetition_time=0.036),
}


def _fixed_point(tip, tr, t1, taken):
    """(longitudinal, 1) after recovery, pulse and readout as 2x2 matrices; the steady state is the eigenvector of 1."""
    e = np.exp(-tr / t1)
    recover, pulse, read = (np.array([[a, b], [0, 1]]) for a, b in ((e, 1 - e), (1 - taken, 0), (np.cos(tip), 0)))
    values, vectors = np.linalg.eig(pulse @ recover @ read)
    steady = vectors[:, np.argmin(abs(values - 1))].real
    return steady[0] / steady[1] * np.sin(tip)


def _signals(b1=1.0, taken=0.023):
    tips = {role: np.deg2rad(a.flip_angles_deg[0]) * b1 for role, a in ONE_ECHO.items()}
    kept = {"pd": 0.0, "t1": 0.0, "mt": taken}
    return {r: np.array([700 * _fixed_point(tips[r], ONE_ECHO[r].repetition_time, 1.3, kept[r])]) for r in ONE_ECHO}


@pytest.mark.parametrize("b1", [0.7, 1.0, 1.25])
def test_exact_against_the_fixed_point_of_matrices(b1):
    options = Options(b1_residual="none")
    found = fit_signals(BIOMARKER, _signals(b1), ONE_ECHO, options, known={"B1": np.array(b1)})
    raw = mtsat.estimate(Inputs(_signals(b1), ONE_ECHO, known={"B1": np.array(b1)}), options)
    for name, value in TRUE.items():
        assert raw.values[name] == pytest.approx(value, rel=1e-10), name
    assert (
        found.reason_of("MTsat") == Reason.OK and not found.sd
    )  # three samples, three unknowns: nothing tells the noise


def test_exact_against_the_root_of_the_steady_state():
    """With what T1 and M0 come to, the saturated signal has one root, found here by bisection."""
    signals = _signals()
    found = mtsat.estimate(Inputs(signals, ONE_ECHO), Options()).values
    tip, tr = np.deg2rad(7.0), 0.036

    def misses(taken):
        return found["M0"] * _fixed_point(tip, tr, float(found["T1"]), taken) - signals["mt"][0]

    assert found["MTsat"] == pytest.approx(brentq(misses, 0.0, 0.5, xtol=1e-14), abs=1e-10)


def test_one_angle_and_repetition_time_agree_with_the_closed_form_of_two_angles():
    acquisitions = {r: a.with_(repetition_time=0.025) for r, a in ONE_ECHO.items()}
    signals = {r: 700 * spoiled_gradient_echo([np.rad2deg(t)], 1.3, 0.025) for r, t in
               (("pd", np.deg2rad(6.0)), ("t1", np.deg2rad(21.0)), ("mt", np.deg2rad(7.0)))}  # fmt: skip
    found = mtsat.estimate(Inputs(signals, acquisitions), Options()).values
    assert found["MTsat"] == pytest.approx(0.0, abs=1e-12) and found["T1"] == pytest.approx(1.3, rel=1e-10)
    assert found["MTR"] == pytest.approx(0.0, abs=1e-11)


# --- two pools --------------------------------------------------------------------------------------------------------


def _of_pools(pools, pulse, b1=1.0, options=None):
    acquisitions = {
        r: a.with_(repetition_time=0.03, flip_angles_deg=(21.0 if r == "t1" else 6.0,)) for r, a in ONE_ECHO.items()
    }
    b1 = np.atleast_1d(np.asarray(b1, float))
    states = {
        r: exchange.steady_state(
            pools, pulse if r == "mt" else None, flip_deg=a.flip_angles_deg[0], repetition_time=0.03, B1=b1
        )
        for r, a in acquisitions.items()
    }
    signals = {r: 1e3 * s.signal[:, None] for r, s in states.items()}
    chosen = options or Options(b1_residual="none")
    return mtsat.estimate(Inputs(signals, acquisitions, known={"B1": b1}), chosen), states["mt"].saturation


@pytest.mark.parametrize("tissue", ["muscle", "nerve"])
@pytest.mark.parametrize("pulse", [(500.0, 0.010, 1200.0), (500.0, 0.010, 2000.0), (220.0, 0.004, 2000.0)])
def test_near_what_the_pulse_takes_from_two_pools(tissue, pulse):
    """The share of all magnetisation that is gone after the pulse, read off in the simulation itself."""
    found, taken = _of_pools(exchange.TISSUE[tissue].pools, exchange.SaturationPulse(*pulse))
    assert 1.0 < found.values["MTsat"][0] / taken[0] < 1.055


def test_one_pool_is_exact():
    pools = replace(exchange.TISSUE["muscle"].pools, bound=0.0, exchange=0.0)
    found, taken = _of_pools(pools, exchange.SaturationPulse(30.0, 0.0002, 2000.0, "rect"))
    assert taken[0] > 0.01
    assert found.values["MTsat"][0] == pytest.approx(taken[0], rel=0.01)
    assert found.values["T1"][0] == pytest.approx(pools.T1, rel=1e-9)


def test_equilibrated_pools_differ_by_what_the_readout_does_not_see():
    """Fast exchange: the readout turns the free share alone, so that rates count (1 + F) times in angles' terms."""
    pools = replace(exchange.TISSUE["muscle"].pools, exchange=1e5, bound=0.05)
    found, taken = _of_pools(pools, exchange.SaturationPulse(220.0, 0.0005, 20000.0))
    assert found.values["MTsat"][0] / taken[0] == pytest.approx(1.05, abs=0.01)
    assert pools.T1 / found.values["T1"][0] == pytest.approx(1.05, abs=0.005)


def test_b1_leaves_little_in_muscle():
    b1 = np.linspace(0.7, 1.3, 7)
    pulse = exchange.SaturationPulse(500.0, 0.010, 1200.0)
    muscle = exchange.TISSUE["muscle"].pools
    spread = {how: np.ptp(_of_pools(muscle, pulse, b1, Options(b1_residual=how))[0].values["MTsat"]) / 0.0294
              for how in ("residual", "square", "none")}  # fmt: skip
    assert spread["residual"] < 0.02 < 0.2 < spread["square"] < 0.3 < spread["none"]
    nerve = _of_pools(exchange.TISSUE["nerve"].pools, pulse, b1, Options())[0].values["MTsat"]
    assert nerve[1] / nerve[3] == pytest.approx(1.08, abs=0.01) and nerve[5] / nerve[3] == pytest.approx(0.93, abs=0.01)


def test_the_default_constant_is_the_simulated_one():
    pulse = exchange.SaturationPulse(500.0, 0.010, 1200.0)
    found = exchange.b1_residual_constant(
        exchange.TISSUE["muscle"].pools, pulse, flip_deg=6.0, repetition_time=0.03, B1=np.linspace(0.7, 1.3, 13)
    )
    assert found == pytest.approx(mt_model.B1_RESIDUAL.value, abs=0.01)


# --- fat, echoes, noise -----------------------------------------------------------------------------------------------


def _with_fat(share):
    """Water and fat summed by hand, echo by echo, in magnitude."""
    out = {}
    for role, a in BIOMARKER.typical.items():
        tip, times = np.deg2rad(a.flip_angles_deg[0]), np.array(a.echo_times)
        water = _fixed_point(tip, 0.03, 1.3, 0.023 if role == "mt" else 0.0)
        lipid = spoiled_gradient_echo(a.flip_angles_deg, 0.37, 0.03)[0]
        phase = fat.phasor("hamilton-6", times, field_strength=3.0)
        out[role] = 700 * np.abs((1 - share) * water + share * lipid * phase) * np.exp(-times * 32.0)
    return out


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_a_known_fat_fraction_leaves_those_of_water(share):
    inputs = Inputs(_with_fat(share), BIOMARKER.typical, known={"FF": np.array(share)})
    found = mtsat.estimate(inputs, Options())
    for name, value in TRUE.items():
        assert found.values[name] == pytest.approx(value, rel=1e-8), name


def test_unknown_fat_is_told_with_the_size_of_its_bias():
    told = mtsat.calibrate(
        {"body": Inputs({r: s[None] for r, s in _with_fat(0.0).items()}, BIOMARKER.typical)}, Options()
    )
    (finding,) = told.findings
    blind = mtsat.estimate(Inputs(_with_fat(0.1), BIOMARKER.typical), Options()).values
    by_name = [
        [float(v) for v in part.split(",")] for part in re.findall(r"(?:MTsat|T1) ([-+][\d, +-]+) %", finding.message)
    ]
    assert by_name[0][1] == pytest.approx(100 * (blind["MTsat"] / 0.023 - 1), abs=1.5)  # its muscle is slightly another
    assert by_name[1][1] == pytest.approx(100 * (blind["T1"] / 1.3 - 1), abs=1.5)
    assert "B1" in {a.field for a in told.assumptions}
    known = {"FF": np.zeros(1), "B1": np.ones(1)}
    quiet = mtsat.calibrate(
        {"body": Inputs({r: s[None] for r, s in _with_fat(0.0).items()}, BIOMARKER.typical, known=known)}, Options()
    )
    assert not quiet.findings and not quiet.assumptions


def test_first_echo_alone_gives_the_same_but_for_the_decay():
    found = mtsat.estimate(Inputs(_with_fat(0.0), BIOMARKER.typical), Options(echoes="first")).values
    assert found["MTsat"] == pytest.approx(0.023, rel=1e-9)
    assert found["M0"] == pytest.approx(700 * np.exp(-32.0 * 0.0023), rel=1e-9)


def test_mtr_is_that_of_signals_that_differ_in_the_pulse_alone():
    found = mtsat.estimate(Inputs(_with_fat(0.0), BIOMARKER.typical), Options()).values
    signals = _with_fat(0.0)
    assert found["MTR"] == pytest.approx(1 - signals["mt"][0] / signals["pd"][0], rel=1e-9)


def test_sd_is_what_repeats_scatter_by():
    rng = np.random.default_rng(5)
    sigma = _with_fat(0.0)["pd"][0] / 80
    noisy = {r: s + sigma * rng.standard_normal((4000, 4)) for r, s in _with_fat(0.0).items()}
    found = mtsat.estimate(Inputs(noisy, BIOMARKER.typical), Options(noise=float(sigma)))
    for name in ("MTsat", "T1", "M0", "MTR"):
        assert np.median(found.sd[name]) == pytest.approx(found.values[name].std(), rel=0.06), name


# --- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "change", "said"),
    [
        ("t1", {"flip_angles_deg": (6.0,)}, "another angle"),
        ("t1", {"flip_angles_deg": (6.0, 9.0)}, "one angle"),
        ("mt", {"echo_times": (0.004,)}, "one echo time"),
    ],
)
def test_series_that_allow_no_estimate_are_refused(role, change, said):
    acquisitions = {r: a.with_(echo_times=(0.0023,)) for r, a in ONE_ECHO.items()}
    acquisitions[role] = acquisitions[role].with_(**change)
    with pytest.raises(NeuromyoError, match=said) as caught:
        fit_signals(BIOMARKER, _signals(), acquisitions, Options())
    assert caught.value.code == "E-PROTOCOL"


def test_a_gap_longer_than_the_repetition_is_refused():
    with pytest.raises(NeuromyoError, match="saturation_gap"):
        fit_signals(BIOMARKER, _signals(), ONE_ECHO, Options(saturation_gap=0.05))


@pytest.mark.parametrize(
    ("known", "reason"),
    [({"B1": np.nan}, Reason.NOT_KNOWN), ({"B1": 4.0}, Reason.NOT_KNOWN), ({"FF": 0.97}, Reason.NOT_IDENTIFIABLE)],
)
def test_known_maps_without_use(known, reason):
    given = {n: np.array(v) for n, v in known.items()}
    assert fit_signals(BIOMARKER, _signals(), ONE_ECHO, Options(), known=given).reason_of("MTsat") == reason


WITH_MAPS = replace(
    BIOMARKER,
    needs={**BIOMARKER.needs, "B1": MapNeed("B1", "%", (0.2, 2.0), optional=False),
           "FF": MapNeed("FF", "%", (-0.5, 1.5), optional=False)},
    example={**BIOMARKER.example, "B1": 0.9, "FF": 0.08},
    domain=Domain({"T1": (0.9, 1.7), "MTsat": (0.01, 0.035), "B1": (0.75, 1.2), "FF": (0.0, 0.3)}, 80.0, ("MTsat", "T1", "M0")),
)  # fmt: skip


@pytest.mark.parametrize(
    "check", [c for c in checks(WITH_MAPS) if "figures" in str(c) or "recovers" in str(c) or "bits" in str(c)], ids=str
)
def test_promises_with_both_maps(check):
    check()


@pytest.mark.realdata
def test_cord_of_a_neck_is_what_cords_are_and_a_little_below_helms(realdata):
    """Two flip angles of unlike repetition times, with and without MT: T1 of the cervical cord at 3 T is near 1.1 s."""
    pd, mt, t1w, cord = (
        np.asarray(nib.load(realdata / "neck_mt" / f"{name}.nii.gz").dataobj, dtype=np.float64)
        for name in ("mt0_reg_slicereg_goldstandard", "mt1", "t1w", "mt1_seg")
    )
    acquisitions = {
        "pd": Acquisition(flip_angles_deg=(9.0,), repetition_time=0.03),
        "t1": Acquisition(flip_angles_deg=(15.0,), repetition_time=0.015),
        "mt": Acquisition(flip_angles_deg=(9.0,), repetition_time=0.03),
    }
    inside = cord > 0
    signals = {r: s[inside][:, None] for r, s in (("pd", pd), ("t1", t1w), ("mt", mt))}
    found = fit_signals(BIOMARKER, signals, acquisitions, Options())
    assert 0.95 < np.median(found.values["T1"]) < 1.35
    assert 0.012 < np.median(found.values["MTsat"]) < 0.025
    # Helms' rational approximation, written out here
    (a1, tr1), (a2, tr2) = (np.deg2rad(9.0), 0.03), (np.deg2rad(15.0), 0.015)
    s1, s2, s3 = (signals[r][:, 0] for r in ("pd", "t1", "mt"))
    r1 = 0.5 * (s2 * a2 / tr2 - s1 * a1 / tr1) / (s1 / a1 - s2 / a2)
    amplitude = s1 * s2 * (tr1 * a2 / a1 - tr2 * a1 / a2) / (s2 * tr1 * a2 - s1 * tr2 * a1)
    helms = (amplitude * a1 / s3 - 1) * r1 * tr1 - a1**2 / 2
    ratio = np.median(found.values["MTsat"] / helms)
    assert 0.94 < ratio < 1.0
