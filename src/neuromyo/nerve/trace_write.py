"""From steps to the trace that others read: sections in the world, bridged gaps, confidence, coverage, findings in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuromyo.core.errors import Finding
from neuromyo.core.labels import Side
from neuromyo.core.nerve import Section, Trace
from neuromyo.nerve.contour import Outline
from neuromyo.nerve.cover import coverage
from neuromyo.nerve.follow import Step
from neuromyo.nerve.pathway import Way
from neuromyo.nerve.rim import MARGIN_MM
from neuromyo.nerve.trace_finish import finished
from neuromyo.nerve.trace_look import Look
from neuromyo.nerve.trace_stack import Stack
from neuromyo.nerve.trace_sure import area_error, bridged_confidence, confidence, score, step_flags


@dataclass(frozen=True, eq=False)
class Followed:
    """A nerve as followed: its first step, the ways from there, its branches."""

    name: str
    first: Step
    ways: tuple[Way, ...]
    branches: tuple[Followed, ...]
    look: Look

    @property
    def steps(self) -> list[Step]:
        """All steps by ascending slice."""
        return sorted([self.first, *(s for way in self.ways for s in way.steps)], key=lambda s: s.slice)


def written(stack: Stack, followed: Followed, name: str, side: Side, *, proposed: bool) -> Trace:
    """The trace of what was followed, its branches included."""
    steps = finished(stack, followed.steps, followed.look)
    bridged = sorted(k for way in followed.ways for k in way.bridged)
    outlines = [(s.slice, s.cut.outline) for s in steps] + [(k, between(steps, k)) for k in bridged]
    sections = [_section(stack, s) for s in steps] + [_gap_section(stack, steps, k) for k in bridged]
    sections.sort(key=lambda one: one.slice)
    length = (sections[-1].slice - sections[0].slice + 1) * stack.flat.apart_mm
    return Trace(
        name=name,
        side=side,
        grid=stack.flat.grid,
        sections=tuple(sections),
        coverage=coverage(stack.flat, outlines),
        score=score(sections, length),
        proposed=proposed,
        branches=tuple(written(stack, branch, branch.name, side, proposed=proposed) for branch in followed.branches),
        findings=tuple(_findings(stack, followed, sections)),
        details={"length_mm": length, "pixel_mm": stack.flat.pixel_mm, "slices": float(len(sections))},
    )


def between(steps: Sequence[Step], k: int) -> Outline:
    """The outline half way, or part of the way, from the step before a slice to the one behind it."""
    before = max((s for s in steps if s.slice < k), key=lambda s: s.slice)
    behind = min((s for s in steps if s.slice > k), key=lambda s: s.slice)
    share = (k - before.slice) / (behind.slice - before.slice)
    one, other = before.cut.outline, behind.cut.outline
    return Outline((1 - share) * one.centre + share * other.centre, (1 - share) * one.radius + share * other.radius)


def _section(stack: Stack, step: Step) -> Section:
    outline = step.cut.outline
    return Section(
        step.slice, stack.flat.world(outline.middle, step.slice), (stack.flat.world(outline.points, step.slice),),
        outline.area, area_error(stack, step), confidence(stack, step), step_flags(stack, step),
    )  # fmt: skip


def _gap_section(stack: Stack, steps: Sequence[Step], k: int) -> Section:
    outline = between(steps, k)
    return Section(
        k, stack.flat.world(outline.middle, k), (stack.flat.world(outline.points, k),),
        outline.area, 0.25 * outline.area, bridged_confidence(steps, k), ("gap", "interpolated"),
    )  # fmt: skip


def _findings(stack: Stack, followed: Followed, sections: Sequence[Section]) -> list[Finding]:
    where = f"{stack.images[0].name}, {followed.name}"
    out = []
    if not stack.shows_boundary:
        out.append(Finding("warn", "W-NERVE", where, "fat is dark, or of unknown brightness, in every image, so that the nerve's sheath "
                           "cannot be told from the fat around it", "add an image in which fat is bright (T2w or T1w)",
                           f"where fat is dark the boundary is taken to lie {MARGIN_MM:g} mm beyond the edge of the fascicles: "
                           "areas may be some 20 % too small"))  # fmt: skip
    for way in followed.ways:
        if way.bridged:
            out.append(Finding("warn", "W-NERVE", f"{where}, {in_words(way.bridged)}", "the nerve could not be seen",
                               "look at the slice, or point at the nerve there (restart)",
                               "its outline is interpolated between neighbouring slices"))  # fmt: skip
        for first, last in way.jumped:
            out.append(Finding("warn", "W-NERVE", f"{where}, {in_words(sorted((first, last)), to=True)}",
                               "the nerve was lost until a restart", "point at it there too",
                               "these slices have no outline"))  # fmt: skip
        if way.ended is not None:
            out.append(Finding("warn", "W-NERVE", f"{where}, slice {way.ended}", f"the nerve was lost: {way.why}",
                               "point at it further on (restart), or say that it ends (end)", "it is not followed beyond"))  # fmt: skip
        if way.division is not None:
            first, second = (branch.name for branch in followed.branches)
            out.append(Finding("note", "N-NERVE", f"{where}, slice {way.division.slice}",
                               f"the nerve divides into {first} and {second}" + (", as told" if way.division.told else "")))  # fmt: skip
    for flag, said in (("crossing", "something that looks alike touches the nerve"), ("weak", "the outline is in doubt"),
                       ("edge", "the nerve reaches the edge of the image")):  # fmt: skip
        slices = [one.slice for one in sections if flag in one.flags]
        if slices:
            out.append(Finding("warn", "W-NERVE", f"{where}, {in_words(slices)}", said, "look at the overlay",
                               "area and values there are uncertain"))  # fmt: skip
    return out


def in_words(slices: Sequence[int], to: bool = False) -> str:
    """``slice 4``, ``slices 4 to 7``, ``slices 4, 6 to 8``."""
    if to:
        return f"slices {slices[0]} to {slices[-1]}"
    runs: list[list[int]] = []
    for k in sorted(slices):
        if runs and k == runs[-1][1] + 1:
            runs[-1][1] = k
        else:
            runs.append([k, k])
    said = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in runs)
    return f"slice {said}" if len(slices) == 1 else f"slices {said}"
