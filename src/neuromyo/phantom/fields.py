"""Smooth fields over the scanner's space: transmit field, main field, receive sensitivity and phase, tissue texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf


@dataclass(frozen=True, eq=False)
class Texture:
    """A random field that is a function of position, so that it can be sampled on any grid: a sum of plane waves.

    waves : (k, 3) wave vectors in rad/mm
    phases : (k,) in rad
    """

    waves: np.ndarray
    phases: np.ndarray

    @staticmethod
    def of(rng: np.random.Generator, wavelength_mm: float = 22.0, stretch: float = 3.0, n_waves: int = 24) -> Texture:
        """Wavelengths between 0.6 and 1.6 of the one given in the transverse plane, ``stretch`` times that along z."""
        length = wavelength_mm * rng.uniform(0.6, 1.6, n_waves)
        heading = rng.uniform(0.0, 2.0 * np.pi, n_waves)
        k = 2.0 * np.pi / length
        rise = rng.uniform(-1.0, 1.0, n_waves) * k / stretch
        waves = np.stack([k * np.cos(heading), k * np.sin(heading), rise], axis=1)
        return Texture(waves, rng.uniform(0.0, 2.0 * np.pi, n_waves))

    def __call__(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (..., 3) -> (...) between -1 and 1, spread evenly over that range, mean 0 over space."""
        total = np.zeros(xyz.shape[:-1])
        for wave, phase in zip(self.waves, self.phases, strict=True):
            total += np.cos(xyz @ wave + phase)
        normal = total * np.sqrt(2.0 / len(self.phases))
        return erf(normal / np.sqrt(2.0))


@dataclass(frozen=True, eq=False)
class Fields:
    """The scanner's imperfections in one session.

    b1_centre, b1_edge : relative transmit field in the middle of the body coil's sight and far from it
    b1_width_mm : how fast it falls off, along x and y
    b0_hz : size of the off-resonance pattern
    receive : depth of the receive shading (0 for none, 0.3 for 30 %)
    receive_phase : size of the receive coil's phase pattern, in rad
    susceptibility : the body's own field in Hz at RAS+ mm (m, 3) in leaf codes (m,), as `Susceptibility` gives it
    """

    b1_centre: float
    b1_edge: float
    b1_width_mm: tuple[float, float]
    middle_mm: tuple[float, float]
    b0_hz: float
    receive: float
    ripple: Texture
    shim: Texture
    coil: Texture
    receive_phase: float = 1.5
    susceptibility: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    @staticmethod
    def of(
        rng: np.random.Generator,
        *,
        b1: tuple[float, float] = (0.7, 1.1),
        b0_hz: float = 60.0,
        receive: float = 0.0,
        receive_phase: float = 1.5,
    ) -> Fields:
        """``b1``: lowest and highest relative transmit field (centre-bright, as at 3 T)."""
        low, high = b1
        middle = (float(rng.uniform(-15, 15)), float(rng.uniform(-10, 10)))
        width = (float(rng.uniform(95, 115)), float(rng.uniform(95, 120)))
        return Fields(
            high, low, width, middle, b0_hz, receive,
            Texture.of(rng, 160.0, 2.0, 8), Texture.of(rng, 260.0, 1.5, 8), Texture.of(rng, 220.0, 1.5, 6),
            receive_phase,
        )  # fmt: skip

    def b1(self, xyz: np.ndarray) -> np.ndarray:
        """Relative transmit field (1 = the flip angle asked for) at RAS+ mm (..., 3), within the two ends given."""
        gx = (xyz[..., 0] - self.middle_mm[0]) / self.b1_width_mm[0]
        gy = (xyz[..., 1] - self.middle_mm[1]) / self.b1_width_mm[1]
        bright = np.exp(-0.5 * (gx**2 + gy**2))
        rippled = np.clip(bright + 0.06 * self.ripple(xyz), 0.0, 1.0)
        return self.b1_edge + (self.b1_centre - self.b1_edge) * rippled

    def b0(self, xyz: np.ndarray, codes: np.ndarray | None = None) -> np.ndarray:
        """Off-resonance in Hz at RAS+ mm (..., 3), between -b0_hz and b0_hz; with the leaf codes that lie there, the
        body's own field is added."""
        smooth = self.b0_hz * self.shim(xyz)
        if self.susceptibility is None or codes is None:
            return smooth
        return smooth + self.susceptibility(xyz, codes)

    def phase(self, xyz: np.ndarray) -> np.ndarray:
        """Phase of the receive coil in rad at RAS+ mm (..., 3), between -receive_phase and receive_phase."""
        return self.receive_phase * self.coil(xyz)

    def sensitivity(self, xyz: np.ndarray) -> np.ndarray:
        """Receive sensitivity, 1 in front of the anterior coil, falling to 1 - receive behind."""
        return 1.0 - self.receive * 0.5 * (1.0 + np.tanh(-xyz[..., 1] / 80.0))
