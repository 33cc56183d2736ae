"""How often bootstrap intervals hold the truth: `python bench/bootstrap_coverage.py [--datasets 10000] [--only mean,srm] [--write]`.

For each statistic, number of people and law of the data: data sets are simulated whose truth is known, an interval of 95 % is made
of each by every method, with the code that users run, and those that hold the truth are counted. `--write` replaces
`src/neuromyo/stats/coverage.tsv` (rows not asked for stay); `--page` makes `docs/accuracy/bootstrap.md` of it. One process a
statistic, `--processes` of them.

Normal data: correlation -0.6 (as of an MRI marker and CMAP), partial correlation -0.6 with one more column that correlates 0.3 with both,
SRM 1, ICC(2,1) 0.8 of two readers of different levels, correlations 0.7 and 0.5 of two markers that correlate 0.5,
indirect effect of paths 0.6 and 0.5 beside a direct path of 0.2. Skewed data: the same, each column turned into exp(0.75 z) (skewness 3.2);
the truth is then from four million people. Studentised intervals, which cost n times as much, are measured up to 15 people.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "src")]

from neuromyo.stats.bootstrap import resample, studentised
from neuromyo.stats.coverage import method_for, table
from neuromyo.stats.resampled import STATISTICS, TRANSFORMS

SIZES, LAWS, SEED = (8, 11, 15, 20, 30, 50), ("normal", "skewed"), 1427
MOST_STUDENTISED = 15
TABLE = PROJECT / "src/neuromyo/stats/coverage.tsv"
HEAD = ["statistic", "method", "n", "data", "coverage_percent", "datasets", "resamples"]
PAGE = """# How often bootstrap intervals hold the truth

Made by `python bench/bootstrap_coverage.py --page` from `src/neuromyo/stats/coverage.tsv`, which the same program measures. In
percent, of nominal 95 % intervals, with the code that users run and 1,000 samples an interval. The last row
says of how many simulated data sets a column is, studentised intervals apart (2,000): a coverage near 93 % is known to 0.3 points
(standard error) of 10,000, to 0.6 of 2,000.

*bca*: bias-corrected and accelerated; *bca-t*: the same with quantiles of t (`neuromyo.stats.bootstrap`); *studentised*: by t,
measured at 11 people only, since it costs n times as much. The method used is the one whose worst coverage, over both kinds of data
and all numbers of people, is the best, of those that cover at least 90 % at 11 people, normal data, and were measured at every
number of people. What is printed with an interval is the number of this table, or of the next smaller number of people; under eight
people no interval is given.

Normal data: correlation -0.6; partial correlation -0.6 with one covariate; SRM 1; ICC 0.8 of two readers of different levels;
correlations 0.7 and 0.5 of two markers that correlate 0.5; an indirect effect of paths 0.6 and 0.5. Skewed data: each column is
exp(0.75 z), skewness 3.2. What to learn: of strongly skewed changes no interval of the SRM is worth much, whatever the method; of
few people none is exact. Krippendorff's alpha of readers is measured by `bench/alpha_coverage.py`; its rows stand in the same table.
"""
#: log-normal margins exp(SHAPE z)
SHAPE = 0.75


def _mixed(between: list[list[float]]) -> np.ndarray:
    return np.linalg.cholesky(np.array(between))


ROOTS = {
    "mean": _mixed([[1.0]]),
    "srm": _mixed([[1.0]]),
    "correlation": _mixed([[1, -0.6], [-0.6, 1]]),
    "partial": _mixed([[1, -0.456, 0.3], [-0.456, 1, 0.3], [0.3, 0.3, 1]]),
    "icc": _mixed([[1, 0.8], [0.8, 1]]),
    "difference": _mixed([[1, 0.7, 0.5], [0.7, 1, 0.5], [0.5, 0.5, 1]]),
    "indirect": _mixed([[1, 0.6, 0.5], [0.6, 1, 0.62], [0.5, 0.62, 1]]),
}


def people(what: str, law: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, k) people."""
    root = ROOTS[what]
    z = rng.standard_normal((n, len(root))) @ root.T
    x = z if law == "normal" else np.exp(SHAPE * z)
    if what == "srm":
        x = x + (1.0 if law == "normal" else 0.0)
    return x + np.array([0.0, 0.3]) if what == "icc" else x


