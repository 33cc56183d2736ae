"""What is odd about stacks, though they can be used: scaling for the screen, slices thinner or further apart than stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neuromyo.core.errors import Finding
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.stack import Stack

#: two display slopes are one if they differ by less than this share
_SAME_SLOPE = 1e-4
_FLOAT = "export the images with the scale slope (Philips private field 2005,100E), so that signals can be compared"


def stack_doubts(stack: Stack) -> Iterator[Finding]:
    """W-SPACING and W-SCALE of one stack alone."""
    if stack.made in ("localiser", "screenshot"):
        return
    apart, stated = stack.spacing_mm[2], stack.first.apart_mm
    if stack.shape[2] > 1 and stated is not None and stated > 0 and round(apart / stated) >= 2:
        yield Finding("warn", "W-SPACING", stack.call, f"slices lie {apart:.3g} mm apart, the header states {stated:.3g} mm",
                      "look whether every second slice was left out of the export",
                      "volumes are taken with the distance found")  # fmt: skip
    found = {f.scale.display_slope for v in stack.planes for f in v if _display(f)}
    slopes = sorted(s for s in found if s is not None)
    if len(slopes) > 1 and slopes[-1] / slopes[0] - 1 > _SAME_SLOPE:
        said = f"its images were scaled for the screen with {len(slopes)} different slopes ({slopes[0]:.4g} to {slopes[-1]:.4g})"
        yield Finding("warn", "W-SCALE", stack.call, said, _FLOAT,
                      "signals of its volumes do not compare; anything fitted across them would be wrong")  # fmt: skip


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
