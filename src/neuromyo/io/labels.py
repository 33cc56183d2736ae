"""Region maps: an integer image with its table; by geometry, never by index, with sides that geometry confirms."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.labels import Labels, Region, Side
from neuromyo.io import nifti
from neuromyo.io.files import printable
from neuromyo.io.geometry import Geometry
from neuromyo.io.names import IMAGE_ENDINGS
from neuromyo.io.table import read_tsv
from neuromyo.io.unpack import Room

_SIDES: Mapping[str, Side] = {
    "left": "left",
    "l": "left",
    "right": "right",
    "r": "right",
    "midline": "midline",
    "m": "midline",
    "none": "none",
    "": "none",
    "n/a": "none",
}
_ROUNDING = 1e-3
_LONGEST_NAME, _MOST_TYPED = 64, 1024


def read_labels(
    path: Path,
    *,
    flip: bool = False,
    source: str = "",
    scratch: Path | None = None,
    memory_mb: int = 2000,
    max_input_gb: float = 16,
    geometry: Geometry = "strict",
) -> Labels:
    """A label image and the ``.tsv`` beside it (index, name, side, parent, code), on the image's own grid.

    Labels stored as floats are taken to the nearest whole number if they are within rounding of it. Without a table, or
    for indices that it lacks, regions are called ``label-<index>``. ``flip`` mirrors them left to right within their
    grid, for a label image whose sides were swapped on export. E-SIDE where a name's side contradicts the geometry.
    """
    name = printable(path.name)
    room = Room(scratch or Path(tempfile.gettempdir()), memory_mb)
    image = nifti.load(path, room, name=name, max_input_gb=max_input_gb, geometry=geometry)
    volume = _whole(image.data.read(), name)
    regions = _regions(path, volume)
    labels = Labels(np.ascontiguousarray(volume[::-1]) if flip else volume, image.grid, regions, source or name)
    check_sides(labels, name)
    return labels


def check_sides(labels: Labels, name: str = "") -> None:
    """E-SIDE unless right lies to the right of left, for every region drawn on both sides and for all together."""
    centres = _centres_x(labels)
    pairs: dict[str, dict[Side, list[float]]] = {}
    for region in labels.regions:
        if region.index in centres and region.side in ("left", "right"):
            for group in (region.name, ""):
                pairs.setdefault(group, {}).setdefault(region.side, []).append(centres[region.index])
    for group, sides in pairs.items():
        if len(sides) == 2 and np.mean(sides["right"]) <= np.mean(sides["left"]):
            what = group or "all regions together"
            raise DataError(
                "E-SIDE",
                where=f"{name or labels.source}: {what}",
                needed="the right side to lie to the right in the image's own geometry",
                found=f"right at x = {np.mean(sides['right']):.1f} mm, left at {np.mean(sides['left']):.1f} mm",
                remedy="correct the sides in the table, or give --flip-labels left-right if the label image is mirrored",
            )


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    """(x, y, z) int32 of a label image (x, y, z, 1)."""
    if values.shape[3] != 1:
        raise DataError("E-LABELS", where=f"{name}: dim[4]", needed="one volume of labels", found=str(values.shape[3]),
                        remedy="give one label image with an index a region")  # fmt: skip
    return whole_numbers(values[..., 0], name)


def whole_numbers(values: np.ndarray, name: str) -> np.ndarray:
    """int32 of labels in whatever type they were stored; E-LABELS where they are none, E-EMPTYROI where all are zero."""
    if values.dtype.kind == "f":
        rounded = np.rint(values)
        off = ~np.isfinite(values) | (np.abs(values - rounded) > _ROUNDING) | (rounded < 0) | (rounded > 2**24)
    else:
        rounded, off = values, (values < 0) | (values > 2**24)
    if off.any():
        raise DataError("E-LABELS", where=f"{name}: voxels", needed="whole numbers of 0 or more",
                        found=f"{int(off.sum())} voxels of other values, such as {values[off][0]:g}",
                        remedy="export labels without interpolation")  # fmt: skip
    whole = rounded.astype(np.int32)
    if not whole.any():
        raise DataError("E-EMPTYROI", where=f"{name}: voxels", needed="at least one region", found="zero everywhere",
                        remedy="check how the regions were drawn")  # fmt: skip
    return whole


def _regions(path: Path, volume: np.ndarray) -> tuple[Region, ...]:
    present = [int(i) for i in np.unique(volume) if i]
    listed = read_table(table_of(path))
    return tuple(listed.get(i) or Region(i, f"label-{i}") for i in sorted({*present, *listed}))


def table_of(path: Path) -> Path:
    """The table that belongs to a label image, whether there is one or not."""
    ending = next((e for e in IMAGE_ENDINGS if path.name.endswith(e)), path.suffix)
    return path.with_name(path.name.removesuffix(ending) + ".tsv")


def read_table(path: Path) -> dict[int, Region]:
    """Regions by index of a table with the columns index, name, side, parent, code; none where there is no such file."""
    if not path.exists():
        return {}
    table, name = read_tsv(path), printable(path.name)
    for column in ("index", "name"):
        if column not in table:
            raise DataError("E-LABELS", where=name, needed=f"a column {column}", found=", ".join(table),
                            remedy="the columns are index, name, side, parent, code")  # fmt: skip
    regions: dict[int, Region] = {}
    for row, cells in enumerate(zip(*table.values(), strict=True), start=2):
        region = _region(dict(zip(table, cells, strict=True)), f"{name}: row {row}")
        if region.index in regions:
            raise DataError("E-LABELS", where=f"{name}: row {row}, column index", needed="each index once",
                            found=f"{region.index} again", remedy="remove one")  # fmt: skip
        if region.index:
            regions[region.index] = region
    return regions


def _region(row: Mapping[str, str], where: str) -> Region:
    index = row["index"]
    if not re.fullmatch(r"\d{1,8}(\.0+)?", index):
        raise DataError("E-LABELS", where=f"{where}, column index", needed="a whole number", found=repr(index),
                        remedy="mend that cell")  # fmt: skip
    if not row["name"]:
        raise DataError(
            "E-LABELS", where=f"{where}, column name", needed="a name", found="none", remedy="name the region"
        )
    name, told = _side_in(row["name"])
    if "side" in row:
        name, told = row["name"], row["side"]
    side = _SIDES.get(told.lower())
    if side is None:
        raise DataError("E-LABELS", where=f"{where}, column side", needed=f"one of {', '.join(get_args(Side))}",
                        found=repr(told), remedy="mend that cell")  # fmt: skip
    return Region(int(float(index)), _hyphened([name]), side, _hyphened([row.get("parent", "")]), row.get("code", ""))


def named(text: str) -> tuple[str, Side]:
    """A region's name and side out of what somebody typed: letters and digits of any script, hyphens between words, lower case,
    no longer than 64 characters; the word left or right in it is the side. The name is empty where nothing of it is left."""
    words = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", text[:_MOST_TYPED])).split()
    name, told = _side_in(" ".join(words))
    return _hyphened([name])[:_LONGEST_NAME].strip("-"), _SIDES.get(told.lower(), "none")


def _side_in(name: str) -> tuple[str, str]:
    """The name without the word left or right in it, and that word, for tables that have no column of sides."""
    words = re.split(r"[\s_\-]+", name.strip())
    sides = [w for w in words if w.lower() in ("left", "right")]
    return (
        (_hyphened(w for w in words if w not in sides), sides[0]) if len(sides) == 1 and len(words) > 1 else (name, "")
    )


def _hyphened(words: Iterable[str]) -> str:
    """Words as one name with hyphens, in lower case."""
    return "-".join(part for word in words for part in re.split(r"[\s_\-]+", word.strip().lower()) if part)


def _centres_x(labels: Labels) -> dict[int, float]:
    """Mean x in RAS+ millimetres of every label present."""
    places = np.nonzero(labels.volume)
    indices = labels.volume[places]
    counts = np.bincount(indices)
    sums = [np.bincount(indices, weights=axis) for axis in places]
    present = np.flatnonzero(counts)
    means = np.stack([s[present] / counts[present] for s in sums], axis=1)
    return dict(zip(present.tolist(), labels.grid.to_world(means)[:, 0].tolist(), strict=True))
