"""Proposals of where a nerve is: on made cases, and refused where they cannot be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Region
from neuromyo.nerve.propose import LEAST_SCORE, MOST, propose
from neuromyo.nerve.propose_ovals import Oval
from neuromyo.nerve.propose_place import prior
from neuromyo.phantom.nerve_cases import Made, cases


def _on(made: Made, xyz: tuple[float, float, float]) -> float:
    return float(made.truth.whole[tuple(np.rint(made.images[0].grid.to_index(np.array(xyz))).astype(int))])


@pytest.mark.parametrize("number", [10, 30])
def test_the_first_proposal_lies_on_the_nerve(number: int) -> None:
    made = cases()[number - 1].make()
    found = propose(made.images, name=made.name, side=made.side)
    assert _on(made, found[0].landmark.xyz_mm) >= 0.5
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True) and len(found) <= MOST
    assert all(LEAST_SCORE <= s <= 1.0 for s in scores)
    first = found[0]
    assert (first.landmark.kind, first.landmark.name, first.landmark.side) == ("start", made.name, made.side)
    assert (
        "mm2" in first.why
        and "rim" in first.why
        and "neighbouring slices" in first.why
        and "no regions given" in first.why
    )


@pytest.mark.whole
@pytest.mark.parametrize("number", [1, 4, 5, 8, 11, 25, 26, 29, 35])
def test_the_first_proposal_lies_on_the_nerve_whatever_the_pixels(number: int) -> None:
    made = cases()[number - 1].make()
    assert _on(made, propose(made.images, name=made.name, side=made.side)[0].landmark.xyz_mm) >= 0.5


def test_nothing_is_proposed_in_noise() -> None:
    grid = Grid.of((60, 60, 8), np.diag([0.6, 0.6, 3.0, 1.0]), 2)
    noise = np.random.default_rng(1).rayleigh(1.0, grid.shape).astype(np.float32)
    assert propose([Image(noise, grid, "T2w")], name="sciatic-nerve") == ()


def test_coarse_voxels_are_refused_with_figures() -> None:
    grid = Grid.of((40, 40, 6), np.diag([3.0, 3.0, 12.0, 1.0]), 2)
    image = Image(np.random.default_rng(1).random(grid.shape).astype(np.float32), grid, "T2w", "leg_T2w.nii.gz")
    with pytest.raises(DataError, match="E-RESOLUTION") as refused:
        propose([image], name="tibial-nerve")
    assert "leg_T2w.nii.gz" in str(refused.value) and "3 mm" in str(refused.value)


def test_empty_images_are_refused() -> None:
    grid = Grid.of((40, 40, 6), np.diag([0.6, 0.6, 3.0, 1.0]), 2)
    with pytest.raises(DataError, match="E-NOSIGNAL"):
        propose([Image(np.zeros(grid.shape, np.float32), grid, "T1w")], name="tibial-nerve")
    with pytest.raises(OptionError, match="E-OPTION"):
        propose([], name="tibial-nerve")


def test_brightness_has_no_unit_and_missing_voxels_do_no_harm() -> None:
    made = cases()[9].make()
    image = made.images[0]
    scaled = image.values * 731.0
    scaled[:3] = np.nan
    one, other = (propose([replace(image, values=v)], name=made.name)[0] for v in (image.values, scaled))
    assert np.linalg.norm(np.array(one.landmark.xyz_mm) - other.landmark.xyz_mm) < 1.0
    assert other.score == pytest.approx(one.score, abs=0.05)


def test_an_oval_has_its_area() -> None:
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    oval = Oval(40.0, 0.55, 0.7)
    assert 0.5 * np.mean(oval.radius(angle) ** 2) * 2 * np.pi == pytest.approx(40.0, rel=1e-6)
    assert oval.axes_mm[1] / oval.axes_mm[0] == pytest.approx(0.55)


def test_the_sciatic_nerve_is_expected_behind_the_femur() -> None:
    grid = Grid.of((80, 80, 3), np.diag([2.0, 2.0, 4.0, 1.0]), 2)
    volume = np.ones(grid.shape, np.int16)
    volume[35:45, 45:55] = 2
    labels = Labels(volume, grid, (Region(1, "muscle", "right", "leg"), Region(2, "bone-marrow", "right", "leg")))
    tissue = np.ones(grid.shape, bool)
    found = prior(grid, "sciatic-nerve", "right", labels, tissue)
    behind, before, within = found.prior[40, 35, 1], found.prior[40, 68, 1], found.prior[40, 50, 1]
    assert behind > 0.95 and before < 0.2 and within < 0.01
    assert "behind the bone" in found.said
    other = prior(grid, "sciatic-nerve", "left", labels, tissue)
    assert other.prior.max() <= 0.5 + 1e-6


def test_in_a_picture_of_two_legs_the_other_side_is_ruled_out() -> None:
    grid = Grid.of((160, 40, 3), np.diag([2.0, 2.0, 4.0, 1.0]), 2)
    found = prior(grid, "sciatic-nerve", "right", None, np.ones(grid.shape, bool))
    assert found.prior[120, 20, 1] == 1.0 and found.prior[30, 20, 1] < 0.05
