"""JPEG lossless, process 14 with the first predictor, 16 bits, one component (ITU-T T.81 annex H): the syntax of old archives.

Slow and plain: each difference from the voxel to the left is sent as its length in bits (Huffman coded, all codes five bits long)
and those bits.
"""

from __future__ import annotations

import struct

import numpy as np

#: code lengths of T.81's table: 17 categories (0 to 16), all with five bits
_COUNTS = bytes([0, 0, 0, 0, 17, *[0] * 11])


def encoded(plane: np.ndarray) -> bytes:
    """A JPEG stream of one plane of 16-bit integers (signed ones by their bit pattern)."""
    rows, columns = plane.shape
    start = struct.pack(">HBHHB3B", 11, 16, rows, columns, 1, 1, 0x11, 0)
    table = struct.pack(">HB", 2 + 1 + 16 + 17, 0) + _COUNTS + bytes(range(17))
    scan = struct.pack(">HB2B3B", 8, 1, 1, 0, 1, 0, 0)
    bits = "".join(_bits(int(d)) for d in _differences(plane.astype(np.int64) & 0xFFFF).ravel())
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    stream = b"\xff\xd8" + b"\xff\xc3" + start + b"\xff\xc4" + table + b"\xff\xda" + scan + body + b"\xff\xd9"
    return stream + b"\0" * (len(stream) % 2)


def _differences(values: np.ndarray) -> np.ndarray:
    """From the left neighbour; in the first column from the one above; the first voxel from 2**15. Modulo 2**16."""
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[0, 0] = 1 << 15
    difference = (values - predicted) & 0xFFFF
    return np.where(difference > 1 << 15, difference - (1 << 16), difference)


def _bits(difference: int) -> str:
    """Its category in five bits, then the difference (a negative one less one) in as many bits as the category says."""
    size = abs(difference).bit_length()
    said = f"{size:05b}"
    if size in (0, 16):  # 32768 is sent by its category alone
        return said
    return said + f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
