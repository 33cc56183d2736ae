"""Which rows of a table of measurements may stand for a person, and which may not, with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from neuromyo.core.nerve import TRACED
from neuromyo.core.norm import NormKey
from neuromyo.norms.kinds import kind_of
from neuromyo.pipeline import registries

#: what a table must have to be compared, or to make a norm of
NEEDED = ("subject", "region", "quantity", "unit", "value", "statistic")
#: flag -> why a value that bears it stands for nobody
UNTRUSTED: dict[str, str] = {
    "TRUNCATED": "the field of view cuts the region off, so it is too small",
    "W-TRUNCATED": "the field of view cuts the region off, so it is too small",
    "COARSE": "the voxels are too coarse for it",
    "W-COARSE": "the voxels are too coarse for it",
    "PROPOSED": "nobody pointed at the nerve: it may be another structure",
    "W-PROPOSED": "nobody pointed at the nerve: it may be another structure",
    "W-NERVE": "the nerve was lost, crossed or in doubt",
    "W-SWAP": "water and fat may be exchanged",
    "W-SATURATED": "the scanner clipped the signal",
    "W-TRANSFER": "the region was carried over with little confidence",
    "W-SIDE": "left and right may be exchanged",
    "W-NOFIT": "the region could not be fitted",
    "W-NOVOXELS": "the region has no usable voxel",
    "few": "few of the region's voxels could be used",
}
#: flags with a share in percent, and from where on the share is too much
_SHARES = {"failed": 50.0, "poor": 50.0}
#: statistics that tell the spread over voxels, not the tissue
_SPREAD = ("iqr",)
#: a place along a nerve, as `level` tells it: part of a profile
_DISTANCE = re.compile(r"(-?\d+(?:\.\d+)?) mm$")
#: numbering of repeats and parts, which is no property of the method
_NUMBERING = re.compile(r"(^|_)(run|chunk|echo|part)-[0-9A-Za-z+]+")


def key_of(row: Mapping[str, Any]) -> NormKey:
    """What a row is of; rows of one key compare.

    ``method`` holds what changes a number though quantity and biomarker are the same: the acquisition's label (numbering of runs
    aside) and whether people or which of our segmenters drew the region.
    """
    acquisition = _NUMBERING.sub("", row["acquisition"]).strip("_")
    method = "; ".join(part for part in (acquisition, _drawn_by(row["region_source"])) if part)
    return NormKey(
        row["quantity"], row["biomarker"], row["statistic"], row["region"], row["level"], row["unit"], method
    )


def _drawn_by(source: str) -> str:
    if source.startswith(TRACED):
        return "regions by trace"
    if source in registries.segmenters().ids():
        return f"regions by {source}"
    return "regions drawn" if source else ""


def compares(row: Mapping[str, Any]) -> bool:
    """Whether such a row is one that is compared at all: a whole region's number that describes the person's tissue."""
    return bool(
        row["region"]
        and not row["slice"]
        and row["statistic"] not in (*_SPREAD, "slice")
        and not _DISTANCE.match(row["level"])
        and kind_of(row["quantity"], row["unit"]).scale
    )


def distance(row: Mapping[str, Any]) -> float | None:
    """Where along a nerve the row is from, mm; None of a row that is no part of a profile."""
    found = _DISTANCE.match(row["level"]) if row["statistic"] in ("slice", "mean") else None
    return float(found[1]) if found and kind_of(row["quantity"], row["unit"]).along and row["region"] else None


def doubt(row: Mapping[str, Any]) -> str:
    """Why the row's value may not be used; empty where it may."""
    if not math.isfinite(row["value"]):
        return "there is no value"
    for flag in (part.strip() for part in row["flags"].split(",")):
        name, _, detail = flag.partition(":")
        if name in UNTRUSTED:
            return UNTRUSTED[name]
        if name in _SHARES and _percent(detail) >= _SHARES[name]:
            return f"half of its voxels or more are {'not fitted' if name == 'failed' else 'poorly determined'}"
    return ""


def _percent(text: str) -> float:
    found = re.search(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else 0.0
