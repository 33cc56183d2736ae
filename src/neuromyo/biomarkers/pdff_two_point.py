r"""Fat fraction from two complex gradient echoes (two-point Dixon).

.. math:: S_1 = (w + c_1 f)\,e^{i\varphi}, \quad S_2 = (w + c_2 f)\,e^{i\varphi}\,p, \qquad
    FF = \Re\frac{f/k_f}{w/k_w + f/k_f}

with fat's signal c of several peaks and the field's phasor p. The magnitudes leave two candidates of p a voxel; regions grown from the
strongest voxels, and repeated smoothing, choose the one that varies slowly (`fit.two_point`). Whether a whole piece of the body is
exchanged is told by two signs: a field near zero, and fat under the skin. With the smoothed p, water and fat are a linear solution, so that
FF has no noise bias and may come out below 0.

*Assumes* R2* of the option (``r2star``; two echoes cannot tell it), T1s for the proton count, a body with fat under its skin or a
field near zero. *Breaks* where fat has about the same phase at both echoes (E-PROTOCOL), with susceptibility that the smoothed field
does not follow, and by swaps: pieces on which the two signs disagree are AMBIGUOUS and W-SWAP.

*Cites* Eggers et al., Magn Reson Med 2011;65:96, doi:10.1002/mrm.22578; Xiang, Magn Reson Med 2006;56:572,
doi:10.1002/mrm.20984.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neuromyo.biomarkers import _fat_weight, _fields
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit import two_point

#: fat's phasors at the two echoes are apart by this or more: below it, noise is amplified more than three times
_APART = 0.6
#: how deep the fat under the skin is looked for, mm
_RIM_MM = 8.0
_SWEEPS = 12
#: pieces of fewer voxels are not judged
_PIECE = 30


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    fat_spectrum: str = _fat_weight.spectrum_option()
    field_smoothing: float = option(
        8.0, "full width at half maximum over which the field's phasor is smoothed", unit="mm", low=0.0, high=40.0
    )
    r2star: float = option(35.0, "R2* of all tissue, which two echoes cannot tell", unit="1/s", low=0.0, high=500.0)
    t1_weighting: str = _fat_weight.weighting_option()
    water_t1: float = _fat_weight.water_t1_option()
    fat_t1: float = _fat_weight.fat_t1_option()
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the air around the body", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth FF (of protons), S0, optionally B0 (Hz), R2star (1/s), T1, FatT1 (s), phase (rad), shape (...) -> complex (..., n)."""
    acquisition = acquisitions["gre"]
    times = np.asarray(acquisition.echo_times)

    def of(name: str, default: float) -> np.ndarray:
        return np.asarray(truth.get(name, default), float)[..., None]

    fat = _fat_weight.fat_phasor(acquisition, options, times)
    water, lipid = (
        _fat_weight.weight(acquisition, of(n, d)) for n, d in (("T1", options.water_t1), ("FatT1", options.fat_t1))
    )
    ff, sign = of("FF", 0.0), acquisition.precession_sign or 1
    turned = np.exp(
        sign * 2j * np.pi * of("B0", 0.0) * times + 1j * of("phase", 0.0) - of("R2star", options.r2star) * times
    )
    return {"gre": of("S0", 1.0) * ((1 - ff) * water + ff * lipid * fat) * turned}


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """FF of complex signals (x, y, z, 2)."""
    acquisition = inputs.acquisitions["gre"]
    order, times, fat = _echoes(acquisition, options)
    signals = inputs.signals["gre"][..., order] * np.exp(options.r2star * (times - times[0])).astype(np.float32)
    size = np.abs(signals)
    sigma = _fields.noise_of(options.noise, np.abs(inputs.signals["gre"]))
    inside = _fields.body(size.mean(axis=-1), inputs.mask, sigma)
    reason = _fields.outside(size.sum(axis=-1), inside)
    kw, kf, findings = _fat_weight.weights(acquisition, options, "pdff-two-point")
    ff, sd = np.full(inside.shape, np.nan), np.full(inside.shape, np.nan)
    if inside.any():
        phasor, unsure, said = _field(signals, fat, inside, inputs.grid, options.field_smoothing)
        reason[unsure] = Reason.AMBIGUOUS
        findings += said
        water, lipid = two_point.solve(signals[inside].astype(np.complex128), fat, phasor[inside])
        ff[inside], sd[inside] = _fraction(water / kw, lipid / kf, _gains(fat, times, options.r2star, kw, kf))
    sds = {"FF": sd * sigma} if np.isfinite(sigma) else {}
    return Estimate({"FF": ff}, reason, sds, findings=findings)


