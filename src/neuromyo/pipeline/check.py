"""Looking at a dataset without computing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import Finding, NeuromyoError, OptionError, worst_exit
from neuromyo.core.series import Series
from neuromyo.pipeline import body, prepare, registries
from neuromyo.pipeline.consequences import Consequences
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import as_known
from neuromyo.pipeline.plan import Plan
from neuromyo.pipeline.prepare import kinds, phased
from neuromyo.pipeline.run import open_dataset
from neuromyo.protocol import protocol as protocols
from neuromyo.protocol import sheet, verdict
from neuromyo.protocol.protocol import Protocol

_ORDER = {"stop": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found on one session. ``findings`` worst first.

    verdicts : one for each biomarker (and series it could be computed from) that the session, the protocol or the user mean
    others : ids of the biomarkers that nobody means: none of their series is here
    sheets : what the protocol declares beside what was acquired
    """

    session: str
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[verdict.Verdict, ...] = ()
    others: tuple[str, ...] = ()
    sheets: tuple[sheet.Sheet, ...] = ()
    series: tuple[Series, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, ...], ...]:
        """The files of each series."""
        return tuple(s.files or (s.name,) for s in self.series)

    @property
    def exit_status(self) -> int:
        return worst_exit([f.exit_status for f in self.findings])

    def as_dict(self) -> dict[str, Any]:
        return {
            "session": self.session,
            "findings": [f.as_dict() for f in self.findings],
            "biomarkers": [v.as_dict() for v in self.verdicts],
            "other_biomarkers": list(self.others),
            "sequences": [s.as_dict() for s in self.sheets],
        }


def findings(root: Path, options: RunOptions, scratch: Path) -> list[Checked]:
    """The findings on every session asked, those of the dataset as a whole under the name ``dataset``."""
    dataset = open_dataset(root, options)
    found = [Checked("dataset", tuple(dataset.findings))] if dataset.findings else []
    cache: dict[tuple, Any] = {}
    for files in dataset.sessions:
        try:
            found.append(_of_session(dataset, files, options, scratch, cache))
        except Exception as error:  # the next session is none the worse
            found.append(Checked(files.label, (Finding.from_error(as_known(error)),)))
    return found


def _of_session(dataset: Any, files: Any, options: RunOptions, scratch: Path, cache: dict[tuple, Any]) -> Checked:
    from neuromyo.io import bids

    opened = bids.open_session(
        dataset,
        files,
        scratch=scratch,
        memory_mb=options.mem_mb,
        max_input_gb=options.max_input_gb,
        geometry=options.geometry,  # type: ignore[arg-type]
        kinds=kinds(options),
        phased=phased(options),
    )
    plan = prepare.planned(opened.series, options)
    numbers = Consequences(plan.tasks, {t.id: options.of(t.id, t.declaration.options) for t in plan.tasks}, cache)
    said = [
        *(Finding.from_error(error) for _, error in opened.errors),
        *opened.findings,
        *prepare.check(opened.series, options, numbers)[0],
        *numbers.refusals(),
        *numbers.missing_maps(list(registries.biomarkers())),
        *body.check(opened.series, plan.tasks, options.protocol),
    ]
    said = sorted(dict.fromkeys(said), key=lambda f: _ORDER.get(f.level, 3))
    declared = protocols.load(options.protocol) if options.protocol else None
    meant = _meant(files, declared)
    return Checked(
        files.label,
        tuple(said),
        (*_possible(plan, said), *_impossible(plan, options, meant, opened.errors)),
        tuple(id_ for id_, _ in plan.unmet if not _is_meant(id_, options, meant)),
        sheet.sheets(opened.series, declared) if declared else (),
        tuple(opened.series),
    )


def _meant(files: Any, declared: Protocol | None) -> list[tuple[str, Mapping[str, str]]]:
    """Kind and entities of the series that are in the folder, readable or not, or in the protocol."""
    there = [(group.kind, group.entities) for group in files.groups]
    return there + ([(s.kind, s.entities) for s in declared.sequences.values() if not s.optional] if declared else [])


def _is_meant(id_: str, options: RunOptions, meant: Sequence[tuple[str, Mapping[str, str]]]) -> bool:
    """Whether somebody may expect a biomarker: asked for, or one of the series it must have is here or declared."""
    biomarker = registries.biomarkers().get(id_)
    needs = [need for role in biomarker.series_roles if not (need := biomarker.series_need(role)).optional]
    return id_ in options.biomarkers or any(
        kind in need.kinds and all(entities.get(k) == v for k, v in need.entities)
        for need in needs
        for kind, entities in meant
    )


def _possible(plan: Plan, said: Sequence[Finding]) -> Iterator[verdict.Verdict]:
    ids = {b.id for b in registries.biomarkers()}
    for task in plan.tasks:
        if not task.segments:
            yield verdict.possible(task.id, task.declaration.title, tuple(task.series.values()), said, ids)


def _impossible(
    plan: Plan,
    options: RunOptions,
    meant: Sequence[tuple[str, Mapping[str, str]]],
    errors: Sequence[tuple[str, NeuromyoError]],
) -> Iterator[verdict.Verdict]:
    """Those that lack something, with the files of theirs that could not be opened."""
    for id_, error in plan.unmet:
        if not _is_meant(id_, options, meant):
            continue
        biomarker = registries.biomarkers().get(id_)
        kinds_ = {k for role in biomarker.series_roles for k in biomarker.series_need(role).kinds}
        lost = [f"{e.where}: {e.found} ({e.code})" for name, e in errors if _kind_of(name) in kinds_]
        yield verdict.Verdict(id_, biomarker.title, "cannot", (), (error.found, *lost))


def _kind_of(name: str) -> str:
    """The BIDS suffix of a file's name."""
    return name.rpartition("_")[2].partition(".")[0]


# --- the page ---------------------------------------------------------------------------------------------------------


def refuse_page(page: Path, root: Path) -> None:
    """E-OUTDIR for a page that would be written into the dataset, which is only read, or over a folder."""
    where = page.resolve()
    if where.is_relative_to(root.resolve()):
        raise OptionError("E-OUTDIR", where=f"--html {page}", needed="a file outside the dataset, which is only read",
                          found="a place inside it", remedy="give another name")  # fmt: skip
    if where.is_dir():
        raise OptionError("E-OUTDIR", where=f"--html {page}", needed="the name of a file", found="a folder",
                          remedy="add a file name, such as check.html")  # fmt: skip


def write_page(page: Path, found: Sequence[Checked], options: RunOptions) -> Path:
    """Writes what was found as one HTML file; its path."""
    from neuromyo.io import store
    from neuromyo.report import check as report
    from neuromyo.report.view import SeriesLine

    title = protocols.load(options.protocol).title if options.protocol else ""
    views = [
        report.CheckedView(
            o.session, o.findings, o.verdicts, o.others, o.sheets, tuple(SeriesLine.of(s) for s in o.series), o.files
        )
        for o in found
    ]
    store.write_text(page, report.page(views, protocol=title))
    return page
