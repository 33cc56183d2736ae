"""A process that compiles the kernel and one that loads it from the cache give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import hashlib
import numpy as np
from neuromyo.fit.separable import Axis, SeparableModel
axis = Axis("T2", 0.005, 0.5, 40, "log")
times = 0.01 * np.arange(1, 13)
model = SeparableModel([axis], [np.exp(-times / axis.nodes[:, None])])
rng = np.random.default_rng(3)
truth = rng.uniform(0.02, 0.08, 3000)
signal = np.abs(np.exp(-times / truth[:, None]) + 0.02 * rng.standard_normal((3000, 12)))
digest = hashlib.sha256()
for law in ("gauss", "rice"):
    fit = model.fit(signal, law=law)
    for part in (fit.theta, fit.amplitude, fit.covariance, fit.rss, fit.settled):
        digest.update(np.ascontiguousarray(part).tobytes())
print(digest.hexdigest())
"""


def test_compiled_here_or_loaded(tmp_path: Path) -> None:
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run() -> str:
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=True)
        return done.stdout

    compiled = run()
    assert list(tmp_path.rglob("*.nbc")), "nothing was cached, so the second run would not load anything"
    assert run() == compiled
