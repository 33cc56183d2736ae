"""All that is measured of one nerve: followed, its course drawn, its sections, fascicles and profiles put into rows.

What the verb `trace` does on loose files and `run` does in every session is the same and stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuromyo.anatomy import muscles
from neuromyo.anatomy.drawn_nerve import of_labels
from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Region, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.maps import Map, Maps
from neuromyo.core.nerve import Course, Trace
from neuromyo.course import centreline, gradient, profile, shape
from neuromyo.course.profile import Profile
from neuromyo.fascicles import fascicle_rows, fascicles
from neuromyo.measure.summarise import acquisition
from neuromyo.nerve.propose import propose
from neuromyo.nerve.trace import trace
from neuromyo.pipeline import placing
from neuromyo.report.view import Line, NerveView

#: a proposal that scores less is not followed, only told
LEAST_SCORE = 0.5


@dataclass(frozen=True, eq=False)
class Examined:
    """A nerve with its branches, measured.

    image : what it was followed on
    courses : of those of ``trace.all`` through which a line can be drawn
    rows : of the tidy table, without subject and session
    lines : what runs along each nerve, by its name
    """

    trace: Trace
    image: Image
    courses: tuple[Course, ...]
    rows: tuple[Mapping[str, Any], ...]
    lines: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def view(self) -> NerveView:
        """What a page shows of it."""
        return NerveView(self.trace, self.image, self.courses, self.rows, self.lines, self.findings)


def follow(
    images: Sequence[Image],
    name: str,
    side: Side,
    landmarks: Sequence[Landmark],
    labels: Labels | None = None,
    *,
    proposals: bool = False,
) -> tuple[Trace, tuple[Finding, ...]]:
    """The nerve followed from the place that somebody pointed at; else, where ``proposals`` may be followed, from the best of
    them, openly. E-NERVE where there is neither."""
    if not images:
        raise DataError("E-NEEDS", where=f"{name} ({side})", needed="an image on which nerves can be seen", found="none",
                        remedy="scan one of at least 0.8 mm in the plane")  # fmt: skip
    images, apart = placing.together(images)
    landmarks, outside = placing.within(landmarks, images[0])
    start = next((one for one in landmarks if one.kind == "start"), None)
    if start is not None:
        followed, told = trace(images, start, name=name, side=side, landmarks=landmarks), ()
    elif proposals:
        followed, told = _proposed(images, name, side, landmarks, labels)
    else:
        raise DataError("E-NEEDS", where=f"{name} ({side})", needed="a place where the nerve is", found="none",
                        remedy="give --start X,Y,Z, or --propose to follow what looks most like it")  # fmt: skip
    return followed, (*apart, *outside, *told, *placing.undivided(followed, landmarks))


def _proposed(
    images: Sequence[Image], name: str, side: Side, landmarks: Sequence[Landmark], labels: Labels | None
) -> tuple[Trace, tuple[Finding, ...]]:
    """The best proposal that can be followed; which of them it was, how it scored and why, is told."""
    found = propose(images, name=name, side=side, labels=labels)
    refused = []
    for one in (p for p in found if p.score >= LEAST_SCORE):
        try:
            followed = trace(images, one.landmark, name=name, side=side, landmarks=landmarks)
        except DataError as error:
            if error.code != "E-NERVE":
                raise
            refused.append(f"{_place(one.landmark)}: {error.found}")
            continue
        said = (
            f"nobody pointed at it; followed from {_place(one.landmark)}, which scores {one.score:.2f} of 1: {one.why}"
        )
        told = Finding("warn", "W-PROPOSED", f"{name} ({side})", said, "look at the outlines, and give --start if it is another structure",
                       "its values are flagged PROPOSED")  # fmt: skip
        return _as_proposed(followed), (told,)
    best = (
        f"the best of {len(found)} candidates scores {found[0].score:.2f} of 1 ({found[0].why})"
        if found
        else "no candidate"
    )
    raise DataError("E-NERVE", where=f"{name} ({side})", needed=f"something that looks like it, with a score of {LEAST_SCORE:g} or more",
                    found="; ".join(refused) or best, remedy="point at it with --start X,Y,Z if you can see it")  # fmt: skip


def measure_drawn(labels: Labels, maps: Sequence[Maps] = ()) -> tuple[list[Mapping[str, Any]], list[Finding]]:
    """Rows of every nerve that a label volume holds, whoever drew it: shape along it, and profiles of maps. A nerve in a single
    slice has no course, and is told."""
    rows: list[Mapping[str, Any]] = []
    findings: list[Finding] = []
    drawn: dict[tuple[str, Side], None] = {(r.name, r.side): None for r in labels.regions if is_nerve(r)}
    for name, side in drawn:
        one = of_labels(labels, name, side)
        found = _measure(one, (), (), None, maps, {"region_source": labels.source})
        rows += found.rows
        findings += [*one.findings, *found.findings]
    return rows, findings


def is_nerve(region: Region) -> bool:
    """By what the region is called, or what it is said to be part of."""
    known = muscles.find(region.name)
    return region.parent == "nerve" or (known is not None and known.kind == "nerve")


@dataclass(frozen=True, eq=False)
class _Measured:
    """What one nerve (or branch) gave."""

    course: Course | None
    rows: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[Line, ...] = ()
    findings: tuple[Finding, ...] = ()


def _as_proposed(one: Trace) -> Trace:
    """The nerve and all its branches, marked as such."""
    return replace(one, proposed=True, branches=tuple(_as_proposed(b) for b in one.branches))


def _place(spot: Landmark) -> str:
    x, y, z = spot.xyz_mm
    return f"({x:.1f}, {y:.1f}, {z:.1f}) mm"


def examine(
    images: Sequence[Image],
    followed: Trace,
    landmarks: Sequence[Landmark] = (),
    *,
    labels: Labels | None = None,
    maps: Sequence[Maps] = (),
    source: str = "trace",
) -> Examined:
    """Everything that can be measured of a nerve that was followed.

    labels : other regions in view (muscle), for ratios to them; maps : whose profiles along the nerve are wanted
    source : who drew it, for the column ``region_source``
    """
    bones = [one for one in landmarks if one.kind == "bone"]
    each = {one.name: _measure(one, images, bones, labels, maps, {"region_source": source}) for one in followed.all}
    own = [f for one in followed.all for f in one.findings]
    return Examined(
        followed,
        images[0],
        tuple(m.course for m in each.values() if m.course is not None),
        tuple(row for m in each.values() for row in m.rows),
        {name: m.lines for name, m in each.items() if m.lines},
        tuple(dict.fromkeys([*own, *(f for m in each.values() for f in m.findings)])),
    )


def _measure(
    one: Trace, images: Sequence[Image], bones: Sequence[Landmark], labels: Labels | None, maps: Sequence[Maps],
    common: Mapping[str, Any],
) -> _Measured:  # fmt: skip
    try:
        course, told = _course(one, bones)
    except NeuromyoError as error:
        if error.code not in ("E-COURSE", "E-NEEDS"):
            raise
        return _Measured(None, findings=(_no_course(one, error),))
    shapes = shape.sections(one, course)
    area = profile.of_shapes(shapes, course, one.grid)
    rows = [
        *shape.rows(shapes, one, common=common),
        *gradient.rows(area, one, biomarker=shape.BIOMARKER, common=common),
    ]
    found = [*told, *course.findings, *shape.findings(shapes, one)]
    lines = [_line("cross-section", area, area.se)]
    made, remarks = _bundles(images, one, labels, common["region_source"])
    at = {str(row["slice"]): row["level"] for row in rows if row["statistic"] == "slice"}
    rows += [{**row, "level": at.get(row["slice"], "")} for row in made]
    found += remarks
    for name, maps_, map_ in _scalars(maps):
        told = {**common, "acquisition": acquisition(maps_)}
        along, said = _along(name, map_, maps_, one, course)
        found += said
        if along is not None:
            rows += profile.rows(along, one, biomarker=maps_.biomarker, common=told)
            rows += gradient.rows(along, one, biomarker=maps_.biomarker, common=told)
            lines.append(_line(map_.quantity.title, along, along.sd))
    return _Measured(course, tuple(counted_from(rows, course)), tuple(lines), tuple(found))


def counted_from(rows: Iterable[Mapping[str, Any]], course: Course | None) -> Iterator[Mapping[str, Any]]:
    """The rows; those at a distance along the nerve with the landmark that it is counted from."""
    for row in rows:
        yield {**row, "level_from": course.landmark} if course is not None and row.get("level") else row


def _bundles(
    images: Sequence[Image], one: Trace, labels: Labels | None, source: str
) -> tuple[list[dict[str, Any]], Sequence[Finding]]:
    """Rows of the fascicles on the images that share the trace's grid; none without such images."""
    here = [image for image in images if image.grid.same_as(one.grid)]
    if not here:
        return [], ()
    found = fascicles.fascicles(here, one, muscle=labels)
    return fascicle_rows.rows(found, source=source), found.findings


