"""B1 and B0 against steady states iterated pulse by pulse, and against the fields of a pair of legs."""

import numpy as np
import pytest

from neuromyo.biomarkers import b0, b1_afi, b1_dam
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.physics import legs

GRID = Grid.of(legs.SHAPE, np.diag([*legs.SPACING, 1.0]))
DAM = Acquisition(flip_angles_deg=(60.0, 120.0), repetition_time=10.0)
AFI = {r: Acquisition(flip_angles_deg=(60.0,), repetition_time=t) for r, t in (("tr1", 0.02), ("tr2", 0.1))}


def pulse_train(angle, times, t1, cycles=600):
    """Transverse magnetisation after each pulse of a cycle in the steady state: spoiled, recovered, pulsed again and again."""
    z, seen = np.ones_like(angle), []
    for _ in range(cycles):
        seen = []
        for t in times:
            seen.append(np.abs(z * np.sin(angle)))
            z = 1 + (z * np.cos(angle) - 1) * np.exp(-t / t1)
    return seen


def series(array, acquisition, kind, part="mag", grid=GRID):
    return Series(ArrayData(np.ascontiguousarray(array)), grid, acquisition, kind, part)


def field(seed=3):
    """A transmit field that bends as in a pair of legs at 3 T, and where there is tissue."""
    maps = legs.truth(seed)
    x, y, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in legs.SHAPE], indexing="ij")
    return 0.95 + 0.2 * x - 0.15 * y**2, maps["density"] > 0, maps["density"] * (1 + 0.5 * maps["FF"])


@pytest.mark.parametrize("t1", [0.37, 1.4])
@pytest.mark.parametrize("tr", [0.3, 1.5, 12.0])
def test_double_angle_undoes_incomplete_recovery(t1, tr):
    b1 = np.linspace(0.4, 1.4, 60).reshape(6, 10, 1)
    signals = np.stack([pulse_train(b1 * np.deg2rad(a), [tr], t1)[0] for a in (60.0, 120.0)], axis=-1)
    acquisition = DAM.with_(repetition_time=tr)
    given = series(1000 * signals, acquisition, "TB1DAM", grid=Grid.of(b1.shape, np.eye(4)))
    maps, findings = runner.run(b1_dam.BIOMARKER, {"dam": given}, b1_dam.Options(smoothing=0.0, t1=t1))
    np.testing.assert_allclose(maps["B1"].values, b1, atol=2e-5)
    assert not findings
    naive, findings = runner.run(b1_dam.BIOMARKER, {"dam": given}, b1_dam.Options(smoothing=0.0))
    plain = np.arccos(signals[..., 1] / (2 * signals[..., 0])) / np.deg2rad(60)
    np.testing.assert_allclose(naive["B1"].values, plain, atol=2e-5)
    assert [f.code for f in findings] == (["W-B1"] if tr < 12 else [])


def test_the_warning_tells_the_bias_of_muscle():
    _, findings = runner.run(b1_dam.BIOMARKER, {"dam": _uniform_dam(1.0, 1.4, 1.5)}, b1_dam.Options(smoothing=0.0))
    naive, _ = runner.run(b1_dam.BIOMARKER, {"dam": _uniform_dam(1.0, 1.4, 1.5)}, b1_dam.Options(smoothing=0.0))
    off = 100 * (float(np.median(naive["B1"].values)) - 1)
    assert f"{off:+.0f} %" in findings[0].consequence and abs(off) > 3


def _uniform_dam(b1, t1, tr):
    one = np.stack([pulse_train(np.full((5, 4, 1), b1 * np.deg2rad(a)), [tr], t1)[0] for a in (60.0, 120.0)], axis=-1)
    return series(1000 * one, DAM.with_(repetition_time=tr), "TB1DAM", grid=Grid.of((5, 4, 1), np.eye(4)))


@pytest.mark.parametrize(("tr1", "codes"), [(0.02, []), (0.1, ["W-B1"])])
@pytest.mark.parametrize("t1", [0.37, 1.4])
def test_actual_flip_angle_is_exact_with_t1_and_yarnykhs_formula_without(t1, tr1, codes):
    b1 = np.linspace(0.5, 1.5, 60).reshape(6, 10, 1)
    first, second = pulse_train(b1 * np.deg2rad(60), [tr1, 5 * tr1], t1)
    grid = Grid.of(b1.shape, np.eye(4))
    given = {
        r: series(1000 * s[..., None], AFI[r].with_(repetition_time=tr), "TB1AFI", grid=grid)
        for r, s, tr in (("tr1", first, tr1), ("tr2", second, 5 * tr1))
    }
    maps, findings = runner.run(b1_afi.BIOMARKER, given, b1_afi.Options(smoothing=0.0, t1=t1))
    np.testing.assert_allclose(maps["B1"].values, b1, atol=2e-5)
    assert not findings
    naive, findings = runner.run(b1_afi.BIOMARKER, given, b1_afi.Options(smoothing=0.0))
    ratio = second / first
    np.testing.assert_allclose(naive["B1"].values, np.arccos((5 * ratio - 1) / (5 - ratio)) / np.deg2rad(60), atol=2e-5)
    assert [f.code for f in findings] == codes and all("T1 of fat" in f.consequence for f in findings)


