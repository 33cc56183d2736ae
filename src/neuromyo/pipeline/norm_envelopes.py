"""A person's profiles on the bands of healthy people, and the single slices' own places in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.errors import Finding, NeuromyoError, first_few
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body, Envelope, NormKey, Place
from neuromyo.norms import profile_place
from neuromyo.norms.norm_file import NormFile
from neuromyo.norms.profile import ProfileNorm
from neuromyo.pipeline import norm_profiles
from neuromyo.pipeline.comparing import NOT, columns, joined, nearest
from neuromyo.pipeline.norm_profiles import Along
from neuromyo.pipeline.persons import Roster

#: flag of a slice that is outside of the band of healthy profiles
OUTSIDE = "W-ENVELOPE"

#: measured levels under which there is nothing to see along a nerve
LEAST_LEVELS = 3


@dataclass(frozen=True, eq=False)
class Seen:
    """One person's profile that was compared, or was refused."""

    subject: str
    session: str
    envelope: Envelope
    places: Mapping[int, Place]
    outside: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Profiled:
    """The table with the slices' columns filled, the profiles in its order, and what is to be said."""

    table: Measurements
    seen: tuple[Seen, ...]
    findings: tuple[Finding, ...]

    def of(self, subject: str, session: str) -> tuple[Envelope, ...]:
        """The envelopes of one visit."""
        return tuple(s.envelope for s in self.seen if (s.subject, s.session) == (subject, session))

    @property
    def by_visit(self) -> dict[tuple[str, str], tuple[Envelope, ...]]:
        return {visit: self.of(*visit) for visit in dict.fromkeys((s.subject, s.session) for s in self.seen)}


def compare(table: Measurements, file: NormFile, roster: Roster) -> Profiled:
    """Every profile of the table that the file has a norm for; nothing happens where it has none at all."""
    if not file.profiles:
        return Profiled(table, (), ())
    rows = table.rows()
    norms = norm_profiles.norms(file.profiles, file.label)
    seen: list[Seen] = []
    refused: dict[str, list[str]] = {}
    for one in norm_profiles.profiles(rows):
        norm, why = _norm(one, norms)
        if norm is not None:
            made = _seen(one, norm, roster.body(one.subject, one.side))
            seen.append(made)
            why = made.envelope.refused
        if why:
            refused.setdefault(why, []).append(f"{one.key.quantity} along {one.key.region}")
    for one in seen:
        for i, place in one.places.items():
            flags = (*place.flags, *one.envelope.flags, *((OUTSIDE,) if i in one.outside else ()))
            rows[i] |= columns(place, file.label) | {"flags": joined(rows[i]["flags"], (f for f in flags if f != NOT))}
    return Profiled(Measurements.of(rows), tuple(seen), (*_told(refused), *_outside(seen)))


def _norm(one: Along, norms: Mapping[tuple[NormKey, str], ProfileNorm]) -> tuple[ProfileNorm | None, str]:
    """The norm of a profile, or why there is none, in words."""
    found = norms.get((one.key, one.zero))
    if found is not None:
        return found, ""
    others = sorted({zero for key, zero in norms if key == one.key})
    if others:
        theirs = " and ".join(zero or "the upper end of what was followed" for zero in others)
        return (
            None,
            f"distances count from {one.zero or 'the upper end of what was followed'}, those of the norm from {theirs}",
        )
    return None, nearest(one.key, [key for key, _ in norms])


def _seen(one: Along, norm: ProfileNorm, body: Body) -> Seen:
    try:
        envelope = norm.envelope(*norm_profiles.unique(one), body, zero=one.zero)
        found = profile_place.places(norm, one.positions.tolist(), one.values.tolist(), body)
    except NeuromyoError as error:
        envelope, found = _none(one, norm, f"it could not be placed: {error.found}"), [None] * len(one.rows)
    if envelope.refused and not (one.values == one.values).any():
        envelope = replace(envelope, refused=one.doubt)
    levels = int(np.isfinite(envelope.z).sum())
    if not envelope.refused and levels < LEAST_LEVELS:
        envelope = _none(
            one, norm, f"it was measured at {levels} of the norm's levels only, and {LEAST_LEVELS} are needed"
        )
    out = profile_place.unusual(norm, envelope, one.positions.tolist(), found)
    places = (
        {i: p for i, p in zip(one.rows, found, strict=True) if p is not None and not p.refused}
        if not envelope.refused
        else {}
    )
    outside = tuple(i for i, o in zip(one.rows, out, strict=True) if o and i in places)
    return Seen(one.subject, one.session, replace(envelope, side=one.side, zero=one.zero), places, outside)


def _none(one: Along, norm: ProfileNorm, why: str) -> Envelope:
    """The band alone."""
    at, values = norm_profiles.unique(one)
    return replace(norm.envelope(at, values * float("nan"), Body(), zero=one.zero), refused=why)


def _told(refused: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for why, what in sorted(refused.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield Finding("warn", NOT, first_few(what), f"{len(what)} profile{'s' * (len(what) != 1)} not compared: {why}")


def _outside(seen: Sequence[Seen]) -> Iterator[Finding]:
    from neuromyo.report.envelope import said

    for one in seen:
        if one.envelope.unusual.any():
            who = f"sub-{one.subject}" + f" ses-{one.session}" * bool(one.session)
            yield Finding("warn", OUTSIDE, who, said(one.envelope).rstrip("."), "look at the outlines there")
