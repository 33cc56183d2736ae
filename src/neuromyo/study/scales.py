"""Scales of visual reading: what each grade means, in our words after those who published them."""

from __future__ import annotations

from dataclasses import dataclass

from neuromyo.core.errors import OptionError
from neuromyo.stats.kappa import Weights


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade: what is written in tables, the key that gives it, what it means."""

    value: str
    key: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Grades in order. image : what it is read on; doi : who published it; weights : of kappa; note : what to know about it."""

    id: str
    title: str
    image: str
    grades: tuple[Grade, ...]
    weights: Weights
    doi: tuple[str, ...] = ()
    note: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(g.value for g in self.grades)


#: what a reader gives where an image cannot be judged; no grade of any scale
NOT_JUDGED = Grade("n/a", "x", "Cannot be judged: artefact, not in the picture, cut off.")

_MERCURI = Scale(
    "mercuri",
    "Mercuri, grades 0 to 4 with 2a and 2b",
    "T1-weighted, axial",
    (
        Grade("0", "0", "Normal."),
        Grade("1", "1", "Early moth-eaten: small scattered bright areas."),
        Grade("2a", "a", "Late moth-eaten: many distinct bright areas that begin to merge, under 30 % of the muscle."),
        Grade("2b", "b", "Late moth-eaten, as 2a, but 30 to 60 % of the muscle."),
        Grade("3", "3", "Washed-out: blurred by merging bright areas, muscle left at the rim."),
        Grade(
            "4",
            "4",
            "End stage: all replaced by fat and connective tissue; only fascia, vessels and nerves to be told.",
        ),
    ),
    "quadratic",
    ("10.1016/S0960-8966(02)00023-8", "10.1002/jmri.20804"),
    "For kappa the six grades are taken as equally far apart. Another variant has four grades from 1, normal: mercuri-4.",
)

_MERCURI_4 = Scale(
    "mercuri-4",
    "Mercuri, four grades from 1",
    "T1-weighted, axial",
    (
        Grade("1", "1", "Normal."),
        Grade("2", "2", "Mild: scattered bright areas, or many that begin to merge, under 30 % of the muscle."),
        Grade("3", "3", "Moderate: many bright areas that begin to merge, 30 to 60 % of the muscle."),
        Grade("4", "4", "Severe: washed-out, or end stage with only fascia, vessels and nerves to be told."),
    ),
    "quadratic",
    ("10.1007/s00330-010-1799-2",),
    "Its numbers are not those of mercuri: 1 is normal here.",
)

_GOUTALLIER = Scale(
    "goutallier",
    "Goutallier, grades 0 to 4",
    "T1-weighted (first described on CT), largest section of the muscle",
    (
        Grade("0", "0", "No fat."),
        Grade("1", "1", "Some streaks of fat."),
        Grade("2", "2", "Less fat than muscle."),
        Grade("3", "3", "As much fat as muscle."),
        Grade("4", "4", "More fat than muscle."),
    ),
    "quadratic",
    ("10.1097/00003086-199407000-00014",),
)

_STIR = Scale(
    "stir",
    "STIR oedema, grades 0 to 3",
    "STIR or another fat-suppressed T2-weighted image",
    (
        Grade("0", "0", "None: as bright as unaffected muscle of the same picture."),
        Grade("1", "1", "Mild: slightly brighter, or bright in a small part."),
        Grade("2", "2", "Moderate: clearly brighter in much of the muscle."),
        Grade("3", "3", "Severe: very bright throughout, nearly as fluid."),
    ),
    "quadratic",
    (),
    "No wording is standard in the field: agree on examples before reading, and say in the methods which.",
)

_ABNORMAL = Scale(
    "abnormal",
    "Abnormal, yes or no",
    "whatever is shown",
    (Grade("no", "n", "Normal for age."), Grade("yes", "y", "Abnormal in signal, size or shape.")),
    "none",
)

SCALES: dict[str, Scale] = {s.id: s for s in (_MERCURI, _MERCURI_4, _GOUTALLIER, _STIR, _ABNORMAL)}


def scale(name: str) -> Scale:
    """The scale of that id; E-UNKNOWN with those that there are."""
    if name not in SCALES:
        raise OptionError("E-UNKNOWN", where="--scale", needed=f"one of {', '.join(SCALES)}", found=name or "nothing",
                          remedy="give one of them")  # fmt: skip
    return SCALES[name]
