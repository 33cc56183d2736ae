"""Fat fractions from two echoes, from magnitudes, and from a scanner's own images, on legs made without the software's physics."""

import numpy as np
import pytest

from neuromyo.biomarkers import pdff_images, pdff_magnitude, pdff_two_point
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from tests.physics import legs

GRID = Grid.of(legs.SHAPE, np.diag([*legs.SPACING, 1.0]))
SIX = tuple(0.00115 + 0.00098 * k for k in range(6))


def series(array, kind="MEGRE", part="mag", grid=GRID, **stated):
    return Series(ArrayData(np.ascontiguousarray(array)), grid, Acquisition(field_strength=3.0, **stated), kind, part)


@pytest.mark.parametrize(("te", "sign"), [((0.00115, 0.0023), 1), ((0.0013, 0.0025), 1), ((0.0013, 0.0025), -1)])
def test_two_points_separate_two_legs_without_a_swap(te, sign):
    for seed in range(4):
        maps = legs.truth(seed)
        given = series(legs.echoes(maps, te, 30, seed, sign), part="complex", echo_times=te, precession_sign=sign)
        found, findings = runner.run(
            pdff_two_point.BIOMARKER, {"gre": given}, pdff_two_point.Options(t1_weighting="leave")
        )
        tissue, ff = maps["density"] > 0, found["FF"]
        error = ff.values - maps["FF"]
        assert [f.code for f in findings] == [] and np.isfinite(error[tissue]).mean() > 0.99
        assert (np.abs(error[tissue]) > 0.4).sum() == 0
        for part in (tissue & (maps["FF"] < 0.6), tissue & (maps["FF"] > 0.9)):
            assert abs(np.nanmean(error[part])) < 0.01
        assert 0.85 < np.nanstd(error[tissue] / ff.sd[tissue]) < 1.15


def test_two_points_refuse_echoes_at_which_fat_has_one_phase():
    te = (0.0039, 0.0063)
    given = series(legs.echoes(legs.truth(0), te, 30, 0), part="complex", echo_times=te)
    with pytest.raises(ProtocolError) as caught:
        runner.run(pdff_two_point.BIOMARKER, {"gre": given}, pdff_two_point.Options())
    assert caught.value.code == "E-PROTOCOL" and "EchoTime" in caught.value.where and "3.9, 6.3" in caught.value.found


def test_t1_weighting_is_undone():
    te = (0.00115, 0.0023)
    e = {t1: np.exp(-0.02 / t1) for t1 in (1.42, 0.371)}
    k = {t1: (1 - x) / (1 - x * np.cos(np.deg2rad(20))) for t1, x in e.items()}
    maps = legs.truth(2)
    seen = maps["FF"] * k[0.371] / (maps["FF"] * k[0.371] + (1 - maps["FF"]) * k[1.42])
    data = legs.echoes({**maps, "FF": seen}, te, 60, 2)
    given = series(data, part="complex", echo_times=te, repetition_time=0.02, flip_angles_deg=(20.0,))
    options = pdff_two_point.Options
    muscle = (maps["density"] > 0) & (maps["FF"] < 0.5)
    right, _ = runner.run(pdff_two_point.BIOMARKER, {"gre": given}, options())
    left, findings = runner.run(pdff_two_point.BIOMARKER, {"gre": given}, options(t1_weighting="leave"))
    assert abs(np.nanmean((right["FF"].values - maps["FF"])[muscle])) < 0.006
    assert np.nanmean((left["FF"].values - maps["FF"])[muscle]) > 0.03 and [f.code for f in findings] == ["N-T1"]


