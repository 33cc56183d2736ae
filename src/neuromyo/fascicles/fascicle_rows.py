r"""Rows of the tidy table about fascicles, and fascicles and epineurium as regions.

Over the nerve, the ratio is fascicular over nerve area summed over slices; counts and areas are means over slices; the volume is
:math:`\sum_k f_k A_k d` with d from slice to slice, slices that are missing between others interpolated (flag GAP). What the resolution
does not support is NaN with the flag COARSE. A slice whose signals are not explained (the misfit is above
`fascicles.MISFIT`) is NaN with the flag W-NERVE, and left out of what is said of the nerve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.fascicles import fascicle_bright, fascicles
from neuromyo.fascicles.fascicle_section import FascicleSection
from neuromyo.fascicles.fascicles import Fascicles

BIOMARKER = "nerve-morphometry"
UNITS = {
    "fascicle_to_nerve_ratio": "1",
    "fascicle_count": "1",
    "fascicle_area": "mm2",
    "largest_fascicle_area": "mm2",
    "bright_fascicle_fraction": "1",
    "nerve_to_muscle_T2w": "1",
    "fascicular_volume": "ml",
}
#: the verdict that a quantity's uncertainty is relative to its value
_RELATIVE = ("fascicle_count", "fascicle_area", "largest_fascicle_area")


def rows(
    found: Fascicles, *, subject: str = "", session: str = "", acquisition: str = "", source: str = "trace"
) -> list[dict[str, Any]]:
    """One row a slice and quantity, and those over the whole nerve."""
    common = {"subject": subject, "session": session, "acquisition": acquisition, "region": found.trace.name,
              "region_source": source, "side": found.trace.side, "biomarker": BIOMARKER}  # fmt: skip
    limit = bright_limits(found)
    made = []
    for section, at in zip(found.sections, limit, strict=True):
        for name, value, se in _of_section(found, section, at):
            made.append(_row(found, section, name, "slice", value, se))
    made += [_row(found, None, *whole) for whole in _whole(found, limit)]
    return [{**common, **row} for row in made]


def labels(found: Fascicles, *, first: int = 1, source: str = "fascicles") -> Labels:
    """``<nerve>-fascicles`` and ``<nerve>-epineurium`` on the trace's grid: voxels half within the nerve, by which of the two
    holds more of it. No region where the resolution does not support the share of fascicle."""
    trace = found.trace
    volume = np.zeros(trace.grid.shape, np.uint8)
    if not found.verdicts["fascicle_to_nerve_ratio"].ok:
        return Labels(volume, trace.grid, (), source)
    a, b = trace.grid.in_plane_axes
    for one in filter(explained, found.sections):
        where: list[slice | int] = [one.slice] * 3
        where[a], where[b] = one.window.at
        mixture = one.mixture
        if mixture is None:
            continue
        within = trace.coverage[tuple(where)] >= 0.5
        inner = mixture.share >= 0.5 * mixture.covered
        volume[tuple(where)] = np.where(within, np.where(inner, first, first + 1), 0)
    names = (f"{trace.name}-fascicles", f"{trace.name}-epineurium")
    regions = tuple(Region(first + i, name, trace.side, trace.name) for i, name in enumerate(names))
    return Labels(volume, trace.grid, regions, source)


def explained(one: FascicleSection) -> bool:
    """Whether fascicles, epineurium and a sheath explain what is seen within the outline, as far as that was asked."""
    return not one.misfit > fascicles.MISFIT


def bright_limits(found: Fascicles) -> list[float]:
    """Per section the signal above which a fascicle is T2-bright; NaN where there is no T2-weighted image or no reference.

    Signals are compared along the nerve relative to muscle beside it, so that the coil cancels; where muscle is not known in all slices,
    as they are.
    """
    sections, factor = found.sections, found.options.bright_factor
    muscle = np.array([s.muscle.muscle for s in sections])
    if not found.t2_weighted:
        return [float("nan")] * len(sections)
    if found.options.bright_reference == "muscle":
        return [float(v) for v in factor * muscle]
    unit = muscle if np.isfinite(muscle).all() else np.ones(len(sections))
    signal = np.concatenate([s.signals / u for s, u in zip(sections, unit, strict=True)])
    reference = fascicle_bright.normal(signal, np.concatenate([s.areas_mm2 for s in sections]))
    return [float(factor * reference * u) for u in unit]


def _of_section(found: Fascicles, one: FascicleSection, limit: float) -> Iterator[tuple[str, float, float]]:
    """Quantity, value and standard uncertainty of one slice."""
    areas = one.areas_mm2
    ratio_se = max(one.noise_se, found.verdicts["fascicle_to_nerve_ratio"].scatter)
    yield "fascicle_to_nerve_ratio", one.fraction, ratio_se
    values = {
        "fascicle_count": float(len(areas)),
        "fascicle_area": float(areas.mean()) if len(areas) else float("nan"),
        "largest_fascicle_area": float(areas.max()) if len(areas) else float("nan"),
    }
    for name, value in values.items():
        yield name, value, value * found.verdicts[name].scatter
    if found.t2_weighted:
        share = fascicle_bright.share(one.signals, areas, limit) if np.isfinite(limit) else float("nan")
        yield "bright_fascicle_fraction", share, found.verdicts["bright_fascicle_fraction"].scatter
        yield "nerve_to_muscle_T2w", one.muscle.value, one.muscle.se


def _whole(found: Fascicles, limits: list[float]) -> Iterator[tuple[str, str, float, float]]:
    """Quantity, statistic, value and standard uncertainty over the nerve."""
    by_slice: dict[str, list[tuple[float, float]]] = {}
    for one, limit in zip(found.sections, limits, strict=True):
        for name, value, se in _of_section(found, one, limit):
            given = explained(one) or name not in found.verdicts
            by_slice.setdefault(name, []).append((value, se) if given else (float("nan"), float("nan")))
    nerve = np.array([s.nerve_mm2 for s in found.sections])
    fascicle = np.array([s.areas_mm2.sum() for s in found.sections])
    for name, pairs in by_slice.items():
        value, se = np.array(pairs).T
        weight = {"fascicle_to_nerve_ratio": nerve, "bright_fascicle_fraction": fascicle}.get(name, np.ones(len(nerve)))
        yield name, "mean", *_mean(value, se, weight, _bias(found, name))
        if name == "largest_fascicle_area":
            top = int(np.argmax(np.where(np.isfinite(value), value, -1.0)))
            yield name, "max", float(value[top]), float(se[top])
        if name == "fascicle_to_nerve_ratio":
            ratio, ratio_se = _mean(value, se, weight, _bias(found, name))
            volume = _volume_ml(found)
            yield "fascicular_volume", "volume", volume, volume * ratio_se / ratio if ratio > 0.0 else float("nan")


def _mean(value: np.ndarray, se: np.ndarray, weight: np.ndarray, bias: float) -> tuple[float, float]:
    """Weighted mean of what is known; scatter falls with the number of slices, the bias does not."""
    known = np.isfinite(value) & (weight > 0.0)
    if not known.any():
        return float("nan"), float("nan")
    w = weight[known] / weight[known].sum()
    return float((w * value[known]).sum()), float(np.sqrt(bias**2 + ((w * se[known]) ** 2).sum()))


def _bias(found: Fascicles, name: str) -> float:
    """What is known of the error that all slices share."""
    if name not in found.verdicts:
        return 0.0
    bias = abs(found.verdicts[name].bias)
    if name not in _RELATIVE:
        return bias
    counts = [
        s.pieces.count if name == "fascicle_count" else float(s.areas_mm2.mean())
        for s in found.sections
        if s.pieces.count
    ]
    return bias * float(np.mean(counts)) if counts else 0.0


def _volume_ml(found: Fascicles) -> float:
    grid = found.trace.grid
    used = [s for s in found.sections if explained(s)]
    if not used:
        return float("nan")
    at = [s.slice for s in used]
    every = np.arange(found.sections[0].slice, found.sections[-1].slice + 1)
    area = np.interp(every, at, [s.fraction * s.nerve_mm2 for s in used])
    a, b = grid.in_plane_axes
    apart = grid.voxel_volume_mm3 / (grid.spacing_mm[a] * grid.spacing_mm[b])
    return float(area.sum()) * apart / 1000.0


def _row(
    found: Fascicles, one: FascicleSection | None, name: str, statistic: str, value: float, se: float
) -> dict[str, Any]:
    judged = name in found.verdicts
    coarse, unexplained = judged and not found.verdicts[name].ok, judged and one is not None and not explained(one)
    given = not coarse and not unexplained
    at = None if one is None else one.slice
    flags = (["COARSE"] if coarse else []) + (["W-NERVE"] if unexplained else [])
    flags += ["PROPOSED"] if found.trace.proposed else []
    flags += ["GAP"] if name == "fascicular_volume" and _has_gap(found) else []
    nan = float("nan")
    return {"slice": "" if at is None else str(stored_slice(found.trace.grid, at)), "quantity": name, "unit": UNITS[name],
            "value": value if given else nan, "se": se if given else nan, "statistic": statistic, "flags": flags}  # fmt: skip


def _has_gap(found: Fascicles) -> bool:
    return found.sections[-1].slice - found.sections[0].slice + 1 > sum(map(explained, found.sections))


def stored_slice(grid: Grid, index: int) -> int:
    """A slice index of the array -> that of the image as stored."""
    flipped = next(flip for axis, flip in grid.source_axes if axis == grid.slice_axis)
    return grid.shape[grid.slice_axis] - 1 - index if flipped else index
