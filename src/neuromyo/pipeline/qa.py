"""Site qualification: scans of a phantom in, readings, verdict and a letter to the site out."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError, ProtocolError, worst_exit
from neuromyo.io.visits import SAME_DATE
from neuromyo.pipeline import code_version, lock, outdir, qa_read, qa_scans, registries
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import Failure, Tell, quiet
from neuromyo.pipeline.qa_scans import Diary
from neuromyo.quality import limits as limits_
from neuromyo.quality import vialset
from neuromyo.quality.limits import Limits
from neuromyo.quality.qualify import Qualification, qualify
from neuromyo.quality.readings import Reading, tables
from neuromyo.quality.vialset import QUANTITIES, UNKNOWN_KELVIN, VialSet
from neuromyo.report import qa as letter

#: columns of qa.tsv
COLUMNS = ("site", "scan", "date", "temperature", "acquisition", "quantity", "biomarker", "vial", "unit", "value", "sd_between",
           "n_voxels", "reference", "reference_u", "deviation", "deviation_unit")  # fmt: skip
_FIELD_TOLERANCE = 0.2


@dataclass(frozen=True)
class QaRequest:
    """What `neuromyo qa` was asked. ``vials``, ``limits``: a packaged name or the name of a TOML file; temperature in degrees C;
    ``upgrade``: the first day of the new state; ``site`` whom the letter is to; ``run`` how maps are made of raw series."""

    phantom: Path
    out: Path
    vials: str
    limits: str = "proposed"
    temperature_c: float | None = None
    scans: Path | None = None
    upgrade: datetime.date | None = None
    regions: Path | None = None
    site: str = ""
    biomarkers: tuple[str, ...] = ()
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True, eq=False)
class QaResult:
    """The qualification and what was written (file relative to the output -> SHA-256)."""

    qualification: Qualification
    verdict: str
    files: Mapping[str, str]
    findings: tuple[Finding, ...]
    lost: tuple[tuple[str, NeuromyoError], ...]

    @property
    def exit_status(self) -> int:
        """0 whatever the verdict; that of lost scans otherwise."""
        return worst_exit([e.exit_status for _, e in self.lost])


def run(request: QaRequest, tell: Tell = quiet) -> QaResult:
    """Reads the phantom and writes ``qa.html``, ``qa.json``, ``qa.tsv`` and label images of the vials to the output folder; of raw
    scans the maps are made first, in ``maps`` there."""
    wanted, limits = vials_of(request.vials), limits_of(request.limits)
    _checked(request, wanted)
    out = outdir.prepare(request.out, request.phantom)
    from neuromyo.io import map_files

    raw = not map_files.is_run_output(request.phantom)
    maps_in, diary, remarks, asked = _maps(request, wanted, out, raw, tell)
    with lock.held(out), tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        outdir.mark(out)
        found = [m for m in map_files.find(maps_in) if asked is None or (m.subject, m.session) in asked]
        if not qa_read.chosen(found, wanted, request.biomarkers):
            raise DataError(
                "E-NEEDS",
                where=str(request.phantom),
                needed=f"maps of {', '.join(wanted.quantities)}" + _by(request.biomarkers),
                found=", ".join(sorted({m.quantity for m in found})) or "no maps",
                remedy="scan what gives those quantities (`neuromyo list` says what they need), or give other --vials",
            )
        asked = qa_read.Asked(wanted, diary, request.temperature_c, request.biomarkers, request.regions)
        read = qa_read.read(found, asked, out, Path(scratch))
        if not read.readings:
            raise read.lost[0][1]
        findings = (*remarks, *_assumptions(wanted, read.readings), *read.findings)
        made = qualify(tables(read.readings, QUANTITIES), limits, request.upgrade)
        view = letter.QaView(request.site or ", ".join(made.sites), wanted, made, findings, tuple(read.lost), code_version.versions(),
                             dict(read.turns))  # fmt: skip
        files = _written(out, view, read.readings) | read.files
    return QaResult(made, made.verdict(), files, findings, tuple(read.lost))


def vials_of(name: str) -> VialSet:
    """A packaged description by name, or the user's TOML file."""
    return vialset.parse(*_own(name)) if name.endswith(".toml") else vialset.load(name)


def limits_of(name: str) -> Limits:
    """Packaged limits by name, or the user's TOML file."""
    return limits_.parse(*_own(name)) if name.endswith(".toml") else limits_.load(name)


