"""Maps from loose files: quantity, unit and uncertainty as their sidecars state them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map, Maps
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.core.units import UNITS, to_si
from neuromyo.io import nifti
from neuromyo.io.files import printable
from neuromyo.io.unpack import Room
from neuromyo.pipeline import registries

#: what sidecars call units, beside our own words
_ALIASES = {
    "percent": "%",
    "fraction": "1",
    "ratio": "1",
    "arbitrary": "a.u.",
    "seconds": "s",
    "milliseconds": "ms",
    "hz": "Hz",
}
#: any finite number will do for a quantity about which nothing is known
_ANY = (-1e30, 1e30)


def open_map(
    typed: str, scratch: Path, *, memory_mb: int = 4000, geometry: str = "strict"
) -> tuple[Maps, tuple[Finding, ...]]:
    """``[NAME=]FILE`` as a map in SI, with the uncertainty and the reasons that lie beside it under our own names."""
    name, path = _split(typed)
    said = _sidecar(path)
    quantity, remarks = _quantity(name, said, path)
    room = Room(scratch, memory_mb)
    opened = nifti.load(path, room, name=printable(path.name), geometry=geometry)  # type: ignore[arg-type]
    if opened.data.shape[3] != 1:
        raise DataError("E-DIMS", where=printable(path.name), needed="one volume", found=str(opened.data.shape[3]),
                        remedy="give a map of one number a voxel")  # fmt: skip
    unit = _unit(said) or quantity.display
    values = to_si(opened.data.read()[..., 0], unit)
    reason = _beside(path, "reason", room, opened.grid, geometry)
    codes = np.zeros(opened.grid.shape, np.uint8)
    if reason is not None:  # whatever is not 0 is not to be used, also what is no reason of ours
        codes = np.clip(np.rint(np.nan_to_num(np.abs(reason), posinf=255.0)), 0, 255).astype(np.uint8)
    codes[~np.isfinite(values) & (codes == Reason.OK)] = Reason.NOT_FINITE
    sd = _beside(path, "sd", room, opened.grid, geometry)
    if sd is not None:
        sd = np.where(sd >= 0, sd, np.nan)
    one = Map(quantity, values, None if sd is None else to_si(sd, unit), codes)
    maps = Maps(str(said.get("Biomarker", "")), opened.grid, {quantity.name: one}, flags=_flags(said))
    return maps, (*opened.findings, *remarks)


def refuse_twins(maps: Sequence[Maps]) -> None:
    """E-OPTION where two maps go by one name: the rows of one would be taken for those of the other."""
    seen: set[tuple[str, str]] = set()
    for one in maps:
        for name in one.maps:
            if (one.biomarker, name) in seen:
                raise OptionError("E-OPTION", where="--map", needed="maps of different names", found=f"{name} twice",
                                  remedy=f"name them apart: --map {name}a=FILE --map {name}b=FILE")  # fmt: skip
            seen.add((one.biomarker, name))


def _quantity(name: str, said: dict[str, Any], path: Path) -> tuple[Quantity, tuple[Finding, ...]]:
    """The declared quantity where the sidecar names one of ours, else one made up of what is stated."""
    declared = _declared(str(said.get("Biomarker", "")), str(said.get("Quantity", "")))
    if declared is not None:
        return declared, ()
    title = (
        name or str(said.get("Quantity", "")) or path.name.removesuffix(".gz").removesuffix(".nii").rpartition("_")[2]
    )
    plain = re.sub(r"[^0-9A-Za-z]", "", title) or "map"
    unit = _unit(said)
    remarks = () if unit else (Finding(
        "warn", "W-UNITS", f"{printable(path.name)}: Units", "no unit that is known here is stated beside the map",
        'write {"Units": "ms"} or the like in its JSON sidecar', "its values are given without a unit (a.u.)"),)  # fmt: skip
    return Quantity(plain, title, unit or "a.u.", _ANY, "map"), remarks


def _declared(biomarker: str, quantity: str) -> Quantity | None:
    if biomarker not in registries.biomarkers().ids():
        return None
    return next((q for q in registries.biomarkers().get(biomarker).gives if quantity in (q.name, q.title)), None)


def _unit(said: dict[str, Any]) -> str:
    text = str(said.get("Units", "")).strip()
    return text if text in UNITS else _ALIASES.get(text.lower(), "")


def _sidecar(path: Path) -> dict[str, Any]:
    from neuromyo.io import sidecar

    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    return dict(sidecar.read_json(beside, printable(beside.name))) if beside.is_file() else {}


def _flags(said: dict[str, Any]) -> tuple[str, ...]:
    """The flags that a sidecar of ours lists; anything else there is none of ours."""
    found = said.get("Flags", ())
    return tuple(f for f in found if isinstance(f, str)) if isinstance(found, list) else ()


def _beside(path: Path, what: str, room: Room, grid: Grid, geometry: str) -> np.ndarray | None:
    """The image of uncertainty or of reasons that `fit` (``X_sd``) or `run` (``desc-idSd``) wrote beside a map; E-GRID where it is
    of another grid."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    word = what.capitalize()
    names = [f"{stem}_{what}", re.sub(r"(_desc-[0-9A-Za-z]+)(_[0-9A-Za-z]+)$", rf"\g<1>{word}\g<2>", stem)]
    names.append(re.sub(r"(_desc-[0-9A-Za-z]+)(_[0-9A-Za-z]+)$", rf"\g<1>{word}_dseg", stem))
    for name in names:
        other = path.with_name(f"{name}.nii.gz")
        if name != stem and other.is_file():
            opened = nifti.load(other, room, name=printable(other.name), geometry=geometry)  # type: ignore[arg-type]
            if not opened.grid.same_as(grid):
                raise DataError("E-GRID", where=printable(other.name), needed=f"the grid of {printable(path.name)}",
                                found="another grid", remedy="write both again, or remove it")  # fmt: skip
            return opened.data.read()[..., 0]
    return None


def _split(typed: str) -> tuple[str, Path]:
    before, equals, after = typed.partition("=")
    if equals and not Path(typed).exists() and re.fullmatch(r"[0-9A-Za-z_]+", before):
        return before, Path(after)
    return "", Path(typed)
