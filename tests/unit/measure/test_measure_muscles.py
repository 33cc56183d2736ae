"""Areas, contractile areas, totals and comparisons of muscles against counts by hand and closed forms."""

import csv
import time

import nibabel as nib
import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.measure.areas import FatMap
from neuromyo.measure.asymmetry import asymmetry, atrophy
from neuromyo.measure.muscles import MuscleOptions, morphometry
from neuromyo.measure.summarise import volumes

FF = Quantity("FF", "proton density fat fraction", "%", (-0.25, 1.25), "PDFF")
GRID = Grid.of((20, 16, 9), np.diag([2.0, 1.5, 10.0, 1.0]), 2)
VASTUS, RECTUS, OTHER = (Region(i, n, s, "quadriceps") for i, n, s in
                         ((3, "vastus-lateralis", "left"), (5, "rectus-femoris", "left"), (8, "vastus-lateralis", "right")))  # fmt: skip


def legs(*, cut: bool = False, hole: bool = False) -> Labels:
    """Left vastus 6 x 5 in slices 2 to 6 (0 to 6 where cut), left rectus 3 x 2 in 3 to 4, right vastus 4 x 5 in 3 to 6."""
    volume = np.zeros(GRID.shape, np.uint8)
    volume[2:8, 4:9, 0 if cut else 2 : 7] = 3
    volume[2:5, 10:12, 3:5] = 5
    volume[12:16, 4:9, 3:7] = 8
    if hole:
        volume[2:8, 4:9, 4] = 0
    return Labels(volume, GRID, (VASTUS, RECTUS, OTHER), "drawn")


def fat(values: np.ndarray, sd: float | None = 0.02, grid: Grid = GRID, bad: np.ndarray | None = None) -> FatMap:
    reason = np.zeros(values.shape, np.uint8)
    if bad is not None:
        reason[bad] = Reason.NO_CONVERGENCE
    return FatMap(Map(FF, values, None if sd is None else np.full(values.shape, sd), reason), grid)


def rows_of(labels: Labels, **asked) -> dict[tuple, dict]:
    table, _ = morphometry(labels, subject="01", session="a", **asked)
    assert set(table.columns["biomarker"]) <= {"morphometry"}
    return {(r["region"], r["side"], r["quantity"], r["statistic"], r["slice"]): r for r in table.rows()}


def test_areas_by_slice_mean_max_and_length() -> None:
    rows = rows_of(legs())
    for k in range(2, 7):
        one = rows["vastus-lateralis", "left", "CSA", "slice", str(k)]
        assert one["value"] == 6 * 5 * 3.0 and one["unit"] == "mm2" and one["n_voxels"] == 30
    assert ("vastus-lateralis", "left", "CSA", "slice", "1") not in rows
    assert rows["vastus-lateralis", "left", "CSA", "mean", ""]["value"] == 90.0
    assert rows["vastus-lateralis", "left", "length", "extent", ""]["value"] == pytest.approx(50.0)
    pooled = rows["quadriceps", "left", "CSA", "max", "3"]
    assert pooled["value"] == 90 + 18 and pooled["flags"] == ""
    assert rows["quadriceps", "left", "volume", "whole-muscles", ""]["value"] == pytest.approx((150 + 12) * 30 / 1000)


def test_stored_slices_of_an_image_stored_from_head_to_foot() -> None:
    flipped = Grid(GRID.shape, GRID.flat_affine, 2, ((0, False), (1, False), (2, True)))
    turned = Labels(legs().volume, flipped, legs().regions, "drawn")
    rows = rows_of(turned)
    assert rows["rectus-femoris", "left", "CSA", "slice", "5"]["value"] == 18.0  # array slices 3 and 4 of 9
    assert ("rectus-femoris", "left", "CSA", "slice", "3") not in rows


@pytest.mark.parametrize("turn_deg", [0.0, 25.0])
def test_oblique_and_sheared_slices_keep_their_area(turn_deg: float) -> None:
    """The area is that of the slice's own plane, whatever the header's rotation and however slices are shifted."""
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    turn = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])
    shifted = np.diag([2.0, 1.5, 10.0, 1.0])
    shifted[0, 2] = 3.0  # the stack leans
    labels = Labels(legs().volume, Grid.of(GRID.shape, turn @ shifted, 2), legs().regions, "drawn")
    rows = rows_of(labels)
    assert rows["vastus-lateralis", "left", "CSA", "mean", ""]["value"] == pytest.approx(90.0)
    assert rows["vastus-lateralis", "left", "length", "extent", ""]["value"] == pytest.approx(50.0)


