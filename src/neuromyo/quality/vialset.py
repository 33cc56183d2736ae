"""A phantom of vials as its owner describes it: where each vial stands and what is in it.

A description is TOML, packaged (``system_t1_3t``) or one's own. Positions are in mm as a radiologist sees an axial image on
the screen: x to the right of the screen, y upwards, from any origin. A reference value drifts with temperature as

    ref(T) = ref(T0) (1 + k (T - T0)),      u^2 = u0^2 + (ref(T0) k_u (T - T0))^2

with k the share of the value by which it changes per kelvin and k_u its standard uncertainty. Where the temperature of the
scan is not known, T0 is assumed and ``k x 2 K / sqrt(3)`` is added to u (a rectangular distribution of 2 K either way).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from neuromyo.core import resources
from neuromyo.core.errors import OptionError

#: quantity -> unit in which references are given, and whether deviations are told in percent of the reference
QUANTITIES: dict[str, tuple[str, bool]] = {
    "T1": ("ms", True), "T2": ("ms", True), "T2star": ("ms", True), "R2star": ("1/s", True), "FF": ("%", False),
}  # fmt: skip
_ALIASES = {"PDFF": "FF"}
EVIDENCE = ("read", "recalled", "proposed", "certificate", "simulated")
SHAPES = ("cylinder", "sphere")
#: by how much the temperature may differ from the assumed one where nobody measured it, in K either way
UNKNOWN_KELVIN = 2.0
_KEYS = {"title", "source", "evidence", "radius_mm", "shape", "turn_limit_deg", "mirrored", "field_strength", "quantity",
         "vial"}  # fmt: skip
_QUANTITY_KEYS = {"temperature_c", "per_kelvin", "per_kelvin_uncertainty", "uncertainty", "evidence", "source"}
#: T1 (s) of what the vials hold, that fat fractions are freed of by the options of those names: key -> the range it must lie in
_T1_KEYS = {"water_t1": (0.1, 5.0), "fat_t1": (0.05, 2.0)}
_VALUE_KEYS = {"value", "uncertainty", "per_kelvin", "per_kelvin_uncertainty"}


@dataclass(frozen=True, slots=True)
class Reference:
    """What a vial should give: ``value`` and its standard uncertainty in the quantity's unit at ``temperature_c``."""

    value: float
    uncertainty: float
    temperature_c: float
    per_kelvin: float = 0.0
    per_kelvin_uncertainty: float = 0.0

    def at(self, temperature_c: float | None) -> tuple[float, float]:
        """(value, standard uncertainty) at a temperature; None where nobody measured it."""
        if temperature_c is None:
            unknown = self.value * self.per_kelvin * UNKNOWN_KELVIN / math.sqrt(3.0)
            return self.value, math.hypot(self.uncertainty, unknown)
        away = temperature_c - self.temperature_c
        grown = self.value * self.per_kelvin_uncertainty * away
        return self.value * (1.0 + self.per_kelvin * away), math.hypot(self.uncertainty, grown)


@dataclass(frozen=True, slots=True)
class Vial:
    """One vial: its place in mm and its references by quantity."""

    name: str
    at_mm: tuple[float, float]
    references: Mapping[str, Reference]


@dataclass(frozen=True, slots=True)
class About:
    """Where the references of a quantity are from: ``evidence`` is one of `EVIDENCE`."""

    evidence: str
    source: str


