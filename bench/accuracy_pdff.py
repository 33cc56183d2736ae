"""How accurate `pdff` is, on vials from the independent simulator of the tests.

    python bench/accuracy_pdff.py [--write docs/accuracy/pdff.md]

Vials of 0 to 100 % fat in three rows of R2* (20, 50, 100 /s), SNR 50 (noise-free water at echo time 0 over sigma per channel), TE
1.15 + 0.98 n ms, six echoes, 3 T, a smooth field; the biomarker knows only echo times and frequency. The simulator's fat has the
spectrum named. By default the biomarker learns its double bonds from the image; the other tables show what a spectrum costs that is
given and is not the fat's. hamilton-2011 lumps the lines that hamilton-2011-9 has apart.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from neuromyo.biomarkers import pdff
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.oracles.water_fat import vials

RATES = (20.0, 50.0, 100.0)


def table(spectrum: str, fitted: str, seed: int = 3) -> tuple[list[str], float, float, float]:
    """Rows of mean errors in points, the worst of them, slope and intercept (points)."""
    scene = vials(r2stars=RATES, spectrum=spectrum, seed=seed)
    grid = Grid.of(scene.mask.shape, np.diag([*scene.spacing_mm, 1.0]))
    acquisition = Acquisition(echo_times=scene.echo_times, imaging_frequency_hz=scene.larmor_hz)
    series = Series(ArrayData(scene.signals), grid, acquisition, "MEGRE", "complex")
    options = pdff.Options(t1_weighting="leave", fat_spectrum=fitted)
    maps, _ = runner.run(pdff.BIOMARKER, {"gre": series}, options, mask=scene.mask)
    error = 100 * (maps["FF"].values - scene.truth["FF"])
    vial = scene.truth["vial"]
    means = np.array([np.nanmean(error[vial == k]) for k in range(1, vial.max() + 1)]).reshape(len(RATES), -1)
    shares = np.linspace(0, 100, means.shape[1])
    slope, intercept = np.polyfit(np.tile(shares, len(RATES)), (means + shares).ravel(), 1)
    rows = [
        f"| {rate:.0f} | " + " | ".join(f"{e:+.2f}" for e in row) + " |" for rate, row in zip(RATES, means, strict=True)
    ]
    return rows, float(np.abs(means).max()), float(slope), float(intercept)


def page() -> str:
    out = [
        "# Accuracy of pdff",
        "",
        "Made by `python bench/accuracy_pdff.py --write docs/accuracy/pdff.md`; fixed seed.",
        "",
    ]
    out += [*(__doc__ or "").strip().split("\n")[4:], ""]
    for spectrum in ("hamilton-2011", "hamilton-2011-9", "ren-2008", "karampinos-2014"):
        for fitted in ("auto", "hamilton-6"):
            rows, worst, slope, intercept = table(spectrum, fitted)
            out += [f"## Fat of {spectrum}, `fat_spectrum = {fitted}`", "",
                    f"Mean error in points of fat fraction; worst {worst:.2f}, slope {slope:.3f}, intercept {intercept:+.2f} points.", "",
                    "| R2* 1/s | " + " | ".join(f"{s} %" for s in range(0, 101, 10)) + " |", "|---" * 12 + "|", *rows, ""]  # fmt: skip
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    text = page()
    if asked.write is None:
        print(text)
    else:
        asked.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
