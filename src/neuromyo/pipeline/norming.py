"""Norm files: made from tables of controls, merged, read; and tables compared with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import neuromyo
from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import card, norm_file
from neuromyo.norms import merge as merging
from neuromyo.norms.engine import Norm
from neuromyo.norms.norm_file import Entry, NormFile, Norms
from neuromyo.pipeline import (
    controls,
    norm_entry,
    norm_envelopes,
    norm_literature,
    norm_options,
    norm_profiles,
    norm_since,
    persons,
)
from neuromyo.pipeline.comparing import Compared, compare
from neuromyo.pipeline.norm_change import Changed
from neuromyo.pipeline.norm_envelopes import Profiled
from neuromyo.pipeline.norm_literature import Sought
from neuromyo.pipeline.norm_since import Since

_ENDING = ".norm.json"
_LIMIT = 256 << 20
#: a control is named who lies further out than so many robust SDs of all, and than this z
_FAR, _OUTSIDE = 4.5, 2.2


@dataclass(frozen=True)
class BuildRequest:
    """What `neuromyo norms build` was asked. ``control``: words for healthy; ``covariates``: empty for those that are known.

    study, directions, echoes : what tells the method apart where ``literature`` is wanted: whose protocol was run to the letter,
        diffusion directions, gradient echoes; level : of rows that tell none; like : ids of published values measured as these
        were, as whoever asks vouches (wants ``literature`` too)
    step_mm : between levels of norms along nerves
    """

    tables: tuple[Path, ...]
    people: Path
    out: Path
    site: str = ""
    site_column: str = "site"
    group_column: str = "group"
    control: tuple[str, ...] = ()
    everyone: bool = False
    covariates: tuple[str, ...] = ()
    literature: bool = False
    field_t: float | None = None
    study: str = ""
    directions: int | None = None
    echoes: int | None = None
    level: str = ""
    like: tuple[str, ...] = ()
    step_mm: float = norm_profiles.STEP_MM
    protocol: str = ""
    scanner: str = ""
    name: str = ""

    @property
    def sought(self) -> Sought | None:
        """What published values must be like; None where they are not wanted."""
        if not (self.literature or self.like):
            return None
        return Sought(self.field_t, self.study, self.directions, self.echoes, self.level, self.like)


@dataclass(frozen=True)
class Built:
    """A norm file that was written, and what is to be said."""

    file: NormFile
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


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


def build(request: BuildRequest) -> Built:
    """Gathers the controls, makes a norm of every number that enough of them have, and writes the file with its card.

    E-NORM where not one norm can be made; numbers that too few people have are told, a line each.
    """
    _named(request.out)
    norm_options.field(request.field_t)
    stated = Body(site=request.site)
    roster = persons.read(
        request.people, group_column=request.group_column, site_column=request.site_column, stated=stated
    )
    measured = controls.read(request.tables)
    found = controls.gather(measured, roster, request.control, request.everyone)
    chosen, remarks = norm_entry.covariates(request.covariates, found, roster)
    findings = [*found.findings, *remarks, *controls.twins(found)]
    entries: list[Entry] = []
    norms: dict[NormKey, Norm] = {}
    sought = request.sought
    for key, values in found.values.items():
        try:
            entry, said = norm_entry.make(key, values, chosen, sought)
            norms[key] = NormFile("", "", (entry,)).norm(entry)  # refuses what rests on too few people after all
            entries.append(entry)
            findings += said
        except NeuromyoError as error:
            findings.append(Finding("warn", "N-CONTROL", str(key), f"no norm: {error.found}"
                                    + f" (needed: {error.needed})" * bool(error.needed), error.remedy))  # fmt: skip
    profiles, said = norm_profiles.build(measured.rows(), roster, found.people, chosen, request.step_mm)
    findings += [
        *said,
        *(norm_literature.unused([e.key for e in entries if not e.published], sought) if sought else ()),
    ]
    if not entries and not profiles:
        raise DataError("E-NORM", where=request.out.name, needed=f"at least {norm_entry.LEAST} healthy people with one number in common",
                        found=_none_of(found, findings), remedy="measure more controls, or merge files of several centres")  # fmt: skip
    conditions = {"field_T": request.field_t or "", "protocol": request.protocol, "scanner": request.scanner}
    conditions |= {"vouched": ", ".join(request.like)} if request.like else {}
    file = NormFile(
        request.name or _stem(request.out),
        f"neuromyo {neuromyo.__version__}",
        tuple(entries),
        conditions,
        profiles=profiles,
    )
    findings += _outliers(norms, found)
    return Built(file, _write(request.out, file), tuple(dict.fromkeys(findings)))


def merge(paths: Sequence[Path], out: Path, name: str = "") -> Built:
    """Pools norm files; see `neuromyo.norms.merge.merge`."""
    _named(out)
    if out.resolve() in {p.resolve() for p in paths}:
        raise OptionError(
            "E-NORM", where=str(out), needed="a new file", found="one of those to merge", remedy="give another name"
        )
    file, findings = merging.merge([(path.name, read(path)) for path in paths], name or _stem(out))
    return Built(file, _write(out, file), findings)


def read(path: Path) -> NormFile:
    """A norm file; E-NORM in one sentence where it cannot be used."""
    from neuromyo.io.files import printable, read_small

    name = printable(path.name)
    raw = read_small(path, name, "E-NORM", _LIMIT)
    try:
        return norm_file.from_text(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise DataError("E-NORM", where=name, needed="a norm file of neuromyo", found="no text",
                        remedy="give a file that neuromyo norms build wrote") from error  # fmt: skip


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
    unstated = _unstated(file, request.field_t)
    findings = (*roster.findings, *unstated, *done.findings, *profiled.findings, *told)
    return CompareResult(done, profiled, changes, file.label, tuple(map(str, files)), findings)


def _norm_asked(request: CompareRequest) -> NormFile:
    """The norm; an empty one where only a change is asked for."""
    if request.norms is None:
        if not request.since.asked:
            raise OptionError("E-OPTION", where="compare", needed="--norms, or --baseline for a change alone", found="neither",
                              remedy="make a norm by neuromyo norms build")  # fmt: skip
        return NormFile("", "", ())
    file = read(request.norms)
    fits(file, request.field_t, request.norms.name)
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


def fits(file: NormFile, field_t: float | None, name: str) -> None:
    """E-METHOD where scans are stated to be of another field than the norm's."""
    norm_options.field(field_t)
    own = file.conditions.get("field_T") or None
    if own is not None and field_t is not None and abs(float(own) - field_t) > 0.2:
        raise OptionError("E-METHOD", where=name, needed=f"scans at {own:g} T, as those of the norm", found=f"{field_t:g} T",
                          remedy="relaxation times and MTR change with the field: use a norm of that field")  # fmt: skip


