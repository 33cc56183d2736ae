"""One nerve on loose files: what `neuromyo trace` does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.labels import SIDES, Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.measurements import Measurements
from neuromyo.io import names
from neuromyo.io.files import printable
from neuromyo.pipeline import code_version, map_loose, pictures, pointing, segmenting, typed
from neuromyo.pipeline.nerve_steps import PROFILE, profile_rows
from neuromyo.pipeline.nerves import Examined, examine, follow
from neuromyo.space.overlap import require_overlap
from neuromyo.space.resample import labels_to_grid


@dataclass(frozen=True)
class TraceRequest:
    """What `neuromyo trace` was asked; places as typed, ``X,Y,Z`` in world millimetres (RAS+).

    files : ``[WEIGHTING=]FILE``, the one that decides the grid first; maps : ``[NAME=]FILE`` whose profiles are wanted
    regions : label image of other structures (muscle), for ratios to them and for proposals
    """

    files: Sequence[str]
    prefix: Path
    nerve: str = "sciatic-nerve"
    side: str = "none"
    start: str = ""
    restart: Sequence[str] = ()
    end: Sequence[str] = ()
    split: Sequence[str] = ()
    zero: str = ""
    landmarks: Path | None = None
    propose: bool = False
    maps: Sequence[str] = ()
    regions: Path | None = None
    subject: str = ""
    session: str = ""
    mem_mb: int = 4000
    geometry: str = "strict"


@dataclass(frozen=True, eq=False)
class TraceResult:
    """What was measured, the files written, and what the user should know."""

    examined: Examined
    measurements: Measurements
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def trace_files(request: TraceRequest) -> TraceResult:
    """Follows a nerve, measures it, and writes ``PREFIX_dseg`` (.nii.gz, .tsv, .json), ``PREFIX_measurements.tsv``,
    ``PREFIX_profile.tsv`` and ``PREFIX.html``."""
    request = _who(replace(request, nerve=pointing.nerve_name(request.nerve, "--nerve")))
    typed.checked_prefix(request.prefix)
    side = _side(request.side)
    side, spots = _landmarks(request, side)
    endings = (
        "_dseg.nii.gz",
        "_dseg.tsv",
        "_dseg.json",
        "_measurements.tsv",
        "_measurements.json",
        "_profile.tsv",
        ".html",
    )
    given = [Path(t.rpartition("=")[2]) for t in (*request.files, *request.maps)]
    given += [path for path in (request.regions, request.landmarks) if path is not None]
    typed.refuse_overwriting([Path(f"{request.prefix}{e}") for e in endings], given)
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        scratch = Path(folder)
        opened = [
            pictures.open_picture(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
            for text in request.files
        ]
        _refuse_same(opened)
        images = [one.image for one in opened]
        labels = _regions(request, images[0].grid, scratch)
        maps = [
            map_loose.open_map(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
            for text in request.maps
        ]
        map_loose.refuse_twins([m for m, _ in maps])
        followed, told = follow(images, request.nerve, side, spots, labels, proposals=request.propose)
        found = examine(images, followed, spots, labels=labels, maps=[m for m, _ in maps])
    remarks = [f for one in opened for f in one.findings] + [f for _, fs in maps for f in fs]
    findings = tuple(dict.fromkeys([*remarks, *told, *found.findings]))
    found = replace(found, findings=tuple(dict.fromkeys([*told, *found.findings])))
    rows = Measurements.of({"subject": request.subject, "session": request.session, **row} for row in found.rows)
    inputs = {one.image.name: one.sha256 for one in opened}
    return TraceResult(found, rows, _write(request, found, rows, spots, inputs), findings)


def _who(request: TraceRequest) -> TraceRequest:
    """The request with the person and the session that the first image's name tells, where nobody said."""
    found = names.split(Path(request.files[0].rpartition("=")[2]).name)
    told = {} if found is None else found.entities
    return replace(
        request, subject=request.subject or told.get("sub", ""), session=request.session or told.get("ses", "")
    )


