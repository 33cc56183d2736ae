"""The letter to a site: what was scanned, the verdict first, figures, the table of vials, how it was done and by whose limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from neuromyo.core.errors import Finding, NeuromyoError
from neuromyo.quality.limits import Limit
from neuromyo.quality.qualify import FAIL, NOT_YET, PASS, UNDECIDED, Judgement, Qualification, SiteFigures
from neuromyo.quality.vialset import VialSet
from neuromyo.report import qa_figures, wording
from neuromyo.report.html import render
from neuromyo.report.tables import Grid2D
from neuromyo.stats.intervals import Interval

#: how quantities and criteria are called
NAMES = {"T1": "T1", "T2": "T2", "T2star": "T2*", "R2star": "R2*", "FF": "fat fraction"}
CRITERIA = {"bias": "bias, worst vial", "slope": "slope", "repeatability": "repeatability", "reproducibility": "reproducibility",
            "drift": "drift", "change": "change by upgrade"}  # fmt: skip
VERDICTS = {"pass": "passed", "fail": "failed", "undecided": "undecided", "not yet": "not judged yet"}
ANSWERS = {"pass": "Qualified", "fail": "Not qualified", "not enough data": "Not enough data to decide"}
CLASSES = {"pass": "pass", "fail": "fail", "not enough data": "undecided"}
EVIDENCE = {"read": "read at the source named", "recalled": "recalled, not looked up", "proposed": "proposed by us",
            "certificate": "from the phantom's certificate", "simulated": "by construction"}  # fmt: skip


#: over fewer days a trend a year is nothing to print
_LEAST_TREND_DAYS = 90


@dataclass(frozen=True, eq=False)
class QaView:
    """What the letter tells of; ``turns``: by how many degrees the phantom was turned, by scan and biomarker."""

    site: str
    vials: VialSet
    found: Qualification
    findings: tuple[Finding, ...]
    lost: tuple[tuple[str, NeuromyoError], ...]
    versions: Mapping[str, str]
    turns: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """One quantity at one site: sentences, plots with their captions, the table of vials."""

    title: str
    lines: tuple[str, ...]
    plots: tuple[tuple[Markup, str], ...]
    table: Grid2D


def page(view: QaView) -> str:
    """The self-contained HTML letter, a pure function of the view."""
    verdict = view.found.verdict()
    return render(
        "qa.html.j2",
        view=view,
        title=f"{view.site}: {ANSWERS[verdict].lower()}",
        verdict=CLASSES[verdict],
        answer=ANSWERS[verdict],
        opening=opening(view),
        sites=[(s, ANSWERS[view.found.verdict(s)], CLASSES[view.found.verdict(s)]) for s in view.found.sites],
        rows=[_row(j, len(view.found.sites) > 1) for j in _ordered(view.found.judgements) if j.verdict != NOT_YET],
        not_yet=list(dict.fromkeys(j.why for j in view.found.judgements if j.verdict == NOT_YET)),
        parts=[part(view, f, explained=i == 0) for i, f in enumerate(view.found.figures)],
        across=[_across(t.quantity, t.deviation_unit, c) for t, c in view.found.components],
        remarks=_gathered(view.findings),
        lost=[(label, str(error)) for label, error in view.lost],
        sources=_sources(view),
        references=_references(view.vials),
        limits=view.found.limits,
    )


def opening(view: QaView) -> tuple[str, ...]:
    """What was scanned, and what decided."""
    scans = {s for f in view.found.figures for s in f.all_scans}
    days = {s.day for s in scans if s.day is not None}
    when = ""
    if days and all(s.day for s in scans):
        when = (
            f" on {wording.plural(len(days), 'day')}, {min(days).isoformat()} to {max(days).isoformat()}"
            if len(days) > 1
            else f" on {min(days).isoformat()}"
        )
    said = [f"{view.vials.title}: {wording.plural(len(scans), 'scan')}{when}."]
    for verdict, words in ((FAIL, "Failed"), (UNDECIDED, "Undecided")):
        which = [_called(j, len(view.found.sites) > 1) for j in view.found.judgements if j.verdict == verdict]
        if which:
            said.append(f"{words}: {wording.listing(list(dict.fromkeys(which)))}.")
    more = [j.more for j in view.found.judgements if j.verdict == UNDECIDED and j.more]
    if more and view.found.verdict() == "not enough data":
        said.append(
            f"{wording.capital(wording.plural(max(more), 'more scan'))} at least before all of it can be decided; the table says why."
        )
    if view.lost:
        said.append(f"{wording.plural(len(view.lost), 'map')} could not be read and did not count.")
    return tuple(said)


def _called(j: Judgement, many: bool) -> str:
    return f"{CRITERIA[j.statistic].split(',')[0]} of {NAMES[j.quantity]}" + (
        f" at {j.site}" if many and j.site else ""
    )


def _ordered(judgements: Sequence[Judgement]) -> list[Judgement]:
    grave = [FAIL, UNDECIDED, "pass", NOT_YET]
    return sorted(judgements, key=lambda j: grave.index(j.verdict))


def _row(j: Judgement, many: bool) -> dict[str, str]:
    return {
        "verdict": j.verdict.replace(" ", "-"),
        "said": VERDICTS[j.verdict],
        "what": f"{wording.capital(NAMES[j.quantity])}: {CRITERIA[j.statistic]}"
        + (f" ({j.site})" if many and j.site else ""),
        "which": j.what,
        "limit": limit_text(j.limit, j.unit),
        "found": "–"
        if j.verdict == NOT_YET
        else plain_ratio(j.found)
        if j.statistic == "slope"
        else interval_text(j.found, j.unit),
        "why": "" if j.verdict == PASS else j.why,
    }


def limit_text(limit: Limit, unit: str) -> str:
    """``within ± 3 %``, ``0.95 to 1.05``, ``at most 2 %``."""
    tail = f" {unit}" if unit else ""
    if limit.low == -limit.high:
        said = f"within ± {limit.high:g}{tail}"
    elif limit.low == 0.0:
        said = f"at most {limit.high:g}{tail}"
    else:
        said = f"{limit.low:g} to {limit.high:g}{tail}"
    low, high = limit.reference_range
    return said if math.isinf(high) and math.isinf(low) else f"{said}, for {low:g} to {high:g} ms"


def interval_text(found: Interval, unit: str = "", like: float | None = None) -> str:
    """``1.2 (0.4 to 2.0) %``."""
    if not math.isfinite(found.value):
        return "–"
    size = max(abs(found.value), abs(found.low), abs(found.high)) if found.known else abs(found.value)
    like = size if like is None else like
    tail = f" {unit}" if unit else ""
    if not found.known:
        return f"{wording.number(found.value, like)}{tail}"
    return f"{wording.number(found.value, like)} ({wording.number(found.low, like)} to {wording.number(found.high, like)}){tail}"


def plain_ratio(found: Interval) -> str:
    """A number near 1 to three decimals: ``0.993 (0.986 to 1.000)``."""
    if not math.isfinite(found.value):
        return "–"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" if found.known else f"{found.value:.3f}"


# --- one quantity -----------------------------------------------------------------------------------------------------


def part(view: QaView, f: SiteFigures, explained: bool = True) -> Part:
    """Sentences, plots and table of one quantity at one site; ``explained``: with words under the plots."""
    name = f"{wording.capital(NAMES[f.table.quantity])} by {f.table.biomarker}"
    name += f", {f.table.acquisition}" if f.table.acquisition else ""
    title = f"{name} at {f.site}" if len(view.found.sites) > 1 else name
    limit = next(iter(view.found.limits.of(f.table.quantity, "bias")), None)
    plots = [
        (
            qa_figures.measured(f),
            "Mean of each vial against its reference; bars: 95 % intervals. The line is that of equality.",
        ),
        (
            qa_figures.deviations(f, limit),
            "What each vial is off by: small dots are scans, large ones means with their 95 % intervals, the "
            "reference's uncertainty included. Dashed: the limits.",
        ),
    ]
    if f.chart is not None:
        alarm = f"; {wording.plural(len(f.chart.alarms), 'day')} out of control" if f.chart.alarms else ""
        how = f"Limits from the first {f.chart.n_baseline} days{alarm}." if f.chart.n_baseline else \
            f"Control limits are drawn from {view.found.limits.least_baseline} days on."  # fmt: skip
        plots.append((qa_figures.chart(f, view.found.upgrade), f"Mean deviation of all vials, day by day. {how}"))
    shown = tuple((plot, words if explained else "") for plot, words in plots)
    return Part(title, _lines(f), shown, _table(f))


def _lines(f: SiteFigures) -> tuple[str, ...]:
    unit = f.table.deviation_unit
    said = []
    if len(f.table.scans) < len(f.all_scans):
        said.append(
            f"Of the {wording.plural(len(f.table.scans), 'scan')} since the upgrade, but for the chart and the change:"
        )
    if f.line.n:
        bent = (
            ""
            if not math.isfinite(f.line.curvature_p)
            else (
                f"; no curvature to be seen (p = {f.line.curvature_p:.2f})"
                if f.line.curvature_p >= 0.05
                else f"; curved (p {'< 0.001' if f.line.curvature_p < 0.001 else f'= {f.line.curvature_p:.3f}'})"
            )
        )
        said.append(
            f"Measured = {interval_text(f.line.intercept, f.table.unit)} + {plain_ratio(f.line.slope)} × reference over {f.line.n} vials, "
            f"R² {f.line.r2:.4f}{bent}."
        )
    r = f.repeatability
    if r.wsd.known:
        named = "wCV" if f.table.relative else "wSD"
        said.append(
            f"Repeats of one {'day' if f.table.dated else 'phantom'}: {named} {interval_text(r.wsd, unit)}, repeatability coefficient "
            f"{interval_text(r.rc, unit)}, from {wording.plural(r.n_groups, 'group')} of repeats."
        )
    if f.chart is not None and f.chart.trend.known and f.span_days >= _LEAST_TREND_DAYS:
        said.append(
            f"Trend over {wording.plural(f.span_days, 'day')}: {interval_text(f.chart.trend, unit + ' a year')}."
        )
    if f.chart is not None and f.chart.alarms:
        days = [f"{f.chart.days[a.place]:.0f} ({a.rule})" for a in f.chart.alarms[:3]]
        more = len(f.chart.alarms) - len(days)
        days += [wording.plural(more, "more day") if more > 1 else "one more"] if more else []
        said.append(f"Out of control, days since the first: {wording.listing(days)}.")
    if f.change is not None and f.change.difference.known:
        said.append(
            f"After the upgrade: {interval_text(f.change.difference, unit)}, {f.change.n_before} days before and {f.change.n_after} after; "
            f"equivalence p = {f.change.p_equivalent:.3f}."
        )
    return tuple(said)


def _table(f: SiteFigures) -> Grid2D:
    unit, off = wording.unit(f.table.unit), f.table.deviation_unit
    rows = []
    for v in f.vials:
        u = f" ± {v.reference_u:.2g}" if v.reference_u > 0 else ""
        rep = v.repeatability.wcv if f.table.relative else v.repeatability.wsd
        rows.append((v.vial, f"{_reference(v.reference)}{u}", wording.number(v.measured, v.reference or 1.0), interval_text(v.bias),
                     interval_text(rep), str(v.n_scans)))  # fmt: skip
    named = "wCV (%)" if f.table.relative else f"wSD ({off})"
    return Grid2D(
        ("vial", f"reference ({unit})", f"mean ({unit})", f"bias ({off}), 95 %", f"{named}, 95 %", "scans"), tuple(rows)
    )


def _reference(value: float) -> str:
    """As declared, to four figures."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _across(quantity: str, unit: str, c: Any) -> str:
    day = f", between days {wording.number(c.day)}" if math.isfinite(c.day) else ""
    repeat = f", between repeats {wording.number(c.repeat)}" if math.isfinite(c.repeat) else ""
    return (
        f"{wording.capital(NAMES[quantity])}: standard deviation between {c.n_sites} sites "
        f"{wording.number(c.site)}{day}{repeat}; of one scan anywhere "
        f"{interval_text(c.reproducibility, unit)}, reproducibility coefficient {interval_text(c.rdc, unit)}."
    )


