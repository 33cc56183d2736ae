"""Sidecars: BIDS JSON to `Acquisition` in SI. No unit is guessed: what cannot be in its field's unit stops."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io.files import read_small

#: folders of the muscle-BIDS and ORMIR-MIDS layout, whose sidecars hold DICOM's milliseconds
MILLISECOND_FOLDERS = ("mr-anat", "mr-quant", "mr-dwi")


def read_json(path: Path, name: str) -> dict[str, Any]:
    """A JSON object; E-SIDECAR names the file and the place where it breaks."""
    raw = read_small(path, name, "E-SIDECAR")
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _broken(name, str(error) if isinstance(error, ValueError) else "too deeply nested") from error
    if not isinstance(value, dict):
        raise _broken(name, f"a {type(value).__name__}")
    return value


def _broken(name: str, found: str) -> DataError:
    return DataError(
        "E-SIDECAR", where=name, needed="a JSON object", found=found, remedy="mend or regenerate the sidecar"
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen and seen[key] != value:
            raise ValueError(f"{key} stands there twice with different values")
        seen[key] = value
    return seen


def inherited(levels: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several sidecars that hold for one image, farthest first, as one: the closest wins, field by field."""
    merged: dict[str, Any] = {}
    for level in levels:
        merged |= level
    return merged


@dataclass(frozen=True, slots=True)
class Fields:
    """What one image file's sidecar states, in SI; lists have one entry a volume. None is not stated.

    units : what it calls the unit of its voxels, as written
    is_difference : of a difference of phases: its two echo times belong to one volume
    rescale, scale : the slopes of Philips whose product the voxels were multiplied by for display; both 1 where they were not. One for
        all, one a volume, or one a slice, volume by volume
    """

    echo_times: tuple[float, ...] | None = None
    inversion_times: tuple[float, ...] | None = None
    flip_angles_deg: tuple[float, ...] | None = None
    mt_on: tuple[bool, ...] | None = None
    single: Mapping[str, Any] | None = None
    units: str | None = None
    is_difference: bool = False
    rescale: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Time:
    """How a field of time is checked: ``limit`` is the value in s from which it can only be in another unit."""

    key: str
    limit: float


_TE, _TI = _Time("EchoTime", 1.0), _Time("InversionTime", 50.0)
_TRS = {key: _Time(key, 100.0) for key in ("RepetitionTimeExcitation", "RepetitionTimePreparation", "RepetitionTime")}

#: single numbers: BIDS key -> (field of `Acquisition`, factor to its unit, low, high, unit of the key in words)
_NUMBERS: dict[str, tuple[str, float, float, float, str]] = {
    "RefocusingFlipAngle": ("refocusing_angle_deg", 1.0, 0.0, 360.0, "degrees"),
    "MTOffsetFrequency": ("mt_offset_hz", 1.0, -1e6, 1e6, "Hz"),
    "MTFlipAngle": ("mt_flip_angle_deg", 1.0, 0.0, 5000.0, "degrees"),
    "MagneticFieldStrength": ("field_strength", 1.0, 0.0, 25.0, "tesla"),
    "ImagingFrequency": ("imaging_frequency_hz", 1e6, 0.0, 1200.0, "MHz"),
    "SpoilingRFPhaseIncrement": ("rf_spoiling_increment_deg", 1.0, -360.0, 360.0, "degrees"),
    "SliceThickness": ("slice_thickness_mm", 1.0, 0.0, 1000.0, "mm"),
}
_MT_WORDS = {"ON_RESONANCE": True, "OFF_RESONANCE": True, "NONE": False}
_TEXTS: dict[str, tuple[str, ...]] = {
    "manufacturer": ("Manufacturer",),
    "sequence_name": ("SequenceName", "PulseSequenceDetails", "PulseSequenceType"),
    "scan_options": ("ScanOptions",),
    "body_part": ("BodyPartExamined", "BodyPartExaminationRequested", "BodyPart"),
}


def key_of(field: str) -> str:
    """The BIDS key that states a field of `Acquisition`."""
    keys = {one: key for key, (one, *_) in _NUMBERS.items()} | {"repetition_time": "RepetitionTime"}
    return keys.get(field, field)


