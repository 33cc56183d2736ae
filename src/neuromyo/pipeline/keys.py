"""What a step's key is made of: content, never names of folders or times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuromyo.core.labels import Labels
from neuromyo.core.options import as_dict
from neuromyo.core.series import Series
from neuromyo.pipeline import code_version, ledger
from neuromyo.pipeline.plan import Origin, Task


def of_series(series: Series, inputs: Mapping[str, str]) -> dict[str, Any]:
    """A series by the content of its files, its geometry and what its sidecars say."""
    return {
        "kind": series.kind,
        "part": series.part,
        "entities": dict(series.entities),
        "files": {name: inputs.get(name, "") for name in series.files},
        "acquisition": series.acquisition.as_dict(),
        "grid": [series.grid.shape, series.grid.flat_affine, series.grid.slice_axis, series.grid.source_axes],
    }


def of_labels(labels: Labels) -> dict[str, Any]:
    """A label volume by its content, place and table."""
    return {
        "volume": labels.volume,
        "affine": labels.grid.flat_affine,
        "regions": [[r.index, r.name, r.side, r.parent, r.code] for r in labels.regions],
        "above": dict(labels.above),
    }


def of_options(options: Any) -> dict[str, Any]:
    """Options by value."""
    return as_dict(options)


def of_task(
    task: Task, options: Any, inputs: Mapping[str, str], done: Mapping[str, str], deciding: Mapping[str, Any]
) -> str:
    """The key of a segmentation or fit; ``done`` holds the keys of the tasks before it, so that theirs is in this."""
    return ledger.key(
        step="segment" if task.segments else "fit",
        id=task.id,
        code=code_version.of_declaration(task.declaration),
        versions=code_version.versions(),
        options=of_options(options),
        series={role: of_series(s, inputs) for role, s in task.series.items()},
        maps={role: _of_origin(o, inputs, done) for role, o in task.maps.items()},
        regions={role: _of_origin(o, inputs, done) for role, o in task.regions.items()},
        deciding=dict(deciding),
    )


def _of_origin(origin: Origin, inputs: Mapping[str, str], done: Mapping[str, str]) -> Any:
    if origin.series is not None:
        return of_series(origin.series, inputs)
    if origin.labels is not None:
        return [origin.name, of_labels(origin.labels)]
    return [origin.name, done.get(origin.task, "absent")]
