"""Region values: from maps and labels to rows of the measurement table.

Every region and parent, on each side, gets for each scalar quantity these rows:

* ``mean``, ``median``, ``iqr``: over the voxels that enter: interior, no vessels or fascia, no failed voxel, and where
  the biomarker says so, no voxel whose fat is above its limit;
* ``region-fit``: the fit of the region's mean signal, beside the mean, since averaging does not remove a voxel's bias;
* ``mean`` by slice: one row a slice, whose index is that of the written map.

Parents are pooled from voxels, never means of means. Values are in the display unit of the quantity. Flags say what to
be careful about: ``FF>50%:12%`` (12 % of the voxels were left out for fat above 50 %), ``uneroded``, ``failed:30%``,
``poor:15%`` and ``ambiguous:40%`` (from 5 % on), ``few:0.3%`` (under 5 % of the region
entered), ``W-NOVOXELS``, ``W-NOFIT``, ``W-ASSUMED:<field>``, and the maps' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason, keeps_value
from neuromyo.measure.regions import Extent, extents, reaches_edge
from neuromyo.measure.spread import MEDIAN_FACTOR, Spread, spread
from neuromyo.space.overlap import place_labels
from neuromyo.space.sides import with_sides

#: fits a region's mean signal: (x, y, z) bool -> {quantity: (value, standard uncertainty)} in SI
Refit = Callable[[np.ndarray], Mapping[str, tuple[float, float]]]
#: entities that tell a series from others of its kind
_TELLING = ("acq", "ce", "rec", "dir", "run", "chunk")
#: shares of the voxels from which failed, poorly determined and ambiguous ones are flagged
_FLAGGED = 0.05
#: share of a region below which what entered is said to be few
_FEW = 0.05


@dataclass(frozen=True)
class SummaryOptions:
    """How regions are summarised."""

    erode: int = option(1, "voxels left out along the outline of a region, in the plane of the slices", low=0, high=10)
    least_voxels: int = option(5, "a region is not eroded where fewer voxels would be left", low=1)
    least_share: float = option(0.2, "nor where less than this share of it would be left", low=0.0, high=1.0)
    leave_out: tuple[str, ...] = option(
        ("vessel", "vessels", "artery", "arteries", "vein", "veins", "fascia", "fasciae"),
        "words in the names of regions (or their codes) that are taken out of all others",
    )
    exclude_above: float | None = option(
        None,
        "limit, in SI, in place of the biomarker's own (water T2 is summarised where fat is below 0.5); inf for none",
    )
    slices: bool = option(True, "a row for each slice too")


DEFAULT = SummaryOptions()


def summarise(
    maps: Maps,
    labels: Sequence[Labels],
    *,
    subject: str,
    session: str,
    options: SummaryOptions = DEFAULT,
    refit: Refit | None = None,
    exclude: tuple[str, float] | None = None,
    exclude_from: Sequence[str] = (),
) -> Measurements:
    """Rows for every region of ``labels`` and every scalar quantity of ``maps``, and one for each subject-level scalar.

    labels : on the maps' grid, or on any other: those are placed by geometry (see `place_labels`)
    refit : fits the mean signal of a region, given by the pipeline
    exclude : (quantity, limit in SI): voxels where it is above the limit do not enter the summaries of the quantities
        ``exclude_from``, of the first one where none is named

    ``n_failed`` counts voxels, of those that erosion and vessels leave, that have no usable value. ``coverage`` is the
    share of the whole region that entered. ``se`` is explained in `neuromyo.measure.spread`; a median's is sqrt(pi/2)
    times that of the mean, an interquartile range has none.
    """
    options = core_options.check(options)
    if exclude is not None and options.exclude_above is not None:
        exclude = (exclude[0], options.exclude_above)
    if exclude is not None and exclude[0] not in maps.maps:
        needed = f"the map {exclude[0]} to exclude voxels by"
        raise DataError("E-NEEDS", where=f"summary of {maps.biomarker}", needed=needed, found=", ".join(maps.maps),
                        remedy="name a map that it gives")  # fmt: skip
    concerned = tuple(exclude_from) or (next(iter(maps.maps)),)
    job = _Job(maps, options, refit, exclude, concerned, _above(maps, exclude), _common(maps, subject, session))
    labels = [with_sides(one) for one in labels]
    placed = [_placed(one, maps.grid) for one in labels]
    regions = extents(
        placed, erode=options.erode, least_voxels=options.least_voxels, least_share=options.least_share,
        leave_out=options.leave_out,
    )  # fmt: skip
    volumes_ml = {(r["region"], r["region_source"], r["side"]): r["value"] for r in _volume_rows(labels)}
    rows = [
        row for extent in regions for row in job.region(extent, volumes_ml[extent.name, extent.source, extent.side])
    ]
    rows += [_scalar_row(scalar, job.common) for scalar in maps.scalars.values()]
    return Measurements.of(rows)


def volumes(labels: Sequence[Labels], *, subject: str, session: str) -> Measurements:
    """One row a region, parent and side: its whole volume in ml, from the grid it was drawn on. Once a session,
    whatever the biomarkers (column ``biomarker`` empty). Slice gaps count, since spacing is from slice to slice. TRUNCATED
    where it reaches the edge of the field of view: the volume is then of the part in view, and so is that of a group with it
    (`study.muscles` has the totals of whole muscles)."""
    sided = [with_sides(one) for one in labels]
    return Measurements.of({"subject": subject, "session": session, **row} for row in _volume_rows(sided))


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same from region to region."""

    maps: Maps
    options: SummaryOptions
    refit: Refit | None
    exclude: tuple[str, float] | None
    concerned: tuple[str, ...]
    above: np.ndarray | None
    common: Mapping[str, Any]

    def region(self, extent: Extent, volume_ml: float) -> Iterator[dict[str, Any]]:
        fits: dict[bool, tuple[np.ndarray, Mapping[str, tuple[float, float]]]] = {}
        for name, map_ in self.maps.maps.items():
            if map_.quantity.rank == "scalar" and map_.quantity.level == "voxel" and map_.quantity.summarised:
                ask = _Ask(self, extent, map_, self.above if name in self.concerned else None, volume_ml)
                yield from ask.rows()
                if self.refit is not None:
                    limited = ask.above is not None
                    if limited not in fits:
                        fits[limited] = self._fit(extent, ask.above)
                    yield ask.fit_row(*fits[limited])

    def _fit(self, extent: Extent, above: np.ndarray | None) -> tuple[np.ndarray, Mapping[str, tuple[float, float]]]:
        """The voxels whose signals are averaged, and the fit of their mean. Voxels whose own fit failed take part;
        those with no signal to average, or nothing known to fit it by (masked, not finite, not known), do not."""
        mask = extent.used if above is None else extent.used & ~above
        box = _box(mask)
        mask = mask.copy()
        for one in self.maps.maps.values():
            mask[box] &= ~np.isin(one.reason[box], (Reason.MASKED, Reason.NOT_FINITE, Reason.NOT_KNOWN))
        return mask, (self.refit(mask) if self.refit is not None and mask.any() else {})


