"""The people of Bryan et al. 1998, made up: 11 with ALS, 8 controls, measured twice, four months apart.

Two things are drawn of each patient: *severity* s, the share of motor units lost at baseline (most have lost little, a few nearly all),
and what is lost on top in four months, d. All else follows from them and from how healthy people differ, at each visit:

    T2     = own healthy T2 + 13 ms s              strength = 26 kgf (1 - s)^(3/4) x own vigour x volume without error / 120 ml
    T1     = own healthy T1 + 25 ms s              CMAP     = own healthy CMAP x (1 - s)
    volume = own healthy volume x (1 - 0.30 s)     each with an error of measurement

The numbers are ours, chosen so that the middle of many such cohorts has the size of the paper's effects: no value of a person is
published. Two cohorts of three have the paper's pattern (T2 separates the groups, T1 and volume do not, T2 follows CMAP and
strength); `CHOSEN_SEED` is the cohort, of the first 3,000, whose numbers are closest to those printed. It was *chosen*, and whoever shows
it says so (`CHOSEN`).

*Assumes* one cause (loss of motor units) behind every change. *Breaks* as evidence: a cohort made to look like a paper confirms nothing
about people; it shows that the software finds what is there.

*Cites* Bryan et al., Neurology 1998;51:110, doi:10.1212/WNL.51.1.110.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

N_ALS, N_CONTROLS = 11, 8
CHOSEN_SEED = 1427
CHOSEN = (
    "The cohort is made up: its seed, 1427, was chosen out of 3,000 because its numbers come closest to those printed in 1998. "
    "It shows what the software finds in such data, and is no evidence about people."
)
#: what is known of each person at each visit, with its unit
UNITS: Mapping[str, str] = {"T2": "ms", "T1": "ms", "volume": "ml", "cmap": "mV", "mvic": "kgf"}


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation among healthy people, and of the error of measuring."""

    mean: float
    sd: float
    error: float


T2, T1 = Spread(33.0, 1.0, 0.50), Spread(1050.0, 70.0, 18.0)
VOLUME, CMAP = Spread(120.0, 24.0, 2.5), Spread(6.5, 1.0, 0.28)
#: strength (kgf) of an average person, sd of vigour (strength for one's volume), error
STRENGTH, VIGOUR_SD, STRENGTH_ERROR = 26.0, 0.06, 1.0
#: what all motor units lost would add to T2 and T1 (ms) and take of the volume (share)
T2_RISE, T1_RISE, VOLUME_LOSS = 13.0, 25.0, 0.30
#: shape of the severities; mean and sd of what is lost in four months, and between which it lies
_SEVERITY, _LOST, _LOST_RANGE = (0.45, 1.10), (0.09, 0.085), (-0.03, 0.35)
#: nobody's CMAP (mV) or strength (kgf) is recorded below
_LEAST = {"cmap": 0.1, "mvic": 0.3}


@dataclass(frozen=True, eq=False)
class MadeCohort:
    """What was drawn: the patients first, then the controls.

    ill : (n,) bool
    severity : (2, n) share of motor units lost, at baseline and after four months
    values : name in `UNITS` -> (2, n), in its unit
    seed : of the draws
    """

    ill: np.ndarray
    severity: np.ndarray
    values: Mapping[str, np.ndarray]
    seed: int

    @property
    def labels(self) -> tuple[str, ...]:
        """A01 ... for patients, C01 ... for controls."""
        n_ill = int(self.ill.sum())
        return tuple(f"A{i + 1:02d}" if i < n_ill else f"C{i - n_ill + 1:02d}" for i in range(len(self.ill)))


def draw(seed: int = CHOSEN_SEED, n_als: int = N_ALS, n_controls: int = N_CONTROLS) -> MadeCohort:
    """A cohort. The order of the draws is part of the promise: a seed means the same people for good."""
    rng, n = np.random.default_rng(seed), n_als + n_controls
    ill = np.arange(n) < n_als
    severity = np.zeros((2, n))
    severity[0, ill] = np.clip(rng.beta(*_SEVERITY, n_als), 0.01, 0.95)
    lost = np.zeros(n)
    lost[ill] = _progress(rng, n_als)
    severity[1] = np.clip(severity[0] + lost, 0.0, 0.98)
    own = {
        name: rng.normal(s.mean, s.sd, n) for name, s in (("T2", T2), ("T1", T1), ("volume", VOLUME), ("cmap", CMAP))
    }
    vigour = rng.normal(1.0, VIGOUR_SD, n)
    visits = [_visit(rng, own, vigour, s) for s in severity]
    return MadeCohort(ill, severity, {name: np.stack([v[name] for v in visits]) for name in UNITS}, seed)


def _progress(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n,) motor units lost in four months: normal, between limits."""
    drawn = rng.normal(*_LOST, 4 * n + 200)
    return drawn[(drawn > _LOST_RANGE[0]) & (drawn < _LOST_RANGE[1])][:n]


def _visit(
    rng: np.random.Generator, own: Mapping[str, np.ndarray], vigour: np.ndarray, severity: np.ndarray
) -> dict[str, np.ndarray]:
    """name -> (n,) as measured at one visit, of people whose severity is then (n,)."""
    n = len(severity)
    t2 = own["T2"] + T2_RISE * severity + rng.normal(0, T2.error, n)
    t1 = own["T1"] + T1_RISE * severity + rng.normal(0, T1.error, n)
    volume = own["volume"] * (1 - VOLUME_LOSS * severity)
    measured = volume + rng.normal(0, VOLUME.error, n)
    cmap = own["cmap"] * (1 - severity) + rng.normal(0, CMAP.error, n)
    strength = STRENGTH * (1 - severity) ** 0.75 * vigour * (volume / VOLUME.mean)
    mvic = strength + rng.normal(0, STRENGTH_ERROR, n)
    return {"T2": t2, "T1": t1, "volume": measured, "cmap": np.maximum(cmap, _LEAST["cmap"]),
            "mvic": np.maximum(mvic, _LEAST["mvic"])}  # fmt: skip


#: a reader calls a muscle abnormal where its T2 (ms), as it looks to that reader, is above: two standard deviations over healthy people;
#: and by how much looks mislead (sd, ms)
READER_LIMIT = T2.mean + 2 * float(np.hypot(T2.sd, T2.error))
READER_ERROR = 0.3


def visual_reading(made: MadeCohort) -> np.ndarray:
    """(n,) bool: baseline scans that a made-up reader calls abnormal.

    The rule is ours, since none was published: abnormal where the T2 of the table plus an error of looking exceeds `READER_LIMIT`.
    The error was chosen so that the chosen cohort has the paper's 6 of 11 patients.
    """
    rng = np.random.default_rng(np.random.SeedSequence(made.seed, spawn_key=(1998,)))
    return made.values["T2"][0] + rng.normal(0.0, READER_ERROR, len(made.ill)) > READER_LIMIT
