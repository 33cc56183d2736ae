"""How fast, and how well, beside what people use: `python bench/fitting.py [--quick]`.

One thread each, one run, the same noisy signals (17 echoes of 10 ms, Rician). Ratios count, not the numbers: machines differ
and this one may be busy. Peers: `scipy.optimize.curve_fit` a voxel (analytic Jacobian, log-linear start, its fastest
documented settings); exhaustive matching of a dictionary of 100,000 atoms by one matrix product (single precision, blocks);
`scipy.optimize.least_squares` a voxel on the same two-component train.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit, least_squares

from neuromyo.biomarkers import t2_mono, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.fit import runner
from neuromyo.physics import epg
from neuromyo.physics.noise import rician

TE = tuple(0.01 * k for k in range(1, 18))
ACQUISITION = Acquisition(echo_times=TE)


@dataclass
class Row:
    what: str
    who: str
    voxels: int
    seconds: float
    rmse_ms: float
    bias_ms: float

    @property
    def rate(self) -> float:
        return self.voxels / self.seconds


def timed(work: Callable[[], np.ndarray], repeats: int) -> tuple[np.ndarray, float]:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return result, best


def row(what: str, who: str, t2: np.ndarray, work: Callable[[], np.ndarray], repeats: int = 1) -> Row:
    found, seconds = timed(work, repeats)
    error = 1e3 * (found - t2[: len(found)])
    error = error[np.isfinite(error)]
    return Row(what, who, len(found), seconds, float(np.sqrt(np.mean(error**2))), float(error.mean()))


def ours(module, signal: np.ndarray, options, known: dict | None = None) -> np.ndarray:
    found = []
    for start in range(0, len(signal), runner.BLOCK):
        block = slice(start, start + runner.BLOCK)
        maps = {k: v[block] for k, v in (known or {}).items()}
        found.append(
            runner.fit_signals(module.BIOMARKER, {"mese": signal[block]}, {"mese": ACQUISITION}, options, known=maps)
        )
    return np.concatenate([f.values["T2"] for f in found])


def mono(rng: np.random.Generator, quick: bool) -> list[Row]:
    count, few = (40_000, 300) if quick else (400_000, 3_000)
    t2 = rng.uniform(0.02, 0.07, count)
    times = np.asarray(TE)
    signal = rician(100 * np.exp(-times / t2[:, None]), 1.0, rng).astype(np.float32)

    def peer() -> np.ndarray:
        out = np.empty(few)
        for i in range(few):
            slope, level = np.polyfit(times[:8], np.log(signal[i, :8]), 1)
            fitted, _ = curve_fit(
                lambda t, s, r: s * np.exp(-t * r), times, signal[i], p0=(np.exp(level), -slope),
                jac=lambda t, s, r: np.stack([np.exp(-t * r), -s * t * np.exp(-t * r)], axis=1),
            )  # fmt: skip
            out[i] = 1 / fitted[1]
        return out

    options = t2_mono.Options()
    return [
        row("t2-mono", "neuromyo", t2, lambda: ours(t2_mono, signal, options), 3),
        row("t2-mono", "curve_fit a voxel", t2, peer),
    ]


def water(rng: np.random.Generator, quick: bool) -> list[Row]:
    count, some, few = (20_000, 1_000, 20) if quick else (200_000, 10_000, 200)
    t2, b1, ff = rng.uniform(0.03, 0.045, count), rng.uniform(0.7, 1.0, count), rng.uniform(0.1, 0.45, count)
    options = t2_water.Options(fat_t2=0.15, noise=0.5, likelihood="least-squares")
    rician_options = t2_water.Options(fat_t2=0.15, noise=0.5)
    truth = {"T2": t2, "B1": b1, "FF": ff, "S0": np.full(count, 100.0)}
    signal = rician(t2_water.simulate(truth, {"mese": ACQUISITION}, options)["mese"], 0.5, rng).astype(np.float32)

    grid_t2, grid_b1, grid_ff = np.geomspace(0.02, 0.06, 100), np.linspace(0.6, 1.0, 40), np.linspace(0, 0.6, 25)
    mesh = [m.ravel() for m in np.meshgrid(grid_t2, grid_b1, grid_ff, indexing="ij")]
    atoms = t2_water.simulate(
        {"T2": mesh[0], "B1": mesh[1], "FF": mesh[2], "S0": np.ones(len(mesh[0]))}, {"mese": ACQUISITION}, options
    )["mese"]
    atoms = (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(np.float32)

    def dictionary() -> np.ndarray:
        return np.concatenate([mesh[0][(signal[i : i + 250] @ atoms.T).argmax(axis=1)] for i in range(0, some, 250)])

    def voxelwise() -> np.ndarray:
        out = np.empty(few)
        for i in range(few):

            def misfit(p: np.ndarray, y: np.ndarray = signal[i]) -> np.ndarray:
                trains = epg.cpmg(17, 0.01, np.array([1.4, 0.37]), np.array([p[0], 0.15]), p[1])
                return p[2] * trains[0] + p[3] * trains[1] - y

            start = (0.035, 0.85, 0.7 * signal[i, 0], 0.3 * signal[i, 0])
            bounds = ([0.01, 0.5, 0, 0], [0.12, 1.0, np.inf, np.inf])
            out[i] = least_squares(misfit, start, bounds=bounds, x_scale=(0.01, 0.1, 10, 10)).x[0]
        return out

    return [
        row("t2-water", "neuromyo, least squares", t2, lambda: ours(t2_water, signal, options), 3),
        row("t2-water", "neuromyo, Rician", t2, lambda: ours(t2_water, signal, rician_options), 3),
        row("t2-water", "neuromyo, Rician, B1 map", t2, lambda: ours(t2_water, signal, rician_options, {"B1": b1}), 3),
        row("t2-water", f"dictionary of {len(atoms):,} atoms", t2, dictionary),
        row("t2-water", "least_squares a voxel", t2, voxelwise),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the voxels")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(20261121)
    start = time.process_time()
    for module, options in ((t2_mono, t2_mono.Options()), (t2_water, t2_water.Options(noise=1.0))):
        example = {k: np.full(8, v) for k, v in module.BIOMARKER.example.items()}
        signal = module.simulate(example, {"mese": ACQUISITION}, options)["mese"].astype(np.float32)
        ours(module, signal, options)
    print(
        f"first use, tables and compilation (seconds if compiled code was not cached before): {time.process_time() - start:.1f} s\n"
    )
    print(f"{'model':9} {'who':32} {'voxels':>8} {'vox/CPU-s':>11} {'ours over it':>13} {'RMSE ms':>8} {'bias ms':>8}")
    for rows in (mono(rng, quick), water(rng, quick)):
        reference = rows[0].rate
        for r in rows:
            print(
                f"{r.what:9} {r.who:32} {r.voxels:8d} {r.rate:11,.0f} {reference / r.rate:12.1f}x {r.rmse_ms:8.3f} {r.bias_ms:8.3f}"
            )
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
