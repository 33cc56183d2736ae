"""The declarations there are: ours by folder, other packages' by entry point."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TypeVar

from neuromyo.core.biomarker import Biomarker, Segmenter
from neuromyo.core.registry import Registry

D = TypeVar("D")

BIOMARKER_GROUP, SEGMENTER_GROUP = "neuromyo.biomarkers", "neuromyo.segmenters"


class _Sparse(Registry[D]):
    """A registry over a package in which only some modules hold a declaration.

    Whether one does is read from its source, so that listing the ids imports nothing.
    """

    def __init__(self, package: str, group: str, constant: str, kind: type[D]) -> None:
        super().__init__(package, group, constant, kind)
        self._own = {id_: module for id_, module in self._own.items() if _declares(module, constant)}


def _declares(module: str, constant: str) -> bool:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return False
    lines = Path(spec.origin).read_text(encoding="utf-8").splitlines()
    return any(line.startswith((f"{constant} =", f"{constant}:")) for line in lines)


@cache
def biomarkers() -> Registry[Biomarker]:
    """All biomarkers; made once a process, loaded one at a time."""
    return _Sparse("neuromyo.biomarkers", BIOMARKER_GROUP, "BIOMARKER", Biomarker)


@cache
def segmenters() -> Registry[Segmenter]:
    """All segmenters."""
    return _Sparse("neuromyo.anatomy", SEGMENTER_GROUP, "SEGMENTER", Segmenter)


def declaration(id_: str) -> Biomarker | Segmenter:
    """The biomarker or segmenter of that id; E-UNKNOWN names the biomarkers there are."""
    if id_ in segmenters().ids() and id_ not in biomarkers().ids():
        return segmenters().get(id_)
    return biomarkers().get(id_)
