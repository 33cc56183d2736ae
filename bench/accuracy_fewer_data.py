"""How accurate the B1 maps and the fat fractions from fewer data are, on signals made without the software's physics.

    python bench/accuracy_fewer_data.py                         all tables, about three minutes
    python bench/accuracy_fewer_data.py --write docs/accuracy
    python bench/accuracy_fewer_data.py --only pdff_magnitude --draws 4000

Writes b1.md, pdff_two_point.md, pdff_magnitude.md and pdff_images.md. Signals: closed forms and sums of exponentials of
tests/physics/legs.py; noise is complex Gaussian, magnitudes taken after; signal-to-noise is that of unit density at time 0 (of the
first image, for B1) over sigma per real channel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from neuromyo.biomarkers import b1_afi, b1_dam, pdff_images, pdff_magnitude, pdff_two_point
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.physics.legs import fat_signal

Signal = Callable[[np.ndarray], np.ndarray]
SIX = tuple(0.00115 + 0.00098 * k for k in range(6))
PAIRS = ((0.00115, 0.0023), (0.0013, 0.0025), (0.0023, 0.00345))
#: another published spectrum of fat (bone marrow and subcutaneous fat): shifts in ppm and amplitudes
OTHER = (
    (-3.80, -3.40, -3.10, -2.68, -2.46, -1.95, -0.50, 0.49, 0.59),
    (0.0899, 0.5834, 0.0599, 0.0849, 0.0599, 0.0150, 0.0400, 0.0100, 0.0569),
)


def other_fat(times: np.ndarray) -> np.ndarray:
    shifts, peaks = (np.array(v) for v in OTHER)
    return np.exp(2j * np.pi * np.outer(times, shifts * 42.577478518 * 3.0)) @ (peaks / peaks.sum())


def image(values: np.ndarray, acquisition: Acquisition, kind: str, part: str = "mag") -> Series:
    """(m, n) as a square in a plane of 2 mm voxels."""
    side = int(np.sqrt(len(values)))
    grid = Grid.of((side, side, 1), np.diag([2.0, 2.0, 5.0, 1.0]))
    stored = values[: side * side].reshape(side, side, 1, -1)
    return Series(
        ArrayData(stored.astype(np.complex64 if part == "complex" else np.float32)), grid, acquisition, kind, part
    )


def noisy(clean: np.ndarray, sigma: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal((2, draws, clean.size)) * sigma
    return clean + noise[0] + 1j * noise[1]


def spread(one: Map, truth: float, scale: float = 100.0) -> tuple[float, float, float]:
    """Bias, sd and predicted sd in points."""
    found = one.values[np.isfinite(one.values)]
    predicted = np.nan if one.sd is None else float(np.nanmedian(one.sd))
    return scale * (float(found.mean()) - truth), scale * float(found.std()), scale * predicted


def row(*cells: object) -> str:
    return "| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells) + " |"


def table(*heads: str) -> str:
    return row(*heads) + "\n" + row(*("---" for _ in heads))


# --- the tables -------------------------------------------------------------------------------------------------------


def b1(draws: int) -> Iterator[str]:
    yield ("Uniform images, no T1 effect, one voxel alone and smoothed over 8 mm (2 mm voxels). Signal-to-noise is that of the "
           "first image. Where the true second angle of `b1-dam` nears 180 degrees, its signal drowns in noise.\n")  # fmt: skip
    yield table(
        "method",
        "B1 %",
        "SNR",
        "bias, alone",
        "sd, alone",
        "predicted",
        "bias, 8 mm",
        "sd, 8 mm",
        "predicted",
        "no value %",
    )
    for method in ("b1-dam", "b1-afi"):
        for true in (0.5, 0.8, 1.0, 1.2, 1.4):
            for snr in (15, 40, 100):
                alone, smooth = (_b1(method, true, snr, fwhm, draws) for fwhm in (0.0, 8.0))
                lost = 100 * float(np.isnan(alone.values).mean())
                yield row(method, round(100 * true), snr, *spread(alone, true), *spread(smooth, true), lost)


def _b1(method: str, true: float, snr: float, fwhm: float, draws: int) -> Map:
    rng = np.random.default_rng(int(1000 * true + snr))
    angle = true * np.deg2rad(60)
    if method == "b1-dam":
        clean = np.array([np.sin(angle), abs(np.sin(2 * angle))])
        data = np.abs(noisy(clean / clean[0], 1 / snr, draws, rng))
        given = {"dam": image(data, b1_dam.BIOMARKER.typical["dam"], "TB1DAM")}
        return runner.run(b1_dam.BIOMARKER, given, b1_dam.Options(smoothing=fwhm, noise=1 / snr))[0]["B1"]
    clean = np.array([1.0, (1 + 5 * np.cos(angle)) / (5 + np.cos(angle))])
    data = np.abs(noisy(clean, 1 / snr, draws, rng))
    typical = b1_afi.BIOMARKER.typical
    given = {r: image(data[:, i : i + 1], typical[r], "TB1AFI") for i, r in enumerate(("tr1", "tr2"))}
    return runner.run(b1_afi.BIOMARKER, given, b1_afi.Options(smoothing=fwhm, noise=1 / snr))[0]["B1"]


def two_point(draws: int) -> Iterator[str]:
    yield ("Uniform images at 3 T with a field of 30 Hz, SNR 30 of unit density; the estimate takes R2* to be 35 per second and the "
           "spectrum hamilton-6. Swaps are voxels more than 40 points off.\n")  # fmt: skip
    yield table("TE ms", "fat %", "R2* 1/s", "spectrum", "bias pts", "sd pts", "predicted", "swaps %")
    for pair in PAIRS:
        for r2star in (20, 35, 80):
            for spectrum, of in (("same", fat_signal), ("ren-marrow", other_fat)):
                if spectrum == "same" or r2star == 35:
                    for ff in (0.0, 0.05, 0.2, 0.5, 0.8, 1.0):
                        yield _two_point(pair, ff, r2star, spectrum, of, draws)


def _two_point(
    pair: tuple[float, float],
    ff: float,
    r2star: float,
    spectrum: str,
    of: Callable[[np.ndarray], np.ndarray],
    draws: int,
) -> str:
    t = np.array(pair)
    clean = (1 - ff + ff * of(t)) * np.exp(2j * np.pi * 30 * t + 0.4j - r2star * t)
    data = noisy(clean, 1 / 30, draws, np.random.default_rng(int(100 * ff + r2star)))
    given = image(data, Acquisition(echo_times=pair, field_strength=3.0), "MEGRE", "complex")
    options = pdff_two_point.Options(t1_weighting="leave", noise=1 / 30)
    one = runner.run(pdff_two_point.BIOMARKER, {"gre": given}, options)[0]["FF"]
    swaps = 100 * float((np.abs(one.values - ff) > 0.4).mean())
    times = " / ".join(f"{1e3 * v:.3g}" for v in pair)
    return row(times, round(100 * ff), r2star, spectrum, *spread(one, ff), swaps)


def magnitude(draws: int) -> Iterator[str]:
    yield ("Six echoes of 1.15 + 0.98 n ms at 3 T, R2* 40 per second, noise known. A swap is a voxel more than 30 points off; "
           "bias and sd are over the voxels that are none; \"not told\" are swaps that are not called AMBIGUOUS.\n")  # fmt: skip
    yield table(
        "fat %",
        "SNR",
        "spectrum",
        "bias pts",
        "sd pts",
        "predicted",
        "median R2* bias 1/s",
        "swaps %",
        "not told %",
        "ambiguous %",
    )
    for spectrum, of, snrs in (("same", fat_signal, (20, 50, 100)), ("ren-marrow", other_fat, (50,))):
        for snr in snrs:
            for ff in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.95, 1.0):
                yield _magnitude(ff, snr, spectrum, of, draws)


def _magnitude(ff: float, snr: float, spectrum: str, of: Signal, draws: int) -> str:
    t = np.array(SIX)
    clean = (1 - ff + ff * of(t)) * np.exp(-40.0 * t)
    data = np.abs(noisy(clean, 1 / snr, draws, np.random.default_rng(int(1000 * ff + snr))))
    given = image(data, Acquisition(echo_times=SIX, field_strength=3.0), "MEGRE")
    maps, _ = runner.run(
        pdff_magnitude.BIOMARKER, {"gre": given}, pdff_magnitude.Options(t1_weighting="leave", noise=1 / snr)
    )
    one = maps["FF"]
    swap, unsure = np.abs(one.values - ff) > 0.3, one.reason == Reason.AMBIGUOUS
    right = one.values[~swap & np.isfinite(one.values)]
    bias, sd = 100 * (float(right.mean()) - ff), 100 * float(right.std())
    predicted = 100 * float(np.nanmedian(one.sd)) if one.sd is not None else np.nan
    r2 = float(np.nanmedian(maps["R2star"].values)) - 40
    shares = (100 * float(m.mean()) for m in (swap, swap & ~unsure, unsure))
    return row(round(100 * ff), int(snr), spectrum, bias, sd, predicted, r2, *shares)


def images(draws: int) -> Iterator[str]:
    yield ("Magnitudes of water and fat with Rician noise of one sigma, known; SNR is that of unit density. \"Plain\" is F / (W + F) of "
           "the magnitudes as they are. What the scanner's own separation got wrong is not in this table.\n")  # fmt: skip
    yield table("fat %", "SNR", "bias pts", "plain bias pts", "sd pts", "predicted")
    for snr in (10, 20, 50):
        for ff in (0.0, 0.02, 0.05, 0.1, 0.3, 0.5, 0.9, 1.0):
            rng = np.random.default_rng(int(1000 * ff + snr))
            data = np.abs(noisy(np.array([1 - ff, ff]), 1 / snr, draws, rng))
            given = {r: image(data[:, i : i + 1], Acquisition(), "MEGRE") for i, r in enumerate(("water", "fat"))}
            one = runner.run(pdff_images.BIOMARKER, given, pdff_images.Options(t1_weighting="leave", noise=1 / snr))[0][
                "FF"
            ]
            bias, sd, predicted = spread(one, ff)
            plain = 100 * (float((data[:, 1] / data.sum(axis=1)).mean()) - ff)
            yield row(round(100 * ff), snr, bias, plain, sd, predicted)


PAGES = {
    "b1": ("b1-dam and b1-afi", b1),
    "pdff_two_point": ("pdff-two-point", two_point),
    "pdff_magnitude": ("pdff-magnitude", magnitude),
    "pdff_images": ("pdff-images", images),
}


def page(name: str, draws: int) -> str:
    title, lines = PAGES[name]
    head = f"# Accuracy of {title}\n\nMade by `python bench/accuracy_fewer_data.py --write docs/accuracy`; {draws} draws a row.\n"
    return "\n".join([head, *lines(draws), ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=900)
    parser.add_argument("--only", choices=tuple(PAGES), action="append")
    parser.add_argument("--write", type=Path, help="folder to write the pages to")
    asked = parser.parse_args()
    for name in asked.only or PAGES:
        text = page(name, asked.draws)
        if asked.write is None:
            print(text)
        else:
            (asked.write / f"{name}.md").write_text(text, encoding="utf-8")
