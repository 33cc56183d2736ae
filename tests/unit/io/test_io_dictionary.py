"""The data dictionary: consistent, its factors those of physics, and its grammar open to others."""

import itertools
from pathlib import Path

import pytest
from scipy import constants

from neuromyo.core.errors import DataError, OptionError
from neuromyo.io import dictionary
from neuromyo.io.columns import column_name, interpretations

OWN = """
title = "Timed walk"
about = "Ten metres"
source = "ours"
evidence = "convention"
[keys.aid]
meaning = "aid"
optional = true
levels = { none = "none", stick = "stick" }
[values.time]
meaning = "time"
unit = "s"
possible = [1, 600]
"""

#: what one of a unit is in SI, from elsewhere
SI = {
    "N": 1.0, "kN": 1e3, "kgf": constants.kilogram_force, "kg": constants.kilogram_force, "lbf": constants.pound_force,
    "lb": constants.pound_force, "N.m": 1.0, "kgf.m": constants.kilogram_force, "ft.lbf": constants.foot * constants.pound_force,
    "m": 1.0, "km": 1e3, "ft": constants.foot, "yd": constants.yard, "s": 1.0, "ms": 1e-3, "V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9,
    "m/s": 1.0, "mm/ms": 1.0, "cm/s": 1e-2, "mV.ms": 1e-6, "uV.s": 1e-6, "mV.s": 1e-3, "%": 1e-2, "fraction": 1.0,
    "l": constants.liter, "L": constants.liter, "ml": constants.milli * constants.liter, "mL": constants.milli * constants.liter,
    "years": constants.Julian_year, "months": constants.Julian_year / 12, "weeks": constants.week, "days": constants.day,
}  # fmt: skip


@pytest.mark.parametrize("name", dictionary.names())
def test_every_factor_is_that_of_physics(name):
    for value in dictionary.load(name).values.values():
        for unit, factor in value.also.items():
            assert factor == pytest.approx(SI[unit] / SI[value.unit], rel=1e-9), (name, unit)


@pytest.mark.parametrize("name", dictionary.names())
def test_every_written_column_can_be_read_in_one_way_only(name):
    measure = dictionary.load(name)
    choices = [
        [(k, level) for level in key.levels] + ([None] if key.optional else []) for k, key in measure.keys.items()
    ]
    for keys in itertools.islice(itertools.product(*choices), 0, None, 7):
        there = tuple(k for k in keys if k is not None)
        for quantity in measure.values:
            assert interpretations(column_name(there, quantity), measure) == {(quantity, there)}


def test_usual_lies_within_possible():
    for name in dictionary.names():
        for value in dictionary.load(name).values.values():
            if value.plausible:
                assert value.possible[0] <= value.plausible[0] < value.plausible[1] <= value.possible[1], name


def test_words_are_found_however_they_are_written():
    muscle = dictionary.load("cmap").keys["muscle"]
    assert {muscle.find(w) for w in ("APB", "apb", "Abductor pollicis brevis", "abductor-pollicis-brevis")} == {"apb"}
    grade = dictionary.load("mrc").values["grade"]
    assert [grade.grade(w) for w in ("4-", "4", "4+", "4.0", "4.5")] == ["4-", "4", "4+", "4", None]


def test_spelling_of_units():
    assert dictionary.spelled("µV") == dictionary.spelled("μV") == "uV"
    assert dictionary.spelled("Nm") == dictionary.spelled("N·m") == "N.m"
    assert dictionary.load("cmap").values["amplitude"].factor("MV") is None  # a megavolt is no millivolt


def test_a_measure_of_ones_own():
    measure = dictionary.parse(OWN, "walk.toml", "walk")
    assert measure.values["time"].units == ("s",) and measure.keys["aid"].optional


def test_the_example_in_the_documentation_is_one():
    page = (Path(__file__).resolve().parents[3] / "docs" / "tables.md").read_text(encoding="utf-8")
    measure = dictionary.parse(page.partition("```toml\n")[2].partition("```")[0], "walk.toml", "walk")
    assert measure.values["time"].factor("min") == 60.0 and measure.keys["aid"].find("cane") == "stick"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('unit = "s"\n', ""), "unit"),
        (("possible = [1, 600]", "possible = [600, 1]"), "low to high"),
        (("possible = [1, 600]", ""), "possible"),
        (("[values.time]", "[values.Time]"), "no name of a column"),
        (("[values.time]", "[values.session]"), "two columns"),
        (('levels = { none = "none", stick = "stick" }', 'levels = "mussels"'), "shared lists"),
        (('evidence = "convention"', 'evidence = "sure"'), "evidence"),
        (('title = "Timed walk"', "title = "), "walk.toml"),
        (("[keys.aid]", "[key.aid]"), "key"),
    ],
)
def test_a_wrong_dictionary_names_file_and_key(change, said):
    with pytest.raises(DataError) as told:
        dictionary.parse(OWN.replace(*change), "walk.toml", "walk")
    assert told.value.code == "E-TABLE" and "walk.toml" in told.value.where and said in str(told.value)


def test_unknown_measure_lists_the_known():
    with pytest.raises(OptionError) as told:
        dictionary.load("emg")
    assert told.value.code == "E-UNKNOWN" and "cmap" in told.value.needed
