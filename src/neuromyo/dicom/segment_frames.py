"""A DICOM segmentation to raw layers of labels: the child's job.

A segmentation object holds a frame for each segment and slice that anything was drawn in, in any order (BINARY: one bit a pixel,
FRACTIONAL: a share of a maximum), or a frame of segment numbers for each slice (LABELMAP). Each frame states its own place. Out come
layers of uint16 (slice, row, column): a voxel belongs to every segment whose number a layer holds there, so that overlap is kept.

Of free text only the segments' labels are taken, as names, and cleaned on the way (`neuromyo.io.labels.named`); nothing else that a
person may have typed leaves this process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom import multiframe
from neuromyo.dicom.describe import opened
from neuromyo.dicom.dialect import Plane
from neuromyo.dicom.elements import View, quietly, words_of
from neuromyo.dicom.plane import plane_of, shape
from neuromyo.dicom.stored import plane as stored_plane
from neuromyo.dicom.volumes import clusters
from neuromyo.io.labels import named

_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_AGAIN = "export the segmentation again"
_MOST_SLICES, _MOST_VOXELS, _MOST_LAYERS, _MOST_NUMBER = 20_000, 1 << 31, 64, 65_535
#: how far a slice may lie from its even place, mm and share of the step; cosine of directions that are one
_OFF_MM, _OFF, _ALIKE = 0.05, 0.02, 1.0 - 4e-6
_SIDES = {"7771000": "left", "24028007": "right"}


@dataclass(frozen=True)
class _Stack:
    """Frames by slice. first : the plane of slice 0; step : (3,) LPS mm to the next; slices : frame numbers of each slice"""

    first: Plane
    step: np.ndarray
    slices: tuple[tuple[int, ...], ...]


def answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Layers of every segmentation among ``files`` into the folder ``out``.

    request : ``root``, ``files``, ``out``, ``threshold`` (share of the maximum from which a fraction is inside), ``spacing_mm`` (between
        slices; None: as stated). Yields ``{"file", "segmentation": {...}}`` or ``{"file", "other": true}``.
    """
    for number, name in request["files"]:
        yield {"at": number}
        try:
            found = _read(Path(request["root"]) / name, Path(request["out"]), number, request)
        except NeuromyoError as error:
            yield {"file": number, "error": error.as_dict()}
            continue
        yield {"file": number, "other": True} if found is None else {"file": number, "segmentation": found}


def _read(path: Path, out: Path, number: int, request: dict[str, Any]) -> dict[str, Any] | None:
    with quietly():
        if View.of(opened(path)).text("SOPClassUID") not in _CLASSES:
            return None
        dataset = opened(path, pixels=True)
        whole = View.of(dataset)
        views = list(multiframe.views(dataset))
        if len(views) != (whole.whole("NumberOfFrames") or 1):
            raise DataError("E-DIMS", where="Number of Frames", needed="a functional group for each frame",
                            found=f"{len(views)} for {whole.whole('NumberOfFrames')}", remedy=_AGAIN)  # fmt: skip
        kind = whole.text("SegmentationType").upper()
        if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
            raise DataError("E-DICOM", where="Segmentation Type", needed="BINARY, FRACTIONAL or LABELMAP", found="another or none",
                            remedy=_AGAIN)  # fmt: skip
        stack = _stacked([plane_of(v) for v in views], _step_stated(views, request["spacing_mm"]))
        numbers = [None] * len(views) if kind == "LABELMAP" else [_segment_of(v) for v in views]
        frames = _Frames(dataset, kind, numbers, float(request["threshold"]))
        layers = _written(frames, stack, out, number)
        return {"layers": layers, "shape": [len(stack.slices), *stack.first.shape], "position": list(stack.first.position),
                "row": list(stack.first.row), "column": list(stack.first.column), "step": [float(v) for v in stack.step],
                "spacing_mm": list(stack.first.spacing_mm), "segments": _segments(whole)}  # fmt: skip


# --- where the frames are ---------------------------------------------------------------------------------------------


def _step_stated(views: Sequence[View], asked: float | None) -> tuple[float | None, float | None]:
    """Distance between slices and their thickness, mm, as far as stated."""
    apart = asked if asked else _positive(views[0].number("SpacingBetweenSlices"))
    return apart, _positive(views[0].number("SliceThickness"))


