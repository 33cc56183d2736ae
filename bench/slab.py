"""A large slab under a memory budget: `python bench/slab.py [--biomarker t2-mono] [--size 256 256 40] [--echoes 32] [--mem-mb 1500]`.

Writes a BIDS folder with one gzipped multi-echo image of random T2 decays (whole numbers, as scanners store them) into a
temporary folder, then opens and estimates it in a child process, whose peak memory is told: the interpreter, the compiled code,
the input as unpacked within the budget, and the maps. Fails where the peak is above 2.5 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIMIT_MB = 2500
SPACING = 0.01
IMAGE = Path("sub-slab/anat/sub-slab_MESE")


def make(root: Path, size: tuple[int, int, int], echoes: int) -> None:
    """The folder: decays of 20 to 70 ms with noise, one slice at a time."""
    from neuromyo.core.grid import Grid
    from neuromyo.io import nifti_write, store

    rng = np.random.default_rng(20261121)
    times = SPACING * np.arange(1, echoes + 1)
    signal = np.empty((*size, echoes), dtype=np.int16)
    for z in range(size[2]):
        t2 = rng.uniform(0.02, 0.07, size[:2])
        clean = 1000 * np.exp(-times / t2[..., None])
        real, imaginary = rng.standard_normal((2, *clean.shape), dtype=np.float32)
        signal[:, :, z] = np.rint(np.hypot(clean + 5 * real, 5 * imaginary))
    path = root / IMAGE.with_suffix(".nii.gz")
    path.parent.mkdir(parents=True)
    nifti_write.write_image(path, signal, Grid.of(size, np.diag([1.0, 1.0, 5.0, 1.0])))
    meta = {"EchoTime": list(times), "RepetitionTimeExcitation": 3.0, "FlipAngle": 90}
    store.write_text(root / IMAGE.with_suffix(".json"), json.dumps(meta))
    store.write_text(root / "dataset_description.json", json.dumps({"Name": "slab", "BIDSVersion": "1.9.0"}))


def estimate(root: Path, name: str, memory_mb: int, threads: int) -> None:
    """In the child: open, fit, print the figures as JSON."""
    import importlib

    from neuromyo.fit import runner
    from neuromyo.io import bids, session

    module = importlib.import_module(f"neuromyo.biomarkers.{name.replace('-', '_')}")
    start, wall = time.process_time(), time.perf_counter()
    dataset = bids.index(root)
    opened = session.open_session(dataset, dataset.sessions[0], scratch=root / "scratch", memory_mb=memory_mb)
    if not opened.series:
        raise SystemExit(f"the slab could not be opened: {opened.errors}")
    ready = time.process_time()
    few = np.zeros(opened.series[0].grid.shape, dtype=bool)
    few[:16, :16, 0] = True
    series, options = {"mese": opened.series[0]}, module.Options()
    runner.run(module.BIOMARKER, series, options, mask=few, memory_mb=memory_mb)  # compiles where nothing is cached
    compiled = time.process_time()
    maps, _ = runner.run(module.BIOMARKER, series, options, threads=threads, memory_mb=memory_mb)
    done = time.process_time()
    values = maps["T2"].values
    print(json.dumps({
        "voxels": int(values.size),
        "fitted": float(np.isfinite(values).mean()),
        "median_ms": float(1e3 * np.nanmedian(values)),
        "open_s": ready - start,
        "first_use_s": compiled - ready,
        "fit_s": done - compiled,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024),
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--biomarker", default="t2-mono")
    parser.add_argument("--size", type=int, nargs=3, default=(256, 256, 40))
    parser.add_argument("--echoes", type=int, default=32)
    parser.add_argument("--mem-mb", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        estimate(given.child, given.biomarker, given.mem_mb, given.threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), tuple(given.size), given.echoes)
        command = [sys.executable, __file__, "--child", folder, "--biomarker", given.biomarker]
        command += ["--mem-mb", str(given.mem_mb), "--threads", str(given.threads)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(
        f"{given.biomarker}, {' x '.join(map(str, given.size))} voxels, {given.echoes} echoes, budget {given.mem_mb} MB, "
        f"{given.threads} thread(s): {found['voxels'] / found['fit_s']:,.0f} voxels per CPU-second "
        f"(opened in {found['open_s']:.1f} s, first use {found['first_use_s']:.1f} s, fitted in {found['fit_s']:.1f} s of CPU; "
        f"{100 * found['fitted']:.2f} % fitted, median {found['median_ms']:.1f} ms), peak memory {found['peak_mb']:,.0f} MB"
    )
    if found["peak_mb"] > LIMIT_MB:
        raise SystemExit(f"peak memory above {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
