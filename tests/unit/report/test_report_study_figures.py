"""The drawings against the data: places map back to values, every kind at its extremes, letters a journal can print."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from neuromyo.core.analysis import Agreement, Along, Chain, Courses, Curves, Dots, Flow, Forest, Matrix, Mean, Scatter
from neuromyo.report import study_axes as axes
from neuromyo.report.study import drawing, standalone
from neuromyo.report.study_figures import caption, told
from neuromyo.report.study_figures_chain import ranks
from neuromyo.report.study_figures_people import spread, swarm
from tests.unit.report import study_example as example

SVG = "{http://www.w3.org/2000/svg}"
NAN = math.nan
RNG = np.random.default_rng(0)
LONG = "water T2 of the extensor digitorum longus muscle after correction for the transmit field/right"


def root(figure) -> ET.Element:
    return ET.fromstring(standalone(figure, ("ALS", "control")))


def texts(tree: ET.Element, kind: str = "") -> list[tuple[float, float, str, str]]:
    return [
        (float(t.get("x", 0)), float(t.get("y", 0)), t.text or "", t.get("text-anchor", "start"))
        for t in tree.iter(SVG + "text")
        if kind in t.get("class", "")
    ]


def number(text: str) -> float | None:
    try:
        return float(text.replace("−", "-").replace(",", ""))
    except ValueError:
        return None


def marks(tree: ET.Element, kind: str = "mark") -> list[tuple[float, float]]:
    """Where markers are, those of legends left out (they stand below all numbers of the axis)."""
    found = [
        p.get("transform") for p in tree.iter(SVG + "path") if kind in p.get("class", "").split() and p.get("transform")
    ]
    return [tuple(float(v) for v in re.findall(r"-?[\d.]+", t)) for t in found]  # type: ignore[misc]


def axis(tree: ET.Element, which: str):
    """The map from places to values, read off the numbers at the ticks: those right-aligned are of the y axis, centred of the x axis."""
    anchor, k = ("end", 1) if which == "y" else ("middle", 0)
    said = [t for t in texts(tree, "tick") if t[3] == anchor and number(t[2]) is not None]
    line = Counter(t[1 - k] for t in said).most_common(1)[0][0]  # numbers within the plot stand elsewhere
    ticks = [(t[k] - (4 if k else 0), number(t[2])) for t in said if t[1 - k] == line]
    slope, start = np.polyfit([t[0] for t in ticks], [t[1] for t in ticks], 1)
    return lambda place: slope * place + start


def test_a_scatters_dots_lie_where_their_values_are():
    figure = next(f for f in example.correlate().figures if isinstance(f, Scatter))
    tree = root(figure)
    x, y = axis(tree, "x"), axis(tree, "y")
    got = [(x(a), y(b)) for a, b in marks(tree)]
    np.testing.assert_allclose(got, np.column_stack([figure.x, figure.y]), atol=0.02)


def test_dots_keep_their_heights_and_spread_without_overlap():
    figure = Dots("d", "t", {"ALS": RNG.normal(30, 2, 40), "control": np.round(RNG.normal(30, 2, 30))}, {}, "T2 (ms)")
    tree = root(figure)
    y = axis(tree, "y")
    got = marks(tree)
    np.testing.assert_allclose([y(b) for _, b in got], np.concatenate([*figure.groups.values()]), atol=0.05)
    assert all(math.hypot(a[0] - b[0], a[1] - b[1]) > 8 for a, b in combinations(got, 2))


def test_courses_begin_and_end_where_people_do():
    figure = next(f for f in example.change().figures if isinstance(f, Courses))
    tree = root(figure)
    left = [p for p in marks(tree) if p[0] < 400]
    ticks = [
        (t[0], number(t[2]))
        for t in texts(tree, "tick")
        if t[3] == "middle" and t[0] < 400 and number(t[2]) is not None
    ]
    slope, start = np.polyfit(*zip(*ticks, strict=True), 1)
    y = axis(tree, "y")
    known = np.isfinite(figure.values[:11])
    np.testing.assert_allclose([slope * a + start for a, _ in left], figure.times[:11][known], atol=0.02)
    np.testing.assert_allclose([y(b) for _, b in left], figure.values[:11][known], atol=0.05)
    signs = [t[2] for t in texts(tree, "tick") if ": " in t[2]]
    assert signs == ["died: 1", "withdrew: 2"] and len(marks(tree, "end")) == 3 + 2  # at the courses, and in the legend


def test_a_forests_squares_and_whiskers_are_its_numbers():
    figure = next(f for f in example.group().figures if isinstance(f, Forest))
    tree = root(figure)
    x = axis(tree, "x")
    np.testing.assert_allclose([x(a) for a, _ in marks(tree)], [m.value for m in figure.lines], atol=0.01)
    across = [e for e in tree.iter(SVG + "line") if e.get("class") == "estimate" and e.get("y1") == e.get("y2")]
    ends = [(x(float(e.get("x1", 0))), x(float(e.get("x2", 0)))) for e in across]
    np.testing.assert_allclose(ends, [(m.low, m.high) for m in figure.lines], atol=0.01)


def test_agreement_draws_bias_and_limits():
    figure = next(f for f in example.agree().figures if isinstance(f, Agreement))
    tree = root(figure)
    y = axis(tree, "y")
    lines = [y(float(e.get("y1", 0))) for e in tree.iter(SVG + "line") if e.get("class") in ("limit", "fitted")]
    np.testing.assert_allclose(lines, [figure.upper.value, figure.bias.value, figure.lower.value], atol=0.02)
    np.testing.assert_allclose([y(b) for _, b in marks(tree)], figure.difference, atol=0.02)


def test_curves_and_levels_to_mark():
    figure = next(f for f in example.change().figures if isinstance(f, Curves))
    tree = root(figure)
    x, y = axis(tree, "x"), axis(tree, "y")
    path = next(p.get("d", "") for p in tree.iter(SVG + "path") if p.get("class") == "mean g0")
    points = np.array([[float(v) for v in pair.split()] for pair in path[1:].split("L")])
    np.testing.assert_allclose([x(a) for a in points[:, 0]], figure.x, atol=0.02)
    np.testing.assert_allclose([y(b) for b in points[:, 1]], next(iter(figure.lines.values())), atol=2e-3)
    marked = [e for e in tree.iter(SVG + "line") if e.get("class") == "limit"]
    assert y(float(marked[0].get("y1", 0))) == pytest.approx(0.05, abs=2e-3) and x(
        float(marked[1].get("x1", 0))
    ) == pytest.approx(1.52, abs=0.02)


def test_the_bar_stands_where_the_difference_is_significant():
    figure = next(f for f in example.group().figures if isinstance(f, Along))
    tree = root(figure)
    x = axis(tree, "x")
    sure = figure.levels[np.asarray(figure.significant)]
    bar = next(e for e in tree.iter(SVG + "line") if e.get("class") == "sure")
    assert (
        sure.min() - 5 < x(float(bar.get("x1", 0))) < sure.min()
        and sure.max() < x(float(bar.get("x2", 0))) < sure.max() + 5
    )


def test_a_matrix_says_each_number_and_mark():
    figure = next(f for f in example.correlate().figures if isinstance(f, Matrix))
    said = [t[2] for t in texts(root(figure), "ink")]
    assert said == ["−0.84*", "−0.81*", "−0.33", "0.12", "−0.20", "–", "0.61", "0.76*", "0.30"]


EXTREMES = {
    "long names": Dots("d", "t", {f"{g}: {LONG}": RNG.normal(0, 1, 30) for g in "abcdef"}, {}, LONG),
    "two hundred equal": Dots(
        "d", "t", {"ALS": np.zeros(200), "control": RNG.normal(0, 1, 200)}, {"ALS": Mean(0, NAN, NAN)}, "x"
    ),
    "one person": Dots(
        "d", "t", {"ALS": np.array([3.0]), "control": np.array([NAN])}, {"control": Mean(NAN, NAN, NAN)}, "x"
    ),
    "no dots": Dots("d", "t", {"ALS": np.array([NAN, np.inf])}, {"ALS": Mean(NAN, NAN, NAN)}, "x"),
    "no groups": Dots("d", "t", {}, {}, "x"),
    "huge and small": Scatter(
        "s", "t", RNG.normal(0, 1e12, 20), RNG.normal(0, 1e-9, 20), "x (mm)", "y", ("a", "b") * 10
    ),
    "at the edge of floats": Scatter("s", "t", np.array([-1.7e308, 1.7e308]), np.array([5e-324, 1e-310]), "x", "y"),
    "one pair": Scatter("s", "t", np.array([1.0, NAN]), np.array([2.0, 1.0]), "x", "y", labels=("a", "b")),
    "no pair": Scatter("s", "t", np.array([1.0, NAN]), np.array([NAN, 1.0]), "x", "y", line=(np.arange(2.0),) * 4),
    "wild band": Scatter(
        "s",
        "t",
        np.arange(3.0),
        np.arange(3.0),
        "x",
        "y",
        line=(np.arange(3.0), np.arange(3.0), np.full(3, -np.inf), np.full(3, 1e9)),
    ),
    "two hundred lives": Courses(
        "c",
        "t",
        np.tile(np.arange(4.0), (200, 1)),
        RNG.normal(0, 1, (200, 4)),
        ("a", "b", "c", "d") * 50,
        tuple(map(str, range(200))),
        "months",
        "x",
        {},
        dict.fromkeys(range(0, 200, 7), "died"),
    ),
    "one visit": Courses(
        "c", "t", np.array([[0.0, 4.0]]), np.array([[30.0, NAN]]), ("ALS",), ("p",), "months", "x", {}, {0: "died"}
    ),
    "nobody": Courses("c", "t", np.zeros((0, 2)), np.zeros((0, 2)), (), (), "months", "x"),
    "sixty lines": Forest(
        "f",
        "t",
        (
            *tuple(Mean(RNG.normal(), -2.0, 2.0, LONG) for _ in range(58)),
            Mean(0.5, -1e6, 1e6, "wide"),
            Mean(NAN, NAN, NAN, "none"),
        ),
        "g",
    ),
    "ratio without bounds": Forest(
        "f", "t", (Mean(1.2, -np.inf, np.inf, "a"), Mean(1.1, 0.9, np.inf, "b")), "ratio", 1.0
    ),
    "no line": Forest("f", "t", (), "g"),
    "all alike": Agreement(
        "a", "t", np.full(4, 5.0), np.zeros(4), Mean(0, 0, 0), Mean(0, NAN, NAN), Mean(0, NAN, NAN), "x", "y"
    ),
    "no reading": Agreement(
        "a",
        "t",
        np.array([NAN]),
        np.array([NAN]),
        Mean(NAN, NAN, NAN),
        Mean(NAN, NAN, NAN),
        Mean(NAN, NAN, NAN),
        "x",
        "y",
    ),
    "curve of nothing": Curves(
        "c", "t", np.arange(3.0), {"a": np.full(3, NAN), "b": np.arange(3.0)}, LONG, LONG, {}, 0.5, NAN
    ),
    "nothing at all": Curves("c", "t", np.arange(3.0), {}, "x", "y"),
    "gaps": Along(
        "a",
        "t",
        np.arange(6.0),
        {"ALS": (np.array([1, 2, NAN, 3, 3, 3]),) * 3},
        np.array([0, 0, 0, 1, 0, 1], bool),
        "mm",
        "x",
    ),
    "one level": Along("a", "t", np.array([5.0]), {"ALS": (np.array([1.0]),) * 3}, np.array([True]), "mm", "x"),
    "fifty columns": Matrix("m", "t", (LONG,) * 3, (LONG,) * 50, RNG.uniform(-1, 1, (3, 50)), (("",) * 50,) * 3, "r"),
    "empty matrix": Matrix("m", "t", (), (), np.zeros((0, 0)), (), "r"),
    "web with a circle": Chain(
        "c",
        "t",
        ("a", "b", "c"),
        (
            ("a", "b", "x", 0.5, True),
            ("b", "c", "", NAN, False),
            ("c", "a", "back", -1.0, True),
            ("a", "z", "", 0, True),
        ),
    ),
    "no nodes": Chain("c", "t", (), ()),
    "five arms": Flow(
        "f", "t", {f"arm {k}": ((LONG, 120, ((LONG, 12),)), ("analysed", 104, (("lost", 1),))) for k in "ABCDE"}
    ),
    "no arms": Flow("f", "t", {}),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_are_drawn_without_a_word_of_the_machine(name):
    figure = EXTREMES[name]
    text = standalone(figure)
    tree = ET.fromstring(text)
    assert not re.search(r"\b(nan|inf|None)\b", text) and "e+" not in text
    wide, high = (float(v) for v in tree.get("viewBox", "").split()[2:])
    for x, y in marks(tree):
        assert -6 <= x <= wide + 6 and -6 <= y <= high + 6
    for x, y, said, anchor in texts(tree):
        width = axes.wide_of(said, axes.SMALL) * 0.9
        left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
        assert -8 <= left <= wide and 0 < y <= high + 1, said


@pytest.mark.parametrize(
    "kind", ["Dots", "Scatter", "Courses", "Forest", "Agreement", "Curves", "Along", "Matrix", "Chain", "Flow"]
)
def test_a_file_for_a_journal(kind):
    figure = example.every_figure()[kind]
    text = standalone(figure)
    tree = ET.fromstring(text)
    wide_mm, units = float(tree.get("width", "").removesuffix("mm")), float(tree.get("viewBox", "").split()[2])
    assert wide_mm in (85, 170)
    style = tree.find(SVG + "style").text  # type: ignore[union-attr]
    sizes = [float(v) for v in re.findall(r"font-size: ([\d.]+)px", style or "")]
    assert sizes and min(sizes) * wide_mm / units * 72 / 25.4 >= 7.0
    used = {c for e in tree.iter() for c in e.get("class", "").split()}
    assert all(f".{c}" in (style or "") for c in used - {"name", "ink", "open", "faint", "above", "below", "none"}), (
        used
    )
    assert (tree.find(SVG + "desc").text or "") == caption(figure)  # type: ignore[union-attr]
    assert text == standalone(figure) and "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_groups_look_alike_wherever_they_come():
    swapped = Dots("d", "t", {"control": np.array([1.0]), "ALS": np.array([2.0])}, {}, "x")
    kinds = [p.get("class") for p in root(swapped).iter(SVG + "path")]
    assert kinds == ["mark g1", "mark g0"]


def test_groups_differ_in_grey_too():
    assert len(set(axes.SHAPES)) == 6 and len({axes.style(i) for i in range(6)}) == 6


def test_labels_do_not_lie_on_each_other():
    figure = example.every_figure()["Chain"]
    boxes = [
        (x if a == "start" else x - axes.wide_of(s, 12) / 2, y, axes.wide_of(s, 12))
        for x, y, s, a in texts(root(figure))
    ]
    for (x, y, w), (u, v, k) in combinations(boxes, 2):
        assert abs(y - v) >= 13 or x + w * 0.9 < u or u + k * 0.9 < x
    assert [round(p) for p in spread([10.0, 11.0, 12.0, 60.0], 14.0)] == [10, 24, 38, 60]


def test_hostile_words_stay_words():
    figure = Scatter(
        "s",
        "<script>alert(1)</script>",
        np.arange(3.0),
        np.arange(3.0),
        '"><svg onload=x>',
        "y",
        ("<b>", "b", "b"),
        ("<i>", "", ""),
    )
    for text in (standalone(figure), str(drawing(figure))):
        assert "<script" not in text and "<svg onload" not in text and "<b>" not in text and "<i>" not in text


def test_captions_say_how_many():
    assert (
        caption(Dots("d", "t", {"ALS": np.array([1.0, NAN]), "control": np.array([2.0])}, {}, "x"))
        == "n = 1 (ALS), 1 (control)."
    )
    assert (
        caption(Dots("d", "t", {"ALS": np.array([1.0])}, {}, "x", "A dot a person; n = 1")) == "A dot a person; n = 1."
    )
    assert told(example.flow())[0].startswith(
        "ALS: enrolled 13 (then left: 1 no scan, 1 claustrophobia); first visit 11"
    )


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 1e-9], "x (10⁻⁹)"),
        ([2e6, 9e6], "x (10⁶)"),
        ([0.0, 0.0], "x"),
        ([5.0], "x"),
        ([], "x"),
        ([1e-3, 99_999.0], "x"),
    ],
)
def test_rulers_count_in_powers_of_ten_where_numbers_are_long(values, ticks):
    made = axes.ruler(values, 0, 100)
    assert made.named("x") == ticks and len(made.ticks(5)) >= 2
    assert all(0 <= made(v) <= 100 for v in values) and all(len(said) <= 8 for _, said in made.ticks(5))


def test_words_are_wrapped_and_cut_in_the_middle():
    lines = axes.wrapped("T2/extensor-digitorum-longus/right and more", 90, most=9)
    assert "".join(lines).replace(" ", "") == "T2/extensor-digitorum-longus/rightandmore" and all(
        axes.wide_of(w) <= 90 for w in lines
    )
    assert axes.wrapped("x" * 500, 50, most=2)[-1].endswith("…") and len(axes.wrapped("x" * 500, 50, most=2)) == 2
    assert axes.shortened("cmap.amplitude/tibialis-anterior/right", 120).endswith("/right")


def test_rows_of_a_chain_follow_its_arrows():
    assert ranks(("a", "b", "c", "d"), [("a", "b"), ("b", "d"), ("a", "c"), ("d", "a")]) == [["a"], ["b", "c"], ["d"]]


def test_a_swarm_is_as_wide_as_it_must_be_and_no_wider():
    assert swarm([0.0, 100.0], 30) == [0.0, 0.0]
    shifts = swarm([0.0] * 50, 30)
    assert max(map(abs, shifts)) <= 30 and len(set(shifts)) > 20
    assert max(map(abs, swarm([0.0] * 5000, 30))) <= 30
