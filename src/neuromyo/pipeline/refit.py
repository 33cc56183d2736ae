"""Fitting a region's mean signal: averaging voxels does not average out a voxel's bias, averaging signals does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.reasons import keeps_value
from neuromyo.core.series import Series
from neuromyo.fit import runner


@dataclass(frozen=True, eq=False)
class Refitter:
    """Callable on a mask (x, y, z) bool -> {quantity: (value, standard uncertainty)} in SI; only kept values are given.

    known : map role -> (x, y, z); scalars : what the subject was calibrated to
    """

    biomarker: Biomarker
    series: Mapping[str, Series]
    options: Any
    known: Mapping[str, np.ndarray] = field(default_factory=dict)
    scalars: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, mask: np.ndarray) -> dict[str, tuple[float, float]]:
        box = _box(mask)
        inside = mask[box]
        signals = {role: mean_signal(s, box, inside)[None, :] for role, s in self.series.items()}
        known = {}
        for role, values in self.known.items():
            held = values[box][inside]
            held = held[np.isfinite(held)]
            known[role] = np.array([held.mean() if held.size else np.nan], dtype=np.float32)
        found = runner.fit_signals(
            self.biomarker,
            signals,
            {role: s.acquisition for role, s in self.series.items()},
            self.options,
            known=known,
            scalars=self.scalars,
            averaged=True,
        )
        fitted = {}
        for quantity in self.biomarker.voxel_quantities:
            if quantity.rank == "scalar" and keeps_value(found.reason_of(quantity.name)).all():
                sd = found.sd.get(quantity.name)
                fitted[quantity.name] = (
                    float(found.values[quantity.name][0]),
                    float("nan") if sd is None else float(sd[0]),
                )
        return fitted


def mean_signal(series: Series, box: tuple[slice, slice, slice], inside: np.ndarray) -> np.ndarray:
    """The mean over voxels (n,), float32, summed in double precision slice by slice, always in the same order.

    Voxels with a sample that is not finite take no part.
    """
    total, count = np.zeros(series.n, dtype=np.result_type(series.data.dtype, np.float64)), 0
    start = box[2].start
    for z in range(inside.shape[2]):
        if not inside[:, :, z].any():
            continue
        data = series.read((box[0], box[1], slice(start + z, start + z + 1)))[:, :, 0][inside[:, :, z]]
        data = data[np.isfinite(data).all(axis=1)]
        total += data.sum(axis=0, dtype=total.dtype)
        count += len(data)
    return (total / max(count, 1)).astype(series.data.dtype)


def _box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    a, b, c = (slice(int(at.min()), int(at.max()) + 1) if at.size else slice(0, 0) for at in np.nonzero(mask))
    return a, b, c
