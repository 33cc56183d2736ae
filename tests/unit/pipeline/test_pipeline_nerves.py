"""Nerves through the pipeline: what is followed, kept and shown; with made traces, so that nothing here depends on the tracer."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Region
from neuromyo.core.landmark import Landmark
from neuromyo.core.maps import Map, Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.io import nifti_write
from neuromyo.pipeline import map_loose, nerve_cache, nerve_steps, nerves, norm_profiles, pictures
from neuromyo.pipeline.nerve_steps import Pictures
from neuromyo.pipeline.options import RunOptions
from neuromyo.report import nerves as report
from tests.oracles import tubes
from tests.unit.course.nerve_tubes import inside_cylinder, trace_of

TILT = (0.5, 0.0, np.sqrt(0.75))  # 30 degrees to the slices


def followed():
    """A cylinder of radius 3 mm at 30 degrees to the slices, with its coverage."""
    one = trace_of(tubes.straight(TILT, (3.0, 3.0)), shape=(120, 120, 17), spacing=3.0)
    return replace(one, coverage=inside_cylinder(one.grid, TILT, 3.0))


def shown(one):
    values = (100 + 80 * one.coverage).astype(np.float32)
    return Image(values, one.grid, "T2w", "made_T2w.nii.gz")


def t2_along(one):
    """A T2 map that rises by 10 ms in 100 mm towards the foot."""
    z = one.grid.to_world(np.moveaxis(np.indices(one.grid.shape), 0, -1))[..., 2]
    along = -z / TILT[2]
    values = (0.045 + 0.0001 * along).astype(np.float32)
    quantity = Quantity("T2", "T2", "ms", (0, 1), "T2map")
    return Maps("t2-mono", one.grid, {"T2": Map(quantity, values, None, np.zeros(one.grid.shape, np.uint8))})


def test_a_nerve_is_measured_in_its_own_frame(monkeypatch):
    one = followed()
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([], []))
    bone = Landmark("bone", tuple(one.sections[8].centre_mm), "fibular-head")
    found = nerves.examine([shown(one)], one, [bone], maps=[t2_along(one)], source="trace-sciatic-nerve-right")
    rows = {(r["quantity"], r["statistic"]): r for r in found.rows if r["statistic"] != "slice"}
    assert rows["CSA", "mean"]["value"] == pytest.approx(9 * np.pi, rel=0.01)
    assert rows["CSA_in_plane", "mean"]["value"] == pytest.approx(9 * np.pi / TILT[2], rel=0.01)
    slope = next(r for r in found.rows if r["quantity"] == "slope_T2")
    assert slope["value"] == pytest.approx(10.0, rel=0.05)
    assert {r["region_source"] for r in found.rows} == {"trace-sciatic-nerve-right"}
    assert found.courses[0].landmark == "fibular-head"
    assert [line.title for line in found.lines["sciatic-nerve"]] == ["cross-section", "T2"]
    Measurements.of({"subject": "1", **row} for row in found.rows)  # no two rows of one key


def test_what_was_measured_comes_back_from_the_ledger(monkeypatch):
    one = replace(followed(), branches=(replace(followed(), name="tibial-nerve", details={"a": 0.5}),))
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([], []))
    back = nerve_cache.unpack(nerve_cache.pack(one))
    assert [t.name for t in back.all] == ["sciatic-nerve", "tibial-nerve"]
    np.testing.assert_array_equal(back.coverage, one.coverage)
    assert back.sections[3].flags == one.sections[3].flags
    np.testing.assert_array_equal(back.sections[3].outlines_mm[0], one.sections[3].outlines_mm[0])
    found = nerves.examine([shown(one)], one)
    series = Series(
        ArrayData(shown(one).values[..., None]), one.grid, Acquisition(), "T2w", files=("x/made_T2w.nii.gz",)
    )
    again = nerve_cache.unpack_examined(nerve_cache.pack_examined(found), back, Pictures([series]))
    assert json.dumps(again.rows[0], default=str) == json.dumps(
        {k: nerve_cache._plain(v) for k, v in found.rows[0].items()}, default=str
    )
    assert report.part(again.view()).numbers == report.part(found.view()).numbers
    np.testing.assert_array_equal(again.courses[0].points_mm, found.courses[0].points_mm)


def test_a_page_shows_outlines_where_the_nerve_is():
    one = followed()
    doubtful = replace(one, sections=(replace(one.sections[0], confidence=0.2), *one.sections[1:]))
    part = report.part(nerves.Examined(doubtful, shown(one), (), (), {}, ()).view())
    assert part.title == "Sciatic nerve, right"
    assert len(part.montage.tiles) + len(part.montage.rest) == len(one.sections)
    assert "confidence under 50 %" in [text for _, text in part.montage.legend]
    assert all("Sciatic nerve, right outlined" in tile.alt for tile in part.montage.tiles)


def test_a_branch_above_which_the_landmark_lies_counts_from_its_own_end(monkeypatch):
    one = followed()
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([], []))
    far = Landmark("bone", (0.0, 0.0, 500.0), "knee")
    found = nerves.examine([shown(one)], one, [far])
    assert found.courses[0].landmark == ""
    assert any(f.code == "W-NERVE" and "upper end" in f.consequence for f in found.findings)


def test_without_a_place_nothing_is_followed_in_silence():
    with pytest.raises(DataError, match="--propose"):
        nerves.follow([shown(followed())], "sciatic-nerve", "right", ())


def test_nerves_asked_for_by_name_are_looked_for_on_each_side_in_view(tmp_path):
    table = tmp_path / "l.tsv"
    table.write_text("kind\tname\tside\tx\ty\tz\nstart\tsciatic-nerve\tright\t0\t0\t0\n")
    grid = Grid.of((2, 2, 2), np.eye(4))
    legs = Labels(np.ones((2, 2, 2), np.uint8), grid, (Region(1, "muscle", "left"), Region(2, "muscle", "right")))
    options = RunOptions(landmarks=table, nerves=("sciatic-nerve", "tibial-nerve/left"))
    found, astray = nerve_steps.wanted(options, "1", "", [legs])
    assert not astray
    assert [(w.name, w.side, w.proposals) for w in found] == [
        ("sciatic-nerve", "right", False), ("sciatic-nerve", "left", True), ("tibial-nerve", "left", True),
    ]  # fmt: skip
    with pytest.raises(OptionError, match="sciatic-nerve/right"):
        nerve_steps.wanted(RunOptions(nerves=("sciatic-nerve/up",)), "1", "", [])


def series_of(kind, pixel, mt_on=None, n=1):
    grid = Grid.of((6, 6, 3), np.diag([pixel, pixel, 4.0, 1.0]))
    values = np.full((6, 6, 3, n), 5.0, np.float32)
    return Series(ArrayData(values), grid, Acquisition(mt_on=mt_on), kind, files=(f"sub-1/anat/sub-1_{kind}.nii.gz",))


def test_a_session_offers_its_finest_image_first_and_each_weighting_once():
    offered = [
        series_of("T1w", 0.8), series_of("MESE", 1.5, n=4), series_of("T2w", 0.4), series_of("MTS", 0.8, mt_on=(True,)),
        series_of("dwi", 0.3), series_of("PDw", 0.9),
    ]  # fmt: skip
    found = pictures.of_session(offered)
    assert [(i.weighting, i.name) for i in found] == [
        ("T2w", "sub-1_T2w.nii.gz"), ("T1w", "sub-1_T1w.nii.gz"), ("MTw", "sub-1_MTS.nii.gz")
    ]  # fmt: skip


def test_volumes_become_one_image_whatever_their_phase(tmp_path):
    grid = Grid.of((3, 3, 2), np.eye(4))
    train = np.stack([np.full((3, 3, 2), 3.0), np.full((3, 3, 2), 4.0)], axis=-1)
    nifti_write.write_image(tmp_path / "a_T2w.nii.gz", train, grid)
    opened = pictures.open_picture(str(tmp_path / "a_T2w.nii.gz"), tmp_path)
    np.testing.assert_allclose(opened.image.values, np.sqrt(12.5))
    assert opened.image.weighting == "T2w"
    assert pictures.open_picture(f"T2w-fs={tmp_path / 'a_T2w.nii.gz'}", tmp_path).image.weighting == "T2w-fs"
    with pytest.raises(OptionError, match="weighted"):
        pictures.open_picture(f"T3w={tmp_path / 'a_T2w.nii.gz'}", tmp_path)


@pytest.mark.parametrize(
    ("sidecar", "value", "unit"),
    [
        ({"Units": "ms"}, 0.05, "ms"),
        ({"Units": "s", "Biomarker": "t2-mono", "Quantity": "T2"}, 50.0, "ms"),
        ({}, 50.0, "a.u."),
    ],
)
def test_a_loose_map_has_the_unit_that_its_sidecar_states(tmp_path, sidecar, value, unit):
    path = tmp_path / "leg_T2.nii.gz"
    grid = Grid.of((3, 3, 2), np.eye(4))
    nifti_write.write_image(path, np.full((3, 3, 2), 50.0), grid)
    (tmp_path / "leg_T2.json").write_text(json.dumps(sidecar))
    nifti_write.write_image(tmp_path / "leg_T2_sd.nii.gz", np.full((3, 3, 2), 2.0), grid)
    maps, findings = map_loose.open_map(str(path), tmp_path)
    (one,) = maps.maps.values()
    assert one.values[0, 0, 0] == pytest.approx(value)
    assert one.sd[0, 0, 0] == pytest.approx(value / 25)
    assert one.quantity.display == unit
    assert [f.code for f in findings] == ([] if sidecar else ["W-UNITS"])


def test_places_along_the_nerve_say_what_they_count_from_and_bundles_say_where_they_are(monkeypatch):
    one = followed()
    at = one.grid.stored_slice(one.sections[3].slice)
    bundle = {
        "slice": str(at),
        "region": one.name,
        "quantity": "fascicle_count",
        "unit": "1",
        "statistic": "slice",
        "value": 7.0,
    }
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([bundle, {**bundle, "slice": "", "statistic": "mean"}], []))
    bone = Landmark("bone", tuple(one.sections[8].centre_mm), "fibular-head")
    rows = [dict(r) for r in nerves.examine([shown(one)], one, [bone], maps=[t2_along(one)]).rows]
    levels = {str(r["slice"]): r["level"] for r in rows if r["quantity"] == "CSA" and r["statistic"] == "slice"}
    (counted,) = [r for r in rows if r["quantity"] == "fascicle_count" and r["slice"]]
    assert counted["level"] == levels[str(at)] and counted["level_from"] == "fibular-head"
    assert {r.get("level_from", "") for r in rows if r.get("level")} == {"fibular-head"}
    assert {r.get("level_from", "") for r in rows if not r.get("level")} == {""}
    found = norm_profiles.profiles(Measurements.of({"subject": "1", **r} for r in rows).rows())
    assert {(p.key.quantity, p.zero) for p in found} == {
        ("CSA", "fibular-head"),
        ("flattening", "fibular-head"),
        ("T2", "fibular-head"),
    }
