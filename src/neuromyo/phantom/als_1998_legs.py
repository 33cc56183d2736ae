"""The legs of the made-up cohort of 1998: whose they are, how large, how wasted, how they lie, and with what they are scanned.

The volume of tibialis anterior is that of the reference leg times girth squared, times what atrophy leaves. A person's girth is that of
the muscle before the disease; atrophy does the rest, visit by visit.

*Assumes* legs of one length, on which a stack is planned from the knee, and B1 as nominal, which at 1.5 T it nearly is (T1 of two
repetition times errs by four times what B1 errs by).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from neuromyo.phantom.als_1998 import VOLUME_LOSS, MadeCohort
from neuromyo.phantom.cohort import BASELINE, FOLLOW_UP, Person, Visit
from neuromyo.phantom.geometry import Body, Leg
from neuromyo.phantom.regions import PLACE, LegSide
from neuromyo.phantom.render import Parts, Sampling
from neuromyo.phantom.scene import Scene, scene
from neuromyo.phantom.series import SeriesPlan
from neuromyo.phantom.sets import FieldsPlan, Stack, Study

#: the muscle whose CMAP and strength the table has: fibular nerve, foot lifted
MUSCLE = "tibialis-anterior"
SIDE: LegSide = "right"
#: both visits: label and months since the first
VISITS = (BASELINE, FOLLOW_UP)
#: the whole muscle, in slices with gaps between them, which volumes count
STACK = Stack(
    (104, 104), (1.6, 1.6), 22, slice_spacing_mm=16.0, slice_thickness_mm=8.0, centre_z_mm=-180.0, centre_x_mm=95.0
)
SAMPLING = Sampling(3, 1, STACK.slice_thickness_mm)
#: signal of healthy muscle in the first image over the noise of one real channel: our choice, for a knee coil at 1.5 T
SNR = 40.0
#: T1 and global T2 of 1998; and a train of echoes of today for water T2 and fat, all at 1.5 T
_FIELD = {"all": {"field_strength": 1.5}}
SERIES = (
    SeriesPlan("t1-two-tr", changes=_FIELD),
    SeriesPlan("t2-water", acq="train", echoes=17, echo_spacing=0.01, repetition_time=3.0, changes=_FIELD),
)
_CODE = PLACE[(MUSCLE, "muscle")] + 1
#: a leg has this much more than the largest volume to be painted, so that none asks for negative atrophy
_ROOM = 1.01
#: how differently a leg lies at another visit, at most: mm to each side, degrees
_SHIFT_MM, _TURN_DEG = 3.0, 3.0
_PERSON, _LEG, _LIE = 11, 12, 13


def study(made: MadeCohort, snr: float = SNR) -> Study:
    """The study that `als_1998_paint.paint` fills visit by visit."""
    title = f"The cohort of 1998, simulated: {made.ill.sum()} with ALS and {(~made.ill).sum()} controls, twice (seed {made.seed})"
    fields = FieldsPlan(b1=(1.0, 1.0), b0_hz=20.0)
    return Study(title, made.seed, "calf", snr, STACK, SERIES, people(made), fields, legs=(SIDE,))


def people(made: MadeCohort) -> tuple[Person, ...]:
    """Who they are: age, sex, height and weight are made up too, and have no bearing on the muscle."""
    return tuple(_person(label, bool(ill), made.seed) for label, ill in zip(made.labels, made.ill, strict=True))


def _person(label: str, ill: bool, seed: int) -> Person:
    rng = _rng(seed, _PERSON, int(ill), int(label[1:]))
    sex = "F" if rng.random() < 0.4 else "M"
    height = round(float(np.clip(rng.normal(1.64 if sex == "F" else 1.77, 0.06), 1.48, 1.98)), 2)
    weight = round(float(np.clip(rng.normal(24.5, 2.5), 19.0, 31.0)) * height**2, 1)
    visits = tuple(Visit(name) for name, _ in VISITS)
    return Person(label, sex, float(round(rng.uniform(38, 72))), height, weight, "ALS" if ill else "control", visits)


def body(made: MadeCohort, number: int, turn: int) -> Body:
    """Person ``number``'s leg without atrophy, as it lies at visit ``turn``."""
    before = made.values["volume"][:, number] / (1 - VOLUME_LOSS * made.severity[:, number])
    girth = float(np.sqrt(_ROOM * before.max() / reference_ml()))
    ill, own = int(made.ill[number]), int(made.labels[number][1:])
    leg, lie = _rng(made.seed, _LEG, ill, own), _rng(made.seed, _LIE, ill, own, turn)
    turned, fat = leg.uniform(4.0, 12.0) + lie.uniform(-_TURN_DEG, _TURN_DEG), leg.uniform(0.6, 1.6)
    x, y = lie.uniform(-_SHIFT_MM, _SHIFT_MM, 2)
    return _standing((STACK.centre_x_mm + float(x), float(y)), float(turned), girth, float(fat))


def reader_body() -> Body:
    """The leg, of nobody in the cohort, on which a reader drew the muscles."""
    return _standing((STACK.centre_x_mm, 0.0), 8.0, 1.0, 1.0)


def muscle_parts(here: Scene) -> dict[int, Parts]:
    """What of `MUSCLE` lies in each slice that shows any."""
    found = {}
    for k in range(here.n_slices):
        parts = here.parts(k)
        own = parts.code == _CODE
        if own.any():
            found[k] = Parts(parts.voxel[own], parts.code[own], parts.fraction[own])
    return found


def volume_ml(here: Scene) -> float:
    """Volume of `MUSCLE` in ml, by area fractions, the gaps between slices counted."""
    return sum(float(p.fraction.sum()) for p in muscle_parts(here).values()) * here.grid.voxel_volume_mm3 / 1000.0


@lru_cache(maxsize=1)
def reference_ml() -> float:
    """Volume of `MUSCLE` of a leg of girth 1."""
    return volume_ml(scene(reader_body(), STACK.grid(), 0, sampling=SAMPLING))


def _standing(middle_mm: tuple[float, float], turn_deg: float, girth: float, fat: float) -> Body:
    right = Leg("right", middle_mm, lean=0.05, turn_deg=turn_deg, girth=girth, fat=fat)
    return Body(right, Leg("left", (-STACK.centre_x_mm, 0.0)), sides=(SIDE,))


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
