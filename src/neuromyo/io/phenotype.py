"""Clinical tables in and out: every cell against the data dictionary, then BIDS ``phenotype/``.

What comes in is long (a row for each nerve, muscle or movement) or wide (a row a person, ``left_median_apb_amplitude``).
What goes out is what BIDS wants: one row a participant, so wide, in one file a visit: ``phenotype/cmap_ses-m0.tsv``.
A unit is stated or the table is refused; nothing is guessed.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import Finding, OptionError
from neuromyo.io import identifying, sidecar
from neuromyo.io.columns import Keys, Layout, Place, split_unit, understand
from neuromyo.io.dictionary import NO_UNIT, Measure, Value, plain, spelled
from neuromyo.io.files import printable
from neuromyo.io.sheet import Sheet, not_a_number, number, read, shown, stop
from neuromyo.io.table import neutral
from neuromyo.io.who import label

#: complaints about one table that are told one by one; the others are counted
_MOST = 1000
_NO_UNIT = (NO_UNIT, "points", "point", "score", "count", "n/a", "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value. ``value`` is a number in the dictionary's unit, a level, or a text; ``where`` is the cell it came from."""

    participant: str
    session: str
    keys: Keys
    quantity: str
    value: float | str
    where: str = ""

    @property
    def key(self) -> tuple[str, str, Keys, str]:
        return self.participant, self.session, self.keys, self.quantity


@dataclass(frozen=True)
class Reading:
    """What a table holds. With a finding of level ``stop`` the entries are only those that could be read. ``idle`` are the
    columns whose unit was stated, but that the table does not have."""

    measure: Measure
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()
    idle: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        return all(f.level != "stop" for f in self.findings)


def read_table(
    path: Path,
    measure: Measure,
    *,
    units: Mapping[str, str] | None = None,
    skipped: Collection[str] = (),
    name: str | None = None,
) -> Reading:
    """The values of one measure in a table; all that is wrong with it is told at once.

    units : what the user states: column or quantity -> unit. Units also stand in the header (``amplitude (mV)``), in a column
        ``unit`` or ``amplitude_unit``, and under ``Units`` in a JSON file of the table's name.
    Raises DataError where the file is no table at all. Columns that identify people: E-PHI, and nothing else is looked at.
    """
    sheet = read(path, name)
    personal = identifying.columns(sheet.header, sheet.name)
    if personal:
        return Reading(measure, (), personal)
    layout = understand(sheet, measure, skipped)
    reader = _Reader(sheet, measure, layout, dict(units or {}), _beside(path, sheet.name))
    if not layout.who or not layout.places:
        return Reading(measure, (), (*sheet.findings, *layout.findings))
    entries, findings = reader.entries()
    findings = (*sheet.findings, *layout.findings, *findings, *repeated(entries), *_sums(entries, measure))
    return Reading(measure, entries, findings, reader.idle())


def repeated(entries: Sequence[Entry]) -> Iterator[Finding]:
    """E-TABLE for what stands in a table twice."""
    first: dict[tuple, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.key, entry)
        if earlier is not entry:
            yield stop("E-TABLE", entry.where, f"needed each value once, found {_thing(entry)} already at {earlier.where}",
                       "remove one of the two, or tell them apart by a visit or another key")  # fmt: skip


def merged(readings: Sequence[Reading]) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """The entries of several tables as one; the same value twice is one, different values are E-TABLE."""
    first: dict[tuple, Entry] = {}
    findings = []
    for entry in (e for reading in readings for e in reading.entries):
        earlier = first.setdefault(entry.key, entry)
        if earlier.value != entry.value and not _close(earlier.value, entry.value):
            findings.append(
                stop(
                    "E-TABLE",
                    entry.where,
                    f"needed what the other table says of {_thing(entry)} ({_said(earlier.value)} at {earlier.where}), "
                    f"found {_said(entry.value)}",
                    "decide which is right and correct the other",
                )
            )
    return tuple(first.values()), tuple(findings)


