"""One nerve on loose files: what `neuromyo trace` does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuromyo.core.errors import Finding, OptionError
from neuromyo.core.labels import SIDES, Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.measurements import Measurements
from neuromyo.pipeline import code_version, map_loose, pictures, pointing, segmenting, typed
from neuromyo.pipeline.nerve_steps import PROFILE, profile_rows
from neuromyo.pipeline.nerves import Examined, examine, follow
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
    side = _side(request.side)
    spots = _landmarks(request, side)
    endings = ("_dseg.nii.gz", "_dseg.tsv", "_dseg.json", "_measurements.tsv", "_profile.tsv", ".html")
    given = [Path(t.rpartition("=")[2]) for t in (*request.files, *request.maps)]
    typed.refuse_overwriting([Path(f"{request.prefix}{e}") for e in endings], given)
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        scratch = Path(folder)
        opened = [
            pictures.open_picture(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
            for text in request.files
        ]
        images = [one.image for one in opened]
        labels = _regions(request, images[0].grid, scratch)
        maps = [
            map_loose.open_map(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
            for text in request.maps
        ]
        followed, told = follow(images, request.nerve, side, spots, labels, proposals=request.propose)
        found = examine(images, followed, spots, labels=labels, maps=[m for m, _ in maps])
    remarks = [f for one in opened for f in one.findings] + [f for _, fs in maps for f in fs]
    findings = tuple(dict.fromkeys([*remarks, *told, *found.findings]))
    found = replace(found, findings=tuple(dict.fromkeys([*told, *found.findings])))
    rows = Measurements.of({"subject": request.subject, "session": request.session, **row} for row in found.rows)
    inputs = {one.image.name: one.sha256 for one in opened}
    return TraceResult(found, rows, _write(request, found, rows, spots, inputs), findings)


def _landmarks(request: TraceRequest, side: Side) -> tuple[Landmark, ...]:
    """Everything that was pointed at, in the table and by hand."""
    table = pointing.of_nerve(
        pointing.of_file(request.landmarks, request.subject, request.session), request.nerve, side
    )
    made = [
        *(typed_ for typed_ in pointing.typed("start", [request.start] if request.start else [], request.nerve, side))
    ]
    for kind, given in (("restart", request.restart), ("end", request.end), ("split", request.split)):
        made += pointing.typed(kind, given, request.nerve, side)  # type: ignore[arg-type]
    return (*made, *pointing.zero(request.zero, side), *table)


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
    return labels if labels.grid.same_as(grid) else labels_to_grid(labels, grid)[0]


def _write(
    request: TraceRequest, found: Examined, rows: Measurements, spots: Sequence[Landmark], inputs: Mapping[str, str]
) -> tuple[str, ...]:
    from neuromyo.io import store, table
    from neuromyo.report import nerves as report

    said = {
        "Method": "nerve followed from slice to slice", "TracedOn": found.image.name, "Proposed": found.trace.proposed,
        "Score": found.trace.score, "InputSHA256": dict(inputs), "Versions": code_version.versions(),
        "Landmarks": [{"kind": m.kind, "name": m.name, "side": m.side, "xyz_mm": list(m.xyz_mm)} for m in spots],
    }  # fmt: skip
    files = list(segmenting.write_labels(request.prefix, found.trace.labels(), said))
    measured, profile, page = (Path(f"{request.prefix}{e}") for e in ("_measurements.tsv", "_profile.tsv", ".html"))
    table.write_measurements(measured, rows)
    table.write_tsv(profile, list(PROFILE), profile_rows(found))
    store.write_text(page, report.page([found.view()], request.prefix.name))
    return (*files, str(measured), str(profile), str(page))
