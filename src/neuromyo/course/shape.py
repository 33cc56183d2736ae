"""The nerve's cross-section, square to the nerve.

A slice cuts a nerve that runs at an angle a to its normal in an outline stretched by 1 / cos a. Each outline is projected
along the nerve's own direction t onto the plane square to it,

    p' = p - ((p - c) . t) t,    so that    CSA = A_in_plane cos a,

and measured there: CSA, perimeter P, roundness 4 pi CSA / P^2, and the diameters of the ellipse of equal second moments;
flattening = short / long diameter (1 is round). ``angle_to_b0`` is that between nerve and main field (0 to 90 degrees).
Between 45 and 65 degrees T2 of ordered collagen and myelin rises (3 cos^2 b = 1 at 54.7 degrees): flagged MAGIC.

Uncertainties: the section's own of its area, seen as a boundary displaced at random by se_A / P on the whole and twice that in
the mode that flattens; and the direction's, dCSA = A sin a da.

Assumes: over one outline the nerve is straight and of one calibre.
Breaks: the smear of a thick oblique slice (spacing tan a) wider than the nerve: flagged COARSE. A jagged outline has a
perimeter too long and a roundness too low.
Cites: Kaestel 2011, 10.3174/ajnr.A2402 (sciatic nerve at 3 T: T2 +10 % at 30, +28 % at 45, +37 % at 55 degrees)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.nerve import Course, Section, Trace
from neuromyo.course.centreline import at, describe, place
from neuromyo.course.continuity import seen
from neuromyo.course.polygon import Measures, measure

#: degrees to the main field between which T2 is known to rise
MAGIC_DEG = (45.0, 65.0)
#: of a patient who lies along the bore
ALONG_BORE = (0.0, 0.0, 1.0)
BIOMARKER = "nerve-morphometry"


@dataclass(frozen=True, slots=True)
class SectionShape:
    """One section, measured square to the nerve. ``slice`` in array order; ``*_se`` standard uncertainties.

    distance_mm, percent : along the course; flattening : short over long diameter; flags : MAGIC, COARSE, the section's own
    """

    slice: int
    distance_mm: float
    percent: float
    angle_to_slice_deg: float
    angle_se_deg: float
    csa_mm2: float
    csa_se_mm2: float
    csa_in_plane_mm2: float
    csa_in_plane_se_mm2: float
    perimeter_mm: float
    perimeter_se_mm: float
    roundness: float
    roundness_se: float
    flattening: float
    flattening_se: float
    long_mm: float
    short_mm: float
    diameter_se_mm: float
    angle_to_b0_deg: float
    confidence: float
    flags: tuple[str, ...] = ()


def sections(trace: Trace, course: Course, *, b0: Sequence[float] = ALONG_BORE) -> tuple[SectionShape, ...]:
    """The shapes of all sections that have an outline, proximal first.

    b0 : direction of the main field in RAS+; along z for anyone who lies along the bore
    """
    field = np.asarray(b0, dtype=float)
    if field.shape != (3,) or not np.isfinite(field).all() or np.linalg.norm(field) == 0:
        raise OptionError("E-OPTION", where="direction of the main field", needed="three numbers, not all 0", found=str(tuple(b0)),
                          remedy="0,0,1 is along the bore")  # fmt: skip
    used = [s for s in seen(trace) if s.outlines_mm]
    if not used:
        raise DataError("E-COURSE", where=describe(trace), needed="outlines to measure", found="none",
                        remedy="trace the nerve on images fine enough for its outline")  # fmt: skip
    arc = place(course, np.array([s.centre_mm for s in used]), trace)
    shapes = [_shape(s, float(a), trace, course, field / np.linalg.norm(field)) for s, a in zip(used, arc, strict=True)]
    return tuple(sorted(shapes, key=lambda s: s.distance_mm))


def findings(shapes: Sequence[SectionShape], trace: Trace) -> tuple[Finding, ...]:
    """What a radiographer should know: magic angle, and how much obliquity was corrected."""
    where, found = describe(trace), []
    magic = [s for s in shapes if "MAGIC" in s.flags]
    if magic:
        low, high = min(s.angle_to_b0_deg for s in magic), max(s.angle_to_b0_deg for s in magic)
        span = f"{low:.0f} degrees" if round(low) == round(high) else f"{low:.0f} to {high:.0f} degrees"
        said = f"in {len(magic)} of {len(shapes)} slices the nerve runs at {span} to the main field"
        found.append(Finding("warn", "W-MAGIC", where, said, remedy="compare only with the same position of the limb",
                             consequence="T2 is raised there without disease, in healthy sciatic nerve by 28 to 37 %"))  # fmt: skip
    steepest = max(shapes, key=lambda s: s.angle_to_slice_deg)
    excess = 100 * (1 / np.cos(np.deg2rad(steepest.angle_to_slice_deg)) - 1)
    if excess > 5:
        said = (
            f"the slices cut the nerve at up to {steepest.angle_to_slice_deg:.0f} degrees;"
            f" its area in the slice is up to {excess:.0f} % too large"
        )
        found.append(
            Finding("note", "N-ANGLE", where, said, consequence="CSA is corrected for it, CSA_in_plane is not")
        )
    coarse = sum("COARSE" in s.flags for s in shapes)
    if coarse:
        said = (
            f"in {coarse} of {len(shapes)} slices the nerve moves sideways by more than its own width within one slice"
        )
        found.append(Finding("warn", "W-COARSE", where, said, remedy="lay the slices square to the nerve, or thinner",
                             consequence="its area and shape there are not to be relied on"))  # fmt: skip
    return tuple(found)


def rows(
    shapes: Sequence[SectionShape], trace: Trace, *, common: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of the tidy table: each quantity per slice, and the segment's mean, largest and smallest.

    common : columns that are the same in all rows (subject, session, region_source ...)

    ``level`` is the distance from zero. The segment's mean is that of its slices; its se holds each slice's uncertainty as
    independent of the others' (an error that all outlines share is not in it).
    """
    base = {**(common or {}), "region": trace.name, "side": trace.side, "biomarker": BIOMARKER}
    base.setdefault("region_source", "trace")
    every = ("PROPOSED",) if trace.proposed else ()
    found = []
    for quantity, (unit, values, se) in _quantities(shapes).items():
        named = {**base, "quantity": quantity, "unit": unit}
        found += list(_slice_rows(named, shapes, values, se, trace, every))
        found += list(_segment_rows(named, shapes, values, se, trace, every))
    return found


