"""Sites brought into line, in people whose truth is known: what is taken out, what is kept, and how sure that is.

Fixed seeds; R draws in the quick test, more in the slow twin. Values in SDs between healthy people around 40, SD 3.
"""

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import engine, site_place, transforms
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.harmonise import Feature, Harmoniser, Options

T2 = transforms.of("T2", "ms")


class World:
    """Sites that shift (SD 0.5) and stretch (SD of log 0.15), partly alike in all features; people whose features are alike."""

    def __init__(self, rng, sites, features=6, alike=0.5, shift=0.5, stretch=0.15):
        self.rng, self.features, self.alike = rng, features, alike

        def effects(sd):
            return sd * (0.8 * rng.normal(size=(sites, 1)) + 0.6 * rng.normal(size=(sites, features)))

        self.shift, self.stretch = effects(shift), np.exp(effects(stretch))

    def people(self, site, n, age=None, slope=0.0, disease=0.0):
        """(n, features); ``site`` a number or one a person; age in SDs of adults."""
        common = self.rng.normal(size=(n, 1))
        own = self.rng.normal(size=(n, self.features))
        e = np.sqrt(self.alike) * common + np.sqrt(1 - self.alike) * own + disease
        age = np.zeros(n) if age is None else age
        return 40 + 3 * (slope * age[:, None] + self.shift[site] + self.stretch[site] * e)


def named(site):
    return [f"site {s}" for s in np.atleast_1d(site)]


def explained(values, site):
    """p of a one-way analysis of variance by site, of each column."""
    return stats.f_oneway(*[values[site == s] for s in np.unique(site)], axis=0).pvalue


@pytest.mark.parametrize("features", [1, 6])
def test_site_explains_no_more_than_chance(features):
    before, after, spread = [], [], []
    site = np.repeat([0, 1, 2, 3], 20)
    for seed in range(40):
        world = World(np.random.default_rng(seed), 4, features)
        y = world.people(site, 80)
        model = Harmoniser.fit(y, named(site))
        before.append(explained(y, site))
        after.append(explained(model.apply(y, named(site)).values, site))
        fresh = np.array([model.apply(world.people(s, 400), named([s] * 400)).values.mean(axis=0) for s in range(4)])
        raw = 40 + 3 * world.shift
        spread.append(fresh.std(axis=0).mean() / raw.std(axis=0).mean())
    assert np.mean(np.array(before) < 0.05) > 0.6
    assert np.mean(np.array(after) < 0.05) < 0.05
    assert np.median(spread) < 0.6  # of other people than those it was made from


def test_the_slope_of_age_is_kept_where_sites_differ_in_age():
    slopes = []
    site = np.repeat([0, 1, 2], 20)
    for seed in range(80):
        rng = np.random.default_rng(seed)
        world = World(rng, 3)
        age = rng.normal(size=60) + np.array([-0.7, 0.0, 0.7])[site]
        y = world.people(site, 60, age, slope=0.5)
        made = Harmoniser.fit(y, named(site), age[:, None]).apply(y, named(site), age[:, None]).values
        slopes.append(np.polyfit(age, made, 1)[0] / 3)
    assert np.mean(slopes) == pytest.approx(0.5, rel=0.05)


def _disease(seed):
    """Error of the disease's effect in SDs, and its standard uncertainty by the model: patients at the last site only."""
    world = World(np.random.default_rng(seed), 4)
    site = np.repeat([0, 1, 2], 20)
    model = Harmoniser.fit(world.people(site, 60), named(site)).add_site("site 3", world.people(3, 3))
    sick = model.apply(world.people(3, 400, disease=1.5), named([3] * 400))
    healthy = model.apply(world.people(site, 60), named(site))
    difference = (sick.values.mean(axis=0) - healthy.values.mean(axis=0)) / 3
    return difference - 1.5, sick.se.mean(axis=0) / 3


def test_the_effect_of_disease_is_kept_at_a_site_with_patients_and_three_controls():
    error, se = (np.array(v) for v in zip(*map(_disease, range(100)), strict=True))
    assert abs(error.mean()) < 0.05 * 1.5
    assert 0.8 < np.sqrt((error**2).mean() / (se**2 + 1 / 20).mean()) < 1.2  # 1/20: of the healthy people's own mean


def test_fitted_on_patients_as_well_it_would_be_lost():
    world = World(np.random.default_rng(4), 4, shift=0.0, stretch=0.0)
    site = np.repeat([0, 1, 2, 3], 20)
    y = world.people(site, 80)
    y[site == 3] += 3 * 1.5
    wrong = Harmoniser.fit(y, named(site), options=Options("combat")).apply(y, named(site)).values
    assert (wrong[site == 3].mean() - wrong[site != 3].mean()) / 3 < 0.75


