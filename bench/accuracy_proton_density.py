"""How well `proton-density` takes out a receive field, on the two-leg phantom, whose densities are known.

    python bench/accuracy_proton_density.py
    python bench/accuracy_proton_density.py --write docs/accuracy/proton_density.md

The phantom's receive field falls from 1 in front to 0.5 behind; muscle has 100 % of muscle's density, fat under the skin 95 %.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "src")]

from neuromyo.biomarkers.proton_density import BIOMARKER, Options
from neuromyo.core.maps import Maps
from neuromyo.fit import runner
from neuromyo.phantom.acquire import Scan, acquire
from neuromyo.phantom.geometry import reference_body
from neuromyo.phantom.scene import scene
from neuromyo.phantom.sets import Stack
from neuromyo.phantom.truth import Truth

STACK = Stack((144, 84), (2.1, 2.1), 4, 20.0, 6.0, -110.0)
RECEIVE, SNR, SEED = 0.5, 60.0, 11
TRUE = {"muscle": 1.0, "fat": 0.95}
HEAD = """# Accuracy of proton-density

Made by `python bench/accuracy_proton_density.py --write docs/accuracy/proton_density.md`; fixed seed.

Two legs of the phantom, {shape} voxels, receive field falling from 1 in front to 0.5 behind, three echoes, SNR 60 in muscle without
receive field, Rician noise. True density: muscle 100 %, fat under the skin 95 %. Errors are in percent points of the reference, over voxels
one voxel inside their region: "mean" is the error of the region's mean, "slope" how much of the error goes with
height (front to back, points over the leg), "scatter" the sd over voxels, noise included. The field is found in the regions named.

Proton density is relative: the reference (muscle) is 100 % by definition, so that its mean error is zero by construction.
"""


@dataclass(frozen=True)
class Row:
    """One way of estimating: which maps are known and which regions are given."""

    maps: str
    regions: tuple[str, ...]
    order: int


ROWS = (
    Row("T1 T2star B1 FF", (), 0),
    *(Row("T1 T2star B1 FF", ("muscle", "fat"), order) for order in (0, 1, 2, 3, 4)),
    Row("T1 T2star B1 FF", ("muscle",), 3),
    Row("T1 T2star B1 FF", (), 3),
    Row("T1 B1 FF", ("muscle", "fat"), 3),
    Row("B1 FF", ("muscle", "fat"), 3),
    Row("T1 FF", ("muscle", "fat"), 3),
    Row("", ("muscle", "fat"), 3),
)


def measured() -> tuple[dict[Row, Maps], dict[str, np.ndarray], Truth]:
    place = scene(reference_body(), STACK.grid(), SEED, receive=RECEIVE)
    truth = Truth(place.grid)
    series = acquire(place, Scan.of(BIOMARKER, snr=SNR), SEED, each_slice=lambda k, parts, t: truth.add(k, parts, t))
    known = {"T1": truth.maps["T1"], "B1": truth.maps["B1"], "FF": truth.maps["FF"], "T2star": _t2star(place)}
    labels = truth.labels()
    regions = {"muscle": labels.mask("muscle"), "fat": labels.mask("subcutaneous-fat")}
    mask = truth.tissue > 0.95
    found = {}
    for row in ROWS:
        maps, _ = runner.run(
            BIOMARKER, series, Options(order=row.order), mask=mask,
            known={n: known[n] for n in row.maps.split()}, regions={n: regions[n] for n in row.regions},
        )  # fmt: skip
        found[row] = maps
    inner = {n: ndimage.binary_erosion(m & mask, np.ones((3, 3, 1))) for n, m in regions.items()}
    return found, inner, truth


def _t2star(place) -> np.ndarray:
    """(x, y, z) decay of all protons of a voxel, as far as one number can say it: that of the water."""
    out = np.full(place.grid.shape, np.nan, dtype=np.float32)
    for k in range(place.n_slices):
        parts = place.parts(k)
        t = place.truth(k, parts)
        plane = place.grid.shape[0] * place.grid.shape[1]
        weight = parts.fraction * t["PD"]
        with np.errstate(invalid="ignore"):
            mean = np.bincount(parts.voxel, weight * t["R2star"], plane) / np.bincount(parts.voxel, weight, plane)
            out[:, :, k] = (1 / mean).reshape(place.grid.shape[:2])
    return out


def lines(found: dict[Row, Maps], inner: dict[str, np.ndarray]) -> list[str]:
    out = ["| known maps | field from | order | tissue | mean | slope | scatter |", "|---|---|---|---|---|---|---|"]
    for row, maps in found.items():
        pd = maps["PD"].values
        for name, where in inner.items():
            good = where & np.isfinite(pd)
            error = 100 * (pd[good].astype(float) - TRUE[name])
            height = np.argwhere(good)[:, 1].astype(float)
            span = np.ptp(height)
            slope = np.polyfit(height / span, error, 1)[0]
            out.append(
                f"| {row.maps or 'none'} | {' and '.join(row.regions) or 'the whole body'} | {row.order} | {name} | "
                f"{error.mean():+.1f} | {slope:+.1f} | {error.std():.1f} |"
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    found, inner, _ = measured()
    shape = " x ".join(str(n) for n in STACK.grid().shape)
    page = HEAD.format(shape=shape) + "\n" + "\n".join(lines(found, inner)) + "\n"
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main()
