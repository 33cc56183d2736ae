"""Regions as people save them: NIfTI label maps and masks, and what 3D Slicer writes (.nrrd, .seg.nrrd), by content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io import nrrd
from neuromyo.io.files import open_regular, printable, read_small
from neuromyo.io.geometry import turned
from neuromyo.io.labels import check_sides, named, read_labels, read_table, table_of, whole_numbers
from neuromyo.io.segments import Segment, assembled

_ENTITY = re.compile(r"(sub|ses|acq|run|chunk|echo|part|space|res|desc|hemi|task|dir|rec)-[a-zA-Z0-9]+")
#: keys of newer and older versions of Slicer that say what the voxels stand for
_REPRESENTATION = ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation")
_ENDINGS = (".gz", ".nii", ".nrrd", ".seg")
#: what a file name says about the file and not about the region
_KIND_WORDS = frozenset(("dseg", "mask", "masks", "seg", "segmentation", "label", "labels", "labelmap", "roi"))


def read_masks(path: Path, *, scratch: Path | None = None, max_input_gb: float = 16) -> Labels:
    """The labels of a file on its own grid, named by the table beside it (`neuromyo.io.labels`), by the file's own segments, or by a
    colour table of 3D Slicer beside it (.ctbl). A file of one region without any of these is named after the file. Segments that
    overlap: see `neuromyo.io.segments`.
    """
    name = printable(path.name)
    if is_nrrd(path):
        return _from_nrrd(path, name, max_input_gb)
    labels = read_labels(path, scratch=scratch, max_input_gb=max_input_gb)
    return labels if table_of(path).exists() else _renamed(labels, path)


def is_nrrd(path: Path) -> bool:
    """Whether a file begins like NRRD."""
    with open_regular(path, printable(path.name)) as stream:
        return stream.read(len(nrrd.MAGIC)) == nrrd.MAGIC


def name_of(path: Path) -> str:
    """What a mask's file name calls its region: ``soleus_mask.nii.gz`` soleus, ``sub-01_label-soleus_mask.nii.gz`` soleus too."""
    stem = _stem(path)
    stated = re.search(r"(?:^|_)label-([a-zA-Z0-9]+)", stem)
    if stated:
        return stated[1]
    words = [w for w in re.split(r"[_.\s]+", stem) if w.lower() not in _KIND_WORDS]
    return " ".join(w for w in words if not _ENTITY.fullmatch(w))


def _from_nrrd(path: Path, name: str, max_input_gb: float) -> Labels:
    found = nrrd.read(path, name=name, max_input_gb=max_input_gb)
    grid = turned(found.affine, found.values.shape[:3])
    table = read_table(path.with_name(_stem(path) + ".tsv"))
    described = _segments(found.keys, found.values.shape[3])
    if any("fractional" in found.keys.get(key, "").lower() for key in _REPRESENTATION):
        raise DataError("E-LABELS", where=name, needed="a binary labelmap", found="fractions of voxels",
                        remedy="convert the segmentation to a binary labelmap in 3D Slicer and save it again")  # fmt: skip
    if described and not table:
        return _from_segments(found.values, described, grid, name)
    if found.values.shape[3] != 1:
        raise DataError("E-LABELS", where=name, needed="one volume of labels, or segments that say which layer they are in",
                        found=f"{found.values.shape[3]} volumes", remedy="save it as a segmentation or as a label map")  # fmt: skip
    volume = np.ascontiguousarray(grid.from_source(whole_numbers(found.values[..., 0], name)))
    listed = table or _colours(path.with_name(_stem(path) + ".ctbl"))
    present = [int(i) for i in np.unique(volume) if i]
    labels = Labels(volume, grid, tuple(listed.get(i) or Region(i, f"label-{i}") for i in present), name)
    check_sides(labels, name)
    return labels if listed else _renamed(labels, path)


