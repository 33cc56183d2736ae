r"""The packaged simulations of what resolution supports (`docs/fascicles.md`), and how questions between their rows are answered.

A question is answered by the worst of its neighbours: the rows of the next smaller and the next larger pixel, of the next smaller
fascicles, and of the next lower contrast to noise. Rows were simulated at the blur of an unfiltered k-space, 1.2 voxels in all. What
is blurred more (by filters, or by an oblique nerve within a slice) is judged as the larger pixel that has this blur, in the mean
square over both directions, of which the nerve's slope blurs one; what is blurred less, as if it had it.

*Assumes* that less blur, larger fascicles and more contrast never hurt by more than the rows' own scatter.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from neuromyo.core import resources
from neuromyo.fascicles.fascicle_sheet import FWHM

TABLE = "fascicle_table.tsv"
#: what is judged, in the order of the table's columns
KINDS = ("share", "count", "area", "largest", "bright")
#: largest errors of a number that is given
LIMITS = {"share": 0.03, "count": 0.10, "area": 0.10, "largest": 0.10, "bright": 0.10}
#: width of an unfiltered k-space's main lobe, in voxels, at which the table was made
LOBE = 1.2
#: pixels this near to a row's are that row's
_NEAR = 0.01

Row = Mapping[str, float]


@lru_cache(maxsize=1)
def table() -> tuple[dict[str, float], ...]:
    """Pixel, range of diameters, contrast to noise, nerves made up, mean errors by kind, and their scatter (``share_sd`` ...)."""
    lines = resources.text("fascicles", TABLE).strip().splitlines()
    names = lines[0].split("\t")
    return tuple(dict(zip(names, map(float, line.split("\t")), strict=True)) for line in lines[1:])


def supported(kind: str, errors: Row) -> bool:
    """Whether a number may be given, by its simulated errors."""
    within = abs(errors[kind]) <= LIMITS[kind]
    return within if kind in ("share", "count") else within and abs(errors["count"]) <= LIMITS["count"]


def worst(
    pixel_mm: float, psf_mm: float, smear_mm: float, cnr: float, fascicle_mm: tuple[float, float]
) -> dict[str, float] | None:
    """The worst neighbour's errors, kind by kind; None where the table does not reach, and says nothing by itself."""
    rows, reached = _column(cnr, fascicle_mm)
    blur = FWHM * float(np.sqrt((pixel_mm**2 + 0.5 * smear_mm**2) / 12.0 + (psf_mm / FWHM) ** 2)) / LOBE
    pixel = max(pixel_mm, blur)
    below = [r for r in rows if r["pixel_mm"] <= pixel * (1.0 + _NEAR)]
    above = [r for r in rows if r["pixel_mm"] >= pixel * (1.0 - _NEAR)]
    near = ([max(below, key=_pixel)] if below else []) + ([min(above, key=_pixel)] if above else [])
    hopeless = bool(below) and not any(supported(kind, max(below, key=_pixel)) for kind in KINDS)
    if not hopeless and not (reached and above and pixel >= 0.9 * min(map(_pixel, rows))):
        return None
    if hopeless and not above:
        near = [max(below, key=_pixel)]
    found = {"n": min(r["n"] for r in near)}
    for kind in KINDS:
        found[kind] = max((r[kind] for r in near), key=abs)
        found[f"{kind}_sd"] = max(r[f"{kind}_sd"] for r in near)
    return found


def needed_mm(kind: str, fascicle_mm: tuple[float, float], cnr: float, *, below: float = np.inf) -> float:
    """The largest pixel, smaller than ``below``, that supports fascicles no larger than these at a contrast to noise no higher than
    this one (or the lowest that was simulated); NaN where there is none."""
    rows, _ = _column(cnr, fascicle_mm)
    if rows and rows[0]["low_mm"] > fascicle_mm[0] + 1e-9:
        return float("nan")
    return max((r["pixel_mm"] for r in rows if r["pixel_mm"] < below and supported(kind, r)), default=float("nan"))


def best_cnr() -> float:
    """The highest contrast to noise that was simulated."""
    return max(r["cnr"] for r in table())


def _column(cnr: float, fascicle_mm: tuple[float, float]) -> tuple[list[dict[str, float]], bool]:
    """Rows of the next smaller fascicles and the next lower contrast; and whether there are such (else the nearest rows there are)."""
    every = table()
    lows, levels = {r["low_mm"] for r in every}, {r["cnr"] for r in every}
    low = max((v for v in lows if v <= fascicle_mm[0] + 1e-9), default=None)
    level = max((v for v in levels if v <= cnr + 1e-9), default=None)
    chosen = (min(lows) if low is None else low, min(levels) if level is None else level)
    rows = [r for r in every if (r["low_mm"], r["cnr"]) == chosen]
    return rows, low is not None and level is not None


def _pixel(row: Row) -> float:
    return row["pixel_mm"]
