"""Age, sex, height and weight as tables state them: in years, metres and kilograms, by the units that are stated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neuromyo.core.errors import Finding
from neuromyo.io.sheet import Sheet, not_a_number, number, shown, stop

_POUND, _INCH = 0.45359237, 0.0254
_SEX = {"f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O"}


@dataclass(frozen=True, slots=True)
class Body:
    """What one row says of a person; None for what it does not, or cannot be right."""

    age: float | None = None
    sex: str | None = None
    height_m: float | None = None
    weight_kg: float | None = None
    bmi: float | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class _Number:
    """A column of numbers: units with their factor to ours, the unit where none is stated ("" where one must be), and what
    people can be, in our unit."""

    units: Mapping[str, float]
    default: str
    low: float
    high: float
    ours: str


_NUMBERS = {
    "age": _Number({"year": 1.0, "years": 1.0, "yr": 1.0, "y": 1.0, "a": 1.0, "month": 1 / 12, "months": 1 / 12,
                    "week": 7 / 365.25, "weeks": 7 / 365.25, "day": 1 / 365.25, "days": 1 / 365.25},
                   "years", 0, 120, "years"),
    "height": _Number({"m": 1.0, "cm": 0.01, "mm": 0.001, "in": _INCH, "inch": _INCH, "inches": _INCH, "ft": 12 * _INCH},
                      "", 0.3, 2.6, "m"),
    "weight": _Number({"kg": 1.0, "g": 0.001, "lb": _POUND, "lbs": _POUND}, "", 1, 400, "kg"),
    "bmi": _Number({"kg/m2": 1.0, "kg/m^2": 1.0, "kg/m²": 1.0, "kg.m-2": 1.0}, "kg/m2", 8, 100, "kg/m2"),
}  # fmt: skip
_ALSO = {"height_m": ("height", "m"), "height_cm": ("height", "cm"), "weight_kg": ("weight", "kg"),
         "weight_lb": ("weight", "lb"), "body_mass_index": ("bmi", "")}  # fmt: skip


def units(table: Sheet, about: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with the units of the columns: told once, not for every row."""
    for column, kind, stated in _columns(table, about):
        rule = _NUMBERS[kind]
        where = f"{table.name}: row 1, column {column}"
        if stated and stated not in rule.units:
            yield stop("E-UNITS", where, f"needed {' or '.join(rule.units)}, found {shown(stated)} under Units",
                       "state the unit the column is in")  # fmt: skip
        elif not stated and not rule.default:
            yield Finding("warn", "W-UNITS", where, f"its unit is not stated, so the {kind} of nobody is used",
                          f'state it in participants.json: "{column}": {{"Units": "{rule.ours}"}}')  # fmt: skip


def read(table: Sheet, row: int, cells: Mapping[str, str], about: Mapping[str, Any]) -> tuple[Body, list[Finding]]:
    """One row, and what is wrong with its cells."""
    findings: list[Finding] = []
    got: dict[str, float | None] = {}
    for column, kind, stated in _columns(table, about):
        rule = _NUMBERS[kind]
        unit = stated or rule.default
        value, complaint = _value(cells[column], kind, unit, table.where(row, column))
        got[kind] = value if value is not None else got.get(kind)
        findings += [complaint] if complaint else []
    sex = None
    column = _named(table, "sex")
    if column and cells[column]:
        sex = _SEX.get(cells[column].casefold())
        if sex is None:
            findings.append(stop("E-TABLE", table.where(row, column), f"needed F, M or O, found {shown(cells[column])}",
                                 "mend that cell; n/a where it is not known"))  # fmt: skip
    group = _named(table, "group")
    body = Body(
        got.get("age"),
        sex,
        got.get("height"),
        got.get("weight"),
        got.get("bmi"),
        cells[group] or None if group else None,
    )
    mass = _named(table, "bmi") or _named(table, "body_mass_index")
    findings += _agree(body, table.where(row, mass)) if mass else []
    return body, findings


def _columns(table: Sheet, about: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(column, kind, unit as stated or nothing) of the columns of numbers."""
    for column in table.header:
        kind, unit = _ALSO.get(column.casefold(), (column.casefold(), ""))
        if kind in _NUMBERS:
            said = about.get(column)
            stated = said.get("Units") if isinstance(said, dict) else None
            yield column, kind, stated.strip() if isinstance(stated, str) and stated.strip() else unit


def _named(table: Sheet, name: str) -> str:
    return next((c for c in table.header if c.casefold() == name), "")


def _value(cell: str, kind: str, unit: str, where: str) -> tuple[float | None, Finding | None]:
    rule = _NUMBERS[kind]
    if not cell:
        return None, None
    if kind == "age" and re.fullmatch(r"\d{2}\+", cell):  # BIDS: older than 89
        return float(cell[:-1]), None
    told = number(cell)
    if told is None:
        return None, not_a_number(where, cell)
    factor = rule.units.get(unit)
    if factor is None:
        return None, None  # said once, of the column
    value = told * factor
    if rule.low <= value <= rule.high:
        return value, None
    needed = f"needed {rule.low / factor:g} to {rule.high / factor:g} {unit}, found {told:g}"
    fits = [u for u, f in rule.units.items() if f != factor and rule.low <= told * f <= rule.high]
    if kind in ("height", "weight") and fits:
        return None, stop("E-UNITS", where, needed, f"if it is in {fits[0]}, write {told * rule.units[fits[0]] / factor:g}, "
                          "or state that unit for the whole column")  # fmt: skip
    if kind == "bmi":
        return None, stop("E-UNITS", where, needed, "compute it from kilograms and metres")
    other = f", or state the unit of the whole column if it is {fits[0]}s" if kind == "age" and fits else ""
    return None, stop("E-TABLE", where, needed, f"mend that cell; n/a where it is not known{other}")


def _agree(body: Body, where: str) -> Iterator[Finding]:
    """The mass index against weight and height, where all three are there."""
    if body.bmi is None or body.weight_kg is None or body.height_m is None:
        return
    own = body.weight_kg / body.height_m**2
    ratio = body.bmi / own
    if 0.9 <= ratio <= 1.1:
        return
    said = f"needed {own:.1f} kg/m2, from weight and height, found {body.bmi:g}"
    if abs(ratio * _POUND - 1) < 0.1:
        said += ", which is that of the weight in pounds"
    elif abs(ratio / _POUND - 1) < 0.1:
        said += "; the weight looks like pounds"
    yield stop("E-UNITS", where, said, "correct weight, height or mass index, and their units")
