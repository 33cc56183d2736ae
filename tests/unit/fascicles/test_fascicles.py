"""Fascicles against epineurium: the section's model, the fit, single fascicles, and the numbers of a whole nerve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.measurements import Measurements
from neuromyo.core.nerve import Section, Trace
from neuromyo.fascicles import fascicle_fit, fascicle_muscle, fascicle_sheet, fascicle_split, resolvable
from neuromyo.fascicles.fascicle_bright import normal, share, signals
from neuromyo.fascicles.fascicle_rows import UNITS, labels, rows
from neuromyo.fascicles.fascicle_waists import divided
from neuromyo.fascicles.fascicles import FascicleOptions, expected_mm, fascicles
from tests.oracles.fascicle_discs import Discs, make

PIXEL = 0.12
#: a thin nerve of few fascicles, to be quick
SMALL = {"nerve_mm2": 2.2, "margin_mm": 1.0}


def fitted(discs: Discs, k: int, pixel: float = PIXEL) -> fascicle_fit.Mixture:
    """One slice of the oracle, fitted with the blur it was made with."""
    n = discs.image.shape[0]
    fine = fascicle_sheet.division((pixel, pixel))
    inside = fascicle_sheet.draw([discs.outlines_mm[k] / pixel + (n - 1) / 2], (n, n), fine)
    sheet = fascicle_sheet.make(inside, (pixel, pixel), pixel)
    return fascicle_fit.fit(sheet, discs.image[None, ..., k], [discs.sigma], [True])


def traced(discs: Discs, thickness_mm: float = 3.0, flipped: bool = False, **changed) -> tuple[Image, Trace]:
    n, _, slices = discs.image.shape
    affine = np.diag([PIXEL, PIXEL, thickness_mm, 1.0])
    affine[:2, 3] = -(n - 1) / 2 * PIXEL
    grid = Grid.of(discs.image.shape, affine, 2, ((0, False), (1, False), (2, flipped)))
    found = []
    for k in range(slices):
        outline = np.column_stack([discs.outlines_mm[k], np.full(len(discs.outlines_mm[k]), k * thickness_mm)])
        found.append(Section(k, outline.mean(axis=0), (outline,), discs.nerve_mm2[k], 0.1, 1.0))
    trace = Trace("sural-nerve", "left", grid, tuple(found), discs.coverage.astype(np.float32), 1.0)
    return Image(discs.image, grid, "T2w-fs", "T2w"), replace(trace, **changed)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch):
    """Sets what the simulation says, which has tests of its own."""

    def judge(bias: float) -> None:
        by_kind = dict.fromkeys(("share", "count", "area", "largest", "bright"), bias)
        monkeypatch.setattr(resolvable, "worst", lambda *_: None)
        monkeypatch.setattr(resolvable, "errors", lambda *_: resolvable.Errors(by_kind, by_kind, 12))

    return judge


# --- what a scanner makes of a picture


def test_blur_keeps_what_there_is_and_its_transpose_is_one() -> None:
    rng = np.random.default_rng(1)
    inside = np.zeros((21 * 3, 17 * 5))
    inside[24:39, 30:55] = 1.0
    sheet = fascicle_sheet.make(inside, (0.12, 0.24), 0.15, (0.05, 0.1))
    assert sheet.fine == (3, 5) and sheet.shape == (21, 17)
    picture, plane = rng.uniform(size=inside.shape), rng.uniform(size=sheet.shape)
    assert np.sum(sheet.see(picture) * plane) == pytest.approx(np.sum(picture * sheet.back(plane)), rel=1e-10)
    # every part gives as much to all voxels together as it has area
    assert sheet.see(inside).sum() * 15 == pytest.approx(inside.sum(), rel=0.02)


def test_a_nerve_is_seen_as_the_oracle_sees_it() -> None:
    discs = make(0.3, seed=4, fwhm_mm=0.3, snr=1e9, fascicle=1.0, epineurium=1.0, muscle=0.0, **SMALL)
    n = discs.image.shape[0]
    inside = fascicle_sheet.draw(
        [discs.outlines_mm[0] / 0.3 + (n - 1) / 2], (n, n), fascicle_sheet.division((0.3, 0.3))
    )
    sheet = fascicle_sheet.make(inside, (0.3, 0.3), 0.3)
    assert np.abs(sheet.see(inside) - discs.image[..., 0]).max() < 0.03


# --- the mixture


@pytest.mark.parametrize("fraction", [0.3, 0.45])
def test_share_is_unbiased_and_fascicles_are_counted(fraction: float) -> None:
    discs = make(PIXEL, seed=7, slices=2, fraction=fraction, snr=25.0, **SMALL)
    found = [fitted(discs, k) for k in range(2)]
    assert abs(np.mean([m.fraction for m in found] - discs.fraction)) < 0.02
    pieces = [fascicle_split.split(m) for m in found]
    assert [p.count for p in pieces] == list(discs.count)
    assert np.mean(
        [p.areas_mm2.mean() / a.mean() for p, a in zip(pieces, discs.areas_mm2, strict=True)]
    ) == pytest.approx(1, abs=0.06)
    assert np.mean(
        [p.areas_mm2.max() / a.max() for p, a in zip(pieces, discs.areas_mm2, strict=True)]
    ) == pytest.approx(1, abs=0.1)
    for m in found:
        assert m.epineurium[0] == pytest.approx(0.25, abs=0.04) and m.fascicle[0] == pytest.approx(1.0, abs=0.06)
        assert m.misfit < 1.1


def test_thresholds_are_biased_where_the_mixture_is_not() -> None:
    discs = make(0.2, seed=2, slices=2, fraction=0.3, gap_mm=0.05, nerve_mm2=4.0, margin_mm=1.6)
    bias: dict[str, list[float]] = {"otsu": [], "half": [], "mixture": []}
    for k in range(2):
        signal = discs.image[..., k][discs.coverage[..., k] >= 0.5]
        bias["otsu"].append((signal > threshold_otsu(signal)).mean() - discs.fraction[k])
        bias["half"].append((signal > 0.5 * (1.0 + 0.25)).mean() - discs.fraction[k])  # half way between the true means
        bias["mixture"].append(fitted(discs, k, 0.2).fraction - discs.fraction[k])
    mean = {how: abs(np.mean(values)) for how, values in bias.items()}
    assert mean["mixture"] < 0.03 < min(mean["otsu"], mean["half"]), bias


def test_a_coil_that_falls_off_changes_nothing() -> None:
    even, uneven = (fitted(make(PIXEL, seed=7, fraction=0.4, gain=gain, **SMALL), 0) for gain in (0.0, 0.05))
    assert uneven.fraction == pytest.approx(even.fraction, abs=0.012)
    slopes = [np.polyfit(np.arange(m.gain.shape[1]) * PIXEL, m.gain[0].mean(axis=1), 1)[0] for m in (even, uneven)]
    assert slopes[1] > slopes[0] + 0.01


def test_bright_fascicles_are_told_by_their_own_signal() -> None:
    discs = make(PIXEL, seed=9, bright_share=0.35, bright=1.4, **SMALL)
    for k in range(1):
        mixture = fitted(discs, k)
        pieces = fascicle_split.split(mixture)
        found = signals(mixture, pieces)
        bright = share(found, pieces.areas_mm2, 1.2 * normal(found, pieces.areas_mm2))
        assert bright == pytest.approx(discs.bright[k], abs=0.1)
        assert abs(mixture.fraction - discs.fraction[k]) < 0.03


def test_lower_half_by_area_is_normal() -> None:
    assert normal(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])) == pytest.approx((1.0 * 1 + 2.0 * 1) / 2)
    assert np.isnan(normal(np.zeros(0), np.zeros(0))) and np.isnan(share(np.zeros(0), np.zeros(0), 1.0))


def test_waists_divide_and_ovals_do_not() -> None:
    x, y = np.meshgrid(np.arange(60.0), np.arange(40.0), indexing="ij")
    two = (np.hypot(x - 18, y - 20) < 9) | (np.hypot(x - 35, y - 20) < 9)
    oval = ((x - 30) / 16) ** 2 + ((y - 20) / 9) ** 2 < 1
    assert divided(two, (0.04, 0.04)).max() == 2
    assert divided(oval, (0.04, 0.04)).max() == 1
    assert divided(np.zeros((5, 5), bool), (1.0, 1.0)).max() == 0


# --- the sheath


def test_a_strip_has_its_thickness() -> None:
    x, y = np.meshgrid(np.arange(120) * 0.04 - 2.4, np.arange(100) * 0.05 - 2.5, indexing="ij")
    inside = (np.hypot(x, y) < 2.0).astype(float)
    for rim_mm in (0.1, 0.17, 0.3):
        area = fascicle_sheet.strip(inside, (0.04, 0.05), rim_mm).sum() * 0.002
        assert area == pytest.approx(np.pi * (2.0**2 - (2.0 - rim_mm) ** 2), rel=0.12), rim_mm
    assert not fascicle_sheet.strip(inside, (0.04, 0.05), 0.0).any()


def sheathed(dark_mm: float) -> tuple[np.ndarray, fascicle_sheet.Sheet, float]:
    """Dark fascicles in bright epineurium within fat, with a black sheath, as the sheet's own scanner sees them: (1, a, b), share."""
    n, fine = 27, fascicle_sheet.division((PIXEL, PIXEL))[0]
    line = (np.arange(n * fine) - 0.5 * (n * fine - 1)) * PIXEL / fine
    x, y = np.meshgrid(line, line, indexing="ij")
    inside = (np.hypot(x, y) < 1.1).astype(float)
    signal = np.where(np.hypot(x, y) < 1.1 - dark_mm, 2.4, 0.1)
    discs = np.zeros(x.shape, bool)
    for k in range(5):
        discs |= np.hypot(x - 0.6 * np.cos(1.25 * k), y - 0.6 * np.sin(1.25 * k)) < 0.24
    signal = np.where(discs, 1.4, signal)
    sheet = fascicle_sheet.make(inside, (PIXEL, PIXEL), PIXEL)
    clean = sheet.see(signal * inside) + 3.4 * (1.0 - sheet.see(inside))
    plane = clean + 0.04 * np.random.default_rng(8).standard_normal(clean.shape)
    return plane[None], sheet, discs.sum() / inside.sum()


