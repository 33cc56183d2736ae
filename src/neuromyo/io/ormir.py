"""Writing series in the layout of ORMIR-MIDS: one 4D file a series, times in milliseconds in its sidecar.

Layout as its specification and its converter (version 0.1.11) have it: ``sub-X[/ses-Y]/mr-anat/sub-X[_ses-Y]_MESE.nii.gz`` with the
echoes in the fourth dimension, ``EchoTime`` a list in ms, ``RepetitionTime`` and ``InversionTime`` in ms, angles in degrees,
``ImagingFrequency`` in MHz; complex data as ``part-phase`` (radians), ``part-real``, ``part-imag``. Voxels and geometry are
those of the source. Kinds that the layout does not name keep their BIDS suffix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.series import Series
from neuromyo.io import names, nifti_write, store

NOTE = ("EchoTime, RepetitionTime and InversionTime are in milliseconds, as ORMIR-MIDS has them (in BIDS they are in seconds); angles in "
        "degrees, ImagingFrequency in MHz, MagneticFieldStrength in tesla")  # fmt: skip
#: technical fields of the source's sidecar that stay as they are: no times, nothing about the person
KEPT = ("ScanningSequence", "SequenceVariant", "ParallelReductionFactorInPlane", "ParallelAcquisitionTechnique", "PartialFourier",
        "PartialFourierDirection", "PixelBandwidth", "PhaseEncodingDirection")  # fmt: skip
_WORDS = {"MESE": "Multi-echo Spin Echo", "MEGRE": "Multi-echo Gradient Echo"}
_FAT_PPM = 3.35
_VARIED = ("echo", "flip", "inv", "mt")


def stem(series: Series, twins: Sequence[Series] = ()) -> str:
    """The file name without ending; ``twins`` of the same name, told apart by repetition time, get it into their acq label."""
    entities = {k: v for k, v in series.entities.items() if k not in _VARIED}
    tr = series.acquisition.repetition_time
    if twins and tr is not None:
        entities["acq"] = entities.get("acq", "") + f"tr{1000 * tr:g}".replace(".", "p")
    return names.join(entities, series.kind)


def folder(series: Series) -> str:
    """Where a series goes, relative to the dataset."""
    people = [f"{k}-{series.entities[k]}" for k in ("sub", "ses") if k in series.entities]
    return "/".join([*people, "mr-dwi" if series.kind == "dwi" else "mr-anat"])


def write(root: Path, series: Series, name: str, kept: Mapping[str, Any], scratch: Path) -> dict[str, str]:
    """Write image and sidecar (and gradients); file name relative to ``root`` -> SHA-256. One volume is in memory at a time."""
    here = folder(series)
    image = f"{here}/{name}.nii.gz"
    written = {image: nifti_write.write_image(root / image, _gathered(series, scratch), series.grid)}
    about = sidecar_of(series, kept)
    written[f"{here}/{name}.json"] = store.write_json(root / here / f"{name}.json", about)
    for ending, text in _gradients(series).items():
        written[f"{here}/{name}.{ending}"] = store.write_text(root / here / f"{name}.{ending}", text)
    return written


def sidecar_of(series: Series, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The sidecar of a series in this layout's keys and units."""
    a = series.acquisition
    said: dict[str, Any] = {k: kept[k] for k in KEPT if k in kept} | {"UnitsNote": NOTE}
    if series.kind in _WORDS:
        said["PulseSequenceType"] = _WORDS[series.kind]
    if series.kind == "phasediff" and a.echo_times is not None:
        said |= {f"EchoTime{i}": milliseconds(t) for i, t in enumerate(a.echo_times, 1)}
    elif a.echo_times is not None:
        said["EchoTime"] = _listed([milliseconds(t) for t in a.echo_times])
    if a.inversion_times is not None:
        said["InversionTime"] = _listed([milliseconds(t) for t in a.inversion_times])
    if a.repetition_time is not None:
        said["RepetitionTime"] = milliseconds(a.repetition_time)
    if series.n > 1:
        said["FourthDimension"] = _fourth(a)
    return said | _numbers(a) | _texts(a) | _fat_shift(a, kept) | ({"Units": "rad"} if series.part == "phase" else {})