def test_cut_muscles_enter_no_total_and_no_comparison_of_volumes() -> None:
    table, findings = morphometry(legs(cut=True), subject="01", session="a")
    rows = {(r["region"], r["side"], r["quantity"], r["statistic"]): r for r in table.rows() if not r["slice"]}
    assert rows["vastus-lateralis", "left", "CSA", "mean"]["flags"] == "TRUNCATED"
    total = rows["quadriceps", "left", "volume", "whole-muscles"]
    assert total["value"] == pytest.approx(12 * 30 / 1000) and total["flags"] == "WHOLE:1/2"
    assert ("vastus-lateralis", "none", "asymmetry_volume", "volume") not in rows
    matched = rows["vastus-lateralis", "none", "asymmetry_CSA", "matched"]
    assert matched["value"] == pytest.approx(100 * (90 - 60) / 75) and matched["flags"] == "TRUNCATED"
    assert matched["coverage"] == pytest.approx(4 / 7)
    assert [f.code for f in findings] == ["W-TRUNCATED"] and "vastus-lateralis (left)" in findings[0].message
    flagged = {
        (r["region"], r["side"]): r["flags"] for r in volumes([legs(cut=True)], subject="01", session="a").rows()
    }
    assert flagged["vastus-lateralis", "left"] == flagged["quadriceps", "left"] == "TRUNCATED"
    assert flagged["rectus-femoris", "left"] == ""


def test_nothing_whole_gives_no_total() -> None:
    volume = np.zeros(GRID.shape, np.uint8)
    volume[2:8, 4:9, :] = 3
    rows = rows_of(Labels(volume, GRID, (VASTUS,), "drawn"))
    total = rows["quadriceps", "left", "volume", "whole-muscles", ""]
    assert np.isnan(total["value"]) and total["flags"] == "WHOLE:0/1" and total["n_voxels"] == 0


def test_a_muscle_at_the_border_of_the_image_is_cut_there() -> None:
    labels = legs()
    labels.volume[0:3, 4:9, 5] = 3
    rows = rows_of(labels)
    assert rows["vastus-lateralis", "left", "CSA", "slice", "5"]["flags"] == "TRUNCATED"
    assert rows["vastus-lateralis", "left", "CSA", "slice", "4"]["flags"] == ""
    assert rows["vastus-lateralis", "left", "CSA", "mean", ""]["flags"] == "TRUNCATED"
    assert rows["vastus-lateralis", "none", "asymmetry_CSA", "matched", ""]["coverage"] == pytest.approx(3 / 5)


def test_holes_and_gaps_are_told() -> None:
    table, findings = morphometry(legs(hole=True), subject="01", session="a", slice_thickness_mm=4.0)
    told = {f.code: f for f in findings}
    assert set(told) == {"W-HOLES", "N-GAP"} and "vastus-lateralis (left) (1)" in told["W-HOLES"].message
    assert "4 mm thick and lie 10 mm apart: 60 %" in told["N-GAP"].message
    mean = next(
        r for r in table.rows() if (r["region"], r["side"], r["statistic"]) == ("vastus-lateralis", "left", "mean")
    )
    assert mean["flags"] == "HOLES:1" and mean["value"] == 90.0
    _, none = morphometry(legs(), subject="01", session="a", slice_thickness_mm=10.0)
    assert none == ()


def test_asymmetry_and_atrophy_against_the_healthy_side() -> None:
    rows = rows_of(legs(), options=MuscleOptions(healthy="left"))
    assert rows["vastus-lateralis", "none", "asymmetry_volume", "volume", ""]["value"] == pytest.approx(100 * 70 / 115)
    assert rows["vastus-lateralis", "right", "atrophy_volume", "volume", ""]["value"] == pytest.approx(100 * 70 / 150)
    assert rows["vastus-lateralis", "right", "atrophy_CSA", "matched", ""]["value"] == pytest.approx(100 / 3)
    assert np.isnan(rows["vastus-lateralis", "right", "atrophy_CSA", "matched", ""]["se"])  # outlines have no se
    worse = rows_of(legs(), options=MuscleOptions(healthy="right"))
    assert worse["vastus-lateralis", "left", "atrophy_CSA", "matched", ""]["value"] == pytest.approx(-50)


