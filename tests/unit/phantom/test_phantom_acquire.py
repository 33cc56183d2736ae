"""Does the scan of the phantom show what its truth says, and nothing else?"""

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, SeriesNeed
from neuromyo.core.errors import OptionError, PluginError
from neuromyo.core.quantity import Quantity
from neuromyo.phantom.acquire import Scan, acquire, add_noise, noise_sigma, signals
from neuromyo.phantom.cohort import cohort
from neuromyo.phantom.disease import HEALTHY, Disease
from neuromyo.phantom.geometry import reference_body
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.scene import FULL_SCALE, Scene, scene
from neuromyo.phantom.sets import Stack
from neuromyo.phantom.tissue import FAT, TISSUES
from neuromyo.phantom.truth import Truth

ECHOES = tuple(0.01 * k for k in range(1, 18))
SMALL = Stack((64, 40), (5.0, 4.0), 2, 20.0, 8.0, -110.0)


def decay(truth, acquisitions, options):
    times = np.asarray(acquisitions["mese"].echo_times)
    return {"mese": truth["S0"][..., None] * np.exp(-times / truth["T2"][..., None])}


def declare(simulate=decay, noise="rician", **example) -> Biomarker:
    return Biomarker(
        id="toy-decay",
        title="one exponential",
        doi=(),
        needs={"mese": SeriesNeed(("MESE",))},
        gives=(Quantity("T2", "T2", "ms", (0.0, 1.0), "T2map"),),
        simulate=simulate,
        estimate=lambda inputs, options: Estimate({}, np.zeros(1)),
        typical={"mese": Acquisition(echo_times=ECHOES)},
        example=example or {"T2": 0.035, "S0": 1000.0},
        noise=noise,
    )


def small(disease: Disease = HEALTHY, stack: Stack = SMALL, **more) -> Scene:
    return scene(reference_body(), stack.grid(), 7, disease=disease, **more)


def test_the_same_seed_makes_the_same_bits_and_another_does_not():
    scan = Scan.of(declare(), snr=50)
    a, b, c = (acquire(small(), scan, seed)["mese"].read() for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_a_slice_is_the_same_whatever_else_is_made():
    scan, here = Scan.of(declare(), snr=50), small()
    whole = acquire(here, scan, 3)["mese"].read()
    again = acquire(small(), scan, 3, spawn_key=(1,))["mese"].read()
    assert not np.array_equal(whole, again)
    assert np.array_equal(whole[:, :, 1], acquire(here, scan, 3)["mese"].read()[:, :, 1])


def test_a_voxel_of_pure_muscle_decays_as_its_water_and_fat_do():
    here = small(sampling=Sampling(4))
    parts = here.parts(0)
    truth = here.truth(0, parts)
    image = acquire(here, Scan.of(declare()), 1)["mese"].read()[:, :, 0].reshape(-1, 17)
    pure = np.flatnonzero((parts.fraction == 1.0) & (truth["MTR"] == TISSUES["muscle"].MTR))
    assert pure.size > 30
    i = pure[:, None]
    expected = FULL_SCALE * (
        (1 - truth["FF"][i]) * np.exp(-np.array(ECHOES) / truth["T2"][i])
        + truth["FF"][i] * np.exp(-np.array(ECHOES) / FAT.T2)
    )
    np.testing.assert_allclose(image[parts.voxel[pure]], expected, rtol=1e-5)


def test_signals_mix_by_the_share_of_space():
    here = small()
    parts = here.parts(0)
    truth = here.truth(0, parts)
    each = signals(Scan.of(declare()), truth)["mese"]
    by_hand = np.zeros((64 * 40, 17))
    for voxel, share, signal in zip(parts.voxel, parts.fraction, each, strict=True):
        by_hand[voxel] += share * signal
    image = acquire(here, Scan.of(declare()), 1)["mese"].read()[:, :, 0].reshape(-1, 17)
    np.testing.assert_allclose(image, by_hand, rtol=1e-5, atol=1e-4)


def test_a_biomarker_gets_by_name_what_it_asks_for():
    seen = {}

    def nosy(truth, acquisitions, options):
        seen.update({name: truth.get(name) for name in ("T1", "FF", "B1", "nothing")})
        return decay(truth, acquisitions, options)

    truth = small().truth(0, small().parts(0))
    signals(Scan.of(declare(nosy)), truth)
    assert seen["nothing"] is None and all(np.ptp(seen[name]) > 0 for name in ("T1", "FF", "B1"))


def test_a_truth_that_the_phantom_lacks_is_named():
    def exotic(truth, acquisitions, options):
        return {"mese": truth["tortuosity"][..., None] * np.ones(17)}

    with pytest.raises(OptionError, match="'tortuosity'"):
        noise_sigma(Scan.of(declare(exotic, tortuosity=1.5)))
    given = Scan.of(declare(exotic, tortuosity=1.5), snr=1.0, constants={"tortuosity": 1.5})
    assert noise_sigma(given)["mese"] == pytest.approx(1.5 * FULL_SCALE)


def test_a_signal_of_the_wrong_shape_is_the_biomarkers_fault():
    with pytest.raises(PluginError, match="toy-decay"):
        noise_sigma(Scan.of(declare(lambda truth, acquisitions, options: {"mese": np.ones(17)})))


def test_noise_is_rician_at_the_stated_ratio():
    scan = Scan.of(declare(), snr=40.0)
    sigma = noise_sigma(scan)["mese"]
    muscle = TISSUES["muscle"]
    first = FULL_SCALE * ((1 - muscle.FF) * np.exp(-0.01 / muscle.T2) + muscle.FF * np.exp(-0.01 / FAT.T2))
    assert sigma == pytest.approx(first / 40.0)
    here = small()
    noisy, clean = (acquire(here, s, 5)["mese"].read() for s in (scan, Scan.of(declare())))
    air = noisy[clean[..., 0] == 0.0].ravel().astype(float)
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.02)
    assert air.std() == pytest.approx(sigma * np.sqrt(2 - np.pi / 2), rel=0.02)
    strong = clean > 20 * sigma
    assert np.std(noisy[strong].astype(float) - clean[strong]) == pytest.approx(sigma, rel=0.02)


