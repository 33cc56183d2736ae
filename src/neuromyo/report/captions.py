"""Sentences of the page: the summary at its head and what stands under the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.reasons import Reason
from neuromyo.report import wording
from neuromyo.report.methods_text import gather_assumptions
from neuromyo.report.tables import main_statistic, title_of, whole_regions
from neuromyo.report.view import SessionView

#: regions that a summary speaks of first, and those it speaks of only if there is nothing else
FIRST = ("muscle", "muscles", "nerve")
LAST = (
    "body",
    "leg",
    "limb",
    "subcutaneous-fat",
    "intermuscular-fat",
    "bone-marrow",
    "bone",
    "other-tissue",
    "vessel",
    "vessels",
    "fascia",
    "skin",
)


def summary(view: SessionView) -> tuple[str, ...]:
    """The session in a few plain sentences, all from its own numbers: values, coverage, warnings, assumptions."""
    said = [*_values(view)]
    if not said:
        said.append("No region values were measured in this session.")
    said += _care(view)
    if not any(np.isfinite(r["z"]) for r in view.measurements.rows()):
        said.append("No reference range was applied: these numbers say nothing yet about normal or abnormal.")
    return tuple(said)


def _values(view: SessionView) -> list[str]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in whole_regions(view.measurements):
        if row["unit"] != "a.u.":
            groups.setdefault((row["acquisition"], row["biomarker"], row["quantity"]), []).append(row)
    several = len({a for a, _, _ in groups}) > 1
    said = []
    for (acquisition, biomarker, quantity), rows in groups.items():
        title = title_of(view.biomarkers, biomarker, quantity) + (
            f" ({acquisition})" if several and acquisition else ""
        )
        sentence = _value_sentence(title, rows)
        said += [sentence] if sentence else []
    return said


def _value_sentence(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """``Water T2 in muscle: left 33.1 ms, right 32.8 ms (spread between voxels 2.1 and 2.2 ms; ...)``."""
    statistic = main_statistic(rows)
    rows = [r for r in rows if r["statistic"] == statistic and np.isfinite(r["value"])]
    name = headline_region(rows)
    of_it = sorted((r for r in rows if r["region"] == name), key=lambda r: wording.SIDE_ORDER.get(r["side"], 3))
    if not of_it:
        return ""
    unit = of_it[0]["unit"]
    parts, largest = [], max(abs(r["value"]) for r in of_it)
    for r in of_it:
        side = f"{r['side']} " if r["side"] in ("left", "right") else ""
        parts.append(f"{side}{wording.with_unit(r['value'], unit, largest)}")
    kind = "" if statistic in ("mean", "subject", title) else f" ({statistic})"
    return f"{wording.capital(title)}{kind} in {wording.region(name)}: {', '.join(parts)}{_aside(of_it, unit)}."


def _aside(rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Spread and coverage, in brackets."""
    largest = max(abs(r["value"]) for r in rows)
    spreads = [wording.number(r["sd_between"], largest) for r in rows if np.isfinite(r["sd_between"])]
    covered = [r["coverage"] for r in rows if np.isfinite(r["coverage"])]
    said = []
    if spreads:
        said.append(f"spread between voxels {wording.listing(spreads)} {wording.unit(unit)}".rstrip())
    if covered:
        least = "at least " if len(set(covered)) > 1 else ""
        said.append(f"{least}{wording.percent(min(covered))} of the region's voxels entered")
    return f" ({'; '.join(said)})" if said else ""


def headline_region(rows: Sequence[Mapping[str, Any]]) -> str:
    """The region a summary speaks of: muscle where there is one, else the largest that is neither fat nor bone."""
    names = list(dict.fromkeys(r["region"] for r in rows))
    for wanted in FIRST:
        if wanted in names:
            return wanted
    volume = {n: sum(r["volume_ml"] for r in rows if r["region"] == n and np.isfinite(r["volume_ml"])) for n in names}
    candidates = [n for n in names if n not in LAST] or names
    return max(candidates, key=lambda n: volume[n], default="")


def _care(view: SessionView) -> list[str]:
    """How many findings of each level, and how many assumptions."""
    levels = [f.level for f in view.findings]
    named = (("stop", "stop"), ("warn", "warning"), ("note", "note"))
    kinds = [wording.plural(levels.count(level), word) for level, word in named if level in levels]
    said = [f"The checks gave {wording.listing(kinds)}." if kinds else "The checks found nothing to remark on."]
    if "stop" in levels:
        said.append("A stop means that part of the work could not be done.")
    assumed = len(gather_assumptions(view.maps))
    if assumed:
        said.append(f"{wording.plural(assumed, 'value')} that the files do not state had to be assumed.")
    return said


def map_caption(map_: Map) -> str:
    """How much of what was asked for has a value, and the middle of it."""
    valid = map_.valid
    asked = int(np.count_nonzero(map_.reason != Reason.MASKED))
    if not valid.any():
        return "No voxel has a value."
    values = map_.quantity.to_display(map_.values[valid])
    percentiles = [float(v) for v in np.percentile(values, (10, 50, 90))]
    low, middle, high = (wording.number(v, max(map(abs, percentiles))) for v in percentiles)
    unit = wording.unit(map_.quantity.display)
    return (
        f"{wording.count(int(valid.sum()))} of {wording.count(asked)} voxels have a value; their median is "
        f"{middle} {unit}, and 80 % lie between {low} and {high} {unit}."
    )


def scalar_line(scalar: Scalar) -> str:
    """A value for the whole subject, in words."""
    quantity = scalar.quantity
    said = (
        f"{wording.capital(quantity.title)}: {wording.with_unit(quantity.to_display(scalar.value), quantity.display)}"
    )
    if scalar.sd is not None and np.isfinite(scalar.sd):
        said += f" (standard deviation {wording.with_unit(quantity.to_display(scalar.sd), quantity.display)})"
    return said + (f" – {scalar.source}." if scalar.source else ".")


def series_of(maps: Maps) -> str:
    """What tells this set of maps from others of the same biomarker: acquisition, run and chunk entities."""
    return ", ".join(f"{k}-{v}" for k, v in maps.entities.items() if k in ("acq", "run", "chunk", "dir", "rec"))
