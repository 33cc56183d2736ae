"""Muscle whose T1, T2 and volume are those of a table, as the estimators of 1998 see them.

The truth of global T2 and of T1 is what the same estimators give of the signal without noise, their mean over tibialis anterior.
Severity s decides what 1998 could not see, and the rest is solved for:

    fat fraction = own healthy one + 8 % s^2                     (fat comes late)
    water T2     = own healthy one + 7 ms (1 - (1 - s)^2)        (oedema comes early)
    own healthy water T2, T1 of water : such that the estimates take the table's values
    atrophy : such that the volume takes the table's value

Other muscles of the leg have half of the fat, oedema and atrophy.

*Assumes* fat of one T1 and T2 in everybody. *Breaks* for a T2 that cannot be made of water between 20 and 60 ms: E-OPTION.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.biomarkers import t1_two_tr, t2_mono
from neuromyo.core.biomarker import Inputs
from neuromyo.core.errors import OptionError
from neuromyo.phantom import als_1998_legs as legs
from neuromyo.phantom.acquire import Scan, signals
from neuromyo.phantom.als_1998 import MadeCohort
from neuromyo.phantom.cohort import Visit
from neuromyo.phantom.disease import Disease
from neuromyo.phantom.render import Parts
from neuromyo.phantom.scene import Scene
from neuromyo.phantom.sets import Study
from neuromyo.phantom.tissue import TISSUES, Tissue
from neuromyo.phantom.write import make_scene

#: fat (share) and rise of water T2 (s) of muscle that has lost all motor units; what other muscles have of both, and of atrophy
FAT_GAIN, OEDEMA, ELSEWHERE = 0.08, 0.007, 0.5
#: healthy fat fraction: mean, sd, and between which it lies
_FAT, _FAT_SD, _FAT_RANGE = 0.020, 0.004, (0.010, 0.035)
#: how near the estimates must come to the table (T2 and T1 in s, volume as a share), and in how many rounds at most
_NEAR_T2, _NEAR_T1, _NEAR_VOLUME, _ROUNDS = 2e-5, 1e-3, 2e-3, 15
_WATER_T2 = (0.020, 0.060)
_OWN_FAT = 14
#: the echoes of 1998, as they are made
_SCAN = Scan.of(t1_two_tr.BIOMARKER)


@dataclass(frozen=True)
class Truth:
    """What one person's muscle is at one visit: s, ml, shares.

    T2, T1 : what the estimators of 1998 give without noise; volume_ml : the space the muscle takes
    water_T2, fat : T2 of its water and its fat fraction, means over its water and its protons
    """

    T2: float
    T1: float
    volume_ml: float
    water_T2: float
    fat: float


@dataclass(frozen=True)
class Painted:
    """A visit that can be scanned, and its truth."""

    visit: Visit
    truth: Truth


def paint(plan: Study, made: MadeCohort, number: int, turn: int) -> Painted:
    """Person ``number`` of a cohort at visit ``turn``, painted until the estimates take the table's values."""
    values = {name: float(v[turn, number]) for name, v in made.values.items()}
    here, visit, volume = _sized(plan, made, number, turn, values["volume"])
    parts = legs.muscle_parts(here)
    where = f"sub-{plan.people[number].label} ses-{visit.label}"
    tissues = _solved(here, parts, visit.tissues["muscle"], 1e-3 * values["T2"], 1e-3 * values["T1"], where)
    t2, t1, water, fat = seen(replace(here, tissues=tissues), parts)
    return Painted(replace(visit, tissues=tissues), Truth(t2, t1, volume, water, fat))


def _sized(plan: Study, made: MadeCohort, number: int, turn: int, target_ml: float) -> tuple[Scene, Visit, float]:
    """The scene in which the muscle has its volume, the visit it is of, and that volume in ml."""
    body = legs.body(made, number, turn)
    left = target_ml / (legs.reference_ml() * body.right.girth**2)
    while True:
        visit = _visit(made, number, turn, 1.0 - left)
        visit = replace(visit, body=body)
        here = make_scene(plan, plan.people[number], visit, (number, turn), legs.SAMPLING)
        volume = legs.volume_ml(here)
        if abs(volume / target_ml - 1) < _NEAR_VOLUME or left >= 1.0:
            return here, visit, volume
        left = min(1.0, left * target_ml / volume)


def _visit(made: MadeCohort, number: int, turn: int, atrophy: float) -> Visit:
    severity, ill = float(made.severity[turn, number]), bool(made.ill[number])
    own = np.random.SeedSequence(made.seed, spawn_key=(_OWN_FAT, int(ill), int(made.labels[number][1:])))
    healthy_fat = float(np.clip(np.random.default_rng(own).normal(_FAT, _FAT_SD), *_FAT_RANGE))
    rise = FAT_GAIN * severity**2, OEDEMA * (1 - (1 - severity) ** 2)
    disease = Disease(
        fat={legs.MUSCLE: healthy_fat + rise[0], "all": healthy_fat + ELSEWHERE * rise[0]} if ill else {},
        oedema={legs.MUSCLE: rise[1], "all": ELSEWHERE * rise[1]} if ill else {},
        atrophy={legs.MUSCLE: atrophy, "all": ELSEWHERE * atrophy},
    )
    return Visit(legs.VISITS[turn][0], disease, tissues={"muscle": replace(TISSUES["muscle"], FF=healthy_fat)})


def _solved(
    here: Scene, parts: Mapping[int, Parts], muscle: Tissue, t2: float, t1: float, where: str
) -> dict[str, Tissue]:
    """The muscle tissue of which the estimators make ``t2`` and ``t1`` (s): each round puts right what the last one missed by."""
    water_t2, water_t1 = t2 - 0.002, t1
    for _ in range(_ROUNDS):
        tissues = {"muscle": replace(muscle, T1=water_t1, T2=water_t2)}
        found_t2, found_t1, mean_t2, _ = seen(replace(here, tissues=tissues), parts)
        if not _WATER_T2[0] < mean_t2 < _WATER_T2[1]:
            break
        if abs(found_t2 - t2) < _NEAR_T2 and abs(found_t1 - t1) < _NEAR_T1:
            return tissues
        water_t2, water_t1 = max(0.01, water_t2 + t2 - found_t2), water_t1 * t1 / found_t1
    raise OptionError("E-OPTION", where=where, needed=f"a T2 and a T1 that muscle can have, {1e3 * t2:.1f} and {1e3 * t1:.0f} ms",
                      found="no water T2 between 20 and 60 ms that gives them", remedy="check the table that is painted")  # fmt: skip


def seen(here: Scene, parts: Mapping[int, Parts]) -> tuple[float, float, float, float]:
    """Global T2 and T1 as estimated without noise, and T2 of the water (s) and fat fraction as they are: means over the muscle."""
    truths = [here.truth(k, p) for k, p in parts.items()]
    truth = {name: np.concatenate([t[name] for t in truths]) for name in truths[0]}
    share = np.concatenate([p.fraction for p in parts.values()])
    made = signals(_SCAN, truth)
    t2 = t2_mono.estimate(
        Inputs({"mese": made[t1_two_tr.LONG]}, {"mese": _SCAN.acquisitions[t1_two_tr.LONG]}), t2_mono.Options()
    )
    t1 = t1_two_tr.estimate(Inputs(made, _SCAN.acquisitions), t1_two_tr.Options())
    water = share * (1 - truth["FF"])
    means = ((t2.values["T2"], share), (t1.values["T1"], share), (truth["T2"], water), (truth["FF"], share))
    a, b, c, d = (float(np.average(value, weights=weight)) for value, weight in means)
    return a, b, c, d
