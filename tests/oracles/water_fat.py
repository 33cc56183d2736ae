"""Complex multi-echo gradient echoes of water and fat, from the sum over spectral lines alone.

One voxel, echo n at t = TE_n, s = +1 or -1 the precession sign:

    S_n = M0 e^{i phi0} e^{2 pi i s B0 t} [ a_w e^{-R2w t} + a_f e^{-R2f t} sum_p r_p e^{2 pi i s d_p f0 t} ]
          times  e^{i (-1)^n theta} (1 + (-1)^n g)                                (bipolar read-out)
    a_w = (1 - FF) w(T1w),  a_f = FF w(T1f),  w(T1) = sin a (1 - E1)/(1 - E1 cos a),  E1 = exp(-TR/T1)

Units: s, Hz, rad, 1/s; d_p in parts (1e-6) of the Larmor frequency f0, water at zero, fat at -3.4e-6; FF a fraction of
the proton density of all lines. With s = +1 the phase of a line above water grows with time; s = -1 turns every precession
around and leaves phi0 and theta alone. ``bipolar`` theta is half the phase between forward (even n, n = 0 first) and
backward echoes, and g likewise for the gain. Noise: sigma in each real channel.

Spectra, in ppm of the proton scale with the line of water beside them:

    hamilton-2011    six lines of liver fat: G Hamilton et al, NMR Biomed 2011;24:784, doi 10.1002/nbm.1622
    hamilton-2011-9  the same fat with its two broad groups resolved
    ren-2008         nine lines at the positions of J Ren et al, J Lipid Res 2008;49:2055, doi 10.1194/jlr.D800010-JLR200
    karampinos-2014  eight lines of thigh and marrow fat: DC Karampinos et al, Magn Reson Med 2014;71:1158
    one-line         -3.4 ppm, for closed forms
"""

from typing import NamedTuple

import numpy as np

#: name -> (position of the lines in ppm, their areas, position of water)
SPECTRA = {
    "hamilton-2011": ((5.3, 4.2, 2.75, 2.1, 1.3, 0.9), (47, 39, 6, 120, 700, 88), 4.7),
    "hamilton-2011-9": ((0.9, 1.3, 1.6, 2.02, 2.24, 2.75, 4.2, 5.19, 5.29), (88, 642, 58, 62, 58, 6, 39, 10, 37), 4.7),
    "ren-2008": (
        (0.90, 1.30, 1.60, 2.02, 2.24, 2.75, 4.20, 5.19, 5.29),
        (89.9, 583.4, 59.9, 84.9, 59.9, 15.0, 40.0, 10.0, 56.9),
        4.7,
    ),
    "karampinos-2014": ((0.9, 1.3, 1.59, 2.0, 2.25, 2.77, 4.2, 5.31), (87, 568, 58, 92, 58, 27, 38, 73), 4.7),
    "one-line": ((1.3,), (1.0,), 4.7),
}
#: Larmor frequency of protons at 3 T (Hz): gamma/2pi = 42.577478 MHz/T
LARMOR_3T = 3 * 42.577478e6
#: 1.15 + 0.98 n ms
ECHO_TIMES = tuple(1.15e-3 + 0.98e-3 * n for n in range(6))
#: 0, 10 ... 100 %
TENTHS = tuple(n / 10 for n in range(11))


class WaterFatPhantom(NamedTuple):
    """A scanned object: signals (x, y, z, n) complex64, truth maps (x, y, z), masks, and how it was scanned."""

    signals: np.ndarray
    truth: dict
    mask: np.ndarray
    muscle: np.ndarray
    echo_times: tuple
    sign: int
    sigma: float
    larmor_hz: float
    spacing_mm: tuple


def spectrum_lines(spectrum):
    """Shifts from water (parts, not ppm) and areas of sum one, of a named or given (ppm, areas, water ppm) spectrum."""
    ppm, areas, water = SPECTRA[spectrum] if isinstance(spectrum, str) else spectrum
    areas = np.asarray(areas, float)
    return (np.asarray(ppm, float) - water) * 1e-6, areas / areas.sum()


