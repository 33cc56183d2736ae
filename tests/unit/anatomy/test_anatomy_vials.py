"""Vials are found wherever the phantom lies, told apart by where they stand, and refused where that cannot be told."""

import numpy as np
import pytest
from scipy import ndimage

from neuromyo.anatomy import circles, vials
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from tests.oracles.vial_scene import paint

PLACES = np.array(
    [(-43, 26), (-6, 48), (24, 48), (46, 30), (36, -2), (10, 6), (-26, 4), (-42, -24), (7, -27), (40, -28)], float
)
VALUES = np.linspace(300.0, 1400.0, 10)
NAMES = tuple("ABCDEFGHIJ")


def find(image, spacing=(1.5, 1.5, 6.0), **layout):
    grid = Grid.of(image.shape, np.diag([*spacing, 1.0]), slice_axis=2)
    given = {"names": NAMES, "at_mm": PLACES, "radius_mm": 9.0, "turn_limit_deg": 60.0} | layout
    return vials.find([image], grid, vials.Layout(**given), where="scan")


def medians(image, found):
    return {
        v.name: float(np.median(image[found.labels.volume == v.index]))
        for v in found.vials
        if v.share >= vials.LEAST_SHARE
    }


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"turn_deg": 25, "shift": (12, -8)},
        {"turn_deg": -50, "shift": (-6, 5), "bath": 1000},
        {"bath": 700, "noise": 30},
        {"bath": 650, "noise": 20, "wall": 0.0},
        {"noise": 100, "bath": 500, "turn_deg": 10},
        {"turn_deg": 33, "noise": 20, "spacing": (2.5, 2.5, 6.0), "shape": (64, 64, 5)},
        {"turn_deg": 33, "noise": 20, "spacing": (1.5, 2.0, 6.0), "shape": (96, 72, 4), "bath": 900},
        {"shape": (96, 96, 1), "turn_deg": -7},
    ],
)
def test_every_vial_is_itself(how):
    image = paint(PLACES, VALUES, **how)
    found = find(image, how.get("spacing", (1.5, 1.5, 6.0)))
    assert found.missing == ()
    assert found.turn_deg == pytest.approx(how.get("turn_deg", 0), abs=1.0)
    tolerance = max(0.6 * how.get("noise", 0), 1.0)
    assert medians(image, found) == pytest.approx(dict(zip(NAMES, VALUES, strict=True)), abs=tolerance)


def test_a_vial_as_bright_as_its_bath_shows_in_another_contrast():
    first = paint(PLACES, np.full(10, 800.0), bath=800.0, wall=0.0, noise=8)
    second = paint(PLACES, VALUES, bath=850.0, wall=0.0, noise=8, seed=1)
    grid = Grid.of(first.shape, np.diag([1.5, 1.5, 6.0, 1.0]), slice_axis=2)
    layout = vials.Layout(NAMES, PLACES, 9.0)
    with pytest.raises(DataError, match="E-VIALS"):
        vials.find([first], grid, layout)
    assert len(vials.find([first, second], grid, layout).vials) == 10


def test_missing_vials_are_named_and_the_others_are_still_themselves():
    image = paint(PLACES, VALUES, missing=(0, 3), noise=10, turn_deg=12)
    found = find(image)
    assert found.missing == ("A", "D")
    assert [f.code for f in found.findings] == ["W-VIAL"] and "A, D" in found.findings[0].message
    assert medians(image, found) == pytest.approx(
        {n: v for n, v in zip(NAMES, VALUES, strict=True) if n not in "AD"}, abs=6
    )


def test_a_bubble_is_left_out_and_an_almost_empty_vial_is_not_measured():
    image = paint(PLACES, VALUES, bubbles={2: 0.35, 5: 0.75}, noise=10)
    found = find(image)
    by_name = {v.name: v for v in found.vials}
    assert 0.4 < by_name["C"].share < 0.8 and by_name["F"].share < vials.LEAST_SHARE
    inside = image[found.labels.volume == by_name["C"].index]
    assert inside.min() > 0.8 * VALUES[2]
    assert not (found.labels.volume == by_name["F"].index).any()
    assert {f.code for f in found.findings} == {"N-BUBBLE", "W-VIAL"}


