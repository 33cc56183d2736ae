"""What was typed after a verb: names with values, and where results are to go."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.errors import OptionError


def assignments(given: Sequence[str], flag: str = "--option") -> dict[str, str]:
    """``["key=value"]`` -> {key: value}."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name and value):
            raise OptionError("E-OPTION", where=flag, needed="name=value", found=repr(text),
                              remedy="write a name, an equals sign and a value, without spaces")  # fmt: skip
        found[name] = value
    return found


def refuse_overwriting(results: Sequence[Path], sources: Sequence[Path]) -> None:
    """E-OUTDIR where a result would be written over something that was given."""
    taken = {os.path.realpath(p) for p in sources}
    for path in results:
        if os.path.realpath(path) in taken:
            raise OptionError("E-OUTDIR", where=str(path), needed="a prefix that overwrites no input",
                              found="an input of that name", remedy="give another -o PREFIX")  # fmt: skip


def finite(value: Any) -> Any:
    """JSON has no infinity: such numbers become the words a reader knows."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
