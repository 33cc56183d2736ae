"""Archives, options, known maps, inputs on other grids, refits and samples: the small parts of a session."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.acquisition import Assumption
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements
from neuromyo.core.options import NoOptions
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline import cache, code_version, inputs, known, measure, nearest, outcome, plan, registries, samples
from neuromyo.pipeline.options import RunOptions, split_assignments
from neuromyo.pipeline.refit import Refitter, mean_signal
from neuromyo.report.view import SampleFit
from neuromyo.space.interpolate import map_to_grid
from tests.unit.pipeline import toys


def maps_of(series):
    values = np.linspace(-1, 1, series.grid.n_voxels, dtype=np.float32).reshape(series.grid.shape)
    values[0, 0, 0] = np.nan
    reason = np.zeros(series.grid.shape, dtype=np.uint8)
    reason[0, 0, 0] = Reason.AT_BOUND
    scalar = Scalar(Quantity("mean", "m", "ms", (0, 1), "x", level="subject"), 0.15, None, "assumed")
    return Maps("toy", series.grid, {"mean": Map(toys.MEAN, values, None, reason)}, {"mean": scalar},
                (Assumption("a", "1", "why"),), {"o": (1, 2.5), "p": None}, {"sub": "01"}, {"main": ("f",)},
                {"residual": values * 2}, ("W-X",), {"sigma": 1 / 3, "sigma_dof": float("inf")})  # fmt: skip


def test_maps_come_back_from_their_archive_bit_for_bit():
    made = maps_of(toys.series())
    found = cache.unpack_maps(cache.pack_maps(made), toys.biomarker())
    np.testing.assert_array_equal(found["mean"].values, made["mean"].values)
    assert found["mean"].values.dtype == np.float32
    np.testing.assert_array_equal(found["mean"].reason, made["mean"].reason)
    np.testing.assert_array_equal(found.diagnostics["residual"], made.diagnostics["residual"])
    assert found.grid == made.grid
    for name in ("assumptions", "options", "entities", "sources", "flags", "calibrated", "biomarker"):
        assert getattr(found, name) == getattr(made, name), name
    assert found.scalars["mean"].value == 0.15


def test_labels_and_tables_come_back_from_their_archive():
    labels = toys.draw({"main": toys.series()}, None)
    found = cache.unpack_labels(cache.pack_labels(labels))
    assert found.regions == labels.regions
    assert found.grid == labels.grid
    table = Measurements.of([{"subject": "1", "quantity": "T2", "value": 1 / 3, "se": float("nan")}])
    fits = (SampleFit("toy", "fat", (1, 2, 3), (1.0,), (0.1,), (0.2,), "T2 3 ms", "left"),)
    back, samples = cache.unpack_table(cache.pack_table(table, fits), SampleFit)
    assert back.rows()[0]["value"] == 1 / 3
    assert np.isnan(back.rows()[0]["se"])
    assert samples == fits


def test_an_archive_unpickles_nothing():
    evil = np.array([{"a": 1}], dtype=object)
    made = maps_of(toys.series())
    with pytest.raises(ValueError, match="pickle|Object"):
        cache.pack_maps(replace(made, diagnostics={"residual": evil}))


def test_the_code_version_follows_the_source(tmp_path, monkeypatch):
    package = tmp_path / "strangers_kit"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = code_version.source_hash.__wrapped__("strangers_kit")
    assert before == code_version.source_hash.__wrapped__("strangers_kit")
    (package / "model.py").write_text("X = 2\n")
    assert before != code_version.source_hash.__wrapped__("strangers_kit")


@pytest.mark.parametrize("text", ["t2-mono.echoes", "echoes=2", "=", "t2-mono.=3", ".echoes=3"])
def test_an_assignment_that_is_none_is_refused(text):
    with pytest.raises(NeuromyoError, match="ID.key=value"):
        split_assignments([text])


def test_assignments_keep_dots_and_equal_signs_of_values():
    assert split_assignments(["t2-water.fat_t2=0.15", "t2-water.x=a=b.c"]) == {
        "t2-water": {"fat_t2": "0.15", "x": "a=b.c"}
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"biomarkers": ("t2-nono",)}, "E-UNKNOWN"),
        ({"option": {"t2-mono": {"nope": "1"}}}, "E-UNKNOWN"),
        ({"nprocs": 0}, "E-OPTION"),
        ({"mem_mb": 10}, "E-OPTION"),
        ({"geometry": "any"}, "E-OPTION"),
        ({"max_input_gb": float("nan")}, "E-OPTION"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_opened(change, said):
    with pytest.raises(NeuromyoError) as caught:
        replace(RunOptions(), **change).checked()
    assert caught.value.code == said


def test_a_known_map_states_its_unit_or_is_refused(tmp_path):
    side = tmp_path / "b1.json"
    for units, factor in (("%", 0.01), ("percent", 0.01), ("1", 1.0), ("fraction", 1.0)):
        side.write_text(json.dumps({"Units": units}))
        assert known.factor("b1", [side], toys.B1_MAP) == factor
    for text in ('{"Units": "furlong"}', "{}", '{"Units": "Hz"}', '{"Units": "s"}'):
        side.write_text(text)
        with pytest.raises(NeuromyoError, match=r"unit of B1.*b1\.json.*E-UNITS"):
            known.factor("b1", [side], toys.B1_MAP)
    with pytest.raises(NeuromyoError, match="E-UNITS"):
        known.factor("b1", [tmp_path / "absent.json"], toys.B1_MAP)


def test_a_known_map_of_another_place_is_refused():
    here, there = np.diag([2.0, 2.0, 2.0, 1.0]), np.diag([2.0, 2.0, 2.0, 1.0])
    there[0, 3] = 1000.0
    values, grid = np.ones((4, 4, 4)), Grid.of((4, 4, 4), here, 2)
    np.testing.assert_array_equal(inputs.placed(values, grid, grid, "b1.nii"), values)
    with pytest.raises(NeuromyoError, match=r"b1\.nii and the images.*E-GRID"):
        inputs.placed(values, Grid.of((4, 4, 4), there, 2), grid, "b1.nii")


def test_a_map_in_percent_taken_for_a_fraction_is_noticed():
    with pytest.raises(NeuromyoError, match="E-UNITS"):
        inputs.refuse_implausible(np.full((3, 3, 3), 95.0), toys.B1_MAP, "b1.nii")


def test_a_smooth_map_is_carried_by_geometry_and_holes_do_not_spread():
    coarse = toys.series(shape=(10, 10, 4), affine=np.diag([4.0, 4.0, 8.0, 1.0])).grid
    fine = toys.series(
        shape=(12, 12, 3), affine=np.array([[2.0, 0, 0, 4], [0, 2, 0, 4], [0, 0, 8, 8], [0, 0, 0, 1]])
    ).grid
    world = coarse.to_world(np.moveaxis(np.indices(coarse.shape), 0, -1))
    values = 0.01 * world[..., 0] + 0.02 * world[..., 1]
    expected = fine.to_world(np.moveaxis(np.indices(fine.shape), 0, -1)) @ np.array([0.01, 0.02, 0.0])
    np.testing.assert_allclose(map_to_grid(values, coarse, fine), expected, atol=1e-5)
    values[5, 5, 2] = np.nan
    found = map_to_grid(values, coarse, fine)
    assert np.isfinite(found).mean() > 0.95
    far = toys.series(
        shape=(4, 4, 2), affine=np.array([[2.0, 0, 0, 900], [0, 2, 0, 0], [0, 0, 8, 0], [0, 0, 0, 1]])
    ).grid
    assert np.isnan(map_to_grid(values, coarse, far)).all()


def test_a_region_that_is_too_small_is_done_without_and_said():
    one = toys.biomarker(needs={"main": toys.series_need(), "fat": toys.FAT})
    (_, task) = plan.make([toys.series()], [one], [toys.segmenter()]).tasks
    drawn = toys.draw(task.series, None)
    few = np.zeros_like(drawn.volume)
    few[:2, 0, 0] = 1
    _, regions, found = inputs.gather(task, {}, {"toy-regions@MESE": Labels(few, drawn.grid, drawn.regions)}, None)
    assert regions == {}
    assert [f.code for f in found] == ["W-WITHOUT"]
    assert "2 voxels where 5" in found[0].message
    _, regions, found = inputs.gather(task, {}, {"toy-regions@MESE": drawn}, None)
    assert regions["fat"].all()
    assert found == ()


def test_the_mean_signal_of_a_region_is_that_of_its_voxels():
    series = toys.series()
    mask = np.zeros(series.grid.shape, dtype=bool)
    mask[2:4, 1:3, :] = True
    box = (slice(2, 4), slice(1, 3), slice(0, 2))
    np.testing.assert_allclose(mean_signal(series, box, mask[box]), series.read()[mask].mean(axis=0), rtol=1e-6)
    fitted = Refitter(toys.biomarker(), {"main": series}, NoOptions())(mask)
    assert fitted["mean"][0] == pytest.approx(series.read()[mask].mean(), rel=1e-6)


def test_label_volumes_are_measured_once_a_source():
    grid = toys.series().grid
    a = toys.draw({"main": toys.series()}, None)
    b = replace(a, volume=np.zeros_like(a.volume))
    assert measure.on_grid([a, b], grid) == (a,)


def drawn_at(source, x=0.0, mm=2.0):
    affine = np.diag([mm, mm, 8.0, 1.0])
    affine[0, 3] = x
    labels = toys.draw({"main": toys.series(affine=affine)}, None)
    return replace(labels, source=source)


def test_of_drawings_of_the_same_regions_each_map_is_measured_in_one():
    train, echoes, other = drawn_at("compartments"), drawn_at("compartments-gre", mm=1.0), drawn_at("deep")
    drawn = {"compartments@MESE": train, "compartments-gre@MEGRE": echoes, "deep@MESE": other}
    assert nearest.of_each_family(drawn, train.grid, "MESE") == (train, other)
    assert nearest.of_each_family(drawn, echoes.grid, "MEGRE") == (echoes, other)
    within = toys.series(shape=(3, 3, 2), affine=np.diag([1.5, 1.5, 8.0, 1.0])).grid
    assert nearest.of_each_family(drawn, within, "dwi") == (train, other)  # both cover it: the first segmenter's
    far = drawn_at("compartments", x=500.0)
    drawn = {"compartments@acq-knee_MESE": far, "compartments-gre@MEGRE": echoes}
    assert nearest.of_each_family(drawn, within, "dwi") == (echoes,)
    assert nearest.apart({**drawn, "compartments@acq-again_MESE": train}) == (far, echoes)


def test_of_equal_drawings_that_on_the_image_itself_serves():
    a, b = drawn_at("compartments"), drawn_at("compartments")
    drawn = {"compartments@acq-a_MESE": a, "compartments@acq-b_MESE": b}
    assert nearest.of_each_family(drawn, a.grid, "acq-b_MESE")[0] is b
    assert nearest.of_each_family(drawn, a.grid, "acq-a_MESE")[0] is a


def test_regions_drawn_elsewhere_in_the_body_are_done_without_and_said():
    one = toys.biomarker(needs={"main": toys.series_need(), "fat": toys.FAT})
    (_, task) = plan.make([toys.series()], [one], [toys.segmenter()]).tasks
    shifted = drawn_at("toy-regions", x=8.0)
    _, regions, found = inputs.gather(task, {}, {"toy-regions@MESE": shifted}, None)
    assert regions == {}
    assert "33 % of the smaller field of view" in found[0].message
    _, regions, found = inputs.gather(task, {}, {"toy-regions@MESE": drawn_at("toy-regions", x=2.0)}, None)
    assert regions["fat"].sum() == 50  # five of six columns
    assert found == ()


def test_what_segmenters_share_is_in_their_keys(monkeypatch):
    asked = []
    monkeypatch.setattr(code_version, "source_hash", lambda *modules: asked.append(modules) or "hash")
    code_version.of_declaration(registries.segmenters().get("compartments"))
    assert "neuromyo.anatomy" in asked[0]


def test_any_exception_has_a_code_and_crosses_processes():
    import errno
    import pickle

    for error, code, status in [
        (ValueError("x"), "E-INTERNAL", 1),
        (MemoryError(), "E-MEMORY", 3),
        (OSError(errno.ENOSPC, "full"), "E-DISK", 3),
        (OSError(errno.EIO, "bad"), "E-IO", 3),
    ]:
        failure = pickle.loads(pickle.dumps(outcome.Failure.of("sub-1", "fit", error)))
        assert (failure.code, failure.exit_status) == (code, status)


def test_the_worst_session_decides_the_exit():
    def ended(*codes):
        return outcome.Outcome("s", failures=tuple(outcome.Failure("s", "w", c, "m") for c in codes))

    assert outcome.RunResult("o", (ended(), ended())).exit_status == 0
    assert outcome.RunResult("o", (ended("E-CRC"), ended())).exit_status == 2
    assert outcome.RunResult("o", (ended("E-CRC"), ended("E-BOMB"))).exit_status == 4
    assert outcome.RunResult("o", (ended("E-BOMB"), ended("E-DISK"))).exit_status == 3
    assert outcome.RunResult("o", (ended("E-DISK", "E-INTERNAL"), ended())).exit_status == 1


def test_the_curve_through_a_sample_is_drawn_with_the_fat_that_was_calibrated():
    """Mostly fat of T2 120 ms: the curve goes through the echoes only if it is told that T2, not the usual one."""
    water = registries.declaration("t2-water")
    acquisition = water.typical["mese"]
    truth = {"T2": 0.038, "FF": 0.6, "B1": 0.9, "S0": 500.0, "FatT2": 0.12}
    signal = water.simulate(truth, {"mese": acquisition}, water.options())["mese"].astype(np.float32)
    shape = (2, 2, 1)
    grid = toys.series(shape=shape).grid
    series = Series(ArrayData(np.broadcast_to(signal, (*shape, signal.size)).copy()), grid, acquisition, "MESE", "mag")
    quantities = {q.name: q for q in water.gives}
    made = {
        name: Map(quantities[name], np.full(shape, truth[name], np.float32), None, np.zeros(shape, np.uint8))
        for name in ("T2", "FF", "B1", "S0")
    }
    maps = Maps("t2-water", grid, made, {"FatT2": Scalar(quantities["FatT2"], truth["FatT2"])})
    labels = toys.draw({"main": series}, None)
    (drawn,) = samples.of(water, maps, {"mese": series}, [labels], water.options(), {}, {"fat_t2": truth["FatT2"]})
    np.testing.assert_allclose(drawn.model, drawn.measured, rtol=1e-4)