def test_a_dark_sheath_is_no_fascicle() -> None:
    plane, bare, true = sheathed(0.15)
    rimmed = fascicle_sheet.make(bare.inside, bare.pixel_mm, PIXEL, rim_mm=0.15)
    taken_for_fascicle, known = (fascicle_fit.fit(sheet, plane, [0.04], [False]) for sheet in (bare, rimmed))
    assert taken_for_fascicle.fraction - true > 0.04 or fascicle_split.split(taken_for_fascicle).count > 6
    assert abs(known.fraction - true) < 0.02 and fascicle_split.split(known).count == 5
    assert known.rim[0] == pytest.approx(0.1, abs=0.15)


def test_slivers_against_the_rim_are_no_fascicles() -> None:
    plane, bare, true = sheathed(0.2)  # thicker than the strip: a dark layer is left over within it
    thin = fascicle_sheet.make(bare.inside, bare.pixel_mm, PIXEL, rim_mm=0.12)
    kept, dropped = (fascicle_fit.fit(thin, plane, [0.04], [False], mm) for mm in (0.0, 0.2))
    assert kept.fraction > true + 0.03 and dropped.fraction < kept.fraction - 0.03
    assert fascicle_split.split(dropped).count == 5


# --- muscle beside the nerve


def test_ratio_to_muscle_is_exact_under_an_even_coil() -> None:
    x, y = np.meshgrid(np.arange(61.0) - 30, np.arange(61.0) - 30, indexing="ij")
    coverage = (np.hypot(x, y) <= 4).astype(float)
    coil = 1 + 0.01 * x - 0.008 * y
    plane = np.where(coverage > 0, 300.0, 100.0) * coil
    one_side = x > 6
    found = fascicle_muscle.ratio(plane, coverage, (0.5, 0.5), one_side)
    assert found.value == pytest.approx(3.0, rel=1e-6) and found.muscle == pytest.approx(100.0, rel=1e-6)
    plane[x < -12] = 20.0  # fat, suppressed: the commonest tissue is still muscle
    assert fascicle_muscle.ratio(plane, coverage, (0.5, 0.5)).value == pytest.approx(3.0, rel=0.02)


