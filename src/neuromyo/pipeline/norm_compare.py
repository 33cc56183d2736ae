"""A table of measurements compared with a norm file: its columns filled, changes since an earlier visit, a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.norm import Body
from neuromyo.norms.norm_file import NormFile, Norms
from neuromyo.pipeline import controls, norm_envelopes, norm_held, norm_options, norm_since, persons
from neuromyo.pipeline.comparing import Compared, compare
from neuromyo.pipeline.norm_change import Changed
from neuromyo.pipeline.norm_envelopes import Profiled
from neuromyo.pipeline.norm_since import Since


@dataclass(frozen=True)
class CompareRequest:
    """What `neuromyo compare` was asked. ``stated``: of whom the table of people does not tell; ``since``: an earlier visit."""

    table: Path
    norms: Path | None
    out: Path
    people: Path | None = None
    stated: Body = field(default_factory=Body)
    field_t: float | None = None
    html: Path | None = None
    since: Since = field(default_factory=Since)


@dataclass(frozen=True)
class CompareResult:
    """A table that was compared, and what was written."""

    compared: Compared
    profiled: Profiled
    changes: tuple[Changed, ...]
    norm: str
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def compare_files(request: CompareRequest) -> CompareResult:
    """Reads table, people and norm, compares, and writes the table with its columns filled, and one of changes where asked."""
    from neuromyo.io import table as tables

    file = _norm_asked(request)
    source = request.table / "measurements.tsv" if request.table.is_dir() else request.table
    changed = norm_since.beside(request.out) if request.since.asked else None
    norm_options.apart({"-o": request.out, "the changes beside -o": changed, "--html": request.html},
                       {"the table to compare": source, "the norm": request.norms, "the table of people": request.people,
                        "the baseline": request.since.baseline, "the repeat scans": request.since.retest})  # fmt: skip
    rows = controls.read([source])
    stated = request.stated
    roster = persons.Roster(stated=stated) if request.people is None else persons.read(request.people, stated=stated)
    norms = Norms(file)
    done = compare(rows, norms, roster, file.label) if request.norms is not None else Compared(rows, {}, {}, ())
    profiled = norm_envelopes.compare(done.table, file, roster)
    if request.norms is not None and not done.places and not any(one.places for one in profiled.seen):
        why = "; ".join(dict.fromkeys(done.refused.values())) or "only single slices, spreads and fields"
        raise DataError("E-NORM", where=source.name, needed=f"numbers that {request.norms.name} is a norm of", found=why,
                        remedy=f"neuromyo norms card {request.norms.name} tells what it is of")  # fmt: skip
    changes, told = norm_since.compare(request.since, rows, source, roster, norms) if request.since.asked else ((), ())
    files = [request.out.parent / name for name in tables.write_measurements(request.out, profiled.table)]
    files += norm_since.write(request.out, changes) if request.since.asked else []
    files += _page(request.html, source, done, profiled, changes, file) if request.html is not None else []
    unstated = norm_held.unstated(file, request.field_t)
    findings = (*roster.findings, *unstated, *done.findings, *profiled.findings, *told)
    return CompareResult(done, profiled, changes, file.label, tuple(map(str, files)), findings)


def stated_body(age: float | None, sex: str, height: float | None, weight: float | None, side: str, site: str) -> Body:
    """A person as options state it; E-OPTION, and E-UNITS for centimetres, where that cannot be."""
    word = sex.strip().upper()[:1]
    _possible("--sex", sex, not sex or word in ("M", "F"), "M or F")
    _possible("--side", side, side in ("", "left", "right"), "left or right")
    _possible("--age", age, age is None or 0 <= age <= 120, "years from 0 to 120")
    if height is not None and not 0.3 <= height <= 2.6:
        raise OptionError("E-UNITS", where="--height", needed="metres, such as 1.72", found=f"{height:g}",
                          remedy=f"write {height / 100:g}" if 30 <= height <= 260 else "write metres")  # fmt: skip
    _possible("--weight", weight, weight is None or 1 <= weight <= 400, "kilograms")
    return Body(age, word or None, height, weight, side, site)


def _norm_asked(request: CompareRequest) -> NormFile:
    """The norm; an empty one where only a change is asked for."""
    if request.norms is None:
        if not request.since.asked:
            raise OptionError("E-OPTION", where="compare", needed="--norms, or --baseline for a change alone", found="neither",
                              remedy="make a norm by neuromyo norms build")  # fmt: skip
        return NormFile("", "", ())
    file = norm_held.read(request.norms)
    norm_held.fits(file, request.field_t, request.norms.name)
    return file


def _page(
    path: Path, source: Path, done: Compared, profiled: Profiled, changes: tuple[Changed, ...], file: NormFile
) -> list[Path]:
    """Each value on the band of healthy people."""
    from neuromyo.io import store
    from neuromyo.io.files import printable
    from neuromyo.pipeline import registries
    from neuromyo.report import norms as report

    known = registries.biomarkers()
    used = {r["biomarker"] for r in done.table.rows()} & set(known.ids())
    biomarkers = {id_: known.get(id_) for id_ in sorted(used)}
    name = printable(source.parent.name if source.name == "measurements.tsv" else source.name) or source.name
    text = report.page(profiled.table, name, biomarkers, profiled.by_visit, notes=done.sources,
                       norm=file.label if file.entries or file.profiles else "", changes=norm_since.by_visit(changes))  # fmt: skip
    store.write_text(path, text)
    return [path]


def _possible(flag: str, value: object, fine: bool, needed: str) -> None:
    if not fine:
        raise OptionError("E-OPTION", where=flag, needed=needed, found=str(value), remedy="mend it, or leave it out")
