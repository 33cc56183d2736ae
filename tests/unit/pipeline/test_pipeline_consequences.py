"""Findings with numbers: what a missing map, an assumption or a deviation means for the biomarkers of a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.biomarkers import b1_afi, mtsat, pdff_two_point, t1_two_tr, t2_mono, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import sensitivity
from neuromyo.pipeline.consequences import Consequences
from neuromyo.pipeline.plan import Origin, Task

GRID = Grid.of((4, 4, 4), np.diag([2.0, 2.0, 8.0, 1.0]))


def task(module, known=(), **acquired) -> Task:
    b = module.BIOMARKER
    series = {}
    for role, typical in b.typical.items():
        a = typical.with_(**acquired)
        n = len(a.echo_times or (0,))
        series[role] = Series(ArrayData(np.ones((4, 4, 4, n), np.float32)), GRID, a, b.series_need(role).kinds[0],
                              files=(f"sub-01/anat/{role}.nii.gz",))  # fmt: skip
    return Task(f"{b.id}@x", b, series, "why", maps={role: Origin("given") for role in known})


def numbers(*tasks: Task, cache=None) -> Consequences:
    return Consequences(tasks, {t.id: t.declaration.options() for t in tasks}, {} if cache is None else cache)


def test_a_missing_map_is_told_with_its_bias():
    found = {f.where: f for f in numbers(task(mtsat)).missing_maps([b1_afi.BIOMARKER, mtsat.BIOMARKER])}
    assert set(found) == {"mtsat: B1", "mtsat: FF"}
    b1 = found["mtsat: B1"]
    assert (b1.level, b1.code) == ("warn", "W-NOMAP")
    assert b1.message.startswith("no B1 map: MTsat biased by up to 5.") and b1.message.endswith("where B1 is 15 % off")
    assert "T1 by up to 33 %" in b1.message
    assert b1.remedy == "acquire what b1-afi needs, or put a TB1map beside the images"
    assert found["mtsat: FF"].message.endswith("where 10 % is fat")


def test_a_map_that_is_there_is_not_missed():
    assert [f.where for f in numbers(task(mtsat, known=("B1",))).missing_maps([])] == ["mtsat: FF"]


def test_an_assumption_is_told_with_its_bias():
    one = task(t2_water, repetition_time=None)
    said = numbers(one).unstated("t2-water", one.main, "repetition_time")
    assert said.startswith("FF biased by up to") and said.endswith("points if it was 1.5 s")
    assert numbers(one).unstated("t2-water", one.main, "manufacturer") == ""
    assert numbers(one).unstated("t2-epg", one.main, "repetition_time") == "", "no such task"


def test_a_deviation_is_told_as_scatter_and_as_lost_signal():
    one = task(t2_mono, echo_times=tuple(0.01 * k for k in range(1, 6)), repetition_time=1.0)
    wanted = one.main.acquisition.with_(echo_times=tuple(0.01 * k for k in range(1, 18)))
    assert numbers(one).off("t2-mono", one.main, wanted).startswith("T2 scatters 1.")
    short = numbers(one).off("t2-mono", one.main, one.main.acquisition.with_(repetition_time=3.0))
    left = [100 * (1 - np.exp(-(tr - 0.05) / t1)) for tr, t1 in ((1.0, 1.42), (3.0, 1.42), (1.0, 0.371))]
    assert (
        f"muscle water gives {left[0]:.0f} % of its signal ({left[1]:.0f} % as declared) and fat {left[2]:.0f} %"
        in short
    )


def test_what_was_found_once_is_not_sought_again(monkeypatch):
    cache: dict = {}
    first = list(numbers(task(mtsat), cache=cache).missing_maps([]))
    monkeypatch.setattr(sensitivity, "without_map", lambda *_: pytest.fail("sought again"))
    assert list(numbers(task(mtsat), cache=cache).missing_maps([])) == first


def test_a_declaration_that_fails_spoils_no_check():
    def broken(truth, acquisitions, options):
        raise ValueError("not like this")

    one = replace(task(mtsat), declaration=replace(mtsat.BIOMARKER, simulate=broken))
    assert list(numbers(one).missing_maps([])) == []
    assert numbers(one).off("mtsat", one.main, Acquisition()) == ""


def test_what_a_biomarker_would_refuse_is_said_before():
    uneven = task(t2_water, echo_times=(0.01, 0.02, 0.03, 0.045, 0.06))
    (found,) = numbers(uneven).refusals()
    assert (found.level, found.code, found.where) == ("warn", "W-REFUSED", "t2-water: sub-01/anat/mese.nii.gz")
    assert "E-ECHO-SPACING" in found.message and found.remedy
    assert list(numbers(task(t2_water), task(mtsat)).refusals()) == []


def test_what_only_the_estimate_refuses_is_said_before():
    """Any two echoes can be simulated; at 3.9 and 6.3 ms (3 T) fat has nearly the same phase."""
    alike = task(pdff_two_point, echo_times=(0.0039, 0.0063))
    (found,) = numbers(alike).refusals()
    assert (found.level, found.code) == ("warn", "W-REFUSED") and "3.9, 6.3 ms" in found.message
    assert "E-PROTOCOL" in found.message and found.remedy.startswith("acquire")
    assert list(numbers(task(pdff_two_point)).refusals()) == []


@pytest.mark.parametrize("module", [pdff_two_point, t1_two_tr, mtsat])
def test_what_is_wrong_with_the_simulated_image_alone_is_no_refusal(module, monkeypatch):
    def failing(*_):
        raise DataError("E-NODATA", where="image", needed="voxels", found="none")

    one = task(module)
    monkeypatch.setattr(sensitivity, "_estimates", failing)
    assert sensitivity.refusal(numbers(one)._setting(one)) is None
