"""From the maps and labels of a session to its table of measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.series import Series
from neuromyo.fit.runner import known_maps
from neuromyo.measure.summarise import SummaryOptions, summarise, volumes
from neuromyo.pipeline import code_version, inputs, keys, ledger, match, nearest, samples, sizes
from neuromyo.pipeline.plan import Task
from neuromyo.pipeline.refit import Refitter
from neuromyo.report.view import SampleFit
from neuromyo.space.overlap import place_labels, rough_body, widened
from neuromyo.space.resample import labels_to_grid
from neuromyo.space.sides import between_legs


@dataclass(frozen=True, eq=False)
class Fitted:
    """One biomarker's results with what they were made from; ``labels`` are on the maps' grid, ``drawn`` are the same as drawn."""

    task: Task
    maps: Maps
    options: Any
    labels: tuple[Labels, ...]
    known: Mapping[str, np.ndarray]
    drawn: tuple[Labels, ...]

    @property
    def biomarker(self) -> Biomarker:
        assert isinstance(self.task.declaration, Biomarker)
        return self.task.declaration


def fitted(
    task: Task,
    options: Any,
    maps: Mapping[str, Maps],
    drawn: Mapping[str, Labels],
    given: Sequence[Labels],
    root: Path,
    refused: Sequence[Labels] = (),
) -> Fitted:
    """Brings a task's maps and every label volume to one grid; the user's labels only where they were placed on it."""
    known, _, _ = inputs.gather(task, maps, drawn, root, refused)
    grid = maps[task.name].grid
    given = [one for one in given if one.grid.same_as(grid)]
    chosen = (*nearest.of_each_family(drawn, grid, match.label(task.main)), *given)
    return Fitted(task, maps[task.name], options, on_grid(chosen, grid), known, _each_source(chosen))


def on_grid(labels: Sequence[Labels], grid: Grid) -> tuple[Labels, ...]:
    """Label volumes on a grid, by geometry; of several by one source the first on this very grid, else the first."""
    first = _each_source(sorted(labels, key=lambda one: not one.grid.same_as(grid)))
    return tuple(one if one.grid.same_as(grid) else labels_to_grid(one, grid)[0] for one in first)


def all_labels(drawn: Mapping[str, Labels], given: Sequence[Labels]) -> tuple[Labels, ...]:
    """Every region of a session once, for its page."""
    return (*nearest.apart(drawn), *_each_source(given))


def _each_source(labels: Sequence[Labels]) -> tuple[Labels, ...]:
    """The first label volume of each source."""
    chosen: dict[str, Labels] = {}
    for one in labels:
        chosen.setdefault(one.source, one)
    return tuple(chosen.values())


def distinct_grids(series: Sequence[Series]) -> tuple[Series, ...]:
    """The first series on each grid."""
    chosen: list[Series] = []
    for one in series:
        if not any(one.grid.same_as(other.grid) for other in chosen):
            chosen.append(one)
    return tuple(chosen)


def key(done: Mapping[str, str], given: Sequence[Labels]) -> str:
    """The key of the table: the steps before it, the user's regions, and the code that summarises."""
    return ledger.key(
        step="measure",
        code=code_version.of_rooms(
            "anatomy", "nerve", "fascicles", "course", "measure", "space", "fit", "stats", "io", "pipeline"
        ),
        versions=code_version.versions(),
        done=dict(done),
        given=[keys.of_labels(one) for one in given],
    )


def place_given(
    given: Labels, series: Series, drawn: Mapping[str, Labels], where: str
) -> tuple[Labels, tuple[Finding, ...]]:
    """The user's labels on the grid of a series; E-GRID, E-SIDE or E-EMPTYROI where they do not belong there.

    Tissue, and where the legs are, is what a segmenter drew on that grid, else tissue is whatever is not air in the
    first volume. ``where``: the labels' file.
    """
    legs = next((one for one in drawn.values() if one.grid.same_as(series.grid)), None)
    axis = series.grid.slice_axis
    body = rough_body(first_volume(series), axis) if legs is None else widened(legs.volume > 0, axis)
    midline = None if legs is None else between_legs(legs)
    placed = place_labels(given, series.grid, body=body, midline=midline, where=where)
    return placed.labels, placed.findings


def first_volume(series: Series) -> np.ndarray:
    """(x, y, z) float32 magnitude, read slice by slice."""
    first = np.empty(series.grid.shape, dtype=np.float32)
    for z in range(first.shape[2]):
        first[:, :, z : z + 1] = np.abs(series.read((slice(None), slice(None), slice(z, z + 1)))[..., 0])
    return first


def table(
    all_: Sequence[Fitted], subject: str, session: str, more: Sequence[Mapping[str, Any]] = ()
) -> tuple[Measurements, tuple[SampleFit, ...]]:
    """Every region's measurements with ``more`` rows of what is no map (nerves), and the sample fits for the page."""
    tables, shown, seen = [], [], set()
    maps = [one.maps for one in all_]
    for one in all_:
        scalars = one.maps.calibrated
        known = known_maps(one.biomarker, one.task.series, one.options, one.known)
        refit = Refitter(one.biomarker, one.task.series, one.options, known, scalars)
        usable = refit if one.biomarker.scope == "voxel" and one.biomarker.noise == "rician" else None
        tables.append(
            summarise(
                one.maps,
                one.labels,
                subject=subject,
                session=session,
                options=SummaryOptions(),
                refit=usable,
                exclude=one.biomarker.exclude,
                exclude_from=one.biomarker.exclude_from,
            )
        )
        shown += samples.of(one.biomarker, one.maps, one.task.series, one.labels, one.options, known, scalars)
        fresh = [labels for labels in one.drawn if labels.source not in seen]
        seen |= {labels.source for labels in fresh}
        if fresh:
            tables.append(volumes(fresh, subject=subject, session=session))
            tables.append(sizes.table(fresh, maps, subject, session))
    return Measurements.join([*tables, Measurements.of(more)]), tuple(shown)