def test_other_laws_of_noise():
    rng = np.random.default_rng(0)
    zero = np.zeros((200, 200))
    assert add_noise(zero, 2.0, "gaussian", rng).mean() == pytest.approx(0.0, abs=0.05)
    made = add_noise(zero, 2.0, "complex", rng)
    assert made.real.std() == pytest.approx(2.0, rel=0.02) and made.imag.std() == pytest.approx(2.0, rel=0.02)
    assert add_noise(-zero - 1.0, 0.0, "rician", rng).max() == 1.0


def gathered(here: Scene) -> tuple[Truth, dict]:
    truth = Truth(here.grid)
    for k in range(here.n_slices):
        parts = here.parts(k)
        truth.add(k, parts, here.truth(k, parts))
    return truth, {(row["region"], row["side"]): row for row in truth.rows()}


def test_fat_and_oedema_raise_what_they_say_on_the_side_they_say():
    fine = Stack((96, 64), (3.2, 2.6), 3, 30.0, 8.0, -110.0)
    _, healthy = gathered(small(stack=fine))
    _, ill = gathered(small(Disease(fat={"left/soleus": 0.4}, oedema={"left/soleus": 0.01}), stack=fine))
    assert ill["soleus", "left"]["FF"] == pytest.approx(0.4, abs=0.08)
    assert ill["soleus", "left"]["T2"] - healthy["soleus", "left"]["T2"] == pytest.approx(0.01, abs=0.002)
    for who in (("soleus", "right"), ("tibialis-anterior", "left")):
        assert ill[who] == healthy[who]


def test_patchiness_zero_is_even_and_stays_in_bounds():
    parts = small().parts(0)
    even = small(Disease(fat={"all": 0.9}, patchiness=0.0)).truth(0, parts)
    patchy = small(Disease(fat={"all": 0.9}, patchiness=1.0)).truth(0, parts)
    muscle = patchy["MTR"] == TISSUES["muscle"].MTR
    assert np.ptp(even["FF"][muscle]) < 1e-9
    assert np.ptp(patchy["FF"][muscle]) > 0.1 and patchy["FF"].max() <= 1.0 and patchy["FF"].min() >= 0.0


def test_fields_stay_in_range_and_are_brightest_in_the_middle():
    here = small()
    x = np.stack([np.linspace(-200, 200, 81), np.zeros(81), np.full(81, -110.0)], axis=1)
    b1 = here.fields.b1(x)
    assert 0.7 <= b1.min() < 0.8 and 1.0 < b1.max() <= 1.1 and abs(x[np.argmax(b1), 0]) < 60
    assert np.abs(np.diff(b1)).max() < 0.05
    assert np.abs(here.fields.b0(x)).max() <= 60.0


