"""Lines of tractography as files: TRK (TrackVis) out and in, TRX out.

Both hold the lines and the grid of the image they were followed on, as that image is stored; here lines are in the world, RAS+ mm,
always. TRK goes through nibabel, which knows its corner origin and voxel order. TRX is an uncompressed zip of ``header.json``,
``positions.3.float32`` and ``offsets.uint64`` (one more than lines, the last the number of points), after the specification
at tee-ar-ex.github.io. Neither holds a time: equal lines are equal bytes.

A TRK file that is read is checked byte by byte before nibabel sees it: what is cut off, too large, or no number is refused.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.io import store
from neuromyo.io.files import cannot_read, open_regular, printable, size_of

FORMATS = ("trk", "trx")
_HEADER = 1000
#: places in the header of TRK: dimensions, numbers a point and a line beyond its coordinates, matrix, number of lines, size
_DIM, _SCALARS, _PROPERTIES, _MATRIX, _COUNT, _SIZE = 6, 36, 238, 440, 988, 996
_MOST_NUMBERS = 10
#: nobody is this large (mm)
_FAR = 1e5


def write(path: Path, streamlines: Sequence[np.ndarray], grid: Grid) -> str:
    """Lines (k, 3) RAS+ mm as ``.trk`` or ``.trx``, by the name's ending; the SHA-256 (hex) of the file."""
    made = {".trk": trk_bytes, ".trx": trx_bytes}.get(path.suffix)
    if made is None:
        raise ValueError(f"{path.name} ends in none of {', '.join(FORMATS)}")
    return store.write_bytes(path, made(streamlines, grid))


def trk_bytes(streamlines: Sequence[np.ndarray], grid: Grid) -> bytes:
    """A TRK file of lines (k, 3) RAS+ mm followed on an image of that grid."""
    from nibabel.orientations import aff2axcodes
    from nibabel.streamlines.tractogram import Tractogram
    from nibabel.streamlines.trk import TrkFile

    affine = grid.source_affine
    header = {
        "voxel_to_rasmm": affine.astype("<f4"),
        "voxel_sizes": np.linalg.norm(affine[:3, :3], axis=0).astype("<f4"),
        "dimensions": np.array(_stored_shape(grid), "<i2"),
        "voxel_order": "".join(aff2axcodes(affine)),
    }
    lines = [np.asarray(line, np.float32) for line in streamlines]
    stream = io.BytesIO()
    TrkFile(Tractogram(lines, affine_to_rasmm=np.eye(4)), header).save(stream)
    return stream.getvalue()


