"""Feeding voxels to a biomarker: fixed blocks, threads, a memory budget. The only place that asks a series for blocks.

Voxel-scope estimators are called on blocks of `BLOCK` voxels that never straddle two slices, the last one of a slice
padded; what a block holds therefore depends on the mask alone, not on memory, chunks or threads, and neither do the bits
of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import (
    Biomarker,
    Calibration,
    Estimate,
    Inputs,
    MapNeed,
    RegionNeed,
    SeriesNeed,
    answered,
    fill_assumptions,
)
from neuromyo.core.errors import DataError, Finding, PluginError, ProtocolError, ResourceError
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.options import as_dict
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason, keeps_value
from neuromyo.core.series import Series

#: voxels a call; large enough to hide the cost of a call, small enough to share out among threads
BLOCK = 2048
_SAMPLE_BODY, _SAMPLE_REGION = 4096, 20000
#: predicted sd above this share of the value (of the plausible range, where zero is a possible value) is flagged
POOR = 0.15


def run(
    biomarker: Biomarker,
    series: Mapping[str, Series],
    options: Any,
    *,
    known: Mapping[str, np.ndarray] | None = None,
    regions: Mapping[str, np.ndarray] | None = None,
    scalars: Mapping[str, float] | None = None,
    mask: np.ndarray | None = None,
    threads: int = 1,
    memory_mb: int = 2000,
    progress: Callable[[float], None] | None = None,
) -> tuple[Maps, tuple[Finding, ...]]:
    """Estimate a biomarker over whole images.

    series : role -> Series, on one grid; known : map role -> (x, y, z) in SI; regions : region role -> (x, y, z) bool;
    mask : voxels to estimate (all where None). Returns the maps, and findings worth telling the user.
    Raises E-NEEDS when something needed is absent, E-GRID when images do not share a grid, E-MEMORY when an image-scope
    estimator does not fit the budget.
    """
    biomarker = answered(biomarker, options)
    known, regions = dict(known or {}), dict(regions or {})
    main = series[biomarker.series_roles[0]]
    _require_needs(biomarker, series, known, regions, main.grid)
    acquisitions, assumptions = prepare_acquisitions(biomarker, {r: s.acquisition for r, s in series.items()})
    inside = _inside(mask, main)
    known = known_maps(biomarker, series, options, known)
    calibration = _calibrate(biomarker, series, acquisitions, known, regions, dict(scalars or {}), inside, options)
    values = {**calibration.scalars, **(scalars or {})}
    out = _Output(biomarker, main.grid)
    whole = Inputs({}, acquisitions, scalars=values, grid=main.grid, threads=threads)
    if biomarker.scope == "voxel":
        _run_voxels(biomarker, series, known, inside, whole, options, threads, memory_mb, progress, out)
    else:
        _run_images(biomarker, series, known, regions, inside, whole, options, memory_mb, progress, out)
    reported = {s.quantity.name: s for s in calibration.reported} | out.scalars
    maps = Maps(
        biomarker.id,
        main.grid,
        out.finished(inside),
        scalars=reported,
        assumptions=(*assumptions, *calibration.assumptions, *out.assumptions),
        options=as_dict(options),
        entities=dict(main.entities),
        sources={role: s.files for role, s in series.items()},
        diagnostics=out.diagnostics,
        calibrated={name: float(value) for name, value in values.items()},
    )
    reviewed = biomarker.review(maps, regions, options) if biomarker.review is not None else ()
    return maps, (*calibration.findings, *out.findings, *reviewed)


def known_maps(
    biomarker: Biomarker, series: Mapping[str, Series], options: Any, known: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The known maps (x, y, z) and what the biomarker derives from them and from the geometry of its main series."""
    if biomarker.derive is None:
        return dict(known)
    filled, _ = prepare_acquisitions(answered(biomarker, options), {r: s.acquisition for r, s in series.items()})
    derived = biomarker.derive(known, filled, series[biomarker.series_roles[0]].grid, options)
    return {**known, **derived}


