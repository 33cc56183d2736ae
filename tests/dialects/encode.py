"""Bytes on disk: the transfer syntaxes a scanner or an archive may choose (PS3.5 A)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from .jpeg_lossless import encoded

SYNTAXES: dict[str, UID] = {
    "explicit": ExplicitVRLittleEndian, "implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian, "rle": RLELossless, "jpeg": JPEGLosslessSV1, "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
}  # fmt: skip
COMPRESSED = ("rle", "jpeg", "jpeg2000", "jpegls")


def save(said: Dataset, path: Path, syntax: str = "explicit", preamble: str = "") -> Path:
    """One Part 10 file; pixel data are expected little endian and come out as the syntax has them."""
    uid = SYNTAXES[syntax]
    said.file_meta.MediaStorageSOPClassUID = said.SOPClassUID
    said.file_meta.MediaStorageSOPInstanceUID = said.SOPInstanceUID
    said.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    said.file_meta.ImplementationClassUID = "1.2.826.0.1.3680043.10.511.0"
    said.file_meta.ImplementationVersionName = "DIALECTS_1"
    said.preamble = preamble.encode()[:128].ljust(128, b"\0")
    if syntax == "jpeg":
        _encapsulated(said, encoded)
    elif syntax == "jpeg2000":
        _encapsulated(said, _jpeg_2000)
    elif syntax in COMPRESSED:
        said.compress(uid, generate_instance_uid=False)
    said.file_meta.TransferSyntaxUID = uid
    if syntax == "big" and "PixelData" in said:
        said.PixelData = np.frombuffer(said.PixelData, "<u2").astype(">u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    said.save_as(path, enforce_file_format=True)
    return path


def _encapsulated(said: Dataset, encode: Callable[[np.ndarray], bytes]) -> None:
    """JPEG lossless is encoded by our own few lines, so that no decoder is judged by its own library."""
    frames = int(getattr(said, "NumberOfFrames", 1))
    stored = np.frombuffer(said.PixelData, "<i2" if said.PixelRepresentation else "<u2").reshape(
        frames, said.Rows, said.Columns
    )
    said.PixelData = encapsulate([encode(frame) for frame in stored])
    said["PixelData"].is_undefined_length = True
    said["PixelData"].VR = "OB"


def _jpeg_2000(plane: np.ndarray) -> bytes:
    """A bare codestream, reversible (by Pillow, so that GDCM, which decodes it for us, did not write it)."""
    from PIL import Image

    assert plane.dtype.kind == "u", "this encoder knows no sign"
    made = io.BytesIO()
    Image.fromarray(plane).save(made, "JPEG2000", no_jp2=True, irreversible=False)
    stream = made.getvalue()
    return stream + b"\0" * (len(stream) % 2)
