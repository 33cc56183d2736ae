"""The numbers of one series beside those that were declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.series import Series
from neuromyo.protocol.protocol import Protocol
from neuromyo.protocol.sequence import Figure, Sequence

#: b-values below this are taken as unweighted, in s/m2
_UNWEIGHTED = 50e6
#: b-values within this share of the highest belong to its shell
_SHELL = 0.05
#: directions whose cosine is above this are the same (or opposite, which is the same)
_ALIKE = 0.9999


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of a series against its declaration. ``found`` is None where the files do not state it; ``field`` is
    the field of `Acquisition` it comes from, "" for geometry; ``shown`` turns a number into text with its unit."""

    title: str
    field: str
    figure: Figure
    found: float | None
    unit: str
    factor: float = 1.0

    def show(self, value: float) -> str:
        return f"{value * self.factor:.4g}{' ' if self.unit else ''}{self.unit}"

    @property
    def tolerances(self) -> str:
        return f"fine {self._interval(self.figure.fine)}, usable {self._interval(self.figure.usable)}"

    def _interval(self, bounds: tuple[float, float]) -> str:
        return f"{bounds[0] * self.factor:.4g} to {self.show(bounds[1])}"


def comparisons(series: Series, declared: Sequence, protocol: Protocol) -> Iterator[Compared]:
    """Everything of a series that its declaration gives a number for."""
    acquired = series.acquisition
    yield from _echoes(series, declared)
    flips, geometry = acquired.flip_angles_deg, _geometry(series)
    refocusing = acquired.refocusing_angle_deg
    stated: list[tuple[str, str, Figure | None, float | None, str]] = [
        ("repetition time", "repetition_time", declared.repetition_time, acquired.repetition_time, "s"),
        ("flip angle", "flip_angles_deg", declared.flip_angle_deg, flips[0] if flips else None, "degrees"),
        ("refocusing angle", "refocusing_angle_deg", declared.refocusing_angle_deg, refocusing, "degrees"),
        ("field strength", "field_strength", protocol.field_strength, acquired.field_strength, "T"),
        ("slice thickness", "slice_thickness_mm", declared.slice_thickness_mm, acquired.slice_thickness_mm, "mm"),
        ("in-plane voxel size", "", declared.in_plane_mm, geometry[0], "mm"),
        ("coverage across slices", "", declared.coverage_mm, geometry[1], "mm"),
        *_saturation(acquired, declared),
        *_diffusion(acquired, declared),
    ]  # fmt: skip
    for title, field, figure, found, unit in stated:
        if figure is not None:
            yield Compared(title, field, figure, found, unit)


def _saturation(
    acquired: Acquisition, declared: Sequence
) -> Iterator[tuple[str, str, Figure | None, float | None, str]]:
    """MT pulse (the sign of its offset does not matter) and spoiling."""
    offset, increment = acquired.mt_offset_hz, acquired.rf_spoiling_increment_deg
    size = None if offset is None else abs(offset)
    turn = None if increment is None else abs(increment)
    yield "MT pulse offset", "mt_offset_hz", declared.mt_offset_hz, size, "Hz"
    yield "MT pulse angle", "mt_flip_angle_deg", declared.mt_flip_angle_deg, acquired.mt_flip_angle_deg, "degrees"
    yield "RF spoiling increment", "rf_spoiling_increment_deg", declared.rf_spoiling_increment_deg, turn, "degrees"


def _diffusion(
    acquired: Acquisition, declared: Sequence
) -> Iterator[tuple[str, str, Figure | None, float | None, str]]:
    b = None if acquired.b_values is None else np.asarray(acquired.b_values)
    highest = None if b is None else float(b.max()) * 1e-6
    unweighted = None if b is None else float((b < _UNWEIGHTED).sum())
    yield "b-value", "b_values", declared.b_value_s_mm2, highest, "s/mm2"
    yield "unweighted volumes", "b_values", declared.n_unweighted, unweighted, ""
    yield "diffusion directions", "b_vectors", declared.n_directions, _directions(acquired), ""


def _directions(acquired: Acquisition) -> float | None:
    """How many different ones there are on the highest shell; opposite ones are the same."""
    if acquired.b_values is None or acquired.b_vectors is None:
        return None
    b, vectors = np.asarray(acquired.b_values), np.asarray(acquired.b_vectors)
    shell = vectors[(b >= _UNWEIGHTED) & (b >= (1.0 - _SHELL) * b.max())]
    size = np.linalg.norm(shell, axis=1, keepdims=True)
    unit = shell / np.where(size > 0, size, 1.0)
    alike = np.abs(unit @ unit.T) > _ALIKE
    return float(sum(not alike[i, :i].any() for i in range(len(unit))))


def _geometry(series: Series) -> tuple[float, float]:
    """The larger in-plane voxel side, and the stack's length across slices, in mm."""
    grid = series.grid
    in_plane = max(grid.spacing_mm[a] for a in grid.in_plane_axes)
    return in_plane, grid.shape[grid.slice_axis] * grid.spacing_mm[grid.slice_axis]


def _echoes(series: Series, declared: Sequence) -> Iterator[Compared]:
    times = echo_times(series)
    echo = "echo_times"
    if declared.echoes is not None:
        train = declared.echoes
        spacing = float(np.median(np.diff(times))) if times and len(times) > 1 else None
        yield Compared("first echo", echo, train.first, times[0] if times else None, "ms", 1e3)
        yield Compared("echo spacing", echo, train.spacing, spacing, "ms", 1e3)
        yield Compared("number of echoes", echo, train.count, float(len(times)) if times else float(series.n), "")
    elif declared.echo_list is not None:
        wanted = declared.echo_list
        yield Compared("number of echoes", echo, wanted.count, float(len(times)) if times else float(series.n), "")
        for i in range(len(wanted.times)):
            found = times[i] if times and i < len(times) else None
            if found is not None or not times:
                yield Compared(f"echo {i + 1}", echo, wanted.figure(i), found, "ms", 1e3)


def echo_times(series: Series) -> tuple[float, ...]:
    """Echo times in ascending order, whatever that of the volumes; none where the files state none."""
    return tuple(sorted(series.acquisition.echo_times or ()))


def intended(series: Series, compared: Compared) -> Acquisition | None:
    """The acquisition of a series with that one number as declared; None where an acquisition does not hold it."""
    acquired, wanted = series.acquisition, compared.figure.target
    if compared.field == "echo_times":
        times = _train(echo_times(series), compared.title, wanted)
        return acquired.with_(echo_times=times) if times else None
    if compared.field == "flip_angles_deg":
        return acquired.with_(flip_angles_deg=(wanted,) * len(acquired.flip_angles_deg or (0,)))
    if compared.field in ("repetition_time", "refocusing_angle_deg"):
        return acquired.with_(**{compared.field: wanted})
    return None


def _train(times: tuple[float, ...], title: str, wanted: float) -> tuple[float, ...]:
    """An even train with its first echo, its spacing or its number of echoes as declared; empty where there is none."""
    if len(times) < 2:
        return ()
    train = {"first echo": times[0], "echo spacing": float(np.median(np.diff(times))), "number of echoes": len(times)}
    if title not in train:
        return ()
    train[title] = wanted
    return tuple(train["first echo"] + k * train["echo spacing"] for k in range(round(train["number of echoes"])))
