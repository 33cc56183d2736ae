"""Colour scales: which colours stand for which values of a quantity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuromyo.core.quantity import Quantity

#: regions' outlines and legends: apart from each other for colour-blind eyes too, and bright enough on black
OUTLINES = (
    "#56b4e9",
    "#e69f00",
    "#00c79a",
    "#f0e442",
    "#ff7fbf",
    "#b79cff",
    "#ff8a65",
    "#9ccc65",
    "#4dd0e1",
    "#d7ccc8",
    "#ec407a",
    "#7986cb",
    "#c0ca33",
    "#a1887f",
    "#26a69a",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour bar: the ends in the display unit, the name of the colour map, and whether it has a middle."""

    low: float
    high: float
    unit: str
    colours: str
    centre: float | None = None

    def fraction(self, values: np.ndarray) -> np.ndarray:
        """Values in the display unit -> position along the bar, 0 to 1, clipped."""
        return np.clip((np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low), 0.0, 1.0)

    def beyond(self, values: np.ndarray) -> float:
        """Share of the values that lie beyond the ends."""
        finite = values[np.isfinite(values)]
        return float(np.mean((finite < self.low) | (finite > self.high))) if finite.size else 0.0


def scale_of(quantity: Quantity, values: np.ndarray) -> Scale:
    """The scale of a quantity: its declared window, else what its valid ``values`` (display unit) fill; B1 is centred
    on 100 % and a field offset on 0, so that too much and too little look different."""
    centre = _centre(quantity)
    if quantity.window is not None:
        low, high = quantity.shown
    elif values.size:
        low, high = _round_out(*np.percentile(values, (1, 99)))
        lowest, highest = quantity.shown
        low, high = max(low, lowest), min(high, highest)
    else:
        low, high = quantity.shown
    if not low < high:
        low, high = quantity.shown
    if centre is not None:
        reach = max(abs(low - centre), abs(high - centre))
        return Scale(centre - reach, centre + reach, quantity.display, "RdBu_r", centre)
    return Scale(low, high, quantity.display, _colours(quantity))


def scale_from_zero(values: np.ndarray, unit: str, colours: str = "inferno") -> Scale:
    """From 0 to a little over the 95th percentile of ``values``, rounded out: for spreads and residuals."""
    top = 1.05 * float(np.percentile(values, 95)) if values.size else 1.0
    if not top > 0:
        return Scale(0.0, 1.0, unit, colours)
    power = 10.0 ** np.floor(np.log10(top))
    steps = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)  # whose quarters are short numbers
    return Scale(0.0, float(power * next(s for s in steps if s * power >= 0.999 * top)), unit, colours)


@lru_cache(maxsize=16)
def table(name: str, n: int) -> np.ndarray:
    """(n, 3) uint8 colours of a matplotlib colour map, from low to high."""
    from matplotlib import colormaps

    return np.round(255 * colormaps[name](np.linspace(0.0, 1.0, n))[:, :3]).astype(np.uint8)


def css_gradient(name: str) -> str:
    """The colour map as stops of a CSS gradient."""
    return ",".join("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in table(name, 17))


def rgb(hexadecimal: str) -> tuple[int, int, int]:
    """``#rrggbb`` -> red, green, blue from 0 to 255."""
    r, g, b = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return r, g, b


def _centre(quantity: Quantity) -> float | None:
    if quantity.name.upper().startswith("B1") and quantity.display in ("%", "1"):
        return 100.0 if quantity.display == "%" else 1.0
    return 0.0 if quantity.name.upper().startswith("B0") else None


def _colours(quantity: Quantity) -> str:
    return {"s": "viridis", "1": "plasma", "m2/s": "magma"}.get(quantity.unit, "cividis")


def _round_out(low: float, high: float) -> tuple[float, float]:
    """The ends moved outwards to round numbers."""
    span = high - low
    if not span > 0:
        return low, high
    step = 10.0 ** np.floor(np.log10(span)) / 2
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
