"""The line a nerve, or a vessel beside it, takes through the body, and where a point lies relative to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: how often the foot of the perpendicular is refined; curves bend by far less than their radius of curvature from the axis
FOOT_STEPS = 2


@dataclass(frozen=True)
class Line:
    """A smooth line that climbs with z: x(z) = x0 + slope z + swing sin(2 pi z / wavelength + phase), and y alike.

    at_zero_mm : (x, y) at z = 0, the swing aside
    slope : mm sideways per mm upwards, along x and y
    swing_mm, wavelength_mm, phase_rad : of a slow sinusoid along x and y
    parting_mm, parts_below_mm : below that z, by how much a mm it leaves the line (x, y), beginning gently over 10 mm
    """

    at_zero_mm: tuple[float, float] = (0.0, 0.0)
    slope: tuple[float, float] = (0.0, 0.0)
    swing_mm: tuple[float, float] = (0.0, 0.0)
    wavelength_mm: tuple[float, float] = (100.0, 120.0)
    phase_rad: tuple[float, float] = (0.0, 0.0)
    parting_mm: tuple[float, float] = (0.0, 0.0)
    parts_below_mm: float = 0.0

    def xy(self, z: np.ndarray, axis: int) -> np.ndarray:
        """x (axis 0) or y (axis 1) in mm at levels z (...)."""
        rate = 2.0 * np.pi / self.wavelength_mm[axis]
        smooth = self.at_zero_mm[axis] + self.slope[axis] * z
        if self.swing_mm[axis]:
            smooth = smooth + self.swing_mm[axis] * np.sin(rate * z + self.phase_rad[axis])
        if self.parting_mm[axis]:
            smooth = smooth + self.parting_mm[axis] * _ramp(self.parts_below_mm - z)
        return smooth

    def lean(self, z: np.ndarray, axis: int) -> np.ndarray:
        """dx/dz (axis 0) or dy/dz (axis 1) at levels z (...)."""
        rate = 2.0 * np.pi / self.wavelength_mm[axis]
        swing = self.swing_mm[axis] * rate * np.cos(rate * z + self.phase_rad[axis])
        return self.slope[axis] + swing - self.parting_mm[axis] * _ramp_slope(self.parts_below_mm - z)

    def points(self, z: np.ndarray) -> np.ndarray:
        """(n,) levels -> (n, 3) RAS+ mm."""
        z = np.asarray(z, float)
        return np.stack([self.xy(z, 0), self.xy(z, 1), z], axis=-1)

    def tangents(self, z: np.ndarray) -> np.ndarray:
        """(n,) levels -> (n, 3) unit vectors, upwards."""
        z = np.asarray(z, float)
        along = np.stack([self.lean(z, 0), self.lean(z, 1), np.ones_like(z)], axis=-1)
        return along / np.linalg.norm(along, axis=-1, keepdims=True)

    def frame(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two unit vectors (n, 3) across the line at levels z (n,): the first nearest to x, the second nearest to y."""
        tangent = self.tangents(z)
        first = np.array([1.0, 0.0, 0.0]) - tangent * tangent[..., :1]
        first /= np.linalg.norm(first, axis=-1, keepdims=True)
        return first, np.cross(tangent, first)

    def across(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, 3) -> (u, v, z) (n,): place in mm in the plane across the line that holds the point, and where on
        the line that plane stands. Exact for points nearer than the line's radius of curvature."""
        level = xyz[:, 2].copy()
        for _ in range(FOOT_STEPS):
            lean_x, lean_y = self.lean(level, 0), self.lean(level, 1)
            ahead = (xyz[:, 0] - self.xy(level, 0)) * lean_x + (xyz[:, 1] - self.xy(level, 1)) * lean_y
            level = level + (ahead + xyz[:, 2] - level) / (1.0 + lean_x**2 + lean_y**2)
        # with t the tangent, the axes of `frame` are (x - t_x t) / s and (t cross x) / s, s = sqrt(1 - t_x^2); off is across t
        lean_x, lean_y = self.lean(level, 0), self.lean(level, 1)
        length = np.sqrt(1.0 + lean_x**2 + lean_y**2)
        s = np.sqrt(1.0 - (lean_x / length) ** 2) * length
        off_x, off_y, off_z = xyz[:, 0] - self.xy(level, 0), xyz[:, 1] - self.xy(level, 1), xyz[:, 2] - level
        return off_x * length / s, (off_y - off_z * lean_y) / s, level


def _ramp(below: np.ndarray) -> np.ndarray:
    """0 above, then a parabola over 10 mm, then the straight line."""
    gentle = np.clip(below, 0.0, 10.0)
    return gentle**2 / 20.0 + np.maximum(below - 10.0, 0.0)


def _ramp_slope(below: np.ndarray) -> np.ndarray:
    return np.clip(below, 0.0, 10.0) / 10.0