@dataclass(frozen=True)
class _Reader:
    sheet: Sheet
    measure: Measure
    layout: Layout
    stated: Mapping[str, str]
    beside: Mapping[str, str]

    def entries(self) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
        findings: list[Finding] = []
        factors: dict[Place, float | None] = {}
        for place in self.layout.places:
            factors[place], complaint = self._factor(place)
            findings += [complaint] if complaint else []
        found: list[Entry] = []
        untold = 0
        for row, cells in self.sheet.records():
            entries, said = self._row(row, cells, factors)
            found += entries
            room = max(0, _MOST - len(findings))
            findings += said[:room]
            untold += len(said[room:])
        if untold:
            findings.append(stop("E-TABLE", self.sheet.name, f"{untold} more cells have something wrong with them",
                                 "mend those listed first"))  # fmt: skip
        return tuple(found), tuple(findings)

    def _row(
        self, row: int, cells: Mapping[str, str], factors: Mapping[Place, float | None]
    ) -> tuple[list[Entry], list[Finding]]:
        who, findings = self._who(row, cells)
        keys, more = self._keys(row, cells)
        findings += more
        found = []
        for place in self.layout.places:
            cell = cells[place.column]
            if not cell:
                continue
            value, said = self._value(place, cell, factors[place], row, cells)
            findings += said
            if value is not None and who is not None and keys is not None:
                whole = {**keys, **dict(place.keys)}
                ordered = tuple((k, whole[k]) for k in self.measure.keys if k in whole)
                found.append(Entry(*who, ordered, place.quantity, value, self.sheet.where(row, place.column)))
        return found, findings

    def idle(self) -> tuple[str, ...]:
        """Columns that a unit is stated for and that are not there."""
        known = {plain(n) for p in self.layout.places for n in (p.column, split_unit(p.column)[0], p.quantity)}
        return tuple(column for column in self.stated if plain(column) not in known)

    def _who(self, row: int, cells: Mapping[str, str]) -> tuple[tuple[str, str] | None, list[Finding]]:
        findings, got = [], []
        for column, prefix, what in ((self.layout.who, "sub-", "participant"), (self.layout.when, "ses-", "visit")):
            cell = cells[column] if column else ""
            if not cell and what == "visit":
                got.append("")
                continue
            found = label(cell, prefix)
            got.append(found)
            if found is None:
                said = "something else" if cell else "an empty cell"  # not quoted: it may be a name
                remedy = f"write {prefix}<label> as the dataset has it, of letters and digits only"
                findings.append(
                    stop("E-ID", self.sheet.where(row, column), f"needed the label of a {what}, found {said}", remedy)
                )
        return (None if None in got else (got[0], got[1])), findings  # type: ignore[return-value]

    def _keys(self, row: int, cells: Mapping[str, str]) -> tuple[dict[str, str] | None, list[Finding]]:
        keys, findings = {}, []
        for key, column in self.layout.keys.items():
            levels = self.measure.keys[key]
            cell = cells[column]
            if not cell and (levels.optional or not any(cells[p.column] for p in self.layout.places)):
                continue
            level = levels.find(cell)
            if level is None:
                findings.append(_not_a_level(self.sheet.where(row, column), cell, levels.levels, levels.words))
            else:
                keys[key] = level
        return (None if findings else keys), findings

    def _factor(self, place: Place) -> tuple[float | None, Finding | None]:
        """What takes the column's numbers to the dictionary's unit; None where rows state it, or where it is not known."""
        value = self.measure.values[place.quantity]
        if not value.unit:
            return 1.0, None
        names = (place.column, split_unit(place.column)[0], place.quantity)
        told = [place.unit, *_of(self.stated, names), *_of(self.beside, names)]
        said = list(dict.fromkeys(spelled(u) for u in told if u))
        where = f"{self.sheet.name}: row 1, column {printable(place.column)}"
        if len(said) > 1:
            return None, stop("E-UNITS", where, f"needed one unit, found {' and '.join(map(printable, said))}",
                              "make header, JSON and --unit agree")  # fmt: skip
        if not value.needs_unit:
            if said and said[0] not in _NO_UNIT:
                return None, stop("E-UNITS", where, f"needed a plain score or count, found the unit {shown(said[0])}",
                                  "check what this column is")  # fmt: skip
            return 1.0, None
        if place.quantity in self.layout.units:
            if said:
                column = printable(self.layout.units[place.quantity])
                return None, stop("E-UNITS", where, f"its unit is stated twice: {said[0]}, and row by row in {column}",
                                  "keep one of the two")  # fmt: skip
            return None, None
        return self._known_factor(value, said[0] if said else "", where, place.column)

    def _known_factor(self, value: Value, unit: str, where: str, column: str) -> tuple[float | None, Finding | None]:
        accepted = " or ".join(value.units)
        bare = printable(split_unit(column)[0])
        if not unit:
            return None, stop("E-UNITS", where, f"needed its unit ({accepted}), stated; found none",
                              f"call the column '{bare} ({value.unit})', or give --unit {bare}={value.unit}")  # fmt: skip
        factor = value.factor(unit)
        if factor is None:
            return None, stop("E-UNITS", where, f"needed {accepted}, found {shown(unit)}",
                              "convert the column, and state the unit it is in")  # fmt: skip
        return factor, None

    def _value(
        self, place: Place, cell: str, factor: float | None, row: int, cells: Mapping[str, str]
    ) -> tuple[float | str | None, list[Finding]]:
        value, where = self.measure.values[place.quantity], self.sheet.where(row, place.column)
        if value.levels:
            level = value.grade(cell)
            return level, [] if level is not None else [_not_a_level(where, cell, value.levels, value.words)]
        if value.text:
            who = identifying.looks_personal(cell)
            complaint = stop("E-PHI", where, f"it holds {who}, which must not enter a dataset", "remove it")
            return (None, [complaint]) if who else (neutral(cell), [])
        told = number(cell)
        if told is None:
            return None, [not_a_number(where, cell, value.absent)]
        if place.quantity in self.layout.units:
            column = self.layout.units[place.quantity]
            factor, complaint = self._known_factor(value, cells[column], self.sheet.where(row, column), column)
            if complaint:
                return None, [complaint]
        if factor is None:
            return None, []  # its unit was complained about once
        return _within(told, told * factor, value, factor, where)