def _gathered(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """Each remark once, warnings first, with how many scans it was made on."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for f in findings:
        kinds.setdefault((f.code, f.message), []).append(f)
    return sorted(((v[0], len(v)) for v in kinds.values()), key=lambda one: one[0].level != "warn")


def _sources(view: QaView) -> list[tuple[str, str]]:
    """The limits that were applied and somebody's: which, where from; one line for those that are ours alone."""
    used = {(j.quantity, j.statistic): j for j in view.found.judgements if j.verdict != NOT_YET}
    called = {key: f"{wording.capital(NAMES[key[0]])}, {CRITERIA[key[1]].split(',')[0]}" for key in used}
    own = [key for key, j in used.items() if j.limit.source in ("", "proposed")]
    rows = [(called[key], used[key].limit.source) for key in used if key not in own]
    tail = "the others" if rows else "all"
    return [*rows, (wording.capital(tail), "declared in the file of limits, without a source")] if own else rows


def _references(vials: VialSet) -> list[tuple[str, str, str]]:
    """(quantities, evidence, source), alike ones together."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for quantity, about in vials.about.items():
        kinds.setdefault((EVIDENCE[about.evidence], about.source), []).append(NAMES[quantity])
    return [(wording.capital(wording.listing(q)), evidence, source) for (evidence, source), q in kinds.items()]


# --- for machines -----------------------------------------------------------------------------------------------------


def as_json(view: QaView) -> dict[str, Any]:
    """Everything the letter says, as plain values; numbers that do not exist are null."""
    q = view.found
    return {
        "schema": 1,
        "neuromyo": view.versions.get("neuromyo"),
        "phantom": view.vials.title,
        "site": view.site,
        "verdict": q.verdict(),
        "sites": {s: q.verdict(s) for s in q.sites},
        "limits": q.limits.title,
        "judgements": [_judgement(j) for j in q.judgements],
        "figures": [_figures(f) for f in q.figures],
        "reproducibility": [
            {
                "quantity": t.quantity,
                "biomarker": t.biomarker,
                "unit": t.deviation_unit,
                "sd_site": _n(c.site),
                "sd_day": _n(c.day),
                "sd_repeat": _n(c.repeat),
                "sd": _i(c.reproducibility),
                "sites": c.n_sites,
            }
            for t, c in q.components
        ],
        "findings": [f.as_dict() for f in view.findings],
        "lost": [{"scan": label, **error.as_dict()} for label, error in view.lost],
        "turned_deg": {k: round(v, 2) for k, v in view.turns.items()},
    }


def _judgement(j: Judgement) -> dict[str, Any]:
    return {"quantity": j.quantity, "biomarker": j.biomarker, "site": j.site, "criterion": j.statistic, "of": j.what, "found": _i(j.found),
            "low": _n(j.limit.low), "high": _n(j.limit.high), "unit": j.unit, "verdict": j.verdict, "why": j.why, "more": j.more,
            "more_of": j.unit_of_more, "source": j.limit.source, "evidence": j.limit.evidence}  # fmt: skip


def _figures(f: SiteFigures) -> dict[str, Any]:
    chart, change = f.chart, f.change
    return {
        "quantity": f.table.quantity,
        "biomarker": f.table.biomarker,
        "acquisition": f.table.acquisition,
        "site": f.site,
        "unit": f.table.unit,
        "deviation_unit": f.table.deviation_unit,
        "scans": len(f.table.scans),
        "days": f.n_days,
        "independent": f.days_or_scans,
        "vials": [
            {
                "vial": v.vial,
                "reference": _n(v.reference),
                "reference_u": _n(v.reference_u),
                "measured": _n(v.measured),
                "bias": _i(v.bias),
                "wsd": _i(v.repeatability.wsd),
                "wcv_percent": _i(v.repeatability.wcv),
                "rc": _i(v.repeatability.rc),
                "scans": v.n_scans,
            }
            for v in f.vials
        ],
        "line": {
            "slope": _i(f.line.slope),
            "intercept": _i(f.line.intercept),
            "r2": _n(f.line.r2),
            "curvature_p": _n(f.line.curvature_p),
        },
        "repeatability": {"wsd": _i(f.repeatability.wsd), "rc": _i(f.repeatability.rc)},
        "trend_a_year": None if chart is None else _i(chart.trend),
        "control": None
        if chart is None or not chart.n_baseline
        else {
            "centre": _n(chart.centre),
            "sigma": _n(chart.sigma),
            "baseline": chart.n_baseline,
            "alarms": [{"day": float(chart.days[a.place]), "rule": a.rule} for a in chart.alarms],
        },
        "change": None
        if change is None
        else {
            "difference": _i(change.difference),
            "interval_90": _i(change.interval_90),
            "p_equivalent": _n(change.p_equivalent),
            "before": change.n_before,
            "after": change.n_after,
        },
    }


def _n(value: float) -> float | None:
    """Ten digits, so that the last bits of another machine do not show."""
    return float(f"{value:.10g}") if math.isfinite(value) else None


def _i(found: Interval) -> dict[str, float | None]:
    return {"value": _n(found.value), "low": _n(found.low), "high": _n(found.high), "df": _n(found.df)}
