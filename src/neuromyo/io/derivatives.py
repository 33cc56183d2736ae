"""Results as a BIDS derivative: maps, their uncertainty, reasons of voxels without a value, label images.

Everything written here is a pure function of inputs, options and versions: no time, host or absolute path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import neuromyo
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import ExportError
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.io import names, store, table
from neuromyo.io.files import printable
from neuromyo.io.nifti_write import write_image

BIDS_VERSION = "1.10.0"

#: data type -> suffixes of derivative images that BIDS has a name for; the others are listed in .bidsignore
_KNOWN = {
    "anat": {"T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap", "MTRmap", "MTsat", "UNIT1", "T1rho",
             "MWFmap", "MTVmap", "Chimap", "S0map", "M0map", "dseg"},
    "fmap": {"TB1map", "RB1map", "fieldmap"},
    "dwi": {"dseg"},
}  # fmt: skip
#: entities that BIDS knows in the names of such images
_ALLOWED = {"sub", "ses", "acq", "rec", "run", "ce", "chunk", "space", "res", "desc"}
_TENSOR, _VECTOR = ("xx", "yy", "zz", "xy", "xz", "yz"), ("x", "y", "z")


def write_maps(
    out: Path,
    maps: Maps,
    *,
    subject: str,
    session: str,
    extra_sidecar: Mapping[str, Any] | None = None,
    declaration: Biomarker | None = None,
    inputs: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Write all that a biomarker gave for one session; file relative to ``out`` -> SHA-256 (hex).

    ``declaration`` adds the model, its equation and its sources to the sidecars; ``inputs`` (file -> SHA-256) the
    hashes of the files that were used.
    """
    slug = maps.biomarker.replace("-", "")
    common = _common(maps, declaration, inputs or {}) | dict(extra_sidecar or {})
    written: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    first: np.ndarray | None = None
    for name, one in maps.maps.items():
        quantity = one.quantity
        desc = slug if (quantity.datatype, quantity.suffix) not in taken else slug + name
        taken.add((quantity.datatype, quantity.suffix))
        place = _Place(out, subject, session, quantity.datatype, maps.entities)
        written |= _write_map(place, maps, one, desc, common)
        if first is None:
            first = one.reason
            written |= _write_reasons(place, maps, one.reason, f"{slug}Reason", common)
        elif not np.array_equal(one.reason, first):
            written |= _write_reasons(place, maps, one.reason, f"{slug}{name}Reason", common)
    return written


def write_labels(
    out: Path,
    labels: Labels,
    *,
    subject: str,
    session: str,
    desc: str,
    entities: Mapping[str, str] | None = None,
    extra_sidecar: Mapping[str, Any] | None = None,
    datatype: str = "anat",
) -> dict[str, str]:
    """Write a label image, its table and its sidecar; file relative to ``out`` -> SHA-256 (hex)."""
    place = _Place(out, subject, session, datatype, entities or {})
    largest = int(labels.volume.max(initial=0))
    volume = labels.volume.astype(np.uint8 if largest < 256 else np.int32)
    rows = [(r.index, r.name, r.side, r.parent, r.code) for r in labels.regions]
    sidecar = {"Description": "regions", "Manual": False, "SegmentationSource": labels.source} | dict(
        extra_sidecar or {}
    )
    return {
        place.relative(desc, "dseg", ".nii.gz"): write_image(place.path(desc, "dseg", ".nii.gz"), volume, labels.grid),
        place.relative(desc, "dseg", ".tsv"): table.write_tsv(
            place.path(desc, "dseg", ".tsv"), ("index", "name", "side", "parent", "code"), rows
        ),
        place.relative(desc, "dseg", ".json"): store.write_json(
            place.path(desc, "dseg", ".json"), _plain(sidecar | _COLUMNS)
        ),
    }


