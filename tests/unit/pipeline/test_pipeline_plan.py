"""The plan: order, assumptions, what is done without, and what is left out."""

import numpy as np
import pytest

from neuromyo.core.biomarker import SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.pipeline import match, plan, prepare
from tests.unit.pipeline import toys


def names(made):
    return [t.name for t in made.tasks]


def test_a_biomarker_runs_once_on_every_series_that_can_be_its_main_one():
    made = plan.make([toys.series(entities={"acq": "a"}), toys.series(entities={"acq": "b"})], [toys.biomarker()], [])
    assert names(made) == ["toy@acq-a_MESE", "toy@acq-b_MESE"]


def test_what_is_not_there_leaves_a_biomarker_out_and_says_why():
    made = plan.make([toys.series("T2w")], [toys.biomarker()], [])
    assert made.tasks == ()
    ((id_, error),) = made.unmet
    assert (id_, error.code) == ("toy", "E-NEEDS")
    assert "no MESE series" in error.found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (toys.series(n=1), "has 1 volume where 3 are needed"),
        (toys.series(stated=False), "does not state echo_times"),
        (toys.series(part="phase"), "holds part phase, not mag"),
        (toys.series(entities={"acq": "x"}), "lacks acq-y"),
    ],
)
def test_a_series_that_almost_serves_is_named_with_what_it_lacks(given, said):
    need = SeriesNeed(
        ("MESE",), min_volumes=3, required=("echo_times",), entities=(("acq", "y"),) if "acq" in given.entities else ()
    )
    assert not match.serving(need, [given])
    assert said in match.missing(need, [given])


def test_of_several_that_fall_short_the_nearest_is_named():
    """The parts of a complex series beside it: that they are parts explains nothing to somebody whose echoes are too few."""
    need = SeriesNeed(("MEGRE",), part="complex", min_volumes=3)
    parts = [toys.series("MEGRE", part=p, n=2) for p in ("mag", "real", "imag", "complex")]
    assert match.missing(need, parts) == f"{parts[3].name} has 2 volumes where 3 are needed"
    assert "holds part mag, not complex" in match.missing(need, parts[:3])


def test_a_provider_is_placed_before_the_one_that_takes_its_map():
    taker = toys.biomarker("a-taker", {"main": toys.series_need(), "B1": toys.B1_MAP})
    giver = toys.biomarker("b-giver", {"main": toys.series_need("TB1DAM")}, provides=("B1",))
    made = plan.make([toys.series(), toys.series("TB1DAM")], [taker, giver], [], asked=["a-taker"])
    assert names(made) == ["b-giver@TB1DAM", "a-taker@MESE"]
    assert made.tasks[1].after == ("b-giver@TB1DAM",)
    assert "gives B1 to a-taker" in made.tasks[0].why


def test_a_measured_map_is_preferred_to_a_provider():
    taker = toys.biomarker("a-taker", {"main": toys.series_need(), "B1": toys.B1_MAP})
    giver = toys.biomarker("b-giver", {"main": toys.series_need("TB1DAM")}, provides=("B1",))
    made = plan.make(
        [toys.series(), toys.series("TB1map", n=1), toys.series("TB1DAM")], [taker, giver], [], asked=["a-taker"]
    )
    assert names(made) == ["a-taker@MESE"]
    assert made.tasks[0].maps["B1"].series.kind == "TB1map"


def test_optional_needs_that_nobody_meets_are_listed_as_without():
    one = toys.biomarker(needs={"main": toys.series_need(), "B1": toys.B1_MAP, "fat": toys.FAT})
    (task,) = plan.make([toys.series()], [one], []).tasks
    assert [w.partition(" ")[0] for w in task.without] == ["B1", "fat"]


def test_a_required_map_that_nobody_meets_is_an_error_that_names_it():
    one = toys.biomarker(needs={"main": toys.series_need(), "B1": toys.B1_MUST})
    ((_, error),) = plan.make([toys.series()], [one], []).unmet
    assert error.code == "E-NEEDS"
    assert error.needed == "B1"
    assert "TB1map" in error.found


def test_biomarkers_that_need_each_other_are_refused_with_the_circle():
    need = {"main": toys.series_need(), "B1": toys.B1_MUST}
    a, b = (toys.biomarker(i, need, provides=("B1",)) for i in ("a", "b"))
    made = plan.make([toys.series()], [a, b], [])
    assert made.tasks == ()
    assert {e.code for _, e in made.unmet} == {"E-NEEDS"}
    assert "a -> " in made.unmet[0][1].found or "need each other" in made.unmet[0][1].found


def test_an_optional_circle_is_cut_not_refused():
    need = {"main": toys.series_need(), "B1": toys.B1_MAP}
    a, b = (toys.biomarker(i, need, provides=("B1",)) for i in ("a", "b"))
    made = plan.make([toys.series()], [a, b], [])
    assert names(made) == ["b@MESE", "a@MESE"]
    assert made.tasks[0].without
    assert made.tasks[1].maps["B1"].task == "b@MESE"