def fit_signals(
    biomarker: Biomarker,
    signals: Mapping[str, np.ndarray],
    acquisitions: Mapping[str, Acquisition],
    options: Any,
    *,
    known: Mapping[str, np.ndarray] | None = None,
    scalars: Mapping[str, float] | None = None,
    averaged: bool = False,
) -> Estimate:
    """Estimate a biomarker on signals alone: role -> (..., n). Assumptions are filled in; values are graded as in maps."""
    biomarker = answered(biomarker, options)
    filled, _ = prepare_acquisitions(biomarker, acquisitions)
    inputs = Inputs(dict(signals), filled, known=dict(known or {}), scalars=dict(scalars or {}), averaged=averaged)
    estimate = biomarker.estimate(inputs, options)
    values, reasons, sds = {}, {}, {}
    for q in biomarker.voxel_quantities:
        sd = estimate.sd.get(q.name)
        values[q.name], reasons[q.name] = grade(q, estimate.values[q.name], sd, estimate.reason_of(q.name))
        if sd is not None:
            sds[q.name] = bounded(q, sd)
    return replace(estimate, values=values, reason=reasons, sd=sds)


def prepare_acquisitions(
    biomarker: Biomarker, acquisitions: Mapping[str, Acquisition]
) -> tuple[dict[str, Acquisition], tuple[Assumption, ...]]:
    """Acquisitions with declared assumptions filled in, and the list of those; E-NEEDS where a required field is absent."""
    filled, made = {}, []
    for role, acquisition in acquisitions.items():
        need = biomarker.series_need(role)
        for name in need.required:
            if not acquisition.stated(name):
                raise ProtocolError(
                    "E-NEEDS", where=f"{biomarker.id}, {role}", needed=f"the sequence parameter {name}",
                    found="none in the sidecar", remedy="add it to the JSON sidecar",
                )  # fmt: skip
        filled[role], assumed = fill_assumptions(need, acquisition, role)
        made.extend(assumed)
    return filled, tuple(made)


