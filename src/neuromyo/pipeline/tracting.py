"""Lines along a nerve from loose diffusion images: what `neuromyo tract` does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuromyo.anatomy import drawn_nerve
from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError
from neuromyo.core.labels import SIDES, Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.nerve import Course, Trace
from neuromyo.course import centreline, tract_profile
from neuromyo.course.profile import Profile, coverage_on
from neuromyo.course.profile import rows as profile_rows
from neuromyo.course.tracts import TractOptions, Tracts, cover, proximal_first, tracts
from neuromyo.pipeline import code_version, pointing, registries, typed
from neuromyo.pipeline.nerve_steps import PROFILE
from neuromyo.pipeline.nerves import counted_from
from neuromyo.pipeline.options import parsed
from neuromyo.pipeline.outcome import Tell, quiet
from neuromyo.pipeline.single import FitRequest, fit

if TYPE_CHECKING:
    from neuromyo.report.tracts import TractView

#: what is measured along lines
ALONG = ("FA", "MD", "AD", "RD")


@dataclass(frozen=True)
class TractRequest:
    """What `neuromyo tract` was asked.

    dwi : diffusion images with bval and bvec beside; nerve : label image in which the nerve is drawn, on any grid
    name, side : which of its labels; may be left out where it holds one nerve
    option : ``key=value`` of `TractOptions` or of the biomarker ``dti``; tracts : a TRK file to be measured instead of following
    zero : ``NAME=X,Y,Z`` of the bony place from whose level distances along a drawn nerve are counted
    """

    dwi: Path
    prefix: Path
    nerve: Path | None = None
    name: str = ""
    side: str = "none"
    option: Sequence[str] = ()
    format: str = "trk"
    tracts: Path | None = None
    zero: str = ""
    nprocs: int = 1
    mem_mb: int = 4000
    max_input_gb: float = 16.0
    geometry: str = "strict"
    motion: str = "correct"


@dataclass(frozen=True, eq=False)
class TractResult:
    """The lines, what was measured, the files written, and what the user should know. ``zero`` says where distances begin."""

    tracts: Tracts
    measurements: Measurements
    profiles: tuple[Profile, ...]
    zero: str
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False)
class _Nerve:
    """A drawn nerve, brought to the diffusion images."""

    name: str
    side: Side
    trace: Trace | None = None
    course: Course | None = None
    share: np.ndarray | None = None
    counted: np.ndarray | None = None
    findings: tuple[Finding, ...] = ()


def tract(request: TractRequest, tell: Tell = quiet) -> TractResult:
    """Fits tensors, follows lines (or takes those given), measures along them, and writes ``PREFIX.trk`` or ``.trx``,
    ``PREFIX_profile.tsv`` (.json), ``PREFIX_measurements.tsv`` and ``PREFIX.html``."""
    side, options, of_fit = _checked(request)
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        labels = None if request.nerve is None else _labels(request.nerve, Path(folder))
        fitted = fit(FitRequest("dti", [str(request.dwi)], Path(folder) / "fit" / "fit", option=of_fit, nprocs=request.nprocs,
                                mem_mb=request.mem_mb, max_input_gb=request.max_input_gb, geometry=request.geometry,
                                motion=request.motion), tell)  # fmt: skip
    nerve = _nerve(request, labels, side, fitted.maps)
    lines = _lines(request, nerve, fitted.maps, options)
    if not lines.streamlines:
        why = "; ".join(f"{reason}: {n}" for reason, n in lines.dropped.items())
        raise DataError("E-NERVE", where=lines.where, needed="a line along it", found=f"none of {lines.n_seeds} begun ({why})",
                        remedy=next((f.remedy for f in lines.findings if f.level == "warn" and f.code != "W-COARSE"), ""))  # fmt: skip
    nerve = _counted(lines, nerve)
    profiles, zero, told = _profiles(lines, nerve, fitted.maps)
    rows = _rows(lines, nerve, fitted.maps, profiles)
    findings = tuple(dict.fromkeys((*fitted.findings, *nerve.findings, *lines.findings, *told)))
    view = _view(lines, nerve, profiles, zero, rows, findings, request)
    files = _write(request, lines, profiles, zero, rows, view, fitted.maps, options)
    return TractResult(lines, rows, profiles, zero, files, findings)


# --- what was asked ---------------------------------------------------------------------------------------------------


def _checked(request: TractRequest) -> tuple[Side, TractOptions, list[str]]:
    """Side, options of the lines, and options of the fit; whatever cannot be is refused before anything is read."""
    from neuromyo.io.tracts import FORMATS

    if request.side not in SIDES:
        raise OptionError("E-OPTION", where="--side", needed=f"one of {', '.join(SIDES)}", found=repr(request.side),
                          remedy="give left or right")  # fmt: skip
    if request.format not in FORMATS:
        raise OptionError("E-OPTION", where="--format", needed=f"one of {', '.join(FORMATS)}", found=repr(request.format),
                          remedy="leave it out for trk, which most viewers read")  # fmt: skip
    given = typed.assignments(request.option)
    if request.zero and request.nerve is None:
        raise OptionError("E-OPTION", where="--zero", needed="--nerve beside it", found="none",
                          remedy="a bony level is sought along a nerve that is drawn; leave --zero out, or give the labels")  # fmt: skip
    own = {f.name for f in fields(TractOptions)}
    of_dti = {f.name for f in fields(registries.biomarkers().get("dti").options)}
    for name in given:
        if name.replace("-", "_") not in own | of_dti:
            raise OptionError("E-UNKNOWN", where=f"option {name}", needed=f"an option of lines ({', '.join(sorted(own))}) or of the fit "
                              f"({', '.join(sorted(of_dti))})", found="another name", remedy="check the spelling")  # fmt: skip
    options = parsed(TractOptions, {k: v for k, v in given.items() if k.replace("-", "_") in own})
    outputs = [Path(f"{request.prefix}{e}") for e in _endings(request.format)]
    sources = [p for p in (request.dwi, request.nerve, request.tracts) if p is not None]
    typed.refuse_overwriting(outputs, sources)
    of_fit = [f"{k}={v}" for k, v in given.items() if k.replace("-", "_") not in own]
    return request.side, options, of_fit  # type: ignore[return-value]


def _endings(form: str) -> tuple[str, ...]:
    return (f".{form}", "_profile.tsv", "_profile.json", "_measurements.tsv", ".html")


def _labels(path: Path, scratch: Path) -> Labels:
    from neuromyo.pipeline import masks

    return masks.open_masks(path, scratch=scratch)


def _nerve(request: TractRequest, labels: Labels | None, side: Side, maps: Maps) -> _Nerve:
    if labels is None:
        return _Nerve(request.name or "tracts", side)
    name, side = _which(labels, request.name, side)
    trace = drawn_nerve.of_labels(labels, name, side)
    box, within = coverage_on(trace, maps.grid)
    share = np.zeros(maps.grid.shape)
    share[box] = within
    where = centreline.describe(trace)
    if not (share > 0).any():
        raise DataError("E-GRID", where=where, needed="labels that lie on the diffusion images", found="none of it within them",
                        remedy="check that both are of the same visit and the same place")  # fmt: skip
    course, told = _course(trace, pointing.zero(request.zero, side))
    findings = (*trace.findings, *(course.findings if course is not None else ()), *told)
    return _Nerve(name, side, trace, course, share, findings=findings)


def _course(trace: Trace, bones: Sequence[Landmark]) -> tuple[Course | None, tuple[Finding, ...]]:
    """The nerve's course; from its own upper end where the bony level lies beyond it, and none where none can be drawn: both told."""
    try:
        return centreline.course(trace, landmarks=bones), ()
    except NeuromyoError as error:
        if error.code != "E-COURSE":
            raise
        said = replace(Finding.from_error(error), level="warn", code="W-NERVE")
    if bones:
        course, told = _course(trace, ())
        if course is not None:
            return course, (replace(said, consequence="distances are counted from its upper end"),)
        return course, told
    return None, (replace(said, consequence="lines are not held to the nerve's course"),)


