"""The page's tables: values by region and side, fit quality, and why voxels have no value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.maps import Map, Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason, count
from neuromyo.report import nerve_words, wording
from neuromyo.report.figures import Dot, dot_plot
from neuromyo.report.regions import RegionVoxels, by_name

REGION_FIT = "region-fit"
DOUBTFUL_SD = 0.15  # the relative sd above which a value counts as poorly determined


@dataclass(frozen=True, slots=True)
class ValueTable:
    """One quantity by region and side. ``columns`` are (heading, meaning); a row is (region, its row span, cells);
    the span is 0 where the region's name stands further up."""

    title: str
    acquisition: str
    biomarker: str
    unit: str
    statistic: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, int, tuple[str, ...]], ...]
    plot: Markup
    left_out: int
    not_drawn: bool
    aid: bool


FLAGS = (
    "what to be careful about. FF>50%: share left out because it is mostly fat; failed: share without a value; poor: "
    "share with an sd over 15 %; ambiguous: share where a second solution fits as well; few: only that share of "
    "the region entered; uneroded: too thin to leave out its rim; "
    "W-NOVOXELS: nothing was left. Assumptions are listed further down"
)
LEAST_SHARE = 0.05  # of a region's voxels; means of fewer stand in the table but are not drawn


def declared(biomarkers: Mapping[str, Biomarker], biomarker: str, quantity: str) -> Quantity | None:
    """The quantity as its biomarker declares it; None where it is not known here."""
    one = biomarkers.get(biomarker)
    return next((q for q in one.gives if q.name == quantity), None) if one else None


