"""The place of a harmonised value, its uncertainty included."""

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.norm import Place
from neuromyo.norms import site_place, transforms

Q = stats.norm.ppf(0.975)


def test_of_a_norm_known_exactly_z_is_that_of_the_sum_of_both_variances():
    place = Place(46.0, z=2.0, centile=97.7, z_interval=(2.0, 2.0), normal=(40 - 3 * Q, 40.0, 40 + 3 * Q))
    wide = site_place.widened(place, 1.5, transforms.of("T2", "ms"))
    total = np.hypot(3.0, 1.5)
    assert wide.z == pytest.approx(6 / total) and wide.centile == pytest.approx(100 * stats.norm.cdf(6 / total))
    assert wide.normal == pytest.approx((40 - Q * total, 40, 40 + Q * total))
    assert wide.z_interval == pytest.approx((2 - Q * 0.5, 2 + Q * 0.5))


def test_of_an_area_it_is_added_on_the_scale_of_ratios():
    place = Place(20.0, z=1.0, centile=84.1, z_interval=(0.5, 1.5), normal=(10.0, 15.0, 22.5))
    wide = site_place.widened(place, 2.0, transforms.of("area", "mm2"))
    sd = np.log(1.5) / Q
    assert wide.z == pytest.approx(1 / np.hypot(1, 0.1 / sd))
    assert np.log(wide.normal[2] / 15) == pytest.approx(np.log(15 / wide.normal[0])) and wide.normal[2] > 22.5


def test_nothing_changes_without_uncertainty_or_without_a_place():
    place = Place(46.0, z=2.0, normal=(34.0, 40.0, 46.0), z_interval=(1.0, 3.0))
    t2 = transforms.of("T2", "ms")
    assert site_place.widened(place, 0.0, t2) is place and site_place.widened(place, float("nan"), t2) is place
    none = Place(46.0, refused="because")
    assert site_place.widened(none, 1.0, t2) is none


def test_the_flag_tells_what_was_added():
    assert site_place.added(["W-FEW", site_place.flag(0.35)]) == 0.35
    assert site_place.added(["poor: 60 %", ""]) == 0.0
