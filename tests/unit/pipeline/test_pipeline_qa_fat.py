"""Fat fractions of vials are freed of the vials' own T1, not of muscle's: else a good scanner shows a curve."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.pipeline import qa, registries
from neuromyo.quality import vialset
from neuromyo.quality.readings import Reading, Scan

VIALS = """
title = "Three vials"
radius_mm = 9.0
[quantity.FF]
{}
[[vial]]
name = "a"
at_mm = [0, 0]
FF = 0
[[vial]]
name = "b"
at_mm = [30, 0]
FF = 50
[[vial]]
name = "c"
at_mm = [0, 40]
FF = 100
"""


def spoiled(t1, tr, degrees):
    """The steady state of a spoiled gradient echo over its equilibrium."""
    e1, angle = np.exp(-tr / t1), np.deg2rad(degrees)
    return np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))


def test_the_options_of_a_fat_fraction_are_those_of_the_vials():
    stated = vialset.parse(VIALS.format("water_t1 = 1.2\nfat_t1 = 0.3"), "mine.toml")
    assert qa._of_these_vials({}, ["pdff", "t1-ir"], stated) == {"pdff": {"water_t1": "1.2", "fat_t1": "0.3"}}
    own = qa._of_these_vials({"pdff": {"water_t1": "0.9"}}, ["pdff"], stated)
    assert own["pdff"] == {"water_t1": "0.9", "fat_t1": "0.3"}, "the user's word comes first"


def test_without_them_the_letter_says_what_is_assumed():
    reading = Reading(Scan("s", "alpha"), "b", "FF", "pdff", "", 50.0, 1.0, 50, 50.0, 0.2)
    silent, stated = (vialset.parse(VIALS.format(t), "v.toml") for t in ("", "water_t1 = 1.2\nfat_t1 = 0.3"))
    of_fat = [f for f in qa._assumptions(silent, [reading]) if f.where == "fat fraction"]
    assert (
        len(of_fat) == 1
        and "water and fat is not stated" in of_fat[0].message
        and "0.8 points" in of_fat[0].consequence
    )
    assert not [f for f in qa._assumptions(stated, [reading]) if f.where == "fat fraction"]


def test_the_figure_in_the_letter_is_that_of_the_steady_state():
    """Water of 1.2 s taken for 1.4 s, at TR 12 ms and 4 degrees, 50 % of fat."""
    water = 0.5 * spoiled(1.2, 0.012, 4) / spoiled(1.4, 0.012, 4)
    assert 100 * (0.5 / (0.5 + water) - 0.5) == pytest.approx(-0.8, abs=0.05)
    biomarker = registries.biomarkers().get("pdff")
    (role,) = biomarker.series_roles
    acquired = {role: biomarker.typical[role].with_(repetition_time=0.012, flip_angles_deg=(4.0,))}
    truth = {**biomarker.example, "FF": 0.5, "T1": 1.2}
    signal = biomarker.simulate(truth, acquired, biomarker.options())[role]
    same = biomarker.simulate({**truth, "FF": 0.492, "T1": 1.4}, acquired, biomarker.options())[role]
    off = biomarker.simulate({**truth, "T1": 1.4}, acquired, biomarker.options())[role]
    shape = [np.abs(s) / np.abs(s).max() for s in (signal, same, off)]
    assert np.abs(shape[0] - shape[1]).max() < 0.2 * np.abs(shape[0] - shape[2]).max(), (
        "it looks like 0.8 points less of fat"
    )


@pytest.mark.parametrize("said", ["water_t1 = 1200", 'water_t1 = "long"', "t1 = 1.2"])
def test_a_t1_that_cannot_be_is_refused(said):
    with pytest.raises(OptionError):
        vialset.parse(VIALS.format(said), "mine.toml")
