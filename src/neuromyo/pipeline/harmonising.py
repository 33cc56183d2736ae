"""Tables of several sites into one table of values in line, with the model that did it and a table of what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.measurements import Measurements
from neuromyo.norms import site_report
from neuromyo.norms.harmonise import Harmoniser, Options
from neuromyo.pipeline import controls, norm_options, persons, site_rows
from neuromyo.pipeline.site_rows import Sheet

#: covariates whose effect is kept where they are known of every control
USUAL = ("age", "sex")
_INTERVALS = ("shift_before", "shift_after", "spread_before", "spread_after")
REPORT = (
    *("feature", "site", "controls", "worth", "se"),
    *(f"{what}{end}" for what in _INTERVALS for end in ("", "_low", "_high")),
    *("size_before", "may_be_left"),
)


@dataclass(frozen=True)
class Request:
    """What was asked. ``model``: where the model goes (may stay empty with ``apply``, the file of a model made before)."""

    tables: tuple[Path, ...]
    people: Path
    out: Path
    model: Path | None = None
    apply: Path | None = None
    site_column: str = "site"
    person_column: str = ""
    group_column: str = "group"
    control: tuple[str, ...] = ()
    everyone: bool = False
    covariates: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Result:
    """Files written (name -> SHA-256), what is left site by site, numbers in line and left out, and what is to be said."""

    files: Mapping[str, str]
    lines: tuple[site_report.Line, ...]
    harmonised: int
    left_out: int
    findings: tuple[Finding, ...]


def run(request: Request) -> Result:
    """Makes or reads the model, adds sites that it lacks, and writes the harmonised table (`Request.out`), the report beside it
    (``NAME_sites.tsv``) and the model. The values that cannot be harmonised are not in the table; each kind is told."""
    _check(request)
    roster = persons.read(request.people, group_column=request.group_column, site_column=request.site_column)
    measured = controls.read(request.tables)
    findings = list(roster.findings)
    sheet = site_rows.sheet(
        measured, roster, site_rows.persons_of(request.people, request.person_column, request.site_column)
    )
    healthy = _healthy(sheet, request, roster, findings)
    if request.apply is None:
        model = _made(sheet, healthy, request, findings)
    else:
        model = _with_new_sites(_read(request.apply), sheet, healthy, findings)
    findings += model.findings
    rows, left_out = _harmonised(model, sheet, findings)
    lines = site_report.lines(model)
    return Result(_written(request, model, rows, lines), lines, len(rows), left_out, tuple(findings))


def _check(request: Request) -> None:
    if request.apply is None and request.model is None:
        raise OptionError("E-OPTION", where="--model", needed="a file for the model, or --apply FILE of one made before",
                          found="neither", remedy="give --model sites.json")  # fmt: skip
    norm_options.apart(
        {"-o": request.out, "the report beside -o": _report_path(request.out), "--model": request.model},
        {**{f"the table {path.name}": path for path in request.tables}, "the table of people": request.people},
    )


def _healthy(sheet: Sheet, request: Request, roster: persons.Roster, findings: list[Finding]) -> Sheet:
    """The scans of controls, only with values that may stand for a person."""
    words = {word.casefold() for word in request.control or controls.CONTROL_WORDS}
    if not request.everyone and not roster.grouped:
        raise OptionError("E-SITES", where=roster.table, needed="a column that says who is a control",
                          found=f"none named {request.group_column}",
                          remedy="add it, name it by --group-column, or say --everyone if all are healthy")  # fmt: skip
    chosen = [request.everyone or roster.groups.get(scan.subject, "").casefold() in words for scan in sheet.scans]
    if not any(chosen):
        raise OptionError("E-SITES", where=roster.table, needed=f"controls ({' or '.join(sorted(words))})",
                          found="none among those measured",
                          remedy="say by --control which group is healthy: sites are never learnt from patients")  # fmt: skip
    without = sorted(
        {scan.subject for scan, one in zip(sheet.scans, chosen, strict=True) if one and not scan.body.site}
    )
    if without:
        findings.append(Finding("warn", "W-SITES", f"{roster.table}: {site_rows.listed(without)}",
                                f"no site in the column {request.site_column}", "fill it in", "left out"))  # fmt: skip
    return sheet.trusted([one and bool(scan.body.site) for scan, one in zip(sheet.scans, chosen, strict=True)])


def _made(sheet: Sheet, healthy: Sheet, request: Request, findings: list[Finding]) -> Harmoniser:
    """A model of the features that can be harmonised; the others are told with the reason. E-SITES where none can."""
    names = request.covariates or _known(healthy, findings)
    refused: dict[str, DataError] = {}
    usable = []
    for name in sheet.features:
        try:
            _fit(healthy.with_features([name]), names, request.options)
            usable.append(name)
        except DataError as error:
            refused[name] = error
    if not usable:
        raise next(iter(refused.values()))
    for name, error in refused.items():
        findings.append(Finding("warn", "W-SITES", name, f"needed {error.needed}, found {error.found} ({error.where})", error.remedy,
                                "left out of the harmonised table"))  # fmt: skip
    return _fit(healthy.with_features(usable), names, request.options)


def _fit(healthy: Sheet, names: Sequence[str], options: Options) -> Harmoniser:
    return Harmoniser.fit(healthy.values, healthy.sites, healthy.design(names), features=tuple(healthy.features.values()),
                          covariates=names, person=healthy.persons, options=options)  # fmt: skip


def _known(healthy: Sheet, findings: list[Finding]) -> tuple[str, ...]:
    """Those of `USUAL` that are known of every control and differ among them."""
    table = healthy.design(USUAL)
    fine = tuple(
        name
        for name, column in zip(USUAL, table.T, strict=True)
        if len(set(column.tolist())) > 1 and not (column != column).any()
    )
    for name in USUAL:
        if name not in fine:
            findings.append(Finding("warn", "W-COVARIATE", f"covariate {name}", "not known of every control, or the same in all of them",
                                    "complete the table of people",
                                    "where sites differ in it, that difference passes for the scanner's"))  # fmt: skip
    return fine


def _with_new_sites(model: Harmoniser, sheet: Sheet, healthy: Sheet, findings: list[Finding]) -> Harmoniser:
    """The model, and the sites of the table that it lacks, from their controls."""
    here = [f.name for f in model.features if f.name in sheet.features]
    if not here:
        raise DataError("E-SITES", where="model of sites", needed="numbers that the tables hold", found="none of its own",
                        remedy="give tables measured in the same way, or make a model of these")  # fmt: skip
    model = model.only(here)
    for site in sorted(set(healthy.sites) - set(model.sites)):
        there = healthy.with_features(here).at(site)
        model = model.add_site(site, there.values, there.design(model.covariates), there.persons)
        findings.append(
            Finding("note", "N-CONTROL", f"site {site}", f"added to the model from {len(set(there.persons))} controls")
        )
    return model


def _harmonised(model: Harmoniser, sheet: Sheet, findings: list[Finding]) -> tuple[list[dict[str, Any]], int]:
    """Rows of the table with values in line; everything that is not is counted by reason."""
    names = [f.name for f in model.features]
    known = sheet.with_features(names)
    fine = [scan.body.site in model.sites for scan in known.scans]
    strangers: dict[str, set[str]] = {}
    for scan, one in zip(known.scans, fine, strict=True):
        if not one:
            strangers.setdefault(scan.body.site, set()).add(scan.subject)
    for site, who in sorted(strangers.items()):
        findings.append(Finding("warn", "W-SITES", f"site {site or 'not stated'}: {site_rows.listed(sorted(who))}",
                                "no controls of this site, so its values cannot be brought into line",
                                "add at least three controls of it, or compare its values with a norm as they are",
                                "left out of the harmonised table"))  # fmt: skip
    inside = known.rows_of(fine).lawful(findings)
    applied = model.apply(inside.values, inside.sites, inside.design(model.covariates))
    rows = list(site_rows.rewritten(inside, applied))
    return rows, sheet.n_values - len(rows)


def _read(path: Path) -> Harmoniser:
    from neuromyo.io import sidecar

    return Harmoniser.from_dict(sidecar.read_json(path, path.name))


def _written(request: Request, model: Harmoniser, rows: Sequence[Mapping[str, Any]],
             lines: Sequence[site_report.Line]) -> dict[str, str]:  # fmt: skip
    from neuromyo.io import store, table

    files = table.write_measurements(request.out, Measurements.of(rows))
    report = _report_path(request.out)
    files[report.name] = table.write_tsv(report, REPORT, (list(_cells(line)) for line in lines))
    if request.model is not None:
        files[request.model.name] = store.write_json(request.model, model.to_dict())
    return files


def _report_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}_sites.tsv")


def _cells(line: site_report.Line) -> Iterator[Any]:
    yield from (line.feature, line.site, line.people, line.worth, line.se)
    for found in (line.before, line.after, line.spread_before, line.spread_after):
        yield from (found.value, found.low, found.high)
    yield from (line.size, line.left)
