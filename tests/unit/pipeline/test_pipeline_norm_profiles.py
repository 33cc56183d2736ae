"""Profiles from tables to norm files, to a person's envelope, and back into the person's rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body
from neuromyo.norms import cells, norm_file
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.levels import Axis
from neuromyo.norms.merge import merge
from neuromyo.norms.options import Options
from neuromyo.norms.profile import profile_norm
from neuromyo.norms.profile_sums import ProfileControls, ProfileOptions, profile_summary
from neuromyo.pipeline import norm_build, norm_envelopes, persons
from tests.unit.norms.cohort_tables import healthy

ZERO = "fibular-head"


def profile(who, side="left", first=-40, steps=12, shift=0.0, seed=0, zero=ZERO, **more):
    """Slices every 8 mm from ``first`` on: 40 mm2, a person's own size, and noise that runs along."""
    rng = np.random.default_rng([seed, *map(ord, who), len(side)])
    own, noise = 4 * rng.normal(), rng.normal(size=steps)
    at = first + 8 * np.arange(steps)
    values = 40 - 0.05 * at + own + 1.5 * noise + np.where((at > 0) & (at < 30), shift, 0.0)
    common = {"subject": who, "session": "", "region": "sciatic-nerve", "region_source": "trace", "side": side, "quantity": "CSA",
              "biomarker": "nerve-morphometry", "unit": "mm2", "statistic": "slice", "flags": "", "level_from": zero}  # fmt: skip
    return [{**common, **more, "slice": str(k), "level": f"{d} mm", "value": round(float(v), 3)}
            for k, (d, v) in enumerate(zip(at, values, strict=True))]  # fmt: skip


def cohort(n=20, seed=0, site="here", label=1, **more):
    made = healthy(n, seed=seed, site=site, first=label, quantities=("T2",))
    for person in made.people:
        who = person["participant_id"][4:]
        made.rows += profile(who, "left", seed=seed, **more) + profile(who, "right", seed=seed, **more)
    return made


