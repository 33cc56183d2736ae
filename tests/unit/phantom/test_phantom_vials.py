"""The phantom of vials: what is in each vial, where it lies, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core import resources
from neuromyo.core.errors import OptionError
from neuromyo.phantom import sets, vial_study

TEXT = resources.text("phantom", "sets/vials.toml")


@pytest.fixture(scope="module")
def study():
    return vial_study.parse(TEXT, "vials")


def centre_of(scene, code):
    """Middle of a vial on the screen in mm (x to the right, y up), from the parts of the middle slice."""
    k = scene.n_slices // 2
    parts = scene.parts(k)
    mine = parts.code == code
    plane = np.stack((*np.unravel_index(parts.voxel[mine], scene.grid.shape[:2]), np.full(mine.sum(), k)), axis=1)
    x, y, _ = (parts.fraction[mine, None] * scene.grid.to_world(plane)).sum(0) / parts.fraction[mine].sum()
    return -x, y


def test_the_set_is_told_from_sets_of_people():
    assert "vials" in sets.names() and vial_study.describes(TEXT)
    assert not vial_study.describes(resources.text("phantom", "sets/demo.toml"))


def test_every_vial_lies_where_it_is_declared_turned_and_shifted(study):
    scan = study.scans[0]
    scene = vial_study.make_scene(study, 0)
    angle = np.deg2rad(scan.turn_deg)
    for i, vial in enumerate(study.vials.vials):
        x, y = vial.at_mm
        want = (
            x * np.cos(angle) - y * np.sin(angle) + scan.shift_mm[0],
            x * np.sin(angle) + y * np.cos(angle) + scan.shift_mm[1],
        )
        assert centre_of(scene, i + 2) == pytest.approx(want, abs=0.3), vial.name


def test_truth_is_the_reference_at_the_scans_temperature(study):
    calm = replace(study, scans=tuple(replace(s, spread={}) for s in study.scans))
    scene = vial_study.make_scene(calm, 0)
    parts = scene.parts(1)
    truth = scene.truth(1, parts)
    for i, vial in enumerate(study.vials.vials):
        mine = parts.code == i + 2
        assert np.allclose(truth["FF"][mine], vial.references["FF"].value / 100)
        if "T1" in vial.references:
            assert np.allclose(truth["T1"][mine], vial.references["T1"].value * (1 + 0.01 * 1.0) / 1e3)
            assert np.allclose(truth["T2"][mine], vial.references["T2"].value * (1 - 0.01 * 1.0) / 1e3)


def test_missing_vials_bubbles_and_faults(study):
    names = [v.name for v in study.vials.vials]
    scan = replace(study.scans[0], missing=("A",), bubbles={"B": 0.5}, fault={"T1": 1.1}, spread={}, turn_deg=0.0)
    scene = vial_study.make_scene(replace(study, scans=(scan,)), 0)
    whole = vial_study.make_scene(replace(study, scans=(replace(scan, missing=(), bubbles={}),)), 0)
    space = [
        np.bincount(s.parts(1).code, s.parts(1).fraction, 12)[[names.index("A") + 2, names.index("B") + 2]]
        for s in (scene, whole)
    ]
    assert space[0][0] == 0 and space[0][1] == pytest.approx(0.5 * space[1][1], rel=0.03)
    assert vial_study.true_values(study.vials.vials[0], scan)["T1"] == pytest.approx(400 * 1.01 * 1.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('date = "2024-03-04"', 'date = "4 March"'), "YYYY-MM-DD"),
        (('session = "d1b"', 'session = "d1a"'), "different site and session"),
        (('vials = "simulated"', 'vials = "glass"'), "simulated"),
        (("[bath]", "[bath]\nT3 = 1"), "T3"),
        (("turn_deg = 4.0", "turned = 4.0"), "turned"),
    ],
)
def test_what_is_refused(change, words):
    with pytest.raises(OptionError, match=words):
        vial_study.parse(TEXT.replace(*change), "mine.toml")
