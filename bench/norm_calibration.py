"""How honest norms are, on simulated healthy people whose truth is known.

    python bench/norm_calibration.py [--cohorts 1000] [--write docs/accuracy/norms.md]

Each cohort: n controls (muscle T2, SD 1.5 ms, that depends on age, sex, height and BMI, R2 about a quarter), three publications of 15
to 59 people whose means scatter by half an SD and whose SDs by a fifth, and 200 other healthy people, who are compared. All from
`tests/oracles/norm_cohorts.py`, which knows nothing of the engine; fixed seeds.

* *wrongly unusual*: healthy people with |z| > 1.96; 5 % is right. With its standard error over cohorts.
* *worst tenth*: one cohort of controls in ten makes a norm that is worse than this.
* *beyond 2.58*: 1 % is right. *+3 SD found*: people made ill by 3 of their own SD with z > 1.96; 85 % is the most there is.
* *nats lost*: log density under the truth less that under the norm, mean over people; 0 is the most there is.
* *interval*: how often the 95 % interval of the true deviate holds it, and its mean width in SD.
* *literature*: mean posterior weight of the published values.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from tests.oracles import norm_cohorts as nc
from tests.physics.norm_judging import Scores, Situation, scores, with_world

WHO = {
    "neuromyo, with literature": ("ours", True),
    "neuromyo, controls alone": ("ours", False),
    "regression, Student's t": ("t", False),
    "regression, plug-in z": ("plug-in", False),
    "(x - mean) / SD": ("mean", False),
}
HEAD = ["controls", "who", "wrongly unusual, %", "worst tenth, %", "beyond 2.58, %", "+3 SD found, %", "nats lost",
        "interval holds, %", "width, SD", "literature"]  # fmt: skip
SITES = {"site_sd": 0.5, "site_log_sd": 0.1}


def number(value: float, digits: int, factor: float = 1.0) -> str:
    return f"{factor * value:.{digits}f}" if np.isfinite(value) else ""


def cells(first: str, who: str, found: Scores) -> list[str]:
    def mean(name: str) -> float:
        values = getattr(found, name)
        return float(np.mean(values)) if np.isfinite(values).all() else np.nan

    wrong = f"{100 * mean('wrong'):.1f} ± {100 * found.error('wrong'):.1f}"
    return [
        first, who, wrong, number(found.worst_tenth(), 1, 100), number(mean("far"), 1, 100), number(mean("found"), 0, 100),
        number(mean("loss"), 3), number(mean("covered"), 1, 100), number(mean("width"), 1), number(mean("agreement"), 2),
    ]  # fmt: skip


def table(rows: Iterator[list[str]], head: list[str]) -> list[str]:
    out = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    print("\n".join(out))
    for row in rows:
        out.append("| " + " | ".join(row) + " |")
        print(out[-1], flush=True)
    return [*out, ""]


def compared(situations: dict[str, Situation], cohorts: int) -> Iterator[list[str]]:
    """Every rule in every situation; ours both ways."""
    for first, situation in situations.items():
        for who, (rule, literature) in WHO.items():
            yield cells(first, who, scores(replace(situation, literature=literature), cohorts, rule))


def ours(situations: dict[str, Situation], cohorts: int, who: str = "neuromyo, with literature") -> Iterator[list[str]]:
    rule, _ = WHO[who]
    for first, situation in situations.items():
        yield cells(first, who, scores(situation, cohorts, rule))


def by_age(cohorts: int) -> Iterator[list[str]]:
    situation = with_world(Situation(nc.T2, 20), log_sd_slope=0.25)
    for who, (rule, literature) in WHO.items():
        found = scores(replace(situation, literature=literature), cohorts, rule)
        yield [
            who,
            *(number(found.mean(name), 1, 100) for name in ("wrong", "young", "old")),
            number(found.mean("loss"), 3),
        ]


def page(cohorts: int) -> str:
    t2 = nc.T2
    out = [
        "# How honest norms are",
        "",
        f"Made by `python bench/norm_calibration.py --cohorts {cohorts} --write docs/accuracy/norms.md`.",
        "",
    ]
    out += [*(__doc__ or "").strip().split("\n")[4:], "", "## Few controls", ""]
    out += table(compared({str(n): Situation(t2, n) for n in (10, 20, 40, 100)}, cohorts), HEAD)
    out += ["## Literature that is wrong by 2 SD", ""]
    out += table(ours({str(n): Situation(t2, n, off=2.0) for n in (10, 20, 40, 100)}, cohorts), HEAD)
    out += [
        "## Spread that grows with age",
        "",
        "Log SD rises by 0.25 per SD of age, 20 controls: wrongly unusual, %, among all, those under 33 and those over 67.",
        "",
    ]
    out += table(by_age(cohorts), ["who", "all", "young", "old", "nats lost"])
    out += [
        "## Sites",
        "",
        "Three sites of 12 controls, whose means scatter by half an SD and whose SDs by a tenth; the people compared are of a fourth site.",
        "",
    ]
    at = {f"{here} here": with_world(Situation(t2, 12, sites=3, here=here), **SITES) for here in (0, 3, 10)}
    out += table(compared(at, cohorts), HEAD)
    out += [
        "## Other truths",
        "",
        "Areas are log-normal, fat fractions logit-normal, as the norm assumes; a skewed T2 (skewness 1) is not what it assumes.",
        "",
    ]
    others = {
        "20, area": Situation(nc.AREA, 20),
        "20, fat fraction": Situation(nc.FAT, 20),
        "10, both sides": Situation(t2, 10, sides=True),
        "20, skewed T2": with_world(Situation(t2, 20), skewed=True),
        "100, skewed T2": with_world(Situation(t2, 100), skewed=True),
    }
    out += table(compared(others, cohorts), HEAD)
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    made = page(given.cohorts)
    if given.write:
        given.write.write_text(made)


if __name__ == "__main__":
    main()
