"""A case of the second generator, stored as a scanner's file would be, read through the door, traced and judged."""

import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.image import Image
from neuromyo.core.landmark import Landmark
from neuromyo.io.nifti import open_image
from tests.oracles.nerve_scores import area_bias, dice, hausdorff_95, held
from tests.oracles.nerve_slices import Case, make

case_of = cache(make)
#: flags of a section that is not seen as surely as others
DOUBT = {"gap", "interpolated", "weak"}


@dataclass(frozen=True)
class Judged:
    """What came of a case. ``outcome``: traced, refused (a `DataError`, ``code`` and ``message`` say why) or lost.

    dice, hd95_mm : 0 and infinity where a nerve was refused; over the slices that hold the truth and can be seen
    bias, rimless_bias : relative error of the summed area, against the nerve with and without its dark rim
    missing : slices of the truth that have no section; sure : slices in which nothing can be seen, yet no flag says so
    """

    case: Case
    outcome: str
    code: str = ""
    message: str = ""
    dice: float = 0.0
    hd95_mm: float = np.inf
    bias: float = np.nan
    rimless_bias: float = np.nan
    missing: int = 0
    sure: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    score: float = np.nan
    seconds: float = 0.0
    limit_mm: float = field(default=1.0)


def read(case: Case, folder: Path) -> list[Image]:
    """The case's images by way of NIfTI files, in RAS+ order."""
    images = []
    for n, (array, affine, weighting) in enumerate(case.images):
        stored = nib.Nifti1Image(array.astype(np.float32), affine)
        stored.header.set_xyzt_units("mm")
        stored.header.set_dim_info(slice=case.slice_axis)
        path = folder / f"{case.name}_{n}_{weighting}.nii"
        nib.save(stored, path)
        data, grid, _ = open_image(path, scratch=folder)
        images.append(Image(data.read()[..., 0], grid, weighting, path.name))
    return images


def judge(trace, case: Case, folder: Path) -> Judged:
    """Trace the case from its click alone, and compare."""
    images = read(case, folder)
    start = Landmark("start", case.start, case.nerve, case.side)
    before = time.perf_counter()
    try:
        found = trace(images, start, name=case.nerve, side=case.side)
    except DataError as error:
        return Judged(case, "refused", error.code, str(error), seconds=time.perf_counter() - before)
    except Exception as error:  # whatever it is: it is told in the table and fails the test
        return Judged(case, "lost", type(error).__name__, str(error), seconds=time.perf_counter() - before)
    seconds = time.perf_counter() - before
    if not any(one.sections for one in found.all):
        return Judged(case, "lost", "empty", "a trace without a section", seconds=seconds)
    if not case.has_nerve:
        return Judged(case, "traced", score=found.score, seconds=seconds)
    return compared(found, case, images[0].grid, seconds)


def compared(found, case: Case, grid, seconds: float = 0.0) -> Judged:
    """Nerve and branches together against the truth, in the order of the grid."""
    axis, flipped = grid.source_axes[case.slice_axis]
    assert axis == grid.slice_axis, "the slices of the file are the slices of the grid"
    last = grid.shape[axis] - 1
    place = [last - k if flipped else k for k in range(last + 1)]  # stored slice -> slice of the grid
    truth = grid.from_source(np.clip(sum(case.truth.values()), 0, 1))
    cover = np.clip(sum(one.coverage for one in found.all), 0, 1)
    unseen = {place[k] for k in case.spoilt}
    visible = [k for k in held(truth, axis) if k not in unseen]
    areas: dict[int, float] = {}
    doubted: set[int] = set()
    for section in (s for one in found.all for s in one.sections):
        areas[section.slice] = areas.get(section.slice, 0.0) + section.area_mm2
        if DOUBT & set(section.flags):
            doubted.add(section.slice)
    counted = {k: a for k, a in areas.items() if k in visible}
    bias = area_bias(counted, truth, axis, grid.spacing_mm)
    rims = np.nansum([*case.rim_mm2.values()], axis=0)
    rim = sum(rims[k] for k in range(last + 1) if place[k] in counted)
    drawn = sum(counted.values())
    whole = drawn / (1 + bias) if counted else np.nan
    return Judged(
        case, "traced", dice=float(dice(cover, truth, axis, visible)),
        hd95_mm=np.nan_to_num(hausdorff_95(cover, truth, axis, visible, grid.spacing_mm), nan=np.inf),
        bias=bias, rimless_bias=drawn / (whole - rim) - 1 if counted else np.nan,
        missing=len(set(visible) - areas.keys()), sure=tuple(sorted(unseen & areas.keys() - doubted)),
        names=tuple(one.name for one in found.all), score=found.score, seconds=seconds,
        limit_mm=max(1.0, 1.5 * case.in_plane_mm),
    )  # fmt: skip


def table(rows: list[Judged]) -> str:
    """One line a case."""
    head = (
        f"{'case':26}{'mm':>5}{'SNR':>5}{'outcome':>9} {'Dice':>6}{'HD95':>6}{'bias %':>8}{'no rim %':>9}"
        f"{'missing':>8}{'score':>7}{'s':>6}  said"
    )
    lines = [head]
    for r in rows:
        c = r.case
        numbers = (
            f"{r.dice:6.3f}{r.hd95_mm:6.2f}{100 * r.bias:8.1f}{100 * r.rimless_bias:9.1f}{r.missing:8d}{r.score:7.2f}"
        )
        said = f"{r.code} {r.message}"[:90] if r.outcome != "traced" else " ".join(r.names)
        lines.append(f"{c.name:26}{c.in_plane_mm:5.2f}{c.snr:5.0f}{r.outcome:>9} {numbers}{r.seconds:6.1f}  {said}")
    return "\n".join(lines)
