"""Four plug-ins of other shapes than ours keep the same promises: the declaration can say what they need."""

import pytest

from neuromyo.fit import runner
from neuromyo.testing.contract import checks
from neuromyo.testing.scene import Case, scene
from tests.contract.plugins import gradient_contrast, phase_b0, signal_ratio, two_angle_t1

HOW = {
    phase_b0: {},
    gradient_contrast: {},
    two_angle_t1: {"expected": {"R1": lambda t: 1 / t["T1"]}},
    signal_ratio: {"regions": {"reference": {"Ratio": 1.0, "Reference": 400.0}}},
}


@pytest.mark.parametrize("check", [c for module, how in HOW.items() for c in checks(module.BIOMARKER, **how)], ids=str)
def test_promise(check):
    check()


def test_scope_decides_which_promises_are_made():
    image = " ".join(map(str, checks(phase_b0.BIOMARKER)))
    voxel = " ".join(map(str, checks(two_angle_t1.BIOMARKER)))
    assert "memory" in image and "bits" not in image and "figures" not in image
    assert "bits" in voxel and "figures" in voxel and "memory" not in voxel


def test_a_region_that_must_be_there_must_be_described():
    with pytest.raises(ValueError, match="reference"):
        checks(signal_ratio.BIOMARKER)


def test_vectors_come_as_three_components():
    case = Case(gradient_contrast.BIOMARKER, gradient_contrast.BIOMARKER.options())
    truth = case.truth({}, 30)
    maps = scene(case, case.clean(truth), truth).run()
    assert maps["D"].values.shape[-1] == 3 and maps["D"].reason.ndim == 3 and maps["D"].valid.sum() == 30


def test_the_calibrated_region_is_reported():
    case = Case(signal_ratio.BIOMARKER, signal_ratio.BIOMARKER.options(), regions=HOW[signal_ratio]["regions"])
    truth = case.truth({}, 30)
    images = scene(case, case.clean(truth), truth)
    maps, findings = runner.run(case.biomarker, images.series, case.options, regions=images.regions)
    assert maps.scalars["Reference"].value == pytest.approx(400.0) and not findings
