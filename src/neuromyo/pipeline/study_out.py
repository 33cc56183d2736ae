"""What a study leaves in its folder: page, methods, numbers for machines, a file a table and a drawing."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.analysis import Analysis, Flow, Table
from neuromyo.core.errors import Finding, OptionError
from neuromyo.io import store, table
from neuromyo.io.files import printable
from neuromyo.io.together import all_or_none
from neuromyo.pipeline import outdir
from neuromyo.pipeline.code_version import versions

_RECORD = "record/study.json"
_MARK = "record/made_by_neuromyo.json"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Results:
    """Everything that goes into a study's folder. ``options``: of each analysis, as used; ``inputs``: file name -> SHA-256;
    ``design``: facts about the study, in sentences; ``provenance``: what else says how it was made (a locked plan's hash, deviations)."""

    title: str
    analyses: tuple[Analysis, ...]
    options: tuple[Mapping[str, Any], ...]
    flow: Flow | None = None
    design: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def check(out: Path) -> None:
    """E-OUTDIR where results may not go: a folder with other people's files, or with the results of another verb. Changes nothing."""
    if out.is_dir() and not out.is_symlink() and any(out.iterdir()) and not (out / _RECORD).is_file():
        found = (
            "results of another verb of neuromyo" if (out / _MARK).is_file() else "files that are not a study's results"
        )
        raise OptionError("E-OUTDIR", where=printable(out), needed="a new or empty folder, or one of an earlier study", found=found,
                          remedy="give another folder after -o")  # fmt: skip
    if out.exists() or out.is_symlink():
        outdir.prepare(out)


def write(out: Path, results: Results) -> tuple[str, ...]:
    """Writes all of it, or nothing; files of an earlier study in that folder that are no longer made are removed. The files' names,
    relative to ``out``. The same inputs and options give the same bytes: no time, host or absolute path is in any of them."""
    check(out)
    root = outdir.prepare(out)
    made = dict(_files(results))
    before = _earlier(root)
    with all_or_none():
        hashes = {name: store.write_text(root / name, text) for name, text in made.items()}
        store.write_json(root / _RECORD, {"schema": 1, "files": hashes})
    outdir.mark(root)
    for name in sorted(before - set(made)):
        (root / name).unlink(missing_ok=True)
    return tuple(sorted(made))


def _earlier(root: Path) -> set[str]:
    """Files that an earlier study wrote there, and only those: nothing outside of the folder is ever named."""
    import json

    path = root / _RECORD
    if not path.is_file():
        return set()
    try:
        held = json.loads(path.read_text(encoding="utf-8")).get("files", {})
    except (ValueError, AttributeError):
        return set()
    return {name for name in held if isinstance(name, str) and (root / name).resolve().is_relative_to(root)}


def _files(results: Results) -> Iterator[tuple[str, str]]:
    """(name, text) of every file."""
    made = dict(_beside(results.analyses))
    made["methods.md"] = methods(results)
    made["analysis.json"] = _json(numbers(results))
    yield from made.items()
    report = _report()
    if report is not None:
        view = report.StudyView(
            title=results.title, analyses=results.analyses, design=results.design, flow=results.flow, findings=results.findings,
            versions=dict(versions()), provenance=_provenance(results), downloads={name: name for name in sorted(made)},
        )  # fmt: skip
        yield "study.html", report.page(view)


def _report() -> Any:
    """The maker of pages and drawings, where it is there."""
    there = importlib.util.find_spec("neuromyo.report.study") is not None
    return importlib.import_module("neuromyo.report.study") if there else None


def _beside(analyses: Sequence[Analysis]) -> Iterator[tuple[str, str]]:
    """A file a table, with its data dictionary, and a file a drawing."""
    kinds = [a.kind for a in analyses]
    report = _report()
    for i, (kind, one) in enumerate(zip(kinds, analyses, strict=True)):
        again = kinds[: i + 1].count(kind)
        for each in one.tables:
            stem = f"tables/{_stem(each.id, kind, again, len(kinds))}"
            lines = [[c.name for c in each.columns], *([_cell(v) for v in row] for row in each.rows)]
            yield f"{stem}.tsv", "\n".join("\t".join(table.cell(v, each.id) for v in line) for line in lines) + "\n"
            yield f"{stem}.json", _json(_meaning(each))
        for figure in one.figures if report else ():
            yield f"figures/{_stem(figure.id, kind, again, len(kinds))}.svg", report.standalone(figure)


def _stem(id_: str, kind: str, again: int, analyses: int) -> str:
    """What a file is called: the id, with the analysis' kind before it where there are several, a number where one is there twice."""
    word = id_ if _ID.fullmatch(id_) else re.sub(r"[^a-z0-9]+", "-", id_.casefold()).strip("-") or "table"
    named = word if analyses == 1 or word.startswith(f"{kind}-") else f"{kind}-{word}"
    return f"{named}-{again}" if again > 1 else named


def _meaning(each: Table) -> dict[str, Any]:
    """The data dictionary beside a table, as BIDS has them."""
    columns = {c.name: {"Description": c.meaning, **({"Units": c.unit} if c.unit else {})} for c in each.columns}
    return {"Title": each.title, **({"Note": each.note} if each.note else {}), **columns}


def methods(results: Results) -> str:
    """The methods section, as Markdown: a paragraph an analysis, then versions and inputs."""
    lines = [f"# Methods: {results.title}", ""]
    for one in results.analyses:
        lines += [f"## {one.title}", "", " ".join(one.methods) or "No words.", ""]
    lines += ["## Software", "", ", ".join(f"{name} {v}" for name, v in versions().items()) + ".", ""]
    if results.inputs:
        lines += [
            "## Inputs",
            "",
            *(f"* {name}: SHA-256 {digest}" for name, digest in sorted(results.inputs.items())),
            "",
        ]
    return "\n".join(lines)


def numbers(results: Results) -> dict[str, Any]:
    """For machines: analyses with their options, the flow of people, findings, versions and inputs."""
    analyses = [
        {**one.as_dict(), "options": dict(options)}
        for one, options in zip(results.analyses, results.options, strict=True)
    ]
    arms = {} if results.flow is None else results.flow.arms
    boxes = {arm: [{"box": b, "people": n, "left": dict(left)} for b, n, left in boxes] for arm, boxes in arms.items()}
    return {"title": results.title, "analyses": analyses, "flow": boxes, "findings": [f.as_dict() for f in results.findings],
            "versions": dict(versions()), "inputs": dict(results.inputs), "provenance": dict(results.provenance)}  # fmt: skip


def _provenance(results: Results) -> dict[str, str]:
    said = {f"SHA-256 of {name}": digest for name, digest in sorted(results.inputs.items())}
    return said | {k: v if isinstance(v, str) else _json(v).strip() for k, v in results.provenance.items()}


def _cell(value: Any) -> Any:
    """Infinity, which an interval may reach, is written in words; tables have no number for it."""
    return (
        ("inf" if value > 0 else "-inf")
        if isinstance(value, float) and value in (float("inf"), float("-inf"))
        else value
    )


def _json(value: Any) -> str:
    import json

    return json.dumps(plain(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON holds it: numbers that JSON lacks become null, NumPy's become Python's."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
