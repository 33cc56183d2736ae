r"""A harmonised value's place among healthy people, the uncertainty of harmonising included.

A norm knows how healthy people scatter; it does not know that this person's value was moved by a shift which three controls told. With
the uncertainty u of that move and the SD s of the norm's prediction for this person, both on the normal scale of the quantity,

.. math:: z' = z / \sqrt{1 + (u/s)^2}

*Assumes* the norm was built from values harmonised by the same model. *Breaks* far out in the tails of a norm from few controls, where
Student's t is wider than what is added to it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy import special

from neuromyo.core.norm import BAND, Place
from neuromyo.norms.transforms import Transform

#: flag of a harmonised value, with the uncertainty that harmonising added, in the unit of the value: ``harmonised:0.35``
FLAG = "harmonised"
_HALF = float(special.ndtri(0.5 + BAND / 2))


def flag(se: float) -> str:
    """The flag of a value that harmonising made uncertain by ``se``, in its unit."""
    return f"{FLAG}:{se:.4g}"


def added(flags: Iterable[str]) -> float:
    """The uncertainty that such a flag tells; 0 where there is none, NaN where it tells no number."""
    for one in flags:
        name, _, detail = one.strip().partition(":")
        if name == FLAG:
            try:
                told = float(detail)
            except ValueError:
                return float("nan")
            return told if 0 <= told < float("inf") else float("nan")
    return 0.0


def widened(place: Place, se: float, transform: Transform) -> Place:
    """The place with ``se`` (in the unit of the value) added: z nearer to 0, interval and normal range wider."""
    if place.refused or not se > 0:
        return place
    low, middle, high = (float(x) for x in transform.forward(np.array(place.normal)))
    sd = (high - low) / 2 / _HALF
    u = se * float(np.exp(transform.jacobian_log(np.array(place.value)))) / sd
    z = place.z / float(np.hypot(1.0, u))
    below, above = place.z - place.z_interval[0], place.z_interval[1] - place.z
    interval = (place.z - float(np.hypot(below, _HALF * u)), place.z + float(np.hypot(above, _HALF * u)))
    ends = (
        middle - float(np.hypot(middle - low, _HALF * u * sd)),
        middle,
        middle + float(np.hypot(high - middle, _HALF * u * sd)),
    )
    normal = tuple(float(x) for x in transform.back(np.array(ends)))
    return replace(
        place, z=z, centile=100 * float(special.ndtr(z)), z_interval=interval, normal=(normal[0], normal[1], normal[2])
    )
