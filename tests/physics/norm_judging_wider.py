"""Profiles along a nerve, and sites brought into line: how they score on simulated people (see `norm_judging`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from neuromyo.core.norm import NormKey
from neuromyo.norms import engine
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.harmonise import Harmoniser
from neuromyo.norms.profile import Axis, ProfileControls, ProfileNorm, ProfileOptions, profile_norm, profile_summary
from neuromyo.norms.site_model import Feature
from neuromyo.norms.site_place import widened
from neuromyo.norms.transforms import of
from tests.oracles import norm_cohorts as nc
from tests.physics.norm_judging import COVARIATES, bodies_of, key_of, published_of

#: healthy profiles looked at for each cohort of controls, and healthy people of each site
PROFILES, A_SITE = 100, 40


def profiles_norm(controls: nc.Profiles) -> ProfileNorm:
    key = NormKey("T2", "", "slice", "tibial nerve", "", "ms")
    told = ProfileControls(
        controls.positions_mm, controls.value, bodies_of(controls.people), tuple(map(str, controls.people.person))
    )
    axis = Axis(tuple(float(p) for p in controls.positions_mm), zero="knee joint")
    options = ProfileOptions(axis, engine.Options(covariates=Covariates(COVARIATES), heteroscedastic=False))
    return profile_norm(profile_summary(key, told, options))


def flagged_somewhere(n: int, k: int) -> tuple[float, float, float]:
    """Shares of healthy profiles of 16 levels that the k-th ``n`` controls flag: by the band of all levels, by a z beyond 1.96
    anywhere; and the share of people found who are ill by 4 SD over three neighbouring levels."""
    rng = np.random.default_rng([n, k, 16])
    norm, tested = profiles_norm(nc.profiles(n, rng)), nc.profiles(PROFILES, rng)
    who = bodies_of(tested.people)
    z = norm.z(tested.value, who)
    limit = norm.limit(np.ones(z.shape[1], dtype=bool))
    ill = tested.value.copy()
    ill[:, 6:9] += 4 * tested.sd[:, 6:9]
    found = (_tail(norm.z(ill, who)) < limit).any(axis=1).mean()
    one = norm.envelope(tested.positions_mm, tested.value[0], who[0])
    if bool(one.unusual.any()) != bool((_tail(z[0]) < limit).any()):
        raise AssertionError("an envelope flags another profile than the deviates and the limit do")
    return (_tail(z) < limit).any(axis=1).mean(), (np.abs(z) > 1.96).any(axis=1).mean(), found


def _tail(z):
    return 2 * special.ndtr(-np.abs(z))


def sites_in_line(k: int, *, people: int = 12, sites: int = 4) -> dict[str, float]:
    """The k-th study of ``sites`` scanners that shift and stretch, the youngest people at one and the oldest at another.

    Scores, for values as they are (``before``) and harmonised (``after``), one norm without sites of all controls: ``wrong_*`` share
    of healthy people with |z| > 1.96, ``worst_*`` that of the worst site, ``found_*`` of people ill by 3 SD; ``apart_*`` SD of the
    sites' mean true residuals, in SD between people.
    """
    world = replace(nc.T2, site_sd=0.8, site_log_sd=0.15)
    rng = np.random.default_rng([k, people, sites, 4])
    names = [f"site-{i}" for i in range(sites)]
    effects = nc.draw_sites(names, world, rng)
    ages = {name: (20.0 + 7.0 * i, 60.0 + 7.0 * i) for i, name in enumerate(names)}
    controls = nc.of_sites(world, dict.fromkeys(names, people), rng, effects, ages=ages)
    tested = [nc.of_sites(world, {name: A_SITE}, rng, effects, ages=ages, evenly=True) for name in names]
    covariates = Covariates(COVARIATES)

    def design(cohort):
        return covariates.design(bodies_of(cohort.people))

    made = Harmoniser.fit(
        controls.value[:, None], [str(s) for s in controls.people.site], design(controls),
        features=(Feature("T2", world.quantity, world.unit),), covariates=COVARIATES,
    )  # fmt: skip

    def moved(cohort):
        applied = made.apply(cohort.value[:, None], [str(s) for s in cohort.people.site], design(cohort))
        return replace(cohort, value=applied.values[:, 0]), applied.se[:, 0]

    out = {}
    before, after = pooled(controls), pooled(moved(controls)[0])
    for when, norm, taken in (("before", before, lambda c: (c, np.zeros(len(c)))), ("after", after, moved)):
        seen, ill = [taken(cohort) for cohort in tested], [taken(cohort.shifted(3.0)) for cohort in tested]
        wrong = [np.mean(np.abs(deviates(norm, *one)) > 1.96) for one in seen]
        out |= {f"wrong_{when}": np.mean(wrong), f"worst_{when}": max(wrong)}
        out[f"apart_{when}"] = np.std([_residual(cohort) for cohort, _ in seen])
        out[f"found_{when}"] = np.mean([deviates(norm, *one) > 1.96 for one in ill])
    return {name: float(value) for name, value in out.items()}


def pooled(controls: nc.Cohort) -> engine.Norm:
    """A norm that has not heard of sites."""
    who = replace(controls.people, site=np.full(len(controls), ""))
    told = engine.Controls(controls.value, bodies_of(who), tuple(str(p) for p in who.person))
    options = engine.Options(covariates=Covariates(COVARIATES))
    return engine.norm(engine.summarise(key_of(controls.world), told, options), published_of(()), options)


def deviates(norm: engine.Norm, cohort: nc.Cohort, se: np.ndarray) -> np.ndarray:
    """(n,) z, with the uncertainty of the harmonised values in it."""
    who = replace(cohort.people, site=np.full(len(cohort), ""))
    transform = of(cohort.world.quantity, cohort.world.unit)
    places = norm.places(cohort.value, bodies_of(who))
    return np.array([widened(place, float(u), transform).z for place, u in zip(places, se, strict=True)])


def _residual(cohort):
    """How far the people of a site lie off the truth without sites, on average, in SD."""
    world = cohort.world
    return float(np.mean(cohort.value - world.intercept - cohort.people.standard @ np.array(world.slopes))) / world.sd