@pytest.mark.parametrize("method", ["dam", "afi"])
def test_b1_of_legs_in_noise_is_right_up_to_the_skin_and_nothing_in_air(method):
    b1, tissue, brightness = field()
    rng = np.random.default_rng(0)
    angle = b1 * np.deg2rad(60)
    clean = (
        [np.sin(angle), np.abs(np.sin(2 * angle))]
        if method == "dam"
        else pulse_train(angle, [0.02, 0.1], 1e4, 4000)[:2]
    )
    top = 1000 / float(np.median(clean[0]))
    noisy = [np.hypot(top * c * brightness + rng.normal(0, 30, b1.shape), rng.normal(0, 30, b1.shape)) for c in clean]
    if method == "dam":
        module, given = b1_dam, {"dam": series(np.stack(noisy, axis=-1), DAM, "TB1DAM")}
    else:
        module, given = b1_afi, {r: series(n[..., None], AFI[r], "TB1AFI") for r, n in zip(AFI, noisy, strict=True)}
    maps, _ = runner.run(module.BIOMARKER, given, module.Options())
    found = maps["B1"]
    inside = tissue & np.isfinite(found.values)
    assert inside.sum() > 0.98 * tissue.sum() and (found.reason[~tissue] == Reason.NO_SIGNAL).mean() > 0.995
    error = found.values - b1
    skin = inside & ~np.roll(tissue, 2, axis=1)
    assert (
        abs(error[inside].mean()) < 0.004
        and abs(error[skin].mean()) < 0.01
        and np.sqrt((error[inside] ** 2).mean()) < 0.02
    )
    raw, _ = runner.run(module.BIOMARKER, given, module.Options(smoothing=0.0))
    alone = np.isfinite(raw["B1"].values) & tissue & (brightness > 0.9)
    scaled = (raw["B1"].values - b1)[alone] / raw["B1"].sd[alone]
    assert 0.9 < (np.abs(scaled) < 1.96).mean() < 0.985
    assert raw["B1"].sd[alone].mean() > 3 * found.sd[alone].mean()


def test_b0_of_two_legs_with_wraps():
    te = (0.0023, 0.0046, 0.0069)
    largest = 0.0
    for seed in range(3):
        maps = legs.truth(seed)
        maps["B0"] = (4, 4, -4)[seed] * maps["B0"]
        given = series(
            legs.echoes(maps, te, 30, seed), Acquisition(echo_times=te, field_strength=3.0), "MEGRE", "complex"
        )
        found, findings = runner.run(b0.BIOMARKER, {"echoes": given}, b0.Options())
        assert not findings
        here = np.isfinite(found["B0"].values) & (maps["density"] > 0)
        error = found["B0"].values - maps["B0"]
        lean = here & (maps["FF"] < 0.3)
        assert here.sum() > 0.98 * (maps["density"] > 0).sum()
        largest = max(largest, np.abs(maps["B0"][lean]).max())
        assert abs(np.median(error[lean])) < 3 and np.percentile(np.abs(error[lean]), 99) < 20
        assert abs(np.median(error[here & (maps["FF"] > 0.9)])) < 20
        assert (np.abs(error[lean]) > 100).mean() < 1e-3, "whole turns"
    assert largest > 220, "no wraps: half a turn is 217 Hz"


def test_b0_says_what_fat_does_where_no_echoes_are_in_phase():
    te = (0.00115, 0.0023)
    maps = {**legs.truth(1), "B0": np.zeros(legs.SHAPE)}
    given = series(legs.echoes(maps, te, 200, 1), Acquisition(echo_times=te, field_strength=3.0), "MEGRE", "complex")
    found, findings = runner.run(b0.BIOMARKER, {"echoes": given}, b0.Options())
    assert [f.code for f in findings] == ["W-FATSHIFT"]
    said = float(findings[0].consequence.split("up to ")[1].split(" Hz")[0])
    worst = np.nanpercentile(np.abs(found["B0"].values[maps["density"] > 0]), 99)
    assert 0.7 * said < worst < 1.3 * said


def test_b0_says_when_its_sign_is_assumed():
    """Files that do not state the sense of precession leave the sign of B0 open: told, and open to be given."""
    field = np.linspace(-60, 60, 24)[:, None, None] * np.ones((24, 16, 2))
    times = np.array([0.00246, 0.00492])
    signals = (1000 * np.exp(-2j * np.pi * field[..., None] * times)).astype(
        np.complex64
    )  # phase falls where spins are faster
    told = Acquisition(echo_times=tuple(times), field_strength=3.0)
    grid = Grid.of(field.shape, np.diag([4.0, 4.0, 8.0, 1.0]))
    body = np.ones(field.shape, bool)
    for sign, stated in ((1, None), (-1, -1)):
        scan = {"echoes": series(signals, told.with_(precession_sign=stated), "MEGRE", "complex", grid)}
        found, _ = runner.run(b0.BIOMARKER, scan, b0.Options(), mask=body)
        assert np.allclose(found["B0"].values, -sign * field, atol=0.5)
        assert ("precession_sign" in {a.field for a in found.assumptions}) == (not stated)
    scan = {"echoes": series(signals, told, "MEGRE", "complex", grid)}
    given, _ = runner.run(b0.BIOMARKER, scan, b0.Options(precession_sign=-1), mask=body)
    assert np.allclose(given["B0"].values, field, atol=0.5) and not given.assumptions
