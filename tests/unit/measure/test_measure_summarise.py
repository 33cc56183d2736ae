"""Region values against what is known of maps that were made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuromyo.core.acquisition import Assumption
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.measure.summarise import SummaryOptions, summarise, volumes

T2 = Quantity("T2", "water T2", "ms", (0.005, 0.2), "T2map")
FF = Quantity("FF", "fat fraction", "%", (-0.05, 1.05), "PDFF")
FIBRE = Quantity("V1", "fibre direction", "1", (-1, 1), "dwi", rank="vector")
S0 = Quantity("S0", "signal", "a.u.", (0, 1e6), "S0map", summarised=False)
FAT_T2 = Quantity("FatT2", "fat T2", "ms", (0.05, 0.5), "T2map", level="subject")
SHAPE = (24, 20, 5)
WHOLE = SummaryOptions(erode=0, slices=False)


def grid(shape=SHAPE, **changes) -> Grid:
    return replace(Grid.of(shape, np.diag([2.0, 2.0, 10.0, 1.0])), **changes)


def two_muscles() -> Labels:
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[2:10, 3:13, 1:4] = 1
    volume[12:16, 3:9, 1:4] = 2
    regions = (Region(1, "soleus", "left", "calf"), Region(2, "tibialis-anterior", "left", "calf"))
    return Labels(volume, grid(), regions, "by-hand")


def maps_of(t2: np.ndarray, ff: np.ndarray | None = None, sd=None, reason=None, **more) -> Maps:
    reason = np.zeros(t2.shape, np.uint8) if reason is None else reason
    maps = {"T2": Map(T2, np.where(reason > 0, np.nan, t2), sd, reason)}
    if ff is not None:
        maps["FF"] = Map(FF, ff, None, np.zeros(t2.shape, np.uint8))
    return Maps("t2-water", more.pop("grid", grid(t2.shape)), maps, **more)


def ramp(shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.025, 0.060, shape)


def table(maps: Maps, labels: Labels, options: SummaryOptions = WHOLE, **more) -> Measurements:
    return summarise(maps, [labels], subject="01", session="m0", options=options, **more)


def one(rows: Measurements, **where) -> dict:
    found = rows.where(**where).rows()
    assert len(found) == 1, found
    return found[0]


def test_statistics_are_those_of_the_voxels_in_display_units():
    t2, labels = ramp(), two_muscles()
    rows = table(maps_of(t2), labels)
    inside = 1000 * t2[labels.volume == 1]
    mean = one(rows, region="soleus", statistic="mean")
    assert mean["value"] == pytest.approx(inside.mean())
    assert mean["sd_between"] == pytest.approx(inside.std(ddof=1))
    assert one(rows, region="soleus", statistic="median")["value"] == pytest.approx(np.median(inside))
    iqr = one(rows, region="soleus", statistic="iqr")
    assert iqr["value"] == pytest.approx(np.subtract(*np.percentile(inside, [75, 25])))
    assert np.isnan(iqr["se"])
    assert (mean["unit"], mean["n_voxels"], mean["n_failed"], mean["coverage"]) == ("ms", 240, 0, 1.0)
    assert mean["volume_ml"] == pytest.approx(240 * 0.04)
    assert (mean["subject"], mean["session"], mean["side"], mean["region_source"]) == ("01", "m0", "left", "by-hand")
    assert mean["flags"] == ""


def test_parents_are_pooled_from_voxels_not_from_means():
    t2 = np.full(SHAPE, 0.030)
    labels = two_muscles()
    t2[labels.volume == 2] = 0.050
    rows = table(maps_of(t2), labels)
    n1, n2 = 240, 72
    pooled = one(rows, region="calf", statistic="mean")
    assert pooled["value"] == pytest.approx((30 * n1 + 50 * n2) / (n1 + n2))
    assert pooled["value"] != pytest.approx(40)
    assert pooled["n_voxels"] == n1 + n2
    assert one(rows, region="calf", statistic="median")["value"] == pytest.approx(30)


@given(st.integers(0, 2), st.integers(0, 10_000))
def test_a_parents_mean_is_that_of_the_voxels_its_parts_report(erode, seed):
    rng = np.random.default_rng(seed)
    labels = two_muscles()
    reason = (rng.random(SHAPE) < 0.1).astype(np.uint8) * Reason.AT_BOUND
    rows = table(
        maps_of(rng.uniform(0.02, 0.06, SHAPE), reason=reason), labels, SummaryOptions(erode=erode, slices=False)
    )
    parts = [one(rows, region=r, statistic="mean") for r in ("soleus", "tibialis-anterior")]
    pooled = one(rows, region="calf", statistic="mean")
    for column in ("n_voxels", "n_failed", "volume_ml"):
        assert pooled[column] == pytest.approx(sum(p[column] for p in parts))
    assert pooled["value"] == pytest.approx(sum(p["value"] * p["n_voxels"] for p in parts) / pooled["n_voxels"])


def test_sides_are_kept_apart():
    labels = two_muscles()
    sided = replace(labels, regions=(Region(1, "soleus", "left", "calf"), Region(2, "soleus", "right", "calf")))
    t2 = np.where(labels.volume == 2, 0.05, 0.03)
    rows = table(maps_of(t2), sided)
    for region in ("soleus", "calf"):
        assert one(rows, region=region, side="left", statistic="mean")["value"] == pytest.approx(30)
        assert one(rows, region=region, side="right", statistic="mean")["value"] == pytest.approx(50)
    assert len(rows) == 12


def test_a_region_in_two_pieces_is_one_region():
    labels = replace(two_muscles(), regions=(Region(1, "nerve"), Region(2, "nerve")))
    assert one(table(maps_of(ramp()), labels), region="nerve", statistic="mean")["n_voxels"] == 312


def test_erosion_takes_the_outline_in_plane_only():
    t2, labels = np.full(SHAPE, 0.09), two_muscles()
    t2[3:9, 4:12, 1:4] = 0.03  # the interior of the soleus; its first and last slices stay
    row = one(table(maps_of(t2), labels, SummaryOptions(slices=False)), region="soleus", statistic="mean")
    assert row["value"] == pytest.approx(30)
    assert row["n_voxels"] == 6 * 8 * 3
    assert row["coverage"] == pytest.approx(144 / 240)
    assert row["volume_ml"] == pytest.approx(240 * 0.04)


def test_erosion_follows_the_slice_axis():
    turned = two_muscles()
    turned = replace(turned, grid=replace(turned.grid, slice_axis=0))
    maps = maps_of(ramp(), grid=turned.grid)
    row = one(table(maps, turned, SummaryOptions(slices=False)), region="soleus", statistic="mean")
    assert row["n_voxels"] == 8 * 8 * 1


def test_a_thin_region_is_kept_whole_and_says_so():
    volume = np.zeros(SHAPE, dtype=np.uint8)
    volume[4:6, 4:12, 2] = 1
    rows = table(maps_of(ramp()), Labels(volume, grid(), (Region(1, "nerve"),)), SummaryOptions())
    row = one(rows, region="nerve", statistic="mean", slice="")
    assert row["n_voxels"] == 16
    assert row["flags"] == "uneroded"


def test_vessels_and_fascia_are_left_out_of_all_others_and_reported_themselves():
    t2 = np.full(SHAPE, 0.030)
    muscles = two_muscles()
    vessel = np.zeros(SHAPE, dtype=np.uint8)
    vessel[4:6, 5:8, 1:4] = 1
    t2[vessel == 1] = 0.150
    vessels = Labels(vessel, grid(), (Region(1, "peroneal-artery"),), "vessels")
    rows = summarise(maps_of(t2), [muscles, vessels], subject="01", session="", options=WHOLE)
    for region in ("soleus", "calf"):
        row = one(rows, region=region, statistic="mean")
        assert row["value"] == pytest.approx(30)
        assert row["coverage"] < 1
    assert one(rows, region="peroneal-artery", statistic="mean")["value"] == pytest.approx(150)
    kept = summarise(maps_of(t2), [muscles, vessels], subject="01", session="", options=replace(WHOLE, leave_out=()))
    assert one(kept, region="soleus", statistic="mean")["value"] > 35


def test_a_fascia_among_a_parents_parts_is_not_pooled():
    labels = two_muscles()
    labels = replace(labels, regions=(labels.regions[0], Region(2, "crural-fascia", "left", "calf")))
    t2 = np.where(labels.volume == 2, 0.1, 0.03)
    row = one(table(maps_of(t2), labels), region="calf", statistic="mean")
    assert row["value"] == pytest.approx(30)
    assert row["volume_ml"] == pytest.approx(312 * 0.04)


def test_regions_may_be_left_out_by_their_code():
    labels = two_muscles()
    labels = replace(labels, regions=(labels.regions[0], Region(2, "other", "left", "calf", code="59820001")))
    t2 = np.where(labels.volume == 2, 0.1, 0.03)
    row = one(table(maps_of(t2), labels, replace(WHOLE, leave_out=("59820001",))), region="calf", statistic="mean")
    assert row["value"] == pytest.approx(30)


def test_failed_voxels_are_counted_not_averaged():
    labels, t2 = two_muscles(), np.full(SHAPE, 0.030)
    reason = np.zeros(SHAPE, dtype=np.uint8)
    reason[2:4, 3:13, 1:4] = Reason.NO_CONVERGENCE
    reason[4:6, 3:13, 1:4] = Reason.POORLY_DETERMINED
    maps = maps_of(t2)
    maps = replace(maps, maps={"T2": Map(T2, np.where(reason == Reason.NO_CONVERGENCE, np.nan, t2), None, reason)})
    row = one(table(maps, labels), region="soleus", statistic="mean")
    assert (row["n_voxels"], row["n_failed"], row["coverage"]) == (180, 60, 0.75)
    assert row["value"] == pytest.approx(30)
    assert row["flags"] == "failed:25%,poor:33%"


def test_a_region_without_any_value_is_a_row_that_says_so():
    reason = np.full(SHAPE, Reason.NO_SIGNAL, dtype=np.uint8)
    row = one(table(maps_of(ramp(), reason=reason), two_muscles()), region="soleus", statistic="mean")
    assert np.isnan(row["value"]) and row["n_voxels"] == 0 and row["n_failed"] == 240
    assert row["flags"].startswith("W-NOVOXELS")


def test_fatty_voxels_are_left_out_of_water_t2_but_not_of_fat():
    labels = two_muscles()
    t2, ff = np.full(SHAPE, 0.030), np.full(SHAPE, 0.1)
    ff[2:4, 3:13, 1:4], t2[2:4, 3:13, 1:4] = 0.8, 0.010
    rows = table(maps_of(t2, ff), labels, exclude=("FF", 0.5))
    water = one(rows, region="soleus", quantity="T2", statistic="mean")
    assert water["value"] == pytest.approx(30)
    assert (water["n_voxels"], water["n_failed"], water["coverage"]) == (180, 0, 0.75)
    assert water["flags"] == "FF>50%:25%"
    fat = one(rows, region="soleus", quantity="FF", statistic="mean")
    assert fat["value"] == pytest.approx(10 * 0.75 + 80 * 0.25)
    assert (fat["coverage"], fat["flags"]) == (1.0, "")
    assert one(rows, region="tibialis-anterior", quantity="T2", statistic="mean")["flags"] == ""


def test_the_limit_is_an_option():
    labels, ff = two_muscles(), np.full(SHAPE, 0.3)
    limited = table(maps_of(ramp(), ff), labels, replace(WHOLE, exclude_above=0.2), exclude=("FF", 0.5))
    row = one(limited, region="soleus", quantity="T2", statistic="mean")
    assert row["n_voxels"] == 0
    assert row["flags"] == "W-NOVOXELS,FF>20%:100%"
    free = table(maps_of(ramp(), ff + 0.5), labels, replace(WHOLE, exclude_above=np.inf), exclude=("FF", 0.5))
    assert one(free, region="soleus", quantity="T2", statistic="mean")["n_voxels"] == 240
    with pytest.raises(NeuromyoError, match="FF"):
        table(maps_of(ramp()), labels, exclude=("FF", 0.5))


def test_slices_carry_the_index_of_the_written_map():
    values = np.zeros((6, 8, 4)) + 0.02 + 0.01 * np.arange(4)
    stored = ((2, True), (0, False), (1, True))  # the first stored axis runs down the limb
    where = grid((6, 8, 4), source_axes=stored)
    volume = np.zeros((6, 8, 4), dtype=np.uint8)
    volume[1:5, 1:7, 1:] = 1
    labels = Labels(volume, where, (Region(1, "soleus"),))
    rows = table(maps_of(values, grid=where), labels, SummaryOptions(erode=0))
    written = where.to_source(values)
    found = {r["slice"]: r["value"] for r in rows.where(statistic="mean").rows() if r["slice"]}
    assert found == {str(k): pytest.approx(1000 * written[k].mean()) for k in (0, 1, 2)}


def test_slices_have_means_only_and_their_own_counts():
    rows = table(maps_of(ramp()), two_muscles(), SummaryOptions())
    sliced = [r for r in rows.rows() if r["slice"] and r["region"] == "soleus"]
    assert {r["statistic"] for r in sliced} == {"mean"}
    assert [r["slice"] for r in sliced] == ["1", "2", "3"]
    assert all(r["n_voxels"] == 48 and r["coverage"] == pytest.approx(0.6) for r in sliced)
    whole = one(rows, region="soleus", statistic="mean", slice="")
    assert whole["value"] == pytest.approx(np.mean([r["value"] for r in sliced]))


def test_only_summarised_scalars_become_rows():
    maps = maps_of(ramp())
    zeros = np.zeros(SHAPE, np.uint8)
    more = {"V1": Map(FIBRE, np.zeros((*SHAPE, 3)), None, zeros), "S0": Map(S0, ramp(), None, zeros)}
    rows = table(replace(maps, maps={**maps.maps, **more}), two_muscles())
    assert set(rows.columns["quantity"]) == {"T2"}


def test_region_fit_stands_beside_the_mean():
    asked = []

    def refit(mask):
        asked.append(mask)
        return {"T2": (0.031, 0.0004), "FF": (0.12, 0.01)}

    labels, ff = two_muscles(), np.full(SHAPE, 0.1)
    ff[2:4, 3:13, 1:4] = 0.8
    reason = np.zeros(SHAPE, dtype=np.uint8)
    reason[6:8, 3:13, 1:4] = Reason.NO_CONVERGENCE  # its signal can be averaged all the same
    reason[8:10, 3:13, 1:4] = Reason.NOT_FINITE  # and this cannot
    rows = table(maps_of(ramp(), ff, reason=reason), labels, exclude=("FF", 0.5), refit=refit)
    fitted = one(rows, region="soleus", quantity="T2", statistic="region-fit")
    assert (fitted["value"], fitted["se"], fitted["unit"]) == (pytest.approx(31), pytest.approx(0.4), "ms")
    assert fitted["n_voxels"] == 120
    assert one(rows, region="soleus", quantity="FF", statistic="region-fit")["n_voxels"] == 180
    assert [int(m.sum()) for m in asked[:2]] == [120, 180]
    assert len(asked) == 6  # three regions, with and without fatty voxels; never a quantity at a time


def test_a_region_fit_that_fails_says_so():
    rows = table(maps_of(ramp()), two_muscles(), refit=lambda mask: {})
    row = one(rows, region="soleus", statistic="region-fit")
    assert np.isnan(row["value"]) and row["flags"] == "W-NOFIT"


def test_assumptions_flags_and_acquisition_stand_on_every_row():
    maps = maps_of(
        ramp(),
        assumptions=(Assumption("repetition_time", "inf", "long"), Assumption("refocusing_angle_deg", "180", "usual")),
        flags=("W-B1",),
        entities={"sub": "01", "acq": "calf", "run": "2", "suffix": "MESE"},
        scalars={"FatT2": Scalar(FAT_T2, 0.151, 0.004, "fitted")},
    )
    rows = table(maps, two_muscles()).rows()
    assert {r["flags"] for r in rows} == {"W-B1,W-ASSUMED:repetition_time,W-ASSUMED:refocusing_angle_deg"}
    assert {r["acquisition"] for r in rows} == {"acq-calf_run-2"}
    (scalar,) = [r for r in rows if r["region"] == "subject"]
    assert (scalar["value"], scalar["se"], scalar["unit"]) == (pytest.approx(151), pytest.approx(4), "ms")


def test_volumes_come_once_a_region_from_the_grid_they_were_drawn_on():
    rows = volumes([two_muscles()], subject="01", session="m0")
    assert len(rows) == 3
    calf = one(rows, region="calf")
    assert (calf["value"], calf["unit"], calf["statistic"], calf["biomarker"]) == (
        pytest.approx(12.48),
        "ml",
        "volume",
        "",
    )
    # and they join with what two biomarkers measured
    maps = maps_of(ramp())
    tables = [table(replace(maps, biomarker=b), two_muscles()) for b in ("t2-mono", "t2-water")]
    assert len(Measurements.join([*tables, rows])) == 3 + 2 * 9


def test_labels_on_another_grid_are_placed_by_geometry():
    labels = two_muscles()
    flipped = labels.grid.affine.copy()
    flipped[:, 3] += flipped[:, 0] * (SHAPE[0] - 1)
    flipped[:, 0] *= -1
    same = replace(labels, volume=np.ascontiguousarray(labels.volume[::-1]), grid=Grid.of(SHAPE, flipped))
    t2 = ramp()
    direct, placed = table(maps_of(t2), labels, SummaryOptions()), table(maps_of(t2), same, SummaryOptions())
    assert len(direct) == len(placed)
    for a, b in zip(direct.rows(), placed.rows(), strict=True):
        assert a["value"] == pytest.approx(b["value"]), a
    away = flipped.copy()
    away[0, 3] += 400
    with pytest.raises(NeuromyoError, match="E-GRID"):
        table(maps_of(t2), replace(same, grid=Grid.of(SHAPE, away)))


def test_sides_in_names_reach_the_side_column():
    labels = replace(two_muscles(), regions=(Region(1, "soleus_L"), Region(2, "gracilis_L")))
    assert set(table(maps_of(ramp()), labels).columns["side"]) == {"left"}


def test_options_are_checked():
    with pytest.raises(NeuromyoError, match="least_share"):
        table(maps_of(ramp()), two_muscles(), SummaryOptions(least_share=2.0))
