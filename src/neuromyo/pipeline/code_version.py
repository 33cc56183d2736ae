"""Which code made a result: the package's version and a hash over the sources that can change a number."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import neuromyo
from neuromyo.core.biomarker import Biomarker, Segmenter

#: rooms behind every fitted number
_FIT_ROOMS = ("neuromyo.core", "neuromyo.io", "neuromyo.physics", "neuromyo.fit", "neuromyo.space")
_NUMERIC = ("numpy", "scipy", "numba", "nibabel")


@cache
def versions() -> dict[str, str]:
    """Versions that stand in the record: ours, Python's, and those of the numerical libraries."""
    found = {"neuromyo": neuromyo.__version__, "python": platform.python_version()}
    for name in _NUMERIC:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def source_hash(*modules: str) -> str:
    """SHA-256 over the source files of modules and packages (packaged tables included), by name and content."""
    digest = hashlib.sha256()
    for module in modules:
        for name, path in _files(module):
            digest.update(f"{module}/{name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def of_declaration(declaration: Biomarker | Segmenter) -> str:
    """The code version of one biomarker or segmenter: its own file (of a segmenter its whole room, since segmenters share how
    they draw), what its package shares, and the rooms below."""
    work = declaration.estimate if isinstance(declaration, Biomarker) else declaration.segment
    module = inspect.getmodule(work)
    name = module.__name__ if module is not None else declaration.id
    package = name.rpartition(".")[0]
    if not name.startswith("neuromyo."):
        return source_hash(*_FIT_ROOMS, name.partition(".")[0])
    if isinstance(declaration, Segmenter):
        return source_hash(*_FIT_ROOMS, package)
    shared = [
        f"{package}.{p.stem}" for n, p in _files(package) if n.startswith("_") and p.suffix == ".py" and n[1] != "_"
    ]
    return source_hash(*_FIT_ROOMS, name, *shared)


def of_rooms(*rooms: str) -> str:
    """The code version of what is made after the fits (``study``, ``report`` ...)."""
    return source_hash("neuromyo.core", *(f"neuromyo.{room}" for room in rooms))


def _files(module: str) -> list[tuple[str, Path]]:
    """(name, path) of a module's source file, or of all files of a package, in a fixed order."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [(origin.name, origin)]
    root = origin.parent
    found = [p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".pyc"]
    return sorted((p.relative_to(root).as_posix(), p) for p in found)