def test_contractile_sizes_are_of_what_is_no_fat() -> None:
    values = np.full(GRID.shape, 0.1)
    values[:10] = 0.25
    rows = rows_of(legs(), fat=fat(values, sd=None))
    one = rows["vastus-lateralis", "left", "contractile_CSA", "slice", "3"]
    assert one["value"] == pytest.approx(90 * 0.75) and one["coverage"] == 1 and np.isnan(one["se"])
    assert rows["vastus-lateralis", "left", "contractile_volume", "volume", ""]["value"] == pytest.approx(4.5 * 0.75)
    assert rows["quadriceps", "left", "contractile_volume", "whole-muscles", ""]["value"] == pytest.approx(4.86 * 0.75)
    lean = rows["vastus-lateralis", "none", "asymmetry_contractile_volume", "volume", ""]["value"]
    assert lean == pytest.approx(200 * (150 * 0.75 - 80 * 0.9) / (150 * 0.75 + 80 * 0.9))


def test_voxels_without_a_value_are_left_out_and_shown() -> None:
    values = np.full(GRID.shape, 0.2)
    values[2:4, 4:9, 3] = 9.0
    bad = np.zeros(GRID.shape, bool)
    bad[2:4, 4:9, 3] = True
    rows = rows_of(legs(), fat=fat(values, bad=bad))
    one = rows["vastus-lateralis", "left", "contractile_CSA", "slice", "3"]
    assert one["value"] == pytest.approx(90 * 0.8)
    assert (one["coverage"], one["n_voxels"], one["n_failed"]) == (pytest.approx(2 / 3), 20, 10)
    nothing = rows_of(legs(), fat=fat(np.full(GRID.shape, np.nan)))[
        "rectus-femoris", "left", "contractile_CSA", "mean", ""
    ]
    assert np.isnan(nothing["value"]) and nothing["flags"] == "W-NOVOXELS" and nothing["coverage"] == 0


def test_the_uncertainty_is_the_scatter_of_repeated_fat_maps() -> None:
    """Monte Carlo: noise of sd 0.05 a voxel and a tenth of the voxels lost at random, other tissue than the rest."""
    rng = np.random.default_rng(4)
    truth = 0.2 + 0.1 * rng.standard_normal(GRID.shape)
    found, said = [], []
    for _ in range(150):
        lost = rng.random(GRID.shape) < 0.3
        one = rows_of(legs(), fat=fat(truth + 0.05 * rng.standard_normal(GRID.shape), sd=0.05, bad=lost),
                      options=MuscleOptions(("vastus-lateralis",), slices=False))  # fmt: skip
        row = one["vastus-lateralis", "left", "contractile_CSA", "mean", ""]
        found.append(row["value"])
        said.append(row["se"])
    assert np.mean(said) == pytest.approx(np.std(found), rel=0.15)
    assert np.mean(found) == pytest.approx(90 * (1 - truth[2:8, 4:9, 2:7].mean()), abs=3 * np.std(found) / np.sqrt(150))


def test_a_fat_map_on_another_grid_is_brought_by_geometry() -> None:
    """A map half as fine, shifted, that ends above slice 5: a ramp along x is kept, what lies outside is not counted."""
    coarse = Grid.of((12, 10, 4), np.array([[4.0, 0, 0, -3], [0, 3, 0, -1], [0, 0, 15, -2], [0, 0, 0, 1]]), 2)
    ramp = np.broadcast_to(
        coarse.to_world(np.argwhere(np.ones(coarse.shape)))[:, 0].reshape(coarse.shape) / 100, coarse.shape
    )
    rows = rows_of(legs(), fat=fat(ramp.copy(), sd=0.1, grid=coarse))
    here = rows["vastus-lateralis", "left", "contractile_CSA", "slice", "3"]
    x_mm = np.arange(2, 8) * 2.0
    assert here["value"] == pytest.approx(90 * (1 - x_mm.mean() / 100), rel=1e-4)
    whole = rows["vastus-lateralis", "left", "contractile_CSA", "mean", ""]
    assert whole["coverage"] == pytest.approx(0.8)  # slice 6, at 60 mm, lies above the map's last face at 50.5 mm
    independent = 30 * GRID.voxel_volume_mm3 / coarse.voxel_volume_mm3
    assert here["se"] == pytest.approx(90 * 0.1 / np.sqrt(independent), rel=0.01)
    assert ("vastus-lateralis", "left", "contractile_CSA", "slice", "6") in rows


def test_asked_regions_only_and_unknown_ones_refused() -> None:
    rows = rows_of(legs(), options=MuscleOptions(("quadriceps",)))
    assert {key[0] for key in rows} == {"quadriceps"}
    with pytest.raises(DataError, match="gracilis.*rectus-femoris") as caught:
        morphometry(legs(), subject="01", session="a", options=MuscleOptions(("gracilis",)))
    assert caught.value.code == "E-UNKNOWN"


