"""Traces made of analytic tubes, for the tests of the nerve's own frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Section, Trace
from tests.oracles import tubes

SHAPE = (120, 120, 41)


def trace_of(tube, *, noise_mm=0.0, area_noise=0.0, seed=0, missing=(), **cut) -> Trace:
    """A trace of a tube, its slices as `tubes.slices` lays them; see `scattered` for the noise."""
    shape = cut.get("shape", SHAPE)
    affine, outlines = tubes.slices(tube, **{"shape": shape, **cut})
    grid = Grid.of(shape, affine, 2)
    sections = []
    for k, outline in outlines.items():
        centre, area = tubes.centroid(outline, grid.slice_normal)
        if k not in missing:
            sections.append(Section(k, centre, (outline,), area, 1e-6 * area, 0.9))
    trace = Trace("sciatic-nerve", "right", grid, tuple(sections), np.zeros(shape, np.float32), 0.9)
    return scattered(trace, noise_mm, area_noise, seed) if noise_mm or area_noise else trace


def scattered(trace: Trace, noise_mm: float, area_noise: float = 0.0, seed: int = 0) -> Trace:
    """Centres scattered by ``noise_mm`` in the plane, outlines carried along; areas scattered in proportion."""
    rng = np.random.default_rng(seed)
    plane = trace.grid.affine[:3, :2] / np.linalg.norm(trace.grid.affine[:3, :2], axis=0)
    sections = []
    for s in trace.sections:
        off, grown = plane @ rng.normal(0, noise_mm, 2), 1 + area_noise * rng.normal()
        outline = s.centre_mm + off + (s.outlines_mm[0] - s.centre_mm) * np.sqrt(grown)
        se = max(area_noise, 1e-6) * s.area_mm2
        sections.append(
            replace(s, centre_mm=s.centre_mm + off, outlines_mm=(outline,), area_mm2=s.area_mm2 * grown, se_mm2=se)
        )
    return replace(trace, sections=tuple(sections))


def inside_cylinder(grid: Grid, direction, radius: float, points: int = 3) -> np.ndarray:
    """Share of each voxel within ``radius`` of the line through 0 along ``direction``."""
    along = np.asarray(direction, float) / np.linalg.norm(direction)
    offsets = (np.arange(points) + 0.5) / points - 0.5
    index = np.stack(np.indices(grid.shape), axis=-1)
    total = np.zeros(grid.shape)
    for step in np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 3):
        place = grid.affine[:3, :3] @ step + grid.to_world(index)
        total += np.linalg.norm(place - (place @ along)[..., None] * along, axis=-1) < radius
    return (total / points**3).astype(np.float32)
