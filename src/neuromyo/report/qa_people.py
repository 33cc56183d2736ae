"""The letter about repeat scans of people: repeatability by region and quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.core.errors import Finding
from neuromyo.quality.limits import Limit
from neuromyo.report import qa_figures, wording
from neuromyo.report.html import render
from neuromyo.report.qa import CLASSES, interval_text
from neuromyo.report.tables import Grid2D
from neuromyo.stats.intervals import UNKNOWN, decide
from neuromyo.stats.repeats import People

#: columns of qa.tsv
COLUMNS = (
    "quantity",
    "biomarker",
    "acquisition",
    "region",
    "side",
    "region_source",
    "level",
    "statistic",
    "unit",
    "people",
    "scans",
    "mean",
    "wsd",
    "wsd_low",
    "wsd_high",
    "wcv_percent",
    "wcv_low",
    "wcv_high",
    "rc",
    "rc_low",
    "rc_high",
    "icc",
    "icc_low",
    "icc_high",
    "note",
    "verdict",
)
ANSWERS = {"pass": "Repeatable enough", "fail": "Not repeatable enough", "not enough data": "Not enough data to decide"}


@dataclass(frozen=True, eq=False)
class Line:
    """One quantity of one region: ``key`` are the first nine of `COLUMNS`; ``verdict`` is empty where no limit was declared."""

    key: tuple[str, ...]
    found: People
    people: int
    groups: tuple[np.ndarray, ...]
    verdict: str = ""


@dataclass(frozen=True, eq=False)
class PeopleView:
    """What the letter tells of; ``dated``: repeats are scans of one day."""

    site: str
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    dated: bool


def line(
    key: tuple[str, ...], found: People, people: int, groups: Sequence[tuple[str, np.ndarray]], limit: Limit | None
) -> Line:
    """A line with its verdict; people scanned on several days have no ICC, since their days are not different people."""
    if people != len(groups):
        found = replace(found, icc=UNKNOWN, why_no_icc="people were scanned repeatedly on several days")
    verdict = "" if limit is None else decide(found.wcv, limit.low, limit.high)
    return Line(key, found, people, tuple(v for _, v in groups), verdict)


def overall(view: PeopleView) -> str:
    """``pass``, ``fail``, ``not enough data``, or empty where nothing was judged."""
    verdicts = {one.verdict for one in view.lines} - {""}
    return (
        ""
        if not verdicts
        else "fail"
        if "fail" in verdicts
        else "not enough data"
        if "undecided" in verdicts
        else "pass"
    )


def page(view: PeopleView) -> str:
    """The self-contained HTML letter."""
    verdict = overall(view)
    kinds: dict[tuple[str, ...], list[Line]] = {}
    for one in view.lines:
        kinds.setdefault((one.key[0], one.key[1], one.key[2], one.key[7]), []).append(one)
    return render(
        "qa_people.html.j2",
        view=view,
        title="repeat scans of volunteers",
        answer=ANSWERS.get(verdict, ""),
        verdict=CLASSES.get(verdict, ""),
        summary=_summary(view),
        parts=[(_title(key), _plot(lines), _table(lines)) for key, lines in kinds.items()],
    )


def _summary(view: PeopleView) -> tuple[str, ...]:
    people, scans = (max(n) for n in zip(*((one.people, one.found.n_scans) for one in view.lines), strict=True))
    kind = "on one day" if view.dated else "whose dates are not known"
    return (f"{wording.plural(people, 'volunteer')} with repeats {kind}, {wording.plural(scans, 'scan')} at most; "
            f"{wording.plural(len(view.lines), 'value')} by region and quantity.",)  # fmt: skip


def _title(key: tuple[str, ...]) -> str:
    quantity, biomarker, acquisition, statistic = key
    tail = "" if statistic == "mean" else f", {statistic}"
    return f"{quantity} by {biomarker or 'volume'}{tail}" + (f" ({acquisition})" if acquisition else "")


def _plot(lines: Sequence[Line]) -> Markup:
    groups = [g for one in lines for g in one.groups]
    df = sum(g.size - 1 for g in groups)
    wsd = math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / df)
    return qa_figures.repeats(groups, lines[0].key[0], lines[0].key[8], wsd)


def _table(lines: Sequence[Line]) -> Grid2D:
    unit = wording.unit(lines[0].key[8])
    tail = f" ({unit})" if unit else ""
    rows = []
    for one in sorted(lines, key=lambda o: (o.key[3], wording.SIDE_ORDER.get(o.key[4], 3))):
        f = one.found
        side = f", {one.key[4]}" if one.key[4] in ("left", "right") else ""
        rows.append((wording.region(one.key[3]) + side, str(one.people), str(f.n_scans), wording.number(f.mean), interval_text(f.wsd),
                     interval_text(f.wcv), interval_text(f.rc), interval_text(f.icc)))  # fmt: skip
    return Grid2D(
        ("region", "people", "scans", f"mean{tail}", f"wSD{tail}", "wCV (%)", f"RC{tail}", "ICC"), tuple(rows)
    )


def row(one: Line) -> tuple[Any, ...]:
    """As in qa.tsv."""
    f = one.found
    ends = [v for i in (f.wsd, f.wcv, f.rc, f.icc) for v in (i.value, i.low, i.high)]
    return (*one.key, one.people, f.n_scans, f.mean, *ends, f.why_no_icc, one.verdict)


def as_json(view: PeopleView) -> dict[str, Any]:
    """Everything, as plain values."""
    rows = [dict(zip(COLUMNS, row(one), strict=True)) for one in view.lines]
    plain = [
        {
            k: (
                None
                if isinstance(v, float) and not math.isfinite(v)
                else float(f"{v:.10g}")
                if isinstance(v, float)
                else v
            )
            for k, v in r.items()
        }
        for r in rows
    ]
    return {"schema": 1, "neuromyo": view.versions.get("neuromyo"), "site": view.site, "verdict": overall(view), "same_day": view.dated,
            "regions": plain, "findings": [f.as_dict() for f in view.findings]}  # fmt: skip
