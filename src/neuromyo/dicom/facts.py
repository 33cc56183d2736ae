"""What holds for a whole series, by BIDS key in BIDS units: technical fields alone.

Nothing of it says who was scanned. Free text never leaves a header: of protocol names and series descriptions only words of
the closed list `vocabulary.WORDS` do, and names of sequences, coils and software keep plain characters alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from neuromyo.dicom.dialect import Dialect, Note
from neuromyo.dicom.elements import View
from neuromyo.dicom.vocabulary import BODY_PARTS, PLACES, WORDS

_MOST_WORDS = 24

_POSITIONS = frozenset({"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"})
_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 _.,;:/*+#()-]")
_GAMMA = 42.577
_MOST_TESLA = 25.0
_MOST_MHZ = 1200.0

#: numbers taken over as they are
_NUMBERS = ("PixelBandwidth", "SliceThickness", "NumberOfAverages", "ParallelReductionFactorInPlane")
_CODES = ("ScanningSequence", "SequenceVariant", "ScanOptions")
_TEXTS = {"SequenceName": ("SequenceName", "PulseSequenceName"), "ReceiveCoilName": ("ReceiveCoilName",),
          "ManufacturersModelName": ("ManufacturerModelName",), "SoftwareVersions": ("SoftwareVersions",)}  # fmt: skip
_SPOILING = {"RF": "RF", "GRADIENT": "GRADIENT", "RF_AND_GRADIENT": "COMBINED"}


def facts_of(
    view: View, dialect: Dialect, shape: tuple[int, int], mt_on: bool | None
) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """The facts of a series, from one of its planes of ``shape`` (rows, columns)."""
    said: dict[str, Any] = {"Manufacturer": dialect.name} if dialect.name else {}
    field, frequency, notes = field_and_frequency(view)
    said |= {"MagneticFieldStrength": field, "ImagingFrequency": frequency}
    for key in _NUMBERS:
        number = view.number(key)
        said[key] = number if number is not None and number > 0 else None
    said["EchoTrainLength"] = view.whole("EchoTrainLength") or None
    said |= {key: codes(view.words(key)) for key in _CODES}
    said |= {
        key: next((t for k in keywords if (t := plain_text(view.text(k)))), None) for key, keywords in _TEXTS.items()
    }
    said["SeriesNumber"] = view.whole("SeriesNumber")
    # how whole numbers are stored: for the sorter, which keeps it out of sidecars
    said |= {key: view.whole(key) for key in ("BitsStored", "PixelRepresentation")}
    words = sequence_words(view.text("ProtocolName"))
    if dialect.protocol_is_exam:
        words = [w for w in words if w in PLACES]
    said["SequenceWords"] = list(dict.fromkeys(words + sequence_words(view.text("SeriesDescription"))))[:_MOST_WORDS]
    said |= _anatomy(view)
    said |= _acquired(view)
    said |= _phase_encoding(view, dialect.facts(view), shape, mt_on)
    return {key: value for key, value in said.items() if value not in (None, "", [])}, notes


def sequence_words(text: str) -> list[str]:
    """The words of the closed list that occur in free text, once each, in their order."""
    return list(dict.fromkeys(w for w in re.split(r"[^a-z0-9]+", text.lower()) if w in WORDS))


def codes(words: tuple[str, ...]) -> str | None:
    """Codes of a field of defined terms, joined as DICOM does it; what is no code is left out."""
    return "\\".join(w for w in words if _CODE.fullmatch(w)) or None


def plain_text(text: str) -> str:
    """A name without characters that names of sequences, coils and software do not have."""
    return " ".join(_NOT_PLAIN.sub("", text[:256]).split())[:64]


def field_and_frequency(view: View) -> tuple[float | None, float | None, tuple[Note, ...]]:
    """(T, MHz); of a unit that is not DICOM's only where the other of the two confirms it (for protons), else left out."""
    tesla, mhz = (
        view.number("MagneticFieldStrength"),
        view.number("ImagingFrequency") or view.number("TransmitterFrequency"),
    )
    notes: list[Note] = []
    if mhz is not None and not 0 < mhz <= _MOST_MHZ:
        fits = tesla is not None and 0 < tesla <= _MOST_TESLA and abs(mhz * 1e-6 / (_GAMMA * tesla) - 1) < 0.05
        notes.append(
            _unit_note(
                "ImagingFrequency", mhz, "MHz", f"{mhz * 1e-6:.6f} MHz, as the field strength has it" if fits else ""
            )
        )
        mhz = mhz * 1e-6 if fits else None
    if tesla is not None and not 0 < tesla <= _MOST_TESLA:
        fits = mhz is not None and abs(tesla * 1e-4 * _GAMMA / mhz - 1) < 0.05
        notes.append(
            _unit_note(
                "MagneticFieldStrength", tesla, "T", f"{tesla * 1e-4:g} T, as the frequency has it" if fits else ""
            )
        )
        tesla = tesla * 1e-4 if fits else None
    return tesla, mhz, tuple(notes)


def _unit_note(field: str, value: float, unit: str, taken: str) -> Note:
    return Note("N-UNITS" if taken else "W-UNITS", field, f"{value:g} is not in {unit}",
                "" if taken else "add it to the sidecar", f"taken as {taken}" if taken else "it is left out")  # fmt: skip


def _anatomy(view: View) -> dict[str, Any]:
    part = re.sub(r"[ _-]", "", view.text("BodyPartExamined").upper())
    side = next(
        (
            s
            for k in ("ImageLaterality", "FrameLaterality", "Laterality")
            if (s := view.text(k).upper()) in ("L", "R", "B")
        ),
        None,
    )
    position = view.text("PatientPosition").upper()
    return {
        "BodyPartExamined": part if part in BODY_PARTS else None,
        "Laterality": side,
        "PatientPosition": position if position in _POSITIONS else None,
    }


def _acquired(view: View) -> dict[str, Any]:
    kind = view.text("MRAcquisitionType").upper()
    spoiling = view.text("Spoiling").upper()
    said: dict[str, Any] = {"MRAcquisitionType": kind if kind in ("2D", "3D") else None}
    if spoiling in _SPOILING or spoiling == "NONE":
        said |= {"SpoilingState": spoiling != "NONE", "SpoilingType": _SPOILING.get(spoiling)}
    return said


def _phase_encoding(
    view: View, vendor: Mapping[str, Any], shape: tuple[int, int], mt_on: bool | None
) -> dict[str, Any]:
    """Axis and, where known, sense: ``row`` and ``col`` towards higher column and row index, ``row-`` and ``col-`` the other way."""
    said = dict(vendor)
    axis = (view.text("InPlanePhaseEncodingDirection") or view.text("InPlanePhaseEncodingDirectionMRFrame")).upper()
    axis = {"COLUMN": "COL"}.get(axis, axis)
    positive, width = said.pop("PhaseEncodingPositive", None), said.pop("BandwidthPerPixelPhaseEncode", None)
    offset = said.pop("OffsetFrequency", None)
    if offset and mt_on:
        said["MTOffsetFrequency"] = offset
    if axis not in ("ROW", "COL"):
        return said
    said["InPlanePhaseEncodingDirectionDICOM"] = axis
    if positive is not None:
        said["PhaseEncodingDirection"] = axis.lower() + ("" if positive else "-")
    lines = shape[1] if axis == "ROW" else shape[0]
    if width and "TotalReadoutTime" not in said:
        said["EffectiveEchoSpacing"] = 1 / (width * lines)
        said["TotalReadoutTime"] = (lines - 1) / (width * lines)
    return said
