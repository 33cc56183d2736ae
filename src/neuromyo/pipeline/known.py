"""Measured maps of a dataset or a user as known maps: their unit is the one their sidecar states, never a guess."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.errors import DataError
from neuromyo.core.series import Series

#: what sidecars call a unit -> factor to SI
_FACTORS = {
    "%": 0.01, "percent": 0.01, "1": 1.0, "fraction": 1.0, "ratio": 1.0, "s": 1.0, "seconds": 1.0, "ms": 1e-3,
    "hz": 1.0, "rad/s": 1.0 / 6.283185307179586, "a.u.": 1.0, "arbitrary": 1.0,
}  # fmt: skip


def sidecars_of(root: Path, series: Series) -> list[Path]:
    """The JSON files that may state the unit of a map, nearest last."""
    file = root / series.files[0]
    stem = file.name.partition(".")[0]
    return [root / f"{series.kind}.json", file.with_name(f"{stem}.json")]


def factor(image: str, sidecars: list[Path]) -> float:
    """The factor from the image's numbers to SI; E-UNITS where no sidecar states ``Units``."""
    from neuromyo.io import sidecar

    said = None
    for path in sidecars:
        if path.is_file():
            said = sidecar.read_json(path, path.name).get("Units", said)
    found = _FACTORS.get(str(said).strip().lower())
    if found is None:
        raise DataError("E-UNITS", where=f"{image}: Units", needed=f"one of {', '.join(_FACTORS)}",
                        found="none" if said is None else repr(said), remedy="state Units in its sidecar")  # fmt: skip
    return found
