"""The judge of traces, given traces of known faults: the truth itself, a moved one, one that stops, one that is too sure."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.nerve import Section, Trace
from tests.oracles.nerve_cases import Recipe, scan
from tests.oracles.nerve_slices import made
from tests.physics.traced import judge, read, table

TINY = Recipe(
    78, (scan("T2w", 0.5, 2.0, 6, 40, extent=(24.0, 24.0)), scan("T1w", 0.6, 2.0, 6, 40, extent=(24.0, 24.0))), area=30,
    flat=1.3, count=6, tilt=10, storage=("wvu", "uw"), euler=(20, -10, 15))  # fmt: skip


@pytest.fixture(scope="module")
def case():
    return made("tiny", TINY)


def tracer(case, *, roll=0, scale=1.0, without=(), flags=None):
    """A tracer that knows the truth, and spoils it as told. It sees nothing but what a tracer is given, and the click."""

    def trace(images, start, *, name, side):
        grid = images[0].grid
        cover = np.roll(grid.from_source(case.truth["sciatic-nerve"]), roll, axis=grid.in_plane_axes[0]).astype(
            np.float32
        )
        pixel = np.prod([grid.spacing_mm[a] for a in grid.in_plane_axes])
        sections = []
        for k in range(grid.shape[grid.slice_axis]):
            part = [slice(None)] * 3
            part[grid.slice_axis] = k
            if k in without:
                cover[tuple(part)] = 0
                continue
            area = scale * float(cover[tuple(part)].sum() * pixel)
            sections.append(Section(k, np.zeros(3), (), area, 0.1, 0.9, (flags or {}).get(k, ())))
        return Trace(name, side, grid, tuple(sections), cover, 0.9)

    return trace


def test_what_the_tracer_is_given(case, tmp_path):
    """Files turned to RAS+ with the slices where they were; the click lies on the nerve in world and grid."""
    images = read(case, tmp_path)
    assert [i.weighting for i in images] == ["T2w", "T1w"]
    grid = images[0].grid
    assert grid.slice_axis == grid.source_axes[case.slice_axis][0]
    truth = grid.from_source(case.truth["sciatic-nerve"])
    index = tuple(np.rint(grid.to_index(np.array(case.start))).astype(int))
    assert truth[index] > 0.5
    assert np.allclose(grid.source_affine, case.images[0][1], atol=1e-4)


def test_the_truth_is_right(case, tmp_path):
    row = judge(tracer(case), case, tmp_path)
    assert (row.outcome, row.dice, row.hd95_mm, row.missing) == ("traced", 1.0, 0.0, 0)
    assert row.bias == pytest.approx(0, abs=1e-3)
    inner = np.sqrt(30 / np.pi) - TINY.rim
    assert row.rimless_bias == pytest.approx(30 / (np.pi * inner**2) - 1, rel=0.2), "the rim is part of the nerve"


def test_moved_and_swollen(case, tmp_path):
    row = judge(tracer(case, roll=2, scale=1.1), case, tmp_path)
    assert row.hd95_mm == pytest.approx(1.0, abs=0.26)
    assert 0.75 < row.dice < 0.87
    assert row.bias == pytest.approx(0.10, abs=2e-3)


def test_lost_slices_and_blind_confidence(case, tmp_path):
    """Two of six slices missing; a slice in which nothing is seen does not count, but must carry a flag."""
    row = judge(tracer(case, without=(0, 5)), case, tmp_path)
    assert row.missing == 2 and row.dice == pytest.approx(0.8, abs=0.03)
    grid = read(case, tmp_path)[0].grid
    stored = 1
    turned = grid.shape[grid.slice_axis] - 1 - stored if grid.source_axes[case.slice_axis][1] else stored
    blind = replace(case, spoilt=(stored,))
    assert judge(tracer(case), blind, tmp_path).sure == (turned,)
    assert judge(tracer(case, flags={turned: ("gap",)}), blind, tmp_path).sure == ()
    skipped = judge(tracer(case, without=(turned,)), blind, tmp_path)
    assert (skipped.dice, skipped.missing, skipped.sure) == (1.0, 0, ())


def test_refused_and_lost(case, tmp_path):
    def refuses(images, start, *, name, side):
        raise DataError("E-NERVE", where="start", needed="a nerve", found="muscle", remedy="point at the nerve")

    def breaks(images, start, *, name, side):
        raise ZeroDivisionError("no luck")

    refused, broken = judge(refuses, case, tmp_path), judge(breaks, case, tmp_path)
    assert (refused.outcome, refused.code, refused.dice, refused.hd95_mm) == ("refused", "E-NERVE", 0.0, np.inf)
    assert (broken.outcome, broken.code) == ("lost", "ZeroDivisionError")
    assert judge(tracer(case, without=range(6)), case, tmp_path).outcome == "lost"
    assert "E-NERVE" in table([refused, broken]) and "no luck" in table([refused, broken])
