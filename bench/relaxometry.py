"""T1 and T2* beside what people use: `python bench/relaxometry.py [--quick] [--dosma PYTHON]`.

One thread each, one run, the same noisy magnitudes (Rician). Ratios count, not the numbers. Peers: `scipy.optimize.curve_fit` a voxel
(analytic Jacobian; log-linear start for T2*, linearised start for T1); the linearised T1 of two columns of products, as fast as
can be and biased; DOSMA's MonoExponentialFit for T2*, in an environment of its own, since it needs numpy < 2:

    python -m venv dosma && dosma/bin/pip install "numpy<2" dosma
    python bench/relaxometry.py --dosma dosma/bin/python
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fitting import Row, row
from scipy.optimize import curve_fit

from neuromyo.biomarkers import t1_vfa, t2star
from neuromyo.core.biomarker import Biomarker
from neuromyo.fit import runner
from neuromyo.physics.noise import rician

VFA, MEGRE = t1_vfa.BIOMARKER.typical["vfa"], t2star.BIOMARKER.typical["megre"]
TE = np.asarray(MEGRE.echo_times)
FLIPS, TR = np.deg2rad(VFA.flip_angles_deg), float(VFA.repetition_time or 0)

#: what DOSMA's own interpreter runs: signals from a file, milliseconds to a file
DOSMA = """
import sys, time, warnings
import numpy as np
from dosma.core.fitting import MonoExponentialFit
from dosma.core.med_volume import MedicalVolume
warnings.simplefilter("ignore")
given = np.load(sys.argv[1])
volumes = [MedicalVolume(np.ascontiguousarray(given["signal"][:, i, None, None], dtype=np.float64), np.eye(4))
           for i in range(given["signal"].shape[1])]
start = "polyfit" if sys.argv[3] == "polyfit" else float(sys.argv[3])
fit = MonoExponentialFit(bounds=(0, 500.0), tc0=start, decimal_precision=4, num_workers=0)
fit.fit(1e3 * given["times"], [v[:50] for v in volumes])
before = time.process_time()
found, _ = fit.fit(1e3 * given["times"], volumes)
np.savez(sys.argv[2], found=np.ravel(found.volume), seconds=time.process_time() - before)
"""


def ours(biomarker: Biomarker, signal: np.ndarray, options, quantity: str, known: dict | None = None) -> np.ndarray:
    """The quantity of every voxel, in the runner's blocks."""
    role, found = biomarker.series_roles[0], []
    for start in range(0, len(signal), runner.BLOCK):
        block = slice(start, start + runner.BLOCK)
        maps = {k: v[block] for k, v in (known or {}).items()}
        fit = runner.fit_signals(biomarker, {role: signal[block]}, biomarker.typical, options, known=maps)
        found.append(fit.values[quantity])
    return np.concatenate(found)


def one_by_one(signal: np.ndarray, fit: Callable[[np.ndarray], float]) -> np.ndarray:
    """A fit a voxel; NaN where it gives up."""
    out = np.full(len(signal), np.nan)
    for i, samples in enumerate(signal):
        try:
            out[i] = fit(samples)
        except RuntimeError:
            continue
    return out


def decay(samples: np.ndarray) -> float:
    """T2* by curve_fit."""
    slope, level = np.polyfit(TE[:5], np.log(samples[:5]), 1)
    (_, rate), _ = curve_fit(
        lambda t, s, r: s * np.exp(-t * r), TE, samples, p0=(np.exp(level), -slope),
        jac=lambda t, s, r: np.stack([np.exp(-t * r), -s * t * np.exp(-t * r)], axis=1),
    )  # fmt: skip
    return 1 / rate


def linearised(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T1, S0) by the straight line through S / sin over S / tan, all voxels at once."""
    x, y = signal / np.tan(FLIPS), signal / np.sin(FLIPS)
    mx, my = x.mean(axis=-1, keepdims=True), y.mean(axis=-1, keepdims=True)
    e1 = ((x - mx) * (y - my)).sum(axis=-1) / ((x - mx) ** 2).sum(axis=-1)
    e1 = np.clip(e1, 1e-3, 1 - 1e-4)
    return -TR / np.log(e1), (my[..., 0] - e1 * mx[..., 0]) / (1 - e1)


def recovery(samples: np.ndarray) -> float:
    """T1 by curve_fit."""
    t1, s0 = linearised(samples[None])

    def curve(a: np.ndarray, s: float, t: float) -> np.ndarray:
        e1 = np.exp(-TR / t)
        return s * np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a))

    def slopes(a: np.ndarray, s: float, t: float) -> np.ndarray:
        e1 = np.exp(-TR / t)
        below = 1 - e1 * np.cos(a)
        by_e1 = s * np.sin(a) * (np.cos(a) - 1) / below**2
        return np.stack([np.sin(a) * (1 - e1) / below, by_e1 * e1 * TR / t**2], axis=1)

    (_, found), _ = curve_fit(curve, FLIPS, samples, p0=(s0[0], t1[0]), jac=slopes)
    return found


def dosma(python: Path, signal: np.ndarray, start: str) -> tuple[np.ndarray, float]:
    """(T2* in s, CPU seconds) of DOSMA in its own interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, signal=signal, times=TE)
        subprocess.run([str(python), "-c", DOSMA, str(given), str(found), start], check=True)
        with np.load(found) as result:
            return 1e-3 * result["found"], float(result["seconds"])


