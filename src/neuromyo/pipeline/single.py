"""One biomarker on loose files: what `neuromyo fit` does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Biomarker, MapNeed, RegionNeed
from neuromyo.core.errors import DataError, Finding, OptionError, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map, Maps
from neuromyo.core.reasons import Reason
from neuromyo.core.series import Series
from neuromyo.pipeline import code_version, inputs, known, loose, moving, registries, typed
from neuromyo.pipeline.options import parsed
from neuromyo.pipeline.outcome import Event, Tell, quiet
from neuromyo.protocol import scaling
from neuromyo.protocol.needs import key


@dataclass(frozen=True)
class FitRequest:
    """What `neuromyo fit` was asked; ``files``, ``known`` and ``regions`` as typed: ``[ROLE=]FILE``, ``NAME=MAP``."""

    id: str
    files: Sequence[str]
    prefix: Path
    known: Sequence[str] = ()
    regions: Sequence[str] = ()
    mask: Path | None = None
    option: Sequence[str] = ()
    nprocs: int = 1
    mem_mb: int = 4000
    max_input_gb: float = 16.0
    geometry: str = "strict"
    motion: str = "correct"


@dataclass(frozen=True, eq=False)
class FitResult:
    """The maps, the files written (name -> SHA-256), and what the user should know."""

    maps: Maps
    files: Mapping[str, str]
    findings: tuple[Finding, ...] = field(default=())


def fit(request: FitRequest, tell: Tell = quiet) -> FitResult:
    """Fits a biomarker to files and writes ``PREFIX_<quantity>[_sd|_reason].nii.gz``, each with its sidecar."""
    from neuromyo.fit import runner

    biomarker = registries.biomarkers().get(request.id)
    options = parsed(biomarker.options, typed.assignments(request.option))
    mode = moving.checked(request.motion)
    roles = typed.by_role(biomarker, request.files)
    results = [p for q in biomarker.voxel_quantities for p in _names(request.prefix, q.name).values()]
    typed.refuse_overwriting(results, [p for paths in roles.values() for p in paths])
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        scratch = Path(folder)
        opened = loose.open_files(
            biomarker, roles, scratch, memory_mb=request.mem_mb, max_input_gb=request.max_input_gb,
            geometry=request.geometry,
        )  # fmt: skip
        _refuse_unstated(biomarker, opened.series)
        grid = opened.series[next(iter(roles))].grid
        series, motion, moved = moving.undone(biomarker, opened.series, mode, scratch)
        maps, found = runner.run(
            biomarker,
            series,
            options,
            known=_known(biomarker, request, grid, scratch),
            regions=_regions(biomarker, request, grid, scratch),
            mask=None if request.mask is None else _mask(request.mask, grid, scratch, request),
            threads=request.nprocs,
            memory_mb=request.mem_mb,
            progress=lambda share: tell(Event("share", request.id, share=share)),
        )
    scaled = scaling.check(biomarker.id, opened.series)
    maps = replace(maps, flags=(*maps.flags, *scaling.flags(biomarker.id, opened.series)))
    files = _write(request.prefix, biomarker, maps, opened.inputs, motion)
    return FitResult(maps, files, (*opened.findings, *scaled, *moved, *found))


# --- what was typed ---------------------------------------------------------------------------------------------------


def _role_of(biomarker: Biomarker, name: str, kind: type, flag: str) -> str:
    roles = [r for r, n in biomarker.needs.items() if isinstance(n, kind)]
    for role in roles:
        need = biomarker.needs[role]
        if name == role or name == getattr(need, "quantity", None) or name == getattr(need, "region", None):
            return role
    raise OptionError("E-UNKNOWN", where=f"{flag} {name}", needed=f"one of {', '.join(roles)}" if roles else "none: it takes none",
                      found="another name" if roles else name, remedy=f"`neuromyo show {biomarker.id}` names what it takes")  # fmt: skip


#: what files beside an image state, not its sidecar
_FILES_BESIDE = {"b_values": ".bval", "b_vectors": ".bvec"}


def _refuse_unstated(biomarker: Biomarker, series: Mapping[str, Series]) -> None:
    """E-NEEDS where a file's sidecar does not state what cannot be assumed, in the words of the sidecar."""
    for role, one in series.items():
        for name in biomarker.series_need(role).required:
            if one.acquisition.stated(name):
                continue
            if name in _FILES_BESIDE:
                raise ProtocolError("E-NEEDS", where=one.name, needed=f"a {key(name)} for {biomarker.id}", found="none beside the image",
                                    remedy=f"put it beside the image, named as the image but ending in {_FILES_BESIDE[name]}")  # fmt: skip
            raise ProtocolError(
                "E-NEEDS",
                where=f"{one.name}: {key(name)}",
                needed=f"it for {biomarker.id}",
                found="nothing in the sidecar",
                remedy=f"state {key(name)} in the JSON sidecar",
            )


