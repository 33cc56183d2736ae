r"""The NRRD door (3D Slicer's .nrrd and .seg.nrrd): a header of text lines, an empty line, the voxels.

Read by ourselves and not by a library: every number is checked before anything is allocated on its word, compressed data are read to
their checksum, and the file decides nothing about other files. Of the format (teem.sourceforge.net/nrrd/format.html) it takes what image
programs write: three spatial axes and at most one more (``none``), in raw, gzip or ascii, space RAS, LAS or LPS with directions and
origin. Voxels in a file of their own (``data file``), bzip2 and hex are refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.io.files import open_regular, printable, size_of
from neuromyo.io.geometry import checked
from neuromyo.io.gz import EndsEarly, Inflater

MAGIC = b"NRRD000"
_MOST_HEADER, _MOST_FIELDS, _LONGEST_AXIS = 1 << 20, 20_000, 1 << 16
_GB, _QUICKLY, _RATIO, _PROBE = 1_000_000_000, 256 << 20, 1000, 1 << 16

_TYPES = {
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"), "i1": ("signed char", "int8", "int8_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"), "i4": ("int", "signed int", "int32", "int32_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "f4": ("float",), "f8": ("double",),
}  # fmt: skip
_KINDS = {name: kind for kind, names in _TYPES.items() for name in names}
#: space -> signs that bring its axes to RAS+
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "ascii": "ascii", "text": "ascii", "txt": "ascii"}
_REMEDY = "save it again, as one .nrrd file"


@dataclass(frozen=True, eq=False)
class Nrrd:
    """One file. values : (a, b, c, n), the three spatial axes as stored, then layers (1 where the file has none)
    affine : (4, 4) voxel index as stored -> RAS+ mm; keys : the file's own key/value pairs, as typed
    """

    values: np.ndarray
    affine: np.ndarray
    keys: Mapping[str, str]


def read(path: Path, *, name: str | None = None, max_input_gb: float = 16) -> Nrrd:
    """A file's voxels, geometry and keys. E-FORMAT (no NRRD, or a kind that is not read), E-HEADER, E-DIMS, E-GEOM, E-TRUNC,
    E-CRC, E-BOMB; ``name`` is what messages call it."""
    name = name or printable(path.name)
    with open_regular(path, name) as stream:
        fields, keys = _header(stream, name)
        sizes, dtype = _sizes(fields, name), _dtype(fields, name)
        list_axis, affine = _geometry(fields, len(sizes), name)
        count = math.prod(sizes)
        if count * dtype.itemsize > max_input_gb * _GB:
            raise DataError("E-DIMS", where=f"{name}: sizes", needed=f"at most {max_input_gb:g} GB of voxels",
                            found=f"{' x '.join(map(str, sizes))}, {count * dtype.itemsize} bytes", remedy=_REMEDY)  # fmt: skip
        flat = _voxels(stream, fields, count, dtype, name)
    values = flat.reshape(sizes, order="F")
    values = values[..., None] if list_axis is None else np.moveaxis(values, list_axis, 3)
    return Nrrd(values, affine, keys)


def _header(stream: BinaryIO, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Fields (``name: value``, lower case names) and keys (``name:=value``), the stream left at the first voxel."""
    head = stream.read(_MOST_HEADER)
    if not head:
        raise DataError("E-EMPTY", where=name, needed="an image", found="an empty file", remedy="copy the file again")
    if not re.match(rb"NRRD000[1-5]\r?\n", head):
        raise DataError("E-FORMAT", where=name, needed="a file that begins with NRRD0001 to NRRD0005", found="another beginning",
                        remedy="give a file that 3D Slicer or another program saved as .nrrd")  # fmt: skip
    end = re.search(rb"\r?\n\r?\n", head)
    if end is None and len(head) == _MOST_HEADER:
        raise _wrong("E-HEADER", name, f"a header of at most {_MOST_HEADER} bytes", "no empty line that ends it")
    if end is None:  # a header whose voxels lie elsewhere may end with the file
        raise _elsewhere(name) if b"data" in head.lower() else _truncated(name, "voxels after the header", "none")
    stream.seek(end.end())
    lines = head[: end.start()].decode("utf-8", "replace").splitlines()[1:]
    if len(lines) > _MOST_FIELDS:
        raise _wrong("E-HEADER", name, f"at most {_MOST_FIELDS} lines", str(len(lines)))
    return _sorted(lines, name)


