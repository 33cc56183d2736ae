"""What printed slopes tell: the slope, and how much of a published SD is due to ages and bodies. Judged by simulated publications."""

import numpy as np
import pytest
from scipy.special import digamma

from neuromyo.norms import prior
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.options import Options
from neuromyo.norms.transforms import of
from tests.oracles import norm_cohorts as nc
from tests.physics.norm_judging import COVARIATES, published_of

OPTIONS = Options(covariates=Covariates(COVARIATES))


def literature(studies):
    return prior.published(OPTIONS, 0, published_of(studies), of("T2", "ms"))[0]


def test_the_residual_sd_is_that_of_people_alike():
    """Neither is the noise of printed slopes taken off the published SD, nor their doubt taken off a second time."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(80):
        start = literature(nc.published(nc.T2, rng, between_log_sd=0.0))
        found.append(np.exp(start.log_weight) @ (np.log(start.nig.b) - digamma(start.nig.a)) / 2)
    assert np.mean(found) == pytest.approx(np.log(nc.T2.sd), abs=0.04)


def test_several_papers_know_a_slope_better_than_one():
    rng = np.random.default_rng(2)
    studies = nc.published(nc.T2, rng, 3)
    one, three = (literature(studies[:k]) for k in (1, 3))
    assert (three.nig.precision[:, 1, 1] > 1.5 * one.nig.precision[:, 1, 1]).all()


def test_a_steep_printed_slope_is_drawn_towards_the_usual():
    rng = np.random.default_rng(3)
    steep = nc.replace(nc.T2, slopes=(3.0, 0.0, 0.0, 0.0))
    slopes = [literature(nc.published(steep, rng)).nig.mean[0, 1] for _ in range(20)]
    assert 2.0 < np.mean(slopes) < 3.0
