"""What disease does to muscle: fat replacement, oedema, atrophy, each as a number for any muscle on any side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.phantom.regions import MUSCLES, check_selector, selector_rank

#: knob -> (lowest, highest, unit) that make sense
LIMITS = {"fat": (0.0, 0.95, ""), "oedema": (0.0, 0.06, " s"), "atrophy": (0.0, 0.9, "")}


@dataclass(frozen=True)
class Disease:
    """Knobs by selector: ``all``, ``left``, ``soleus``, ``triceps-surae``, ``left/soleus``; the closest one that fits
    a muscle holds for it.

    fat : mean fat fraction of a muscle, 0 to 1 (healthy muscle has what its tissue has)
    oedema : rise of water T2 in s
    atrophy : share of the muscle's cross-section that is lost, 0 to 1, its place taken by intermuscular fat
    patchiness : how unevenly fat and oedema are spread, 0 (even) to 1 (from none to twice the mean)
    """

    fat: Mapping[str, float] = field(default_factory=dict)
    oedema: Mapping[str, float] = field(default_factory=dict)
    atrophy: Mapping[str, float] = field(default_factory=dict)
    patchiness: float = 0.6

    def __post_init__(self) -> None:
        for knob, (low, high, unit) in LIMITS.items():
            for selector, value in getattr(self, knob).items():
                check_selector(selector, f"disease knob {knob}")
                if not low <= value <= high:
                    raise OptionError(
                        "E-OPTION",
                        where=f"disease knob {knob}.{selector}",
                        needed=f"a number from {low:g} to {high:g}{unit}",
                        found=f"{value:g}",
                    )
        if not 0.0 <= self.patchiness <= 1.0:
            raise OptionError(
                "E-OPTION", where="disease knob patchiness", needed="a number from 0 to 1", found=f"{self.patchiness:g}"
            )

    def of(self, knob: str, muscle: str, side: str) -> float:
        """The value of a knob for one muscle, 0 where nothing was said of it."""
        given: Mapping[str, float] = getattr(self, knob)
        ranked = [(selector_rank(s, muscle, side), value) for s, value in given.items()]
        rank, value = max(ranked, key=lambda pair: pair[0], default=(0, 0.0))
        return value if rank else 0.0

    def along(self, knob: str, side: str) -> np.ndarray:
        """(n_muscles,) values of a knob on one side, in the order of `regions.MUSCLES`."""
        return np.array([self.of(knob, muscle, side) for muscle in MUSCLES])


HEALTHY = Disease()
