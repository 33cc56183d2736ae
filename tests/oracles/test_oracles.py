"""The oracles against closed forms.

Refocusing without relaxation, by hand. Write m = x + iy, c = cos^2(alpha/2),
s = sin^2(alpha/2), q = sin(alpha), so c + s = 1, c - s = cos(alpha), q^2 = 4 s c. The
rotation about x by alpha is

    m' = c m + s m* - i q z,      z' = (c - s) z + q Im m,

and each echo is the term of m' in exp(-i phi) right after its pulse: the one that the
next dephasing by phi brings to exp(0). Let e_k = exp(i k phi); -i sin(phi) is
(e_-1 - e_1)/2.

    excitation      m = 1, z = 0;  dephased: m = e_1
    pulse 1         m' = c e_1 + s e_-1,  z' = q sin(phi)
    echo 1 = s
    before pulse 2  m = c e_3 + s e_1,  z = q sin(phi)
    pulse 2         m' = c^2 e_3 + (cs - q^2/2) e_1 + (s^2 + q^2/2) e_-1 + sc e_-3
                       = c^2 e_3 - sc e_1 + (s^2 + 2sc) e_-1 + sc e_-3
                    z' = q (c - s) sin(phi) + q (c sin(3 phi) + s sin(phi))
                       = q c (sin(phi) + sin(3 phi))
    echo 2 = s^2 + 2sc = s (1 + c) = 1 - c^2
    before pulse 3  m = c^2 e_5 - sc e_3 + (s^2 + 2sc) e_1 + sc e_-1,  z as above
    pulse 3         e_-1 of m': c (sc) + s (s^2 + 2sc) + c q^2/2
    echo 3 = sc^2 + s^3 + 2 s^2 c + 2 s c^2 = s (s^2 + 2sc + 3c^2) = s (1 + 2c^2)

Any echo. Dephase, pulse, dephase is one rotation, the same between all echoes, by
Omega about n with cos(Omega/2) = cos(alpha/2) cos(phi) and n_x sin(Omega/2) =
sin(alpha/2). It has turned x(0) = 1 n times at echo n, so by Rodrigues' formula

    echo n = mean over phi of  n_x^2 + (1 - n_x^2) cos(n Omega).
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from . import (
    cpmg,
    cpmg_complex,
    hann_sinc_pulse,
    inversion_recovery,
    rice_fisher,
    rice_moments,
    rice_pdf,
    rician,
    rician_crlb,
    sinc_pulse,
    slice_gradient,
    slice_profile_bloch,
    two_pool,
)
from .bloch_cpmg import about_x, about_y, about_z, phases, steady_state
from .rice import scaled_bessel

pytestmark = pytest.mark.filterwarnings("error")

LONG = 1e15  # s: no relaxation
TRAIN = {"t1": 1.2, "n_echoes": 9, "echo_spacing": 0.01}
PROFILE = {
    "excite_profile": np.array([1.0, 0.8, 0.3]),
    "refocus_profile": np.array([1.0, 0.7, 0.2]),
}


# The train -----------------------------------------------------------------------


def test_rotations_are_right_handed_and_keep_length():
    half = np.pi / 2
    assert_allclose(about_x((0.0, 1.0, 0.0), half), (0, 0, 1), atol=1e-15)
    assert_allclose(about_y((0.0, 0.0, 1.0), half), (1, 0, 0), atol=1e-15)
    assert_allclose(about_z((1.0, 0.0, 0.0), half), (0, 1, 0), atol=1e-15)
    m = (0.3, -0.5, 0.7)
    turned = about_z(about_y(about_x(m, 0.4), 1.9), -2.6)
    assert_allclose(np.linalg.norm(turned), np.linalg.norm(m), rtol=1e-15)


def test_ideal_pulses_give_exponential_decay():
    t2 = np.array([[0.02], [0.05], [1.0]])
    te = 0.014 + 0.01 * np.arange(9)
    signal = cpmg(t2[:, 0], first_echo=0.014, **TRAIN)
    assert_allclose(signal, np.exp(-te / t2), rtol=1e-12)


@pytest.mark.parametrize("alpha", [180.0, 160.0, 120.0, 90.0, 35.0])
def test_three_echoes_by_hand(alpha):
    s = np.sin(np.deg2rad(alpha) / 2) ** 2
    c = 1 - s
    signal = cpmg(LONG, t1=LONG, n_echoes=3, echo_spacing=0.01, refocus_deg=alpha)
    assert_allclose(signal, [s, s * (1 + c), s * (1 + 2 * c**2)], rtol=1e-12)


@pytest.mark.parametrize("alpha", [160.0, 120.0, 60.0])
def test_every_echo_from_one_composite_rotation(alpha):
    echo = np.arange(1, 18)[:, None]
    half, phi = np.deg2rad(alpha) / 2, phases(400)
    omega = 2 * np.arccos(np.cos(half) * np.cos(phi))
    axis2 = (np.sin(half) / np.sin(omega / 2)) ** 2
    expected = np.mean(axis2 + (1 - axis2) * np.cos(echo * omega), axis=1)
    signal = cpmg(LONG, t1=LONG, n_echoes=17, echo_spacing=0.01, refocus_deg=alpha)
    assert_allclose(signal, np.abs(expected), rtol=1e-11)


def test_second_echo_with_relaxation_by_hand():
    """The stimulated part q^2/2 spends ESP along z: T1 there, T2 before and after."""
    t1, t2, esp, alpha = 0.4, 0.05, 0.012, np.deg2rad(130)
    s, q = np.sin(alpha / 2) ** 2, np.sin(alpha)
    spin, stimulated = np.exp(-2 * esp / t2), np.exp(-esp / t2 - esp / t1)
    expected = s**2 * spin + q**2 / 2 * stimulated
    signal = cpmg(t2, t1=t1, n_echoes=2, echo_spacing=esp, refocus_deg=130)
    assert_allclose(signal[1], expected, rtol=1e-12)


def test_excitation_scales_and_b1_is_symmetric_about_one():
    low, high = cpmg(0.04, [0.7, 1.3], **TRAIN)
    assert_allclose(low, high, rtol=1e-12)
    weak = cpmg(0.04, excite_deg=30, **TRAIN)
    assert_allclose(weak, cpmg(0.04, **TRAIN) / 2, rtol=1e-12)


def test_b1_scales_every_pulse():
    case = dict(TRAIN, tr=0.7)
    direct = cpmg(0.04, excite_deg=72, refocus_deg=112, **case)
    assert_allclose(cpmg(0.04, 0.8, refocus_deg=140, **case), direct, rtol=1e-11)
    case = {"te": 0.02, "tr": 0.9}
    angles = {"inversion_deg": 144, "excite_deg": 72, "refocus_deg": 144}
    direct = inversion_recovery(0.2, 0.8, 0.05, **angles, **case)
    scaled = inversion_recovery(0.2, 0.8, 0.05, 0.8, **case)
    assert_allclose(scaled, direct, rtol=1e-11)


@pytest.mark.parametrize(("n_iso", "cycles"), [(20, 1), (64, 1), (19, 3), (101, 8)])
def test_number_of_isochromats_does_not_matter(n_iso, cycles):
    case = dict(TRAIN, tr=1.5, refocus_deg=130, **PROFILE)
    other = cpmg(0.05, 0.9, n_iso=n_iso, cycles=cycles, **case)
    assert_allclose(other, cpmg(0.05, 0.9, **case), rtol=1e-11)


def test_aliasing_numbers_are_refused():
    for n_iso, cycles in [(18, 1), (20, 2)]:
        with pytest.raises(ValueError, match="n_iso"):
            cpmg(0.05, n_iso=n_iso, cycles=cycles, **TRAIN)


def test_slice_is_the_mean_of_its_positions():
    case = dict(TRAIN, tr=0.8, refocus_deg=150)
    pairs = zip(*PROFILE.values(), strict=True)
    parts = [cpmg_complex(0.05, excite_profile=[e], refocus_profile=[r], **case) for e, r in pairs]
    whole = cpmg_complex(0.05, **case, **PROFILE)
    assert_allclose(whole, np.mean(parts, axis=0), rtol=1e-12, atol=1e-15)
    assert_allclose(whole.imag, 0, atol=1e-14)  # CPMG keeps the phase


def test_parameter_sets_broadcast():
    t2, b1 = np.linspace(0.02, 0.2, 7)[:, None], np.array([0.6, 1.0, 1.1])
    together = cpmg(t2, b1, tr=1.0, **TRAIN, **PROFILE)
    assert together.shape == (7, 3, 9)
    alone = cpmg(t2[4, 0], b1[2], tr=1.0, **TRAIN, **PROFILE)
    assert_allclose(together[4, 2], alone, rtol=1e-11)


def test_signals_stay_within_bounds():
    rng = np.random.default_rng(3)
    t2, b1 = rng.uniform(0.005, 0.5, 60), rng.uniform(0.2, 1.8, 60)
    signal = cpmg(t2, b1, tr=0.3, refocus_deg=140, **TRAIN, **PROFILE)
    te = 0.01 * np.arange(1, 10)
    assert np.all(signal >= 0)
    # No path is transverse for less than one spacing, and none outlives T1 decay.
    assert np.all(signal <= np.exp(-0.01 / t2 - (te - 0.01).T[:, None] / 1.2).T)


# Repetition ----------------------------------------------------------------------


@pytest.mark.parametrize("n_echoes", [1, 2, 9])
def test_saturation_with_ideal_pulses(n_echoes):
    """With u = z - 1, a 180 gives u -> -u - 2 and u decays in between."""
    t1, tr, esp = 0.9, 0.5, 0.01
    k = np.arange(1, n_echoes + 1)
    sign = (-1.0) ** (n_echoes - k)
    start = 1 - (-1.0) ** n_echoes * np.exp(-tr / t1)
    start -= 2 * np.sum(sign * np.exp(-(tr - (k - 0.5) * esp) / t1))
    signal = cpmg(0.04, t1=t1, n_echoes=n_echoes, echo_spacing=esp, tr=tr)
    assert_allclose(signal, start * np.exp(-esp * k / 0.04), rtol=1e-11)


def test_saturation_with_any_angles():
    """One echo: z -> cos(t) z, recovers, -> cos(a) z, recovers; solve for z."""
    t1, tr, te, a, t = 0.9, 0.3, 0.02, np.deg2rad(110), np.deg2rad(65)
    ea, eb = np.exp(-te / 2 / t1), np.exp(-(tr - te / 2) / t1)
    z = (1 - eb + np.cos(a) * eb * (1 - ea)) / (1 - np.cos(a) * np.cos(t) * ea * eb)
    expected = z * np.sin(t) * np.sin(a / 2) ** 2 * np.exp(-te / 0.04)
    case = {"n_echoes": 1, "echo_spacing": te, "excite_deg": 65, "refocus_deg": 110}
    assert_allclose(cpmg(0.04, t1=t1, tr=tr, **case), expected, rtol=1e-11)


def test_repetition_scales_all_echoes_of_one_position_alike():
    """Fresh z never reaches an echo: the crushers leave it an odd order there."""
    case = dict(TRAIN, refocus_deg=130)
    ratio = cpmg(0.05, tr=0.6, **case) / cpmg(0.05, **case)
    assert_allclose(ratio, ratio[0], rtol=1e-11)
    assert 0 < ratio[0] < 1
    assert_allclose(cpmg(0.05, tr=60.0, **case), cpmg(0.05, **case), rtol=1e-12)


def test_repetition_played_out():
    """The steady state is where shot after shot leads, with and without stripes."""

    def shot(z):
        m = about_y((0.0, 0.0, z), 1.2)
        m = about_z(about_x(about_z(m, phases(2, 9)), 2.0), phases(2, 9))
        return np.mean(m[0], axis=(1, 2)), 1 + np.exp(-0.5) * (m[2] - 1)

    for keep in (False, True):
        z = np.ones((1, 1, 1))
        for _ in range(80):
            echo, z = shot(z)
            z = z if keep else z.mean(axis=-1, keepdims=True)
        assert_allclose(steady_state(shot, keep), echo, rtol=1e-11)


def test_longitudinal_stripes():
    case = dict(TRAIN, refocus_deg=130)
    kept = cpmg(0.05, tr=0.6, keep_stripes=True, n_iso=199, **case)
    more = cpmg(0.05, tr=0.6, keep_stripes=True, n_iso=301, **case)
    assert_allclose(kept, more, rtol=1e-9)
    ideal = cpmg(0.05, tr=0.6, keep_stripes=True, **TRAIN)
    assert_allclose(ideal, cpmg(0.05, tr=0.6, **TRAIN), rtol=1e-11)


def test_train_longer_than_tr_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        cpmg(0.05, tr=0.05, **TRAIN)


def test_two_pools():
    water, fat = (1.4, 0.035), (0.35, 0.15)
    case = dict(n_echoes=9, echo_spacing=0.01, tr=3.0, refocus_deg=150, **PROFILE)
    none, some, full = two_pool([0, 0.3, 1], water, fat, b1=0.9, s0=7.0, **case)
    assert_allclose(none, 7 * cpmg(0.035, 0.9, t1=1.4, **case), rtol=1e-11)
    assert_allclose(full, 7 * cpmg(0.15, 0.9, t1=0.35, **case), rtol=1e-11)
    assert_allclose(some, 0.7 * none + 0.3 * full, rtol=1e-12)


@pytest.mark.parametrize("tr", [1.0, 2.5, np.inf])
def test_inversion_recovery(tr):
    ti, t1, te = np.array([0.03, 0.1, 0.4, 0.9]), 0.8, 0.02
    z = 1 - 2 * np.exp(-ti / t1) - np.exp(-tr / t1) + 2 * np.exp(-(tr - te / 2) / t1)
    signal = inversion_recovery(ti, t1, 0.05, te=te, tr=tr)
    assert_allclose(signal, np.abs(z) * np.exp(-te / 0.05), rtol=1e-10)


def test_inversion_recovery_without_inversion_is_a_spin_echo():
    angles = {"excite_deg": 80, "refocus_deg": 140}
    signal = inversion_recovery(0.0, 0.8, 0.05, 0.9, te=0.02, tr=0.5, inversion_deg=0, **angles)
    echo = cpmg(0.05, 0.9, t1=0.8, n_echoes=1, echo_spacing=0.02, tr=0.5, **angles)
    assert_allclose(signal, echo[0], rtol=1e-11)


# The slice -----------------------------------------------------------------------


def test_rectangular_pulse_off_resonance():
    """cos(flip) = 1 - (w1/W)^2 (1 - cos(W T)), W^2 = w1^2 + dw^2."""
    w1, duration, dw = np.pi / 2e-3, 1e-3, np.linspace(-9e3, 9e3, 31)
    flip, _ = slice_profile_bloch(np.full(2000, w1), duration / 2000, 1.0, dw)
    w = np.hypot(w1, dw)
    assert_allclose(np.cos(flip), 1 - (w1 / w) ** 2 * (1 - np.cos(w * duration)), atol=2e-5)


def test_waveforms():
    sinc, dwell = sinc_pulse(6, 3e-3, 300, 50.0)
    hann, _ = hann_sinc_pulse(6, 3e-3, 300, 50.0)
    t = (np.arange(300) + 0.5) / 300 - 0.5
    window = (1 + np.cos(2 * np.pi * t)) / 2
    assert_allclose(hann / hann.max(), window * sinc / (window * sinc).max(), rtol=1e-9)
    assert_allclose([sinc.sum() * dwell, hann.sum() * dwell], np.deg2rad(50))
    assert np.count_nonzero(np.diff(np.sign(sinc))) == 4  # t = +-T/6, +-T/3; not ends


@pytest.mark.parametrize("maker", [sinc_pulse, hann_sinc_pulse])
def test_small_tips_follow_the_fourier_transform(maker):
    pulse, dwell = maker(4, 2e-3, 400, 1.0)
    r = np.linspace(-0.01, 0.01, 41)
    g = slice_gradient(4, 2e-3, 5e-3)
    t = (np.arange(400) + 0.5) * dwell - 1e-3
    expected = -1j * np.exp(1j * g * np.outer(r, -t)) @ pulse * dwell
    flip, transverse = slice_profile_bloch(pulse, dwell, g, r)
    assert_allclose(transverse, expected, atol=2e-4 * np.deg2rad(1))
    assert_allclose(flip, np.abs(expected), atol=2e-4 * np.deg2rad(1))


@pytest.mark.parametrize("flip_deg", [30.0, 90.0, 160.0, 180.0])
@pytest.mark.parametrize("maker", [sinc_pulse, hann_sinc_pulse])
def test_centre_edge_and_outside_of_the_slice(maker, flip_deg):
    pulse, dwell = maker(8, 3e-3, 600, flip_deg)
    g = slice_gradient(8, 3e-3, 4e-3)
    flip, _ = slice_profile_bloch(pulse, dwell, g, [0.0, 1e-3, -1e-3, 12e-3])
    assert_allclose(flip[0], np.deg2rad(flip_deg), rtol=1e-6)
    assert_allclose(flip[1], flip[2], rtol=1e-9)
    assert flip[3] < 0.05 * flip[0]
    if flip_deg == 30:
        edge, _ = slice_profile_bloch(pulse, dwell, g, [2e-3])
        assert_allclose(edge / flip[0], 0.5, atol=0.03)


def test_phase_of_the_pulse_turns_the_magnetisation_only():
    pulse, dwell = hann_sinc_pulse(4, 2e-3, 200, 90)
    r, g = np.linspace(-5e-3, 5e-3, 11), slice_gradient(4, 2e-3, 5e-3)
    flip, m = slice_profile_bloch(pulse, dwell, g, r)
    flip90, m90 = slice_profile_bloch(1j * pulse, dwell, g, r)
    assert_allclose(flip90, flip, rtol=1e-9)
    assert_allclose(m90, 1j * m, atol=1e-12)


# The noise -----------------------------------------------------------------------


def test_bessel_functions():
    x = np.array([0.0, 0.3, 2.0, 40.0, 300.0])
    i0, i1 = scaled_bessel(x)
    assert_allclose(i0, np.i0(x) * np.exp(-x), rtol=1e-12)
    large = 1 - 1 / (2 * 1e5) - 1 / (8 * 1e10)  # I1/I0 at 1e5
    i0, i1 = scaled_bessel(1e5)
    assert_allclose(i1 / i0, large, rtol=1e-13)


def test_rayleigh_floor():
    mean, var = rice_moments(0.0, 3.0)
    assert_allclose(mean, 3 * np.sqrt(np.pi / 2), rtol=1e-12)
    assert_allclose(var, 9 * (2 - np.pi / 2), rtol=1e-12)


def test_second_moment_at_any_snr():
    a = np.array([0.0, 0.1, 1.0, 3.0, 20.0, 200.0])
    mean, var = rice_moments(a * 0.5, 0.5)
    assert_allclose(var + mean**2, 0.25 * (a**2 + 2), rtol=1e-12)


def test_high_snr_moments():
    mean, var = rice_moments(100.0, 1.0)
    assert_allclose(mean, 100 + 1 / 200, rtol=1e-8)
    assert_allclose(var, 1 - 1 / 2e4, rtol=1e-7)


def test_density_integrates_to_one():
    m = np.linspace(0, 60, 6001)
    assert_allclose(np.trapezoid(rice_pdf(m, 7.0, 4.0), m), 1, rtol=1e-6)


def test_draws_follow_the_moments():
    draws = rician(np.array([2.0, 1.0, 0.0]), 200_000, np.random.default_rng(8), snr=4)
    mean, var = rice_moments([2.0, 1.0, 0.0], 0.5)
    assert draws.shape == (200_000, 3)
    assert_allclose(draws.mean(axis=0), mean, atol=5 * 0.5 / np.sqrt(2e5))
    assert_allclose(draws.var(axis=0), var, rtol=0.02)


def test_fisher_information_limits_and_definition():
    assert_allclose(rice_fisher(0.01 * 2, 2.0), 1e-4 / 4, rtol=1e-3)  # a^2/sigma^2
    assert_allclose(rice_fisher(2000.0, 2.0), 1 / 4, rtol=1e-6)  # Gaussian
    m, h = np.linspace(1e-6, 14, 4001), 1e-4
    up, down = rice_pdf(m, 1.5 + h, 1.0), rice_pdf(m, 1.5 - h, 1.0)
    slope = (up - down) / (2 * h)
    info = np.trapezoid(slope**2 / rice_pdf(m, 1.5, 1.0), m)
    assert_allclose(rice_fisher(1.5, 1.0), info, rtol=1e-5)


def test_crlb_is_the_gaussian_one_at_high_snr():
    te, theta, sigma = np.linspace(0.01, 0.05, 9), np.array([2.0, 0.04]), 1e-3

    def decay(p):
        return p[0] * np.exp(-te / p[1])

    jac = np.stack([decay(theta) / 2.0, decay(theta) * te / 0.04**2])
    gaussian = sigma**2 * np.linalg.inv(jac @ jac.T)
    assert_allclose(rician_crlb(decay, theta, sigma), gaussian, rtol=1e-5)
    floor = rician_crlb(decay, theta, 1.0)
    assert np.all(np.diag(floor) > 1e6 * np.diag(gaussian))  # Rice knows less