def _shape(section: Section, arc: float, trace: Trace, course: Course, field: np.ndarray) -> SectionShape:
    tangent = at(course, course.tangents, np.array([arc]))[0]
    tangent = tangent / np.linalg.norm(tangent)
    cosine = float(abs(tangent @ trace.grid.slice_normal))
    angle = np.arccos(min(cosine, 1.0))
    turn = (
        0.0
        if course.tangent_sd_deg is None
        else np.deg2rad(float(at(course, course.tangent_sd_deg, np.array([arc]))[0]))
    )
    square = measure([_projected(outline, section.centre_mm, tangent) for outline in section.outlines_mm])
    csa, area_se = section.area_mm2 * cosine, section.se_mm2 * cosine
    csa_se = float(np.hypot(area_se, section.area_mm2 * np.sin(angle) * turn))
    shift = area_se / square.perimeter
    flattening = square.short / square.long
    flat_se = float(np.hypot(4 * np.sqrt(2) * shift / square.long, flattening * np.tan(angle) * turn))
    to_field = float(np.rad2deg(np.arccos(min(abs(float(tangent @ field)), 1.0))))
    spacing = trace.grid.voxel_volume_mm3 / trace.grid.pixel_area_mm2
    flags = [f for f in section.flags if f not in ("start", "restart", "proposed")]
    flags += ["MAGIC"] if MAGIC_DEG[0] <= to_field <= MAGIC_DEG[1] else []
    flags += ["COARSE"] if spacing * np.tan(angle) > square.short else []
    return SectionShape(
        section.slice, arc - course.zero_mm, 100 * arc / float(course.arc_mm[-1]), float(np.rad2deg(angle)),
        float(np.rad2deg(turn)), csa, csa_se, section.area_mm2, section.se_mm2, square.perimeter, 2 * np.pi * shift,
        4 * np.pi * square.area / square.perimeter**2, _roundness_se(square, flat_se), flattening, flat_se,
        square.long, square.short, 2 * np.sqrt(3) * shift, to_field, section.confidence, tuple(flags),
    )  # fmt: skip


