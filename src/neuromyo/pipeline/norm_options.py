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

    outputs : by the option that names them; inputs : by what they are to people
    """
    taken = {}
    for what, path in inputs.items():
        if path is not None:
            taken |= {path.resolve(): what, path.resolve().with_suffix(".json"): f"{what} or its sidecar"}
            taken[path.resolve()] = what
    for option, path in outputs.items():
        if path is None:
            continue
        for mine in (path.resolve(), path.resolve().with_suffix(".json") if option == "-o" else path.resolve()):
            if mine in taken:
                raise OptionError("E-OUTDIR", where=f"{option} {path.name}", needed="a new file", found=taken[mine],
                                  remedy="give another name")  # fmt: skip
        taken |= {path.resolve(): f"the file of {option}"}
