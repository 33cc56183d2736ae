"""Left and right: fires where names contradict the affine, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space.sides import (
    between_legs,
    check_sides,
    exchange_sides,
    flip_left_right,
    midline_x,
    named_side,
    with_sides,
)

SHAPE = (48, 24, 4)


def grid_at(x_mm: float = -72.0) -> Grid:
    return Grid.of(SHAPE, np.array([[3.0, 0, 0, x_mm], [0, 3, 0, -36], [0, 0, 8, 0], [0, 0, 0, 1]]))


def legs() -> np.ndarray:
    """Two discs of tissue with air between; low x is the patient's left."""
    x, y = np.meshgrid(np.arange(48), np.arange(24), indexing="ij")
    disc = (np.hypot(x - 11.5, y - 12) < 9) | (np.hypot(x - 36.5, y - 12) < 9)
    return np.repeat(disc[:, :, None], 4, axis=2)


def two_legs(first: str = "soleus", second: str = "soleus", sides=("left", "right"), x_mm: float = -72.0) -> Labels:
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[8:14, 8:14] = 1
    volume[34:40, 8:14] = 2
    return Labels(volume, grid_at(x_mm), (Region(1, first, sides[0]), Region(2, second, sides[1])))


def one_leg(name: str, side: str, low: bool) -> Labels:
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[slice(8, 14) if low else slice(34, 40), 8:14] = 1
    return Labels(volume, grid_at(), (Region(1, name, side),))


@pytest.mark.parametrize(
    ("name", "column", "side"),
    [
        ("soleus", "left", "left"),
        ("soleus_L", "none", "left"),
        ("soleus-R", "none", "right"),
        ("R_soleus", "none", "right"),
        ("left-soleus", "none", "left"),
        ("Soleus Right", "none", "right"),
        ("SoleusLeft", "none", "left"),
        ("vastus_l", "none", "none"),  # may be the lateralis
        ("upright", "none", "none"),
        ("cleft", "none", "none"),
        ("flexor-hallucis-longus", "none", "none"),
        ("linea", "midline", "midline"),
    ],
)
def test_sides_are_read_from_column_and_name(name, column, side):
    assert named_side(Region(1, name, column)) == side


def test_small_letters_count_when_there_is_a_twin():
    pair = (Region(1, "vastus_l"), Region(2, "vastus_r"))
    assert [r.side for r in with_sides(two_legs("vastus_l", "vastus_r", ("none", "none"))).regions] == ["left", "right"]
    assert named_side(pair[1], pair) == "right"


def test_true_sides_pass():
    assert check_sides(two_legs()) == ()
    assert check_sides(two_legs(), body=legs()) == ()
    assert check_sides(two_legs("soleus_L", "soleus_R", ("none", "none")), body=legs()) == ()


@pytest.mark.parametrize("x_mm", [-72.0, -400.0, 300.0])
def test_exchanged_sides_are_refused_wherever_the_isocentre_is(x_mm):
    with pytest.raises(DataError) as caught:
        check_sides(two_legs(sides=("right", "left"), x_mm=x_mm), where="sub-01_dseg.tsv")
    assert caught.value.code == "E-SIDE"
    assert "sub-01_dseg.tsv" in str(caught.value)
    assert "--flip-labels left-right" in str(caught.value)


def test_exchanged_sides_of_differently_named_regions_are_refused():
    with pytest.raises(DataError, match="E-SIDE"):
        check_sides(two_legs("soleus", "tibialis", ("right", "left")))


def test_an_affine_that_flips_the_image_is_refused():
    labels = two_legs()
    mirrored = labels.grid.affine.copy()
    mirrored[0] *= -1
    with pytest.raises(DataError, match="E-SIDE"):
        check_sides(Labels(labels.volume, Grid.of(SHAPE, mirrored), labels.regions))


def test_one_labelled_leg_is_judged_by_the_gap_between_two():
    assert check_sides(one_leg("soleus", "left", low=True), body=legs()) == ()
    with pytest.raises(DataError, match="E-SIDE"):
        check_sides(one_leg("soleus", "right", low=True), body=legs())
    with pytest.raises(DataError, match="E-SIDE"):
        check_sides(one_leg("soleus_L", "none", low=False), body=legs())


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("low", [True, False])
def test_a_single_leg_never_fires_and_is_noted(side, low):
    body = legs()
    body[24:] = False
    for mask in (None, body):
        findings = check_sides(one_leg("soleus", side, low=low), body=mask)
        assert [f.code for f in findings] == ["N-SIDE"]


def test_unsided_regions_are_never_judged():
    assert check_sides(one_leg("soleus", "none", low=True), body=legs()) == ()


def test_a_name_that_contradicts_its_column_is_refused():
    with pytest.raises(DataError, match="E-SIDE"):
        check_sides(two_legs("soleus_R", "soleus_L"))


def test_the_midline_is_the_gap_and_one_body_has_none():
    assert midline_x(legs(), grid_at()) == pytest.approx(0.0, abs=6.0)
    x, y = np.meshgrid(np.arange(48), np.arange(24), indexing="ij")
    one = np.repeat((np.hypot(x - 24, y - 12) < 11)[:, :, None], 4, axis=2)
    assert midline_x(one, grid_at()) is None
    touching = np.repeat(((abs(x - 12) < 11) | (abs(x - 35) < 13))[:, :, None], 4, axis=2)
    assert midline_x(touching, grid_at()) is None
    assert midline_x(np.zeros(SHAPE, bool), grid_at()) is None


@pytest.mark.parametrize("spacing", [0.1, 0.3, 0.7, 1.1, 3.0])
def test_a_solid_block_has_no_gap_whatever_the_spacing(spacing):
    grid = Grid.of(SHAPE, np.diag([spacing, 1.0, 1.0, 1.0]) + np.array([[0, 0, 0, -7.3]] + [[0] * 4] * 3))
    assert midline_x(np.ones(SHAPE, bool), grid) is None


def test_flipping_mends_mirrored_labels_and_is_its_own_inverse():
    wrong = two_legs(sides=("right", "left"))
    mended = flip_left_right(wrong)
    assert check_sides(mended, body=legs()) == ()
    np.testing.assert_array_equal(flip_left_right(mended).volume, wrong.volume)


def test_exchanging_mends_exchanged_names():
    mended = exchange_sides(two_legs(sides=("right", "left")))
    assert check_sides(mended, body=legs()) == ()
    with pytest.raises(DataError, match="E-SIDE"):
        exchange_sides(two_legs("soleus_L", "soleus_R", ("none", "none")))


def test_legs_that_touch_are_told_apart_by_whoever_drew_them():
    """No gap to see: the midline of two drawn legs decides about labels of one side alone."""
    drawn = two_legs("leg", "leg")
    middle = between_legs(drawn)
    assert middle is not None
    for side, low in (("left", True), ("right", False)):
        assert check_sides(one_leg("soleus", side, low), midline=middle) == ()
    for side, low in (("left", False), ("right", True)):
        with pytest.raises(DataError, match="E-SIDE"):
            check_sides(one_leg("soleus", side, low), midline=middle)


def test_one_drawn_leg_has_no_middle():
    assert between_legs(one_leg("leg", "left", True)) is None
