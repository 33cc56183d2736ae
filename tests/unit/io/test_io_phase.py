"""Which numbers are taken for phase, which are scaled, and which are refused."""

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.series import WHOLE, ArrayData, Series
from neuromyo.io.phase import in_radians, refuse_phase

SHAPE = (20, 18, 6)


def series(values, part="phase"):
    values = np.asarray(values, np.float32)[..., None]
    return Series(ArrayData(values), Grid.of(SHAPE, np.eye(4)), Acquisition(), "MEGRE", part, {}, ("a_MEGRE.nii.gz",))


@pytest.fixture
def angle():
    """Phase of a leg in air: smooth in the middle, noise around."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, SHAPE[0])[:, None, None]
    y = np.linspace(-1, 1, SHAPE[1])[:, None]
    return np.where(
        x**2 + y**2 < 0.6,
        np.angle(np.exp(1j * (4 * x + 2 * y * y))) + np.zeros(SHAPE),
        rng.uniform(-np.pi, np.pi, SHAPE),
    )


@pytest.fixture
def size():
    """Its magnitude, as 12 bits."""
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 1, SHAPE[0])[:, None, None]
    y = np.linspace(-1, 1, SHAPE[1])[:, None]
    body = np.where(x**2 + y**2 < 0.4, 1500 + 1000 * x, 0) + np.zeros(SHAPE)
    found = np.hypot(body + rng.normal(0, 30, SHAPE), rng.normal(0, 30, SHAPE))
    return np.rint(found / found.max() * 4095)


def test_radians_are_taken_as_they_are(angle):
    kept, findings = in_radians(series(angle), "rad", [WHOLE])
    assert not findings and np.array_equal(kept.read(), series(angle).read())
    assert not in_radians(series(angle % (2 * np.pi)), "rad", [WHOLE])[1]


def test_one_turn_without_a_unit_is_taken_with_a_warning(angle):
    assert [f.code for f in in_radians(series(angle), None, [WHOLE])[1]] == ["W-PHASE"]


@pytest.mark.parametrize(("stored", "turned"), [
    (lambda a: np.floor((a + np.pi) / (2 * np.pi) * 4096).clip(0, 4095), 0.0),
    (lambda a: 2 * np.floor(a / (2 * np.pi) * 4096), 0.0),
    (lambda a: np.rint(1000 * a), 0.0),
])  # fmt: skip
def test_vendors_ranges_are_scaled_where_the_sidecar_calls_them_arbitrary(angle, stored, turned):
    made, findings = in_radians(series(stored(angle)), "arbitrary", [WHOLE])
    assert [f.code for f in findings] == ["W-PHASE"] and "arbitrary" in findings[0].message
    np.testing.assert_allclose(np.angle(np.exp(1j * (made.read()[..., 0] - angle))), turned, atol=2e-3)
    for units in (None, "rad", "degrees"):
        with pytest.raises(DataError) as caught:
            in_radians(series(stored(angle)), units, [WHOLE])
        assert caught.value.code == "E-PHASE" and '"arbitrary"' in caught.value.remedy


@pytest.mark.parametrize(("change", "factor"), [
    (lambda a: a / np.pi, "3.14"),
    (lambda a: np.degrees(a), "0.0174"),
    (lambda a: a * 0.94, "1.06"),
    (lambda a: a * 1.06, "0.94"),
    (lambda a: 2 * a, "0.5"),
    (lambda a: np.rint(a), ""),
    (lambda a: 0.3 * np.cos(a), ""),
])  # fmt: skip
@pytest.mark.parametrize("units", ["rad", None, "arbitrary", "Hz"])
def test_what_does_not_span_one_turn_is_refused(angle, change, factor, units):
    with pytest.raises(DataError) as caught:
        in_radians(series(change(angle)), units, [WHOLE])
    error = caught.value
    assert error.code == "E-PHASE" and "a_MEGRE.nii.gz" in error.where and factor in error.remedy
    assert f"{np.float32(change(angle).min()):.6g}" in error.found


def test_the_span_may_be_off_by_five_percent(angle):
    for share in (0.96, 1.04):
        in_radians(series(share * angle), "rad", [WHOLE])


def test_a_magnitude_is_not_taken_for_phase(size):
    for values in (size, size / 4095 * 2 * np.pi):
        for units in ("arbitrary", "rad", None):
            with pytest.raises(DataError) as caught:
                in_radians(series(values), units, [WHOLE])
            assert caught.value.code == "E-PHASE" and "exchange" in caught.value.remedy


def test_a_masked_phase_is_no_magnitude(angle):
    stored = np.floor((angle + np.pi) / (2 * np.pi) * 4096).clip(0, 4095)
    stored[:12] = 0
    assert in_radians(series(stored), "arbitrary", [WHOLE])[1]


@pytest.mark.parametrize("stored", [
    lambda a: a, lambda a: np.floor((a + np.pi) / (2 * np.pi) * 4096).clip(0, 4095),
    lambda a: 2 * np.floor(a / (2 * np.pi) * 4096), lambda a: np.rint(1000 * a),
])  # fmt: skip
def test_phase_is_not_taken_for_a_magnitude(angle, size, stored):
    values = stored(angle)
    with pytest.raises(DataError) as caught:
        refuse_phase(series(values, "mag"), values.min(), values.max(), (values < 0).mean(), [WHOLE])
    assert caught.value.code == "E-PHASE" and "exchange" in caught.value.remedy


def test_magnitudes_pass(size):
    flat = np.random.default_rng(3).normal(2000, 300, SHAPE).clip(0, 4095)
    flat.flat[:2] = 0, 4095
    for values in (size, flat, size / 4095 * 2 * np.pi, size - 20):
        refuse_phase(series(values, "mag"), values.min(), values.max(), (values < 0).mean(), [WHOLE])
