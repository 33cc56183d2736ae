"""A table of measurements against a norm: z, centile, how sure that is, what is normal; and why a number was not compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neuromyo.core.errors import Finding, NeuromyoError, first_few
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import LIMIT, NormKey, Place, judge
from neuromyo.norms import site_place, transforms
from neuromyo.norms.engine import Norm
from neuromyo.pipeline import norm_doubts, trusted
from neuromyo.pipeline.persons import Roster

#: columns that `compare` fills, empty where it does not
FILLED = ("z", "centile", "norm", "z_low", "z_high", "normal_low", "normal_high", "n_effective", "agreement")
NOT = "W-NOTCOMPARED"
#: flags that come from norms: those of an earlier comparison are taken off first
NORM_FLAGS = ("W-EXTRAPOLATED", "W-FEW", "W-LEVERAGE", "W-CONFLICT", "W-NEWSITE", NOT, "W-COVARIATE", "N-LOCALONLY",
              "W-ENVELOPE", "W-LEVELS")  # fmt: skip
_PARTS = {"biomarker": "by the biomarker", "statistic": "as the statistic", "level": "at the level", "unit": "in the unit",
          "method": "by the method"}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """The table with its columns filled. ``places``: by row number; ``refused``: why a row has none."""

    table: Measurements
    places: Mapping[int, Place]
    refused: Mapping[int, str]
    findings: tuple[Finding, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """What the norms are made from, in words, each once."""
        return tuple(dict.fromkeys(_span([p.sources for p in self.places.values() if p.sources])))

    @property
    def unusual(self) -> tuple[int, ...]:
        """Rows outside of what 95 % of healthy people have, the surest first."""
        out = [i for i, p in self.places.items() if abs(p.z) > LIMIT]
        return tuple(sorted(out, key=lambda i: (-_surely(self.places[i]), i)))


def compare(table: Measurements, norms: Mapping[NormKey, Norm], roster: Roster, name: str) -> Compared:
    """Every row that ``norms`` has a norm for, against it; ``name`` of the norm goes into the column ``norm``.

    All rows of one norm are placed at once. A row that cannot be compared keeps n/a, is flagged W-NOTCOMPARED, and its reason is
    told once for all rows of that reason; rows of what is not compared at all (single slices, spreads, fields) are left as they are.
    """
    rows = [_cleared(row) for row in table.rows()]
    groups: dict[NormKey, list[int]] = {}
    refused: dict[int, str] = {}
    for i, row in enumerate(rows):
        if trusted.compares(row):
            key = trusted.key_of(row)
            why = trusted.doubt(row) or ("" if key in norms else nearest(key, norms))
            groups.setdefault(key, []).append(i) if not why else refused.setdefault(i, why)
    places: dict[int, Place] = {}
    doubts = norm_doubts.Doubts()
    for key, members in groups.items():
        bodies = [roster.body(rows[i]["subject"], rows[i]["side"]) for i in members]
        try:
            norm = norms[key]
        except NeuromyoError as error:
            refused |= dict.fromkeys(members, f"its norm cannot be made: {error.found}")
            continue
        found = norm.places(np.array([rows[i]["value"] for i in members]), bodies)
        scale = transforms.of(key.quantity, key.unit)
        for i, exact, body in zip(members, found, bodies, strict=True):
            added = site_place.added(rows[i]["flags"].split(","))
            place = site_place.widened(exact, added, scale)
            if math.isnan(added):
                refused[i] = f"its flag {site_place.FLAG} does not tell by how much harmonising made it uncertain"
            elif place.refused or not math.isfinite(place.z):
                refused[i] = place.refused or "the norm gives no number for this person"
            else:
                places[i] = place
                doubts.note(norm, place, body)
    for i, place in places.items():
        rows[i] |= columns(place, name) | {"flags": joined(rows[i]["flags"], place.flags)}
    for i in refused:
        rows[i] |= {"flags": joined(rows[i]["flags"], (NOT,))}
    vague = [rows[i]["subject"] for i, place in places.items() if "W-COVARIATE" in place.flags]
    site, remedy = doubts.site
    more = {"W-COVARIATE": norm_doubts.unknown(vague, roster), "W-NEWSITE": site, "W-EXTRAPOLATED": doubts.beyond}
    told = _flagged(places, more, {"W-NEWSITE": remedy})
    findings = (*_strangers(rows, [*places, *refused], roster), *_reasons(rows, refused), *told)
    return Compared(Measurements.of(rows), places, refused, findings)


def nearest(key: NormKey, norms: Iterable[NormKey]) -> str:
    """Why there is no norm of that key, in words: what the most similar one is of."""
    alike = [k for k in norms if (k.quantity, k.region) == (key.quantity, key.region)]
    if not alike:
        same = any(k.quantity == key.quantity for k in norms)
        return f"the norm has {key.quantity}, but not of this region" if same else f"the norm has no {key.quantity}"

    def differ(other: NormKey) -> list[str]:
        return [f.name for f in fields(NormKey) if getattr(other, f.name) != getattr(key, f.name)]

    best = min(alike, key=lambda k: (len(differ(k)), str(k)))
    said = [
        f"{_PARTS[n]} {getattr(best, n) or 'none'}, not {getattr(key, n) or 'none'}"
        for n in differ(best)
        if n in _PARTS
    ]
    return f"the norm's {key.quantity} is {' and '.join(said)}"


def verdict(place: Place) -> str:
    """In words: whether the value is outside of the normal range, and whether the norm is good enough to say so."""
    side = "high" if place.z > 0 else "low"
    words = {"sure": f"unusually {side}", "unsure": f"probably {side}", "open": "cannot be told", "usual": "usual"}
    return words[judge(place.z, *place.z_interval)]


def _surely(place: Place) -> float:
    """How far out the value is at least."""
    low, high = place.z_interval
    return (low if place.z > 0 else -high) if math.isfinite(low) and math.isfinite(high) else -math.inf


def _span(sources: Iterable[Sequence[str]]) -> Iterator[str]:
    """Sources that differ in their numbers of people alone, as one: ``local controls (n = 6 to 10)``."""
    alike: dict[str, list[int]] = {}
    for said in dict.fromkeys("; ".join(one) for one in sources):
        head, n, tail = said.partition("(n = ")
        count, _, rest = tail.partition(")")
        alike.setdefault(f"{head}{n}{{}}){rest}" if n else said, []).append(int(count) if n else 0)
    for words, counts in alike.items():
        yield words.replace("{}", f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(counts[0]))


def _cleared(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what an earlier comparison wrote."""
    kept = [f for f in row["flags"].split(",") if f and f.partition(":")[0] not in NORM_FLAGS]
    return {k: v for k, v in row.items() if k not in FILLED} | {"flags": ",".join(kept)}


