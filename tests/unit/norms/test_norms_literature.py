"""The published values: all kept, none altered, their keys and marks as they should be."""

import csv
import math
import runpy
from collections import Counter
from pathlib import Path

import pytest

from neuromyo.anatomy import names
from neuromyo.core.errors import OptionError
from neuromyo.core.units import UNITS
from neuromyo.norms import literature

PROJECT = Path(__file__).resolve().parents[3]
EVERY = literature.entries()
BY_ID = {e.id: e for e in EVERY}


def test_all_rows_are_there_with_their_numbers():
    """Counts and sums as they were in the collection on the day it was taken over."""
    assert len(EVERY) == len(BY_ID) == 271
    assert len({e.citation for e in EVERY}) == 50
    sums = {"n": (173, 7322), "age_mean": (40, 1651.46), "age_sd": (33, 383.12), "mean": (234, 6855.085), "sd": (199, 1446.087),
            "icc": (11, 9.492), "wcv": (14, 84.3), "field_T": (173, 502.5)}  # fmt: skip
    for name, (count, total) in sums.items():
        numbers = [getattr(e, name) for e in EVERY if getattr(e, name) is not None]
        assert (len(numbers), round(math.fsum(numbers), 6)) == (count, total), name


def test_the_values_that_show_why_methods_do_not_mix():
    assert (BY_ID["sollmann2020-1"].mean, BY_ID["sollmann2020-1"].method) == (44.6, "T2-prepared TSE")
    assert (BY_ID["preisner2021-2"].mean, BY_ID["preisner2021-2"].method) == (64.54, "multi-echo spin echo")
    mtr = [
        e for e in EVERY if e.quantity == "MTR" and e.structure == "sciatic-nerve" and e.group == "healthy" and e.mean
    ]
    assert sorted(e.mean for e in mtr) == [26.75, 26.9, 37.2, 37.6, 39.4] and len({e.method for e in mtr}) == 5
    sural = {e.method: e.mean for e in EVERY if e.quantity == "FA" and e.structure == "sural-nerve"}
    assert sural == {"DTI, 6 directions": 0.659, "DTI, 15 directions": 0.59, "DTI, 32 directions": 0.559}
    csa = {
        e.level: e.mean
        for e in EVERY
        if e.quantity == "CSA" and e.structure == "sciatic-nerve" and e.group == "healthy"
    }
    assert csa == {"distal-thigh": 20.4, "mid-thigh": 43.3}


def test_a_spread_of_unknown_kind_is_never_an_sd():
    unknown = [e for e in EVERY if e.spread == "unknown"]
    assert {e.study for e in unknown} == {"Kollmer 2020", "Kollmer 2017"} and len(unknown) == 8
    assert all(e.sd is None for e in unknown)
    assert BY_ID["kollmer2020-3"].spread_printed == "+/- 2.1"
    assert BY_ID["kollmer2020-3"].value_text == "39.4 % (+/- 2.1, SD or SEM not stated)"
    for e in EVERY:
        assert (e.sd is not None) == (e.spread == "sd"), e.id
        assert "+/-" not in e.notes or e.sd is None, e.id


def test_medians_ranges_and_pooled_means_say_what_they_are():
    assert Counter(e.statistic for e in EVERY) == {"mean": 227, "none": 37, "median": 5, "pooled mean": 2}
    assert BY_ID["sinclair2011-1"].value_text == "43.3 mm2 (median, IQR 19.9)"
    assert BY_ID["cts2022-1"].value_text == "0.58 (pooled mean, 95% CI 0.56-0.59)"
    assert BY_ID["wako2017-1"].value_text == "0.314 (no SD)"
    assert (
        BY_ID["chen2024-1"].value_text == "no value, reliability only"
        and BY_ID["chen2024-1"].icc_printed == "0.78-0.99"
    )
    assert BY_ID["preisner2022-1"].reliability == "between scanners"
    assert BY_ID["preisner2021-1"].wcv_evidence == "derived"


def test_what_was_recalled_is_marked():
    assert Counter(e.field_evidence for e in EVERY if e.field_T is None) == {"": 98}
    assert all(e.field_evidence for e in EVERY if e.field_T is not None)
    recalled = ("field recalled", "3 T recalled", "field not in excerpt", "field 3 T recalled")
    for e in EVERY:
        if e.field_T is not None and any(word in e.notes for word in recalled):
            assert e.field_evidence == "recalled", e.id
        if "recalled, unchecked" in e.notes:
            assert e.doi and e.doi_evidence == "recalled", e.id
        assert bool(e.doi) == bool(e.doi_evidence), e.id
    assert BY_ID["fan2018-1"].field_evidence == "assumed" and BY_ID["felisaz2017-1"].field_evidence == "derived"
    assert {e.id for e in EVERY if e.evidence != "read"} == {"markvardsen-2", "markvardsen-4", "markvardsen-6"}


