"""Robust tensors: sds that cover, with the noise told from the same images, and outliers taken out."""

import numpy as np
import pytest

from neuromyo.biomarkers import dti
from neuromyo.fit.runner import run
from tests.oracles.diffusion import sphere
from tests.physics.as_series import series

B, SIGMA, MANY = 500.0, 25.0, 3000
TENSOR = np.diag([1.3e-3, 1.5e-3, 2.1e-3])  # mm2/s
MD = np.trace(TENSOR) / 3 * 1e-6


def scan(spoilt):
    """Voxels of one tensor at SNR 40; in the first ``spoilt`` of them two volumes have dropped by half."""
    rng, g = np.random.default_rng(1), np.vstack([np.zeros((3, 3)), sphere(24)])
    b = np.array([0.0] * 3 + [B] * 24)
    clean = np.tile(1000 * np.exp(-b * np.einsum("ni,ij,nj->n", g, TENSOR, g)), (MANY, 1))
    clean[:spoilt, [7, 15]] *= 0.5
    real, imag = SIGMA * rng.standard_normal((2, *clean.shape))
    told = {"b_values": tuple(1e6 * b), "b_vectors": tuple(map(tuple, g))}
    return series(np.abs(clean + real + 1j * imag), "dwi", told)


@pytest.mark.parametrize("spoilt", [0, MANY // 4])
def test_sd_covers(spoilt):
    maps, _ = run(dti.BIOMARKER, {"dwi": scan(spoilt)}, dti.Options(method="robust"))
    md = maps["MD"]
    for part in (md.values[:spoilt], md.values[spoilt:]):
        if part.size:
            assert abs(part.mean() / MD - 1) < 0.005
    assert np.median(md.sd) == pytest.approx(np.std(md.values), rel=0.07)