def test_no_ratio_where_no_tissue_is_the_commonest() -> None:
    rng = np.random.default_rng(3)
    coverage = np.zeros((61, 61))
    coverage[28:33, 28:33] = 1.0
    assert np.isnan(fascicle_muscle.ratio(rng.uniform(1, 1000, coverage.shape), coverage, (0.5, 0.5)).value)


# --- a whole nerve


def test_rows_of_a_nerve(judged) -> None:
    judged(0.005)
    discs = make(PIXEL, seed=5, slices=2, **SMALL)
    image, trace = traced(discs, flipped=True)
    found = fascicles(image, trace, psf_mm=PIXEL)
    table = Measurements.of(rows(found, subject="01"))
    whole = {(r["quantity"], r["statistic"]): r for r in table.where(slice="").rows()}
    true_ml = (discs.fraction * discs.nerve_mm2).sum() * 3.0 / 1000
    assert whole["fascicular_volume", "volume"]["value"] == pytest.approx(true_ml, rel=0.06)
    true = (discs.fraction * discs.nerve_mm2).sum() / discs.nerve_mm2.sum()
    ratio = whole["fascicle_to_nerve_ratio", "mean"]
    assert abs(ratio["value"] - true) < 0.02 and 0.005 < ratio["se"] < 0.03
    assert whole["fascicle_count", "mean"]["value"] == pytest.approx(discs.count.mean(), rel=0.05)
    assert set(table.columns["quantity"]) == set(UNITS)
    assert not any(table.columns["flags"])
    by_slice = table.where(quantity="fascicle_to_nerve_ratio", statistic="slice").rows()
    assert [r["slice"] for r in by_slice] == ["1", "0"], "slices are counted as stored"
    assert np.abs([r["value"] for r in by_slice] - discs.fraction).max() < 0.03
    regions = labels(found)
    assert [r.name for r in regions.regions] == ["sural-nerve-fascicles", "sural-nerve-epineurium"]
    assert regions.mask("sural-nerve-fascicles").sum() / (discs.coverage >= 0.5).sum() == pytest.approx(true, abs=0.05)
    inside = np.isfinite(found.share) & (discs.coverage > 0.9)
    assert np.nanmean(found.share[inside]) == pytest.approx(true, abs=0.15)
    assert not found.findings


