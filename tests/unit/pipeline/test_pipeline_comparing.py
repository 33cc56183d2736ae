"""Which rows are compared, in which words, and that comparing again changes nothing."""

import math

import numpy as np
import pytest

from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body, NormKey, Place
from neuromyo.pipeline import comparing, controls, trusted
from neuromyo.pipeline.persons import Roster

KEY = NormKey("T2", "t2-water", "mean", "soleus", "", "ms")
PERSON = Roster({"p1": Body(50.0, "F", site="here")}, table="people.tsv")


class Straight:
    """A norm of mean 35 and SD 2, known exactly, but for people without an age."""

    def places(self, values, bodies):
        return [
            Place(v, (v - 35) / 2, 50.0, ((v - 35) / 2 - 0.5, (v - 35) / 2 + 0.5), (31.0, 35.0, 39.0), 20, 20.0, flags=("N-LOCALONLY",))
            if b.age is not None else Place(v, refused="no age")
            for v, b in zip(values, bodies, strict=True)
        ]  # fmt: skip


def row(value=36.0, **more):
    return {"subject": "p1", "region": "soleus", "side": "left", "quantity": "T2", "biomarker": "t2-water", "unit": "ms",
            "value": value, "statistic": "mean", "flags": "", **more}  # fmt: skip


def compare(*rows, roster=PERSON):
    return comparing.compare(Measurements.of(rows), {KEY: Straight()}, roster, "n@1")


def test_a_row_gets_its_columns_and_the_norm_its_name():
    (one,) = compare(row(40.0, flags="failed:3%")).table.rows()
    assert (one["z"], one["z_low"], one["z_high"]) == (2.5, 2.0, 3.0)
    assert (one["normal_low"], one["normal_high"], one["norm"], one["flags"]) == (
        31.0,
        39.0,
        "n@1",
        "failed:3%,N-LOCALONLY",
    )


def test_comparing_again_changes_nothing():
    first = compare(row(40.0), row(36.0, side="right", unit="s"))
    again = comparing.compare(first.table, {KEY: Straight()}, PERSON, "n@1")
    for name, column in first.table.columns.items():
        other = again.table.columns[name]
        same = np.array_equal(column, other, equal_nan=True) if column.dtype == float else list(column) == list(other)
        assert same, name


def test_without_its_norm_an_earlier_comparison_is_taken_back():
    first = compare(row(40.0))
    other = comparing.compare(first.table, {}, PERSON, "m@2")
    (one,) = other.table.rows()
    assert math.isnan(one["z"]) and one["norm"] == "" and one["flags"] == "W-NOTCOMPARED"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "s"}, "the norm's T2 is in the unit ms, not s"),
        ({"biomarker": "t2-mono"}, "the norm's T2 is by the biomarker t2-water, not t2-mono"),
        ({"level": "mid"}, "the norm's T2 is at the level none, not mid"),
        ({"region": "sartorius"}, "the norm has T2, but not of this region"),
        ({"quantity": "T1"}, "the norm has no T1"),
        ({"value": float("nan")}, "there is no value"),
        ({"flags": "TRUNCATED"}, "the field of view cuts the region off, so it is too small"),
        ({"flags": "failed:72%"}, "half of its voxels or more are not fitted"),
        ({"subject": "p2"}, "no age"),
    ],
)
def test_why_a_row_is_not_compared(change, said):
    done = compare(row(**change))
    assert done.refused == {0: said} and not done.places
    assert "W-NOTCOMPARED" in done.table.rows()[0]["flags"].split(",")
    assert [f.message for f in done.findings if f.code == "W-NOTCOMPARED"] == [f"1 value not compared: {said}"]


@pytest.mark.parametrize(
    "change", [{"slice": "3"}, {"statistic": "iqr"}, {"unit": "a.u."}, {"quantity": "B1"}, {"region": ""}]
)
def test_what_is_never_compared_is_left_without_a_word(change):
    done = compare(row(**change))
    assert not done.refused and not done.places and not done.findings
    assert done.table.rows()[0]["flags"] == ""


def test_a_label_that_is_nearly_one_of_the_table_is_named():
    done = compare(row(subject="P01"), roster=Roster({"p1": Body(50.0)}, stated=Body(40.0), table="people.tsv"))
    assert any("probably sub-p1 is meant" in f.remedy for f in done.findings)


@pytest.mark.parametrize(
    ("z", "interval", "word"),
    [
        (3.0, (2.1, 4.0), "unusually high"), (3.0, (1.5, 4.0), "probably high"), (-3.0, (-4, -2.0), "unusually low"),
        (0.5, (-1.0, 1.5), "usual"), (1.5, (0.5, 2.5), "cannot be told"),
    ],
)  # fmt: skip
def test_the_words_say_what_is_unusual_and_how_sure(z, interval, word):
    assert comparing.verdict(Place(1.0, z, z_interval=interval)) == word


def test_the_surest_comes_first():
    done = compare(row(40.0), row(45.0, side="right"))
    assert done.unusual == (1, 0)


def test_runs_are_no_method_and_acquisitions_are():
    pairs = (("", "reader7"), ("run-2", ""), ("acq-fast_run-1", "compartments"), ("acq-x", "trace-tibial-left"))
    rows = [{**row(), "level": "", "acquisition": a, "region_source": source} for a, source in pairs]
    keys = {one["acquisition"]: trusted.key_of(one).method for one in rows}
    assert keys == {"": "regions drawn", "run-2": "", "acq-fast_run-1": "acq-fast; regions by compartments",
                    "acq-x": "acq-x; regions by trace"}  # fmt: skip


def test_visits_are_ordered_by_what_their_labels_tell():
    assert sorted(["m12", "m4", "baseline", "m0"], key=controls.visit_order) == ["baseline", "m0", "m4", "m12"]
