"""What exists: biomarkers, segmenters and protocols, as plain values for whoever lists them."""

from __future__ import annotations

from typing import Any

from neuromyo.core.biomarker import Biomarker, MapNeed, Need, RegionNeed, ScalarNeed, Segmenter, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.options import describe
from neuromyo.core.quantity import Quantity
from neuromyo.core.units import from_si
from neuromyo.pipeline import registries


def everything() -> dict[str, Any]:
    """Biomarkers, segmenters and protocols with what they need and give; plug-ins that did not load as findings."""
    from neuromyo.pipeline import networks
    from neuromyo.protocol import protocol

    biomarkers = [brief(b) for b in registries.biomarkers()]
    segmenters = [brief(s) for s in registries.segmenters()]
    return {
        "biomarkers": biomarkers,
        "segmenters": segmenters,
        "networks": [{"id": id_, "title": networks.network(id_).title} for id_ in networks.ids()],
        "protocols": list(protocol.names()),
        "findings": [f.as_dict() for f in findings()],
    }


def findings() -> tuple[Finding, ...]:
    """Plug-ins that could not be loaded."""
    return (*registries.biomarkers().findings, *registries.segmenters().findings)


def brief(one: Biomarker | Segmenter) -> dict[str, Any]:
    """Id, title, needs and gives in a line each."""
    gives = [q.name for q in one.gives] if isinstance(one, Biomarker) else list(one.gives)
    return {"id": one.id, "title": one.title, "gives": gives, "needs": {r: say_need(n) for r, n in one.needs.items()}}


def whole(one: Biomarker | Segmenter) -> dict[str, Any]:
    """Everything that a declaration says."""
    said = {**brief(one), "doi": list(one.doi), "options": [_option(row) for row in describe(one.options)]}
    if isinstance(one, Segmenter):
        return said
    said["gives"] = [_quantity(q) for q in one.gives]
    said |= {"equation": one.equation, "caption": one.caption, "scope": one.scope, "noise": one.noise}
    said["domain"] = None if one.domain is None else {
        "box": {n: list(b) for n, b in one.domain.box.items()}, "snr": one.domain.snr,
        "quantities": list(one.domain.quantities),
    }  # fmt: skip
    said["assumes"] = [
        {"role": role, "field": a.field, "value": str(a.value), "why": a.why}
        for role in one.series_roles
        for a in one.series_need(role).assumable
    ]
    return said


def say_need(need: Need) -> str:
    """A need in words."""
    optional = " (optional)" if need.optional else ""
    if isinstance(need, SeriesNeed):
        stated = f", stating {', '.join(need.required)}" if need.required else ""
        least = f", {need.min_volumes} volumes or more" if need.min_volumes > 1 else ""
        part = f" ({need.part})" if need.part != "mag" else ""
        return f"{' or '.join(need.kinds)} series{part}{least}{stated}{optional}"
    if isinstance(need, MapNeed):
        return f"known map of {need.quantity}{optional}"
    if isinstance(need, RegionNeed):
        return f"region {need.region}, {need.min_voxels} voxels or more{optional}"
    assert isinstance(need, ScalarNeed)
    return f"{need.title} ({need.display}){optional}"


def _quantity(q: Quantity) -> dict[str, Any]:
    low, high = (from_si(v, q.display) for v in q.plausible)
    return {"name": q.name, "title": q.title, "unit": q.display, "plausible": [low, high], "suffix": q.suffix,
            "rank": q.rank, "level": q.level}  # fmt: skip


def _option(row: dict[str, Any]) -> dict[str, Any]:
    default = row["default"]
    plain = default if default is None or isinstance(default, (str, int, float, bool)) else list(default)
    return {**row, "default": plain, "choices": list(row["choices"] or ())}
