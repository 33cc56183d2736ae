"""Profiles along nerves, from rows of a table: norms of the controls', and one person's against them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.norm import NormKey
from neuromyo.norms import cells, profile_sums, profile_union
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.levels import Axis
from neuromyo.norms.options import Options
from neuromyo.norms.profile import ProfileNorm, profile_norm
from neuromyo.norms.profile_sums import ProfileControls, ProfileOptions, ProfileSummary, profile_summary
from neuromyo.pipeline import controls, norm_entry, trusted
from neuromyo.pipeline.controls import Value
from neuromyo.pipeline.persons import Roster

#: how keys of profiles call their statistic
STATISTIC = "profile"
#: millimetres between levels, and multiples of it where slices lie further apart
STEP_MM = 10.0
#: levels of a profile at most: nerves of a limb, not of a mistake in a table
_MOST_LEVELS = 120


@dataclass(frozen=True, eq=False)
class Along:
    """One profile of one person and visit. ``zero``: the landmark that positions count from; ``rows``: indices of the table's rows;
    positions, values : (n,), a value that is not to be trusted is NaN; ``doubt``: why the last such one is not."""

    key: NormKey
    zero: str
    subject: str
    session: str
    acquisition: str
    source: str
    side: str
    rows: tuple[int, ...]
    positions: np.ndarray
    values: np.ndarray
    doubt: str = ""


def profiles(rows: Sequence[Mapping[str, Any]]) -> list[Along]:
    """All profiles of a table with at least two places, in the table's order. A place told twice counts as not known."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        if trusted.distance(row) is not None:
            key = replace(trusted.key_of(row), level="", statistic=STATISTIC)
            who = tuple(row[c] for c in ("level_from", "subject", "session", "acquisition", "region_source", "side"))
            groups.setdefault((key, *who), []).append(i)
    return [_along(group, members, rows) for group, members in groups.items() if len(members) > 1]


def build(
    rows: Sequence[Mapping[str, Any]],
    roster: Roster,
    people: Iterable[str],
    chosen: Sequence[str],
    step: float = STEP_MM,
) -> tuple[tuple[ProfileSummary, ...], tuple[Finding, ...]]:
    """A norm of every profile that enough controls have: by what it is of and the landmark that its distances count from.

    Of several visits, runs or readers of a person, the first counts. What too few have is told in a line each.
    """
    known = set(people)
    groups: dict[tuple[NormKey, str], list[Along]] = {}
    for one in profiles(rows):
        if one.subject in known:
            groups.setdefault((one.key, one.zero), []).append(one)
    made: list[ProfileSummary] = []
    findings: list[Finding] = []
    for (key, zero), members in sorted(groups.items(), key=lambda pair: (str(pair[0][0]), pair[0][1])):
        try:
            summary, lost = _summary(key, zero, list(_firsts(members)), roster, chosen, step)
            made.append(summary)
            findings += [
                Finding("note", "N-CONTROL", str(key), f"left out along the nerve: {why}") for why in summary.left_out
            ]
            if lost:
                said = f"{summary.n_people} people: {', '.join(lost)} cannot be taken into account along the nerve"
                findings.append(Finding("note", "N-CONTROL", str(key), said, "more controls bear more covariates"))
        except NeuromyoError as error:
            said = f"no norm along the nerve: {error.found}" + f" (needed: {error.needed})" * bool(error.needed)
            findings.append(Finding("warn", "N-CONTROL", str(key), said, error.remedy))
    without = sorted({str(s.key) for s in made if not s.options.axis.zero})
    if without:
        where = without[0] + f" and {len(without) - 1} more" * (len(without) > 1)
        findings.append(Finding("warn", "W-LEVELS", where, "distances count from the upper end of what was followed",
                                "name a bony place: neuromyo trace --zero fibular-head=X,Y,Z",
                                "people correspond to centimetres only, and the band is wide"))  # fmt: skip
    return tuple(made), tuple(findings)


