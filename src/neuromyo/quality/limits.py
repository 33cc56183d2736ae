"""Acceptance criteria, declared: which figure of which quantity has to lie where, on how many scans, and who says so."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neuromyo.core import resources
from neuromyo.core.errors import OptionError
from neuromyo.quality.vialset import EVIDENCE, QUANTITIES

#: statistic -> (the key of its limit, what it is in words)
STATISTICS = {
    "bias": ("within", "deviation of a vial's mean from its reference"),
    "slope": ("between", "slope of measured on reference"),
    "repeatability": (
        "most",
        "scatter of repeats on one day: coefficient of variation, or standard deviation in points",
    ),
    "reproducibility": ("most", "scatter of scans at any site and day"),
    "drift": ("within", "change a year"),
    "change": ("within", "difference after an upgrade"),
    "people": ("most", "coefficient of variation of repeat scans of people"),
}
_KEYS = {"quantity", "statistic", "within", "between", "most", "reference_range", "from_days", "source", "evidence"}


@dataclass(frozen=True, slots=True)
class Limit:
    """One criterion: the interval of the figure has to lie within ``low`` and ``high`` (percent of the reference, or points for fat
    fractions; a slope has no unit).

    reference_range : judged for vials whose reference lies there alone
    from_days : not judged before the scans span so many days
    """

    quantity: str
    statistic: str
    low: float
    high: float
    reference_range: tuple[float, float] = (-math.inf, math.inf)
    from_days: int = 0
    source: str = ""
    evidence: str = "proposed"


@dataclass(frozen=True)
class Limits:
    """All criteria; nothing is judged on fewer than ``least_scans`` scans over ``least_days`` days; a control chart has limits from
    ``least_baseline`` days on."""

    title: str
    limits: tuple[Limit, ...]
    least_scans: int = 5
    least_days: int = 2
    least_baseline: int = 8

    def of(self, quantity: str, statistic: str) -> tuple[Limit, ...]:
        """The criteria for one figure of a quantity."""
        return tuple(one for one in self.limits if one.quantity == quantity and one.statistic == statistic)


def load(name: str = "proposed") -> Limits:
    """Packaged criteria by name."""
    known = resources.names("quality", "acceptance", ".toml")
    if name not in known:
        raise OptionError("E-UNKNOWN", where=f"--limits {name}", needed=f"one of {', '.join(known)}, or a TOML file",
                          found="another name", remedy="give one of them, or the name of your own file")  # fmt: skip
    return parse(resources.text("quality", f"acceptance/{name}.toml"), f"{name}.toml")


def parse(text: str, where: str) -> Limits:
    """Criteria from TOML text; E-OPTION and E-UNKNOWN name the entry that is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(where, "a TOML file", str(error)) from error
    unknown = sorted(set(raw) - {"title", "limit", "least_scans", "least_days", "least_baseline"})
    if unknown:
        raise OptionError("E-UNKNOWN", where=where, needed="title, least_scans, least_days, least_baseline and [[limit]]",
                          found=", ".join(unknown), remedy="mend that key")  # fmt: skip
    entries = raw.get("limit", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise _wrong(f"{where} [[limit]]", "tables", repr(entries)[:60])
    made = tuple(_limit(entry, f"{where} [[limit]] {i + 1}") for i, entry in enumerate(entries))
    return Limits(str(raw.get("title", where)), made, _count(raw, "least_scans", where, 5, 2),
                  _count(raw, "least_days", where, 2, 1), _count(raw, "least_baseline", where, 8, 4))  # fmt: skip


def _limit(entry: Mapping[str, Any], where: str) -> Limit:
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise OptionError("E-UNKNOWN", where=where, needed=f"keys out of {', '.join(sorted(_KEYS))}", found=", ".join(unknown),
                          remedy="mend that key")  # fmt: skip
    quantity = {"PDFF": "FF"}.get(str(entry.get("quantity")), str(entry.get("quantity")))
    statistic = entry.get("statistic")
    if statistic not in STATISTICS:
        raise _wrong(f"{where}: statistic", f"one of {', '.join(STATISTICS)}", repr(statistic))
    if statistic != "people" and quantity not in QUANTITIES:
        raise _wrong(f"{where}: quantity", f"one of {', '.join(QUANTITIES)}", repr(entry.get("quantity")))
    low, high = _bounds(entry, STATISTICS[statistic][0], where)
    evidence = entry.get("evidence", "proposed")
    if evidence not in EVIDENCE:
        raise _wrong(f"{where}: evidence", f"one of {', '.join(EVIDENCE)}", repr(evidence))
    span = _pair(entry.get("reference_range", [-math.inf, math.inf]), f"{where}: reference_range")
    return Limit(
        quantity,
        statistic,
        low,
        high,
        span,
        _count(entry, "from_days", where, 0, 0),
        str(entry.get("source", "")),
        evidence,
    )


def _bounds(entry: Mapping[str, Any], key: str, where: str) -> tuple[float, float]:
    given = [k for k in ("within", "between", "most") if k in entry]
    if given != [key]:
        raise _wrong(where, f"{key}, as {entry['statistic']} demands", ", ".join(given) or "no limit")
    if key == "between":
        return _pair(entry[key], f"{where}: {key}")
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise _wrong(f"{where}: {key}", "a number above 0", repr(value))
    return (-float(value) if key == "within" else 0.0), float(value)


def _pair(value: Any, where: str) -> tuple[float, float]:
    fine = isinstance(value, list) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value)
    if not fine or not value[0] < value[1]:
        raise _wrong(where, "two numbers, the smaller first", repr(value))
    return float(value[0]), float(value[1])


def _count(entry: Mapping[str, Any], key: str, where: str, default: int, least: int) -> int:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _wrong(f"{where}: {key}", f"a whole number from {least}", repr(value))
    return value


def _wrong(where: str, needed: str, found: str) -> OptionError:
    return OptionError("E-OPTION", where=where, needed=needed, found=found, remedy="mend the file of limits")
