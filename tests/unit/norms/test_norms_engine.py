"""What a norm does with controls, centres and published values, and when it refuses."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import engine
from neuromyo.norms.covariates import Covariates

KEY = NormKey("T2", "t2-mono", "mean", "sciatic nerve", "thigh", "ms")
OPTIONS = engine.Options()
ALIKE = Body(age=50.0, sex="M", height_m=1.75, weight_kg=76.0)


def people(n: int, seed: int = 1, site: str = "") -> tuple[Body, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        Body(age=float(rng.uniform(20, 80)), sex="MF"[i % 2], height_m=float(rng.normal(1.7, 0.09)),
             weight_kg=float(rng.normal(72, 9)), side=("left", "right")[i % 2], site=site) for i in range(n)
    )  # fmt: skip


def controls(n: int, seed: int = 1, site: str = "", shift: float = 0.0, sd: float = 1.5) -> engine.Controls:
    rng = np.random.default_rng(seed + 100)
    bodies = people(n, seed, site)
    age = np.array([body.age for body in bodies], dtype=float)
    return engine.Controls(33 + shift + 0.02 * (age - 50) + sd * rng.normal(size=n), bodies)


def made(*parts: engine.Controls, options: engine.Options = OPTIONS, published=()) -> engine.Norm:
    return engine.norm([engine.summarise(KEY, part, options) for part in parts], published)


LITERATURE = (engine.Published(21, 33.2, 1.7, age_mean=45.0, label="Sollmann 2019"), engine.Published(30, 32.6, 1.4))


def test_the_order_of_controls_changes_no_bit():
    one = controls(24)
    persons = tuple(str(i // 2) for i in range(24))
    order = np.random.default_rng(0).permutation(24)
    first = engine.summarise(KEY, replace(one, person=persons), OPTIONS)
    bodies, shuffled = tuple(one.bodies[i] for i in order), tuple("p" + persons[i] for i in order)
    second = engine.summarise(KEY, engine.Controls(one.value[order], bodies, shuffled), OPTIONS)
    np.testing.assert_array_equal(first.sites[0].moments, second.sites[0].moments)
    np.testing.assert_array_equal(first.sites[0].log_det, second.sites[0].log_det)
    places = [engine.norm(summary, LITERATURE).place(36.0, ALIKE) for summary in (first, second)]
    assert places[0] == places[1]


def test_sums_of_two_centres_make_the_norm_of_their_pooled_controls():
    a, b = controls(12, 1, "A"), controls(9, 2, "B", shift=1.0)
    pooled = engine.Controls(np.concatenate([a.value, b.value]), a.bodies + b.bodies)
    value, bodies = np.array([30.0, 36.0, 41.0]), [replace(ALIKE, site=s) for s in "ABC"]
    together, apart = made(pooled), made(a, b)
    np.testing.assert_allclose(apart.z(value, bodies), together.z(value, bodies), rtol=1e-10)
    np.testing.assert_array_equal(made(b, a).z(value, bodies), apart.z(value, bodies))


def test_two_halves_of_one_site_make_the_norm_of_the_whole_even_if_only_one_has_both_sides():
    whole = controls(16, 3, "A")
    persons = ("p", "p", "q", "q", *(str(i) for i in range(12)))
    first = engine.Controls(whole.value[:8], whole.bodies[:8], persons[:8])
    second = engine.Controls(whole.value[8:], whole.bodies[8:], persons[8:])
    at = [replace(ALIKE, site="A")]
    apart, together = made(first, second), made(replace(whole, person=persons))
    np.testing.assert_allclose(apart.z(np.array([36.0]), at), together.z(np.array([36.0]), at), rtol=1e-10)
    assert apart.n_controls == together.n_controls == 14


def test_a_place_in_words_and_numbers():
    place = made(controls(20), published=LITERATURE).place(37.5, ALIKE)
    assert place.refused == ""
    assert 1.9 < place.z < 4
    assert place.centile == pytest.approx(100, abs=3)
    assert place.z_interval[0] < place.z < place.z_interval[1]
    assert place.normal[0] < place.normal[1] < place.normal[2] < 37.5
    assert place.n_controls == 20 < place.n_effective < 30
    assert place.agreement > 0.9
    assert place.sources == ("local controls (n = 20)", "Sollmann 2019 (n = 21)", "published values (n = 30)")
    assert place.flags == ()


def test_ends_of_the_band_have_the_z_of_the_band():
    norm = made(controls(20), published=LITERATURE)
    low, median, high = norm.band(ALIKE)
    np.testing.assert_allclose(norm.z(np.array([low, median, high]), [ALIKE] * 3), [-1.959964, 0, 1.959964], atol=2e-3)


def test_density_in_the_tables_unit_sums_to_one():
    key = replace(KEY, quantity="FF", unit="%")
    value = 2 + np.abs(np.random.default_rng(2).normal(size=12))
    norm = engine.norm(engine.summarise(key, engine.Controls(value, people(12)), OPTIONS))
    grid = np.linspace(-0.999, 100.999, 60001)
    total = np.exp(norm.logpdf(grid, [ALIKE] * len(grid))).sum() * (grid[1] - grid[0])
    assert total == pytest.approx(1, abs=2e-3)
    assert norm.band(ALIKE)[0] > -1


def test_published_values_steady_a_small_norm_and_their_agreement_is_told():
    small = controls(8)
    alone, helped = made(small), made(small, published=LITERATURE)
    width = [np.diff(norm.intervals(np.array([36.0]), [ALIKE])[0])[0] for norm in (alone, helped)]
    assert width[1] < 0.9 * width[0]
    assert np.isnan(alone.agreement)
    assert helped.agreement > 0.9
    assert "N-LOCALONLY" in alone.place(36.0, ALIKE).flags
    assert "W-FEW" in alone.place(36.0, ALIKE).flags


def test_wrong_literature_is_told_and_gives_way_to_the_controls():
    """Published means four SDs off; the local controls decide."""
    wrong = tuple(replace(p, mean=p.mean + 6.0) for p in LITERATURE)
    alone, misled = made(controls(20)), made(controls(20), published=wrong)
    assert misled.agreement < 0.2
    assert "W-CONFLICT" in misled.place(33.0, ALIKE).flags
    assert misled.band(ALIKE)[1] == pytest.approx(alone.band(ALIKE)[1], abs=0.15)


def test_a_printed_slope_is_learnt_from():
    sloped = tuple(replace(p, slopes={"age": 0.06}) for p in LITERATURE)
    old, young = replace(ALIKE, age=75.0), replace(ALIKE, age=25.0)
    rise = [made(controls(8), published=p) for p in (LITERATURE, sloped)]
    rises = [norm.band(old)[1] - norm.band(young)[1] for norm in rise]
    assert rises[1] > rises[0] + 0.5


def test_the_sd_may_change_with_age():
    one = controls(120)
    age = np.array([body.age for body in one.bodies], dtype=float)
    noise = np.random.default_rng(3).normal(size=120) * np.exp(0.3 * (age - 50) / 17.3)
    norm = made(engine.Controls(33 + noise, one.bodies))
    widths = [np.ptp(norm.band(replace(ALIKE, age=a))) for a in (30.0, 70.0)]
    assert 1.5 < widths[1] / widths[0] < 2.6
    fixed = made(engine.Controls(33 + noise, one.bodies), options=engine.Options(heteroscedastic=False))
    widths = [np.ptp(fixed.band(replace(ALIKE, age=a))) for a in (30.0, 70.0)]
    assert widths[1] / widths[0] == pytest.approx(1, abs=0.05)


def test_both_sides_of_a_person_are_not_two_people():
    one = controls(10)
    doubled = engine.Controls(np.repeat(one.value, 2), tuple(b for b in one.bodies for _ in "lr"),
                              tuple(str(i // 2) for i in range(20)))  # fmt: skip
    believed = replace(doubled, person=())
    norms = [made(c) for c in (one, doubled, believed)]
    width = [np.diff(norm.intervals(np.array([36.0]), [ALIKE])[0])[0] for norm in norms]
    assert norms[1].n_controls == 10
    assert width[1] > 0.9 * width[0]
    assert width[2] < 0.8 * width[0]


def test_a_site_has_its_own_level_and_a_new_site_none():
    norm = made(controls(15, 1, "A"), controls(15, 2, "B", shift=3.0))
    a, b, new = (norm.band(replace(ALIKE, site=s)) for s in ("A", "B", "C"))
    assert b[1] - a[1] == pytest.approx(3, abs=1.2)
    assert a[1] < new[1] < b[1]
    assert np.ptp(new) > 1.2 * max(np.ptp(a), np.ptp(b))
    place = norm.place(34.0, replace(ALIKE, site="C"))
    assert "W-NEWSITE" in place.flags
    assert not place.refused
    assert norm.place(34.0, replace(ALIKE, site="A")).flags == ("N-LOCALONLY",)


def test_an_unknown_covariate_widens():
    one = controls(40)
    age = np.array([body.age for body in one.bodies], dtype=float)
    norm = made(engine.Controls(one.value + 0.1 * (age - 50), one.bodies))
    known, unknown = norm.band(ALIKE), norm.band(replace(ALIKE, age=None))
    assert np.ptp(unknown) > 1.3 * np.ptp(known)
    assert "W-COVARIATE" in norm.place(34.0, replace(ALIKE, age=None)).flags


def test_outside_of_the_controls_it_is_told_and_wider():
    norm = made(controls(25))
    child = replace(ALIKE, age=15.0)
    place, usual = norm.place(36.0, child), norm.place(36.0, ALIKE)
    assert "W-EXTRAPOLATED" in place.flags
    assert not place.refused
    assert np.diff(place.z_interval)[0] > 1.05 * np.diff(usual.z_interval)[0]
    assert place.n_effective <= usual.n_effective
    assert norm.support["age"] == (20.0, 80.0)


def test_a_person_too_unlike_the_controls_is_refused_in_words():
    place = made(controls(8)).place(36.0, Body(age=105.0, sex="M", height_m=2.25, weight_kg=180.0))
    assert "age 105 years, height 2.25 m" in place.refused
    assert np.isnan([place.z, place.centile, *place.z_interval, *place.normal]).all()
    assert place.n_effective < 5


@pytest.mark.parametrize(("value", "said"), [(np.nan, "no value"), (-3.0, "a value above 0"), (np.inf, "no value")])
def test_values_that_cannot_be_are_refused(value, said):
    key = replace(KEY, quantity="area", unit="mm2")
    norm = engine.norm(engine.summarise(key, engine.Controls(np.exp(3 + 0.2 * np.arange(9)), people(9)), OPTIONS))
    assert said in norm.place(value, ALIKE).refused


def _refused(one: engine.Controls, options: engine.Options = OPTIONS, published=()) -> str:
    with pytest.raises(NeuromyoError) as error:
        made(one, options=options, published=published)
    assert error.value.code == "E-NORM"
    return str(error.value)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_controls_are_refused(n):
    assert "needed" in _refused(controls(n))


def test_two_controls_and_one_paper_are_too_few_and_three_and_two_papers_are_enough():
    assert "2, worth" in _refused(controls(2), published=LITERATURE[:1])
    assert "W-FEW" in made(controls(3), published=LITERATURE).place(34.0, ALIKE).flags


def test_controls_without_spread_are_refused():
    assert "same value in all 8" in _refused(engine.Controls(np.full(8, 33.0), people(8)))
    bodies = tuple(replace(b, site=str(i)) for i, b in enumerate(people(6)))
    assert "without any spread" in _refused(engine.Controls(controls(6).value, bodies))


def test_as_many_covariates_as_controls_are_widened_or_refused():
    names = ("age", "sex", "height", "bmi", "side", "a", "b", "c")
    rng = np.random.default_rng(8)
    bodies = tuple(replace(b, other=dict(zip("abc", rng.normal(size=3), strict=True))) for b in people(8))
    one = engine.Controls(controls(8).value, bodies)
    few, many = made(one), made(one, options=engine.Options(covariates=Covariates(names)))
    at = replace(ALIKE, side="left", other={"a": 0.0, "b": 0.0, "c": 0.0})
    width = [np.diff(norm.intervals(np.array([37.0]), [at])[0])[0] for norm in (few, many)]
    assert width[1] > 1.1 * width[0]
    assert np.isfinite(many.z(np.array([40.0]), [at])).all()
    assert "tell the covariates apart" in _refused(one, engine.Options(covariates=Covariates(names), slope_sd=np.inf))


def test_rows_without_value_or_covariate_are_left_out_and_counted():
    one = controls(12)
    value, bodies = one.value.copy(), list(one.bodies)
    value[3] = np.nan
    bodies[5] = replace(bodies[5], weight_kg=None)
    summary = engine.summarise(KEY, engine.Controls(value, tuple(bodies)), OPTIONS)
    assert summary.n_people == 10
    assert summary.left_out == ("1 without a value", "1 without bmi")
    assert "none of 4 rows (4 without bmi)" in _refused(
        engine.Controls(value[:3:1].repeat(2)[:4], tuple(replace(b, weight_kg=None) for b in bodies[:4]))
    )


def test_summaries_that_do_not_belong_together_are_refused():
    a = engine.summarise(KEY, controls(8), OPTIONS)
    b = engine.summarise(KEY, controls(8), engine.Options(covariates=Covariates(("age",))))
    c = engine.summarise(replace(KEY, method="other protocol"), controls(8), OPTIONS)
    with pytest.raises(NeuromyoError, match="same covariates.*found age"):
        engine.norm([a, b])
    with pytest.raises(NeuromyoError, match="same thing.*not stated and .*other protocol"):
        engine.norm([a, c])
    with pytest.raises(NeuromyoError, match="the same controls twice"):
        engine.norm([a, engine.summarise(KEY, controls(9, 2), OPTIONS), a])
    with pytest.raises(NeuromyoError, match="at least one centre"):
        engine.norm([])


def test_published_values_without_an_sd_are_refused():
    assert "SD 0" in _refused(controls(8), published=(engine.Published(12, 33.0, 0.0, label="X 2001"),))


def test_extreme_values_are_finite():
    z = made(controls(20), published=LITERATURE).z(np.array([1e3, -1e3, 1e9]), [ALIKE] * 3)
    assert np.isfinite(z).all()
    assert z[2] > z[0] > 8


def test_many_places_have_the_bits_of_one_by_one():
    norm = made(controls(20), published=LITERATURE)
    value, bodies = np.linspace(28, 40, 9), list(people(9, 4))
    bodies[2], bodies[5] = replace(bodies[2], age=None), replace(bodies[5], site="elsewhere")
    many = norm.places(value, bodies)
    assert many == [norm.place(v, b) for v, b in zip(value, bodies, strict=True)]


@pytest.mark.parametrize("n", [500, pytest.param(10000, marks=pytest.mark.whole)])
def test_many_z_scores_take_no_minutes(n):
    """About ten seconds for 10,000 on an idle core; the guard is against hanging."""
    norm = made(controls(20), published=LITERATURE)
    value, bodies = 33 + 2 * np.random.default_rng(0).normal(size=n), list(people(n, 5))
    start = time.perf_counter()
    assert len(norm.places(value, bodies)) == n
    assert time.perf_counter() - start < n / 100
