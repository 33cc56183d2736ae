"""Scales of quantities and of covariates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import OptionError
from neuromyo.core.norm import Body
from neuromyo.norms import transforms
from neuromyo.norms.covariates import Covariates

CASES = [
    ("T2", "ms", 38.0),
    ("area", "mm2", 20.4),
    ("FF", "%", 3.0),
    ("FA", "1", 0.6),
    ("MTR", "%", 37.0),
    ("T1", "ms", 1100),
]


@pytest.mark.parametrize(("quantity", "unit", "value"), CASES)
def test_there_and_back_and_the_jacobian_is_the_slope(quantity, unit, value):
    t = transforms.of(quantity, unit)
    assert t.back(t.forward(value)) == pytest.approx(value, rel=1e-12)
    step = 1e-5 * value
    slope = (t.forward(value + step) - t.forward(value - step)) / (2 * step)
    assert t.jacobian_log(value) == pytest.approx(np.log(slope), abs=1e-6)


def test_the_scale_depends_on_the_quantity_alone():
    assert [transforms.of(q, u).name for q, u, _ in CASES] == ["identity", "log", "logit", "logit", "logit", "log"]
    assert transforms.of("volume", "ml").name == "log"
    assert transforms.of("anything", "ms").name == "identity"


def test_percent_and_share_are_one_scale():
    np.testing.assert_allclose(
        transforms.of("FF", "%").forward(7.5), transforms.of("FF", "1").forward(0.075), rtol=1e-13
    )


def test_a_little_below_zero_fat_is_lawful_and_far_below_is_not():
    t = transforms.of("FF", "%")
    assert np.isfinite(t.forward([-0.4, 0.0, 100.0])).all()
    assert np.isnan(t.forward([-1.5, 101.5, np.nan, np.inf])).all()
    assert np.isnan(transforms.of("area", "mm2").forward([0.0, -3.0])).all()


def test_published_moments_are_those_of_the_normal_on_the_scale():
    mu, sd = transforms.moments(transforms.of("area", "mm2"), 20.0, 6.0)
    there = stats.lognorm(s=sd, scale=np.exp(mu))
    assert there.mean() == pytest.approx(20.0, rel=1e-12)
    assert there.std() == pytest.approx(6.0, rel=1e-12)


@pytest.mark.parametrize(("mean", "sd"), [(3.0, 1.5), (3.8, 4.0), (1.0, 2.0), (50.0, 20.0), (0.2, 0.5)])
def test_published_shares_are_those_of_a_logit_normal(mean, sd):
    """Also where the SD is as large as the mean, as of fat in some muscles."""
    t, published = transforms.of("FF", "%"), (mean, sd)
    mu, sd = transforms.moments(t, mean, sd)
    x = np.linspace(mu - 10 * sd, mu + 10 * sd, 20001)
    weight = stats.norm.pdf(x, mu, sd) * (x[1] - x[0])
    mean = weight @ t.back(x)
    assert (mean, np.sqrt(weight @ (t.back(x) - mean) ** 2)) == pytest.approx(published, abs=1e-5)


@pytest.mark.parametrize(("mean", "sd"), [(3.0, 0.0), (3.0, -1.0), (np.nan, 1.0), (150.0, 2.0), (50.0, 60.0)])
def test_impossible_published_moments_are_not_a_number(mean, sd):
    assert np.isnan(transforms.moments(transforms.of("FF", "%"), mean, sd)).all()


def test_design_has_fixed_centres_and_scales():
    body = Body(age=67.3, sex="F", height_m=1.792, weight_kg=28.5 * 1.792**2, side="right", other={"dose": 2.0})
    design = Covariates(("age", "sex", "height", "bmi", "side", "dose")).design([body])
    np.testing.assert_allclose(design, [[1, 1, -1, 1, 1, 1, 2]], atol=1e-12)


def test_what_is_not_known_is_not_a_number():
    design = Covariates(("age", "sex", "bmi")).design([Body(age=50.0), Body(sex="x", weight_kg=70.0)])
    np.testing.assert_array_equal(np.isnan(design), [[False, False, True, True], [False, True, True, True]])


def test_no_covariates_is_lawful():
    assert Covariates(()).design([Body(), Body()]).shape == (2, 1)


def test_ranges_are_rounded_outward():
    low, high = Covariates(("age", "height")).outward(np.array([[23.0, 1.61], [58.0, 1.80]]))
    np.testing.assert_allclose(low, [20, 1.60])
    np.testing.assert_allclose(high, [60, 1.80])


@pytest.mark.parametrize("names", [("age", "age"), ("bmi", "height", "weight"), ("age", "site")])
def test_covariates_that_make_no_sense_are_refused(names):
    with pytest.raises(OptionError, match="E-OPTION"):
        Covariates(names)
