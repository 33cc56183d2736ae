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
    where the plan names what the analysis does not give. A plan without a correction is for one p value; several are corrected after Holm.
    """
    rows = [
        (i.name, *outcome)
        for i, a in zip(plan.items, found, strict=True)
        if i.role == "primary"
        for outcome in _outcomes(i, a)
    ]
    p = np.array([r[2] if r[2] is not None else np.nan for r in rows], dtype=float)
    how = "holm" if plan.multiplicity == "none" and len(rows) > 1 else plan.multiplicity
    corrected = correct(p, how)
    cells = [
        (n, what, _or_none(x), _or_none(c), _verdict(c, plan.alpha))
        for (n, what, _), x, c in zip(rows, p, corrected, strict=True)
    ]
    table = Table("primary-outcomes", "Primary outcomes", _COLUMNS, tuple(cells),
                  f"alpha = {plan.alpha:g}, {_words(plan, how)}.")  # fmt: skip
    n = int(np.sum(corrected < plan.alpha))
    told = f"{n} of {len(rows)} primary outcomes are significant at {plan.alpha:g}, {_words(plan, how)}."
    few = (
        f" {deviations} deviation{'s' * (deviations != 1)} from the plan."
        if deviations
        else " No deviation from the plan."
    )
    said = told + few if rows else "No primary analysis gave a p value; what they estimate stands below." + few
    return Analysis(
        "plan", "Primary outcomes, as planned", (said,), (table,) if rows else (), (), _methods(plan, how, seal)
    )


def correct(p: np.ndarray, how: str) -> np.ndarray:
    """(n,) p values corrected, at most 1. NaN, an outcome that could not be tested, stays and counts as one that was tested: a plan is not
    held to less because a test failed."""
    known = np.isfinite(p)
    full = np.where(known, p, 1.0)
    corrected = np.minimum(full * len(p), 1.0) if how == "bonferroni" else multiplicity.adjust(full, how)
    return np.where(known, corrected, np.nan)


def _outcomes(item: Item, one: Analysis) -> list[tuple[str, Cell]]:
    for table in one.tables:
        p = next((c.name for c in table.columns if c.kind == "p"), "")
        if item.outcome:
            wanted, _, p = item.outcome.partition(".")
            if table.id != wanted:
                continue
            _refuse_absent(item, table, p)
        if p:
            cells = zip(table.rows, table.column(p), strict=True)
            found = [(_label(table, row), cell) for row, cell in cells if _counts(item, table, row)]
            if item.where and table.rows and not found:
                raise _no_row(item, table)
            return found or [("nothing was tested", None)]
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
    of_p = [c.name for c in table.columns if c.kind == "p"]
    if p not in of_p:
        raise _wrong(item, f"a column of p values ({', '.join(of_p) or f'the table {table.id} has none'})", p)


def _no_row(item: Item, table: Table) -> DataError:
    """Said with the words that the columns do hold: a row that silently is not there would leave an outcome out of the correction."""
    words = [f"{c}: {', '.join(sorted({str(v) for v in table.column(c)}))}" for c in item.where]
    asked = ", ".join(f"{c} = {w}" for c, w in item.where.items())
    return _wrong(item, f"a row of the table {table.id} ({'; '.join(words)})", f"none where {asked}")


def _wrong(item: Item, needed: str, found: str) -> DataError:
    return DataError(
        "E-PLAN",
        where=f"primary outcome of {item.name}",
        needed=needed,
        found=found,
        remedy=f"the analysis stands as planned, but its p value cannot be found: state the right place, a deviation, by "
        f'--set "{item.name}.outcome=TABLE.COLUMN" or --set "{item.name}.where=COLUMN=WORD"',
    )


def _methods(plan: Plan, how: str, seal: str) -> tuple[str, ...]:
    primary = ", ".join(i.name for i in plan.items if i.role == "primary")
    return (
        f"The analysis followed a plan (SHA-256 {plan.hash}) that was sealed before results were seen (seal {seal}).",
        f"Primary: {primary}; p values over primary outcomes were {_words(plan, how)} (alpha {plan.alpha:g}).",
        f"Missing data: {plan.missing.rstrip('.')}.",
    )


def _words(plan: Plan, how: str) -> str:
    because = ": the plan names no correction, and there are several" if how != plan.multiplicity else ""
    return _WORDS[how] + because


def _verdict(p: float, alpha: float) -> str:
    return "not known" if np.isnan(p) else "yes" if p < alpha else "no"


def _or_none(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