def _positive(value: float | None) -> float | None:
    return abs(value) if value is not None and 1e-3 < abs(value) < 1e4 else None


def _stacked(planes: Sequence[Plane], stated: tuple[float | None, float | None]) -> _Stack:
    """Frames sorted into evenly spaced slices, of which some may hold none; E-GEOM."""
    first = planes[0]
    if any(p.shape != first.shape or not np.allclose(p.spacing_mm, first.spacing_mm, rtol=1e-4) for p in planes):
        raise _geom("Pixel Spacing", "one size of pixels for all frames", "several")
    if any(np.dot(p.row, first.row) < _ALIKE or np.dot(p.column, first.column) < _ALIKE for p in planes):
        raise _geom("Image Orientation", "parallel frames", "frames that are not")
    normal = np.cross(first.row, first.column)
    axes = np.array([first.row, first.column, normal])
    offsets = np.array([p.position for p in planes]) @ axes.T
    if np.ptp(offsets[:, :2], axis=0).max() > max(_OFF_MM, 0.1 * min(first.spacing_mm)):
        raise _geom("Image Position", "frames on top of each other", "frames that lie askew")
    across = offsets[:, 2]
    order = clusters(across, _OFF_MM)
    places = np.array([across[order == k].mean() for k in range(int(order.max()) + 1)])
    step = _step(places, *stated)
    at = (across - across.min()) / step
    index = np.rint(at).astype(int)
    if np.abs(at - index).max() * step > max(_OFF_MM, _OFF * step):
        raise _geom("Image Position", f"slices {step:g} mm apart, or multiples of it", "other distances")
    count = int(index.max()) + 1
    if count > _MOST_SLICES or count * first.shape[0] * first.shape[1] > _MOST_VOXELS:
        raise DataError(
            "E-DIMS", where="Image Position", needed=f"at most {_MOST_SLICES} slices", found=f"{count}", remedy=_AGAIN
        )
    slices = defaultdict(list)
    for frame, k in enumerate(index.tolist()):
        slices[k].append(frame)
    return _Stack(planes[int(np.argmin(across))], normal * step, tuple(tuple(slices[k]) for k in range(count)))


def _step(places: np.ndarray, apart: float | None, thickness: float | None) -> float:
    """mm between slices: as stated, else the smallest distance of two that were drawn in, if those can be neighbours."""
    if apart is not None:
        return apart
    smallest = float(np.diff(places).min()) if len(places) > 1 else None
    if smallest is None and thickness is None:
        raise _geom("Spacing Between Slices", "the distance between slices", "none, nor a slice thickness")
    if smallest is None:
        return float(thickness or 0.0)
    if thickness is not None and smallest > 1.5 * thickness:
        raise _geom("Spacing Between Slices", f"the distance between slices of {thickness:g} mm",
                    f"none; those drawn in are {smallest:g} mm apart, over a gap or over slices that were left out")  # fmt: skip
    return smallest


def _geom(where: str, needed: str, found: str) -> DataError:
    remedy = "give the distance between slices" if where.startswith("Spacing B") else _AGAIN
    return DataError("E-GEOM", where=where, needed=needed, found=found, remedy=remedy)


# --- what is in them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Frames:
    """The pixels of frames as segment numbers; ``numbers`` : the segment of each frame, None of a label map."""

    dataset: Dataset
    kind: str
    numbers: Sequence[int | None]
    threshold: float

    def labels(self, frame: int) -> np.ndarray:
        """(rows, columns) uint16 segment numbers, 0 outside."""
        number = self.numbers[frame]
        if number is None:
            values = stored_plane(self.dataset, frame)
            if values.min() < 0 or values.max() > _MOST_NUMBER:
                raise DataError("E-DTYPE", where="Pixel Data", needed=f"segment numbers from 0 to {_MOST_NUMBER}", found="others",
                                remedy=_AGAIN)  # fmt: skip
            return values.astype(np.uint16)
        return np.where(self._inside(frame), np.uint16(number), np.uint16(0))

    def _inside(self, frame: int) -> np.ndarray:
        view = View.of(self.dataset)
        if self.kind == "FRACTIONAL":
            most = view.whole("MaximumFractionalValue") or 255
            return stored_plane(self.dataset, frame) >= self.threshold * most
        if view.whole("BitsAllocated") == 1:
            return _bits(self.dataset, view, frame)
        return stored_plane(self.dataset, frame) > 0