def aids(biomarkers: Mapping[str, Biomarker], rows: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(biomarker, quantity) of the rows that matter to the fits rather than to the question: fields, and what was
    calibrated once for the subject. Where there is nothing else they are what was asked for."""
    pairs = {(r["biomarker"], r["quantity"]) for r in rows}
    found = {p for p in pairs if (q := declared(biomarkers, *p)) and (q.datatype == "fmap" or q.level == "subject")}
    return found if any(biomarker and (biomarker, name) not in found for biomarker, name in pairs) else set()


def title_of(biomarkers: Mapping[str, Biomarker], biomarker: str, quantity: str) -> str:
    """What a reader is told a quantity is; its short name where the biomarker is not known here."""
    found = declared(biomarkers, biomarker, quantity)
    return found.title if found else nerve_words.words(quantity) if biomarker == "nerve-morphometry" else quantity


def several_acquisitions(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether rows have to be told apart by their acquisition (volumes belong to none)."""
    return len({r["acquisition"] for r in rows} - {"", "n/a"}) > 1


def whole_regions(table: Measurements) -> list[dict[str, Any]]:
    """The rows for regions as a whole: no single slices, no levels."""
    return [r for r in table.rows() if r["slice"] in ("", "n/a") and r["level"] in ("", "n/a")]


def main_statistic(rows: Sequence[Mapping[str, Any]]) -> str:
    """The mean where there is one, else the first statistic that is not a fit to the region's mean signal."""
    kinds = list(dict.fromkeys(r["statistic"] for r in rows))
    return "mean" if "mean" in kinds else next((k for k in kinds if k != REGION_FIT), kinds[0])


def main_rows(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which rows stand for their number: of mean, median and fit of one region and quantity, the `main_statistic`."""
    names = ("subject", "session", "acquisition", "region", "region_source", "side", "level", "biomarker", "quantity")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(tuple(row[n] for n in names), []).append(i)
    mains = [(members, main_statistic([rows[i] for i in members])) for members in groups.values()]
    return sorted(i for members, kind in mains for i in members if rows[i]["statistic"] == kind)


def value_tables(table: Measurements, biomarkers: Mapping[str, Biomarker]) -> tuple[ValueTable, ...]:
    """A table and a plot for each acquisition, biomarker and quantity, in the order of the measurements."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in whole_regions(table):
        groups.setdefault((row["acquisition"], row["biomarker"], row["quantity"]), []).append(row)
    everything = table.rows()
    several, helping = several_acquisitions(everything), aids(biomarkers, everything)
    made = []
    for (acquisition, biomarker, quantity), rows in groups.items():
        all_of_it = [
            r
            for r in everything
            if (r["acquisition"], r["biomarker"], r["quantity"]) == (acquisition, biomarker, quantity)
        ]
        made.append(
            _value_table(
                acquisition if several else "",
                biomarker,
                title_of(biomarkers, biomarker, quantity),
                rows,
                len(all_of_it),
                (biomarker, quantity) in helping,
            )
        )
    return tuple(made)


def _value_table(
    acquisition: str, biomarker: str, title: str, rows: list[dict[str, Any]], n_all: int, aid: bool
) -> ValueTable:
    statistic = main_statistic(rows)
    main = _ordered([r for r in rows if r["statistic"] == statistic])
    fits = {_place(r): r for r in rows if r["statistic"] == REGION_FIT and statistic != REGION_FIT}
    unit = main[0]["unit"]
    columns = _columns(statistic, bool(fits), any(np.isfinite(r["z"]) for r in main), any(_own_flags(r) for r in main))
    spans: dict[tuple[str, str], int] = {}
    for r in main:
        spans[r["region"], r["region_source"]] = spans.get((r["region"], r["region_source"]), 0) + 1
    lines = []
    for r in main:
        span = spans.pop((r["region"], r["region_source"]), 0)
        lines.append((wording.region(r["region"]), span, tuple(_cell(h, r, fits.get(_place(r))) for h, _ in columns)))
    dots = [
        Dot(r["region"], r["side"], r["value"], r["sd_between"], r["se"])
        for r in main
        if not r["coverage"] < LEAST_SHARE
    ]
    return ValueTable(
        title,
        acquisition,
        biomarker,
        wording.unit(unit),
        statistic,
        columns,
        tuple(lines),
        dot_plot(dots, wording.capital(wording.short(title)), unit),
        n_all - len(main) - len(fits),
        len(dots) < len([r for r in main if np.isfinite(r["value"])]),
        aid,
    )


def _columns(statistic: str, fits: bool, norms: bool, flags: bool) -> tuple[tuple[str, str], ...]:
    named = [
        ("side", "the subject's own left and right"),
        (statistic, "over the voxels that entered"),
        ("spread", "standard deviation between those voxels"),
        ("se", "standard uncertainty of the value, the fit's included"),
    ]
    named += (
        [("fit of mean signal", "the model fitted once to the region's mean signal, ± its standard uncertainty")]
        if fits
        else []
    )
    named += [("voxels", "that entered the value"), ("coverage", "share of the region's voxels that entered the value")]
    named += (
        [("z", "score against the norm"), ("centile", "against the norm"), ("norm", "the norm used")] if norms else []
    )
    named += [("flags", FLAGS)] if flags else []
    return tuple(named)


def _cell(heading: str, row: Mapping[str, Any], fit: Mapping[str, Any] | None) -> str:
    made = {
        "side": lambda: row["side"] or "–",
        row["statistic"]: lambda: wording.number(row["value"]),
        "spread": lambda: (
            f"± {wording.number(row['sd_between'], row['value'])}" if np.isfinite(row["sd_between"]) else "–"
        ),
        "se": lambda: wording.number(row["se"], row["value"], more=1),
        "fit of mean signal": lambda: _fit_cell(fit, row["value"]),
        "voxels": lambda: wording.count(row["n_voxels"]),
        "coverage": lambda: wording.percent(row["coverage"]),
        "z": lambda: wording.number(row["z"]),
        "centile": lambda: wording.number(row["centile"]),
        "norm": lambda: row["norm"] or "–",
        "flags": lambda: ", ".join(_own_flags(row)) or "–",
    }
    return made[heading]()


def _own_flags(row: Mapping[str, Any]) -> list[str]:
    """The row's flags but for assumptions: those hold for all rows alike and have a section of their own."""
    return [f for f in row["flags"].split(",") if f and not f.startswith("W-ASSUMED")]


def _fit_cell(fit: Mapping[str, Any] | None, like: float) -> str:
    if fit is None or not np.isfinite(fit["value"]):
        return "–"
    said = wording.number(fit["value"], like)
    return f"{said} ± {wording.number(fit['se'], fit['value'], more=1)}" if np.isfinite(fit["se"]) else said


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["region"], row["region_source"], row["side"]


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Regions in the order of first appearance, sides of one region together, left first."""
    first: dict[tuple[str, str], int] = {}
    for r in rows:
        first.setdefault((r["region"], r["region_source"]), len(first))
    return sorted(rows, key=lambda r: (first[r["region"], r["region_source"]], wording.SIDE_ORDER.get(r["side"], 3)))


# --- fit quality ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grid2D:
    """Any table: headings, and rows whose first cell heads the row."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def quality_table(maps: Maps, shown: Sequence[Map], regions: Sequence[RegionVoxels]) -> Grid2D | None:
    """By region and side: the median residual, and of each quantity the median predicted sd (in its unit) and, for
    quantities that cannot be zero, the share of values whose sd exceeds 15 %."""
    residual = maps.diagnostics.get("residual")
    with_sd = [m for m in shown if m.sd is not None]
    if not regions or (residual is None and not with_sd):
        return None
    headings = ["region", "side", *(["residual, median (%)"] if residual is not None else [])]
    for m in with_sd:
        headings.append(f"sd of {wording.short(m.quantity.title)}, median ({wording.unit(m.quantity.display)})")
        headings += [f"{wording.short(m.quantity.title)}: voxels with sd over 15 %"] if _ratio_scale(m) else []
    rows = []
    for name, sides in by_name(regions).items():
        for region in sides:
            cells = [wording.region(name), region.side]
            cells += [_median(100 * residual[region.mask])] if residual is not None else []
            for m in with_sd:
                cells += _sd_cells(m, region.mask)
            rows.append(tuple(cells))
    return Grid2D(tuple(headings), tuple(rows))


def _sd_cells(map_: Map, mask: np.ndarray) -> list[str]:
    assert map_.sd is not None
    inside = mask & map_.valid & np.isfinite(map_.sd)
    cells = [_median(map_.quantity.to_display(map_.sd[inside]))]
    if _ratio_scale(map_):
        doubtful = map_.sd[inside] > DOUBTFUL_SD * np.abs(map_.values[inside])
        cells.append(wording.percent(float(doubtful.mean())) if doubtful.size else "–")
    return cells


def _ratio_scale(map_: Map) -> bool:
    """Whether a relative sd says something: times and rates, but not a fat fraction, which may well be zero."""
    return map_.quantity.unit in ("s", "1/s", "m2/s")


def _median(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return wording.number(float(np.median(finite))) if finite.size else "–"


# --- reasons ----------------------------------------------------------------------------------------------------------


def reasons_table(maps: Sequence[Map]) -> Grid2D:
    """Counts and shares of each reason, a column a quantity; shares are of the voxels that were asked for."""
    counted = [count(m.reason) for m in maps]
    present = [r for r in Reason if r != Reason.MASKED and any(r in c for c in counted)]
    headings = ("reason", *(m.quantity.title for m in maps))
    rows = []
    for reason in present:
        cells = [wording.sentence(reason.sentence)]
        for c in counted:
            asked = sum(n for r, n in c.items() if r != Reason.MASKED)
            n = c.get(reason, 0)
            cells.append(f"{n:,} ({wording.percent(n / asked)})" if n else "0")
        rows.append(tuple(cells))
    return Grid2D(headings, tuple(rows))


def reasons_by_region(reason: np.ndarray, valid: np.ndarray, regions: Sequence[RegionVoxels]) -> Grid2D | None:
    """By region and side: voxels, those with a value, and the reasons of the others; both arrays (x, y, z)."""
    reasons = [r for r in count(reason) if r not in (Reason.OK, Reason.MASKED)]
    if not regions or not reasons:
        return None
    rows = []
    for name, sides in by_name(regions).items():
        for region in sides:
            n = int(region.mask.sum())
            inside = count(reason, region.mask)
            usable = int((valid & region.mask).sum())
            cells = [f"{inside[r]:,} ({wording.percent(inside[r] / n)})" if r in inside else "0" for r in reasons]
            rows.append(
                (wording.region(name), region.side, f"{n:,}", f"{usable:,} ({wording.percent(usable / n)})", *cells)
            )
    return Grid2D(("region", "side", "voxels", "with a value", *(_short(r) for r in reasons)), tuple(rows))


def _short(reason: Reason) -> str:
    return reason.name.lower().replace("_", " ")
