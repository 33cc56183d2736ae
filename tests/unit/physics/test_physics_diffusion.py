"""The tensor's descriptions against eigenvalue decompositions, closed forms and finite differences."""

import numpy as np
import pytest

from neuromyo.fit.uncertainty import numerical_gradient
from neuromyo.physics import diffusion


def drawn(count=500, seed=1):
    """Positive definite tensors (count, 6) in m2/s, by eigenvalues and random frames."""
    rng = np.random.default_rng(seed)
    frames = np.linalg.qr(rng.standard_normal((count, 3, 3)))[0]
    values = rng.uniform(0.2e-9, 2.5e-9, (count, 3))
    return diffusion.as_components(np.einsum("mik,mk,mjk->mij", frames, values, frames))


def test_components_and_matrix_are_inverse():
    tensor = drawn(20)
    np.testing.assert_array_equal(diffusion.as_components(diffusion.as_matrix(tensor)), tensor)
    assert diffusion.COMPONENTS == ("xx", "yy", "zz", "xy", "xz", "yz")
    assert diffusion.as_matrix(np.arange(6.0)).tolist() == [[0, 3, 4], [3, 1, 5], [4, 5, 2]]


def test_eigenvalues_and_axis_are_those_of_lapack():
    tensor = drawn()
    found = diffusion.describe(tensor)
    values, vectors = np.linalg.eigh(diffusion.as_matrix(tensor))
    np.testing.assert_allclose(found.eigenvalues, values[:, ::-1], atol=1e-12 * values.max())
    np.testing.assert_allclose(np.abs((found.V1 * vectors[:, :, 2]).sum(axis=1)), 1.0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.V1, axis=1), 1.0, rtol=1e-12)
    assert (found.V1[:, 2] >= 0).all()
    np.testing.assert_allclose(found.MD, values.mean(axis=1))
    np.testing.assert_allclose(found.AD, values[:, 2])
    np.testing.assert_allclose(found.RD, values[:, :2].mean(axis=1))


@pytest.mark.parametrize(
    ("values", "fa"),
    [((1, 0, 0), 1.0), ((1, 1, 0), np.sqrt(0.5)), ((1, 1, 1), 0.0), ((2, 1, 1), np.sqrt(1 / 6)), ((3, 2, 1), np.sqrt(3 / 14))],
)  # fmt: skip
def test_anisotropy_of_textbook_tensors(values, fa):
    tensor = 1e-9 * np.array([*values, 0, 0, 0], float)
    assert abs(diffusion.describe(tensor).FA - fa) < 1e-12
    turned = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    matrix = turned @ np.diag(tensor[:3]) @ turned.T
    assert abs(diffusion.describe(diffusion.as_components(matrix)).FA - fa) < 1e-7


def test_derivatives_are_those_of_finite_differences():
    tensor = drawn(50)
    gradient = diffusion.describe(tensor).gradient
    for name, slope in gradient.items():
        wanted = numerical_gradient(
            lambda t, name=name: getattr(diffusion.describe(t), name), tensor, np.full(6, 1e-14)
        )
        np.testing.assert_allclose(slope, wanted, atol=2e-4 * np.abs(wanted).max(), err_msg=name)


def test_degenerate_tensors_have_finite_descriptions():
    for tensor in (np.zeros(6), [1e-9, 1e-9, 1e-9, 0, 0, 0], [1e-9, 2e-9, 2e-9, 0, 0, 0], [1e-30, 0, 0, 0, 0, 0]):
        found = diffusion.describe(np.array(tensor, float))
        assert np.isfinite(found.V1).all() and np.linalg.norm(found.V1) == pytest.approx(1.0)
        assert np.isfinite(found.gradient["FA"]).all()


def test_signal_is_the_exponential_of_the_quadratic_form():
    tensor, rng = drawn(7), np.random.default_rng(3)
    g = rng.standard_normal((9, 3))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    b = rng.uniform(0, 1e9, 9)
    wanted = [[5 * np.exp(-bb * gg @ diffusion.as_matrix(t) @ gg) for bb, gg in zip(b, g, strict=True)] for t in tensor]
    np.testing.assert_allclose(diffusion.tensor_signal(np.full(7, 5.0), tensor, b, g), wanted, rtol=1e-12)


def test_upwards_keeps_the_axis():
    v = np.array([[1.0, 2, -3], [1, -2, 0], [-1, 0, 0], [1, 0, 0]])
    assert diffusion.upwards(v).tolist() == [[-1, -2, 3], [-1, 2, 0], [1, 0, 0], [1, 0, 0]]
