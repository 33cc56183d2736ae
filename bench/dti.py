"""Diffusion tensors beside dipy: `python bench/dti.py [--quick]`.

One thread each, one run, the same Rician magnitudes of muscle-like tensors (b = 0, 500 s/mm2), masked, as dipy advises. dipy in
its documented settings: ``TensorModel(gtab, fit_method=...)``, whose default is WLS, and its serial engine, on a masked list of
voxels; NLLS with its analytic Jacobian (the default). ``tensors``: what is needed for the tensors alone, and ours with their
covariance; dipy's with their eigenvectors. ``whole``: both give FA, MD, AD, RD and the first axis, ours in graded maps with
a reason and an sd each. CPU seconds; ratios count, not the numbers: machines differ and this one may be busy.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from dipy.core.gradients import gradient_table
from dipy.reconst.dti import TensorFit, TensorModel

from neuromyo.biomarkers import dti
from neuromyo.core.acquisition import Acquisition
from neuromyo.fit import runner
from neuromyo.fit import tensor as fitting
from neuromyo.physics.diffusion import as_components, describe, tensor_signal
from neuromyo.physics.noise import rician

SNR = 40.0
Result = tuple[np.ndarray, np.ndarray, np.ndarray]
T = TypeVar("T")


def scheme(directions: int) -> Acquisition:
    z = (np.arange(directions) + 0.5) / directions
    turn, rim = np.pi * (3 - np.sqrt(5)) * np.arange(directions), np.sqrt(1 - z * z)
    g = np.concatenate([np.zeros((5, 3)), np.stack([rim * np.cos(turn), rim * np.sin(turn), z], axis=1)])
    return Acquisition(b_values=(0.0,) * 5 + (5e8,) * directions, b_vectors=tuple(map(tuple, g)))


def muscle(count: int, acquisition: Acquisition, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tensors (count, 6) and magnitudes (count, n) in single precision."""
    frames = np.linalg.qr(rng.standard_normal((count, 3, 3)))[0]
    values = np.sort(rng.uniform(1.1e-9, 1.5e-9, (count, 3)), axis=1)[:, ::-1] + np.array([0.6e-9, 0, 0])
    tensor = as_components(np.einsum("mik,mk,mjk->mij", frames, values, frames))
    clean = tensor_signal(np.full(count, 1000.0), tensor, acquisition.b_values, acquisition.b_vectors)
    return tensor, rician(clean, 1000.0 / SNR, rng).astype(np.float32)


def ours(signals: np.ndarray, acquisition: Acquisition, method: str) -> Result:
    options, found = dti.Options(method=method, noise=1000.0 / SNR), []
    for start in range(0, len(signals), runner.BLOCK):
        block = {"dwi": signals[start : start + runner.BLOCK]}
        found.append(runner.fit_signals(dti.BIOMARKER, block, {"dwi": acquisition}, options))
    fa, md, v1 = (np.concatenate([f.values[name] for f in found]) for name in ("FA", "MD", "V1"))
    return fa, md, v1


def our_tensors(signals: np.ndarray, acquisition: Acquisition, method: str) -> None:
    assert acquisition.b_values is not None and acquisition.b_vectors is not None
    model = fitting.TensorModel(acquisition.b_values, acquisition.b_vectors)
    for start in range(0, len(signals), runner.BLOCK):
        model.fit(signals[start : start + runner.BLOCK], method)


def dipys_tensors(signals: np.ndarray, acquisition: Acquisition, method: str) -> TensorFit:
    table = gradient_table(np.array(acquisition.b_values) * 1e-6, bvecs=np.array(acquisition.b_vectors))
    return TensorModel(table, fit_method=method.upper()).fit(signals)


def dipys(signals: np.ndarray, acquisition: Acquisition, method: str) -> Result:
    fit = dipys_tensors(signals, acquisition, method)
    _ = fit.ad, fit.rd
    return fit.fa, fit.md * 1e-6, fit.evecs[..., 0]


def timed(work: Callable[[], T], repeats: int) -> tuple[T, float]:
    best, result = float("inf"), work()
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return result, best


def accuracy(found: Result, tensor: np.ndarray) -> tuple[float, float, float]:
    """RMSE of FA, of MD in 10^-3 mm2/s, median angle in degrees."""
    true = describe(tensor[: len(found[0])])
    angle = np.degrees(np.arccos(np.clip(np.abs((found[2] * true.V1).sum(axis=-1)), 0, 1)))
    return (
        float(np.sqrt(np.nanmean((found[0] - true.FA) ** 2))),
        1e9 * float(np.sqrt(np.nanmean((found[1] - true.MD) ** 2))),
        float(np.nanmedian(angle)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the voxels")
    share = 10 if parser.parse_args().quick else 1
    rng = np.random.default_rng(20261121)
    print(f"{'volumes':>7} {'method':6} {'what':8} {'ours vox/CPU-s':>14} {'dipy vox/CPU-s':>14} {'ratio':>6} "
          f"{'RMSE FA, ours, dipy':>19} {'RMSE MD':>15} {'angle':>12} {'FA apart':>8}")  # fmt: skip
    for directions in (24, 60):
        acquisition = scheme(directions)
        tensor, signals = muscle(200_000 // share, acquisition, rng)
        for method, theirs in (("wls", 40_000 // share), ("nlls", 10_000 // share)):
            few = signals[:theirs]
            row = f"{directions + 5:7d} {method:6}"
            _, alone = timed(lambda s=signals, a=acquisition, m=method: our_tensors(s, a, m), 3)
            _, theirs_alone = timed(lambda s=few, a=acquisition, m=method: dipys_tensors(s, a, m), 2)
            print(f"{row} {'tensors':8} {rates(len(signals) / alone, theirs / theirs_alone)}")
            mine, seconds = timed(lambda s=signals, a=acquisition, m=method: ours(s, a, m), 3)
            peer, peers = timed(lambda s=few, a=acquisition, m=method: dipys(s, a, m), 2)
            pairs = zip(accuracy(mine, tensor), accuracy(peer, tensor), strict=True)
            errors = "   ".join(f"{a:6.4g} {b:6.4g}" for a, b in pairs)
            apart = float(np.nanmax(np.abs(mine[0][:theirs] - peer[0])))
            print(f"{row} {'whole':8} {rates(len(signals) / seconds, theirs / peers)}       {errors} {apart:8.1e}")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def rates(mine: float, peers: float) -> str:
    return f"{mine:14,.0f} {peers:14,.0f} {mine / peers:5.1f}x"


if __name__ == "__main__":
    main()
