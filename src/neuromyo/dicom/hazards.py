"""What may show the person in the pixels themselves, or beside them: no list of attributes takes that out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuromyo.core.errors import DataError, NeuromyoError

if TYPE_CHECKING:
    from pydicom import Dataset

#: kind -> how a person is told. The first three stop a file.
KINDS: Mapping[str, str] = {
    "burned-in": "the header says that text is burned into the image (BurnedInAnnotation YES)",
    "face": "the header says that a face can be recognised (RecognizableVisualFeatures YES)",
    "capture": "a picture of a screen or of paper (secondary capture)",
    "overlay": "graphics are laid over the image (group 60xx); they are left out",
    "icon": "a small picture comes with the image (icon); it is left out",
    "curve": "curves come with the image (group 50xx); they are left out",
    "document": "another document is packed in; it is left out",
}
STOPS = ("burned-in", "face", "capture")
_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_CAPTURED = ("SCREEN SAVE", "SCREENSHOT", "SCREEN SHOT")
_BURNED, _FACE, _CLASS, _IMAGE_TYPE, _CONVERSION = 0x00280301, 0x00280302, 0x00080016, 0x00080008, 0x00080064
_DIGITISED = ("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN")
_ICON, _DOCUMENT = 0x00880200, 0x00420011


def of(header: Dataset) -> tuple[str, ...]:
    """The kinds, out of `KINDS`, that a file's header tells of, in their order."""
    found = set()
    if _said(header, _BURNED) == "YES":
        found.add("burned-in")
    if _said(header, _FACE) == "YES":
        found.add("face")
    kind = _said(header, _CLASS)
    captured = kind == _CAPTURE_CLASS or kind.startswith(_CAPTURE_CLASS + ".")
    if captured or _said(header, _CONVERSION) in _DIGITISED or any(w in _said(header, _IMAGE_TYPE) for w in _CAPTURED):
        found.add("capture")
    for tag in header.keys():  # noqa: SIM118 - a Dataset iterates over its elements, parsing each
        if tag.group & 0xFF00 == 0x6000:
            found.add("overlay")
        elif tag.group & 0xFF00 == 0x5000:
            found.add("curve")
        elif tag == _ICON:
            found.add("icon")
        elif tag == _DOCUMENT:
            found.add("document")
    return tuple(k for k in KINDS if k in found)


def refusal(kinds: tuple[str, ...], where: str) -> NeuromyoError | None:
    """E-PHI where the pixels themselves may name the person. ``where`` calls the file by a discreet name."""
    stop = next((k for k in kinds if k in STOPS), None)
    if stop is None:
        return None
    return DataError("E-PHI", where=where, needed="pixels that show no name", found=KINDS[stop],
                     remedy="leave this series out, or have its text blackened first and say so in the header")  # fmt: skip


def _said(header: Dataset, tag: int) -> str:
    from pydicom.tag import Tag

    from neuromyo.dicom.deidentify import text_of

    return text_of(header, Tag(tag)).strip().upper() if tag in header else ""