def dataset_files(
    out: Path, *, name: str = "neuromyo results", also: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Write dataset_description.json and .bidsignore, which names what BIDS has no word for; file -> SHA-256 (hex)."""
    description = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "neuromyo", "Version": neuromyo.__version__}],
    } | dict(also or {})
    fixed = ["measurements.*", "**/*_measurements.*", "**/*_profile.*", "*.html", "methods.md", "record", "record/**"]
    ignore = "\n".join([*fixed, *_unnamed_in_bids(out)]) + "\n"
    return {
        "dataset_description.json": store.write_json(out / "dataset_description.json", _plain(description)),
        ".bidsignore": store.write_text(out / ".bidsignore", ignore),
    }


_COLUMNS = {
    "index": {"Description": "value in the label image"},
    "name": {"Description": "name of the region"},
    "side": {"Description": "left, right, midline or none"},
    "parent": {"Description": "name of the region it is part of"},
    "code": {"Description": "code in a controlled vocabulary, where there is one"},
}


class _Place:
    """Names of the files of one session and data type."""

    def __init__(self, out: Path, subject: str, session: str, datatype: str, source: Mapping[str, str]) -> None:
        self._out, self._datatype = out, datatype
        own = {"sub": subject} | ({"ses": session} if session else {})
        self._entities = own | {k: v for k, v in source.items() if k not in ("sub", "ses", "part", "desc")}
        self._folder = "/".join([f"{k}-{v}" for k, v in own.items()] + [datatype])

    def relative(self, desc: str, suffix: str, ending: str) -> str:
        filename = names.join({**self._entities, "desc": desc}, suffix, ending)
        if len(filename.encode()) > 255:
            raise ExportError(
                "E-EXPORT",
                where=printable(filename),
                needed="a file name of at most 255 bytes",
                found=f"{len(filename.encode())} bytes",
                remedy="shorten the labels in the source's name",
            )
        return f"{self._folder}/{filename}"

    def path(self, desc: str, suffix: str, ending: str) -> Path:
        return self._out / self.relative(desc, suffix, ending)


def _write_map(place: _Place, maps: Maps, one: Map, desc: str, common: Mapping[str, Any]) -> dict[str, str]:
    quantity, suffix = one.quantity, one.quantity.suffix
    own = _own(quantity)
    written = _write_pair(place, maps, one.values, desc, suffix, quantity, {**common, **own})
    if one.sd is not None:
        spread = own | {"Description": f"standard deviation of the estimate of {quantity.title}"}
        written |= _write_pair(place, maps, one.sd, f"{desc}Sd", suffix, quantity, {**common, **spread})
    return written


def _write_pair(
    place: _Place,
    maps: Maps,
    values: np.ndarray,
    desc: str,
    suffix: str,
    quantity: Quantity,
    sidecar: Mapping[str, Any],
) -> dict[str, str]:
    image, beside = (place.relative(desc, suffix, ending) for ending in (".nii.gz", ".json"))
    on_disk = np.asarray(quantity.to_disk(values), dtype=np.float32)
    return {
        image: write_image(place.path(desc, suffix, ".nii.gz"), on_disk, maps.grid),
        beside: store.write_json(place.path(desc, suffix, ".json"), _plain(sidecar)),
    }


def _write_reasons(
    place: _Place, maps: Maps, reason: np.ndarray, desc: str, common: Mapping[str, Any]
) -> dict[str, str]:
    sidecar = {"Description": "why a voxel has no value, or one to be careful with", "Manual": False,
               "Biomarker": maps.biomarker, "Sources": common.get("Sources", []), "index": _COLUMNS["index"],
               "name": {"Description": "reason"}, "description": {"Description": "the reason in words"}}  # fmt: skip
    rows = [(r.value, r.name.lower().replace("_", "-"), r.sentence) for r in Reason]
    files = {ending: place.path(desc, "dseg", ending) for ending in (".nii.gz", ".tsv", ".json")}
    done = {
        ".nii.gz": write_image(files[".nii.gz"], reason.astype(np.uint8), maps.grid),
        ".tsv": table.write_tsv(files[".tsv"], ("index", "name", "description"), rows),
        ".json": store.write_json(files[".json"], _plain(sidecar)),
    }
    return {place.relative(desc, "dseg", ending): digest for ending, digest in done.items()}


def _own(quantity: Quantity) -> dict[str, Any]:
    """What a sidecar says of one quantity."""
    said: dict[str, Any] = {
        "Description": quantity.title,
        "Quantity": quantity.name,
        "Units": _unit(quantity),
        "PlausibleRange": [quantity.to_disk(v) for v in quantity.plausible],
    }
    if quantity.rank != "scalar":
        said["Components"] = list(_TENSOR if quantity.rank == "tensor" else _VECTOR)
        said["Frame"] = "RAS world"
    if quantity.code:
        said["QuantityCode"] = dict(zip(("Scheme", "Value", "Meaning"), quantity.code, strict=True))
    return said


def _unit(quantity: Quantity) -> str:
    return "arbitrary" if quantity.disk_unit == "a.u." else quantity.disk_unit


def _common(maps: Maps, declaration: Biomarker | None, inputs: Mapping[str, str]) -> dict[str, Any]:
    """What the sidecars of all maps of a biomarker share."""
    sources = list(dict.fromkeys(file for files in maps.sources.values() for file in files))
    said: dict[str, Any] = {
        "Biomarker": maps.biomarker,
        "SkullStripped": False,
        "Options": dict(maps.options),
        "Assumptions": [a.as_dict() for a in maps.assumptions],
        "Flags": list(maps.flags),
        "Sources": [f"bids:raw:{file}" for file in sources],
        "SourceRoles": {role: list(files) for role, files in maps.sources.items()},
        "InputSHA256": dict(inputs),
    }
    if maps.scalars:
        said["SubjectValues"] = {name: _scalar(s) for name, s in maps.scalars.items()}
    if declaration is not None:
        said |= {"EstimationAlgorithm": declaration.title, "Model": declaration.equation, "DOI": list(declaration.doi),
                 "EstimationReference": ", ".join(declaration.doi)}  # fmt: skip
    return said


def _scalar(scalar: Scalar) -> dict[str, Any]:
    quantity = scalar.quantity
    sd = None if scalar.sd is None else quantity.to_disk(scalar.sd)
    return {"Description": quantity.title, "Value": quantity.to_disk(scalar.value), "StandardDeviation": sd,
            "Units": _unit(quantity), "Source": scalar.source}  # fmt: skip


def _plain(value: Any) -> Any:
    """JSON without surprises: tuples as lists, NumPy numbers as numbers, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)


def _unnamed_in_bids(out: Path) -> list[str]:
    """Patterns for the images written under ``out`` whose data type, suffix or entities BIDS has no word for."""
    patterns: set[str] = set()
    for path in out.glob("sub-*/**/*.nii.gz"):
        name, datatype = names.split(path.name), path.parent.name
        if name is None:
            continue
        if name.suffix not in _KNOWN.get(datatype, ()):
            patterns.add(f"**/{datatype}/*_{name.suffix}.*")
        patterns |= {f"**/{datatype}/*_{key}-*" for key in name.entities if key not in _ALLOWED}
    return sorted(patterns)