def trx_bytes(streamlines: Sequence[np.ndarray], grid: Grid) -> bytes:
    """A TRX file of lines (k, 3) RAS+ mm followed on an image of that grid."""
    offsets = np.concatenate(([0], np.cumsum([len(line) for line in streamlines]))).astype("<u8")
    points = np.concatenate([*streamlines, np.zeros((0, 3))]).astype("<f4")
    header = {
        "VOXEL_TO_RASMM": grid.source_affine.tolist(),
        "DIMENSIONS": list(_stored_shape(grid)),
        "NB_STREAMLINES": len(streamlines),
        "NB_VERTICES": len(points),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("header.json", json.dumps(header).encode()),
            ("positions.3.float32", points.tobytes()),
            ("offsets.uint64", offsets.tobytes()),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()


def read_trk(path: Path, *, max_gb: float = 2.0) -> tuple[np.ndarray, ...]:
    """The lines of a TRK file, (k, 3) RAS+ mm each; lines of fewer than two points are left out.

    Raises E-FORMAT (no TRK file, or one that contradicts itself), E-TRUNC, E-GEOM (no usable matrix), E-EMPTY, E-LIMIT.
    """
    name = printable(path.name)
    with open_regular(path, name) as stream:
        if size_of(stream) > max_gb * 1e9:
            raise DataError("E-LIMIT", where=name, needed=f"at most {max_gb:g} GB of lines", found=f"{size_of(stream) / 1e9:.1f} GB",
                            remedy="keep the lines of one nerve only")  # fmt: skip
        try:
            data = stream.read(int(max_gb * 1e9) + 1)
        except OSError as error:
            raise cannot_read(name, error) from error
    _check(data, name)
    lines = _load(data, name)
    if not lines:
        raise DataError("E-EMPTY", where=name, needed="at least one line of two points", found="none",
                        remedy="check which file was meant")  # fmt: skip
    if any(not np.isfinite(line).all() or np.abs(line).max() > _FAR for line in lines):
        raise DataError("E-FORMAT", where=name, needed="places that are numbers, in millimetres", found="others",
                        remedy="write the lines again")  # fmt: skip
    return lines


def _load(data: bytes, name: str) -> tuple[np.ndarray, ...]:
    from nibabel import streamlines

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = streamlines.load(io.BytesIO(data))
    except Exception as error:  # whatever a library thinks of a stranger's file
        raise _no_trk(name, f"a file that cannot be read ({type(error).__name__})") from error
    return tuple(np.asarray(line, np.float64) for line in loaded.streamlines if len(line) > 1)


def _check(data: bytes, name: str) -> None:
    """Header and counts of a TRK file, before anything is made of it."""
    if data[:5] != b"TRACK":
        raise _no_trk(name, "another kind of file" if data else "an empty file")
    if len(data) < _HEADER:
        raise _cut_off(name, len(data), _HEADER)
    order = next((o for o in "<>" if struct.unpack_from(f"{o}i", data, _SIZE)[0] == _HEADER), None)
    if order is None:
        raise _no_trk(name, "a header that does not state its size of 1000")
    shape = struct.unpack_from(f"{order}3h", data, _DIM)
    scalars, properties = (struct.unpack_from(f"{order}h", data, at)[0] for at in (_SCALARS, _PROPERTIES))
    if min(shape) < 1 or not (0 <= scalars <= _MOST_NUMBERS and 0 <= properties <= _MOST_NUMBERS):
        raise _no_trk(name, f"dimensions {shape}, {scalars} numbers a point and {properties} a line")
    matrix = np.array(struct.unpack_from(f"{order}16f", data, _MATRIX)).reshape(4, 4)
    if not np.isfinite(matrix).all() or matrix[3, 3] != 1 or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise DataError("E-GEOM", where=f"{name}: vox_to_ras", needed="a matrix from voxels to millimetres", found="none that can be used",
                        remedy="write the lines again with their image's geometry (TRK version 2)")  # fmt: skip
    _check_counts(data, order, scalars, properties, struct.unpack_from(f"{order}i", data, _COUNT)[0], name)


def _check_counts(data: bytes, order: str, scalars: int, properties: int, stated: int, name: str) -> None:
    at, found, count = _HEADER, 0, struct.Struct(f"{order}i")
    while at < len(data) and (stated <= 0 or found < stated):
        if at + 4 > len(data):
            raise _cut_off(name, len(data), at + 4)
        points = count.unpack_from(data, at)[0]
        if points < 0:
            raise _no_trk(name, f"a line of {points} points")
        at += 4 + 4 * (points * (3 + scalars) + properties)
        found += 1
        if at > len(data):
            raise _cut_off(name, len(data), at)
    if found < stated:
        raise DataError("E-TRUNC", where=name, needed=f"{stated} lines, as the header states", found=f"{found}",
                        remedy="copy the file again")  # fmt: skip


def _no_trk(name: str, found: str) -> DataError:
    return DataError("E-FORMAT", where=name, needed="lines in TrackVis format (.trk)", found=found,
                     remedy="write the lines as TRK in the program they were made with")  # fmt: skip


def _cut_off(name: str, size: int, least: int) -> DataError:
    return DataError(
        "E-TRUNC", where=name, needed=f"at least {least} bytes", found=f"{size}", remedy="copy the file again"
    )


def _stored_shape(grid: Grid) -> tuple[int, ...]:
    return tuple(grid.shape[axis] for axis, _ in grid.source_axes)
