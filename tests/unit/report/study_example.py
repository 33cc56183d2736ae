"""A made-up study of 11 patients and 8 controls, two visits, and an analysis of each kind by hand: what the page is tried on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuromyo.core.analysis import (
    Along,
    Analysis,
    Courses,
    Curves,
    Dots,
    Forest,
    Mean,
    Table,
    columns,
)
from neuromyo.core.errors import Finding
from neuromyo.report.study import StudyView
from tests.unit.report.study_example_more import agree, chain, correlate, flow, power
from tests.unit.report.study_example_people import GROUP, LABELS, UNIT, cohort


def _mean(values: np.ndarray, label: str = "mean, 95 % interval") -> Mean:
    x = values[np.isfinite(values)]
    half = 2.2 * x.std(ddof=1) / np.sqrt(x.size)
    return Mean(float(x.mean()), float(x.mean() - half), float(x.mean() + half), label)


def group() -> Analysis:
    c = cohort()
    dots = Dots(
        "t2",
        "T2 of the tibialis anterior by group",
        {"ALS": c["t2"][:11], "control": c["t2"][11:]},
        {"ALS": _mean(c["t2"][:11]), "control": _mean(c["t2"][11:])},
        UNIT,
        "A dot a person; bar and whiskers: mean and 95 % interval; n = 11 and 8.",
    )
    names = (
        "T2/tibialis-anterior/right",
        "T1/tibialis-anterior/right",
        "volume/tibialis-anterior/right",
        "FF/tibialis-anterior/right",
    )
    g = (
        Mean(1.31, 0.32, 2.28, names[0]),
        Mean(0.21, -0.68, 1.1, names[1]),
        Mean(-0.4, -1.3, 0.52, names[2]),
        Mean(0.8, -0.1, 1.7, names[3]),
    )
    tests = Table(
        "tests",
        "Patients against controls",
        columns(
            ("variable", "what was measured", "", "text"),
            ("unit", "unit of the difference", "", "text"),
            ("n_als", "people of the group ALS", "", "count"),
            ("n_control", "people of the group control", "", "count"),
            ("difference", "mean of ALS less mean of control"),
            ("difference_low", "lower end of its 95 % interval"),
            ("difference_high", "upper end"),
            ("t", "Welch's t"),
            ("df", "its degrees of freedom"),
            ("p", "of Welch's t test", "", "p"),
            ("p_permutation", "exact permutation test", "", "p"),
            ("p_adjusted", "after Benjamini and Hochberg", "", "p"),
            ("g", "Hedges' g"),
            ("g_low", "lower end of its 95 % interval"),
            ("g_high", "upper end"),
            ("why", "why a number is missing", "", "text"),
        ),
        (
            (names[0], "ms", 11, 8, 5.2134, 1.52, 8.907, 2.98, 12.3, 0.0112, 0.0093, 0.037, 1.31, 0.32, 2.28, None),
            (names[1], "ms", 11, 8, 24.1, -61.2, 109.4, 0.6, 16.0, 0.557, 0.561, 0.557, 0.21, -0.68, 1.1, None),
            (names[2], "ml", 11, 8, -7.9, -24.3, 8.5, -1.02, 15.2, 0.324, 0.33, 0.43, -0.4, -1.3, 0.52, None),
            (names[3], "%", 11, 8, 6.04, -0.3, 12.4, 2.0, 11.1, 0.0496, 0.00004, 0.1, 0.8, -0.1, 1.7, None),
            (
                "MTR/tibial-nerve/right",
                "%",
                3,
                0,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                "no control has a value",
            ),
        ),
        note="differences in the unit of the variable",
    )
    levels = np.arange(0.0, 200.0, 10.0)
    patients = 22 + 6 * np.exp(-(((levels - 120) / 40) ** 2)) + np.sin(levels)
    controls = 21 + 0.5 * np.cos(levels / 9)
    profile = Along(
        "profile",
        "Cross-section along the sciatic nerve",
        levels,
        {"ALS": (patients, patients - 2.4, patients + 2.4), "control": (controls, controls - 1.6, controls + 1.6)},
        (patients - controls) > 4.2,
        "distance from the ischial tuberosity (mm)",
        "CSA/sciatic-nerve/right (mm²)",
        "Lines: means of 11 patients and 8 controls; bands: 95 % interval. Bar below: max-T adjusted p < .05.",
    )
    return Analysis(
        "group",
        "Patients against controls",
        (
            "T2 of the right tibialis anterior was 5.2 ms higher in ALS than in control (95 % interval 1.5 to 8.9 ms; "
            "11 against 8; exact permutation p = .009).",
            "T1 and volume did not separate the groups (p = .56 and .33).",
        ),
        (tests,),
        (
            dots,
            Forest(
                "effect",
                "Size of the differences",
                g,
                "Hedges' g",
                0.0,
                "Hedges' g with exact 95 % intervals; 11 patients, 8 controls.",
            ),
            profile,
        ),
        (
            "Groups were compared by Welch's t test (Welch 1947, doi:10.1093/biomet/34.1-2.28) and by exact permutation of its t.",
            "Values were analysed as measured, without transformation.",
            "Effect sizes are Hedges' g with intervals from the noncentral t distribution (Hedges 1981, doi:10.3102/10769986006002107).",
        ),
        (
            Finding(
                "warn",
                "W-EXPLORATORY",
                "11 ALS, 8 control",
                "19 people are too few to confirm anything",
                "plan a larger study with the interval of g",
            ),
            Finding(
                "warn",
                "W-SPREAD",
                names[0],
                "the SD of ALS is 4 times that of control",
                "",
                "Student's t would be too bold; Welch's was used",
            ),
        ),
        exploratory=True,
    )


def change() -> Analysis:
    c = cohort()
    times = np.tile([0.0, 4.0], (19, 1)) + np.random.default_rng(1).normal(0, 0.15, (19, 2)) * [0, 1]
    values = np.column_stack([c["t2"], c["later"]])
    at = np.array([0.0, 4.0])
    means = {}
    for name, rows in (("ALS", slice(0, 11)), ("control", slice(11, 19))):
        m = np.nanmean(values[rows], axis=0)
        means[name] = (at, m, m - 1.7, m + 1.7)
    courses = Courses(
        "courses",
        "T2 over four months",
        times,
        values,
        GROUP,
        LABELS,
        "time since the first visit (months)",
        UNIT,
        means,
        {4: "died", 9: "withdrew", 15: "withdrew"},
        "A line a person; thick: the model's mean with its 95 % interval.",
    )
    delta = np.linspace(0, 6, 25)
    tipping = Curves(
        "tipping",
        "How much worse must the missing have been?",
        delta,
        {"p of the group difference": 0.02 + 0.016 * delta**1.5},
        "delta, added to missing changes (ms)",
        "p",
        {},
        0.05,
        1.52,
        "3 of 19 people were missing at follow-up.",
    )
    person = Table(
        "people",
        "Each person's change",
        columns(
            ("person", "label", "", "text"),
            ("group", "", "", "text"),
            ("baseline", "value at the first visit", "ms"),
            ("follow_up", "value at the last visit", "ms"),
            ("change", "last less first", "ms"),
            ("why", "why there is no change", "", "text"),
        ),
        tuple(
            (
                n,
                g,
                float(a),
                None if np.isnan(b) else float(b),
                None if np.isnan(b) else float(b - a),
                "did not come back" if np.isnan(b) else None,
            )
            for n, g, a, b in zip(LABELS, GROUP, c["t2"], c["later"], strict=True)
        ),
    )
    return Analysis(
        "change",
        "Change over four months",
        (
            "T2 rose by 2.5 ms in ALS (95 % interval 1.1 to 3.9 ms; n = 9; p = .003).",
            "Three of 19 people had no second visit: one died, two withdrew.",
        ),
        (person,),
        (courses, tipping),
        (
            "Values were analysed as measured, without transformation.",
            "Changes were compared by analysis of covariance (Vickers and Altman 2001, doi:10.1136/bmj.323.7321.1123).",
        ),
        (Finding("warn", "W-ABSENT", "3 of 19 people", "no value at the second visit", "see the tipping point"),),
        True,
    )


def analyses() -> tuple[Analysis, ...]:
    return group(), change(), correlate(), agree(), power(), chain()


def view(**more) -> StudyView:
    given = StudyView(
        "ALS at baseline and four months",
        analyses(),
        (
            "19 people in two groups: 11 ALS, 8 control",
            "two visits, 4.0 months apart (3.7 to 4.3)",
            "the analysis was not planned in a locked file",
        ),
        flow(),
        (Finding("note", "N-STUDY", "participants.tsv", "two people of 21 have no scan"),),
        {"neuromyo": "9.9", "numpy": "2.0"},
        {"measurements.tsv": "sha256 " + "ab" * 32, "seed": "1427"},
        {"methods.md": "methods.md", "tables/group-tests.tsv": "tables/group-tests.tsv"},
    )
    return replace(given, **more)


def every_figure():
    """One figure of each of the ten kinds."""
    found = {type(f).__name__: f for one in analyses() for f in one.figures}
    return {**found, "Flow": flow()}
