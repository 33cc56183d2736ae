"""Repeat scans of volunteers: repeatability of every region and quantity of a measurement table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.pipeline import code_version, lock, outdir, qa_scans
from neuromyo.pipeline.qa_scans import Diary
from neuromyo.quality.limits import Limits
from neuromyo.report import qa_people as page
from neuromyo.stats import repeats

#: summaries over voxels that are no measurement to repeat
_LEFT_OUT = ("iqr", "median")


@dataclass(frozen=True)
class PeopleResult:
    """What was found, region by region, and what was written."""

    lines: tuple[page.Line, ...]
    files: dict[str, str]
    findings: tuple[Finding, ...]


def run(out: Path, source: Path, scans: Path | None, limits: Limits, site: str = "") -> PeopleResult:
    """Writes ``qa.html``, ``qa.json`` and ``qa.tsv``. ``source``: a measurement table, or the folder of a run that holds one."""
    from neuromyo.io import store, table

    path = source / "measurements.tsv" if source.is_dir() else source
    measured = table.read_measurements(path)
    diary = Diary() if scans is None else qa_scans.read_table(scans)
    rows = [
        r
        for r in measured.rows()
        if not r["slice"] and r["region"] and r["statistic"] not in _LEFT_OUT and np.isfinite(r["value"])
    ]
    dated = bool(rows) and all(diary.of(r["subject"], r["session"]).day is not None for r in rows)
    lines = tuple(_line(key, some, diary, dated, limits) for key, some in _grouped(rows).items())
    lines = tuple(one for one in lines if one is not None)
    if not lines:
        raise DataError(
            "E-NODATA",
            where=path.name,
            needed="people who were scanned at least twice" + (" on one day" if dated else ""),
            found=_each_once(len({r["subject"] for r in rows})),
            remedy="give a table with several sessions a person",
        )
    findings = (
        ()
        if dated
        else (
            Finding(
                "warn",
                "W-ASSUMED",
                "dates",
                "no dates: all sessions of a person are taken for repeats on one day",
                "give --scans with the columns subject, session and date",
                "what changed between visits counts as scatter",
            ),
        )
    )
    if out.resolve() == (source if source.is_dir() else source.parent).resolve():
        raise OptionError(
            "E-OUTDIR",
            where=str(out),
            needed="a folder of its own",
            found="that of the measurements",
            remedy="give another output folder",
        )
    out = outdir.prepare(out)
    view = page.PeopleView(site, lines, findings, code_version.versions(), dated)
    with lock.held(out):
        outdir.mark(out)
        files = {
            "qa.tsv": table.write_tsv(out / "qa.tsv", page.COLUMNS, (page.row(one) for one in lines)),
            "qa.json": store.write_json(out / "qa.json", page.as_json(view)),
            "qa.html": store.write_text(out / "qa.html", page.page(view)),
        }
    return PeopleResult(lines, files, findings)


def _grouped(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for r in rows:
        key = (
            r["quantity"],
            r["biomarker"],
            r["acquisition"],
            r["region"],
            r["side"],
            r["region_source"],
            r["level"],
            r["statistic"],
            r["unit"],
        )
        found.setdefault(key, []).append(r)
    return found


def _line(
    key: tuple[str, ...], rows: Sequence[dict[str, Any]], diary: Diary, dated: bool, limits: Limits
) -> page.Line | None:
    """One quantity of one region; None where nobody has repeats. Each person's day counts as a person of its own where dates are known:
    what changes between visits is no error of measurement."""
    by_day: dict[tuple, list[float]] = {}
    for r in rows:
        day = diary.of(r["subject"], r["session"]).day if dated else None
        by_day.setdefault((r["subject"], day), []).append(float(r["value"]))
    groups = [(subject, np.array(v)) for (subject, _), v in by_day.items() if len(v) > 1]
    if not groups:
        return None
    found = repeats.of_people([v for _, v in groups])
    people = len({subject for subject, _ in groups})
    return page.line(key, found, people, groups, next(iter(limits.of(key[0], "people")), None))


def _each_once(people: int) -> str:
    return "one person, once" if people == 1 else f"{people} people, each once"
