"""Sites brought into line: against the papers' equations, against closed forms, and what is refused."""

import json

import numpy as np
import pytest
from scipy import integrate, stats

from neuromyo.core.errors import NeuromyoError
from neuromyo.norms import site_effects
from neuromyo.norms.harmonise import Feature, Harmoniser, Options
from neuromyo.norms.site_regression import Layout, regress
from neuromyo.norms.site_report import lines, summary
from tests.oracles.combat import combat

N = (12, 9, 14)
SITES = tuple(name for name, n in zip(("Aarhus", "Bonn", "Cork"), N, strict=True) for _ in range(n))


def cohort(seed=0, features=6, shift=(0.5, -0.4, 0.1)):
    """Values (35, features) around 40 with SD 3, covariates (35, 2)."""
    rng = np.random.default_rng(seed)
    x = np.c_[rng.normal(size=35), rng.choice([-1.0, 1.0], 35)]
    site = np.repeat([0, 1, 2], N)
    spread = np.array([0.8, 1.3, 1.0])[site][:, None]
    e = 0.6 * rng.normal(size=(35, 1)) + 0.8 * rng.normal(size=(35, features))
    slopes = rng.normal(size=(2, features))
    return 40 + 3 * (
        np.array(shift)[site][:, None] + rng.normal(size=(3, features))[site] * 0.3 + spread * e
    ) + x @ slopes, x


def t2(n):
    return [Feature(f"muscle {k}", "T2", "ms") for k in range(n)]


def code_and_text(call):
    with pytest.raises(NeuromyoError) as caught:
        call()
    return caught.value.code, str(caught.value)


def test_the_method_combat_is_that_of_the_papers():
    y, x = cohort()
    told = combat(y.T, np.repeat([0, 1, 2], N), x)
    made = Harmoniser.fit(y, SITES, x, options=Options("combat"))
    larger = np.sqrt(35 / (35 - 3 - 2))  # the papers divide the residual squares by n, we by the degrees of freedom
    for s, site in enumerate(made.sites):
        mine = [made.effect(f"feature {k + 1}", site) for k in range(6)]
        assert np.allclose([e.shift * larger for e in mine], told.gamma_star[s], atol=1e-11)
        assert np.allclose([np.exp(2 * e.log_spread) * larger**2 for e in mine], told.delta2_star[s], rtol=1e-11)
    expected = np.stack([m.expected(x) for m in made.models], axis=1)
    assert np.allclose((made.apply(y, SITES, x).values - expected) / larger, told.adjusted.T - expected, atol=1e-10)


def test_shrinking_is_the_posterior_by_quadrature():
    x, s2, scale = np.array([0.9, -0.2, 0.3]), np.array([0.05, 0.1, 0.3]), 0.5

    def weight(w):
        return stats.halfcauchy.pdf(w, scale=scale) * np.prod(stats.norm.pdf(x, 0, np.sqrt(w**2 + s2)))

    def integral(f):
        return integrate.quad(lambda w: f(w) * weight(w), 1e-4, 30, limit=400, points=[0.1, 0.5, 1, 3])[0]

    total = integral(lambda w: 1.0)
    mean = np.array([integral(lambda w, k=k: x[k] * w**2 / (w**2 + s2[k])) for k in range(3)]) / total
    square = np.array(
        [integral(lambda w, k=k: w**2 * s2[k] / (w**2 + s2[k]) + (x[k] * w**2 / (w**2 + s2[k])) ** 2) for k in range(3)]
    )
    found, var = site_effects.shrunk(x, s2, scale)
    assert np.allclose(found, mean, atol=2e-3) and np.allclose(var, square / total - mean**2, atol=2e-3)


def test_sites_that_tell_precisely_are_taken_at_their_word_and_others_hardly():
    exact, var = site_effects.shrunk(np.array([1.0, -0.5]), np.array([1e-6, 1e-6]), 0.5)
    assert np.allclose(exact, [1.0, -0.5], atol=1e-4) and (var < 1.1e-6).all()
    vague, var = site_effects.shrunk(np.array([1.0, -0.5]), np.array([100.0, 100.0]), 0.5)
    assert (np.abs(vague) < 0.2).all() and (var > 0.1).all()


