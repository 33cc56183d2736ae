"""From tables of measurements to the controls of a norm: who counts, which visit, which values, and all that was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body, NormKey
from neuromyo.io import table, visits
from neuromyo.pipeline import trusted
from neuromyo.pipeline.persons import Roster

#: words by which tables call healthy people
CONTROL_WORDS = ("control", "controls", "healthy", "hc", "volunteer")
_MANY = 6


@dataclass(frozen=True, slots=True)
class Value:
    """One number of one person."""

    person: str
    value: float
    body: Body


@dataclass(frozen=True)
class Gathered:
    """The values of the controls by what they are of, in a fixed order, and what is to be said about them."""

    values: Mapping[NormKey, tuple[Value, ...]]
    people: tuple[str, ...]
    findings: tuple[Finding, ...]


def read(paths: Sequence[Path]) -> Measurements:
    """All tables as one. A folder stands for the ``measurements.tsv`` in it, as ``run`` leaves it.

    E-TABLE where a column is missing or two rows have one key, E-NODATA where there is no row.
    """
    files = [path / "measurements.tsv" if path.is_dir() else path for path in paths]
    read_ = [table.read_measurements(path, trusted.NEEDED) for path in files]
    for path, one in zip(files, read_, strict=True):
        if not len(one):
            raise DataError("E-NODATA", where=path.name, needed="rows of measurements", found="a header alone",
                            remedy="check which table was meant")  # fmt: skip
    return read_[0] if len(read_) == 1 else Measurements.join(read_)


def gather(rows: Measurements, roster: Roster, control: Sequence[str] = (), everyone: bool = False) -> Gathered:
    """The controls' values. ``control``: words of the group column that mean healthy; ``everyone``: all of the table are.

    Of several visits of a person, each number is taken from the first visit that has it; of several rows of one visit and side
    (runs, readers), the first. E-NORM where nobody is a control.
    """
    findings: list[Finding] = []
    said = list(rows.rows())
    people = _controls([r["subject"] for r in said], roster, control or CONTROL_WORDS, everyone, findings)
    _sites(people, roster)
    mine = [r for r in said if r["subject"] in people and trusted.compares(r)]
    fine = _trusted(mine, findings)
    groups: dict[NormKey, list[dict[str, Any]]] = {}
    for row in fine:
        groups.setdefault(trusted.key_of(row), []).append(row)
    later, twice = Counter(), Counter()
    values = {key: tuple(_of_key(groups[key], roster, later, twice)) for key in sorted(groups, key=str)}
    findings += _told(later, "later visits are left out: one visit a person counts, the first that has the number",
                      "several visits of one person would pass for several people")  # fmt: skip
    findings += _told(twice, "values of a second run or reader are left out: the first counts",
                      "one person would count twice")  # fmt: skip
    return Gathered(values, tuple(sorted(people)), (*roster.findings, *findings))


def twins(found: Gathered) -> Iterator[Finding]:
    """People who have all their numbers in common, two or more: one person under two labels."""
    numbers: dict[str, list[tuple[str, str, float]]] = {}
    for key, values in found.values.items():
        for one in values:
            numbers.setdefault(one.person, []).append((str(key), one.body.side, one.value))
    alike: dict[tuple[tuple[str, str, float], ...], list[str]] = {}
    for who in sorted(numbers):
        alike.setdefault(tuple(numbers[who]), []).append(who)
    for said, people in alike.items():
        if len(people) > 1 and len({value for _, _, value in said}) > 1:
            alike_said = (
                f"have the same {len(said)} numbers to the last digit: probably one person under several labels"
            )
            yield Finding("warn", "N-CONTROL", _listed(people), alike_said, "leave all but one out of the table of people",
                          "one person counts several times")  # fmt: skip


def _controls(
    subjects: Iterable[str], roster: Roster, words: Sequence[str], everyone: bool, findings: list[Finding]
) -> set[str]:
    here = set(subjects)
    for who in sorted(here - set(roster.bodies)):
        near = roster.likely(who)
        remedy = f"probably {near} is meant: write the same label in both" if near else "add a row with age and sex"
        said = "measured, but not in the table of people"
        findings.append(Finding("warn", "N-CONTROL", f"{roster.table}: sub-{who}", said, remedy, "left out"))
    known = here & set(roster.bodies)
    if everyone:
        return _some(known, here, roster)
    if not roster.grouped:
        raise OptionError("E-NORM", where=roster.table, needed="a column that says who is a control", found="none named group",
                          remedy="add it, name it by --group-column, or say --everyone if all are healthy")  # fmt: skip
    wanted = {word.casefold() for word in words}
    chosen = {who for who in known if roster.groups[who].casefold() in wanted}
    others = Counter(roster.groups[who] or "n/a" for who in known - chosen)
    named = ", ".join(f"{group} ({n})" for group, n in sorted(others.items()))
    if not chosen:
        raise OptionError("E-NORM", where=roster.table, needed=f"people of the group {' or '.join(words)}",
                          found=named or "none of the people measured", remedy="say by --control which group is healthy")  # fmt: skip
    if others:
        findings.append(Finding("note", "N-CONTROL", roster.table, f"no controls, so left out: {named}"))
    return chosen


def _some(known: set[str], here: set[str], roster: Roster) -> set[str]:
    if not known:
        raise DataError("E-NORM", where=roster.table, needed="rows of the people measured", found=f"none of {len(here)}",
                        remedy="use the same labels in both tables")  # fmt: skip
    return known


def _sites(people: set[str], roster: Roster) -> None:
    """Every control has a site: norms merge by it, and a new site is told from a known one."""
    without = sorted(who for who in people if not roster.bodies[who].site)
    if without:
        raise OptionError("E-NORM", where="--site", needed="the name of the scanner or centre of every control",
                          found=f"none for {_listed(without)}", remedy="give --site NAME, or a column site in --people")  # fmt: skip


def _trusted(rows: Sequence[dict[str, Any]], findings: list[Finding]) -> list[dict[str, Any]]:
    """The rows without a doubt; the others are counted by reason."""
    fine, reasons, whose = [], Counter(), {}
    for row in rows:
        why = trusted.doubt(row)
        if why:
            reasons[why] += 1
            whose.setdefault(why, set()).add(row["subject"])
        else:
            fine.append(row)
    for why, n in sorted(reasons.items()):
        said = f"{n} value{'s' * (n != 1)} left out of {_listed(sorted(whose[why]))}: {why}"
        findings.append(Finding("note", "N-CONTROL", "controls", said))
    return fine


def _of_key(rows: list[dict[str, Any]], roster: Roster, later: Counter, twice: Counter) -> Iterator[Value]:
    """One value a person and side."""
    people: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        people.setdefault(row["subject"], []).append(row)
    for who in sorted(people):
        first = min((r["session"] for r in people[who]), key=visit_order)
        later[who] += sum(r["session"] != first for r in people[who])
        sides: dict[str, dict[str, Any]] = {}
        for row in sorted(people[who], key=lambda r: (r["acquisition"], r["region_source"])):
            if row["session"] == first and sides.setdefault(row["side"], row) is not row:
                twice[who] += 1
        for side in sorted(sides):
            yield Value(who, float(sides[side]["value"]), roster.body(who, side))


def visit_order(session: str) -> tuple[bool, float, str, str]:
    """Visits by what their labels tell: baseline before m4 before m12, then by the alphabet."""
    rank = visits.rank(session)
    return (rank is None, rank[1] if rank else 0.0, rank[0] if rank else "", session)


def _told(count: Counter, said: str, consequence: str) -> Iterator[Finding]:
    who = sorted(p for p, n in count.items() if n)
    if who:
        n = sum(count.values())
        yield Finding(
            "note", "N-CONTROL", "controls", f"{n} value{'s' * (n != 1)} of {_listed(who)}: {said}", "", consequence
        )


def _listed(people: Sequence[str]) -> str:
    named = ", ".join(f"sub-{who}" for who in people[:_MANY])
    return named + f" and {len(people) - _MANY} more" * (len(people) > _MANY)
