"""Norms judged by simulation: healthy people are found unusual as often as is said, and the ill are found.

Every line of what a norm must hold, on cohorts of an independent simulator (`tests/oracles/norm_cohorts.py`: muscle T2 with age, sex,
height and BMI; SD 1.5 ms; three publications that scatter by half an SD and print the slopes of their regressions). A few cohorts of
each kind run each time, with the limits of `Jury`: a figure may be missed by three standard errors. All, without that slack:

    NEUROMYO_TEST_COHORTS=1000 pytest tests/physics/test_norms_calibration.py --timeout 3600

What a plug-in z scores here (residual of a regression over its SD): 23 % false positives and a worst tenth of 45 % with 10 controls, 10
and 20 % with 20, 7 and 12 % with 40; (x - mean) / SD 10 and 23 %, 7 and 14 %, 6 and 11 %.
`test_the_jury_finds_a_plug_in_z_out` holds that the same limits, with as few cohorts as run each time, refuse it.
"""

import functools
import os

import numpy as np
import pytest

from tests.oracles import norm_cohorts as nc
from tests.physics.norm_judging import Jury, Scores, Situation, scores, with_world
from tests.physics.norm_judging_wider import flagged_somewhere, sites_in_line

FULL = int(os.environ.get("NEUROMYO_TEST_COHORTS", "0"))
#: as many as run each time: 30 no longer find (x - mean) / SD out
FEW = 40
COHORTS = FULL or FEW
#: profiles and sites take longer a cohort
FEWER = FULL // 4 or 10
JURY = Jury(COHORTS, strict=FULL >= 400)
SIZES = (10, 20, 40, 100)
#: two centres' own scatter, as a multi-centre study of one protocol has it: shifts of half an SD
SITES = {"site_sd": 0.5, "site_log_sd": 0.1}


@functools.cache
def judged(situation: Situation, rule: str = "ours") -> Scores:
    return scores(situation, COHORTS, rule)


def told(found: Scores) -> str:
    names = ("wrong", "far", "found", "loss", "covered", "agreement", "old", "young")
    return ", ".join(f"{n} {found.mean(n):.4f}" for n in names) + f", worst tenth {found.worst_tenth():.4f}"


class TestWithLiterature:
    @pytest.mark.parametrize("n", SIZES)
    def test_false_positives(self, n):
        found = judged(Situation(nc.T2, n))
        assert JURY.between(found, "wrong", 0.043, 0.058), told(found)
        assert JURY.between(found, "far", 0.007, 0.014), told(found)

    @pytest.mark.parametrize("n", SIZES)
    def test_worst_tenth_of_cohorts(self, n):
        found = judged(Situation(nc.T2, n))
        assert JURY.worst_tenth(found, 0.10), told(found)

    def test_the_ill_are_found_with_ten_controls(self):
        found = judged(Situation(nc.T2, 10))
        assert JURY.between(found, "found", 0.75, 1.0), told(found)

    def test_mean_and_sd_alone(self):
        """Publications that print no slopes help less, and mislead no more."""
        found = judged(Situation(nc.T2, 10, slopes=False))
        assert JURY.between(found, "wrong", 0.035, 0.058) and JURY.between(found, "found", 0.68, 1.0), told(found)
        assert JURY.worst_tenth(found, 0.10), told(found)

    @pytest.mark.parametrize("world", [nc.AREA, nc.FAT], ids=["area", "fat"])
    def test_areas_and_fractions(self, world):
        """Log-normal areas and logit fractions, whose publications print mean and SD of the values as they are."""
        found = judged(Situation(world, 20))
        assert JURY.between(found, "wrong", 0.035, 0.062), told(found)
        assert JURY.worst_tenth(found, 0.10), told(found)

    def test_both_sides_of_a_person_are_not_two_people(self):
        found = scores(Situation(nc.T2, 10, sides=True), FEWER)
        assert JURY.between(found, "wrong", 0.035, 0.065), told(found)


class TestControlsAlone:
    @pytest.mark.parametrize("n", SIZES)
    def test_false_positives(self, n):
        found = judged(Situation(nc.T2, n, literature=False))
        assert JURY.between(found, "wrong", 0.0, 0.07), told(found)

    def test_worst_tenth_of_cohorts_with_ten_controls(self):
        found = judged(Situation(nc.T2, 10, literature=False))
        assert JURY.worst_tenth(found, 0.18), told(found)


@pytest.mark.parametrize("literature", [True, False], ids=["with literature", "alone"])
@pytest.mark.parametrize("n", SIZES)
def test_intervals_hold_the_true_deviate(n, literature):
    found = judged(Situation(nc.T2, n, literature=literature))
    assert JURY.between(found, "covered", 0.93, 0.995), told(found)
    assert 0.2 < found.mean("width") < 6, told(found)


