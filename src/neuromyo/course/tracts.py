"""Nerve tractography: lines along the principal direction of diffusion, that stay with one nerve.

Stops made for nerves (`course.tract_walk.Stop`): a low threshold of anisotropy, since fat and water around a nerve share its
voxels; a limit on turning that is stated per voxel of path; an end where the line leaves the nerve's outlines widened by a margin;
and an end where it runs at more than 45 degrees to the nerve's course, so that fibres of the muscle beside it do not enter. Short
lines are left out. How often each stop was met, and how much of the nerve has lines at all, is told beside the lines.

Lines show along what water moves, not axons: their number depends on seeds and stops and is no count of fibres.

Assumes: one direction a voxel, the gradient table right, volumes registered, distortion small against the nerve's width.
Breaks: nerves under two voxels across (E-RESOLUTION), plexuses and forks finer than a voxel.

Cites: Skorpil et al., Magn Reson Imaging 2004;22:743, doi:10.1016/j.mri.2004.01.046 (peripheral nerve tractography); Jeurissen et
al., NMR Biomed 2019;32:e3785, doi:10.1002/nbm.3785 (what tractography can and cannot say).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Side
from neuromyo.core.nerve import Course
from neuromyo.core.options import option
from neuromyo.course import tract_domain
from neuromyo.course.tract_walk import Field, Stop, principal, walk

#: lines followed at a time; bounds memory
_BATCH = 4096
#: part that a voxel of the margin takes in a direction between voxels
_LEAST_WEIGHT = 0.05
#: the shortest line kept, unless told: this, or this share of what is seen of the nerve, whichever is less
SHORTEST_MM, SHORTEST_SHARE = 30.0, 1 / 3


@dataclass(frozen=True)
class TractOptions:
    """What can be chosen about lines."""

    least_fa: float = option(0.2, "anisotropy under which a line ends", low=0.0, high=0.99)
    most_turn_deg: float = option(30.0, "largest turn over one voxel of path", unit="deg", low=1.0, high=90.0)
    most_off_course_deg: float = option(45.0, "largest angle to the nerve's course", unit="deg", low=5.0, high=90.0)
    margin_voxels: int = option(
        1, "voxels in the slice by which the nerve is widened before lines count as outside", low=0, high=10
    )
    least_length_mm: float | None = option(
        None,
        "shortest line kept; 30 mm, or a third of what is seen of the nerve where that is less",
        unit="mm",
        low=0.0,
    )
    most_length_mm: float = option(
        1500.0, "longest line followed on either side of a seed", unit="mm", low=1.0, high=5000.0
    )
    step_voxels: float = option(0.5, "step, in pixels of the slice", low=0.05, high=1.0)
    seeds_per_voxel: int = option(8, "lines begun in each voxel of the nerve", low=1, high=1000)
    most_seeds: int = option(
        20000, "lines begun at most; fewer a voxel where this does not suffice", low=1, high=1000000
    )
    random_seed: int = option(0, "places of seeds within their voxels; the same number gives the same lines", low=0)


DEFAULT = TractOptions()


@dataclass(frozen=True, eq=False)
class Tracts:
    """Lines of one nerve.

    streamlines : (k, 3) RAS+ mm each, proximal end first
    stops : reason -> ends of kept lines (two a line); dropped : reason -> seeds that gave no line
    n_seeds : lines that were begun; step_mm : distance between points
    section_share : share of the nerve's voxels that lines pass, in the slices that any line passes
    length_share : share of the nerve's slices that lines pass; both NaN where no nerve was given
    """

    name: str
    side: Side
    grid: Grid
    streamlines: tuple[np.ndarray, ...]
    n_seeds: int = 0
    step_mm: float = float("nan")
    stops: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    section_share: float = float("nan")
    length_share: float = float("nan")
    findings: tuple[Finding, ...] = ()

    @property
    def lengths_mm(self) -> np.ndarray:
        """(n,) lengths of the lines."""
        return np.array([length_of(line) for line in self.streamlines])

    @property
    def where(self) -> str:
        """The nerve as messages call it."""
        return self.name if self.side == "none" else f"{self.name} ({self.side})"


def tracts(
    tensor: np.ndarray,
    grid: Grid,
    *,
    nerve: np.ndarray | None = None,
    course: Course | None = None,
    valid: np.ndarray | None = None,
    name: str = "tracts",
    side: Side = "none",
    options: TractOptions = DEFAULT,
) -> Tracts:
    """The lines through a nerve, or through everything anisotropic where no nerve is given.

    tensor : (x, y, z, 6) m2/s in the RAS world frame, in the order xx yy zz xy xz yz; NaN where there is none
    nerve : (x, y, z) share of each voxel within the nerve, on ``grid`` (`course.profile.coverage_on`); seeds lie where it is >= 0.5
    course : the nerve's, for the angle to it and for which end is proximal; superior is proximal without it
    valid : (x, y, z) bool, voxels whose tensor may be used

    Raises E-RESOLUTION (nerve too thin for these voxels), E-EMPTYROI (no usable voxel to begin in).
    """
    options = core_options.check(options)
    findings = tract_domain.judge(grid, nerve, course, name if side == "none" else f"{name} ({side})")
    where = _field(tensor, grid, nerve, course, valid, options)
    seeds, told = _seeds(where, nerve, options, name)
    pixel = min(grid.spacing_mm[a] for a in grid.in_plane_axes)
    step = options.step_voxels * pixel
    lines, ends, why = _both_ways(
        where, seeds, step, options.most_turn_deg * options.step_voxels, options.most_length_mm
    )
    least = _least_length(where, course, options)
    lengths = np.array([length_of(line) for line in lines])
    kept = [i for i in range(len(lines)) if lengths[i] >= max(least, step)]
    dropped = _counts(why[why != Stop.NONE])
    short = len(lines) - len(kept) - sum(dropped.values())
    dropped |= {f"shorter than {least:.0f} mm": short} if short else {}
    streamlines = tuple(proximal_first([lines[i] for i in kept], course))
    shares = cover(streamlines, grid, nerve, step)
    findings += told + _remarks(len(kept), int(np.sum(why == Stop.OFF_COURSE)), len(seeds), shares[1], least, name)
    return Tracts(
        name, side, grid, streamlines, len(seeds), step, _counts(ends[kept].ravel()), dropped, *shares, findings
    )


def length_of(line: np.ndarray) -> float:
    """Length (mm) of a line (k, 3)."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def proximal_first(lines: list[np.ndarray], course: Course | None = None) -> list[np.ndarray]:
    """Each line turned so that it runs distally: along the course, or downwards (lines that lie flat: as most others do)."""
    if not lines:
        return []
    chords = np.array([line[-1] - line[0] for line in lines])
    if course is not None:
        middle = np.array([line[len(line) // 2] for line in lines])
        along = course.tangents[_nearest(course, middle)]
    else:
        _, axes = np.linalg.eigh(chords.T @ chords)
        main = axes[:, 2] if abs(axes[2, 2]) < 0.05 else axes[:, 2] * -np.sign(axes[2, 2])
        along = np.broadcast_to(main, chords.shape)
    back = np.sum(chords * along, axis=1) < 0
    return [line[::-1].copy() if turned else line for line, turned in zip(lines, back, strict=True)]


def visits(streamlines: tuple[np.ndarray, ...], grid: Grid) -> np.ndarray:
    """(x, y, z) how many lines pass each voxel."""
    count = np.zeros(grid.shape, np.int32)
    for line in streamlines:
        index = np.floor(grid.to_index(line) + 0.5).astype(np.intp)
        index = np.unique(index[np.all((index >= 0) & (index < grid.shape), axis=1)], axis=0)
        count[tuple(index.T)] += 1
    return count


def cover(
    streamlines: tuple[np.ndarray, ...], grid: Grid, nerve: np.ndarray | None, step_mm: float
) -> tuple[float, float]:
    """Share of the nerve's cross-section and of its slices that lines pass; NaN without a nerve."""
    if nerve is None:
        return float("nan"), float("nan")
    inside = nerve >= 0.5
    passed = (visits(streamlines, grid) > 0) & inside
    others = tuple(a for a in range(3) if a != grid.slice_axis)
    there, met = inside.sum(axis=others), passed.sum(axis=others)
    seen = met > 0
    section = float(np.mean(met[seen] / there[seen])) if seen.any() else 0.0
    return section, float(seen.sum() / (there > 0).sum())


# --- parts ------------------------------------------------------------------------------------------------------------


def _field(
    tensor: np.ndarray, grid: Grid, nerve: np.ndarray | None, course: Course | None, valid: np.ndarray | None,
    options: TractOptions,
) -> Field:  # fmt: skip
    usable = np.asarray(np.isfinite(tensor).all(axis=3))
    usable = usable if valid is None else usable & valid
    allowed: np.ndarray | None = None
    weight: np.ndarray | None = None
    if nerve is not None:
        allowed = np.asarray(nerve >= 0.5)
        if options.margin_voxels:
            disc = np.moveaxis(ndimage.generate_binary_structure(2, 1)[..., None], 2, grid.slice_axis)
            allowed = np.asarray(ndimage.binary_dilation(allowed, disc, iterations=options.margin_voxels))
        usable, weight = usable & allowed, np.maximum(nerve, _LEAST_WEIGHT)
    clean = np.where(usable[..., None], tensor, 0.0).astype(np.float64)
    return Field(clean, usable, grid, options.least_fa, allowed, weight, course, options.most_off_course_deg)


def _seeds(
    where: Field, nerve: np.ndarray | None, options: TractOptions, name: str
) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """Places (m, 3) mm spread at random, by a fixed number, in the voxels to begin in."""
    begin = where.usable if nerve is None else where.usable & (nerve >= 0.5)
    voxels = np.argwhere(begin)
    if nerve is None and len(voxels):
        fa = np.concatenate(
            [principal(where.tensor[tuple(part.T)])[1] for part in np.array_split(voxels, len(voxels) // 65536 + 1)]
        )
        voxels = voxels[fa >= options.least_fa]
    if not len(voxels):
        raise DataError("E-EMPTYROI", where=name, needed="a voxel with a usable tensor to begin a line in", found="none",
                        remedy="check that the nerve's labels lie on the diffusion images, and that these hold signal there")  # fmt: skip
    rng = np.random.default_rng(options.random_seed)
    told: tuple[Finding, ...] = ()
    total = len(voxels) * options.seeds_per_voxel
    which = np.repeat(np.arange(len(voxels)), options.seeds_per_voxel)
    if total > options.most_seeds:
        which = np.sort(rng.choice(which, options.most_seeds, replace=False))
        told = (Finding("note", "N-NERVE", name, f"{options.most_seeds:,} lines were begun instead of {total:,}",
                        "raise most_seeds for more, or draw the nerve"),)  # fmt: skip
    return where.grid.to_world(voxels[which] + rng.uniform(-0.5, 0.5, (len(which), 3))), told


def _both_ways(
    where: Field, seeds: np.ndarray, step: float, most_turn: float, most_mm: float
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Lines through seeds, why their two ends ended (m, 2), and why a seed gave none at all (m,)."""
    lines: list[np.ndarray] = []
    ends, unborn = [], []
    for first in range(0, len(seeds), _BATCH):
        batch = seeds[first : first + _BATCH]
        heading, why = where.look(batch, None)
        onward, why_on = walk(where, batch, heading, step, most_turn, most_mm)
        back, why_back = walk(where, batch, -heading, step, most_turn, most_mm)
        lines += [np.concatenate([b[:0:-1], o]) for b, o in zip(back, onward, strict=True)]
        ends.append(np.stack([why_back, why_on], axis=1))
        unborn.append(why)
    return lines, np.concatenate(ends), np.concatenate(unborn)


def _least_length(where: Field, course: Course | None, options: TractOptions) -> float:
    """Length (mm) under which lines are left out."""
    if options.least_length_mm is not None:
        return options.least_length_mm
    if course is not None:
        return min(SHORTEST_MM, SHORTEST_SHARE * float(course.arc_mm[-1]))
    if where.allowed is None:
        return SHORTEST_MM
    at = where.grid.to_world(np.argwhere(where.allowed))
    return min(SHORTEST_MM, SHORTEST_SHARE * float(np.linalg.norm(np.ptp(at, axis=0))))


def _counts(why: np.ndarray) -> dict[str, int]:
    """Reason in words -> how often, the most frequent first."""
    number = np.bincount(why.astype(np.intp), minlength=len(Stop))
    return {Stop(i).words: int(number[i]) for i in np.argsort(-number, kind="stable") if number[i]}


def _remarks(kept: int, off: int, n_seeds: int, length_share: float, least: float, name: str) -> tuple[Finding, ...]:
    if off > 0.5 * n_seeds:
        return (Finding("warn", "W-GRAD", name, f"in {100 * off / n_seeds:.0f} % of the places where lines were begun, water moves most "
                        "freely across the nerve's course", "check the bvec file against the images, and that the labels are this nerve's",
                        "lines are few, and may be wrong"),)  # fmt: skip
    if not kept:
        return (Finding("warn", "W-NERVE", name, f"no line of {least:.0f} mm or more was found", "look at the FA map there: noise, fat and "
                        "too few directions lower it; least_fa and least_length_mm can be lowered"),)  # fmt: skip
    if length_share < 0.9:
        return (Finding("warn", "W-NERVE", name, f"lines pass only {100 * length_share:.0f} % of the nerve's slices",
                        "look at which stops were met", "FA and diffusivities along the lines tell of that part only"),)  # fmt: skip
    return ()


def _nearest(course: Course, points: np.ndarray) -> np.ndarray:
    return np.asarray(KDTree(course.points_mm).query(points)[1])
