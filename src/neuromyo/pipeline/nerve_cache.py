"""A followed nerve as bytes and back, exactly, for the ledger: arrays in NumPy's own format, the rest as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from neuromyo.core.errors import Finding
from neuromyo.core.nerve import Course, Section, Trace
from neuromyo.pipeline.cache import archive, grid_in, grid_out, opened

if TYPE_CHECKING:
    from neuromyo.pipeline.nerve_steps import Pictures
    from neuromyo.pipeline.nerves import Examined


def pack(trace: Trace) -> bytes:
    """A trace with all its branches -> bytes."""
    arrays: dict[str, np.ndarray] = {}
    about = {"grid": grid_out(trace.grid), "trace": _out(trace, arrays)}
    return archive(arrays, about)


def unpack(data: bytes) -> Trace:
    """The inverse of `pack`."""
    arrays, about = opened(data)
    return _in(about["trace"], arrays, grid_in(about["grid"]))


def _out(trace: Trace, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    def put(array: np.ndarray) -> str:
        name = f"a{len(arrays)}"
        arrays[name] = array
        return name

    sections = [
        {
            "slice": int(s.slice), "centre": put(np.asarray(s.centre_mm)), "outlines": [put(np.asarray(o)) for o in s.outlines_mm],
            "area": float(s.area_mm2), "se": None if math.isnan(s.se_mm2) else float(s.se_mm2), "confidence": float(s.confidence),
            "flags": list(s.flags),
        }
        for s in trace.sections
    ]  # fmt: skip
    return {
        "name": trace.name, "side": trace.side, "sections": sections, "coverage": put(trace.coverage), "score": float(trace.score),
        "proposed": trace.proposed, "branches": [_out(b, arrays) for b in trace.branches],
        "findings": [asdict(f) for f in trace.findings], "details": {k: float(v) for k, v in trace.details.items()},
    }  # fmt: skip


def _in(said: Mapping[str, Any], arrays: Mapping[str, np.ndarray], grid: Any) -> Trace:
    sections = tuple(
        Section(
            s["slice"], arrays[s["centre"]], tuple(arrays[o] for o in s["outlines"]), s["area"],
            math.nan if s["se"] is None else s["se"], s["confidence"], tuple(s["flags"]),
        )
        for s in said["sections"]
    )  # fmt: skip
    return Trace(
        said["name"], said["side"], grid, sections, arrays[said["coverage"]], said["score"], said["proposed"],
        tuple(_in(b, arrays, grid) for b in said["branches"]), tuple(Finding(**f) for f in said["findings"]), said["details"],
    )  # fmt: skip


def pack_examined(found: Examined) -> bytes:
    """What was measured of a nerve -> bytes; its trace is kept apart, its image is the session's."""
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Any] = {
        "rows": [{k: _plain(v) for k, v in row.items()} for row in found.rows],
        "findings": [asdict(f) for f in found.findings],
        "courses": [],
        "lines": {},
    }
    for i, c in enumerate(found.courses):
        arrays[f"course{i}"] = c.points_mm
        about["courses"].append({"name": c.name, "side": c.side, "zero_mm": float(c.zero_mm), "landmark": c.landmark})
    for name, lines in found.lines.items():
        about["lines"][name] = [{"title": one.title, "unit": one.unit} for one in lines]
        for i, one in enumerate(lines):
            arrays[f"{name}/{i}"] = np.stack([one.distance_mm, one.value, one.spread])
    return archive(arrays, about)


def unpack_examined(data: bytes, trace: Trace, seen: Pictures) -> Examined:
    """The inverse of `pack_examined`."""
    from neuromyo.pipeline.nerves import Examined
    from neuromyo.report.view import Line

    arrays, about = opened(data)
    courses = tuple(Course(points_mm=arrays[f"course{i}"], **said) for i, said in enumerate(about["courses"]))
    lines = {
        name: tuple(Line(said["title"], said["unit"], *arrays[f"{name}/{i}"]) for i, said in enumerate(each))
        for name, each in about["lines"].items()
    }
    findings = tuple(Finding(**f) for f in about["findings"])
    return Examined(trace, seen.images[0], courses, tuple(about["rows"]), lines, findings)


def _plain(value: Any) -> Any:
    """A cell of a row as JSON writes it; what is not finite is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
