"""The second generator against closed forms, and against what its table promises."""

from dataclasses import replace

import numpy as np
import pytest

from tests.oracles.nerve_cases import RECIPES, Recipe, scan
from tests.oracles.nerve_scanner import rician, signals, through_k_space
from tests.oracles.nerve_shapes import Course, Fascicles, Nerve, Outline
from tests.oracles.nerve_slices import CASES, made, make, storing

TINY = Recipe(
    77, (scan("T2w-fs", 0.5, 2.0, 5, 200, extent=(24.0, 24.0), shading=0.0),), area=30, flat=1.3, count=6, tilt=20, curve=0.0,
    fat=0.3, rim=0.1, storage=("wvu", "uw"), euler=(20, -10, 15))  # fmt: skip


def test_table_is_varied():
    nerves = [r for r in RECIPES.values() if r.area]
    sciatic = [r for r in nerves if r.nerve == "sciatic-nerve" and 20 <= r.area <= 60 and not r.shine > 1]
    pixels = np.array([max(r.scans[0].pixel) for r in sciatic])
    assert len(CASES) >= 30 and len(nerves) >= 20 and len(CASES) - len(nerves) == 10
    assert (pixels <= 0.4).sum() >= 8 and (pixels == 0.8).sum() >= 3 and (pixels == 1.0).sum() >= 3
    assert min(min(r.scans[0].pixel) for r in nerves) == 0.2
    snr = [r.scans[0].snr for r in nerves]
    assert min(snr) == 15 and max(snr) == 60
    assert max(r.tilt for r in nerves) > 28 and min(r.tilt for r in nerves) < 6
    assert {r.nerve for r in nerves} >= {"sciatic-nerve", "tibial-nerve", "femoral-nerve", "l5-root"}
    assert len({r.seed for r in RECIPES.values()}) == len(CASES)
    assert len({r.storage for r in RECIPES.values()}) > 8
    assert {s.weighting for r in nerves for s in r.scans} == {"T2w", "T2w-fs", "T1w", "MTw", "FA"}


@pytest.mark.parametrize("bend", [0.0, 0.06])
def test_area_of_an_outline(bend):
    """Closed form against counting points."""
    outline = Outline(40.0, ((2, 0.1, 0.3), (3, 0.12, 1.0)), 2.2, bend, 25.0)
    p, q = np.meshgrid(np.arange(-14, 14, 0.02), np.arange(-14, 14, 0.02), indexing="ij")
    inside = outline.level(p, q) < 1
    assert inside.sum() * 0.02**2 == pytest.approx(40.0, rel=2e-3)
    assert np.hypot(p, q)[inside].max() < outline.reach


def test_tilted_section_is_larger_by_the_cosine():
    """A round nerve that leans by 30 degrees: an ellipse, longer by 1 / cos 30, lying where its course says."""
    outline = Outline(np.pi * 9.0)
    bundles = Fascicles(np.zeros((1, 2)), np.zeros(1), np.ones(1), 0.2)
    nerve = Nerve(Course((1.0, 2.0), 30.0, 90.0), outline, bundles)
    u, v = np.meshgrid(np.arange(-12, 12, 0.05), np.arange(-12, 12, 0.05), indexing="ij")
    inside = nerve.away(u, v, 4.0, (0.05, 0.05)) < 0
    assert inside.sum() * 0.05**2 == pytest.approx(np.pi * 9 / np.cos(np.pi / 6), rel=3e-3)
    assert u[inside].mean() == pytest.approx(1.0, abs=0.01)
    assert v[inside].mean() == pytest.approx(2.0 + 4.0 * np.tan(np.pi / 6), abs=0.01)
    assert np.ptp(v[inside]) / np.ptp(u[inside]) == pytest.approx(1 / np.cos(np.pi / 6), rel=0.02)


def test_truth_of_a_case():
    """Coverage summed is the area across the nerve over the cosine; the click lies on the nerve, near its centre."""
    case = made("tiny", TINY)
    image, affine, _ = case.images[0]
    truth = case.truth["sciatic-nerve"]
    assert truth.shape == image.shape and case.slice_axis == 0
    in_plane = truth.sum((1, 2)) * 0.25
    assert np.allclose(in_plane * np.cos(np.deg2rad(20)), 30.0, rtol=0.03)
    assert np.allclose(case.csa_perpendicular_mm2["sciatic-nerve"], in_plane * np.cos(np.deg2rad(20)), rtol=0.01)
    assert np.allclose(case.obliquity_deg["sciatic-nerve"], 20.0, atol=0.1)
    index = np.linalg.inv(affine) @ [*case.start, 1]
    k = round(index[0])
    assert index[0] == pytest.approx(k, abs=1e-6)
    plane = truth[k]
    centre = [(plane * grid).sum() / plane.sum() for grid in np.indices(plane.shape)]
    off = np.hypot(*(index[1:3] - centre)) * 0.5
    assert 0 < off <= 0.3 * np.sqrt(30 / np.pi)
    assert plane[round(index[1]), round(index[2])] > 0.5
    assert np.array_equal(made("tiny", TINY).images[0][0], image)


