"""This machine, as far as a run depends on it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import neuromyo
from neuromyo.pipeline.options import usable_cores

NEEDED = ("numpy", "scipy", "numba", "nibabel", "pydicom", "python-gdcm", "SimpleITK", "pandas", "pydantic", "typer", "rich",
          "jinja2", "matplotlib", "isal")  # fmt: skip
#: extra -> a module it brings
EXTRAS = {
    "web": "fastapi",
    "cluster": "distributed",
    "pdf": "typst",
    "cohort": "duckdb",
    "dl": "torch",
}
#: programs that are used where they are there
TOOLS = {
    "BIDS validator": ("bids-validator-deno", "bids-validator"),
    "browser": ("chromium", "chromium-browser", "google-chrome"),
}


def examine(folder: Path) -> dict[str, Any]:
    """What `neuromyo doctor` says; ``complaints`` are what has to be mended before anything works."""
    libraries = {name: _version(name) for name in NEEDED}
    complaints = [f"{name} is missing: pip install neuromyo" for name, v in libraries.items() if v == "absent"]
    disk = shutil.disk_usage(folder)
    if disk.free < 2**30:
        complaints.append(f"less than 1 GB is free in {folder}")
    return {
        "neuromyo": neuromyo.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": usable_cores(),
        "memory_gb": _memory_gb(),
        "disk_free_gb": round(disk.free / 2**30, 1),
        "libraries": libraries,
        "extras": {name: importlib.util.find_spec(module) is not None for name, module in EXTRAS.items()},
        "tools": {name: _tool(programs) for name, programs in TOOLS.items()},
        "complaints": complaints,
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _tool(programs: tuple[str, ...]) -> str:
    beside = Path(sys.executable).parent
    for program in programs:
        if shutil.which(program) or (beside / program).exists():
            return program
    return "absent"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
