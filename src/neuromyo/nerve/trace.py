"""Follow a nerve both ways through a stack of slices, from one point, on whatever contrasts are given.

In the slice pointed at, outlines of several sizes are tried (`trace_start`). From there the nerve is expected where it was heading, looked
for by its look and by likeness to the slice before, and outlined again (`follow`, `section`), over gaps of a few slices (`pathway`),
until it ends, leaves the images, or divides (`divide`). What is no nerve is refused (`refuse`); what is too coarse is too (`resolution`).

*Assumes* slices roughly across the nerve: up to about 30 degrees off. *Breaks* where branches lie against each other without fat
between, and where a vessel as large and as bright as the nerve lies against it over many slices: those slices are flagged ``crossing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.image import Image
from neuromyo.core.labels import Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import Trace
from neuromyo.core.options import check, option
from neuromyo.nerve.follow import Step, begin, judged
from neuromyo.nerve.pathway import Rules, Way, near, walk
from neuromyo.nerve.refuse import refusal, start_refusal
from neuromyo.nerve.resolution import supports_outline
from neuromyo.nerve.trace_stack import Stack
from neuromyo.nerve.trace_start import candidates
from neuromyo.nerve.trace_told import Told, told
from neuromyo.nerve.trace_write import Followed, written
from neuromyo.nerve.usual import DIVIDES, branches, usual

#: how much is looked at around the place pointed at
_WINDOW_MM = 18.0


@dataclass(frozen=True)
class TraceOptions:
    """How a nerve is followed."""

    gap_slices: int = option(3, "slices in a row that may be lost and are bridged", low=0, high=10)
    gap_mm: float = option(15.0, "the longest gap that is bridged", unit="mm", low=0.0, high=60.0)
    least_quality: float = option(0.3, "quality under which a slice counts as lost", low=0.01, high=0.9)
    divide: bool = option(True, "look for the place where the nerve divides, and follow its branches")


def trace(
    images: Sequence[Image],
    start: Landmark | None,
    *,
    name: str,
    side: Side = "none",
    landmarks: Sequence[Landmark] = (),
    options: TraceOptions = TraceOptions(),
) -> Trace:
    """Follow the nerve ``name`` from ``start`` (RAS+ mm) through the slices of the first image.

    ``images`` : the first decides the grid, the others are brought onto it. ``landmarks`` : ``restart`` (it is here, whatever was found),
    ``end`` (not beyond this slice) and ``split`` (it divides in this slice), those named after another nerve are left out.

    Returns the trace with its branches. Raises E-OPTION without a start, E-RESOLUTION where voxels are too coarse, E-NERVE where
    there is no nerve at the start.
    """
    check(options)
    if not images:
        raise OptionError("E-OPTION", where=f"trace of the {name}", needed="at least one image", found="none")
    if start is None:
        raise OptionError(
            "E-OPTION", where=f"trace of the {name}", needed="a point in the nerve", found="none",
            remedy="point at it in one slice, or have places proposed (--propose)",
        )  # fmt: skip
    verdict = supports_outline(images[0].grid, name)
    if not verdict.ok:
        spacing = " x ".join(f"{mm:.3g}" for mm in images[0].grid.spacing_mm)
        raise DataError(
            "E-RESOLUTION", where=f"{images[0].name}, trace of the {name}",
            needed=f"voxels of at most {verdict.needed_mm:.1f} mm in the plane", found=f"{spacing} mm: not supported, since {verdict.why}",
            remedy="use an image of higher resolution",
        )  # fmt: skip
    stack = Stack.of(images)
    rules = Rules(options.least_quality, _gap(options, stack), options.divide)
    followed = _from(stack, told(stack, name, start, landmarks), name, side, rules, landmarks)
    return written(stack, followed, name, side, proposed=False)


def _gap(options: TraceOptions, stack: Stack) -> int:
    return min(options.gap_slices, int(options.gap_mm / stack.flat.apart_mm))


def _from(stack: Stack, said: Told, name: str, side: Side, rules: Rules, landmarks: Sequence[Landmark]) -> Followed:
    """The nerve from its start, both ways, its branches included; E-NERVE where it is none."""
    k, place = said.start
    piece = stack.piece(k, place, _WINDOW_MM)
    if piece is None or not piece.known_at(place[None]).all():
        raise _no_nerve(stack, name, said, "the start lies outside the images, or where they have no values")
    best = candidates(piece, place, usual(name).area_mm2)[0]
    first = judged(piece, best.cut, best.cut.look, best.cut.outline.area, 1.0, ("start",))
    why = start_refusal(piece, first, best.score)
    if why:
        raise _no_nerve(stack, name, said, why)
    state = begin(first, best.cut.look)
    ways = []
    for step in (-1, 1):
        last = said.first if step < 0 else said.last
        slices = list(range(k + step, last + step, step))
        may = rules.may_divide and _distal(stack, step)
        ways.append(walk(stack, state, slices, Rules(rules.least, rules.gap, may), said.restarts, said.splits))
    _refuse(stack, said, name, first, ways)
    return Followed(name, first, tuple(ways), _branches(stack, said, name, side, rules, ways, landmarks), state.look)


def _distal(stack: Stack, step: int) -> bool:
    """Whether a step in slices leads towards the foot; where slices are not across the limb, either way may."""
    across = stack.flat.axes[2] * np.sign(stack.flat.step_mm[2])
    return bool(step * across[2] < 0.5)


def _refuse(stack: Stack, said: Told, name: str, first: Step, ways: Sequence[Way]) -> None:
    steps = [first, *(step for way in ways for step in way.steps)]
    pieces = [near(stack, step.cut.outline, step.slice) for step in steps]
    whole = any(way.division is not None for way in ways) or said.short
    why = refusal(stack, name, steps, pieces, whole)
    if why:
        raise _no_nerve(stack, name, said, why)


def _no_nerve(stack: Stack, name: str, said: Told, why: str) -> DataError:
    x, y, z = said.xyz_mm
    return DataError(
        "E-NERVE", where=f"{stack.images[0].name}, slice {said.start[0]}, ({x:.1f}, {y:.1f}, {z:.1f}) mm", needed=f"the {name}",
        found=f"no nerve: {why}", remedy="point at the middle of the nerve in a slice where it is seen well, or choose another image",
    )  # fmt: skip


def _branches(
    stack: Stack, said: Told, name: str, side: Side, rules: Rules, ways: Sequence[Way], landmarks: Sequence[Landmark]
) -> tuple[Followed, ...]:
    """What the nerve divides into, each followed on from the division."""
    out = []
    for sign, way in zip((-1, 1), ways, strict=True):
        if way.division is None or way.state is None:
            continue
        last = said.first if sign < 0 else said.last
        slices = list(range(way.division.slice + sign, last + sign, sign))
        for branch, step in zip(branches(name), _ordered(stack, way.division.steps, name, side), strict=True):
            own = told(stack, branch, None, [one for one in landmarks if one.name == branch])
            look = way.state.look.blend(step.cut.look, 0.5)
            further = walk(stack, begin(step, look), slices, Rules(rules.least, rules.gap), own.restarts, {})
            out.append(Followed(branch, step, (further,), (), look))
    return tuple(out)


def _ordered(stack: Stack, pair: tuple[Step, Step], name: str, side: Side) -> tuple[Step, Step]:
    """Two branches in the order of their names: of the sciatic nerve of a known side the medial one (tibial) first, else the larger."""
    if name not in DIVIDES or side not in ("left", "right"):
        return pair
    x = [float(stack.flat.world(step.cut.outline.middle, step.slice)[0]) for step in pair]
    if abs(x[0] - x[1]) < 1.5:
        return pair
    first_is_medial = (x[0] < x[1]) == (side == "right")
    return pair if first_is_medial else (pair[1], pair[0])
