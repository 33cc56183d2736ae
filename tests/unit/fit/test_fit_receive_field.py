"""A smooth field found in tissues of unknown but uniform brightness."""

import numpy as np

from neuromyo.fit.receive_field import receive_field

SHAPE = (40, 30, 6)
X, Y, Z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
BODY = X**2 + Y**2 < 0.95
INNER, RIM = (X**2 + Y**2 < 0.5), (X**2 + Y**2 > 0.7) & BODY
FIELD = np.exp(0.5 * Y - 0.3 * X * Y + 0.2 * Z - 0.1 * X**2)


def _error(found, where):
    index = np.argwhere(where)
    ratio = np.log(found(index) / FIELD[where])
    return np.ptp(ratio)


def test_a_polynomial_field_comes_back_but_for_its_level():
    image = FIELD * np.where(RIM, 60.0, 100.0)
    found = receive_field(image, [INNER, RIM], BODY)
    assert _error(found, BODY) < 0.01
    # levels differ by the tissues' brightness
    assert abs(np.exp(found.levels[1] - found.levels[0]) - 0.6) < 0.005


def test_a_fifth_of_the_reference_may_be_anything():
    rng = np.random.default_rng(0)
    image = FIELD * np.where(RIM, 60.0, 100.0) * np.exp(0.03 * rng.standard_normal(SHAPE))
    spoilt = rng.random(SHAPE) < 0.2
    image[spoilt] *= rng.uniform(0.1, 0.6, spoilt.sum())
    found = receive_field(image, [INNER, RIM], BODY)
    assert _error(found, BODY) < 0.05
    assert 0.02 < found.scatter < 0.06


def test_order_0_is_uniform_and_thin_stacks_ask_for_no_slope_across():
    assert len(receive_field(FIELD, [INNER], BODY, order=0).degrees) == 0
    one = np.zeros(SHAPE, bool)
    one[:, :, 2] = True
    found = receive_field(FIELD, [INNER & one], BODY & one)
    assert found.degrees[:, 2].max() == 0
    assert _error(found, INNER & one) < 0.01


def test_beyond_the_reference_it_stays_tame():
    """Reference in the middle only: at the rim the field is wrong by less than it varies."""
    found = receive_field(FIELD * 100, [X**2 + Y**2 < 0.3], BODY, order=4)
    assert _error(found, BODY) < 0.1 < np.ptp(np.log(FIELD[BODY])) / 5
