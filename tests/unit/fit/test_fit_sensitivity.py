"""Biases for want of a map or of a stated field: against closed forms that the biomarkers were not made from."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.biomarkers import dti, mtsat, stage_mt, t1_vfa, t2_epg, t2_mono, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.fit import sensitivity
from neuromyo.fit.sensitivity import Effect, Setting, listed, refusal, scatter, without_map, wrong_assumption
from neuromyo.pipeline.registries import biomarkers


def setting(module, **acquired) -> Setting:
    biomarker = module.BIOMARKER
    acquisitions = {role: a.with_(**acquired) for role, a in biomarker.typical.items()}
    return Setting(biomarker, biomarker.options(), acquisitions)


def named(effects):
    return {e.quantity: e for e in effects}


def spoiled(flip, tr, t1):
    e1 = np.exp(-tr / t1)
    return np.sin(flip) * (1 - e1) / (1 - e1 * np.cos(flip))


def test_t1_of_two_flip_angles_without_b1_is_the_closed_form():
    """S / sin = E1 S / tan + c: with angles that are not the true ones, the line through two points has another slope."""
    tr, true, flips = 0.015, 1.3, np.deg2rad([3.0, 15.0])
    worst = 0.0
    for b1 in (0.85, 1.15):
        s = spoiled(b1 * flips, tr, true)
        x, y = s / np.tan(flips), s / np.sin(flips)
        worst = max(worst, abs(-tr / np.log(np.diff(y)[0] / np.diff(x)[0]) / true - 1))
    one = setting(t1_vfa, flip_angles_deg=(3.0, 15.0), repetition_time=tr)
    effect = named(without_map(one, "B1"))["T1"]
    assert effect.size == pytest.approx(worst, rel=0.01)
    assert effect.said() == f"T1 biased by up to {100 * worst:.0f} %"


@pytest.mark.parametrize("module", [mtsat, stage_mt])
def test_mtsat_without_b1_errs_by_what_is_left_of_the_square(module):
    """Small angles: delta goes as B1 squared times (1 - C B1) / (1 - C), and comes out divided by B1 squared; T1 by B1 squared."""
    c = module.BIOMARKER.options().b1_constant
    effects = named(without_map(setting(module), "B1"))
    assert effects["MTsat"].size == pytest.approx(0.15 * c / (1 - c), abs=0.012)
    assert effects["T1"].size == pytest.approx(1.15**2 - 1, abs=0.02)


def test_what_is_fitted_needs_no_map():
    assert all(e.size < 1e-3 for e in without_map(setting(t2_epg), "B1"))
    assert listed(without_map(setting(t2_epg), "B1"), 0.01) == ""


def test_what_the_simulation_does_not_know_of_is_not_spoken_of():
    assert listed(without_map(setting(dti), "FF"), 0.01) == ""
    assert without_map(setting(t2_mono), "no such role") == ()


def test_a_short_tr_taken_for_a_long_one_makes_fat_of_water():
    """At TR the water (T1 1.4 s) gives 1 - exp(-TR / 1.4) and the fat (0.37 s) nearly all: the share of fat rises."""
    true, tr = 0.2, 1.5
    one = setting(t2_water, repetition_time=None)
    effect = named(wrong_assumption(one, "mese", {"repetition_time": tr}))["FF"]
    water, fat = (1 - np.exp(-(tr - 0.17) / t1) for t1 in (1.4, 0.37))
    expected = true * fat / (true * fat + (1 - true) * water) - true
    assert effect.points and effect.size == pytest.approx(expected, abs=0.02)
    assert "points" in effect.said()


def test_scatter_is_that_of_the_bound():
    """A mono-exponential of n echoes, by the inverse of its own information matrix."""

    def bound(times):
        t, t2 = np.asarray(times), 0.035
        s = 1000 * np.exp(-t / t2)
        j = np.stack([s * t / t2**2, s / 1000])
        return np.sqrt(np.linalg.inv(j @ j.T)[0, 0])

    few, many = tuple(0.01 * k for k in range(1, 6)), tuple(0.01 * k for k in range(1, 18))
    one = Setting(t2_mono.BIOMARKER, t2_mono.BIOMARKER.options(), {"mese": Acquisition(echo_times=few)})
    found = scatter(one, {"mese": Acquisition(echo_times=many)})
    assert found == {"T2": pytest.approx(bound(few) / bound(many), rel=1e-6)}


def test_effects_in_words():
    effects = [Effect("T1", "T1", 0.321), Effect("FF", "fat fraction", 0.031, points=True), Effect("M", "m", 0.004)]
    assert listed(effects, 0.01) == "T1 biased by up to 32 %, FF by up to 3.1 points"
    assert listed([], 0.01) == ""


def test_the_same_every_time():
    first, second = (without_map(setting(mtsat), "B1") for _ in range(2))
    assert first == second and first


def test_every_span_has_words_and_tries_something():
    for span in sensitivity.SPANS.values():
        assert span.words and span.tried and span.nominal not in span.tried


@pytest.mark.parametrize("id_", biomarkers().ids())
def test_no_biomarker_of_ours_fails_at_what_it_calls_typical(id_):
    """`check` passes over a declaration that raises: none of ours may."""
    biomarker = biomarkers().get(id_)
    one = Setting(biomarker, biomarker.options(), dict(biomarker.typical))
    assert refusal(one) is None
    assert all(ratio == pytest.approx(1.0) for ratio in scatter(one, dict(biomarker.typical)).values())
