"""Transforms as values, and images through them."""

import numpy as np
import pytest

from neuromyo.core.labels import Labels, Region
from neuromyo.space.transform import Transform
from neuromyo.space.warp import apply, apply_labels
from tests.unit.space.leg import leg, places, rigid_matrix, upright

GRID = upright((40, 36, 12), (3.0, 3.0, 6.0))
A, B = Transform.of(rigid_matrix((3, 2, -5), (4, 1, -2))), Transform.of(rigid_matrix((-1, 4, 8), (0, -3, 2)))
POINTS = np.random.default_rng(1).uniform(-40, 40, (50, 3))


def waved(amount=2.0):
    world = places(GRID)
    return Transform.of(A.matrix, amount * np.sin(world[..., [1, 2, 0]] / 25.0), GRID)


def test_composition_and_inverse():
    np.testing.assert_allclose(A.after(B)(POINTS), A(B(POINTS)), atol=1e-10)
    np.testing.assert_allclose(A.inverse()(A(POINTS)), POINTS, atol=1e-10)
    assert A.rotation_deg == pytest.approx(A.inverse().rotation_deg)
    with pytest.raises(ValueError, match="not inverted"):
        waved().inverse()


def test_composition_with_a_field():
    field = waved()
    np.testing.assert_allclose(field.after(B)(POINTS), field(B(POINTS)), atol=1e-9)
    near = GRID.to_world(np.random.default_rng(2).integers(2, 9, (30, 3)).astype(float))
    np.testing.assert_allclose(B.after(field)(near), B(field(near)), atol=1e-9)


def test_how_far_it_moves():
    shift = Transform.of(rigid_matrix((0, 0, 0), (3.0, 4.0, 0.0)))
    moved = shift.displacement(GRID)
    assert moved.mean_mm == pytest.approx(5.0) and moved.rotation_deg == 0.0
    assert shift.in_voxels(GRID) == pytest.approx(4.0 / 3.0)
    assert Transform.of(rigid_matrix((0, 0, 7.0), (0, 0, 0))).rotation_deg == pytest.approx(7.0)
    assert A.smallest_jacobian() == pytest.approx(1.0)
    assert waved(40.0).smallest_jacobian() < 0 < waved().smallest_jacobian()


def test_it_can_be_recorded_exactly():
    assert Transform.from_dict(A.as_dict()).flat_matrix == A.flat_matrix


def test_images_series_and_complex_numbers():
    truth = leg(places(GRID), "T1w")
    seen = leg(A.inverse()(places(GRID)), "T1w")  # after the person moved by A
    back = apply(A, seen.astype(np.float32), GRID, GRID)
    inside = np.isfinite(back)
    before, after = np.abs(seen - truth)[inside].mean(), np.abs(back - truth)[inside].mean()
    assert after < 0.35 * before and back[inside].min() >= 0 and not inside.all()
    many = apply(A, np.stack([seen, 2 * seen], axis=-1), GRID, GRID)
    np.testing.assert_allclose(many[..., 1][inside], 2 * back[inside], rtol=1e-5, atol=1e-3)
    phase = np.exp(1j * places(GRID)[..., 0] / 5.0)
    turned = apply(A, (seen * phase).astype(np.complex64), GRID, GRID)
    np.testing.assert_allclose(turned.real[inside], apply(A, (seen * phase).real, GRID, GRID)[inside], atol=900)
    assert turned.dtype == np.complex64


def test_what_is_not_finite_does_not_spread():
    image = np.ones(GRID.shape, np.float32)
    image[20, 20, 6] = np.nan
    found = apply(Transform.of(rigid_matrix((0, 0, 0), (0.5, 0, 0))), image, GRID, GRID)
    assert 1 <= np.isnan(found[10:30, 10:30]).sum() <= 27
    assert np.nanmax(np.abs(found - 1)) < 0.6


def test_labels_go_by_the_nearest_voxel():
    volume = np.zeros(GRID.shape, np.uint8)
    volume[10:20, 10:20, 3:9] = 2
    one_over = Transform.of(rigid_matrix((0, 0, 0), (3.0, 0, 0)))
    moved = apply_labels(one_over, Labels(volume, GRID, (Region(2, "soleus"),)), GRID)
    np.testing.assert_array_equal(moved.volume[9:19], volume[10:20])
    assert apply(one_over, volume > 0, GRID, GRID).dtype == bool
