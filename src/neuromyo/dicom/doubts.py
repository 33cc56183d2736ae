"""What is odd about stacks, though they can be used: scaling for the screen, distances and times that cannot be right, torn series."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from neuromyo.core.errors import Finding
from neuromyo.dicom import geometry
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.looks import codes_of
from neuromyo.dicom.stack import Stack

#: two display slopes are one if they differ by less than this share
_SAME_SLOPE = 1e-4
#: slices nearer than this share of the stated distance are nearer than stated
_NEARER = 0.75
#: no spin echo comes sooner, and no echo but that of an ultra-short sequence, s
_SOONEST_SPIN, _SOONEST = 1e-3, 2e-5
_LATEST = 2.0
_FLOAT = "export the images with the scale slope (Philips private field 2005,100E), so that signals can be compared"


def stack_doubts(stack: Stack) -> Iterator[Finding]:
    """W-SPACING, W-SCALE, W-UNITS and W-GRAD of one stack alone."""
    if stack.made in ("localiser", "screenshot"):
        return
    yield from _times(stack)
    yield from _directions(stack)
    yield from _half_scaled(stack)
    apart, stated = stack.spacing_mm[2], stack.first.apart_mm
    if stack.shape[2] > 1 and stated is not None and stated > 0 and round(apart / stated) >= 2:
        yield Finding("warn", "W-SPACING", stack.call, f"slices lie {apart:.3g} mm apart, the header states {stated:.3g} mm",
                      "look whether every second slice was left out of the export",
                      "volumes are taken with the distance found")  # fmt: skip
    if stack.shape[2] > 1 and stated is not None and 0 < apart < _NEARER * stated:
        yield Finding("warn", "W-SPACING", stack.call, f"slices lie {apart:.3g} mm apart, the header states {stated:.3g} mm",
                      "look whether two stacks of slices were put into one series, and export each by itself",
                      "volumes are taken with the distance found; two stacks would be mixed, slice by slice")  # fmt: skip
    found = {f.scale.display_slope for v in stack.planes for f in v if _display(f)}
    slopes = sorted(s for s in found if s is not None)
    if len(slopes) > 1 and slopes[-1] / slopes[0] - 1 > _SAME_SLOPE:
        said = f"its images were scaled for the screen with {len(slopes)} different slopes ({slopes[0]:.4g} to {slopes[-1]:.4g})"
        yield Finding("warn", "W-SCALE", stack.call, said, _FLOAT,
                      "signals of its volumes do not compare; anything fitted across them would be wrong")  # fmt: skip


def _times(stack: Stack) -> Iterator[Finding]:
    """Echo times that cannot be in milliseconds, the unit of DICOM."""
    times = [t for t in stack.echo_times if t is not None]
    if not times or stack.made:
        return
    spin, tr = "SE" in codes_of(stack.facts), stack.first.repetition_time
    soonest = _SOONEST_SPIN if spin else _SOONEST
    said = f"EchoTime is {times[0] * 1e3:.4g}" + (f" to {times[-1] * 1e3:.4g}" if len(times) > 1 else "") + " ms"
    if max(times) < soonest:
        said += f", sooner than any {'spin ' if spin else ''}echo comes"
    elif tr is not None and max(times) >= tr and (spin or max(times) > _LATEST):
        said += f", RepetitionTime {tr * 1e3:.4g} ms: the echo would come after the next excitation"
    elif max(times) > _LATEST:
        said += ", later than any echo is measured"
    else:
        return
    yield Finding("warn", "W-UNITS", stack.call, said,
                  "look whether an archive wrote times in another unit than milliseconds; correct the sidecars, or export again",
                  "times are taken as stated; anything fitted over them would be wrong by the same factor")  # fmt: skip


def _directions(stack: Stack) -> Iterator[Finding]:
    weighted = [v[0] for v in stack.planes if v[0].b_value]
    if weighted and not stack.made and all(f.b_vector is None for f in weighted):
        yield Finding("warn", "W-GRAD", stack.call, f"{len(weighted)} diffusion-weighted volumes, none with a direction",
                      "export the series again with its private elements, in which many scanners keep the directions",
                      "no tensor can be fitted; images averaged over directions are as they are")  # fmt: skip


def _half_scaled(stack: Stack) -> Iterator[Finding]:
    frames = [f for v in stack.planes for f in v]
    plain = sum(f.scale.identity for f in frames)
    others = {(f.scale.slope, f.scale.intercept) for f in frames if not f.scale.identity}
    if plain and len(others) == 1 and stack.part != "phase":
        yield Finding("warn", "W-SCALE", stack.call, f"{plain} of its {len(frames)} images state no rescaling, the others do",
                      "export the series again: an archive may have lost the RescaleSlope of some",
                      "each is taken as it states; if a slope was lost, those images are too bright or too dark by it")  # fmt: skip


def torn(stacks: Sequence[Stack]) -> Iterator[Finding]:
    """W-TORN: stacks of one series, or of several series with one number, that may be one measurement."""
    said: dict[tuple[str, str], None] = {}
    for one, other in itertools.combinations(stacks, 2):
        if one.numbers == other.numbers and one.numbers and _akin(one.first, other.first):
            why = _torn_by(one, other)
            if why:
                said[one.call, why] = None
    for call, why in said:
        yield Finding("warn", "W-TORN", call, why, "look at the images; export the series again, whole, if they are one measurement",
                      "what differs is made images of its own: a set can lack what is in the other")  # fmt: skip


def _akin(one: Frame, other: Frame) -> bool:
    same = (one.part, one.made, one.mt_on, one.b_value is None) == (
        other.part,
        other.made,
        other.mt_on,
        other.b_value is None,
    )
    return same and geometry.parallel(one, other)


def _torn_by(one: Stack, other: Stack) -> str:
    a, b = one.first, other.first
    if a.series != b.series:
        alike = (a.shape, a.flip_angle_deg, a.repetition_time) == (b.shape, b.flip_angle_deg, b.repetition_time)
        return (
            "several series have this number and were acquired alike: one torn apart, or exported twice"
            if alike
            else ""
        )
    if a.coil != b.coil:
        return "its images are of different receive coils, not combined"
    if a.stack != b.stack:
        return "it holds several stacks of slices"
    if a.shape != b.shape or not all(abs(p - q) < 1e-3 for p, q in zip(a.spacing_mm, b.spacing_mm, strict=True)):
        return f"its images are of different size ({_size(a)} and {_size(b)})"
    if set(one.echo_times) != set(other.echo_times):
        return "its echoes differ in flip angle, repetition time or inversion time"
    return ""


def _size(frame: Frame) -> str:
    rows, columns = frame.shape
    return f"{columns} x {rows} of {frame.spacing_mm[1]:.4g} x {frame.spacing_mm[0]:.4g} mm"


def scale_doubts(together: Mapping[str, Sequence[Stack]], stacks: Sequence[Stack]) -> Iterator[Finding]:
    """What was scaled for the screen, each series for itself.

    together : name -> stacks whose signals will be compared; W-SCALE where they were not scaled alike
    stacks : all of the examination; N-SCALE for those scaled for the screen that are compared with none of another scale
    """
    told: list[Stack] = []
    for name, group in together.items():
        if len({_scaling(s) for s in group}) < 2 and not (len(group) > 1 and _scaling(group[0]) == _UNKNOWN):
            continue
        told += group
        yield Finding("warn", "W-SCALE", name, f"its images were scaled for the screen, each series for itself: {_listed(group)}", _FLOAT,
                      "their signals do not compare: what is computed from them together would be wrong")  # fmt: skip
    rest = [s for s in stacks if _scaling(s) != _SIGNAL and not any(s is t for t in told)]
    if rest:
        yield Finding("note", "N-SCALE", "series scaled for the screen", _listed(rest), _FLOAT,
                      "their signals do not compare with those of other series, nor from visit to visit")  # fmt: skip


_SIGNAL, _UNKNOWN = "signal", "slope unknown"


def _scaling(stack: Stack) -> str:
    """How the signals of a stack were scaled, alike where they compare."""
    if not _display(stack.first):
        return _SIGNAL
    slope = stack.first.scale.display_slope
    return _UNKNOWN if slope is None else f"slope {slope:.4g}"


def _listed(stacks: Sequence[Stack]) -> str:
    parts = {"mag": "", "phase": " phase", "real": " real part", "imag": " imaginary part"}
    return ", ".join(dict.fromkeys(f"{s.call}{parts[s.part]} {_scaling(s)}" for s in stacks))


def _display(frame: Frame) -> bool:
    """Whether it is a signal (not a map) that was scaled for the screen."""
    signal = frame.made in ("", "water", "fat", "inphase", "outphase") and frame.part != "phase"
    return signal and frame.scale.meaning == "display"