def _landmarks(request: TraceRequest, side: Side) -> tuple[Side, tuple[Landmark, ...]]:
    """The nerve's side, and everything that was pointed at: by hand first, then in the table. Where no side was given, that of the
    only nerve of the name in the table."""
    listed = _listed(request)
    sides = {one.side for one in listed if one.name == request.nerve and one.kind == "start"}
    if side == "none" and len(sides) > 1:
        raise OptionError("E-OPTION", where="--side", needed="left or right", found=f"none, and {request.nerve} of both in the table",
                          remedy="say which one to follow")  # fmt: skip
    if side == "none":
        side = _side(next(iter(sides), "none"))
    given = (
        ("start", [request.start] if request.start else []), ("restart", request.restart), ("end", request.end),
        ("split", request.split),
    )  # fmt: skip
    made = [one for kind, texts in given for one in pointing.typed(kind, texts, request.nerve, side)]  # type: ignore[arg-type]
    spots = pointing.of_nerve((*made, *pointing.zero(request.zero, side), *listed), request.nerve, side)
    if request.landmarks and not request.propose and not any(one.kind == "start" for one in spots):
        begun = {f"{one.name} ({one.side})" for one in listed if one.kind == "start"}
        raise DataError("E-NEEDS", where=printable(request.landmarks.name), needed=f"a start of the {request.nerve} ({side})",
                        found=f"starts of {', '.join(sorted(begun))}" if begun else "no start" + _of(request),
                        remedy="add a row of kind start, or give --start X,Y,Z")  # fmt: skip
    return side, spots


def _listed(request: TraceRequest) -> tuple[Landmark, ...]:
    """The table's rows that are of this person; E-OPTION where it is of several and nobody says which one this is."""
    if request.landmarks and not request.subject:
        people = pointing.people(request.landmarks)
        if people:
            raise OptionError("E-OPTION", where=printable(request.landmarks.name), needed="to know whose image this is",
                              found=f"rows of {len(people)} participants, and no sub- in the image's name",
                              remedy="give --subject LABEL")  # fmt: skip
    return pointing.of_file(request.landmarks, request.subject, request.session)


def _of(request: TraceRequest) -> str:
    return f" of sub-{printable(request.subject)}" if request.subject else ""


def _refuse_same(opened: Sequence[pictures.Opened]) -> None:
    """E-IDENTICAL for one image given twice: it would count as two that agree."""
    for i, one in enumerate(opened):
        if any(one.sha256 == other.sha256 for other in opened[:i]):
            raise DataError("E-IDENTICAL", where=one.image.name, needed="images of different contrasts", found="the same file twice",
                            remedy="give each once")  # fmt: skip


def _side(text: str) -> Side:
    if text not in SIDES:
        raise OptionError("E-OPTION", where="--side", needed=f"one of {', '.join(SIDES)}", found=repr(text),
                          remedy="give left or right")  # fmt: skip
    return text  # type: ignore[return-value]


def _regions(request: TraceRequest, grid: Any, scratch: Path) -> Labels | None:
    if request.regions is None:
        return None
    from neuromyo.pipeline import masks

    labels = masks.open_masks(request.regions, scratch=scratch)
    require_overlap(labels.grid, grid, where=f"{printable(request.regions.name)} and the image")
    return labels if labels.grid.same_as(grid) else labels_to_grid(labels, grid)[0]


def _write(
    request: TraceRequest, found: Examined, rows: Measurements, spots: Sequence[Landmark], inputs: Mapping[str, str]
) -> tuple[str, ...]:
    from neuromyo.io import store, table
    from neuromyo.io.together import all_or_none
    from neuromyo.report import nerves as report

    said = {
        "Method": "nerve followed from slice to slice", "TracedOn": found.image.name, "Proposed": found.trace.proposed,
        "Score": found.trace.score, "InputSHA256": dict(inputs), "Versions": code_version.versions(),
        "Landmarks": [{"kind": m.kind, "name": m.name, "side": m.side, "xyz_mm": list(m.xyz_mm)} for m in spots],
    }  # fmt: skip
    measured, profile, page = (Path(f"{request.prefix}{e}") for e in ("_measurements.tsv", "_profile.tsv", ".html"))
    with all_or_none():
        files = segmenting.write_labels(request.prefix, found.trace.labels(), said)
        table.write_measurements(measured, rows)
        table.write_tsv(profile, list(PROFILE), profile_rows(found))
        store.write_text(page, report.page([found.view()], request.prefix.name))
    return (*files, str(measured), str(profile), str(page))
