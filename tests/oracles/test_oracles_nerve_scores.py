"""The judge is judged: discs moved and grown by known amounts."""

import numpy as np
import pytest

from tests.oracles.nerve_scores import area_bias, dice, edge_points, hausdorff_95, held

SPACING = (0.25, 3.0, 0.4)  # slices along the middle axis


def discs(centre=(10.0, 12.0), radius=5.0, slices=range(1, 4), shape=(80, 5, 60)):
    """Coverage of discs across the middle axis, sampled 8 x 8 a pixel."""
    i = ((np.arange(shape[0] * 8) + 0.5) / 8 - 0.5) * SPACING[0]
    j = ((np.arange(shape[2] * 8) + 0.5) / 8 - 0.5) * SPACING[2]
    inside = np.hypot(i[:, None] - centre[0], j[None] - centre[1]) < radius
    plane = inside.reshape(shape[0], 8, shape[2], 8).mean((1, 3))
    out = np.zeros(shape)
    for k in slices:
        out[:, k] = plane
    return out


def lens(distance, radius):
    """Area common to two discs of that radius."""
    half = distance / 2
    return 2 * radius**2 * np.arccos(half / radius) - distance * np.sqrt(radius**2 - half**2)


@pytest.mark.parametrize("moved", [0.0, 1.0, 2.5])
def test_moved_discs(moved):
    """Dice is the lens over the disc; the farthest edge points are apart by the shift."""
    truth, found = discs(), discs((10.0 + moved, 12.0))
    assert dice(found, truth, 1, held(truth, 1)) == pytest.approx(lens(moved, 5.0) / (np.pi * 25), abs=0.01)
    assert hausdorff_95(found, truth, 1, held(truth, 1), SPACING) == pytest.approx(moved, abs=0.15)


def test_grown_disc():
    """A rim of 0.8 mm: the distance is 0.8 both ways, the area (5.8 / 5)^2."""
    truth, found = discs(), discs(radius=5.8)
    assert hausdorff_95(found, truth, 1, (1, 2, 3), SPACING) == pytest.approx(0.8, abs=0.2)
    pixel = SPACING[0] * SPACING[2]
    areas = {k: float(found[:, k].sum()) * pixel for k in (1, 2, 3)}
    assert area_bias(areas, truth, 1, SPACING) == pytest.approx(1.16**2 - 1, abs=0.002)
    assert area_bias({2: np.pi * 25}, truth, 1, SPACING) == pytest.approx(0.0, abs=0.002)
    assert np.isnan(area_bias({}, truth, 1, SPACING))


def test_lost_and_surplus_slices():
    """A slice that is lost costs Dice; one beyond the truth, or left out, costs nothing; distances come from what both hold."""
    truth = discs(slices=(1, 2, 3))
    assert held(truth, 1) == (1, 2, 3)
    assert dice(discs(slices=(1, 2)), truth, 1, held(truth, 1)) == pytest.approx(0.8)
    assert dice(discs(slices=(1, 2, 3, 4)), truth, 1, held(truth, 1)) == 1.0
    assert dice(discs(slices=(1, 2)), truth, 1, (1, 2)) == 1.0
    assert hausdorff_95(discs(slices=(1,)), truth, 1, (1, 2, 3), SPACING) == 0.0
    assert np.isnan(hausdorff_95(np.zeros_like(truth), truth, 1, (1, 2, 3), SPACING))


def test_edges_of_one_pixel():
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    found = {tuple(p) for p in edge_points(mask, (1.0, 2.0))}
    assert found == {(0.5, 2.0), (1.5, 2.0), (1.0, 1.0), (1.0, 3.0)}
