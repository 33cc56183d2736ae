"""All that is measured of one nerve: followed, its course drawn, its sections, fascicles and profiles put into rows.

What the verb `trace` does on loose files and `run` does in every session is the same and stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from neuromyo.anatomy import centreline
from neuromyo.anatomy.propose import propose
from neuromyo.anatomy.trace import trace
from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.maps import Maps
from neuromyo.core.nerve import Course, Trace
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
    start = next((one for one in landmarks if one.kind == "start"), None)
    if start is not None:
        return trace(images, start, name=name, side=side, landmarks=landmarks), ()
    if not proposals:
        raise DataError("E-NEEDS", where=f"{name} ({side})", needed="a place where the nerve is", found="none",
                        remedy="give --start X,Y,Z, or --propose to follow what looks most like it")  # fmt: skip
    return _proposed(images, name, side, landmarks, labels)


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
        told = Finding("warn", "W-PROPOSED", f"{name} ({side})", f"nobody pointed at it; followed from {_place(one.landmark)}, which scores "
                       f"{one.score:.2f} of 1: {one.why}", "look at the outlines, and give --start if it is another structure",
                       "its values are flagged PROPOSED")  # fmt: skip
        return replace(followed, proposed=True), (told,)
    best = (
        f"the best of {len(found)} candidates scores {found[0].score:.2f} of 1 ({found[0].why})"
        if found
        else "no candidate"
    )
    raise DataError("E-NERVE", where=f"{name} ({side})", needed=f"something that looks like it, with a score of {LEAST_SCORE:g} or more",
                    found="; ".join(refused) or best, remedy="point at it with --start X,Y,Z if you can see it")  # fmt: skip


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
    findings: list[Finding] = [f for one in followed.all for f in one.findings]
    courses: list[Course] = []
    rows: list[dict[str, Any]] = []
    lines: dict[str, tuple[Line, ...]] = {}
    for one in followed.all:
        try:
            course = centreline.course(one, landmarks=[m for m in landmarks if m.kind == "bone"])
        except NeuromyoError as error:
            if error.code != "E-COURSE":
                raise
            findings.append(_no_course(one, error))
            continue
        courses.append(course)