def fields_of(meta: Mapping[str, Any], name: str, kind: str, *, milliseconds: bool = False) -> Fields:
    """The fields of one image's (inherited) sidecar, checked and in SI.

    ``name`` is the image as messages call it; ``milliseconds`` where its layout is known to hold times in ms.
    """
    single: dict[str, Any] = {}
    for key, (field, factor, low, high, unit) in _NUMBERS.items():
        if key in meta:
            single[field] = _within(_one(meta[key], f"{name}: {key}"), low, high, unit, f"{name}: {key}") * factor
    tr = _repetition_time(meta, name, kind, milliseconds)
    if tr is not None:
        single["repetition_time"] = tr
    for field, keys in _TEXTS.items():
        told = [
            k for k in keys if not (milliseconds and k == "PulseSequenceType")
        ]  # there it is but the kind, in words
        text = next((meta[k] for k in told if isinstance(meta.get(k), str) and meta[k].strip()), None)
        if text is not None:
            single[field] = text.strip()
    if meta.get("MRAcquisitionType") in ("2D", "3D"):
        single["slice_order_3d"] = meta["MRAcquisitionType"] == "3D"
    side = _laterality(meta)
    if side is not None:
        single["laterality"] = side
    pair = _pair(meta, name, milliseconds) if kind == "phasediff" else None
    units = meta.get("Units")
    return Fields(
        pair or _times(meta, _TE, name, milliseconds),
        _times(meta, _TI, name, milliseconds),
        _angles(meta, name),
        _switches(meta, name, milliseconds),
        single,
        units.strip() if isinstance(units, str) and units.strip() else None,
        pair is not None,
        *_scaling(meta, name),
    )


def _laterality(meta: Mapping[str, Any]) -> str | None:
    """The one side a sidecar states, by DICOM's letter or a word; ``both`` and what is not understood are no side."""
    said = next((meta[k] for k in ("Laterality", "ImageLaterality") if isinstance(meta.get(k), str)), "")
    return {"l": "left", "left": "left", "r": "right", "right": "right"}.get(said.strip().lower())


