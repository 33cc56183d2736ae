"""How often intervals of Krippendorff's alpha hold the truth: `python bench/alpha_coverage.py [--datasets 1000]` prints the rows of
`src/neuromyo/stats/coverage.tsv` of the statistic `alpha`, which it measures with the code that users run.

Three readers put people into five grades: a normal truth of each person plus normal error of 0.6 of its spread, cut at -1, -0.3, 0.3
and 1. Alpha of 20,000 people is taken for the true one (about 0.67).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "src")]

from neuromyo.stats import alpha

SIZES, READERS, ERROR, CUTS, SEED = (8, 11, 15, 20, 30, 50), 3, 0.6, (-1.0, -0.3, 0.3, 1.0), 1427


def graded(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, grades) how often each grade was given to each of n people."""
    seen = rng.standard_normal((n, 1)) + ERROR * rng.standard_normal((n, READERS))
    grades = np.digitize(seen, CUTS)
    return np.stack([(grades == g).sum(axis=1) for g in range(len(CUTS) + 1)], axis=1).astype(np.float64)


def share(n: int, datasets: int) -> float:
    """Of intervals that hold the truth, in percent."""
    truth = alpha.krippendorff(graded(20_000, np.random.default_rng(SEED))).value
    rng = np.random.default_rng([SEED, n])
    found = [alpha.krippendorff(graded(n, rng), seed=k) for k in range(datasets)]
    return 100 * float(np.mean([one.low <= truth <= one.high for one in found]))


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--datasets", type=int, default=1000)
    asked = given.parse_args()
    for size in SIZES:
        row = ("alpha", "percentile", size, "normal", f"{share(size, asked.datasets):.1f}", asked.datasets, alpha.DRAWS)
        print("\t".join(map(str, row)), flush=True)
