"""Regions that people drew, from whatever file they saved them in: told by what is inside, not by the name."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.errors import DataError
from neuromyo.core.labels import Labels
from neuromyo.io.files import open_regular, printable
from neuromyo.io.masks import read_masks

_HEAD = 352


def open_masks(
    path: Path,
    *,
    scratch: Path | None = None,
    max_input_gb: float = 16,
    threshold: float = 0.5,
    spacing_mm: float | None = None,
) -> Labels:
    """Labels on their own grid, of NIfTI, 3D Slicer's .nrrd and .seg.nrrd, a DICOM segmentation or a folder with one.

    threshold, spacing_mm : of DICOM segmentations, see `neuromyo.dicom.segmentation.read`

    Names and overlap: `neuromyo.io.masks`, `neuromyo.dicom.segmentation`. E-FORMAT for anything else.
    """
    kind = "dicom" if path.is_dir() else _kind(path)
    if kind == "dicom":
        from neuromyo.dicom import segmentation

        return segmentation.read(path, scratch=scratch, threshold=threshold, spacing_mm=spacing_mm)
    return read_masks(path, scratch=scratch, max_input_gb=max_input_gb)


def _kind(path: Path) -> str:
    """``dicom`` or ``image``, by the first bytes."""
    name = printable(path.name)
    with open_regular(path, name) as stream:
        head = stream.read(_HEAD)
    if head[128:132] == b"DICM" or head[:4] in (
        b"\x08\x00\x05\x00",
        b"\x08\x00\x08\x00",
        b"\x08\x00\x16\x00",
        b"\x08\x00\x00\x00",
    ):
        return "dicom"
    nifti = head[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
    if head.startswith((b"NRRD000", b"\x1f\x8b")) or nifti or not head:
        return "image"
    raise DataError("E-FORMAT", where=name, needed="labels as NIfTI, NRRD (3D Slicer) or a DICOM segmentation", found="none of these",
                    remedy="export the regions from the program they were drawn in as one of these")  # fmt: skip
