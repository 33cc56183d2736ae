"""Options of building norms and comparing with them that must be right before anything is read or written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from neuromyo.core.errors import OptionError

#: strongest field of a scanner for people, tesla, with room
_STRONGEST = 25.0


def field(stated: float | None) -> None:
    """E-OPTION where that is no field strength in tesla."""
    if stated is None or 0 < stated <= _STRONGEST:
        return
    milli = math.isfinite(stated) and 0 < stated / 1000 <= _STRONGEST
    raise OptionError("E-OPTION", where="--field", needed="tesla, such as 3", found=f"{stated:g}",
                      remedy=f"write {stated / 1000:g}" if milli else "mend it, or leave it out")  # fmt: skip


def apart(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """E-OUTDIR where a file would be written over one that is read, or over its sidecar, or two over each other.

    outputs : by the option that names them, ``-o`` being a table with a sidecar; inputs : by what they are to people
    """
    taken: dict[Path, str] = {}
    for what, path in inputs.items():
        if path is not None:
            taken.setdefault(_sidecar(path), f"the sidecar of {what}")
            taken[path.resolve()] = what
    for option, path in outputs.items():
        if path is None:
            continue
        mine = [path.resolve(), *([_sidecar(path)] if option == "-o" else [])]
        for one in mine:
            if one in taken:
                raise OptionError("E-OUTDIR", where=f"{option} {path.name}", needed="a new file", found=taken[one],
                                  remedy="give another name")  # fmt: skip
        taken |= dict.fromkeys(mine, f"what {option} writes")


def _sidecar(path: Path) -> Path:
    return path.resolve().with_suffix(".json")
