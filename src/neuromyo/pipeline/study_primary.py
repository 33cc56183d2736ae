"""The primary outcomes of a plan together: their p values corrected over all of them, as the plan says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.analysis import Analysis, Cell, Table, columns
from neuromyo.core.errors import DataError
from neuromyo.pipeline.study_plan import Item, Plan
from neuromyo.stats import multiplicity

_WORDS = {
    "none": "without a correction: there is one",
    "holm": "corrected after Holm",
    "bonferroni": "corrected after Bonferroni",
}
_COLUMNS = columns(
    ("analysis", "name of the analysis in the plan", "", "text"),
    ("outcome", "what was tested", "", "text"),
    ("p", "p value of the analysis itself", "", "p"),
    ("p_corrected", "p value corrected over all primary outcomes", "", "p"),
    ("significant", "whether the corrected p value is below alpha", "", "text"),
)


def outcomes(plan: Plan, found: Sequence[Analysis], seal: str, deviations: int) -> Analysis:
    """The primary outcomes as a section of their own. ``found``: the analyses in the order of the plan.

    Outcomes are the rows of the table and column that the plan names; without a name, of the first table with a column of p values. E-PLAN
    where the plan names what the analysis does not give.
    """
    rows = [
        (i.name, *outcome)
        for i, a in zip(plan.items, found, strict=True)
        if i.role == "primary"
        for outcome in _outcomes(i, a)
    ]
    p = np.array([r[2] if r[2] is not None else np.nan for r in rows], dtype=float)
    corrected = correct(p, plan.multiplicity)
    cells = [
        (n, what, _or_none(x), _or_none(c), _verdict(c, plan.alpha))
        for (n, what, _), x, c in zip(rows, p, corrected, strict=True)
    ]
    table = Table("primary-outcomes", "Primary outcomes", _COLUMNS, tuple(cells),
                  f"alpha = {plan.alpha:g}, {_WORDS[plan.multiplicity]}.")  # fmt: skip
    n = int(np.sum(corrected < plan.alpha))
    told = f"{n} of {len(rows)} primary outcomes are significant at {plan.alpha:g}, {_WORDS[plan.multiplicity]}."
    few = (
        f" {deviations} deviation{'s' * (deviations != 1)} from the plan."
        if deviations
        else " No deviation from the plan."
    )
    said = told + few if rows else "No primary analysis gave a p value; what they estimate stands below." + few
    return Analysis("plan", "Primary outcomes, as planned", (said,), (table,) if rows else (), (), _methods(plan, seal))


def correct(p: np.ndarray, how: str) -> np.ndarray:
    """(n,) p values corrected, at most 1; NaN stays and does not count."""
    if how == "bonferroni":
        return np.minimum(p * np.isfinite(p).sum(), 1.0)
    return multiplicity.adjust(p, how)


def _outcomes(item: Item, one: Analysis) -> list[tuple[str, Cell]]:
    for table in one.tables:
        p = next((c.name for c in table.columns if c.kind == "p"), "")
        if item.outcome:
            wanted, _, p = item.outcome.partition(".")
            if table.id != wanted:
                continue
            _refuse_absent(item, table, p)
        if p:
            return [
                (_label(table, row), cell)
                for row, cell in zip(table.rows, table.column(p), strict=True)
                if _counts(item, table, row)
            ]
    if item.outcome:
        raise _wrong(item, f"one of the tables {', '.join(t.id for t in one.tables)}", item.outcome.partition(".")[0])
    return []


def _label(table: Table, row: Sequence[Cell]) -> str:
    words = [i for i, c in enumerate(table.columns) if c.kind == "text" and c.name != "unit"]
    return " ".join(str(row[i]) for i in words[:3] if row[i])


def _counts(item: Item, table: Table, row: Sequence[Cell]) -> bool:
    at = {c.name: i for i, c in enumerate(table.columns)}
    return all(name in at and str(row[at[name]]) == word for name, word in item.where.items())


def _refuse_absent(item: Item, table: Table, p: str) -> None:
    names = [c.name for c in table.columns]
    lost = next((n for n in (p, *item.where) if n not in names), "")
    if lost:
        raise _wrong(item, f"a column of the table {table.id} ({', '.join(names)})", lost)


def _wrong(item: Item, needed: str, found: str) -> DataError:
    return DataError(
        "E-PLAN",
        where=f"primary outcome of {item.name}",
        needed=needed,
        found=found,
        remedy="the analysis stands as planned, but its p value cannot be found: state the right place as a deviation",
    )


def _methods(plan: Plan, seal: str) -> tuple[str, ...]:
    primary = ", ".join(i.name for i in plan.items if i.role == "primary")
    return (
        f"The analysis followed a plan (SHA-256 {plan.hash}) that was sealed before results were seen (seal {seal}).",
        f"Primary: {primary}; p values over primary outcomes were {_WORDS[plan.multiplicity]} (alpha {plan.alpha:g}).",
        f"Missing data: {plan.missing.rstrip('.')}.",
    )


def _verdict(p: float, alpha: float) -> str:
    return "not known" if np.isnan(p) else "yes" if p < alpha else "no"


def _or_none(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