def _unstated(file: NormFile, field_t: float | None) -> Iterator[Finding]:
    """The norm states a field, and the scans do not: nobody can tell whether they compare."""
    if file.conditions.get("field_T") and field_t is None:
        yield Finding("note", "N-CONTROL", file.name, f"its controls were scanned at {float(file.conditions['field_T']):g} T; of these "
                      "scans no field is stated", "state it by --field")  # fmt: skip


def _possible(flag: str, value: object, fine: bool, needed: str) -> None:
    if not fine:
        raise OptionError("E-OPTION", where=flag, needed=needed, found=str(value), remedy="mend it, or leave it out")


def _named(out: Path) -> None:
    if not out.name.endswith(_ENDING) or out.name == _ENDING:
        raise OptionError("E-OPTION", where="-o", needed=f"a name that ends in {_ENDING}", found=out.name,
                          remedy=f"write {out.name.removesuffix('.json') or 'controls'}{_ENDING}")  # fmt: skip


def _stem(out: Path) -> str:
    return out.name.removesuffix(_ENDING)


def _write(out: Path, file: NormFile) -> tuple[str, ...]:
    """The file, and the card beside it."""
    from neuromyo.io import store

    beside = out.with_name(f"{_stem(out)}.norm.md")
    store.write_text(out, norm_file.to_text(file))
    store.write_text(beside, card.text(file))
    return str(out), str(beside)


def _none_of(found: controls.Gathered, findings: Sequence[Finding]) -> str:
    most = max((len({v.person for v in values}) for values in found.values.values()), default=0)
    reasons = [f"{f.where}: {f.message}" for f in findings if f.message.startswith("no norm")]
    if reasons and most >= norm_entry.LEAST:
        return f"{len(found.people)} controls, but {reasons[0]}" + f"; and {len(reasons) - 1} more" * (len(reasons) > 1)
    return f"{len(found.people)} controls, at most {most} of them with the same number"


def _outliers(made: Mapping[NormKey, Norm], found: controls.Gathered) -> Iterator[Finding]:
    """Controls whose own value is far out: a patient among them, or a scan that failed, widens the norm for everybody.

    Their deviates are judged by the middle half of all, since who is far out has widened the norm by which he is judged.
    """
    far: dict[str, list[tuple[float, str]]] = {}
    for key, norm in made.items():
        values = found.values[key]
        numbers = np.array([v.value for v in values])
        z = norm.z(numbers, [v.body for v in values])
        middle = float(np.nanmedian(z))
        spread = 1.4826 * float(np.nanmedian(np.abs(z - middle)))
        out = (np.abs(z - middle) > _FAR * spread) & (np.abs(z) > _OUTSIDE)
        rest = numbers[~out]
        for i in np.flatnonzero(out):
            said = f"{key}: {numbers[i]:.4g}, where the others have {rest.min():.4g} to {rest.max():.4g}"
            far.setdefault(values[i].person, []).append((float(abs(z[i])), said))
    for who, places in sorted(far.items()):
        _, said = max(places)
        more = f", and {len(places) - 1} more" * (len(places) > 1)
        yield Finding("warn", "N-CONTROL", f"sub-{who}", f"lies far from the other controls ({said}{more})",
                      "look at this scan and this person: is the region right, is the person healthy?",
                      "such a value widens what counts as normal")  # fmt: skip
