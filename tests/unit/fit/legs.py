"""Two legs in a gradient-echo train: complex samples whose water, fat, field and R2* are known. NumPy only, no physics of ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TE = 1.15e-3 + 0.98e-3 * np.arange(6)
#: liver's six peaks (shift from water in 1e-6, share), written out here a second time
PEAKS = ((-3.8, 0.088), (-3.4, 0.7), (-2.6, 0.12), (-1.95, 0.006), (-0.5, 0.039), (0.6, 0.047))
LARMOR = 127.74e6


@dataclass
class Legs:
    signal: np.ndarray  # (x, y, z, n) complex64
    mask: np.ndarray
    ff: np.ndarray
    field: np.ndarray
    r2star: np.ndarray
    muscle: np.ndarray
    spacing: tuple[float, float, float]
    te: np.ndarray
    sigma: float


def unit_fat(te, peaks=PEAKS, larmor=LARMOR, sign=1):
    shares = np.array([s for _, s in peaks])
    turns = np.array([p for p, _ in peaks]) * 1e-6 * larmor
    return np.exp(2j * np.pi * sign * np.outer(te, turns)) @ (shares / shares.sum())


def smooth(rng, shape, waves=4):
    """A smooth texture between -1 and 1."""
    grids = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    out = np.zeros(shape)
    for _ in range(6):
        k, phase = rng.uniform(-waves, waves, 3), rng.uniform(0, 2 * np.pi)
        out += np.sin(np.pi * (k[0] * grids[0] + k[1] * grids[1] + 0.5 * k[2] * grids[2]) + phase)
    return out / np.abs(out).max()


def legs(seed, shape=(112, 64, 6), spacing=(2.5, 2.5, 5.0), snr=20.0, field_hz=500.0, r2_top=200.0, sign=1, te=TE, peaks=PEAKS,
         theta=None, larmor=LARMOR):  # fmt: skip
    rng = np.random.default_rng(seed)
    x, y, _ = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij"
    )
    width, height = shape[0] * spacing[0], shape[1] * spacing[1]
    ff, r2, amplitude = np.zeros(shape), np.full(shape, 35.0), np.zeros(shape)
    muscle, mask = np.zeros(shape, bool), np.zeros(shape, bool)
    field = np.zeros(shape)
    for side in (-1, 1):
        cx, cy = side * width * 0.25 + rng.uniform(-3, 3), rng.uniform(-3, 3)
        a, b = width * rng.uniform(0.19, 0.215), height * rng.uniform(0.38, 0.43)
        radius = np.hypot((x - cx) / a, (y - cy) / b)
        ring = rng.uniform(0.72, 0.9) + 0.06 * np.sin(3 * np.arctan2(y - cy, x - cx) + rng.uniform(0, 6))
        leg, inner = radius <= 1, radius <= ring
        bone = np.hypot(x - cx - 0.15 * a * side, y - cy + 0.1 * b)
        cortex, marrow = (bone < 15) & leg, bone < 10
        tissue = np.clip(0.04 + 0.45 * np.maximum(smooth(rng, shape, 5), 0) ** 2, 0, 1)
        angle = np.arctan2(y - cy, x - cx)
        sick = (np.abs(angle - rng.uniform(-3, 3)) < 0.5) & (radius > 0.3)
        tissue = np.where(sick, rng.uniform(0.5, 0.95), tissue)
        fascia = (np.abs(np.mod(angle * 5 / np.pi, 1) - 0.5) < 0.04) & (radius > 0.35)
        tissue = np.where(fascia, 0.75, tissue)
        ff = np.where(leg, np.where(inner, tissue, 0.93), ff)
        ff = np.where(cortex, np.where(marrow, 0.92, 0.1), ff)
        amplitude = np.where(leg, np.where(cortex & ~marrow, 0.08, 1.0), amplitude)
        muscle |= inner & ~cortex & leg & (tissue < 0.5)
        mask |= leg
        lift = rng.uniform(-0.3, 0.3)
        steep = 0.25 * np.exp(-(((radius - 1) / 0.15) ** 2)) * np.cos(2 * angle)
        field = np.where(leg | (np.sign(x) == side), lift + steep, field)
    field += 0.6 * smooth(rng, shape, 1.5) + 0.3 * x / width + 0.2 * y / height
    field = field / np.abs(field[mask]).max() * field_hz
    r2 = 20 + (r2_top - 20) * (0.5 + 0.5 * smooth(rng, shape, 4)) ** 2
    r2 = np.where(mask, r2, 0)
    phase = 1.5 * smooth(rng, shape, 2) + rng.uniform(-3, 3)
    amplitude = amplitude * (1 + 0.4 * smooth(rng, shape, 1))
    c = unit_fat(te, peaks, larmor, sign)
    signal = (amplitude * np.exp(1j * phase))[..., None] * ((1 - ff)[..., None] + ff[..., None] * c)
    signal = signal * np.exp((2j * np.pi * sign * field - r2)[..., None] * te)
    if theta is not None:
        signal = signal * np.exp(1j * theta * np.where(np.arange(len(te)) % 2 == 0, 1, -1))
    sigma = float(np.median(np.abs(signal[muscle][:, 0]))) / snr
    noise = rng.standard_normal((2, *signal.shape)) * sigma
    return Legs(
        (signal + noise[0] + 1j * noise[1]).astype(np.complex64), mask, ff, field, r2, muscle, spacing, te, sigma
    )
