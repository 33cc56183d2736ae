r"""How far the visible edge of a nerve lies from its outer boundary, from its mean profile across the edge.

.. math:: I(\delta) = a + b\,\Phi\left(\frac{\delta - \rho}{s}\right) - c \int_{\rho - w}^{\rho} g_s(\delta - t)\,dt

a nerve of level a, fat of level a + b, and between them a dark sheath of width w that is part of the nerve; all blurred by s. An edge
finder that knows no sheath takes what the sheath lacks for a piece of fat less and puts the boundary too far out, by about
w c / b. The profile is averaged along the circumference and over slices, so that texture and noise hardly count.

Where fat is dark (suppressed fat, FA), the layer outside of the outermost fascicles is as dark as fat: the boundary is then not to be
seen, and is taken to lie `MARGIN_MM` beyond the edge of the fascicles.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

#: width of a sheath, mm, and the margin of a nerve outside of its outermost fascicles where that cannot be seen
SHEATH_MM, MARGIN_MM = 0.15, 0.25
#: no sheath of that width shifts an edge by more
FARTHEST_MM = 0.14
#: blur tried, in pixels (standard deviation)
_BLURS = (0.35, 0.45, 0.55, 0.7)


def shift(offsets: np.ndarray, profile: np.ndarray, pixel_mm: float) -> float:
    """rho (mm, outward positive) of a mean profile (n,) at offsets (n,) mm from the edge found; 0 where nothing fits better."""
    near = (offsets > -max(0.45, 0.9 * pixel_mm)) & (offsets < max(0.45, 0.9 * pixel_mm))
    at, values = offsets[near], profile[near]
    best = (np.inf, 0.0)
    for blur in _BLURS:
        s = np.hypot(blur * pixel_mm, 0.03)
        for rho in np.arange(-FARTHEST_MM, FARTHEST_MM + 1e-9, 0.01):
            basis = _basis(at, rho, s)
            found, left = optimize.nnls(basis, values)
            # a sheath cannot be darker than nothing
            left = left**2 + 1e-4 * len(at) * np.var(values) * (rho / 0.2) ** 2
            if found[2] <= 1.2 * found[0] and left < best[0]:
                best = (left, float(rho))
    return best[1]


def _basis(at: np.ndarray, rho: float, s: float) -> np.ndarray:
    def phi(x: np.ndarray) -> np.ndarray:
        return 0.5 * (1.0 + special.erf(x / (np.sqrt(2.0) * s)))

    step = phi(at - rho)
    sheath = phi(at - rho + SHEATH_MM) - step
    return np.stack([np.ones(len(at)), step, -sheath], axis=1)


def offset_of(profiles: np.ndarray, offsets: np.ndarray, pixel_mm: float) -> float:
    """The shift (mm) for mean profiles (c, n) of several images: the mean of those in which fat is bright, else the margin."""
    bright = [p for p in profiles if p[offsets > 0.4].mean() > p[offsets < -0.3].mean()]
    if not bright:
        return MARGIN_MM
    return float(np.mean([shift(offsets, p, pixel_mm) for p in bright]))
