"""Places of values in a norm: numbers put together with flags, and refusals that say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.norm import Body, Place
from neuromyo.norms import mixture
from neuromyo.norms.covariates import Covariates

if TYPE_CHECKING:
    from neuromyo.norms.placing import Norm

#: below this age, and more than so many years below the youngest control, a person is a child to whom adults tell nothing
ADULT, NEAR = 18.0, 5.0
#: agreement below which local controls and literature disagree; people below which a norm rests on few; leverage, in
#: those of the average control, above which few controls decide
CONFLICT, FEW, LEVERAGE = 0.6, 10.0, 2.0
CHUNK = 256


def places(norm: Norm, values: np.ndarray, bodies: Sequence[Body]) -> list[Place]:
    """One `Place` a value."""
    found: list[Place] = []
    for start in range(0, len(values), CHUNK):
        found.extend(_chunk(norm, values[start : start + CHUNK], bodies[start : start + CHUNK]))
    return found


def _chunk(norm: Norm, values: np.ndarray, bodies: Sequence[Body]) -> list[Place]:
    raw = norm.summary.options.covariates.raw(bodies)
    effective = effective_people(norm, raw)
    z, ends, bands = norm.z(values, bodies), norm.intervals(values, bodies), norm.bands(bodies)
    centiles = mixture.centile(z)
    out = []
    for i, value in enumerate(values):
        base = Place(float(value), n_controls=norm.n_controls, n_effective=float(effective[i]), agreement=norm.agreement,
                     sources=norm.sources, norm=norm.name, flags=_flags(norm, raw[i], bodies[i], float(effective[i])))  # fmt: skip
        why = _refusal(norm, float(value), raw[i], float(effective[i]))
        if why:
            out.append(replace(base, refused=why))
            continue
        # far out, z may lie nearer to the middle than the interval does: the interval is given down to it
        interval = (float(min(ends[i, 0], z[i])), float(max(ends[i, 1], z[i])))
        out.append(replace(base, z=float(z[i]), centile=float(centiles[i]), z_interval=interval,
                         normal=(float(bands[i, 0]), float(bands[i, 1]), float(bands[i, 2]))))  # fmt: skip
    return out


def effective_people(norm: Norm, raw: np.ndarray) -> np.ndarray:
    """(n,) how many independent healthy people the norm is worth for persons with these covariates.

    All of them for a person like the controls, fewer beyond their edge: N min(1, 2 average leverage / leverage),
    leverage = 1/n + (x - xbar)' V (x - xbar) with V the covariance of the slopes in units of the residual variance. Up to
    twice the average leverage is what one expects among the controls themselves (Hoaglin & Welsch 1978).
    Never more than N; covariates that are not known of the person are taken as the controls' mean.
    """
    leverage, average = _leverage(norm, raw)
    return norm.n_effective * np.minimum(1.0, LEVERAGE * average / leverage)


def _leverage(norm: Norm, raw: np.ndarray) -> tuple[np.ndarray, float]:
    middle, spread, slopes, people = norm.centre
    x = norm.summary.options.covariates.scaled(raw)[:, 1:]
    away = np.where(np.isnan(x), 0.0, x - middle)
    return 1 / people + np.einsum("ni,ij,nj->n", away, slopes, away), float(1 / people + (slopes * spread).sum())


def _refusal(norm: Norm, value: float, raw: np.ndarray, effective: float) -> str:
    if not np.isfinite(value):
        return "there is no value"
    if not norm.transform.lawful(value):
        return f"{value:g} {norm.key.unit} cannot be: {norm.key.quantity} has to be {norm.transform.domain}"
    names = norm.summary.options.covariates.names
    if "age" in names and raw[names.index("age")] < min(ADULT, norm.support["age"][0] - NEAR):
        return f"the norm is of people from {norm.support['age'][0]:g} years on, and children are no small adults"
    least = norm.summary.options.least_effective
    if effective < least:
        far = ", ".join(what for what, _ in _beyond(norm, raw))
        who = f" ({far})" if far else ""
        return (f"the norm's {norm.n_controls} controls are worth only {effective:.1f} for a person this unlike them{who}; "
                f"{least:g} are needed: add controls of this kind")  # fmt: skip
    return ""


def beyond(norm: Norm, body: Body) -> tuple[str, ...]:
    """What of a person lies outside of the controls, in words: ``age 81 years (controls: 20 to 75 years)``."""
    raw = norm.summary.options.covariates.raw([body])[0]
    return tuple(f"{what} (controls: {theirs})" for what, theirs in _beyond(norm, raw))


def _beyond(norm: Norm, raw: np.ndarray) -> list[tuple[str, str]]:
    """(``age 81 years``, ``20 to 75 years``) of each covariate that lies outside."""
    covariates = norm.summary.options.covariates
    words = []
    for j, name in enumerate(covariates.names):
        if _outside(norm, name, raw[j]):
            low, high = (covariates.said(name, end) for end in norm.support[name])
            theirs = high if low == high else f"{low.partition(' ')[0]} to {high}"
            words.append((f"{name} {covariates.said(name, raw[j])}", theirs))
    return words


def _outside(norm: Norm, name: str, value: float) -> bool:
    low, high = norm.support[name]
    return bool(value < low - 1e-9 or value > high + 1e-9)


def _flags(norm: Norm, raw: np.ndarray, body: Body, effective: float) -> tuple[str, ...]:
    covariates: Covariates = norm.summary.options.covariates
    said = {
        "W-EXTRAPOLATED": any(_outside(norm, name, raw[j]) for j, name in enumerate(covariates.names)),
        "W-FEW": effective < FEW,
        "W-LEVERAGE": effective < norm.n_effective * (1 - 1e-9),
        "W-CONFLICT": norm.agreement < CONFLICT,
        "W-NEWSITE": body.site not in norm.sites,
        "W-COVARIATE": bool(np.isnan(raw).any()),
        "N-LOCALONLY": not norm.published,
    }
    return tuple(code for code, there in said.items() if there)
