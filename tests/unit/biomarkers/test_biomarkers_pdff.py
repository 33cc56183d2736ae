"""pdff on whole images: what it gives, what it says, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neuromyo.biomarkers import _water_fat, pdff
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError, OptionError, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.options import parse
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.io.numbers import read_numbers
from neuromyo.physics import fat as fat_physics
from neuromyo.pipeline.options import parsed
from tests.unit.fit.legs import LARMOR, TE, legs, unit_fat

SHAPE = (80, 48, 2)
OTHER = ((-3.8, 0.0899), (-3.4, 0.5834), (-3.1, 0.0599), (-2.68, 0.0849), (-2.46, 0.0599), (-1.95, 0.015), (-0.5, 0.04),
         (0.49, 0.01), (0.59, 0.0569))  # fmt: skip
ACQUISITION = Acquisition(
    echo_times=tuple(TE), imaging_frequency_hz=LARMOR, field_strength=3.0, repetition_time=0.012, flip_angles_deg=(3.0,)
)


def run(signal, mask, options=None, acquisition=ACQUISITION, regions=None):
    grid = Grid.of(mask.shape, np.diag([3.0, 3.0, 5.0, 1.0]))
    series = Series(ArrayData(signal), grid, acquisition, "MEGRE", "complex")
    return runner.run(pdff.BIOMARKER, {"gre": series}, options or pdff.Options(), mask=mask, regions=regions)


def codes(findings):
    return {f.code for f in findings}


LEFT = pdff.Options(t1_weighting="leave")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sense_is_told_from_the_data_and_against_the_files(sign):
    scene = legs(11, SHAPE, (3.0, 3.0, 5.0), sign=sign)
    maps, findings = run(scene.signal, scene.mask, LEFT, ACQUISITION.with_(precession_sign=-sign))
    assert maps.scalars["PrecessionSign"].value == sign and "W-PRECESSION" in codes(findings)
    error = (maps["FF"].values - scene.ff)[scene.muscle]
    assert (np.abs(error) < 0.35).all() and abs(error.mean()) < 0.005
    agreed, findings = run(scene.signal, scene.mask, LEFT, ACQUISITION.with_(precession_sign=sign))
    assert "W-PRECESSION" not in codes(findings)
    assert agreed["FF"].values.tobytes() == maps["FF"].values.tobytes()


def test_the_users_word_counts_but_is_contradicted():
    scene = legs(11, SHAPE, (3.0, 3.0, 5.0))
    maps, findings = run(scene.signal, scene.mask, pdff.Options(precession_sign=-1))
    assert maps.scalars["PrecessionSign"].value == -1 and "W-PRECESSION" in codes(findings)


def test_an_unknown_sense_is_an_open_assumption():
    rng = np.random.default_rng(1)
    clean = 100 * np.exp(-30 * TE) * np.ones((20, 20, 2, 1))
    noise = rng.standard_normal((2, *clean.shape))
    signal = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
    maps, findings = run(signal, np.ones(signal.shape[:3], bool))
    assert "W-PRECESSION" in codes(findings)
    assert "precession_sign" in {a.field for a in maps.assumptions}
    assert abs(np.nanmean(maps["FF"].values)) < 0.005


@pytest.mark.parametrize(("sign", "shares"), [(1, (1.0,)), (-1, (1.0,)), (-1, (0.3,)), (-1, (0, 0, 0, 0, 1.0))])
def test_vials_in_much_air_tell_the_sense(sign, shares):
    """Air knows nothing: it must not water down what a few vials say, nor may +1 be assumed against them."""
    rng, x, y = np.random.default_rng(2), *np.indices((64, 64))
    ff, density = np.zeros((64, 64)), np.zeros((64, 64))
    for k, share in enumerate(shares):
        vial = (x - 12 - 20 * (k % 3)) ** 2 + (y - 12 - 20 * (k // 3)) ** 2 <= 30
        ff[vial], density[vial] = share, 1.0
    ff, density = ff[:, :, None, None], density[:, :, None, None]
    fat = unit_fat(TE) if sign > 0 else unit_fat(TE).conj()
    turned = np.exp(2j * np.pi * sign * 30 * (x / 32 - 1)[:, :, None, None] * TE - 40 * TE)
    clean = 1000 * density * (1 - ff + ff * fat) * turned
    noise = 20 * rng.standard_normal((2, *clean.shape))
    signal = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
    maps, _ = run(signal, np.ones(signal.shape[:3], bool), LEFT)
    assert maps.scalars["PrecessionSign"].value == sign
    inside = density[..., 0] > 0
    assert np.abs((maps["FF"].values - ff[..., 0])[inside]).max() < 0.15


def test_another_published_spectrum_costs_less_than_a_point_and_a_half():
    scene = legs(12, SHAPE, (3.0, 3.0, 5.0), snr=50.0, r2_top=100.0, peaks=OTHER)
    adapted, findings = run(scene.signal, scene.mask, LEFT)
    assert "N-SPECTRUM" in codes(findings)
    for low in np.arange(0, 1, 0.1):
        here = (
            scene.mask & (scene.ff >= low) & (scene.ff < low + 0.1) & (scene.ff != 0.1)  # dark bone
        )
        if here.sum() > 60:
            assert abs(np.nanmean((adapted["FF"].values - scene.ff)[here])) < 0.015, low
    kept, said = run(scene.signal, scene.mask, pdff.Options(t1_weighting="leave", fat_spectrum="hamilton-6"))
    mixed = scene.mask & (scene.ff > 0.5) & (scene.ff < 0.8)
    worse, better = (np.nanmean(np.abs(m["FF"].values - scene.ff)[mixed]) for m in (kept, adapted))
    assert better < worse
    bonds = adapted.scalars["FatDoubleBonds"]  # 9 methyl protons to 0.0899, two olefinic ones a double bond to 0.0569
    assert abs(bonds.value - 0.5 * 9 * 0.0569 / 0.0899) < 0.2 and bonds.sd is not None and 0 < bonds.sd < 0.1
    assert "FatDoubleBonds" not in kept.scalars and "N-SPECTRUM" not in codes(said)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_too_little_fat_for_its_composition_is_an_assumption(share):
    rng = np.random.default_rng(2)
    clean = 100 * ((1 - share) + share * unit_fat(TE)) * np.exp(-30 * TE) * np.ones((20, 20, 2, 1))
    noise = rng.standard_normal((2, *clean.shape))
    signal = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
    maps, _ = run(signal, np.ones(signal.shape[:3], bool), LEFT, ACQUISITION.with_(precession_sign=1))
    assert "fat_spectrum" in {a.field for a in maps.assumptions} and "FatDoubleBonds" not in maps.scalars
    assert abs(np.nanmean(maps["FF"].values) - share) < 0.005


def test_readout_to_and_fro_is_taken_out():
    plane = np.broadcast_to((0.2 + 0.4 * np.linspace(-0.5, 0.5, SHAPE[0]))[:, None, None, None], (*SHAPE, 1))
    scene = legs(13, SHAPE, (3.0, 3.0, 5.0), snr=40.0, theta=plane)
    maps, findings = run(scene.signal, scene.mask, LEFT)
    assert "N-BIPOLAR" in codes(findings)
    error = (maps["FF"].values - scene.ff)[scene.muscle]
    assert abs(error.mean()) < 0.005 and error.std() < 0.05


@pytest.mark.parametrize(("sign", "offset"), [(1, 0.2), (1, 0.4), (-1, 0.2), (-1, -0.3)])
def test_readout_to_and_fro_does_not_turn_the_sense(sign, offset):
    """A mirrored spectrum mimics in part a phase that alternates: the sense is to be told beside it, whatever the files say."""
    scene = legs(14, SHAPE, (3.0, 3.0, 5.0), sign=sign, theta=np.full((*SHAPE, 1), offset))
    maps, findings = run(scene.signal, scene.mask, LEFT, ACQUISITION.with_(precession_sign=sign))
    assert maps.scalars["PrecessionSign"].value == sign and "W-PRECESSION" not in codes(findings)
    error = (maps["FF"].values - scene.ff)[scene.muscle]
    assert (np.abs(error) < 0.35).all() and abs(error.mean()) < 0.005


def test_a_phase_to_and_fro_that_cannot_be_told_is_told():
    scene = legs(13, SHAPE, (3.0, 3.0, 5.0))
    four = ACQUISITION.select((0, 1, 2, 3))
    _, findings = run(scene.signal[..., :4], scene.mask, pdff.Options(t1_weighting="leave", readout="bipolar"), four)
    assert "W-BIPOLAR" in codes(findings)


def test_saturation_is_undone_where_it_can_be():
    share, tr, flip = 0.1, 0.012, np.deg2rad(12.0)
    weights = [np.sin(flip) * (1 - np.exp(-tr / t)) / (1 - np.cos(flip) * np.exp(-tr / t)) for t in (1.4, 0.37)]
    mixture = (1 - share) * weights[0] + share * weights[1] * unit_fat(TE)
    signal = (1e4 * mixture * np.exp(-40 * TE) * np.ones((10, 10, 2, 1))).astype(np.complex64)
    mask = np.ones((10, 10, 2), bool)
    told = ACQUISITION.with_(flip_angles_deg=(12.0,), precession_sign=1)
    corrected, findings = run(signal, mask, pdff.Options(fat_spectrum="hamilton-6"), told)
    assert np.abs(corrected["FF"].values - share).max() < 1e-3 and "W-T1" not in codes(findings)
    weighted, findings = run(signal, mask, acquisition=told.with_(repetition_time=None))
    assert np.mean(weighted["FF"].values) > 0.15 and "W-T1" in codes(findings)
    assert "t1_weighting" in {a.field for a in weighted.assumptions}


def test_three_echoes_hold_r2star():
    times = TE[:3] * 1.3
    share = 0.3
    signal = 100 * ((1 - share) + share * unit_fat(times)) * np.exp(-40 * times + 2j * np.pi * 25 * times)
    image = np.broadcast_to(signal, (12, 12, 2, 3)).astype(np.complex64)
    kept = pdff.Options(t1_weighting="leave", fat_spectrum="hamilton-6")
    maps, _ = run(
        image, np.ones((12, 12, 2), bool), kept, ACQUISITION.with_(echo_times=tuple(times), precession_sign=1)
    )
    assert np.abs(maps["FF"].values - share).max() < 2e-3
    assert (maps["R2star"].reason == Reason.NOT_IDENTIFIABLE).all() and "r2star" in {a.field for a in maps.assumptions}


def test_the_phase_does_not_decide_which_volume_comes_first():
    scene = legs(14, SHAPE, (3.0, 3.0, 5.0))
    order = (3, 0, 5, 1, 4, 2)
    turned, _ = run(scene.signal[..., order], scene.mask, LEFT, ACQUISITION.select(order))
    maps, _ = run(scene.signal, scene.mask, LEFT)
    assert turned["FF"].values.tobytes() == maps["FF"].values.tobytes()


def test_bad_voxels_have_reasons():
    scene = legs(15, SHAPE, (3.0, 3.0, 5.0))
    inside = np.argwhere(scene.muscle)
    nan, silent = tuple(inside[0]), tuple(inside[40])
    scene.signal[nan] = np.nan
    scene.signal[silent] = 0
    maps, _ = run(scene.signal, scene.mask, LEFT)
    assert maps["FF"].reason[nan] == Reason.NOT_FINITE and maps["FF"].reason[silent] == Reason.NO_SIGNAL
    assert maps["FF"].reason[~scene.mask].max() == Reason.MASKED
    assert np.isfinite(maps["FF"].values[scene.muscle]).sum() == scene.muscle.sum() - 2


def test_fat_under_the_skin_that_reads_as_water_is_told():
    scene = legs(16, SHAPE, (3.0, 3.0, 5.0))
    _, findings = run(scene.signal, scene.mask, LEFT, regions={"fat": scene.mask & (scene.ff > 0.9)})
    assert "W-SWAP" not in codes(findings)
    _, findings = run(scene.signal, scene.mask, LEFT, regions={"fat": scene.muscle})
    assert "W-SWAP" in codes(findings)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_refusals_name_the_remedy():
    image, mask = np.ones((8, 8, 1, 6), np.complex64), np.ones((8, 8, 1), bool)
    with pytest.raises(ProtocolError, match="MagneticFieldStrength"):
        run(image, mask, acquisition=ACQUISITION.with_(field_strength=None, imaging_frequency_hz=None))
    with pytest.raises(ProtocolError, match="three different echo times"):
        run(image, mask, acquisition=ACQUISITION.with_(echo_times=(0.001, 0.001, 0.002, 0.003, 0.004, 0.005)))
    with pytest.raises(OptionError, match="precession_sign"):
        run(image, mask, pdff.Options(precession_sign=0))
    with pytest.raises(OptionError, match="one of"):
        run(image, mask, pdff.Options(fat_spectrum="lard"))


@pytest.mark.parametrize(
    "held", [[[-3.4, 0.7], [0.6, 0.3]], {"ppm": [-3.4, 0.6], "amplitudes": [0.7, 0.3]}], ids=["pairs", "lists"]
)
def test_a_spectrum_comes_from_a_file(tmp_path, held):
    file = tmp_path / "fat.json"
    file.write_text(json.dumps(held))
    assert parsed(pdff.Options, {"fat_spectrum": str(file)}).fat_spectrum == (-3.4, 0.7, 0.6, 0.3)
    peaks = fat_physics.spectrum((-3.4, 0.7, 0.6, 0.3))
    assert peaks.ppm == (-3.4, 0.6) and peaks.amplitudes == (0.7, 0.3)


@pytest.mark.parametrize(
    "held", [{"ppm": [-3.4], "amplitudes": [0.7, 0.3]}, {"ppm": [-3.4]}, [[-3.4, 0.7], [0.6]], [["a", 1]]]
)
def test_a_file_that_is_no_spectrum_is_refused(tmp_path, held):
    file = tmp_path / "fat.json"
    file.write_text(json.dumps(held))
    with pytest.raises(DataError, match="numbers"):
        read_numbers(file)


def test_colder_water_is_faster():
    warm, cold = (fat_physics.phasor("single", TE, field_strength=3.0, water_shift_ppm=s) for s in (0.0, 0.1))
    np.testing.assert_allclose(np.angle(cold / warm), -2 * np.pi * 0.1e-6 * fat_physics.GAMMA_BAR * 3.0 * TE, atol=1e-9)


def test_every_constant_is_replaced_by_an_option():
    options = parse(pdff.Options, {})
    for constant in _water_fat.CONSTANTS:
        assert hasattr(options, constant.override) and constant.source and constant.evidence
