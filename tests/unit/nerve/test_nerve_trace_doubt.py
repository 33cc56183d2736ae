"""What the rim of an outline says: a nerve in fat, the same with its fat taken in, a bare edge; and what is evenly bright."""

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.nerve.contour import Outline
from neuromyo.nerve.refuse import suspicion
from neuromyo.nerve.trace_doubt import doubted, towards_fat
from neuromyo.nerve.trace_stack import Stack

PIXEL, N = 0.4, 70
FAT, NERVE, MUSCLE = 900.0, 500.0, 200.0


def piece(weighting="T2w", nerve_mm=3.0, fat_mm=6.0, levels=(NERVE, FAT, MUSCLE), noise=15.0):
    """A disc in a ring of fat among muscle, about the origin."""
    affine = np.diag([PIXEL, PIXEL, 3.0, 1.0])
    affine[:2, 3] = -PIXEL * (N - 1) / 2
    grid = Grid.of((N, N, 1), affine, 2)
    x, y, _ = np.moveaxis(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    r = np.hypot(x, y)
    values = np.select([r < nerve_mm, r < fat_mm], levels[:2], levels[2])
    values = values + np.random.default_rng(1).normal(0, noise, values.shape)
    stack = Stack.of([Image(values.astype(np.float32), grid, weighting)])
    found = stack.piece(0, stack.flat.flat(np.zeros(3))[0], 13.0)
    assert found is not None
    return found


def circle(one, radius_mm):
    return Outline(one.flat.flat(np.zeros(3))[0], np.full(64, radius_mm))


def test_a_nerve_in_fat_grows_brighter_outwards_all_around():
    one = piece()
    assert towards_fat(one, circle(one, 3.0)) > 0.95
    assert doubted(1.0) == 1.0


@pytest.mark.parametrize("radius_mm", [6.0, 1.2], ids=["its fat taken in", "within the nerve"])
def test_an_outline_that_is_not_its_rim_is_doubted(radius_mm):
    one = piece()
    share = towards_fat(one, circle(one, radius_mm))
    assert share < 0.2
    assert doubted(share) == pytest.approx(0.3)


def test_where_fat_is_dark_the_rim_grows_darker():
    one = piece("T2w-fs", levels=(500.0, 60.0, 200.0))
    assert towards_fat(one, circle(one, 3.0)) > 0.95
    assert towards_fat(one, circle(one, 6.0)) < 0.05


def test_where_nothing_is_known_of_fat_either_sense_will_do():
    one = piece("other")
    assert towards_fat(one, circle(one, 3.0)) > 0.95
    assert towards_fat(one, circle(one, 6.0)) > 0.95


def test_doubt_is_a_matter_of_degree():
    assert list(map(doubted, (0.0, 0.2, 0.6, 0.8, 1.0))) == pytest.approx([0.3, 0.3, 0.7, 1.0, 1.0])


class Cutting:
    """A step, as far as what is inside of it goes."""

    def __init__(self, outline):
        self.cut = type("Cut", (), {"outline": outline})()


@pytest.mark.parametrize(("level", "told"), [(780.0, True), (450.0, False)], ids=["slow blood", "nerve"])
def test_what_is_even_and_nearly_as_bright_as_fat_is_told(level, told):
    one = piece(levels=(level, FAT, MUSCLE), fat_mm=3.6)
    assert bool(suspicion([Cutting(circle(one, 3.0))], [one])) is told