def _own(name: str) -> tuple[str, str]:
    from neuromyo.io.files import printable, read_small

    return read_small(Path(name), printable(name), "E-OPTION").decode("utf-8", "replace"), printable(Path(name).name)


def _by(ids: Sequence[str]) -> str:
    return f" by {', '.join(ids)}" if ids else ""


def _checked(request: QaRequest, wanted: VialSet) -> None:
    for id_ in request.biomarkers:
        gives = {q.name for q in registries.biomarkers().get(id_).gives}
        if not gives & set(wanted.quantities):
            raise OptionError(
                "E-OPTION",
                where=f"--biomarkers {id_}",
                needed=f"one that gives {' or '.join(wanted.quantities)}, as the vials have",
                found=f"one that gives {', '.join(sorted(gives))}",
                remedy="leave it out, or give other --vials",
            )
    if request.temperature_c is not None:
        qa_scans.temperature(str(request.temperature_c), "--temperature")
    if request.regions is not None and not request.regions.is_dir():
        raise DataError("E-NOTFOUND", where=str(request.regions), needed="a folder of label images", found="no such folder",
                        remedy="check the name given to --regions")  # fmt: skip


# --- maps -------------------------------------------------------------------------------------------------------------


def _maps(
    request: QaRequest, wanted: VialSet, out: Path, raw: bool, tell: Tell
) -> tuple[Path, Diary, tuple[Finding, ...], set[tuple[str, str]] | None]:
    """Where the maps lie, what is known of the scans, what was noticed, and which (subject, session) are asked for: ``OUT/maps`` may
    hold those of an earlier phantom, too. None: all that lie there."""
    diary = Diary() if request.scans is None else qa_scans.read_table(request.scans)
    if not raw:
        return request.phantom, diary, (), None
    from neuromyo.pipeline.run import open_dataset, run_dataset

    dataset = open_dataset(request.phantom, request.run)
    _refuse_other_field(request.phantom, dataset, wanted)
    if request.scans is None:
        diary = qa_scans.read_dataset(request.phantom, [s.subject for s in dataset.sessions])
    with lock.held(out):
        outdir.mark(out)
    ids = request.biomarkers or _makeable(request, wanted)
    options = replace(request.run, biomarkers=ids, option=_of_these_vials(request.run.option, ids, wanted))
    done = run_dataset(request.phantom, out / "maps", "participant", options, tell)
    lost = tuple(
        _told(f) for f in done.all_failures if SAME_DATE not in f.message
    )  # scans of one day are what repeats are
    return out / "maps", diary, lost, {(s.subject, s.session) for s in dataset.sessions}


def _told(failure: Failure) -> Finding:
    """What a failed step means for the judgement: a scan is lost; what is wrong with the dataset's tables loses none."""
    if failure.session == "dataset":
        return Finding(
            "warn", "W-TABLES", failure.session, failure.message, "", "scans are judged, with these dates as they stand"
        )
    return Finding("warn", "W-LOST", failure.session, failure.message, "", "this scan is not judged")


def _of_these_vials(
    given: Mapping[str, Mapping[str, str]], ids: Sequence[str], wanted: VialSet
) -> dict[str, Mapping[str, str]]:
    """The options by biomarker, with the T1 of the vials where a fat fraction is freed of T1 and the user did not say otherwise."""
    made = dict(given)
    for id_ in ids:
        biomarker = registries.biomarkers().get(id_)
        if any(q.name == "FF" for q in biomarker.gives):
            known = {f.name for f in fields(biomarker.options)}
            made[id_] = {k: f"{v:g}" for k, v in wanted.t1.items() if k in known} | dict(given.get(id_, {}))
    return made


def _makeable(request: QaRequest, wanted: VialSet) -> tuple[str, ...]:
    """The preferred biomarker of each quantity for which the first session has series."""
    from neuromyo.pipeline.run import plans

    first = replace(request.run, biomarkers=())
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        ready = [one for _, one in plans(request.phantom, first, Path(scratch))]
    known = {t.id for one in ready for t in getattr(getattr(one, "plan", None), "tasks", ())}
    ids = []
    for quantity in wanted.quantities:
        ids += [i for i in qa_read.PREFERRED.get(quantity, ()) if i in known][:1]
    if not ids:
        raise ProtocolError("E-NEEDS", where=str(request.phantom), needed=f"series that give {' or '.join(wanted.quantities)}",
                            found=f"series for {', '.join(sorted(known)) or 'nothing'}",
                            remedy="`neuromyo plan` says what each biomarker lacks")  # fmt: skip
    return tuple(dict.fromkeys(ids))


