"""Pixels into a raw file, plane by plane: the child's job that fills the scratch file of a series.

The file holds planes of (rows, columns), last row first, column index fastest: read as NIfTI, the first axis runs along a row, the second
up the columns (see `neuromyo.dicom.geometry`). No more
than one source file is held at a time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom.describe import opened
from neuromyo.dicom.elements import View, quietly
from neuromyo.dicom.stored import blank, plane


@dataclass(frozen=True, slots=True)
class Wanted:
    """One plane: where it comes from (``tile`` of ``frame``), where it goes, and ``value = slope * stored + intercept``."""

    file: int
    frame: int
    tile: int | None
    index: int
    slope: float = 1.0
    intercept: float = 0.0


def answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Fill ``out`` with the ``planes`` of ``files``; yields the share done after each file.

    request : ``root``, ``files`` [[number, relative name], ...], ``out`` path, ``dtype``, ``shape`` [rows, columns], ``planes``
        [[file, frame, tile or null, index in out, slope, intercept], ...]. Planes of files that are not listed are left alone, so a
        broken job goes on with the rest.
    """
    by_file: dict[int, list[Wanted]] = defaultdict(list)
    for one in request["planes"]:
        by_file[one[0]].append(Wanted(*one))
    dtype, shape = np.dtype(request["dtype"]), (int(request["shape"][0]), int(request["shape"][1]))
    size = dtype.itemsize * shape[0] * shape[1]
    with _Out(Path(request["out"]), size * (1 + max(one[3] for one in request["planes"]))) as out:
        for done, (number, name) in enumerate(request["files"], 1):
            yield {"at": number}
            try:
                for one, values in read(Path(request["root"]) / name, by_file.get(number, []), shape, dtype):
                    out.seek(one.index * size)
                    out.write(values[::-1].tobytes())
            except NeuromyoError as error:
                yield {"file": number, "error": error.as_dict()}
            yield {"share": done / len(request["files"])}


def read(
    path: Path, wanted: list[Wanted], shape: tuple[int, int], dtype: np.dtype
) -> Iterator[tuple[Wanted, np.ndarray]]:
    """The wanted planes of one file, each (rows, columns) of ``dtype``."""
    if not wanted:
        return
    with quietly():
        dataset = opened(path, pixels=True)
        kept: tuple[int, np.ndarray] | None = None
        for one in sorted(wanted, key=lambda w: (w.frame, w.tile or 0)):
            if kept is None or kept[0] != one.frame:
                kept = one.frame, plane(dataset, one.frame)
            yield one, scaled(kept[1], dataset, one, shape, dtype)


def scaled(stored: np.ndarray, dataset: Dataset, one: Wanted, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """The values of a plane: its tile cut out, scaled in double precision, zero where a pixel stands for nothing."""
    empty = blank(stored, View.of(dataset))
    values = _tile(stored, one.tile, shape)
    if (one.slope, one.intercept) != (1.0, 0.0):
        values = values * one.slope + one.intercept
    if empty is not None:
        values = np.where(_tile(empty, one.tile, shape), 0, values)
    return _as(values, dtype)


def _tile(whole: np.ndarray, tile: int | None, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = shape
    across, down = whole.shape[1] // columns, whole.shape[0] // rows
    if (tile is None and whole.shape != shape) or (tile is not None and not 0 <= tile < across * down):
        raise DataError("E-DIMS", where="Rows, Columns", needed=f"{rows} x {columns}", found=f"{whole.shape[0]} x {whole.shape[1]}",
                        remedy="sort images of different sizes into series of their own")  # fmt: skip
    if tile is None:
        return whole
    top, left = rows * (tile // across), columns * (tile % across)
    return whole[top : top + rows, left : left + columns]


def _as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind not in "iu":
        return values.astype(dtype)
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    limits = np.iinfo(dtype)
    if rounded.size and (not np.isfinite(rounded).all() or rounded.min() < limits.min or rounded.max() > limits.max):
        raise DataError("E-DTYPE", where="Pixel Data", needed=f"numbers from {limits.min} to {limits.max}",
                        found=f"{rounded.min():g} to {rounded.max():g}", remedy="report this fault")  # fmt: skip
    return rounded.astype(dtype)


class _Out:
    """The raw file, opened for writing in place; made, and made long enough, where it is not."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size

    def __enter__(self) -> Any:
        self.stream = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600), "r+b")
        if os.fstat(self.stream.fileno()).st_size < self.size:
            self.stream.truncate(self.size)
        return self.stream

    def __exit__(self, *_: object) -> None:
        self.stream.close()
