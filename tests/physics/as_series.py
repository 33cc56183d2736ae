"""Oracle arrays as the package's series, for the acceptance tests of this folder."""

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series


def series(array, kind, acquisition, *, spacing_mm=(2.0, 2.0, 4.0), part="mag", affine=None):
    """A series of (x, y, z, n), or of (m, n) as one row of voxels."""
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, None, None, :]
    dtype = np.complex64 if np.iscomplexobj(array) else np.float32
    affine = np.diag([*spacing_mm, 1.0]) if affine is None else affine
    grid = Grid.of(array.shape[:3], affine, slice_axis=2)
    return Series(ArrayData(array.astype(dtype)), grid, Acquisition(**acquisition), kind, part)


def noisy_magnitude(clean, sigma, draws, seed=0):
    """(m, n) noise-free -> (m * draws, n) Rician magnitudes, draws of one voxel beside each other."""
    many = np.repeat(np.asarray(clean), draws, axis=0)
    real, imag = np.random.default_rng(seed).standard_normal((2, *many.shape)) * sigma
    return np.abs(many + real + 1j * imag)