def _new_site(seed, features, alike, n_test=20):
    """z of healthy people of a site known by three controls: (harmonised, harmonised with its uncertainty, not harmonised)."""
    world = World(np.random.default_rng(seed), 5, features, alike)
    site = np.repeat([0, 1, 2, 3], 20)
    y = world.people(site, 80)
    model = Harmoniser.fit(y, named(site), features=[Feature(f"m{k}", "T2", "ms") for k in range(features)])
    model = model.add_site("site 4", world.people(4, 3))
    controls, test = model.apply(y, named(site)), world.people(4, n_test)
    new = model.apply(test, named([4] * n_test))
    key = NormKey("T2", "t2-water", "mean", "soleus", "", "ms")
    bodies = tuple(Body(site="harmonised") for _ in range(80))
    options = engine.Options(covariates=Covariates(()), heteroscedastic=False)
    norm = engine.norm(engine.summarise(key, engine.Controls(controls.values[:, 0], bodies), options))
    places = norm.places(new.values[:, 0], bodies[:n_test])
    sure = [site_place.widened(p, se, T2) for p, se in zip(places, new.se[:, 0], strict=True)]
    assert not any(p.refused for p in places)
    return [p.z for p in places], [p.z for p in sure], list(norm.z(test[:, 0], bodies[:n_test]))


def false_positives(draws, features, alike):
    """Shares beyond 1.96, in percent."""
    z = np.array([_new_site(seed, features, alike) for seed in range(draws)])
    return 100 * (np.abs(z) > 1.96).mean(axis=(0, 2))


def test_a_new_site_with_three_controls_does_not_make_healthy_people_ill():
    harmonised, honest, as_they_were = false_positives(80, 6, 0.5)
    assert honest <= 6.5 < harmonised  # without its uncertainty three controls promise more than they can hold
    assert as_they_were > harmonised


@pytest.mark.whole
@pytest.mark.parametrize(("features", "alike"), [(1, 0.0), (6, 0.5), (12, 0.8)])
def test_a_new_site_with_three_controls_in_many_cohorts(features, alike):
    assert 3.5 <= false_positives(150, features, alike)[1] <= 6.5


def _travelling(seed, k=6, share=0.9):
    """Raw difference of two sites, its standard uncertainty, and what people at a site are worth: k people at both, 10 more at each."""
    rng = np.random.default_rng(seed)
    person, site = (
        np.r_[np.arange(k), np.arange(k), np.arange(k, k + 20)],
        np.r_[np.repeat([0, 1], k), np.repeat([0, 1], 10)],
    )
    y = (
        np.sqrt(share) * rng.normal(size=k + 20)[person]
        + np.sqrt(1 - share) * rng.normal(size=person.size)
        + 0.5 * site
    )
    told = []
    for who in ([f"p{p}" for p in person], None):
        model = Harmoniser.fit(40 + 3 * y, named(site), person=who)
        one, other = model.effect("feature 1", "site 0"), model.effect("feature 1", "site 1")
        told.append(
            (
                other.raw_shift * model.models[0].sigma / 3 - one.raw_shift * model.models[0].sigma / 3 - 0.5,
                one.worth,
                one.rows,
            )
        )
    return told


def test_travelling_people_tell_the_difference_of_sites_as_well_as_theory_says():
    told = np.array([_travelling(seed) for seed in range(160)])
    with_persons, without = told[:, 0, 0], told[:, 1, 0]
    k, share, n = 6, 0.9, 10
    pairs, others = 2 * (1 - share) / k, 2 / n  # variance of the difference from the k pairs, and from the other people
    theory = 1 / (1 / pairs + 1 / others)
    assert with_persons.std() == pytest.approx(np.sqrt(theory), rel=0.15)
    assert with_persons.std() < 0.7 * without.std()
    assert np.median(told[:, 0, 1]) > 2.5 * 16 and (told[:, 1, 1] == 16).all()  # worth so many people of one site only


def test_where_sites_do_not_differ_little_is_changed():
    changed = []
    for seed in range(40):
        world = World(np.random.default_rng(seed), 3, shift=0.0, stretch=0.0)
        site = np.repeat([0, 1, 2], 15)
        y = world.people(site, 45)
        changed.append(np.abs(Harmoniser.fit(y, named(site)).apply(y, named(site)).values - y).mean() / 3)
    assert np.mean(changed) < 0.15
