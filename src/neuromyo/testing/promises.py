"""Promises about single voxels: bad ones, their neighbours, shapes, chunks, threads and the order of volumes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Estimate
from neuromyo.core.errors import ResourceError
from neuromyo.core.maps import Maps
from neuromyo.core.reasons import Reason, keeps_value
from neuromyo.fit.runner import fit_signals
from neuromyo.testing.scene import Case, Scene, Truth, scene

_SNR = 100.0
#: agreement of numbers that different array shapes may add up in another order
_RELATIVE = 1e-5
_SLACK_MB = 16
#: a slice of more than one block of the runner
_LARGE = (50, 50)


def box_of(case: Case) -> dict[str, tuple[float, float]]:
    """Where to draw truths: the domain's box, else 5 % to both sides of the example."""
    if case.biomarker.domain is not None:
        return dict(case.biomarker.domain.box)
    return {n: (min(0.95 * v, 1.05 * v), max(0.95 * v, 1.05 * v)) for n, v in case.biomarker.example.items()}


def drawn(case: Case, count: int, salt: str) -> dict[str, np.ndarray]:
    """``count`` truths, even over the box."""
    rng = case.rng(salt)
    return case.truth({n: rng.uniform(low, high, count) for n, (low, high) in box_of(case).items()}, count)


def _noisy_scene(case: Case, count: int, salt: str, **layout: Any) -> Scene:
    truth = drawn(case, count, salt)
    sigma = float(np.median(case.first_sample(truth))) / _SNR
    return scene(case, case.noisy(case.clean(truth), sigma, case.rng(salt + " noise")), truth, sigma, **layout)


def require_consistent(maps: Maps) -> None:
    """A value stands exactly where the reason keeps one, and lies in the plausible range."""
    for name, m in maps.maps.items():
        finite = np.isfinite(m.values)
        finite = finite.all(axis=-1) if finite.ndim == 4 else finite
        wrong = finite != keeps_value(m.reason)
        assert not wrong.any(), f"{name}: {int(wrong.sum())} voxels where value and reason contradict each other"
        if m.sd is not None:
            assert m.sd.shape == m.values.shape, f"{name}: sd has shape {m.sd.shape}, values {m.values.shape}"


def _same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], where: np.ndarray | None, what: str) -> None:
    for name, x in a.items():
        here, there = (x, b[name]) if where is None else (x[where], b[name][where])
        assert here.tobytes() == there.tobytes(), f"{what}: {name} differs in {_differing(here, there)} numbers"


def _differing(a: np.ndarray, b: np.ndarray) -> int:
    return int((~((a == b) | ((a != a) & (b != b)))).sum())


# --- every scope ------------------------------------------------------------------------------------------------------


def repeats_itself(case: Case) -> None:
    """The same images give the same bits."""
    images = _noisy_scene(case, 120, "repeat")
    maps = images.run()
    require_consistent(maps)
    _same(images.arrays(maps), images.arrays(images.run()), None, "a second run")


def survives_anything(case: Case) -> None:
    """Far outside the domain, at any scale, in pure noise: finite, or NaN with a reason; never an error or warning."""
    b, rng = case.biomarker, case.rng("outside")
    limits = {q.name: q.plausible for q in b.gives if q.rank == "scalar"}
    points = {}
    for name, (low, high) in box_of(case).items():
        wide = (low - 2 * (high - low), high + 4 * (high - low))
        bottom, top = limits.get(name, wide)
        points[name] = rng.uniform(max(wide[0], bottom), min(wide[1], top), 240)
    truth = case.truth(points, 240)
    clean = case.clean(truth)
    first = np.abs(clean[case.roles[0]][..., 0])
    sigma = np.where(first > 0, first, 1.0) * 10.0 ** rng.uniform(-3, 0.5, 240)
    noisy = case.noisy(clean, sigma, rng)
    scale = np.repeat([1e-6, 1.0, 1e6, 1.0], 60)
    for role, s in noisy.items():
        s *= scale.reshape(-1, *[1] * (s.ndim - 1))
        s[180:] -= clean[role][180:]  # noise alone
        noisy[role] = s if b.noise != "rician" else np.abs(s)
    require_consistent(scene(case, noisy, truth, float(np.median(sigma))).run())


