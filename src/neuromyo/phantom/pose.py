"""People move: a rigid displacement of the body between two series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Where the body is, against where it was: turned about a point, then shifted.

    turn_deg : about the x, the y and the z axis, in this order
    shift_mm : along them
    about_mm : the point that the turn leaves in place
    """

    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    about_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @staticmethod
    def drawn(rng: np.random.Generator, turn_deg: float, shift_mm: float, about_mm: tuple[float, float, float]) -> Pose:
        """A pose of up to ``turn_deg`` and ``shift_mm`` on each axis."""
        turns, shifts = rng.uniform(-1, 1, 3) * turn_deg, rng.uniform(-1, 1, 3) * shift_mm
        return Pose(_triple(turns), _triple(shifts), about_mm)

    @property
    def still(self) -> bool:
        return not any((*self.turn_deg, *self.shift_mm))

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), acting on column vectors."""
        a, b, c = np.deg2rad(self.turn_deg)
        x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
        return z @ y @ x

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4): where a point of the body was -> where it is, in RAS+ mm."""
        out = np.eye(4)
        out[:3, :3] = self.rotation
        out[:3, 3] = np.array(self.about_mm) + self.shift_mm - self.rotation @ self.about_mm
        return out

    def to_body(self, xyz: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the scanner -> the points of the unmoved body that are there now."""
        if self.still:
            return xyz
        return (xyz - np.array(self.about_mm) - self.shift_mm) @ self.rotation + self.about_mm

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Directions (..., 3) in the unmoved body -> in the scanner, upwards."""
        if self.still:
            return vectors
        made = vectors @ self.rotation.T
        return np.where(made[..., 2:] < 0, -made, made)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z


STILL = Pose()