def fat_phasor(echo_times, spectrum="hamilton-2011", larmor_hz=LARMOR_3T, sign=1):
    """Signal of one unit of fat on water's resonance without relaxation, (n,) complex."""
    shift, area = spectrum_lines(spectrum)
    t = np.asarray(echo_times, float)[:, None]
    return np.sum(area * np.exp(2j * np.pi * sign * shift * larmor_hz * t), axis=1)


def ernst_weight(t1, flip_deg, tr):
    """Spoiled steady state just after the pulse per unit of M0."""
    a, e1 = np.deg2rad(flip_deg), np.exp(-tr / np.asarray(t1, float))
    return np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a))


def water_fat_signal(
    fat_fraction,
    r2star,
    field_hz=0.0,
    *,
    m0=1.0,
    echo_times=ECHO_TIMES,
    spectrum="hamilton-2011",
    larmor_hz=LARMOR_3T,
    sign=1,
    phase=0.0,
    r2star_fat=None,
    bipolar=0.0,
    bipolar_gain=0.0,
    t1_water=None,
    t1_fat=None,
    flip_deg=None,
    tr=None,
):
    """Noise-free complex signals: the maps broadcast to a shape, then (..., n). T1 weighting only where flip_deg is given."""
    ff, r2w, field, m0, phase, theta, gain = (
        np.asarray(v, float)[..., None] for v in (fat_fraction, r2star, field_hz, m0, phase, bipolar, bipolar_gain)
    )
    r2f = r2w if r2star_fat is None else np.asarray(r2star_fat, float)[..., None]
    water, fat = 1 - ff, ff
    if flip_deg is not None:
        water = water * np.asarray(ernst_weight(t1_water, flip_deg, tr))[..., None]
        fat = fat * np.asarray(ernst_weight(t1_fat, flip_deg, tr))[..., None]
    t = np.asarray(echo_times, float)
    lines = water * np.exp(-r2w * t) + fat * np.exp(-r2f * t) * fat_phasor(t, spectrum, larmor_hz, sign)
    turn = np.exp(1j * (phase + 2 * np.pi * sign * field * t))
    parity = (-1.0) ** np.arange(t.size)
    return m0 * lines * turn * np.exp(1j * theta * parity) * (1 + gain * parity)


def add_noise(signals, sigma, rng):
    """Complex signals with Gaussian noise of sd ``sigma`` in each real channel, complex64."""
    real, imag = rng.standard_normal((2, *np.shape(signals)))
    return (signals + sigma * (real + 1j * imag)).astype(np.complex64)


def positions(shape, spacing_mm):
    """Voxel centres in mm from the middle of the image: three arrays that broadcast to ``shape``."""
    return np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing_mm, strict=True)), indexing="ij", sparse=True
    )


def smooth_map(rng, shape, cycles=1.5, terms=12):
    """A random smooth map of zero mean and unit peak: a few cosines of at most ``cycles`` periods across the image."""
    axes = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij", sparse=True)
    out = np.zeros(shape)
    for _ in range(terms):
        k, start = rng.uniform(-cycles, cycles, 3), rng.uniform(0, 2 * np.pi)
        out += rng.standard_normal() * np.cos(2 * np.pi * sum(a * b for a, b in zip(k, axes, strict=True)) + start)
    out -= out.mean()
    return out / np.abs(out).max()


