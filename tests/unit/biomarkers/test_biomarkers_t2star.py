"""T2*: the contract in its other forms, against curve_fit and against voxels summed from their parts; a real scan."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy.optimize import curve_fit

from neuromyo.biomarkers._gradient_echo import through_slice
from neuromyo.biomarkers.t2star import BIOMARKER, Options
from neuromyo.core.biomarker import Domain, MapNeed
from neuromyo.core.errors import ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.physics.noise import rician
from neuromyo.testing.contract import checks

TYPICAL = BIOMARKER.typical["megre"]
TE = np.array(TYPICAL.echo_times)
#: echoes that tell fat from water
FAT_ECHOES = TYPICAL.with_(echo_times=tuple(0.00115 + 0.00098 * k for k in range(12)))


def form(name, example, box, snr, acquisition=TYPICAL, options=None):
    """The checks of the biomarker with a map required that is optional otherwise."""
    needs = dict(BIOMARKER.needs)
    if name:
        needs[name] = MapNeed(name, "%" if name == "FF" else "Hz", (-1e3, 1e3), optional=False)
    b = replace(
        BIOMARKER, needs=needs, derive=None, typical={"megre": acquisition}, example={**BIOMARKER.example, **example},
        domain=Domain({"T2star": (0.015, 0.04), **box}, snr=snr, quantities=("T2star", "S0")),
    )  # fmt: skip
    return [c for c in checks(b, options=options) if any(w in c.name for w in ("noiseless", "figures", "order"))]


#: complex signals alone, their field unknown
COMPLEX = replace(
    BIOMARKER, needs={"complex": replace(BIOMARKER.needs["complex"], optional=False)}, derive=None, noise="complex",
    typical={"complex": TYPICAL}, example={**BIOMARKER.example, "B0": 30.0},
    domain=Domain({"T2star": (0.008, 0.05), "B0": (-150.0, 150.0)}, snr=20.0, quantities=("T2star", "S0")),
)  # fmt: skip
FORMS = [
    *(c for c in checks(COMPLEX) if "region means" not in c.name and "declared" not in c.name),
    *form("gradient", {"gradient": 8.0}, {"gradient": (2.0, 16.0)}, 100.0),
    *form("FF", {"FF": 0.2}, {"FF": (0.0, 0.35)}, 100.0, FAT_ECHOES),
    *form("", {"FF": 0.2}, {"FF": (0.15, 0.3)}, 200.0, FAT_ECHOES, Options(fat="fit")),
]


@pytest.mark.parametrize("check", FORMS, ids=[f"{i} {c}" for i, c in enumerate(FORMS)])
def test_keeps_its_promises_in_every_form(check):
    check()


def fitted(signals, acquisition=TYPICAL, known=None, scalars=None, averaged=False, **options):
    given = signals if isinstance(signals, dict) else {"megre": np.asarray(signals)}
    maps = {k: np.asarray(v, float) for k, v in (known or {}).items()}
    return runner.fit_signals(BIOMARKER, given, dict.fromkeys(given, acquisition), Options(**options), known=maps,
                              scalars=scalars or {}, averaged=averaged)  # fmt: skip


def run(signals, acquisition=TYPICAL, options=None, known=None):
    signals = np.asarray(signals, np.float32)
    grid = Grid.of(signals.shape[:3], np.diag([1.0, 1.0, 5.0, 1.0]))
    series = {"megre": Series(ArrayData(signals), grid, acquisition, "MEGRE")}
    return runner.run(BIOMARKER, series, options or Options(), known=known)


def test_equals_curve_fit_and_its_covariance():
    rng = np.random.default_rng(5)
    t2s = rng.uniform(0.008, 0.06, 30)
    noisy = 500 * np.exp(-TE / t2s[:, None]) + 5 * rng.standard_normal((30, len(TE)))
    ours = fitted(noisy, likelihood="least-squares", noise=5.0)
    for i in range(30):
        p, c = curve_fit(lambda t, s, r: s * np.exp(-t * r), TE, noisy[i], p0=(500, 40.0), sigma=np.full(len(TE), 5.0),
                         absolute_sigma=True)  # fmt: skip
        assert ours.values["R2star"][i] == pytest.approx(p[1], rel=1e-3)
        assert ours.values["T2star"][i] == pytest.approx(1 / p[1], rel=1e-3)
        assert ours.values["S0"][i] == pytest.approx(p[0], rel=1e-3)
        assert ours.sd["R2star"][i] == pytest.approx(np.sqrt(c[1, 1]), rel=0.02)


def test_the_noise_floor_does_not_lengthen_t2star():
    rng = np.random.default_rng(6)
    clean = 100 * np.exp(-TE / 0.008) * np.ones((4000, 1))
    noisy = rician(clean, 4.0, rng)
    plain = fitted(noisy, likelihood="least-squares", noise=4.0).values["T2star"]
    aware = fitted(noisy, noise=4.0).values["T2star"]
    assert np.nanmean(plain) > 0.0082
    assert np.nanmean(aware) == pytest.approx(0.008, abs=0.00012)


def in_parts(change_hz, t2star=0.025, parts=400):
    """A voxel summed from layers, each at its own field."""
    layers = ((np.arange(parts) + 0.5) / parts - 0.5) * change_hz
    return 1000 * np.exp(-TE / t2star) * np.abs(np.exp(2j * np.pi * layers[:, None] * TE).mean(axis=0))


def test_slope_through_the_slice_is_taken_out():
    changes = np.array([0.0, 5.0, 12.0, 20.0, 30.0])
    s = np.stack([in_parts(c) for c in changes])
    with_map = fitted(s, known={"gradient": changes})
    np.testing.assert_allclose(with_map.values["T2star"], 0.025, rtol=2e-3)
    without = fitted(s).values["T2star"]
    assert (np.diff(without) < 0).all()
    assert without[2] < 0.024
    beyond = fitted(in_parts(90.0)[None], known={"gradient": [90.0]})
    assert beyond.reason["T2star"][0] == Reason.NOT_KNOWN


def test_slope_from_a_field_map_in_the_runner():
    """The field grows with z ever faster; each voxel is summed over its own thickness."""
    z = np.arange(7)
    field = 1.5 * z**2
    change = np.abs(np.gradient(field.astype(float)))
    change[[0, -1]] = np.abs(np.diff(field)[[0, -1]])
    image = np.stack([in_parts(c) for c in change])[None, None] * np.ones((2, 3, 1, 1))
    b0 = np.broadcast_to(field.astype(np.float32), (2, 3, 7))
    maps, findings = run(image, known={"B0": b0})
    np.testing.assert_allclose(maps["T2star"].values, 0.025, rtol=5e-3)
    assert "N-GRADIENT" not in {f.code for f in findings}
    maps, findings = run(image)
    assert maps["T2star"].values[0, 0, -1] < 0.02
    assert "N-GRADIENT" in {f.code for f in findings}


def test_slope_at_edges_holes_and_with_gaps():
    field = np.array([0.0, 10.0, 30.0, np.nan, 5.0])[None, None] * np.ones((2, 2, 1))
    grid = Grid.of((2, 2, 5), np.diag([1.0, 1.0, 8.0, 1.0]), slice_axis=2)
    found = through_slice(field, grid, None)
    np.testing.assert_allclose(found[0, 0], [10, 15, 20, np.nan, np.nan])
    np.testing.assert_allclose(through_slice(field, grid, 4.0)[0, 0], [5, 7.5, 10, np.nan, np.nan])
    assert through_slice(field[:, :, :1], Grid.of((2, 2, 1), np.eye(4), slice_axis=2), None) is None
    sideways = Grid.of((5, 2, 2), np.diag([8.0, 1.0, 1.0, 1.0]), slice_axis=0)
    np.testing.assert_allclose(through_slice(field.T, sideways, None)[:, 0, 0], found[0, 0])


def fatty(te, share, t2star=0.02, s0=1000.0):
    """Water and one line of fat at -3.4 ppm and 3 T, written out anew."""
    beat = np.exp(-2j * np.pi * 3.4e-6 * 3.0 * 42.577478518e6 * np.asarray(te))
    return s0 * np.exp(-np.asarray(te) / t2star) * (1 - share + share * beat)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.8])
def test_fat_by_map_by_fit_and_by_echoes(share):
    te = FAT_ECHOES.echo_times
    s = np.abs(fatty(te, share))[None]
    known = fitted(s, FAT_ECHOES, {"FF": [share]}, fat_spectrum="single")
    assert known.values["T2star"][0] == pytest.approx(0.02, rel=2e-3)
    assert known.values["S0"][0] == pytest.approx(1000, rel=2e-3)
    free = fitted(s, FAT_ECHOES, fat="fit", fat_spectrum="single")
    assert free.values["T2star"][0] == pytest.approx(0.02, rel=5e-3)
    dense = TYPICAL.with_(echo_times=tuple(0.00115 * k for k in range(1, 21)))
    chosen = fitted(np.abs(fatty(dense.echo_times, share))[None], dense, fat="in-phase", fat_spectrum="single")
    assert chosen.values["T2star"][0] == pytest.approx(0.02, rel=5e-3)
    if share == 0.3:
        assert abs(fitted(s, FAT_ECHOES).values["T2star"][0] / 0.02 - 1) > 0.05


def test_a_spectrum_given_in_numbers():
    te = np.array(FAT_ECHOES.echo_times)
    one, two = (np.exp(-2j * np.pi * shift * 1e-6 * 3.0 * 42.577478518e6 * te) for shift in (3.4, 2.6))
    s = np.abs(800 * np.exp(-te / 0.03) * (0.7 + 0.3 * (0.75 * one + 0.25 * two)))[None]
    found = fitted(s, FAT_ECHOES, {"FF": [0.3]}, fat_spectrum=(-3.4, 3.0, -2.6, 1.0))
    assert found.values["T2star"][0] == pytest.approx(0.03, rel=2e-3)


def test_too_few_echoes_in_phase_are_refused():
    short = TYPICAL.with_(echo_times=(0.001, 0.002, 0.0033))
    with pytest.raises(ProtocolError, match="in phase"):
        fitted(np.ones((1, 3)), short, fat="in-phase")
    with pytest.raises(ProtocolError, match="map of the fat fraction"):
        fitted(np.ones((1, 10)), fat="known")


@pytest.mark.parametrize("field", [-200.0, -30.0, 0.0, 90.0, 215.0])
def test_complex_signals_without_a_floor(field):
    rng = np.random.default_rng(7)
    clean = 100 * np.exp(-TE / 0.008) * np.exp(2j * np.pi * field * TE + 0.7j) * np.ones((4000, 1))
    noisy = clean + 4 * (rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape))
    found = fitted({"megre": np.abs(noisy), "complex": noisy}, noise=4.0)
    value, sd = found.values["T2star"], found.sd["T2star"]
    assert np.isfinite(value).mean() > 0.99
    assert np.nanmean(value) == pytest.approx(0.008, abs=1e-4)
    covered = (np.abs(value - 0.008) < 1.96 * sd)[np.isfinite(value)].mean()
    assert 0.93 < covered < 0.965
    s0, s0_sd = found.values["S0"], found.sd["S0"]
    assert 0.93 < (np.abs(s0 - 100) < 1.96 * s0_sd)[np.isfinite(s0)].mean() < 0.965


def test_complex_with_fat_needs_the_sign_of_precession_and_a_mean_is_made_of_magnitudes():
    te = FAT_ECHOES.echo_times
    s = fatty(te, 0.25)[None] * np.exp(2j * np.pi * 40 * np.array(te))
    both = {"megre": np.abs(s), "complex": s}
    signed = fitted(both, FAT_ECHOES.with_(precession_sign=1), fat="fit", fat_spectrum="single")
    assert signed.values["T2star"][0] == pytest.approx(0.02, rel=2e-3)
    assert signed.values["S0"][0] == pytest.approx(1000, rel=0.01)
    by_map = fitted(both, FAT_ECHOES.with_(precession_sign=1), {"FF": [0.25]}, fat_spectrum="single")
    assert by_map.values["T2star"][0] == pytest.approx(0.02, rel=2e-3)
    unsigned = fitted(both, FAT_ECHOES, fat="fit", fat_spectrum="single")
    assert unsigned.values["T2star"][0] == pytest.approx(0.02, rel=5e-3)
    wrong_phase = {"megre": np.abs(s), "complex": np.zeros_like(s)}
    mean = fitted(wrong_phase, FAT_ECHOES, {"FF": [0.25]}, averaged=True, fat_spectrum="single")
    assert mean.values["T2star"][0] == pytest.approx(0.02, rel=2e-3)


def test_says_what_fat_and_slopes_would_do():
    image = 1000 * np.exp(-TE / 0.025) * np.ones((4, 4, 2, 1))
    _, findings = run(np.sqrt(1000 * image), TYPICAL.with_(echo_times=tuple(TE / 2)))
    codes = {f.code: f for f in findings}
    assert "% with 5 % of fat" in codes["W-FAT"].message
    assert "25 ms" in codes["N-GRADIENT"].message
    _, findings = run(image, TYPICAL.with_(field_strength=None))
    assert "MagneticFieldStrength" in {f.code: f for f in findings}["W-FAT"].remedy
    _, findings = run(image, options=Options(fat="in-phase"))
    assert "W-FAT" not in {f.code for f in findings}


@pytest.mark.realdata
def test_a_real_scan(realdata):
    """Three echoes whose times the file does not state: those of its authors' examples (4, 8, 12 ms) are taken. Against the exact
    least-squares root, which three evenly spaced echoes leave a polynomial for."""
    data = np.asarray(nib.nifti1.load(realdata / "fieldmap_3echo" / "Mag.nii").dataobj, np.float32)
    acquisition = TYPICAL.with_(echo_times=(0.004, 0.008, 0.012), field_strength=None)
    maps, _ = run(data, acquisition, Options(likelihood="least-squares"))
    bright = data[..., 0] > np.percentile(data[..., 0], 60)
    found = maps["T2star"].values
    valid = bright & np.isfinite(found)
    assert valid.sum() > 0.7 * bright.sum()
    assert 0.01 < np.median(found[valid]) < 0.12
    x = np.exp(-0.004 / found[valid].astype(float))
    a, b, c = data[valid].astype(float).T
    basis = np.stack([np.ones_like(x), x, x**2])
    s0 = (basis * [a, b, c]).sum(axis=0) / (basis**2).sum(axis=0)
    left = np.stack([a, b, c]) - s0 * basis
    slope = (left * s0 * np.stack([0 * x, np.ones_like(x), 2 * x])).sum(
        axis=0
    )  # stationary at the least-squares solution
    size = np.linalg.norm(left, axis=0) * s0 * np.sqrt(1 + 4 * x**2) + 1e-3 * s0**2
    assert np.quantile(np.abs(slope) / size, 0.95) < 0.02


@pytest.mark.parametrize(("sign", "notes"), [(None, 1), (1, 0)])
def test_phases_that_are_not_used_are_told(sign, notes):
    acquisition = FAT_ECHOES.with_(precession_sign=sign)
    truth = {"T2star": np.full((4, 4, 2), 0.025), "S0": 500.0, "FF": 0.2, "B0": 20.0}
    signal = BIOMARKER.simulate(truth, {"complex": acquisition}, Options())["complex"].astype(np.complex64)
    grid = Grid.of((4, 4, 2), np.diag([1.0, 1.0, 5.0, 1.0]))
    series = {
        "megre": Series(ArrayData(np.abs(signal)), grid, acquisition, "MEGRE"),
        "complex": Series(ArrayData(signal), grid, acquisition, "MEGRE", part="complex"),
    }
    known = {"FF": np.full((4, 4, 2), 0.2, np.float32)}
    _, findings = runner.run(BIOMARKER, series, Options(), known=known)
    assert sum(f.code == "N-PHASE" for f in findings) == notes
    _, findings = runner.run(BIOMARKER, series, Options(fat="none"), known=known)
    assert not any(f.code == "N-PHASE" for f in findings)
