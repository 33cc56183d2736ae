"""Water T2 and fat fraction on signals of the independent isochromat simulator: 17 echoes of 10 ms, Rician noise.

The whole grid, and the table of `docs/accuracy`, are made by bench/accuracy_t2_water.py, whose functions this uses.
"""

import itertools

import pytest

from bench.accuracy_t2_water import Point, evaluate, hann_sinc_slice
from neuromyo.biomarkers.t2_water import Options

GIVEN = [Point(t2, ff, b1, 100.0) for t2, ff, b1 in itertools.product((0.03, 0.045), (0.10, 0.45), (0.7, 1.1))]
FITTED = [Point(t2, ff, b1, 200.0) for t2, ff, b1 in itertools.product((0.03, 0.045), (0.10, 0.45), (0.7, 0.9))]
WHOLE_GIVEN = [
    Point(t2, ff, b1, 100.0)
    for t2, ff, b1 in itertools.product((0.03, 0.0375, 0.045), (0.10, 0.275, 0.45), (0.7, 0.8, 0.9, 1.0, 1.1))
]
WHOLE_FITTED = [
    Point(t2, ff, b1, 200.0)
    for t2, ff, b1 in itertools.product((0.03, 0.0375, 0.045), (0.10, 0.275, 0.45), (0.7, 0.8, 0.9, 0.95))
]


HANN = Options(fat_t2=0.15, excitation_pulse="sinc-hann", refocusing_pulse="sinc-hann")


def hold_given(point: Point) -> None:
    found = evaluate(point, 2000, known_b1=True, bound=True)
    assert abs(found.bias[0]) < 0.5e-3, f"water T2 is biased by {1e3 * found.bias[0]:.3f} ms"
    assert abs(found.bias[1]) < 0.01, f"fat fraction is biased by {100 * found.bias[1]:.2f} points"
    for covered, rmse, bound in zip(found.covered, found.rmse, found.bound, strict=True):
        assert 0.92 <= covered <= 0.97, f"1.96 predicted sd cover {100 * covered:.1f} %"
        assert 0.85 <= rmse / bound <= 1.15, f"RMSE is {rmse / bound:.3f} of the Rician Cramer-Rao bound"
    assert found.lost == 0


def hold_fitted(point: Point) -> None:
    found = evaluate(point, 2000, known_b1=False)
    assert abs(found.bias[0]) < 0.7e-3, f"water T2 is biased by {1e3 * found.bias[0]:.3f} ms"
    assert abs(found.bias[1]) < 0.01, f"fat fraction is biased by {100 * found.bias[1]:.2f} points"
    assert found.lost < 0.005


@pytest.mark.parametrize("point", GIVEN[::3] + GIVEN[4:5], ids=str)
def test_with_b1_given(point):
    hold_given(point)


@pytest.mark.parametrize("point", FITTED[::3], ids=str)
def test_with_b1_fitted(point):
    hold_fitted(point)


@pytest.mark.slow
@pytest.mark.parametrize("point", WHOLE_GIVEN, ids=str)
def test_with_b1_given_everywhere(point):
    hold_given(point)


@pytest.mark.slow
@pytest.mark.parametrize("point", WHOLE_FITTED, ids=str)
def test_with_b1_fitted_everywhere(point):
    hold_fitted(point)


def test_hard_voxels_are_flagged():
    """Low signal-to-noise, long T2, mostly fat: the predicted sd exceeds 15 % and says so."""
    hard = evaluate(Point(0.06, 0.6, 0.8, 50.0), 1000, known_b1=False)
    easy = evaluate(Point(0.035, 0.2, 0.8, 200.0), 1000, known_b1=False)
    assert hard.poor > 0.3 and easy.poor == 0


class TestB1AboveOne:
    """Truth 1.15: a train of ideal pulses at 0.85 looks the same."""

    point = Point(0.035, 0.2, 1.15, 200.0)

    def test_ideal_pulses_say_that_it_is_ambiguous(self):
        found = evaluate(self.point, 1000, known_b1=False)
        assert found.ambiguous > 0.99
        assert found.b1_bias == pytest.approx(-0.30, abs=0.01)  # the lower twin
        assert abs(found.bias[0]) < 0.7e-3 and abs(found.bias[1]) < 0.01  # neither minds

    def test_a_b1_map_resolves_it(self):
        found = evaluate(self.point, 1000, known_b1=True)
        assert found.ambiguous == 0 and abs(found.bias[0]) < 0.5e-3

    @pytest.mark.parametrize("b1", [0.85, 1.15])
    def test_a_slice_profile_resolves_it_as_far_as_the_noise_allows(self, b1):
        """Hann-windowed sinc pulses tell the twins apart at high signal-to-noise; below, what is wrong is flagged."""
        clear = evaluate(Point(0.035, 0.2, b1, 800.0), 1000, known_b1=False, options=HANN, **hann_sinc_slice(b1))
        assert clear.ambiguous < 0.02 and clear.silent < 0.005 and abs(clear.b1_bias) < 0.02
        assert abs(clear.bias[0]) < 0.7e-3 and abs(clear.bias[1]) < 0.01
        noisy = evaluate(Point(0.035, 0.2, b1, 100.0), 1000, known_b1=False, options=HANN, **hann_sinc_slice(b1))
        assert noisy.ambiguous > 0.5 and noisy.silent < 0.04


def test_echoes_that_turn_negative_are_added_with_their_sign():
    """Short water T2 at B1 0.8: late water echoes are negative, and subtract from those of fat before the magnitude."""
    found = evaluate(Point(0.025, 0.2, 0.8, 1000.0), 1000, known_b1=True)
    assert abs(found.bias[0]) < 0.05e-3 and abs(found.bias[1]) < 0.0005
