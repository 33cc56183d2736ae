"""The field over whole images: nowhere are water and fat exchanged; which sense phase turns in; the readout's phase."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neuromyo.fit import field_candidates, field_graph, message_passing, readout_phase
from neuromyo.fit.field_map import field_map
from neuromyo.fit.precession import precession_sign
from neuromyo.fit.water_fat import fat_fraction, separate
from tests.unit.fit.legs import LARMOR, TE, legs, unit_fat

SHAPE = (96, 56, 3)


def apart(found, scene):
    """Voxels whose field is off by more than could keep water and fat apart; whole periods do not count."""
    off = found.field_hz - scene.field
    if found.period:
        off = off - found.period * np.round(off / found.period)
    return np.abs(off) > 150


@pytest.mark.parametrize("seed", range(4))
def test_no_muscle_is_exchanged_in_two_hard_legs(seed):
    sign = 1 if seed % 2 else -1
    scene = legs(seed, SHAPE, sign=sign)
    sense, evidence = precession_sign(scene.signal, TE, unit_fat(TE), scene.mask)
    assert sense == sign and evidence.decided
    found = field_map(scene.signal, TE, unit_fat(TE, sign=sign), scene.mask, scene.spacing, precession_sign=sign)
    assert found.islands == 2
    assert not apart(found, scene)[scene.muscle].any()
    fit = separate(
        scene.signal[scene.muscle],
        TE,
        unit_fat(TE, sign=sign),
        found.field_hz[scene.muscle],
        precession_sign=sign,
        covariance=False,
    )
    error = fat_fraction(fit.water, fit.fat) - scene.ff[scene.muscle]
    assert (np.abs(error) < 0.3).all() and abs(error.mean()) < 0.005
    assert found.energy - found.bound < 0.02 * abs(found.bound)


def test_single_voxels_would_have_been_exchanged():
    """The phantom is hard: the best candidate of each voxel alone is wrong in many."""
    scene = legs(0, SHAPE)
    axis = field_candidates.axis(TE, 1000.0)
    alone = field_candidates.find(scene.signal[scene.muscle], axis, field_candidates.projectors(TE, unit_fat(TE)), 1)
    off = alone.field[:, 0] - scene.field[scene.muscle]
    off -= axis.period * np.round(off / axis.period)
    assert (np.abs(off) > 150).mean() > 0.02


def test_uneven_echoes_know_the_field_beyond_a_period():
    te = np.array([1.1, 2.3, 3.2, 4.7, 5.5, 7.9]) * 1e-3
    scene = legs(5, (64, 40, 2), (3.5, 3.5, 5.0), te=te, field_hz=700.0, r2_top=120.0)
    found = field_map(scene.signal, te, unit_fat(te), scene.mask, scene.spacing)
    assert found.period == 0.0
    assert not apart(found, scene)[scene.muscle].any()


def test_a_wide_field_is_unwrapped_along_the_body():
    scene = legs(6, SHAPE, field_hz=900.0, snr=40.0)
    found = field_map(scene.signal, TE, unit_fat(TE), scene.mask, scene.spacing)
    assert not apart(found, scene)[scene.muscle].any()
    left = scene.mask & (np.arange(SHAPE[0])[:, None, None] < SHAPE[0] // 2)
    for leg in (left, scene.mask & ~left):
        periods = np.round((found.field_hz - scene.field)[leg & scene.muscle] / found.period)
        assert len(np.unique(periods)) == 1  # one period for all of a leg


def test_marrow_cut_off_from_the_rest_is_still_fat():
    scene = legs(7, SHAPE)
    marrow_and_rest = scene.mask & (
        np.abs(scene.signal[..., 0]) > 0.4 * np.median(np.abs(scene.signal[scene.mask][:, 0]))
    )
    found = field_map(scene.signal, TE, unit_fat(TE), marrow_and_rest, scene.spacing)
    fatty = marrow_and_rest & (scene.ff > 0.85)
    assert apart(found, scene)[fatty].mean() < 0.002


def test_threads_do_not_change_bits():
    scene = legs(8, (64, 40, 2))
    one, two = (
        field_map(scene.signal, TE, unit_fat(TE), scene.mask, scene.spacing, threads=t).field_hz.tobytes()
        for t in (1, 2)
    )
    assert one == two


def test_an_empty_mask_gives_nothing():
    scene = legs(9, (48, 32, 1), (5.0, 5.0, 5.0))
    found = field_map(scene.signal, TE, unit_fat(TE), np.zeros(scene.mask.shape, bool), scene.spacing)
    assert np.isnan(found.field_hz).all() and found.islands == 0


# --- the sense of precession ------------------------------------------------------------------------------------------


def test_one_peak_alone_cannot_tell_the_sense():
    scene = legs(1, SHAPE, peaks=((-3.4, 1.0),))
    assert not precession_sign(scene.signal, TE, unit_fat(TE, ((-3.4, 1.0),)), scene.mask)[1].decided


def test_water_alone_cannot_tell_the_sense():
    rng = np.random.default_rng(2)
    clean = np.exp(2j * np.pi * 30 * TE - 30 * TE) * np.ones((40, 40, 2, 1))
    noise = rng.standard_normal((2, *clean.shape)) / 50
    signal = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
    assert not precession_sign(signal, TE, unit_fat(TE))[1].decided


# --- messages ---------------------------------------------------------------------------------------------------------


def _brute_force(g, value, cost, variance, period, ceiling):
    best = np.inf
    for labels in itertools.product(range(value.shape[1]), repeat=len(value)):
        x = value[np.arange(len(value)), labels]
        total = cost[np.arange(len(value)), labels].sum()
        d = x[g.origin] - x[g.to]
        if period:
            d = d - period * np.round(d / period)
        total += np.minimum(d**2 / (2 * (g.spread + variance[g.origin] + variance[g.to])), ceiling).sum()
        best = min(best, total)
    return best


@pytest.mark.parametrize("period", [0.0, 700.0])
def test_messages_reach_what_trying_everything_reaches(period):
    rng = np.random.default_rng(3)
    reached = 0
    for _ in range(20):
        mask = np.ones((3, 3, 1), bool)
        g, parts = field_graph.of_mask(mask, (2.0, 2.0, 5.0), 10.0)
        assert parts == 1 and len(g.to) == 12
        value = rng.uniform(-350, 350, (9, 3)).astype(np.float32)
        cost = rng.exponential(4, (9, 3)).astype(np.float32)
        variance = rng.uniform(10, 100, 9).astype(np.float32)
        count = np.full(9, 3, np.uint8)
        found = message_passing.choose(g, value, cost, variance, count, period=period, ceiling=8.0, settled=0.0)
        best = _brute_force(g, value, cost, variance, period, 8.0)
        assert found.bound <= best + 1e-3 and found.energy >= best - 1e-3
        reached += found.energy < best + 1e-3
    assert reached >= 18


def test_parts_are_joined_across_a_gap_and_not_across_a_wide_one():
    mask = np.zeros((40, 3, 1), bool)
    mask[:5], mask[8:12] = True, True
    near, parts = field_graph.of_mask(mask, (2.0, 2.0, 5.0), 10.0)
    bridges = near.spread > (10.0 * 5.0) ** 2
    assert parts == 2 and bridges.any() and near.spread[bridges].min() == pytest.approx((10.0 * 8.0) ** 2)
    far, _ = field_graph.of_mask(mask, (40.0, 2.0, 5.0), 1.0)
    assert not (far.spread > 41.0**2).any()


# --- readout phase ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "slope"), [(0.05, 0.1), (0.3, 0.8), (-0.5, 1.2)])
def test_the_readout_phase_is_found(offset, slope):
    plane = np.broadcast_to((offset + slope * np.linspace(-0.5, 0.5, SHAPE[0]))[:, None, None], SHAPE)
    scene = legs(3, SHAPE, snr=30, theta=plane[..., None])
    found = readout_phase.estimate(scene.signal, TE, unit_fat(TE), scene.mask, scene.spacing)
    assert found is not None
    assert np.abs(found - plane)[scene.mask].max() < 0.01


def test_no_readout_phase_is_invented():
    scene = legs(4, SHAPE, larmor=LARMOR)
    found = readout_phase.estimate(scene.signal, TE, unit_fat(TE), scene.mask, scene.spacing)
    assert found is None or np.abs(found[scene.mask]).max() < readout_phase.NEGLIGIBLE


def test_one_doubtful_voxel_casts_no_doubt_on_the_whole_leg():
    rng, times = np.random.default_rng(2), 0.0023 + 0.0019 * np.arange(6)
    shares = np.zeros((40, 40, 2))
    shares[:8] = 0.93
    fat = np.exp(2j * np.pi * np.outer(times, (-3.80, -3.40, -2.60, -1.94, -0.39, 0.60)) * 127.7) @ np.array(
        (0.087, 0.693, 0.128, 0.004, 0.039, 0.048)
    )
    signals = 1000 * ((1 - shares[..., None]) + shares[..., None] * fat) * np.exp(-40 * times)
    signals[20, [10, 18, 26], 1] = 0  # noise alone: any field fits
    signals = signals + 10 * (rng.standard_normal(signals.shape) + 1j * rng.standard_normal(signals.shape))
    found = field_map(signals.astype(np.complex64), times, fat, None, (1.0, 1.0, 4.0))
    assert (found.confidence[20, [18, 26], 1] < 1.92).all()
    assert np.median(found.confidence) > 30 and (found.confidence < 1.92).mean() < 0.01