def _which(labels: Labels, name: str, side: Side) -> tuple[str, Side]:
    """Name and side of the nerve meant; where no name is given, that of the only label."""
    drawn = ", ".join(sorted({f"{r.name} ({r.side})" for r in labels.regions})) or "no region"
    if not name and len(labels.regions) != 1:
        raise OptionError("E-OPTION", where="--name", needed="the name of one of the labels", found=f"none, and labels {drawn}",
                          remedy="say which nerve is meant")  # fmt: skip
    meant = labels.find(name, None if side == "none" else side) if name else labels.regions
    sides: set[Side] = {r.side for r in meant}
    if len(sides) > 1:
        raise OptionError("E-OPTION", where="--side", needed="left or right, since the nerve is drawn on both", found="none",
                          remedy="lines are followed in one nerve at a time")  # fmt: skip
    return name or meant[0].name, sides.pop() if side == "none" and sides else side


# --- lines and what is along them -------------------------------------------------------------------------------------


def _lines(request: TractRequest, nerve: _Nerve, maps: Maps, options: TractOptions) -> Tracts:
    if request.tracts is None:
        tensor = maps["D"]
        return tracts(tensor.values, maps.grid, nerve=nerve.share, course=nerve.course, valid=tensor.valid, name=nerve.name,
                      side=nerve.side, options=options)  # fmt: skip
    from neuromyo.io.tracts import read_trk
    from neuromyo.space.resample import grid_contains

    given = read_trk(request.tracts)
    inside = [line for line in given if grid_contains(maps.grid, line).all()]
    if not inside:
        raise DataError("E-GRID", where=str(request.tracts.name), needed="lines within the diffusion images", found="none",
                        remedy="give lines that were followed on this scan")  # fmt: skip
    told = () if len(inside) == len(given) else (Finding(
        "warn", "W-NERVE", request.tracts.name, f"{len(given) - len(inside)} of {len(given)} lines leave the diffusion images",
        consequence="they are left out"),)  # fmt: skip
    turned = tuple(proximal_first(inside, nerve.course))
    step = float(np.median([np.linalg.norm(np.diff(line[:2], axis=0)) for line in turned]))
    return Tracts(
        nerve.name,
        nerve.side,
        maps.grid,
        turned,
        len(given),
        step,
        {},
        {},
        *cover(turned, maps.grid, nerve.share, step),
        told,
    )


