"""The two-pool oracle against closed forms, limits and conservation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .bloch_mcconnell import expm, law, lineshape, mpm, mt_pulse, mt_spgr, one_pool, one_pool_twin, tissue

MUSCLE = tissue()
TR = 0.025


class TestLineshape:
    @pytest.mark.parametrize("kind", ["lorentzian", "gaussian", "super-lorentzian"])
    def test_area_is_one_over_angular_frequency(self, kind):
        """The super-Lorentzian is logarithmic at zero, and the Lorentzian falls slowly: substitute D = exp(s)."""
        s = np.linspace(np.log(1e-4), np.log(1e9), 6001)
        d = np.exp(s)
        g = np.array([lineshape(x, 1e-5, kind) for x in d])
        assert 2 * 2 * np.pi * np.sum((g * d)[1:] + (g * d)[:-1]) / 2 * (s[1] - s[0]) == pytest.approx(1, rel=2e-3)

    def test_super_lorentzian_second_moment(self):
        """Each orientation is a Gaussian of variance ((3u^2-1)/(2 T2b))^2; the mean of (3u^2-1)^2 is 4/5."""
        d = (np.arange(200000) + 0.5) * 1.0
        g = np.array([lineshape(x, 2e-5) for x in d[::50]])
        moment = 2 * np.sum(g * (2 * np.pi * d[::50]) ** 2) * 2 * np.pi * 50
        assert moment == pytest.approx(0.8 / 4 / 2e-5**2, rel=1e-3)

    def test_no_super_lorentzian_on_resonance(self):
        with pytest.raises(ValueError, match="no value"):
            lineshape(0, 1e-5)


class TestSteps:
    def test_exponential_of_a_rotation(self):
        assert_allclose(
            expm(np.array([[0, -8.0], [8.0, 0]])), [[np.cos(8), -np.sin(8)], [np.sin(8), np.cos(8)]], atol=1e-12
        )

    def test_exponential_of_a_nilpotent(self):
        assert_allclose(expm(np.array([[0, 3.0], [0, 0]])), [[1, 3], [0, 1]])

    def test_exchange_conserves_and_detailed_balance_rests(self):
        lossless = MUSCLE | {"R1": 0.0, "R1b": 0.0}
        a = law(0.0, 0.0, lossless, 0.0)
        assert_allclose(a[2] + a[3], 0, atol=1e-12)  # what one pool loses the other gains
        full = law(0.0, 0.0, MUSCLE, 0.0) @ np.array([0, 0, 1, MUSCLE["F"], 1])
        assert_allclose(full, 0, atol=1e-12)

    @pytest.mark.parametrize("shape", ["rect", "gaussian", "hann", "sinc-hann"])
    def test_pulse_has_its_area(self, shape):
        w1, dt = mt_pulse(220.0, 0.004, shape)
        assert w1.sum() * dt == pytest.approx(np.deg2rad(220))

    def test_on_resonance_pulse_turns_water(self):
        free = {"R1": 0.0, "T2": 1e9, "F": 0.0, "k": 0.0, "R1b": 0.0}
        m = np.array([0, 0, 1, 0, 1.0])
        w1, dt = mt_pulse(70.0, 0.002)
        for step in expm(law(w1, 0.0, free, 0.0) * dt):
            m = step @ m
        assert_allclose([np.hypot(m[0], m[1]), m[2]], [np.sin(np.deg2rad(70)), np.cos(np.deg2rad(70))], atol=1e-9)

    def test_off_resonance_rect_is_rabi(self):
        """z after a rectangle: 1 - 2 sin^2(W t/2) w1^2/W^2, W^2 = w1^2 + (2 pi D)^2."""
        free = {"R1": 0.0, "T2": 1e9, "F": 0.0, "k": 0.0, "R1b": 0.0}
        w1, dt = mt_pulse(400.0, 0.004, "rect")
        m = np.array([0, 0, 1, 0, 1.0])
        for step in expm(law(w1, 300.0, free, 0.0) * dt):
            m = step @ m
        big = np.hypot(w1[0], 2 * np.pi * 300)
        assert_allclose(m[2], 1 - 2 * np.sin(big * 0.004 / 2) ** 2 * w1[0] ** 2 / big**2, atol=1e-9)

    def test_lorentzian_rate_is_that_of_a_short_lived_spin(self):
        """Saturation of a bound pool by the rate law against Bloch with the transverse part kept (a free pool of short T2)."""
        t2b, offset = 1e-5, 9000.0
        w1, dt = mt_pulse(180.0, 0.01, "rect")
        spin = {"R1": 0.0, "T2": t2b, "F": 0.0, "k": 0.0, "R1b": 0.0}
        m = np.linalg.matrix_power(expm(law(w1[0], offset, spin, 0.0) * dt), len(w1)) @ np.array([0, 0, 1, 0, 1.0])
        assert m[2] == pytest.approx(
            np.exp(-np.pi * w1[0] ** 2 * lineshape(offset, t2b, "lorentzian") * 0.01), abs=1e-4
        )


class TestSteadyState:
    def test_no_bound_pool_is_ernst(self):
        lone = tissue(bound_fraction=0.0)
        assert mt_spgr(lone, 20.0, TR) == pytest.approx(one_pool(1, 1 / 1.2, 20.0, TR), abs=1e-8)

    def test_no_exchange_is_ernst(self):
        apart = tissue(exchange=0.0)
        assert mt_spgr(apart, 6.0, TR) == pytest.approx(one_pool(1, 1 / 1.2, 6.0, TR), abs=1e-8)

    def test_fast_exchange_is_one_pool(self):
        """Pools that mix at once: R1 is the weighted mean, the whole is turned with the free part (bound z is not excited)."""
        fast = tissue(exchange=1e5, r1_bound=2.0, bound_fraction=0.2)
        a, r1 = np.deg2rad(10.0), 0.8 / 1.2 + 0.2 * 2.0
        keep = 0.8 * np.cos(a) + 0.2
        e1 = np.exp(-r1 * TR)
        assert mt_spgr(fast, 10.0, TR) == pytest.approx(np.sin(a) * (1 - e1) / (1 - keep * e1), rel=1e-3)

    def test_a_pulse_of_no_angle_does_nothing(self):
        assert mt_spgr(MUSCLE, 6.0, TR, pulse=mt_pulse(0.0, 0.004)) == pytest.approx(mt_spgr(MUSCLE, 6.0, TR), abs=1e-9)

    def test_finer_steps_change_nothing(self):
        a, b = (mt_spgr(MUSCLE, 6.0, TR, pulse=mt_pulse(300.0, 0.004, n_steps=n)) for n in (400, 1600))
        assert a == pytest.approx(b, rel=1e-5)

    def test_pulse_saturates_more_with_angle_and_nearer_resonance(self):
        def s(angle, offset):
            return mt_spgr(MUSCLE, 6.0, TR, pulse=mt_pulse(angle, 0.004), offset_hz=offset)

        assert s(0, 2000) > s(150, 2000) > s(300, 2000) > s(300, 1200)

    def test_bound_saturation_by_the_excitation_lowers_the_signal(self):
        assert mt_spgr(MUSCLE, 20.0, TR, excite_saturation=0.1) < mt_spgr(MUSCLE, 20.0, TR)


class TestTwin:
    def test_round_trip(self):
        """Signals of one pool give that pool back."""
        how = {"flips_deg": (5.0, 22.0), "tr": TR, "mt_flip_deg": 6.0, "mt_tr": 0.03, "b1": 0.9}
        pd, t1 = (one_pool(3.0, 0.9, a, TR, b1=0.9) for a in (5.0, 22.0))
        mt = one_pool(3.0, 0.9, 6.0, 0.03, 0.021, 0.9)
        assert_allclose(one_pool_twin(pd, t1, mt, **how), (3.0, 0.9, 0.021), rtol=1e-8)

    def test_one_pool_is_the_played_out_train(self):
        z, a = 1.0, np.deg2rad(12.0)
        for _ in range(4000):
            ready = 0.97 * z
            z = 1 + (ready * np.cos(a) - 1) * np.exp(-0.8 * TR)
        assert one_pool(1, 0.8, 12.0, TR, 0.03) == pytest.approx(ready * np.sin(a), rel=1e-9)

    def test_fast_exchange_delta_is_the_saturated_share(self):
        """Mixing fast against TR but slow against the pulse: delta = f (1 - exp(-int W)), as all is shared before the next.

        The offset makes the water turn twice about its effective axis during the pulse: it ends where it began.
        """
        f, pulse = 0.1, mt_pulse(150.0, 2e-5, "rect", 50)
        t = tissue(t1=1.0, r1_bound=1.0, bound_fraction=f, exchange=500.0, shape="lorentzian", t2=1e9)
        offset = np.sqrt((2 / 2e-5) ** 2 - (np.deg2rad(150.0) / 2e-5 / 2 / np.pi) ** 2)
        w = np.pi * np.sum(pulse[0] ** 2) * pulse[1] * lineshape(offset, 9e-6, "lorentzian")
        s = mt_spgr(t, 0.1, 0.2, pulse=pulse, offset_hz=offset, gap=0.05)
        plain = mt_spgr(t, 0.1, 0.2)
        delta = f * (1 - np.exp(-w))
        z = 1.0
        for _ in range(1000):  # taken at once and shared; 50 ms later read, 150 ms later taken again
            z = 1 + (z * (1 - delta) - 1) * np.exp(-0.05)
            read = z
            z = 1 + (z - 1) * np.exp(-0.15)
        assert w > 0.05
        assert s / plain == pytest.approx(read, rel=1e-3)

    def test_mpm_and_its_twin_agree(self):
        signals = mpm(MUSCLE, pulse=mt_pulse(220.0, 0.004), offset_hz=2000.0, m0=100.0)
        amplitude, r1, delta = one_pool_twin(*(signals[n] for n in ("PDw", "T1w", "MTw")), (6.0, 20.0), TR, 6.0)
        assert one_pool(amplitude, r1, 6.0, TR, delta) == pytest.approx(signals["MTw"])
        assert 0.003 < delta < 0.06 and 0.7 < r1 < 1.0
