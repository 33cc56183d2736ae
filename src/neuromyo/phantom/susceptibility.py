r"""What the legs themselves do to the main field: tissue is diamagnetic, air is not, bone is more so.

.. math:: \Delta B / B_0 = \mathcal{F}^{-1}\left[ \left(\tfrac13 - \frac{k_z^2}{k^2}\right) \mathcal{F}[\chi] \right]

on a coarse grid around the field of view, then shimmed: the field's best fit by a polynomial of second order inside the
body is taken away, as a scanner would. What is left is strongest where the outline bends: knee, ankle, the cleft between
thighs.

*Assumes* the main field along z and no tissue smaller than the coarse grid. *Breaks* within a few mm of bone and skin.

*Cites* Salomir, de Senneville, Moonen, Concepts Magn Reson B 2003;19:26, doi:10.1002/cmr.b.10083; susceptibilities:
Schenck, Med Phys 1996;23:815, doi:10.1118/1.597854 (water -9.05, cortical bone -11.31, fat near -8.4 ppm; recalled).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import map_coordinates

from neuromyo.core.grid import Grid
from neuromyo.phantom.geometry import Body
from neuromyo.phantom.regions import N_CODES, leaf_of
from neuromyo.physics.fat import GAMMA_BAR

#: volume susceptibility relative to air, in ppm, by tissue; water's where not named
WATER_PPM = -9.4
CHI_PPM: Mapping[str, float] = {"cortex": -11.7, "subcutaneous-fat": -8.8, "intermuscular-fat": -8.8, "marrow": -8.8}
#: spacing of the coarse grid and how far it reaches beyond the field of view, in mm
STEP_MM, MARGIN_MM = 4.0, 60.0


@dataclass(frozen=True, eq=False)
class Susceptibility:
    """A shimmed field pattern in Hz on a coarse grid, sampled anywhere near it."""

    field_hz: np.ndarray
    origin_mm: np.ndarray

    def __call__(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (..., 3) -> Hz (...)."""
        at = np.moveaxis((xyz - self.origin_mm) / STEP_MM, -1, 0)
        return map_coordinates(self.field_hz, at, order=1, mode="nearest")

    @staticmethod
    def of(body: Body, grid: Grid, field_strength: float = 3.0) -> Susceptibility:
        """The field of a body about a grid's field of view, at ``field_strength`` T."""
        axes, points = _lattice(grid)
        shape = tuple(len(a) for a in axes)
        codes = np.concatenate([body.codes(p) for p in np.array_split(points, max(1, len(points) // 60_000))])
        chi = _by_code()[codes].reshape(shape)
        relative = _dipole_field(chi)
        hertz = relative * 1e-6 * GAMMA_BAR * field_strength
        seen = _in_view(grid, points).reshape(shape) & (codes > 0).reshape(shape)
        return Susceptibility(_shimmed(hertz, points, seen), np.array([a[0] for a in axes]))


def _lattice(grid: Grid) -> tuple[list[np.ndarray], np.ndarray]:
    corners = grid.to_world(np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * grid.shape)
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    axes = [np.arange(a, b + STEP_MM, STEP_MM) for a, b in zip(low, high, strict=True)]
    return axes, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _by_code() -> np.ndarray:
    chi = np.zeros(N_CODES)
    for code in range(1, N_CODES):
        chi[code] = CHI_PPM.get(leaf_of(code)[0].tissue, WATER_PPM)
    return chi


def _dipole_field(chi: np.ndarray) -> np.ndarray:
    """Relative field in the units of ``chi``, edges held on for as far again so that legs do not end in the picture."""
    pad = [(n // 2, n // 2) for n in chi.shape]
    wide = np.pad(chi, pad, mode="edge")
    kx, ky, kz = np.meshgrid(*(fft.fftfreq(n) for n in wide.shape), indexing="ij")
    square = kx**2 + ky**2 + kz**2
    square[0, 0, 0] = 1.0
    kernel = 1.0 / 3.0 - kz**2 / square
    kernel[0, 0, 0] = 0.0
    made = np.real(fft.ifftn(kernel * np.asarray(fft.fftn(wide))))
    return made[tuple(slice(a, a + n) for (a, _), n in zip(pad, chi.shape, strict=True))]


def _in_view(grid: Grid, points: np.ndarray) -> np.ndarray:
    index = grid.to_index(points)
    return np.logical_and(index > -0.5, index < np.array(grid.shape) - 0.5).all(axis=1)


def _shimmed(hertz: np.ndarray, points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    centre, size = points[seen.ravel()].mean(axis=0), 100.0
    x, y, z = ((points - centre) / size).T
    terms = np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 2 * z * z - x * x - y * y], axis=1)
    inside = seen.ravel()
    found, *_ = np.linalg.lstsq(terms[inside], hertz.ravel()[inside], rcond=None)
    return hertz - (terms @ found).reshape(hertz.shape)
