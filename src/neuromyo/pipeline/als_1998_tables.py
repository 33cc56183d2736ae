"""The clinical tables of the simulated cohort of 1998, as BIDS has them, and what was painted as a table of measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from neuromyo.biomarkers import t1_two_tr
from neuromyo.core.measurements import Measurements
from neuromyo.io import dictionary, phenotype_write, store, table
from neuromyo.io.phenotype import Entry
from neuromyo.phantom import als_1998_legs as legs
from neuromyo.phantom.als_1998 import MadeCohort, visual_reading
from neuromyo.study.bryan_variables import READING

#: newton in a kilogram-force, of which the table's strength is
_NEWTON = 9.80665
_FIRST_DAY, _BETWEEN_PEOPLE, _MONTH_DAYS = date(2024, 1, 8), 3, 30.4375
#: what stands in the table of measurements: quantity -> (biomarker, unit, statistic)
_MEASURED = {"T2": ("t2-mono", "ms", "mean"), "T1": ("t1-two-tr", "ms", "mean"), "volume": ("", "ml", "volume")}


def write_tables(bids: Path, made: MadeCohort, keep: Sequence[int]) -> None:
    """participants.tsv, sessions.tsv of everybody, phenotype/ with CMAP of the fibular nerve and strength of lifting the foot."""
    people = legs.people(made)
    read = visual_reading(made)
    columns = ("participant_id", "sex", "age", "height", "weight", "group", READING)
    rows = [
        (f"sub-{p.label}", p.sex, p.age, p.height, p.weight, p.group, int(read[i]))
        for i, p in enumerate(people)
        if i in keep
    ]
    table.write_tsv(bids / "participants.tsv", columns, rows)
    store.write_json(bids / "participants.json", _ABOUT)
    for i in keep:
        label = people[i].label
        visits = [(f"ses-{name}", f"{_day(i, months).isoformat()}T09:00:00") for name, months in legs.VISITS]
        table.write_tsv(bids / f"sub-{label}" / f"sub-{label}_sessions.tsv", ("session_id", "acq_time"), visits)
    for measure, keys, quantity, factor in (
        (
            "cmap",
            (("side", legs.SIDE), ("nerve", "peroneal"), ("muscle", legs.MUSCLE.replace("-", "_"))),
            "amplitude",
            1.0,
        ),
        ("mvic", (("side", legs.SIDE), ("movement", "ankle_dorsiflexion")), "force", _NEWTON),
    ):
        entries = [
            Entry(people[i].label, name, keys, quantity, round(factor * float(made.values[measure][turn, i]), 4))
            for turn, (name, _) in enumerate(legs.VISITS) for i in keep
        ]  # fmt: skip
        phenotype_write.write(bids, dictionary.load(measure), entries)


def as_measured(
    made: MadeCohort, keep: Sequence[int], painted: Mapping[tuple[int, int], Mapping[str, float]] | None = None
) -> Measurements:
    """The cohort's T2, T1 and volume in the form in which they come out of images, and where it was ``painted``, by (person, visit), the
    water T2 and fat fraction that it was painted with."""
    rows = []
    for i in keep:
        for turn, (name, _) in enumerate(legs.VISITS):
            head = {"subject": made.labels[i], "session": name, "region": legs.MUSCLE, "side": legs.SIDE}
            values = [(q, *_MEASURED[q], float(made.values[q][turn, i])) for q in _MEASURED]
            truth = (painted or {}).get((i, turn))
            if truth:
                values += [
                    ("T2", "t2-water", "ms", "mean", 1e3 * truth["water_T2"]),
                    ("FF", "t2-water", "%", "mean", 1e2 * truth["fat"]),
                ]
            rows += [
                {**head, "quantity": q, "biomarker": b, "unit": unit, "statistic": how, "value": value}
                for q, b, unit, how, value in values
            ]
    return Measurements.of(rows)


def of_1998(measured: Measurements) -> Measurements:
    """The rows of the muscle that is analysed, global T2 by the two echoes of 1998 only: the train of today has one as well."""
    muscle = measured.where(region=legs.MUSCLE)
    today = [b == "t2-mono" and t1_two_tr.LONG not in a
             for b, a in zip(muscle.columns["biomarker"], muscle.columns["acquisition"], strict=True)]  # fmt: skip
    return Measurements({name: column[~np.array(today, dtype=bool)] for name, column in muscle.columns.items()})


def chosen(made: MadeCohort, people: int | None) -> list[int]:
    """Numbers in the cohort of the people asked for: all, or about as many patients to a control as there are in all."""
    if people is None or people >= len(made.ill):
        return list(range(len(made.ill)))
    n_ill = int(made.ill.sum())
    ill = min(n_ill, max(1, round(people * n_ill / len(made.ill)))) if people > 1 else people
    return [*range(ill), *(n_ill + i for i in range(people - ill))]


def _day(number: int, months: int) -> date:
    """Nobody's visits are on the same days; the second is a few days early or late."""
    late = int(np.random.default_rng([1998, number]).integers(-6, 7)) if months else 0
    return _FIRST_DAY + timedelta(days=_BETWEEN_PEOPLE * number + round(_MONTH_DAYS * months) + late)


_ABOUT = {
    "sex": {"Description": "sex of the made-up person", "Levels": {"F": "female", "M": "male"}},
    "age": {"Description": "age", "Units": "year"},
    "height": {"Description": "height", "Units": "m"},
    "weight": {"Description": "weight", "Units": "kg"},
    "group": {"Description": "ALS or control"},
    READING: {
        "Description": "a made-up reader's verdict on the scans of the first visit",
        "Levels": {"0": "normal", "1": "abnormal"},
    },
}
