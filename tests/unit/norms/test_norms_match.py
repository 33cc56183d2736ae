"""Values of another method are never compared silently: what compares, what is refused, and in which words."""

import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.norm import NormKey
from neuromyo.norms import literature, match
from neuromyo.norms.match import Facts, Wanted
from neuromyo.pipeline.registries import biomarkers

T2 = Wanted("T2", "sciatic-nerve", "thigh", "multi-echo spin echo", 3.0, unit="ms")


def ids(found):
    return [e.id for e in found]


def test_the_same_in_everything_compares():
    found = match.find(T2)
    assert ids(found.comparable) == ["preisner2021-2"]
    assert (
        found.sentence == "T2 of sciatic-nerve at thigh: comparable with 64.54 ± 8.2 ms (Preisner 2021, preisner2021-2)"
    )


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"method": "T2-prepared TSE"}, "method"),
        ({"field_T": 1.5}, "field"),
        ({"field_T": None}, "field"),
        ({"level": "mid-thigh"}, "level"),
        ({"level": ""}, "level"),
        ({"region": "tibial-nerve"}, "structure"),
        ({"unit": "s"}, "unit"),
        ({"population": "patients"}, "population"),
    ],
)
def test_one_thing_different_or_not_stated_is_refused_and_named(changed, what):
    wanted = Wanted(**{**{name: getattr(T2, name) for name in T2.__slots__}, **changed})
    found = match.find(wanted)
    assert found.comparable == ()
    assert [d.what for d in match.differences(wanted, literature.of("preisner2021-2"))] == [what]
    error = match.refuse(found)
    assert error.code == "E-METHOD" and error.exit_status == 2 and found.sentence == str(error)
    assert "differs in" in error.found and "controls of your own" in error.remedy
    with pytest.raises(type(error)):
        raise error


def test_the_refusal_reads_as_one_sentence():
    wanted = Wanted("T2", "sciatic-nerve", "thigh", "T2-prepared TSE", 3.0, unit="ms")
    assert str(match.refuse(match.find(wanted))) == (
        "T2 of sciatic-nerve at thigh: needed a published value of the same structure, level, method, field, unit and population, "
        "found none; the nearest, 44.6 ± 3 ms (Sollmann 2020, n = 21, sollmann2020-1) differs in level (yours thigh, theirs distal); "
        "compare with controls of your own [E-METHOD]"
    )
    nothing = match.find(Wanted("T9", "sciatic-nerve"))
    assert nothing.others == () and "no published value of this quantity" in str(match.refuse(nothing))


def test_mtr_compares_only_under_the_protocol_of_that_study():
    key = NormKey("MTR", "mtr", "mean", "sciatic-nerve", "thigh", "%")
    refused = match.find(Wanted.of(key, field_T=3.0))
    assert not refused.comparable and "MTR depends on the MT pulse" in refused.sentence
    same = match.find(Wanted.of(key, field_T=3.0, facts=Facts(study="Preisner 2021")))
    assert ids(same.comparable) == ["preisner2021-1"]


def test_fa_compares_only_for_the_same_number_of_directions():
    def sural(n):
        key = NormKey("FA", "dti", "mean", "sural-nerve", "calf", "1")
        return ids(match.find(Wanted.of(key, field_T=3.0, facts=Facts(n_directions=n))).comparable)

    assert [sural(n) for n in (6, 15, 32, 30, None)] == [["sural2014-3"], ["sural2014-2"], ["sural2014-1"], [], []]


def test_an_unstated_method_compares_with_nothing_unless_somebody_vouches():
    wanted = Wanted("FA", "sciatic-nerve", "mid-thigh", "DTI, directions not stated", 3.0, unit="1")
    assert match.find(wanted).comparable == ()
    vouched = Wanted("FA", "sciatic-nerve", "mid-thigh", "", 3.0, unit="1", vouched=("gasparotti2023-2",))
    assert ids(match.find(vouched).comparable) == ["gasparotti2023-2"]


def test_vouching_covers_what_we_do_not_state_and_nothing_that_differs():
    def mtr(**ours):
        wanted = Wanted("MTR", "sciatic-nerve", unit="%", vouched=("preisner2021-1",), **ours)
        return ids(match.find(wanted).comparable)

    assert mtr() == mtr(level="thigh", field_T=3.0) == ["preisner2021-1"]
    assert match.find(Wanted("MTR", "", unit="%", vouched=("preisner2021-1",))).comparable == ()
    assert mtr(level="hip") == mtr(field_T=1.5) == mtr(population="patients") == []


