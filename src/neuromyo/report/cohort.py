"""The page of all sessions together: who was done, who failed and why, and the values across subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.report import wording
from neuromyo.report.figures import strip_plot
from neuromyo.report.html import render
from neuromyo.report.tables import Grid2D, aids, main_statistic, several_acquisitions, title_of, whole_regions
from neuromyo.report.view import CohortView, SessionLine, rank

__all__ = ["CohortView", "SessionLine", "page"]


@dataclass(frozen=True, eq=False)
class Spread:
    """One quantity across the sessions: plot and table."""

    title: str
    biomarker: str
    acquisition: str
    unit: str
    statistic: str
    plot: Markup
    table: Grid2D


def page(view: CohortView) -> str:
    """The self-contained HTML page of a cohort, a pure function of the view."""
    return render("cohort.html.j2", view=view, title=view.title, summary=summary(view), spreads=spreads(view))


def summary(view: CohortView) -> tuple[str, ...]:
    """How many sessions of how many subjects, and how many failed."""
    failed = [s for s in view.sessions if s.status == "failed"]
    subjects = len({s.subject for s in view.sessions})
    said = [
        f"{wording.plural(len(view.sessions), 'session')} of {wording.plural(subjects, 'subject')}: "
        f"{len(view.sessions) - len(failed):,} done, {len(failed):,} failed."
    ]
    if failed:
        names = wording.listing([s.label for s in failed[:5]]) + (" and others" if len(failed) > 5 else "")
        said.append(f"Without a result: {names}. The table says why and what to do.")
    return tuple(said)


def spreads(view: CohortView) -> tuple[Spread, ...]:
    """A plot and a table for each acquisition, biomarker and quantity: prominent ones first, what helps fits last."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    rows = whole_regions(view.measurements)
    several, last = several_acquisitions(rows), aids(view.biomarkers, rows)
    ordered = sorted(rows, key=lambda r: rank(view.biomarkers, r["biomarker"]))
    for row in sorted(ordered, key=lambda r: (r["biomarker"], r["quantity"]) in last):
        groups.setdefault((row["acquisition"], row["biomarker"], row["quantity"]), []).append(row)
    return tuple(_spread(view, key, rows, several) for key, rows in groups.items())


def _spread(view: CohortView, key: tuple[str, str, str], rows: Sequence[Mapping[str, Any]], several: bool) -> Spread:
    acquisition, biomarker, quantity = key
    statistic = main_statistic(rows)
    main = [r for r in rows if r["statistic"] == statistic]
    values: dict[str, dict[str, list[float]]] = {}
    for row in sorted(main, key=lambda r: wording.SIDE_ORDER.get(r["side"], 3)):
        values.setdefault(row["region"], {}).setdefault(row["side"], []).append(row["value"])
    values = {name: values[name] for name in dict.fromkeys(r["region"] for r in main)}
    unit, title = main[0]["unit"], title_of(view.biomarkers, biomarker, quantity)
    title = wording.capital(title)
    return Spread(
        title,
        biomarker,
        acquisition if several else "",
        wording.unit(unit),
        statistic,
        strip_plot(values, wording.short(title), unit),
        _table(values),
    )


def _table(values: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid2D:
    rows = []
    for name, sides in values.items():
        for side, numbers in sides.items():
            finite = np.array([v for v in numbers if np.isfinite(v)])
            said = ["–"] * 3
            if finite.size:
                said = [wording.number(float(v)) for v in (np.median(finite), finite.min(), finite.max())]
            rows.append((wording.region(name), side or "–", str(finite.size), str(len(numbers) - finite.size), *said))
    return Grid2D(("region", "side", "sessions", "without", "median", "lowest", "highest"), tuple(rows))