def grade(
    quantity: Quantity, values: np.ndarray, sd: np.ndarray | None, reason: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values and reasons made consistent: implausible values and those without a usable reason become NaN, and kept
    ones with a predicted sd over 15 % are flagged POORLY_DETERMINED."""
    values = np.array(values, dtype=np.float32)
    reason = np.array(reason, dtype=np.uint8)
    kept = keeps_value(reason)
    if quantity.rank == "scalar":
        low, high = quantity.plausible
        fine = reason == Reason.OK
        with np.errstate(invalid="ignore"):
            within = (values >= low) & (values <= high)  # False where not finite
            if not within.all():
                finite = np.isfinite(values)
                reason[kept & finite & ~within] = Reason.IMPLAUSIBLE
                reason[kept & ~finite] = Reason.NOT_IDENTIFIABLE
                kept &= within
            if sd is not None:
                allowed = POOR * (np.abs(values) if low > 0 else high - low)
                reason[fine & kept & ~(sd <= allowed)] = Reason.POORLY_DETERMINED
    values[~kept] = np.nan
    return values, reason


def bounded(quantity: Quantity, sd: np.ndarray) -> np.ndarray:
    """``sd`` no larger than that of knowing nothing but the plausible range (uniform: its width over sqrt 12). The curvature
    of a fit can promise any sd where the data say nothing; the range always says something."""
    low, high = quantity.plausible
    with np.errstate(invalid="ignore"):
        return np.minimum(sd, (high - low) / np.sqrt(12)) if np.isfinite(high - low) else sd


# --- what is needed ---------------------------------------------------------------------------------------------------


def _require_needs(
    biomarker: Biomarker,
    series: Mapping[str, Series],
    known: Mapping[str, np.ndarray],
    regions: Mapping[str, np.ndarray],
    grid: Grid,
) -> None:
    for role, need in biomarker.needs.items():
        if isinstance(need, SeriesNeed):
            given: Any = series.get(role)
            if given is not None:
                _require_series(biomarker, role, need, given, grid)
        elif isinstance(need, MapNeed):
            given = known.get(role)
        elif isinstance(need, RegionNeed):
            given = regions.get(role)
        else:
            continue
        if given is None and not need.optional:
            raise ProtocolError("E-NEEDS", where=biomarker.id, needed=f"{role} ({_say_need(need)})", found="none")
        if isinstance(given, np.ndarray) and given.shape != grid.shape:
            raise DataError("E-GRID", where=f"{biomarker.id}, {role}", needed=f"an image of shape {grid.shape}",
                            found=str(given.shape), remedy="resample it to the series' grid")  # fmt: skip


def _inside(mask: np.ndarray | None, main: Series) -> np.ndarray:
    """(x, y, z) bool: the voxels to estimate. NaN is outside."""
    if mask is None:
        return np.ones(main.grid.shape, dtype=bool)
    if mask.shape != main.grid.shape:
        raise DataError("E-GRID", where=f"{main.name}: mask", needed=f"an image of shape {main.grid.shape}",
                        found=str(mask.shape), remedy="draw the mask on this series")  # fmt: skip
    inside = np.nan_to_num(mask).astype(bool)
    if not inside.any():
        raise DataError("E-EMPTYROI", where=f"{main.name}: mask", needed="at least one voxel to estimate", found="none",
                        remedy="check the mask, or leave it out")  # fmt: skip
    return inside


def _require_series(biomarker: Biomarker, role: str, need: SeriesNeed, series: Series, grid: Grid) -> None:
    if series.n < need.min_volumes:
        raise ProtocolError("E-NEEDS", where=f"{series.name} for {biomarker.id}", needed=f"{need.min_volumes} volumes",
                            found=str(series.n), remedy="choose another series or biomarker")  # fmt: skip
    stated = series.acquisition.n_volumes
    if stated is not None and stated != series.n:
        code = "E-ECHO-COUNT" if len(series.acquisition.echo_times or ()) == stated else "E-SIDECAR"
        raise DataError(code, where=series.name, needed=f"metadata of {series.n} volumes, as there are", found=f"{stated}",
                        remedy="check the JSON sidecars of that series")  # fmt: skip
    if not series.grid.same_as(grid):
        raise DataError("E-GRID", where=series.name, needed=f"the grid of the {biomarker.series_roles[0]} series",
                        found="another one", remedy="register and resample it first")  # fmt: skip


def _say_need(need: Any) -> str:
    if isinstance(need, SeriesNeed):
        return f"a {' or '.join(need.kinds)} series"
    return f"a map of {need.quantity}" if isinstance(need, MapNeed) else f"the region {need.region}"


# --- calibration ------------------------------------------------------------------------------------------------------


def _calibrate(
    biomarker: Biomarker,
    series: Mapping[str, Series],
    acquisitions: Mapping[str, Acquisition],
    known: Mapping[str, np.ndarray],
    regions: Mapping[str, np.ndarray],
    scalars: Mapping[str, float],
    inside: np.ndarray,
    options: Any,
) -> Calibration:
    if biomarker.calibrate is None:
        return Calibration()
    wanted = {"body": (inside, _SAMPLE_BODY)} | {r: (np.asarray(m, bool), _SAMPLE_REGION) for r, m in regions.items()}
    samples = {}
    for name, (where, most) in wanted.items():
        chosen = _thin(where, most)
        signals = {role: _gather(s, chosen) for role, s in series.items()}
        samples[name] = Inputs(signals, acquisitions, known={r: m[chosen] for r, m in known.items()}, scalars=scalars)
    return biomarker.calibrate(samples, options)


def _thin(mask: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` voxels of a mask, evenly taken, the same every time."""
    index = np.flatnonzero(mask)
    if len(index) > most:
        index = index[np.linspace(0, len(index) - 1, most).round().astype(int)]
    thinned = np.zeros(mask.shape, dtype=bool)
    thinned.ravel()[index] = True
    return thinned


def _gather(series: Series, where: np.ndarray) -> np.ndarray:
    """The samples (m, n) of the voxels in ``where``, in array order of (x, y, z), read slice by slice."""
    out = np.empty((int(where.sum()), series.n), dtype=series.data.dtype)
    place = np.zeros(where.shape, dtype=np.int64)
    place[where] = np.arange(len(out))
    for z in np.flatnonzero(where.any(axis=(0, 1))):
        here = where[:, :, z]
        out[place[:, :, z][here]] = series.read((slice(None), slice(None), slice(z, z + 1)))[:, :, 0][here]
    return out


# --- running ----------------------------------------------------------------------------------------------------------


def _run_voxels(
    biomarker: Biomarker,
    series: Mapping[str, Series],
    known: Mapping[str, np.ndarray],
    inside: np.ndarray,
    whole: Inputs,
    options: Any,
    threads: int,
    memory_mb: int,
    progress: Callable[[float], None] | None,
    out: _Output,
) -> None:
    total, done = int(inside.sum()), 0

    def estimate(piece: tuple[np.ndarray, Inputs, int]) -> tuple[np.ndarray, Estimate, int]:
        where, inputs, count = piece
        return where, biomarker.estimate(inputs, options), count

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        first = True
        for slab in _slabs(series, whole.grid, memory_mb):
            pieces = list(_blocks(series, known, inside, whole, slab))
            if first and pieces:  # alone, so that tables and compiled code are made once
                results: Any = [estimate(pieces[0])]
                first = False
                pieces = pieces[1:]
                for where, found, count in results:
                    out.put(where, found, count)
                    done += count
            for where, found, count in pool.map(estimate, pieces) if threads > 1 else map(estimate, pieces):
                out.put(where, found, count)
                done += count
                if progress is not None:
                    progress(done / total)


def _slabs(series: Mapping[str, Series], grid: Grid | None, memory_mb: int) -> Iterator[range]:
    """Runs of z slices whose samples, with working copies, stay within a quarter of the budget."""
    assert grid is not None
    x, y, z = grid.shape
    bytes_a_slice = x * y * sum(s.n * s.data.dtype.itemsize for s in series.values())
    many = max(1, int(memory_mb * 2**20 / 4 // max(1, 3 * bytes_a_slice)))
    for start in range(0, z, many):
        yield range(start, min(z, start + many))


def _blocks(
    series: Mapping[str, Series], known: Mapping[str, np.ndarray], inside: np.ndarray, whole: Inputs, slab: range
) -> Iterator[tuple[np.ndarray, Inputs, int]]:
    """(flat voxel indices, inputs of exactly BLOCK voxels, how many of them count)."""
    box = (slice(None), slice(None), slice(slab.start, slab.stop))
    if not inside[box].any():
        return
    loaded = {role: s.read(box) for role, s in series.items()}
    for z in slab:
        here = np.flatnonzero(inside[:, :, z])
        for start in range(0, len(here), BLOCK):
            chosen = here[start : start + BLOCK]
            padded = np.concatenate([chosen, np.repeat(chosen[:1], BLOCK - len(chosen))])
            signals = {}
            for role, data in loaded.items():
                flat = data[:, :, z - slab.start].reshape(-1, data.shape[3])
                signals[role] = flat[padded]
            maps = {role: m[:, :, z].reshape(-1)[padded] for role, m in known.items()}
            where = chosen * inside.shape[2] + z
            yield where, replace(whole, signals=signals, known=maps, grid=None), len(chosen)


def _run_images(
    biomarker: Biomarker,
    series: Mapping[str, Series],
    known: Mapping[str, np.ndarray],
    regions: Mapping[str, np.ndarray],
    inside: np.ndarray,
    whole: Inputs,
    options: Any,
    memory_mb: int,
    progress: Callable[[float], None] | None,
    out: _Output,
) -> None:
    grid = next(iter(series.values())).grid
    axis = grid.slice_axis
    pieces = [(slice(None),) * 3]
    if biomarker.scope == "slice":
        pieces = [
            tuple(slice(i, i + 1) if a == axis else slice(None) for a in range(3)) for i in range(grid.shape[axis])
        ]
    share = 1 if biomarker.scope == "image" else grid.shape[axis]
    needed = sum(s.n * s.data.dtype.itemsize for s in series.values()) * grid.n_voxels / share * 4 / 2**20
    if needed > memory_mb:
        raise ResourceError("E-MEMORY", where=biomarker.id, needed=f"about {needed:.0f} MB for a {biomarker.scope} at once",
                            found=f"a budget of {memory_mb} MB", remedy="raise --mem-mb")  # fmt: skip
    index = np.arange(grid.n_voxels).reshape(grid.shape)
    for number, box in enumerate(pieces):
        inputs = replace(
            whole,
            signals={role: s.read(box) for role, s in series.items()},  # type: ignore[arg-type]
            known={r: m[box] for r, m in known.items()},
            regions={r: m[box] for r, m in regions.items()},
            mask=inside[box],
            progress=_part_of(progress, number, len(pieces)),
        )
        found = biomarker.estimate(inputs, options)
        flat = {n: v.reshape(-1, *v.shape[3:]) for n, v in found.values.items()}
        reason = {q.name: np.ravel(found.reason_of(q.name)) for q in biomarker.voxel_quantities}
        sd = {n: v.reshape(-1, *v.shape[3:]) for n, v in found.sd.items()}
        diagnostics = {n: v.reshape(-1) for n, v in found.diagnostics.items()}
        where = index[box].ravel()
        out.put(where, replace(found, values=flat, reason=reason, sd=sd, diagnostics=diagnostics), len(where))
        if progress is not None:
            progress((number + 1) / len(pieces))


def _part_of(progress: Callable[[float], None] | None, number: int, count: int) -> Callable[[float], None]:
    """What tells the progress of piece ``number`` of ``count`` as that of the whole."""

    def tell(share: float) -> None:
        if progress is not None:
            progress((number + share) / count)

    return tell


class _Output:
    """Full-size arrays that blocks are put into, and their finishing into maps."""

    def __init__(self, biomarker: Biomarker, grid: Grid) -> None:
        self.biomarker, self.grid = biomarker, grid
        self.values: dict[str, np.ndarray] = {}
        self.sd: dict[str, np.ndarray] = {}
        self.reason: dict[str, np.ndarray] = {}
        self._diagnostics: dict[str, np.ndarray] = {}
        self.scalars: dict[str, Scalar] = {}
        self.findings: tuple[Finding, ...] = ()
        self.assumptions: tuple[Assumption, ...] = ()

    def put(self, where: np.ndarray, found: Estimate, count: int) -> None:
        for q in self.biomarker.voxel_quantities:
            if q.name not in found.values:
                raise PluginError("E-PLUGIN", where=f"biomarker {self.biomarker.id}", needed=f"values of {q.name}",
                                  found=", ".join(found.values) or "none")  # fmt: skip
            tail = () if q.components == 1 else (q.components,)
            self._store(self.values, q.name, where, found.values[q.name], count, tail)
            if q.name in found.sd:
                self._store(self.sd, q.name, where, found.sd[q.name], count, tail)
            if q.name not in self.reason:
                self.reason[q.name] = np.full(self.grid.n_voxels, Reason.MASKED, dtype=np.uint8)
            self.reason[q.name][where] = found.reason_of(q.name)[:count]
        for name, image in found.diagnostics.items():
            self._store(self._diagnostics, name, where, image, count, ())
        self.scalars.update(found.scalars)
        self.findings += tuple(f for f in found.findings if f not in self.findings)
        self.assumptions += tuple(a for a in found.assumptions if a not in self.assumptions)

    def _store(
        self, into: dict[str, np.ndarray], name: str, where: np.ndarray, what: np.ndarray, count: int, tail: tuple
    ) -> None:
        if name not in into:
            into[name] = np.full((self.grid.n_voxels, *tail), np.nan, dtype=np.float32)
        into[name][where] = what[:count]

    def finished(self, inside: np.ndarray) -> dict[str, Map]:
        done = {}
        for q in self.biomarker.voxel_quantities:
            sd = self.sd.get(q.name)
            values, reason = grade(q, self.values[q.name], sd, self.reason[q.name])
            reason[~inside.ravel()] = Reason.MASKED
            values[~keeps_value(reason)] = np.nan
            if sd is not None:
                sd = bounded(q, sd)
                sd = np.where(keeps_value(reason).reshape(-1, *([1] * (sd.ndim - 1))), sd, np.float32(np.nan))
                sd = sd.reshape(*self.grid.shape, *sd.shape[1:])
            done[q.name] = Map(
                q, values.reshape(*self.grid.shape, *values.shape[1:]), sd, reason.reshape(self.grid.shape)
            )
        return done

    @property
    def diagnostics(self) -> dict[str, np.ndarray]:
        return {n: v.reshape(self.grid.shape) for n, v in self._diagnostics.items()}
