"""How large nerves usually are, in adults: only orders of size, to weigh outlines against each other and to judge resolution.

Ranges of MR neurography and ultrasound differ by a third between reports; a factor of two about these is still expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Usual:
    """Area of a cross-section (mm2) and its longer over its shorter diameter."""

    area_mm2: float
    flatness: float

    @property
    def narrow_mm(self) -> float:
        """The shorter diameter of an oval of that area."""
        return float(np.sqrt(4.0 * self.area_mm2 / (np.pi * self.flatness)))


NERVES: dict[str, Usual] = {
    "sciatic-nerve": Usual(40.0, 1.6),
    "tibial-nerve": Usual(12.0, 1.3),
    "fibular-nerve": Usual(7.0, 1.4),
    "femoral-nerve": Usual(20.0, 2.0),
    "l5-root": Usual(16.0, 1.2),
    "s1-root": Usual(16.0, 1.2),
    "median-nerve": Usual(9.0, 1.6),
    "ulnar-nerve": Usual(7.0, 1.4),
    "sural-nerve": Usual(2.5, 1.3),
}
#: a nerve of another name
OTHER = Usual(15.0, 1.5)

#: what a nerve divides into: (the larger and medial, the smaller and lateral)
DIVIDES: dict[str, tuple[str, str]] = {"sciatic-nerve": ("tibial-nerve", "fibular-nerve")}


def usual(name: str) -> Usual:
    """The usual size of a nerve by its name."""
    return NERVES.get(name, OTHER)


def branches(name: str) -> tuple[str, str]:
    """What its two branches are called, the larger first."""
    return DIVIDES.get(name, (f"{name}-branch-1", f"{name}-branch-2"))
