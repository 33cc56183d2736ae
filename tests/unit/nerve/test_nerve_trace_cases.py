"""The tracer on the phantom's named cases: a few always, all of them marked slow (`bench/trace_cases.py` prints the whole table)."""

import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.nerve.trace import trace
from neuromyo.phantom.nerve_cases import NerveCase, cases

CASES = {case.name[:2]: case for case in cases()}


def figures(case: NerveCase) -> tuple[float, float]:
    """(median Dice over slices, median of area over true area - 1) of the nerve that was pointed at."""
    made = case.make()
    found = trace(made.images, made.start, name=made.name, side=made.side)
    truth = made.truth.coverage[made.name]
    pixel = case.in_plane_mm**2
    dice, bias = [], []
    for section in found.sections:
        a, b = found.coverage[..., section.slice] >= 0.5, truth[..., section.slice] >= 0.5
        if b.any():
            dice.append(2 * (a & b).sum() / (a.sum() + b.sum()))
            bias.append(section.area_mm2 / (truth[..., section.slice].sum() * pixel) - 1)
    return float(np.median(dice)), float(np.median(bias))


def test_a_case_is_followed():
    dice, bias = figures(CASES["33"])
    assert dice > 0.92
    assert abs(bias) < 0.12


@pytest.mark.parametrize("number", ["36", "41", "44"])
def test_a_case_without_a_nerve_is_refused(number):
    made = CASES[number].make()
    with pytest.raises(DataError) as error:
        trace(made.images, made.start, name=made.name, side=made.side)
    assert error.value.code == "E-NERVE"


@pytest.mark.whole
@pytest.mark.parametrize("case", [c for c in CASES.values() if not c.has_nerve], ids=lambda c: c.name)
def test_none_is_taken_for_a_nerve(case):
    made = case.make()
    with pytest.raises(DataError) as error:
        trace(made.images, made.start, name=made.name, side=made.side)
    assert error.value.code == "E-NERVE"


@pytest.mark.whole
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("pixels", "dice", "bias"), [((0.2, 0.3, 0.4), 0.92, 0.03), ((0.8,), 0.85, 0.06), ((1.0,), 0.80, 0.12)]
)
def test_medians_of_sciatic_nerves(pixels, dice, bias):
    chosen = [c for c in CASES.values() if c.has_nerve and c.nerve == "sciatic-nerve" and c.in_plane_mm in pixels]
    found = np.array([figures(c) for c in chosen if c.kind != "hypertrophic"])
    assert np.median(found[:, 0]) >= dice
    assert abs(np.median(found[:, 1])) < bias