def test_truth_maps_labels_and_table_agree():
    here = small()
    truth, rows = gathered(here)
    labels = truth.labels()
    assert truth.tissue.max() == pytest.approx(1.0)
    assert np.isnan(truth.maps["T2"][truth.tissue == 0]).all() and np.isfinite(truth.maps["T2"][truth.tissue > 0]).all()
    x = here.grid.to_world(np.argwhere(labels.mask("soleus", "right")))[:, 0]
    assert x.min() > 0 > here.grid.to_world(np.argwhere(labels.mask("soleus", "left")))[:, 0].max()
    drawn = labels.mask("soleus", "left").sum() * here.grid.voxel_volume_mm3 / 1000
    assert rows["soleus", "left"]["volume_ml"] == pytest.approx(drawn, rel=0.1)
    parts = sum(r["volume_ml"] for r in rows.values() if r["parent"] == "muscle" and r["side"] == "left")
    assert rows["muscle", "left"]["volume_ml"] == pytest.approx(parts)


def test_memory_and_time_stay_bounded_at_the_size_of_a_real_scan():
    stack = Stack((256, 160), (1.3, 1.3), 10, 10.0, 6.0, -110.0)
    here, scan = scene(reference_body(), stack.grid(), 1), Scan.of(declare(), snr=100)
    tracemalloc.start()
    begun = time.perf_counter()
    made = acquire(here, scan, 1)["mese"]
    taken, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.data.shape == (256, 160, 10, 17)
    assert taken < 120.0  # a hang guard; it takes seconds
    assert peak < 256 * 160 * 10 * 17 * 4 + 200e6


def test_people_are_repeatable_varied_and_stay_themselves():
    few, more = cohort(3, 3, 11), cohort(5, 4, 11)
    assert few == (*more[:3], *more[5:8]) and few != cohort(3, 3, 12)
    assert len({p.height for p in few}) == 6 and {p.group for p in few} == {"control", "patient"}
    assert [v.label for v in few[0].visits] == ["m0", "m4"] and few[0].visits[0].disease == HEALTHY
    first, second = (v.disease for v in few[-1].visits)
    assert all(second.of("atrophy", "soleus", s) > first.of("atrophy", "soleus", s) > 0 for s in ("left", "right"))
    assert [len(p.visits) for p in cohort(1, 1, 1, sessions=False)] == [1, 1]


def test_legs_of_one_person_differ_a_little():
    body = cohort(1, 0, 5)[0].body(np.random.default_rng(1))
    assert body.right.girth != body.left.girth and body.right.girth == pytest.approx(body.left.girth, rel=0.04)
    assert body.right.middle_mm[0] > 0 > body.left.middle_mm[0]


# --- complex, displaced, suppressed --------------------------------------------------------------------------------------


def rotating(truth, acquisitions, options):
    """Water and a single fat peak, turning with B0."""
    times = np.asarray(acquisitions["mese"].echo_times)
    fat = truth["FF"][..., None] * np.exp(-2j * np.pi * 440.0 * times)
    turn = np.exp((2j * np.pi * truth["B0"] - truth["R2star"])[..., None] * times)
    return {"mese": truth["S0"][..., None] * (1 - truth["FF"][..., None] + fat) * turn}


ROTATING = declare(rotating, "complex", FF=0.1, B0=10.0, R2star=40.0, S0=1.0)


def test_complex_signals_add_as_complex_numbers():
    here = small()
    parts, k = here.parts(0), 0
    truth = here.truth(k, parts)
    image = acquire(here, Scan.of(ROTATING), 1)["mese"].read()[:, :, 0].reshape(-1, 17)
    by_hand = np.zeros((64 * 40, 17), dtype=complex)
    for i, (voxel, share) in enumerate(zip(parts.voxel, parts.fraction, strict=True)):
        one = {name: value[i : i + 1] for name, value in truth.items()}
        signal = rotating(one, {"mese": Acquisition(echo_times=ECHOES)}, None)["mese"][0]
        by_hand[voxel] += share * np.exp(1j * truth["phase"][i]) * signal
    filled = np.abs(by_hand[:, 0]) > 1.0
    ratio = image[filled][:, 0] / by_hand[filled][:, 0]
    np.testing.assert_allclose(np.abs(ratio), 1.0, rtol=1e-4)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)  # one initial phase for the whole series
    np.testing.assert_allclose(image, by_hand * ratio[0], atol=2e-2)
    assert image.dtype == np.complex64 and np.ptp(truth["phase"]) > 0.3


def test_the_phase_starts_elsewhere_in_every_series():
    here = small()
    a, b = (acquire(here, Scan.of(ROTATING), 1, (n,))["mese"].read() for n in (0, 1))
    voxel = np.unravel_index(np.argmax(np.abs(a[..., 0])), a.shape[:3])
    assert abs(np.angle(a[voxel][0] / b[voxel][0])) > 0.05
    np.testing.assert_allclose(np.abs(a), np.abs(b), atol=1e-2)