def truth(what: str, law: str) -> float:
    """The statistic of four million people."""
    rng = np.random.default_rng(SEED)
    parts = [STATISTICS[what](people(what, law, 400_000, rng)[None])[0] for _ in range(10)]
    return float(np.mean(parts))


def held(what: str, method: str, law: str, n: int, datasets: int, repeats: int) -> list[float]:
    """The share of intervals that hold the truth, in percent; of ``bca`` both, from the same samples."""
    right, statistic = truth(what, law), STATISTICS[what]
    count = np.zeros(2 if method == "bca" else 1)
    rng = np.random.default_rng([SEED, n, list(STATISTICS).index(what)])
    for seed in range(datasets):
        data = people(what, law, n, rng)
        if method == "studentised":
            found = [studentised(statistic, data, repeats, seed, transform=TRANSFORMS.get(what))]
        else:
            drawn = resample(statistic, data, repeats, seed)
            found = [drawn.ends(expand=False), drawn.ends(expand=True)]
        count += [one.low <= right <= one.high for one in found]
    return (100 * count / datasets).tolist()


def measure(job: tuple[str, str, str, int, int, int]) -> list[list[str]]:
    """Rows of the table."""
    what, method, law, n, datasets, repeats = job
    names = ("bca", "bca-t") if method == "bca" else (method,)
    return [[what, name, str(n), law, f"{share:.1f}", str(datasets), str(repeats)]
            for name, share in zip(names, held(what, method, law, n, datasets, repeats), strict=True)]  # fmt: skip


def page() -> str:
    """`docs/accuracy/bootstrap.md`: the table for people, and which method is used."""
    measured, names = table(), {"mean": "mean", "srm": "standardised response mean", "correlation": "correlation",
                                "partial": "partial correlation", "icc": "ICC(2,1)", "difference": "difference of two correlations",
                                "indirect": "standardised indirect effect"}  # fmt: skip
    lines = [
        PAGE,
        "| statistic | method | data | " + " | ".join(f"n = {n}" for n in SIZES) + " |",
        "| --- " * (3 + len(SIZES)) + "|",
    ]
    for what, words in names.items():
        for method in ("bca", "bca-t", "studentised"):
            for law in LAWS:
                rows = measured.get((what, method, law), {})
                cells = " | ".join(f"{100 * rows[n].share:.1f}" if n in rows else "" for n in SIZES)
                used = " (used)" if method == method_for(what) else ""
                lines.append(f"| {words} | {method}{used} | {law} | {cells} |")
    sets = [
        min(
            rows[n].datasets
            for (what, method, _), rows in measured.items()
            if what in names and method != "studentised" and n in rows
        )
        for n in SIZES
    ]
    lines.append("| simulated data sets | | | " + " | ".join(f"{count:,}" for count in sets) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--only", default=",".join(STATISTICS))
    parser.add_argument("--methods", default="bca,studentised")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--page", action="store_true", help="only write docs/accuracy/bootstrap.md from the table")
    given = parser.parse_args()
    if given.page:
        (PROJECT / "docs/accuracy/bootstrap.md").write_text(page())
        return
    sizes = [int(n) for n in given.sizes.split(",")]
    jobs = [(what, method, law, n, given.datasets, given.repeats) for n in sizes for what in given.only.split(",")
            for method in given.methods.split(",") for law in LAWS
            if method != "studentised" or n <= MOST_STUDENTISED]  # fmt: skip
    old = [line.split("\t") for line in TABLE.read_text().splitlines()[1:]] if TABLE.is_file() else []
    rows = {tuple(r[:4]): r for r in old}
    with ProcessPoolExecutor(given.processes) as pool:
        for found in pool.map(measure, jobs):
            for row in found:
                print("\t".join(row), flush=True)
                rows[tuple(row[:4])] = row
            if given.write:
                ordered = sorted(rows.values(), key=lambda r: (r[0], r[1], r[3], int(r[2])))
                TABLE.write_text("\n".join("\t".join(r) for r in [HEAD, *ordered]) + "\n")


if __name__ == "__main__":
    main()
