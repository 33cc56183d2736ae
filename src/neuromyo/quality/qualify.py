"""Is a site fit for a trial? Figures of each quantity, judged against declared limits; undecided is an answer.

A figure passes where its whole 95 % interval lies within the limits, fails where all of it lies outside, and is undecided where it
straddles one: then it is said how many more scans would decide if nothing changed. Nothing passes or fails on fewer scans and days than
the limits demand. Overall: one failure fails the site; else one undecided criterion leaves it undecided.

Bias of a vial: mean of its deviations over days (over scans where there is one day), with the reference's uncertainty in the
interval. Its worst vial stands for a quantity, since all have to pass; a test of that kind keeps its level without correction
(Berger, Technometrics 1982;24:295, doi:10.1080/00401706.1982.10487790).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.quality import components, drift, linearity, upgrade
from neuromyo.quality.limits import Limit, Limits
from neuromyo.quality.readings import Scan, Table
from neuromyo.stats import repeats
from neuromyo.stats.intervals import (
    UNKNOWN,
    Interval,
    decide,
    mean_interval,
    scans_to_decide,
    sd_interval,
    t_interval,
)

PASS, FAIL, UNDECIDED, NOT_YET = "pass", "fail", "undecided", "not yet"
#: how the whole is called
OVERALL = {PASS: "pass", FAIL: "fail", UNDECIDED: "not enough data"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One criterion's outcome. ``what`` names the vial where one stands for all; ``more`` says how many more ``unit_of_more`` (days or
    scans) would decide, None where that helps nothing; ``why`` is a sentence."""

    quantity: str
    biomarker: str
    site: str
    statistic: str
    what: str
    found: Interval
    limit: Limit
    unit: str
    verdict: str
    why: str
    more: int | None = None
    unit_of_more: str = "scans"


@dataclass(frozen=True, slots=True)
class VialFigure:
    """One vial of one site: reference, mean measured, bias with interval, repeatability, how many values."""

    vial: str
    reference: float
    reference_u: float
    measured: float
    bias: Interval
    repeatability: repeats.Repeatability
    n_scans: int


@dataclass(frozen=True, eq=False)
class SiteFigures:
    """All figures of one quantity at one site; ``days_or_scans`` says what counts as independent. After an upgrade ``table`` and all
    figures but the chart's points and the change are of the scans since: what the scanner was before is no business of its bias now."""

    table: Table
    site: str
    vials: tuple[VialFigure, ...]
    line: linearity.Line
    repeatability: repeats.Repeatability
    chart: drift.Chart | None
    change: upgrade.Change | None
    days_or_scans: str
    n_days: int
    span_days: int
    all_scans: tuple[Scan, ...] = ()


@dataclass(frozen=True, eq=False)
class Qualification:
    """Everything: figures by quantity and site, components across sites by quantity, judgements, and the verdict on each site."""

    figures: tuple[SiteFigures, ...]
    components: tuple[tuple[Table, components.Components], ...]
    judgements: tuple[Judgement, ...]
    limits: Limits
    upgrade: datetime.date | None = None

    @property
    def sites(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(f.site for f in self.figures))

    def verdict(self, site: str = "") -> str:
        """``pass``, ``fail`` or ``not enough data`` of one site, or of all together, what is judged across sites included."""
        verdicts = {j.verdict for j in self.judgements if not site or j.site == site} - {NOT_YET}
        for grave in (FAIL, UNDECIDED):
            if grave in verdicts:
                return OVERALL[grave]
        return OVERALL[PASS if PASS in verdicts else UNDECIDED]


def qualify(tables: Sequence[Table], limits: Limits, upgrade_day: datetime.date | None = None) -> Qualification:
    """Figures and judgements of all tables."""
    figures = tuple(
        _figures(table.of_site(site), site, limits, upgrade_day) for table in tables for site in table.sites
    )
    across = []
    for table in tables:
        found = (
            components.components(table.deviation, table.site_index, table.day_index) if len(table.sites) > 1 else None
        )
        if found is not None:
            across.append((table, found))
    judged = [j for f in figures for j in _judged(f, limits)]
    judged += [_reproducibility(table, found, limit) for table, found in across
               for limit in limits.of(table.quantity, "reproducibility")]  # fmt: skip
    return Qualification(figures, tuple(across), tuple(judged), limits, upgrade_day)


