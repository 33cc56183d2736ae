"""The checks themselves: a biomarker that breaks a promise is caught by the check of that promise."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.biomarker import Domain, Estimate, Inputs, SeriesNeed
from neuromyo.core.reasons import Reason
from neuromyo.testing import figures
from neuromyo.testing.contract import checks
from tests.contract.plugins import phase_b0, two_angle_t1
from tests.contract.plugins.two_angle_t1 import BIOMARKER, estimate

EXPECTED = {"R1": lambda t: 1 / t["T1"]}


def fails(biomarker, name, match):
    (check,) = (c for c in checks(biomarker, expected=EXPECTED) if c.name.endswith(name))
    with pytest.raises(AssertionError, match=match):
        check()


def estimating(change):
    """The plug-in with its estimate changed: (inputs, estimate) -> Estimate."""
    return replace(BIOMARKER, estimate=lambda inputs, options: change(inputs, estimate(inputs, options)))


def scaled(found: Estimate, factor) -> Estimate:
    return replace(found, values={n: v * factor for n, v in found.values.items()})


def test_a_bias_is_caught():
    biased = estimating(lambda _, found: scaled(found, 1.03))
    fails(biased, "recovers noiseless", "T1 is")
    fails(biased, "keeps its figures", "bias: T1")


def test_an_sd_that_is_too_small_is_caught():
    bold = estimating(lambda _, found: replace(found, sd={n: 0.7 * s for n, s in found.sd.items()}))
    fails(bold, "keeps its figures", "coverage: T1.*noise given")


def test_a_noisy_estimator_is_caught():
    def shaken(inputs: Inputs, found: Estimate) -> Estimate:
        noise = np.sin(1e4 * inputs.signals["low"][..., 0].astype(float))  # scatter of its own, the same every time
        return scaled(found, 1 + 0.03 * noise)

    fails(estimating(shaken), "keeps its figures", "RMSE: T1")


def test_a_leak_between_voxels_is_caught():
    leaky = estimating(lambda _, found: scaled(found, 1 + 1e-6 * np.isfinite(found.values["T1"]).mean()))
    fails(leaky, "bad voxel spoils no other", "neighbours of a voxel of nan")


def test_dependence_on_the_block_is_caught():
    dependent = estimating(lambda inputs, found: scaled(found, 1 + 1e-4 * inputs.signals["low"].mean(dtype=float)))
    fails(dependent, "same bits however run", "voxels in another order")


def test_a_silent_bad_value_is_caught():
    def careless(_: Inputs, found: Estimate) -> Estimate:
        values = {n: np.where(np.isfinite(v), v, 1.0) for n, v in found.values.items()}
        return replace(found, values=values, reason=np.zeros_like(found.reason_of("T1")))

    fails(estimating(careless), "bad voxel spoils no other", "was given a value|differs")


def test_a_warning_is_caught():
    def loud(inputs: Inputs, options: object) -> Estimate:
        np.log(inputs.signals["low"][..., 0] * 0.0)
        return estimate(inputs, options)

    (check,) = (c for c in checks(replace(BIOMARKER, estimate=loud), expected=EXPECTED) if "repeats" in c.name)
    with pytest.raises(RuntimeWarning, match="divide by zero"):
        check()


def test_chance_is_caught():
    rng = np.random.default_rng()
    fails(estimating(lambda _, found: scaled(found, 1 + 1e-6 * rng.random())), "repeats itself", "a second run")


def test_a_wrong_shape_is_caught():
    def flattened(inputs: Inputs, found: Estimate) -> Estimate:
        return replace(
            found, values={n: np.ravel(v) for n, v in found.values.items()}, reason=np.ravel(found.reason_of("T1"))
        )

    fails(estimating(flattened), "takes any leading shape", r"values of shape \(12,\)")


def test_memory_beyond_the_budget_is_caught():
    def greedy(inputs: Inputs, options: object) -> Estimate:
        many = [np.ones(inputs.signals["gre"].shape) for _ in range(200)]
        return replace(phase_b0.estimate(inputs, options), scalars={}) if many else Estimate({}, np.array(Reason.OK))

    fails(replace(phase_b0.BIOMARKER, estimate=greedy), "keeps to its memory", "MB were used")


@pytest.mark.parametrize(
    ("changes", "name", "match"),
    [
        ({"doi": ("not a doi",)}, "says what it is", "DOI"),
        ({"caption": ""}, "says what it is", "caption"),
        ({"domain": None}, "quantities are consistent", "bias table"),
        ({"domain": Domain({"T1": (2.0, 3.0)}, 100.0, ("T1",))}, "quantities are consistent", "outside 2 to 3"),
        ({"domain": Domain({"T1": (0.8, 1.6)}, 100.0, ("T7",))}, "quantities are consistent", "T7"),
        ({"provides": ("B7",)}, "quantities are consistent", "B7"),
        (
            {"needs": {**BIOMARKER.needs, "low": SeriesNeed(kinds=("VFA",), min_volumes=2)}},
            "typical satisfies needs",
            "1 volumes, 2 are needed",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_caught(changes, name, match):
    fails(replace(BIOMARKER, **changes), name, match)


def test_limits_allow_for_the_scatter_of_the_draws():
    """An estimator at the bound, with right sd and nearly all the bias allowed, is hardly ever refused."""
    rng = np.random.default_rng(3)
    alarm = figures.FALSE_ALARM
    refused = 0
    for _ in range(1000):
        error = rng.normal(0.19, 1.0, 400)
        found = figures._figures("here", "T1", "", error, 0.0, np.ones(400), 1.0)
        refused += bool(list(figures.complaints(found, alarm)))
    assert refused <= 8  # 3 promises, each under a chance of 0.001
    for count in (400, 4000):
        low, high = figures.coverage_limits(count, alarm)
        assert low < 0.92 < 0.97 < high
        assert figures.rmse_limits(count, alarm)[1] > 1.15
    assert figures.coverage_limits(4000, alarm)[0] > figures.coverage_limits(400, alarm)[0]


def test_four_thousand_draws_by_environment(monkeypatch):
    monkeypatch.setenv("NEUROMYO_DRAWS", "4000")
    assert figures.draws() == 4000


def test_the_bound_knows_what_is_not_estimated():
    case = checks(two_angle_t1.BIOMARKER)[0].case
    assert figures.unknowns(case) == ("T1", "S0")