def _sorted(lines: list[str], name: str) -> tuple[dict[str, str], dict[str, str]]:
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        if line.startswith("#") or not line.strip():
            continue
        found = re.match(r"([^:]*?)(:=|: )(.*)$", line)
        if found is None:
            raise _wrong("E-HEADER", f"{name}: line {number}", "field: value, or key:=value", "neither")
        title, mark, value = found.groups()
        where, title = (keys, title.strip()) if mark == ":=" else (fields, title.strip().lower().replace(" ", ""))
        if title in where:
            raise _wrong("E-HEADER", f"{name}: line {number}", "each field once", "one a second time")
        where[title] = value.strip()
    return fields, keys


def _sizes(fields: Mapping[str, str], name: str) -> tuple[int, ...]:
    if "datafile" in fields:
        raise _elsewhere(name)
    words = fields.get("sizes", "").split()
    if fields.get("dimension") not in ("3", "4") or len(words) != int(fields["dimension"]):
        raise _wrong("E-DIMS", f"{name}: dimension, sizes", "3 axes, or 4 of which one counts layers, and a size for each",
                     f"{_said(fields, 'dimension')} and {_said(fields, 'sizes')}")  # fmt: skip
    if not all(re.fullmatch(r"[0-9]{1,9}", w) and 0 < int(w) <= _LONGEST_AXIS for w in words):
        raise _wrong("E-DIMS", f"{name}: sizes", f"whole numbers from 1 to {_LONGEST_AXIS}", _said(fields, "sizes"))
    return tuple(map(int, words))


def _dtype(fields: Mapping[str, str], name: str) -> np.dtype:
    kind = _KINDS.get(fields.get("type", "").lower())
    if kind is None:
        raise _wrong("E-DTYPE", f"{name}: type", "whole numbers or floats", _said(fields, "type"))
    order = fields.get("endian", "").lower()
    if kind[1] == "1" or (order not in ("little", "big") and _encoding(fields, name) == "ascii"):
        return np.dtype(kind)
    if order not in ("little", "big"):
        raise _wrong("E-HEADER", f"{name}: endian", "little or big", _said(fields, "endian"))
    return np.dtype(("<" if order == "little" else ">") + kind)


def _encoding(fields: Mapping[str, str], name: str) -> str:
    found = _ENCODINGS.get(fields.get("encoding", "").lower())
    if found is None:
        raise _wrong("E-FORMAT", f"{name}: encoding", "raw, gzip or ascii", _said(fields, "encoding"))
    return found


def _geometry(fields: Mapping[str, str], dimension: int, name: str) -> tuple[int | None, np.ndarray]:
    """The axis of layers (None where there is none), and (4, 4) stored voxel index -> RAS+ mm."""
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None:
        raise _wrong("E-GEOM", f"{name}: space", "left-posterior-superior, right-anterior-superior or left-anterior-superior",
                     _said(fields, "space"))  # fmt: skip
    units = set(re.findall(r'"([^"]*)"', fields.get("spaceunits", "")))
    if units - {"mm", "millimeter", "millimeters", "millimetre", "millimetres", ""}:
        raise _wrong("E-UNITS", f"{name}: space units", "mm", _said(fields, "spaceunits"))
    listed = re.findall(r"none|\([^()]*\)", fields.get("spacedirections", ""))
    lists = [i for i, word in enumerate(listed) if word == "none"]
    if len(listed) != dimension or len(lists) != dimension - 3:
        raise _wrong("E-GEOM", f"{name}: space directions", "a vector for each of three axes, and none for one of layers",
                     _said(fields, "spacedirections"))  # fmt: skip
    affine = np.eye(4)
    affine[:3, :3] = np.array([_vector(w, f"{name}: space directions") for w in listed if w != "none"]).T
    affine[:3, 3] = _vector(fields.get("spaceorigin", ""), f"{name}: space origin")
    affine[:3] *= np.array(signs, dtype=np.float64)[:, None]
    return (lists[0] if lists else None), checked(affine + 0.0, f"{name}: space directions")