def _figures(table: Table, site: str, limits: Limits, upgrade_day: datetime.date | None) -> SiteFigures:
    full, (days, dates) = table, table.by_day()
    whole_chart, changed = _chart(days, dates, limits), _change(days, dates, table, limits, upgrade_day)
    if upgrade_day is not None and table.dated:
        since = [i for i, s in enumerate(table.scans) if s.day is not None and s.day >= upgrade_day]
        table = table.only(since) if since else table
    rows, kind = table.independent()
    u = table.deviation_u
    each = repeats.of_each(table.measured, table.day_index)
    pooled = repeats.pooled(table.deviation, table.day_index)
    vials = []
    for j, name in enumerate(table.vials):
        known = np.isfinite(table.measured[:, j])
        reference = (
            float(np.nanmean(table.expected[known, j])) if known.any() else float(np.nanmean(table.expected[:, j]))
        )
        measured = float(np.mean(table.measured[known, j])) if known.any() else float("nan")
        vials.append(VialFigure(name, reference, float(np.nanmean(table.expected_u[:, j])), measured, mean_interval(rows[:, j], u[j]),
                                each[j], int(known.sum())))  # fmt: skip
    days, dates = table.by_day()
    dated = [d for d in dates if d is not None]
    span = (max(dated) - min(dated)).days if len(dated) == len(dates) and dated else 0
    now = _chart(days, dates, limits)
    if whole_chart is not None:
        whole_chart = replace(whole_chart, trend=UNKNOWN if now is None else now.trend)
    return SiteFigures(table, site, tuple(vials), _line(table, vials, rows), pooled, whole_chart, changed, kind, len(days), span,
                       full.scans)  # fmt: skip


def _line(table: Table, vials: Sequence[VialFigure], rows: np.ndarray) -> linearity.Line:
    x = np.array([v.reference for v in vials])
    y = np.array([v.measured for v in vials])
    u_x = np.array([v.reference_u for v in vials])
    left, df = repeats.residuals(rows, np.zeros(len(rows)))
    scatter = float(np.sqrt(np.nansum(left**2) / df.sum() / len(rows))) if df.sum() > 0 else 1.0
    u_y = scatter / 100.0 * x if table.relative else np.full(len(x), scatter)
    return linearity.line(x, y, u_x, u_y)


def _mean_of_days(days: np.ndarray) -> np.ndarray:
    """(days,) mean deviation over the vials that every day has; NaN where there is no such vial."""
    common = np.isfinite(days).all(axis=0)
    return days[:, common].mean(axis=1) if common.any() else np.full(len(days), np.nan)


def _chart(days: np.ndarray, dates: list[datetime.date | None], limits: Limits) -> drift.Chart | None:
    known = [d for d in dates if d is not None]
    values = _mean_of_days(days)
    if len(known) != len(dates) or len(dates) < 2 or not np.isfinite(values).all():
        return None
    return drift.chart(np.array([float(d.toordinal()) for d in known]), values, limits.least_baseline)


def _change(
    days: np.ndarray, dates: list[datetime.date | None], table: Table, limits: Limits, when: datetime.date | None
) -> upgrade.Change | None:
    if when is None or any(d is None for d in dates):
        return None
    values = _mean_of_days(days)
    after = np.array([d is not None and d >= when for d in dates])
    margins = limits.of(table.quantity, "change")
    return upgrade.change(values[~after], values[after], margins[0].high if margins else float("nan"))


# --- judging ----------------------------------------------------------------------------------------------------------


def _judged(f: SiteFigures, limits: Limits) -> list[Judgement]:
    judges: dict[str, Callable[[SiteFigures, Limit, Limits], Judgement | None]] = {
        "bias": _bias, "slope": _slope, "repeatability": _repeatability, "drift": _drift, "change": _upgrade,
    }  # fmt: skip
    found = [judge(f, limit, limits) for name, judge in judges.items() for limit in limits.of(f.table.quantity, name)]
    return [j for j in found if j is not None]


def _bias(f: SiteFigures, limit: Limit, limits: Limits) -> Judgement | None:
    low, high = limit.reference_range
    asked = [v for v in f.vials if low <= v.reference <= high]
    if not asked:
        return None
    order = {FAIL: 0, UNDECIDED: 1, PASS: 2}
    worst = min(asked, key=lambda v: (order[decide(v.bias, limit.low, limit.high)], -_reach(v.bias)))
    j = list(f.table.vials).index(worst.vial)
    rows, u = f.table.independent()[0][:, j], float(f.table.deviation_u[j])
    rows = rows[np.isfinite(rows)]
    more = None
    if len(rows) > 1:
        s, mean = float(rows.std(ddof=1)), float(rows.mean())
        more = scans_to_decide(lambda n: _expected_mean(mean, s, u, n), limit.low, limit.high, len(rows))
    return _judgement(f, limit, limits, f"vial {worst.vial}", worst.bias, f.table.deviation_unit, more, f.days_or_scans)


def _expected_mean(mean: float, s: float, u: float, n: int) -> Interval:
    """The interval of a mean of n values as scattered as those at hand."""
    a = s**2 / n
    df = (n - 1) * ((a + u**2) / a) ** 2 if a > 0 else float("inf")
    return t_interval(mean, float(np.sqrt(a + u**2)), df)


def _reach(found: Interval) -> float:
    return max(abs(found.low), abs(found.high)) if found.known else np.inf


def _slope(f: SiteFigures, limit: Limit, limits: Limits) -> Judgement:
    return _judgement(f, limit, limits, f"{f.line.n} vials", f.line.slope, "", None, "")


