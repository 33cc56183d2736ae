"""Voxels as palette entries: greys for anatomy, a colour scale for values, one plain grey for where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.report.colours import Scale, rgb, table

GREYS = 64
NO_VALUE = GREYS  # the palette's entry for a voxel that was fitted in vain
FIRST_COLOUR = GREYS + 1
COLOURS = 256 - FIRST_COLOUR
NO_VALUE_RGB = (176, 176, 176)


def grey_levels(image: np.ndarray) -> np.ndarray:
    """A grey image, any scale -> (…) uint8 levels 0 to 63; the brightest 0.5 % are clipped, NaN is black."""
    finite = image[np.isfinite(image)]
    top = float(np.percentile(finite, 99.5)) if finite.size else 0.0
    if not top > 0:
        return np.zeros(image.shape, dtype=np.uint8)
    share = np.clip(np.nan_to_num(image, nan=0.0, posinf=top, neginf=0.0) / top, 0.0, 1.0)
    return np.round(share * (GREYS - 1)).astype(np.uint8)


def map_palette(scale: Scale) -> np.ndarray:
    """Dimmed greys, the grey of a voxel without a value, then the colours of the scale: (256, 3)."""
    return np.vstack([_greys(0.5), [NO_VALUE_RGB], table(scale.colours, COLOURS)]).astype(np.uint8)


def paint_values(
    values: np.ndarray, valid: np.ndarray, failed: np.ndarray, grey: np.ndarray, scale: Scale
) -> np.ndarray:
    """Values over anatomy. values in the display unit, ``valid`` and ``failed`` bool, ``grey`` levels; of one shape.

    Valid voxels take a colour, failed ones the plain grey, all others show the anatomy, dimmed.
    """
    out = grey.copy()
    out[failed] = NO_VALUE
    out[valid] = FIRST_COLOUR + np.round(scale.fraction(values[valid]) * (COLOURS - 1)).astype(np.uint8)
    return out


def axis_palette() -> np.ndarray:
    """Dimmed greys, the grey of a voxel without a value, then the colours of axes: (256, 3)."""
    return np.vstack([_greys(0.5), [NO_VALUE_RGB], np.round(255 * _octant())]).astype(np.uint8)


def paint_axes(axes: np.ndarray, valid: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Axes over anatomy: red for right-left, green for front-back, blue for head-foot, mixed as the axis lies. Where there is
    none, the anatomy shows: the grey of a voxel without a value is the colour of an axis between all three.

    axes : (rows, columns, 3) in the world, of any sign; the others as for `paint_values`
    """
    out = grey.copy()
    out[valid] = FIRST_COLOUR + np.argmax(np.abs(axes[valid]) @ _octant().T, axis=1).astype(np.uint8)
    return out


def _octant() -> np.ndarray:
    """(COLOURS, 3) directions spread evenly over the octant of positive numbers."""
    many = 8 * COLOURS
    while True:
        z = 1 - 2 * (np.arange(many) + 0.5) / many
        turn = np.pi * (3 - np.sqrt(5)) * np.arange(many)
        rim = np.sqrt(1 - z * z)
        all_round = np.stack([rim * np.cos(turn), rim * np.sin(turn), z], axis=1)
        inside = all_round[(all_round >= 0).all(axis=1)]
        if len(inside) >= COLOURS:
            return inside[:COLOURS]
        many += 8


def category_palette(colours: Sequence[str]) -> np.ndarray:
    """Greys in full, then one colour a category (``#rrggbb``)."""
    return np.vstack([_greys(1.0), *([rgb(c)] for c in colours)]).astype(np.uint8)


def paint_categories(index: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Category 1, 2, ... over anatomy where ``index`` is not 0."""
    return np.where(index > 0, GREYS - 1 + index, grey).astype(np.uint8)


def outlines(index: np.ndarray) -> np.ndarray:
    """The rim of each region: ``index`` (rows, columns) where a neighbour belongs elsewhere, else 0."""
    padded = np.pad(index, 1, mode="edge")
    rim = np.zeros(index.shape, dtype=bool)
    for shifted in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        rim |= shifted != index
    return np.where(rim, index, 0)


def enlarge(picture: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel as a block of ``factor`` x ``factor``."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _greys(brightness: float) -> np.ndarray:
    return np.repeat(np.round(np.linspace(0, 255 * brightness, GREYS))[:, None], 3, axis=1)
