r"""What the legs themselves do to the main field: tissue is diamagnetic, air is not, bone is more so.

.. math:: \Delta B / B_0 = \tfrac13 \chi - \mathcal{F}^{-1}\left[ \frac{k_z^2}{k^2}\, \mathcal{F}[\chi] \right]

The first term belongs to the tissue at a point and jumps with it; the second is smooth, since legs run along the field,
and is computed on a coarse grid around the field of view. Then the field is shimmed: its best fit by a polynomial of
second order inside the body is taken away, as a scanner would. What is left is strongest where the outline bends: knee,
ankle, the cleft between thighs.

*Assumes* the main field along z and no tissue smaller than the coarse grid. *Breaks* within a few mm of bone and skin.

*Cites* Salomir, de Senneville, Moonen, Concepts Magn Reson B 2003;19:26, doi:10.1002/cmr.b.10083; susceptibilities:
Schenck, Med Phys 1996;23:815, doi:10.1118/1.597854 (water -9.05, cortical bone -11.31, fat near -8.4 ppm; recalled).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates

from neuromyo.core.grid import Grid
from neuromyo.phantom.regions import N_CODES, leaf_of
from neuromyo.phantom.render import Solid
from neuromyo.physics.fat import GAMMA_BAR

#: volume susceptibility relative to air, in ppm, by tissue; water's where not named
WATER_PPM = -9.4
CHI_PPM: Mapping[str, float] = {"cortex": -11.7, "subcutaneous-fat": -8.8, "intermuscular-fat": -8.8, "marrow": -8.8}
#: spacing of the coarse grid and how far it reaches beyond the field of view, in mm
STEP_MM, MARGIN_MM = 4.0, 60.0
#: samples of a coarse voxel along x and along y (odd, so that one is its middle)
_ACROSS = 3


@dataclass(frozen=True, eq=False)
class Susceptibility:
    """A shimmed field in Hz: its smooth part on a coarse grid, and what each leaf code adds of its own."""

    smooth_hz: np.ndarray
    origin_mm: np.ndarray
    own_hz: np.ndarray

    def __call__(self, xyz: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """RAS+ mm (m, 3) in matter of leaf codes (m,) -> Hz (m,)."""
        at = np.moveaxis((xyz - self.origin_mm) / STEP_MM, -1, 0)
        return map_coordinates(self.smooth_hz, at, order=1, mode="nearest") + self.own_hz[codes]

    @staticmethod
    def of(body: Solid, grid: Grid, field_strength: float = 3.0) -> Susceptibility:
        """The field of a body about a grid's field of view, at ``field_strength`` T."""
        axes, points = _lattice(grid)
        shape = tuple(len(a) for a in axes)
        codes, chi = _sampled(body, points)
        hertz = 1e-6 * GAMMA_BAR * field_strength
        own = _by_code() * hertz / 3.0
        smooth = _far_field(gaussian_filter(chi.reshape(shape), 0.8, mode="nearest")) * hertz
        inside = np.flatnonzero(_in_view(grid, points) & (codes > 0))
        shimmed = smooth - _shim(points, inside, smooth.ravel()[inside] + own[codes[inside]]).reshape(shape)
        return Susceptibility(shimmed, np.array([a[0] for a in axes]), own)


def _lattice(grid: Grid) -> tuple[list[np.ndarray], np.ndarray]:
    corners = grid.to_world(np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * grid.shape)
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    axes = [np.arange(a, b + STEP_MM, STEP_MM) for a, b in zip(low, high, strict=True)]
    return axes, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _sampled(body: Solid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) the leaf codes at the coarse grid's points, and the mean susceptibility over a cross-section around each: a
    surface that slants slowly through the layers would otherwise go down in steps, and every step rings."""
    ends = (np.arange(_ACROSS) + 0.5) / _ACROSS - 0.5
    total, middle = np.zeros(len(points)), np.zeros(len(points), dtype=np.int64)
    table = _by_code()
    for dx in ends:
        for dy in ends:
            places = np.array_split(points + STEP_MM * np.array([dx, dy, 0.0]), max(1, len(points) // 60_000))
            codes = np.concatenate([body.codes(p) for p in places])
            total += table[codes]
            if dx == dy == 0.0:
                middle = codes
    return middle, total / _ACROSS**2


def _by_code() -> np.ndarray:
    chi = np.zeros(N_CODES)
    for code in range(1, N_CODES):
        chi[code] = CHI_PPM.get(leaf_of(code)[0].tissue, WATER_PPM)
    return chi


def _far_field(chi: np.ndarray) -> np.ndarray:
    """The second term of the relative field in the units of ``chi``, edges held on for as far again so that legs do not
    end in the picture."""
    pad = [(n // 2, n // 2) for n in chi.shape]
    wide = np.pad(chi, pad, mode="edge")
    kx, ky, kz = np.meshgrid(*(fft.fftfreq(n) for n in wide.shape), indexing="ij")
    square = kx**2 + ky**2 + kz**2
    square[0, 0, 0] = 1.0
    made = np.real(np.asarray(fft.ifftn(kz**2 / square * np.asarray(fft.fftn(wide)))))
    return -made[tuple(slice(a, a + n) for (a, _), n in zip(pad, chi.shape, strict=True))]


def _in_view(grid: Grid, points: np.ndarray) -> np.ndarray:
    index = grid.to_index(points)
    return np.abs(index / np.maximum(np.array(grid.shape) - 1, 1) - 0.5).max(axis=1) <= 0.5


def _shim(points: np.ndarray, inside: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    """At all points, the polynomial of second order that fits ``hertz`` best at those inside."""
    centre, size = points[inside].mean(axis=0), 100.0
    x, y, z = ((points - centre) / size).T
    terms = np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 2 * z * z - x * x - y * y], axis=1)
    found, *_ = np.linalg.lstsq(terms[inside], hertz, rcond=None)
    return terms @ found
