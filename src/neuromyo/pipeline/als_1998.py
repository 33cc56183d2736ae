"""The analysis of Bryan et al. 1998 in one command: on anybody's tables, or on the simulated cohort, from images on.

    OUT/asked.json   what was simulated: another cohort is not mixed into it
    OUT/bids, OUT/reader, OUT/anatomy, OUT/regions   see `als_1998_scans`
    OUT/results      maps, measurements and pages of `neuromyo run`; OUT/measured : of them, the muscle that is analysed
    OUT/table        the table that was painted, in the form in which measurements come
    OUT/study        the analysis: page, methods, tables, drawings

Interrupted, it goes on where it was. Without images (``tables_only``) the table itself is analysed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuromyo.core import options as core_options
from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.phantom import als_1998 as made_up
from neuromyo.phantom.als_1998 import MadeCohort
from neuromyo.phantom.als_1998_legs import SNR
from neuromyo.pipeline.outcome import Event, Tell, quiet
from neuromyo.pipeline.study_out import Results
from neuromyo.pipeline.study_run import Done

BIOMARKERS = ("t1-two-tr", "t2-mono", "t2-water")
#: under so many people there is no statistics, only images beside their truth
_FEWEST = 8


@dataclass(frozen=True)
class Request:
    """What to simulate. ``people``: only about so many, for a short run; ``snr``: of healthy muscle in the first image."""

    out: Path
    seed: int = made_up.CHOSEN_SEED
    people: int | None = None
    tables_only: bool = False
    snr: float = SNR
    nprocs: int = 1


def on_tables(request: Any, given: Mapping[str, Any], out: Path | None) -> Done:
    """The analysis of a user's tables (`studying.StudyRequest`), with options as typed."""
    from neuromyo.pipeline import study_out, study_run, studying

    if out is not None:
        study_out.check(out)
    cohort = studying.read(request)
    one, used = analysed(cohort, given)
    results = replace(_results(cohort, (one,), used), inputs=study_run.hashes(request))
    return Done(results, study_run.written(out, results))


def simulate(request: Request, given: Mapping[str, Any], tell: Tell = quiet) -> Done:
    """The simulated cohort made, measured and analysed; what is there already is not made again."""
    from neuromyo.io import table
    from neuromyo.phantom import als_1998_legs as legs
    from neuromyo.phantom import write
    from neuromyo.pipeline import als_1998_tables as tables
    from neuromyo.pipeline import outdir, study_run

    if request.people is not None and request.people < 1:
        raise OptionError("E-OPTION", where="--only", needed="a number of people from 1", found=str(request.people),
                          remedy="leave it out for all 19")  # fmt: skip
    if not 5 <= request.snr <= 1000:
        raise OptionError("E-OPTION", where="--snr", needed="a number from 5 to 1000", found=f"{request.snr:g}",
                          remedy=f"leave it out for {SNR:g}")  # fmt: skip
    out = outdir.prepare(request.out)
    outdir.mark(out)
    _same_as_before(out, request)
    made = made_up.draw(request.seed)
    keep = tables.chosen(made, request.people)
    bids, plan = out / "bids", legs.study(made, request.snr)
    write.write_heads(bids, replace(plan, people=tuple(plan.people[i] for i in keep)))
    painted = {} if request.tables_only else _images(request, out, made, keep, tell)
    keep = sorted({number for number, _ in painted}) or keep
    tables.write_tables(bids, made, keep)
    (out / "table").mkdir(exist_ok=True)
    table.write_measurements(out / "table" / "measurements.tsv", tables.as_measured(made, keep, painted))
    truth, images = _read(out / "table", bids), None
    if not request.tables_only:
        measured = tables.of_1998(table.read_measurements(out / "results" / "measurements.tsv"))
        (out / "measured").mkdir(exist_ok=True)
        table.write_measurements(out / "measured" / "measurements.tsv", measured)
        images = _read(out / "measured", bids)
    results = _told(truth, images, made, given)
    return Done(results, study_run.written(out / "study", results))


def analysed(cohort: Cohort, given: Mapping[str, Any]) -> tuple[Analysis, Any]:
    """The analysis, and the options it ran with: names of variables may be shortened or patterns."""
    from neuromyo.pipeline import study_names
    from neuromyo.study import bryan, bryan_variables

    options = core_options.parse(bryan.Options, given)
    names = {}
    for role in bryan_variables.ROLES:
        if asked := getattr(options, role.key):
            names[role.key] = study_names.find((asked,), cohort.variables, f"option {role.key}")[0]
    options = replace(options, **names)
    return bryan.analyse(cohort, options), options


