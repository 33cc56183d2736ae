"""Maps and labels as bytes and back, exactly: what the ledger keeps so that a resumed run sees the same numbers.

The written images carry other units and rounding, so they are not read back. Arrays are stored in NumPy's own
format inside one archive, the rest as JSON; nothing is unpickled.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Assumption
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements

_ABOUT = "about.json"


def pack_maps(maps: Maps) -> bytes:
    """All that a biomarker gave -> bytes."""
    arrays: dict[str, np.ndarray] = {}
    shared: dict[int, str] = {}
    layout: dict[str, dict[str, str | None]] = {}
    for name, one in maps.maps.items():
        layout[name] = {"values": _put(arrays, shared, one.values), "reason": _put(arrays, shared, one.reason),
                        "sd": None if one.sd is None else _put(arrays, shared, one.sd)}  # fmt: skip
    about = {
        "biomarker": maps.biomarker,
        "grid": grid_out(maps.grid),
        "maps": layout,
        "scalars": {n: {"value": s.value, "sd": s.sd, "source": s.source} for n, s in maps.scalars.items()},
        "assumptions": [a.as_dict() for a in maps.assumptions],
        "options": _jsonable(maps.options),
        "entities": dict(maps.entities),
        "sources": {role: list(files) for role, files in maps.sources.items()},
        "diagnostics": {n: _put(arrays, shared, a) for n, a in maps.diagnostics.items()},
        "calibrated": dict(maps.calibrated),
        "flags": list(maps.flags),
    }
    return archive(arrays, about)


def unpack_maps(data: bytes, biomarker: Biomarker) -> Maps:
    """The inverse of `pack_maps`; quantities come from the declaration."""
    arrays, about = opened(data)
    layout = about["maps"]
    quantities = {q.name: q for q in biomarker.gives}
    return Maps(
        biomarker=about["biomarker"],
        grid=grid_in(about["grid"]),
        maps={n: Map(quantities[n], arrays[m["values"]], arrays.get(m["sd"]), arrays[m["reason"]])
              for n, m in layout.items()},
        scalars={n: Scalar(quantities[n], s["value"], s["sd"], s["source"]) for n, s in about["scalars"].items()},
        assumptions=tuple(Assumption(**a) for a in about["assumptions"]),
        options={n: tuple(v) if isinstance(v, list) else v for n, v in about["options"].items()},
        entities=about["entities"],
        sources={role: tuple(files) for role, files in about["sources"].items()},
        diagnostics={n: arrays[a] for n, a in about["diagnostics"].items()},
        calibrated=about["calibrated"],
        flags=tuple(about["flags"]),
    )  # fmt: skip


def pack_labels(labels: Labels) -> bytes:
    """A label volume and its table -> bytes."""
    about = {
        "grid": grid_out(labels.grid),
        "regions": [asdict(r) for r in labels.regions],
        "source": labels.source,
        "above": dict(labels.above),
    }
    return archive({"volume": labels.volume}, about)


def unpack_labels(data: bytes) -> Labels:
    """The inverse of `pack_labels`."""
    arrays, about = opened(data)
    regions = tuple(Region(**r) for r in about["regions"])
    return Labels(arrays["volume"], grid_in(about["grid"]), regions, about["source"], about["above"])


def pack_table(table: Measurements, samples: Sequence[Any]) -> bytes:
    """A table with the sample fits of its page -> bytes; numbers as Python writes them, which is exact."""
    rows = [
        {n: None if isinstance(v, float) and not math.isfinite(v) else v for n, v in row.items()}
        for row in table.rows()
    ]
    return json.dumps({"rows": rows, "samples": [asdict(s) for s in samples]}, sort_keys=True).encode()


def unpack_table(data: bytes, sample: type) -> tuple[Measurements, tuple[Any, ...]]:
    """The inverse of `pack_table`; ``sample`` is the class of a sample fit."""
    about = json.loads(data)
    fits = ({n: tuple(v) if isinstance(v, list) else v for n, v in one.items()} for one in about["samples"])
    return Measurements.of(about["rows"]), tuple(sample(**one) for one in fits)


def _put(arrays: dict[str, np.ndarray], shared: dict[int, str], array: np.ndarray) -> str:
    """Stores an array once however many quantities share it (a reason does for all of a voxel's quantities)."""
    name = shared.setdefault(id(array), f"a{len(shared)}")
    arrays[name] = array
    return name


def archive(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> bytes:
    """Arrays by name, and what can be written as JSON, as one archive."""
    stream = io.BytesIO()
    note = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    np.savez(stream, allow_pickle=False, **{_ABOUT: note}, **arrays)
    return stream.getvalue()


def opened(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The inverse of `archive`; nothing is unpickled."""
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    return arrays, json.loads(arrays.pop(_ABOUT).tobytes())


def grid_out(grid: Grid) -> dict[str, Any]:
    """A grid as JSON."""
    return {"shape": grid.shape, "flat_affine": grid.flat_affine, "slice_axis": grid.slice_axis,
            "source_axes": grid.source_axes}  # fmt: skip


def grid_in(said: Mapping[str, Any]) -> Grid:
    """The inverse of `grid_out`."""
    x, y, z = said["shape"]
    axes = tuple((int(a), bool(f)) for a, f in said["source_axes"])
    return Grid((x, y, z), tuple(said["flat_affine"]), said["slice_axis"], axes)


def _jsonable(options: Mapping[str, Any]) -> dict[str, Any]:
    return {n: list(v) if isinstance(v, tuple) else v for n, v in options.items()}
