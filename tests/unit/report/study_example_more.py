"""The rest of the made-up study: correlations, reliability, sample size, a chain of causes, the flow of people."""

from __future__ import annotations

import numpy as np

from neuromyo.core.analysis import (
    Agreement,
    Analysis,
    Chain,
    Curves,
    Flow,
    Matrix,
    Mean,
    Scatter,
    Table,
    columns,
)
from tests.unit.report.study_example_people import GROUP, LABELS, UNIT, cohort


def correlate() -> Analysis:
    c = cohort()
    x, y = c["t2"][:11], c["cmap"][:11]
    slope, intercept = np.polyfit(x, y, 1)
    at = np.linspace(x.min(), x.max(), 30)
    fit = slope * at + intercept
    half = 0.8 + 0.05 * (at - x.mean()) ** 2 / 5
    scatter = Scatter(
        "t2-cmap",
        "CMAP amplitude against T2",
        x,
        y,
        UNIT,
        "cmap.amplitude/tibialis-anterior/right (mV)",
        GROUP[:11],
        LABELS[:11],
        (at, fit, fit - half, fit + half),
        "Line: least squares with 95 % band; n = 11.",
    )
    rows = ("T2/tibialis-anterior/right", "T1/tibialis-anterior/right", "volume/tibialis-anterior/right")
    cols = ("cmap.amplitude/tibialis-anterior/right", "mvic.torque/dorsiflexion/right", "ALSFRS-R")
    matrix = Matrix(
        "matrix",
        "All correlations",
        rows,
        cols,
        np.array([[-0.84, -0.81, -0.33], [0.12, -0.2, np.nan], [0.61, 0.76, 0.3]]),
        (("*", "*", ""), ("", "", ""), ("", "*", "")),
        "Pearson's r; *: adjusted p < .05",
        "n = 11 people with ALS.",
    )
    table = Table(
        "correlations",
        "Correlations",
        columns(
            ("variable", "", "", "text"),
            ("against", "", "", "text"),
            ("n", "pairs", "", "count"),
            ("r", "Pearson's r"),
            ("low", "lower end of the 95 % interval"),
            ("high", "upper end"),
            ("p", "", "", "p"),
            ("rho", "Spearman's"),
        ),
        (
            (rows[0], cols[0], 11, -0.841, -0.958, -0.483, 0.0012, -0.79),
            (rows[0], cols[1], 11, -0.81, -0.95, -0.4, 0.00249, -0.77),
            (rows[1], cols[0], 11, 0.12, -0.52, 0.67, 0.725, 0.1),
        ),
    )
    return Analysis(
        "correlate",
        "Imaging against electrophysiology and strength",
        ("T2 falls with CMAP amplitude: r = −0.84 (95 % interval −0.96 to −0.48; n = 11; p = .001).",),
        (table,),
        (scatter, matrix),
        ("Correlations are Pearson's with Fisher's interval (Fisher 1921).",),
        (),
        True,
    )


def agree() -> Analysis:
    rng = np.random.default_rng(5)
    truth = rng.normal(34, 4, 12)
    a, b = truth + rng.normal(0, 0.8, 12), truth + rng.normal(0.3, 0.8, 12)
    off = b - a
    sd = off.std(ddof=1)
    figure = Agreement(
        "bland-altman",
        "Second scan against first",
        (a + b) / 2,
        off,
        Mean(off.mean(), off.mean() - 0.7, off.mean() + 0.7, "bias"),
        Mean(off.mean() - 1.96 * sd, off.mean() - 1.96 * sd - 0.9, off.mean() - 1.96 * sd + 0.6, "lower limit"),
        Mean(off.mean() + 1.96 * sd, off.mean() + 1.96 * sd - 0.6, off.mean() + 1.96 * sd + 0.9, "upper limit"),
        "mean of the two, T2 (ms)",
        "second − first (ms)",
        (np.array([28.0, 40.0]), np.array([0.1, 0.5])),
        LABELS[:12],
        "Lines: bias and 95 % limits of agreement, bands: their exact 95 % intervals.",
    )
    return Analysis(
        "agree",
        "Reliability",
        (
            "Two scans of one person differ by less than 2.2 ms in 95 % (repeatability coefficient; interval 1.6 to 3.6 ms; n = 12).",
        ),
        (
            Table(
                "icc",
                "Intraclass correlation",
                columns(
                    ("form", "", "", "text"),
                    ("icc", "Shrout and Fleiss"),
                    ("icc_low", "95 % interval"),
                    ("icc_high", ""),
                ),
                (("ICC(2,1)", 0.957, 0.861, 0.987), ("ICC(3,1)", 0.961, 0.87, 0.99)),
            ),
        ),
        (figure,),
        (
            "Limits of agreement are those of Bland and Altman (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8).",
        ),
    )


def power() -> Analysis:
    n = np.arange(5.0, 105.0, 5.0)
    lines = {f"effect {d:g} SD": 1 / (1 + np.exp(-(n * d**2 / 4 - 2))) for d in (0.4, 0.6, 0.8)}
    figure = Curves(
        "power",
        "Power by size of the groups",
        n,
        lines,
        "people a group",
        "power",
        {"effect 0.6 SD": (lines["effect 0.6 SD"] - 0.05, np.minimum(lines["effect 0.6 SD"] + 0.05, 1))},
        0.8,
        None,
        "Two-sided test at 5 %; 15 % drop out.",
    )
    return Analysis(
        "power",
        "Sample size",
        ("45 people a group are needed for 80 % power to see a change of 0.6 SD.",),
        (),
        (figure,),
        ("Power is that of the noncentral t distribution.",),
    )


def chain() -> Analysis:
    nodes = ("fibular nerve: CSA", "CMAP of tibialis anterior", "T2 of tibialis anterior", "dorsiflexion strength")
    figure = Chain(
        "chain",
        "From nerve to strength",
        nodes,
        (
            (nodes[0], nodes[1], "r 0.55 (−0.07 to 0.87)", 0.55, False),
            (nodes[1], nodes[2], "r −0.84 (−0.96 to −0.48)", -0.84, True),
            (nodes[2], nodes[3], "r −0.81 (−0.95 to −0.40)", -0.81, True),
            (nodes[1], nodes[3], "r 0.77 (0.31 to 0.94)", 0.77, True),
        ),
        "Correlations with 95 % intervals; n = 11.",
    )
    return Analysis(
        "chain",
        "From nerve to strength",
        ("CMAP, T2 and strength follow each other; with 11 people nothing is said about what causes what.",),
        (),
        (figure,),
        (),
        (),
        True,
    )


def flow() -> Flow:
    return Flow(
        "flow",
        "Flow of people",
        {
            "ALS": (
                ("enrolled", 13, (("no scan", 1), ("claustrophobia", 1))),
                ("first visit", 11, (("died", 1), ("withdrew", 1))),
                ("second visit, 4 months", 9, ()),
                ("analysed for change", 9, ()),
            ),
            "control": (
                ("enrolled", 8, ()),
                ("first visit", 8, (("withdrew", 1),)),
                ("second visit, 4 months", 7, ()),
                ("analysed for change", 7, ()),
            ),
        },
    )
