"""Whether a resolution supports a number: the rule, the table that is packaged, and the simulation behind it."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.fascicles import fascicle_fit, fascicle_scene, fascicle_sheet, fascicle_split, resolvable
from neuromyo.fascicles.fascicle_scene import Setting
from neuromyo.fascicles.fascicle_table import KINDS, worst
from tests.oracles.fascicle_discs import make

ASKED = {"slice_mm": 3.0, "snr": 20.0, "contrast": 0.75, "fascicle_mm": (0.3, 0.6)}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One nerve of six fascicles for each case."""
    monkeypatch.setattr(resolvable, "NERVES", 1)
    monkeypatch.setattr(fascicle_scene, "FASCICLES", 6)
    resolvable.errors.cache_clear()
    yield
    resolvable.errors.cache_clear()


def test_packaged_table_supports_012_and_refuses_042() -> None:
    small = [r for r in resolvable.table() if r["low_mm"] == 0.3]
    for row in small:
        if row["pixel_mm"] == 0.12:
            assert resolvable.supported("share", row) and resolvable.supported("count", row), row
        if row["pixel_mm"] >= 0.42:
            assert not any(
                resolvable.supported(kind, row) for kind in ("share", "count", "area", "largest", "bright")
            ), row
    assert len(small) == 30 and len(resolvable.table()) == 90


def test_small_fascicles_in_large_pixels_are_refused(few) -> None:
    coarse = resolvable.verdict("fascicle_count", pixel_mm=0.42, simulated=True, **ASKED)
    assert not coarse.ok and coarse.n == 3 and 0.12 <= coarse.needed_mm <= 0.25
    assert "0.3 to 0.6 mm in pixels of 0.42 mm" in coarse.why and "error of the count" in coarse.why
    area = resolvable.verdict("fascicle_area", pixel_mm=0.42, simulated=True, **ASKED)
    assert not area.ok and "not told apart" in area.why


@pytest.mark.whole
@pytest.mark.parametrize(("pixel_mm", "ok"), [(0.12, True), (0.42, False)])
def test_verdict_agrees_with_nerves_of_another_making(pixel_mm: float, ok: bool) -> None:
    verdict = {q: resolvable.verdict(q, pixel_mm=pixel_mm, **ASKED) for q in resolvable.QUANTITIES}
    assert all(v.ok == ok for v in verdict.values()), verdict
    share, count = [], []
    for fraction, seed in ((0.32, 31), (0.45, 32)):
        discs = make(pixel_mm, seed=seed, slices=4, fraction=fraction, snr=20.0, nerve_mm2=5.0)
        n = discs.image.shape[0]
        for k in range(4):
            outline = discs.outlines_mm[k] / pixel_mm + (n - 1) / 2
            inside = fascicle_sheet.draw([outline], (n, n), fascicle_sheet.division((pixel_mm, pixel_mm)))
            sheet = fascicle_sheet.make(inside, (pixel_mm, pixel_mm), pixel_mm)
            mixture = fascicle_fit.fit(sheet, discs.image[None, ..., k], [discs.sigma], [True])
            share.append(mixture.fraction - discs.fraction[k])
            count.append(abs(fascicle_split.split(mixture).count / discs.count[k] - 1))
    assert (abs(np.mean(share)) < 0.03) == ok and (np.mean(count) <= 0.1) == ok


def test_what_lies_between_rows_is_judged_by_the_worse_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvable, "errors", lambda *_: pytest.fail("nothing is to be simulated"))
    rows = {(r["pixel_mm"], r["low_mm"], r["cnr"]): r for r in resolvable.table()}
    found = worst(0.17, 0.1, 0.0, 20.0, (0.35, 0.7))
    assert found is not None
    near = [rows[0.15, 0.3, 15.0], rows[0.2, 0.3, 15.0]]
    for kind in KINDS:
        assert abs(found[kind]) == max(abs(r[kind]) for r in near), kind
    asked = {"slice_mm": 3.0, "contrast": 1.0, "fascicle_mm": (0.3, 0.6), "psf_mm": 0.1}
    ok = {
        mm: resolvable.verdict("fascicle_to_nerve_ratio", pixel_mm=mm, snr=20.0, **asked).ok
        for mm in (0.12, 0.2, 0.42, 2.0)
    }
    assert ok == {0.12: True, 0.2: True, 0.42: False, 2.0: False}
    # an oblique nerve is blurred within the slice
    assert not resolvable.verdict("fascicle_to_nerve_ratio", pixel_mm=0.12, snr=20.0, angle_deg=15.0, **asked).ok


def test_beyond_the_table_nothing_is_known_unless_it_is_hopeless() -> None:
    assert worst(0.05, 0.05, 0.0, 20.0, (0.3, 0.6)) is None  # finer than any row
    assert worst(0.12, 0.1, 0.0, 4.0, (0.3, 0.6)) is None  # noisier than any row
    assert worst(0.42, 0.4, 0.0, 4.0, (0.3, 0.6)) is not None  # but that fails with less noise


@pytest.mark.whole
def test_packaged_table_is_what_the_simulation_says() -> None:
    row = next(r for r in resolvable.table() if (r["pixel_mm"], r["low_mm"], r["cnr"]) == (0.15, 0.3, 15.0))
    found = resolvable.errors(0.15, fascicle_scene.psf_of(0.15), 0.0, 15.0, (0.3, 0.6))
    for kind, value in found.bias.items():
        assert value == pytest.approx(row[kind], abs=0.02), kind


def test_scenes_hold_what_was_asked_for() -> None:
    setting = Setting(0.12, 0.12, 0.0, 30.0, (0.3, 0.6), 0.3)
    scene = fascicle_scene.make(setting, np.random.default_rng(2))
    inside = scene.sheet.inside.sum() * scene.sheet.part_mm2
    assert scene.fraction == pytest.approx(scene.areas_mm2.sum() / inside, rel=0.01)
    assert scene.fraction == pytest.approx(0.3, abs=0.1) and not scene.bright.any()
    diameters = np.sqrt(4 / np.pi * scene.areas_mm2)
    assert diameters.min() >= 0.3 and diameters.max() <= 0.6
    # voxel's box and Gaussian together have the width of a k-space that is cut off: 1.2 voxels
    total = np.hypot(0.12 / np.sqrt(12), fascicle_scene.psf_of(0.12) / fascicle_sheet.FWHM) * fascicle_sheet.FWHM
    assert total == pytest.approx(1.2 * 0.12)


def test_nearby_questions_are_one() -> None:
    a = resolvable._rounded(0.121, 0.119, 0.0, 15.0, (0.31, 0.6))
    assert a == resolvable._rounded(0.12, 0.12, 0.001, 15.3, (0.3, 0.58))
    assert resolvable._rounded(0.12, 0.12, 0.0, 500.0, (0.3, 0.6))[3] <= 60.0


def test_refusals() -> None:
    with pytest.raises(OptionError, match="fascicle_count"):
        resolvable.verdict("colour", pixel_mm=0.12, **ASKED)
    with pytest.raises(OptionError, match="snr"):
        resolvable.verdict("fascicle_count", pixel_mm=0.12, **(ASKED | {"snr": float("nan")}))
    with pytest.raises(OptionError, match="smallest and largest"):
        resolvable.verdict("fascicle_count", pixel_mm=0.12, **(ASKED | {"fascicle_mm": (0.6, 0.3)}))
