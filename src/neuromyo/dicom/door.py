"""The door: a DICOM file is walked from end to end by ourselves before any other reader sees it.

Looked at are the lengths of all elements against the file, how deep sequences nest, how far deflated data grow, and whether
the pixels can be what rows, columns, frames and bits say. It costs no more memory than the window of the walk (and what a
deflated data set inflates to, which is capped).
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import codestream
from neuromyo.dicom.begin import Beginning, begin, text
from neuromyo.dicom.entry import disguised
from neuromyo.dicom.walk import DOUBLES, FLOATS, PIXELS, Found, Pixels, damaged, walk
from neuromyo.dicom.window import FileBytes, MemoryBytes, Source
from neuromyo.io.files import open_regular, size_of

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_SAMPLES, _PHOTOMETRIC, _FRAMES = 0x00280002, 0x00280004, 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_ALLOCATED, _STORED, _HIGH = 0x00280100, 0x00280101, 0x00280102
_ASKED = frozenset(
    (_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _ALLOCATED, _STORED, _HIGH, PIXELS, FLOATS, DOUBLES)
)
_NAMES = {_SAMPLES: "SamplesPerPixel", _FRAMES: "NumberOfFrames", _ROWS: "Rows", _COLUMNS: "Columns",
          _ALLOCATED: "BitsAllocated", _STORED: "BitsStored", _HIGH: "HighBit"}  # fmt: skip
_RLE = "1.2.840.10008.1.2.5"
_REMEDY = "export or copy the file again from its source"

#: no magnet makes more of these
MOST_SIDE, MOST_FRAMES = 32_767, 1_000_000
#: decoded pixels of one file may come to this; beyond the lower figure to no more than ``MOST_RATIO`` times the coded ones
MOST_DECODED, MOST_QUICKLY, MOST_RATIO = 16 << 30, 256 << 20, 1000
#: so much larger than what is there, and large: a lie rather than a file cut short
_LIE_BYTES, _LIE_RATIO = 1 << 30, 100
_SLACK = 1024
_IDENTIFYING = 0x0008  # the group of attributes that every DICOM object has


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be read.

    syntax : its transfer syntax; ``compressed`` where the pixels are encapsulated
    has_pixels : whether it holds an image at all; rows, columns, frames : of it, else 0
    findings : W-PREAMBLE, W-TRAILING
    """

    syntax: str
    compressed: bool
    has_pixels: bool
    rows: int
    columns: int
    frames: int
    findings: tuple[Finding, ...]


def check(source: Path | bytes, name: str = "") -> Checked:
    """Walk a file, or bytes, to the end.

    name : put before the place in errors (left empty in the child: the parent knows the file's name)
    E-DICOM (naming tag and byte), E-DEPTH, E-DIMS, E-BOMB, E-NOTREGULAR
    """
    if isinstance(source, bytes):
        with _named(name):
            return _checked(MemoryBytes(source))
    with opened(source, name) as (_, checked):
        return checked


@contextmanager
def opened(path: Path, name: str = "") -> Iterator[tuple[BinaryIO, Checked]]:
    """`check`, and the same open file for the reader behind it, so that nothing can be exchanged in between."""
    with _named(name):
        stream = open_regular(path, "")
    with stream:
        with _named(name):
            checked = _checked(FileBytes(stream.fileno(), size_of(stream)))
        stream.seek(0)
        yield stream, checked


def dataset(path: Path, name: str = "", *, pixels: bool = False) -> tuple[FileDataset, Checked]:
    """What pydicom reads of a file that passed; with its pixels only where asked for."""
    from pydicom import dcmread

    with opened(path, name) as (stream, checked):
        return dcmread(stream, stop_before_pixels=not pixels, force=True), checked


def header(path: Path) -> FileDataset | None:
    """A file's header without its pixels; None where it is no DICOM, or none that passes."""
    try:
        with opened(path) as (stream, _):
            return _header_in(stream)
    except NeuromyoError:
        return None


def _header_in(stream: BinaryIO) -> FileDataset | None:
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        except (InvalidDicomError, ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, NotImplementedError,
                struct.error):  # fmt: skip
            return None
        return found if any(tag.group == _IDENTIFYING for tag in found.keys()) else None  # noqa: SIM118


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except NeuromyoError as error:
        where = ": ".join(part for part in (name, error.where) if part)
        raise type(error)(error.code, where=where, needed=error.needed, found=error.found,
                          remedy=error.remedy) from error  # fmt: skip


