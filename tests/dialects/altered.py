"""What archives, anonymisers and old consoles do to files on their way: each a change to apply to a whole folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from . import header

Change = Callable[[Dataset], None]


def rewrite(folder: Path, change: Change) -> None:
    """Every file of a folder read, changed and written back, in its own transfer syntax."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        said = pydicom.dcmread(path)
        change(said)
        said.save_as(path)


def unknown(said: Dataset) -> None:
    """Private elements as UN: what an archive writes that was sent implicit VR and does not know them. Values are little endian."""
    for element in list(said):
        if element.VR == "SQ":
            for item in element.value:
                unknown(item)
        elif element.tag.is_private and element.tag.element > 0xFF:
            buffer = DicomBytesIO()
            buffer.is_little_endian, buffer.is_implicit_VR = True, True
            write_data_element(buffer, element)
            said[element.tag] = pydicom.DataElement(element.tag, "UN", buffer.getvalue()[8:])


def moved(said: Dataset, by: int = 3) -> None:
    """Every private block at another number (PS3.5 7.8.1): (2005,100E) becomes (2005,130E), its creator (2005,0013)."""
    private = [element for element in said if element.tag.is_private]
    for element in private:
        del said[element.tag]
    for element in private:
        number = element.tag.element
        at = number + by if number <= 0xFF else number + (by << 8)
        said.add_new((element.tag.group, at), element.VR, element.value)
    for element in list(said):
        if element.VR == "SQ":
            for item in element.value:
                moved(item, by)


def without_private(said: Dataset) -> None:
    """All private elements gone, as the simplest anonymisers do."""
    said.remove_private_tags()


def without_csa(said: Dataset) -> None:
    """The CSA headers gone, the rest of the private elements there."""
    for element in list(said):
        if element.tag.group == 0x0029:
            del said[element.tag]


def rounded(said: Dataset) -> None:
    """Places and directions with four decimals, as older software writes them."""
    said.ImagePositionPatient = [f"{float(v):.4f}" for v in said.ImagePositionPatient]
    said.ImageOrientationPatient = [f"{float(v):.6f}" for v in said.ImageOrientationPatient]
    said.PixelSpacing = [f"{float(v):.4f}" for v in said.PixelSpacing]


def overlaid(said: Dataset) -> None:
    """Twelve bits stored, and an overlay in the bits above them (PS3.5 8.1.2, retired, met in old archives)."""
    stored = np.frombuffer(said.PixelData, "<u2")
    assert stored.max() < 4096
    said.BitsStored, said.HighBit = 12, 11
    said.PixelData = (stored | (np.arange(stored.size, dtype=np.uint16) % 3 << 12)).astype("<u2").tobytes()
    for number, vr, value in ((0x10, "US", said.Rows), (0x11, "US", said.Columns), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
                              (0x100, "US", 16), (0x102, "US", 12)):  # fmt: skip
        said.add_new((0x6000, number), vr, value)


def frames_scaled_apart(said: Dataset) -> None:
    """Enhanced Philips: each frame with a rescale slope and a scale slope of its own; what they measure together stays the same form."""
    for number, frame in enumerate(said.PerFrameFunctionalGroupsSequence):
        factor = 1 + 0.125 * number
        value = frame.PixelValueTransformationSequence[0]
        value.RescaleSlope = header.ds(float(value.RescaleSlope) * factor)
        inside = frame[0x2005, 0x140F].value[0]
        inside[0x2005, 0x100E].value = float(inside[0x2005, 0x100E].value) / factor
