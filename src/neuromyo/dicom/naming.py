"""Names for what stacks were found to be: numbers of angles, inversions and echoes, parts, runs; one file an echo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuromyo.dicom.looks import Look, near
from neuromyo.dicom.stack import Stack
from neuromyo.io import names
from neuromyo.io.raw_bids import SCANNER, RawImage

#: kinds of which one file holds all volumes
TOGETHER = frozenset({"dwi", "epi", "sbref"})
#: kinds whose files are numbered by echo even if there is but one
_ALWAYS_ECHO = frozenset({"MESE", "MEGRE"})
#: kinds that have no place for echoes
NO_ECHO = frozenset({"MTR", "IRT1", "TB1DAM", "TB1map", "fieldmap", "phasediff"})
#: kinds that several series make together
SETS = frozenset({"MTR", "MPM", "MTS", "VFA", "IRT1", "TB1DAM", "TB1AFI"})
_BY_FLIP = frozenset({"VFA", "TB1DAM", "MPM", "MTS"})
_BY_INVERSION = frozenset({"IRT1", "MP2RAGE"})
_BY_MT = frozenset({"MTR", "MPM", "MTS"})
_WITHOUT_PART = frozenset({"ADC", "FA", "trace", "T1map", "T2map", "T2starmap", "PDmap", "phasediff", "magnitude"})
_FMAP = ("epi", "TB1", "RB1", "fieldmap", "phase", "magnitude", "B0map")
_DWI = ("dwi", "sbref", "ADC", "FA", "trace")


@dataclass(frozen=True, eq=False)
class Chosen:
    """A look, the kind it was found to be, and its entities so far; ``derivative``: a map that the scanner made.

    own : entities that were given by the user or the protocol, which are not numbered anew
    """

    look: Look
    kind: str
    entities: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    derivative: bool = False

    @property
    def folder(self) -> str:
        if self.kind in _DWI:
            return "dwi"
        return "fmap" if self.kind.startswith(_FMAP) else "anat"

    @property
    def mt_on(self) -> bool | None:
        state = self.entities.get("mt")
        return None if state is None else state == "on"


@dataclass(frozen=True, eq=False)
class Named:
    """One image file to be.

    volumes : those of the stack's that it holds, one after the other; folder : ``anat``, ``dwi``, ``fmap``
    name : the file's stem (``sub-01_echo-1_MESE``); ``stem`` with its folders, relative to the dataset
    texts : further files beside it, by ending
    """

    stack: Stack
    volumes: tuple[int, ...]
    folder: str
    name: str
    kind: str
    entities: Mapping[str, str]
    sidecar: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    derivative: bool = False

    @property
    def stem(self) -> str:
        session = (f"ses-{self.entities['ses']}",) if "ses" in self.entities else ()
        above = (SCANNER,) if self.derivative else ()
        return "/".join((*above, f"sub-{self.entities['sub']}", *session, self.folder, self.name))

    def image(self, raw: Path) -> RawImage:
        """What `io.raw_bids.write_image` wants; ``raw`` holds the whole stack as ``pixels`` wrote it (`Stack.requests`)."""
        columns, rows, slices, _ = self.stack.shape
        dtype, n = self.stack.dtype(), len(self.volumes)
        size = columns * rows * slices * int(dtype[-1])
        shape = (columns, rows, slices, n) if n > 1 or self.kind == "dwi" else (columns, rows, slices)
        return RawImage(self.stem, raw, shape, dtype, self.stack.affine, self.sidecar, skip=self.volumes[0] * size,
                        texts=self.texts)  # fmt: skip


def numbered(chosen: Sequence[Chosen]) -> list[Chosen]:
    """``flip``, ``inv``, ``mt`` and, of echoes in series of their own, ``echo`` by the values of all stacks of
    a kind, where they were not given; parts where they matter."""
    made = []
    for one in chosen:
        others = [o for o in chosen if o.kind == one.kind and _shared(o) == _shared(one)]
        labels = dict(one.entities)
        if one.kind in _BY_FLIP and "flip" not in one.own:
            labels["flip"] = _rank(one.look.flip, [o.look.flip for o in others])
        if one.kind in _BY_INVERSION and "inv" not in one.own:
            labels["inv"] = _rank(one.look.ti, [o.look.ti for o in others])
        if one.kind in _ALWAYS_ECHO and one.look.stack.n == 1 and "echo" not in labels:
            labels["echo"] = _rank(one.look.te, [o.look.te for o in others if o.look.stack.n == 1])
        if one.kind in _BY_MT and "mt" not in labels:
            labels["mt"] = "on" if one.look.mt else "off"
        part = one.look.stack.part
        if part != "mag" or any(o.look.stack.part != "mag" and o.look.alike_but_part(one.look) for o in others):
            labels["part"] = part
        if one.kind in _WITHOUT_PART:
            labels.pop("part", None)
        made.append(replace(one, entities={k: v for k, v in labels.items() if v}))
    return made


def _shared(one: Chosen) -> tuple:
    return tuple(sorted((k, v) for k, v in one.entities.items() if k not in (*names.MERGED, "part"))), one.derivative


def _rank(value: float | None, values: Iterable[float | None]) -> str:
    """The number of a value among the different ones, from 1 in rising order."""
    different: list[float] = []
    for v in sorted(v for v in values if v is not None):
        if not different or not near(different[-1], v):
            different.append(v)
    return next((str(n) for n, v in enumerate(different, start=1) if near(v, value)), "")


def files_of(one: Chosen) -> list[tuple[str, dict[str, str], tuple[int, ...]]]:
    """(kind, entities, volumes) of the files of a stack: one an echo, or one for all."""
    if one.kind == "magnitude" and one.look.stack.n == 2:  # of a field map: the number belongs to the kind
        return [(f"magnitude{v + 1}", dict(one.entities), (v,)) for v in (0, 1)]
    return [(one.kind, entities, volumes) for entities, volumes in _numbered_files(one)]


def _numbered_files(one: Chosen) -> list[tuple[dict[str, str], tuple[int, ...]]]:
    every = range(one.look.stack.n)
    if one.kind in TOGETHER:
        return [(dict(one.entities), tuple(every))]
    if one.look.stack.n == 1 and one.kind not in _ALWAYS_ECHO:
        return [(dict(one.entities), (0,))]
    if one.look.stack.n == 1 and "echo" in one.entities:
        return [(dict(one.entities), (0,))]
    return [({**one.entities, "echo": str(v + 1)}, (v,)) for v in every]


def with_runs(chosen: Sequence[Chosen]) -> list[Chosen]:
    """``run-1``, ``run-2`` ... where several stacks would get one name, in the order of the examination; those of one
    acquisition (its angles, MT states and parts) get the same number."""
    taken: dict[tuple, int] = {}
    turns: list[int] = []
    for one in chosen:
        key = (one.kind, one.derivative, tuple(sorted(one.entities.items())))
        taken[key] = taken.get(key, 0) + 1
        turns.append(taken[key])
    repeated = {_group(one) for one, turn in zip(chosen, turns, strict=True) if turn > 1}
    return [
        replace(one, entities={**one.entities, "run": str(turn)}) if _group(one) in repeated and "run" not in one.own else one
        for one, turn in zip(chosen, turns, strict=True)
    ]  # fmt: skip


def _group(one: Chosen) -> tuple:
    return one.kind, _shared(one)