def _repeatability(f: SiteFigures, limit: Limit, limits: Limits) -> Judgement:
    found = f.repeatability.wsd
    more = None
    if found.known and found.df > 0:
        per_scan = found.df / len(f.table.scans)
        more = scans_to_decide(
            lambda n: sd_interval(found.value**2, per_scan * n), limit.low, limit.high, len(f.table.scans)
        )
    return _judgement(f, limit, limits, "all vials", found, f.table.deviation_unit, more, "scans")


def _drift(f: SiteFigures, limit: Limit, limits: Limits) -> Judgement | None:
    if f.chart is None:
        return None
    unit = f"{f.table.deviation_unit} a year"
    if f.span_days < limit.from_days:
        why = f"The scans span {f.span_days} days; a drift is judged from {limit.from_days} days on."
        return Judgement(
            f.table.quantity, f.table.biomarker, f.site, "drift", "all vials", f.chart.trend, limit, unit, NOT_YET, why
        )
    return _judgement(f, limit, limits, "all vials", f.chart.trend, unit, None, "")


def _upgrade(f: SiteFigures, limit: Limit, limits: Limits) -> Judgement | None:
    if f.change is None:
        return None
    verdict, unit = f.change.verdict(limit.high), f.table.deviation_unit
    found = f.change.interval_90
    if verdict == UNDECIDED and not found.known:
        why = f"{_plural(f.change.n_before, 'day')} before and {f.change.n_after} after: two of each are needed to compare."
    else:
        why = _sentence(found, limit, unit, verdict, "90 %")
    return Judgement(
        f.table.quantity, f.table.biomarker, f.site, "change", "after against before", found, limit, unit, verdict, why
    )


def _reproducibility(table: Table, found: components.Components, limit: Limit) -> Judgement:
    verdict = decide(found.reproducibility, limit.low, limit.high)
    why = _sentence(found.reproducibility, limit, table.deviation_unit, verdict)
    return Judgement(table.quantity, table.biomarker, "", "reproducibility", f"{found.n_sites} sites", found.reproducibility, limit,
                     table.deviation_unit, verdict, why)  # fmt: skip


def _judgement(
    f: SiteFigures, limit: Limit, limits: Limits, what: str, found: Interval, unit: str, more: int | None, of_more: str
) -> Judgement:
    """Decided by the interval; not on fewer scans or days than demanded."""
    n = len(f.table.scans)
    lacking = max(limits.least_scans - n, 0)
    verdict = decide(found, limit.low, limit.high)
    if lacking or (f.n_days < limits.least_days and f.table.dated):
        have = f"{_plural(n, 'scan')} on {_plural(f.n_days, 'day')}" if f.table.dated else _plural(n, "scan")
        on = f" over {_plural(limits.least_days, 'day')}" if f.table.dated else ""
        sofar = "" if not found.known else {PASS: " So far it lies within the limits.", FAIL: " So far it lies outside the limits.",
                                            UNDECIDED: " So far its interval straddles a limit."}[verdict]  # fmt: skip
        why = f"{have}, where the limits demand {limits.least_scans}{on}.{sofar}"
        return Judgement(f.table.quantity, f.table.biomarker, f.site, limit.statistic, what, found, limit, unit, UNDECIDED, why,
                         max(lacking, more or 0, 1), "scans")  # fmt: skip
    why = _sentence(found, limit, unit, verdict)
    if verdict == UNDECIDED and found.known:
        why += (
            f" About {more} more {of_more if more > 1 else of_more[:-1]} like {'these' if more > 1 else 'those'} would decide."
            if more
            else _no_help(limit)
        )
    return Judgement(f.table.quantity, f.table.biomarker, f.site, limit.statistic, what, found, limit, unit, verdict, why,
                     more if verdict == UNDECIDED else None, of_more or "scans")  # fmt: skip


def _no_help(limit: Limit) -> str:
    return {
        "slope": " More scans hardly help: the vials scatter about the line, or their references are uncertain.",
        "drift": " Scans over a longer time would decide.",
        "bias": " More scans alone would not decide: the value lies too near the limit, or its reference is too uncertain.",
        "repeatability": " It lies too near the limit for more scans to decide.",
    }.get(limit.statistic, "")


def _sentence(found: Interval, limit: Limit, unit: str, verdict: str, level: str = "95 %") -> str:
    if not found.known:
        return {
            "repeatability": "No two scans on one day: repeat a scan without moving the phantom.",
            "drift": "Fewer than three days: a trend has no interval.",
            "slope": "Fewer than three vials were measured.",
            "bias": "A vial was measured once: its mean has no interval.",
        }.get(limit.statistic, "Too few values for an interval.")
    ends = f"{_number(found.low)} to {_number(found.high)}{' ' + unit if unit else ''}"
    how = {PASS: "lies within the limits", FAIL: "lies outside the limits", UNDECIDED: "straddles a limit"}[verdict]
    return f"The {level} interval, {ends}, {how}."


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _plural(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")


__all__ = ["FAIL", "NOT_YET", "PASS", "UNDECIDED", "Judgement", "Qualification", "SiteFigures", "VialFigure", "qualify"]
