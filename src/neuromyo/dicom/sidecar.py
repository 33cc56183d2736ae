"""The sidecar of an image made of scanner files: BIDS keys in SI, and facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neuromyo.dicom.looks import Look
from neuromyo.dicom.recognise import image_axis
from neuromyo.dicom.stack import Stack

#: facts that serve sorting and are no business of a dataset, or are said anew here
_KEPT_BACK = frozenset({
    "SequenceWords", "BitsStored", "BitsAllocated", "PixelRepresentation", "PhaseEncodingDirection", "EchoTime", "RepetitionTime",
    "RepetitionTimeExcitation", "RepetitionTimePreparation", "FlipAngle", "InversionTime", "MTState", "SliceThickness",
    "SpacingBetweenSlices", "BodyPartExamined", "Laterality", "InPlanePhaseEncodingDirectionDICOM",
})  # fmt: skip
#: the key of the repetition time by kind; BIDS has one for steady states, one for preparations, one for whole volumes
_REPETITION = {"IRT1": "RepetitionTimePreparation", "MESE": "RepetitionTime", "dwi": "RepetitionTime",
               "epi": "RepetitionTime", "sbref": "RepetitionTime"}  # fmt: skip
_SEQUENCE = {"spin": "spin echo", "gradient": "gradient echo"}
SIDES = {"left": "L", "right": "R", "both": "B"}


def sidecar_of(
    look: Look, kind: str, volumes: Sequence[int], *, body_part: str = "", side: str = "", mt_on: bool | None = None
) -> dict[str, Any]:
    """What is stated of some volumes of a stack, as one image file of ``kind``.

    body_part, side : as the user says, before what the header says; mt_on : the state of the MT pulse where it is known
    otherwise than by the header
    """
    stack, first = look.stack, look.stack.planes[volumes[0]][0]
    said: dict[str, Any] = {k: v for k, v in stack.facts.items() if k not in _KEPT_BACK}
    said |= {
        "EchoTime": _of_volumes([stack.echo_times[v] for v in volumes]),
        _REPETITION.get(kind, "RepetitionTimeExcitation"): _repetition_time(stack),
        "InversionTime": rounded(first.inversion_time),
        "FlipAngle": rounded(first.flip_angle_deg) or None,
        "MTState": first.mt_on if mt_on is None else mt_on,
        "SliceThickness": rounded(first.thickness_mm) or None,
        "SpacingBetweenSlices": round(stack.spacing_mm[2], 4) if stack.shape[2] > 1 else None,
        "PulseSequenceType": said.get("PulseSequenceType") or _sequence(look, kind),
        "Units": _units(stack),
    }
    said |= _anatomy(stack.facts, body_part, side) | _phase_encoding(stack.facts) | _philips(stack, volumes)
    return {key: value for key, value in said.items() if value is not None}


def rounded(value: float | None) -> float | None:
    """Nine digits: what is beyond them is noise of binary numbers."""
    return None if value is None else float(f"{value:.9g}")


def _of_volumes(values: Sequence[float | None]) -> Any:
    """One number where all are alike, a list otherwise; None where one is not stated."""
    if any(v is None or v <= 0 for v in values):
        return None
    told = [rounded(v) for v in values]
    return told[0] if len(set(told)) == 1 else told


def _repetition_time(stack: Stack) -> float | None:
    """That of all images; where they differ (diffusion in step with the breath), none."""
    times = {rounded(f.repetition_time) for v in stack.planes for f in v}
    return times.pop() or None if len(times) == 1 else None


def _sequence(look: Look, kind: str) -> str | None:
    echo = _SEQUENCE.get(look.echo)
    if echo is None:
        return "echo-planar" if look.planar else None
    many = "multi-echo " if look.n_echoes > 1 else ""
    before = "inversion recovery " if kind == "IRT1" else "echo-planar " if look.planar else ""
    return before + many + echo


def _units(stack: Stack) -> str | None:
    """The unit of phase images and of maps; signals have none."""
    meaning = stack.first.scale.meaning
    if stack.part == "phase" and not stack.made:
        return "rad" if meaning == "rad" else "arbitrary"
    return None if meaning in ("signal", "display") else meaning


def _anatomy(facts: Mapping[str, Any], body_part: str, side: str) -> dict[str, Any]:
    """``BodyPart`` as the user says, else as the header does; ``Laterality`` L, R or B."""
    said = facts.get("BodyPartExamined")
    named = {"BodyPart": body_part.upper()} if body_part else {"BodyPart": said, "BodyPartExamined": said}
    return {**named, "Laterality": SIDES.get(side) or facts.get("Laterality")}


def _phase_encoding(facts: Mapping[str, Any]) -> dict[str, Any]:
    axis = image_axis(facts.get("PhaseEncodingDirection"))
    in_plane = facts.get("InPlanePhaseEncodingDirectionDICOM")
    without_sign = {"ROW": "i", "COL": "j"}.get(in_plane) if isinstance(in_plane, str) else None
    return {"PhaseEncodingDirection": axis or None, "PhaseEncodingAxis": None if axis else without_sign}


def _philips(stack: Stack, volumes: Sequence[int]) -> dict[str, Any]:
    """How Philips' numbers were scaled, by the names that dcm2niix gives it; nothing for others.

    ``UsePhilipsFloatNotDisplayScaling``: true where voxels are signals that compare between series, false where they are as on the screen.
    """
    planes = [[f.scale for f in stack.planes[v]] for v in volumes]
    scales = [s for volume in planes for s in volume]
    if stack.made or all(s.display_slope is None and s.meaning != "display" for s in scales):
        return {}
    signal = all(s.meaning != "display" for s in scales)
    said: dict[str, Any] = {"UsePhilipsFloatNotDisplayScaling": signal}
    said["PhilipsRescaleSlope"] = _of_planes([[s.display_slope for s in volume] for volume in planes])
    if signal and all(s.slope > 0 and s.meaning == "signal" for s in scales):
        said["PhilipsScaleSlope"] = _of_planes([[1.0 / s.slope for s in volume] for volume in planes])
    return said


def _of_planes(values: Sequence[Sequence[float | None]]) -> Any:
    """One number where all are alike, one a volume where the planes of each are alike, else one a plane, volume by volume."""
    alike = all(len({rounded(v) for v in volume}) == 1 for volume in values)
    return _of_volumes([v for volume in values for v in (volume[:1] if alike else volume)])
