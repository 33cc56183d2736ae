"""Lines out and in: the world's coordinates by nibabel, dipy and trx-python, on every kind of grid; files of strangers."""

import struct

import nibabel as nib
import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.io import tracts

AXES = {
    "plain": ((0, False), (1, False), (2, False)),
    "flipped": ((0, True), (1, False), (2, True)),
    "permuted": ((2, False), (0, True), (1, False)),
}


def oblique(spacing=(1.3, 1.4, 4.0)):
    a, b = np.deg2rad((12.0, -20.0))
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = x @ y @ np.diag(spacing)
    affine[:3, 3] = (-31.0, 44.5, -120.25)
    return affine


@pytest.fixture(params=AXES)
def grid(request):
    return Grid.of((20, 24, 11), oblique(), 2, AXES[request.param])


@pytest.fixture
def lines(grid):
    rng = np.random.default_rng(3)
    return [grid.to_world(rng.uniform(0, np.array(grid.shape) - 1, (n, 3))) for n in (2, 7, 30)]


def test_trk_is_where_it_was_by_nibabel_and_by_dipy(grid, lines, tmp_path):
    from dipy.io.streamline import load_tractogram

    path = tmp_path / "a.trk"
    tracts.write(path, lines, grid)
    loaded = nib.streamlines.load(path)
    image = nib.Nifti1Image(grid.to_source(np.zeros(grid.shape, np.uint8)), grid.source_affine)
    nib.save(image, tmp_path / "image.nii")
    for found in (
        loaded.streamlines,
        load_tractogram(str(path), str(tmp_path / "image.nii")).streamlines,
        tracts.read_trk(path),
    ):
        assert len(found) == len(lines)
        for one, true in zip(found, lines, strict=True):
            np.testing.assert_allclose(one, true, atol=1e-3)
    np.testing.assert_allclose(loaded.header["voxel_to_rasmm"], image.affine, atol=1e-4)
    assert tuple(loaded.header["dimensions"]) == image.shape


def test_trx_is_where_it_was_by_another_reader(grid, lines, tmp_path):
    from trx import trx_file_memmap

    path = tmp_path / "a.trx"
    tracts.write(path, lines, grid)
    found = trx_file_memmap.load(str(path))
    try:
        assert len(found.streamlines) == len(lines)
        for one, true in zip(found.streamlines, lines, strict=True):
            np.testing.assert_allclose(one, true, atol=1e-3)
        np.testing.assert_allclose(found.header["VOXEL_TO_RASMM"], grid.source_affine, atol=1e-5)
        stored = grid.to_source(np.zeros(grid.shape, np.uint8)).shape
        assert tuple(int(n) for n in found.header["DIMENSIONS"]) == stored
    finally:
        found.close()


def test_equal_lines_are_equal_bytes(lines, grid):
    for made in (tracts.trk_bytes, tracts.trx_bytes):
        assert made(lines, grid) == made([line.copy() for line in lines], grid)


def test_another_ending_is_not_guessed(tmp_path, lines, grid):
    with pytest.raises(ValueError, match="ends in none"):
        tracts.write(tmp_path / "a.tck", lines, grid)


def good():
    grid = Grid.of((20, 24, 11), oblique(), 2)
    return tracts.trk_bytes([np.array([[0.0, 0, 0], [1, 2, 3], [2, 4, 6]]), np.array([[1.0, 1, 1], [2, 2, 2]])], grid)


def changed(at, kind, *values):
    data = bytearray(good())
    struct.pack_into("<" + kind, data, at, *values)
    return bytes(data)


HOSTILE = {
    "empty": (b"", "E-FORMAT"),
    "words": (b"not a tract file at all\n" * 100, "E-FORMAT"),
    "half a header": (good()[:600], "E-TRUNC"),
    "half a line": (good()[:-5], "E-TRUNC"),
    "a line short": (good()[:-28], "E-TRUNC"),
    "two billion points": (changed(1000, "i", 2**31 - 1), "E-TRUNC"),
    "fewer than no points": (changed(1000, "i", -5), "E-FORMAT"),
    "no size": (changed(996, "i", 77), "E-FORMAT"),
    "negative dimensions": (changed(6, "h", -3), "E-FORMAT"),
    "thousands of numbers a point": (changed(36, "h", 30000), "E-FORMAT"),
    "no matrix": (changed(440, "16f", *[0.0] * 16), "E-GEOM"),
    "a matrix of NaN": (changed(440, "f", float("nan")), "E-GEOM"),
    "NaN places": (changed(1004, "f", float("nan")), "E-FORMAT"),
    "places beyond the moon": (changed(1004, "f", 1e30), "E-FORMAT"),
    "voxels of no size": (changed(12, "3f", 0.0, 0.0, 0.0), "E-FORMAT"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_file_is_refused_in_words(name, tmp_path):
    data, code = HOSTILE[name]
    path = tmp_path / "theirs.trk"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        tracts.read_trk(path)
    assert caught.value.code == code and "theirs.trk" in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.trk"
    path.write_bytes(good())
    with pytest.raises(DataError, match="at most 1e-06 GB"):
        tracts.read_trk(path, max_gb=1e-6)


def test_a_file_without_lines_is_told(tmp_path):
    path = tmp_path / "none.trk"
    tracts.write(path, [], Grid.of((4, 4, 4), np.eye(4)))
    with pytest.raises(DataError) as caught:
        tracts.read_trk(path)
    assert caught.value.code == "E-EMPTY"