@dataclass(frozen=True)
class VialSet:
    """A phantom of vials.

    radius_mm : inner radius; shape : ``cylinder`` (along the normal of the slices) or ``sphere``
    turn_limit_deg : by how much the phantom may have been turned in the plane against the description. A layout that
        repeats itself on turning can only be told apart within half of its period.
    mirrored : it was put in the other way round, so that the images show the mirror image of the description
    field_strength : in T, that the references hold for; 0 where they do not depend on it
    t1 : ``water_t1`` and ``fat_t1`` in s of the vials with fat, as far as stated: a short TR weighs water and fat by them
    """

    title: str
    radius_mm: float
    vials: tuple[Vial, ...]
    shape: str = "cylinder"
    turn_limit_deg: float = 30.0
    mirrored: bool = False
    field_strength: float = 0.0
    source: str = ""
    evidence: str = "proposed"
    about: Mapping[str, About] = field(default_factory=dict)
    t1: Mapping[str, float] = field(default_factory=dict)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What it has references for."""
        return tuple(q for q in QUANTITIES if any(q in v.references for v in self.vials))

    def needs_temperature(self) -> bool:
        """Whether any reference depends on it."""
        return any(r.per_kelvin or r.per_kelvin_uncertainty for v in self.vials for r in v.references.values())


def names() -> tuple[str, ...]:
    """The packaged descriptions."""
    return resources.names("quality", "vials", ".toml")


def load(name: str) -> VialSet:
    """A packaged description by name; E-UNKNOWN names those there are."""
    if name not in names():
        raise OptionError("E-UNKNOWN", where=f"--vials {name}", needed=f"one of {', '.join(names())}, or a TOML file",
                          found="another name", remedy="give one of them, or the name of your own file")  # fmt: skip
    return parse(resources.text("quality", f"vials/{name}.toml"), f"{name}.toml")


def parse(text: str, where: str) -> VialSet:
    """A description from TOML text; ``where`` is its name in messages. E-OPTION names table and key of what is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(where, "a TOML file", str(error)) from error
    _known(raw, _KEYS, where)
    common = {
        name: _table(entry, f"{where} [quantity.{name}]")
        for name, entry in _table(raw.get("quantity", {}), f"{where} [quantity]").items()
    }
    for name, entry in common.items():
        _quantity(name, f"{where} [quantity.{name}]")
        of_fat = set(_T1_KEYS) if _ALIASES.get(name, name) == "FF" else set()
        _known(entry, _QUANTITY_KEYS | of_fat, f"{where} [quantity.{name}]")
    common = {_ALIASES.get(name, name): entry for name, entry in common.items()}
    entries = raw.get("vial", [])
    if not isinstance(entries, list) or len(entries) < 3:
        raise _wrong(f"{where} [[vial]]", "at least three vials", str(len(entries)) if entries else "none")
    vials = tuple(
        _vial(_table(e, f"{where} [[vial]]"), common, f"{where} [[vial]] {i + 1}") for i, e in enumerate(entries)
    )
    made = VialSet(
        title=str(raw.get("title", where)),
        radius_mm=_number(raw, "radius_mm", where, low=1.0, high=100.0),
        vials=vials,
        shape=_word(raw, "shape", where, SHAPES, "cylinder"),
        turn_limit_deg=_number(raw, "turn_limit_deg", where, low=0.0, high=180.0, default=30.0),
        mirrored=_switch(raw, "mirrored", where),
        field_strength=_number(raw, "field_strength", where, low=0.0, high=12.0, default=0.0),
        source=str(raw.get("source", "")),
        evidence=_word(raw, "evidence", where, EVIDENCE, "proposed"),
        t1={key: _number(common["FF"], key, f"{where} [quantity.FF]", low=low, high=high)
            for key, (low, high) in _T1_KEYS.items() if key in common.get("FF", {})},
    )  # fmt: skip
    return (
        replace(made, about={q: _about(common.get(q, {}), made, where) for q in made.quantities})
        if _sound(made, where)
        else made
    )


def _sound(made: VialSet, where: str) -> bool:
    """Names differ, vials do not overlap, something is stated of them."""
    labels = [v.name.lower() for v in made.vials]
    twice = sorted({n for n in labels if labels.count(n) > 1})
    if twice:
        raise _wrong(f"{where} [[vial]] name", "different names", f"{', '.join(twice)} twice")
    if not made.quantities:
        raise _wrong(f"{where} [[vial]]", f"reference values of {', '.join(QUANTITIES)}", "none")
    for i, one in enumerate(made.vials):
        for other in made.vials[:i]:
            apart = math.dist(one.at_mm, other.at_mm)
            if apart < 2.0 * made.radius_mm:
                raise _wrong(f"{where} [[vial]] {one.name}: at_mm", f"vials at least {2 * made.radius_mm:g} mm apart, twice their radius",
                             f"{apart:.1f} mm to {other.name}")  # fmt: skip
    return True


