"""A JSON file that holds a list of numbers: flip angles through a slice, relative to the nominal one."""

from __future__ import annotations

import json
import math
from pathlib import Path

from neuromyo.core.errors import DataError

_MOST_BYTES = 1 << 20


def read_numbers(path: Path) -> tuple[float, ...]:
    """The numbers of ``[1.0, 0.9, ...]``; E-SIDECAR for anything else, E-NOTFOUND where there is no such file."""
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
    if not isinstance(held, list) or not held or not all(_number(n) for n in held):
        raise DataError("E-SIDECAR", where=path.name, needed="a list of finite numbers such as [1.0, 0.9, 0.4]",
                        found=json.dumps(held)[:60], remedy="mend the list")  # fmt: skip
    return tuple(float(n) for n in held)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
