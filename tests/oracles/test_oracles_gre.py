"""The spoiled gradient-echo oracles against closed forms and limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .afi_dam import afi, dam
from .bloch_gre import isochromats, profile_vfa, spgr, spoiled_train, vfa


def ernst(flip_deg, tr, t1):
    a, e1 = np.deg2rad(flip_deg), np.exp(-tr / t1)
    return np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a))


def ssfp_fid(flip_deg, tr, t1, t2):
    """Gradient-spoiled steady state under a constant RF phase: the mean over phi of balanced SSFP.

    sin a (1 - E1) (1 - E2 cos phi) / (p - q cos phi), with the means of 1 / (p - q cos phi) = 1/s and of cos phi / (p - q
    cos phi) = (p/s - 1)/q, s = sqrt(p^2 - q^2) (as ML Gyngell, Magn Reson Imaging 1988;6:415).
    """
    a, e1, e2 = np.deg2rad(flip_deg), np.exp(-tr / t1), np.exp(-tr / t2)
    p = 1 - e1 * np.cos(a) - e2**2 * (e1 - np.cos(a))
    q = e2 * (1 - e1) * (1 + np.cos(a))
    return np.tan(a / 2) * (1 - (e1 - np.cos(a)) * (1 - e2**2) / np.sqrt(p**2 - q**2))


class TestSpgr:
    @pytest.mark.parametrize("flip", [3.0, 15.0, 60.0])
    def test_perfect_spoiling_is_ernst(self, flip):
        s = spgr(flip, 0.02, np.array([0.4, 1.2]), 0.04, increment_deg=None)
        assert_allclose(s, ernst(flip, 0.02, np.array([0.4, 1.2])), atol=2e-8)

    @pytest.mark.parametrize("increment", [0.0, 50.0, 117.0])
    def test_vanishing_t2_is_ernst_whatever_the_increment(self, increment):
        assert_allclose(spgr(25.0, 0.02, 0.8, 5e-4, increment_deg=increment), ernst(25.0, 0.02, 0.8), atol=1e-8)

    @pytest.mark.parametrize(("flip", "t1", "t2"), [(10.0, 1.0, 0.05), (40.0, 0.4, 0.1), (70.0, 1.4, 0.03)])
    def test_constant_phase_is_the_gradient_spoiled_closed_form(self, flip, t1, t2):
        s = spgr(flip, 0.02, t1, t2, increment_deg=0.0)
        assert_allclose(s.real, ssfp_fid(flip, 0.02, t1, t2), atol=1e-6)
        assert_allclose(s.imag, 0, atol=1e-6)

    def test_more_isochromats_change_nothing(self):
        few = isochromats((0.02,), (1,), 0.06)
        a = spgr(20.0, 0.02, 1.0, 0.06, increment_deg=117.0)
        b = spgr(20.0, 0.02, 1.0, 0.06, increment_deg=117.0, n_iso=2 * few + 7)
        assert_allclose(a, b, atol=2e-7)

    def test_the_sum_over_increments_covers_what_is_known(self):
        """117 degrees spoils well, small increments do not: Zur 1991, Preibisch 2009."""
        perfect = ernst(20.0, 0.012, 1.0)
        off = {
            inc: abs(spgr(20.0, 0.012, 1.0, 0.08, increment_deg=inc)) / perfect - 1 for inc in (0.0, 5.0, 117.0, 169.0)
        }
        assert off[0.0] > 0.3 and abs(off[117.0]) < 0.05 and off[5.0] > 0.05
        assert all(np.isfinite(v) for v in off.values())

    def test_opposite_increments_mirror(self):
        a, b = (spgr(20.0, 0.015, 1.0, 0.05, increment_deg=i) for i in (50.0, -50.0))
        assert_allclose(a, np.conj(b), atol=1e-8)

    def test_b1_scales_the_angle(self):
        a = spgr(20.0, 0.02, 1.2, 0.04, 0.8, increment_deg=50.0)
        assert_allclose(a, spgr(16.0, 0.02, 1.2, 0.04, increment_deg=50.0), atol=1e-9)

    def test_parameters_do_not_meet_each_other(self):
        t1 = np.array([0.4, 1.4])
        assert_allclose(
            spgr(15.0, 0.02, t1, 0.04, increment_deg=50.0)[1],
            spgr(15.0, 0.02, 1.4, 0.04, increment_deg=50.0),
            atol=1e-7,
        )

    def test_a_cycle_of_equal_pulses_is_one_pulse(self):
        two = spoiled_train((18.0, 18.0), (0.02, 0.02), 1.0, 0.04, increment_deg=50.0)
        assert_allclose(two, spgr(18.0, 0.02, 1.0, 0.04, increment_deg=50.0), atol=1e-7)

    def test_relaxation_alone_ends_at_equilibrium(self):
        assert abs(spoiled_train((0.0,), (0.05,), 0.3, 0.04, increment_deg=50.0)[0]) == 0


class TestSeries:
    def test_echoes_decay(self):
        s = vfa((5.0, 20.0), 0.02, np.array([0.8, 1.2]), 0.04, echo_times=(0.0, 0.005), r2star=np.array([30.0, 50.0]))
        assert s.shape == (2, 2, 2)
        assert_allclose(s[..., 1] / s[..., 0], np.exp(-0.005 * np.array([[30.0], [50.0]])) * np.ones((2, 2)))

    def test_flat_profile_is_no_profile(self):
        flat = profile_vfa((5.0, 20.0), 0.02, 1.0, 0.04, (1.0, 1.0), increment_deg=50.0)
        assert_allclose(flat, vfa((5.0, 20.0), 0.02, 1.0, 0.04)[..., 0])


class TestAfi:
    def test_perfect_spoiling_is_the_published_ratio(self):
        """M1, M2 of VL Yarnykh, Magn Reson Med 2007;57:192, equations 1 and 2; ratio the other way round than the pulses."""
        t1, flip, tr1, tr2 = np.array([0.4, 1.4]), 55.0, 0.02, 0.1
        s = afi(flip, tr1, tr2, t1, 0.9)
        a, e1, e2 = np.deg2rad(0.9 * flip), np.exp(-tr1 / t1), np.exp(-tr2 / t1)
        below = 1 - e1 * e2 * np.cos(a) ** 2
        assert_allclose(s[..., 0], np.sin(a) * (1 - e2 + (1 - e1) * e2 * np.cos(a)) / below, atol=1e-8)
        assert_allclose(s[..., 1], np.sin(a) * (1 - e1 + (1 - e2) * e1 * np.cos(a)) / below, atol=1e-8)

    def test_short_tr_limit_gives_the_angle(self):
        s = afi(60.0, 1e-4, 5e-4, 2.0)
        r, n = s[1] / s[0], 5
        assert np.rad2deg(np.arccos((r * n - 1) / (n - r))) == pytest.approx(60, abs=0.01)

    def test_real_spoiling_approaches_perfect_with_short_t2(self):
        assert_allclose(afi(55.0, 0.02, 0.1, 1.0, t2=1e-3, increment_deg=39.0), afi(55.0, 0.02, 0.1, 1.0), atol=1e-6)

    def test_real_spoiling_is_off_at_long_t2(self):
        off = afi(55.0, 0.02, 0.1, 1.0, t2=0.05, increment_deg=0.0) - afi(55.0, 0.02, 0.1, 1.0)
        assert np.abs(off).max() > 0.01

    def test_uneven_ratio_is_refused(self):
        with pytest.raises(ValueError, match="whole multiple"):
            afi(55.0, 0.02, 0.09, 1.0)


class TestDam:
    def test_long_tr_is_the_cosine_rule(self):
        s = dam(60.0, 1e3, np.array([0.3, 1.4]), 0.85, signed=True)
        assert_allclose(s[:, 1] / (2 * s[:, 0]), np.cos(np.deg2rad(51.0)))

    def test_finite_tr_is_ernst(self):
        s = dam(60.0, 1.5, 1.4, 1.1)
        assert_allclose(s, [ernst(66.0, 1.5, 1.4), ernst(132.0, 1.5, 1.4)])

    def test_spin_echo_with_full_refocusing(self):
        """z after 180 degrees is inverted: steady state by hand."""
        tr, te, t1 = 2.0, 0.02, 1.0
        s = dam(30.0, tr, t1, te=te, t2=0.05, refocus_deg=180.0)
        c, h = np.cos(np.deg2rad([30.0, 60.0])), np.exp(-te / 2 / t1)
        e = np.exp(-(tr - te / 2) / t1)
        z = (1 - e - e * (1 - h)) / (1 + e * h * c)
        assert_allclose(s, z * np.sin(np.deg2rad([30.0, 60.0])) * np.exp(-te / 0.05), rtol=1e-10)

    def test_sign_is_lost_in_the_magnitude(self):
        assert dam(100.0, 1e3, 1.0, signed=True)[1] < 0 < dam(100.0, 1e3, 1.0)[1]