def _scaling(meta: Mapping[str, Any], name: str) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Both slopes; 1 where the voxels are said to hold the signal. With a rescale slope alone that cannot be: converters state what they
    were asked for, and without the scale slope they could not do it."""
    rescale, scale = (_slopes(meta, key, name) for key in ("PhilipsRescaleSlope", "PhilipsScaleSlope"))
    said = meta.get("UsePhilipsFloatNotDisplayScaling") in (1, True)
    return ((1.0,), (1.0,)) if said and (scale is not None or rescale is None) else (rescale, scale)


def _slopes(meta: Mapping[str, Any], key: str, name: str) -> tuple[float, ...] | None:
    """One slope, or several: one a volume, or one a slice."""
    if meta.get(key) is None:
        return None
    where = f"{name}: {key}"
    found = _numbers(meta[key], where)
    if min(found) <= 0:
        raise DataError("E-SCALE", where=where, needed="a slope above 0", found=f"{min(found):g}",
                        remedy="mend the sidecar, or convert the series again")  # fmt: skip
    return found


def _pair(meta: Mapping[str, Any], name: str, milliseconds: bool) -> tuple[float, float] | None:
    """The two echo times whose phases were subtracted."""
    keys = ("EchoTime1", "EchoTime2")
    if not all(k in meta for k in keys):
        return None
    first, second = (_seconds(_one(meta[k], f"{name}: {k}"), _TE, f"{name}: {k}", milliseconds) for k in keys)
    return first, second


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    for v in values:
        if isinstance(v, bool) or not isinstance(v, (int, float)) or not math.isfinite(v):
            raise DataError("E-UNITS", where=where, needed="a finite number", found=_said(v), remedy="mend the sidecar")
    if not values:
        raise DataError(
            "E-UNITS", where=where, needed="a finite number", found="an empty list", remedy="mend the sidecar"
        )
    return tuple(float(v) for v in values)


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{type(value).__name__} {str(value)[:40]!r}"


def _one(value: Any, where: str) -> float:
    """A number, or a list of one number over and over."""
    numbers = _numbers(value, where)
    if len(set(numbers)) > 1:
        raise DataError("E-SIDECAR", where=where, needed="one number", found=f"{len(numbers)} different ones",
                        remedy="state one, or split the image")  # fmt: skip
    return numbers[0]


def _within(value: float, low: float, high: float, unit: str, where: str) -> float:
    inside = value <= high and (value > low if low >= 0 else value >= low)
    if not inside:
        raise DataError(
            "E-UNITS",
            where=where,
            needed=f"{unit}, {'over' if low >= 0 else 'from'} {low:g} and up to {high:g}",
            found=f"{value:g}",
            remedy=f"state it in {unit}",
        )
    return value


def _times(meta: Mapping[str, Any], time: _Time, name: str, milliseconds: bool) -> tuple[float, ...] | None:
    if time.key not in meta:
        return None
    where = f"{name}: {time.key}"
    return tuple(_seconds(v, time, where, milliseconds) for v in _numbers(meta[time.key], where))


def _seconds(value: float, time: _Time, where: str, milliseconds: bool) -> float:
    if value <= 0:
        raise DataError("E-UNITS", where=where, needed="a positive time", found=f"{value:g}", remedy="mend the sidecar")
    if milliseconds:
        return _from_milliseconds(value, time, where)
    if value < time.limit:
        return value
    micro = value >= 1000 * time.limit
    divisor, unit = (1_000_000, "microseconds") if micro else (1000, "milliseconds")
    raise DataError("E-UNITS", where=where, needed=f"seconds, below {time.limit:g}", found=f"{value:g}",
                    remedy=f"if it is in {unit}, divide by {divisor}: {value / divisor:.6g}")  # fmt: skip


def _from_milliseconds(value: float, time: _Time, where: str) -> float:
    """In the layout that states ms, a TE below 1 can only be seconds, and one over 1000 can only be microseconds."""
    if time is _TE and value < 1:
        raise DataError("E-UNITS", where=where, needed="milliseconds, as this layout has them", found=f"{value:g}",
                        remedy=f"if it is in seconds, multiply by 1000: {value * 1000:.6g}")  # fmt: skip
    if value >= 1000 * time.limit:
        raise DataError("E-UNITS", where=where, needed=f"milliseconds, below {1000 * time.limit:g}", found=f"{value:g}",
                        remedy=f"if it is in microseconds, divide by 1000: {value / 1000:.6g}")  # fmt: skip
    return seconds_of(value)


def seconds_of(milliseconds: float) -> float:
    """Milliseconds in seconds, by moving the decimal point: 53.2 ms are 0.0532 s, not a neighbour of that in binary."""
    return float(Decimal(repr(milliseconds)).scaleb(-3))


def _repetition_time(meta: Mapping[str, Any], name: str, kind: str, milliseconds: bool) -> float | None:
    """The time between excitations, or between inversions where there are any."""
    keys = ["RepetitionTimeExcitation", "RepetitionTime", "RepetitionTimePreparation"]
    if kind in ("IRT1", "MP2RAGE"):
        keys.reverse()
    checked = {k: set(_times(meta, _TRS[k], name, milliseconds) or ()) for k in keys}
    stated = next((checked[k] for k in keys if checked[k]), set())
    return stated.pop() if len(stated) == 1 else None


def _angles(meta: Mapping[str, Any], name: str) -> tuple[float, ...] | None:
    if "FlipAngle" not in meta:
        return None
    where = f"{name}: FlipAngle"
    return tuple(_within(v, 0.0, 360.0, "degrees", where) for v in _numbers(meta["FlipAngle"], where))


def _switches(meta: Mapping[str, Any], name: str, milliseconds: bool) -> tuple[bool, ...] | None:
    if "MTState" not in meta:
        return None
    values = meta["MTState"] if isinstance(meta["MTState"], list) else [meta["MTState"]]
    if milliseconds:  # DICOM's words, as that layout keeps them
        values = [_MT_WORDS.get(v, v) if isinstance(v, str) else v for v in values]
    if not values or not all(isinstance(v, bool) for v in values):
        raise DataError("E-SIDECAR", where=f"{name}: MTState", needed="true or false", found=_said(meta["MTState"]),
                        remedy="mend the sidecar")  # fmt: skip
    return tuple(values)