def _course(one: Trace, bones: Sequence[Landmark]) -> tuple[Course, list[Finding]]:
    """The course, with its zero at the bony landmark; from its own upper end, and told, where that lies beyond it (a branch may
    begin below the landmark)."""
    try:
        return centreline.course(one, landmarks=bones), []
    except NeuromyoError as error:
        if error.code != "E-COURSE" or not bones:
            raise
        course, said = centreline.course(one), Finding.from_error(error)
        return course, [
            replace(said, level="warn", code="W-NERVE", consequence="distances are counted from its upper end")
        ]


def _scalars(maps: Sequence[Maps]) -> Iterator[tuple[str, Maps, Map]]:
    """Every map that regions report."""
    for one in maps:
        for name, map_ in one.maps.items():
            quantity = map_.quantity
            if quantity.rank == "scalar" and quantity.level == "voxel" and quantity.summarised:
                yield name, one, map_


def _along(name: str, map_: Map, maps: Maps, one: Trace, course: Course) -> tuple[Profile | None, list[Finding]]:
    """The profile of a map in the display unit; a note where the map has no voxel that is wholly nerve."""
    show = map_.quantity.to_display
    try:
        made = profile.profile(
            show(map_.values), maps.grid, one, course, sd=None if map_.sd is None else show(map_.sd), valid=map_.valid,
            quantity=name, unit=map_.quantity.display,
        )  # fmt: skip
    except DataError as error:
        if error.code not in ("E-EMPTYROI", "E-COURSE"):
            raise
        said = Finding.from_error(error)
        return None, [replace(said, level="note", code="N-NERVE", consequence="no profile of it")]
    return made, []


def _line(title: str, along: Profile, spread: np.ndarray) -> Line:
    return Line(title, along.unit, along.distance_mm, along.value, spread)


def _no_course(one: Trace, error: NeuromyoError) -> Finding:
    said, who = Finding.from_error(error), f"{one.name} ({one.side})"
    where = said.where if said.where.startswith(who) else f"{who}: {said.where}"
    return replace(said, level="warn", code="W-NERVE", where=where,
                   consequence="its sections are outlined but not measured")  # fmt: skip
