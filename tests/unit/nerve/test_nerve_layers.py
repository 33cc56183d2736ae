"""The boundary of a nerve in a thin layer of fat: discs of known radius, averaged over pixels from a fine grid; and the cost of layers
against the Gaussian density that it stands for."""

import numpy as np
import pytest
from scipy import special

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.nerve import layers
from neuromyo.nerve.contour import Outline
from neuromyo.nerve.layers import refine
from neuromyo.nerve.rim import SHEATH_MM
from neuromyo.nerve.trace_finish import _OFFSETS, agree
from neuromyo.nerve.trace_stack import Stack

NERVE, SHEATH, FAT, MUSCLE = 220.0, 40.0, 400.0, 100.0
FINE, RADIUS = 10, 3.0


def disc(fat_mm, *, pixel=0.4, sheath_mm=0.15, weighting="T2w", levels=(NERVE, SHEATH, FAT, MUSCLE), slip_mm=0.0):
    """A nerve of `RADIUS` (its sheath included) in fat of thickness ``fat_mm(angle)`` in muscle, which moves along the first axis by
    ``slip_mm`` within the slice."""
    n = round(16.0 / pixel)
    nerve, sheath, fat, muscle = levels
    at = (np.arange(n * FINE) + 0.5) / FINE * pixel - 0.5 * n * pixel
    fine = np.zeros((n * FINE, n * FINE))
    shifts = slip_mm * ((np.arange(7) + 0.5) / 7 - 0.5) if slip_mm else np.zeros(1)
    for shift in shifts:
        x, y = np.meshgrid(at - shift, at, indexing="ij")
        r, thick = np.hypot(x, y), fat_mm(np.arctan2(y, x))
        fine += np.select([r < RADIUS - sheath_mm, r < RADIUS, r < RADIUS + thick], [nerve, sheath, fat], muscle)
    image = fine.reshape(n, FINE, n, FINE).mean(axis=(1, 3)) / len(shifts)
    image = image + np.random.default_rng(1).normal(0, 3.0, image.shape)
    grid = Grid.of((n, n, 3), np.diag([pixel, pixel, 3.0, 1.0]))
    return Stack.of([Image(np.repeat(image[..., None], 3, axis=2), grid, weighting)])


def laid(stack, radius, slip_mm=0.0):
    """The radius of a circle of the area found, from a circle of that radius about the true centre."""
    pixel = stack.flat.pixel_mm
    centre = np.full(2, 8.0 - 0.5 * pixel)
    piece = stack.piece(1, centre, 7.5)
    return np.sqrt(refine(piece, Outline.circle(centre, radius), np.array([slip_mm, 0.0])).area / np.pi)


def half(thin):
    """Fat of 1.5 mm on one half of the circumference, ``thin`` on the other."""
    return lambda angle: np.where(np.cos(angle) > 0, 1.5, thin)


@pytest.mark.parametrize("thin", [0.2, 0.4, 0.8])
def test_an_outline_that_ran_round_the_fat_comes_back_to_the_nerve(thin):
    """The first guess is a circle through the outer side of the thin fat: 7 to 27 % of the area."""
    assert laid(disc(half(thin)), RADIUS + 0.5 * thin) == pytest.approx(RADIUS, abs=0.06)


@pytest.mark.parametrize(("pixel", "off"), [(0.2, 0.035), (0.4, 0.06)])
@pytest.mark.parametrize("sheath", [0.1, 0.15, 0.25])
def test_an_outline_that_is_right_stays_whatever_its_sheath(pixel, off, sheath):
    assert laid(disc(half(1.5), pixel=pixel, sheath_mm=sheath), RADIUS) == pytest.approx(RADIUS, abs=off)


def test_muscle_may_be_as_bright_as_the_nerve():
    """As in T1-weighted images: only the fat between them shows where one ends and the other begins."""
    stack = disc(half(0.5), weighting="T1w", levels=(105.0, 40.0, 400.0, 100.0))
    assert laid(stack, RADIUS + 0.4) == pytest.approx(RADIUS, abs=0.06)


