"""Sentences of the page: the summary at its head and what stands under the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.reasons import Reason
from neuromyo.report import envelope, nerve_words, norms, wording
from neuromyo.report.methods_text import gather_assumptions
from neuromyo.report.tables import aids, main_statistic, several_acquisitions, title_of, whole_regions
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


#: words of consequences that take back the numbers
_DISTRUST = ("not to be trusted", "do not use the")


def summary(view: SessionView) -> tuple[str, ...]:
    """The session in a few plain sentences, all from its own numbers: values, coverage, warnings, assumptions. Fields
    and calibrations are left to the tables."""
    compared = [r for r in whole_regions(view.measurements) if np.isfinite(r["z"])]
    said = [*_values(view)]
    if not said:
        said.append("No region values were measured in this session.")
    said += _care(view)
    if not compared and not view.envelopes:
        said.append("No reference range was applied: these numbers say nothing yet about normal or abnormal.")
    unusual = [
        *norms.sentences(compared, view.biomarkers),
        *(envelope.said(e) for e in view.envelopes if e.unusual.any()),
    ]
    return (*unusual, *said)


def _values(view: SessionView) -> list[str]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    rows = whole_regions(view.measurements)
    left_out = aids(view.biomarkers, rows)
    for row in rows:
        if row["unit"] != "a.u." and (row["biomarker"], row["quantity"]) not in left_out:
            groups.setdefault((row["acquisition"], row["biomarker"], row["quantity"]), []).append(row)
    several = several_acquisitions(rows)
    said, entered = [], []
    for (acquisition, biomarker, quantity), rows in groups.items():
        title = title_of(view.biomarkers, biomarker, quantity) + (
            f" ({acquisition})" if several and acquisition else ""
        )
        if biomarker == "nerve-morphometry" and quantity not in nerve_words.FIRST_TOLD:
            continue
        of_it = _headline_rows(rows)
        said += [_value_sentence(title, of_it, _distrust(view, biomarker))] if of_it else []
        entered += [r["coverage"] for r in of_it if np.isfinite(r["coverage"]) and np.isfinite(r["se"])]
    if entered:
        low, high = wording.percent(min(entered)), wording.percent(max(entered))
        share = low if low == high else f"{low.removesuffix(' %')} to {high}"
        said.append(
            f"These are means over {share} of the voxels of their regions; how sure they are stands under Numbers."
        )
    return said


def _headline_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of the headline region, left before right, in the main statistic."""
    statistic = main_statistic(rows)
    rows = [r for r in rows if r["statistic"] == statistic and np.isfinite(r["value"])]
    name = headline_region(rows)
    of_it = (r for r in rows if r["region"] == name)
    return sorted(of_it, key=lambda r: wording.SIDE_ORDER.get(r["side"], 3))


def _distrust(view: SessionView, biomarker: str) -> str:
    """What stands behind values of which a finding says that they must not be believed."""
    codes = [
        f.code for f in view.findings if f.where == biomarker and any(words in f.consequence for words in _DISTRUST)
    ]
    return f" Not to be trusted: see {wording.listing(list(dict.fromkeys(codes)))} below." if codes else ""


def _value_sentence(title: str, rows: Sequence[Mapping[str, Any]], distrust: str = "") -> str:
    """``Water T2 in muscle: left 33.1 ms, right 32.8 ms.``"""
    statistic, unit = rows[0]["statistic"], rows[0]["unit"]
    parts, largest = [], max(abs(r["value"]) for r in rows)
    for r in rows:
        side = f"{r['side']} " if r["side"] in ("left", "right") else ""
        parts.append(f"{side}{wording.with_unit(r['value'], unit, largest)}")
    kind = "" if statistic in ("mean", "volume", title) else f" ({statistic})"
    place = "of" if unit == "ml" else "in"
    return f"{wording.capital(title)}{kind} {place} {wording.region(rows[0]['region'])}: {', '.join(parts)}.{distrust}"


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
    unit, largest = map_.quantity.display, max(map(abs, percentiles))
    low = wording.number(percentiles[0], largest)
    return (
        f"{wording.count(int(valid.sum()))} of {wording.count(asked)} voxels have a value; their median is "
        f"{wording.with_unit(percentiles[1], unit, largest)}, and 80 % lie between {low} and "
        f"{wording.with_unit(percentiles[2], unit, largest)}."
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
