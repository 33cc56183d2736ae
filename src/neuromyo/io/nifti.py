"""The NIfTI door: a path goes in; a checked handle on RAS+ voxels, its grid and findings come out."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.series import WHOLE, Block, Data
from neuromyo.io import store
from neuromyo.io.files import cannot_read, open_regular, printable, size_of
from neuromyo.io.geometry import Geometry, grid_of
from neuromyo.io.header import HEAD, Header, parse, real_type
from neuromyo.io.unpack import Room, beyond_end, empty, excess, short, unpack


@dataclass(frozen=True, eq=False)
class StoredData:
    """Voxels of one file: ``stored`` is (a, b, c, n) as on disk, turned and scaled only where a block is read."""

    stored: np.ndarray
    grid: Grid
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (*self.grid.shape, self.stored.shape[3])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        """float32 (bx, by, bz, n), scaled; infinities and what float32 cannot hold become NaN."""
        part = self.grid.from_source(self.stored)[block]
        out = np.empty(part.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for volume in range(part.shape[3]):
                out[..., volume] = self._scaled(part[..., volume])
        out[np.isinf(out)] = np.nan
        return out

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if (self.slope, self.intercept) == (1.0, 0.0):
            return values
        return values.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True, eq=False)
class StackedData:
    """Volumes of several handles as one: ``volumes`` are (handle, index of its volume), in the order wanted."""

    volumes: tuple[tuple[Data, int], ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (*self.volumes[0][0].shape[:3], len(self.volumes))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        wanted: dict[int, list[int]] = {}
        for place, (data, _) in enumerate(self.volumes):
            wanted.setdefault(id(data), []).append(place)
        out: np.ndarray | None = None
        for places in wanted.values():
            part = self.volumes[places[0]][0].read(block)
            if out is None:
                out = np.empty((*part.shape[:3], len(self.volumes)), dtype=np.float32)
            for place in places:
                out[..., place] = part[..., self.volumes[place][1]]
        assert out is not None
        return out


class Image(NamedTuple):
    """One opened file."""

    data: StoredData
    grid: Grid
    findings: tuple[Finding, ...]
    sha256: str


def open_image(
    path: Path, *, scratch: Path, memory_mb: int = 2000, max_input_gb: float = 16, geometry: Geometry = "strict"
) -> tuple[Data, Grid, tuple[Finding, ...]]:
    """A handle on the image's voxels, its grid, and findings.

    The header is checked against the file before anything is allocated. A ``.nii`` is mapped; a ``.nii.gz`` is unpacked
    once, to its end, into memory where the budget allows and else into a nameless file in ``scratch``.
    """
    image = load(path, Room(scratch, memory_mb), max_input_gb=max_input_gb, geometry=geometry)
    return image.data, image.grid, image.findings


def load(
    path: Path, room: Room, *, name: str | None = None, max_input_gb: float = 16, geometry: Geometry = "strict"
) -> Image:
    """`open_image` for several images that share a budget; ``name`` is what messages call the file."""
    name = name or printable(path.name)
    with open_regular(path, name) as stream:
        if _refuse_misnamed(stream, path, name) == "gzip":
            header, voxels, digest, findings = unpack(stream, name, room, max_input_gb)
        else:
            header, voxels, findings = _map(stream, name)
            digest = store.sha256(path, name)
    grid, remarks = grid_of(header, name, geometry)
    stored = voxels.view(header.dtype).reshape(header.shape, order="F")
    data = StoredData(stored, grid, header.slope, header.intercept)
    return Image(data, grid, (*findings, *remarks, *_unscaled(header, name)), digest)


def same_grid(grids: Sequence[tuple[str, Grid]]) -> Grid:
    """The grid of the first image, if the others have it too (to 1e-3 voxel); E-GRID names the first that has not."""
    first_name, first = grids[0]
    for name, grid in grids[1:]:
        _refuse_other_grid(grid, first, name, f"the grid of {first_name}")
    return first


def read_mask(
    path: Path,
    grid: Grid,
    *,
    scratch: Path,
    memory_mb: int = 2000,
    name: str | None = None,
    max_input_gb: float = 16,
    geometry: Geometry = "strict",
) -> np.ndarray:
    """(x, y, z) bool of a mask image on the given grid (to 1e-3 voxel). Values are 0 and 1, give or take rounding."""
    name = name or printable(path.name)
    image = load(path, Room(scratch, memory_mb), name=name, max_input_gb=max_input_gb, geometry=geometry)
    _refuse_other_grid(image.grid, grid, name, "the grid of the images it masks")
    if image.data.shape[3] != 1:
        raise DataError("E-GRID", where=f"{name}: dim[4]", needed="one volume", found=str(image.data.shape[3]),
                        remedy="give one mask for all volumes")  # fmt: skip
    values = image.data.read()[..., 0]
    if not np.isfinite(values).all() or (np.minimum(np.abs(values), np.abs(values - 1)) > 1e-3).any():
        raise DataError("E-LABELS", where=name, needed="0 outside and 1 inside", found="other values",
                        remedy="threshold the mask first, or give labels with --regions")  # fmt: skip
    mask = values > 0.5
    if not mask.any():
        raise DataError("E-EMPTYROI", where=name, needed="at least one voxel inside", found="none",
                        remedy="check how the mask was drawn")  # fmt: skip
    return mask


def _refuse_other_grid(grid: Grid, wanted: Grid, name: str, whose: str) -> None:
    if grid.same_as(wanted):
        return
    if grid.shape != wanted.shape:
        found = f"{' x '.join(map(str, grid.shape))} voxels against {' x '.join(map(str, wanted.shape))}"
    else:
        found = f"{wanted.offset_to(grid):.4g} voxels apart"
    raise DataError(
        "E-GRID",
        where=f"{name}: shape and affine",
        needed=f"{whose}, to a thousandth of a voxel",
        found=found,
        remedy="resample it onto that grid first",
    )


def _refuse_misnamed(stream: BinaryIO, path: Path, name: str) -> str:
    """What the file is, if that is what its name says."""
    try:
        head = stream.read(HEAD)
        stream.seek(0)
    except OSError as error:
        raise cannot_read(name, error) from error
    if not head:
        raise DataError("E-EMPTY", where=name, needed="an image", found="an empty file", remedy="copy the file again")
    zipped = path.name.lower().endswith(".gz")
    if zipped == head.startswith(b"\x1f\x8b"):
        return "gzip" if zipped else "plain"
    needed = "a gzip file, as its name says" if zipped else "an uncompressed NIfTI file, as its name says"
    remedy = f"rename it to end in {'.nii' if zipped else '.nii.gz'}, if that is what it is"
    raise DataError("E-FORMAT", where=name, needed=needed, found=real_type(head), remedy=remedy)


def _map(stream: BinaryIO, name: str) -> tuple[Header, np.ndarray, tuple[Finding, ...]]:
    """The header and the mapped voxels' bytes of an uncompressed file whose size fits its header."""
    size = size_of(stream)
    header = parse(stream.read(HEAD), name)
    if size <= (352 if header.version == 1 else HEAD):
        raise empty(header, name)
    if header.offset >= size:
        raise empty(header, name) if header.offset == size else beyond_end(header, size, name)
    if header.promise > size:
        raise short(header, size, name)
    findings = excess(size - header.promise, name)
    try:
        whole = np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
    except OSError as error:
        raise cannot_read(name, error) from error
    return header, whole[header.offset : header.promise], findings


def _unscaled(header: Header, name: str) -> tuple[Finding, ...]:
    if not header.unscaled:
        return ()
    said = "a slope of 0 stands for no scaling; the numbers are used as stored"
    return (Finding("warn", "W-SCALE", f"{name}: scl_slope", said, "state a slope of 1 if that is meant"),)