def test_changes_medians_and_arbitrary_units_do_not_compare():
    change = literature.of("morrow2018-2")
    same = Wanted("FF", change.structure, change.level, "", 3.0, change.group, "%", vouched=(change.id,))
    assert [d.what for d in match.differences(same, change)] == ["kind"]
    psd = literature.of("preisner2021-3")
    assert [
        d.what for d in match.differences(Wanted("PSD", psd.structure, psd.level, psd.method, 3.0, unit="a.u."), psd)
    ] == ["unit"]
    median = literature.of("kakuda2011-2")
    wanted = Wanted("FA", median.structure, median.level, "", 3.0, unit="1", vouched=(median.id,))
    assert [d.what for d in match.differences(wanted, median)] == ["statistic"]


def test_nearest_first():
    found = match.find(Wanted("T2", "sciatic-nerve", "hip", "T2-prepared TSE", 3.0, unit="ms"))
    order = [near.entry.id for near in found.others]
    assert order[:2] == ["sollmann2020-1", "sollmann2020-2"]  # another level of the same nerve, by the same method
    assert order.index("castro2025-3") < order.index("preisner2021-2") < order.index("sharafi2021-2")


def test_what_may_become_a_prior():
    usable = {e.id for e in literature.entries() if match.usable_as_prior(e)}
    assert len(usable) == 48
    why = {
        "kollmer2020-3": "SD or a SEM is not stated",
        "sinclair2011-1": "a median",
        "cts2022-1": "a pooled mean",
        "wako2017-1": "SD was not read",
        "markvardsen-2": "assumed",
        "cubital2021-1": "how many people is not known",
        "preisner2021-3": "arbitrary units",
        "dortch2014-2": "not healthy",
        "morrow2018-2": "a change over 12 months",
        "chen2024-1": "gives no value",
    }
    for id_, words in why.items():
        assert words in match.why_no_prior(literature.of(id_)), id_
    assert not usable & set(why)


def test_both_sides_of_one_study_are_one_group_of_people():
    hip = Wanted("T2", "sciatic-nerve", "hip", "multi-echo spin echo", 3.0, unit="ms")
    both = match.find(hip).comparable
    assert ids(both) == ["castro2025-3", "castro2025-4"] and len(match.people_of(both)) == 1
    left = Wanted("T2", "sciatic-nerve", "hip", "multi-echo spin echo", 3.0, unit="ms", side="left")
    assert ids(match.find(left).comparable) == ["castro2025-4"]
    (one,) = match.published(both)
    assert (one.n, one.mean) == (30, pytest.approx(70.35)) and one.label == "Castro-Teran 2025 (n = 30)"
    assert one.sd == pytest.approx(((13.9**2 + 17.2**2) / 2) ** 0.5)
    assert match.published([literature.of("kollmer2020-3"), literature.of("sinclair2011-1")]) == []


def test_what_compares_with_a_published_value():
    healthy = match.alike(literature.of("cubital2021-1"))
    assert ids(healthy.comparable) == [
        "cubital2021-2"
    ]  # the same paper's patients, though it states neither directions nor field
    assert "sollmann2020-1" not in ids(match.alike(literature.of("preisner2021-2")).comparable)
    near = str(match.alike(literature.of("preisner2021-2")).others[0].of_two())
    assert near == "70.5 ± 13.9 ms (castro2025-3): level (here thigh, there hip)"


def test_methods_of_our_biomarkers():
    assert match.method_of("t2-mono") == "multi-echo spin echo"
    assert match.method_of("t2-mono", Facts(sequence="T2prep_TSE")) == "T2-prepared TSE"
    assert match.method_of("t2-mono", Facts(three_d=True)) == "3D multi-echo spin echo"
    assert match.method_of("dti", Facts(sequence="STEAM-EPI", n_directions=12)) == "DTI, STEAM-EPI"
    assert [match.method_of("pdff", Facts(n_echoes=n)) for n in (None, 3, 6, 8)] == [
        None, "3-point Dixon", "6-point Dixon", "multi-echo Dixon"]  # fmt: skip
    assert match.method_of("pdff-two-point") == "2-point Dixon"
    known = {e.method for e in literature.entries()}
    stated = [match.method_of(b, Facts(n_directions=15, n_echoes=6, study="Dortch 2014")) for b in biomarkers().ids()]
    assert {m for m in stated if m} <= known  # every word is one that the literature has
    for id_ in biomarkers().ids():
        explained = match.method_of(id_) or match.why_none(id_) or id_.startswith(("b0", "b1"))
        assert explained, f"{id_}: neither a method nor a reason"


def test_directions_are_counted_without_their_sign():
    axes = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0))
    facts = Facts.of(Acquisition(b_values=(8e8, 8e8, 8e8, 8e8, 0.0), b_vectors=axes, sequence_name="ep2d"))
    assert facts == Facts("ep2d", n_directions=3)
    assert Facts.of(Acquisition(echo_times=(0.001, 0.002, 0.003))).n_echoes == 3