def _bits(dataset: Dataset, view: View, frame: int) -> np.ndarray:
    """(rows, columns) bool of one-bit pixels, which run on from frame to frame without filling up the last byte."""
    rows, columns = shape(view)
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    if syntax is None or syntax.is_encapsulated or not syntax.is_little_endian:
        raise DataError("E-DTYPE", where="Pixel Data", needed="single bits that are not compressed, little end first",
                        found="others", remedy="export the segmentation uncompressed")  # fmt: skip
    raw = dataset["PixelData"].value
    size, start = rows * columns, frame * rows * columns
    if len(raw) * 8 < start + size:
        raise DataError("E-TRUNC", where="Pixel Data", needed=f"{-(-(start + size) // 8)} bytes", found=f"{len(raw)}",
                        remedy="copy or export the file again")  # fmt: skip
    part = np.frombuffer(raw, np.uint8, (start % 8 + size + 7) // 8, start // 8)
    bits = np.unpackbits(part, bitorder="little")[start % 8 : start % 8 + size]
    return bits.reshape(rows, columns).astype(bool)


def _segment_of(view: View) -> int:
    number = view.whole("ReferencedSegmentNumber")
    if number is None or not 0 < number <= _MOST_NUMBER:
        raise DataError("E-DICOM", where="Referenced Segment Number", needed=f"a number from 1 to {_MOST_NUMBER} for each frame",
                        found="none" if number is None else str(number), remedy=_AGAIN)  # fmt: skip
    return number


def _written(frames: _Frames, stack: _Stack, out: Path, number: int) -> list[str]:
    """Write slice after slice: at each voxel the first segment into the first layer, another into the next; the files' names."""
    size = stack.first.shape[0] * stack.first.shape[1] * 2
    names: list[str] = []
    for k, held in enumerate(stack.slices):
        for depth, layer in enumerate(_layers(frames, held)):
            if depth == len(names):
                names.append(f"{number}-{depth}.raw")
                with open(out / names[depth], "wb") as made:
                    made.truncate(size * len(stack.slices))
            with open(out / names[depth], "r+b") as stream:
                stream.seek(k * size)
                stream.write(layer.tobytes())
    return names


def _layers(frames: _Frames, held: Sequence[int]) -> list[np.ndarray]:
    layers: list[np.ndarray] = []
    for frame in held:
        left = frames.labels(frame)
        for layer in layers:
            left = np.where(layer == left, 0, left)  # the same segment twice at one place
            room = (layer == 0) & (left > 0)
            layer[room] = left[room]
            left = np.where(room, 0, left)
        if left.any():
            layers.append(left.astype("<u2"))
        if len(layers) > _MOST_LAYERS:
            raise DataError("E-LABELS", where="segments", needed=f"at most {_MOST_LAYERS} on top of each other", found="more",
                            remedy=_AGAIN)  # fmt: skip
    return layers


def _segments(whole: View) -> list[dict[str, Any]]:
    """Number, cleaned name (with its side as a word), code of what each segment is."""
    made = []
    for item in whole.items("SegmentSequence")[:_MOST_NUMBER]:
        view = View.of(item)
        number = view.whole("SegmentNumber")
        if number is None:
            continue
        name, side = named(view.text("SegmentLabel"))
        if side == "none":
            side = _SIDES.get(_coded(view, "SegmentedPropertyTypeModifierCodeSequence", deeper=True)[1], "none")
        scheme, value = _coded(view, "SegmentedPropertyTypeCodeSequence")
        made.append({"number": number, "text": f"{name} {side}" if side != "none" else name,
                     "code": f"{scheme}:{value}" if scheme and value else ""})  # fmt: skip
    return made


def _coded(view: View, sequence: str, *, deeper: bool = False) -> tuple[str, str]:
    """Scheme and value of a code, where they look like ones; ``deeper``: also within the type's own item."""
    items = list(view.items(sequence))
    if deeper:
        items += [i for kind in view.items("SegmentedPropertyTypeCodeSequence") for i in View.of(kind).items(sequence)]
    for item in items[:1]:
        said = [next(iter(words_of(View.of(item).value(k))), "") for k in ("CodingSchemeDesignator", "CodeValue")]
        if all(re.fullmatch(r"[A-Za-z0-9_.-]{1,16}", word) for word in said):
            return said[0], said[1]
    return "", ""
