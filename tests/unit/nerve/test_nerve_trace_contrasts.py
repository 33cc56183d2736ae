"""What each contrast can tell a tracer: where the nerve ends, whether it is fat, and how sure its area is."""

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image, Weighting
from neuromyo.core.landmark import Landmark
from neuromyo.nerve.contour import Outline
from neuromyo.nerve.follow import judged
from neuromyo.nerve.refuse import inside
from neuromyo.nerve.section import Cut, gains, levels
from neuromyo.nerve.trace import trace
from neuromyo.nerve.trace_look import scale_of
from neuromyo.nerve.trace_stack import Piece, Stack
from tests.unit.nerve.nerve_scene import Scene

MIDDLE = np.array([15.0, 15.0])


def disc(weighting: Weighting, radius_mm: float, nerve: float, around: float, far: float = 40.0) -> Image:
    """A disc in a layer of 3 mm within muscle, in one slice of 0.5 mm pixels."""
    grid = Grid.of((61, 61, 1), np.diag([0.5, 0.5, 4.0, 1.0]), 2)
    at = np.arange(61) * 0.5
    away = np.hypot(at[:, None] - MIDDLE[0], at[None] - MIDDLE[1])
    values = np.where(away < radius_mm, nerve, np.where(away < radius_mm + 3.0, around, far))
    noise = np.random.default_rng(5).normal(0.0, 2.0, values.shape)
    return Image((values + noise)[..., None], grid, weighting, weighting)


def piece_of(*images: Image) -> Piece:
    piece = Stack.of(images).piece(0, MIDDLE, 12.0)
    assert piece is not None
    return piece


def evidence(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    outline = Outline.circle(MIDDLE, 3.5)
    _, edge, total = gains(piece, outline, levels(piece, outline, *scale_of(piece.values)), 1.0, 0.1, band_mm=0.7)
    return edge, total


def test_an_image_in_which_fat_is_dark_does_not_move_the_boundary():
    """Its fascicles end 0.7 mm within the nerve: no edge is taken there, and the dark rim does not speak against the nerve."""
    bright, dark = disc("T2w", 3.5, 100.0, 200.0), disc("T2w-fs", 2.8, 200.0, 20.0)
    (edge, total), (edge_both, total_both) = evidence(piece_of(bright)), evidence(piece_of(dark, bright))
    edge_dark, total_dark = evidence(piece_of(dark))
    np.testing.assert_allclose(edge_both, edge)
    assert np.abs(edge_dark).max() > 0.5
    by_dark = total_both - total
    assert np.median(total_dark[:, 9] - total_dark[:, 6]) < -0.2
    assert np.median(by_dark[:, 9] - by_dark[:, 6]) > -0.02


def fatness(*images: Image) -> list[float]:
    piece, outline = piece_of(*images), Outline.circle(MIDDLE, 3.5)
    look = levels(piece, outline, *scale_of(piece.values))
    step = judged(piece, Cut(outline, look, np.zeros(64), 0.5, 0.0), look, outline.area, 1.0)
    return [one.fatness for one in inside(piece, step)]


def test_a_nerve_as_bright_as_fat_in_t2w_alone_is_not_fat():
    bright = disc("T2w", 3.5, 190.0, 200.0)
    assert fatness(bright)[0] > 0.85
    assert max(fatness(bright, disc("T1w", 3.5, 110.0, 200.0))) < 0.7
    assert min(fatness(bright, disc("T1w", 3.5, 198.0, 200.0))) > 0.85


def test_without_bright_fat_the_boundary_is_said_to_be_unseen_and_its_area_less_sure():
    per_mm = {}
    for weighting in ("T2w", "T2w-fs"):
        values, _, centres = Scene(pixel_mm=0.4, weighting=weighting, n_slices=3, slice_mm=10.0, seed=3).make()
        grid = Grid.of(values.shape, np.diag([0.4, 0.4, 10.0, 1.0]), 2)
        x, y, z = grid.to_world(np.array([*(centres[1] / 0.4), 1]))
        found = trace([Image(values, grid, weighting, "leg")], Landmark("start", (x, y, z)), name="sciatic-nerve")
        assert any("cannot be told" in f.message for f in found.findings) == (weighting == "T2w-fs")
        per_mm[weighting] = min(s.se_mm2 / np.sqrt(4 * np.pi * s.area_mm2) for s in found.sections)
    assert per_mm["T2w"] > 0.15
    assert per_mm["T2w-fs"] > 1.2 * per_mm["T2w"]