def test_fewer_nats_are_lost_than_by_mean_and_sd():
    ours, theirs = (judged(Situation(nc.T2, 20), rule) for rule in ("ours", "mean"))
    gain = theirs.loss - ours.loss
    slack = 0.0 if JURY.strict else 3.0 * gain.std(ddof=1) / np.sqrt(len(gain))
    assert gain.mean() + slack >= 0.12, (gain.mean(), slack)
    assert ours.mean("loss") > 0, "nobody beats the truth"


class TestWrongLiterature:
    @pytest.mark.parametrize("n", [10, 20, 40])
    def test_false_positives(self, n):
        found = judged(Situation(nc.T2, n, off=2.0))
        assert JURY.between(found, "wrong", 0.0, 0.06), told(found)

    def test_the_agreement_says_so(self):
        """It falls with the literature's error, which is told (W-CONFLICT) of two cohorts in three; a right one hardly ever."""
        found = [judged(Situation(nc.T2, n, off=off)) for n, off in ((20, 0.0), (20, 2.0), (40, 2.0))]
        right, wrong, more = (f.mean("agreement") for f in found)
        assert right > 0.8 and wrong < 0.6 and more < 0.6, (right, wrong, more)
        right, wrong, more = (f.in_conflict() for f in found)
        assert right < 0.15 and wrong > 0.4 and more > 0.4, (right, wrong, more)


def test_a_new_site_with_three_controls():
    """Three known sites of 12, and one with three: its people are no more often wrongly unusual."""
    found = judged(with_world(Situation(nc.T2, 12, sites=3, here=3), **SITES))
    assert JURY.between(found, "wrong", 0.0, 0.065), told(found)


def test_spread_that_grows_with_age():
    """Log SD that rises by .25 per SD of age: neither the old nor the young pay for it."""
    found = judged(with_world(Situation(nc.T2, 20), log_sd_slope=0.25))
    assert JURY.between(found, "old", 0.0, 0.09), told(found)
    assert JURY.between(found, "young", 0.0, 0.09), told(found)


class TestProfiles:
    @pytest.mark.parametrize("n", [10, 20])
    def test_a_healthy_person_flagged_somewhere(self, n):
        """Of 16 levels. Each level looked at alone flags a third of all healthy people."""
        found = np.array([flagged_somewhere(n, k) for k in range(FEWER)])
        band, alone, ill = found.mean(axis=0)
        slack = 0.0 if JURY.strict else 3 * found[:, 0].std(ddof=1) / np.sqrt(FEWER)
        assert band <= 0.065 + slack, (band, slack)
        assert alone > 0.25 and ill > 0.4, (alone, ill)


def test_sites_brought_into_line():
    """Less apart, more of the ill found, and no more of the healthy wronged. (A norm that knows no sites is so wide that it wrongs
    nobody at any site, and overlooks a third of the ill: the worst site is held to a limit, not to be better.)"""
    found = [sites_in_line(k) for k in range(FEWER)]
    mean = {name: float(np.mean([f[name] for f in found])) for name in found[0]}
    assert mean["apart_after"] < 0.5 * mean["apart_before"], mean
    assert mean["found_after"] > mean["found_before"] + 0.05, mean
    assert mean["wrong_after"] <= 0.065 and mean["worst_after"] < 0.13, mean


def test_the_truth_scores_what_can_be_scored():
    found = scores(Situation(nc.T2, 20), 40, "truth")
    assert JURY.between(found, "wrong", 0.048, 0.052) and JURY.between(found, "far", 0.009, 0.011), told(found)
    assert found.mean("found") == pytest.approx(0.851, abs=0.02) and found.mean("loss") == 0


@pytest.mark.parametrize("rule", ["plug-in", "mean"])
def test_the_jury_finds_a_plug_in_z_out(rule):
    """The limits above, with as few cohorts as run each time, refuse what ignores that mean and SD are estimates."""
    jury = Jury(FEW, strict=False)
    ten, twenty = (scores(Situation(nc.T2, n), FEW, rule) for n in (10, 20))
    assert not jury.between(ten, "wrong", 0.043, 0.058), told(ten)
    assert not jury.worst_tenth(ten, 0.10), told(ten)
    assert not jury.between(ten, "far", 0.007, 0.014), told(ten)
    if rule == "plug-in":
        assert not jury.between(ten, "wrong", 0.0, 0.07) and not jury.worst_tenth(ten, 0.18), told(ten)
        assert not jury.between(twenty, "wrong", 0.043, 0.058), told(twenty)
        spread = scores(with_world(Situation(nc.T2, 20), log_sd_slope=0.25), FEW, rule)
        assert not jury.between(spread, "old", 0.0, 0.09), told(spread)
