"""BIDS file names, taken apart and put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: entities in the order in which BIDS writes them
ENTITIES = ("sub", "ses", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain", "rec", "dir", "run",
            "mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording", "chunk", "seg",
            "res", "den", "label", "desc")  # fmt: skip

LABEL = re.compile(r"[0-9A-Za-z+]+")

#: suffixes of images that can become series
SERIES_KINDS = frozenset({
    "MESE", "MEGRE", "VFA", "IRT1", "MP2RAGE", "MPM", "MTS", "MTR", "T1w", "T2w", "PDw", "T2starw", "FLAIR", "PDT2",
    "inplaneT1", "inplaneT2", "T1map", "T2map", "T2starmap", "TB1DAM", "TB1EPI", "TB1AFI", "TB1TFL", "TB1RFM",
    "TB1SRGE", "TB1map", "RB1COR", "RB1map", "phasediff", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2",
    "fieldmap", "epi", "dwi", "sbref",
})  # fmt: skip
#: kinds that are phase by their name alone
PHASE_KINDS = ("phase1", "phase2", "phasediff")
#: entities that number the volumes of one acquisition: files that differ only here belong together
MERGED = ("echo", "flip", "inv", "mt")
#: kinds of which each flip angle and each state of the MT pulse is an acquisition of its own, with its own echoes
_APART = ("MPM", "MTS")


def merged(kind: str) -> tuple[str, ...]:
    """The entities of a kind of image that number the volumes of one series."""
    return ("echo",) if kind in _APART else MERGED


IMAGE_ENDINGS = (".nii.gz", ".nii")


@dataclass(frozen=True, slots=True)
class Name:
    """``sub-01_echo-2_MESE.nii.gz``: entities in BIDS order, suffix ``MESE``, ending ``.nii.gz``."""

    entities: Mapping[str, str]
    suffix: str
    ending: str

    def fits(self, other: Name) -> bool:
        """Whether this file's metadata hold for ``other``: same suffix, and no entity that the other has not alike."""
        return self.suffix == other.suffix and all(other.entities.get(k) == v for k, v in self.entities.items())


def split(filename: str) -> Name | None:
    """A file name taken apart, or None where it is not one of BIDS."""
    stem, dot, ending = filename.partition(".")
    *pairs, suffix = stem.split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        key, dash, value = pair.partition("-")
        if not dash or key in entities or not key.isascii() or not key.isalpha() or not LABEL.fullmatch(value):
            return None
        entities[key] = value
    if not dot or not re.fullmatch(r"[0-9A-Za-z]+", suffix):
        return None
    return Name(ordered(entities), suffix, dot + ending)


def ordered(entities: Mapping[str, str]) -> dict[str, str]:
    """The same entities in BIDS order; those that BIDS does not know come last, by name."""
    known = {k: entities[k] for k in ENTITIES if k in entities}
    return known | {k: entities[k] for k in sorted(set(entities) - set(known))}


def join(entities: Mapping[str, str], suffix: str, ending: str = "") -> str:
    """The file name of these entities, in BIDS order."""
    return "_".join([*(f"{k}-{v}" for k, v in ordered(entities).items()), suffix]) + ending


def natural(labels: Iterable[str]) -> tuple[tuple[int, int, str], ...]:
    """A sorting key in which ``2`` comes before ``10``."""
    return tuple((0, int(v), v) if v.isascii() and v.isdigit() else (1, 0, v) for v in labels)
