"""How many voxels a nerve must have across its shorter diameter for its outline's area to be right: the table of nerve/resolution.py.

    python bench/nerve_resolution.py              about a minute
    python bench/nerve_resolution.py --draws 40   smoother

Scenes are those of tests/unit/nerve/nerve_scene.py: a fascicled oval of 40 mm2 in fat among muscle and vessels, one slice, T2w with
suppressed fat and FA, signal-to-noise 20, a click up to a third of the radius off. The outline is that of the tracer's first step, moved to
the edge. An outline of twice or half the area counts like any other error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image, Weighting
from neuromyo.nerve.section import polished
from neuromyo.nerve.trace_stack import Stack
from neuromyo.nerve.trace_start import candidates
from tests.unit.nerve.nerve_scene import Scene

ACROSS = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
AREA_MM2, FLAT = 40.0, 1.5
WEIGHTINGS: tuple[Weighting, ...] = ("T2w-fs", "FA")


def area_error(across: float, weighting: Weighting, seed: int) -> float:
    """Outlined over true area, less one, of one draw."""
    pixel = float(np.sqrt(4 * AREA_MM2 / np.pi / FLAT)) / across
    scene = Scene(pixel_mm=pixel, weighting=weighting, snr=20.0, n_slices=1, area_mm2=AREA_MM2, flat=FLAT, seed=seed)
    values, truth, centres = scene.make()
    stack = Stack.of([Image(values, Grid.of(values.shape, np.diag([pixel, pixel, 3.0, 1.0]), 2), weighting)])
    off = np.random.default_rng([seed, 1]).uniform(-1, 1, 2) * 0.23 * np.sqrt(AREA_MM2 / np.pi)
    piece = stack.piece(0, centres[0] + off, 16.0)
    assert piece is not None
    cut = polished(piece, candidates(piece, centres[0] + off, AREA_MM2)[0].cut)
    return cut.outline.area / (truth["nerve"].sum() * pixel**2) - 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=12, help="per weighting and size")
    draws = parser.parse_args().draws
    print("voxels across   80th percentile of |area error|   median error")
    for across in ACROSS:
        errors = [area_error(across, weighting, seed) for weighting in WEIGHTINGS for seed in range(draws)]
        print(f"{across:13.1f}   {np.percentile(np.abs(errors), 80):33.2f}   {np.median(errors):+12.2f}", flush=True)


if __name__ == "__main__":
    main()