def test_what_is_not_supported_is_not_given(judged) -> None:
    judged(0.2)
    image, trace = traced(make(PIXEL, seed=5, slices=1, **SMALL), proposed=True)
    found = fascicles(image, trace, psf_mm=PIXEL)
    for row in rows(found):
        assert row["quantity"] == "nerve_to_muscle_T2w" or (
            np.isnan(row["value"]) and row["flags"] == ["COARSE", "PROPOSED"]
        )
    assert {f.code for f in found.findings} == {"W-COARSE"}
    assert "fascicles of 0.3 to 0.6 mm in pixels of 0.12 mm" in str(found.findings[0]) and "would do" in str(
        found.findings[0]
    )
    assert labels(found).regions == () and not labels(found).volume.any()


def test_nothing_is_fitted_where_no_number_would_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    image, trace = traced(make(PIXEL, seed=5, slices=2, **SMALL))
    affine = trace.grid.affine @ np.diag([4.0, 4.0, 1.0, 1.0])  # the same image, said to have pixels of 0.48 mm
    grid = Grid.of(trace.grid.shape, affine, 2)
    wide = tuple(replace(s, outlines_mm=tuple(o * [4, 4, 1] for o in s.outlines_mm)) for s in trace.sections)
    monkeypatch.setattr(fascicle_fit, "fit", lambda *_, **__: pytest.fail("a section was fitted"))
    found = fascicles(replace(image, grid=grid), replace(trace, grid=grid, sections=wide))
    table = rows(found)
    assert {r["quantity"] for r in table} == set(UNITS)
    for row in table:
        assert row["quantity"] == "nerve_to_muscle_T2w" or (np.isnan(row["value"]) and row["flags"] == ["COARSE"])
    assert {f.code for f in found.findings} == {"W-COARSE"} and not np.isfinite(found.share).any()
    assert labels(found).regions == ()