def test_storage_and_a_second_grid_show_the_same_place():
    """Whatever the order of the axes, and on another grid: the bright nerve's middle is at one place of the world."""
    other = scan("T2w-fs", 0.6, 2.0, 7, 200, extent=(30.0, 30.0), shading=0.0, shift=(1.3, -0.8, 0.7), turn_deg=10.0)
    quiet = replace(TINY, muscle_fat=0.9, streaks=0.0, scans=(*TINY.scans, other))
    case = made("two", quiet)
    places = []
    for image, affine, _ in case.images:
        along = affine[:3, 0] / np.linalg.norm(affine[:3, 0])
        rows = []
        for k, plane in enumerate(image):
            bright = np.where(plane > 0.4 * np.percentile(image, 99.5), plane, 0.0)
            j, i = ((bright * grid).sum() / bright.sum() for grid in np.indices(plane.shape))
            rows.append(affine[:3] @ [k, j, i, 1] - case.start)
        rows = np.array(rows)
        away = rows @ along
        places.append([np.polyfit(away, rows[:, n], 1)[1] for n in range(3)])
    assert np.abs(np.subtract(*places)).max() < 0.12, places
    assert np.linalg.norm(places[0]) < 0.3 * np.sqrt(30 / np.pi) + 0.12
    assert np.allclose(storing((24, 20, 5), TINY) @ [0, 0, 0, 1], [23, 0, 4, 1])


def test_k_space_keeps_mean_and_place():
    """A blob: same mean, same centre in pixels, whatever the filter; the unfiltered sinc keeps what is band-limited."""
    n, f = 32, 4
    i, j = np.meshgrid(*[(np.arange(n * f) + 0.5) / f - 0.5] * 2, indexing="ij")
    blob = np.exp(-((i - 14.3) ** 2 + (j - 17.8) ** 2) / (2 * 2.0**2))
    for window in ("none", "hamming", "gauss"):
        out = through_k_space(blob, (f, f), window).real
        a, b = np.indices(out.shape)
        assert out.mean() == pytest.approx(blob.mean(), rel=1e-9)
        assert (out * a).sum() / out.sum() == pytest.approx(14.3, abs=1e-3)
        assert (out * b).sum() / out.sum() == pytest.approx(17.8, abs=1e-3)
    exact = through_k_space(blob, (f, f), "none").real
    a, b = np.indices(exact.shape)
    assert np.allclose(exact, np.exp(-((a - 14.3) ** 2 + (b - 17.8) ** 2) / 8.0), atol=1e-4)


def test_noise_is_rician():
    """Air: the mean of a Rayleigh variable; a strong signal: sigma itself."""
    rng = np.random.default_rng(3)
    assert rician(np.zeros(40000), 2.0, rng).mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.01)
    assert rician(np.full(40000, 200.0), 2.0, rng).std() == pytest.approx(2.0, rel=0.02)


def test_contrasts_are_those_of_the_clinic():
    """T2w: fat above nerve above muscle; suppressed: nerve above muscle above fat; T1w: nerve near muscle; vessels by flow."""
    t2, fs, t1, mt = (signals(w) for w in ("T2w", "T2w-fs", "T1w", "MTw"))
    assert t2["fat"] > 1.3 * t2["fascicle"] > 1.3 * 1.8 * t2["muscle"]
    assert fs["fascicle"] > 1.8 * fs["muscle"] > 1.8 * 2 * fs["fat"]
    assert 0.7 < t1["fascicle"] / t1["muscle"] < 1.4 and t1["fat"] > 2 * t1["fascicle"]
    assert t2["artery"] < 0.1 * t2["fascicle"] and mt["artery"] > mt["fascicle"]
    assert max(s["dark"] for s in (t2, fs, t1, mt)) < 0.06


def test_a_case_without_a_nerve():
    case = make("none-artery")
    image, affine, _ = case.images[0]
    index = np.rint(np.linalg.inv(affine) @ [*case.start, 1]).astype(int)[:3]
    assert not case.has_nerve and case.truth == {}
    assert image[tuple(index)] < 0.4 * np.median(image), "the click is in the flow void"