def norms(held: Iterable[ProfileSummary], name: str) -> dict[tuple[NormKey, str], ProfileNorm]:
    """The norms of a file, by key and landmark."""
    return {(s.key, s.options.axis.zero): profile_norm(s, name) for s in held}


def _along(group: tuple[Any, ...], members: list[int], rows: Sequence[Mapping[str, Any]]) -> Along:
    order = sorted(members, key=lambda i: trusted.distance(rows[i]) or 0.0)
    at = np.array([trusted.distance(rows[i]) for i in order], dtype=float)
    doubts = [trusted.doubt(rows[i]) for i in order]
    twice = Counter(at.tolist())
    values = [
        math.nan if why or twice[p] > 1 else rows[i]["value"] for i, why, p in zip(order, doubts, at, strict=True)
    ]
    key, zero, subject, session, acquisition, source, side = group
    why = next((d for d in doubts if d), "") or "each place is told twice"
    return Along(
        key, zero, subject, session, acquisition, source, side, tuple(order), at, np.array(values, dtype=float), why
    )


def _firsts(members: Iterable[Along]) -> Iterator[Along]:
    """One profile a person and side: of the first visit, the first run and reader."""
    taken: set[tuple[str, str]] = set()
    first: dict[str, str] = {}
    order = sorted(members, key=lambda a: (a.subject, controls.visit_order(a.session), a.acquisition, a.source, a.side))
    for one in order:
        if first.setdefault(one.subject, one.session) == one.session and (one.subject, one.side) not in taken:
            taken.add((one.subject, one.side))
            yield one


def _summary(
    key: NormKey, zero: str, members: Sequence[Along], roster: Roster, chosen: Sequence[str], step: float
) -> tuple[ProfileSummary, tuple[str, ...]]:
    """The norm's sums, and the covariates that they cannot bear."""
    bodies = [cells.banded(roster.body(one.subject, one.side)) for one in members]
    people = [one.subject for one in members]
    counts = Counter(body.site for body in dict(zip(people, bodies, strict=True)).values())
    names = norm_entry.of_key(chosen, [Value(p, math.nan, b) for p, b in zip(people, bodies, strict=True)])
    bear = max(counts.values()) - 1 - profile_sums.SPARE
    ranked = sorted(names, key=lambda n: n != "side")[: max(bear, 0)]
    axis = _axis(members, zero, step)
    cohort = ProfileControls.of([unique(m) for m in members], axis, bodies, people)
    while True:  # a covariate that one person alone decides is left out, the last of them first
        options = Options(covariates=Covariates(tuple(n for n in names if n in ranked)), heteroscedastic=False)
        try:
            made = profile_union.rounded(profile_summary(key, cohort, ProfileOptions(axis, options)))
            profile_norm(made)  # refuses what no norm can be made of
            return made, tuple(n for n in names if n not in ranked)
        except NeuromyoError:
            if not ranked:
                raise
            ranked.pop()


def unique(one: Along) -> tuple[np.ndarray, np.ndarray]:
    """Positions and values, each position once: one that is told twice has no value."""
    at, first = np.unique(one.positions, return_index=True)
    return at, one.values[first]


def _axis(members: Sequence[Along], zero: str, step: float) -> Axis:
    """Levels at multiples of ``step``, or of its smallest multiple that is not finer than the slices, where people were measured."""
    gap = float(np.median([np.median(np.diff(unique(m)[0])) for m in members if len(unique(m)[0]) > 1] or [step]))
    step *= max(1, math.ceil(gap / step - 0.05))
    low, high = min(m.positions[0] for m in members), max(m.positions[-1] for m in members)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    many = last - first + 1
    if many > _MOST_LEVELS or many < 1:
        raise DataError("E-NORM", where=f"levels along {members[0].key.region}", needed=f"1 to {_MOST_LEVELS} levels",
                                   found=f"{many} of every {step:g} mm from {low:g} to {high:g} mm",
                                   remedy="is a distance wrong? else take a larger --step")  # fmt: skip
    return Axis(tuple(step * k for k in range(first, last + 1)), zero=zero)