def test_what_varies_from_point_to_point_is_simulated_as_a_whole_or_in_chunks(monkeypatch):
    here = small()
    truth = here.truth(0, here.parts(0))
    whole = signals(Scan.of(ROTATING), truth)["mese"]
    monkeypatch.setattr("neuromyo.phantom.acquire.CHUNK", 97)
    np.testing.assert_array_equal(signals(Scan.of(ROTATING), truth)["mese"], whole)
    np.testing.assert_allclose(signals(Scan.of(declare()), truth)["mese"][::50],
                               np.concatenate([signals(Scan.of(declare()), {n: v[i : i + 1] for n, v in truth.items()})["mese"]
                                               for i in range(0, len(truth["S0"]), 50)]), rtol=1e-12)  # fmt: skip


def test_fat_suppression_takes_the_fat_and_leaves_the_water():
    here = small()
    truth = here.truth(0, here.parts(0))
    full, left, none = (signals(Scan.of(declare(), fat_left=f), truth)["mese"] for f in (1.0, 0.25, 0.0))
    np.testing.assert_allclose(left, none + 0.25 * (full - none), rtol=1e-9)
    water = truth["S0"] * (1 - truth["FF"]) * np.exp(-ECHOES[0] / truth["T2"])
    np.testing.assert_allclose(none[:, 0], water, rtol=1e-9)
    with pytest.raises(OptionError, match="fat_left"):
        Scan.of(declare(), fat_left=1.5)


def test_echo_planar_images_move_by_their_off_resonance_and_lose_nothing():
    here = small(b0_hz=0.0)
    still = acquire(here, Scan.of(declare()), 1)["mese"].read()[:, :, 0, 0]
    shifted = replace(here, fields=replace(here.fields, b0_hz=50.0, shim=_Even()))
    for readout, expected in ((0.02, 1.0), (-0.03, -1.5)):
        image = acquire(shifted, Scan.of(declare(), readout_s=readout), 1)["mese"].read()[:, :, 0, 0]
        assert image.sum() == pytest.approx(still.sum(), rel=1e-5)
        moved = [np.average(np.arange(40), weights=plane.sum(axis=0)) for plane in (still, image)]
        assert moved[1] - moved[0] == pytest.approx(expected, abs=1e-3)
    exact = acquire(shifted, Scan.of(declare(), readout_s=0.02), 1)["mese"].read()[:, :, 0, 0]
    np.testing.assert_allclose(exact[:, 1:], still[:, :-1], rtol=1e-5, atol=1e-3)


class _Even:
    """A texture of 1 everywhere."""

    def __call__(self, xyz: np.ndarray) -> np.ndarray:
        return np.ones(xyz.shape[:-1])


def test_a_series_of_a_moved_body_shows_it_elsewhere():
    here, scan = small(), Scan.of(declare())
    still, moved = (
        acquire(here, scan, 1, poses={"mese": Pose(shift_mm=shift)})["mese"].read()[:, :, 0, 0]
        for shift in ((0.0, 0.0, 0.0), (15.0, -8.0, 0.0))
    )
    np.testing.assert_allclose(moved[3:, :-2], still[:-3, 2:], rtol=2e-4, atol=0.5)


def test_the_truth_of_mtr_counts_fat_as_it_is_scanned():
    def saturated(truth, acquisitions, options):
        on = np.zeros(17)
        on[1] = 1.0
        return {"mese": truth["S0"][..., None] * (1 - on * truth["MTR"][..., None])}

    here = small(Disease(fat={"all": 0.5}))
    truth, _ = gathered(here)
    image = acquire(here, Scan.of(declare(saturated, MTR=0.3, S0=1.0)), 1)["mese"].read()
    there = image[..., 0] > 100.0
    measured = 1.0 - image[there][:, 1] / image[there][:, 0]
    np.testing.assert_allclose(measured, truth.maps["MTR"][there], atol=1e-4)


def test_the_nerves_truth_is_that_of_a_nerve():
    fine = Stack((120, 120), (1.3, 1.3), 2, 20.0, 4.0, 150.0, centre_x_mm=95.0)
    truth, rows = gathered(small(stack=fine))
    nerve, muscle = rows["sciatic-nerve", "right"], rows["muscle", "right"]
    assert 0.5 < nerve["FA"] < 0.6 and 0.2 < muscle["FA"] < 0.3
    assert 0.040 < nerve["T2"] < 0.055 and 0.01 < nerve["MTsat"] < 0.02 and 0.1 < nerve["FF"] < 0.4
    maps = truth.anisotropy()
    inside = truth.labels().mask("sciatic-nerve", "right")
    assert inside.sum() > 40 and 0.45 < np.median(maps["FA"][inside]) < 0.6
    assert (maps["V1"][inside][:, 2] > 0.95).all()
