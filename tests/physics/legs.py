"""Two legs in air: skin, fat under it, muscle with streaks of fat, bone; made of plain formulas, without the software's physics."""

import numpy as np

#: shifts (Hz per T) and amplitudes of the six peaks of fat, as in the software's default spectrum
PPM = np.array([-3.80, -3.40, -2.60, -1.95, -0.50, 0.60])
PEAKS = np.array([0.088, 0.700, 0.120, 0.006, 0.039, 0.047])
SPACING = (2.5, 2.5, 6.0)
SHAPE = (96, 56, 6)


def fat_signal(times, tesla=3.0):
    """(n,) complex: unit fat, one exponential a peak."""
    return np.exp(2j * np.pi * np.outer(times, PPM * 42.577478518 * tesla)) @ (PEAKS / PEAKS.sum())


def truth(seed):
    """(x, y, z) maps: FF, R2star (1/s), density (0 in air and bone), B0 (Hz), each leg's field being its own."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING, strict=True)], indexing="ij"
    )
    ff, density = np.zeros(SHAPE), np.zeros(SHAPE)
    field = np.zeros(SHAPE)
    for centre in (-58.0, 58.0):
        radius = 48 + 3 * rng.standard_normal() - 0.15 * z
        r = np.hypot(x - centre, y)
        angle = np.arctan2(y, x - centre)
        leg, muscle, bone = r < radius, r < radius - 10 - 2 * np.cos(2 * angle), np.hypot(x - centre - 8, y - 6) < 9
        streaks = 0.5 * (1 + np.sin((x - centre) / 7 + rng.uniform(0, 6)) * np.cos(y / 9 + rng.uniform(0, 6)))
        ff = np.where(leg, np.where(muscle, rng.uniform(0.02, 0.5) * streaks, 0.95), ff)
        density = np.where(leg & ~bone, 1.0, density)
        bend = rng.uniform(-1, 1, 4)
        field = np.where(np.abs(x - centre) < 58, rng.uniform(-30, 30) + 50 * (bend[0] * (x - centre) / 48 + bend[1] * y / 48)
                         + 30 * bend[2] * (y / 48) ** 2 + 20 * bend[3] * z / 18, field)  # fmt: skip
    return {"FF": ff, "R2star": np.where(ff > 0.9, 45.0, 32.0), "density": density, "B0": field}


def echoes(maps, times, snr, seed, sign=1, tesla=3.0, phase=0.7):
    """(x, y, z, n) complex64 with noise of 1/snr of unit density per channel."""
    rng = np.random.default_rng(seed + 1000)
    t = np.asarray(times)
    fat = fat_signal(t, tesla)
    fat = fat if sign > 0 else fat.conj()
    ff = maps["FF"][..., None]
    signal = (1 - ff + ff * fat) * np.exp(
        sign * 2j * np.pi * maps["B0"][..., None] * t + 1j * phase - maps["R2star"][..., None] * t
    )
    noise = rng.standard_normal((2, *signal.shape)) / snr
    return (1000 * (maps["density"][..., None] * signal + noise[0] + 1j * noise[1])).astype(np.complex64)