@dataclass(frozen=True, eq=False)
class _Ask:
    """One quantity of one region."""

    job: _Job
    extent: Extent
    map: Map
    above: np.ndarray | None
    volume_ml: float

    def rows(self) -> Iterator[dict[str, Any]]:
        box = _box(self.extent.whole)
        used, whole = self.extent.used[box], self.extent.whole[box]
        yield from self._statistics(box, used, whole)
        if self.job.options.slices:
            yield from self._slices(box, used, whole)

    def fit_row(self, mask: np.ndarray, fitted: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
        value, se = fitted.get(self._quantity.name, (float("nan"), float("nan")))
        n, all_ = int(mask.sum()), int(self.extent.whole.sum())
        box = _box(self.extent.whole)
        flags = [*self._exclusion_flag(self.extent.used[box] & _valid(self.map, box), box), *self._extent_flags()]
        flags += [] if np.isfinite(value) else ["W-NOFIT"]
        show = self._quantity.to_display
        return self._row("region-fit", show(value), se=show(se), n_voxels=n, coverage=_ratio(n, all_), flags=flags)

    def _statistics(self, box: tuple[slice, ...], used: np.ndarray, whole: np.ndarray) -> Iterator[dict[str, Any]]:
        found, counts, flags = self._measure(box, used, whole)
        between, se = self._shown(found.sd_between), self._shown(found.se)
        yield self._row("mean", self._shown(found.mean), sd_between=between, se=se, flags=flags, **counts)
        yield self._row(
            "median", self._shown(found.median), sd_between=between, se=MEDIAN_FACTOR * se, flags=flags, **counts
        )
        yield self._row("iqr", self._shown(found.iqr), sd_between=between, flags=flags, **counts)

    def _slices(self, box: tuple[slice, ...], used: np.ndarray, whole: np.ndarray) -> Iterator[dict[str, Any]]:
        axis = self.job.maps.grid.slice_axis
        for at in range(used.shape[axis]):
            cut = [slice(None)] * 3
            cut[axis] = slice(at, at + 1)
            if not used[tuple(cut)].any():
                continue
            ras = box[axis].start + at
            there = tuple(slice(ras, ras + 1) if a == axis else box[a] for a in range(3))
            found, counts, flags = self._measure(there, used[tuple(cut)], whole[tuple(cut)])
            yield self._row(
                "mean", self._shown(found.mean), slice=self.job.maps.grid.stored_slice(ras), flags=flags,
                sd_between=self._shown(found.sd_between), se=self._shown(found.se), **counts,
            )  # fmt: skip

    def _measure(
        self, box: tuple[slice, ...], used: np.ndarray, whole: np.ndarray
    ) -> tuple[Spread, dict[str, Any], list[str]]:
        """Of a box of the image: the numbers, the counts of voxels, and the flags."""
        valid = used & _valid(self.map, box)
        entered = valid if self.above is None else valid & ~self.above[box]
        sd = None if self.map.sd is None else self.map.sd[box]
        found = spread(self.map.values[box], entered, sd)
        n_failed = int((used & ~valid).sum())
        counts = {"n_voxels": found.n, "n_failed": n_failed, "coverage": _ratio(found.n, int(whole.sum()))}
        reason = self.map.reason[box]
        share = counts["coverage"]
        flags = [] if found.n else ["W-NOVOXELS"]
        flags += [f"few:{_percent(share)}"] if found.n and share < _FEW else []
        flags += self._exclusion_flag(valid, box)
        flags += _share_flag("failed", n_failed, int(used.sum()))
        flags += _share_flag("poor", int((reason[entered] == Reason.POORLY_DETERMINED).sum()), found.n)
        flags += _share_flag("ambiguous", int((reason[entered] == Reason.AMBIGUOUS).sum()), found.n)
        return found, counts, [*flags, *self._extent_flags()]

    def _exclusion_flag(self, asked: np.ndarray, box: tuple[slice, ...]) -> list[str]:
        """``FF>50%:12%``: of the voxels that had a value, 12 % were left out for fat above 50 %."""
        if self.above is None or self.job.exclude is None:
            return []
        name, limit = self.job.exclude
        quantity = self.job.maps[name].quantity
        unit = "" if quantity.display in ("1", "a.u.") else quantity.display
        gone, all_ = int((asked & self.above[box]).sum()), int(asked.sum())
        return [f"{name}>{quantity.to_display(limit):g}{unit}:{_percent(gone / all_)}"] if gone > 0.005 * all_ else []

    def _extent_flags(self) -> list[str]:
        return ["uneroded"] if self.extent.uneroded else []

    def _row(self, statistic: str, value: float, *, flags: list[str], **columns: Any) -> dict[str, Any]:
        return {
            **self.job.common,
            "region": self.extent.name,
            "region_source": self.extent.source,
            "side": self.extent.side,
            "quantity": self._quantity.name,
            "unit": self._quantity.display,
            "statistic": statistic,
            "value": value,
            "volume_ml": self.volume_ml,
            **columns,
            "flags": [*flags, *self.job.common["flags"]],
        }

    @property
    def _quantity(self) -> Quantity:
        return self.map.quantity

    def _shown(self, value: float) -> float:
        return self._quantity.to_display(value)


def _above(maps: Maps, exclude: tuple[str, float] | None) -> np.ndarray | None:
    """(x, y, z) bool: voxels left out of the concerned quantities' summaries for what this one is there."""
    if exclude is None:
        return None
    with np.errstate(invalid="ignore"):
        return maps[exclude[0]].values > exclude[1]


def _placed(labels: Labels, grid: Grid) -> Labels:
    return labels if labels.grid.same_as(grid) else place_labels(labels, grid, where=labels.source or "labels").labels


def _common(maps: Maps, subject: str, session: str) -> dict[str, Any]:
    assumed = dict.fromkeys(f"W-ASSUMED:{a.field}" for a in maps.assumptions)
    return {
        "subject": subject,
        "session": session,
        "acquisition": acquisition(maps),
        "biomarker": maps.biomarker,
        "flags": [*dict.fromkeys((*maps.flags, *assumed))],
    }


def acquisition(maps: Maps) -> str:
    """What tells the maps' series from others of its kind, for the table's column of that name."""
    return "_".join(f"{k}-{maps.entities[k]}" for k in _TELLING if k in maps.entities)


def _scalar_row(scalar: Scalar, common: Mapping[str, Any]) -> dict[str, Any]:
    quantity = scalar.quantity
    return {
        **common,
        "region": "subject",
        "region_source": scalar.source,
        "side": "none",
        "quantity": quantity.name,
        "unit": quantity.display,
        "statistic": "subject",
        "value": quantity.to_display(scalar.value),
        "se": None if scalar.sd is None else quantity.to_display(scalar.sd),
    }


def _volume_rows(labels: Sequence[Labels]) -> Iterator[dict[str, Any]]:
    for one in labels:
        for extent in extents([one], erode=0, least_voxels=1, least_share=0.0, leave_out=()):
            ml = float(extent.whole.sum()) * one.grid.voxel_volume_mm3 / 1000.0
            yield {
                "region": extent.name, "region_source": extent.source, "side": extent.side, "quantity": "volume",
                "unit": "ml", "statistic": "volume", "value": ml, "volume_ml": ml,
                "n_voxels": int(extent.whole.sum()), "coverage": 1.0,
                "flags": ["TRUNCATED"] if reaches_edge(extent.whole, one.grid) else [],
            }  # fmt: skip


def _box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """The smallest box around a mask; an empty one where there is nothing."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    x, y, z = found[0] if found else (slice(0, 0),) * 3
    return x, y, z


def _valid(map_: Map, box: tuple[slice, ...]) -> np.ndarray:
    """`Map.valid` within a box, for a scalar quantity."""
    return np.isfinite(map_.values[box]) & keeps_value(map_.reason[box])


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f}%" if percent >= 9.5 else f"{percent:.1g}%"


def _share_flag(name: str, part: int, whole: int) -> list[str]:
    return [f"{name}:{_percent(part / whole)}"] if whole and part / whole >= _FLAGGED else []