def columns(place: Place, name: str) -> dict[str, Any]:
    """What a row gets from its place."""
    return {
        "z": place.z, "centile": place.centile, "norm": name, "z_low": place.z_interval[0], "z_high": place.z_interval[1],
        "normal_low": place.normal[0], "normal_high": place.normal[2], "n_effective": place.n_effective,
        "agreement": place.agreement,
    }  # fmt: skip


def joined(flags: str, more: Iterable[str]) -> str:
    """Flags of a row with more of them, each once."""
    return ",".join(dict.fromkeys([*(f for f in flags.split(",") if f), *more]))


def _strangers(rows: Sequence[Mapping[str, Any]], members: Iterable[int], roster: Roster) -> Iterator[Finding]:
    """People whose labels are not in the table of people; only where there is a table."""
    for who in sorted({rows[i]["subject"] for i in members} - set(roster.bodies)) if roster.bodies else ():
        near = roster.likely(who)
        yield Finding("warn", "W-COVARIATE", f"{roster.table}: sub-{who}", "measured, but not in the table of people",
                      f"probably {near} is meant: write the same label in both" if near else "add a row with age and sex",
                      "compared with healthy people of all ages")  # fmt: skip


def _reasons(rows: Sequence[Mapping[str, Any]], refused: Mapping[int, str]) -> Iterator[Finding]:
    """Each reason once, with how many numbers it concerns and of what."""
    of: dict[str, list[int]] = {}
    for i, why in refused.items():
        of.setdefault(why, []).append(i)
    for why, members in sorted(of.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        named = first_few(f"{rows[i]['quantity']} of {rows[i]['region']}" for i in members)
        many = f"{len(members)} value{'s' * (len(members) != 1)}"
        yield Finding("warn", NOT, named, f"{many} not compared: {why}")


def _flagged(places: Mapping[int, Place], more: Mapping[str, str], remedies: Mapping[str, str]) -> Iterator[Finding]:
    """Each flag once, with how many of the numbers bear it; more, remedies : what else is to be said of a flag."""
    from neuromyo.core.findings import FINDINGS

    for code in NORM_FLAGS:
        n = sum(code in p.flags for p in places.values())
        if n:
            level = "note" if code.startswith("N-") else "warn"
            said = FINDINGS[code] + more.get(code, "") + _weights(code, places)
            yield Finding(level, code, f"{n} of {len(places)} numbers", said, remedies.get(code, ""))


def _weights(code: str, places: Mapping[int, Place]) -> str:
    """How much the published values still count, where they disagree."""
    found = [p.agreement for p in places.values() if code in p.flags and math.isfinite(p.agreement)]
    if code != "W-CONFLICT" or not found:
        return ""
    low, high = min(found), max(found)
    return f"; the published ones keep a weight of {low:.2f}" + (f" to {high:.2f}" if high - low > 0.005 else "")
