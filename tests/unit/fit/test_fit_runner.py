"""The runner: what it refuses, what it fills in, what it grades."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.biomarkers.t2_epg import BIOMARKER as EPG
from neuromyo.biomarkers.t2_mono import BIOMARKER as MONO
from neuromyo.biomarkers.t2_water import BIOMARKER as WATER
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Estimate
from neuromyo.core.errors import DataError, OptionError, PluginError, ProtocolError, ResourceError
from neuromyo.core.grid import Grid
from neuromyo.core.options import parse
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.contract.plugins import phase_b0, signal_ratio, two_angle_t1

TIMES = tuple(0.01 * k for k in range(1, 9))
SHAPE = (6, 5, 4)


def train(shape=SHAPE, acquisition=None, offset=0.0):
    t2 = np.linspace(0.03, 0.06, int(np.prod(shape))).reshape(*shape, 1)
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    affine[0, 3] = offset
    data = (1000 * np.exp(-np.asarray(TIMES) / t2)).astype(np.float32)
    stated = acquisition or Acquisition(echo_times=TIMES)
    return Series(
        ArrayData(data), Grid.of(shape, affine), stated, "MESE", files=("sub-01_MESE.nii.gz",), entities={"sub": "01"}
    )


def mono(**settings):
    return runner.run(MONO, {"mese": train()}, MONO.options(), **settings)


def test_maps_carry_what_made_them():
    steps = []
    maps, findings = mono(progress=steps.append, threads=2)
    assert not findings and maps.biomarker == "t2-mono" and maps.entities == {"sub": "01"}
    assert maps.sources == {"mese": ("sub-01_MESE.nii.gz",)} and maps.options["offset"] is False
    np.testing.assert_allclose(maps["T2"].values.ravel(), np.linspace(0.03, 0.06, 120), rtol=2e-3)
    assert maps["T2"].valid.all() and maps["T2"].values.dtype == np.float32
    assert steps == sorted(steps) and steps[-1] == pytest.approx(1.0)


def test_only_the_mask_is_estimated():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:4, :, 1] = True
    maps, _ = mono(mask=mask)
    np.testing.assert_array_equal(np.isfinite(maps["T2"].values), mask)
    assert (maps["T2"].reason[~mask] == Reason.MASKED).all() and np.isnan(maps["T2"].sd[~mask]).all()
    whole, _ = mono(scalars={"sigma": 0.0, "sigma_dof": 0.0})
    part, _ = mono(mask=mask, scalars={"sigma": 0.0, "sigma_dof": 0.0})
    np.testing.assert_array_equal(whole["T2"].values[mask], part["T2"].values[mask])


def test_an_empty_mask_is_refused():
    with pytest.raises(DataError) as caught:
        mono(mask=np.zeros(SHAPE, dtype=bool))
    assert caught.value.code == "E-EMPTYROI"


def test_assumptions_are_made_openly():
    maps, _ = runner.run(EPG, {"mese": train()}, EPG.options())
    pulses = {"excitation_pulse", "refocusing_pulse"}
    assert {a.field for a in maps.assumptions} == {"refocusing_angle_deg", "repetition_time"} | pulses
    assert all(a.why and a.role == "mese" for a in maps.assumptions)
    stated = Acquisition(echo_times=TIMES, repetition_time=3.0, refocusing_angle_deg=180.0)
    maps, _ = runner.run(EPG, {"mese": train(acquisition=stated)}, EPG.options())
    assert {a.field for a in maps.assumptions} == pulses
    said = EPG.options(excitation_pulse="ideal", refocusing_pulse="ideal")
    maps, _ = runner.run(EPG, {"mese": train(acquisition=stated)}, said)
    assert maps.assumptions == (), "what an option states is not assumed"


def refused(kind, code, call):
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.code == code
    return str(caught.value)


def test_needs():
    bare = train(acquisition=Acquisition())
    said = refused(ProtocolError, "E-NEEDS", lambda: runner.run(MONO, {"mese": bare}, MONO.options()))
    assert "echo_times" in said and "sidecar" in said
    short = replace(train(), data=ArrayData(np.ones((*SHAPE, 1), np.float32)))
    assert "2 volumes" in refused(ProtocolError, "E-NEEDS", lambda: runner.run(MONO, {"mese": short}, MONO.options()))
    image = replace(train(acquisition=Acquisition()), data=ArrayData(np.ones((*SHAPE, 1), np.float32)))
    ratio = signal_ratio.BIOMARKER
    said = refused(ProtocolError, "E-NEEDS", lambda: runner.run(ratio, {"image": image}, ratio.options()))
    assert "bone-marrow" in said
    vfa = two_angle_t1.BIOMARKER
    low, high = (replace(image, acquisition=vfa.typical[r]) for r in ("low", "high"))
    said = refused(
        ProtocolError, "E-NEEDS", lambda: runner.run(vfa, {"low": low}, vfa.options(), known={"B1": np.ones(SHAPE)})
    )
    assert "high" in said
    assert "B1" in refused(ProtocolError, "E-NEEDS", lambda: runner.run(vfa, {"low": low, "high": high}, vfa.options()))


def test_grids():
    known = {"B1": np.ones((6, 5, 3))}
    assert "(6, 5, 3)" in refused(
        DataError, "E-GRID", lambda: runner.run(EPG, {"mese": train()}, EPG.options(), known=known)
    )
    vfa = two_angle_t1.BIOMARKER
    low = replace(train(), data=ArrayData(np.ones((*SHAPE, 1), np.float32)), acquisition=vfa.typical["low"])
    high = replace(low, grid=train(offset=3.0).grid, acquisition=vfa.typical["high"])
    series = {"low": low, "high": high}
    refused(DataError, "E-GRID", lambda: runner.run(vfa, series, vfa.options(), known={"B1": np.ones(SHAPE)}))


def test_memory():
    field = phase_b0.BIOMARKER
    data = np.ones((64, 64, 8, 2), np.complex64)
    grid = Grid.of(data.shape[:3], np.diag([1.0, 1.0, 5.0, 1.0]))
    series = {"gre": Series(ArrayData(data), grid, field.typical["gre"], "MEGRE", "complex")}
    said = refused(ResourceError, "E-MEMORY", lambda: runner.run(field, series, field.options(), memory_mb=1))
    assert "--mem-mb" in said
    maps, _ = runner.run(field, series, field.options(), memory_mb=8)
    assert maps["B0"].valid.all()


def test_a_biomarker_that_forgets_a_map_is_named():
    forgetful = replace(
        MONO, estimate=lambda i, o: Estimate({"S0": np.ones(len(i.signals["mese"]))}, np.zeros(1, np.uint8))
    )
    refused(PluginError, "E-PLUGIN", lambda: runner.run(forgetful, {"mese": train()}, MONO.options()))


def test_grading():
    t2 = MONO.quantity("T2")
    values = np.array([0.04, 0.04, 9.0, np.nan, 0.04])
    sd = np.array([0.001, 0.02, 0.001, 0.001, np.nan])
    reason = np.array([Reason.OK, Reason.OK, Reason.OK, Reason.OK, Reason.AT_BOUND], dtype=np.uint8)
    graded, why = runner.grade(t2, values, sd, reason)
    assert [Reason(r) for r in why] == [
        Reason.OK, Reason.POORLY_DETERMINED, Reason.IMPLAUSIBLE, Reason.NOT_IDENTIFIABLE, Reason.AT_BOUND
    ]  # fmt: skip
    np.testing.assert_array_equal(np.isfinite(graded), [True, True, False, False, False])
    assert reason[1] == Reason.OK  # what was given is not changed


@pytest.mark.parametrize("stated", [5, 11])
def test_volumes_without_metadata_are_refused(stated):
    """Else the first echo times would be taken for those of the volumes there are."""
    acquisition = Acquisition(echo_times=tuple(0.01 * k for k in range(1, stated + 1)))
    with pytest.raises(DataError, match="E-ECHO-COUNT"):
        runner.run(MONO, {"mese": train(acquisition=acquisition)}, MONO.options())


def test_a_mask_on_another_grid_and_one_with_gaps():
    with pytest.raises(DataError, match="E-GRID"):
        mono(mask=np.ones((6, 5, 3), dtype=bool))
    mask = np.full(SHAPE, np.nan)
    mask[0, 0, 0] = 1
    assert mono(mask=mask)[0]["T2"].valid.sum() == 1


def test_a_noise_that_is_no_number_is_refused():
    with pytest.raises(OptionError, match="option noise"):
        parse(MONO.options, {"noise": "estimated"})
    assert parse(MONO.options, {"noise": "12.5"}).noise == 12.5


def test_fat_that_decays_like_water_is_doubted():
    """A region of muscle given as fat calibrates fat T2 to that of water: it is said."""
    region = np.ones(SHAPE, dtype=bool)
    _, findings = runner.run(WATER, {"mese": train()}, WATER.options(), regions={"fat": region})
    assert [f.code for f in findings] == ["W-FAT-T2"] and "as water may" in findings[0].message
