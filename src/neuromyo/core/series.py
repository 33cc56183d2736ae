"""Images as handles: shape and meaning at once, voxels only when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid

#: a box of voxels: one slice per spatial axis, in RAS+ order
Block = tuple[slice, slice, slice]
WHOLE: Block = (slice(None), slice(None), slice(None))


@runtime_checkable
class Data(Protocol):
    """Voxels on demand, (x, y, z, n) in RAS+ order, contrast last."""

    @property
    def shape(self) -> tuple[int, int, int, int]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def read(self, block: Block = WHOLE) -> np.ndarray:
        """The voxels of ``block`` as float32 (or complex64), shape (bx, by, bz, n), a fresh or read-only array."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayData:
    """The trivial handle: an array already in memory, (x, y, z, n)."""

    array: np.ndarray

    def __post_init__(self) -> None:
        if self.array.ndim != 4:
            raise ValueError(f"expected (x, y, z, n), got shape {self.array.shape}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        x, y, z, n = self.array.shape
        return x, y, z, n

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.complex64 if np.iscomplexobj(self.array) else np.float32)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        return np.asarray(self.array[block], dtype=self.dtype)


@dataclass(frozen=True, eq=False)
class Series:
    """One acquired series: data, where it is, how it was acquired.

    Parameters
    ----------
    kind : BIDS suffix (``MESE``, ``MEGRE``, ``VFA``, ``IRT1``, ``MTR``, ``MTS``, ``TB1DAM``, ``dwi``, ``T2w`` ...)
    part : ``mag``, ``phase``, ``real``, ``imag`` or ``complex``
    entities : BIDS entities shared by its files, in BIDS order (``{"sub": "01", "ses": "m0", "acq": "calf"}``)
    files : names of the source files relative to the dataset, for messages and provenance
    """

    data: Data
    grid: Grid
    acquisition: Acquisition
    kind: str
    part: str = "mag"
    entities: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.data.shape[:3]) != self.grid.shape:
            raise ValueError(f"data {self.data.shape[:3]} and grid {self.grid.shape} differ")

    @property
    def n(self) -> int:
        """Number of volumes."""
        return self.data.shape[3]

    @property
    def name(self) -> str:
        """What to call it in messages: its first file, or its kind."""
        return self.files[0] if self.files else self.kind

    def read(self, block: Block = WHOLE) -> np.ndarray:
        return self.data.read(block)

    def with_data(self, array: np.ndarray) -> Series:
        """The same series with other voxels (x, y, z, n)."""
        return replace(self, data=ArrayData(array))
