"""The NIfTI header, read by ourselves: every number is checked before anything is allocated on its word.

NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), both byte orders. The byte order is told by the header's own size field,
never by how plausible ``dim[0]`` looks, so that a damaged ``dim[0]`` is found and not worked around.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError

#: bytes to read before a header can be judged: NIfTI-2 and its extension flag
HEAD = 544

#: stored number types that stand for one real number a voxel: NIfTI code -> numpy type
TYPES: dict[int, str] = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8",
                         1280: "u8"}  # fmt: skip
_OTHER_TYPES = {0: "unknown", 1: "single bits", 32: "complex", 128: "RGB colour", 1536: "128-bit float",
                1792: "complex", 2048: "complex", 2304: "RGBA colour"}  # fmt: skip

_MAGIC_1, _MAGIC_2 = b"n+1\x00", b"n+2\x00\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Header:
    """What a NIfTI header says, checked, but for its geometry (`neuromyo.io.geometry`). Lengths as stored.

    shape : (a, b, c, n) in the stored order
    dtype : of the stored numbers, byte order included
    offset : first byte of the voxels
    slope, intercept : value = stored * slope + intercept; (1, 0) where the header asks for none
    unscaled : the header has a slope of 0, which the format defines as "no scaling"
    """

    version: int
    shape: tuple[int, int, int, int]
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    unscaled: bool
    pixdim: tuple[float, ...]
    units: int
    slice_dim: int
    qform_code: int
    sform_code: int
    quaternion: tuple[float, float, float]
    qoffset: tuple[float, float, float]
    srows: tuple[float, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of voxels promised."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def promise(self) -> int:
        """Bytes of the whole (uncompressed) file promised."""
        return self.offset + self.nbytes


def parse(head: bytes, name: str) -> Header:
    """The header in the first bytes of an (uncompressed) file. ``name`` is what messages call the file."""
    version, order = _recognise(head, name)
    raw = _fields(head, version, order)
    shape = _shape(raw["dim"], name)
    dtype = _dtype(raw["datatype"], raw["bitpix"], order, name)
    slope, intercept, unscaled = _scaling(raw["slope"], raw["intercept"], name)
    return Header(
        version, shape, dtype, _offset(raw["vox_offset"], version, name), slope, intercept, unscaled,
        raw["pixdim"], raw["units"], (raw["dim_info"] >> 4) & 3, raw["qform_code"], raw["sform_code"],
        raw["quaternion"], raw["qoffset"], raw["srows"],
    )  # fmt: skip


def real_type(head: bytes) -> str:
    """What a file is by its first bytes, in words."""
    if head[:2] == b"\x1f\x8b":
        return "a gzip file"
    if len(head) >= 348 and _order(head, 348) and head[344:348] == _MAGIC_1:
        return "an uncompressed NIfTI-1 file"
    if len(head) >= 12 and _order(head, 540) and head[4:12] == _MAGIC_2:
        return "an uncompressed NIfTI-2 file"
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if len(head) >= 348 and _order(head, 348):
        return "the header of a NIfTI or ANALYZE pair (.hdr and .img)"
    for magic, words in ((b"PK\x03\x04", "a zip archive"), (b"\xfd7zXZ", "an xz file"), (b"BZh", "a bzip2 file"),
                         (b"\x28\xb5\x2f\xfd", "a zstd file"), (b"NRRD", "an NRRD image"), (b"\x89PNG", "a PNG image"),
                         (b"version ", "a pointer that stands for the file (git-annex or LFS)"), (b"<", "markup text"),
                         (b"{", "JSON text")):  # fmt: skip
        if head.startswith(magic):
            return words
    return "neither NIfTI nor gzip"


def _order(head: bytes, size: int) -> str:
    """The byte order in which the first four bytes say ``size``, or an empty string."""
    return next((o for o in "<>" if len(head) >= 4 and struct.unpack(o + "i", head[:4])[0] == size), "")


def _recognise(head: bytes, name: str) -> tuple[int, str]:
    for version, size, start, magic in ((1, 348, 344, _MAGIC_1), (2, 540, 4, _MAGIC_2)):
        order = _order(head, size)
        if order and len(head) < size:
            raise DataError("E-TRUNC", where=f"{name}: header", needed=f"{size} bytes", found=f"{len(head)} bytes",
                            remedy="copy or convert the file again")  # fmt: skip
        marked = head[start : start + len(magic)] == magic
        if order and marked:
            return version, order
        if marked and len(head) >= size:
            raise DataError("E-HEADER", where=f"{name}: sizeof_hdr", needed=str(size),
                            found=str(struct.unpack("<i", head[:4])[0]), remedy="convert the file again")  # fmt: skip
    raise DataError("E-FORMAT", where=name, needed="a single-file NIfTI image", found=real_type(head),
                    remedy="convert it to NIfTI, or give it the name of what it is")  # fmt: skip


def _fields(head: bytes, version: int, order: str) -> dict:
    def take(fmt: str, at: int) -> tuple:
        return struct.unpack_from(order + fmt, head, at)

    if version == 1:
        return {
            "dim_info": head[39], "dim": take("8h", 40), "datatype": take("h", 70)[0], "bitpix": take("h", 72)[0],
            "pixdim": take("8f", 76), "vox_offset": take("f", 108)[0], "slope": take("f", 112)[0],
            "intercept": take("f", 116)[0], "units": head[123], "qform_code": take("h", 252)[0],
            "sform_code": take("h", 254)[0], "quaternion": take("3f", 256), "qoffset": take("3f", 268),
            "srows": take("12f", 280),
        }  # fmt: skip
    return {
        "dim_info": head[524], "dim": take("8q", 16), "datatype": take("h", 12)[0], "bitpix": take("h", 14)[0],
        "pixdim": take("8d", 104), "vox_offset": take("q", 168)[0], "slope": take("d", 176)[0],
        "intercept": take("d", 184)[0], "units": take("i", 500)[0], "qform_code": take("i", 344)[0],
        "sform_code": take("i", 348)[0], "quaternion": take("3d", 352), "qoffset": take("3d", 376),
        "srows": take("12d", 400),
    }  # fmt: skip


def _shape(dim: tuple[int, ...], name: str) -> tuple[int, int, int, int]:
    """(a, b, c, n): volumes may stand in the fourth dimension, or in the fifth where the fourth is 1."""
    rank = dim[0]
    if not 2 <= rank <= 7:
        raise _dims(name, "dim[0]", "2 to 7 dimensions", str(rank))
    sizes = [*dim[1 : rank + 1], *[1] * (7 - rank)]
    for axis, size in enumerate(sizes, start=1):
        if size < 1:
            raise _dims(name, f"dim[{axis}]", "a size of 1 or more", str(size))
    if sizes[5] > 1 or sizes[6] > 1 or (sizes[3] > 1 and sizes[4] > 1):
        raise _dims(name, "dim", "three dimensions of space and one of volumes", " x ".join(map(str, sizes[:rank])))
    return sizes[0], sizes[1], sizes[2], sizes[3] * sizes[4]


def _dims(name: str, field: str, needed: str, found: str) -> DataError:
    return DataError("E-DIMS", where=f"{name}: {field}", needed=needed, found=found, remedy="convert the file again")


def _dtype(code: int, bits: int, order: str, name: str) -> np.dtype:
    if code not in TYPES:
        found = f"{_OTHER_TYPES.get(code, 'unknown')} (code {code})"
        remedy = "write magnitude and phase as two images" if "complex" in found else "convert the image to real numbers"
        raise DataError("E-DTYPE", where=f"{name}: datatype", needed="one real number a voxel", found=found, remedy=remedy)
    dtype = np.dtype(order + TYPES[code])
    if bits != 8 * dtype.itemsize:
        raise DataError("E-HEADER", where=f"{name}: bitpix", needed=f"{8 * dtype.itemsize} for datatype {code}",
                        found=str(bits), remedy="convert the file again")  # fmt: skip
    return dtype


def _offset(value: float, version: int, name: str) -> int:
    least = 352 if version == 1 else 544
    if not math.isfinite(value) or value != int(value) or value < least or value > 1 << 40:
        raise DataError("E-HEADER", where=f"{name}: vox_offset", needed=f"a whole number of bytes from {least} on",
                        found=f"{value:g}", remedy="convert the file again")  # fmt: skip
    return int(value)


def _scaling(slope: float, intercept: float, name: str) -> tuple[float, float, bool]:
    if slope == 0:
        return 1.0, 0.0, True
    for field, value in (("scl_slope", slope), ("scl_inter", intercept)):
        if not math.isfinite(value):
            raise DataError("E-SCALE", where=f"{name}: {field}", needed="a finite number", found=f"{value:g}",
                            remedy="write the image again with scl_slope 1 and scl_inter 0, or with its true scaling")  # fmt: skip
    return slope, intercept, False