# --- maps and masks beside the series ---------------------------------------------------------------------------------


def _known(biomarker: Biomarker, request: FitRequest, grid: Grid, scratch: Path) -> dict[str, np.ndarray]:
    from neuromyo.io import nifti

    found = {}
    for name, file in typed.assignments(request.known, "--known").items():
        role = _role_of(biomarker, name, MapNeed, "--known")
        need = biomarker.needs[role]
        assert isinstance(need, MapNeed)
        data, own, _ = nifti.open_image(
            Path(file), scratch=scratch, memory_mb=request.mem_mb, max_input_gb=request.max_input_gb,
            geometry=request.geometry,  # type: ignore[arg-type]
        )  # fmt: skip
        if data.shape[3] != 1:
            raise DataError("E-DIMS", where=file, needed="one volume", found=str(data.shape[3]),
                            remedy="give the one volume that is meant")  # fmt: skip
        stem = Path(file).name.removesuffix(".gz").removesuffix(".nii")
        values = data.read()[..., 0] * np.float32(known.factor(file, [Path(file).with_name(f"{stem}.json")], need))
        inputs.refuse_implausible(values, need, file)
        found[role] = inputs.placed(values, own, grid, file)
    return found


def _regions(biomarker: Biomarker, request: FitRequest, grid: Grid, scratch: Path) -> dict[str, np.ndarray]:
    found = {}
    for name, file in typed.assignments(request.regions, "--region").items():
        role = _role_of(biomarker, name, RegionNeed, "--region")
        found[role] = _mask(Path(file), grid, scratch, request)
    return found


def _mask(path: Path, grid: Grid, scratch: Path, request: FitRequest) -> np.ndarray:
    from neuromyo.io import nifti
    from neuromyo.io.files import printable

    return nifti.read_mask(
        path, grid, scratch=scratch, memory_mb=request.mem_mb, name=printable(path), max_input_gb=request.max_input_gb,
        geometry=request.geometry,  # type: ignore[arg-type]
    )  # fmt: skip


# --- writing ----------------------------------------------------------------------------------------------------------


def _names(prefix: Path, quantity: str) -> dict[str, Path]:
    base = f"{prefix.name}_{quantity}"
    return {kind: prefix.with_name(f"{base}{kind}.nii.gz") for kind in ("", "_sd", "_reason")}


def _write(
    prefix: Path, biomarker: Biomarker, maps: Maps, used: Mapping[str, str], motion: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    from neuromyo.io.together import all_or_none

    written: dict[str, str] = {}
    common = {
        "Biomarker": biomarker.id,
        "Model": biomarker.title,
        "DOI": list(biomarker.doi),
        "Options": dict(maps.options),
        "Assumptions": [a.as_dict() for a in maps.assumptions],
        "Flags": list(maps.flags),
        "Scalars": {n: {"value": s.value, "sd": s.sd, "unit": s.quantity.unit, "source": s.source}
                    for n, s in maps.scalars.items()},
        "Sources": {Path(name).name: digest for name, digest in used.items()},
        "Versions": code_version.versions(),
        **({"Motion": list(motion)} if motion else {}),
    }  # fmt: skip
    with all_or_none():
        for name, one in maps.maps.items():
            written |= _write_map(_names(prefix, name), one, maps.grid, common)
    return written


def _write_map(paths: Mapping[str, Path], one: Map, grid: Grid, common: Mapping[str, Any]) -> dict[str, str]:
    q = one.quantity
    reasons = {str(r.value): r.sentence for r in Reason}
    about = {
        "": (q.to_disk(one.values), {"Quantity": q.title, "Units": q.disk_unit}),
        "_sd": (None if one.sd is None else q.to_disk(one.sd), {"Quantity": f"predicted sd of {q.title}",
                                                                 "Units": q.disk_unit}),
        "_reason": (one.reason, {"Quantity": "why a voxel has no value", "Levels": reasons}),
    }  # fmt: skip
    written = {}
    for kind, (array, said) in about.items():
        if array is not None:
            written |= _write_one(paths[kind], array, grid, {**common, **said})
    return written


def _write_one(path: Path, array: np.ndarray, grid: Grid, said: Mapping[str, Any]) -> dict[str, str]:
    from neuromyo.io import nifti_write, store

    beside = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
    return {
        str(path): nifti_write.write_image(path, array, grid),
        str(beside): store.write_json(beside, typed.finite(said)),
    }