# --- voxel scope ------------------------------------------------------------------------------------------------------


def _spoilt(signal: np.ndarray, how: str) -> np.ndarray:
    out = signal.copy()
    if how == "nan":
        out[...] = np.nan
    elif how == "one nan":
        out[..., -1] = np.nan
    elif how == "inf":
        out[..., 0] = np.inf
    elif how == "zeros":
        out[...] = 0
    elif how == "constant":
        out[...] = out[..., :1]
    else:
        out[...] = -out
    return out


def bad_voxel_spoils_no_other(case: Case) -> None:
    """A voxel of NaN, Inf or zeros is NaN with a reason, and to the others it is as if it were masked, calibration
    included; constant and negative ones never raise, and change no other for the same calibration."""
    good = _noisy_scene(case, 90, "bad voxel")
    held = good.calibration()
    bad = np.zeros(90, dtype=bool)
    bad[7::13] = True
    hidden = good.mask.copy()
    hidden[*np.unravel_index(np.flatnonzero(bad), good.mask.shape[:2]), 0] = False
    masked, unmasked = good.arrays(good.run(mask=hidden)), good.arrays(good.run(scalars=held))
    for how in ("nan", "one nan", "inf", "zeros", "constant", "negative"):
        changed = {}
        for role, s in good.series.items():
            data = s.read().copy()
            place = np.flatnonzero(bad)
            x, y = np.unravel_index(place, good.mask.shape[:2])
            data[x, y, 0] = _spoilt(data[x, y, 0], how)
            changed[role] = s.with_data(data)
        spoilt = _replaced(good, changed)
        calibrated = how in ("nan", "one nan", "inf", "zeros")
        settings: dict[str, Any] = {} if calibrated else {"scalars": held}
        after = spoilt.run(**settings)
        require_consistent(after)
        _same(masked if calibrated else unmasked, good.arrays(after), ~bad, f"neighbours of a voxel of {how}")
        if calibrated:
            for name, m in after.maps.items():
                reason = good.voxels(m.reason)[bad]
                assert not keeps_value(reason).any(), (
                    f"{name}: a voxel of {how} was given a value ({set(reason.tolist())})"
                )
                assert (reason != Reason.MASKED).all(), f"{name}: a voxel of {how} passes for one outside the mask"


def _replaced(old: Scene, series: Mapping[str, Any]) -> Scene:
    return Scene(old.case, old.count, old.slices, series, old.known, old.regions, old.mask)


def takes_any_leading_shape(case: Case) -> None:
    """One voxel (n,), a list (m, n), an image (a, b, n), and none at all (0, n): the same values."""
    images = _noisy_scene(case, 12, "shapes")
    truth, scalars = drawn(case, 12, "shapes"), images.calibration()
    flat = {r: images.voxels(s.read()) for r, s in images.series.items()}
    listed = _estimated(case, flat, truth, scalars, (12,))
    shaped = _estimated(case, {r: s.reshape(3, 4, -1) for r, s in flat.items()}, truth, scalars, (3, 4))
    _close(case, listed, shaped, lambda a: a.reshape(12, *a.shape[2:]), "(3, 4, n)")
    for i in (0, 11):
        one = _estimated(case, {r: s[i] for r, s in flat.items()}, {n: v[i] for n, v in truth.items()}, scalars, ())
        picked = _picked(case, listed, i)
        _close(case, picked, one, lambda a: a, "(n,)")
    _estimated(case, {r: s[:0] for r, s in flat.items()}, {n: v[:0] for n, v in truth.items()}, scalars, (0,))


def _estimated(
    case: Case, signals: Mapping[str, np.ndarray], truth: Truth, scalars: Mapping[str, float], lead: tuple[int, ...]
) -> Estimate:
    known = {r: m.reshape(lead) for r, m in case.known(truth).items()}
    found = fit_signals(case.biomarker, signals, case.biomarker.typical, case.options, known=known, scalars=scalars)
    for q in case.biomarker.voxel_quantities:
        tail = () if q.components == 1 else (q.components,)
        value, reason = found.values[q.name], found.reason_of(q.name)
        assert np.shape(value) == (*lead, *tail), (
            f"{q.name}: values of shape {np.shape(value)} for leading shape {lead}"
        )
        assert np.shape(reason) == lead, f"{q.name}: reasons of shape {np.shape(reason)} for leading shape {lead}"
        if q.name in found.sd:
            assert np.shape(found.sd[q.name]) == (*lead, *tail), f"{q.name}: sd of shape {np.shape(found.sd[q.name])}"
    return found


