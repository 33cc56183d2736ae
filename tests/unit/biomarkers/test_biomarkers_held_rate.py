"""What is held is not reported as measured."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner


@pytest.mark.parametrize(("name", "rate"), [("pdff", "R2star"), ("stage_mt", "T2star")])
def test_three_echoes_hold_r2star_and_give_none(name: str, rate: str) -> None:
    biomarker = importlib.import_module(f"neuromyo.biomarkers.{name}").BIOMARKER
    options, shape = biomarker.options(), (10, 10, 3)
    times = (0.0012, 0.0022, 0.0032)
    acquisitions = {role: a.with_(echo_times=times) for role, a in biomarker.typical.items()}
    truth = {
        **{n: np.full(shape, v) for n, v in biomarker.example.items()},
        "FF": np.linspace(0.02, 0.9, 300).reshape(shape),
    }
    truth["R2star"] = np.full(shape, 40.0)
    grid, rng = Grid.of(shape, np.diag([2.0, 2.0, 5.0, 1.0])), np.random.default_rng(2)
    series = {}
    for role, clean in biomarker.simulate(truth, acquisitions, options).items():
        noise = 0.5 * (rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape))
        need = biomarker.series_need(role)
        image = ArrayData((clean + noise).astype(np.complex64))
        series[role] = Series(image, grid, acquisitions[role], need.kinds[0], "complex", dict(need.entities))
    maps, _ = runner.run(biomarker, series, options)
    assert np.nanmax(np.abs(maps["FF"].values - truth["FF"])) < 0.05
    assert (maps[rate].reason == Reason.NOT_IDENTIFIABLE).all() and np.isnan(maps[rate].values).all()
    assert any(a.field == "r2star" for a in maps.assumptions)


@pytest.mark.parametrize(("spacing", "warned"), [(0.0023, True), (0.0019, False), (0.00098, False)])
def test_echoes_a_whole_cycle_apart_are_warned_of(spacing: float, warned: bool) -> None:
    biomarker = importlib.import_module("neuromyo.biomarkers.pdff").BIOMARKER
    acquisition = biomarker.typical["gre"].with_(echo_times=tuple(0.0023 + spacing * k for k in range(6)))
    truth = {**{n: np.full((8, 8, 2), v) for n, v in biomarker.example.items()}, "FF": np.full((8, 8, 2), 0.3)}
    clean = biomarker.simulate(truth, {"gre": acquisition}, biomarker.options())["gre"]
    image = ArrayData((clean + np.random.default_rng(1).standard_normal(clean.shape)).astype(np.complex64))
    grid = Grid.of((8, 8, 2), np.diag([2.0, 2.0, 5.0, 1.0]))
    _, findings = runner.run(
        biomarker, {"gre": Series(image, grid, acquisition, "MEGRE", "complex")}, biomarker.options()
    )
    assert ("W-ECHOES" in {f.code for f in findings}) is warned
