"""Proton density: relative to its reference, whatever coil, B1, T1 and fat made of the brightness."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.biomarkers.proton_density import BIOMARKER, Options
from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.physics.noise import rician

SHAPE = (48, 40, 4)
X, Y, Z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
BODY = X**2 + Y**2 < 0.95
FAT = (X**2 + Y**2 > 0.75) & BODY
NERVE = (np.abs(X) < 0.12) & (np.abs(Y) < 0.12)
MUSCLE = (X**2 + Y**2 < 0.7) & ~NERVE
GRID = Grid.of(SHAPE, np.diag([2.0, 2.0, 6.0, 1.0]))
PD = np.select([FAT, NERVE, BODY], [0.9, 1.2, 1.0], np.nan)
T1 = np.select([NERVE], [1.08], 1.4)
FF = np.select([FAT], [0.85], 0.03)
B1 = 0.95 + 0.15 * X
RECEIVE = np.exp(0.5 * Y - 0.15 * X + 0.1 * X * Y)


def _scan(acquisition=BIOMARKER.typical["pd"], snr=None, seed=1):
    truth = {"S0": 800 * PD * RECEIVE, "T1": T1, "T2star": np.full(SHAPE, 0.025), "B1": B1, "FF": FF}
    signal = np.nan_to_num(BIOMARKER.simulate(truth, {"pd": acquisition}, Options())["pd"])
    if snr is not None:
        signal = rician(signal, np.median(signal[MUSCLE][:, 0]) / snr, np.random.default_rng(seed))
    return Series(ArrayData(signal.astype(np.float32)), GRID, acquisition, "MPM", entities={"flip": "1", "mt": "off"})


def _run(series=None, options=None, leave_out=(), regions=("muscle", "fat")):
    known = {n: m.astype(np.float32) for n, m in {"T1": T1, "B1": B1, "FF": FF}.items() if n not in leave_out}
    given = {n: m for n, m in {"muscle": MUSCLE, "fat": FAT}.items() if n in regions}
    return runner.run(BIOMARKER, {"pd": series or _scan()}, options or Options(), known=known, regions=given, mask=BODY)


def test_density_and_field_come_back():
    maps, findings = _run()
    np.testing.assert_allclose(maps["PD"].values[BODY], PD[BODY], rtol=0.004)
    ratio = maps["RB1"].values[BODY] / RECEIVE[BODY]
    assert np.ptp(ratio) / ratio.mean() < 0.01
    assert not findings and (maps["PD"].reason[~BODY] == Reason.MASKED).all()
    scalar = maps.scalars["Reference"]
    assert scalar.value == pytest.approx(800 * RECEIVE[MUSCLE].mean(), rel=0.02)


def test_the_other_tissue_may_be_the_reference():
    maps, _ = _run(options=Options(reference="fat"))
    assert np.median(maps["PD"].values[FAT]) == pytest.approx(1.0, abs=0.004)
    assert np.median(maps["PD"].values[MUSCLE]) == pytest.approx(1 / 0.9, abs=0.006)


def test_an_m0_map_is_taken_as_it_comes():
    m0 = (500 * PD * RECEIVE).astype(np.float32)
    m0[20, 20, 1] = np.nan
    maps, _ = runner.run(BIOMARKER, {"pd": _scan()}, Options(), known={"M0": m0}, regions={"muscle": MUSCLE}, mask=BODY)
    good = maps["PD"].valid
    np.testing.assert_allclose(maps["PD"].values[good], PD[good], rtol=0.02)  # the rim is outside the reference
    assert maps["PD"].reason[20, 20, 1] == Reason.NOT_KNOWN and not maps.assumptions


def test_one_echo_and_a_t2star_map_do_as_well_as_several_echoes():
    one = BIOMARKER.typical["pd"].with_(echo_times=(0.0046,))
    known = {"T1": T1, "B1": B1, "FF": FF, "T2star": np.full(SHAPE, 0.025)}
    regions = {"muscle": MUSCLE, "fat": FAT}
    maps, _ = runner.run(BIOMARKER, {"pd": _scan(one)}, Options(), known=known, regions=regions, mask=BODY)
    np.testing.assert_allclose(maps["PD"].values[BODY], PD[BODY], rtol=0.004)
    assert not maps.assumptions


def test_what_is_not_known_is_assumed_openly():
    maps, _ = _run(_scan(BIOMARKER.typical["pd"].with_(echo_times=(0.0023,))), leave_out=("T1", "B1"))
    assert {a.field for a in maps.assumptions} == {"T1", "B1", "T2star"}


def test_without_a_region_it_says_what_it_did():
    maps, findings = _run(regions=())
    assert [f.code for f in findings] == ["W-REFERENCE"] and "whole body" in findings[0].message
    assert np.isfinite(maps["PD"].values[BODY]).all()
    _, findings = _run(regions=("fat",))
    assert "fat is 100 %" in findings[0].message


def test_a_rough_reference_is_told():
    rough = _scan()
    data = rough.read().copy()
    data *= np.exp(0.4 * np.random.default_rng(1).standard_normal(SHAPE))[..., None].astype(np.float32)
    assert "W-RECEIVE" in [f.code for f in _run(rough.with_data(data))[1]]


def test_sd_is_what_repeats_scatter_by():
    snr, several = 40.0, []
    clean = _scan().read()
    sigma = float(np.median(clean[MUSCLE][:, 0]) / snr)
    for seed in range(12):
        maps, _ = _run(_scan(snr=snr, seed=seed), Options(noise=sigma))
        several.append(maps["PD"].values[MUSCLE])
    predicted = np.median(maps["PD"].sd[MUSCLE])
    assert np.median(np.std(several, axis=0, ddof=1)) == pytest.approx(predicted, rel=0.07)


def test_a_bad_voxel_is_nan_with_a_reason():
    series = _scan()
    data = series.read().copy()
    data[24, 20, 1] = np.nan
    data[25, 20, 1] = 0
    maps, _ = _run(series.with_data(data))
    assert maps["PD"].reason[24, 20, 1] == Reason.NOT_FINITE and maps["PD"].reason[25, 20, 1] == Reason.NO_SIGNAL
    others = BODY.copy()
    others[24:26, 20, 1] = False
    np.testing.assert_allclose(maps["PD"].values[others], PD[others], rtol=0.005)


def test_an_image_without_any_signal_raises_nothing():
    series = _scan()
    maps, _ = _run(series.with_data(np.zeros((*SHAPE, 3), np.float32)))
    assert not maps["PD"].valid.any()
    assert replace(BIOMARKER, title="x").scope == "image"