def test_least_squares_with_persons_are_those_of_the_full_covariance_matrix():
    rng = np.random.default_rng(3)
    site, person = np.array([0, 0, 0, 1, 1, 1, 1, 0]), np.array([0, 1, 2, 0, 1, 3, 4, 4])
    w, y, rho = rng.normal(size=(8, 1)), rng.normal(size=8), 0.7
    found = regress(y, Layout(site, person, w), rho)
    v = rho * (person[:, None] == person) + (1 - rho) * np.eye(8)
    d = np.c_[site == 0, site == 1, w].astype(float)
    inverse = np.linalg.inv(v)
    covariance = np.linalg.inv(d.T @ inverse @ d)
    beta = covariance @ d.T @ inverse @ y
    r = y - d @ beta
    assert np.allclose([*found.theta, *found.slopes], beta) and np.allclose(found.covariance, covariance)
    assert found.sigma2 == pytest.approx(r @ inverse @ r / 5)
    restricted = -0.5 * (
        np.linalg.slogdet(v)[1] + np.linalg.slogdet(d.T @ inverse @ d)[1] + 5 * np.log(r @ inverse @ r)
    )
    assert found.log_likelihood == pytest.approx(restricted)


def test_one_person_with_the_same_value_twice_does_not_decide():
    y, x = cohort()
    y[12] = y[0] + 6.0  # the only traveller, and no noise at all between two sites 6 ms apart
    person = [f"p{k if k != 12 else 0}" for k in range(35)]
    x[12] = x[0]
    made = Harmoniser.fit(y, SITES, x, features=t2(6), person=person)
    assert 0.0 < made.models[0].share < 0.9 and made.effect("muscle 0", "Bonn").worth < 2 * 9


@pytest.mark.parametrize("method", ["levels", "combat"])
def test_order_of_rows_changes_no_bit_and_the_model_survives_storage(method):
    y, x = cohort()
    made = Harmoniser.fit(y, SITES, x, features=t2(6), options=Options(method))
    order = np.random.default_rng(1).permutation(35)
    again = Harmoniser.fit(y[order], [SITES[k] for k in order], x[order], features=t2(6), options=Options(method))
    assert again.to_dict() == made.to_dict()
    back = Harmoniser.from_dict(json.loads(json.dumps(made.to_dict())))
    assert back.to_dict() == made.to_dict()
    whole = made.apply(y, SITES, x)
    one = back.apply(y[7:8], [SITES[7]], np.c_[1.0, x[7:8]])  # a leading one, as the design of a norm has it
    assert one.values.tobytes() == whole.values[7:8].tobytes() and one.se.tobytes() == whole.se[7:8].tobytes()


def test_order_of_features_changes_nothing():
    y, _ = cohort()
    made = Harmoniser.fit(y, SITES, features=t2(6))
    turned = Harmoniser.fit(y[:, ::-1], SITES, features=t2(6)[::-1])
    assert turned.apply(y[:, ::-1], SITES).values[:, ::-1].tobytes() == made.apply(y, SITES).values.tobytes()


def test_areas_are_harmonised_as_ratios_and_fractions_stay_lawful():
    rng = np.random.default_rng(5)
    area = np.exp(np.log(20) + 0.2 * rng.normal(size=35)) * np.where(np.repeat([0, 1, 2], N) == 1, 1.5, 1.0)
    fat = 2 + 1.0 * np.abs(rng.normal(size=35))
    features = [Feature("area", "area", "mm2"), Feature("fat", "FF", "%")]
    made = Harmoniser.fit(np.c_[area, fat], SITES, features=features)
    told = made.apply(np.array([[30.0, 0.1], [60.0, 90.0]]), ["Bonn", "Bonn"])
    bonn = made.effect("area", "Bonn")
    ratio = (told.values[1, 0] / told.values[0, 0]) ** np.exp(bonn.log_spread)
    assert ratio == pytest.approx(2.0) and 18 < told.values[0, 0] < 25
    assert (told.values[:, 1] > -1).all() and (told.values[:, 1] < 101).all() and (told.se > 0).all()


