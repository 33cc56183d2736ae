"""Measured maps of a dataset or a user as known maps: their unit is the one their sidecar states, never a guess."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.biomarker import MapNeed
from neuromyo.core.errors import DataError
from neuromyo.core.series import Series

_SHARES = {"%": 0.01, "percent": 0.01, "1": 1.0, "fraction": 1.0, "ratio": 1.0}
_TIMES = {"s": 1.0, "seconds": 1.0, "ms": 1e-3}
_FREQUENCIES = {"hz": 1.0, "rad/s": 1.0 / 6.283185307179586}
_ARBITRARY = {"a.u.": 1.0, "arbitrary": 1.0, "1": 1.0}
#: the unit that a need declares -> what sidecars call units of its kind -> factor to SI
_FACTORS = {"%": _SHARES, "1": _SHARES, "s": _TIMES, "ms": _TIMES, "Hz": _FREQUENCIES, "a.u.": _ARBITRARY}


def sidecars_of(root: Path, series: Series) -> list[Path]:
    """The JSON files that may state the unit of a map, nearest last."""
    file = root / series.files[0]
    stem = file.name.partition(".")[0]
    return [root / f"{series.kind}.json", file.with_name(f"{stem}.json")]


def factor(image: str, sidecars: list[Path], need: MapNeed) -> float:
    """The factor from the image's numbers to SI; E-UNITS where no sidecar states ``Units``, or one that the quantity cannot have."""
    from neuromyo.io import sidecar

    said = None
    for path in sidecars:
        if path.is_file():
            said = sidecar.read_json(path, path.name).get("Units", said)
    units = _FACTORS[need.display]
    found = units.get(str(said).strip().lower())
    if found is None:
        raise DataError("E-UNITS", where=f"{image}: Units", needed=f"a unit of {need.quantity}: one of {', '.join(units)}",
                        found="none" if said is None else repr(said),
                        remedy=f'state Units in its sidecar {sidecars[-1].name}, e.g. {{"Units": "{next(iter(units))}"}}')  # fmt: skip
    return found