def _echoes(acquisition: Acquisition, options: Options) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Two echoes by rising time, their times, fat's phasors there: the first two that are far enough apart in fat's phase."""
    times = np.asarray(acquisition.echo_times)
    order = [int(i) for i in np.argsort(times, kind="stable")]
    fat = _fat_weight.fat_phasor(acquisition, options, times)
    chosen = max(itertools.pairwise(order), key=lambda pair: (abs(fat[pair[1]] - fat[pair[0]]), -pair[1]))
    apart = float(abs(fat[chosen[1]] - fat[chosen[0]]))
    if apart < _APART:
        raise ProtocolError(
            "E-PROTOCOL", where="pdff-two-point: EchoTime", needed="two echoes at which fat differs in phase (out of phase and in phase)",
            found=f"{', '.join(f'{1e3 * t:.3g}' for t in times[order])} ms, at which fat's signals are {apart:.2f} of its size apart",
            remedy="acquire e.g. 1.15 and 2.3 ms at 3 T",
        )  # fmt: skip
    return list(chosen), times[list(chosen)], fat[list(chosen)]


# --- the field --------------------------------------------------------------------------------------------------------


def _field(
    signals: np.ndarray, fat: np.ndarray, inside: np.ndarray, grid: Grid | None, fwhm_mm: float
) -> tuple[np.ndarray, np.ndarray, tuple[Finding, ...]]:
    """The smoothed phasor of the field (x, y, z), where a whole piece may be exchanged, and what to tell of that."""
    x, p = (np.zeros((*inside.shape, 2)), np.zeros((*inside.shape, 2), np.complex128))
    x[inside], p[inside] = two_point.candidates(signals[inside], fat)
    weight = np.where(inside, np.abs(signals).max(axis=-1), 0.0).astype(np.float64)
    spacing = np.ones(3) if grid is None else np.asarray(grid.spacing_mm)
    choice, piece = two_point.grow(p, weight, inside, spacing.min() / spacing)
    smoother = _fields.Smoother(grid, fwhm_mm)
    choice = _settled(choice, p, weight, inside, smoother)
    rim = _rim(inside, spacing, 2 if grid is None else grid.slice_axis)
    exchanged, unsure = _exchanged(choice, piece, x, p, weight, rim)
    choice = np.where(exchanged[piece] & inside, 1 - choice, choice)
    chosen = np.where(choice == 1, p[..., 1], p[..., 0]) * inside
    smooth = _smoothed(chosen * weight**2, smoother) if fwhm_mm > 0 else chosen
    size = np.abs(smooth)
    found = unsure[piece] & inside
    return np.where(size > 0, smooth / np.where(size > 0, size, 1), 1.0), found, _tell(found, inside)


def _smoothed(values: np.ndarray, smoother: _fields.Smoother) -> np.ndarray:
    return smoother.sum(np.real(values)) + 1j * smoother.sum(np.imag(values))


def _settled(
    choice: np.ndarray, p: np.ndarray, weight: np.ndarray, inside: np.ndarray, smoother: _fields.Smoother
) -> np.ndarray:
    """The choices, each made to agree with its surroundings, over and over until nothing changes."""
    for _ in range(_SWEEPS):
        around = _smoothed(np.where(choice == 1, p[..., 1], p[..., 0]) * weight * inside, smoother).conj()
        new = np.where(np.real(p[..., 1] * around) > np.real(p[..., 0] * around), 1, 0).astype(np.uint8)
        new[~inside] = 255
        if np.array_equal(new, choice):
            break
        choice = new
    return choice


def _rim(inside: np.ndarray, spacing: np.ndarray, axis: int) -> np.ndarray:
    """(x, y, z) bool: the body within `_RIM_MM` of the outer air, slice by slice across ``axis``; nothing where the body fills
    the image."""
    slices = np.moveaxis(inside, axis, 0)
    in_plane = [float(s) for a, s in enumerate(spacing) if a != axis]
    rim = np.zeros_like(slices)
    for k, one in enumerate(slices):
        filled = ndimage.binary_fill_holes(one)
        if filled is not None and not filled.all():
            rim[k] = one & (_fields.depth(filled, in_plane) <= _RIM_MM)
    return np.moveaxis(rim, 0, axis)


def _exchanged(
    choice: np.ndarray, piece: np.ndarray, x: np.ndarray, p: np.ndarray, weight: np.ndarray, rim: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each piece (0 is none): whether water and fat are to be exchanged in it, and whether that is unsure.

    A right choice has a field near zero (the mean cosine of its phase is the larger) and more fat near the skin than within.
    """
    count = int(piece.max()) + 1
    label = piece.ravel()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(label, weights=values.ravel(), minlength=count)

    taken = np.where(choice == 1, 1, 0)[..., None]
    mine, other = (np.real(np.take_along_axis(p, t, axis=-1)[..., 0]) for t in (taken, 1 - taken))
    voxels = np.maximum(total(weight), 1e-30)
    field = total(weight * (mine - other)) / voxels
    share, opposite = (np.take_along_axis(x, t, axis=-1)[..., 0] for t in (taken, 1 - taken))
    deep = (piece > 0) & ~rim
    skin = np.zeros(count)
    n_rim, n_deep = total(rim * weight), total(deep * weight)
    both = (n_rim > 0) & (n_deep > 0)
    for sign, one in ((1.0, share), (-1.0, opposite)):
        edge, core = total(one * rim * weight), total(one * deep * weight)
        skin[both] += sign * (edge[both] / n_rim[both] - core[both] / n_deep[both])
    evidence = field + skin
    small = np.bincount(label, minlength=count) < _PIECE
    unsure = small | ((field * skin < 0) & (np.minimum(np.abs(field), np.abs(skin)) > 0.1)) | (np.abs(evidence) < 0.1)
    exchanged = evidence < 0
    exchanged[0] = unsure[0] = False
    return exchanged, unsure