def _counted(lines: Tracts, nerve: _Nerve) -> _Nerve:
    """The nerve with what its voxels count; told where voxels that are only in part nerve have to be taken."""
    if nerve.share is None:
        return nerve
    share, few = tract_profile.counted(lines, nerve.share)
    told = () if not few else (Finding(
        "warn", "W-COARSE", lines.where, "hardly a voxel lies wholly within the nerve, so voxels that are in part nerve count too",
        "acquire finer voxels", "FA along it is too low, by a fifth where the nerve is two pixels across"),)  # fmt: skip
    return replace(nerve, counted=share, findings=(*nerve.findings, *told))


def _profiles(lines: Tracts, nerve: _Nerve, maps: Maps) -> tuple[tuple[Profile, ...], str, tuple[Finding, ...]]:
    """Profiles of all maps, what lies at their zero in words, and why there are none where there are none."""
    try:
        course = nerve.course or tract_profile.mean_course(lines)
        zero = "the upper end of the mean line" if nerve.course is None else course.landmark or "the nerve's upper end"
        found = []
        for name in ALONG:
            one = maps[name]
            values, unit = one.quantity.to_display(one.values), one.quantity.display
            if nerve.course is None or nerve.trace is None or nerve.counted is None:
                found.append(tract_profile.along_mean(values, lines, course, valid=one.valid, quantity=name, unit=unit))
                continue
            sd = None if one.sd is None else one.quantity.to_display(one.sd)
            found.append(tract_profile.along_nerve(values, lines, nerve.trace, course, nerve.counted, sd=sd, valid=one.valid,
                                                   quantity=name, unit=unit))  # fmt: skip
    except NeuromyoError as error:
        if error.code not in ("E-COURSE", "E-EMPTYROI"):
            raise
        said = Finding.from_error(error)
        return (), "", (replace(said, level="warn", code="W-NERVE", consequence="no profile is given"),)
    at = ", ".join(f"{v:.1f}" for v in course.points_mm[int(np.argmin(np.abs(course.distance_mm)))])
    told = (Finding("note", "N-NERVE", lines.where, f"distance 0 is {zero}, at {at} mm (right, anterior, superior)"),)
    return tuple(found), zero, told


