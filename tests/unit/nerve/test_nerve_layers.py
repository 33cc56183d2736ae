"""The boundary of a nerve in a thin layer of fat: discs of known radius, averaged over pixels from a fine grid."""

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.nerve.contour import Outline
from neuromyo.nerve.layers import refine
from neuromyo.nerve.trace_stack import Stack

NERVE, SHEATH, FAT, MUSCLE = 220.0, 40.0, 400.0, 100.0
FINE, RADIUS = 10, 3.0


def disc(fat_mm, *, pixel=0.4, sheath_mm=0.15, weighting="T2w", noise=3.0, levels=(NERVE, SHEATH, FAT, MUSCLE)):
    """A nerve of `RADIUS` (its sheath included) in fat of thickness ``fat_mm(angle)`` in muscle, and its stack."""
    n = 60
    nerve, sheath, fat, muscle = levels
    at = (np.arange(n * FINE) + 0.5) / FINE * pixel
    x, y = np.meshgrid(at - 30 * pixel, at - 30 * pixel, indexing="ij")
    r, thick = np.hypot(x, y), fat_mm(np.arctan2(y, x))
    fine = np.select([r < RADIUS - sheath_mm, r < RADIUS, r < RADIUS + thick], [nerve, sheath, fat], muscle)
    image = fine.reshape(n, FINE, n, FINE).mean(axis=(1, 3))
    image = image + np.random.default_rng(1).normal(0, noise, image.shape)
    grid = Grid.of((n, n, 3), np.diag([pixel, pixel, 3.0, 1.0]))
    return Stack.of([Image(np.repeat(image[..., None], 3, axis=2), grid, weighting)])


def laid(stack, radius):
    """The mean radius after `refine`, from a circle of that radius about the true centre."""
    centre = np.full(2, 30 * stack.flat.pixel_mm - 0.5 * stack.flat.pixel_mm)
    piece = stack.piece(1, centre, 9.0)
    return refine(piece, Outline.circle(centre, radius), np.zeros(2)).radius.mean()


def half(thin):
    """Fat of 1.5 mm on one half of the circumference, ``thin`` on the other."""
    return lambda angle: np.where(np.cos(angle) > 0, 1.5, thin)


@pytest.mark.parametrize("thin", [0.2, 0.3, 0.4])
def test_an_outline_round_thin_fat_comes_back_to_the_nerve(thin):
    stack = disc(half(thin))
    too_far = RADIUS + 0.5 * thin * (FAT - MUSCLE) / (NERVE - MUSCLE)
    found = laid(stack, too_far)
    assert abs(found - RADIUS) < 0.12
    assert abs(found - RADIUS) < 0.5 * (too_far - RADIUS)


@pytest.mark.parametrize("sheath", [0.0, 0.15])
def test_an_outline_that_is_right_stays(sheath):
    assert laid(disc(half(1.5), sheath_mm=sheath), RADIUS) == pytest.approx(RADIUS, abs=0.06)


@pytest.mark.parametrize(
    "changed",
    [
        {"weighting": "T2w-fs"}, {"weighting": "T1w"}, {"pixel": 0.6},
        {"levels": (105.0, 40.0, 400.0, 100.0)}, {"levels": (390.0, 40.0, 400.0, 100.0)},
    ],
)  # fmt: skip
def test_where_layers_cannot_be_told_apart_the_outline_is_left(changed):
    assert laid(disc(half(0.3), **changed), RADIUS + 0.3) == pytest.approx(RADIUS + 0.3, abs=1e-9)
