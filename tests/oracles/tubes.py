"""Tubes around analytic curves, cut by flat slices: outlines with NumPy alone.

A tube is a curve c(u) with unit vectors (t, n, b)(u) and an elliptic cross-section with semi-axes (a, b) in the plane square to t.
Where a line of its surface (fixed angle) passes through a slice is found by bisection, to 1e-10 mm; nothing here knows of cosines.
"""

import numpy as np


class Tube:
    """``curve(u)`` -> (k, 3) mm; ``frame(u)`` -> three (k, 3) unit vectors: tangent and two square to it."""

    def __init__(self, curve, frame, semi_axes, span):
        self.curve, self.frame, self.span = curve, frame, span
        self.semi_axes = semi_axes if callable(semi_axes) else (lambda u: np.broadcast_to(semi_axes, (len(u), 2)))

    def surface(self, u, angle):
        _, n, b = self.frame(u)
        axes = self.semi_axes(u)
        return self.curve(u) + (axes[:, :1] * np.cos(angle)[:, None]) * n + (axes[:, 1:] * np.sin(angle)[:, None]) * b

    def cut(self, normal, height, points=120):
        """(points, 3) outline in the plane ``x . normal = height``; None where the tube does not cross it whole."""
        angle = 2 * np.pi * np.arange(points) / points
        low, high = (np.full(points, s, float) for s in self.span)

        def above(u):
            return self.surface(u, angle) @ normal - height

        sign = np.sign(above(high))
        if np.any(sign == np.sign(above(low))):
            return None
        for _ in range(45):
            middle = (low + high) / 2
            same = np.sign(above(middle)) == sign
            high, low = np.where(same, middle, high), np.where(same, low, middle)
        return self.surface((low + high) / 2, angle)


def straight(direction, semi_axes, length=200.0, turn=0.0, centre=(0.0, 0.0, 0.0)):
    """An elliptic cylinder along ``direction``."""
    t = np.asarray(direction, float) / np.linalg.norm(direction)
    n = np.cross(t, [0.0, 1.0, 0.0])
    n /= np.linalg.norm(n)
    b = np.cross(t, n)
    n, b = np.cos(turn) * n + np.sin(turn) * b, np.cos(turn) * b - np.sin(turn) * n
    return Tube(lambda u: np.asarray(centre) + u[:, None] * t,
                lambda u: tuple(np.broadcast_to(v, (len(u), 3)) for v in (t, n, b)), semi_axes, (-length / 2, length / 2))  # fmt: skip


def helix(radius, rise, semi_axes, turns=1.0):
    """Around z: x = R cos u, y = R sin u, z = -rise u / (2 pi) (going down); u from 0 to 2 pi turns."""
    per = rise / (2 * np.pi)
    speed = np.hypot(radius, per)

    def curve(u):
        return np.stack([radius * np.cos(u), radius * np.sin(u), -per * u], axis=1)

    def frame(u):
        zero = np.zeros_like(u)
        t = np.stack([-radius * np.sin(u), radius * np.cos(u), zero - per], axis=1) / speed
        n = np.stack([-np.cos(u), -np.sin(u), zero], axis=1)
        return t, n, np.cross(t, n)

    return Tube(curve, frame, semi_axes, (0.0, 2 * np.pi * turns))


def torus(radius, semi_axes, half_angle):
    """An arc of a circle in the plane y = 0 around (radius, 0, 0); at u = 0 it runs straight down."""

    def curve(u):
        return np.stack([radius * (1 - np.cos(u)), 0 * u, -radius * np.sin(u)], axis=1)

    def frame(u):
        t = np.stack([np.sin(u), 0 * u, -np.cos(u)], axis=1)
        n = np.stack([np.cos(u), 0 * u, np.sin(u)], axis=1)
        return t, n, np.cross(t, n)

    return Tube(curve, frame, semi_axes, (-half_angle, half_angle))


def turned(vector, axis, degrees):
    """Rodrigues' rotation of vectors (..., 3)."""
    axis, angle = np.asarray(axis, float) / np.linalg.norm(axis), np.deg2rad(degrees)
    v = np.asarray(vector, float)
    along = np.sum(v * axis, axis=-1, keepdims=True) * axis
    return v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + along * (1 - np.cos(angle))


def slices(tube, *, spacing=5.0, pixel=0.4, shape=(120, 120, 41), tilt_deg=0.0, tilt_axis=(0.0, 1.0, 0.0), points=120):
    """Affine (4, 4) of tilted slices around the origin, and {slice index: outline (points, 3)} where the tube is cut."""
    axes = turned(np.eye(3), tilt_axis, tilt_deg)
    affine = np.eye(4)
    affine[:3, :3] = (axes * np.array([[pixel], [pixel], [spacing]])).T
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    found = {}
    for k in range(shape[2]):
        outline = tube.cut(axes[2], float(affine[:3, 3] @ axes[2]) + k * spacing, points)
        if outline is not None:
            found[k] = outline
    return affine, found


def centroid(outline, normal):
    """Centre of area and area of a flat polygon, by triangles from its first point."""
    a, b = outline[1:-1] - outline[0], outline[2:] - outline[0]
    area = np.cross(a, b) @ normal / 2
    return outline[0] + (area[:, None] * (a + b) / 3).sum(axis=0) / area.sum(), abs(area.sum())
