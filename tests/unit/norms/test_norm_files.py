"""Norm files: built from tables, read back, pooled; what is damaged or does not belong together is refused in a sentence."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.norm import Body
from neuromyo.norms import card, norm_file
from neuromyo.norms.engine import Controls, Options, Published, norm, summarise
from neuromyo.norms.merge import merge
from neuromyo.norms.transforms import of
from neuromyo.pipeline import norm_build
from tests.unit.norms.cohort_tables import healthy

PERSON = Body(61.0, "F", 1.64, 66.0, "left", "here")


def build(folder, cohort, name="a", **more):
    measured, people = cohort.write(folder, name)
    return norm_build.build(
        norm_build.BuildRequest((measured,), people, folder / f"{name}.norm.json", field_t=3.0, **more)
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("norm"), healthy(20))


def text_of(built):
    return norm_file.to_text(built.file)


def refusal(text):
    with pytest.raises(NeuromyoError) as told:
        norm_file.from_text(text, "x.norm.json")
    assert told.value.code == "E-NORM"
    return str(told.value)


def test_read_back_it_gives_the_same_bits(built):
    again = norm_file.from_text(text_of(built), "x")
    assert norm_file.to_text(again) == text_of(built)
    for mine, other in zip(built.file.entries, again.entries, strict=True):
        values = np.array([20.0, 36.0])
        assert np.array_equal(built.file.norm(mine).z(values, [PERSON] * 2), again.norm(other).z(values, [PERSON] * 2))


def test_it_places_people_as_the_engine_does_from_the_raw_values(built, tmp_path):
    """Bands, and a spread that is constant within a cell, move a z by hundredths."""
    cohort = healthy(20)
    bodies = {p["participant_id"][4:]: p for p in cohort.people}
    rows = [r for r in cohort.rows if r["quantity"] == "T2"]
    made = [
        Body(p["age"], p["sex"], p["height"], p["weight"], r["side"], "here")
        for r in rows
        for p in [bodies[r["subject"]]]
    ]
    entry = next(e for e in built.file.entries if e.key.quantity == "T2")
    options = Options(covariates=built.file.norm(entry).summary.options.covariates)
    controls = Controls(np.array([r["value"] for r in rows]), tuple(made), tuple(r["subject"] for r in rows))
    raw = norm(summarise(entry.key, controls, options))
    values = np.linspace(30, 42, 7)
    for body in (PERSON, replace(PERSON, age=25.0), replace(PERSON, age=75.0, sex="M")):
        ours, theirs = built.file.norm(entry).z(values, [body] * 7), raw.z(values, [body] * 7)
        np.testing.assert_allclose(ours, theirs, atol=0.2)


def test_published_values_are_kept(built):
    study = Published(21, 36.0, 1.8, age_mean=40.0, label="Somebody 2020")
    file = replace(
        built.file, entries=tuple(replace(e, published=(study,)) for e in built.file.entries if e.key.quantity == "T2")
    )
    again = norm_file.from_text(norm_file.to_text(file), "x")
    assert again.entries[0].published[0].label == "Somebody 2020"
    assert np.isnan(again.entries[0].published[0].bmi_mean)
    place = again.norm(again.entries[0]).place(36.0, PERSON)
    assert 0 < place.agreement <= 1 and "Somebody 2020 (n = 21)" in place.sources
    assert "Somebody 2020 (n = 21): T2 of soleus" in card.text(again)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t[: len(t) // 2], "ends early"),
        (lambda t: "{}", "another kind of JSON"),
        (lambda t: "[1, 2]", "another kind of JSON"),
        (lambda t: t.replace('"version": 1', '"version": 2'), "update neuromyo"),
        (lambda t: t.replace('"version": 1', '"version": "one"'), "make it again"),
        (lambda t: re.sub(r"(\d)\.(\d)", r"\1.9\2", t, count=40), "edited or damaged"),
        (lambda t: t.replace('"site": "here"', '"site": "there"'), "edited or damaged"),
        (lambda t: t.replace('"sha256"', '"sha"'), "edited or damaged"),
        (lambda t: re.sub(r"\d+\.\d+", "NaN", t, count=1), "edited or damaged"),
        (lambda t: "[" * 100000, "no JSON"),
    ],
)
def test_damaged_edited_and_newer_files_are_refused(built, spoil, said):
    told = refusal(spoil(text_of(built)))
    assert said in told and "x.norm.json" in told and "\n" not in told


def test_a_file_with_a_right_hash_and_missing_parts_is_refused(built):
    body = json.loads(text_of(built))
    body.pop("sha256")
    body["norms"][0]["sites"][0]["cells"][0].pop("own")
    import hashlib

    body["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert "cannot be read" in refusal(json.dumps(body))


def test_no_age_value_or_label_of_five_controls_can_be_read_out(tmp_path):
    """What is written of five people is their number, the sum of their values, the sum of squares: all else stays free."""
    cohort = healthy(5, quantities=("T2",))
    cohort.rows = [r for r in cohort.rows if r["side"] == "left"]
    made = build(tmp_path, cohort)
    entry = made.file.entries[0]
    assert entry.covariates == () and entry.n == 5
    written = text_of(made) + (tmp_path / "a.norm.md").read_text()
    values = [r["value"] for r in cohort.rows]
    for secret in [*values, *(p["age"] for p in cohort.people), *(p["weight"] for p in cohort.people)]:
        assert not re.search(rf"(?<![\d.]){re.escape(str(secret))}(?!\d)", written)
    assert not re.search(r"c00\d", written)
    numbers = entry.sites[0].cells[0].own[0]
    assert numbers.shape == (2, 2)
    y = of("T2", "ms").forward(values)
    np.testing.assert_allclose(numbers, [[5, y.sum()], [y.sum(), (y**2).sum()]], rtol=1e-11)
    others = [_turned(y, turn) for turn in np.linspace(0.5, 3, 11)]  # other people, the same file
    for other in others:
        np.testing.assert_allclose([other.sum(), (other**2).sum()], [y.sum(), (y**2).sum()], rtol=1e-12)
    assert np.ptp([np.sort(o)[-1] for o in others]) > 0.4 * y.std(), "even the largest value may be one or another"


def _turned(y, angle):
    """Values with the same sum and the same sum of squares."""
    basis = np.linalg.svd(np.ones((len(y), 1)), full_matrices=True)[0][:, 1:]
    inner = basis.T @ y
    inner[:2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]] @ inner[:2]
    return y.mean() + basis @ inner


def test_merged_files_are_the_pooled_build_bit_for_bit(tmp_path):
    one, two = healthy(14, seed=1, site="A"), healthy(11, seed=2, site="B", first=50)
    pooled = healthy(0)
    pooled.people, pooled.rows = one.people + two.people, one.rows + two.rows
    a, b, both = (build(tmp_path, c, n) for c, n in ((one, "a"), (two, "b"), (pooled, "both")))
    merged, told = merge([("a", a.file), ("b", b.file)], "both")
    assert norm_file.to_text(merged) == text_of(both)
    assert [f.message.partition(";")[0] for f in told] == ["sites A", "sites B"]
    back, _ = merge([("b", b.file), ("a", a.file)], "both")
    assert norm_file.to_text(back) == text_of(both)
    place = merged.norm(merged.entries[0]).place(36.0, replace(PERSON, site="B"))
    assert place.n_controls == 25 and "W-NEWSITE" not in place.flags


@pytest.mark.parametrize(
    ("second", "more", "code", "said"),
    [
        (lambda: healthy(14, seed=1, site="A"), {}, "E-NORM", "the same norm as in a"),
        (lambda: healthy(14, seed=1, site="renamed"), {}, "E-NORM", "under another name"),
        (lambda: healthy(12, seed=9, site="A", first=60), {}, "E-NORM", "which a has too"),
        (lambda: healthy(12, seed=9, site="B"), {"covariates": ("age",)}, "E-NORM", "the same --covariates"),
        (lambda: healthy(12, seed=9, site="B", quantities=("FF",)), {}, "E-NORM", "norms of the same thing"),
        (lambda: healthy(12, seed=9, site="B"), {"protocol": "other"}, "E-METHOD", "two methods are not pooled"),
    ],
)
def test_what_does_not_belong_together_is_not_merged(tmp_path, second, more, code, said):
    a = build(tmp_path, healthy(14, seed=1, site="A"))
    measured, people = second().write(tmp_path, "b")
    b = norm_build.build(
        norm_build.BuildRequest((measured,), people, tmp_path / "a2.norm.json", field_t=3.0, name="a", **more)
    )
    with pytest.raises(NeuromyoError) as told:
        merge([("a", a.file), ("b", b.file)], "both")
    assert told.value.code == code and said in str(told.value)


def test_the_card_says_who_what_and_what_not(built):
    said = card.text(built.file)
    for part in ("| here | 20 | 10 | 10 | ", "## Not for", "change between visits", "| csa | tibial |", built.file.sha256[:16],
                 "local controls only", "field: 3 T"):  # fmt: skip
        assert part in said, part
