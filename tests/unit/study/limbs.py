"""People whose fibular nerve, CMAP, tibialis anterior and dorsiflexion are linked as stated."""

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable

#: standardised effects: nerve -> CMAP, CMAP -> fat, fat -> strength
STEPS = (-0.6, -0.7, -0.8)


def variable(head, structure, side, unit="", **more):
    measure, _, quantity = head.rpartition(".")
    name = "/".join(p for p in (head, structure, side) if p)
    source = "clinical" if measure else "imaging"
    return Variable(name, unit, source, quantity, structure, side, measure=measure, **more)


def cohort(n=36, sides=("right",), controls=8, seed=5, extra=()):
    """n patients and some controls, a row each; both sides of a person share half of their variance."""
    rng = np.random.default_rng(seed)
    total = n + controls
    a, b, c = STEPS
    shared = rng.normal(size=(4, total))
    values, variables = {}, []
    for side in sides:
        own = np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=(4, total))
        t2 = own[0]
        cmap = a * t2 + np.sqrt(1 - a**2) * own[1]
        ff = b * cmap + np.sqrt(1 - b**2) * own[2]
        force = c * ff + np.sqrt(1 - c**2) * own[3]
        made = (
            (variable("T2", "fibular-nerve", side, "ms"), 60 + 5 * t2),
            (variable("cmap.amplitude", "tibialis-anterior", side, "mV", keys=(("nerve", "peroneal"),)), 5 + cmap),
            (variable("FF", "tibialis-anterior", side, "%"), 12 + 3 * ff),
            (variable("mvic.force", "ankle-dorsiflexion", side, "N"), 200 + 40 * force),
            (variable("T2", "soleus", side, "ms"), 35 + rng.normal(size=total)),
        )
        for one, x in (*made, *extra):
            variables.append(one)
            values[one.name] = x
    labels = [f"{i:02d}" for i in range(total)]
    people = {
        p: Participant(p, "patient" if i < n else "control", 40.0 + i, "FM"[i % 2], "AB"[i % 3 > 0])
        for i, p in enumerate(labels)
    }
    person = np.array(labels, dtype=object)
    return Cohort(
        person, np.full(total, "m0", dtype=object), np.zeros(total), tuple(variables), values, ("m0",), people
    )
