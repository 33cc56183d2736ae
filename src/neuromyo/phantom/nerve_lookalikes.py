"""What lies beside a nerve and looks like one: arteries, veins, lymph nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuromyo.phantom.nerve_course import Line

WALL_MM, PERIVASCULAR_MM, CAPSULE_MM = 0.35, 0.7, 0.25


@dataclass(frozen=True)
class Vessel:
    """A tube with a dark wall and fat around it; ``flow``: a void (artery), slow and bright (vein), or none: a dark cord like a
    tendon (wall)."""

    line: Line
    radius_mm: float
    flow: Literal["artery", "vein", "wall"] = "artery"

    @property
    def reach_mm(self) -> float:
        return self.radius_mm + PERIVASCULAR_MM + 0.3

    def spine(self, z: np.ndarray) -> np.ndarray:
        """Points (m, 3) that all of it lies within reach of, given levels that span the picture."""
        return self.line.points(z)

    def layers(self, xyz: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
        """(tissue, depth in mm) from outside to inside, for points (n, 3)."""
        u, v, _ = self.line.across(xyz)
        depth = self.radius_mm - np.hypot(u, v)
        return ("fat", depth + PERIVASCULAR_MM), ("wall", depth), (self.flow, depth - WALL_MM)


@dataclass(frozen=True)
class Node:
    """A lymph node: an ovoid with a thin capsule and a hilum of fat, that ends after a slice or a few.

    half_axes_mm : (3,) along ``axis`` first; its length is twice the first
    """

    centre_mm: tuple[float, float, float]
    half_axes_mm: tuple[float, float, float]
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    hilum: float = 0.35

    @property
    def reach_mm(self) -> float:
        return max(self.half_axes_mm) + 0.8

    def spine(self, z: np.ndarray) -> np.ndarray:
        return np.array([self.centre_mm])

    def layers(self, xyz: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
        """(tissue, depth in mm) from outside to inside, for points (n, 3)."""
        along = np.array(self.axis) / np.linalg.norm(self.axis)
        first = np.cross(along, [0.0, 1.0, 0.0] if abs(along[1]) < 0.9 else [1.0, 0.0, 0.0])
        first /= np.linalg.norm(first)
        turned = (xyz - np.array(self.centre_mm)) @ np.stack([along, first, np.cross(along, first)], axis=1)
        axes = np.array(self.half_axes_mm)
        depth = _ellipsoid(turned, axes)
        hilum = _ellipsoid(turned - np.array([0.0, 0.55 * axes[1], 0.0]), axes * self.hilum)
        return ("fat", depth + 0.6), ("sheath", depth), ("node", depth - CAPSULE_MM), ("fat", np.minimum(hilum, depth))


def _ellipsoid(places: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Depth in an ellipsoid, mm, to first order."""
    q = np.maximum(np.linalg.norm(places / axes, axis=1), 1e-6)
    return (1.0 - q) * q / np.maximum(np.linalg.norm(places / axes**2, axis=1), 1e-6)