def _tell(unsure: np.ndarray, inside: np.ndarray) -> tuple[Finding, ...]:
    share = unsure.sum() / max(1, inside.sum())
    if share < 0.01:
        return ()
    return (Finding("warn", "W-SWAP", "pdff-two-point", f"in {100 * share:.0f} % of the body nothing tells water from fat for certain",
                    "look at the map, or acquire three echoes or more for pdff", "water and fat may be exchanged there"),)  # fmt: skip


# --- the fraction -----------------------------------------------------------------------------------------------------


def _gains(fat: np.ndarray, times: np.ndarray, r2star: float, kw: float, kf: float) -> tuple[np.ndarray, np.ndarray]:
    """How water and fat (over their weights) answer to the noise of the two echoes: two rows of complex factors."""
    grown = np.array([1.0, np.exp(r2star * (times[1] - times[0]))])
    lipid = np.array([-1.0, 1.0]) / (fat[1] - fat[0])
    water = np.array([1.0, 0.0]) - fat[0] * lipid
    return water * grown / kw, lipid * grown / kf


def _fraction(
    water: np.ndarray, lipid: np.ndarray, gains: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    r"""FF and its sd for unit noise: var FF = (1/|w + f|^2) sum |(1 - FF) g_f - FF g_w|^2."""
    total = water + lipid
    with np.errstate(divide="ignore", invalid="ignore"):
        ff = np.real(lipid * total.conj()) / np.abs(total) ** 2
        lever = (1 - ff)[:, None] * gains[1] - ff[:, None] * gains[0]
        return ff, np.sqrt((np.abs(lever) ** 2).sum(axis=1)) / np.abs(total)


BIOMARKER = Biomarker(
    id="pdff-two-point",
    title="fat fraction (two-point Dixon)",
    doi=("10.1002/mrm.22578", "10.1002/mrm.20984"),
    needs={
        "gre": SeriesNeed(kinds=("MEGRE",), part="complex", min_volumes=2, required=("echo_times", "field_strength")),
    },
    gives=(Quantity("FF", "fat fraction", "%", (-0.5, 1.5), "PDFF", window=(0.0, 1.0)),),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    noise="complex",
    typical={
        "gre": Acquisition(
            echo_times=(0.00115, 0.0023), repetition_time=0.01, flip_angles_deg=(3.0,), field_strength=3.0
        )
    },
    example={"FF": 0.2, "S0": 1000.0, "B0": 20.0},
    bias_table="docs/accuracy/pdff_two_point.md",
    caption="Share of fat among the protons, from an out-of-phase and an in-phase echo; R2* is assumed.",
    constants=_fat_weight.CONSTANTS,
)