def test_a_slice_that_is_not_explained_gives_nothing(judged, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(0.005)
    image, trace = traced(make(PIXEL, seed=5, **SMALL))
    monkeypatch.setattr("neuromyo.fascicles.fascicles.MISFIT", 0.1)
    found = fascicles(image, trace, psf_mm=PIXEL)
    assert {f.code for f in found.findings} == {"W-NERVE"}
    for row in rows(found):
        assert row["quantity"] == "nerve_to_muscle_T2w" or np.isnan(row["value"])
        assert row["statistic"] != "slice" or row["quantity"] == "nerve_to_muscle_T2w" or row["flags"] == ["W-NERVE"]
    assert not labels(found).volume.any()


def test_missing_slices_are_bridged_in_the_volume_and_said(judged) -> None:
    judged(0.005)
    discs = make(PIXEL, seed=5, slices=3, **SMALL)
    image, trace = traced(discs)
    found = fascicles(image, replace(trace, sections=(trace.sections[0], trace.sections[2])), psf_mm=PIXEL)
    volume = next(r for r in rows(found) if r["quantity"] == "fascicular_volume")
    area = discs.fraction * discs.nerve_mm2
    assert volume["value"] == pytest.approx(1.5 * (area[0] + area[2]) * 3.0 / 1000, rel=0.06) and volume["flags"] == [
        "GAP"
    ]


def test_dark_fascicles_in_bright_fat(judged) -> None:
    judged(0.005)
    discs = make(PIXEL, seed=6, fascicle=0.35, epineurium=1.0, muscle=0.4, **SMALL)
    image, trace = traced(discs)
    found = fascicles(replace(image, weighting="T1w"), trace, psf_mm=PIXEL)
    assert abs(found.sections[0].fraction - discs.fraction[0]) < 0.03
    assert "nerve_to_muscle_T2w" not in {r["quantity"] for r in rows(found)}, "a T1-weighted image tells nothing of T2"


def test_the_blur_is_found_where_it_is_not_stated(judged) -> None:
    judged(0.005)
    image, trace = traced(make(PIXEL, seed=6, fwhm_mm=0.5 * PIXEL, **SMALL))
    assert fascicles(image, trace).psf_mm <= 0.76 * PIXEL


def test_refusals() -> None:
    image, trace = traced(make(PIXEL, seed=6, **SMALL))
    with pytest.raises(OptionError, match="bright or dark"):
        fascicles(replace(image, weighting="other"), trace)
    with pytest.raises(DataError, match="E-NERVE"):
        fascicles(image, replace(trace, sections=()))
    shifted = trace.grid.affine.copy()
    shifted[0, 3] += 1.0
    with pytest.raises(DataError, match="E-GRID"):
        fascicles(replace(image, grid=Grid.of(trace.grid.shape, shifted, 2)), trace)
    with pytest.raises(DataError, match="E-NOSIGNAL"):
        fascicles(replace(image, values=np.ones(trace.grid.shape)), trace)
    with pytest.raises(DataError, match="E-NODATA"):
        fascicles(replace(image, values=np.full(trace.grid.shape, np.nan)), trace)
    with pytest.raises(OptionError, match="psf_mm"):
        fascicles(image, trace, options=FascicleOptions(psf_mm=-1.0))


def test_thick_nerves_have_thick_fascicles() -> None:
    assert expected_mm("sciatic-nerve") == (0.5, 1.2) and expected_mm("sural-nerve") == (0.3, 0.6)
