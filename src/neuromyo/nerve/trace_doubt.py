r"""What the rim of an outline itself says against it: around a nerve it grows brighter outwards, where fat is bright.

.. math:: s = \frac{1}{64}\, \#\{\theta : q\,(\bar v_{out} - \bar v_{in}) > \max(2\sigma, 0.03\,(v_{99} - v_{50}))\}

with the mean brightness just inside and just outside along each ray, q = +1 where fat is bright and -1 where it is dark. An outline
that has taken fat in runs where fat meets muscle, and grows darker outwards; one that lies in the middle of the nerve, or a vessel
among others, has an edge around a part only. Following looks for edges of either sense with more or less weight, so that this is
evidence of its own.

*Assumes* fat around most of the nerve. *Breaks* where a nerve lies bare between muscles: it is then doubted though it may be right.
"""

from __future__ import annotations

import numpy as np

from neuromyo.nerve.contour import DIRECTIONS, Outline
from neuromyo.nerve.trace_stack import Piece

#: shares of the circumference with an edge towards fat, and what confidence is multiplied by there. On both generators and two seeds
#: each, sections below 0.2 were all bad (Dice under 0.8), a third of those between 0.5 and 0.7, none above (docs/accuracy/nerves.md)
SHARES, FACTORS = (0.2, 0.6, 0.8), (0.3, 0.7, 1.0)
#: below this share, in the middle of all sections, it is said in words
TOLD = 0.4
#: what confidence is multiplied by where something is odd about the whole
DOUBTED = 0.6
_STEPS = 7


def towards_fat(piece: Piece, outline: Outline) -> float:
    """The share (0 to 1) of an outline's circumference from where on it grows as bright (or dark) as fat is, in the image that shows most
    of it; of images with bright fat, if there are such."""
    pixel = piece.flat.pixel_mm
    low, high = (0.3 if pixel < 0.5 else 0.5), float(np.clip(1.3 * pixel, 0.9, 1.4))
    away = np.linspace(low, high, _STEPS)
    outside, inside = (
        piece.at(outline.centre + np.maximum(outline.radius[:, None] + by, 0.0)[..., None] * DIRECTIONS[:, None, :]).mean(axis=2)
        for by in (away, -away)
    )  # fmt: skip
    shares = [
        float(np.mean(_signed(out - within, fat_is) > max(2.0 * noise(image), 0.03 * _range(image))))
        for image, fat_is, out, within, shows in zip(
            piece.values, piece.fat_is, outside, inside, piece.shows_boundary, strict=True
        )
        if shows
    ]
    return max(shares)


def _signed(step: np.ndarray, fat_is: int) -> np.ndarray:
    """Steps outwards, those towards fat above 0; any step where nothing is known of fat."""
    return fat_is * step if fat_is else np.abs(step)


def noise(image: np.ndarray) -> float:
    """Standard deviation of noise in a slice's piece, from what neighbouring pixels do not share (median, so edges hardly count)."""
    rest = image[1:-1, 1:-1] - 0.25 * (image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:])
    return float(np.median(np.abs(rest)) / 0.6745 / np.sqrt(1.25))


def doubted(share: float) -> float:
    """What confidence is multiplied by, 0.3 to 1."""
    return float(np.interp(share, SHARES, FACTORS))


def _range(image: np.ndarray) -> float:
    """From what most of an image is as bright as, to its brightest."""
    return float(np.percentile(image, 99.0) - np.median(image))
