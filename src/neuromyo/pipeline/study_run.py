"""Analyses of one study, run and written: what the command line and a locked plan both do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core import options as core_options
from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import MONTH_DAYS, Cohort
from neuromyo.core.errors import Finding
from neuromyo.io import store
from neuromyo.io.files import printable
from neuromyo.pipeline import study_measured, study_out, study_people, studying
from neuromyo.pipeline.study_out import Results
from neuromyo.study.flow import flow

Asked = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Done:
    """Results, and the files that were written, as the user would open them."""

    results: Results
    files: tuple[str, ...]


def run(asked: Asked, request: studying.StudyRequest, out: Path | None, title: str = "") -> Done:
    """Reads the tables, runs the analyses (kind and options as given), and writes them where ``out`` is given."""
    if out is not None:
        study_out.check(out)
    cohort = studying.read(request)
    results = analysed(asked, cohort, title)
    results = replace(results, inputs=hashes(request))
    return Done(results, written(out, results))


def analysed(asked: Asked, cohort: Cohort, title: str = "") -> Results:
    """The analyses of a cohort, with the flow of people through it."""
    found = [studying.analyse(kind, cohort, given) for kind, given in asked]
    used = tuple(core_options.as_dict(options) for _, options in found)
    return assembled(title, tuple(one for one, _ in found), used, cohort)


def assembled(
    title: str, analyses: Sequence[Analysis], options: Sequence[Mapping[str, Any]], cohort: Cohort, more: Sequence[Finding] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Results:  # fmt: skip
    """Finished analyses as the results of a study; ``more``: findings that come first."""
    entered = [one.entered for one in analyses if one.entered is not None]
    last = {who for each in entered for who in each} if len(entered) == len(analyses) else None
    people = flow(cohort, variables_of(options, cohort), last) if cohort.people else None
    return Results(
        title or analyses[0].title,
        tuple(analyses),
        tuple(options),
        people,
        design(cohort),
        (*more, *cohort.findings, *(cohort.time_findings if any(map(_over_time, analyses, options)) else ())),
        {},
        provenance or {},
    )


def _over_time(one: Analysis, options: Mapping[str, Any]) -> bool:
    """Whether an analysis uses several visits, for which it matters when they were."""
    return one.kind in ("change", "power", "bryan") or bool(options.get("repeated"))


def variables_of(options: Sequence[Mapping[str, Any]], cohort: Cohort) -> tuple[str, ...]:
    """The variables that options name, those of all analyses together; none where an analysis takes all."""
    named = [value for one in options for name in studying.NAMING if (value := one.get(name))]
    words = [w for value in named for w in ([value] if isinstance(value, str) else value)]
    return tuple(dict.fromkeys(w for w in words if w in cohort.values))


def design(cohort: Cohort) -> tuple[str, ...]:
    """Who was measured, how often and over which time, in sentences."""
    groups = Counter(p.group or "no group" for p in cohort.people.values())
    said = ", ".join(f"{n} {group}" for group, n in sorted(groups.items()))
    who = f"{len(cohort.people)} people were enrolled ({said})." if cohort.people else ""
    times = [f"{v or 'the only one'}" + _median(cohort, v) for v in cohort.visits]
    when = f"Visits: {', '.join(times)}." if times else ""
    return tuple(sentence for sentence in (who, when) if sentence)


def _median(cohort: Cohort, visit: str) -> str:
    """How long after the first visit this one was, median and range over people; nothing where it is the first or not known."""
    days = cohort.days[(cohort.visit == visit) & np.isfinite(cohort.days)]
    if not days.size or not days.max():
        return ""
    low, mid, high = (float(x) / MONTH_DAYS for x in (days.min(), np.median(days), days.max()))
    return f" (after {mid:.1f} months, {low:.1f} to {high:.1f})"


def written(out: Path | None, results: Results) -> tuple[str, ...]:
    """The files, written; none where no folder was given."""
    return () if out is None else tuple(str(out / name) for name in study_out.write(out, results))


def hashes(request: studying.StudyRequest) -> dict[str, str]:
    """SHA-256 of every table that was read, by name; files of one name are numbered in the order given."""
    files = [study_measured.file_of(p) for p in request.tables]
    for path in request.clinical:
        folder = path / "phenotype" if (path / "phenotype").is_dir() else path
        files += sorted(f for f in folder.iterdir() if f.suffix in (".tsv", ".csv")) if path.is_dir() else [path]
    files += [study_people.file_of(request.people)] if request.people else []
    out: dict[str, str] = {}
    for path in files:
        name = printable(path.name)
        again = sum(1 for known in out if known.split(" (")[0] == name)
        out[f"{name} ({again + 1})" if again else name] = store.sha256(path)
    return out