def _picked(case: Case, found: Estimate, i: int) -> Estimate:
    names = [q.name for q in case.biomarker.voxel_quantities]
    return Estimate({n: found.values[n][i] for n in names}, {n: found.reason_of(n)[i] for n in names})


def _close(case: Case, a: Estimate, b: Estimate, turn, what: str) -> None:
    for q in case.biomarker.voxel_quantities:
        assert np.array_equal(a.reason_of(q.name), turn(np.asarray(b.reason_of(q.name)))), (
            f"{q.name}: reasons of {what}"
        )
        np.testing.assert_allclose(a.values[q.name], turn(np.asarray(b.values[q.name])), rtol=_RELATIVE, err_msg=what)


def same_bits_however_run(case: Case) -> None:
    """Chunked by a small memory budget or whole, one thread or two, and for a held calibration in whatever order the
    voxels come: the same bits."""
    images = _noisy_scene(case, 3 * 2500 - 300, "bits", plane=_LARGE)
    whole = images.arrays(images.run(memory_mb=4000, threads=1))
    for settings in ({"memory_mb": 1, "threads": 1}, {"memory_mb": 1, "threads": 2}, {"memory_mb": 4000, "threads": 2}):
        _same(whole, images.arrays(images.run(**settings)), None, f"run with {settings}")
    held = images.calibration()
    maps = images.run(scalars=held)
    order = case.rng("order").permutation(images.count)
    truth = {n: v[order] for n, v in drawn(case, images.count, "bits").items()}
    shuffled = {r: images.voxels(s.read())[order] for r, s in images.series.items()}
    turned = scene(case, shuffled, truth, plane=_LARGE)
    ordered = {name: v[order] for name, v in images.arrays(maps).items()}
    _same(ordered, turned.arrays(turned.run(scalars=held)), None, "voxels in another order")


def volumes_in_any_order(case: Case) -> None:
    """Volumes and their parameters shuffled together give the same; to the bit for echoes of one train."""
    images = _noisy_scene(case, 200, "volumes")
    series = {}
    exact = True
    for role, s in images.series.items():
        if (s.acquisition.n_volumes or 1) == s.n and s.n > 1:
            order = tuple(int(i) for i in case.rng("order").permutation(s.n))
            turned = s.with_data(s.read()[..., list(order)])
            series[role] = type(s)(
                turned.data, s.grid, s.acquisition.select(order), s.kind, s.part, s.entities, s.files
            )
            exact &= s.acquisition.echo_times is not None and len(s.acquisition.echo_times) == s.n
        else:
            series[role] = s
    before, after = images.run(), _replaced(images, series).run()
    if exact:
        a, b = images.arrays(before), images.arrays(after)
        _same(a, b, None, "volumes in another order")
        return
    for name, m in before.maps.items():
        other = after[name]
        assert np.array_equal(m.reason, other.reason), f"{name}: reasons change with the order of the volumes"
        np.testing.assert_allclose(m.values, other.values, rtol=_RELATIVE, atol=0, err_msg=name)


# --- slice and image scope --------------------------------------------------------------------------------------------


def keeps_to_its_memory(case: Case) -> None:
    """Refuses a budget below its need with E-MEMORY, and stays within the budget it accepts."""
    images = _noisy_scene(case, 4 * 64 * 64, "memory", plane=(64, 64))
    try:
        images.run(memory_mb=0)
    except ResourceError as error:
        assert error.code == "E-MEMORY", f"refused with {error.code}"  # noqa: PT017 - pytest is not needed here
    else:
        raise AssertionError("a budget of nothing was taken")
    size = sum(s.n * s.data.dtype.itemsize for s in images.series.values()) * images.mask.size
    budget = int(np.ceil(4 * size / 2**20))
    images.run(memory_mb=budget)
    tracemalloc.start()
    try:
        images.run(memory_mb=budget)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert peak <= budget + _SLACK_MB, f"{peak:.0f} MB were used under a budget of {budget} MB"
