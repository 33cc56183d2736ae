"""A few voxels of each region with their echoes and the model through them, chosen the same way every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.series import Series
from neuromyo.fit import runner
from neuromyo.report.view import SampleFit

MOST = 12
#: what a signal is drawn against, first that is stated: field, label, unit, factor from SI
_AXES = (
    ("inversion_times", "inversion time", "ms", 1e3),
    ("echo_times", "echo time", "ms", 1e3),
    ("flip_angles_deg", "flip angle", "degrees", 1.0),
    ("b_values", "b-value", "s/mm2", 1e-6),
)


def of(
    biomarker: Biomarker,
    maps: Maps,
    series: Mapping[str, Series],
    labels: Sequence[Labels],
    options: Any,
    known: Mapping[str, np.ndarray],
    scalars: Mapping[str, float],
) -> tuple[SampleFit, ...]:
    """Of each region and side, the voxel whose value is the region's median; at most `MOST`. Voxel scope only."""
    role = biomarker.series_roles[0]
    quantity = biomarker.voxel_quantities[0]
    axis = _axis(series[role])
    if biomarker.scope != "voxel" or quantity.rank != "scalar" or axis is None:
        return ()
    filled, _ = runner.prepare_acquisitions(biomarker, {r: s.acquisition for r, s in series.items()})
    drawn = []
    for name, side, voxel in _chosen(maps, quantity.name, labels):
        truth = _truth(biomarker, maps, voxel, known, scalars)
        measured = _signal(series[role], voxel)
        model = _model(biomarker, truth, filled, role, options, measured)
        if model is not None and np.isfinite(measured).all():
            label, unit, x = axis
            drawn.append(SampleFit(biomarker.id, name, voxel, x, _floats(measured), _floats(model), _said(maps, voxel),
                                   side="" if side == "none" else side, x_label=label, x_unit=unit))  # fmt: skip
    return tuple(drawn)


def _chosen(maps: Maps, quantity: str, labels: Sequence[Labels]) -> Iterator[tuple[str, str, tuple[int, int, int]]]:
    one = maps[quantity]
    many = 0
    for labelled in labels:
        for region in labelled.regions:
            where = np.argwhere((labelled.volume == region.index) & one.valid)
            if len(where) == 0 or many == MOST:
                continue
            values = one.values[tuple(where.T)]
            x, y, z = (int(i) for i in where[np.argmin(np.abs(values - np.median(values)))])
            many += 1
            yield region.name, region.side, (x, y, z)


def _axis(series: Series) -> tuple[str, str, tuple[float, ...]] | None:
    for field, label, unit, factor in _AXES:
        values = getattr(series.acquisition, field)
        if values is not None and len(values) == series.n > 1:
            return label, unit, tuple(float(v * factor) for v in values)
    return None


def _truth(
    biomarker: Biomarker,
    maps: Maps,
    voxel: tuple[int, int, int],
    known: Mapping[str, np.ndarray],
    scalars: Mapping[str, float],
) -> dict[str, Any]:
    """What `simulate` is told: the fitted values (the subject's own too, such as the T2 of its fat), what was known,
    and the declared example for what is neither."""
    truth: dict[str, Any] = {**biomarker.example, **scalars}
    truth |= {name: float(one.value) for name, one in maps.scalars.items()}
    truth |= {role: float(values[voxel]) for role, values in known.items()}
    truth |= {name: float(m.values[voxel]) for name, m in maps.maps.items() if m.quantity.rank == "scalar"}
    return {name: v for name, v in truth.items() if np.isfinite(v)}


def _model(
    biomarker: Biomarker,
    truth: Mapping[str, Any],
    acquisitions: Mapping[str, Acquisition],
    role: str,
    options: Any,
    measured: np.ndarray,
) -> np.ndarray | None:
    """The model's curve, its scale fitted to the samples; None where what is known does not make a signal."""
    signal = np.abs(np.ravel(biomarker.simulate(truth, acquisitions, options)[role])).astype(np.float64)
    energy = float(signal @ signal)
    if signal.size != measured.size or not energy > 0:
        return None
    return signal * (float(signal @ measured) / energy)


def _signal(series: Series, voxel: tuple[int, int, int]) -> np.ndarray:
    box = tuple(slice(i, i + 1) for i in voxel)
    return np.abs(series.read(box)[0, 0, 0]).astype(np.float64)  # type: ignore[arg-type]


def _said(maps: Maps, voxel: tuple[int, int, int]) -> str:
    said = []
    for one in maps.maps.values():
        value = one.values[voxel]
        if one.quantity.rank == "scalar" and one.quantity.unit != "a.u." and np.isfinite(value):
            unit = "" if one.quantity.display == "1" else f" {one.quantity.display}"
            said.append(f"{one.quantity.title} {one.quantity.to_display(float(value)):.3g}{unit}")
    return ", ".join(said)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.6g}") for v in values)
