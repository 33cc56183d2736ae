"""Writing NIfTI images: a fresh header that carries nothing forward, the voxels in the order of the source image."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, ExportError
from neuromyo.core.grid import Grid
from neuromyo.io import store
from neuromyo.io.files import open_regular, printable
from neuromyo.io.geometry import quaternion
from neuromyo.io.header import TYPES

_CODES = {np.dtype(text): code for code, text in TYPES.items()}
#: of what may be gigabytes: 2 to 6 times as fast as `_LEVEL`, and 2 to 8 % larger (int16 and float32 of a knee)
_FAST = 2
_LEVEL = 6  # zlib itself, not a faster relative whose output depends on the processor


def write_image(path: Path, array: np.ndarray, grid: Grid) -> str:
    """Write an array (x, y, z) or (x, y, z, n) in RAS+ order; the SHA-256 (hex) of the file.

    Floating numbers are stored as float32, integers and bool in their own type, without scaling. ``.nii.gz`` holds no
    time. The image overlays its source voxel by voxel: it is turned back by ``grid.source_axes``.
    """
    name = printable(path.name)
    if array.shape[:3] != grid.shape or array.ndim not in (3, 4):
        raise ValueError(f"{name}: array {array.shape} does not lie on a grid {grid.shape}")
    stored = grid.to_source(_storable(array))
    pieces = _pieces(_header(stored, grid, name), stored)
    return store.write_stream(path, _zipped(pieces) if path.name.endswith(".gz") else pieces)


def _storable(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        return array.astype("<f4")
    little = array.dtype.newbyteorder("<")
    if little not in _CODES:
        raise ValueError(f"numbers of type {array.dtype} cannot be written as NIfTI")
    return array.astype(little, copy=False)


def write_streamed(
    path: Path, raw: Path, shape: tuple[int, ...], dtype: str, affine: np.ndarray, *, skip: int = 0, slice_dim: int = 3
) -> str:
    """Write voxels that lie in the file ``raw``, first axis fastest, from byte ``skip`` on; the SHA-256 (hex) of the file.

    shape : (a, b, c) or (a, b, c, n) as stored; dtype : numpy's word (``<i2``, ``<u2``, ``<i4``, ``<f4``)
    affine : (4, 4) stored voxel index -> RAS mm; slice_dim : 1 to 3, the axis across slices

    Never more than a megabyte is in memory. A raw file that is too short is E-TRUNC.
    """
    name, kind = printable(path.name), np.dtype(dtype)
    length = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    pieces = _streamed(header(shape, kind, affine, slice_dim, name), raw, skip, length, name)
    return store.write_stream(path, _zipped(pieces, _FAST) if path.name.endswith(".gz") else pieces)


def _streamed(head: bytes, raw: Path, skip: int, length: int, name: str) -> Iterator[bytes]:
    yield head
    with open_regular(raw, name) as stream:
        stream.seek(skip)
        while length:
            piece = stream.read(min(length, 1 << 20))
            if not piece:
                raise DataError("E-TRUNC", where=name, needed=f"{length} more bytes of voxels", found="the end of what was decoded",
                                remedy="run the import again")  # fmt: skip
            length -= len(piece)
            yield piece


def _header(stored: np.ndarray, grid: Grid, name: str) -> bytes:
    slice_dim = next(a for a, (ras, _) in enumerate(grid.source_axes) if ras == grid.slice_axis) + 1
    return header(stored.shape, stored.dtype, grid.source_affine, slice_dim, name)


def header(shape: tuple[int, ...], dtype: np.dtype, affine: np.ndarray, slice_dim: int, name: str) -> bytes:
    """The 352 bytes before the voxels of an unscaled image in millimetres, its affine in the sform and (unless sheared) the
    qform."""
    if max(shape) > 32767:
        raise ExportError("E-EXPORT", where=name, needed="at most 32767 voxels along each axis",
                          found=" x ".join(map(str, shape)), remedy="write it in parts")  # fmt: skip
    turn, qfac, has_qform = _rotation_of(affine)
    dims = [len(shape), *shape, *[1] * (7 - len(shape))]
    raw = bytearray(352)
    struct.pack_into("<i", raw, 0, 348)
    raw[39] = slice_dim << 4
    struct.pack_into("<8h", raw, 40, *dims)
    struct.pack_into("<2h", raw, 70, _CODES[dtype], 8 * dtype.itemsize)
    struct.pack_into("<8f", raw, 76, qfac, *np.linalg.norm(affine[:3, :3], axis=0), 1, 1, 1, 1)
    struct.pack_into("<3f", raw, 108, 352, 1, 0)
    raw[123] = 2  # millimetres
    struct.pack_into("<2h", raw, 252, int(has_qform), 1)
    struct.pack_into("<6f", raw, 256, *turn, *affine[:3, 3])
    struct.pack_into("<12f", raw, 280, *affine[:3].ravel())
    raw[344:348] = b"n+1\x00"
    return bytes(raw)


def _rotation_of(affine: np.ndarray) -> tuple[tuple[float, float, float], float, bool]:
    """Quaternion, handedness, and whether they can express the affine: a sheared one stands in the sform."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        return (0.0, 0.0, 0.0), 1.0, False
    qfac = 1.0 if np.linalg.det(axes) > 0 else -1.0
    return quaternion(axes * (1.0, 1.0, qfac)), qfac, True


def _pieces(header: bytes, stored: np.ndarray) -> Iterator[bytes]:
    """Header, then voxels with the first axis fastest, one last-axis layer at a time."""
    yield header
    for layer in range(stored.shape[-1]):
        yield stored[..., layer].tobytes(order="F")


def _zipped(pieces: Iterator[bytes], level: int = _LEVEL) -> Iterator[bytes]:
    # wbits 31: a gzip wrapper in which zlib writes neither time nor name
    squeeze = zlib.compressobj(level, zlib.DEFLATED, 31)
    for piece in pieces:
        yield squeeze.compress(piece)
    yield squeeze.flush()
