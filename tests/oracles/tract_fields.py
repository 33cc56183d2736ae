"""Tubes of fibres with closed-form courses, as tensor fields and diffusion-weighted magnitudes; NumPy alone.

A bundle is a tube around a centre line in whose every point the fibre direction is known, so that the line through a point is a
straight line, a circle about an axis, or a helix about an axis. Tensors are axially symmetric about the fibre. Each voxel is the
mean of ``fine``^3 points, so that the tube's rim has the mixture a scanner would see (mixed as tensors).
"""

from dataclasses import dataclass

import numpy as np

#: m2/s along and across, of a healthy nerve, of muscle, and of what is neither (isotropic)
NERVE, MUSCLE, AROUND = (1.9e-9, 0.7e-9), (2.1e-9, 1.4e-9), (1.2e-9, 1.2e-9)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Straight:
    """Along ``axis`` through ``centre``."""

    centre: tuple = (0.0, 0.0, 0.0)
    axis: tuple = (0.0, 0.0, 1.0)

    def direction(self, x):
        return np.broadcast_to(unit(np.array(self.axis)), x.shape)

    def off(self, x):
        a = unit(np.array(self.axis))
        d = x - np.array(self.centre)
        return np.linalg.norm(d - (d @ a)[..., None] * a, axis=-1)

    def through(self, x, s):
        return x + s[:, None] * unit(np.array(self.axis))


@dataclass(frozen=True)
class Arc:
    """Circles about the line through ``pivot`` along y; the centre line has radius ``radius``. Direction has z > 0 for x > pivot."""

    radius: float = 60.0
    pivot: tuple = (-60.0, 0.0, 0.0)

    def direction(self, x):
        d = x - np.array(self.pivot)
        return unit(np.stack([-d[..., 2], np.zeros(d.shape[:-1]), d[..., 0]], axis=-1))

    def off(self, x):
        d = x - np.array(self.pivot)
        return np.hypot(np.hypot(d[..., 0], d[..., 2]) - self.radius, d[..., 1])

    def through(self, x, s):
        d = x - np.array(self.pivot)
        r, angle = np.hypot(d[0], d[2]), np.arctan2(d[2], d[0])
        turn = angle + s / r
        return np.array(self.pivot) + np.stack([r * np.cos(turn), np.full(len(s), d[1]), r * np.sin(turn)], axis=1)


@dataclass(frozen=True)
class Helix:
    """Helices of one pitch (mm a turn) about the z axis; the centre line at ``radius``, at angle 0 where z = 0."""

    radius: float = 8.0
    pitch: float = 120.0

    def direction(self, x):
        c = self.pitch / (2 * np.pi)
        return unit(np.stack([-x[..., 1], x[..., 0], np.full(x.shape[:-1], c)], axis=-1))

    def off(self, x):
        turn = 2 * np.pi * x[..., 2] / self.pitch
        centre = self.radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        return np.linalg.norm(x[..., :2] - centre, axis=-1)

    def through(self, x, s):
        c, r = self.pitch / (2 * np.pi), np.hypot(x[0], x[1])
        turn = np.arctan2(x[1], x[0]) + s / np.hypot(r, c)
        return np.stack([r * np.cos(turn), r * np.sin(turn), x[2] + c * s / np.hypot(r, c)], axis=1)


def tensor_of(direction, along_across):
    """Tensors (..., 6), xx yy zz xy xz yz, of unit directions (..., 3)."""
    along, across = along_across
    x, y, z = np.moveaxis(direction, -1, 0)
    extra = along - across
    return np.stack(
        [
            across + extra * x * x,
            across + extra * y * y,
            across + extra * z * z,
            extra * x * y,
            extra * x * z,
            extra * y * z,
        ],
        -1,
    )


def field(shape, affine, bundle, radius_mm, *, beside=None, gap_mm=None, fine=3):
    """(tensor (x, y, z, 6), share of the tube (x, y, z)) on a grid.

    beside : direction of muscle-like fibres all around; isotropic without. gap_mm : (low, high) z between which the tube is isotropic
    """
    index = np.moveaxis(np.indices(shape), 0, -1).astype(float)
    around = (
        np.array([AROUND[0]] * 3 + [0.0] * 3) if beside is None else tensor_of(unit(np.array(beside, float)), MUSCLE)
    )
    tensor, share = np.zeros((*shape, 6)), np.zeros(shape)
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    for i in offsets:
        for j in offsets:
            for k in offsets:
                x = (index + np.array([i, j, k])) @ affine[:3, :3].T + affine[:3, 3]
                within = bundle.off(x) <= radius_mm
                inside = tensor_of(bundle.direction(x), NERVE)
                if gap_mm is not None:
                    low = (x[..., 2] > gap_mm[0]) & (x[..., 2] < gap_mm[1])
                    inside = np.where(low[..., None], np.array([AROUND[0]] * 3 + [0.0] * 3), inside)
                tensor += np.where(within[..., None], inside, around)
                share += within
    return tensor / fine**3, share / fine**3


def centre_line(bundle, start, low, high, step=0.5):
    """Points (n, 3) of the line through ``start``, from arc length ``low`` to ``high`` (mm)."""
    return bundle.through(np.array(start, float), np.arange(low, high + step / 2, step))


def miss(line, bundle):
    """Distances (mm) of a line's points from the true line through its middle point."""
    middle = line[len(line) // 2]
    reach = 1.2 * np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    true = bundle.through(middle, np.linspace(-reach, reach, 8001))
    return np.array([np.min(np.linalg.norm(true - p, axis=1)) for p in line])


def magnitudes(tensor, b, g, s0=1000.0, snr=None, seed=0):
    """Diffusion-weighted magnitudes (x, y, z, n) of tensors, b in s/m2, with Rician noise where ``snr`` of S0 is given."""
    g = np.asarray(g, float)
    six = np.stack(
        [g[:, 0] ** 2, g[:, 1] ** 2, g[:, 2] ** 2, 2 * g[:, 0] * g[:, 1], 2 * g[:, 0] * g[:, 2], 2 * g[:, 1] * g[:, 2]],
        1,
    )
    clean = s0 * np.exp(-(tensor @ six.T) * np.asarray(b))
    if snr is None:
        return clean
    noise = np.random.default_rng(seed).normal(0, s0 / snr, (2, *clean.shape))
    return np.hypot(clean + noise[0], noise[1])
