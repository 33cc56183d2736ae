"""The weights that a user gives: there, whole, and those that were meant (SHA-256); never fetched by us."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuromyo.anatomy import names
from neuromyo.core.errors import DataError
from neuromyo.io import store
from neuromyo.io.files import printable, read_small
from neuromyo.pipeline.network_kinds import Network, WeightsKind


def files_of(kind: WeightsKind, path: Path, where: str) -> tuple[Path, ...]:
    """Every file that makes up the weights, sorted; E-WEIGHTS, with where to get them, if one is missing."""
    if kind.kind == "file":
        found = path.is_file() and any(path.match(pattern) for pattern in kind.holds)
        if not found:
            raise _missing(where, f"a file {' or '.join(kind.holds)}", path, kind)
        beside = [path.with_suffix(kind.beside)] if kind.beside else []
        if beside and not beside[0].is_file():
            raise _missing(where, f"{printable(beside[0].name)} beside the weights", path, kind)
        return (path, *beside)
    if not path.is_dir():
        raise _missing(where, "a folder of weights", path, kind)
    held = [sorted(p for p in path.glob(pattern) if p.is_file()) for pattern in kind.holds]
    lacking = [pattern for pattern, files in zip(kind.holds, held, strict=True) if not files]
    if lacking:
        raise _missing(where, f"files {', '.join(lacking)} in it", path, kind)
    return tuple(sorted({p for files in held for p in files}))


def _missing(where: str, needed: str, path: Path, kind: WeightsKind) -> DataError:
    found = "not there" if not path.exists() else "a folder" if path.is_dir() else "a file"
    return DataError("E-WEIGHTS", where=f"{where}: weights {printable(path.name)}", needed=needed,
                     found=found if kind.kind == "file" or found != "a folder" else "a folder without them",
                     remedy=f"neuromyo downloads nothing; {kind.from_}")  # fmt: skip


def digest(kind: WeightsKind, files: tuple[Path, ...], root: Path) -> str:
    """SHA-256 (hex): of a file its own; of a folder that of the lines ``<sha256>  <path below it>``, sorted by path, as ``sha256sum``
    writes them for the files that count."""
    if kind.kind == "file":
        return store.sha256(files[0])
    lines = [f"{store.sha256(p)}  {p.relative_to(root).as_posix()}\n" for p in sorted(files)]
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def check_digest(stated: str, found: str, where: str) -> None:
    """E-WEIGHTS where the user stated another SHA-256."""
    wanted = re.sub(r"[\s:]", "", stated).lower()
    if wanted and wanted != found:
        said = (
            wanted
            if re.fullmatch(r"[0-9a-f]{64}", wanted)
            else f"{printable(stated)} (no SHA-256, which has 64 digits 0 to f)"
        )
        raise DataError("E-WEIGHTS", where=where, needed=f"weights with the SHA-256 {said}", found=found,
                        remedy="do not use them before you know why: another version, a broken copy, or not what they seem")  # fmt: skip


def labels_of(network: Network, weights: Path) -> dict[int, str]:
    """What the weights' own files say the labels are: index -> words, sides included."""
    if network.labels_from == "json beside the weights":
        told = _json(weights.with_suffix(network.weights.beside))
        return _readable(network, weights, lambda: {int(one["value"]): _words(one) for one in told["labels"]})
    if network.labels_from == "dataset.json":
        told = _json(weights / "dataset.json")
        return _readable(
            network, weights, lambda: {_whole(v): str(k) for k, v in told["labels"].items() if _whole(v) != 0}
        )
    return dict(network.labels)


def channels_of(weights: Path) -> list[str]:
    """The inputs that a model trained with nnU-Net wants, by name."""
    told = _json(weights / "dataset.json")
    names_ = told.get("channel_names", told.get("modality", {}))
    return [str(v) for v in names_.values()] if isinstance(names_, Mapping) else []


def folds_of(weights: Path) -> list[str]:
    """The folds that are there."""
    return sorted(p.parent.name.removeprefix("fold_") for p in weights.glob("fold_*/checkpoint_final.pth"))


def _words(one: Mapping[str, Any]) -> str:
    """A label of MuscleMap; the region of the body belongs to the name where the vocabulary tells two such regions apart."""
    side = one["side"] if one["side"] in ("left", "right") else ""
    both = f"{one['anatomy']} {one['region']}"
    anatomy = both if names.find(both) else one["anatomy"]
    return f"{side} {anatomy}".strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a label of {value!r}")
    return value


def _readable(network: Network, weights: Path, read: Any) -> dict[int, str]:
    try:
        found = read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError("E-WEIGHTS", where=f"{network.id}: {printable(weights.name)}", needed="a list of labels, one whole number each",
                        found=f"one that is not understood ({printable(str(error))})",
                        remedy="labels that overlap (regions of nnU-Net) cannot be used here") from error  # fmt: skip
    return found


def _json(path: Path) -> dict[str, Any]:
    name = printable(path.name)
    try:
        told = json.loads(read_small(path, name, "E-WEIGHTS"))
    except ValueError as error:
        raise DataError("E-WEIGHTS", where=name, needed="JSON", found="text that is none",
                        remedy="take the weights from their source again") from error  # fmt: skip
    if not isinstance(told, dict):
        raise DataError("E-WEIGHTS", where=name, needed="a JSON object", found=type(told).__name__,
                        remedy="take the weights from their source again")  # fmt: skip
    return told