def build(folder, made, name="a", **more):
    measured, people = made.write(folder, name)
    return norm_build.build(norm_build.BuildRequest((measured,), people, folder / f"{name}.norm.json", **more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("profiles")


@pytest.fixture(scope="module")
def built(folder):
    return build(folder, cohort())


@pytest.fixture(scope="module")
def roster(folder, built):
    return persons.read(folder / "a_participants.tsv")


def compare(rows, built, roster):
    return norm_envelopes.compare(Measurements.of(rows), built.file, roster)


def test_a_profile_gets_a_norm_at_fixed_levels_from_its_landmark(built):
    (one,) = built.file.profiles
    assert (one.key.quantity, one.key.statistic, one.key.level, one.options.axis.zero) == ("CSA", "profile", "", ZERO)
    assert one.options.axis.levels[:3] == (-40.0, -30.0, -20.0) and one.options.axis.step == 10.0
    assert one.n_people == 20 and "side" in one.options.norm.covariates.names
    assert not any(e.key.level for e in built.file.entries), "levels have no scalar norm beside it"


def test_the_file_gives_back_the_same_bits_and_no_persons_values(built):
    text = norm_file.to_text(built.file)
    again = norm_file.from_text(text, "x")
    assert norm_file.to_text(again) == text
    held = json.loads(text)["profiles"][0]["sites"][0]
    assert held["people"] == 20 and set(held) == {
        "site",
        "people",
        "rows",
        "low",
        "high",
        "moments",
        "log_det",
        "people_at",
        "rows_at",
    }


def test_the_envelope_is_that_of_the_profiles_themselves(built, roster):
    """The wiring, against the same norm made by hand from the controls' profiles."""
    (held,) = built.file.profiles
    made, levels = cohort(), held.options.axis.levels
    groups = {}
    for r in made.rows:
        if r["quantity"] == "CSA":
            groups.setdefault((r["subject"], r["side"]), []).append((float(r["level"].split()[0]), r["value"]))
    bodies = [cells.banded(roster.body(*who)) for who in groups]
    pairs = [tuple(np.array(g).T) for g in groups.values()]
    axis = Axis(levels, zero=ZERO)
    options = ProfileOptions(
        axis, Options(covariates=Covariates(held.options.norm.covariates.names), heteroscedastic=False)
    )
    by_hand = profile_norm(
        profile_summary(held.key, ProfileControls.of(pairs, axis, bodies, [w for w, _ in groups]), options)
    )
    rows = profile("c003", shift=12.0)
    (seen,) = compare(rows, built, roster).seen
    at, value = np.array([(float(r["level"].split()[0]), r["value"]) for r in rows]).T
    theirs = by_hand.envelope(at, value, roster.body("c003", "left"), zero=ZERO)
    np.testing.assert_allclose(seen.envelope.z, theirs.z, atol=1e-6)
    np.testing.assert_allclose(seen.envelope.low_all, theirs.low_all, rtol=1e-6)
    assert seen.envelope.side == "left" and seen.envelope.zero == ZERO


def test_slices_get_their_places_and_only_those_outside_of_the_band_the_flag(built, roster):
    rows = profile("c003", shift=14.0)
    done = compare(rows, built, roster)
    (seen,), found = done.seen, done.table.rows()
    high = [i for i, r in enumerate(found) if "W-ENVELOPE" in r["flags"].split(",")]
    assert seen.envelope.unusual.any() and high == list(seen.outside)
    assert {found[i]["level"] for i in high} <= {"0 mm", "8 mm", "16 mm", "24 mm"} and len(high) >= 2
    assert all(found[i]["norm"] == built.file.label for i in seen.places)
    on_level = next(i for i, r in enumerate(found) if r["level"] == "0 mm")
    j = list(seen.envelope.positions_mm).index(0.0)
    assert found[on_level]["z"] == pytest.approx(seen.envelope.z[j], abs=1e-9)
    between = next(r for r in found if r["level"] == "8 mm")
    band = seen.envelope.low[j], seen.envelope.low[j + 1]
    assert min(band) <= between["normal_low"] <= max(band)
    assert [f.code for f in done.findings] == ["W-ENVELOPE"] and "10" in done.findings[0].message


def test_a_usual_profile_has_places_and_no_flag(built, roster):
    done = compare(profile("c005"), built, roster)
    assert done.seen[0].places and not done.seen[0].outside and not done.findings


def test_another_landmark_is_not_compared(built, roster):
    for zero, said in (("", "the upper end of what was followed"), ("ankle", "ankle")):
        done = compare(profile("c003", zero=zero), built, roster)
        (finding,) = done.findings
        assert not done.seen and f"distances count from {said}, those of the norm from {ZERO}" in finding.message
        assert all(np.isnan(r["z"]) for r in done.table.rows())


def test_what_is_not_to_be_trusted_is_refused_with_its_reason(built, roster):
    done = compare([{**r, "flags": "PROPOSED"} for r in profile("c003")], built, roster)
    assert done.seen[0].envelope.refused.startswith("nobody pointed at the nerve") and not done.seen[0].places
    assert "nobody pointed" in done.findings[0].message
    off = compare(profile("c003", first=400), built, roster)
    assert "no level of the norm was measured" in off.findings[0].message


def test_one_doubtful_slice_is_left_out(built, roster):
    rows = profile("c003")
    rows[3]["flags"] = "W-NERVE"
    done = compare(rows, built, roster)
    assert np.isnan(done.table.rows()[3]["z"]) and len(done.seen[0].places) >= 10


def test_two_centres_with_nerves_of_different_length_pool_as_their_tables_do(folder, tmp_path):
    one, two = cohort(12, 1, "a"), cohort(12, 2, "b", label=50, first=-80)
    files = [build(tmp_path, c, n, covariates=("age",)).file for c, n in ((one, "one"), (two, "two"))]
    both = replace(one, people=one.people + two.people, rows=one.rows + two.rows)
    pooled = build(tmp_path, both, "both", covariates=("age",)).file.profiles[0]
    merged = merge([("one", files[0]), ("two", files[1])], "m")[0].profiles[0]
    assert merged.options.axis == pooled.options.axis and merged.options.axis.levels[0] == -80.0
    for mine, theirs in zip(merged.sites, pooled.sites, strict=True):
        assert mine.sums.site == theirs.sums.site
        np.testing.assert_array_equal(mine.people_at, theirs.people_at)
        np.testing.assert_allclose(mine.sums.moments, theirs.sums.moments, rtol=1e-9, atol=1e-9)


def test_norms_on_other_steps_do_not_merge(tmp_path):
    made = [
        build(tmp_path, cohort(12, s, n, label=50 * s), n, step_mm=step).file
        for s, n, step in ((1, "a", 10.0), (2, "b", 20.0))
    ]
    with pytest.raises(Exception, match="same --step") as told:
        merge([("a", made[0]), ("b", made[1])], "m")
    assert told.value.code == "E-NORM"


def test_too_few_people_make_no_norm_along_a_nerve(tmp_path):
    made = cohort(12)
    keep = {p["participant_id"][4:] for p in made.people[:4]}
    made.rows = [r for r in made.rows if r["quantity"] == "T2" or r["subject"] in keep]
    result = build(tmp_path, made)
    assert not result.file.profiles
    assert any("no norm along the nerve" in f.message for f in result.findings)


def test_without_a_landmark_it_is_told(tmp_path):
    result = build(tmp_path, cohort(12, zero=""))
    assert [f.code for f in result.findings if "upper end" in f.message] == ["W-LEVELS"]
    assert "from the upper end of what was followed" in (tmp_path / "a.norm.md").read_text()


def test_a_second_visit_and_a_second_reader_of_a_control_do_not_count_twice(tmp_path, built):
    made = cohort()
    made.rows += profile("c001", session="m12", shift=50.0) + profile("c001", region_source="trace:other", shift=50.0)
    assert build(tmp_path, made).file.profiles[0].n_people == 20


def flagged(folder, cohorts, people):
    """Share of healthy people, of these tables' own truth, whose profile gets a flag anywhere."""
    out = 0
    for c in range(cohorts):
        held = build(folder, cohort(20, seed=1000 + c), f"c{c}")
        like = persons.Roster(stated=Body(50, "F", 1.68, 70, site="here"))
        rows = [row for i in range(people) for row in profile(f"q{c}x{i}", seed=5000 + c)]
        out += sum(bool(s.outside) for s in compare(rows, held, like).seen)
    return out / (cohorts * people)


def test_healthy_people_are_seldom_flagged(tmp_path):
    assert flagged(tmp_path, 1, 20) <= 0.25


@pytest.mark.whole
def test_one_healthy_person_in_twenty_is_flagged_somewhere_along_the_nerve(tmp_path):
    """600 people against ten norms: 6.0 % (each level by itself: 15 %). Limits: three binomial SDs and what cohorts differ by."""
    assert 0.02 <= flagged(tmp_path, 10, 60) <= 0.09
