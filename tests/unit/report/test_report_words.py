"""Numbers and sentences: figures, signs, units; the methods text; the summary's choice of region; plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.report import captions, wording
from neuromyo.report.captions import headline_region
from neuromyo.report.figures import Dot, distributions, dot_plot, sample_plot
from neuromyo.report.methods_text import gather_assumptions, methods_md, readable
from neuromyo.report.svg import Axis, nice_ticks, tick_text
from neuromyo.report.view import SeriesLine


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (33.14159, "33.1"),
        (3.14159, "3.14"),
        (0.0123, "0.012"),
        (1234.5, "1,234"),
        (-2.5, "−2.50"),
        (-0.0001, "0.000"),
        (0.0, "0.000"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_numbers(value: float, said: str) -> None:
    assert wording.number(value) == said


def test_a_spread_takes_the_decimals_of_its_value() -> None:
    assert wording.number(2.234, like=33.1) == "2.2"
    assert wording.number(0.0481, like=33.1, more=1) == "0.05"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9999, "> 99.9 %"),
        (0.0001, "< 0.1 %"),
        (0.9, "90 %"),
        (0.0412, "4.1 %"),
        (0.997, "99.7 %"),
    ],
)
def test_shares_never_round_to_all_or_nothing(share: float, said: str) -> None:
    assert wording.percent(share) == said


def test_units_are_typeset() -> None:
    assert wording.with_unit(1.45, "10^-3 mm2/s") == "1.45 10⁻³ mm²/s"
    assert wording.with_unit(0.5, "1") == "0.500"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the field is absent", "The field is absent."),
        ("sub-01_MESE.nii.gz: needed 10 bytes", "sub-01_MESE.nii.gz: needed 10 bytes."),
        ("T2 of fat", "T2 of fat."),
        ("water-fat, split!", "Water-fat, split!"),
        ("", ""),
    ],
)
def test_sentences_keep_the_letters_of_names(text: str, said: str) -> None:
    assert wording.sentence(text) == said


def test_listing() -> None:
    assert [wording.listing(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_series_line_says_what_is_stated_and_what_is_not() -> None:
    data = ArrayData(np.zeros((4, 4, 2, 3)))
    grid = Grid.of((4, 4, 2), np.diag([3.0, 3.0, 12.0, 1.0]))
    series = Series(
        data, grid, Acquisition(echo_times=(0.0076, 0.0152, 0.0228)), "MESE", files=("a.nii.gz", "b.nii.gz")
    )
    line = SeriesLine.of(series)
    assert line.echo_times == "3 echoes, 7.6 to 22.8 ms, spacing 7.6 ms"
    assert (line.repetition_time, line.voxel_size, line.file) == ("not stated", "3 × 3 × 12 mm", "a.nii.gz and 1 more")
    uneven = replace(series, acquisition=Acquisition(echo_times=(0.01, 0.02, 0.05), repetition_time=2.45))
    assert SeriesLine.of(uneven).echo_times == "10, 20, 50 ms"
    assert SeriesLine.of(uneven).repetition_time == "2450 ms"


def test_the_summary_speaks_of_muscle_else_of_the_largest_that_is_not_fat_or_bone() -> None:
    rows = [
        {"region": n, "volume_ml": v} for n, v in (("subcutaneous-fat", 900.0), ("soleus", 300.0), ("tibialis", 100.0))
    ]
    assert headline_region(rows) == "soleus"
    assert headline_region([*rows, {"region": "muscle", "volume_ml": 5.0}]) == "muscle"
    assert headline_region(rows[:1]) == "subcutaneous-fat"
    assert headline_region([]) == ""


def test_methods_text_has_options_assumptions_and_sources(view) -> None:
    biomarkers = view.biomarkers
    assumptions = gather_assumptions(view.maps)
    text = methods_md(biomarkers, {"toy-water": {"refocusing_pulse": "sinc"}}, assumptions, {"neuromyo": "0.1.0"})
    for said in (
        "neuromyo 0.1.0",
        "(`toy-water`)",
        "sum of water and fat",
        "water T2 (ms)",
        "| refocusing\\_pulse | sinc |",
        "| fat\\_t2 | not given |",
        "refocusing\\_angle\\_deg = 180 (toy-water)",
        "1. <https://doi.org/10.1002/mrm.22487>",
    ):
        assert said in text, said
    assert text == methods_md(
        biomarkers, {"toy-water": {"refocusing_pulse": "sinc"}}, assumptions, {"neuromyo": "0.1.0"}
    )


def test_methods_text_cannot_be_broken_into_markup(view) -> None:
    evil = Assumption("x", "<script>|`*\n# heading", "because", "mese")
    text = methods_md(view.biomarkers, {}, ((evil, ("toy-water",)),))
    assert "<script" not in text.replace("\\<script", "")
    assert "\n# heading" not in text


def test_formulas_are_written_in_plain_letters() -> None:
    text = r""".. math:: S_n = w\,\mathrm{EPG}_n(T_{2w}) + \frac{a}{b}\,e^{-t}, \qquad \alpha \le 180 \left(x\right)"""
    said = readable(text)
    assert said == "    S_n = w EPG_n(T_2w) + (a) / (b) e^-t,     α ≤ 180 (x)"
    assert readable("No formula: a - b, C:/x.") == "No formula: a - b, C:/x."


def test_an_assumption_shared_by_two_biomarkers_is_told_once(view) -> None:
    maps = view.maps[0]
    both = gather_assumptions((maps, replace(maps, biomarker="other"), maps))
    assert [users for _, users in both] == [("toy-water", "other")]


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(13.0, 141.0, 7) == [20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0]
    assert nice_ticks(0.0, 0.6, 3) == [0.0, 0.2, 0.4, 0.6]
    assert tick_text(-0.5, [-0.5, 0.0]) == "−0.5"
    assert Axis(10.0, 1000.0, 0.0, 2.0, log=True)(100.0) == pytest.approx(1.0)


def test_dots_lie_where_their_values_are_and_bars_span_the_spread() -> None:
    import re

    svg = str(dot_plot([Dot("soleus", "left", 30.0, 2.0, 0.5), Dot("soleus", "right", 34.0, 2.0, 0.5)], "T2", "ms"))
    x = [float(v) for v in re.findall(r'<circle cx="([\d.]+)"', svg)]
    thin = re.findall(r'<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" class="thin left"', svg)[0]
    per_ms = (x[1] - x[0]) / 4.0
    assert per_ms > 0
    assert float(thin[1]) - float(thin[0]) == pytest.approx(4.0 * per_ms, abs=0.05)
    assert (float(thin[1]) + float(thin[0])) / 2 == pytest.approx(x[0], abs=0.05)
    assert "soleus, left: 30.0 ms" in svg


def test_plots_survive_missing_numbers() -> None:
    nan = float("nan")
    assert "<circle" not in str(dot_plot([Dot("a", "left", nan, nan, nan)], "T2", "ms"))
    assert "nan" not in str(dot_plot([Dot("a", "left", 3.0, nan, nan), Dot("b", "", nan, 1.0, 1.0)], "T2", "ms"))
    assert "nan" not in str(distributions({"a": {"left": np.array([5.0])}}, 0.0, 10.0, "T2", "ms"))


def test_a_decay_is_drawn_on_a_logarithmic_axis_and_a_recovery_on_a_linear_one(view) -> None:
    sample = view.samples[0]
    assert "logarithmic" in str(sample_plot(sample))
    signed = replace(sample, measured=tuple(-v for v in sample.measured), model=tuple(-v for v in sample.model))
    assert "logarithmic" not in str(sample_plot(signed))
    holes = replace(sample, measured=(float("nan"), 0.0, *sample.measured[2:]))
    assert "nan" not in str(sample_plot(holes)).lower()
    one = replace(sample, x=(10.0,), measured=(0.0,), model=(0.0,))
    assert "nan" not in str(sample_plot(one))


def test_a_number_that_a_finding_takes_back_is_not_given_bare(view) -> None:
    """Water T2 stood in large letters over a warning that it is not to be trusted (a knee, no fat to calibrate on)."""
    about = Finding(
        "warn", "W-FAT-T2", "toy-water", "as water may have", "look", "water T2 and fat fraction are not to be trusted"
    )
    other = replace(about, where="toy-other")
    taken_back = captions.summary(replace(view, findings=(about,)))
    assert [s for s in taken_back if s.endswith("Not to be trusted: see W-FAT-T2 below.")]
    assert not [s for s in captions.summary(replace(view, findings=(other,))) if "trusted" in s]
