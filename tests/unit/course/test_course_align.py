"""Two visits of one simulated nerve, repositioned by up to 15 mm; and what must not be laid on each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.course import centreline, shape
from neuromyo.course.align import Alignment, Signature, align, signature
from neuromyo.course.profile import Profile
from tests.oracles import tubes
from tests.unit.course.nerve_tubes import trace_of


def anatomy(rng, wave: float, size: float):
    """A random smooth function of place: 14 waves of about ``wave`` mm, sd ``size``."""
    phase, frequency = rng.uniform(0, 2 * np.pi, 14), rng.normal(0, 1 / wave, 14)
    return lambda z: size * np.sqrt(2 / 14) * np.cos(2 * np.pi * np.outer(z, frequency) + phase).sum(axis=1)


def made(distance, value, quantity="CSA") -> Profile:
    n = len(value)
    percent = 100 * (distance - distance[0]) / (distance[-1] - distance[0])
    return Profile(quantity, "mm2", distance, percent, value, np.full(n, np.nan), np.ones(n), np.ones(n), np.ones(n),
                   np.arange(n), Grid.of((2, 2, n), np.eye(4)))  # fmt: skip


def visit(rng, features, start, *, noise, gain=1.0, level=0.0, trend=-0.1, spacing=4.0, length=160.0) -> Signature:
    """Distances from the proximal end of what was followed, which lies at the place ``start`` of the nerve."""
    d = np.arange(0, length + 0.1, spacing)
    return Signature(tuple(
        made(d, level + gain * f(start + d) + trend * (start + d) + noise * rng.normal(size=len(d)), q) for q, f in features.items()
    ))  # fmt: skip


def draw(seed, *, same=True, noise=1.0, size=3.0, wave=60.0, names=("CSA", "T2")) -> tuple[float, Alignment | None]:
    """True shift, and the alignment found or None where it was refused. The second visit has another gain and level."""
    rng = np.random.default_rng(seed)
    first = {q: anatomy(rng, wave, size) for q in names}
    second = first if same else {q: anatomy(rng, wave, size) for q in names}
    shift = rng.uniform(-15, 15)
    a = visit(rng, first, 20.0, noise=noise)
    b = visit(rng, second, 20.0 - shift, noise=noise, gain=0.85, level=5.0, trend=-0.05)
    try:
        return shift, align(a, b)
    except DataError:
        return shift, None


def errors(draws):
    """Of those found: errors of the ones that are not in doubt, all errors, errors over their stated uncertainty."""
    found = [(a.shift_mm - s, a) for s, a in draws if a is not None]
    sure = np.array([e for e, a in found if not a.findings])
    return sure, np.array([e for e, _ in found]), np.array([e / a.se_mm for e, a in found])


@pytest.mark.parametrize("draws", [40, pytest.param(200, marks=pytest.mark.whole)])
def test_repositioning_is_found_to_two_millimetres(draws):
    """Acceptance: +-15 mm, error at most 2 mm; features of a third of their size in noise, another gain, level and trend."""
    sure, everything, scaled = errors([draw(seed) for seed in range(draws)])
    assert len(sure) >= 0.6 * draws and len(everything) >= 0.9 * draws
    assert np.percentile(np.abs(sure), 95) < 2.0 and np.median(np.abs(sure)) < 0.8
    assert np.abs(everything).max() < 4.0 and 0.6 < scaled.std() < 1.4


@pytest.mark.parametrize("draws", [30, pytest.param(200, marks=pytest.mark.whole)])
@pytest.mark.parametrize("wave", [40.0, 120.0])
def test_unlike_nerves_are_refused_or_in_doubt(wave, draws):
    answers = [draw(seed, same=False, wave=wave)[1] for seed in range(draws)]
    confident = [a for a in answers if a is not None and not a.findings]
    assert len(confident) <= 0.04 * draws


@pytest.mark.parametrize("seed", range(12))
def test_flat_profiles_are_refused(seed):
    rng = np.random.default_rng(seed)
    flat = {"CSA": anatomy(rng, 60.0, 1e-6), "T2": anatomy(rng, 60.0, 1e-6)}
    with pytest.raises(DataError, match="give the same bony landmark") as raised:
        align(visit(rng, flat, 20.0, noise=1.0), visit(rng, flat, 12.0, noise=1.0))
    assert raised.value.code == "E-COURSE"


def test_a_common_trend_is_no_feature():
    d = np.arange(0, 161, 4.0)
    with pytest.raises(DataError, match="stands out"):
        align(Signature([made(d, 50 - 0.1 * d)]), Signature([made(d, 49 - 0.1 * d)]))


def test_without_noise_the_shift_is_exact():
    shift, found = draw(3, noise=0.01)
    assert found is not None and found.shift_mm == pytest.approx(shift, abs=0.3) and not found.findings
    assert "CSA" in found.why and "T2" in found.why and found.quality > 0.99
    profile = made(np.arange(0, 50, 5.0), np.zeros(10))
    np.testing.assert_allclose(found.onto_second(profile).distance_mm, profile.distance_mm + found.shift_mm)


def test_the_split_alone_aligns_and_says_how_well():
    a, b = Signature(places={"split": (80.0, 1.5)}), Signature(places={"split": (92.0, 1.5)})
    found = align(a, b)
    assert found.shift_mm == pytest.approx(12.0, abs=0.1) and found.se_mm == pytest.approx(np.sqrt(5.5), rel=0.05)
    assert [f.code for f in found.findings] == ["W-ALIGN"]


def test_the_split_decides_between_shifts_that_profiles_cannot_tell_apart():
    """A profile that repeats itself every 30 mm: 13 mm and -17 mm are as likely."""
    rng = np.random.default_rng(0)
    d = np.arange(0, 161, 4.0)
    a, b = (made(d, 3 * np.sin(2 * np.pi * (d - s) / 30) + 0.5 * rng.normal(size=len(d))) for s in (0.0, 13.0))
    with pytest.raises(DataError, match="likeliest"):
        align(Signature([a]), Signature([b]))
    found = align(Signature([a], {"split": (80.0, 2.0)}), Signature([b], {"split": (92.0, 2.0)}))
    assert found.shift_mm == pytest.approx(13.0, abs=1.0) and not found.findings


def test_a_split_that_contradicts_the_profiles_is_said():
    rng = np.random.default_rng(4)
    features = {"CSA": anatomy(rng, 60.0, 3.0)}
    a, b = (visit(rng, features, start, noise=0.3) for start in (20.0, 20.0))
    found = align(Signature(a.profiles, {"split": (80.0, 1.0)}), Signature(b.profiles, {"split": (95.0, 1.0)}))
    assert any("profiles ask for a shift" in f.message for f in found.findings)


def test_bone_area_is_compared_as_it_is():
    """Of a quantity that does not change between visits, a plain taper tells the place."""
    rng = np.random.default_rng(2)
    d = np.arange(0, 161, 4.0)
    bone = [made(d, 400 - 1.5 * (d - s) + 3 * rng.normal(size=len(d)), "bone_CSA") for s in (0.0, 9.0)]
    with pytest.raises(DataError):
        align(Signature([bone[0]]), Signature([bone[1]]))
    found = align(*(Signature([one], rigid=["bone_CSA"]) for one in bone))
    assert found.shift_mm == pytest.approx(9.0, abs=1.0) and found.se_mm < 2


def test_a_landmark_in_doubt_narrows_the_search():
    rng = np.random.default_rng(11)
    a, b = (visit(rng, {"CSA": anatomy(rng, 60, 1e-6)}, 0.0, noise=1.0) for _ in range(2))
    found = align(a, b, landmark_sd_mm=3.0)
    assert abs(found.shift_mm) < 4 and found.findings, "noise adds nothing to what the landmark says"


def test_a_trace_signs_with_its_shape_and_its_split():
    trunk = trace_of(tubes.straight([0.2, 0, -1.0], (3, 2), 400.0))
    low = replace(trunk, sections=trunk.sections[:15])
    high = replace(trunk, sections=trunk.sections[15:], branches=(low,))
    line = centreline.course(high)
    signed = signature(high, line, shape.sections(high, line), others=[made(line.distance_mm, line.distance_mm, "T2")])
    assert [p.quantity for p in signed.profiles] == ["CSA", "flattening", "T2"]
    at, se = signed.places["split"]
    assert at == pytest.approx(line.distance_mm[-1] + 2.5 * np.hypot(1, 0.2), abs=0.1) and se == pytest.approx(2.5)


def test_nothing_in_common_is_refused():
    d = np.arange(0, 161, 4.0)
    with pytest.raises(DataError, match="known in both visits"):
        align(Signature([made(d, d, "CSA")]), Signature([made(d, d, "T2")]))
    with pytest.raises(DataError, match="known in both visits"):
        align(Signature([made(d, np.sin(d))]), Signature([made(d + 500, np.sin(d))]))
    with pytest.raises(OptionError):
        align(Signature(), Signature(), search_mm=0.0)