def _vector(text: str, where: str) -> list[float]:
    try:
        numbers = (
            [float(v) for v in text.strip()[1:-1].split(",")] if re.fullmatch(r"\([^()]{1,200}\)", text.strip()) else []
        )
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise _wrong("E-GEOM", where, "three numbers such as (0.5,0,0)", printable(text)[:60] or "nothing")
    return numbers


def _voxels(stream: BinaryIO, fields: Mapping[str, str], count: int, dtype: np.dtype, name: str) -> np.ndarray:
    """(count,) the numbers, first axis fastest."""
    for skip in ("lineskip", "byteskip"):
        if fields.get(skip, "0") != "0":
            raise _wrong("E-FORMAT", f"{name}: {skip}", "voxels right behind the header", _said(fields, skip))
    encoding, left = _encoding(fields, name), size_of(stream) - stream.tell()
    if encoding == "ascii":
        return _written(stream, count, dtype, left, name)
    promise = count * dtype.itemsize
    if encoding == "raw":
        if left < promise:
            raise _truncated(name, f"{promise} bytes of voxels", f"{left}")
        if left > promise + _PROBE:
            raise _wrong(
                "E-DIMS",
                f"{name}: sizes",
                "dimensions that use all the voxels in the file",
                f"{left - promise} bytes left over",
            )
        return np.frombuffer(stream.read(promise), dtype=dtype)
    if promise > _QUICKLY and promise > _RATIO * left:
        raise DataError("E-BOMB", where=name, needed=f"compression under {_RATIO}:1", found=f"{promise} bytes promised by {left}",
                        remedy="do not trust this file; save it again from its source")  # fmt: skip
    return np.frombuffer(_inflated(stream, promise, name), dtype=dtype)


def _inflated(stream: BinaryIO, promise: int, name: str) -> bytes:
    inflater = Inflater(stream, name)
    try:
        found = inflater.take(promise)
        while inflater.read():  # to the checksum; what goes on beyond is not what the header says
            if inflater.produced > promise + _PROBE:
                raise DataError("E-BOMB", where=name, needed=f"{promise} bytes, as the header promises",
                                found="compressed data that go on and on", remedy="do not trust this file")  # fmt: skip
    except EndsEarly as early:
        raise _truncated(
            name, f"{promise} bytes of voxels, compressed", f"{early.found} before the file ends"
        ) from early
    if inflater.produced != promise:
        code = "E-TRUNC" if inflater.produced < promise else "E-DIMS"
        raise _wrong(code, f"{name}: sizes", f"{promise} bytes of voxels", f"{inflater.produced}")
    return found


def _written(stream: BinaryIO, count: int, dtype: np.dtype, left: int, name: str) -> np.ndarray:
    if left > 32 * count + _PROBE:
        raise _wrong("E-DIMS", f"{name}: sizes", f"{count} numbers", f"{left} bytes of text")
    words = stream.read(left).split()
    if len(words) < count:
        raise _truncated(name, f"{count} numbers", f"{len(words)}")
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise _wrong("E-HEADER", f"{name}: voxels", "numbers", "other text") from error
    if len(words) > count:
        raise _wrong("E-DIMS", f"{name}: sizes", f"{count} numbers", f"{len(words)}")
    return values


def _said(fields: Mapping[str, str], field: str) -> str:
    return printable(fields[field])[:80] if fields.get(field) else "nothing"


def _wrong(code: str, where: str, needed: str, found: str) -> DataError:
    return DataError(code, where=where, needed=needed, found=found, remedy=_REMEDY)


def _truncated(name: str, needed: str, found: str) -> DataError:
    return DataError("E-TRUNC", where=name, needed=needed, found=found, remedy="copy the file again from its source")


def _elsewhere(name: str) -> DataError:
    return _wrong("E-FORMAT", f"{name}: data file", "header and voxels in one file", "voxels in a file of their own")
