"""The outline of a nerve across its course: a superellipse with a few waves, of exact area and flattening at each level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gamma

_ANGLES = 2.0 * np.pi * np.arange(2048) / 2048


@dataclass(frozen=True)
class Outline:
    """Points of normalised radius q = hypot(u / a, v / b) and angle psi lie inside where q < rho(psi), with

        rho(psi) = (|cos psi|^n + |sin psi|^n)^(-1/n) (1 + sum_k w_k cos(k psi + p_k)),   area = a b K,  K = 1/2 int rho^2

    so that area and flattening are exact whatever the waves, and what is stretched with the outline keeps its share of it.

    area_mm2, flattening : means along the nerve; flattening is b / a, 1 for round
    exponent : n of the superellipse, 2 for an ellipse, larger for boxes with round corners
    waves : (k, w, p) of the outline
    area_swing, flattening_swing : relative half range over the wavelength along z
    turn_deg, turn_swing_deg : of the long axis from x, at z = 0 and half range
    """

    area_mm2: float
    flattening: float = 0.6
    exponent: float = 2.2
    waves: tuple[tuple[int, float, float], ...] = ()
    area_swing: float = 0.0
    flattening_swing: float = 0.0
    turn_deg: float = 0.0
    turn_swing_deg: float = 0.0
    wavelength_mm: float = 110.0
    phase_rad: float = 0.0

    @cached_property
    def shape_factor(self) -> float:
        """K, the area of the outline of unit semi-axes."""
        return float(np.mean(self.rho(_ANGLES) ** 2) * np.pi)

    @cached_property
    def _rho_table(self) -> np.ndarray:
        return self.rho(_ANGLES).astype(np.float32)

    @cached_property
    def widest(self) -> float:
        """Largest normalised radius."""
        return float(self.rho(_ANGLES).max())

    def rho(self, psi: np.ndarray) -> np.ndarray:
        """Normalised radius (...) at normalised angles (...)."""
        n = self.exponent
        base = (np.abs(np.cos(psi)) ** n + np.abs(np.sin(psi)) ** n) ** (-1.0 / n)
        return base * (1.0 + sum(w * np.cos(k * psi + p) for k, w, p in self.waves))

    def area(self, z: np.ndarray) -> np.ndarray:
        """Area across the nerve at levels z (...), mm2."""
        return self.area_mm2 * (1.0 + self.area_swing * np.sin(self._turns(z)))

    def axes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Semi-axes a, b (...) in mm at levels z (...)."""
        flat = self.flattening * (1.0 + self.flattening_swing * np.sin(self._turns(z) * 0.7 + 1.0))
        a = np.sqrt(self.area(z) / (self.shape_factor * flat))
        return a, flat * a

    @cached_property
    def reach_mm(self) -> float:
        """No point of the outline lies farther from the middle than this, at any level."""
        area, flat = self.area_mm2 * (1.0 + self.area_swing), self.flattening * (1.0 - self.flattening_swing)
        return self.widest * float(np.sqrt(area / (self.shape_factor * flat)))

    def turned(self, u: np.ndarray, v: np.ndarray, z: np.ndarray, back: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Components along the long and the short axis (or ``back`` from them), mm."""
        angle = np.deg2rad(self.turn_deg + self.turn_swing_deg * np.sin(self._turns(z) * 0.9 + 0.5))
        cos, sin = np.cos(angle), np.sin(-angle if back else angle)
        return u * cos + v * sin, v * cos - u * sin

    def normalised(self, u: np.ndarray, v: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places across the nerve (n,) in mm -> along its axes, in semi-axes."""
        long, short = self.turned(u, v, z)
        a, b = self.axes(z)
        return long / a, short / b

    def depth(self, u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How far inside the outline places (n,) across the nerve lie, mm, to first order; negative outside."""
        x, y = self.normalised(u, v, z)
        a, b = self.axes(z)
        q = np.maximum(np.hypot(x, y), 1e-6)
        place = np.rint(np.arctan2(y, x) * (_ANGLES.size / (2.0 * np.pi))).astype(np.intp) % _ANGLES.size
        rho = self._rho_table[place]
        return (rho - q) / np.hypot(x / (q * a), y / (q * b))

    def _turns(self, z: np.ndarray) -> np.ndarray:
        return 2.0 * np.pi * np.asarray(z) / self.wavelength_mm + self.phase_rad


def superellipse_area(a: float, b: float, exponent: float) -> float:
    """Area of |x/a|^n + |y/b|^n = 1: 4 a b Gamma(1 + 1/n)^2 / Gamma(1 + 2/n), mm2."""
    return float(4.0 * a * b * gamma(1.0 + 1.0 / exponent) ** 2 / gamma(1.0 + 2.0 / exponent))
