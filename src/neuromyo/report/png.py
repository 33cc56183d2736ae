"""Small pictures as data URIs: PNG with a palette, nothing in it but pixels, so that equal maps are equal bytes."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np


def data_uri(indices: np.ndarray, palette: np.ndarray) -> str:
    """A picture as a ``data:`` address.

    indices : (rows, columns) uint8, positions in the palette
    palette : (n <= 256, 3) uint8, red green blue
    """
    return "data:image/png;base64," + base64.b64encode(encode(indices, palette)).decode("ascii")


def encode(indices: np.ndarray, palette: np.ndarray) -> bytes:
    """The bytes of an 8-bit palette PNG: header, palette, pixels, end."""
    rows, columns = indices.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    filtered = np.zeros((rows, columns + 1), dtype=np.uint8)
    filtered[:, 1:] = indices
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", np.ascontiguousarray(palette, dtype=np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
