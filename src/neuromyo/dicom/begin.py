"""Where the data set of a file begins, and how it is written.

*Assumes* a preamble of 128 bytes and ``DICM``, or (files of old) a data set from the first byte on. What the file meta
information says of the transfer syntax is believed, but for explicit or implicit VR, which the first element shows.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from neuromyo.core.errors import DataError
from neuromyo.dicom.walk import Encoding, damaged
from neuromyo.dicom.window import AHEAD, MemoryBytes, Source

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
#: elements of group 0002
_SYNTAX, _MEDIA_CLASS, _MEDIA_INSTANCE = 0x0010, 0x0002, 0x0003
_LONGEST = 256
_HEAD = struct.Struct("<HH2sH").unpack_from
_META = frozenset((_SYNTAX, _MEDIA_CLASS, _MEDIA_INSTANCE))
#: compressed pixels, the elements being explicit little endian: JPEG family, RLE, and what came after
_COMPRESSED = re.compile(r"1\.2\.840\.10008\.1\.2\.(4\.\d+(\.\d+)?|5|7\.\d+|8\.\d+)")
_DEFLATED_TOO = (DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
#: a program, a script, an archive or a page hides before the image
_DISGUISES = {b"MZ": "a Windows program", b"\x7fELF": "a Linux program", b"#!": "a script", b"PK\x03\x04": "a zip archive",
              b"%PDF": "a PDF", b"\xcf\xfa\xed\xfe": "a macOS program", b"\xca\xfe\xba\xbe": "a macOS or Java program",
              b"<html": "a web page", b"<!DOC": "a web page"}  # fmt: skip

_PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf", b"Rar!")

#: deflated data may grow to this, and beyond the lower figure by no more than the ratio
MOST_INFLATED, MOST_QUICKLY, MOST_RATIO = 256 << 20, 16 << 20, 100
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Beginning:
    """How to walk a file's data set.

    source : the bytes to walk (inflated, where the file is deflated); ``at`` : its first byte there
    syntax : the transfer syntax, as far as known; media : SOP class and instance as the file meta information has them
    disguise : what the preamble pretends to be
    """

    source: Source
    at: int
    encoding: Encoding
    syntax: str
    media: tuple[str, str] = ("", "")
    disguise: str = ""

    @property
    def compressed(self) -> bool:
        return bool(_COMPRESSED.fullmatch(self.syntax))


def begin(source: Source) -> Beginning | None:
    """How ``source`` is to be walked; None where it is no DICOM file; E-DICOM, E-BOMB."""
    head = source.read(0, 144)
    if head[128:132] == b"DICM":
        start, disguise = 132, next((said for magic, said in _DISGUISES.items() if head.startswith(magic)), "")
    elif head[:4] == b"DICM":
        start, disguise = 4, ""
    else:
        return _bare(source, head)
    first = source.read(start, 2)
    if first == b"\x02\x00":
        return _after_meta(source, start, disguise)
    if first not in (b"\x08\x00", b"\x00\x08"):
        raise damaged(None, start, "the file meta information, group 0002", "something else")
    encoding = _seen(source, start)
    return Beginning(source, start, encoding, _said(encoding), disguise=disguise)


def _after_meta(source: Source, start: int, disguise: str) -> Beginning:
    meta, at = _meta(source, start)
    syntax = text(meta.get(_SYNTAX, b""))
    media = text(meta.get(_MEDIA_CLASS, b"")), text(meta.get(_MEDIA_INSTANCE, b""))
    if syntax in _DEFLATED_TOO:
        source, at = _inflated(source, at), 0
    if syntax == BIG_ENDIAN:
        encoding = Encoding(little=False)
    elif not syntax:
        encoding = _seen(source, at)
        syntax = _said(encoding)
    elif syntax in (IMPLICIT, EXPLICIT, *_DEFLATED_TOO) or _COMPRESSED.fullmatch(syntax):
        encoding = Encoding(explicit=_has_vr(source, at, syntax != IMPLICIT))
    else:
        raise _unknown_syntax(syntax)
    return Beginning(source, at, encoding, syntax, media, disguise)


def _meta(source: Source, at: int) -> tuple[dict[int, bytes], int]:
    """Elements of group 0002, explicit little endian always, and the byte after them."""
    found: dict[int, bytes] = {}
    data, base = source.near(at)
    while True:
        if not 0 <= at - base <= len(data) - AHEAD:
            data, base = source.near(at)
        inside = at - base
        group, element, vr, length = _HEAD(data, inside)
        if group != 2 or at >= source.size:
            return found, at
        start = at + 8
        if vr in (b"OB", b"UN", b"OW", b"UT"):
            length, start = int.from_bytes(data[inside + 8 : inside + 12], "little"), at + 12
        if not (b"AA" <= vr <= b"ZZ") or start + length > source.size:
            raise damaged(
                group << 16 | element, at, "an element within the file", f"VR bytes {vr.hex()}, length {length}"
            )
        if element in _META:
            found[element] = source.read(start, min(length, _LONGEST))
        at = start + length


def _bare(source: Source, head: bytes) -> Beginning | None:
    """A data set without preamble: nothing but its first element vouches for it, so that one has to be likely."""
    if len(head) < 16:
        return None
    if head[:2] == b"\x02\x00" and head[3] == 0 and head[4:6] in (b"UL", b"OB", b"UI"):
        return _after_meta(source, 0, "")
    if head[:4] not in (b"\x08\x00" + bytes((e, 0)) for e in _FIRSTS) and head[:4] not in (
        b"\x00\x08\x00" + bytes((e,)) for e in _FIRSTS
    ):
        return None
    encoding = _seen(source, 0)
    if not encoding.explicit and (not encoding.little or int.from_bytes(head[4:8], "little") > 256):
        return None
    return Beginning(source, 0, encoding, _said(encoding))


_FIRSTS = (0x00, 0x01, 0x05, 0x08, 0x12, 0x13, 0x16, 0x18)


def _seen(source: Source, at: int) -> Encoding:
    """How the data set is written, by its first element."""
    return Encoding(explicit=_has_vr(source, at, False), little=source.read(at, 2) != b"\x00\x08")


def _has_vr(source: Source, at: int, otherwise: bool) -> bool:
    letters = source.read(at + 4, 2)
    if len(letters) < 2:
        return otherwise
    return 0x40 < letters[0] < 0x5B and 0x40 < letters[1] < 0x5B


def _said(encoding: Encoding) -> str:
    return (EXPLICIT if encoding.explicit else IMPLICIT) if encoding.little else BIG_ENDIAN


def _unknown_syntax(syntax: str) -> DataError:
    shown = syntax if re.fullmatch(r"1\.2\.840\.(10008|113619)[.\d]{1,40}", syntax) else "one that is not DICOM's"
    return DataError("E-DICOM", where="TransferSyntaxUID (0002,0010)", needed="a transfer syntax of DICOM's", found=shown,
                     remedy="export the series again, uncompressed")  # fmt: skip


def _inflated(source: Source, at: int) -> MemoryBytes:
    """The rest of the file, inflated no further than is permitted."""
    inflater, out, start = zlib.decompressobj(-zlib.MAX_WBITS), bytearray(), at
    try:
        while not inflater.eof and (inflater.unconsumed_tail or at < source.size):
            piece = inflater.unconsumed_tail
            if not piece:
                piece = source.read(at, _PIECE)
                at += len(piece)
                if not piece:
                    break
            out += inflater.decompress(piece, _PIECE)
            _refuse_bomb(len(out), at - start - len(inflater.unconsumed_tail))
    except zlib.error as error:
        raise damaged(None, start, "deflated data", "bytes that are none") from error
    if not inflater.eof:
        raise damaged(None, at, "deflated data with an end", f"the end of the file after {len(out)} inflated bytes")
    return MemoryBytes(out)


def _refuse_bomb(grown: int, used: int) -> None:
    if grown <= MOST_QUICKLY or (grown <= MOST_INFLATED and grown <= MOST_RATIO * used):
        return
    raise DataError("E-BOMB", where="deflated data set", needed=f"at most {MOST_RATIO}:1 and {MOST_INFLATED >> 20} MiB",
                    found=f"{grown} bytes out of the first {used}",
                    remedy="do not trust this file; export the series again, not deflated")  # fmt: skip


def text(value: bytes) -> str:
    """A value as text, padding removed; bytes that are not ASCII stay what they are, one character each."""
    return value.decode("latin-1").strip("\0 \t\r\n")


def looks_packed(head: bytes) -> bool:
    """Whether the first bytes of a file (264 or more, if it has them) are those of an archive, and not of an image."""
    return head[128:132] != b"DICM" and (head.startswith(_PACKED) or head[257:262] == b"ustar")
