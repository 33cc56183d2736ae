"""The simulated cohorts are what they say: each check from a closed form or from counting."""

import numpy as np
import pytest

from tests.oracles import norm_cohorts as nc

WORLDS = {"T2": nc.T2, "area": nc.AREA, "fat": nc.FAT}


@pytest.mark.parametrize("name", WORLDS)
def test_deviates_are_standard_and_densities_integrate(name):
    world = WORLDS[name]
    cohort = nc.healthy(world, 20000, np.random.default_rng(1))
    assert abs(cohort.deviate.mean()) < 0.03 and abs(cohort.deviate.std() - 1) < 0.02
    assert np.mean(np.abs(cohort.deviate) > 1.96) == pytest.approx(0.05, abs=0.006)
    # entropy of a normal of that sd, in the unit of the value
    entropy = 0.5 * np.log(2 * np.pi * np.e * world.sd**2) - nc.log_slope(world.scale, cohort.value).mean()
    assert -cohort.log_density.mean() == pytest.approx(entropy, abs=0.02)
    # d latent / d value, by differences
    v = cohort.value[:50]
    slope = (nc.forward(world.scale, v * (1 + 1e-6)) - nc.forward(world.scale, v * (1 - 1e-6))) / (2e-6 * v)
    np.testing.assert_allclose(nc.log_slope(world.scale, v), np.log(slope), atol=1e-6)
    np.testing.assert_allclose(cohort.shifted(3.0).deviate - cohort.deviate, 3.0, atol=1e-9)


def test_skewed_and_heteroscedastic_truths():
    skewed = nc.healthy(nc.replace(nc.T2, skewed=True), 40000, np.random.default_rng(2))
    e = skewed.deviate
    assert abs(e.mean()) < 0.02 and abs(e.std() - 1) < 0.02 and np.mean(e**3) == pytest.approx(1.0, abs=0.12)
    grid = np.linspace(-2, 8, 20001)
    assert np.exp(nc._log_gamma4(grid)).sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=1e-3)
    spread = nc.healthy(nc.replace(nc.T2, log_sd_slope=0.25), 40000, np.random.default_rng(3))
    age, residual = spread.people.standard[:, nc.AGE], spread.value - spread.mean
    old, young = residual[age > 1].std(), residual[age < -1].std()
    gap = age[age > 1].mean() - age[age < -1].mean()
    assert np.log(old / young) / gap == pytest.approx(0.25, abs=0.02)


def test_people_are_as_people_are():
    who = nc.people(20000, np.random.default_rng(4))
    men = who.sex == "M"
    assert who.height_m[men].mean() - who.height_m[~men].mean() == pytest.approx(0.13, abs=0.005)
    assert np.polyfit(who.age, who.bmi, 1)[0] == pytest.approx(0.02, abs=0.005)
    assert np.abs(who.standard.std(axis=0) - 1).max() < 0.05 and 40 < who.weight_kg.mean() < 90


def test_two_sides_of_one_person_belong_together():
    cohort = nc.healthy(nc.T2, 4000, np.random.default_rng(5), both_sides=True)
    assert len(cohort) == 8000 and list(cohort.people.side[:2]) == ["left", "right"]
    e = cohort.deviate.reshape(-1, 2)
    assert np.corrcoef(e.T)[0, 1] == pytest.approx(nc.T2.side_r, abs=0.02)
    assert (cohort.people.person[::2] == cohort.people.person[1::2]).all()


def test_sites_shift_and_scale():
    world = nc.replace(nc.T2, site_sd=0.5, site_log_sd=0.15)
    sites = nc.draw_sites([f"s{k}" for k in range(400)], world, np.random.default_rng(6))
    assert np.std(list(sites.shift.values())) == pytest.approx(0.5, abs=0.06)
    assert np.std(np.log(list(sites.factor.values()))) == pytest.approx(0.15, abs=0.02)
    cohort = nc.of_sites(world, {"s0": 3000, "s1": 3000}, np.random.default_rng(7), sites)
    for name in ("s0", "s1"):
        here = cohort[cohort.people.site == name]
        left = here.value - world.intercept - here.people.standard @ np.array(world.slopes)
        assert left.mean() / world.sd == pytest.approx(sites.shift[name], abs=0.06)
        assert left.std() / world.sd == pytest.approx(sites.factor[name], rel=0.05)


def test_publications_scatter_and_can_be_wrong():
    def means(shift):
        return np.array([s.mean for s in nc.published(nc.T2, np.random.default_rng(8), 400, shift=shift)])

    assert means(2.0).mean() - means(0.0).mean() == pytest.approx(2.0 * nc.T2.sd, abs=1e-6)
    # between studies .5 SD, within them the error of a mean of about 36 people, and their ages
    assert 0.5 * nc.T2.sd < means(0.0).std() < 0.7 * nc.T2.sd
    slopes = np.array([s.slopes for s in nc.published(nc.T2, np.random.default_rng(8), 400)]).mean(axis=0)
    step = np.array([17.3, 0.5, 0.092, 3.5])
    np.testing.assert_allclose(slopes * step, nc.T2.slopes, atol=0.06)
    study = nc.published(nc.AREA, np.random.default_rng(9), 1)[0]
    assert 15 <= study.n < 60 and 30 < study.mean < 60 and 4 < study.sd < 18 and 0 < study.male_share < 1


def test_profiles_are_smooth_along_the_nerve():
    found = nc.profiles(8000, np.random.default_rng(10))
    e = (found.value - found.mean) / found.sd
    assert e.shape == (8000, 16) and np.abs(e.std(axis=0) - 1).max() < 0.04
    near, far = np.corrcoef(e[:, 0], e[:, 1])[0, 1], np.corrcoef(e[:, 0], e[:, 15])[0, 1]
    assert near == pytest.approx(0.8 * np.exp(-0.5 * 0.25**2), abs=0.03) and abs(far) < 0.05


@pytest.mark.parametrize("skewed", [False, True])
def test_evenly_drawn_people_are_counted_with_less_chance(skewed):
    world, rng = nc.replace(nc.T2, skewed=skewed), np.random.default_rng(11)

    def share(evenly):
        return np.array([np.mean(nc.healthy(world, 200, rng, evenly=evenly).deviate > 1.5) for _ in range(200)])

    plain, even = share(False), share(True)
    assert abs(plain.mean() - even.mean()) < 3 * plain.std() / np.sqrt(200) and even.std() < 0.4 * plain.std()
    ages = nc.healthy(world, 5000, rng, evenly=True)
    assert abs(np.corrcoef(ages.deviate, ages.people.age)[0, 1]) < 0.05
