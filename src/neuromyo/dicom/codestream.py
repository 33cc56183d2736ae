"""What compressed pixels say of their own size, before a decoder makes room for it.

*Cites* ISO/IEC 10918-1 B.2.2 (JPEG), 14495-1 C.2.2 (JPEG-LS), 15444-1 A.5.1 (JPEG 2000); DICOM PS3.5 annex G (RLE).
"""

from __future__ import annotations

import struct

#: bytes of a fragment that are looked at
HEAD = 4096
_J2K, _JPEG = b"\xff\x4f\xff\x51", b"\xff\xd8\xff"
_JP2 = b"\x00\x00\x00\x0cjP  "
#: start-of-frame markers: C0 to CF but tables, arithmetic conditioning and an extension; F7 is JPEG-LS
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


def size(head: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the codestream that begins with ``head``; None where it says nothing there."""
    if head.startswith(_JP2):
        head = head[max(0, head.find(_J2K)) :]
    if head.startswith(_J2K):
        return _size_j2k(head)
    return _size_jpeg(head) if head.startswith(_JPEG) else None


def _size_j2k(head: bytes) -> tuple[int, int] | None:
    if len(head) < 24:
        return None
    x, y, x0, y0 = struct.unpack_from(">4L", head, 8)
    return y - y0, x - x0


def _size_jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] == 0xFF:
            at += 1
            continue
        if head[at + 1] in _FRAMES:
            rows, columns = struct.unpack_from(">HH", head, at + 5)
            return rows, columns
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def rle_segments(head: bytes, length: int) -> int:
    """How many segments an RLE frame of ``length`` bytes has; 0 where its header cannot be."""
    if len(head) < 64:
        return 0
    count, *offsets = struct.unpack_from("<16L", head)
    used = offsets[:count]
    fine = 1 <= count <= 15 and used[0] == 64 and used == sorted(used) and used[-1] <= length
    return count if fine else 0
