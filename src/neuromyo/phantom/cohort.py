"""Made-up people: who they are, how that shapes their legs, what ails them, and when they are scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.phantom.disease import HEALTHY, Disease
from neuromyo.phantom.geometry import Body, Leg
from neuromyo.phantom.regions import LegSide
from neuromyo.phantom.tissue import Tissue

#: the reference leg belongs to someone of this height and this body mass index
REFERENCE_HEIGHT_M, REFERENCE_BMI = 1.75, 24.0
_SIDES: tuple[tuple[LegSide, float], ...] = (("right", 1.0), ("left", -1.0))
#: visits of a follow-up study: label and months since the first
BASELINE, FOLLOW_UP = ("m0", 0), ("m4", 4)


@dataclass(frozen=True)
class Visit:
    """One session: its label ("" for a study without sessions) and the state of the disease at it.

    body : the legs as they lie at it, where they are not drawn from the person's height and weight
    tissues : tissues that are other than `tissue.TISSUES` has them, by name
    """

    label: str = ""
    disease: Disease = HEALTHY
    body: Body | None = None
    tissues: Mapping[str, Tissue] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """One subject. ``sex`` is F or M, ``age`` in years, ``height`` in m, ``weight`` in kg; ``group`` as in the table of
    participants."""

    label: str
    sex: str = "M"
    age: float = 50.0
    height: float = 1.75
    weight: float = 75.0
    group: str = "control"
    visits: tuple[Visit, ...] = (Visit(),)

    def __post_init__(self) -> None:
        if not (self.label.isalnum() and self.label.isascii()):
            raise OptionError(
                "E-OPTION", where="phantom subject", needed="a label of letters and digits", found=repr(self.label)
            )
        for name, low, high in (("age", 5, 110), ("height", 1.2, 2.2), ("weight", 30, 200)):
            if not low <= getattr(self, name) <= high:
                raise OptionError(
                    "E-OPTION",
                    where=f"phantom subject {self.label}: {name}",
                    needed=f"{low:g} to {high:g}",
                    found=f"{getattr(self, name):g}",
                )

    def body(self, rng: np.random.Generator) -> Body:
        """Both legs: sized by height and weight, mirror images but for the percent or two by which legs differ."""
        length = self.height / REFERENCE_HEIGHT_M
        heaviness = self.weight / self.height**2 / REFERENCE_BMI
        girth = float(np.clip(length**0.5 * heaviness**0.35, 0.8, 1.2)) * (0.97 if self.sex == "F" else 1.0)
        fat = float(np.clip((1.5 if self.sex == "F" else 0.9) * heaviness**1.5, 0.4, 2.6))
        apart = 74.0 * girth + 6.0 * fat
        turn = float(rng.uniform(4.0, 12.0))
        legs = [
            Leg(
                side,
                (sign * apart, float(rng.uniform(-3, 3))),
                lean=0.05,
                turn_deg=turn + float(rng.uniform(-4, 4)),
                length=length,
                girth=girth * float(1.0 + rng.uniform(-0.015, 0.015)),
                fat=fat * float(1.0 + rng.uniform(-0.05, 0.05)),
            )
            for side, sign in _SIDES
        ]
        return Body(legs[0], legs[1])


def grown(disease: Disease, share: float) -> Disease:
    """The same disease with every knob times ``share``, kept below the knobs' limits."""
    scaled = {
        knob: {s: min(value * share, 0.9 if knob != "oedema" else 0.06) for s, value in getattr(disease, knob).items()}
        for knob in ("fat", "oedema", "atrophy")
    }
    return replace(disease, **scaled)


def cohort(n_controls: int, n_patients: int, seed: int, *, sessions: bool = True) -> tuple[Person, ...]:
    """Controls and patients of varied age, sex and size, at baseline and after 4 months if ``sessions``.

    Patients have oedema and some atrophy, worse on one side and below the knee, and fat that follows; over 4 months
    their disease grows by 5 to 40 %. The same seed makes the same people, and more of them leave the first ones as they
    were.
    """
    groups = [("control", i) for i in range(n_controls)] + [("patient", i) for i in range(n_patients)]
    return tuple(_someone(group, i, seed, sessions) for group, i in groups)


def _someone(group: str, number: int, seed: int, sessions: bool) -> Person:
    ill = group == "patient"
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, int(ill), number)))
    sex = "F" if rng.random() < 0.5 else "M"
    height = float(np.clip(rng.normal(1.65 if sex == "F" else 1.78, 0.065), 1.45, 2.0))
    weight = float(np.clip(rng.normal(24.5, 3.0), 18.0, 35.0)) * height**2
    age = float(np.round(rng.uniform(30, 75)))
    first = _illness(rng) if ill else HEALTHY
    growth = float(rng.uniform(1.05, 1.4)) if ill else 1.0
    visits = (Visit(BASELINE[0], first), Visit(FOLLOW_UP[0], grown(first, growth))) if sessions else (Visit("", first),)
    label = f"{'P' if ill else 'C'}{number + 1:02d}"
    return Person(label, sex, age, round(height, 3), round(weight, 1), group, visits)


def _illness(rng: np.random.Generator) -> Disease:
    worse, better = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    how_much = float(rng.uniform(0.3, 1.0))
    milder = how_much * float(rng.uniform(0.2, 0.8))

    def spread(full: float) -> Mapping[str, float]:
        return {
            side: round(full * level * thigh, 4) if group == "" else round(full * level, 4)
            for side_name, level in ((worse, how_much), (better, milder))
            for group, thigh in (("", 0.6), ("calf-muscles", 1.0))
            for side in ((side_name if not group else f"{side_name}/{group}"),)
        }

    fat = {selector: 0.02 + value for selector, value in spread(0.25).items()}
    return Disease(fat=fat, oedema=spread(0.010), atrophy=spread(0.35))