@pytest.mark.parametrize("slip", [0.8, 1.2])
def test_a_nerve_that_moves_within_the_slice(slip):
    assert laid(disc(half(0.8), slip_mm=slip), RADIUS + 0.3, slip) == pytest.approx(RADIUS, abs=0.08)


@pytest.mark.parametrize(
    "changed",
    [{"weighting": "T2w-fs"}, {"weighting": "MTw"}, {"pixel": 0.8}, {"levels": (390.0, 40.0, 400.0, 100.0)}],
)
def test_where_layers_cannot_be_told_apart_the_outline_is_left(changed):
    untouched = np.sqrt(Outline.circle(np.zeros(2), RADIUS + 0.3).area / np.pi)
    assert laid(disc(half(0.3), **changed), RADIUS + 0.3) == pytest.approx(untouched, abs=1e-9)


@pytest.mark.parametrize(("edge_mm", "sheath", "held"), [(0.0, 1.0, True), (0.05, 1.0, True), (0.2, 0.0, False)])
def test_layers_are_not_believed_where_the_mean_profile_has_its_edge_further_out(edge_mm, sheath, held):
    """Profiles in closed form: nerve 2, fat 3.5, and a sheath of level 0 in front of the edge, or none."""
    at = (_OFFSETS - edge_mm) / 0.16
    edge, front = special.ndtr(at), special.ndtr(at + SHEATH_MM / 0.16)
    profile = 2.0 + 1.5 * edge - sheath * 2.0 * (front - edge)
    assert agree(profile[None, None], 0.4) is held


@pytest.mark.parametrize("smear", [0.0, 0.6])
def test_shares_of_layers_are_as_wide_as_the_layers(smear):
    step = 0.05
    at = tuple(np.arange(-160, 161) * step)
    shares, looked = layers._layers((-0.5, 0.0), at, 0.4, smear)
    assert np.allclose(shares.sum(axis=-1), 1.0)
    assert np.allclose(shares[..., 1].sum(axis=-1) * step, SHEATH_MM, atol=1e-6)
    assert np.allclose(shares[..., 2].sum(axis=-1) * step, layers._THICK, atol=1e-6)
    assert np.all(np.diff(looked.sum(axis=-1), axis=1) >= 1)


def test_the_cost_is_that_of_a_gaussian_whose_levels_are_not_known():
    """-ln N(I; T L, 1/lambda + T V T'), less its constants, by the full covariance matrix."""
    rng = np.random.default_rng(3)
    at, pixels = tuple(np.arange(-40, 41) * 0.05), 0.125
    level = np.array([2.0, 0.4, 3.5, 1.0])
    shares, looked = layers._layers((0.0,), at, 0.4, 0.0)
    rays = shares[0, 5] @ (level + np.array([0.1, 0.2, -0.2, 0.4])) + rng.normal(0, 0.1, (3, len(at)))
    known = np.ones(len(at), bool)
    scale = level[2] - level[3]
    noise = (layers.TEXTURE * scale) ** 2 / pixels
    spread = np.diag((np.array(layers.SPREADS) * scale) ** 2)
    expected = np.full((3, len(layers._THICK)), np.nan)
    for k, thick in enumerate(layers._THICK):
        seen = looked[0, k]
        some = shares[0, k][seen]
        covariance = noise * np.eye(seen.sum()) + some @ spread @ some.T
        left = rays[:, seen] - some @ level
        unlike = 0.5 * np.einsum("mi,ij,mj->m", left, np.linalg.inv(covariance), left)
        width = 0.5 * np.linalg.slogdet(covariance / noise)[1]
        price = 0.5 * (min(thick - layers.USUAL_FAT_MM, 0.0) / layers.SPREAD_MM) ** 2
        expected[:, k] = unlike + width + price + (0.5 + layers.UNEXPLAINED) * pixels * (~seen).sum()
    found = layers._cost(rays, level, shares, looked, known, pixels)
    assert np.allclose(found[:, 0], expected.min(axis=1), rtol=1e-9)
    assert np.all(expected.argmin(axis=1) == 5)