def t2star_rows(rng: np.random.Generator, quick: bool, python: Path | None) -> list[Row]:
    """Gradient echoes at a signal-to-noise ratio of 100."""
    count, few = (40_000, 300) if quick else (400_000, 3_000)
    truth = rng.uniform(0.012, 0.045, count)
    signal = rician(100 * np.exp(-TE / truth[:, None]), 1.0, rng).astype(np.float32)
    plain, aware = t2star.Options(likelihood="least-squares"), t2star.Options(noise=1.0)
    b = t2star.BIOMARKER
    rows = [
        row("t2star", "neuromyo, least squares", truth, lambda: ours(b, signal, plain, "T2star"), 3),
        row("t2star", "neuromyo, Rician", truth, lambda: ours(b, signal, aware, "T2star"), 3),
        row("t2star", "curve_fit a voxel", truth, lambda: one_by_one(signal[:few], decay)),
    ]
    for start in ("polyfit", "30.0") if python else ():
        found, seconds = dosma(python, signal[:few], start)  # type: ignore[arg-type]
        error = 1e3 * (found - truth[:few])
        error = error[np.isfinite(error)]
        rmse = float(np.sqrt(np.mean(error**2)))
        rows.append(Row("t2star", f"DOSMA, tc0={start}", few, seconds, rmse, float(error.mean())))
    return rows


def t1_rows(rng: np.random.Generator, quick: bool) -> list[Row]:
    """Five flip angles at a signal-to-noise ratio of about 100, B1 known and nominal."""
    count, few = (40_000, 300) if quick else (400_000, 3_000)
    truth = rng.uniform(0.6, 2.0, count)
    clean = t1_vfa.simulate({"T1": truth, "S0": np.full(count, 2000.0)}, {"vfa": VFA}, t1_vfa.Options())["vfa"]
    signal = rician(clean, 1.0, rng).astype(np.float32)
    b1 = {"B1": np.ones(count, np.float32)}
    plain, aware = t1_vfa.Options(likelihood="least-squares"), t1_vfa.Options(noise=1.0)
    b = t1_vfa.BIOMARKER
    return [
        row("t1-vfa", "neuromyo, least squares", truth, lambda: ours(b, signal, plain, "T1"), 3),
        row("t1-vfa", "neuromyo, Rician", truth, lambda: ours(b, signal, aware, "T1"), 3),
        row("t1-vfa", "neuromyo, Rician, B1 map", truth, lambda: ours(b, signal, aware, "T1", b1), 3),
        row("t1-vfa", "linearised, all at once", truth, lambda: linearised(signal)[0], 3),
        row("t1-vfa", "curve_fit a voxel", truth, lambda: one_by_one(signal[:few], recovery)),
    ]


def main() -> None:
    """Tables printed as in `fitting.py`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the voxels")
    parser.add_argument("--dosma", type=Path, help="the Python of an environment with DOSMA")
    given = parser.parse_args()
    rng, start = np.random.default_rng(20261122), time.process_time()
    for b, quantity, options in (
        (t2star.BIOMARKER, "T2star", t2star.Options(noise=1.0)),
        (t1_vfa.BIOMARKER, "T1", t1_vfa.Options(noise=1.0)),
    ):
        signal = b.simulate({n: np.full(8, v) for n, v in b.example.items()}, b.typical, options)[b.series_roles[0]]
        for maps in ({}, {"B1": np.ones(8)} if quantity == "T1" else {}):
            ours(b, signal.astype(np.float32), options, quantity, maps)
    print(f"first use, tables and compilation: {time.process_time() - start:.1f} s\n")
    print(f"{'model':9} {'who':28} {'voxels':>8} {'vox/CPU-s':>11} {'ours over it':>13} {'RMSE ms':>8} {'bias ms':>8}")
    for rows in (t2star_rows(rng, given.quick, given.dosma), t1_rows(rng, given.quick)):
        for r in rows:
            ratio = rows[0].rate / r.rate
            print(
                f"{r.what:9} {r.who:28} {r.voxels:8d} {r.rate:11,.0f} {ratio:12.1f}x {r.rmse_ms:8.3f} {r.bias_ms:8.3f}"
            )


if __name__ == "__main__":
    main()
