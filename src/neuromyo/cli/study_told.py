"""What a verb of ``neuromyo study`` says in the end: the findings in words, a small table, what to be careful about, where files are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.core.analysis import Analysis, Table

#: a table of fewer rows that is no wider than this is shown; others are named, and stand in the files
_FEWER_ROWS, _WIDE = 12, 120


def tell(done: Any) -> None:
    """One object for machines; for people the summary, a small table, what to be careful about, and the files."""
    from neuromyo.study.alike import joined

    speaker.answer({"title": done.results.title, "analyses": [a.as_dict() for a in done.results.analyses],
                    "findings": [f.as_dict() for f in done.results.findings], "files": list(done.files), "exit": 0})  # fmt: skip
    for one in done.results.analyses:
        _say(one, done.files)
    for f in joined(f for a in (done.results, *done.results.analyses) for f in a.findings):
        speaker.note(str(f))
    if done.files:
        page = [f for f in done.files if f.endswith("study.html")]
        speaker.out(
            *(page or done.files[:1]),
            f"and {len(done.files) - 1} more files beside it: tables, figures, methods, numbers",
        )


def _say(one: Analysis, files: Sequence[str]) -> None:
    speaker.out(one.title + (f" ({one.mark})" if one.mark else ""), *one.summary)
    if not one.tables:
        return
    first = one.tables[0]
    heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in first.columns]
    rows = [[_cell(v, c.kind) for v, c in zip(row, first.columns, strict=True)] for row in first.rows]
    if len(rows) < _FEWER_ROWS and _width(heads, rows) <= _WIDE:
        speaker.table(first.title, heads, rows)
    else:
        speaker.out(f"Table: {first.title} ({len(rows)} rows){_place(one, first, files)}")


def _width(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Of the table as it is printed."""
    return sum(max(len(cell) for cell in column) + 3 for column in zip(heads, *rows, strict=True))


def _place(one: Analysis, table: Table, files: Sequence[str]) -> str:
    names = (f"tables/{table.id}.tsv", f"tables/{one.kind}-{table.id}.tsv")
    found = next((f for f in files if f.endswith(names)), "")
    return f": {found}" if found else ": it is too large to be shown here; -o DIR writes it"


def _cell(value: Any, kind: str) -> str:
    from neuromyo.study import said

    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind == "p" and isinstance(value, float):
        return said.p_number(value)
    return said.number(value) if isinstance(value, float) else str(value)