def milliseconds(seconds: float) -> float:
    """A time in ms, by moving the decimal point: what a sidecar states in up to 15 digits is read back to the last bit."""
    return float(Decimal(repr(seconds)).scaleb(3))


def _numbers(a: Acquisition) -> dict[str, Any]:
    said = {
        "RefocusingFlipAngle": a.refocusing_angle_deg,
        "FlipAngle": _listed(list(a.flip_angles_deg)) if a.flip_angles_deg is not None else None,
        "MTState": _listed(list(a.mt_on)) if a.mt_on is not None else None,
        "MTOffsetFrequency": a.mt_offset_hz,
        "MTFlipAngle": a.mt_flip_angle_deg,
        "MagneticFieldStrength": a.field_strength,
        "ImagingFrequency": _megahertz(a.imaging_frequency_hz),
        "SpoilingRFPhaseIncrement": a.rf_spoiling_increment_deg,
        "SliceThickness": a.slice_thickness_mm,
        "MRAcquisitionType": None if a.slice_order_3d is None else ("3D" if a.slice_order_3d else "2D"),
    }
    return {k: v for k, v in said.items() if v is not None}


def _megahertz(hertz: float | None) -> float | None:
    if hertz is None:
        return None
    return float(Decimal(repr(hertz)).scaleb(-6))


def _texts(a: Acquisition) -> dict[str, str]:
    said = {
        "Manufacturer": a.manufacturer,
        "SequenceName": a.sequence_name,
        "ScanOptions": a.scan_options,
        "BodyPartExamined": a.body_part,
    }
    return {k: v for k, v in said.items() if v is not None}


def _fat_shift(a: Acquisition, kept: Mapping[str, Any]) -> dict[str, float]:
    """WaterFatShift in pixels, which the layout wants of gradient echoes: 3.35 ppm of the frequency over the pixel bandwidth."""
    width = kept.get("PixelBandwidth")
    if (
        a.imaging_frequency_hz is None
        or isinstance(width, bool)
        or not isinstance(width, (int, float))
        or not width > 0
    ):
        return {}
    return {"WaterFatShift": _FAT_PPM * 1e-6 * a.imaging_frequency_hz / width}


def _fourth(a: Acquisition) -> str:
    for key, values in (("EchoTime", a.echo_times), ("InversionTime", a.inversion_times), ("FlipAngle", a.flip_angles_deg),
                        ("MTState", a.mt_on), ("DiffusionBValue", a.b_values)):  # fmt: skip
        if values is not None and len(set(values)) > 1:
            return key
    return "Repetition"


def _listed(values: list) -> Any:
    """One entry a volume; a single one where it holds for all."""
    return values[0] if len(values) == 1 else values


def _gathered(series: Series, scratch: Path) -> np.ndarray:
    """The voxels (x, y, z, n) in a scratch file; without the last axis where there is one volume."""
    scratch.mkdir(parents=True, exist_ok=True)
    x, y, z, n = series.data.shape
    held = np.lib.format.open_memmap(scratch / "series.npy", mode="w+", dtype=np.float32, shape=(x, y, z, n))
    for k in range(z):
        held[:, :, k : k + 1] = series.read((slice(None), slice(None), slice(k, k + 1)))
    return held if n > 1 else held[..., 0]


def _gradients(series: Series) -> dict[str, str]:
    a = series.acquisition
    if a.b_values is None:
        return {}
    texts = {"bval": " ".join(f"{b / 1e6:.10g}" for b in a.b_values) + "\n"}
    if a.b_vectors is not None:
        rows = (np.asarray(a.b_vectors) @ series.grid.bvec_axes).T
        texts["bvec"] = "".join(" ".join(f"{v:.10g}" for v in row) + "\n" for row in rows)
    return texts
