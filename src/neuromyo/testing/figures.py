"""Promises about accuracy: noiseless signals recovered, and the figures of the domain kept under the declared noise.

The figures are Monte Carlo estimates, so that each limit is widened by what its own draws may scatter: the chance that
an estimator that just keeps its promise fails a check is under `FALSE_ALARM`. ``NEUROMYO_DRAWS=4000`` sharpens the
limits.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.stats import binom, chi2, norm

from neuromyo.core.quantity import Quantity
from neuromyo.fit.crlb import bound_of_signal
from neuromyo.fit.runner import fit_signals
from neuromyo.fit.uncertainty import numerical_gradient
from neuromyo.testing.promises import box_of, drawn
from neuromyo.testing.scene import Case, Truth, scene

FALSE_ALARM = 1e-3
BIAS, COVERAGE, RMSE = 0.2, (0.92, 0.97), 0.15
_WITHIN = 1.96
_LOST = 0.01
_NOISELESS = 0.005


def draws() -> int:
    """Draws a point: 400, or what NEUROMYO_DRAWS says."""
    return int(os.environ.get("NEUROMYO_DRAWS", "400"))


# --- the bound --------------------------------------------------------------------------------------------------------


def unknowns(case: Case) -> tuple[str, ...]:
    """What an estimate has to find: every truth of the example that no known map gives."""
    given = case.known({n: np.array([v]) for n, v in case.biomarker.example.items()})
    needs = case.biomarker.needs
    taken = {name for role in given for name in (role, getattr(needs[role], "quantity", role))}
    return tuple(n for n in case.biomarker.example if n not in taken)


def cramer_rao(case: Case, truth: Truth, sigma: np.ndarray) -> dict[str, np.ndarray]:
    """Smallest sd (m,) of each scalar quantity that has a truth, at truths (m,) and noise (m,)."""
    names = unknowns(case)
    theta = np.stack([truth[n] for n in names], axis=-1)

    def filled(t: np.ndarray) -> dict[str, np.ndarray]:
        return {**truth, **{n: t[..., i] for i, n in enumerate(names)}}

    def signal(t: np.ndarray) -> np.ndarray:
        parts = case.clean(filled(t))
        return np.concatenate([parts[r] for r in case.roles], axis=-1)

    covariance = bound_of_signal(signal, theta, sigma, case.biomarker.noise)
    step = 1e-4 * np.where(theta == 0, 1.0, np.abs(theta))
    out = {}
    for q in case.biomarker.voxel_quantities:
        if q.rank != "scalar" or case.true_value(q, truth) is None:
            continue
        slope = numerical_gradient(lambda t, q=q: np.asarray(case.true_value(q, filled(t))), theta, step)
        used = np.where(slope[..., :, None] * slope[..., None, :] == 0, 0.0, covariance)
        with np.errstate(invalid="ignore"):
            out[q.name] = np.sqrt(np.einsum("...i,...ij,...j->...", slope, used, slope))
    return out


# --- noiseless --------------------------------------------------------------------------------------------------------


def recovers_noiseless(case: Case) -> None:
    """Its own signal without noise comes back, over the domain's box, within 0.5 % or a tenth of the Cramer-Rao sd; so
    do the scalars it calibrates."""
    if case.biomarker.scope == "voxel":
        _recover(case, drawn(case, 200, "recover"))
    else:  # a uniform image a point, since neighbours matter
        points = drawn(case, 6, "recover")
        for i in range(6):
            _recover(case, case.truth({n: v[i] for n, v in points.items()}, 400))


def _recover(case: Case, truth: Truth) -> None:
    images = scene(case, case.clean(truth), truth)
    maps = images.run()
    snr = case.biomarker.domain.snr if case.biomarker.domain else 100.0
    bounds = cramer_rao(case, truth, case.first_sample(truth) / snr)
    for q in case.biomarker.voxel_quantities:
        wanted = case.true_value(q, truth)
        promised = case.biomarker.domain is None or q.name in case.biomarker.domain.quantities
        if wanted is None or not promised:
            continue
        _require_equal(q, images.voxels(maps[q.name].values), wanted, bounds.get(q.name), "noiseless")
    for name, scalar in maps.scalars.items():
        for there in case.regions.values():
            if name in there:
                assert abs(scalar.value - there[name]) <= 0.02 * abs(there[name]), (
                    f"calibrated {name} is {scalar.value:g}, the region was made with {there[name]:g}"
                )


def _require_equal(q: Quantity, found: np.ndarray, wanted: np.ndarray, sd: np.ndarray | None, what: str) -> None:
    size = np.linalg.norm(wanted, axis=-1, keepdims=True) if q.components > 1 else np.abs(wanted)
    allowed = _NOISELESS * size
    if sd is not None:
        allowed = np.maximum(allowed, 0.1 * np.where(np.isfinite(sd), sd, 0.0))
    wrong = ~(np.abs(found - wanted) <= allowed)
    if wrong.any():
        i = np.flatnonzero(wrong.reshape(len(found), -1).any(axis=1))[0]
        raise AssertionError(
            f"{what}: {q.name} is {found[i]} where {wanted[i]} is true ({int(wrong.sum())} such voxels)"
        )


def recovers_region_means(case: Case) -> None:
    """The mean signal of a region, without noise, gives the truth as well."""
    truth = drawn(case, 40, "means")
    scalars = scene(case, case.clean(truth), truth).calibration()
    found = fit_signals(case.biomarker, case.clean(truth), case.biomarker.typical, case.options,
                        known=case.known(truth), scalars=scalars, averaged=True)  # fmt: skip
    snr = case.biomarker.domain.snr if case.biomarker.domain else 100.0
    bounds = cramer_rao(case, truth, case.first_sample(truth) / snr)
    for name in case.biomarker.domain.quantities if case.biomarker.domain else ():
        q = case.biomarker.quantity(name)
        wanted = case.true_value(q, truth)
        if wanted is not None:
            _require_equal(q, found.values[name], wanted, bounds.get(name), "mean signal")


# --- the domain -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """What the draws at one point say of one quantity: bias and RMSE in Cramer-Rao sd, the share of draws that the
    predicted sd covers (None where it predicts none), how many draws had a value."""

    point: str
    quantity: str
    options: str
    draws: int
    kept: int
    bias: float
    rmse: float
    covered: float | None

    def __str__(self) -> str:
        said = "" if self.covered is None else f", covers {100 * self.covered:.1f} %"
        return (
            f"{self.quantity} at {self.point} ({self.options}, {self.draws} draws): bias {self.bias:+.3f}, "
            f"RMSE {self.rmse:.3f} Cramer-Rao sd{said}, {self.draws - self.kept} without a value"
        )


def domain_points(case: Case) -> list[dict[str, float]]:
    """The middle of the box and its corners (the first eight)."""
    box = box_of(case)
    corners = [dict(zip(box, ends, strict=True)) for ends in itertools.islice(itertools.product(*box.values()), 8)]
    return [{n: 0.5 * (low + high) for n, (low, high) in box.items()}, *corners]


def measure(case: Case, count: int) -> Iterator[Figures]:
    """The figures at every point, for the noise estimated and, where there is such an option, given."""
    domain = case.biomarker.domain
    assert domain is not None
    for point in domain_points(case):
        truth = case.truth(point, count)
        clean = case.clean(truth)
        sigma = float(case.first_sample(truth)[0]) / domain.snr
        label = " ".join(f"{n}={v:.4g}" for n, v in point.items())
        signals = case.noisy(clean, sigma, case.rng(label))
        one = {n: v[:1] for n, v in truth.items()}
        bounds = cramer_rao(case, one, np.array([sigma]))
        for options, said in _noise_options(case, sigma):
            maps = scene(case.with_(options=options), signals, truth, sigma)
            found = maps.run()
            for name in domain.quantities:
                q, m = case.biomarker.quantity(name), found[name]
                wanted = case.true_value(q, one)
                assert wanted is not None, f"the domain promises {name}, whose truth is not known: give it in expected"
                sd = None if m.sd is None else maps.voxels(m.sd)
                yield _figures(label, name, said, maps.voxels(m.values), float(wanted[0]), sd, float(bounds[name][0]))


def _noise_options(case: Case, sigma: float) -> list[tuple[object, str]]:
    variants: list[tuple[object, str]] = [(case.options, "default options")]
    if any(f.name == "noise" for f in fields(case.options)):
        variants.append((replace(case.options, noise=sigma), "noise given"))
    return variants


def _figures(
    point: str, name: str, options: str, values: np.ndarray, wanted: float, sd: np.ndarray | None, crb: float
) -> Figures:
    kept = np.isfinite(values)
    error = values[kept].astype(np.float64) - wanted
    covered = None if sd is None else float((np.abs(error) <= _WITHIN * sd[kept]).mean())
    return Figures(point, name, options, len(values), int(kept.sum()), float(error.mean() / crb),
                   float(np.sqrt((error**2).mean()) / crb), covered)  # fmt: skip


def keeps_its_figures(case: Case) -> None:
    """Over the domain, bias < 0.2 Cramer-Rao sd, coverage 92 to 97 %, RMSE within 15 % of the bound."""
    found = list(measure(case, draws()))
    broken = [f"{said}: {f}" for f in found for said in complaints(f, FALSE_ALARM / (8 * len(found)))]
    broken += pooled_complaints(found)
    assert not broken, f"{case.biomarker.id} does not keep its domain:\n" + "\n".join(broken)


def complaints(f: Figures, alarm: float) -> Iterator[str]:
    """What a point breaks, each limit widened to a chance ``alarm`` of breaking it by luck."""
    z = float(norm.isf(alarm / 2))
    if f.draws - f.kept > binom.isf(alarm, f.draws, _LOST):
        yield f"over {100 * _LOST:g} % without a value"
    if abs(f.bias) > BIAS + z * f.rmse / np.sqrt(f.kept):
        yield "bias"
    low, high = rmse_limits(f.kept, alarm)
    if not low <= f.rmse <= high:
        yield "RMSE"
    if f.covered is not None:
        low, high = coverage_limits(f.kept, alarm)
        if not low <= f.covered <= high:
            yield "coverage"


def rmse_limits(count: int, alarm: float) -> tuple[float, float]:
    """What RMSE over the bound may come to with that many draws."""
    spread = np.sqrt(chi2.ppf([alarm, 1 - alarm], count) / count)
    return float((1 - RMSE) * spread[0]), float((1 + RMSE) * spread[1])


def coverage_limits(count: int, alarm: float) -> tuple[float, float]:
    """What share may be covered with that many draws."""
    return float(binom.ppf(alarm, count, COVERAGE[0]) / count), float(binom.isf(alarm, count, COVERAGE[1]) / count)


def pooled_complaints(found: list[Figures]) -> list[str]:
    """All points of one quantity together must keep coverage and RMSE too, with the sharper limits of more draws."""
    out = []
    for key in dict.fromkeys((f.quantity, f.options) for f in found):
        group = [f for f in found if (f.quantity, f.options) == key]
        count = sum(f.kept for f in group)
        rmse = float(np.sqrt(sum(f.rmse**2 * f.kept for f in group) / count))
        low, high = rmse_limits(count, FALSE_ALARM / 8)
        if not low <= rmse <= high:
            out.append(f"RMSE of {key} over all points: {rmse:.3f} Cramer-Rao sd, allowed {low:.3f} to {high:.3f}")
        if all(f.covered is not None for f in group):
            covered = sum(f.covered * f.kept for f in group if f.covered is not None) / count
            low, high = coverage_limits(count, FALSE_ALARM / 8)
            if not low <= covered <= high:
                out.append(f"coverage of {key} over all points: {covered:.4f}, allowed {low:.4f} to {high:.4f}")
    return out
