"""Muscle morphometry: cross-sectional areas, what of them contracts, and one side against the other.

    CSA = number of voxels in the slice x area of a voxel,    contractile CSA = CSA (1 - FF)

FF is the mean fat fraction over the voxels of the region that have a usable one; ``coverage`` shows their share. Areas lie in the
plane of the slice and are corrected for nothing, not for a muscle that runs through it at an angle either. ``slice`` is the index in the
image as stored. Volumes in the field of view are rows of `summarise.volumes`; here are totals of muscles that are whole.

A muscle that reaches the first or last slice, or the in-plane border, may go on outside: it is flagged TRUNCATED, enters no total
(``whole-muscles``) and is compared by its areas in the slices that show both sides (``matched``), never by its volume.

    se(contractile)^2 = CSA^2 ( sum sd_i^2 / (n n_map) + (1 - n / N) s^2 / n )

n of N voxels valid, of which n_map are independent voxels of the fat map; s the spread of FF among them. No sd, no se.

*Assumes* outlines that are right: no uncertainty of drawing is in ``se``; slices evenly spaced, and areas that change evenly between
them; legs that lie alike, so that a slice shows both at the same level.
*Breaks* where a leg is turned or shifted against the other (compare by distance from a bone then), for muscles whose end coincides with
the last slice (they count as truncated), and where voxels without fat fraction differ from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.labels import Labels, Side
from neuromyo.core.measurements import Measurements
from neuromyo.core.options import option
from neuromyo.measure.areas import Areas, FatMap, Tally, count
from neuromyo.measure.asymmetry import Size, asymmetry, atrophy
from neuromyo.measure.regions import merged_groups
from neuromyo.space.sides import with_sides

#: what the rows say measured them
BIOMARKER = "morphometry"
_NAN = float("nan")
_NOTHING = Tally(*(np.zeros(0),) * 6)


@dataclass(frozen=True)
class MuscleOptions:
    """What is measured of muscles."""

    regions: tuple[str, ...] = option((), "names of regions and groups to measure; all where none is named")
    healthy: str = option(
        "none", "the healthy side, which the other is compared with", choices=("none", "left", "right")
    )
    slices: bool = option(True, "a row for each slice too")


DEFAULT = MuscleOptions()


def morphometry(
    labels: Labels,
    *,
    subject: str,
    session: str,
    fat: FatMap | None = None,
    slice_thickness_mm: float | None = None,
    options: MuscleOptions = DEFAULT,
) -> tuple[Measurements, tuple[Finding, ...]]:
    """Rows of every region and group on each side, on the labels' own grid, and what is to be known about them.

    fat : fat fraction, on any grid; without it there are no contractile areas
    slice_thickness_mm : as the image's header states it, to tell gaps between slices
    """
    options = core_options.check(options)
    labels = with_sides(labels)
    areas = count(labels, fat)
    measured = [_Region(name, side, indices, areas.of(indices)) for name, side, indices in merged_groups(labels)]
    _refuse_unknown(options, measured, labels.source)
    job = _Job(labels, areas, fat, options, _whole(labels, areas), {"subject": subject, "session": session})
    asked = [r for r in measured if r.tally.voxels.any() and (not options.regions or r.name in options.regions)]
    rows = [row for region in asked for row in job.rows(region)]
    rows += [row for left, right in _pairs(asked) for row in job.compared(left, right)]
    return Measurements.of(rows), _findings(asked, labels, areas, slice_thickness_mm)


@dataclass(frozen=True, eq=False)
class _Region:
    name: str
    side: Side
    indices: tuple[int, ...] = ()
    tally: Tally = _NOTHING

    @property
    def flags(self) -> list[str]:
        holes = self.tally.holes
        return [*(["TRUNCATED"] if self.tally.truncated else []), *([f"HOLES:{holes}"] if holes else [])]


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same from region to region; ``whole`` are the labels that do not reach the edge of the field of view."""

    labels: Labels
    areas: Areas
    fat: FatMap | None
    options: MuscleOptions
    whole: frozenset[int]
    common: Mapping[str, Any]

    def rows(self, region: _Region) -> Iterator[dict[str, Any]]:
        tally, flags = region.tally, region.flags
        csa = tally.voxels * self.areas.pixel_mm2
        n, largest = int(tally.voxels.sum()), int(np.argmax(csa))
        slices = np.flatnonzero(tally.drawn)
        yield self._row(region, "CSA", "mm2", "mean", float(csa[slices].mean()), n_voxels=n, flags=flags,
                        sd_between=float(csa[slices].std(ddof=1)) if slices.size > 1 else None)  # fmt: skip
        yield self._row(region, "CSA", "mm2", "max", float(csa[largest]), slice=self._stored(largest), flags=flags,
                        n_voxels=int(tally.voxels[largest]))  # fmt: skip
        length = (slices[-1] - slices[0] + 1) * self.areas.between_mm
        yield self._row(region, "length", "mm", "extent", float(length), n_voxels=n, flags=flags)
        if self.fat is not None:
            yield from self._contractile(region)
        if not _is_leaf(region, self.labels):
            yield from self._totals(region)
        if self.options.slices:
            for at in slices:
                yield from self._slice(region, int(at), float(csa[at]))

    def _contractile(self, region: _Region) -> Iterator[dict[str, Any]]:
        tally = region.tally
        slices = np.flatnonzero(tally.drawn)
        area = float(tally.voxels.sum()) * self.areas.pixel_mm2
        yield self._lean(region, tally, area / slices.size, "contractile_CSA", "mm2", "mean")
        if _is_leaf(region, self.labels):
            yield self._lean(region, tally, area * self.areas.between_mm / 1e3, "contractile_volume", "ml", "volume")

    def _totals(self, group: _Region) -> Iterator[dict[str, Any]]:
        """Of a group, the muscles that are whole: a sum with cut muscles in it is of the field of view, not of the person."""
        kept = [i for i in group.indices if i in self.whole]
        tally = self.areas.of(kept)
        ml = float(tally.voxels.sum()) * self.areas.grid.voxel_volume_mm3 / 1e3
        all_ = len(self._present(group.indices))
        flags = [f"WHOLE:{len(self._present(kept))}/{all_}"] if len(kept) < all_ else []
        told = {"n_voxels": int(tally.voxels.sum()), "flags": flags,
                "coverage": float(tally.voxels.sum() / group.tally.voxels.sum())}  # fmt: skip
        yield self._row(group, "volume", "ml", "whole-muscles", ml if kept else _NAN, **told)
        if self.fat is not None:
            yield self._lean(
                group, tally, ml if kept else _NAN, "contractile_volume", "ml", "whole-muscles", flags=flags
            )

    def _slice(self, region: _Region, at: int, csa: float) -> Iterator[dict[str, Any]]:
        one = region.tally.at(np.array([at]))
        flags = ["TRUNCATED"] if one.border.any() else []
        told = {"slice": self._stored(at), "flags": flags}
        yield self._row(region, "CSA", "mm2", "slice", csa, n_voxels=int(one.voxels.sum()), **told)
        if self.fat is not None:
            yield self._lean(region, one, csa, "contractile_CSA", "mm2", "slice", **told)

    def _lean(
        self, region: _Region, tally: Tally, size: float, quantity: str, unit: str, statistic: str, **told: Any
    ) -> dict[str, Any]:
        """``size`` (an area or a volume) times what is no fat."""
        lean, se = self._share(tally)
        n, all_ = int(tally.valid.sum()), int(tally.voxels.sum())
        flags = [*told.pop("flags", region.flags), *(["W-NOVOXELS"] if not n else [])]
        return self._row(region, quantity, unit, statistic, size * lean, se=size * se, n_voxels=n, n_failed=all_ - n,
                         coverage=n / all_ if all_ else _NAN, flags=flags, **told)  # fmt: skip

    def _share(self, tally: Tally) -> tuple[float, float]:
        """Mean of 1 - FF over the valid voxels, and its standard uncertainty as the module says."""
        n, all_ = float(tally.valid.sum()), float(tally.voxels.sum())
        if not n or self.fat is None:
            return _NAN, _NAN
        mean = float(tally.fat.sum()) / n
        spread = max(float(tally.fat2.sum()) / n - mean**2, 0.0) * n / max(n - 1, 1)
        independent = max(1.0, n * min(1.0, self.areas.grid.voxel_volume_mm3 / self.fat.grid.voxel_volume_mm3))
        measured = float(tally.variance.sum()) / n / independent
        return 1 - mean, float(np.sqrt(measured + (1 - n / all_) * spread / n))

    def compared(self, left: _Region, right: _Region) -> Iterator[dict[str, Any]]:
        """Left against right: by area where both are drawn and neither is cut at the border; by volume where both are whole."""
        shown = [one.tally.drawn & (one.tally.border == 0) for one in (left, right)]
        both = shown[0] & shown[1]
        if both.any():
            cut = left.tally.truncated or right.tally.truncated
            either = left.tally.drawn | right.tally.drawn
            yield from self._against(left, right, both, "CSA", "matched", coverage=float(both.sum() / either.sum()),
                                     flags=["TRUNCATED"] if cut else [])  # fmt: skip
        if set(self._present((*left.indices, *right.indices))) <= self.whole:
            yield from self._against(left, right, np.ones_like(both), "volume", "volume", coverage=1.0)

    def _against(
        self, left: _Region, right: _Region, slices: np.ndarray, size: str, statistic: str, **told: Any
    ) -> Iterator[dict[str, Any]]:
        """Sizes in voxels: their area and volume fall out of the ratios."""
        tallies: dict[Side, Tally] = {"left": left.tally.at(slices), "right": right.tally.at(slices)}
        voxels: dict[Side, float] = {side: float(one.voxels.sum()) for side, one in tallies.items()}
        told["n_voxels"] = sum(voxels.values())
        sizes: dict[Side, Size] = {side: (n, 0.0) for side, n in voxels.items()}
        yield from self._ratios(left.name, size, sizes, statistic, told)
        if self.fat is not None:
            shares: dict[Side, Size] = {side: self._share(one) for side, one in tallies.items()}
            lean: dict[Side, Size] = {
                side: (voxels[side] * share, voxels[side] * se) for side, (share, se) in shares.items()
            }
            yield from self._ratios(left.name, f"contractile_{size}", lean, statistic, told)

    def _ratios(
        self, name: str, size: str, sizes: Mapping[Side, Size], statistic: str, told: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Asymmetry, and atrophy against the healthy side where one is stated. Outlines have no se: nor have their ratios."""
        known = size.startswith("contractile")
        value, se = asymmetry(sizes["left"], sizes["right"])
        told = dict(told)
        yield self._row(
            _Region(name, "none"), f"asymmetry_{size}", "%", statistic, value, se=se if known else None, **told
        )
        if self.options.healthy == "none":
            return
        sides: tuple[Side, Side] = ("left", "right") if self.options.healthy == "left" else ("right", "left")
        value, se = atrophy(sizes[sides[0]], sizes[sides[1]])
        yield self._row(
            _Region(name, sides[1]), f"atrophy_{size}", "%", statistic, value, se=se if known else None, **told
        )

    def _present(self, indices: tuple[int, ...] | list[int]) -> list[int]:
        return [i for i in indices if self.areas.of((i,)).voxels.any()]

    def _stored(self, at: int) -> int:
        return self.areas.grid.stored_slice(at)

    def _row(
        self, region: _Region, quantity: str, unit: str, statistic: str, value: float, **columns: Any
    ) -> dict[str, Any]:
        return {
            **self.common, "region": region.name, "region_source": self.labels.source, "side": region.side,
            "quantity": quantity, "biomarker": BIOMARKER, "unit": unit, "statistic": statistic, "value": value, **columns,
        }  # fmt: skip


def _whole(labels: Labels, areas: Areas) -> frozenset[int]:
    """Labels of regions that do not reach the edge of the field of view; a region drawn in two labels is judged as one."""
    drawn: dict[tuple[str, Side], list[int]] = {}
    for one in labels.regions:
        drawn.setdefault((one.name, one.side), []).append(one.index)
    return frozenset(i for indices in drawn.values() if not areas.of(indices).truncated for i in indices)


def _is_leaf(region: _Region, labels: Labels) -> bool:
    """One muscle (drawn in one label or several), not a group of others."""
    named = {r.index: r.name for r in labels.regions}
    return all(named[i] == region.name for i in region.indices)


def _pairs(regions: list[_Region]) -> Iterator[tuple[_Region, _Region]]:
    right = {r.name: r for r in regions if r.side == "right"}
    return ((left, right[left.name]) for left in regions if left.side == "left" and left.name in right)


def _refuse_unknown(options: MuscleOptions, measured: list[_Region], source: str) -> None:
    known = {r.name for r in measured}
    missing = [name for name in options.regions if name not in known]
    if missing:
        raise DataError("E-UNKNOWN", where=source or "labels", needed=f"the regions {', '.join(missing)}",
                        found=", ".join(sorted(known)), remedy="name regions of the label table")  # fmt: skip


def _findings(regions: list[_Region], labels: Labels, areas: Areas, thickness_mm: float | None) -> tuple[Finding, ...]:
    where = labels.source or "labels"
    told: list[Finding] = []
    leaves = [r for r in regions if _is_leaf(r, labels)]
    cut = [_called(r) for r in leaves if r.tally.truncated]
    if cut:
        told.append(Finding(
            "warn", "W-TRUNCATED", where,
            f"{len(cut)} of {len(leaves)} regions reach the first or last slice or the border of the image: {_few(cut)}",
            "cover the whole muscle in the next scan", "they enter no total and are compared by area at matched slices",
        ))  # fmt: skip
    holed = [f"{_called(r)} ({r.tally.holes})" for r in leaves if r.tally.holes]
    if holed:
        told.append(Finding(
            "warn", "W-HOLES", where, f"slices are missing between slices that are drawn: {_few(holed)}",
            "draw or correct these slices", "volumes are too small by them; mean areas are of the slices that are drawn",
        ))  # fmt: skip
    if thickness_mm is not None and areas.between_mm > 1.01 * thickness_mm:
        told.append(Finding(
            "note", "N-GAP", where,
            f"slices are {thickness_mm:g} mm thick and lie {areas.between_mm:.3g} mm apart: "
            f"{100 * (1 - thickness_mm / areas.between_mm):.0f} % of the length was not seen",
            consequence="volumes count the gaps, as if areas changed evenly between slices",
        ))  # fmt: skip
    return tuple(told)


def _called(region: _Region) -> str:
    return f"{region.name} ({region.side})" if region.side in ("left", "right") else region.name


def _few(told: list[str], most: int = 8) -> str:
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
