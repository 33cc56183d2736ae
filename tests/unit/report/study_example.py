"""A made-up study of 11 patients and 8 controls, two visits, and an analysis of each kind by hand: what the page is tried on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuromyo.core.analysis import (
    Agreement, Along, Analysis, Chain, Courses, Curves, Dots, Flow, Forest, Matrix, Mean, Scatter, Table, columns,
)  # fmt: skip
from neuromyo.core.errors import Finding
from neuromyo.report.study import StudyView

UNIT = "T2/tibialis-anterior/right (ms)"


def cohort(seed: int = 3) -> dict[str, np.ndarray]:
    """Severity and what follows from it: (n,) arrays; people 0 to 10 are patients."""
    rng = np.random.default_rng(seed)
    severity = np.concatenate([rng.beta(0.5, 1.1, 11), np.zeros(8)])
    t2 = 31 + 14 * severity + rng.normal(0, 1.2, 19)
    later = t2 + np.concatenate([rng.gamma(2, 1.2, 11), rng.normal(0, 0.5, 8)])
    cmap = np.maximum(8.5 - 7.5 * severity + rng.normal(0, 0.7, 19), 0.1)
    mvic = 260 - 210 * severity + rng.normal(0, 18, 19)
    later[[4, 9, 15]] = np.nan
    return {"severity": severity, "t2": t2, "later": later, "cmap": cmap, "mvic": mvic, "patient": np.arange(19) < 11}


LABELS = tuple(f"als{i:02d}" for i in range(1, 12)) + tuple(f"con{i:02d}" for i in range(1, 9))
GROUP = ("ALS",) * 11 + ("control",) * 8


def _mean(values: np.ndarray, label: str = "mean, 95 % interval") -> Mean:
    x = values[np.isfinite(values)]
    half = 2.2 * x.std(ddof=1) / np.sqrt(x.size)
    return Mean(float(x.mean()), float(x.mean() - half), float(x.mean() + half), label)


def group() -> Analysis:
    c = cohort()
    dots = Dots("t2", "T2 of the tibialis anterior by group", {"ALS": c["t2"][:11], "control": c["t2"][11:]},
                {"ALS": _mean(c["t2"][:11]), "control": _mean(c["t2"][11:])}, UNIT,
                "A dot a person; bar and whiskers: mean and 95 % interval; n = 11 and 8.")  # fmt: skip
    names = ("T2/tibialis-anterior/right", "T1/tibialis-anterior/right", "volume/tibialis-anterior/right", "FF/tibialis-anterior/right")
    g = (Mean(1.31, 0.32, 2.28, names[0]), Mean(0.21, -0.68, 1.1, names[1]), Mean(-0.4, -1.3, 0.52, names[2]), Mean(0.8, -0.1, 1.7, names[3]))
    tests = Table("tests", "Patients against controls", columns(
        ("variable", "what was measured", "", "text"), ("unit", "unit of the difference", "", "text"), ("n_als", "people of the group ALS", "", "count"),
        ("n_control", "people of the group control", "", "count"), ("difference", "mean of ALS less mean of control"),
        ("difference_low", "lower end of its 95 % interval"), ("difference_high", "upper end"), ("t", "Welch's t"), ("df", "its degrees of freedom"),
        ("p", "of Welch's t test", "", "p"), ("p_permutation", "exact permutation test", "", "p"), ("p_adjusted", "after Benjamini and Hochberg", "", "p"),
        ("g", "Hedges' g"), ("g_low", "lower end of its 95 % interval"), ("g_high", "upper end"), ("why", "why a number is missing", "", "text")),
        ((names[0], "ms", 11, 8, 5.2134, 1.52, 8.907, 2.98, 12.3, 0.0112, 0.0093, 0.037, 1.31, 0.32, 2.28, None),
         (names[1], "ms", 11, 8, 24.1, -61.2, 109.4, 0.6, 16.0, 0.557, 0.561, 0.557, 0.21, -0.68, 1.1, None),
         (names[2], "ml", 11, 8, -7.9, -24.3, 8.5, -1.02, 15.2, 0.324, 0.33, 0.43, -0.4, -1.3, 0.52, None),
         (names[3], "%", 11, 8, 6.04, -0.3, 12.4, 2.0, 11.1, 0.0496, 0.00004, 0.1, 0.8, -0.1, 1.7, None),
         ("MTR/tibial-nerve/right", "%", 3, 0, None, None, None, None, None, None, None, None, None, None, None, "no control has a value")),
        note="differences in the unit of the variable")  # fmt: skip
    levels = np.arange(0.0, 200.0, 10.0)
    patients = 22 + 6 * np.exp(-(((levels - 120) / 40) ** 2)) + np.sin(levels)
    controls = 21 + 0.5 * np.cos(levels / 9)
    profile = Along("profile", "Cross-section along the sciatic nerve", levels,
                    {"ALS": (patients, patients - 2.4, patients + 2.4), "control": (controls, controls - 1.6, controls + 1.6)},
                    (patients - controls) > 4.2, "distance from the ischial tuberosity (mm)", "CSA/sciatic-nerve/right (mm²)",
                    "Lines: means of 11 patients and 8 controls; bands: 95 % interval. Bar below: max-T adjusted p < .05.")  # fmt: skip
    return Analysis(
        "group", "Patients against controls",
        ("T2 of the right tibialis anterior was 5.2 ms higher in ALS than in control (95 % interval 1.5 to 8.9 ms; 11 against 8; exact permutation p = .009).",
         "T1 and volume did not separate the groups (p = .56 and .33)."),
        (tests,), (dots, Forest("effect", "Size of the differences", g, "Hedges' g", 0.0, "Hedges' g with exact 95 % intervals; 11 patients, 8 controls."), profile),
        ("Groups were compared by Welch's t test (Welch 1947, doi:10.1093/biomet/34.1-2.28) and by exact permutation of its t.",
         "Values were analysed as measured, without transformation.",
         "Effect sizes are Hedges' g with intervals from the noncentral t distribution (Hedges 1981, doi:10.3102/10769986006002107)."),
        (Finding("warn", "W-EXPLORATORY", "11 ALS, 8 control", "19 people are too few to confirm anything", "plan a larger study with the interval of g"),
         Finding("warn", "W-SPREAD", names[0], "the SD of ALS is 4 times that of control", "", "Student's t would be too bold; Welch's was used")),
        exploratory=True)  # fmt: skip


def change() -> Analysis:
    c = cohort()
    times = np.tile([0.0, 4.0], (19, 1)) + np.random.default_rng(1).normal(0, 0.15, (19, 2)) * [0, 1]
    values = np.column_stack([c["t2"], c["later"]])
    at = np.array([0.0, 4.0])
    means = {}
    for name, rows in (("ALS", slice(0, 11)), ("control", slice(11, 19))):
        m = np.nanmean(values[rows], axis=0)
        means[name] = (at, m, m - 1.7, m + 1.7)
    courses = Courses("courses", "T2 over four months", times, values, GROUP, LABELS, "time since the first visit (months)", UNIT, means,
                      {4: "died", 9: "withdrew", 15: "withdrew"}, "A line a person; thick: the model's mean with its 95 % interval.")  # fmt: skip
    delta = np.linspace(0, 6, 25)
    tipping = Curves("tipping", "How much worse must the missing have been?", delta, {"p of the group difference": 0.02 + 0.016 * delta**1.5},
                     "delta, added to missing changes (ms)", "p", {}, 0.05, 1.52, "3 of 19 people were missing at follow-up.")  # fmt: skip
    person = Table("people", "Each person's change", columns(("person", "label", "", "text"), ("group", "", "", "text"),
                   ("baseline", "value at the first visit", "ms"), ("follow_up", "value at the last visit", "ms"), ("change", "last less first", "ms"),
                   ("why", "why there is no change", "", "text")),
                   tuple((n, g, float(a), None if np.isnan(b) else float(b), None if np.isnan(b) else float(b - a), "did not come back" if np.isnan(b) else None)
                         for n, g, a, b in zip(LABELS, GROUP, c["t2"], c["later"], strict=True)))  # fmt: skip
    return Analysis("change", "Change over four months",
                    ("T2 rose by 2.5 ms in ALS (95 % interval 1.1 to 3.9 ms; n = 9; p = .003).", "Three of 19 people had no second visit: one died, two withdrew."),
                    (person,), (courses, tipping),
                    ("Values were analysed as measured, without transformation.", "Changes were compared by analysis of covariance (Vickers and Altman 2001, doi:10.1136/bmj.323.7321.1123)."),
                    (Finding("warn", "W-ABSENT", "3 of 19 people", "no value at the second visit", "see the tipping point"),), True)  # fmt: skip


def correlate() -> Analysis:
    c = cohort()
    x, y = c["t2"][:11], c["cmap"][:11]
    slope, intercept = np.polyfit(x, y, 1)
    at = np.linspace(x.min(), x.max(), 30)
    fit = slope * at + intercept
    half = 0.8 + 0.05 * (at - x.mean()) ** 2 / 5
    scatter = Scatter("t2-cmap", "CMAP amplitude against T2", x, y, UNIT, "cmap.amplitude/tibialis-anterior/right (mV)", GROUP[:11], LABELS[:11],
                      (at, fit, fit - half, fit + half), "Line: least squares with 95 % band; n = 11.")  # fmt: skip
    rows = ("T2/tibialis-anterior/right", "T1/tibialis-anterior/right", "volume/tibialis-anterior/right")
    cols = ("cmap.amplitude/tibialis-anterior/right", "mvic.torque/dorsiflexion/right", "ALSFRS-R")
    matrix = Matrix("matrix", "All correlations", rows, cols, np.array([[-0.84, -0.81, -0.33], [0.12, -0.2, np.nan], [0.61, 0.76, 0.3]]),
                    (("*", "*", ""), ("", "", ""), ("", "*", "")), "Pearson's r; *: adjusted p < .05", "n = 11 people with ALS.")  # fmt: skip
    table = Table("correlations", "Correlations", columns(("variable", "", "", "text"), ("against", "", "", "text"), ("n", "pairs", "", "count"), ("r", "Pearson's r"),
                  ("low", "lower end of the 95 % interval"), ("high", "upper end"), ("p", "", "", "p"), ("rho", "Spearman's")),
                  ((rows[0], cols[0], 11, -0.841, -0.958, -0.483, 0.0012, -0.79), (rows[0], cols[1], 11, -0.81, -0.95, -0.4, 0.00249, -0.77),
                   (rows[1], cols[0], 11, 0.12, -0.52, 0.67, 0.725, 0.1)))  # fmt: skip
    return Analysis("correlate", "Imaging against electrophysiology and strength", ("T2 falls with CMAP amplitude: r = −0.84 (95 % interval −0.96 to −0.48; n = 11; p = .001).",),
                    (table,), (scatter, matrix), ("Correlations are Pearson's with Fisher's interval (Fisher 1921).",), (), True)  # fmt: skip


def agree() -> Analysis:
    rng = np.random.default_rng(5)
    truth = rng.normal(34, 4, 12)
    a, b = truth + rng.normal(0, 0.8, 12), truth + rng.normal(0.3, 0.8, 12)
    off = b - a
    sd = off.std(ddof=1)
    figure = Agreement("bland-altman", "Second scan against first", (a + b) / 2, off, Mean(off.mean(), off.mean() - 0.7, off.mean() + 0.7, "bias"),
                       Mean(off.mean() - 1.96 * sd, off.mean() - 1.96 * sd - 0.9, off.mean() - 1.96 * sd + 0.6, "lower limit"),
                       Mean(off.mean() + 1.96 * sd, off.mean() + 1.96 * sd - 0.6, off.mean() + 1.96 * sd + 0.9, "upper limit"),
                       "mean of the two, T2 (ms)", "second − first (ms)", (np.array([28.0, 40.0]), np.array([0.1, 0.5])), LABELS[:12],
                       "Lines: bias and 95 % limits of agreement, bands: their exact 95 % intervals.")  # fmt: skip
    return Analysis("agree", "Reliability", ("Two scans of one person differ by less than 2.2 ms in 95 % (repeatability coefficient; interval 1.6 to 3.6 ms; n = 12).",),
                    (Table("icc", "Intraclass correlation", columns(("form", "", "", "text"), ("icc", "Shrout and Fleiss"), ("icc_low", "95 % interval"), ("icc_high", "")),
                           (("ICC(2,1)", 0.957, 0.861, 0.987), ("ICC(3,1)", 0.961, 0.87, 0.99))),), (figure,),
                    ("Limits of agreement are those of Bland and Altman (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8).",))  # fmt: skip


def power() -> Analysis:
    n = np.arange(5.0, 105.0, 5.0)
    lines = {f"effect {d:g} SD": 1 / (1 + np.exp(-(n * d**2 / 4 - 2))) for d in (0.4, 0.6, 0.8)}
    figure = Curves("power", "Power by size of the groups", n, lines, "people a group", "power", {"effect 0.6 SD": (lines["effect 0.6 SD"] - 0.05, np.minimum(lines["effect 0.6 SD"] + 0.05, 1))},
                    0.8, None, "Two-sided test at 5 %; 15 % drop out.")  # fmt: skip
    return Analysis("power", "Sample size", ("45 people a group are needed for 80 % power to see a change of 0.6 SD.",), (), (figure,), ("Power is that of the noncentral t distribution.",))


def chain() -> Analysis:
    nodes = ("fibular nerve: CSA", "CMAP of tibialis anterior", "T2 of tibialis anterior", "dorsiflexion strength")
    figure = Chain("chain", "From nerve to strength", nodes,
                   ((nodes[0], nodes[1], "r 0.55 (−0.07 to 0.87)", 0.55, False), (nodes[1], nodes[2], "r −0.84 (−0.96 to −0.48)", -0.84, True),
                    (nodes[2], nodes[3], "r −0.81 (−0.95 to −0.40)", -0.81, True), (nodes[1], nodes[3], "r 0.77 (0.31 to 0.94)", 0.77, True)),
                   "Correlations with 95 % intervals; n = 11.")  # fmt: skip
    return Analysis("chain", "From nerve to strength", ("CMAP, T2 and strength follow each other; with 11 people nothing is said about what causes what.",), (), (figure,), (), (), True)


def flow() -> Flow:
    return Flow("flow", "Flow of people", {
        "ALS": (("enrolled", 13, (("no scan", 1), ("claustrophobia", 1))), ("first visit", 11, (("died", 1), ("withdrew", 1))), ("second visit, 4 months", 9, ()), ("analysed for change", 9, ())),
        "control": (("enrolled", 8, ()), ("first visit", 8, (("withdrew", 1),)), ("second visit, 4 months", 7, ()), ("analysed for change", 7, ())),
    })  # fmt: skip


def analyses() -> tuple[Analysis, ...]:
    return group(), change(), correlate(), agree(), power(), chain()


def view(**more) -> StudyView:
    given = StudyView(
        "ALS at baseline and four months", analyses(), ("19 people in two groups: 11 ALS, 8 control", "two visits, 4.0 months apart (3.7 to 4.3)", "the analysis was not planned in a locked file"),
        flow(), (Finding("note", "N-STUDY", "participants.tsv", "two people of 21 have no scan"),), {"neuromyo": "9.9", "numpy": "2.0"},
        {"measurements.tsv": "sha256 " + "ab" * 32, "seed": "1427"}, {"methods.md": "methods.md", "tables/group-tests.tsv": "tables/group-tests.tsv"},
    )  # fmt: skip
    return replace(given, **more)


def every_figure():
    """One figure of each of the ten kinds."""
    found = {type(f).__name__: f for one in analyses() for f in one.figures}
    return {**found, "Flow": flow()}