def _checked(source: Source) -> Checked:
    start = begin(source)
    if start is None:
        raise DataError(
            "E-DICOM", where="", needed="a DICOM file", found="something else", remedy="leave this file out"
        )
    found = walk(start.source, start.at, start.encoding, _ASKED)
    findings = []
    if start.disguise:
        findings.append(disguised(start.disguise))
    if found.padding:
        findings.append(_trailing(found.padding, "after the last element"))
    if found.pixels is None:
        return Checked(start.syntax, start.compressed, False, 0, 0, 0, tuple(findings))
    image = _Image.of(found, start)
    findings += image.refuse_lies(found.pixels, start)
    return Checked(start.syntax, found.pixels.fragments is not None, True, image.rows, image.columns, image.frames,
                   tuple(findings))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Image:
    """What the header says of the pixels."""

    rows: int
    columns: int
    frames: int
    samples: int
    bits: int
    photometric: str

    @staticmethod
    def of(found: Found, start: Beginning) -> _Image:
        order = "little" if start.encoding.little else "big"

        def number(tag: int, low: int, high: int, otherwise: int | None = None) -> int:
            raw = found.values.get(tag, b"")
            if not raw and otherwise is not None:
                return otherwise
            value = _whole(raw) if tag == _FRAMES else int.from_bytes(raw, order) if len(raw) == 2 else None
            if value is None or not low <= value <= high:
                raise _dims(
                    _NAMES[tag], f"a whole number from {low} to {high}", "none" if value is None else str(value)
                )
            return value

        floats = {FLOATS: 32, DOUBLES: 64}.get(found.pixels.tag if found.pixels else 0)
        bits = number(_ALLOCATED, 1, 64, floats)
        if bits not in (1, 8, 16, 32, 64):
            raise _dims("BitsAllocated", "1, 8, 16, 32 or 64", str(bits))
        stored = number(_STORED, 1, bits, bits)
        number(_HIGH, stored - 1, bits - 1, stored - 1)
        return _Image(number(_ROWS, 1, MOST_SIDE), number(_COLUMNS, 1, MOST_SIDE), number(_FRAMES, 1, MOST_FRAMES, 1),
                      number(_SAMPLES, 1, 4, 1), bits, text(found.values.get(_PHOTOMETRIC, b"")))  # fmt: skip

    @property
    def promise(self) -> int:
        """Bytes of the pixels, not compressed."""
        halved = 2 / 3 if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and self.samples == 3 else 1
        return int(-(-self.rows * self.columns * self.samples * self.bits * self.frames // 8) * halved)

    @property
    def shape(self) -> str:
        said = f"{self.rows} x {self.columns} pixels of {self.bits} bits"
        return said + f" in {self.frames} frames" * (self.frames > 1) + f", {self.samples} samples" * (self.samples > 1)

    def refuse_lies(self, pixels: Pixels, start: Beginning) -> list[Finding]:
        if pixels.fragments is None:
            if start.compressed:
                raise damaged(pixels.tag, pixels.start, "compressed pixels in fragments", "pixels in one run")
            return self._native(pixels)
        if pixels.tag != PIXELS or not start.compressed:
            raise damaged(pixels.tag, pixels.start, "pixels in one run", "fragments, as of compressed pixels")
        self._encapsulated(pixels.fragments, start.source, start.syntax == _RLE)
        return []

    def _native(self, pixels: Pixels) -> list[Finding]:
        found, promise = pixels.length, self.promise
        if found < promise:
            if promise > _LIE_BYTES and promise > _LIE_RATIO * found:
                raise _dims(
                    "Rows, Columns", f"sizes that fit {found} bytes of pixels", f"{self.shape}: {promise} bytes"
                )
            raise damaged(pixels.tag, pixels.start, f"{promise} bytes of pixels ({self.shape})",
                          f"{found} bytes: the image is truncated")  # fmt: skip
        over = found - promise
        if over > _SLACK:
            raise _dims(
                "Rows, Columns", f"sizes that use all {found} bytes of pixels", f"{self.shape}: {promise} bytes"
            )
        return [_trailing(over, "after the pixels")] if over > 1 else []

    def _encapsulated(self, fragments: list[tuple[int, int]], source: Source, rle: bool) -> None:
        coded = sum(length for _, length in fragments[1:])
        if self.promise > MOST_DECODED or (self.promise > MOST_QUICKLY and self.promise > MOST_RATIO * coded):
            raise _dims("Rows, Columns", f"sizes that {coded} bytes of compressed pixels can stand for",
                        f"{self.shape}: {self.promise} bytes")  # fmt: skip
        if len(fragments) - 1 < self.frames:
            raise damaged(PIXELS, fragments[0][0] if fragments else 0, f"a fragment for each of {self.frames} frames",
                          f"{max(0, len(fragments) - 1)}: the image is truncated")  # fmt: skip
        for start, length in fragments[1:]:
            head = source.read(start, min(length, codestream.HEAD))
            if rle and codestream.rle_segments(head, length) != self.samples * self.bits // 8:
                raise damaged(
                    PIXELS, start, f"a frame of {self.samples * self.bits // 8} RLE segments", "another header"
                )
            said = codestream.size(head)
            if said and said[0] and said != (self.rows, self.columns):
                raise _dims("Rows, Columns", f"{self.rows} x {self.columns}, as the header says",
                            f"{said[0]} x {said[1]} in the compressed image at byte {start}")  # fmt: skip


def _whole(raw: bytes) -> int | None:
    said = text(raw)
    try:
        return int(said) if said.isascii() and len(said) <= 12 else None
    except ValueError:
        return None


def _shown(raw: bytes, value: int | None) -> str:
    return str(value) if value is not None else "something that is no such number" if raw else "none"


def _dims(field: str, needed: str, found: str) -> DataError:
    return DataError("E-DIMS", where=field, needed=needed, found=found, remedy=_REMEDY)


def _trailing(count: int, where: str) -> Finding:
    return Finding("warn", "W-TRAILING", "PixelData" if "pixels" in where else "end of the file",
                   f"{count} bytes {where} were ignored", _REMEDY)  # fmt: skip
