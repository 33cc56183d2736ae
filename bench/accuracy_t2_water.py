"""How accurate `t2-water` is, on signals from the independent isochromat simulator of the tests.

    python bench/accuracy_t2_water.py                     the table, about a minute
    python bench/accuracy_t2_water.py --draws 4000
    python bench/accuracy_t2_water.py --write docs/accuracy/t2_water.md

Signals: 17 echoes of 10 ms, ideal pulses of 90 and 180 degrees, full recovery, water T1 1.4 s, fat T1 0.37 s and T2
0.15 s, Rician noise; signal-to-noise is the noise-free first echo over sigma per real channel. The fit is given the
same fat T2 and T1s, estimates the noise from all voxels of a point, and finds B1 itself or is given it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from neuromyo.biomarkers.t2_water import BIOMARKER, Options
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.oracles import (
    hann_sinc_pulse,
    rician,
    rician_crlb,
    slice_gradient,
    slice_profile_bloch,
    two_pool,
)

TRAIN = {"n_echoes": 17, "echo_spacing": 0.01}
WATER_T1, FAT = 1.4, (0.37, 0.15)
ACQUISITION = Acquisition(
    echo_times=tuple(0.01 * k for k in range(1, 18)), repetition_time=float("inf"), refocusing_angle_deg=180.0
)


@dataclass(frozen=True)
class Point:
    """One truth: water T2 (s), fat fraction, B1, and the signal-to-noise ratio of the first echo."""

    T2: float
    FF: float
    B1: float
    snr: float


@dataclass(frozen=True)
class Result:
    """Of water T2 and fat fraction: bias, sd, RMSE and Cramer-Rao sd in SI (NaN where not asked for), coverage of
    +-1.96 predicted sd; shares of draws that are poorly determined, of ambiguous B1, without a water T2, and with a B1
    over 0.1 off that is not flagged; bias of B1."""

    point: Point
    bias: tuple[float, float]
    sd: tuple[float, float]
    rmse: tuple[float, float]
    bound: tuple[float, float]
    covered: tuple[float, float]
    poor: float
    ambiguous: float
    lost: float
    silent: float
    b1_bias: float


def oracle(t2: float, share: float, B1: float, **train: object) -> np.ndarray:
    """Noise-free echoes (17,) of unit magnetisation from the isochromats."""
    return np.atleast_2d(two_pool(share, (WATER_T1, t2), FAT, B1, **(TRAIN | train)))[0]


def hann_sinc_slice(B1: float, layers: int = 60) -> dict[str, np.ndarray]:
    """Relative angles of Hann-windowed sinc pulses (time-bandwidth 4) at that B1, through half a slice and its margin,
    as arguments of `oracle`."""
    positions = (np.arange(layers) + 0.5) / layers
    gradient = slice_gradient(4.0, 1.0, 1.0)
    profiles = {}
    for name, nominal in (("excite", 90.0), ("refocus", 180.0)):
        waveform, dwell = hann_sinc_pulse(4.0, 1.0, 400, B1 * nominal)
        flip, _ = slice_profile_bloch(waveform, dwell, gradient, positions)
        profiles[f"{name}_profile"] = flip / np.deg2rad(B1 * nominal)
    return profiles


def series_of(magnitudes: np.ndarray) -> Series:
    """(m, n) samples as a series; m must be a multiple of 20."""
    image = 1000.0 * magnitudes.reshape(-1, 20, 1, magnitudes.shape[-1]).astype(np.float32)
    return Series(ArrayData(image), Grid.of(image.shape[:3], np.diag([1.0, 1.0, 5.0, 1.0])), ACQUISITION, "MESE")


def bound_of(point: Point, clean: np.ndarray, known_b1: bool) -> tuple[float, float]:
    """Rician Cramer-Rao sd of (T2, FF) by the oracle, with S0 and, unless known, B1 unknown as well."""

    def signal(theta: np.ndarray) -> np.ndarray:
        return theta[2] * oracle(theta[0], theta[1], point.B1 if known_b1 else theta[3])

    theta = [point.T2, point.FF, 1.0] + ([] if known_b1 else [point.B1])
    try:
        variance = np.diag(rician_crlb(signal, theta, clean[0] / point.snr))[:2]
    except np.linalg.LinAlgError:
        return float("inf"), float("inf")
    return float(np.sqrt(variance[0])), float(np.sqrt(variance[1]))


def evaluate(
    point: Point,
    draws: int,
    *,
    known_b1: bool,
    seed: int = 0,
    options: Options | None = None,
    bound: bool = False,
    **train,
) -> Result:
    """Fit ``draws`` (a multiple of 20) noisy copies of one point through the runner; ``train`` goes to the oracle."""
    clean = oracle(point.T2, point.FF, point.B1, **train)
    series = series_of(rician(clean, draws, np.random.default_rng(seed), snr=point.snr))
    known = {"B1": np.full(series.grid.shape, point.B1)} if known_b1 else {}
    chosen = options or Options(fat_t2=FAT[1], fat_t1=FAT[0], water_t1=WATER_T1)
    maps, _ = runner.run(BIOMARKER, {"mese": series}, chosen, known=known)
    bias, sd, rmse, covered = zip(*(_summary(maps[n], v) for n, v in (("T2", point.T2), ("FF", point.FF))), strict=True)
    t2, b1 = maps["T2"], maps["B1"]
    return Result(
        point, bias, sd, rmse, bound_of(point, clean, known_b1) if bound else (float("nan"), float("nan")), covered,
        poor=float((t2.reason == Reason.POORLY_DETERMINED).mean()),
        ambiguous=float((b1.reason == Reason.AMBIGUOUS).mean()),
        lost=float((~t2.valid).mean()),
        silent=float(((b1.reason == Reason.OK) & (np.abs(b1.values - point.B1) > 0.1)).mean()),
        b1_bias=float(np.mean(b1.values[b1.valid])) - point.B1 if b1.valid.any() else float("nan"),
    )  # fmt: skip


def _summary(m: Map, wanted: float) -> tuple[float, float, float, float]:
    """Bias, sd and RMSE of the values there are, and how often 1.96 predicted sd reach the truth."""
    values, sd = m.values.ravel().astype(float), m.sd.ravel()
    kept = np.isfinite(values)
    error = values[kept] - wanted
    covered = float(np.mean(np.abs(error) <= 1.96 * sd[kept]))
    return float(error.mean()), float(error.std(ddof=1)), float(np.sqrt((error**2).mean())), covered


COLUMNS = (
    "water T2 ms", "fat %", "B1", "bias T2 ms", "sd T2 ms", "covers %", "bias FF pts", "sd FF pts", "covers %",
    "poorly det. %", "B1 ambiguous %", "no T2 %",
)  # fmt: skip
HEAD = "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|"


def row(r: Result) -> str:
    """A result as a line of the table."""
    p = r.point
    cells = (
        f"{1e3 * p.T2:.0f}", f"{100 * p.FF:.0f}", f"{p.B1:.1f}", f"{1e3 * r.bias[0]:+.2f}", f"{1e3 * r.sd[0]:.2f}",
        f"{100 * r.covered[0]:.1f}", f"{100 * r.bias[1]:+.2f}", f"{100 * r.sd[1]:.2f}", f"{100 * r.covered[1]:.1f}",
        f"{100 * r.poor:.0f}", f"{100 * r.ambiguous:.0f}", f"{100 * r.lost:.1f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def table(snr: float, draws: int, known_b1: bool) -> str:
    """Every point of the grid at one signal-to-noise ratio."""
    grid = itertools.product((0.025, 0.04, 0.06), (0.0, 0.2, 0.4, 0.6), (0.6, 0.8, 1.0, 1.2))
    rows = [row(evaluate(Point(t2, ff, b1, snr), draws, known_b1=known_b1)) for t2, ff, b1 in grid]
    return "\n".join([HEAD, *rows])


INTRODUCTION = """# Accuracy of t2-water

