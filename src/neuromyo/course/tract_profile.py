"""Maps along the lines through a nerve: by the nerve's own distance axis where it has one, else along the lines' own mean.

Zero is told, never left open: the proximal end of the nerve (or its bony landmark, see `course.centreline`), or the proximal end of
the mean line; distances grow distally.

With a nerve, the profile is that of `course.profile` (means over the voxels of each slice; the image is never resampled), each voxel
weighing by its share within the nerve (`counted`) times the number of lines that pass it over the most in its slice. Without one, each
line gives the mean of its own voxels within each stretch of the mean line, and the profile is the mean of lines with their sd.

Assumes: lines that run side by side as one tube; `mean_course` refuses others. Breaks: sd over lines that share voxels is smaller than
that of lines that do not; it describes, and is no standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from neuromyo.core.errors import DataError
from neuromyo.core.nerve import Course, Trace
from neuromyo.course.profile import Profile, ProfileOptions, profile
from neuromyo.course.tracts import Tracts, length_of, visits

BIOMARKER = "tracts"
#: share within the nerve from which a voxel counts as whole
WHOLE = 0.9
#: nodes of the mean line; lines shorter than this share of the long ones do not shape it
_NODES, _LONG = 100, 0.8
#: shortest stretch of the mean line that has a value of its own: whole millimetres tell stretches apart in tables
_LEAST_STRETCH_MM = 2.0
#: lines further apart than this share of their length, or than these mm, are no one tube
APART_SHARE, APART_MM = 0.15, 15.0


def along_nerve(
    values: np.ndarray,
    lines: Tracts,
    trace: Trace,
    course: Course,
    nerve: np.ndarray,
    *,
    sd: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    quantity: str = "value",
    unit: str = "1",
) -> Profile:
    """The profile of a map (x, y, z) on the lines' grid, weighted by the lines' density.

    nerve : (x, y, z) share of each voxel within the nerve. Raises E-EMPTYROI where no slice has a value.
    """
    dense = Trace(
        trace.name, trace.side, lines.grid, (), density(lines, nerve).astype(np.float32), trace.score, trace.proposed
    )
    options = ProfileOptions(partial="weight", least_voxels=1.0)
    return profile(values, lines.grid, dense, course, sd=sd, valid=valid, quantity=quantity, unit=unit, options=options)


def counted(lines: Tracts, nerve: np.ndarray) -> tuple[np.ndarray, bool]:
    """(x, y, z) how much voxels count by their share within the nerve, and whether whole ones were too few.

    Voxels that are only in part nerve do not count, since fat and muscle in them lower FA; where fewer than half of the nerve's slices
    have a whole voxel on a line, all count by their share.
    """
    others = tuple(a for a in range(3) if a != lines.grid.slice_axis)
    whole = np.where(nerve >= WHOLE, nerve, 0.0)
    met = ((whole > 0) & (visits(lines.streamlines, lines.grid) > 0)).any(axis=others).sum()
    few = bool(met < 0.5 * (nerve >= 0.5).any(axis=others).sum())
    return (nerve if few else whole), few


def density(lines: Tracts, nerve: np.ndarray | None = None) -> np.ndarray:
    """(x, y, z) share within the nerve times lines that pass, over the largest of its slice: 0 to 1."""
    count = visits(lines.streamlines, lines.grid) * (1.0 if nerve is None else nerve)
    others = tuple(a for a in range(3) if a != lines.grid.slice_axis)
    return count / np.maximum(count.max(axis=others, keepdims=True), 1e-12)


def mean_course(lines: Tracts) -> Course:
    """The mean line, proximal end first, evenly spaced; E-COURSE where the lines are no one tube.

    Only lines of at least 0.8 of the long ones (95th percentile) shape it, each at the same shares of its length.
    """
    lengths = lines.lengths_mm
    if not len(lengths):
        raise DataError("E-COURSE", where=lines.where, needed="lines to take the mean of", found="none")
    long = [
        line for line, mm in zip(lines.streamlines, lengths, strict=True) if mm >= _LONG * np.percentile(lengths, 95)
    ]
    nodes = np.array([_even(line, _NODES) for line in long])
    middle = nodes.mean(axis=0)
    apart = float(np.median(np.linalg.norm(nodes - middle, axis=2)))
    most = min(APART_MM, APART_SHARE * float(np.median(lengths)))
    if apart > most:
        raise DataError("E-COURSE", where=lines.where, needed=f"lines that run as one tube, within {most:.0f} mm of their mean",
                        found=f"lines {apart:.0f} mm off it", remedy="give the nerve's labels, or lines of one nerve only")  # fmt: skip
    return Course(lines.name, lines.side, _even(middle, _NODES), details={"apart_mm": apart})


def along_mean(
    values: np.ndarray,
    lines: Tracts,
    course: Course,
    *,
    valid: np.ndarray | None = None,
    quantity: str = "value",
    unit: str = "1",
) -> Profile:
    """The profile of a map (x, y, z) on the lines' grid along their mean line; sd over lines, n lines."""
    step = max(*lines.grid.spacing_mm, _LEAST_STRETCH_MM)
    edges = np.linspace(0.0, course.arc_mm[-1], max(int(course.arc_mm[-1] / step), 1) + 1)
    per_line = np.array([_binned(line, values, valid, lines, course, edges) for line in lines.streamlines])
    known = np.isfinite(per_line)
    n = known.sum(axis=0)
    kept = n > 0
    if not kept.any():
        raise DataError("E-EMPTYROI", where=f"profile of {quantity} along {lines.where}", needed="a usable voxel on a line", found="none",
                        remedy="check that lines and images are of the same scan")  # fmt: skip
    per_line, n = per_line[:, kept], n[kept]
    mean = np.nanmean(per_line, axis=0)
    sd = np.sqrt(np.nansum((per_line - mean) ** 2, axis=0) / np.where(n > 1, n - 1, np.nan))
    at = ((edges[1:] + edges[:-1]) / 2)[kept]
    none = np.full(len(at), -1)
    return Profile(quantity, unit, at - course.zero_mm, 100 * at / course.arc_mm[-1], mean, sd, np.full(len(at), np.nan), n.astype(float),
                   n / n.mean(), none, lines.grid)  # fmt: skip


