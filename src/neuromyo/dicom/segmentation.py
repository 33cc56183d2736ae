"""DICOM segmentations (SEG) as labels on their own grid: parsed in the child process, put together here.

BINARY, FRACTIONAL (from a threshold on) and LABELMAP; frames in any order, slices without a frame empty. Segments that overlap: one
within another becomes its part, others are refused (`neuromyo.io.segments`). Segment labels are free text that the user wrote as
region names, so they are taken as such: letters and digits with hyphens, 64 at most. No other text of the file is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.labels import Labels
from neuromyo.dicom import child
from neuromyo.dicom.child import Limits
from neuromyo.dicom.gather import gather
from neuromyo.dicom.listing import Listing
from neuromyo.io.geometry import checked, turned
from neuromyo.io.labels import check_sides
from neuromyo.io.segments import Segment, assembled

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def read(
    path: Path, *, scratch: Path | None = None, threshold: float = 0.5, spacing_mm: float | None = None,
    limits: Limits | None = None,
) -> Labels:  # fmt: skip
    """The labels of a segmentation.

    path : the file, or a folder that holds one segmentation (other objects in it are passed over)
    scratch : a folder for raw labels on their way, which are removed
    threshold : share of a FRACTIONAL segmentation's maximum from which a voxel is inside
    spacing_mm : between slices, for files that do not state it and were drawn in every n-th slice

    E-LABELS where there is no segmentation, or several; otherwise what the file's reader says.
    """
    if not 0 < threshold <= 1:
        raise OptionError("E-OPTION", where="threshold", needed="a share over 0, 1 at most", found=f"{threshold:g}",
                          remedy="0.5 is usual")  # fmt: skip
    found = gather(path)
    listing = Listing(found.root, found.files)
    with tempfile.TemporaryDirectory(prefix="neuromyo-seg-", dir=scratch) as room:
        request = {"root": str(found.root.resolve()), "files": [list(f) for f in enumerate(found.files)], "out": room,
                   "threshold": threshold, "spacing_mm": spacing_mm}  # fmt: skip
        made = _only_one(list(child.run("segmentation", request, limits=limits, listing=listing)), listing)
        return _labels(made["segmentation"], Path(room), listing.call(made["file"]))


def _only_one(said: list[dict[str, Any]], listing: Listing) -> dict[str, Any]:
    made = [m for m in said if "segmentation" in m]
    errors = [m for m in said if "error" in m]
    if not made and errors:
        raise child.as_error(errors[0]["error"])
    if len(made) == 1:
        return made[0]
    found = (
        f"{len(made)} of them"
        if made
        else "none among " + f"{len(listing.files)} file{'s' * (len(listing.files) != 1)}"
    )
    raise DataError("E-LABELS", where="the DICOM folder or file", needed="one segmentation (SEG)", found=found,
                    remedy="name the file of the segmentation")  # fmt: skip


def _labels(made: Mapping[str, Any], room: Path, name: str) -> Labels:
    slices, rows, columns = (int(n) for n in made["shape"])
    down, along = (float(v) for v in made["spacing_mm"])
    affine = np.eye(4)
    lps = np.stack([np.array(made["row"]) * along, np.array(made["column"]) * down, np.array(made["step"])], axis=1)
    affine[:3, :3] = _LPS_TO_RAS @ lps
    affine[:3, 3] = _LPS_TO_RAS @ np.array(made["position"], dtype=np.float64)
    grid = turned(checked(affine + 0.0, name), (columns, rows, slices), 2)
    layers = []
    for file in made["layers"]:
        stored = np.fromfile(room / Path(file).name, dtype="<u2").reshape(slices, rows, columns).transpose(2, 1, 0)
        layers.append(np.ascontiguousarray(grid.from_source(stored), dtype=np.int32))
    segments = {int(s["number"]): Segment(str(s["text"]), str(s["code"])) for s in made["segments"]}
    labels = assembled(layers, segments, grid, name, "DICOM segmentation")
    check_sides(labels, name)
    return labels
