"""Maps in the output folder of a run, found again: which file holds which quantity of which session, in which unit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io import names, sidecar
from neuromyo.io.files import printable

_NOT_TOLD_APART = ("sub", "ses", "desc", "run")


@dataclass(frozen=True, slots=True)
class MapFile:
    """One map: ``quantity`` by its name (``T1``, ``FF``), ``unit`` as on disk; ``acquisition`` tells series of a session apart,
    ``run`` repeats of one series; ``reasons`` is the label image of voxels without a value, where it is there."""

    path: Path
    relative: str
    subject: str
    session: str
    acquisition: str
    run: str
    biomarker: str
    quantity: str
    unit: str
    reasons: Path | None = None

    @property
    def fit(self) -> tuple[str, str, str, str, str]:
        """What the maps of one biomarker of one series share."""
        return self.subject, self.session, self.acquisition, self.run, self.biomarker

    @property
    def session_label(self) -> str:
        """``sub-x_ses-y``."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")


def is_run_output(root: Path) -> bool:
    """Whether a folder is the output of ``neuromyo run``: a derivative that says who made it."""
    try:
        said = sidecar.read_json(root / "dataset_description.json", "dataset_description.json")
    except DataError:
        return False
    makers = said.get("GeneratedBy")
    return said.get("DatasetType") == "derivative" and isinstance(makers, list) and any(
        isinstance(m, dict) and m.get("Name") == "neuromyo" for m in makers
    )  # fmt: skip


def find(root: Path) -> tuple[MapFile, ...]:
    """All maps of a run's output, by name; uncertainties and reasons are not maps."""
    return tuple(sorted(_walk(root), key=lambda m: m.relative))


def _walk(root: Path) -> Iterator[MapFile]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("record", "maps"))
        for file in sorted(files):
            name = names.split(file)
            if name is None or name.ending != ".nii.gz" or name.suffix == "dseg" or "desc" not in name.entities:
                continue
            found = _one(root, Path(folder), file, name)
            if found is not None:
                yield found


def _one(root: Path, folder: Path, file: str, name: names.Name) -> MapFile | None:
    beside = folder / f"{file.removesuffix('.nii.gz')}.json"
    if not beside.is_file():
        return None
    said: Mapping[str, Any] = sidecar.read_json(beside, printable(beside.name))
    biomarker, quantity = said.get("Biomarker"), said.get("Quantity")
    if not isinstance(biomarker, str) or not isinstance(quantity, str):
        return None
    slug, desc = biomarker.replace("-", ""), name.entities["desc"]
    if not desc.startswith(slug) or desc.removeprefix(slug) not in ("", quantity):
        return None  # the uncertainty of a map, which has the map's own words
    entities = name.entities
    told = "_".join(f"{k}-{v}" for k, v in entities.items() if k not in _NOT_TOLD_APART)
    return MapFile(
        folder / file,
        (folder / file).relative_to(root).as_posix(),
        entities.get("sub", ""),
        entities.get("ses", ""),
        told,
        entities.get("run", ""),
        biomarker,
        quantity,
        str(said.get("Units", "")),
        _reasons(folder, entities, slug),
    )


def _reasons(folder: Path, entities: Mapping[str, str], slug: str) -> Path | None:
    path = folder / names.join({**entities, "desc": f"{slug}Reason"}, "dseg", ".nii.gz")
    return path if path.is_file() else None