def hard_phantom(
    seed,
    sign=1,
    *,
    shape=(96, 64, 16),
    spacing_mm=(3.0, 3.0, 5.0),
    echo_times=ECHO_TIMES,
    snr=20.0,
    field_peak=500.0,
    spectrum="hamilton-2011",
    larmor_hz=LARMOR_3T,
    bipolar=0.0,
):
    """Two legs parted by air that tempt a water-fat separation to swap.

    Each leg: a ring of subcutaneous fat, muscles with intermuscular fat and smooth or patchy infiltration (FF to 0.45), a bone
    of cortical void around yellow marrow. R2* 20 to 200 /s. The field is smooth, differs between the legs, climbs steeply
    towards the ends and sides, jumps at the border of fat and muscle (60 Hz cos 2 angle) and stands off a dipole
    beside one leg; over the object it spans exactly +-``field_peak``, so that its phase wraps between echoes. sigma is
    1/``snr`` of pure tissue. ``truth``: FF, R2star, B0, M0, phase, leg (0 air, 1, 2).
    """
    rng = np.random.default_rng(seed)
    tissue = _legs(rng, shape, spacing_mm)
    mask = tissue["leg"] > 0
    field = _field(rng, shape, spacing_mm, tissue)
    low, high = field[mask].min(), field[mask].max()
    field = np.where(mask, (2 * (field - low) / (high - low) - 1) * field_peak, 0.0)
    ramp = rng.uniform(-2, 2, 3)
    x, y, z = positions(shape, spacing_mm)
    phase = 0.02 * (ramp[0] * x + ramp[1] * y + ramp[2] * z) + 2 * smooth_map(rng, shape) + rng.uniform(-np.pi, np.pi)
    theta = bipolar * (1 + x / np.abs(x).max()) / 2
    truth = {name: tissue[name] for name in ("FF", "R2star", "M0", "leg")} | {"B0": field, "phase": phase}
    clean = water_fat_signal(
        truth["FF"], truth["R2star"], field, m0=truth["M0"], echo_times=echo_times, spectrum=spectrum,
        larmor_hz=larmor_hz, sign=sign, phase=phase, bipolar=theta,
    )  # fmt: skip
    signals = add_noise(clean, 1 / snr, rng)
    muscle = tissue["muscle"]
    return WaterFatPhantom(signals, truth, mask, muscle, tuple(echo_times), sign, 1 / snr, larmor_hz, tuple(spacing_mm))


def _legs(rng, shape, spacing_mm):
    """Tissue of two legs: maps FF, R2star, M0, leg, muscle, and ``depth`` (0 at the skin, 1 in the middle)."""
    x, y, z = positions(shape, spacing_mm)
    half_x, half_y, half_z = (n * d / 2 for n, d in zip(shape, spacing_mm, strict=True))
    out = {name: np.zeros(shape) for name in ("FF", "M0", "angle")}
    out |= {"R2star": np.full(shape, 40.0), "leg": np.zeros(shape, int), "muscle": np.zeros(shape, bool)}
    infiltration = np.clip(0.12 + 0.33 * smooth_map(rng, shape, 3.0), 0, 0.45)
    r2star = 32 + 12 * smooth_map(rng, shape, 3.0)
    for leg, side in ((1, -1), (2, 1)):
        taper = 1 - rng.uniform(0.0, 0.15) * (z / half_z)
        centre = side * half_x * rng.uniform(0.46, 0.50), half_y * rng.uniform(-0.06, 0.06)
        u = (x - centre[0]) / (half_x * rng.uniform(0.36, 0.40) * taper)
        v = (y - centre[1]) / (half_y * rng.uniform(0.68, 0.78) * taper)
        r, angle = np.hypot(u, v), np.arctan2(v, u) + np.zeros(shape)
        body = r < 1
        ring = rng.uniform(0.12, 0.22) * (1 + 0.4 * np.cos(angle - rng.uniform(0, 2 * np.pi)))
        inner = body & (r < 1 - ring)
        spokes = np.cos(rng.integers(3, 6) * (angle - rng.uniform(0, 2 * np.pi)) + 0.05 * z) > 0.985
        septum = inner & spokes
        from_bone = np.hypot(u - rng.uniform(-0.2, 0.2), v - rng.uniform(-0.2, 0.2))
        bone, marrow = inner & (from_bone < 0.27), inner & (from_bone < 0.18)
        muscle = inner & ~septum & ~bone
        spot = rng.uniform(-0.6, 0.6, 3)
        iron = np.exp(-((u - spot[0]) ** 2 + (v - spot[1]) ** 2) / 0.05 - (z / half_z - spot[2]) ** 2 / 0.5)
        out["leg"][body], out["angle"][body] = leg, angle[body]
        out["muscle"] |= muscle
        out["M0"][body] = 1.0
        out["FF"][body] = rng.uniform(0.92, 1.0)
        out["FF"][muscle] = infiltration[muscle]
        out["FF"][septum] = rng.uniform(0.6, 0.9)
        out["FF"][marrow] = rng.uniform(0.85, 0.97)
        out["R2star"][body] = (r2star + 168 * iron / iron[body].max())[body].clip(20, 200)
        out["R2star"][marrow] = rng.uniform(80, 140)
        void = bone & ~marrow
        out["M0"][void], out["FF"][void], out["R2star"][void] = 0.02, 0.0, 200.0
    return out


