"""Statistics of studies beside pingouin: `python bench/study_peers.py [--pingouin PYTHON] [--sets 50]`.

The same seeded data go through our functions and through pingouin's, which is under the GPL and therefore lives in an environment of
its own and exchanges files with this program; printed are the largest differences over all sets.

    python -m venv pg && pg/bin/pip install pingouin
    python bench/study_peers.py --pingouin pg/bin/python

A comparison is one entry of `OURS` and one of `RUN` in `THEIRS` under the same name: data -> list of numbers. Hedges' g differs in the
fourth digit, pingouin taking 1 - 3 / (4 df - 1) for the correction for few people where ours is exact; Cohen's d does not.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "src")]

from neuromyo.stats.correlation import partial, pearson, spearman
from neuromyo.stats.effect_size import cohens_d, hedges_g
from neuromyo.stats.icc import FORMS, icc
from neuromyo.stats.repeated import within

PEOPLE = 11

#: what pingouin's interpreter runs: data from a file, numbers to a file
THEIRS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, pingouin as pg
pg.options["round"] = None
def p(row): return float(row[[c for c in row.index if c.lower().startswith("p") and "val" in c.lower()][0]])
def corr(d):
    row = pg.corr(d["x"], d["y"]).iloc[0]
    return [float(row["r"]), p(row)]
def ranks(d):
    return [float(pg.corr(d["x"], d["y"], method="spearman").iloc[0]["r"])]
def held(d):
    row = pg.partial_corr(pd.DataFrame({k: d[k] for k in ("x", "y", "age", "site")}), "x", "y", ["age", "site"]).iloc[0]
    return [float(row["r"]), p(row)]
def inside(d):
    row = pg.rm_corr(pd.DataFrame({"x": d["xs"], "y": d["ys"], "who": d["who"]}), "x", "y", "who").iloc[0]
    return [float(row["r"]), p(row), float(row["dof"])]
def agreement(d):
    rows = [(i, j, v) for i, r in enumerate(d["readings"]) for j, v in enumerate(r)]
    found = pg.intraclass_corr(pd.DataFrame(rows, columns=["case", "reader", "v"]), "case", "reader", "v")
    return [float(v) for v in found["ICC"]]
def effect(d):
    return [float(pg.compute_effsize(d["a"], d["b"], eftype="hedges"))]
def size(d):
    return [float(pg.compute_effsize(d["a"], d["b"], eftype="cohen"))]
RUN = {"pearson": corr, "spearman": ranks, "partial": held, "within people": inside, "ICC, six forms": agreement, "Hedges g": effect,
       "Cohen d": size}
given, found = sys.argv[1:3]
sets = json.load(open(given))
out = {}
for name, run in RUN.items():
    try:
        out[name] = [run(d) for d in sets]
    except Exception as error:
        out[name] = f"{type(error).__name__}: {error}"
out["version"] = pg.__version__
json.dump(out, open(found, "w"))
"""


def _corr(d: dict) -> list[float]:
    found = pearson(np.array(d["x"]), np.array(d["y"]))
    return [found.r, found.p]


def _held(d: dict) -> list[float]:
    found = partial(np.array(d["x"]), np.array(d["y"]), np.column_stack([d["age"], d["site"]]))
    return [found.r, found.p]


def _inside(d: dict) -> list[float]:
    found = within(np.array(d["xs"]), np.array(d["ys"]), np.array(d["who"]))
    return [found.r, found.p, found.df]


OURS: dict[str, Callable[[dict], list[float]]] = {
    "pearson": _corr,
    "spearman": lambda d: [spearman(np.array(d["x"]), np.array(d["y"]), repeats=1).r],
    "partial": _held,
    "within people": _inside,
    "ICC, six forms": lambda d: [icc(np.array(d["readings"]), form).value for form in FORMS],
    "Cohen d": lambda d: [cohens_d(np.array(d["a"]), np.array(d["b"])).value],
    "Hedges g": lambda d: [hedges_g(np.array(d["a"]), np.array(d["b"])).value],
}


def data(rng: np.random.Generator) -> dict[str, list]:
    """One set: eleven people with covariates, three visits of each, eight controls, and four readings of each."""
    age, site = rng.normal(50, 10, PEOPLE), (np.arange(PEOPLE) % 2).astype(float)
    x = rng.normal(35, 4, PEOPLE) + 0.1 * age
    y = 10 - 0.2 * x + 0.5 * site + rng.normal(0, 1, PEOPLE)
    level = np.repeat(rng.normal(0, 2, PEOPLE), 3)
    xs = level + rng.normal(0, 1, 3 * PEOPLE)
    ys = -level + 0.5 * xs + rng.normal(0, 1, 3 * PEOPLE)
    readings = rng.normal(0, 2, (PEOPLE, 1)) + rng.normal(0, 0.5, 4) + rng.normal(0, 1, (PEOPLE, 4))
    made = {"x": x, "y": y, "age": age, "site": site, "xs": xs, "ys": ys, "who": np.repeat(np.arange(PEOPLE), 3),
            "readings": readings, "a": rng.normal(1, 1, PEOPLE), "b": rng.normal(0, 1, 8)}  # fmt: skip
    return {name: values.tolist() for name, values in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pingouin", default=sys.executable, help="the Python of an environment that has pingouin")
    parser.add_argument("--sets", type=int, default=50)
    given = parser.parse_args()
    rng = np.random.default_rng(1427)
    sets = [data(rng) for _ in range(given.sets)]
    with tempfile.TemporaryDirectory() as folder:
        there, back = Path(folder, "given.json"), Path(folder, "found.json")
        there.write_text(json.dumps(sets))
        subprocess.run([given.pingouin, "-c", THEIRS, str(there), str(back)], check=True)
        theirs = json.loads(back.read_text())
    print(f"pingouin {theirs['version']}, {given.sets} sets of data; largest difference")
    for name, run in OURS.items():
        if isinstance(theirs[name], str):
            print(f"{name:16s} could not be compared: {theirs[name]}")
            continue
        ours = np.array([run(d) for d in sets])
        print(f"{name:16s} {np.abs(ours - np.array(theirs[name])).max():.1e}   {len(ours[0])} numbers a set")


if __name__ == "__main__":
    main()
