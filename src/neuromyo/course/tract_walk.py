r"""Many lines at once, step by step along the principal direction of a tensor field.

    x_{k+1} = x_k + h v(x_k + h/2 v(x_k))        (midpoint rule, second order)

v(x) is the first eigenvector of the tensor interpolated linearly at x, its sign that of the step before. Interpolating the tensor
needs no choice of sign, and weighs what is well directed more. Voxels without a usable tensor take no part in it; those only in part
nerve take as much part, so that what lies beside a nerve does not turn the lines at its rim.

Assumes: one direction a voxel. Breaks: where fibres cross or fan within a voxel, and where two structures share one.

Cites: Basser et al., Magn Reson Med 2000;44:625, doi:10.1002/1522-2594(200010)44:4<625::AID-MRM17>3.0.CO;2-O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import product

import numpy as np
from scipy.spatial import KDTree

from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course
from neuromyo.fit.tensor_numbers import numbers_of

_CORNERS = np.array(list(product((0, 1), repeat=3)))
#: diffusivities are brought near 1
_SCALE = 1e9


class Stop(IntEnum):
    """Why a line goes no further."""

    NONE = 0
    END = 1
    EDGE = 2
    LEFT = 3
    LOW_FA = 4
    TURN = 5
    OFF_COURSE = 6
    NO_DATA = 7
    LONG = 8

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Stop.NONE: "none",
    Stop.END: "end of the nerve as it was drawn",
    Stop.EDGE: "edge of the image",
    Stop.LEFT: "left the nerve sideways",
    Stop.LOW_FA: "anisotropy too low",
    Stop.TURN: "too sharp a turn",
    Stop.OFF_COURSE: "direction off the nerve's course",
    Stop.NO_DATA: "no usable tensor",
    Stop.LONG: "too long",
}


@dataclass(frozen=True, eq=False)
class Field:
    """Where a line may go, and which way it runs there.

    tensor : (x, y, z, 6) m2/s, world frame, xx yy zz xy xz yz; 0 where not ``usable`` (x, y, z) bool
    allowed : (x, y, z) bool, or None where the whole image is; weight : (x, y, z) above 0, part of a voxel in what lies between voxels
    """

    tensor: np.ndarray
    usable: np.ndarray
    grid: Grid
    least_fa: float
    allowed: np.ndarray | None = None
    weight: np.ndarray | None = None
    course: Course | None = None
    most_off_deg: float = 90.0

    @cached_property
    def _extent(self) -> tuple[int, int]:
        """First and last slice in which lines may go."""
        assert self.allowed is not None
        others = tuple(a for a in range(3) if a != self.grid.slice_axis)
        there = np.flatnonzero(self.allowed.any(axis=others))
        return (int(there[0]), int(there[-1])) if len(there) else (0, -1)

    @cached_property
    def _table(self) -> np.ndarray:
        """(voxels, 7) the tensor in 1e-9 m2/s times its weight, and the weight; 0 where it is not usable."""
        weight = (self.usable * (1.0 if self.weight is None else self.weight))[..., None]
        return np.concatenate([self.tensor * _SCALE * weight, weight], axis=3).reshape(-1, 7)

    @cached_property
    def _tangents(self) -> np.ndarray:
        """(voxels, 3) direction of the course where it is nearest to a voxel's centre; 0 where no line may go."""
        assert self.course is not None
        out = np.zeros((*self.grid.shape, 3))
        at = np.argwhere(self.usable)
        nearest = KDTree(self.course.points_mm).query(self.grid.to_world(at))[1]
        out[tuple(at.T)] = self.course.tangents[nearest]
        return out.reshape(-1, 3)

    def look(self, points: np.ndarray, heading: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Directions (m, 3) at points (m, 3) mm, signed like ``heading`` (m, 3), and why it goes no further there (m,)."""
        index = self.grid.to_index(points)
        near = np.floor(index + 0.5).astype(np.intp)
        inside = np.all((near >= 0) & (near < self.grid.shape), axis=1)
        near = np.where(inside[:, None], near, 0)
        flat = np.ravel_multi_index(tuple(near.T), self.grid.shape)
        stop = np.where(inside, Stop.NONE, Stop.EDGE).astype(np.uint8)
        if self.allowed is not None:
            low, high = self._extent
            along = near[:, self.grid.slice_axis]
            out = ~self.allowed.ravel()[flat] & inside
            stop[out] = np.where((along < low) | (along > high), Stop.END, Stop.LEFT)[out]
        stop[(stop == Stop.NONE) & ~self.usable.ravel()[flat]] = Stop.NO_DATA
        direction, fa = principal(self._between(index))
        stop[(stop == Stop.NONE) & ~(fa >= self.least_fa)] = Stop.LOW_FA
        if heading is not None:
            direction = np.where((np.sum(direction * heading, axis=1) < 0)[:, None], -direction, direction)
        if self.course is not None:
            cosine = np.abs(np.sum(direction * self._tangents[flat], axis=1))
            stop[(stop == Stop.NONE) & (cosine < np.cos(np.deg2rad(self.most_off_deg)))] = Stop.OFF_COURSE
        return direction, stop

    def _between(self, index: np.ndarray) -> np.ndarray:
        """(m, 6) tensors at continuous indices (m, 3), linear between the usable voxels around; 0 where there are none."""
        base = np.floor(index).astype(np.intp)
        part = index - base
        last = np.array(self.grid.shape) - 1
        at = np.clip(base[:, None] + _CORNERS, 0, last)
        share = np.prod(np.where(_CORNERS == 1, part[:, None], 1 - part[:, None]), axis=2)
        found = np.take(self._table, np.ravel_multi_index(tuple(np.moveaxis(at, 2, 0)), self.grid.shape), axis=0)
        total = np.einsum("mc,mck->mk", share, found)
        return total[:, :6] / np.maximum(total[:, 6:], 1e-12)


def principal(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First eigenvectors (m, 3) and fractional anisotropies (m,) of tensors (m, 6); NaN of a tensor that is 0."""
    found = numbers_of(tensor, np.zeros((len(tensor), 6, 6)))
    return found.V1, found.values[:, 0]


def walk(
    field: Field, start: np.ndarray, heading: np.ndarray, step_mm: float, most_turn_deg: float, most_mm: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Lines from points (m, 3) mm on, the first steps going like ``heading`` (m, 3) -> [(k, 3)], why each ended (m,).

    A step is taken where its end is allowed too, so that all points lie where the field says so.
    """
    least = np.cos(np.deg2rad(most_turn_deg))
    going, points, ended = np.arange(len(start)), start.copy(), np.full(len(start), Stop.LONG, np.uint8)
    pieces, owners = [start], [going]
    heading, why = field.look(points, heading)
    going, points, heading = _left(going, points, heading, why, ended)
    for _ in range(int(most_mm / step_mm)):
        if not len(going):
            break
        middle, why = field.look(points + 0.5 * step_mm * heading, heading)
        ahead = points + step_mm * middle
        turned, after = field.look(ahead, middle)
        why = np.where(why == Stop.NONE, after, why)
        why[(why == Stop.NONE) & (np.sum(turned * heading, axis=1) < least)] = Stop.TURN
        going, points, heading = _left(going, ahead, turned, why, ended)
        pieces.append(points)
        owners.append(going)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(start))
    return np.split(np.concatenate(pieces)[order], np.cumsum(counts)[:-1]), ended


def _left(
    going: np.ndarray, points: np.ndarray, heading: np.ndarray, why: np.ndarray, ended: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those that go on; why the others do not is noted in ``ended``."""
    on = why == Stop.NONE
    ended[going[~on]] = why[~on]
    return going[on], points[on], heading[on]
