"""How well the tracer follows made nerves: overlap, distance, area by pixel size; what is refused; whether confidence means something.

    python bench/trace_cases.py                    every case, about two minutes
    python bench/trace_cases.py --only split       those whose name holds a word

Truth is the share of each voxel within the nerve, at least a half. HD95: 95th percentile of the distances between the two outlines.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.nerve import Trace
from neuromyo.nerve.trace import trace
from neuromyo.phantom import nerve_cases


@dataclass
class Judged:
    """One nerve of one case: per slice Dice, HD95 (mm), area over true area - 1, confidence; slices of the truth found."""

    name: str
    pixel: float
    dice: list[float] = field(default_factory=list)
    hd95: list[float] = field(default_factory=list)
    bias: list[float] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    area: float = 0.0
    slices: int = 0
    said: str = ""


def judged(name: str, one: Trace, truth: np.ndarray) -> Judged:
    """One trace against the coverage of its nerve."""
    axis = one.grid.slice_axis
    spacing = [one.grid.spacing_mm[a] for a in one.grid.in_plane_axes]
    pixel = spacing[0] * spacing[1]
    found, true = np.moveaxis(one.coverage, axis, 0), np.moveaxis(truth, axis, 0)
    out = Judged(name, spacing[0], slices=int((true.max(axis=(1, 2)) >= 0.5).sum()))
    areas = true.sum(axis=(1, 2)) * pixel
    out.area = float(np.median(areas[areas > 0])) if (areas > 0).any() else 0.0
    for section in one.sections:
        k = section.slice
        a, b = found[k] >= 0.5, true[k] >= 0.5
        total = a.sum() + b.sum()
        out.dice.append(float(2 * (a & b).sum() / total) if total else 0.0)
        out.sure.append(section.confidence)
        if b.any():
            out.hd95.append(hd95(a, b, spacing))
            out.bias.append(section.area_mm2 / areas[k] - 1)
    return out


def hd95(a: np.ndarray, b: np.ndarray, spacing: list[float]) -> float:
    """95th percentile of distances from the rim of one mask to the other's, both ways, in mm."""
    if not a.any() or not b.any():
        return float("inf")
    rims = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    away = [np.asarray(ndimage.distance_transform_edt(~rim, spacing)) for rim in rims]
    return float(max(np.percentile(away[1][rims[0]], 95), np.percentile(away[0][rims[1]], 95)))


def run(case: nerve_cases.NerveCase) -> list[Judged]:
    """Every nerve of a case, or one row that says why there is none."""
    made = case.make()
    try:
        found = trace(made.images, made.start, name=made.name, side=made.side)
    except NeuromyoError as error:
        return [Judged(case.name, case.in_plane_mm, said=f"{error.code} {error.found}")]
    rows = []
    for one in found.all:
        truth = made.truth.coverage.get(one.name)
        row = judged(f"{case.name} {one.name}", one, np.zeros(one.grid.shape) if truth is None else truth)
        row.said = f"score {one.score:.2f}; " + "; ".join(
            f"{f.where.split(', ')[-1]}: {f.message}" for f in one.findings
        )
        rows.append(row)
    missing = set(made.truth.coverage) - {one.name for one in found.all}
    rows += [Judged(f"{case.name} {name}", case.in_plane_mm, said="not found") for name in sorted(missing)]
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    chosen = parser.parse_args()
    rows: list[Judged] = []
    for case in nerve_cases.cases():
        if chosen.only not in case.name:
            continue
        begun = time.perf_counter()
        for row in run(case):
            rows.append(row)
            show(row, time.perf_counter() - begun)
    summary(rows)


def show(row: Judged, seconds: float) -> None:
    """A line of the long table."""
    if not row.dice:
        print(f"{row.name:56s} -- {row.said[:120]} ({seconds:.1f} s)", flush=True)
        return
    print(f"{row.name:56s} n {len(row.dice):2d}/{row.slices:2d} Dice {np.median(row.dice):.3f} (least {min(row.dice):.2f}) "
          f"HD95 {_median(row.hd95):.2f} area {row.area:5.1f} bias {100 * _median(row.bias):+5.1f} % "
          f"sure {np.median(row.sure):.2f} {seconds:.1f} s {row.said[:160]}", flush=True)  # fmt: skip


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def summary(rows: list[Judged]) -> None:
    """By pixel size: medians over sciatic cases of 20 to 60 mm2; then confidence against what came of it."""
    print("\nsciatic nerves of 20 to 60 mm2\npixel mm  cases  Dice   HD95 mm  bias %  |bias| %")
    chosen = [r for r in rows if r.dice and r.name.endswith("sciatic-nerve") and 20 <= r.area <= 60]
    for pixel in sorted({r.pixel for r in chosen}):
        here = [r for r in chosen if r.pixel == pixel]
        medians = [[_median(getattr(r, f)) for r in here] for f in ("dice", "hd95", "bias")]
        print(f"{pixel:8.1f}  {len(here):5d}  {np.median(medians[0]):.3f}  {np.median(medians[1]):7.2f}  "
              f"{100 * np.median(medians[2]):+6.1f}  {100 * np.median(np.abs(medians[2])):8.1f}")  # fmt: skip
    sure = np.array([s for r in rows for s in r.sure])
    good = np.array([d >= 0.8 for r in rows for d in r.dice])
    print("\nconfidence  sections  share of Dice >= 0.8")
    for low in np.arange(0.0, 1.0, 0.1):
        here = (sure >= low) & (sure < low + 0.1 + (low > 0.85))
        if here.any():
            print(f"{low:.1f} to {low + 0.1:.1f}  {here.sum():8d}  {good[here].mean():.2f}")


if __name__ == "__main__":
    main()
