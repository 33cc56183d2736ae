"""A JSON file that holds numbers: flip angles through a slice, relative to the nominal one; the peaks of a spectrum."""

from __future__ import annotations

import json
import math
from pathlib import Path

from neuromyo.core.errors import DataError

_MOST_BYTES = 1 << 20


def read_numbers(path: Path) -> tuple[float, ...]:
    """The numbers of ``[1.0, 0.9, ...]``; those of pairs ``[[-3.8, 0.09], ...]`` or of ``{"ppm": [-3.8, ...], "amplitudes": [0.09,
    ...]}`` one pair after the other. E-SIDECAR for anything else, E-NOTFOUND where there is no such file."""
    if not path.is_file():
        raise DataError("E-NOTFOUND", where=str(path), needed="a file with a list of numbers", found="no such file",
                        remedy="check the name")  # fmt: skip
    if path.stat().st_size > _MOST_BYTES:
        raise DataError("E-SIDECAR", where=path.name, needed="a list of numbers", found=f"{path.stat().st_size} bytes",
                        remedy="check what this file is")  # fmt: skip
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError("E-SIDECAR", where=path.name, needed="JSON", found=str(error) or "text that cannot be read",
                        remedy="mend the file") from error  # fmt: skip
    shown, held = held, _in_a_row(held)
    if not isinstance(held, list) or not held or not all(_number(n) for n in held):
        raise DataError("E-SIDECAR", where=path.name, needed="a list of finite numbers such as [1.0, 0.9, 0.4], or of pairs",
                        found=json.dumps(shown)[:60], remedy="mend the list")  # fmt: skip
    return tuple(float(n) for n in held)


def _in_a_row(held: object) -> object:
    """Pairs, or two lists under ``ppm`` and ``amplitudes``, as one list; anything else as it is."""
    if isinstance(held, dict):
        lists = [held.get("ppm"), held.get("amplitudes")]
        if set(held) - {"name", "source", "ppm", "amplitudes"} or not all(isinstance(part, list) for part in lists):
            return held
        if len({len(part) for part in lists if isinstance(part, list)}) != 1:
            return held
        held = [list(pair) for pair in zip(*lists, strict=True)]  # type: ignore[arg-type]
    if isinstance(held, list) and held and all(isinstance(pair, list) and len(pair) == 2 for pair in held):
        return [number for pair in held for number in pair]
    return held


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