def _projected(outline: np.ndarray, centre: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    """An outline (m, 3) along the tangent onto the plane square to it -> (m, 2)."""
    first = np.cross(tangent, np.eye(3)[int(np.argmin(np.abs(tangent)))])
    first = first / np.linalg.norm(first)
    return (outline - centre) @ np.stack([first, np.cross(tangent, first)], axis=1)


def _roundness_se(square: Measures, flat_se: float) -> float:
    """By how much the roundness of an ellipse changes with its flattening (Ramanujan's perimeter)."""
    q = square.short / square.long

    def roundness(ratio: float) -> float:
        perimeter = np.pi * (3 * (1 + ratio) - np.sqrt((3 + ratio) * (1 + 3 * ratio)))
        return float(4 * np.pi**2 * ratio / perimeter**2)

    return abs(roundness(q + 1e-4) - roundness(q - 1e-4)) / 2e-4 * flat_se


def _quantities(shapes: Sequence[SectionShape]) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Quantity -> unit, values (n,), standard uncertainties (n,), NaN where there is none."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(s, name) for s in shapes], dtype=float)

    none, turn = np.full(len(shapes), np.nan), column("angle_se_deg")
    return {
        "CSA": ("mm2", column("csa_mm2"), column("csa_se_mm2")),
        "CSA_in_plane": ("mm2", column("csa_in_plane_mm2"), column("csa_in_plane_se_mm2")),
        "perimeter": ("mm", column("perimeter_mm"), column("perimeter_se_mm")),
        "roundness": ("1", column("roundness"), column("roundness_se")),
        "flattening": ("1", column("flattening"), column("flattening_se")),
        "long_diameter": ("mm", column("long_mm"), column("diameter_se_mm")),
        "short_diameter": ("mm", column("short_mm"), column("diameter_se_mm")),
        "angle_to_slice": ("deg", column("angle_to_slice_deg"), turn),
        "angle_to_B0": ("deg", column("angle_to_b0_deg"), turn),
        "confidence": ("1", column("confidence"), none),
    }


def _slice_rows(
    named: Mapping[str, Any], shapes: Sequence[SectionShape], values: np.ndarray, se: np.ndarray, trace: Trace,
    every: tuple[str, ...],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    for shape, value, error in zip(shapes, values, se, strict=True):
        yield {**named, "statistic": "slice", "slice": trace.grid.stored_slice(shape.slice), "level": level(shape.distance_mm),
               "value": float(value), "se": float(error), "flags": [*every, *shape.flags]}  # fmt: skip


def _segment_rows(
    named: Mapping[str, Any], shapes: Sequence[SectionShape], values: np.ndarray, se: np.ndarray, trace: Trace,
    every: tuple[str, ...],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    flags = [*every, *dict.fromkeys(f for s in shapes for f in s.flags if f.isupper())]
    between = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    mean_se = float(np.sqrt(np.sum(se**2)) / len(se))
    yield {
        **named,
        "statistic": "mean",
        "value": float(values.mean()),
        "sd_between": between,
        "se": mean_se,
        "flags": flags,
    }
    for statistic, best in (("max", int(np.argmax(values))), ("min", int(np.argmin(values)))):
        shape = shapes[best]
        yield {**named, "statistic": statistic, "value": float(values[best]), "se": float(se[best]),
               "slice": trace.grid.stored_slice(shape.slice), "level": level(shape.distance_mm),
               "flags": [*every, *(f for f in shape.flags if f.isupper())]}  # fmt: skip


def level(distance_mm: float) -> str:
    """A distance along the nerve as the table writes it: ``123 mm``."""
    return f"{distance_mm:.0f} mm" if round(distance_mm) else "0 mm"
