"""Each number of a follow-up against the same person's baseline: is the change more than unchanged people show?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError, first_few
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import NormKey
from neuromyo.norms.change import Change, change
from neuromyo.norms.placing import Norm
from neuromyo.norms.retest import Healthy, Retest
from neuromyo.norms.transforms import of
from neuromyo.pipeline import trusted
from neuromyo.pipeline.persons import Roster

#: column of the table of changes -> what it holds
COLUMNS: dict[str, str] = {
    "subject": "participant label, without sub-",
    "region": "name of the region",
    "side": "left, right, midline or none",
    "level": "level along the limb or nerve",
    "quantity": "what was measured",
    "biomarker": "id of the biomarker that measured it",
    "statistic": "how the value was made from the voxels",
    "unit": "unit of the values",
    "baseline": "the value at the first of the two visits",
    "followup": "the value at the second",
    "change": "followup - baseline",
    "unchanged_low": "lower end of what 95 % of the follow-ups of unchanged people with this baseline lie within",
    "unchanged_high": "upper end of it",
    "z": "normal deviate of the follow-up given the baseline",
    "p": "probability that an unchanged person shows as much, either way",
    "df": "degrees of freedom of what is known about repeat scans",
    "verdict": "rise, fall, none (no reliable change) or unknown",
    "words": "the same in a sentence",
    "flags": "codes of what to be careful about, comma-separated",
}
_Who = tuple[str, str, NormKey]


@dataclass(frozen=True)
class Repeatability:
    """How far apart two scans of the same person lie, as asked.

    table : repeat scans, as a table of measurements; published : quantity -> coefficient of variation in percent ("" for whatever
    single quantity there is), of ``n`` people scanned twice; days : between the repeats
    """

    table: Measurements | None = None
    published: Mapping[str, float] | None = None
    n: int = 0
    days: float = math.nan
    name: str = "repeat scans"


@dataclass(frozen=True)
class Changed:
    """One number of one person at two visits."""

    row: Mapping[str, Any]
    change: Change

    def cells(self) -> tuple[Any, ...]:
        """As the table of changes has it."""
        c, said = self.change, {k: self.row[k] for k in COLUMNS if k in self.row and k not in ("z", "flags")}
        told = {**said, "baseline": c.baseline, "followup": c.follow, "change": c.follow - c.baseline, "unchanged_low": c.low,
                "unchanged_high": c.high, "z": c.z, "p": c.probability, "df": c.df, "verdict": c.verdict, "words": c.words,
                "flags": ",".join(c.flags)}  # fmt: skip
        return tuple(told[name] for name in COLUMNS)


def published_of(text: str) -> dict[str, float]:
    """``2.1`` or ``T2=2.1,CSA=6.4`` -> percent by quantity."""
    found: dict[str, float] = {}
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, _, number = part.rpartition("=")
        try:
            found[name.strip()] = float(number.strip().removesuffix("%"))
        except ValueError:
            raise OptionError(
                "E-OPTION", where="--retest-cv", needed="percent", found=part, remedy="write 2.1, or T2=2.1,CSA=6.4"
            ) from None
    if any(not 0 < v < 100 for v in found.values()) or not found:
        raise OptionError("E-OPTION", where="--retest-cv", needed="percent above 0 and below 100", found=text,
                          remedy="write the coefficient of variation of repeat scans, such as 2.1")  # fmt: skip
    return found


def visit(rows: Measurements, session: str, flag: str, name: str) -> Measurements:
    """The rows of one visit of each person. E-OPTION where a person has several, and none was chosen."""
    if session:
        found = rows.where(session=session.removeprefix("ses-"))
        if not len(found):
            raise OptionError(
                "E-OPTION",
                where=flag,
                needed=f"a session of {name}",
                found=session,
                remedy=f"choose from {_listed(rows.columns['session'])}",
            )
        return found
    seen: dict[str, set[str]] = {}
    for row in rows.rows():
        seen.setdefault(row["subject"], set()).add(row["session"])
    for who, sessions in sorted(seen.items()):
        if len(sessions) > 1:
            raise OptionError("E-OPTION", where=f"{name}: sub-{who}", needed="one visit", found=f"sessions {_listed(sessions)}",
                              remedy=f"choose one by {flag}")  # fmt: skip
    return rows


def compare(
    baseline: Measurements, follow: Measurements, repeats: Repeatability, roster: Roster,
    norms: Mapping[NormKey, Norm] | None = None, years: float = math.nan,
) -> tuple[tuple[Changed, ...], tuple[Finding, ...]]:  # fmt: skip
    """Every number that both visits have, the surest change first; what one of the two lacks is counted.

    Raises E-NORM where the visits have no number in common.
    """
    first, second = _numbers(baseline), _numbers(follow)
    both = [who for who in second if who in first]
    if not both:
        raise DataError("E-NORM", where="--baseline", needed="the same numbers of the same people at both visits",
                        found="none in common", remedy="are people, regions and biomarkers called the same in both tables?")  # fmt: skip
    if repeats.published is not None and "" in repeats.published and len({who[2].quantity for who in both}) > 1:
        raise OptionError("E-OPTION", where="--retest-cv", needed="a coefficient for each quantity, such as T2=2.1,CSA=6.4",
                          found=f"one for all of {_listed({who[2].quantity for who in both})}",
                          remedy="quantities without one get no verdict")  # fmt: skip
    scans = {} if repeats.table is None else _repeats(repeats.table)
    made = [_changed(first[who], second[who], who[2], repeats, scans, roster, norms or {}, years) for who in both]
    made.sort(
        key=lambda c: (
            c.change.verdict == "unknown",
            c.change.probability if c.change.probability == c.change.probability else 2,
        )
    )
    return tuple(made), tuple(_findings(first, second, made))


def _numbers(table: Measurements) -> dict[_Who, dict[str, Any]]:
    """Numbers of people, by who, side and what; of several runs or readers the first."""
    found: dict[_Who, dict[str, Any]] = {}
    for row in sorted(table.rows(), key=lambda r: (r["acquisition"], r["region_source"])):
        if trusted.compares(row):
            found.setdefault((row["subject"], row["side"], trusted.key_of(row)), row)
    return found


def _repeats(table: Measurements) -> dict[NormKey, dict[tuple[str, str], list[float]]]:
    """Values of the same person and side, by what they are of: sessions and runs are the repeats."""
    found: dict[NormKey, dict[tuple[str, str], list[float]]] = {}
    for row in table.rows():
        lawful = trusted.compares(row) and bool(of(row["quantity"], row["unit"]).lawful(row["value"]))
        if lawful and not trusted.doubt(row):
            found.setdefault(trusted.key_of(row), {}).setdefault((row["subject"], row["side"]), []).append(
                float(row["value"])
            )
    return found


def _changed(
    one: Mapping[str, Any], two: Mapping[str, Any], key: NormKey, repeats: Repeatability,
    scans: Mapping[NormKey, Mapping[tuple[str, str], Sequence[float]]], roster: Roster, norms: Mapping[NormKey, Norm], years: float,
) -> Changed:  # fmt: skip
    scale = of(key.quantity, key.unit)
    values = float(one["value"]), float(two["value"])
    why = next(
        (
            f"at {name}, {doubt}"
            for name, row in (("baseline", one), ("follow-up", two))
            if (doubt := trusted.doubt(row))
        ),
        "",
    )
    try:
        retest = _retest(key, values[0], repeats, scans)
        body = roster.body(two["subject"], two["side"])
        healthy = Healthy.of(norms[key], body, scale) if key in norms and retest is not None and not why else None
    except NeuromyoError as error:
        retest, healthy, why = (
            None,
            None,
            why or f"repeat scans cannot be used: needed {error.needed}, found {error.found}",
        )
    if why or retest is None:
        why = why or f"nothing is known of repeat scans of {key.quantity} of {key.region}"
        return Changed(two, Change(*values, words=f"cannot be told: {why}", refused=why))
    errors = float(one["se"]), float(two["se"])
    return Changed(two, change(*values, retest, scale, healthy=healthy, years=years, se=errors, unit=key.unit))


def _retest(
    key: NormKey,
    baseline: float,
    repeats: Repeatability,
    scans: Mapping[NormKey, Mapping[tuple[str, str], Sequence[float]]],
) -> Retest | None:
    """The error of one scan of this number; None where nothing is known of it.

    Both sides of a person are scanned together: they make the error better known, but count as one person's degrees of freedom.
    """
    scale = of(key.quantity, key.unit)
    if repeats.published is not None:
        cv = repeats.published.get(key.quantity, repeats.published.get(""))
        return (
            None
            if cv is None
            else Retest.published(cv / 100, repeats.n, scale, baseline, days=repeats.days, source=repeats.name)
        )
    if key not in scans:
        return None
    found = Retest.of(list(scans[key].values()), scale, days=repeats.days, source=repeats.name)
    people: dict[str, int] = {}
    for (who, _), values in scans[key].items():
        people[who] = max(people.get(who, 0), len(values) - 1)
    return replace(found, df=float(sum(people.values())))


def _findings(first: Mapping[_Who, Any], second: Mapping[_Who, Any], made: Iterable[Changed]) -> Iterator[Finding]:
    for here, there, name in ((second, first, "baseline"), (first, second, "follow-up")):
        n = sum(who not in there for who in here)
        if n:
            said = (
                "1 number of the other visit is not in it"
                if n == 1
                else f"{n} numbers of the other visit are not in it"
            )
            yield Finding("note", "N-CONTROL", f"--baseline: {name}", said, "", "their change is not told")
    few = [c for c in made if "W-FEW" in c.change.flags]
    if few:
        df = [c.change.df for c in few]
        yield Finding("warn", "W-FEW", "repeat scans", f"{_span(df)} degrees of freedom: {np.max([c.change.multiplier for c in few]):.2f} "
                      "SDs of a change are asked for, not 1.96", "more repeat scans show smaller changes")  # fmt: skip


def _span(df: Sequence[float]) -> str:
    low, high = min(df), max(df)
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"


def _listed(names: Iterable[str]) -> str:
    return first_few(sorted({name or "n/a" for name in names}), 8)
