"""Stated body part and side against what is seen, with a segmenter that draws what it is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Segmenter, SeriesNeed
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline import body
from neuromyo.pipeline.plan import Task

X, Y, _ = np.indices((120, 60, 9))


def leg(centre: int, first: int, side: str, *bones) -> tuple[np.ndarray, list[Region]]:
    volume = np.zeros(X.shape, np.uint8)
    volume[(X - centre) ** 2 + (Y - 30) ** 2 < 625] = first
    for dx, dy, radius in bones:
        volume[(X - centre - dx) ** 2 + (Y - 30 - dy) ** 2 < radius**2] = first + 1
    return volume, [Region(first, "muscle", side, "leg"), Region(first + 1, "bone-marrow", side, "leg")]


CALF = ((16, 4, 6), (-10, -6, 2.5))
THIGH = ((2, -1, 5),)


def tasks(bones=CALF, sides=("left", "right"), acq="", **acquired) -> tuple[list[Series], list[Task]]:
    """A series and the task of a segmenter that draws those legs, whatever it is given."""
    entities = {"sub": "01"} | ({"acq": acq} if acq else {})
    series = Series(ArrayData(np.ones((*X.shape, 3), np.float32)), Grid.of(X.shape, np.diag([2.0, 2, 10, 1])),
                    Acquisition(**acquired), "MESE", entities=entities, files=("sub-01/anat/x_MESE.nii.gz",))  # fmt: skip

    def segment(given, options) -> Labels:
        assert given["mese"].grid.shape[2] == 5, "a few slices in the middle are enough"
        made = [leg(30 + 60 * (side == "right"), 1 + 10 * (side == "right"), side, *bones) for side in sides]
        volume = sum(v for v, _ in made)[..., :5]
        return Labels(volume, given["mese"].grid, tuple(r for _, regions in made for r in regions), "toy")

    segmenter = Segmenter("toy", "t", {"mese": SeriesNeed(("MESE",))}, ("bone-marrow", "leg"), segment)
    return [series], [Task("toy@x", segmenter, {"mese": series}, "why")]


def codes(made, protocol=""):
    return [(f.level, f.code) for f in body.check(*made, protocol)]


@pytest.mark.parametrize("said", ["CALF", "lower leg", "LOWERLEG"])
def test_what_agrees_is_not_spoken_of(said):
    assert codes(tasks(body_part=said)) == []
    assert codes(tasks(THIGH, body_part=said)) == [("warn", "W-BODYPART")]


def test_the_header_says_calf_over_a_thigh():
    (found,) = body.check(*tasks(THIGH, body_part="CALF"))
    assert found.where == "sub-01/anat/x_MESE.nii.gz: BodyPartExamined"
    assert found.message == "stated is the calf, but the image shows one bone in the middle of each leg, as a thigh has"


def test_a_protocol_and_a_name_are_statements_too():
    assert codes(tasks(THIGH), "calf_3t") == [("warn", "W-BODYPART")]
    assert codes(tasks(CALF, acq="thigh")) == [("warn", "W-BODYPART")]
    assert codes(tasks(THIGH), "nerve_3t") == []


def test_statements_that_contradict_each_other():
    made = tasks(bones=(), acq="thigh", body_part="CALF")
    (found,) = body.check(*made)
    assert found.code == "W-BODYPART" and "calf by BodyPartExamined and thigh by the name (acq-thigh)" in found.message


def test_words_that_could_be_either_say_nothing():
    assert codes(tasks(THIGH, body_part="LEG")) == [] == codes(tasks(THIGH, body_part="thigh and calf"))


def test_sides():
    assert codes(tasks(sides=("left",), laterality="left")) == []
    (wrong,) = body.check(*tasks(sides=("left",), laterality="right"))
    assert wrong.code == "W-SIDE" and "lies left of the scanner's midline" in wrong.message
    assert codes(tasks(laterality="left")) == [("note", "N-SIDE")]
    assert codes(tasks(sides=("none",), laterality="left")) == [], "a leg in the middle of the scanner tells nothing"
    assert ("warn", "W-SIDE") in codes(tasks(sides=(), acq="calfleft", laterality="right"))


def test_a_segmentation_that_fails_says_nothing():
    series, (task,) = tasks(body_part="CALF")

    def broken(given, options):
        raise ValueError("no leg")

    other = Segmenter("toy", "t", {"mese": SeriesNeed(("MESE",))}, ("bone-marrow",), broken)
    assert (
        body.check(series, [cast(Task, SimpleNamespace(declaration=other, series=task.series, main=task.main))]) == ()
    )
