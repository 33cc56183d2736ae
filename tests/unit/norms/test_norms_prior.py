"""Sums of controls against dense matrices, and published values against the formulas of meta-analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import prior
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.options import CORRELATIONS, LOG_SD_SLOPES, SITE_SDS, Options
from neuromyo.norms.summary import Controls, summarise
from neuromyo.norms.transforms import of

KEY = NormKey("T2", "t2-mono", "mean", "sciatic nerve", "thigh", "ms")
T2 = of("T2", "ms")
PLAIN = Options(covariates=Covariates(()))


def test_sums_are_those_of_the_dense_covariance():
    rng = np.random.default_rng(1)
    age, y = rng.uniform(20, 80, 7), rng.normal(33, 2, 7)
    persons = np.array([0, 0, 1, 2, 2, 2, 3])
    bodies = tuple(Body(age=float(a)) for a in age)
    controls = Controls(y, bodies, tuple(map(str, persons)))
    site = summarise(KEY, controls, Options(covariates=Covariates(("age",)))).sites[0]
    x = (age - 50) / 17.3
    z = np.column_stack([np.ones(7), x, y])
    for i, g in enumerate(LOG_SD_SLOPES):
        for j, r in enumerate(CORRELATIONS):
            alike = np.where(np.eye(7) > 0, 1.0, r * (persons[:, None] == persons))
            dense = np.exp(g * x)[:, None] * alike * np.exp(g * x)
            np.testing.assert_allclose(site.moments[i, j], z.T @ np.linalg.inv(dense) @ z, rtol=1e-9)
            assert site.log_det[i, j] == pytest.approx(np.linalg.slogdet(dense)[1], abs=1e-10)
    assert (site.n_people, site.n_rows) == (4, 7)
    assert summarise(KEY, replace(controls, person=()), PLAIN).sites[0].moments.shape == (1, 1, 2, 2)


def test_the_literature_is_a_meta_analysis():
    studies = (prior.Published(20, 33.0, 1.6), prior.Published(50, 34.0, 1.9), prior.Published(12, 33.2, 1.5))
    literature, _ = prior.published(PLAIN, 1, studies, T2)
    for i, tau in enumerate(SITE_SDS):
        weight = 1 / (1 / np.array([20, 50, 12]) + tau**2)
        mean = weight @ [33.0, 34.0, 33.2] / weight.sum()
        assert literature.nig.mean[i, 0] == pytest.approx(mean, rel=1e-12)
        assert literature.variance[i] == pytest.approx(1 / weight.sum() + tau**2, rel=1e-12)
    assert np.exp(literature.log_weight).sum() == pytest.approx(1)


def test_the_residual_sd_is_about_the_published_one_and_as_sure_as_studies_differ():
    one, _ = prior.published(PLAIN, 1, (prior.Published(2000, 33.0, 1.6),), T2)
    variance = stats.invgamma(one.nig.a[2], scale=one.nig.b[2])
    # one huge study: log SD known to within 0.2 of that study's own site and 0.2 of the next
    mean_log = np.log(variance.ppf((np.arange(20000) + 0.5) / 20000)).mean() / 2
    assert np.exp(mean_log) == pytest.approx(1.6, rel=1e-3)
    low, high = np.sqrt(variance.interval(0.6827))
    assert np.log(high / low) / 2 == pytest.approx(0.2 * np.sqrt(2), rel=0.1)


def test_ages_and_bodies_are_taken_out_of_a_published_sd():
    study = prior.Published(2000, 33.0, 2.0, slopes={"age": 1.2 / 17.3})
    covariates = Options(covariates=Covariates(("age",)))
    residual = [np.sqrt(p.nig.b[0] / p.nig.a[0]) for p, _ in (
        prior.published(PLAIN, 1, (study,), T2), prior.published(covariates, 1, (replace(study, slopes={}),), T2),
        prior.published(covariates, 1, (study,), T2))]  # fmt: skip
    assert residual[1] == pytest.approx(residual[0] / np.sqrt(1 + 0.3**2), rel=1e-6)
    # the printed slope, drawn a little towards none, and its error: that of the regression, and 0.1 between studies
    error = np.exp(2 * 0.2**2) * (17.3 / 14.4) ** 2 / 1997 + 0.1**2
    kept = 0.3**2 / (0.3**2 + error)
    assert residual[2] == pytest.approx(
        residual[0] * np.sqrt((4 - (1.2 * kept) ** 2) / 4 / (1 + kept * error)), rel=1e-6
    )


def test_covariates_that_go_together_explain_more_together():
    """Men are taller: where both raise a value, its published SD holds their covariance, too."""
    options = Options(covariates=Covariates(("sex", "height")), slope_sd=9.0)
    same, opposed = (
        prior.published(options, 1, (prior.Published(2000, 33.0, 2.0, slopes={"sex": 1.2, "height": h / 0.092}),), T2)
        for h in (0.6, -0.6)
    )
    # SD2 less b'C b: 0.36 + 0.36 and +- 2 * 0.7 * 0.36
    expected = (4 - 0.72 + 0.504) / (4 - 0.72 - 0.504)
    assert opposed[0].nig.b[0] / same[0].nig.b[0] == pytest.approx(expected, rel=0.01)


def test_papers_that_disagree_speak_for_sites_that_differ():
    alike = (prior.Published(40, 33.0, 1.5), prior.Published(40, 33.1, 1.5), prior.Published(40, 32.9, 1.5))
    apart = tuple(replace(p, mean=33 + 20 * (p.mean - 33)) for p in alike)
    weights = [np.exp(prior.published(PLAIN, 1, p, T2)[0].log_weight) for p in (alike, apart)]
    expected = [w @ SITE_SDS for w in weights]
    assert expected[0] < 0.3 < 0.6 < expected[1]


def test_a_slope_is_carried_to_the_scale_of_the_quantity():
    study = prior.Published(30, 20.0, 4.0, slopes={"weight": 0.1, "sex": 2.0})
    area = of("area", "mm2")
    step = 14.0 * 1e-4
    by_hand = (area.forward(20 + 0.1 * step) - area.forward(20 - 0.1 * step)) / (2e-4)
    assert study.slope("weight", area) == pytest.approx(float(by_hand), rel=1e-6)
    assert study.slope("sex", T2) == pytest.approx(1.0)
    assert np.isnan(study.slope("age", T2))


def test_priors_on_grids_sum_to_one_and_are_as_stated():
    assert np.exp(prior.site_weights(PLAIN)).sum() == pytest.approx(1)
    options = Options()
    g = np.array(LOG_SD_SLOPES)
    weight = np.exp(prior.slope_weights(options))
    assert weight.sum() == pytest.approx(1)
    assert weight @ g == pytest.approx(0, abs=1e-12)
    assert 0.15 < np.sqrt(weight @ g**2) <= 0.25
    assert [w for _, w in options.widths] == [0.8, 0.2]


@pytest.mark.parametrize("name", ["slope_sd", "literature_weight", "site_sd", "steep_weight"])
def test_options_that_cannot_be_are_refused(name):
    with pytest.raises(NeuromyoError, match=f"option {name}"):
        Options(**{name: float("nan")})