def _rows(lines: Tracts, nerve: _Nerve, maps: Maps, profiles: Sequence[Profile]) -> Measurements:
    trace = nerve.trace or Trace(lines.name, lines.side, lines.grid, (), np.zeros(lines.grid.shape, np.float32), 1.0)
    common = {"region_source": "tracts"}
    rows = tract_profile.rows(lines, common)
    for name in ALONG:
        one = maps[name]
        show = one.quantity.to_display
        whole = tract_profile.whole(
            show(one.values), lines, nerve=nerve.counted, valid=one.valid, sd=None if one.sd is None else show(one.sd)
        )
        rows.append({**common, "region": lines.name, "side": lines.side, "biomarker": tract_profile.BIOMARKER, "quantity": name,
                     "unit": one.quantity.display, "statistic": "mean", **whole})  # fmt: skip
    coarse = ["W-COARSE"] if any(f.code == "W-COARSE" for f in (*lines.findings, *nerve.findings)) else []
    for one in profiles:
        along = profile_rows(one, trace, biomarker=tract_profile.BIOMARKER, common=common)
        rows += [dict(row) for row in counted_from(along, nerve.course)]
    return Measurements.of({**row, "flags": [*row.get("flags", ()), *coarse]} for row in rows)


def _view(
    lines: Tracts, nerve: _Nerve, profiles: Sequence[Profile], zero: str, rows: Measurements, findings: Sequence[Finding],
    request: TractRequest,
) -> TractView:  # fmt: skip
    from neuromyo.report import wording
    from neuromyo.report.tracts import AlongLine, TractView

    name = wording.capital(wording.region(lines.name))
    title = f"{name}, {lines.side}" if lines.side in ("left", "right") else name
    along = [AlongLine(p.quantity, p.unit, p.distance_mm, p.value, p.sd) for p in profiles]
    whole = [r for r in rows.rows() if not r["slice"] and not r["level"]]
    return TractView(title, lines.streamlines, lines.grid, zero or "the upper end", along, whole, lines.stops, lines.dropped,
                     nerve.share, findings)  # fmt: skip


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(
    request: TractRequest, lines: Tracts, profiles: Sequence[Profile], zero: str, rows: Measurements, view: TractView, maps: Maps,
    options: TractOptions,
) -> tuple[str, ...]:  # fmt: skip
    from neuromyo.io import store, table
    from neuromyo.io import tracts as tract_files
    from neuromyo.io.together import all_or_none
    from neuromyo.report import tracts as report

    paths = [Path(f"{request.prefix}{e}") for e in _endings(request.format)]
    with all_or_none():
        tract_files.write(paths[0], lines.streamlines, maps.grid)
        table.write_tsv(paths[1], list(PROFILE), (
            (lines.name, lines.side, float(d), one.quantity, one.unit, float(v), float(s))
            for one in profiles for d, v, s in zip(one.distance_mm, one.value, one.sd, strict=True)))  # fmt: skip
        store.write_json(paths[2], typed.finite(_about(request, lines, zero, options, maps)))
        table.write_measurements(paths[3], rows)
        store.write_text(paths[4], report.page(view))
    return tuple(map(str, paths))


def _about(request: TractRequest, lines: Tracts, zero: str, options: TractOptions, maps: Maps) -> dict[str, Any]:
    """What stands beside the profile: its columns, where zero lies, how the lines came about and why they ended."""
    from neuromyo.io.files import printable

    return {
        **{name: {"Description": said} for name, said in PROFILE.items()},
        "Zero": zero or "no profile",
        "Direction": "distances grow distally",
        "Lines": len(lines.streamlines),
        "Seeds": lines.n_seeds,
        "Stops": dict(lines.stops),
        "SeedsWithoutLine": dict(lines.dropped),
        "StepMillimetres": lines.step_mm,
        "Options": "lines were given, not followed" if request.tracts is not None else asdict(options),
        "FitOptions": dict(maps.options),
        "GivenLines": "" if request.tracts is None else printable(request.tracts.name),
        "Versions": code_version.versions(),
    }