def whole(
    values: np.ndarray, lines: Tracts, *, nerve: np.ndarray | None = None, sd: np.ndarray | None = None,
    valid: np.ndarray | None = None,
) -> dict[str, float]:  # fmt: skip
    """The mean of a map over all lines (voxels weigh by the lines that pass them), its spread over voxels, and its se."""
    weight = visits(lines.streamlines, lines.grid) * (1.0 if nerve is None else nerve)
    weight = np.where(np.isfinite(values) & (True if valid is None else valid), weight, 0.0)
    used = weight > 0
    if not used.any():
        return {"value": float("nan"), "sd_between": float("nan"), "se": float("nan"), "n_voxels": 0.0}
    x, w = values[used].astype(float), weight[used] / weight[used].sum()
    mean = float(np.sum(w * x))
    between = float(np.sqrt(np.sum(w * (x - mean) ** 2) / max(1 - np.sum(w**2), 1e-12)))
    fit = 0.0 if sd is None else float(np.sum(w * np.nan_to_num(sd[used].astype(float)) ** 2))
    se = float(np.sqrt(max(between**2, fit) * np.sum(w**2)))
    return {"value": mean, "sd_between": between, "se": se, "n_voxels": float(used.sum())}


def rows(lines: Tracts, common: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Rows of the tidy table about the lines themselves: how many, how long, and how much of the nerve they cover."""
    base = {**(common or {}), "region": lines.name, "side": lines.side, "biomarker": BIOMARKER}
    base.setdefault("region_source", "trace")
    lengths = lines.lengths_mm
    between = float(lengths.std(ddof=1)) if len(lengths) > 1 else float("nan")
    found = [{"quantity": "tract_count", "unit": "1", "statistic": "count", "value": float(len(lengths))}]
    if len(lengths):
        found.append(
            {
                "quantity": "tract_length",
                "unit": "mm",
                "statistic": "mean",
                "value": float(lengths.mean()),
                "sd_between": between,
            }
        )
        found.append({"quantity": "tract_length", "unit": "mm", "statistic": "max", "value": float(lengths.max())})
    for quantity, share in (("coverage_section", lines.section_share), ("coverage_length", lines.length_share)):
        if np.isfinite(share):
            found.append({"quantity": quantity, "unit": "1", "statistic": "mean", "value": share})
    return [{**base, **row} for row in found]


def _binned(
    line: np.ndarray, values: np.ndarray, valid: np.ndarray | None, lines: Tracts, course: Course, edges: np.ndarray
) -> np.ndarray:
    """(bins,) mean of the voxels that a line passes within each stretch of the course; NaN where it does not pass."""
    index = np.floor(lines.grid.to_index(line) + 0.5).astype(np.intp)
    inside = np.all((index >= 0) & (index < lines.grid.shape), axis=1)
    at = tuple(index[inside].T)
    x = values[at].astype(float)
    x = np.where(np.isfinite(x) & (True if valid is None else valid[at]), x, np.nan)
    arc = course.arc_mm[KDTree(course.points_mm).query(line[inside])[1]]
    which = np.clip(np.searchsorted(edges, arc, side="right") - 1, 0, len(edges) - 2)
    known = np.isfinite(x)
    total = np.bincount(which[known], x[known], len(edges) - 1)
    n = np.bincount(which[known], minlength=len(edges) - 1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _even(line: np.ndarray, n: int) -> np.ndarray:
    """``n`` points at even arc lengths of a line (k, 3)."""
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))))
    at = np.linspace(0.0, length_of(line), n)
    return np.stack([np.interp(at, arc, column) for column in line.T], axis=1)
