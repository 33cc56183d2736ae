"""Small made studies of two and more groups, for tests."""

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable

T2 = Variable("T2/tibialis-anterior/right", "ms", quantity="T2", structure="tibialis-anterior", side="right")
T1 = Variable("T1/tibialis-anterior/right", "ms", quantity="T1", structure="tibialis-anterior", side="right")
VOLUME = Variable(
    "volume/tibialis-anterior/right", "ml", quantity="volume", structure="tibialis-anterior", side="right"
)
CMAP = Variable("cmap.amplitude/tibialis-anterior/right", "mV", "clinical", measure="cmap")


def cohort(values, people, visits=("m0",), person=None, visit=None):
    """values : variable -> (rows,); people : list of `Participant`, a row each at the first visit unless ``person`` says otherwise."""
    person = np.array([p.label for p in people] if person is None else person, dtype=object)
    visit = np.array([visits[0]] * len(person) if visit is None else visit, dtype=object)
    return Cohort(person, visit, np.full(len(person), np.nan), tuple(values), {v.name: np.asarray(x, float) for v, x in values.items()},
                  tuple(visits), {p.label: p for p in people})  # fmt: skip


def folk(als=11, control=8, seed=0, age_shift=0.0, **more):
    """People with age, sex and one site for all; patients are older by ``age_shift``."""
    rng = np.random.default_rng(seed)
    out = []
    for k in range(als + control):
        patient = k < als
        out.append(Participant(f"{k + 1:02d}", "als" if patient else "control", round(rng.uniform(40, 65)) + age_shift * patient,
                               "F" if k % 2 else "M", "utrecht", round(rng.normal(1.75, 0.08), 2), **more))  # fmt: skip
    return out


def als_like(seed=1427, shift=4.0, **kw):
    """11 against 8: T2 is raised by ``shift`` ms, T1 and volume are not, CMAP is."""
    people = folk(**kw)
    rng, n = np.random.default_rng(seed), len(people)
    ill = np.array([p.group == "als" for p in people])
    return cohort({T2: 33 + shift * ill + rng.normal(0, 1.5, n), T1: 1050 + rng.normal(0, 70, n), VOLUME: 120 + rng.normal(0, 24, n),
                   CMAP: 6.5 - 2.5 * ill + rng.normal(0, 1, n)}, people)  # fmt: skip


def along(seed=3, levels=12, affected=(4, 8), size=3.0):
    """T2 of the tibial nerve at levels 20 mm apart, raised by ``size`` at some of them in patients, neighbours alike."""
    people = folk()
    rng, n = np.random.default_rng(seed), len(people)
    noise = rng.normal(0, 1, (n, levels + 4))
    smooth = sum(noise[:, k : k + levels] for k in range(5)) / np.sqrt(5)
    smooth[:11, affected[0] : affected[1]] += size
    at = [f"{20 * k} mm" for k in range(levels)]
    made = [
        Variable(f"T2/tibial-nerve/right/{a}", "ms", quantity="T2", structure="tibial-nerve", side="right", level=a)
        for a in at
    ]
    return cohort({v: 60 + smooth[:, k] for k, v in enumerate(made)}, people)
