"""What a study leaves in its folder: page, methods, numbers for machines, a file a table and a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.analysis import Analysis, Flow
from neuromyo.core.errors import Finding, OptionError
from neuromyo.io import store
from neuromyo.io.files import printable
from neuromyo.io.together import all_or_none
from neuromyo.pipeline import outdir
from neuromyo.pipeline.code_version import versions
from neuromyo.report import study

_RECORD = "record/study.json"
_MARK = "record/made_by_neuromyo.json"


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
    made = _files(results)
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


def _files(results: Results) -> dict[str, str]:
    """Every file's text by its name."""
    made = study.files(results.analyses)
    made["methods.md"] = methods(results)
    made["analysis.json"] = _json(numbers(results))
    view = study.StudyView(
        title=results.title, analyses=results.analyses, design=results.design, flow=results.flow, findings=results.findings,
        versions=dict(versions()), provenance=_provenance(results), downloads={name: name for name in sorted(made)},
    )  # fmt: skip
    return made | {"study.html": study.page(view)}


def methods(results: Results) -> str:
    """The methods section, as Markdown, and what it was worked out from."""
    inputs = [f"* {name}: SHA-256 {digest}" for name, digest in sorted(results.inputs.items())]
    return study.methods(results.analyses, versions()) + "\n".join(["## Inputs", "", *inputs, ""] if inputs else [])


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