def test_stretch_is_the_derivative_and_an_unknown_covariate_counts_as_average():
    y, x = cohort()
    made = Harmoniser.fit(np.abs(y), SITES, x, features=[Feature(f"f{k}", "area", "mm2") for k in range(6)])
    up, down = (made.apply(np.abs(y[:4]) + h, SITES[:4], x[:4]).values for h in (1e-5, -1e-5))
    assert np.allclose(made.apply(np.abs(y[:4]), SITES[:4], x[:4]).stretch, (up - down) / 2e-5, rtol=1e-5)
    unknown = x[:1].copy()
    unknown[0, 0] = np.nan
    average = x[:1].copy()
    average[0, 0] = x[:, 0].mean()
    told, same = (made.apply(np.abs(y[:1]), SITES[:1], d) for d in (unknown, average))
    assert np.array_equal(told.values, same.values) and (told.se > same.se).all()


def test_a_reference_is_left_as_it_is_and_the_others_follow():
    y, x = cohort(shift=(2.0, -2.0, 0.0))
    made = Harmoniser.fit(y, SITES, x, features=t2(6), options=Options(reference="Cork"))
    after = made.apply(y, SITES, x)
    cork = np.array(SITES) == "Cork"
    assert np.allclose(after.values[cork], y[cork], rtol=1e-13) and (after.se[cork] == 0).all()
    away = np.array([y[np.array(SITES) == s].mean() - y[cork].mean() for s in ("Aarhus", "Bonn")])
    left = np.array([after.values[np.array(SITES) == s].mean() - y[cork].mean() for s in ("Aarhus", "Bonn")])
    assert (np.abs(left) < 0.35 * np.abs(away)).all()
    assert {line.site for line in lines(made)} == {"Aarhus", "Bonn"}


def test_a_new_site_leaves_the_others_as_they_were():
    y, x = cohort()
    made = Harmoniser.fit(y, SITES, x, features=t2(6))
    more = made.add_site("Delft", y[:3] + 6, x[:3])
    assert more.sites == ("Aarhus", "Bonn", "Cork", "Delft")
    assert more.apply(y, SITES, x).values.tobytes() == made.apply(y, SITES, x).values.tobytes()
    again = made.add_site("Delft", y[2::-1] + 6, x[2::-1])
    assert again.to_dict() == more.to_dict()
    assert more.effect("muscle 0", "Delft").shift_se > 1.5 * made.effect("muscle 0", "Aarhus").shift_se


def test_the_report_tells_what_was_and_what_may_be_left():
    y, x = cohort(shift=(2.0, -2.0, 0.0))
    found = lines(Harmoniser.fit(y, SITES, x, features=t2(6)))
    aarhus = [line for line in found if line.site == "Aarhus"]
    assert len(found) == 18 and all(line.size == "large" for line in aarhus)
    for line in found:
        assert line.after.low < 0.2 and line.after.high > -0.2
        assert line.site == "Cork" or abs(line.after.value) < 0.3 * abs(line.before.value)
        width = (line.after.high - line.after.low) / (line.before.high - line.before.low)
        assert width == pytest.approx(line.spread_after.value / line.spread_before.value)
    text = "\n".join(summary(found))
    assert "Aarhus (12 controls): off by" in text and "may be left" in text


