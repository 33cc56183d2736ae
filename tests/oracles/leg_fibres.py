"""Two legs of pennate, curved and twisted muscles with known fibre directions, and their diffusion-weighted magnitudes.

Everything is written in world coordinates (mm, RAS) and turned into an image by an affine only at the end; NumPy alone.

    axis of the leg + tan(pennation) towards an aponeurosis through the middle of the muscle (from both sides)
                    + bulge (outwards below the belly, inwards above) + twist around the leg

The left leg is the mirror image of the right one.
"""

import numpy as np

#: centre of each leg, mm; bone and fascia, mm; half the length shown, mm
CENTRE, BONE, RADIUS, HALF = 55.0, 9.0, 42.0, 48.0
EIGENVALUES = (2.0e-9, 1.4e-9, 1.2e-9)


def fibres(world, *, pennation_deg=14.0, bulge=0.25, twist=0.18, muscles=5):
    """world (..., 3) -> (unit directions (..., 3), muscle number (...), 0 outside, 1.. in the right leg, 101.. in the left)."""
    x, y, z = np.moveaxis(np.asarray(world, dtype=float), -1, 0)
    side = np.where(x > 0, 1.0, -1.0)
    dx, dy = side * x - CENTRE, y
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    sector = np.floor((angle + np.pi) / (2 * np.pi) * muscles).clip(0, muscles - 1)
    middle = (sector + 0.5) / muscles * 2 * np.pi - np.pi
    swell = RADIUS * (1 - 0.12 * (z / HALF) ** 2)
    inside = (radius > BONE) & (radius < swell)
    # the aponeurosis is the plane through the leg's axis and the middle of the sector
    beside = np.sin(angle - middle)
    across = np.stack([-np.sin(middle), np.cos(middle)], axis=-1)
    slope = -np.tan(np.radians(pennation_deg * (1 - 0.3 * z / HALF))) * np.sign(beside)
    outwards = np.stack([dx, dy], axis=-1) / RADIUS
    around = np.stack([-dy, dx], axis=-1) / RADIUS
    flat = slope[..., None] * across - bulge * (z / HALF)[..., None] * outwards + twist * around
    v = np.stack([side * flat[..., 0], flat[..., 1], np.ones_like(x)], axis=-1)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    return v, np.where(inside, sector + 1 + 100 * (side < 0), 0).astype(int)


def tensors(v):
    """Matrices (..., 3, 3) of tissue along v, its second axis horizontal."""
    second = np.cross(v, [0.3, 0.9, 0.1])
    second /= np.linalg.norm(second, axis=-1, keepdims=True)
    frame = np.stack([v, second, np.cross(v, second)], axis=-1)
    return np.einsum("...ik,k,...jk->...ij", frame, np.array(EIGENVALUES), frame)


def directions(n, seed=3):
    """``n`` unit vectors spread by repulsion of random ones and their opposites."""
    g = np.random.default_rng(seed).standard_normal((n, 3))
    for _ in range(300):
        g /= np.linalg.norm(g, axis=1, keepdims=True)
        force = np.zeros_like(g)
        for sign in (1, -1):
            apart = g[:, None] - sign * g[None]
            distance = np.linalg.norm(apart, axis=-1, keepdims=True)
            force += (apart / np.where(distance > 1e-9, distance, np.inf) ** 3).sum(axis=1)
        g = g + 0.02 * force
    return g / np.linalg.norm(g, axis=1, keepdims=True)


def magnitudes(world, b, g, *, snr=40.0, s0=1000.0, seed=0, **shape):
    """Rician magnitudes (..., n) of b (n,) in s/m2 along g (n, 3) in the world; air outside the muscles."""
    v, muscle = fibres(world, **shape)
    attenuation = np.exp(-np.asarray(b) * np.einsum("ni,...ij,nj->...n", g, tensors(v), g))
    signal = s0 * attenuation * (muscle > 0)[..., None]
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, *signal.shape)) * (s0 / snr)
    return np.hypot(signal + noise[0], noise[1])