@pytest.mark.parametrize("ff", [0.0, 0.1, 0.3, 0.8, 1.0])
def test_magnitudes_alone_give_fat_fraction_and_r2star(ff):
    rng = np.random.default_rng(7)
    t, m = np.array(SIX), 400
    clean = 1000 * np.abs(1 - ff + ff * legs.fat_signal(t)) * np.exp(-40.0 * t)
    data = np.hypot(clean + rng.normal(0, 10, (m, 6)), rng.normal(0, 10, (m, 6))).reshape(20, 20, 1, 6)
    given = series(data, grid=Grid.of((20, 20, 1), np.eye(4)), echo_times=SIX)
    found, _ = runner.run(pdff_magnitude.BIOMARKER, {"gre": given}, pdff_magnitude.Options(t1_weighting="leave"))
    sure = found["FF"].reason != Reason.AMBIGUOUS
    assert abs(np.median(found["FF"].values) - ff) < 0.015 and abs(np.median(found["R2star"].values) - 40) < 2
    wrong = np.abs(found["FF"].values - ff) > 0.3
    assert (wrong & sure).mean() < 0.01, "a swap that is not called ambiguous"
    assert found.calibrated["noise"] == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize("ff", [0.05, 0.9])
def test_the_floor_of_noise_is_in_the_model(ff):
    """Means of magnitudes whose last echoes lie at the floor give the truth back."""
    t = np.array(SIX)
    clean = 100 * np.abs(1 - ff + ff * legs.fat_signal(t)) * np.exp(-300.0 * t)
    assert clean.min() < 20
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 12, (2, 400_000, 6))
    data = np.hypot(clean + noise[0], noise[1]).mean(axis=0).reshape(1, 1, 1, 6)
    given = series(data, grid=Grid.of((1, 1, 1), np.eye(4)), echo_times=SIX)
    found, _ = runner.run(
        pdff_magnitude.BIOMARKER, {"gre": given}, pdff_magnitude.Options(noise=12.0, t1_weighting="leave")
    )
    assert found["R2star"].values.item() == pytest.approx(300, rel=0.01)
    assert found["FF"].values.item() == pytest.approx(ff, abs=0.015)


def vendor(scale=1.0, seed=4, snr=20):
    maps = legs.truth(seed)
    rng = np.random.default_rng(seed)
    made = {}
    for role, share, factor in (("water", 1 - maps["FF"], 1.0), ("fat", maps["FF"], scale)):
        noise = rng.normal(0, 1000 / snr, (2, *legs.SHAPE))
        made[role] = factor * np.hypot(1000 * share * maps["density"] + noise[0], noise[1])
    return maps, {role: series(image[..., None], "T1w") for role, image in made.items()}


def test_a_scanners_own_images_without_their_floor():
    maps, given = vendor()
    found, findings = runner.run(pdff_images.BIOMARKER, given, pdff_images.Options(t1_weighting="leave"))
    lean = (maps["density"] > 0) & (maps["FF"] < 0.03)
    plain = given["fat"].read()[..., 0] / (given["fat"].read()[..., 0] + given["water"].read()[..., 0])
    off, plainly = (np.nanmean((v - maps["FF"])[lean]) for v in (found["FF"].values, plain))
    assert not findings and abs(off) < 0.4 * plainly and plainly > 0.03
    assert (found["FF"].reason[maps["density"] == 0] == Reason.NO_SIGNAL).mean() > 0.99


@pytest.mark.parametrize("scale", [0.2, 4.0])
def test_images_scaled_each_for_itself_are_told(scale):
    _, given = vendor(scale)
    assert "W-FATSCALE" in [
        f.code for f in runner.run(pdff_images.BIOMARKER, given, pdff_images.Options(t1_weighting="leave"))[1]
    ]


def test_an_in_phase_image_tells_a_small_difference_of_scale():
    for scale, codes in ((1.0, []), (1.3, ["W-FATSCALE"])):
        _, given = vendor(scale)
        both = given["water"].read() + given["fat"].read() / scale
        given["inphase"] = given["water"].with_data(both)
        assert [
            f.code for f in runner.run(pdff_images.BIOMARKER, given, pdff_images.Options(t1_weighting="leave"))[1]
        ] == codes
