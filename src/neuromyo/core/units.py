"""Units: SI inside the software, the field's own units on disk and wherever a person reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A displayed unit: ``displayed = SI x factor``. ``si`` is the unit inside, ``text`` is what people read."""

    text: str
    si: str
    factor: float


#: every unit that a quantity may be declared with, by the text people read
UNITS: dict[str, Unit] = {
    u.text: u
    for u in (
        Unit("s", "s", 1.0),
        Unit("ms", "s", 1e3),
        Unit("%", "1", 1e2),
        Unit("1", "1", 1.0),
        Unit("a.u.", "a.u.", 1.0),
        Unit("Hz", "Hz", 1.0),
        Unit("1/s", "1/s", 1.0),
        Unit("rad", "rad", 1.0),
        Unit("10^-3 mm2/s", "m2/s", 1e9),
        Unit("m2/s", "m2/s", 1.0),
        Unit("mm", "m", 1e3),
        Unit("mm2", "m2", 1e6),
        Unit("ml", "m3", 1e6),
    )
}

#: BIDS writes times in seconds and these fractions in percent; the SI unit decides what stands on disk
DISK_UNIT: dict[str, str] = {"1": "%", "s": "s", "Hz": "Hz", "1/s": "1/s", "m2/s": "m2/s", "a.u.": "a.u.", "rad": "rad"}


def from_si(value, unit: str):
    """``value`` in SI -> in ``unit`` (one of `UNITS`)."""
    return value * UNITS[unit].factor


def to_si(value, unit: str):
    """``value`` in ``unit`` (one of `UNITS`) -> in SI."""
    return value / UNITS[unit].factor