def _about(entry: Mapping[str, Any], made: VialSet, where: str) -> About:
    evidence = _word(entry, "evidence", f"{where} [quantity]", EVIDENCE, made.evidence)
    return About(evidence, str(entry.get("source", made.source)))


def _vial(entry: Mapping[str, Any], common: Mapping[str, Mapping[str, Any]], where: str) -> Vial:
    _known(entry, {"name", "at_mm", *QUANTITIES, *_ALIASES}, where)
    at = entry.get("at_mm")
    if not (isinstance(at, list) and len(at) == 2 and all(_is_number(v) for v in at)):
        raise _wrong(f"{where}: at_mm", "two numbers, x to the right of the screen and y upwards, in mm", repr(at))
    references = {}
    for key, given in entry.items():
        if key in ("name", "at_mm"):
            continue
        name = _ALIASES.get(key, key)
        references[name] = _reference(given, common.get(name, {}), f"{where}: {key}", name)
    return Vial(str(entry.get("name", where.rsplit(" ", 1)[-1])), (float(at[0]), float(at[1])), references)


def _reference(given: Any, common: Mapping[str, Any], where: str, quantity: str) -> Reference:
    own = {"value": given} if _is_number(given) else _table(given, where)
    _known(own, _VALUE_KEYS, where)
    high = 100.0 if quantity == "FF" else 1e5
    value = _number(own, "value", where, low=0.0, high=high)
    if value == 0.0 and QUANTITIES[quantity][1]:
        raise _wrong(where, "a value above 0", "0")
    if QUANTITIES[quantity][0] == "ms" and value < 1.0:
        raise OptionError("E-UNITS", where=where, needed="milliseconds", found=f"{value:g}",
                          remedy=f"write {value * 1e3:g} if that was in seconds")  # fmt: skip
    merged = {**common, **own}
    share = QUANTITIES[quantity][1]
    default_u = _number(common, "uncertainty", where, low=0.0, high=1e4, default=0.0) * (value if share else 1.0)
    return Reference(
        value,
        _number(own, "uncertainty", where, low=0.0, high=1e5, default=default_u),
        _number(merged, "temperature_c", where, low=-20.0, high=60.0, default=20.0),
        _number(merged, "per_kelvin", where, low=-0.2, high=0.2, default=0.0),
        _number(merged, "per_kelvin_uncertainty", where, low=0.0, high=0.2, default=0.0),
    )


# --- reading with care ------------------------------------------------------------------------------------------------


def _wrong(where: str, needed: str, found: str) -> OptionError:
    return OptionError("E-OPTION", where=where, needed=needed, found=found, remedy="mend the description of the vials")


def _quantity(name: str, where: str) -> None:
    if name not in QUANTITIES and name not in _ALIASES:
        raise OptionError("E-UNKNOWN", where=where, needed=f"one of {', '.join((*QUANTITIES, *_ALIASES))}", found=name,
                          remedy="mend the description of the vials")  # fmt: skip


def _known(entry: Mapping[str, Any], keys: set[str], where: str) -> None:
    unknown = sorted(set(entry) - keys)
    if unknown:
        raise OptionError("E-UNKNOWN", where=where, needed=f"keys out of {', '.join(sorted(keys))}",
                          found=", ".join(unknown), remedy="mend that key")  # fmt: skip


def _table(entry: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise _wrong(where, "a table of keys and values", repr(entry))
    return entry


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(
    entry: Mapping[str, Any], key: str, where: str, *, low: float, high: float, default: float | None = None
) -> float:
    value = entry.get(key, default)
    if value is None:
        raise _wrong(f"{where}: {key}", "a number", "none")
    if not _is_number(value) or not low <= value <= high:
        raise _wrong(f"{where}: {key}", f"a number from {low:g} to {high:g}", repr(value))
    return float(value)


def _word(entry: Mapping[str, Any], key: str, where: str, words: tuple[str, ...], default: str) -> str:
    value = entry.get(key, default)
    if value not in words:
        raise _wrong(f"{where}: {key}", f"one of {', '.join(words)}", repr(value))
    return str(value)


def _switch(entry: Mapping[str, Any], key: str, where: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(f"{where}: {key}", "true or false", repr(value))
    return value