def test_a_map_that_is_no_fat_fraction_is_refused() -> None:
    t2 = Quantity("T2", "water T2", "ms", (0.0, 1.0), "T2map")
    with pytest.raises(DataError, match="fat fraction") as caught:
        FatMap(Map(t2, np.zeros(GRID.shape), None, np.zeros(GRID.shape, np.uint8)), GRID)
    assert caught.value.code == "E-UNITS"


def test_a_label_map_without_a_voxel_has_no_rows() -> None:
    table, findings = morphometry(Labels(np.zeros(GRID.shape, np.uint8), GRID, (VASTUS,)), subject="01", session="a")
    assert len(table) == 0 and findings == ()


def test_formulas_of_comparison() -> None:
    assert asymmetry((3.0, 0.0), (1.0, 0.0)) == (100.0, 0.0)
    assert atrophy((4.0, 0.0), (3.0, 0.0)) == (25.0, 0.0)
    assert np.isnan(asymmetry((0.0, 0.0), (0.0, 0.0))[0]) and np.isnan(atrophy((0.0, 0.0), (1.0, 0.0))[0])
    rng = np.random.default_rng(1)
    a, b = 10 + 0.2 * rng.standard_normal(20000), 8 + 0.3 * rng.standard_normal(20000)
    assert asymmetry((10, 0.2), (8, 0.3))[1] == pytest.approx(np.std(200 * (a - b) / (a + b)), rel=0.03)
    assert atrophy((10, 0.2), (8, 0.3))[1] == pytest.approx(np.std(100 * (1 - b / a)), rel=0.03)


@pytest.mark.realdata
def test_the_thigh_maps_are_twelve_people_of_the_list_with_gaps_of_8_to_26_mm(realdata) -> None:
    paths = sorted((realdata / "thigh_labels").glob("*.nii.gz"))
    with (realdata / "thigh_labels" / "MRI_metadata.csv").open(encoding="utf-8-sig") as stream:
        listed = {row["MRI sample"] for row in csv.DictReader(stream)}
    assert len(paths) == 12 and {p.name[:9] for p in paths} <= listed
    gaps = [float(np.linalg.norm(nib.loadsave.load(p).affine[:3, 2])) for p in paths]
    assert min(gaps) < 9 and max(gaps) > 25


@pytest.mark.realdata
@pytest.mark.parametrize("which", range(12))
def test_the_thigh_maps_against_five_lines_of_numpy(realdata, tmp_path, which: int) -> None:
    """Eleven muscles; no names are given with the maps, and both legs share an index: so regions are label-1 to label-11."""
    from neuromyo.io.labels import read_labels

    path = sorted((realdata / "thigh_labels").glob("*.nii.gz"))[which]
    image = nib.loadsave.load(path)
    a, affine = np.asanyarray(image.dataobj), image.affine
    pixel = np.linalg.norm(affine[:3, 0]) * np.linalg.norm(affine[:3, 1])
    n = {i: (a == i).sum((0, 1)) for i in range(1, 12)}
    areas = {(i, k): pixel * n[i][k] for i in n for k in np.flatnonzero(n[i])}
    ml = {i: abs(np.linalg.det(affine[:3, :3])) * n[i].sum() / 1000 for i in n}
    edges = (a[..., (0, -1)], a[(0, -1), ...], a[:, (0, -1)])
    ends = {int(i) for edge in edges for i in np.unique(edge) if i}

    labels = read_labels(path, scratch=tmp_path)
    began = time.perf_counter()
    table, findings = morphometry(labels, subject="01", session="a")
    assert time.perf_counter() - began < 10  # a guard against hanging: under half a second on a quiet machine
    told = {(int(r["region"][6:]), int(r["slice"])): r["value"] for r in table.where(statistic="slice").rows()}
    assert told == pytest.approx(areas, rel=1e-6)
    largest = {int(r["region"][6:]): r["value"] for r in table.where(statistic="max").rows()}
    assert largest == pytest.approx({i: pixel * n[i].max() for i in n}, rel=1e-6)
    table_ml = {int(r["region"][6:]): r for r in volumes([labels], subject="01", session="a").rows()}
    assert {i: r["value"] for i, r in table_ml.items()} == pytest.approx(ml, rel=1e-5)
    assert {i for i, r in table_ml.items() if r["flags"] == "TRUNCATED"} == ends
    assert bool(ends) == ("W-TRUNCATED" in {f.code for f in findings})
