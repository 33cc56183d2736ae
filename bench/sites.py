"""Bringing sites into line beside neuroCombat: the same equations give the same numbers, and what a new site with few controls costs.

    python bench/sites.py [--quick] [--peer PYTHON]      PYTHON: of an environment with neuroCombat

False positives: healthy people of a site known by 3, 5 or 10 controls, beyond 1.96 of a t reference of 80 harmonised controls of four
other sites. Sites shift with SD 0.5 and stretch with SD 0.15 (log); 6 features of one person correlate with 0.5.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from neuromyo.norms.harmonise import Harmoniser, Options

FEATURES, ALIKE = 6, 0.5
_PEER = """
import sys
import numpy as np, pandas as pd
from neuroCombat import neuroCombat
given = np.load(sys.argv[1])
covars = pd.DataFrame({"batch": given["batch"], "age": given["x"]})
for features in (given["y"].shape[0], 1):
    try:
        told = neuroCombat(dat=given["y"][:features], covars=covars, batch_col="batch", continuous_cols=["age"])["data"]
    except Exception as error:
        print("PEER", features, type(error).__name__, error)
        continue
    print("PEER", features, "not finite:", int((~np.isfinite(told)).sum()), "of", told.size)
    np.savez(sys.argv[2] if features > 1 else sys.argv[2] + ".one", data=told)
"""


def sites(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Shifts and stretches (count, features), partly alike in all features."""

    def made(sd: float) -> np.ndarray:
        return sd * (0.8 * rng.normal(size=(count, 1)) + 0.6 * rng.normal(size=(count, FEATURES)))

    return made(0.5), np.exp(made(0.15))


def people(rng: np.random.Generator, shift: np.ndarray, stretch: np.ndarray, n: int) -> np.ndarray:
    """(n, features) of one site."""
    e = np.sqrt(ALIKE) * rng.normal(size=(n, 1)) + np.sqrt(1 - ALIKE) * rng.normal(size=(n, FEATURES))
    return 40 + 3 * (shift + stretch * e)


def agreement(python: str) -> None:
    """The method ``combat`` and neuroCombat on one set of values."""
    rng = np.random.default_rng(0)
    shift, stretch = sites(rng, 3)
    counts = (20, 14, 30)
    y = np.concatenate([people(rng, shift[s], stretch[s], n) for s, n in enumerate(counts)])
    batch, x = np.repeat([0, 1, 2], counts), rng.normal(size=sum(counts))
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "given.npz", Path(folder) / "told.npz"
        np.savez(given, y=y.T, batch=batch, x=x)
        done = subprocess.run([python, "-c", _PEER, str(given), str(told)], capture_output=True, text=True)
        print(*[line for line in done.stdout.splitlines() if line.startswith("PEER")] or [done.stderr[-500:]], sep="\n")
        if not told.exists():
            return
        peer = np.load(told)["data"].T
    names = [f"s{k}" for k in batch]
    model = Harmoniser.fit(y, names, x[:, None], options=Options("combat"))
    expected = np.stack([m.expected(x[:, None]) for m in model.models], axis=1)
    smaller = np.sqrt((y.shape[0] - 4) / y.shape[0])  # neuroCombat divides residual squares by n
    ours = expected + smaller * (model.apply(y, names, x[:, None]).values - expected)
    print(f"largest difference from neuroCombat: {np.abs(ours - peer).max():.1e} of values around 40, SD 3")


def beyond(draws: int, controls: int) -> dict[str, np.ndarray]:
    """Percent beyond 1.96 of the new site's healthy people, and of people who are 3 SD above them."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        shift, stretch = sites(rng, 5)
        y = np.concatenate([people(rng, shift[s], stretch[s], 20) for s in range(4)])
        names = [f"s{s}" for s in range(4) for _ in range(20)]
        new, test = (people(rng, shift[4], stretch[4], n) for n in (controls, 50))
        sick = test + 3 * 3 * stretch[4]
        limit = stats.t.ppf(stats.norm.cdf(1.96), 79) * np.sqrt(1 + 1 / 80)

        def told(values: np.ndarray, centre: np.ndarray, sd: np.ndarray, limit: float = limit) -> tuple[float, float]:
            far = np.abs(values - centre) > limit * sd
            return float(far[:50].mean()), float(far[50:].mean())

        both = np.concatenate([test, sick])
        found.setdefault("as they are", []).append(told(both, y.mean(axis=0), y.std(axis=0, ddof=1)))
        for method in ("levels", "combat"):
            model = Harmoniser.fit(y, names, options=Options(method))
            reference = model.apply(y, names).values
            made = model.add_site("new", new).apply(both, ["new"] * 100)
            mean, sd = reference.mean(axis=0), reference.std(axis=0, ddof=1)
            found.setdefault(f"{method}, se left out", []).append(told(made.values, mean, sd))
            found.setdefault(f"{method}", []).append(told(made.values, mean, np.hypot(sd, made.se)))
    return {name: 100 * np.mean(v, axis=0) for name, v in found.items()}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--peer", default="")
    given = asked.parse_args()
    if given.peer:
        agreement(given.peer)
    for controls in (3, 5, 10):
        for name, (healthy, sick) in sorted(beyond(50 if given.quick else 400, controls).items()):
            print(f"{controls:3d} controls  {name:24s} healthy {healthy:5.1f} %   3 SD above {sick:5.1f} %")


if __name__ == "__main__":
    main()