def _within(
    told: float, converted: float, value: Value, factor: float, where: str
) -> tuple[float | None, list[Finding]]:
    unit = "" if value.unit == NO_UNIT else f" {value.unit}"
    if value.whole and converted != int(converted):
        return None, [stop("E-TABLE", where, f"needed a whole number, found {told:g}", "mend that cell")]
    assert value.possible is not None
    low, high = value.possible
    if not low <= converted <= high:
        code, remedy = "E-TABLE", "mend that cell; n/a where there is no value"
        fits = [u for u in value.units if (f := value.factor(u)) and f != factor and _inside(told * f, value)]
        if fits:
            code, remedy = "E-UNITS", f"if it is in {' or '.join(fits)}, state that unit; nothing is converted unasked"
        return None, [stop(code, where, f"needed {low:g} to {high:g}{unit}, found {converted:g}{unit}", remedy)]
    if value.plausible and not value.plausible[0] <= converted <= value.plausible[1]:
        said = f"{converted:g}{unit} is unusual ({value.plausible[0]:g} to {value.plausible[1]:g}{unit} expected)"
        return converted, [Finding("warn", "W-RANGE", where, said, "look at the source once more; the value is kept")]
    return converted, []


def _inside(number: float, value: Value) -> bool:
    low, high = value.plausible or value.possible or (number, number)
    return low <= number <= high


def _sums(entries: Sequence[Entry], measure: Measure) -> Iterator[Finding]:
    """Totals against their parts, where all are there."""
    groups: dict[tuple, dict[str, Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.key[:3], {})[entry.quantity] = entry
    for there in groups.values():
        for rule in measure.sums:
            if all(n in there for n in (rule.total, *rule.of)):
                total, parts = there[rule.total], [float(there[n].value) for n in rule.of]
                if abs(float(total.value) - sum(parts)) > 1e-6:
                    yield stop("E-TABLE", total.where,
                               f"needed {sum(parts):g}, the sum of {', '.join(rule.of)}, found {total.value:g}",
                               "correct the total or its parts")  # fmt: skip


def _not_a_level(where: str, cell: str, levels: Mapping[str, str], words: Mapping[str, str]) -> Finding:
    """E-TABLE for a word that is none of the list, with the one it resembles; ``words`` are all that are understood."""
    said = shown(cell) if cell else "an empty cell"
    known = list(levels)
    listed = ", ".join(known[:8]) + (f" ... ({len(known)} in all, see docs/tables.md)" if len(known) > 8 else "")
    near = difflib.get_close_matches(plain(cell), words, 1, 0.75)
    remedy = f"did you mean {words[near[0]]}?" if near else "write it as one of those"
    return stop("E-TABLE", where, f"needed one of {listed}, found {said}", remedy)


def _beside(path: Path, name: str) -> dict[str, str]:
    """Units that a JSON file of the same name states, by column."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    said = sidecar.read_json(beside, printable(Path(name).with_suffix(".json").name))
    return {
        c: about["Units"]
        for c, about in said.items()
        if isinstance(about, dict) and isinstance(about.get("Units"), str)
    }


def _of(statements: Mapping[str, str], names: Sequence[str]) -> list[str]:
    wanted = {plain(n) for n in names}
    return [unit for column, unit in statements.items() if plain(column) in wanted]


def _close(a: float | str, b: float | str) -> bool:
    return isinstance(a, float) and isinstance(b, float) and abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def _thing(entry: Entry) -> str:
    keys = " ".join(level for _, level in entry.keys)
    visit = f" ses-{entry.session}" if entry.session else ""
    return f"sub-{entry.participant}{visit} {keys + ' ' if keys else ''}{entry.quantity}"


def _said(value: float | str) -> str:
    return shown(value) if isinstance(value, str) else f"{value:g}"


def units_of(assignments: Sequence[str]) -> dict[str, str]:
    """``COLUMN=UNIT`` as typed -> a mapping; E-OPTION for anything else."""
    units = {}
    for text in assignments:
        column, equals, unit = text.partition("=")
        if not equals or not column.strip() or not unit.strip():
            raise OptionError("E-OPTION", where="--unit", needed="COLUMN=UNIT, such as amplitude=mV", found=text,
                              remedy="give the column and its unit")  # fmt: skip
        units[column.strip()] = unit.strip()
    return units
