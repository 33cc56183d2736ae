r"""Whether a resolution supports a number about fascicles, judged by simulation with the very estimator that gives the number.

Nerves with fascicles of a given range of diameters and a dark sheath are made up at the pixel size, blur, thickness and noise of the
images (`fascicle_scene`), at a low and at a high share of fascicle, in either contrast, and with bright fascicles among them; each is
measured as an image is. What was simulated beforehand (`fascicle_table`) answers for all that lies between; only beyond it nerves
are made up when asked. The rule:

* ``fascicle_to_nerve_ratio``, ``fascicular_volume``: the mean error of the share is below 0.03, at the low and at the high share;
* ``fascicle_count``: the mean absolute error is 10 % at most;
* ``fascicle_area``, ``largest_fascicle_area``: the count is supported, and the mean error is 10 % at most;
* ``bright_fascicle_fraction``: the count is supported, and the mean error of the share is below 0.1.

*Assumes* what `fascicle_scene` assumes, a blur and a sheath that are known. *Breaks* where the nerve holds smaller
fascicles than those stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.fascicles import fascicle_bright, fascicle_fit, fascicle_scene, fascicle_split
from neuromyo.fascicles.fascicle_scene import Scene, Setting
from neuromyo.fascicles.fascicle_table import KINDS, LIMITS, needed_mm, supported, table, worst

#: shares of fascicle at which nerves are made up
LOW, HIGH = 0.30, 0.45
#: nerves made up for each of them, and as many with bright fascicles
NERVES = 6
#: a fascicle is bright in the simulation where its contrast is 1.5 times that of the others; the limit lies half way
_BRIGHT, _BRIGHT_SHARE = 1.5, 0.3
#: arguments are rounded to these steps before anything is simulated: pixel, blur and smear (mm), contrast to noise (relative)
_STEP_MM, _CNR_RATIO = 0.01, 1.25

_QUANTITIES = {
    "fascicle_to_nerve_ratio": ("share", "error of the share"),
    "fascicular_volume": ("share", "error of the share"),
    "fascicle_count": ("count", "error of the count"),
    "fascicle_area": ("area", "relative error of the mean area"),
    "largest_fascicle_area": ("largest", "relative error of the largest area"),
    "bright_fascicle_fraction": ("bright", "error of the bright share"),
}
QUANTITIES = tuple(_QUANTITIES)


@dataclass(frozen=True)
class Verdict:
    """Whether a number is given.

    bias : what was judged: mean error (count: mean absolute relative error) in the simulation
    scatter : root mean square error of one section of a nerve with a dozen fascicles
    n : nerves that were made up
    needed_mm : a pixel size that would do at the same contrast to noise; NaN where none of the table does
    """

    quantity: str
    ok: bool
    bias: float
    scatter: float
    why: str
    n: int
    needed_mm: float


def verdict(
    quantity: str,
    *,
    pixel_mm: float,
    slice_mm: float,
    snr: float,
    fascicle_mm: tuple[float, float],
    contrast: float,
    psf_mm: float | None = None,
    angle_deg: float = 0.0,
    simulated: bool = False,
) -> Verdict:
    """Whether ``quantity`` can be measured.

    pixel_mm : in the plane (the larger, where the two differ)
    slice_mm : thickness; ``angle_deg``: of the nerve against the slice's normal
    snr : brighter of fascicle and epineurium over the noise of a channel; ``contrast``: their difference over the brighter
    fascicle_mm : smallest and largest diameter
    psf_mm : full width at half maximum of what blurs besides the voxel's box; one voxel where not given
    simulated : make nerves up for this very question (seconds), also where the packaged table covers it
    """
    if quantity not in _QUANTITIES:
        raise OptionError("E-UNKNOWN", where="verdict", needed=f"one of {', '.join(QUANTITIES)}", found=repr(quantity),
                          remedy="give one of these names")  # fmt: skip
    _check(pixel_mm, slice_mm, snr, fascicle_mm, contrast)
    psf_mm = fascicle_scene.psf_of(pixel_mm) if psf_mm is None else psf_mm
    smear = slice_mm * float(np.tan(np.radians(abs(angle_deg))))
    known = None if simulated else worst(pixel_mm, psf_mm, smear, snr * contrast, fascicle_mm)
    if known is None:
        found = errors(*_rounded(pixel_mm, psf_mm, smear, snr * contrast, fascicle_mm))
    else:
        found = Errors({k: known[k] for k in KINDS}, {k: known[f"{k}_sd"] for k in KINDS}, int(known["n"]))
    return _judge(quantity, found, pixel_mm, fascicle_mm, snr * contrast)


@dataclass(frozen=True)
class Errors:
    """Mean errors by simulation, by what is judged, and the scatter of single sections."""

    bias: Mapping[str, float]
    scatter: Mapping[str, float]
    n: int


@lru_cache(maxsize=256)
def errors(pixel_mm: float, psf_mm: float, smear_mm: float, cnr: float, fascicle_mm: tuple[float, float]) -> Errors:
    """Simulate and measure ``3 * NERVES`` sections; the same seed for the same arguments. The error of the share is that of the worst of
    the two shares in the worse contrast."""
    groups = []
    for fraction, bright_share in ((LOW, 0.0), (HIGH, 0.0), (0.5 * (LOW + HIGH), _BRIGHT_SHARE)):
        bright = Setting(pixel_mm, psf_mm, smear_mm, cnr, fascicle_mm, fraction, bright_share, _BRIGHT)
        kinds = (bright, bright if bright_share else replace(bright, dark=True))
        rng = np.random.default_rng(round(1000 * fraction))
        made = (kinds[i % 2] for i in range(NERVES))
        groups.append(np.array([_one(fascicle_scene.make(one, rng), one) for one in made]))
    plain = np.concatenate(groups[:2])
    share = max((float(g[i::2, 0].mean()) for g in groups[:2] for i in range(min(2, NERVES))), key=abs)
    bias = {"share": share, "count": float(np.abs(plain[:, 1]).mean()), "area": float(plain[:, 2].mean()),
            "largest": float(plain[:, 3].mean()), "bright": float(groups[2][:, 4].mean())}  # fmt: skip
    columns = {
        "share": plain[:, 0],
        "count": plain[:, 1],
        "area": plain[:, 2],
        "largest": plain[:, 3],
        "bright": groups[2][:, 4],
    }
    return Errors(bias, {k: float(np.sqrt((v**2).mean())) for k, v in columns.items()}, 3 * NERVES)


def _one(scene: Scene, setting: Setting) -> tuple[float, float, float, float, float]:
    """Errors of one section: share, count, mean and largest area (relative), bright share."""
    mixture = fascicle_fit.fit(scene.sheet, scene.plane[None], [scene.sigma], [not setting.dark],
                               fascicle_fit.thin_mm(setting.fascicle_mm))  # fmt: skip
    pieces = fascicle_split.split(mixture)
    true = scene.areas_mm2
    if pieces.count == 0:
        return mixture.fraction - scene.fraction, -1.0, -1.0, -1.0, -float(true[scene.bright].sum() / true.sum())
    signal = fascicle_bright.signals(mixture, pieces)
    base = fascicle_bright.normal(signal, pieces.areas_mm2)
    limit = base + 0.5 * (_BRIGHT - 1.0) * (base - float(mixture.epineurium[0]))
    bright = fascicle_bright.share(signal, pieces.areas_mm2, limit) - float(true[scene.bright].sum() / true.sum())
    return (mixture.fraction - scene.fraction, pieces.count / len(true) - 1.0, pieces.areas_mm2.mean() / true.mean() - 1.0,
            pieces.areas_mm2.max() / true.max() - 1.0, bright)  # fmt: skip


def _judge(quantity: str, found: Errors, pixel_mm: float, fascicle_mm: tuple[float, float], cnr: float) -> Verdict:
    kind, words = _QUANTITIES[quantity]
    ok, bias = supported(kind, found.bias), found.bias[kind]
    sizes = f"fascicles of {fascicle_mm[0]:g} to {fascicle_mm[1]:g} mm in pixels of {pixel_mm:.3g} mm, contrast to noise {cnr:.0f}"
    needed = pixel_mm if ok else needed_mm(kind, fascicle_mm, cnr, below=pixel_mm)
    bound = f"{LIMITS[kind]:g}"
    why = f"{sizes}: {words} {bias:+.2f} in {found.n} simulated nerves ({bound} is allowed)"
    if kind not in ("share", "count") and not supported("count", found.bias):
        why = f"{sizes}: single fascicles are not told apart, the count is wrong by {100 * found.bias['count']:.0f} %"
    return Verdict(quantity, ok, bias, found.scatter[kind], why, found.n, needed)


def _rounded(
    pixel_mm: float, psf_mm: float, smear_mm: float, cnr: float, fascicle_mm: tuple[float, float]
) -> tuple[float, float, float, float, tuple[float, float]]:
    """Nearby questions become one. Contrast to noise is rounded down, and taken as no better than 60."""
    pixel, psf, smear = (round(round(mm / _STEP_MM) * _STEP_MM, 4) for mm in (pixel_mm, psf_mm, smear_mm))
    ratio = _CNR_RATIO ** np.floor(np.log(min(cnr, 60.0)) / np.log(_CNR_RATIO) + 1e-9)
    low, high = (round(mm, 1) for mm in fascicle_mm)
    return max(pixel, _STEP_MM), psf, smear, round(float(ratio), 3), (max(low, 0.1), max(high, 0.2))


def _check(pixel_mm: float, slice_mm: float, snr: float, fascicle_mm: tuple[float, float], contrast: float) -> None:
    for name, value in (("pixel_mm", pixel_mm), ("slice_mm", slice_mm), ("snr", snr), ("contrast", contrast)):
        if not (np.isfinite(value) and value > 0.0):
            raise OptionError("E-OPTION", where=f"verdict, {name}", needed="a number above 0", found=f"{value}",
                              remedy="state what the images have")  # fmt: skip
    if not 0.0 < fascicle_mm[0] <= fascicle_mm[1]:
        raise OptionError("E-OPTION", where="verdict, fascicle_mm", needed="smallest and largest diameter in mm, above 0",
                          found=f"{fascicle_mm}", remedy="give them in this order")  # fmt: skip


__all__ = ["QUANTITIES", "Errors", "Verdict", "errors", "needed_mm", "supported", "table", "verdict"]
