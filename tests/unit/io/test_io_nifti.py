"""Handles and grids: any orientation, any block, any number type comes out as nibabel has it."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.io.geometry import closest_axes, quaternion, rotation
from neuromyo.io.nifti import StackedData, open_image
from neuromyo.io.nifti_write import write_image
from tests.gauntlet.making import gz, nii


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_every_orientation_there_and_back(tmp_path, order, signs):
    rng = np.random.default_rng(5)
    data = rng.integers(-900, 900, (5, 4, 3, 2)).astype(np.int16)
    turn = nib.eulerangles.euler2mat(0.1, -0.2, 0.15)
    affine = np.eye(4)
    affine[:3, :3] = (turn @ np.eye(3)[:, list(order)]) * np.array(signs) * (1.5, 2.0, 6.0)
    affine[:3, 3] = (10, -20, 30)
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "a.nii.gz")
    handle, grid, findings = open_image(tmp_path / "a.nii.gz", scratch=tmp_path)
    assert not [f for f in findings if f.code != "W-UNITS"]
    canonical = nib.as_closest_canonical(nib.load(tmp_path / "a.nii.gz"))
    assert np.array_equal(handle.read(), np.asarray(canonical.dataobj, dtype=np.float32))
    assert np.allclose(grid.affine, canonical.affine, atol=1e-5)
    assert grid.slice_axis == order[2]
    block = (slice(1, 3), slice(0, 2), slice(1, None))
    assert np.array_equal(handle.read(block), handle.read()[block])
    write_image(tmp_path / "b.nii.gz", handle.read(), grid)
    back = nib.load(tmp_path / "b.nii.gz")
    assert np.array_equal(np.asarray(back.dataobj), data.astype(np.float32))
    assert np.allclose(back.affine, affine, atol=1e-5) and np.allclose(back.get_qform(), affine, atol=1e-4)


def test_quaternions_there_and_back():
    rng = np.random.default_rng(1)
    for _ in range(50):
        q = rng.standard_normal(4)
        q /= np.linalg.norm(q) * (1 if q[0] >= 0 else -1)
        matrix = rotation(*q[1:])
        assert np.allclose(matrix, nib.quaternions.quat2mat(q))
        assert np.allclose(quaternion(matrix), q[1:])
    assert closest_axes(np.diag([-1.0, 1, 1, 1])) == ((0, True), (1, False), (2, False))


@pytest.mark.parametrize("memory_mb", [2000, 0])
@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_types_and_scaling_in_memory_and_on_scratch(tmp_path, kind, memory_mb):
    data = np.arange(24).reshape(4, 3, 2).astype(kind)
    (tmp_path / "a.nii.gz").write_bytes(gz(nii(data, np.diag([2.0, 2, 2, 1]), scl_slope=0.1, scl_inter=-3.0)))
    handle, _, _ = open_image(tmp_path / "a.nii.gz", scratch=tmp_path / "scratch", memory_mb=memory_mb)
    wanted = (data.astype(np.float64) * np.float64(np.float32(0.1)) - 3).astype(np.float32)
    assert np.array_equal(handle.read()[..., 0], wanted) and handle.read().dtype == np.float32
    assert not list((tmp_path / "scratch").glob("*"))


def test_what_float32_cannot_hold_is_nan(tmp_path):
    data = np.array([1e300, np.inf, -np.inf, 1.0]).reshape(4, 1, 1)
    (tmp_path / "a.nii").write_bytes(nii(data, np.diag([2.0, 2, 2, 1])))
    values = open_image(tmp_path / "a.nii", scratch=tmp_path)[0].read().ravel()
    assert np.isnan(values[:3]).all() and values[3] == 1


def test_a_stack_takes_volumes_in_the_order_asked_for(tmp_path):
    data = np.random.default_rng(0).integers(0, 9, (3, 3, 2, 4)).astype(np.int16)
    (tmp_path / "a.nii").write_bytes(nii(data, np.diag([2.0, 2, 2, 1])))
    (tmp_path / "b.nii").write_bytes(nii(data[..., ::-1], np.diag([2.0, 2, 2, 1])))
    a, b = (open_image(tmp_path / n, scratch=tmp_path)[0] for n in ("a.nii", "b.nii"))
    stack = StackedData(((a, 2), (b, 0), (a, 0)))
    assert np.array_equal(stack.read(), data[..., [2, 3, 0]]) and stack.shape == (3, 3, 2, 3)


def test_a_full_scratch_disk_is_told(tmp_path, monkeypatch):
    from neuromyo.io import unpack

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpack.tempfile, "TemporaryFile", full)
    (tmp_path / "a.nii.gz").write_bytes(gz(nii(np.ones((2, 2, 2), np.int16), np.diag([2.0, 2, 2, 1]))))
    with pytest.raises(NeuromyoError) as caught:
        open_image(tmp_path / "a.nii.gz", scratch=tmp_path, memory_mb=0)
    assert caught.value.code == "E-DISK" and caught.value.exit_status == 3


@pytest.mark.realdata
def test_real_images_are_read_as_nibabel_reads_them(realdata, tmp_path):
    paths = [*sorted(realdata.glob("calf_mese/*.nii.gz")), *sorted(realdata.glob("neck_mt/*.nii.gz")),
             *sorted(realdata.glob("*/*.nii")), *sorted(realdata.glob("thigh_labels/*.nii.gz"))[:3]]  # fmt: skip
    assert paths
    for path in paths:
        handle, grid, _ = open_image(path, scratch=tmp_path)
        canonical = nib.as_closest_canonical(nib.load(path))
        wanted = np.asarray(canonical.dataobj).reshape(handle.shape).astype(np.float32)
        wanted[np.isinf(wanted)] = np.nan
        assert np.array_equal(handle.read(), wanted, equal_nan=True), path.name
        assert np.allclose(grid.affine, canonical.affine, atol=1e-9), path.name