def test_a_needed_region_brings_its_segmenter_first():
    one = toys.biomarker(needs={"main": toys.series_need(), "fat": toys.FAT})
    made = plan.make([toys.series()], [one], [toys.segmenter()])
    assert names(made) == ["toy-regions@MESE", "toy@MESE"]
    assert made.tasks[0].segments
    assert "draws fat for toy" in made.tasks[0].why


def test_the_users_own_region_is_preferred_to_a_segmenter():
    labels = toys.draw({"main": toys.series()}, None)
    one = toys.biomarker(needs={"main": toys.series_need(), "fat": toys.FAT})
    made = plan.make([toys.series()], [one], [toys.segmenter()], labels=[labels])
    assert names(made) == ["toy@MESE"]
    assert made.tasks[0].regions["fat"].labels is labels


def test_compartments_run_wherever_they_can():
    made = plan.make([toys.series()], [toys.biomarker()], [toys.segmenter("compartments")])
    assert names(made) == ["compartments@MESE", "toy@MESE"]


def test_of_two_segmenters_each_image_takes_the_nearer_ones_regions():
    """Both draw on their own series; an image of another grid goes by how much of it they cover, and then by their order."""
    fine = np.diag([1.0, 1.0, 4.0, 1.0])
    both = [toys.segmenter("compartments"), toys.segmenter("compartments-gre", kind="MEGRE")]
    series = [toys.series(), toys.series("MEGRE", affine=fine), toys.series("dwi", affine=fine @ np.diag([2, 2, 1, 1]))]
    ones = [
        toys.biomarker(id_, {"main": toys.series_need(kind), "fat": toys.FAT})
        for id_, kind in (("of-mese", "MESE"), ("of-gre", "MEGRE"), ("of-dwi", "dwi"))
    ]
    made = plan.make(series, ones, both)
    took = {t.id: t.regions["fat"].task for t in made.tasks if not t.segments}
    assert names(made)[:2] == ["compartments@MESE", "compartments-gre@MEGRE"]
    assert took["of-mese"] == "compartments@MESE"
    assert took["of-gre"] == "compartments-gre@MEGRE"
    assert took["of-dwi"] == "compartments@MESE"  # the gradient echoes lie in a quarter of it
    made = plan.make(series[1:], ones[1:], both)
    assert {t.regions["fat"].task for t in made.tasks if not t.segments} == {"compartments-gre@MEGRE"}


def test_entities_that_count_only_where_they_are():
    need = SeriesNeed(("MEGRE", "MPM"), entities_if_any=(("flip", "1"), ("mt", "off")))
    right, turned, on = (
        toys.series("MPM", entities={"flip": f, "mt": m}) for f, m in (("1", "off"), ("2", "off"), ("1", "on"))
    )
    assert match.serving(need, [turned, on, right]) == (right,)
    assert "has flip-2, not flip-1" in match.missing(need, [turned])
    plain = toys.series("MEGRE")
    assert match.serving(need, [right, plain]) == (plain,)


def test_assumptions_are_listed_before_anything_runs():
    one = toys.biomarker(needs={"main": toys.series_need(assumable=(toys.TR,))})
    made = plan.make([toys.series()], [one], [])
    assert [a.field for a in made.tasks[0].assumptions] == ["repetition_time"]
    assert any("assumes repetition_time = inf: nobody said" in line for line in made.lines())


def test_a_second_series_is_the_one_acquired_most_like_the_main_one():
    one = toys.biomarker(needs={"main": toys.series_need(), "other": toys.series_need("MTS")})
    several = [
        toys.series(entities={"acq": "b"}),
        toys.series("MTS", entities={"acq": "a"}),
        toys.series("MTS", entities={"acq": "b"}),
    ]
    (task,) = plan.make(several, [one], []).tasks
    assert task.series["other"] is several[2]


def test_the_plan_does_not_depend_on_the_order_of_asking():
    both = [toys.biomarker("a"), toys.biomarker("b")]
    assert names(plan.make([toys.series()], both, [], asked=["b", "a"])) == names(
        plan.make([toys.series()], both, [], asked=["a", "b"])
    )


def test_a_series_that_a_check_stopped_is_not_called_absent():
    stop = Finding("stop", "E-PROTOCOL", "a", "b")
    without = plan.make([], [toys.biomarker()], [])
    whole = plan.make([toys.series()], [toys.biomarker()], [])
    assert "a check stopped (E-PROTOCOL)" in prepare._stopped(without, whole, [stop]).unmet[0][1].found
    assert "no MESE series" in prepare._stopped(without, without, [stop]).unmet[0][1].found