def _images(
    request: Request, out: Path, made: MadeCohort, keep: Sequence[int], tell: Tell
) -> dict[tuple[int, int], Mapping[str, float]]:
    """All visits painted, scanned, drawn and measured; the truth by (person, visit) of all there are."""
    from neuromyo.pipeline import als_1998_scans as scans
    from neuromyo.pipeline import pool, run
    from neuromyo.pipeline.options import RunOptions

    scans.make_reader(out, made, request.snr)
    visits = scans.visits(out, made, keep, request.snr)
    waiting = [v for v in visits if not v.done]
    tell(Event("step", "simulation", f"painting, scanning and drawing {len(waiting)} of {len(visits)} visits"))
    for done, (visit, _) in enumerate(pool.each(scans.make, waiting, request.nprocs), start=1):
        tell(Event("step", "simulation", f"{visit.label}: made ({done} of {len(waiting)})"))
        tell(Event("share", "simulation", share=done / len(waiting)))
    tell(Event("end", "simulation", text=f"{len(visits)} visits are there"))
    labels = tuple(made.labels[i] for i in keep)
    chosen = RunOptions(labels, biomarkers=BIOMARKERS, regions=out / "regions", nprocs=request.nprocs, motion="off")
    ran = run.run_dataset(out / "bids", out / "results", "participant", chosen, tell)
    failed = [f for o in ran.outcomes for f in o.failures]
    if failed:
        raise DataError(
            failed[0].code, where=failed[0].session, found=failed[0].message, remedy="see results/record/run.json"
        )
    everybody = scans.visits(out, made, range(len(made.ill)), request.snr)  # those of an earlier, larger run included
    return {(v.number, v.turn): scans.truth(v) for v in everybody if v.done}


def _read(tables: Path, bids: Path) -> Cohort:
    from neuromyo.pipeline.studying import StudyRequest, read

    # two echoes leave nothing over to tell their noise from, so that every T2 of 1998 counts as doubtful
    paths = (tables / "measurements.tsv",)
    return read(StudyRequest(paths, bids, (bids / "phenotype",), keep_doubtful=True, dataset=bids))


def _told(truth: Cohort, images: Cohort | None, made: MadeCohort, given: Mapping[str, Any]) -> Results:
    """The analysis of the images, and what they give back of the table; of the table alone where there are no images."""
    from neuromyo.study import bryan, bryan_recovered

    shown = truth if images is None else images
    whole = len(shown.people) >= _FEWEST
    analyses, used = [], []
    if whole:
        one, options = analysed(shown, given)
        analyses.append(one)
        used.append(options)
    if images is not None:
        options = core_options.parse(bryan.Options, given)
        (found, values), (_, table) = bryan.prepared(images, options), bryan.prepared(truth, bryan.Options())
        analyses.append(bryan_recovered.analyse(found, table, values, options.level))
        used.append(options)
    if not analyses:
        raise DataError("E-PEOPLE", where="--only", needed=f"{_FEWEST} people or more without images", found=str(len(shown.people)),
                        remedy="leave out --only, or --tables-only")  # fmt: skip
    return _results(shown, (_named(analyses[0], made), *analyses[1:]), *used)


def _named(one: Analysis, made: MadeCohort) -> Analysis:
    """The analysis, with where its cohort is from said before all else."""
    said = (
        made_up.CHOSEN
        if made.seed == made_up.CHOSEN_SEED
        else f"The cohort is made up (seed {made.seed}), and no evidence about people."
    )
    reading = (
        f"So is the reading of the scans: by a rule (T2 above {made_up.READER_LIMIT:.1f} ms, with an error of looking)."
    )
    note = Finding("note", "N-STUDY", "cohort", said)
    return replace(one, summary=(f"{said} {reading}", *one.summary), findings=(note, *one.findings))


def _results(cohort: Cohort, analyses: tuple[Analysis, ...], *options: Any) -> Results:
    from neuromyo.pipeline import study_run
    from neuromyo.study.flow import flow

    used = tuple(core_options.as_dict(o) for o in options)
    return Results(
        analyses[0].title,
        analyses,
        used,
        flow(cohort),
        study_run.design(cohort),
        (*cohort.findings, *cohort.time_findings),
    )


def _same_as_before(out: Path, request: Request) -> None:
    """E-OUTDIR where another cohort, or one with other noise, was simulated there; what is asked is kept."""
    from neuromyo.io import store

    asked, path = {"seed": request.seed, "snr": request.snr}, out / "asked.json"
    if path.is_file():
        held = json.loads(path.read_text(encoding="utf-8"))
        if held != asked:
            raise OptionError("E-OUTDIR", where=str(request.out), needed=f"a new folder for seed {request.seed}, SNR {request.snr:g}",
                              found=f"a cohort of seed {held.get('seed')}, SNR {held.get('snr')}",
                              remedy="give another folder after -o")  # fmt: skip
    elif (out / "bids").exists():
        raise OptionError("E-OUTDIR", where=str(request.out), needed="a new or empty folder, or one of an earlier simulation",
                          found="other files", remedy="give another folder after -o")  # fmt: skip
    store.write_json(path, asked)
