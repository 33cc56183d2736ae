"""The diffusion oracle against closed forms, worked examples of the bvec convention, and its phantom's own words."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .diffusion import (
    EIGENVALUES,
    angle_deg,
    bvec_to_world,
    dwi,
    mean_axis,
    measures,
    orientations,
    pennate_legs,
    sphere,
    table,
    tensor,
    tilted,
    world_to_bvec,
)

ALL = dict(orientations())


class TestTensor:
    def test_along_z_is_diagonal(self):
        assert_allclose(tensor([0, 0, 2.0], (3.0, 1.0, 1.0)), np.diag([1, 1, 3.0]), atol=1e-15)

    def test_eigen_system_comes_back(self):
        d = np.random.default_rng(0).standard_normal((50, 3))
        values, vectors = np.linalg.eigh(tensor(d, (3.0, 2.0, 1.0)))
        assert_allclose(values, np.broadcast_to([1, 2, 3.0], (50, 3)))
        assert_allclose(angle_deg(vectors[:, :, 2], d), 0, atol=1e-5)

    def test_second_axis_is_where_it_was_asked(self):
        t = tensor([0, 0, 1.0], (3.0, 2.0, 1.0), second=np.array([0, 1.0, 0]))
        assert_allclose(t, np.diag([1, 2, 3.0]), atol=1e-15)

    def test_measures_of_known_shapes(self):
        assert_allclose(measures([1, 1, 1])["FA"], 0, atol=1e-12)
        assert_allclose(measures([1, 0, 0])["FA"], 1)
        m = measures([3.0, 1.0, 1.0])
        assert_allclose([m["FA"], m["MD"], m["AD"], m["RD"]], [2 / np.sqrt(11), 5 / 3, 3, 1])


class TestSignal:
    def test_by_hand(self):
        t = np.diag([1e-9, 2e-9, 3e-9])
        s = dwi(t, [0, 1e9, 1e9, 1e9], [[0, 0, 0], [1, 0, 0], [0, 0, 1], [np.sqrt(0.5), np.sqrt(0.5), 0]], 2.0)
        assert_allclose(s, 2 * np.exp([0, -1, -3, -1.5]))

    def test_head_and_tail_are_alike(self):
        b, g = table()
        t = tensor([1, 2, 3.0], EIGENVALUES["muscle"])
        assert_allclose(dwi(t, b, g), dwi(t, b, -g))

    def test_sphere_covers_evenly(self):
        g = sphere(64)
        assert_allclose(np.linalg.norm(g, axis=1), 1)
        assert_allclose(g.T @ g / 64, np.eye(3) / 3, atol=0.01)


class TestBvec:
    def test_radiological_storage_writes_voxel_axes(self):
        """LAS: negative determinant; voxel x runs to the left, so a gradient to the right is -1 in the file."""
        assert_allclose(world_to_bvec([[1, 0, 0], [0, 1, 0], [0, 0, 1]], ALL["LAS"]), np.diag([-1, 1, 1]))

    def test_neurological_storage_flips_x_alone(self):
        """RAS: positive determinant; the file's x runs against voxel x: the same numbers as for LAS."""
        assert_allclose(world_to_bvec([[1, 0, 0], [0, 1, 0], [0, 0, 1]], ALL["RAS"]), np.diag([-1, 1, 1]))

    def test_coronal_storage(self):
        """RSA: right, superior, anterior: determinant negative; file axes are the voxel axes."""
        assert np.linalg.det(ALL["RSA"][:3, :3]) < 0
        assert_allclose(world_to_bvec([[0, 0, 1.0]], ALL["RSA"])[:, 0], [0, 1, 0])

    @pytest.mark.parametrize("name", ALL)
    def test_there_and_back(self, name):
        for affine in (ALL[name], tilted(ALL[name])):
            g = sphere(12)
            assert_allclose(bvec_to_world(world_to_bvec(g, affine), affine), g, atol=1e-12)

    def test_file_axes_are_left_handed_always(self):
        for affine in ALL.values():
            x, y, z = bvec_to_world(np.eye(3), tilted(affine))
            assert_allclose(np.cross(x, y), -z, atol=1e-12)

    def test_there_are_forty_eight(self):
        assert len(ALL) == 48 and sum(np.linalg.det(a[:3, :3]) > 0 for a in ALL.values()) == 24

    def test_tilt_turns_and_keeps_size(self):
        a = tilted(ALL["RAS"])
        assert_allclose(np.linalg.norm(a[:3, :3], axis=0), (3, 3, 6))
        assert np.abs(a[:3, :3] / (3, 3, 6)).max() < 0.95


class TestLegs:
    def test_layout_follows_the_world(self):
        """Under any storage the same part lies at the same place and points the same way."""
        ras = pennate_legs(ALL["RAS"], noise="gauss", snr=1e9)
        lps = pennate_legs(ALL["LPS"], noise="gauss", snr=1e9)
        assert np.array_equal(ras.label, lps.label[::-1, ::-1])
        assert_allclose(ras.signals, lps.signals[::-1, ::-1], atol=1e-6)

    def test_every_part_is_there_and_legs_mirror(self):
        p = pennate_legs(ALL["RAS"])
        assert [int((p.label == k).sum()) > 20 for k in range(1, 9)] == [True] * 8
        one, other = (p.direction[p.label == k][0] for k in (2, 6))
        assert_allclose(one * (-1, 1, 1), other)
        assert one[0] < 0 and np.rad2deg(np.arccos(one[2])) == pytest.approx(25)

    def test_noise_free_signal_is_the_formula(self):
        p = pennate_legs(ALL["RAS"], noise="gauss", snr=1e9)
        where = np.argwhere(p.label == 3)[0]
        t = tensor(p.direction[tuple(where)], EIGENVALUES["muscle"])
        assert_allclose(p.signals[tuple(where)], dwi(t, p.b_values, p.gradients), atol=1e-6)

    def test_rice_noise_floor_in_air(self):
        p = pennate_legs(ALL["RAS"], snr=10.0)
        assert p.signals[p.label == 0].mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)


def test_axes_have_no_head():
    assert_allclose(angle_deg([0, 0, 1.0], [0, 0, -1.0]), 0)
    assert_allclose(angle_deg([1.0, 0, 0], [1.0, 1.0, 0]), 45)
    assert_allclose(np.abs(mean_axis([[0, 0, 1.0], [0, 0, -1.0], [0.1, 0, 1.0], [-0.1, 0, 1.0]])), [0, 0, 1], atol=1e-9)
