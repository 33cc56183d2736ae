"""Norms along a nerve: levels, sums without a person in them, the simultaneous band, and false alarms somewhere."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import engine, profile_record
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.missing import completed
from neuromyo.norms.options import Options
from neuromyo.norms.profile import (
    Axis,
    ProfileControls,
    ProfileOptions,
    merge,
    profile_norm,
    profile_summary,
    resampled,
    runs,
)

SEED = 60611
KEY = NormKey("T2", "t2-water", "mean", "tibial nerve", "", "ms")
M = 16
AXIS = Axis(tuple(10.0 * np.arange(M)), zero="knee joint")
NORM = Options(covariates=Covariates(("age", "sex")), heteroscedastic=False)
OPTIONS = ProfileOptions(AXIS, NORM)


def correlation(kind, m=M):
    apart = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    if kind == "smooth":
        return 0.9 * np.exp(-((apart / 5) ** 2)) + 0.1 * np.eye(m)
    return 0.6 * np.exp(-apart.astype(float)) + 0.4 * np.eye(m)


def people(rng, n, kind="smooth", site="A", m=M):
    """(n, m) profiles and the bodies: slopes of .35 and .3 SD, as in the muscle cohorts, SD 1.5 ms."""
    age, sex = rng.uniform(20, 80, n), rng.integers(0, 2, n)
    line = 40 + 0.55 * (age - 50) / 17.3 + 0.45 * (2 * sex - 1)
    noise = 1.5 * rng.standard_normal((n, m)) @ np.linalg.cholesky(correlation(kind, m)).T
    bodies = tuple(Body(float(a), "M" if s else "F", site=site) for a, s in zip(age, sex, strict=True))
    return line[:, None] + np.linspace(0, 4, m) + noise, bodies


def made(n=24, seed=SEED, **how):
    y, bodies = people(np.random.default_rng(seed), n, **how)
    return profile_summary(KEY, ProfileControls(np.array(AXIS.levels), y, bodies), OPTIONS)


@pytest.fixture(scope="module")
def twenty_four():
    return profile_norm(made())


# ---- levels


def test_profiles_are_resampled_between_slices_only():
    at, value = np.array([12.0, 4.0, 8.0, 16.0, 40.0]), np.array([3.0, 1.0, 2.0, 4.0, 10.0])
    found = resampled(at, value, np.array([0.0, 4.0, 6.0, 16.0, 20.0, 40.0, 41.0]))
    np.testing.assert_allclose(found, [np.nan, 1.0, 1.5, 4.0, np.nan, 10.0, np.nan])
    short = resampled(
        np.arange(0, 40, 4.0),
        np.r_[1.0, 1.0, np.nan, 1.0, 1.0, np.nan, np.nan, np.nan, 1.0, 1.0],
        np.array([8.0, 22.0]),
    )
    np.testing.assert_allclose(short, [1.0, np.nan])  # one slice is bridged, three are not
    assert np.isnan(resampled(at, np.full(5, np.nan), np.array([4.0]))).all()
    levels = np.array([0.0, 10.0, 20.0])
    assert np.isnan(resampled(levels, np.array([1.0, np.nan, 3.0]), levels)[1])
    with pytest.raises(DataError, match="each position once"):
        resampled(np.array([1.0, 1.0]), np.array([1.0, 2.0]), levels)
    with pytest.raises(OptionError, match="in rising order"):
        Axis((0.0, 10.0, 10.0))


def test_profiles_of_different_length_and_spacing_meet_at_the_levels():
    line = lambda at: 40 + 0.02 * at  # noqa: E731
    where = [np.arange(0, 151, 3.0), np.arange(30, 100, 4.4), np.arange(-20, 170, 5.0)]
    controls = ProfileControls.of([(at, line(at)) for at in where], AXIS, [Body()] * 3)
    for row in controls.value:
        good = np.isfinite(row)
        np.testing.assert_allclose(row[good], line(np.array(AXIS.levels)[good]))
    assert np.isfinite(controls.value).sum(axis=1).tolist() == [16, 7, 16]


# ---- sums


def test_each_level_is_the_scalar_norm_of_the_engine(twenty_four):
    y, bodies = people(np.random.default_rng(SEED), 24)
    for j in (0, 7):
        alone = engine.norm(engine.summarise(KEY, engine.Controls(y[:, j], bodies), NORM))
        for body in (bodies[3], Body(61, "F", site="elsewhere"), Body(70, None, site="A")):
            mine, theirs = twenty_four.levels[j].place(44.0, body), alone.place(44.0, body)
            assert mine.z == pytest.approx(theirs.z, abs=1e-9) and mine.flags == theirs.flags


def test_two_centres_merge_to_what_one_table_gives():
    rng = np.random.default_rng(1)
    (ya, a), (yb, b) = people(rng, 12), people(rng, 14, site="B")
    yb[:6, -3:] = np.nan  # a shorter field of view
    at = np.array(AXIS.levels)
    one, two = (profile_summary(KEY, ProfileControls(at, y, who), OPTIONS) for y, who in ((ya, a), (yb, b)))
    mixed = rng.permutation(26)
    both, who = np.r_[ya, yb][mixed], tuple((a + b)[i] for i in mixed)
    pooled = profile_summary(KEY, ProfileControls(at, both, who), OPTIONS)
    norms = [profile_norm(s) for s in ([one, two], [two, one], pooled)]
    body = Body(44, "F", site="B")
    for other in norms[1:]:
        assert np.array_equal(norms[0].z(both, [body] * 26), other.z(both, [body] * 26), equal_nan=True)
        assert np.array_equal(norms[0].correlation, other.correlation)
    assert norms[0].n_controls == 26
    with pytest.raises(DataError, match="the same sums twice; leave one"):
        merge([one, two, one])
    with pytest.raises(DataError, match="the same levels"):
        merge([one, replace(two, options=replace(OPTIONS, axis=Axis((0.0, 10.0))))])


def test_no_profile_can_be_read_out_of_the_sums():
    rng = np.random.default_rng(2)
    y, bodies = people(rng, 12)
    bodies = tuple(replace(b, sex="M" if i == 4 else "F") for i, b in enumerate(bodies))
    y[7, -1] = np.nan
    summary = profile_summary(KEY, ProfileControls(np.array(AXIS.levels), y, bodies), OPTIONS)
    sums = summary.sites[0].sums.moments[0, 0]
    # the only man: (sum of y + sum of sex y) / 2 would be his profile; it is everybody's mean
    np.testing.assert_allclose((sums[0, 3:] + sums[2, 3:]) / 2, sums[0, 3:] / 12)
    assert np.abs(sums[0, 3:] / 12 - y[4]).max() > 1
    # the one who lacks a level: the sums of the design at both levels would differ by his age
    last, before = (summary.level(j).sites[0] for j in (M - 1, M - 2))
    np.testing.assert_allclose(last.moments[0, 0][:3, :3], 11 / 12 * before.moments[0, 0][:3, :3])
    assert (last.n_people, before.n_people) == (11, 12)


def test_few_people_are_not_stored():
    assert "site A: 5 controls (needed 6 for 2 covariates)" in _refusal(5)
    rng = np.random.default_rng(4)
    (ya, a), (yb, b) = people(rng, 8), people(rng, 3, site="small")
    kept = profile_summary(KEY, ProfileControls(np.array(AXIS.levels), np.r_[ya, yb], a + b), OPTIONS)
    assert [s.sums.site for s in kept.sites] == ["A"] and "site small: 3 controls" in kept.left_out[0]
    ya[:4, 0] = np.nan  # a level that four of eight have
    norm = profile_norm(profile_summary(KEY, ProfileControls(np.array(AXIS.levels), ya, a), OPTIONS))
    assert norm.levels[0] is None and norm.levels[1] is not None
    shown = norm.envelope(np.array(AXIS.levels), ya[5], a[5])
    assert np.isnan(shown.high_all[0]) and np.isfinite(shown.high_all[1:]).all() and not shown.unusual[0]


def test_one_person_does_not_stand_for_a_covariate():
    y, bodies = people(np.random.default_rng(6), 10)
    bodies = tuple(replace(b, age=95.0 if i == 3 else 30.0 + 0.01 * i) for i, b in enumerate(bodies))
    with pytest.raises(DataError, match="known from one person alone; leave it out"):
        profile_summary(KEY, ProfileControls(np.array(AXIS.levels), y, bodies), OPTIONS)


def test_levels_at_which_controls_do_not_differ_have_no_norm():
    y, bodies = people(np.random.default_rng(6), 12)
    y[:, 4] = 40.0
    y[2, 5] = np.inf
    norm = profile_norm(profile_summary(KEY, ProfileControls(np.array(AXIS.levels), y, bodies), OPTIONS))
    assert [j for j, level in enumerate(norm.levels) if level is None] == [4]
    assert norm.levels[5].n_controls == 11
    shown = norm.envelope(np.array(AXIS.levels), np.full(M, 47.0), bodies[0])
    assert np.isnan(shown.z[4]) and np.isfinite(np.delete(shown.z, 4)).all() and np.isfinite(norm.correlation).all()
    with pytest.raises(DataError, match="no level was measured in 5 controls who differ"):
        profile_summary(KEY, ProfileControls(np.array(AXIS.levels), np.full((12, M), 40.0), bodies), OPTIONS)


def test_a_stored_norm_gives_the_same_bits():
    y, bodies = people(np.random.default_rng(SEED), 24)
    y[:5, -2:] = np.nan
    twice = ProfileControls(np.array(AXIS.levels), np.r_[y, y + 0.2], bodies * 2, tuple(str(i % 24) for i in range(48)))
    for controls in (ProfileControls(np.array(AXIS.levels), y, bodies), twice):
        summary = profile_summary(KEY, controls, OPTIONS)
        again = profile_record.from_dict(json.loads(json.dumps(profile_record.as_dict(summary))))
        assert again.key == KEY and again.options == OPTIONS
        z = [profile_norm(s).z(y, bodies) for s in (summary, again)]
        assert np.array_equal(*z, equal_nan=True)
    said = profile_record.as_dict(summary)
    said["axis"]["levels"] = said["axis"]["levels"][:-1]
    with pytest.raises(ValueError, match="for 15 levels and 2 covariates"):
        profile_record.from_dict(said)


def _refusal(n):
    with pytest.raises(DataError) as caught:
        made(n)
    assert caught.value.code == "E-NORM"
    return str(caught.value)


def test_both_sides_of_a_person_are_one_person():
    y, bodies = people(np.random.default_rng(8), 12)
    twice = ProfileControls(np.array(AXIS.levels), np.r_[y, y + 0.3], bodies * 2, tuple(str(i % 12) for i in range(24)))
    norm = profile_norm(profile_summary(KEY, twice, OPTIONS))
    assert norm.n_controls == 12 and norm.how == "Bonferroni-t"


def test_completed_rows_are_the_maximum_likelihood_of_the_textbook():
    # monotone missing (Anderson 1957): mean of the second = observed mean + slope (mean of the first - its mean where both)
    rng = np.random.default_rng(5)
    first = rng.standard_normal(400)
    second = 0.8 * first + 0.6 * rng.standard_normal(400) + 3
    y = np.column_stack([first, np.where(first > 0.3, np.nan, second)])
    filled, spread = completed(np.ones((400, 1)), y, 0.3)
    both = ~np.isnan(y[:, 1])
    slope, start = np.polyfit(first[both], second[both], 1)
    left = np.var(second[both] - start - slope * first[both])
    assert filled[:, 1].mean() == pytest.approx(start + slope * first.mean(), abs=0.02)
    assert spread[~both, 1, 1] == pytest.approx(left, rel=0.05) and not spread[both].any()
    assert np.var(filled[:, 1]) + spread[:, 1, 1].mean() == pytest.approx(1.0, abs=0.15)


# ---- one person


def test_a_short_lesion_is_seen_where_it_is(twenty_four):
    at, body = np.array(AXIS.levels), Body(50, "M", site="A")
    healthy = np.array([norm.band(body)[1] for norm in twenty_four.levels])
    swollen = healthy + np.where((at >= 60) & (at <= 80), 9.0, 0.0)
    found = twenty_four.envelope(at, swollen, body)
    assert found.how == "max-t" and found.n_controls == 24
    (run,) = runs(found)
    assert (run.first, run.last, run.levels, run.direction) == (60.0, 80.0, 3, "high") and run.z > 3.5
    assert found.p_anywhere < 0.005 and found.unusual.sum() == 3
    calm = twenty_four.envelope(at, healthy, body)
    assert not calm.unusual.any() and calm.p_anywhere > 0.99 and runs(calm) == ()
    assert (found.low_all < found.low).all() and (found.high < found.high_all).all()
    np.testing.assert_allclose(found.median, healthy)


def test_the_band_and_the_verdict_are_the_same_thing(twenty_four):
    at, body = np.array(AXIS.levels), Body(35, "F", site="A")
    calm = twenty_four.envelope(at, np.full(M, np.nan), body)
    assert calm.refused == "no level of the norm was measured" and np.isfinite(calm.high_all).all()
    for j, edge in ((3, calm.high_all), (9, calm.low_all)):
        inward = np.sign(calm.median[j] - edge[j])
        for step, told in ((1e-3, False), (-1e-3, True)):
            y = calm.median.copy()
            y[j] = edge[j] + step * inward
            shown = twenty_four.envelope(at, y, body)
            assert bool(shown.unusual[j]) is told
            assert shown.p_anywhere == pytest.approx(0.05, abs=0.003) and (shown.p_anywhere < 0.05) is told


def test_missing_levels_are_not_judged_and_cost_nothing(twenty_four):
    body = Body(50, "M", site="A")
    whole = twenty_four.envelope(np.array(AXIS.levels), np.full(M, 43.0), body)
    part = twenty_four.envelope(np.arange(48.0, 94, 3.5), np.full(14, 43.0), body)
    assert np.flatnonzero(np.isfinite(part.z)).tolist() == [5, 6, 7, 8, 9]
    assert np.isnan(part.z_interval[0]).all() and not part.unusual[0]
    np.testing.assert_allclose(part.z[5:10], whole.z[5:10])
    assert part.high_all[7] < whole.high_all[7]  # fewer levels looked at
    assert part.p_anywhere < 1 and part.value[0] != part.value[0]
    beyond = twenty_four.envelope(np.arange(100.0, 300, 10), np.full(20, 43.0), body)
    assert "W-NOTCOMPARED" in beyond.flags and "W-NOTCOMPARED" not in part.flags


def test_people_are_compared_from_the_same_landmark(twenty_four):
    at, body = np.array(AXIS.levels), Body(50, "M", site="A")
    other = twenty_four.envelope(at, np.full(M, 60.0), body, zero="split")
    assert "counted from split" in other.refused and "knee joint" in other.refused
    assert np.isnan(other.z).all() and not other.unusual.any() and np.isnan(other.p_anywhere)
    assert "W-LEVELS" not in twenty_four.envelope(at, np.full(M, 43.0), body, zero="knee joint").flags
    y, bodies = people(np.random.default_rng(SEED), 24)
    none = ProfileOptions(replace(AXIS, zero=""), NORM)
    loose = profile_norm(profile_summary(KEY, ProfileControls(at, y, bodies), none))
    assert "W-LEVELS" in loose.envelope(at, y[0], bodies[0]).flags


def test_flags_of_the_levels_are_told(twenty_four):
    at = np.array(AXIS.levels)
    flags = twenty_four.envelope(at, np.full(M, 43.0), Body(95, "M", site="elsewhere")).flags
    assert {"W-EXTRAPOLATED", "W-NEWSITE", "N-LOCALONLY"} <= set(flags) and len(flags) == len(set(flags))


# ---- false alarms


def somewhere(n, kind, replicates, healthy=250, gaps=False, seed=SEED):
    """Share of healthy people flagged at one level or more, cohort by cohort; and by |z| > 1.96 level by level."""
    rng = np.random.default_rng([seed, n])
    told = []
    for _ in range(replicates):
        y, bodies = people(rng, n, kind)
        if gaps:  # every third control ends early or begins late
            y[::3, : M // 4] = np.nan
            y[1::3, -M // 4 :] = np.nan
        norm = profile_norm(profile_summary(KEY, ProfileControls(np.array(AXIS.levels), y, bodies), OPTIONS))
        z = norm.z(*people(rng, healthy, kind))
        limit = norm.limit(np.isfinite(z[0]))
        tail = 2 * ndtr(-np.abs(z))
        told.append([(tail < limit).any(axis=1).mean(), (np.abs(z) > 1.96).any(axis=1).mean()])
    return np.array(told)


@pytest.mark.parametrize(("n", "kind"), [(10, "smooth"), (20, "rough"), (40, "smooth")])
def test_a_healthy_person_is_seldom_flagged_somewhere(n, kind):
    told = somewhere(n, kind, 6).mean(axis=0)
    assert told[0] < 0.065 + 0.02  # six cohorts: standard error .01
    assert told[1] > 0.2  # level by level, what people do


#: cohorts of the next test; the whole of it: NEUROMYO_TEST_COHORTS=300 pytest tests/unit/norms/test_norms_profile.py -m whole
COHORTS = int(os.environ.get("NEUROMYO_TEST_COHORTS", "40"))


@pytest.mark.whole
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["smooth", "rough"])
@pytest.mark.parametrize(("n", "gaps"), [(10, False), (20, False), (40, False), (20, True)])
def test_a_healthy_person_is_flagged_somewhere_in_at_most_six_and_a_half_percent(n, kind, gaps):
    told = somewhere(n, kind, COHORTS, healthy=100, gaps=gaps)[:, 0]
    sure, worst = told.std() / len(told) ** 0.5, np.quantile(told, 0.9)
    print(f"{n} controls, {kind}, gaps {gaps}: {told.mean():.4f} +- {sure:.4f}, worst tenth {worst:.3f}")
    assert told.mean() <= 0.065
    assert told.mean() > 0.012  # not by never flagging anybody
