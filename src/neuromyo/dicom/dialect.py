"""What a vendor says where, beyond the standard attributes: one `Dialect` a vendor, with plain functions in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neuromyo.dicom.diffusion import Gradient
from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Part, Scale, Vector


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be told of a series: the parts of a `Finding` without the place."""

    code: str
    field: str
    message: str
    remedy: str = ""
    consequence: str = ""

    @property
    def level(self) -> str:
        return "note" if self.code.startswith("N-") else "warn"


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a plane is (LPS, mm): as in `Frame`."""

    position: Vector
    row: Vector
    column: Vector
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tiles:
    """A mosaic: the planes in it, in the order of its tiles (row by row from the top left)."""

    planes: tuple[Plane, ...]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A scale, and what has to be told of it."""

    scale: Scale
    notes: tuple[Note, ...] = ()


def _nothing(_: View) -> None:
    return None


def _no_facts(_: View) -> Mapping[str, Any]:
    return {}


def _no_gradient(_: View, __: Plane) -> Gradient:
    return Gradient()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One vendor.

    name : how the vendor is called in sidecars
    view : where else this vendor's headers have to be looked into
    part : the part by private elements, which is trusted more than the image type; None where not stated
    made : one of `frames.MADE` by private elements or words of this vendor's own; "" or None where not stated
    gradient : the diffusion weighting by private elements, where the standard ones do not state a direction
    facts : further BIDS keys
    scale : the scale of an image (view, part, made); None: the common rules hold
    tiles : the planes of a mosaic; None where the file is none
    mt : whether magnetisation transfer was on by private elements; None where not stated
    protocol_is_exam : Protocol Name holds for the whole examination, not for the series
    mt_stated : Sequence Variant names MTC wherever magnetisation transfer is on, so that its absence means off
    """

    name: str
    view: Callable[[View], View] = lambda view: view
    part: Callable[[View], Part | None] = _nothing
    made: Callable[[View], str | None] = _nothing
    gradient: Callable[[View, Plane], Gradient] = _no_gradient
    facts: Callable[[View], Mapping[str, Any]] = _no_facts
    scale: Callable[[View, Part, str], Scaled | None] = lambda _, __, ___: None
    tiles: Callable[[View], Tiles | None] = _nothing
    mt: Callable[[View], bool | None] = _nothing
    protocol_is_exam: bool = False
    mt_stated: bool = False