def _segments(keys: Mapping[str, str], layers: int) -> dict[tuple[int, int], tuple[int, Segment]]:
    """(layer, value) -> number from 1 and segment, of the keys ``Segment0_Name``, ``Segment0_Layer``, ``Segment0_LabelValue``...
    Files of Slicer before version 4.11 state neither layer nor value: the n-th layer then holds the n-th segment as 1."""
    numbers = sorted({int(m[1]) for key in keys if (m := re.fullmatch(r"Segment([0-9]{1,5})_[A-Za-z]+", key))})
    made: dict[tuple[int, int], tuple[int, Segment]] = {}
    for number in numbers:
        text = keys.get(f"Segment{number}_Name", "") or keys.get(f"Segment{number}_ID", "")
        layer = _whole(keys, f"Segment{number}_Layer", number if layers > 1 else 0)
        value = _whole(keys, f"Segment{number}_LabelValue", 1)
        if layer < layers:
            made[layer, value] = number + 1, Segment(text, _code(keys.get(f"Segment{number}_Tags", "")))
    return made


def _whole(keys: Mapping[str, str], key: str, otherwise: int) -> int:
    said = keys.get(key, "")
    return int(said) if re.fullmatch(r"[0-9]{1,8}", said) else otherwise


def _code(tags: str) -> str:
    """``SCT:122464006`` of the type in Slicer's terminology entry (context~category~type~...)."""
    entry = re.search(r"TerminologyEntry:([^|]*)", tags)
    parts = entry[1].split("~") if entry else []
    kind = parts[2].split("^") if len(parts) > 2 else []
    fine = (
        len(kind) > 1
        and re.fullmatch(r"[A-Za-z0-9_.-]{1,16}", kind[0])
        and re.fullmatch(r"[A-Za-z0-9.-]{1,16}", kind[1])
    )
    return f"{kind[0]}:{kind[1]}" if fine else ""


def _from_segments(
    values: np.ndarray, described: Mapping[tuple[int, int], tuple[int, Segment]], grid: Grid, name: str
) -> Labels:
    if values.size == 1:  # how Slicer saves a segmentation in which nothing was drawn
        values = np.zeros_like(values)
    layers = []
    for layer in range(values.shape[3]):
        stored = (
            whole_numbers(values[..., layer], name)
            if values[..., layer].any()
            else np.zeros(values.shape[:3], np.int32)
        )
        layers.append(np.ascontiguousarray(grid.from_source(_numbered(stored, layer, described, name))))
    labels = assembled(layers, dict(described.values()), grid, name)
    check_sides(labels, name)
    return labels


def _numbered(
    stored: np.ndarray, layer: int, described: Mapping[tuple[int, int], tuple[int, Segment]], name: str
) -> np.ndarray:
    """One layer with the numbers of its segments in place of their values."""
    out = np.zeros_like(stored)
    for value in np.unique(stored[stored > 0]).tolist():
        if (layer, value) not in described:
            raise DataError("E-LABELS", where=f"{name}: layer {layer}", needed="a segment for every value that is drawn",
                            found=f"the value {value} without one", remedy="save the segmentation again from 3D Slicer")  # fmt: skip
        out[stored == value] = described[layer, value][0]
    return out


def _colours(path: Path) -> dict[int, Region]:
    """Names of a Slicer colour table (index name red green blue alpha), where it lies beside the image."""
    if not path.exists():
        return {}
    made: dict[int, Region] = {}
    for line in read_small(path, printable(path.name), "E-LABELS", 1 << 20).decode("utf-8", "replace").splitlines():
        found = re.fullmatch(r"\s*([0-9]{1,8})\s+(.+?)((?:\s+[0-9.]+){3,4})\s*", line)
        if found and not line.startswith("#") and int(found[1]):
            name, side = named(found[2])
            made[int(found[1])] = Region(int(found[1]), name or f"label-{int(found[1])}", side)
    return made


def _renamed(labels: Labels, path: Path) -> Labels:
    """A single region without a name, named after its file."""
    name, side = named(name_of(path))
    if len(labels.regions) != 1 or not name:
        return labels
    return replace(labels, regions=(Region(labels.regions[0].index, name, side),))


def _stem(path: Path) -> str:
    stem = path.name
    for ending in _ENDINGS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
    return stem
