r"""Whether a resolution supports a number about fascicles, judged by simulation with the very estimator that gives the number.

Nerves with fascicles of a given range of diameters are made up at the pixel size, blur, thickness and noise of the images
(`fascicle_scene`), at a low and at a high share of fascicle, and with bright fascicles among them; each is measured as an image
is. The rule:

* ``fascicle_to_nerve_ratio``, ``fascicular_volume``: the mean error of the share is below 0.03, at the low and at the high share;
* ``fascicle_count``: the mean absolute error is 10 % at most;
* ``fascicle_area``, ``largest_fascicle_area``: the count is supported, and the mean error is 10 % at most;
* ``bright_fascicle_fraction``: the count is supported, and the mean error of the share is below 0.1.

*Assumes* what `fascicle_scene` assumes, and a blur that is known. *Breaks* where the nerve holds fascicles smaller than those stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuromyo.anatomy import fascicle_bright, fascicle_fit, fascicle_scene, fascicle_split
from neuromyo.anatomy.fascicle_scene import Scene, Setting
from neuromyo.core import resources
from neuromyo.core.errors import OptionError

COUNT_ERROR, SHARE_BIAS, AREA_BIAS, BRIGHT_BIAS = 0.10, 0.03, 0.10, 0.10
#: shares of fascicle at which nerves are made up
LOW, HIGH = 0.35, 0.50
#: nerves made up for each of them, and as many with bright fascicles
NERVES = 4
#: a fascicle is bright in the simulation where its contrast is 1.5 times that of the others; the limit lies half way
_BRIGHT, _BRIGHT_SHARE = 1.5, 0.3
#: arguments are rounded to these steps before anything is simulated: pixel, blur and smear (mm), contrast to noise (relative)
_STEP_MM, _CNR_RATIO = 0.01, 1.25
TABLE = "fascicle_table.tsv"

_QUANTITIES = {
    "fascicle_to_nerve_ratio": ("share", SHARE_BIAS, "error of the share"),
    "fascicular_volume": ("share", SHARE_BIAS, "error of the share"),
    "fascicle_count": ("count", COUNT_ERROR, "error of the count"),
    "fascicle_area": ("area", AREA_BIAS, "relative error of the mean area"),
    "largest_fascicle_area": ("largest", AREA_BIAS, "relative error of the largest area"),
    "bright_fascicle_fraction": ("bright", BRIGHT_BIAS, "error of the bright share"),
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
) -> Verdict:
    """Whether ``quantity`` can be measured.

    pixel_mm : in the plane (the larger, where the two differ)
    slice_mm : thickness; ``angle_deg``: of the nerve against the slice's normal
    snr : brighter of fascicle and epineurium over the noise of a channel; ``contrast``: their difference over the brighter
    fascicle_mm : smallest and largest diameter
    psf_mm : full width at half maximum of what blurs besides the voxel's box; one voxel where not given
    """
    if quantity not in _QUANTITIES:
        raise OptionError("E-UNKNOWN", where="verdict", needed=f"one of {', '.join(QUANTITIES)}", found=repr(quantity),
                          remedy="give one of these names")  # fmt: skip
    _check(pixel_mm, slice_mm, snr, fascicle_mm, contrast)
    psf_mm = fascicle_scene.psf_of(pixel_mm) if psf_mm is None else psf_mm
    smear = slice_mm * float(np.tan(np.radians(abs(angle_deg))))
    found = errors(*_rounded(pixel_mm, psf_mm, smear, snr * contrast, fascicle_mm))
    return _judge(quantity, found, pixel_mm, fascicle_mm, snr * contrast)


@dataclass(frozen=True)
class Errors:
    """Mean errors by simulation, by what is judged, and the scatter of single sections."""

    bias: Mapping[str, float]
    scatter: Mapping[str, float]
    n: int


@lru_cache(maxsize=256)
def errors(pixel_mm: float, psf_mm: float, smear_mm: float, cnr: float, fascicle_mm: tuple[float, float]) -> Errors:
    """Simulate and measure ``3 * NERVES`` sections; the same seed for the same arguments."""
    contrast = 0.7
    groups = []
    for fraction, bright_share in ((LOW, 0.0), (HIGH, 0.0), (0.5 * (LOW + HIGH), _BRIGHT_SHARE)):
        setting = Setting(
            pixel_mm, psf_mm, smear_mm, cnr / contrast, contrast, fascicle_mm, fraction, bright_share, _BRIGHT
        )
        rng = np.random.default_rng(round(1000 * fraction))
        groups.append(np.array([_one(fascicle_scene.make(setting, rng)) for _ in range(NERVES)]))
    plain = np.concatenate(groups[:2])
    share = max((float(g[:, 0].mean()) for g in groups[:2]), key=abs)
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


def _one(scene: Scene) -> tuple[float, float, float, float, float]:
    """Errors of one section: share, count, mean and largest area (relative), bright share."""
    mixture = fascicle_fit.fit(scene.sheet, scene.plane[None], [scene.sigma], [True])
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
    kind, limit, words = _QUANTITIES[quantity]
    ok, bias = supported(kind, found.bias), found.bias[kind]
    sizes = f"fascicles of {fascicle_mm[0]:g} to {fascicle_mm[1]:g} mm in pixels of {pixel_mm:.3g} mm, contrast to noise {cnr:.0f}"
    needed = pixel_mm if ok else needed_mm(kind, fascicle_mm, cnr, below=pixel_mm)
    bound = f"{limit:g}"
    why = f"{sizes}: {words} {bias:+.2f} in {found.n} simulated nerves ({bound} is allowed)"
    if kind not in ("share", "count") and not supported("count", found.bias):
        why = f"{sizes}: single fascicles are not told apart, the count is wrong by {100 * found.bias['count']:.0f} %"
    return Verdict(quantity, ok, bias, found.scatter[kind], why, found.n, needed)


def supported(kind: str, bias: Mapping[str, float]) -> bool:
    """The rule, applied to simulated errors."""
    limit = {"share": SHARE_BIAS, "count": COUNT_ERROR, "area": AREA_BIAS, "largest": AREA_BIAS, "bright": BRIGHT_BIAS}[
        kind
    ]
    within = abs(bias[kind]) <= limit
    return within if kind in ("share", "count") else within and abs(bias["count"]) <= COUNT_ERROR


def needed_mm(kind: str, fascicle_mm: tuple[float, float], cnr: float, *, below: float = np.inf) -> float:
    """The largest pixel of the packaged table, smaller than ``below``, that supports fascicles no larger than these at a contrast
    to noise no higher than this one; NaN where there is none."""
    rows = table()
    sizes = [
        r for r in rows if r["low_mm"] <= fascicle_mm[0] + 1e-9 and r["cnr"] <= max(cnr, min(s["cnr"] for s in rows))
    ]
    if not sizes:
        return float("nan")
    nearest = max((r["low_mm"], r["cnr"]) for r in sizes)
    fits = [
        r["pixel_mm"]
        for r in sizes
        if (r["low_mm"], r["cnr"]) == nearest and r["pixel_mm"] < below and supported(kind, r)
    ]
    return max(fits, default=float("nan"))


@lru_cache(maxsize=1)
def table() -> tuple[dict[str, float], ...]:
    """The packaged simulations: pixel, range of diameters, contrast to noise and the errors found (see `docs/fascicles.md`)."""
    lines = resources.text("anatomy", TABLE).strip().splitlines()
    names = lines[0].split("\t")
    return tuple(dict(zip(names, map(float, line.split("\t")), strict=True)) for line in lines[1:])


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
