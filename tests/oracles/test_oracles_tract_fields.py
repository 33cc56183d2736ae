"""The fields of fibres against calculus: lines run along the directions, stay at their distance, and have the length they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .tract_fields import AROUND, NERVE, Arc, Helix, Straight, field, magnitudes, miss, tensor_of

BUNDLES = [Straight(axis=(0.3, -0.2, 1.0)), Arc(60.0, (-60.0, 0.0, 0.0)), Helix(8.0, 120.0)]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda b: type(b).__name__)
def test_a_line_runs_along_the_directions_with_arc_length(bundle):
    s = np.linspace(-40, 40, 8001)
    line = bundle.through(np.array([7.0, 1.5, 2.0]), s)
    slope = np.gradient(line, s, axis=0)
    assert_allclose(slope[1:-1], bundle.direction(line)[1:-1], atol=1e-5)
    assert_allclose(line[4000], (7.0, 1.5, 2.0), atol=1e-9)
    assert miss(line[3000:5000:100], bundle).max() < 0.02


@pytest.mark.parametrize("bundle", BUNDLES[:2], ids=lambda b: type(b).__name__)
def test_lines_keep_their_distance_from_the_middle(bundle):
    off = bundle.off(bundle.through(np.array([3.0, 1.0, 0.0]), np.linspace(-30, 30, 50)))
    assert_allclose(off, off[0], atol=1e-9)


def test_the_helix_passes_through_its_own_middle():
    helix = Helix(8.0, 120.0)
    assert helix.off(helix.through(np.array([8.0, 0.0, 0.0]), np.linspace(-60, 60, 50))).max() < 1e-9


def test_tensors_have_the_eigenvalues_and_the_axis():
    v = np.array([0.6, 0.0, 0.8])
    xx, yy, zz, xy, xz, yz = tensor_of(v, NERVE)
    matrix = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    assert_allclose(matrix @ v, NERVE[0] * v, atol=1e-20)
    assert_allclose(np.trace(matrix), NERVE[0] + 2 * NERVE[1])


def test_voxels_are_mixtures_and_gaps_are_water():
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -7.5
    tensor, share = field((16, 16, 16), affine, Straight(), 4.0, gap_mm=(-2.0, 2.0), fine=4)
    assert share.sum() == pytest.approx(np.pi * 16 * 16, rel=0.02)
    assert_allclose(tensor[8, 8, 8], [AROUND[0]] * 3 + [0.0] * 3, atol=1e-20)
    assert_allclose(tensor[8, 8, 2], tensor_of(np.array([0, 0, 1.0]), NERVE), atol=1e-20)


def test_magnitudes_fall_as_stejskal_and_tanner_say():
    tensor = tensor_of(np.array([[0.0, 0.0, 1.0]]), NERVE)
    signal = magnitudes(tensor, [0.0, 8e8, 8e8], [[0, 0, 0], [0, 0, 1], [1, 0, 0]])
    assert_allclose(signal[0], 1000 * np.exp([0, -8e8 * NERVE[0], -8e8 * NERVE[1]]), rtol=1e-12)
