"""The water-fat oracle against closed forms, limits and what its phantoms claim about themselves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .water_fat import (
    ECHO_TIMES,
    LARMOR_3T,
    SPECTRA,
    TENTHS,
    add_noise,
    ernst_weight,
    fat_phasor,
    hard_phantom,
    smooth_map,
    spectrum_lines,
    vials,
    water_fat_signal,
)

T = np.array(ECHO_TIMES)


class TestSpectrum:
    @pytest.mark.parametrize("name", SPECTRA)
    def test_areas_sum_to_one_and_most_fat_is_methylene(self, name):
        shift, area = spectrum_lines(name)
        assert area.sum() == pytest.approx(1)
        assert shift[np.argmax(area)] == pytest.approx(-3.4e-6)
        assert np.all(area > 0) and np.all(np.abs(shift) < 4e-6)

    @pytest.mark.parametrize("name", SPECTRA)
    def test_published_areas_were_normalised(self, name):
        """The published percentages add up to all of the fat but for rounding: a digit typed wrongly would show."""
        total = sum(SPECTRA[name][1])
        assert total == pytest.approx(1 if name == "one-line" else 1000, rel=2e-3)

    def test_phasor_is_one_at_time_zero(self):
        assert_allclose(fat_phasor([0.0], "ren-2008"), 1)

    def test_one_line_turns_at_434_hz_backwards(self):
        shift = -3.4e-6 * LARMOR_3T
        assert shift == pytest.approx(-434.3, abs=0.1)
        assert_allclose(fat_phasor(T, "one-line"), np.exp(2j * np.pi * shift * T), atol=1e-12)

    def test_other_sign_is_the_conjugate(self):
        assert_allclose(fat_phasor(T, "hamilton-2011", sign=-1), fat_phasor(T, "hamilton-2011").conj())

    def test_two_resolutions_of_one_fat_have_the_same_mass(self):
        """The nine lines merge into the six: their areas by group, and the mean shift of all."""
        (_, six), (_, nine) = (spectrum_lines(n) for n in ("hamilton-2011", "hamilton-2011-9"))
        merged = [nine[7] + nine[8], nine[6], nine[5], nine[3] + nine[4], nine[1] + nine[2], nine[0]]
        assert_allclose(merged, six)

    def test_published_spectra_differ_but_little(self):
        a, b = fat_phasor(T, "hamilton-2011"), fat_phasor(T, "ren-2008")
        assert 0.02 < np.abs(a - b).max() < 0.25


class TestSignal:
    def test_pure_water_on_resonance_decays(self):
        assert_allclose(water_fat_signal(0.0, 40.0), np.exp(-40 * T))

    def test_field_advances_phase_with_the_sign(self):
        for sign in (1, -1):
            s = water_fat_signal(0.0, 0.0, 100.0, sign=sign)
            assert_allclose(np.angle(s[1] / s[0]), sign * 2 * np.pi * 100 * 0.98e-3)

    def test_conjugate_of_all_but_the_initial_phase(self):
        s = water_fat_signal(0.3, 50.0, 120.0, phase=0.7)
        other = water_fat_signal(0.3, 50.0, 120.0, phase=0.7, sign=-1)
        assert_allclose(other * np.exp(-0.7j), (s * np.exp(-0.7j)).conj())

    def test_linear_in_fat_fraction(self):
        w, f, mix = (water_fat_signal(ff, 30.0, 20.0, m0=2.0) for ff in (0.0, 1.0, 0.35))
        assert_allclose(mix, 0.65 * w + 0.35 * f)

    def test_separate_decay(self):
        s = water_fat_signal(0.5, 30.0, r2star_fat=60.0, spectrum="one-line")
        turn = np.exp(2j * np.pi * -3.4e-6 * LARMOR_3T * T)
        assert_allclose(s, 0.5 * np.exp(-30 * T) + 0.5 * np.exp(-60 * T) * turn)

    def test_bipolar_errors_come_in_turn(self):
        ratio = water_fat_signal(0.2, 30.0, bipolar=0.1, bipolar_gain=0.02) / water_fat_signal(0.2, 30.0)
        assert_allclose(np.angle(ratio), 0.1 * (-1.0) ** np.arange(6))
        assert_allclose(np.abs(ratio), 1 + 0.02 * (-1.0) ** np.arange(6))

    def test_t1_weighting_raises_the_apparent_fat_fraction(self):
        how = {"t1_water": 1.4, "t1_fat": 0.37, "flip_deg": 20.0, "tr": 0.01}
        s = water_fat_signal(0.2, 0.0, spectrum="one-line", echo_times=(0.0,), **how)
        w, f = ernst_weight(1.4, 20.0, 0.01), ernst_weight(0.37, 20.0, 0.01)
        assert_allclose(s[0], 0.8 * w + 0.2 * f)
        assert 0.2 * f / (0.8 * w + 0.2 * f) > 0.35

    def test_ernst_limits(self):
        assert_allclose(ernst_weight(1.0, 90.0, 1e3), 1)
        assert_allclose(ernst_weight(1.0, 1e-3, 1.0), np.deg2rad(1e-3), rtol=1e-6)
        best = np.rad2deg(np.arccos(np.exp(-0.02 / 1.2)))
        near = ernst_weight(1.2, best + np.array([-1, 0, 1]), 0.02)
        assert near[1] == near.max()

    def test_shapes_broadcast(self):
        s = water_fat_signal(np.zeros((3, 1)), 30.0, np.zeros(4), t1_water=np.ones(4), t1_fat=0.4, flip_deg=5, tr=0.02)
        assert s.shape == (3, 4, 6)

    def test_noise_has_its_sd_in_each_channel(self):
        noise = add_noise(np.zeros(40000), 0.3, np.random.default_rng(1))
        assert noise.dtype == np.complex64
        assert noise.real.std() == pytest.approx(0.3, rel=0.02) and noise.imag.std() == pytest.approx(0.3, rel=0.02)


@pytest.fixture(scope="module", params=[0, 1])
def phantom(request):
    return hard_phantom(request.param)


class TestHardPhantom:
    def test_shapes_and_types(self, phantom):
        assert phantom.signals.shape == (96, 64, 16, 6) and phantom.signals.dtype == np.complex64
        assert all(v.shape == (96, 64, 16) for v in phantom.truth.values())

    def test_legs_are_parted_by_air_and_lie_inside(self, phantom):
        leg = phantom.truth["leg"]
        along_x = [np.flatnonzero((leg == k).any(axis=(1, 2))) for k in (1, 2)]
        assert along_x[0].max() + 1 < along_x[1].min()
        assert along_x[0].min() > 0 and along_x[1].max() < 95
        assert not phantom.mask[:, [0, -1]].any()

    def test_every_tissue_is_there(self, phantom):
        ff, m0, r2 = (phantom.truth[n] for n in ("FF", "M0", "R2star"))
        for leg in (1, 2):
            here = phantom.truth["leg"] == leg
            assert (here & phantom.muscle).sum() > 0.3 * here.sum()
            assert (here & (ff > 0.9)).sum() > 0.15 * here.sum()
            assert (here & (m0 < 0.1)).sum() > 50
            assert 180 < r2[here & phantom.muscle].max() <= 200 and r2[here].min() >= 20
        muscle = ff[phantom.muscle]
        assert muscle.min() == 0 and 0.3 < muscle.max() <= 0.45

    def test_field_fills_its_range_and_wraps(self, phantom):
        inside = phantom.truth["B0"][phantom.mask]
        assert inside.min() == pytest.approx(-500) and inside.max() == pytest.approx(500)
        assert 2 * np.pi * 500 * ECHO_TIMES[-1] > 4 * np.pi  # over the train the phase wraps more than once

    def test_field_is_mostly_smooth_and_jumps_somewhere(self, phantom):
        mask, field = phantom.mask, phantom.truth["B0"]
        steps = np.abs(np.diff(field, axis=0))[mask[1:] & mask[:-1]]
        assert np.median(steps) < 25 and steps.max() > 35

    def test_signal_is_the_formula_plus_noise(self, phantom):
        t = phantom.truth
        clean = water_fat_signal(t["FF"], t["R2star"], t["B0"], m0=t["M0"], phase=t["phase"])
        noise = (phantom.signals - clean)[phantom.mask]
        assert noise.real.std() == pytest.approx(1 / 20, rel=0.01)
        assert abs(noise.mean()) < 1e-3

    def test_seed_and_sign(self):
        small = {"shape": (48, 32, 4), "spacing_mm": (6.0, 6.0, 10.0)}
        a, b, c = hard_phantom(3, **small), hard_phantom(3, **small), hard_phantom(3, -1, **small)
        assert np.array_equal(a.signals, b.signals)
        assert all(np.array_equal(a.truth[n], c.truth[n]) for n in a.truth)
        assert not np.allclose(a.signals, c.signals)
        assert not np.array_equal(a.truth["FF"], hard_phantom(4, **small).truth["FF"])

    def test_bipolar_error_grows_across(self):
        a, b = (hard_phantom(0, bipolar=v, shape=(48, 32, 4), snr=1e9) for v in (0.0, 0.3))
        turned = np.angle(b.signals[..., 1] * a.signals[..., 1].conj())
        far, near = np.median(turned[-16:][a.mask[-16:]]), np.median(turned[:16][a.mask[:16]])
        assert far < -0.15 and -0.15 < near < -0.0


class TestVials:
    def test_every_vial_has_its_truth(self):
        phantom = vials()
        number = phantom.truth["vial"]
        assert number.max() == 33 and phantom.signals.shape == (*number.shape, 6)
        for k in range(1, 34):
            where = number == k
            assert where.sum() > 200
            assert np.all(phantom.truth["FF"][where] == TENTHS[(k - 1) % 11])
            assert np.all(phantom.truth["R2star"][where] == (20.0, 50.0, 100.0)[(k - 1) // 11])

    def test_noise_free_vial_is_its_formula(self):
        phantom = vials((0.4,), (50.0,), snr=1e12, field_peak=0.0)
        inside = phantom.truth["vial"] == 1
        mine = phantom.signals[inside] * np.exp(-1j * phantom.truth["phase"][inside])[:, None]
        assert_allclose(mine, np.broadcast_to(water_fat_signal(0.4, 50.0), mine.shape), atol=1e-6)


def test_smooth_map_is_smooth_and_scaled():
    m = smooth_map(np.random.default_rng(0), (40, 30, 8), 1.0)
    assert np.abs(m).max() == pytest.approx(1) and abs(m.mean()) < 0.5
    assert np.abs(np.diff(m, axis=0)).max() < 0.4
