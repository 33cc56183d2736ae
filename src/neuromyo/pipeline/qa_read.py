"""From the maps of a run to readings: find the vials in every scan, or take them from label images, and average within them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuromyo.anatomy import vials as finder
from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.reasons import Reason
from neuromyo.io import derivatives, labels, nifti
from neuromyo.io.map_files import MapFile
from neuromyo.pipeline.qa_scans import Diary
from neuromyo.quality.readings import Reading, Scan
from neuromyo.quality.vialset import QUANTITIES, Vial, VialSet
from neuromyo.space.resample import labels_to_grid

#: which biomarker is judged where several give a quantity and nobody asked for one: the first of these that is there
PREFERRED: dict[str, tuple[str, ...]] = {
    "T1": ("t1-ir", "t1-vfa", "stage-mt"), "T2": ("t2-epg", "t2-water", "t2-mono"), "FF": ("pdff", "pdff-magnitude", "t2-water"),
    "T2star": ("t2star",), "R2star": ("pdff", "pdff-magnitude", "t2star"),
}  # fmt: skip
#: unit on disk -> unit of references, and the factor between them
_FACTORS = {("s", "ms"): 1e3, ("ms", "ms"): 1.0, ("%", "%"): 1.0, ("percent", "%"): 1.0, ("1/s", "1/s"): 1.0}
#: below this many voxels a vial is not measured
LEAST_VOXELS = 8


@dataclass
class Read:
    """What was read, what was noticed, which sessions gave nothing and why, the label images written (file -> SHA-256)."""

    readings: list[Reading] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lost: list[tuple[str, NeuromyoError]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    turns: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is wanted of maps. ``vials`` and the ``diary`` of the scans; ``temperature_c`` of scans for which it states none;
    ``biomarkers`` to judge (the best of each quantity where none is named); ``regions``: a folder of label images of the vials."""

    vials: VialSet
    diary: Diary
    temperature_c: float | None = None
    biomarkers: Sequence[str] = ()
    regions: Path | None = None


@dataclass(frozen=True, eq=False)
class _Images:
    """All maps of one fit: (x, y, z) float64 by file, on one grid."""

    files: Sequence[MapFile]
    arrays: Mapping[str, np.ndarray]
    grid: Grid
    scratch: Path

    @staticmethod
    def of(files: Sequence[MapFile], scratch: Path) -> _Images:
        arrays, grids = {}, []
        for file in files:
            data, grid, _ = nifti.open_image(file.path, scratch=scratch)
            if data.shape[3] == 1:
                arrays[file.relative] = data.read()[..., 0].astype(np.float64)
                grids.append((file.relative, grid))
        return _Images(files, arrays, nifti.same_grid(grids), scratch)

    def signal(self) -> np.ndarray:
        """Where there is something to measure: the maps in arbitrary units together (S0; water and fat), else wherever a map has a
        value. A voxel whose fit failed for another reason than lack of signal counts as the middle one of those that have it."""
        amplitudes = [
            np.abs(self.arrays[f.relative]) for f in self.files if f.unit == "a.u." and f.relative in self.arrays
        ]
        first = next(iter(self.arrays.values()))
        total = np.sum(amplitudes, axis=0) if amplitudes else np.where(np.isfinite(first), 1.0, np.nan)
        blank = ~np.isfinite(total)
        reasons = self.files[0].reasons
        if reasons is not None and blank.any() and not blank.all():
            codes = np.rint(nifti.open_image(reasons, scratch=self.scratch)[0].read()[..., 0])
            fitted = blank & ~np.isin(codes, (Reason.MASKED, Reason.NO_SIGNAL))
            total = np.where(fitted, np.nanmedian(total), total)
        return np.where(np.isfinite(total), total, 0.0)


def chosen(maps: Sequence[MapFile], wanted: VialSet, asked: Sequence[str]) -> list[MapFile]:
    """The maps to be judged: those of the biomarkers asked for, else of the preferred one of each quantity."""
    out = []
    for quantity in wanted.quantities:
        there = [m for m in maps if m.quantity == quantity]
        ids = [i for i in asked if any(m.biomarker == i for m in there)] if asked else _first(there, quantity)
        out += [m for m in there if m.biomarker in ids]
    return out


def _first(there: Sequence[MapFile], quantity: str) -> list[str]:
    ids = [i for i in PREFERRED.get(quantity, ()) if any(m.biomarker == i for m in there)]
    return ids[:1] or sorted({m.biomarker for m in there})[:1]


def read(maps: Sequence[MapFile], asked: Asked, out: Path, scratch: Path) -> Read:
    """Readings of all chosen maps; label images of the vials that were found go to ``out``. A scan in which they are not found is
    lost and told; the others go on."""
    made = Read()
    groups: dict[tuple[str, ...], list[MapFile]] = {}
    for one in chosen(maps, asked.vials, asked.biomarkers):
        groups.setdefault(one.fit, []).append(one)
    for fit, files in groups.items():
        try:
            images = _Images.of([m for m in maps if m.fit == fit], scratch)
            made.readings += _read_one(files, images, asked, out, made)
        except NeuromyoError as error:
            if (files[0].session_label, str(error)) not in [(label, str(e)) for label, e in made.lost]:
                made.lost.append((files[0].session_label, error))
    return made


