"""Stored pixels of one plane: whatever width, sign, byte order or compression, as the numbers that were meant to be stored.

Uncompressed planes are taken straight out of the file's bytes: bits above Bits Stored are cut off (some scanners keep overlays
or rubbish there) and the sign is extended. Compressed ones go through pydicom's decoders, frame by frame.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, RLELossless

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom.elements import View

_FLOATS = {"FloatPixelData": 4, "DoubleFloatPixelData": 8}
_WIDTHS = (8, 16, 32)


def plane(dataset: Dataset, frame: int) -> np.ndarray:
    """(rows, columns) of frame ``frame``, from 0, as stored numbers; E-DIMS, E-DTYPE, E-TRUNC, E-EXTRA or E-DICOM.

    Call within `elements.quietly`."""
    view = View.of(dataset)
    rows, columns = view.whole("Rows"), view.whole("Columns")
    count = view.whole("NumberOfFrames") or 1
    if not rows or not columns or not 0 <= frame < count:
        raise DataError("E-DIMS", where="Pixel Data", needed=f"frame {frame + 1}", found=f"{count} of {rows} x {columns}",
                        remedy="export the image again")  # fmt: skip
    for name, width in _FLOATS.items():
        if name in dataset:
            return _slice(dataset[name].value, f"{_order(dataset)}f{width}", frame, rows, columns)
    syntax = (
        UID(dataset.file_meta.TransferSyntaxUID) if "TransferSyntaxUID" in getattr(dataset, "file_meta", ()) else None
    )
    if "PixelData" not in dataset:
        raise DataError("E-DICOM", where="Pixel Data", needed="an image", found="none", remedy="export the image again")
    if syntax is not None and syntax.is_compressed and not syntax.is_deflated:
        found = _decoded(dataset, syntax, frame, rows, columns)
        # run lengths keep whatever stands above the stored bits; the other compressions know samples alone
        bits = view.whole("BitsAllocated") or 16
        return _meant(found & ((1 << bits) - 1), view, bits) if syntax == RLELossless else found
    return _native(dataset, view, frame, rows, columns)


def blank(stored: np.ndarray, view: View) -> np.ndarray | None:
    """(rows, columns) True where a pixel stands for nothing (Pixel Padding Value, or up to its Range Limit)."""
    value, limit = view.number("PixelPaddingValue"), view.number("PixelPaddingRangeLimit")
    if value is None or stored.dtype.kind == "f":
        return None
    low, high = sorted(_as_stored(one, view) for one in (value, value if limit is None else limit))
    return (stored >= low) & (stored <= high)


def _as_stored(value: float, view: View) -> float:
    """A padding value in the sign of the pixels: some writers give that of signed pixels without its sign, and the other way about."""
    turn = 2.0 ** (view.whole("BitsAllocated") or 16)
    signed = bool(view.whole("PixelRepresentation"))
    if signed and value >= turn / 2:
        return value - turn
    return value + turn if value < 0 and not signed else value


def _native(dataset: Dataset, view: View, frame: int, rows: int, columns: int) -> np.ndarray:
    bits = view.whole("BitsAllocated")
    if bits not in _WIDTHS or (view.whole("SamplesPerPixel") or 1) != 1:
        raise DataError("E-DTYPE", where="Bits Allocated", needed="8, 16 or 32 bits and one sample a pixel",
                        found=f"{bits} bits, {view.whole('SamplesPerPixel')} samples", remedy="export the image again")  # fmt: skip
    raw = dataset["PixelData"].value
    if bits == 8 and dataset["PixelData"].VR == "OW" and _order(dataset) == ">":
        raw = np.frombuffer(raw[: len(raw) // 2 * 2], "u1").reshape(-1, 2)[:, ::-1].tobytes()
    return _meant(_slice(raw, f"{_order(dataset)}u{bits // 8}", frame, rows, columns), view, bits)


def _slice(raw: bytes, kind: str, frame: int, rows: int, columns: int) -> np.ndarray:
    size = np.dtype(kind).itemsize * rows * columns
    if len(raw) < size * (frame + 1):
        raise DataError("E-TRUNC", where="Pixel Data", needed=f"{size * (frame + 1)} bytes", found=f"{len(raw)}",
                        remedy="copy or export the file again")  # fmt: skip
    flat = np.frombuffer(raw, kind, rows * columns, size * frame)
    return flat.reshape(rows, columns).astype(np.dtype(kind).newbyteorder("="))


def _meant(stored: np.ndarray, view: View, bits: int) -> np.ndarray:
    """The number in Bits Stored up to High Bit, with its sign."""
    kept = view.whole("BitsStored") or bits
    high = view.whole("HighBit")
    high = kept - 1 if high is None else high
    if not 1 <= kept <= bits or not kept - 1 <= high < bits:
        raise DataError("E-DTYPE", where="Bits Stored, High Bit", needed=f"bits within {bits}", found=f"{kept} up to bit {high}",
                        remedy="export the image again")  # fmt: skip
    signed = stored.astype(np.int64) >> (high + 1 - kept) & ((1 << kept) - 1)
    if view.whole("PixelRepresentation"):
        signed -= (signed >> (kept - 1)) << kept
    return signed


def _decoded(dataset: Dataset, syntax: UID, frame: int, rows: int, columns: int) -> np.ndarray:
    where = f"Pixel Data ({syntax.name})"
    try:
        decoder = get_decoder(syntax)
        if not decoder.is_available:
            raise DataError("E-EXTRA", where=where, needed="a decoder for this compression", found="none that is installed",
                            remedy="pip install python-gdcm pylibjpeg-openjpeg pyjpegls")  # fmt: skip
        found, _ = decoder.as_array(dataset, index=frame, raw=True)
    except NeuromyoError:
        raise
    except NotImplementedError:
        raise DataError("E-DTYPE", where=where, needed="a compression that is known", found="one that is not",
                        remedy="export the images uncompressed") from None  # fmt: skip
    except Exception as error:  # decoders of foreign bytes fail in any way
        raise DataError("E-DICOM", where=where, needed="pixels that can be decoded", found=f"damaged ones ({type(error).__name__})",
                        remedy="export the image again, uncompressed if that is possible") from None  # fmt: skip
    if found.shape != (rows, columns):
        raise DataError("E-DIMS", where=where, needed=f"{rows} x {columns}", found=" x ".join(map(str, found.shape)),
                        remedy="export the image again")  # fmt: skip
    return found.astype(np.int64) if found.dtype.kind in "iu" else found


def _order(dataset: Dataset) -> str:
    """``>`` where the file's numbers begin with their large end."""
    meta = getattr(dataset, "file_meta", None)
    return ">" if meta is not None and meta.get("TransferSyntaxUID") == ExplicitVRBigEndian else "<"
