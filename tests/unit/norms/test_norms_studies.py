"""What printed slopes are worth, against regressions made many times over; studies that cannot stand on a quantity's scale."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import engine, studies
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.options import Options
from neuromyo.norms.transforms import of

T2, FAT = of("T2", "ms"), of("FF", "%")
NAMES = ("age", "sex", "height")
SLOPES = {"age": 0.5 / 17.3, "sex": 1.0, "height": 3.0}


def study(n: int = 30, **changes) -> studies.Published:
    return studies.Published(n, 33.0, 1.6, **{"slopes": SLOPES, **changes})


def regressed_slopes(n: int, together: np.ndarray, times: int) -> np.ndarray:
    """(times, p) errors of the slopes of regressions with an intercept, residual SD 1, covariates drawn anew each time."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(times, n, len(together))) @ np.linalg.cholesky(together).T
    x = x - x.mean(axis=1, keepdims=True)
    return np.linalg.solve(
        np.swapaxes(x, 1, 2) @ x, np.einsum("tni,tn->ti", x, rng.normal(size=(times, n)))[..., None]
    )[..., 0]


@pytest.mark.parametrize("n", [15, 59])
def test_errors_of_slopes_are_those_of_regressions(n):
    together = np.array([[1, 0, 0], [0, 1, 0.7], [0, 0.7, 1.0]])
    simulated = np.cov(regressed_slopes(n, together, 8000).T)
    ours = studies.slope_covariance(study(n, age_sd=17.3), NAMES, 1.0, T2)
    np.testing.assert_allclose(np.diag(ours), np.diag(simulated), rtol=0.1)
    assert ours[1, 2] == pytest.approx(simulated[1, 2], rel=0.15)
    assert ours[1, 2] < 0, "what sex gets too much, height gets too little"


def test_few_ages_tell_little_of_age():
    young, all_ages, unsaid = (
        studies.slope_covariance(study(age_sd=sd), NAMES, 1.6, T2)[0, 0] for sd in (5.0, 17.3, float("nan"))
    )
    assert young == pytest.approx(all_ages * (17.3 / 5.0) ** 2)
    assert all_ages < unsaid < young


def test_a_printed_standard_error_is_taken():
    se = {"age": 0.01, "height": 2.0}
    ours = studies.slope_covariance(study(slope_se=se), NAMES, 1.6, T2)
    assert np.sqrt(ours[0, 0]) == pytest.approx(0.01 * 17.3 / 1.6)
    assert np.sqrt(ours[2, 2]) == pytest.approx(2.0 * 0.092 / 1.6)
    derived = studies.slope_covariance(study(), NAMES, 1.6, T2)
    assert ours[1, 1] == pytest.approx(derived[1, 1])
    assert ours[1, 2] / np.sqrt(ours[1, 1] * ours[2, 2]) == pytest.approx(-0.7), "they go together as before"


def test_one_slope_of_several_papers_is_their_weighted_mean():
    options = Options(covariates=Covariates(("age",)))
    papers = tuple(study(n, slopes={"age": b / 17.3}, age_sd=17.3) for n, b in ((20, 0.2), (60, 0.8)))
    slope, covariance = studies.expected_slopes(options, papers, [1.6, 1.6], T2)
    weight = 1 / (np.exp(2 * 0.2**2) / np.array([17, 57]) + 0.1**2)
    known = 1 / 0.3**2 + weight.sum()
    assert slope == pytest.approx([weight @ [0.2, 0.8] / known])
    assert covariance == pytest.approx(np.array([[1 / known]]))


def test_slopes_that_nobody_prints_are_as_usual():
    options = Options(covariates=Covariates(NAMES))
    slope, covariance = studies.expected_slopes(options, (study(slopes={}),), [1.6], T2)
    assert not slope.any()
    np.testing.assert_allclose(covariance, 0.3**2 * np.eye(3))
    slope, covariance = studies.expected_slopes(options, (study(slopes={"age": 0.03}),), [1.6], T2)
    assert slope[0] > 0 and not slope[1:].any()
    np.testing.assert_allclose(np.diag(covariance)[1:], 0.3**2)


def test_a_paper_with_fewer_people_than_covariates_says_next_to_nothing_and_breaks_nothing():
    options = Options(covariates=Covariates(NAMES))
    _, covariance = studies.expected_slopes(options, (study(4),), [1.6], T2)
    assert (np.diag(covariance) > 0.85 * 0.3**2).all()
    assert (np.linalg.eigvalsh(covariance) > 0).all()


class TestOffTheScale:
    KEY = NormKey("FF", "pdff", "mean", "thigh", "", "%")
    FINE = studies.Published(21, 3.8, 4.0, label="Somebody 2014")
    BAD = studies.Published(12, 50.0, 60.0, label="Others 2015")

    def made(self, *published: studies.Published) -> engine.Norm:
        rng = np.random.default_rng(2)
        bodies = tuple(Body(age=float(a)) for a in rng.uniform(20, 80, 12))
        controls = engine.Controls(rng.uniform(2, 5, 12), bodies)
        options = Options(covariates=Covariates(("age",)))
        return engine.norm(engine.summarise(self.KEY, controls, options), published)

    def test_it_is_left_out_and_told_and_the_norm_goes_on(self):
        both, one = self.made(self.FINE, self.BAD), self.made(self.FINE)
        assert both.published == (self.FINE,)
        assert "Others 2015" not in " ".join(both.sources)
        assert both.place(6.0, Body(age=50)).z == one.place(6.0, Body(age=50)).z
        (said,) = both.summary.left_out
        assert "50 ± 60 %" in said and "Others 2015" in said and "between -1 and 101" in said

    def test_all_left_out_is_local_controls_only(self):
        place = self.made(self.BAD).place(6.0, Body(age=50))
        assert "N-LOCALONLY" in place.flags and np.isfinite(place.z)

    def test_an_sd_as_large_as_a_mean_near_the_bound_is_used(self):
        assert not studies.why_off_scale(self.FINE, FAT, "%")
        assert len(self.made(self.FINE).sources) == 2

    def test_what_is_no_summary_at_all_is_refused(self):
        with pytest.raises(NeuromyoError, match=r"Others.*SD above 0.*SD 0"):
            self.made(studies.Published(12, 3.0, 0.0, label="Others"))