FEW, ROW = [0, 1, 2, 12, 13, 14], np.arange(35)[:, None]
REFUSED = {
    "one site": (lambda y, x: (y[:12], SITES[:12], x[:12]), "one site only (Aarhus)", "no harmonising"),
    "one person": (lambda y, x: (y[:22], (*SITES[:21], "Cork"), x[:22]), "site Cork", "one person"),
    "two people": (lambda y, x: (y[:23], (*SITES[:21], "Cork", "Cork"), x[:23]), "2 people", "at least 3 controls"),
    "no site": (lambda y, x: (y, ("", *SITES[1:]), x), "without one", "state the site"),
    "confounded": (lambda y, x: (y, SITES, np.c_[x, np.repeat([0.0, 1, 3], N)]), "covariate 3", "the same in all people of each site"),
    "collinear": (lambda y, x: (y, SITES, np.c_[x, x.sum(axis=1) + np.repeat([0.0, 1, 3], N)]), "covariates 1", "follows from"),
    "constant": (lambda y, x: (y, SITES, np.c_[x, np.full(35, 2.0)]), "covariate 3", "the same in all of them"),
    "unknown covariate": (lambda y, x: (y, SITES, np.where(np.arange(70).reshape(35, 2) == 4, np.nan, x)), "covariate 1", "missing of 1"),
    "many covariates": (lambda y, x: (y[FEW], [SITES[k] for k in FEW], x[FEW]), "controls", "fewer"),
    "no variance": (lambda y, x: (np.where(ROW < 12, 40.0, y), SITES, x), "site Aarhus, muscle 0", "same value in all 12"),
    "missing at a site": (lambda y, x: (np.where(ROW < 10, np.nan, y), SITES, x), "site Aarhus, muscle 0", "2 people"),
    "infinite": (lambda y, x: (np.where(np.arange(210).reshape(35, 6) == 3, np.inf, y), SITES, x), "infinity", "leave such values out"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_people_who_do_not_determine_the_sites_are_refused_with_the_reason(case):
    make, first, second = REFUSED[case]
    values, sites, design = make(*cohort())
    code, said = code_and_text(lambda: Harmoniser.fit(values, sites, design, features=t2(6)))
    assert code == "E-SITES"
    assert first in said.replace("covariates covariate 1", "covariates 1") and second in said


def test_near_confounding_is_told_and_extreme_refused():
    y, x = cohort()
    site = np.repeat([0, 1, 2], N)
    near = np.c_[x[:, :1] + 3.0 * (site == 1)[:, None], x[:, 1:]]
    made = Harmoniser.fit(y, SITES, near, features=t2(6), covariates=("age", "sex"))
    assert any(f.code == "W-SITES" and "Bonn" in f.where and "age" in f.message for f in made.findings)
    assert not Harmoniser.fit(y, SITES, x, features=t2(6)).findings
    far = np.c_[0.05 * x[:, :1] + 3.0 * (site == 1)[:, None], x[:, 1:]]
    code, said = code_and_text(lambda: Harmoniser.fit(y, SITES, far, features=t2(6), covariates=("age", "sex")))
    assert code == "E-SITES" and "times as uncertain" in said


def test_what_the_model_does_not_know_is_refused_when_it_is_applied():
    y, x = cohort()
    made = Harmoniser.fit(y, SITES, x, features=t2(6))
    code, said = code_and_text(lambda: made.apply(y[:1], ["Delft"], x[:1]))
    assert (
        code == "E-SITES" and "Delft" in said and "one of Aarhus, Bonn, Cork" in said and "at least 3 controls" in said
    )
    assert code_and_text(lambda: made.apply(y[:1, :4], ["Bonn"], x[:1]))[0] == "E-OPTION"
    assert code_and_text(lambda: made.add_site("Delft", y[:2], x[:2]))[0] == "E-SITES"
    assert code_and_text(lambda: made.add_site("Bonn", y[:3], x[:3]))[0] == "E-OPTION"
    assert code_and_text(lambda: made.add_site("Delft", y[:3], np.array([[np.nan, 1.0]] * 3)))[0] == "E-SITES"
    assert code_and_text(lambda: Harmoniser.from_dict({"format": "something"}))[0] == "E-SITES"
    kept = made.to_dict()
    for spoil in (
        {"models": []},
        {"covariates": 3},
        {"options": {"colour": 1}},
        {"models": [{**kept["models"][0], "sigma": "wide"}]},
    ):
        assert code_and_text(lambda spoil=spoil: Harmoniser.from_dict(kept | spoil))[0] == "E-SITES"
    areas = Harmoniser.fit(np.abs(y[:, 0]), SITES, features=[Feature("area", "area", "mm2")])
    code, said = code_and_text(lambda: areas.apply(np.array([-1.0]), ["Bonn"]))
    assert code == "E-SITES" and "above 0" in said


def test_a_missing_value_stays_missing_and_harms_nobody():
    y, x = cohort()
    holes = y.copy()
    holes[3, 2] = np.nan
    made = Harmoniser.fit(holes, SITES, x, features=t2(6))
    after = made.apply(holes, SITES, x)
    assert np.isnan(after.values[3, 2]) and np.isfinite(np.delete(after.values.ravel(), 3 * 6 + 2)).all()
    assert made.effect("muscle 2", "Aarhus").people == 11
