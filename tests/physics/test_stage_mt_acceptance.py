"""The nerve protocol in one pass: T1, T2*, MTR, MTsat and fat fraction from two flip angles with and without MT.

Water is two pools stepped in time until steady; fat has six lines, a T1 of its own and no MT. All echoes are complex, with a
field, a phase of the receiver and noise in each channel. The truth of T1 and MTsat is the one pool with the same water signals.
"""

import numpy as np
import pytest

from neuromyo.biomarkers import stage_mt
from neuromyo.core.biomarker import SeriesNeed
from neuromyo.fit.runner import run
from tests.oracles.bloch_mcconnell import mpm, mt_pulse, one_pool_twin, tissue
from tests.oracles.water_fat import LARMOR_3T, add_noise, ernst_weight, fat_phasor, smooth_map
from tests.physics.as_series import series

FLIPS, TR, MT_DEG, OFFSET = (6.0, 24.0), 0.025, 220.0, 2000.0
TE = tuple(1.5e-3 + 1.4e-3 * n for n in range(6))
PULSE = mt_pulse(MT_DEG, 0.004)
FAT_T1 = 0.37
TISSUES = {
    "muscle": tissue(t1=1.4, bound_fraction=0.07),
    "nerve": tissue(t1=1.1, t2=0.06, bound_fraction=0.11, exchange=30.0),
}
FAT_FRACTIONS = (0.0, 0.1, 0.3)
BLOCK = (12, 12, 6)
#: (flip entity, mt entity) -> (signal of water, flip in degrees)
SCANS = {("1", "off"): ("PDw", FLIPS[0]), ("2", "off"): ("T1w", FLIPS[1]), ("1", "on"): ("MTw", FLIPS[0])}


def scanned(name, b1=1.0, sign=1, snr=400.0, seed=0, shares=FAT_FRACTIONS):
    """Complex scans (x, y, z, echoes) of blocks of one tissue with several fat fractions, and their truth."""
    rng = np.random.default_rng(seed)
    shape = (BLOCK[0] * len(shares), *BLOCK[1:])
    ff = np.repeat(shares, BLOCK[0])[:, None, None] * np.ones(shape)
    water = mpm(TISSUES[name], flips_deg=FLIPS, tr=TR, mt_flip_deg=FLIPS[0], b1=b1, pulse=PULSE, offset_hz=OFFSET)
    amplitude, r1, delta = one_pool_twin(*(water[n] for n in ("PDw", "T1w", "MTw")), FLIPS, TR, FLIPS[0], b1=b1)
    field, phase = 80 * smooth_map(rng, shape, 0.7), smooth_map(rng, shape, 0.7)
    t, r2 = np.array(TE), 40.0
    turn = np.exp(1j * phase[..., None] + 2j * np.pi * sign * field[..., None] * t - r2 * t)
    scans = {}
    for key, (which, flip) in SCANS.items():
        fat = ernst_weight(FAT_T1, b1 * flip, TR)
        lines = (1 - ff)[..., None] * water[which] + (ff * fat)[..., None] * fat_phasor(t, sign=sign)
        scans[key] = 1000 * add_noise(lines * turn, 1 / snr, rng)
    # bound water is not seen: the amplitude of the one pool stands for the water's protons
    seen = (1 - ff) * amplitude
    truth = {
        "T1": 1 / r1, "MTsat": delta, "MTR": 1 - water["MTw"] / water["PDw"], "R2star": r2, "T2star": 1 / r2, "B0": field,
        "FF": ff / (ff + seen), "blocks": ff,
    }  # fmt: skip
    return scans, truth


def fitted(scans, b1, sign=1):
    """Roles are found by their entities, so that their names are the declaration's own."""
    given = {}
    for role, need in stage_mt.BIOMARKER.needs.items():
        if not isinstance(need, SeriesNeed):
            continue
        entities = dict(need.entities)
        key = entities.get("flip"), entities.get("mt")
        if key not in scans or (need.optional and need.part != "complex"):
            continue
        flip = SCANS[key][1]
        told = {
            "echo_times": TE, "repetition_time": TR, "flip_angles_deg": (flip,) * len(TE), "field_strength": 3.0,
            "imaging_frequency_hz": LARMOR_3T, "precession_sign": sign, "mt_on": (key[1] == "on",) * len(TE),
        }  # fmt: skip
        if key[1] == "on":
            told |= {"mt_offset_hz": OFFSET, "mt_flip_angle_deg": MT_DEG}
        image = scans[key] if need.part == "complex" else np.abs(scans[key])
        given[role] = series(image, need.kinds[0], told, part=need.part)
    assert len(given) == 3, list(given)
    known = {"B1": np.full(next(iter(scans.values())).shape[:3], b1)}
    options = stage_mt.BIOMARKER.options()
    return run(stage_mt.BIOMARKER, given, options, known=known)


def block_means(maps, name, blocks):
    return np.array([np.nanmean(maps[name].values[blocks == ff]) for ff in FAT_FRACTIONS])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", TISSUES)
def test_all_at_once(name, sign):
    """Region means: water T1 and MTsat as without fat, whatever its fraction."""
    scans, truth = scanned(name, sign=sign)
    maps, _ = fitted(scans, 1.0, sign)
    for quantity, rel in (("T1", 0.02), ("MTsat", 0.03)):
        found = block_means(maps, quantity, truth["blocks"])
        assert np.allclose(found, truth[quantity], rtol=rel), (quantity, found, truth[quantity])
    found = block_means(maps, "FF", truth["blocks"])
    expected = [truth["FF"][truth["blocks"] == ff].mean() for ff in FAT_FRACTIONS]
    assert np.allclose(found, expected, atol=0.01), (found, expected)
    rate = [
        np.nanmean(1 / maps["T2star"].values[truth["blocks"] == ff]) for ff in FAT_FRACTIONS
    ]  # T2* itself is skewed
    assert np.allclose(rate, truth["R2star"], rtol=0.03), rate


@pytest.mark.parametrize("b1", [0.85, 1.15])
def test_b1_is_taken_out_of_t1(b1):
    scans, truth = scanned("muscle", b1)
    maps, _ = fitted(scans, b1)
    assert np.allclose(block_means(maps, "T1", truth["blocks"]), truth["T1"], rtol=0.02)


def test_sd_covers():
    scans, truth = scanned("nerve", seed=5)
    maps, _ = fitted(scans, 1.0)
    here = truth["blocks"] == 0.1
    for name in ("T1", "MTsat"):
        one = maps[name]
        covered = np.mean(np.abs(one.values[here] - truth[name]) < 1.96 * one.sd[here])
        assert 0.9 <= covered <= 0.98, (name, covered)


def test_fat_without_water_has_a_fat_fraction():
    """Half of the voxels of pure fat have less than no water, and so no T1 of water: FF and PD may not be lost with it, nor may
    the other half make the mean."""
    scans, truth = scanned("muscle", seed=6, shares=(0.0, 0.95, 1.0))
    maps, _ = fitted(scans, 1.0)
    for share in (0.95, 1.0):
        here = truth["blocks"] == share
        ff, pd = maps["FF"], maps["PD"]
        assert np.isfinite(ff.values[here]).all() and np.isfinite(pd.values[here]).all()
        expected = truth["FF"][here].mean()
        assert abs(ff.values[here].mean() - expected) < 0.003, (share, ff.values[here].mean(), expected)
        covered = np.mean(np.abs(ff.values[here] - expected) < 1.96 * ff.sd[here])
        assert covered > 0.9, (share, covered)
    assert np.isnan(maps["T1"].values[truth["blocks"] == 1.0]).mean() > 0.3
