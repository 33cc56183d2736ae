"""A table from regions and maps on loose files: what `neuromyo measure` does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.io.files import printable
from neuromyo.pipeline import map_loose, typed
from neuromyo.space.interpolate import map_to_grid
from neuromyo.space.overlap import FLIPS


@dataclass(frozen=True)
class MeasureRequest:
    """What `neuromyo measure` was asked. maps : as typed, ``[NAME=]FILE``; fat : a fat fraction map, or ``""``."""

    labels: Sequence[Path]
    table: Path
    maps: Sequence[str] = ()
    fat: str = ""
    subject: str = ""
    session: str = ""
    flip_labels: str = "none"
    mem_mb: int = 4000
    geometry: str = "strict"


@dataclass(frozen=True, eq=False)
class MeasureResult:
    """The table, the files written, and what the user should know."""

    measurements: Measurements
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def measure_files(request: MeasureRequest) -> MeasureResult:
    """Measures regions: their volume, sections and sides (muscles), the shape along them (nerves), and maps within them."""
    from neuromyo.io import table
    from neuromyo.io.together import all_or_none

    if request.table.suffix != ".tsv":
        raise OptionError("E-OPTION", where="-o", needed="a name that ends in .tsv", found=str(request.table),
                          remedy="write TABLE.tsv; its columns are explained in TABLE.json")  # fmt: skip
    if request.flip_labels not in FLIPS:
        raise OptionError("E-OPTION", where="--flip-labels", needed=" or ".join(FLIPS), found=request.flip_labels,
                          remedy="give one of them")  # fmt: skip
    _refuse_twins(request.labels)
    maps_given = [Path(text.rpartition("=")[2]) for text in (*request.maps, *([request.fat] if request.fat else []))]
    typed.refuse_overwriting([request.table, request.table.with_suffix(".json")], [*request.labels, *maps_given])
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        scratch = Path(folder)
        labels, remarks = _labels(request, scratch)
        maps = [_map(text, request, scratch) for text in request.maps]
        map_loose.refuse_twins([m for m, _ in maps])
        fat = _map(request.fat, request, scratch) if request.fat else None
        if fat is not None:
            _refuse_no_fraction(fat[0], labels, request.fat)
        found, more = measure(
            labels, [m for m, _ in maps], None if fat is None else fat[0], request.subject, request.session
        )
    with all_or_none():
        written = table.write_measurements(request.table, found)
    files = tuple(str(request.table.with_name(name)) for name in written)
    told = [f for _, fs in maps for f in fs] + list(fat[1] if fat else ())
    return MeasureResult(found, files, tuple(dict.fromkeys([*remarks, *told, *more])))


def _labels(request: MeasureRequest, scratch: Path) -> tuple[list[Labels], list[Finding]]:
    from neuromyo.anatomy import muscles
    from neuromyo.pipeline import masks
    from neuromyo.space.sides import flip_left_right

    found, findings = [], []
    for path in request.labels:
        labels = masks.open_masks(path, scratch=scratch)
        if request.flip_labels == "left-right":
            labels = flip_left_right(labels)
        known, remarks = muscles.resolve(labels)
        found.append(known)
        findings += remarks
    return found, findings


def _refuse_no_fraction(fat: Maps, labels: Sequence[Labels], name: str) -> None:
    """E-UNITS where a fat map cannot be a fraction in the unit that is stated: percent read as fractions make areas below zero."""
    (one,) = fat.maps.values()
    if one.quantity.unit != "1":
        return  # told by whoever measures with it
    for drawn in labels:
        share = map_to_grid(np.where(one.valid, one.values, np.nan), fat.grid, drawn.grid)[drawn.volume > 0]
        share = share[np.isfinite(share)]
        if share.size and not -0.1 <= (middle := float(np.median(share))) <= 1.1:
            raise DataError("E-UNITS", where=printable(Path(name).name), needed="a fat fraction from 0 to 1, or from 0 to 100 %",
                            found=f"{middle:.3g} (of 1) in the middle of its values in the regions",
                            remedy='state what its numbers are: {"Units": "%"} or {"Units": "fraction"} in its JSON sidecar')  # fmt: skip


def _refuse_twins(labels: Sequence[Path]) -> None:
    """E-OPTION for two label files of one name: the table tells who drew a region by the file's name."""
    names = [path.name for path in labels]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise OptionError("E-OPTION", where=printable(twice), needed="label files of different names", found="two of this name",
                          remedy="give each once; rename one if they are different, or measure them into tables of their own")  # fmt: skip


def _map(text: str, request: MeasureRequest, scratch: Path) -> tuple[Maps, tuple[Finding, ...]]:
    return map_loose.open_map(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)


def measure(
    labels: Sequence[Labels], maps: Sequence[Maps], fat: Maps | None, subject: str, session: str
) -> tuple[Measurements, tuple[Finding, ...]]:
    """The rows of all regions: morphometry of every label volume once, and a summary of every map in every region."""
    from neuromyo.measure.areas import FatMap
    from neuromyo.measure.summarise import summarise, volumes
    from neuromyo.pipeline import sizes

    share = None if fat is None else FatMap(next(iter(fat.maps.values())), fat.grid)
    tables = [summarise(one, labels, subject=subject, session=session) for one in maps]
    tables.append(volumes(labels, subject=subject, session=session))
    sized, findings = sizes.measure(labels, maps, subject, session, share)
    return Measurements.join([*tables, sized]), findings
