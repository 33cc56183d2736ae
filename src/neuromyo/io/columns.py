"""What the columns of a clinical table hold: one row a nerve or muscle (long), or one row a person (wide)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from neuromyo.core.errors import Finding
from neuromyo.io.dictionary import WHEN, WHO, Measure, plain
from neuromyo.io.files import printable
from neuromyo.io.sheet import Sheet, stop

Keys = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One column of values: ``quantity`` of what ``keys`` name, as far as the column's name tells; ``unit`` as it states it."""

    column: str
    quantity: str
    keys: Keys = ()
    unit: str = ""


@dataclass(frozen=True)
class Layout:
    """Which column is what. ``units`` maps a quantity to the column that states its unit row by row."""

    who: str = ""
    when: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    findings: tuple[Finding, ...] = ()


def understand(sheet: Sheet, measure: Measure, skipped: Collection[str] = ()) -> Layout:
    """The layout of a table; everything in its header that cannot be understood is told. ``skipped`` are left out knowingly."""
    who, when, keys, places, unit_columns, findings = "", "", {}, [], {}, []
    for column in sheet.header:
        name, unit = split_unit(column)
        if plain(name) in map(plain, skipped) or column in skipped:
            continue
        said = plain(name)
        if said in WHO and not who:
            who = column
        elif said in WHEN and not when:
            when = column
        elif said in measure.keys:
            keys[said] = column
        elif said == "unit" or said.endswith("_unit"):
            unit_columns[column] = said.removesuffix("unit").removesuffix("_")
        else:
            place, complaint = _place(column, name, unit, measure, sheet.name)
            places += [place] if place else []
            findings += [complaint] if complaint else []
    units, more = _unit_columns(unit_columns, places, measure, sheet.name)
    findings += [*more, *_lacking(who, keys, places, measure, sheet)]
    return Layout(who, when, keys, units, tuple(places), tuple(findings))


def split_unit(column: str) -> tuple[str, str]:
    """``Amplitude (mV)`` or ``Amplitude [mV]``: the name, and the unit that it states or nothing."""
    found = re.fullmatch(r"\s*(.*?)\s*[(\[]\s*([^()\[\]]+?)\s*[)\]]\s*", column)
    return (found[1], found[2]) if found and found[1] else (column, "")


def interpretations(name: str, measure: Measure) -> set[tuple[str, Keys]]:
    """Every way to read a column's name as levels of keys and one quantity, in any order."""
    words = _vocabulary(measure)
    alone = [n for n, v in measure.values.items() if not v.text]
    found = set()
    for quantity, keys in _readings(tuple(plain(name).split("_")), words, "", ()):
        if not quantity and len(alone) == 1 and keys:
            quantity = alone[0]
        if quantity:
            found.add((quantity, tuple((k, level) for k in measure.keys for key, level in keys if key == k)))
    return found


def column_name(keys: Keys, quantity: str) -> str:
    """What a wide column is called: ``left_median_apb_amplitude``."""
    return "_".join([*(level for _, level in keys), quantity])


def _place(column: str, name: str, unit: str, measure: Measure, table: str) -> tuple[Place | None, Finding | None]:
    ways = interpretations(name, measure)
    if len(ways) == 1:
        quantity, keys = ways.pop()
        return Place(column, quantity, keys, unit), None
    where = f"{table}: row 1, column {printable(column)}"
    if ways:
        said = sorted(f"{q} of {', '.join(level for _, level in keys) or 'the row'}" for q, keys in ways)
        remedy = f"rename it, for example {column_name(*sorted((k, q) for q, k in ways)[0])}"
        return None, stop("E-TABLE", where, f"can mean {' or '.join(said)}", remedy)
    known = [*measure.keys, *measure.values, "participant_id", "session_id"]
    near = difflib.get_close_matches(plain(name), known, 1, 0.75)
    hint = f"did you mean {near[0]}? Else" if near else "rename it (docs/tables.md lists the names),"
    found = f"needed a column of the measure {measure.name} ({', '.join(known)}), found another name"
    return None, stop("E-TABLE", where, found, f"{hint} leave it out with --skip {printable(column)!r}")


def _vocabulary(measure: Measure) -> dict[tuple[str, ...], set[tuple[str, str]]]:
    """Words of a name -> what they can stand for: (key, level), or ("", quantity); the measure's own name stands for nothing."""
    words: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for key, levels in measure.keys.items():
        for word, level in levels.words.items():
            words.setdefault(tuple(word.split("_")), set()).add((key, level))
    for quantity, value in measure.values.items():
        for word in (quantity, *value.names):
            words.setdefault(tuple(plain(word).split("_")), set()).add(("", quantity))
    words.setdefault((measure.name,), set()).add(("", ""))
    return words


def _readings(
    tokens: tuple[str, ...], words: Mapping[tuple[str, ...], set[tuple[str, str]]], quantity: str, keys: Keys
) -> Iterator[tuple[str, Keys]]:
    if not tokens:
        yield quantity, keys
        return
    if len(tokens) > 16:  # no name of ours is that long
        return
    for length in range(1, len(tokens) + 1):
        for key, meant in words.get(tokens[:length], ()):
            if key and all(key != k for k, _ in keys):
                yield from _readings(tokens[length:], words, quantity, (*keys, (key, meant)))
            elif not key and not (quantity and meant):
                yield from _readings(tokens[length:], words, quantity or meant, keys)


def _unit_columns(
    columns: Mapping[str, str], places: list[Place], measure: Measure, table: str
) -> tuple[dict[str, str], list[Finding]]:
    """A column ``unit`` speaks for the only quantity with a unit, ``amplitude_unit`` for that quantity."""
    with_units = list(dict.fromkeys(p.quantity for p in places if measure.values[p.quantity].needs_unit))
    units, findings = {}, []
    for column, said in columns.items():
        named = {q for q, _ in interpretations(said, measure)} if said else set(with_units)
        if len(named) == 1:
            units[named.pop()] = column
        else:
            found = f"{len(with_units)} columns with a unit ({', '.join(with_units) or 'none'})"
            findings.append(stop("E-UNITS", f"{table}: row 1, column {printable(column)}",
                                 f"needed to tell whose unit this is, found {found}",
                                 "call it after its column, for example amplitude_unit"))  # fmt: skip
    return units, findings


def _lacking(
    who: str, keys: Mapping[str, str], places: list[Place], measure: Measure, sheet: Sheet
) -> Iterator[Finding]:
    where = f"{sheet.name}: row 1"
    if not who:
        yield stop(
            "E-TABLE", where, "needed a column participant_id, found none", "add it, with the labels of the dataset"
        )
    if not places:
        yield stop("E-TABLE", where, f"needed a column of values ({', '.join(measure.values)}), found none", "add one")
    for place in places:
        told = {k for k, _ in place.keys}
        for key, level in measure.keys.items():
            if key in told and key in keys:
                yield stop("E-TABLE", f"{where}, column {printable(place.column)}",
                           f"both this column's name and the column {keys[key]} tell the {key}", "keep one of them")  # fmt: skip
            elif key not in told and key not in keys and not level.optional:
                yield stop("E-TABLE", f"{where}, column {printable(place.column)}",
                           f"needed the {key}, found it neither in this name nor in a column {key}",
                           f"add a column {key} ({', '.join(list(level.levels)[:4])} ...) or name it in the column")  # fmt: skip