def _field(rng, shape, spacing_mm, tissue):
    """Field in Hz before its range is set: slow part, steep ends, legs apart, jump at fat, a dipole beside one leg."""
    x, y, z = positions(shape, spacing_mm)
    half = [n * d / 2 for n, d in zip(shape, spacing_mm, strict=True)]
    slow = 200 * smooth_map(rng, shape, 0.7)
    ends = rng.uniform(-250, 250, 2)
    steep = (
        ends[0] * (x / half[0]) ** 4
        + ends[1] * (np.abs(z) / half[2]) ** 3
        + rng.uniform(-150, 150) * (y / half[1]) ** 3
    )
    legs = np.where(tissue["leg"] == 1, rng.uniform(-180, 180), rng.uniform(-180, 180))
    jump = np.where(tissue["muscle"], 60 * np.cos(2 * tissue["angle"]), 0.0)
    side = rng.choice((-1, 1))
    dx, dy, dz = x - side * 0.95 * half[0], y - rng.uniform(-0.5, 0.5) * half[1], z - rng.uniform(-0.5, 0.5) * half[2]
    far = np.sqrt(dx**2 + dy**2 + dz**2 + 15.0**2)
    dipole = rng.choice((-1, 1)) * 400 * (3 * dz**2 - (dx**2 + dy**2 + dz**2)) * 25.0**3 / far**5
    return slow + steep + legs + jump + dipole


def vials(
    fat_fractions=TENTHS,
    r2stars=(20.0, 50.0, 100.0),
    sign=1,
    *,
    seed=0,
    snr=50.0,
    echo_times=ECHO_TIMES,
    spectrum="hamilton-2011",
    larmor_hz=LARMOR_3T,
    across=9,
    slices=4,
    spacing_mm=(2.0, 2.0, 4.0),
    field_peak=60.0,
    **signal,
):
    """Vials in a water bath: one column a fat fraction, one row an R2*, discs of about ``across`` voxels.

    The bath is water (R2* 10 /s) at a quarter of the signal. ``truth`` has FF, R2star, B0, M0, phase and ``vial``
    (0 bath, then 1, 2 ... row by row); ``muscle`` marks the vials. ``signal`` goes to :func:`water_fat_signal`.
    """
    rng = np.random.default_rng(seed)
    pitch = across + 4
    shape = (pitch * len(fat_fractions), pitch * len(r2stars), slices)
    i, j = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    centre = (pitch - 1) / 2
    disc = np.hypot(i % pitch - centre, j % pitch - centre) <= across / 2
    number = np.where(disc, 1 + i // pitch + (j // pitch) * len(fat_fractions), 0)
    ff = np.concatenate([[0.0], np.tile(np.asarray(fat_fractions, float), len(r2stars))])[number]
    r2 = np.concatenate([[10.0], np.repeat(np.asarray(r2stars, float), len(fat_fractions))])[number]
    flat = {"FF": ff, "R2star": r2, "M0": np.where(number > 0, 1.0, 0.25), "vial": number}
    truth = {name: np.repeat(v[:, :, None], slices, axis=2) for name, v in flat.items()}
    truth["B0"] = field_peak * smooth_map(rng, shape, 0.5)
    truth["phase"] = np.full(shape, rng.uniform(-np.pi, np.pi))
    clean = water_fat_signal(
        truth["FF"], truth["R2star"], truth["B0"], m0=truth["M0"], echo_times=echo_times, spectrum=spectrum,
        larmor_hz=larmor_hz, sign=sign, phase=truth["phase"], **signal,
    )  # fmt: skip
    signals, everywhere = add_noise(clean, 1 / snr, rng), np.ones(shape, bool)
    inside = truth["vial"] > 0
    return WaterFatPhantom(
        signals, truth, everywhere, inside, tuple(echo_times), sign, 1 / snr, larmor_hz, tuple(spacing_mm)
    )
