"""Norms of few controls beside what people use: `python bench/norm_peers.py [--cohorts 100] [--pcntoolkit PYTHON] [--write FILE]`.

Simulated cohorts with known truth (`tests/oracles/norm_cohorts.py`, muscle T2): n controls, 200 other healthy people each. Ours with
and without literature; (x - mean) / SD; PCNtoolkit's Bayesian linear regression (`BLR()` as it comes, its inputs and outputs
standardised, and the same with its sinh-arcsinh warp), which gets the same covariates (age, sex, height, BMI) and the same
people. PCNtoolkit is under the GPL, so that it lives in an environment of its own and exchanges files with this program:

    python -m venv pcn && pcn/bin/pip install pcntoolkit
    python bench/norm_peers.py --pcntoolkit pcn/bin/python

Its log densities are of the standardised value, so the logarithm of the controls' SD is taken off. `--hbr N` adds its hierarchical
Bayesian regression (`HBR()` as it comes) for the first N cohorts of each size, one to two minutes each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from tests.oracles import norm_cohorts as nc
from tests.physics.norm_judging import Situation, scores

SIZES = (10, 20, 40)
BLR, WARPED, HBR = "PCNtoolkit BLR", "PCNtoolkit BLR, warped", "PCNtoolkit HBR"

#: what PCNtoolkit's own interpreter runs: cohorts from a file, deviates and log densities to a file
PCNTOOLKIT = """
import sys, tempfile, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import pcntoolkit
from pcntoolkit import BLR, HBR, NormativeModel, NormData
from pcntoolkit.util.output import Output
Output.set_show_messages(False)
Output.set_show_warnings(False)
given, found, which = sys.argv[1:4]
models = {"PCNtoolkit BLR": lambda: BLR("m"), "PCNtoolkit BLR, warped": lambda: BLR("m", warp_name="WarpSinhArcsinh", warp_reparam=True),
          "PCNtoolkit HBR": lambda: HBR("m", progressbar=False, cores=1)}
def table(name, X, y):
    one = np.zeros((len(y), 1)).astype(str)
    return NormData.from_ndarrays(name, X, y[:, None], one)
quiet = dict.fromkeys(("savemodel", "evaluate_model", "saveresults", "saveplots"), False)
z, logp = [], []
start = time.process_time()
with np.load(given) as cohorts, tempfile.TemporaryDirectory() as folder:
    for X, y, Xt, yt in zip(*(cohorts[k] for k in ("X", "y", "Xt", "yt"))):
        try:
            model = NormativeModel(models[which](), save_dir=folder, **quiet)
            model.fit(table("controls", X, y))
            tested = table("tested", Xt, yt)
            model.predict(tested)
            z.append(tested.Z.values.ravel())
            logp.append(tested.logp.values.ravel() - np.log(y.std()))
        except Exception as error:
            print("failed:", type(error).__name__, error, file=sys.stderr)
            z.append(np.full(len(yt), np.nan)); logp.append(np.full(len(yt), np.nan))
from importlib.metadata import version
np.savez(found, z=z, logp=logp, seconds=time.process_time() - start, version=version("pcntoolkit"))
"""


def covariates(cohort: nc.Cohort) -> np.ndarray:
    who = cohort.people
    return np.c_[who.age, who.sex == "M", who.height_m, who.bmi].astype(float)


def peer(python: Path, which: str, n: int, cohorts: int) -> list[str]:
    """The row of a peer's model, run in its own interpreter."""
    drawn = [Situation(nc.T2, n).draw(k) for k in range(cohorts)]
    sick = [d.tested.shifted(3.0) for d in drawn]
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
        np.savez(
            given,
            X=[covariates(d.controls) for d in drawn],
            y=[d.controls.value for d in drawn],
            Xt=[np.tile(covariates(d.tested), (2, 1)) for d in drawn],
            yt=[np.r_[d.tested.value, s.value] for d, s in zip(drawn, sick, strict=True)],
        )
        subprocess.run([str(python), "-c", PCNTOOLKIT, str(given), str(found), which], check=True)
        with np.load(found) as result:
            healthy, ill = np.split(result["z"], 2, axis=1)
            density, seconds = np.split(result["logp"], 2, axis=1)[0], float(result["seconds"])
            print(f"{which}: version {result['version']}", file=sys.stderr)
    made = np.isfinite(healthy).all(axis=1)
    truth = np.array([d.tested.log_density for d in drawn])
    wrong = (np.abs(healthy) > 1.96).mean(axis=1)[made]
    far, caught = (np.abs(healthy) > 2.576)[made].mean(), (ill > 1.96)[made].mean()
    loss = (truth - density)[made].mean()
    name = which if made.all() else f"{which} ({cohorts - made.sum()} of {cohorts} failed)"
    return line(n, name, len(wrong), wrong, far, caught, loss, seconds / cohorts)


def own(name: str, rule: str, literature: bool, n: int, cohorts: int) -> list[str]:
    start = time.process_time()
    found = scores(Situation(nc.T2, n, literature=literature), cohorts, rule)
    spent = (time.process_time() - start) / cohorts
    return line(n, name, cohorts, found.wrong, found.mean("far"), found.mean("found"), found.mean("loss"), spent)


def line(n, name, cohorts, wrong, far, caught, loss, seconds) -> list[str]:
    se = wrong.std(ddof=1) / np.sqrt(len(wrong)) if len(wrong) > 1 else np.nan
    return [
        str(n), name, str(cohorts), f"{100 * wrong.mean():.1f} +- {100 * se:.1f}", f"{100 * np.quantile(wrong, 0.9):.1f}",
        f"{100 * far:.1f}", f"{100 * caught:.0f}", f"{loss:+.3f}", f"{seconds:.2f}",
    ]  # fmt: skip


HEAD = ["controls", "who", "cohorts", "wrongly unusual, % (5)", "worst tenth, %", "beyond 2.58, % (1)",
        "+3 SD found, %", "nats lost", "CPU s a cohort"]  # fmt: skip


def rows(cohorts: int, python: Path | None, hbr: int):
    for n in SIZES:
        yield own("neuromyo, with literature", "ours", True, n, cohorts)
        yield own("neuromyo, controls alone", "ours", False, n, cohorts)
        yield own("(x - mean) / SD", "mean", False, n, cohorts)
        if python:
            yield peer(python, BLR, n, cohorts)
            yield peer(python, WARPED, n, cohorts)
            if hbr:
                yield peer(python, HBR, n, hbr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--pcntoolkit", type=Path, help="the Python of an environment with PCNtoolkit")
    parser.add_argument("--hbr", type=int, default=0, metavar="N", help="also HBR, for N cohorts of each size")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    if not given.pcntoolkit:
        print(
            "PCNtoolkit is left out: name the Python of an environment that has it, --pcntoolkit PYTHON",
            file=sys.stderr,
        )
    elif subprocess.run(
        [str(given.pcntoolkit), "-c", "import pcntoolkit"], capture_output=True, check=False
    ).returncode:
        sys.exit(
            f"{given.pcntoolkit} cannot import pcntoolkit: {given.pcntoolkit} -m pip install pcntoolkit, or leave --pcntoolkit out"
        )
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    print("\n".join(lines))
    for cells in rows(given.cohorts, given.pcntoolkit, given.hbr):
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    if given.write:
        given.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
