"""How honest norms are, on simulated healthy people whose truth is known.

    python bench/norm_calibration.py [--cohorts 1000] [--write docs/accuracy/norms.md]

Each cohort: n controls (muscle T2, SD 1.5 ms, that depends on age, sex, height and BMI, R2 about a quarter), three publications of 15
to 59 people whose means scatter by half an SD and whose SDs by a fifth, each with the slopes of its own regression, and 200 other
healthy people, who are compared. All from `tests/oracles/norm_cohorts.py`, which knows nothing of the engine; fixed seeds.

* *wrongly unusual*: healthy people with |z| > 1.96; 5 % is right. With its standard error over cohorts.
* *worst tenth*: one cohort of controls in ten makes a norm that is worse than this.
* *beyond 2.58*: 1 % is right. *+3 SD found*: people made ill by 3 of their own SD with z > 1.96; 85 % is the most there is.
* *nats lost*: log density under the truth less that under the norm, mean over people; 0 is the most there is.
* *interval*: how often the 95 % interval of the true deviate holds it, and its mean width in SD.
* *literature*: mean posterior weight of the published values (agreement).
* *conflict*: how often that is below 0.6, which is told (W-CONFLICT).
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
from tests.physics.norm_judging_wider import flagged_somewhere, sites_in_line

WHO = {
    "neuromyo, with literature": ("ours", True),
    "neuromyo, controls alone": ("ours", False),
    "regression, Student's t": ("t", False),
    "regression, plug-in z": ("plug-in", False),
    "(x - mean) / SD": ("mean", False),
}
HEAD = ["controls", "who", "wrongly unusual, %", "worst tenth, %", "beyond 2.58, %", "+3 SD found, %", "nats lost",
        "interval holds, %", "width, SD", "literature", "conflict, %"]  # fmt: skip
SITES = {"site_sd": 0.5, "site_log_sd": 0.1}


def number(value: float, digits: int, factor: float = 1.0) -> str:
    return f"{factor * value:.{digits}f}" if np.isfinite(value) else ""


def cells(first: str, who: str, found: Scores) -> list[str]:
    def mean(name: str) -> float:
        return found.mean(name)

    wrong = f"{100 * mean('wrong'):.1f} ± {100 * found.error('wrong'):.1f}"
    return [
        first, who, wrong, number(found.worst_tenth(), 1, 100), number(mean("far"), 1, 100), number(mean("found"), 0, 100),
        number(mean("loss"), 3), number(mean("covered"), 1, 100), number(mean("width"), 1), number(mean("agreement"), 2),
        number(found.in_conflict(), 0, 100),
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


def by_profile(cohorts: int) -> Iterator[list[str]]:
    for n in (10, 20, 40):
        found = np.array([flagged_somewhere(n, k) for k in range(cohorts)])
        yield [str(n), f"{100 * found[:, 0].mean():.1f} ± {100 * found[:, 0].std(ddof=1) / np.sqrt(cohorts):.1f}",
               *(f"{100 * found[:, j].mean():.0f}" for j in (1, 2))]  # fmt: skip


def by_harmonising(cohorts: int) -> Iterator[list[str]]:
    found = [sites_in_line(k) for k in range(cohorts)]
    for when, words in (("before", "as they are"), ("after", "harmonised")):
        apart, wrong, worst, ill = (
            np.mean([f[f"{name}_{when}"] for f in found]) for name in ("apart", "wrong", "worst", "found")
        )
        yield [words, f"{apart:.2f}", f"{100 * wrong:.1f}", f"{100 * worst:.1f}", f"{100 * ill:.0f}"]


T2 = nc.T2
#: title -> (what is to be said, head of the table, its rows)
TABLES = {
    "Few controls": ("", HEAD, lambda k: compared({str(n): Situation(T2, n) for n in (10, 20, 40, 100)}, k)),
    "Publications that print mean and SD alone": (
        "No slopes on age and body are published.",
        HEAD,
        lambda k: ours({str(n): Situation(T2, n, slopes=False) for n in (10, 20, 40)}, k),
    ),
    "Literature that is wrong": (
        "By 1, 2 or 3 SD, beside the half SD by which publications differ. Three of them that agree with one another and not with the "
        "controls may as well be a site that differs by 2 SD: the norm follows the controls in any case, and conflict is told as often "
        "as the last column says.",
        HEAD,
        lambda k: ours(
            {f"{n}, {off:g} SD": Situation(T2, n, off=off) for off in (1.0, 2.0, 3.0) for n in (10, 20, 40, 100)}, k
        ),
    ),
    "Spread that grows with age": (
        "Log SD rises by 0.25 per SD of age, 20 controls: wrongly unusual, %, among all, those under 33 and those over 67.",
        ["who", "all", "young", "old", "nats lost"],
        by_age,
    ),
    "A site of its own": (
        "Three sites of 12 controls, whose means scatter by half an SD and whose SDs by a tenth; the people compared are of a fourth "
        "site, with so many controls of its own.",
        HEAD,
        lambda k: compared(
            {f"{h} here": with_world(Situation(T2, 12, sites=3, here=h), **SITES) for h in (0, 3, 10)}, k
        ),
    ),
    "Other truths": (
        "Areas are log-normal, fat fractions logit-normal; a skewed T2 (skewness 1) is not what the norm assumes.",
        HEAD,
        lambda k: compared(
            {
                "20, area": Situation(nc.AREA, 20),
                "20, fat fraction": Situation(nc.FAT, 20),
                "20, skewed T2": with_world(Situation(T2, 20), skewed=True),
                "100, skewed T2": with_world(Situation(T2, 100), skewed=True),
            },
            k,
        ),
    ),
    "Both sides of ten people": (
        "Twenty values of ten people, whose sides agree by r = 0.85; the regressions take them for twenty people.",
        HEAD,
        lambda k: compared({"10": Situation(T2, 10, sides=True)}, k // 3),
    ),
    "Profiles of 16 levels": (
        "Healthy profiles that are flagged somewhere, %: by the band of all levels (5 is right), and by looking at each level "
        "alone; and profiles found that are ill by 4 SD over three neighbouring levels.",
        ["controls", "by the band", "level by level", "found, %"],
        lambda k: by_profile(k // 3),
    ),
    "Sites brought into line": (
        "Four scanners of 12 controls that shift by 0.8 SD and stretch by 15 %, the youngest people at the first and the oldest at the "
        "last. How far the sites' healthy people then lie apart (SD), and a norm of all of them that knows no sites.",
        ["values", "sites apart, SD", "wrongly unusual, %", "at the worst site, %", "+3 SD found, %"],
        lambda k: by_harmonising(k // 3),
    ),
}


def page(cohorts: int) -> str:
    command = f"python bench/norm_calibration.py --cohorts {cohorts} --write docs/accuracy/norms.md"
    out = ["# How honest norms are", "", f"Made by `{command}`; fixed seeds.", ""]
    out += [*(__doc__ or "").strip().split("\n")[4:], ""]
    for title, (words, head, rows) in TABLES.items():
        print(f"\n## {title}\n")
        out += [f"## {title}", "", *([words, ""] if words else []), *table(rows(cohorts), head)]
    return "\n".join(out).rstrip() + "\n"


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