def test_structures_are_words_of_the_vocabulary_and_units_ours():
    parts = {part for e in EVERY for part in e.structure.split("+")}
    assert parts - set(names.names()) == {"nerve-fascicles"}  # ex vivo, of several nerves
    as_printed = {"a.u.", "mm3", "1/min", "mL/100mL", "m/s", "mixed", ""}
    assert {e.unit for e in EVERY} - set(UNITS) <= as_printed
    assert all(e.mean is None or e.unit for e in EVERY)


def test_ids_quantities_and_groups():
    quantities = {e.quantity for e in EVERY}
    ours = {
        "T2",
        "FF",
        "MTR",
        "MTsat",
        "T1",
        "T2star",
        "PD",
        "FA",
        "MD",
        "AD",
        "RD",
        "CSA",
        "fascicle_to_nerve_ratio",
        "fascicle_count",
    }
    assert ours <= quantities
    assert Counter(e.group for e in EVERY)["healthy"] == 124
    assert not BY_ID["kollmer2020-2"].healthy and BY_ID["imagingdmd-1"].group == "healthy children"
    changes = [e for e in EVERY if "change" in e.quantity_printed or "difference" in e.quantity_printed]
    assert changes and all(e.kind != "value" for e in changes)


def test_search_finds_and_refuses_with_what_there_is():
    assert {e.id for e in literature.select(quantity="mtr", structure="Sciatic nerve", population="healthy", evidence="read")} == {
        "dortch2014-1", "hnpp2020-3", "kollmer2020-3", "diabetes2023-1", "preisner2021-1", "chen2024-1"}  # fmt: skip
    assert literature.select(quantity="T2", method="t2-prep", level="ganglion", field_T=3.0)
    assert literature.select(quantity="T2", field_T=7.0) == ()
    assert {e.study for e in literature.select(text="10.1002/acn3.51049")} == {"Kollmer 2020"}
    with pytest.raises(OptionError, match=r"found 'T3'.*T2.*E-UNKNOWN"):
        literature.select(quantity="T3")
    with pytest.raises(OptionError, match=r"did you mean preisner2021-1"):
        literature.of("preisner2021")


def test_covariates_that_are_known_to_matter():
    effects = literature.covariate_effects()
    assert len(effects) == 17 and all(e.evidence == "recalled" for e in effects)
    assert [(e.direction, e.r) for e in effects if (e.quantity, e.covariate) == ("FA", "age")] == [("falls", -0.77)]
    assert {(e.covariate, e.direction) for e in effects if e.quantity == "MTR"} == {("age", "falls"), ("bmi", "falls")}


@pytest.mark.realdata
def test_every_printed_cell_is_the_collections(realdata):
    """Row by row against the collection itself, where it lies beside the real scans."""
    table = realdata.parent / "reference" / "reference_values.csv"
    if not table.is_file():
        pytest.skip("the collection of published values does not lie beside the real scans")
    with table.open(encoding="utf-8", newline="") as file:
        collected = list(csv.DictReader(file))
    keyed = literature._rows("values")
    assert len(collected) == len(keyed)
    for was, now in zip(collected, keyed, strict=True):
        for column in (
            "field_T",
            "population",
            "n",
            "age_mean",
            "age_sd",
            "mean",
            "sd",
            "icc",
            "wcv_percent",
            "citation",
            "notes",
        ):
            assert now[column] == was[column], (now["id"], column)
        assert now["doi"] == was["doi"] or (not was["doi"] and now["doi_evidence"] == "recalled")
        printed = tuple(now[f"{c}_printed"] for c in ("structure", "level", "quantity", "unit"))
        assert printed == tuple(was[c] for c in ("structure", "level", "biomarker", "unit"))


def test_the_script_refuses_a_word_that_no_rule_knows():
    script = runpy.run_path(str(PROJECT / "docs" / "literature_keys.py"))
    given = {"structure": "sciatic nerve", "level": "thigh", "biomarker": "MTR", "unit": "%", "field_T": "3", "population": "healthy",
             "n": "9", "mean": "30", "citation": "x", "notes": "READ abstract; printed as mean +/- 2.0; field recalled"}  # fmt: skip
    row = dict.fromkeys(("age_mean", "age_sd", "sd", "icc", "wcv_percent", "doi"), "") | given
    made = script["keys"](row, "Nobody 2000", "nobody2000-1")
    assert (made["spread"], made["field_evidence"], made["method"]) == (
        "unknown",
        "recalled",
        "MTR, protocol of Nobody 2000",
    )
    for column in ("structure", "level", "population"):
        with pytest.raises(KeyError):
            script["keys"]({**row, column: "something new"}, "Nobody 2000", "nobody2000-1")
