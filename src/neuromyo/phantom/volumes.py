"""The files of a made series: names, arrays and sidecars, as a converter would write those of a scanner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.series import Series
from neuromyo.io import names as bids_names
from neuromyo.phantom.sets import Study

_REPETITION = {
    "IRT1": "RepetitionTimePreparation", "MESE": "RepetitionTime", "dwi": "RepetitionTime", "epi": "RepetitionTime",
}  # fmt: skip
#: kinds acquired as one slab
_SLABS = ("MPM", "MTS", "VFA", "MEGRE", "TB1AFI", "MTR")
#: what a suffix is made with, in the words of a scanner's console
_SEQUENCE = {
    **dict.fromkeys(("MPM", "MTS", "VFA", "MEGRE", "MTR", "TB1AFI", "TB1DAM"), "spoiled gradient echo"),
    "MESE": "multi-echo spin echo", "IRT1": "inversion recovery spin echo", "dwi": "echo-planar spin echo",
    "epi": "echo-planar spin echo",
}  # fmt: skip
#: field of `Acquisition` -> entity that numbers its values
_NUMBERED = {"echo_times": "echo", "flip_angles_deg": "flip", "inversion_times": "inv", "mt_on": "mt"}


def volumes(
    series: Series, entities: Mapping[str, str], study: Study
) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """The files of one series: (name without ending, array, sidecar), one a volume; echo-planar series stay one file."""
    images = series.read()
    parts: list[tuple[str, np.ndarray]] = [(series.part if series.part in ("phase", "real", "imag") else "", images)]
    if np.iscomplexobj(images):
        parts = [("mag", np.abs(images)), ("phase", np.angle(images))]
    fixed = {**entities, **dict(series.entities)}
    whole: list[tuple[int | slice, dict[str, str]]] = [(slice(None), {})]
    together = series.kind in ("dwi", "epi")
    for part, array in parts:
        for i, numbers in whole if together else _numbered(series.acquisition, series.n):
            labels = {**numbers, **fixed, **({"part": part} if part else {})}
            sidecar = _sidecar(series, study, i) | ({"Units": "rad"} if part == "phase" else {})
            yield bids_names.join(labels, series.kind), array[..., i], sidecar


def gradients(series: Series) -> dict[str, str]:
    """Ending -> text of a diffusion series' bval (s/mm2) and bvec (FSL's convention: the stored image's axes, the first
    negated where they are right-handed); nothing for other series."""
    a = series.acquisition
    if series.kind != "dwi" or a.b_values is None or a.b_vectors is None:
        return {}
    stored = series.grid.source_affine[:3, :3]
    axes = stored / np.linalg.norm(stored, axis=0)
    along = np.array(a.b_vectors) @ np.linalg.inv(axes).T
    if np.linalg.det(stored) > 0:
        along = along * (-1.0, 1.0, 1.0)
    rows = "\n".join(" ".join(f"{v:.8f}" for v in row) for row in along.T)
    return {"bval": " ".join(f"{b * 1e-6:g}" for b in a.b_values) + "\n", "bvec": rows + "\n"}


def _numbered(acquisition: Acquisition, n: int) -> Iterator[tuple[int, dict[str, str]]]:
    """(volume, entities that tell it from the others): a number for each value of what was varied, in rising order."""
    labels: list[dict[str, str]] = [{} for _ in range(n)]
    for field, entity in _NUMBERED.items():
        values = getattr(acquisition, field)
        if values is None or len(values) != n or len(set(values)) < 2:
            continue
        order = sorted(set(values))
        for label, value in zip(labels, values, strict=True):
            label[entity] = ("on" if value else "off") if entity == "mt" else str(order.index(value) + 1)
    if n > 1 and len({tuple(label.items()) for label in labels}) < n:
        labels = [{**label, "run": str(i + 1)} for i, label in enumerate(labels)]
    yield from enumerate(labels)


def _sidecar(series: Series, study: Study, i: int | slice) -> dict[str, Any]:
    a = series.acquisition
    said: dict[str, Any] = {
        "Manufacturer": "neuromyo phantom",
        "MagneticFieldStrength": a.field_strength or 3.0,
        "BodyPart": study.region.upper(),
        "PulseSequenceType": a.sequence_name or _SEQUENCE.get(series.kind),
        "MRAcquisitionType": "3D" if series.kind in _SLABS else "2D",
        "SliceThickness": study.stack.slice_thickness_mm,
        "SpacingBetweenSlices": study.stack.slice_spacing_mm,
        "EchoTime": _of_volume(a.echo_times, i),
        "InversionTime": _of_volume(a.inversion_times, i),
        "FlipAngle": _of_volume(a.flip_angles_deg, i) or (90.0 if series.kind == "MESE" else None),
        "MTState": _of_volume(a.mt_on, i),
        _REPETITION.get(series.kind, "RepetitionTimeExcitation"): a.repetition_time,
        "RefocusingFlipAngle": a.refocusing_angle_deg,
        "MTOffsetFrequency": a.mt_offset_hz,
        "MTFlipAngle": a.mt_flip_angle_deg,
        "SpoilingRFPhaseIncrement": a.rf_spoiling_increment_deg,
    }
    return {key: value for key, value in said.items() if value is not None}


def _of_volume(values: tuple | None, i: int | slice) -> Any:
    if values is None:
        return None
    if len(values) == 1:
        return values[0]
    return list(values) if isinstance(i, slice) else values[i]


def datatype(kind: str) -> str:
    """The BIDS folder of a suffix."""
    if kind == "dwi":
        return "dwi"
    return "fmap" if kind.startswith(("epi", "TB1", "RB1", "fieldmap", "phase", "magnitude")) else "anat"
