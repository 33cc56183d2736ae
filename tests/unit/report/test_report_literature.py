"""The forest plot of published values: bands of methods, no bar without a known SD, equal entries equal bytes."""

import re
from itertools import pairwise

import pytest

from neuromyo.core.errors import OptionError
from neuromyo.norms import literature
from neuromyo.report import literature as page
from neuromyo.report import literature_plot as plot


def of(quantity, **asked):
    return plot.shown(literature.select(quantity=quantity, **asked), quantity)


def test_a_band_for_each_method_and_a_row_for_each_value():
    found = of("MTR", structure="sciatic")
    drawn = plot.svg(found, "MTR")
    words = re.findall(r"<text[^>]*>([^<]+)</text>", drawn)
    methods = [w for w in words if w.startswith("MTR, protocol of")]
    assert len(methods) == len(set(methods)) == 5
    assert sum("n = " in w for w in words) == len(found.rows) == 12
    assert any(w.startswith("Do not compare across bands") for w in words)
    assert "Not drawn: 1 row without a value." in words
    assert {"healthy", "patients", "carriers without symptoms"} <= set(words)
    assert "39.4 % (+/- 2.1, SD or SEM not stated)" in words


def test_a_bar_only_where_an_sd_is_known():
    """Kollmer's ± has no bar: with its rows left out, as many bars are drawn."""
    figure = plot._figure(of("MTR", structure="sciatic"), "MTR")
    bars = [
        line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"
    ]
    assert len(bars) == 9
    assert sorted((round(sum(x) / 2, 2), round(x[1] - x[0], 2)) for x in bars)[1] == (26.75, 7.0)
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert len(dots) == 12


def test_healthy_and_patients_look_different():
    figure = plot._figure(of("FA", structure="ulnar", level="forearm"), "FA")
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [(d.get_marker(), d.get_markerfacecolor() == "white") for d in dots] == [("o", False), ("D", True)]


def test_methods_that_are_not_stated_say_so_and_numbers_are_in_order():
    found = of("FA", structure="nerve")
    methods = list(dict.fromkeys(e.method for e in found.rows))
    assert [m for m in methods if m[5:6].isdigit()] == [f"DTI, {n} directions" for n in (6, 11, 15, 32)]
    assert "DTI, directions not stated: these rows need not be of one method" in plot.svg(found, "FA")


def test_changes_and_reliability_are_not_drawn_but_told():
    assert of("T2").left_out == ("4 rows without a value", "8 rows with a change, difference or ratio")
    with pytest.raises(OptionError, match="plot of MTsat: needed a published value to draw"):
        of("MTsat")


def test_no_text_meets_its_neighbour():
    """What stands left of the axis ends before it, and the value before the study, for every quantity that can be drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for quantity in ("FA", "T2", "CSA"):
        figure = plot._figure(of(quantity), quantity)
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [t.get_window_extent(renderer) for t in figure.axes[0].texts]
        right = figure.bbox.x1
        assert all(box.x1 < right for box in boxes)
        for row in {round(b.y0 + b.y1) for b in boxes}:
            line = sorted((b for b in boxes if round(b.y0 + b.y1) == row), key=lambda b: b.x0)
            assert all(one.x1 < two.x0 for one, two in pairwise(line)), quantity


def test_equal_entries_are_equal_bytes_in_every_form():
    entries = literature.select(quantity="FA", structure="sural")
    effects = literature.covariate_effects()[:2]
    for name in ("a.svg", "a.png", "a.html"):
        once, again = (page.drawing(entries, "FA", effects, name) for _ in range(2))
        assert once == again and len(once) > 2000
    assert page.drawing(entries, "FA", (), "a.PNG").startswith(b"\x89PNG")
    with pytest.raises(OptionError, match=r"ends in .svg, .png, .html, found .pdf"):
        page.drawing(entries, "FA", (), "a.pdf")


def test_the_page_fetches_nothing_and_marks_what_was_recalled():
    entries = literature.select(quantity="MTR")
    text = page.drawing(entries, "MTR", literature.covariate_effects(), "a.html").decode()
    assert "Content-Security-Policy" in text and text.count("<tr>") == len(entries) + 1
    assert 'href="https://doi.org/10.1002/acn3.50953"' in text and "(recalled, unchecked)" in text
    assert "FA of nerve falls with age (r = -0.77; recalled: study and nerve not noted with the value)." in text
    assert not re.findall(r'(?:src|href)="(?!data:|https://doi\.org/)', text)


def test_reliability_in_words():
    assert page.reliability(literature.of("preisner2021-1")) == "ICC 0.75, wCV 6.4 % (derived), test-retest"
    assert page.reliability(literature.of("sharafi2021-1")) == "wCV <3 %, kind not stated"
    assert page.reliability(literature.of("dortch2014-1")) == ""