def test_slices_beyond_the_vials_are_left_out():
    image = paint(PLACES, VALUES, shape=(96, 96, 9), filled_slices=range(2, 8), noise=10)
    used = np.flatnonzero((find(image).labels.volume > 0).any((0, 1)))
    assert used.tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("how", "layout", "words"),
    [
        ({"mirror": True}, {}, "mirror image"),
        ({"turn_deg": 100}, {}, "turned by 100 degrees"),
        ({"missing": range(6)}, {}, "at least 6 of 10 vials"),
        ({}, {"radius_mm": 2.0}, "two voxels in radius"),
        ({"noise": 2000}, {}, "at least 6 of 10"),
    ],
)
def test_what_is_refused(how, layout, words):
    with pytest.raises(DataError, match=words) as caught:
        find(paint(PLACES, VALUES, **how), **layout)
    assert caught.value.code == "E-VIALS" and caught.value.where == "scan"


def test_another_phantom_is_refused():
    """Ten vials on a ring and four within, looked for in a phantom of ten vials elsewhere, however it is turned."""
    turn = np.deg2rad(36.0 * np.arange(10) + 18)
    other = np.concatenate(
        [50.0 * np.stack([np.sin(turn), np.cos(turn)], 1), [(-20, 20), (20, 20), (20, -20), (-20, -20)]]
    )
    for degrees in range(-40, 60, 20):
        with pytest.raises(DataError, match="E-VIALS"):
            find(
                paint(PLACES, VALUES, turn_deg=degrees, bath=2000),
                names=tuple("abcdefghijklmn"),
                at_mm=other,
                radius_mm=7.5,
            )


def test_a_mirrored_phantom_that_is_declared_so_is_read():
    image = paint(PLACES, VALUES, mirror=True)
    assert medians(image, find(image, mirrored=True)) == pytest.approx(dict(zip(NAMES, VALUES, strict=True)), abs=1)


def test_a_grid_of_vials_with_its_edge_missing_fits_in_two_ways_and_is_refused():
    grid = np.array([(30.0 * i, 30.0 * j) for i in range(-1, 2) for j in range(-1, 2)])
    image = paint(grid, np.linspace(300, 900, 9), missing=(0, 1, 2))
    with pytest.raises(DataError, match="as good"):
        find(image, names=tuple("abcdefghi"), at_mm=grid, turn_limit_deg=30.0)


def test_a_ring_that_looks_the_same_in_a_mirror_says_so():
    turn = np.deg2rad(36.0 * np.arange(10))
    ring = 45.0 * np.stack([np.cos(turn), np.sin(turn)], 1)
    found = find(paint(ring, VALUES), at_mm=ring, turn_limit_deg=15.0)
    assert [f.code for f in found.findings] == ["N-MIRROR"]


def test_the_rim_of_a_disc_answers_as_much_as_of_it_is_there():
    whole = circles.rim_response(paint([(0, 0)], [1000.0], radius=12.0, wall=0.0)[..., 0], (1.5, 1.5), 12.0)
    middle = tuple(n // 2 for n in whole.shape)
    assert whole[middle] == pytest.approx(whole.max(), rel=0.05) and whole.max() > 0.9
    half = circles.rim_response(
        paint([(0, 0)], [1000.0], radius=12.0, bubbles={0: 0.5}, wall=0.0)[..., 0], (1.5, 1.5), 12.0
    )
    assert 0.45 < half.max() < 0.85 * whole.max()  # half of the rim, and the straight edge of the bubble


@pytest.mark.parametrize(("grain", "seed"), [(2.0, 4), (3.0, 0), (4.0, 3)])
def test_what_is_no_phantom_holds_no_vials(grain, seed):
    """Something grainy, like the map of a knee: chance puts enough faint circles where the layout wants them."""
    noise = np.random.default_rng(seed).standard_normal((160, 160, 6))
    image = 500.0 + 900.0 * grain * ndimage.gaussian_filter(noise, (grain, grain, 0))
    with pytest.raises(DataError, match="clear round rims") as caught:
        find(image, (1.2, 1.2, 4.0))
    assert caught.value.code == "E-VIALS" and "no" in caught.value.remedy
