"""What a biomarker gives back: values, their uncertainty, and a reason a voxel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Assumption
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import keeps_value


@dataclass(frozen=True, eq=False)
class Map:
    """One quantity over a grid, in SI.

    values : (x, y, z), or (x, y, z, 3 or 6) for vectors and tensors; NaN where the reason does not keep a value
    sd : predicted standard deviation, same shape and unit, or None where the estimator gives none
    reason : (x, y, z) uint8 of `neuromyo.core.reasons.Reason`
    """

    quantity: Quantity
    values: np.ndarray
    sd: np.ndarray | None
    reason: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """(x, y, z) bool: voxels whose value may be used."""
        finite = np.isfinite(self.values)
        if finite.ndim == 4:
            finite = finite.all(axis=3)
        return finite & keeps_value(self.reason)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value for the whole subject (the fitted fat T2), in SI. ``source`` says how it was come by."""

    quantity: Quantity
    value: float
    sd: float | None = None
    source: str = ""


@dataclass(frozen=True, eq=False)
class Maps:
    """All that one biomarker gave for one session.

    ``sources`` are the series used, by role (file names); ``entities`` those of the main series, which the written
    files inherit. ``diagnostics`` are extra images for the report (residuals), name -> (x, y, z). ``calibrated`` are the numbers
    that the estimator was given for the subject, for estimating more signals of it in the same way.
    """

    biomarker: str
    grid: Grid
    maps: Mapping[str, Map]
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    entities: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    diagnostics: Mapping[str, np.ndarray] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    calibrated: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Map:
        return self.maps[name]