def _refuse_other_field(root: Path, dataset: Any, wanted: VialSet) -> None:
    """E-PROTOCOL where the references hold for another field strength than the scanner's."""
    from neuromyo.io import sidecar

    if not wanted.field_strength:
        return
    for found in {m.relative: m for s in dataset.sessions for m in s.metadata if m.relative.endswith(".json")}.values():
        field_ = sidecar.read_json(root / found.relative, found.relative).get("MagneticFieldStrength")
        if isinstance(field_, (int, float)) and abs(field_ - wanted.field_strength) > _FIELD_TOLERANCE:
            raise ProtocolError("E-PROTOCOL", where=f"{found.relative}: MagneticFieldStrength",
                                needed=f"{wanted.field_strength:g} T, which the references of these vials hold for", found=f"{field_:g} T",
                                remedy="give the vials' description for that field")  # fmt: skip


def _assumptions(wanted: VialSet, readings: Sequence[Reading]) -> tuple[Finding, ...]:
    out = []
    cold = sorted({r.scan.label for r in readings if r.scan.temperature_c is None})
    if cold and wanted.needs_temperature():
        which = (
            "all scans" if len(cold) == len({r.scan.label for r in readings}) else f"{len(cold)} scans ({cold[0]} ...)"
        )
        out.append(Finding("warn", "W-ASSUMED", which, "the phantom's temperature is not stated: that of the references is assumed",
                           "measure it and give --temperature, or a column temperature in --scans",
                           f"the references' uncertainties allow for {UNKNOWN_KELVIN:g} K either way"))  # fmt: skip
    if any(r.scan.day is None for r in readings):
        out.append(
            Finding(
                "warn",
                "W-ASSUMED",
                "dates",
                "not every scan has a date: the scans of a site are taken for repeats of one day",
                "give --scans with a column date",
                "no drift is told, and repeatability may hold what changes from day to day",
            )
        )
    silent = [name for name, key in (("water", "water_t1"), ("fat", "fat_t1")) if key not in wanted.t1]
    if silent and any(r.quantity == "FF" for r in readings):
        out.append(
            Finding(
                "warn",
                "W-ASSUMED",
                "fat fraction",
                f"the T1 of the vials' {' and '.join(silent)} is not stated: that of tissue is assumed",
                "measure it and state water_t1 and fat_t1 under [quantity.FF] in the description of the vials",
                "where TR is short, vials between 0 and 100 % come out off, most near 50 % (0.8 points for water of 1.2 s taken for 1.4 s "
                "at TR 12 ms and 4 degrees): a curve that no scanner is to blame for",
            )
        )
    return tuple(out)


# --- writing ----------------------------------------------------------------------------------------------------------


def _written(out: Path, view: letter.QaView, readings: Sequence[Reading]) -> dict[str, str]:
    from neuromyo.io import derivatives, store, table

    head = {"Name": "neuromyo site qualification", "BIDSVersion": derivatives.BIDS_VERSION, "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "neuromyo", "Version": view.versions["neuromyo"]}]}  # fmt: skip
    return {
        "dataset_description.json": store.write_json(out / "dataset_description.json", head),
        ".bidsignore": store.write_text(out / ".bidsignore", "qa.*\nmaps\nmaps/**\nrecord\nrecord/**\n"),
        "qa.tsv": table.write_tsv(out / "qa.tsv", COLUMNS, (_row(r) for r in sorted(readings, key=_order))),
        "qa.json": store.write_json(out / "qa.json", letter.as_json(view)),
        "qa.html": store.write_text(out / "qa.html", letter.page(view)),
    }


def _order(r: Reading) -> tuple:
    return r.quantity, r.biomarker, r.acquisition, r.scan.site, r.scan.day or datetime.date.min, r.scan.label


def _row(r: Reading) -> tuple:
    unit, relative = QUANTITIES[r.quantity]
    off = r.value - r.reference
    day = r.scan.day.isoformat() if r.scan.day else None
    return (r.scan.site, r.scan.label, day, r.scan.temperature_c, r.acquisition, r.quantity, r.biomarker, r.vial, unit, r.value,
            r.spread, r.n_voxels, r.reference, r.reference_u, 100 * off / r.reference if relative else off,
            "%" if relative else "points" if unit == "%" else unit)  # fmt: skip
