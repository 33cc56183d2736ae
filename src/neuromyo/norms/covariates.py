"""What of a person a norm takes into account, each on a scale that is fixed for ever, so that norm files merge.

    design = (value - centre) / scale        age (a - 50)/17.3 y, height (h - 1.70)/0.092 m, weight (w - 72)/14 kg,
                                             BMI (b - 25)/3.5 kg/m2, sex M +1 and F -1, side right +1 and left -1

The scales are the SDs of a mixed adult population between 20 and 80 years; a slope is therefore the change over one SD
of adults, in units of the SD between healthy people of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.core.norm import Body

#: name -> (centre, scale, unit for people, step to which a range is rounded outward)
SCALES: dict[str, tuple[float, float, str, float]] = {
    "age": (50.0, 17.3, "years", 5.0),
    "sex": (0.0, 1.0, "", 1.0),
    "height": (1.70, 0.092, "m", 0.05),
    "weight": (72.0, 14.0, "kg", 5.0),
    "bmi": (25.0, 3.5, "kg/m2", 1.0),
    "side": (0.0, 1.0, "", 1.0),
}
_OTHER = (0.0, 1.0, "", 0.5)
_SIGNS = {"sex": {"F": -1.0, "M": 1.0}, "side": {"left": -1.0, "right": 1.0}}


@dataclass(frozen=True)
class Covariates:
    """Names out of `SCALES`, or of entries of `Body.other` (plain numbers, used as they are: bring them to a spread of
    about one). BMI is not used together with height and weight, of which it is made.

    Breaks: a slope that bends over adult life (a child, the very old) is not followed.
    """

    names: tuple[str, ...] = ("age", "sex", "height", "bmi")

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise self._wrong("each covariate once")
        if {"bmi", "height", "weight"} <= set(self.names):
            raise self._wrong("BMI, or height and weight, since one is made of the others")
        if "site" in self.names or "level" in self.names:
            raise self._wrong("no site or level: a site has an effect of its own, and a level a norm of its own")

    def _wrong(self, needed: str) -> OptionError:
        return OptionError("E-OPTION", where="covariates", needed=needed, found=", ".join(self.names),
                           remedy=f"choose from {', '.join(SCALES)} or further columns of numbers")  # fmt: skip

    def raw(self, bodies: Sequence[Body]) -> np.ndarray:
        """(n, p) in years, metres ..., sex and side as signs; NaN where unknown."""
        table = np.array([[_value(body, name) for name in self.names] for body in bodies], dtype=np.float64)
        return np.where(np.isfinite(table), table, np.nan).reshape(len(bodies), len(self.names))

    def scaled(self, raw: np.ndarray) -> np.ndarray:
        """(n, p) in natural units -> (n, 1 + p) with a leading column of ones."""
        raw = np.asarray(raw, dtype=np.float64)
        centre, scale = (np.array([SCALES.get(name, _OTHER)[i] for name in self.names]) for i in (0, 1))
        return np.column_stack([np.ones(len(raw)), (raw - centre) / scale])

    def design(self, bodies: Sequence[Body]) -> np.ndarray:
        """(n, 1 + p): a one, then each covariate on its scale; NaN where unknown."""
        return self.scaled(self.raw(bodies))

    def outward(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(p,) lowest and highest of (n, p), rounded outward to the step of `SCALES`, so that no person's value shows."""
        steps = np.array([SCALES.get(name, _OTHER)[3] for name in self.names])
        tidy = 1e-9
        low, high = np.floor(raw.min(axis=0) / steps + tidy) * steps, np.ceil(raw.max(axis=0) / steps - tidy) * steps
        return np.round(low, 6), np.round(high, 6)

    def said(self, name: str, value: float) -> str:
        """A covariate's value in words."""
        for word, sign in _SIGNS.get(name, {}).items():
            if value == sign:
                return word
        return f"{value:.4g} {SCALES.get(name, _OTHER)[2]}".strip()


def _value(body: Body, name: str) -> float:
    if name in _SIGNS:
        return _SIGNS[name].get((body.sex or "").upper() if name == "sex" else body.side, float("nan"))
    fields = {"age": body.age, "height": body.height_m, "weight": body.weight_kg, "bmi": body.bmi}
    found = fields[name] if name in fields else body.other.get(name)
    return float("nan") if found is None else float(found)