def _read_one(files: Sequence[MapFile], images: _Images, asked: Asked, out: Path, made: Read) -> list[Reading]:
    """Every vial in the chosen maps of one fit."""
    first = files[0]
    about = asked.diary.of(first.subject, first.session)
    warm = about.temperature_c if about.temperature_c is not None else asked.temperature_c
    run = f" run-{first.run}" if first.run else ""
    scan = Scan(f"{first.session_label}{run}", about.site or first.subject, about.day, warm)
    if asked.regions is None:
        drawn = _found(images, asked.vials, f"{scan.label}, {first.biomarker}", out, made)
    else:
        drawn = _given(asked.regions, first, images.grid, asked.vials)
    readings = []
    for file in files:
        factor = _FACTORS.get((file.unit, QUANTITIES[file.quantity][0]))
        if factor is None:
            raise DataError("E-UNITS", where=f"{file.relative}: Units", needed=f"one that gives {QUANTITIES[file.quantity][0]}",
                            found=file.unit or "none", remedy="state Units in the map's sidecar")  # fmt: skip
        values = images.arrays[file.relative] * factor
        readings += [_reading(scan, vial, file, values, drawn.mask(vial.name)) for vial in asked.vials.vials
                     if file.quantity in vial.references]  # fmt: skip
    return readings


def _reading(scan: Scan, vial: Vial, file: MapFile, values: np.ndarray, mask: np.ndarray) -> Reading:
    inside = values[mask]
    inside = inside[np.isfinite(inside)]
    enough = inside.size >= LEAST_VOXELS
    reference, u = vial.references[file.quantity].at(scan.temperature_c)
    return Reading(scan, vial.name, file.quantity, file.biomarker, file.acquisition, float(inside.mean()) if enough else float("nan"),
                   float(inside.std(ddof=1)) if enough else float("nan"), int(inside.size), reference, u)  # fmt: skip


def _found(images: _Images, wanted: VialSet, where: str, out: Path, made: Read) -> Labels:
    """The vials by what the images show."""
    first = images.files[0]
    signal = images.signal()
    shown = [signal, *(np.where(np.isfinite(a), a, 0.0) for a in images.arrays.values())]
    layout = finder.Layout(tuple(v.name for v in wanted.vials), np.array([v.at_mm for v in wanted.vials]), wanted.radius_mm,
                           wanted.turn_limit_deg, wanted.mirrored, wanted.shape == "sphere")  # fmt: skip
    found = finder.find(shown, images.grid, layout, where=where)
    made.findings += found.findings
    made.turns[where] = found.turn_deg
    entities = dict(
        e.split("-", 1) for e in [*first.acquisition.split("_"), f"run-{first.run}" if first.run else ""] if "-" in e
    )
    made.files |= derivatives.write_labels(out, found.labels, subject=first.subject, session=first.session,
                                           desc=f"{first.biomarker.replace('-', '')}Vials", entities=entities)  # fmt: skip
    return found.labels


def _given(regions: Path, first: MapFile, grid: Grid, wanted: VialSet) -> Labels:
    """The user's label image of the session: its region names are those of the vials."""
    folder = regions / f"sub-{first.subject}" / (f"ses-{first.session}" if first.session else "")
    paths = sorted(folder.rglob("*_dseg.nii.gz")) if folder.is_dir() else []
    if not paths:
        raise DataError("E-NOTFOUND", where=f"--regions, {first.session_label}", needed="a label image *_dseg.nii.gz",
                        found="none", remedy="put it where the session has its folder, sub-X[/ses-Y]/anat")  # fmt: skip
    told = [p for p in paths if (first.acquisition in p.name if first.acquisition else "_acq-" not in p.name)]
    slug = first.biomarker.replace("-", "")
    path = next((p for p in told if slug in p.name), (told or paths)[0])
    drawn = labels.read_labels(path)
    called = {_plain(v.name): v.name for v in wanted.vials}
    regions_ = tuple(Region(r.index, called[_plain(r.name)]) for r in drawn.regions if _plain(r.name) in called)
    if not regions_:
        raise DataError("E-LABELS", where=f"--regions, {path.name}",
                        needed=f"regions named as the vials: {', '.join(list(called.values())[:4])}...",
                        found=", ".join(r.name for r in drawn.regions[:4]) or "none",
                        remedy="name them in the table beside the image")  # fmt: skip
    named = Labels(drawn.volume, drawn.grid, regions_, drawn.source)
    return named if named.grid.same_as(grid) else labels_to_grid(named, grid)[0]


def _plain(name: str) -> str:
    """A name without what tables of labels do to it: ``0 %`` and ``A1`` are ``0`` and ``a1``."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


__all__ = ["LEAST_VOXELS", "PREFERRED", "Asked", "Read", "chosen", "read"]
