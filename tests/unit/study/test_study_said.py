"""How numbers, variables and cautions of a study are put in words: one voice for all analyses."""

from dataclasses import replace

import pytest

from neuromyo.core.analysis import Analysis, few
from neuromyo.core.cohort import Variable
from neuromyo.core.errors import Finding
from neuromyo.stats.intervals import Interval
from neuromyo.study import said
from neuromyo.study.alike import joined

NAN = float("nan")
RIGHT = Variable("T2/tibialis-anterior/right", "ms", "imaging", "T2", "tibialis-anterior", "right", statistic="mean")


def of(value, low, high):
    return Interval(value, low, high, 10)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.009, "p = 0.009"),
        (0.00099, "p < 0.001"),
        (0.0994, "p = 0.099"),
        (0.0996, "p = 0.10"),
        (0.2345, "p = 0.23"),
        (0.05, "p = 0.050"),
        (0.0499999, "p = 0.0499"),
        (0.0500001, "p = 0.0501"),
        (0.0504, "p = 0.0504"),
        (0.9999, "p > 0.99"),
        (1.0, "p > 0.99"),
        (0.0, "p < 0.001"),
        (NAN, "p not known"),
    ],
)
def test_p_is_never_rounded_across_a_limit_nor_to_nought_or_one(p, text):
    assert said.p_text(p) == text
    assert said.p_text(p, "adjusted p") == "adjusted " + text


@pytest.mark.parametrize(
    ("found", "unit", "text"),
    [
        (of(4.51, 2.11, 6.93), "ms", "4.5 ms (95 % CI 2.1 to 6.9)"),
        (of(-5.6, -23.2, 11.8), "ml", "−6 ml (95 % CI −23 to 12)"),
        (of(0.0123, 0.0101, 0.0145), "", "0.0123 (95 % CI 0.0101 to 0.0145)"),
        (of(12345.0, 11000.0, 14000.0), "N", "12,345 N (95 % CI 11,000 to 14,000)"),
        (of(-0.001, -0.4, 0.4), "ms", "0.00 ms (95 % CI −0.40 to 0.40)"),
        (of(1.05, 0.61, 23.2), "ms", "1.05 ms (95 % CI 0.61 to 23.20)"),
        (of(3.14159, NAN, NAN), "ms", "3.14 ms"),
        (of(NAN, NAN, NAN), "ms", "not known ms"),
    ],
)
def test_an_estimate_has_the_digits_of_its_interval_and_its_unit_once(found, unit, text):
    assert said.estimate(found, unit) == text.replace("not known ms", "not known")


def test_signs_levels_and_p_of_estimates():
    assert said.estimate(of(1.0, 0.34, 1.65), "ms", 0.9, sign=True, p=0.005) == (
        "+1.00 ms (90 % CI +0.34 to +1.65; p = 0.005)"
    )
    assert said.estimate(of(2.0, 2.0, 2.0), "ms", p=0.3) == "2.00 ms (p = 0.30)"
    assert said.shares(of(6 / 11, 0.2338, 0.8325)) == "55 % (95 % CI 23 to 83)"


@pytest.mark.parametrize(
    ("r", "text"), [(-0.997, "−0.997"), (0.99996, "1.0000"), (1.0, "1.00"), (-0.001, "0.00"), (1.234, "1.23")]
)
def test_correlations_and_effects(r, text):
    assert said.r_number(r) == text


def test_lists_people_and_sentences():
    assert [said.listed(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert said.some("abcdefg", 3) == "a, b, c and 4 more" and said.some("abc", 3) == "a, b and c"
    assert (said.people(1), said.people(1200)) == ("1 person", "1,200 people")
    assert said.shortened([*"abcdefgh"], 6) == ("a", "b", "c", "d", "e", "3 more results are in the tables.")
    assert said.shortened([*"abcdef"], 6) == tuple("abcdef")
    assert (
        said.capital("fat fraction") == "Fat fraction"
        and said.capital("cmap.amplitude/x was") == "cmap.amplitude/x was"
    )
    assert said.minus("-3 to -1 (T2-star, m0-m4)") == "−3 to −1 (T2-star, m0-m4)"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        (RIGHT, "T2 of right tibialis anterior"),
        (replace(RIGHT, side=""), "T2 of tibialis anterior"),
        (replace(RIGHT, side="mean"), "T2 of tibialis anterior (both sides)"),
        (replace(RIGHT, name="T2[t2-water]/tibialis-anterior/right"), "T2 [t2-water] of right tibialis anterior"),
        (
            Variable("CSA/fibular-nerve/left/12", "mm2", "imaging", "CSA", "fibular-nerve", "left", "12"),
            "cross-section of the left fibular nerve, level 12",
        ),
        (
            Variable("x", "mV", "clinical", "amplitude", "tibialis-anterior", "right", measure="cmap"),
            "CMAP amplitude of right tibialis anterior",
        ),
        (
            Variable("x", "N", "clinical", "force", "ankle-dorsiflexion", "right", measure="mvic"),
            "MVIC force of right ankle dorsiflexion",
        ),
        (
            Variable("x", "", "clinical", "munix", "tibialis-anterior", "", measure="munix"),
            "MUNIX of tibialis anterior",
        ),
        (Variable("x", "", "clinical", "total", measure="alsfrsr"), "ALSFRS-R total"),
        (Variable("anything/at-all", "ms"), "anything/at-all"),
    ],
)
def test_variables_are_called_what_people_call_them(variable, text):
    assert variable.said == text
    assert variable.axis == (f"{text} ({variable.unit})" if variable.unit else text)


def test_cautions_of_the_same_words_are_one_line():
    spread = Finding("warn", "W-SPREAD", "T2/left", "spreads 3.2 times as much (p = 0.009), sub-01 most", "look at 1")
    same = replace(spread, where="T2/right")
    other = replace(
        spread, where="FF/left", message="spreads 12 times as much (p < 0.001), sub-07 most", remedy="look at 2"
    )
    apart = replace(spread, where="FF/right", code="W-TIES")
    one, two = joined([spread, same, other, apart, spread])
    assert (one.where, two.where) == ("T2/left and T2/right", "FF/right")
    assert one.message == spread.message + " (likewise FF/left, with other numbers)"


def test_why_an_analysis_is_exploratory_has_one_wording():
    warned = Finding("warn", "W-EXPLORATORY", "x", f"11 people: {few()}")
    plain = Analysis("group", "T", (), (), findings=(warned,), exploratory=True)
    assert plain.mark == "exploratory: fewer than 20 people; suggests, does not confirm"
    assert replace(plain, findings=()).mark == "exploratory: suggests, does not confirm"
    assert replace(plain, exploratory=False).mark == ""
