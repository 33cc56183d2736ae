"""What is odd about stacks, though they can be used: scaling for the screen, slices thinner or further apart than stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def scale_doubts(stacks: Sequence[Stack]) -> Iterator[Finding]:
    """W-SCALE where series of one examination were scaled for the screen, each for itself, or some were and others not."""
    shown = [
        s for s in stacks if any(_display(f) for v in s.planes for f in v) and s.made not in ("localiser", "screenshot")
    ]
    slopes = {s.call: s.first.scale.display_slope for s in shown}
    stated = [v for v in slopes.values() if v is not None]
    if len(shown) < 2 or not stated or max(stated) / min(stated) - 1 <= _SAME_SLOPE:
        return
    listed = ", ".join(
        f"{name} {'unknown' if slope is None else format(slope, '.4g')}" for name, slope in slopes.items()
    )
    yield Finding("warn", "W-SCALE", "series scaled for the screen", f"each for itself; slopes: {listed}", _FLOAT,
                  "signals of different series do not compare: ratios and fits across them (MTR, MTsat, T1 of several series, "
                  "double-angle B1, fat fraction of water and fat images) would be wrong")  # fmt: skip


def _display(frame: Frame) -> bool:
    """Whether it is a signal (not a map) that was scaled for the screen."""
    signal = frame.made in ("", "water", "fat", "inphase", "outphase") and frame.part != "phase"
    return signal and frame.scale.meaning == "display"
