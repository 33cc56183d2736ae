"""All that was computed of one variable, before it is said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuromyo.stats.estimates import Estimate
from neuromyo.stats.mixed import mmrm
from neuromyo.study.change_models import MODEL, T_TEST, WELCH, Against, Within, against, within
from neuromyo.study.change_options import Options
from neuromyo.study.change_reliable import Limit, Reliable, limit_of, reliable
from neuromyo.study.missing_visits import AtStart, Seen, Sensitivity, at_start, seen, sensitivity
from neuromyo.study.visits import Course


@dataclass(frozen=True, eq=False)
class Found:
    """Of one variable: changes within groups, of groups against the reference, whose change is reliable, and who is missing."""

    course: Course
    within: tuple[Within, ...]
    against: tuple[Against, ...]
    limits: tuple[Limit | None, ...]
    reliable: tuple[Reliable, ...]
    seen: tuple[Seen, ...]
    starts: tuple[AtStart, ...]
    sensitivity: tuple[Sensitivity, ...]

    @property
    def last(self) -> str:
        """The visit at which the analysis ends: what is tested first."""
        return self.course.visits[-1]

    def of(self, group: str) -> Within:
        """A group's change to the last visit."""
        return next(w for w in self.within if (w.group, w.visit) == (group, self.last))

    def methods(self, group: str) -> dict[str, Against]:
        """Differences from the reference at the last visit by method."""
        return {a.method: a for a in self.against if (a.group, a.visit) == (group, self.last)}

    def main(self, group: str) -> Against | None:
        """What answers for a group's difference: the mixed model, or t where people were too few for it."""
        methods = self.methods(group)
        return next((methods[m] for m in (MODEL, T_TEST, WELCH) if m in methods and methods[m].found.known), None)

    @property
    def answers(self) -> list[tuple[str, Estimate]]:
        """(group, estimate) whose p are corrected for the number of variables: differences at the last visit, or where no group is
        compared, changes."""
        compared = dict.fromkeys(a.group for a in self.against)
        if compared:
            return [(g, m.found) for g in compared if (m := self.main(g)) is not None]
        return [(w.group, w.change) for w in self.within if w.visit == self.last and w.change.known]


def find(one: Course, covariates: np.ndarray, given_wsd: dict[str, float], options: Options) -> Found:
    """Everything of one variable; ``covariates`` (n, k) of the course's people."""
    follow_ups = range(1, len(one.visits))
    inside = tuple(within(one, g, k, options) for g in one.groups for k in follow_ups)
    has_reference = options.reference in one.groups
    others = [g for g in one.groups if g != options.reference] if has_reference else []
    differences = tuple(a for g in others for a in against(one, g, options.reference, covariates, options))
    limits = (None, *(limit_of(one, k, given_wsd, options.reference) for k in follow_ups))
    beyond = tuple(
        reliable(one, g, k, limit, options.level)
        for g in one.groups
        for k in follow_ups
        if (limit := limits[k]) is not None and (limit.given or g != options.reference)
    )
    found = Found(one, inside, differences, limits, beyond, tuple(seen(one)), tuple(at_start(one, options.level)), ())
    return replace(found, sensitivity=_sensitivity(found, covariates, options))


def _sensitivity(found: Found, covariates: np.ndarray, options: Options) -> tuple[Sensitivity, ...]:
    rows = []
    known = np.asarray(np.isfinite(covariates).all(1))
    everyone = np.ones(known.size, dtype=bool)
    for group in found.course.groups:
        result = found.methods(group).get(MODEL)
        if result is not None:
            rows.append(
                sensitivity(found.course, group, options.reference, result.found, known, options.delta, options.level)
            )
        elif not found.against:
            rows.append(
                sensitivity(found.course, group, "", found.of(group).model, everyone, options.delta, options.level)
            )
    return tuple(r for r in rows if r is not None)


def without_each(one: Course, group: str, reference: str) -> tuple[list[str], np.ndarray]:
    """Labels, and p of Student's t of the change at the last visit without each person in turn."""
    rows = np.flatnonzero(one.of(group, reference) & np.isfinite(one.change(len(one.visits) - 1)))
    inside, d = one.of(group)[rows].astype(float), one.change(len(one.visits) - 1)[rows]
    if min(inside.sum(), (1 - inside).sum()) < 3:
        return [], np.empty(0)
    y = np.where(np.eye(rows.size, dtype=bool), np.nan, d)[..., None]
    p = mmrm(y, np.stack([np.ones(rows.size), inside], -1)[:, None]).test(np.array([0.0, 1.0])).p
    return [one.labels[i] for i in rows], np.asarray(p)
