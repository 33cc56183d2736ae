"""Which tissue belongs to which leg, and which leg is the right one: by world coordinates, never by array order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy import shapes
from neuromyo.anatomy.shapes import islands
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Side

#: two legs that touch: each thicker than this share of the other, with a waist thinner than `_WAIST` of the thinner one
_ALIKE, _WAIST = 0.55, 0.8
#: a single leg is sided only if its centre lies this far (mm) off the scanner's midline
_OFF_CENTRE_MM = 40.0


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg: its side and its tissue (a, b, z) bool."""

    side: Side
    mask: np.ndarray


def find(body: np.ndarray, grid: Grid, spacing: tuple[float, float]) -> tuple[Leg, ...]:
    """The legs in a body mask (a, b, z), right before left; sides from world x (RAS+: larger x is further right).

    One leg alone has a side only where it lies wholly on one side of the scanner's midline, and ``none`` otherwise.
    """
    pieces = np.zeros(body.shape, np.uint8)
    for k in range(body.shape[2]):
        pieces[..., k] = _pieces(body[..., k], spacing)
    centres = _world_x(grid, body.shape)
    double = [k for k in range(body.shape[2]) if pieces[..., k].max() == 2]
    present = [k for k in range(body.shape[2]) if body[..., k].any()]
    if not double or len(double) < 0.2 * len(present):
        return (Leg(_single_side(body, centres, grid), body),)
    right = np.zeros(body.shape, bool)
    middle = _order(pieces, centres, double, right)
    for k in set(present) - set(double):
        line = float(np.interp(k, double, middle))
        right[..., k] = _one_piece(body[..., k], centres[..., k], line)
    return tuple(leg for leg in (Leg("right", right & body), Leg("left", body & ~right)) if leg.mask.any())


def _order(pieces: np.ndarray, x: np.ndarray, double: list[int], right: np.ndarray) -> list[float]:
    """Marks in ``right`` the piece of larger mean world x, slice by slice; returns the midline x (mm) of each slice."""
    middle = []
    for k in double:
        means = [float(x[..., k][pieces[..., k] == i].mean()) for i in (1, 2)]
        right[..., k] = pieces[..., k] == 1 + int(np.argmax(means))
        middle.append(sum(means) / 2)
    return middle


def _one_piece(body: np.ndarray, x: np.ndarray, line: float) -> np.ndarray:
    """The right part of a slice seen as one piece among slices of two: cut at the midline if it straddles it."""
    beyond = float((x[body] > line).mean())
    if beyond > 0.85:
        return body
    return body & (x > line) if beyond > 0.15 else np.zeros_like(body)


def _pieces(body: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """1 and 2 for two legs in a slice, 1 for one; between two thick cores a voxel goes with the nearer one."""
    depth = shapes.depth(body, spacing, cut_is_edge=False)
    markers = _markers(body, depth)
    if markers.max() < 2:
        return body.astype(np.uint8)
    label, n = islands(body)
    owner = {int(i): set(np.unique(markers[(label == i) & (markers > 0)])) for i in range(1, n + 1)}
    nearest = np.asarray(
        ndimage.distance_transform_edt(markers == 0, spacing, return_distances=False, return_indices=True)
    )
    out = markers[nearest[0], nearest[1]]
    for i, legs in owner.items():
        if len(legs) == 1:
            out[label == i] = legs.pop()
    return np.where(body, out, 0).astype(np.uint8)


def _markers(body: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The cores (1, 2) of two legs: the deepest cut through the slice that leaves two thick parts; else all 1."""
    top = float(depth.max())
    for level in np.linspace(0.0, _WAIST, 9) * top:
        label, n = islands(depth > level)
        if n < 2:
            continue
        peaks = np.array(ndimage.maximum(depth, label, np.arange(1, n + 1)))
        two = np.argsort(-peaks, kind="stable")[:2]
        if peaks[two[1]] >= _ALIKE * top and level <= _WAIST * peaks[two[1]]:
            out = np.zeros(body.shape, np.uint8)
            out[label == two[0] + 1], out[label == two[1] + 1] = 1, 2
            return out
    return body.astype(np.uint8)


def _world_x(grid: Grid, shape: tuple[int, ...]) -> np.ndarray:
    """World x (mm) of every voxel, slice axis last, float32."""
    i, j, k = (np.arange(n, dtype=np.float32) for n in grid.shape)
    row = grid.affine[0].astype(np.float32)
    x = row[0] * i[:, None, None] + row[1] * j[None, :, None] + row[2] * k[None, None, :] + row[3]
    return np.moveaxis(np.broadcast_to(x, grid.shape), grid.slice_axis, 2).reshape(shape)


def _single_side(body: np.ndarray, x: np.ndarray, grid: Grid) -> Side:
    """The side of one leg, if the scanner's coordinates tell it."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(grid.shape) - 1)
    world = np.abs(grid.to_world(corners))
    if (world.max(1) < max(grid.spacing_mm)).any():
        return "none"  # the origin is a corner of the image: these are no scanner coordinates
    values = x[body]
    centre = float(values.mean())
    if abs(centre) < _OFF_CENTRE_MM or float((values * np.sign(centre) > 0).mean()) < 0.98:
        return "none"
    return "right" if centre > 0 else "left"