Made by `python bench/accuracy_t2_water.py --write docs/accuracy/t2_water.md --draws {draws}`; {draws} draws a row,
fixed seed.

Signals come from the isochromat simulator of the tests, which shares no code with the fit: 17 echoes of 10 ms, ideal
pulses, water T1 1.4 s, fat T1 0.37 s and T2 0.15 s known to the fit, Rician noise, SNR {snr:.0f} (noise-free first
echo over sigma per channel). Non-negative amplitudes, noise estimated. Bias and sd are over the draws that have a
value; "covers" is the share of those within 1.96 predicted sd of the truth (95 is right); "poorly det." is the share
flagged because the predicted sd of water T2 exceeds 15 %; "B1 ambiguous" is the share where the twin 2 - B1 fits as
well; "no T2" is the share without a water T2, with a reason.

Near a fat fraction of zero non-negativity pulls both means off; `amplitudes = free` does not. With ideal pulses a B1
above 1 is reported as its twin below 1, flagged; water T2 and fat fraction are the same for both.
"""


def main() -> None:
    """The table, printed and perhaps written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--snr", type=float, default=50.0)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    parts = [INTRODUCTION.format(draws=given.draws, snr=given.snr)]
    for known_b1, title in ((True, "B1 given"), (False, "B1 fitted")):
        parts.append(f"## {title}\n\n{table(given.snr, given.draws, known_b1)}\n")
    text = "\n".join(parts)
    if given.write:
        given.write.parent.mkdir(parents=True, exist_ok=True)
        given.write.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
