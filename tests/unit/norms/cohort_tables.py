"""Tables of healthy people as `run` would leave them: measurements.tsv and participants.tsv, of a truth that is known."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

#: quantity -> (region, unit, biomarker, mean at age 50, slope per 10 years, sd between people)
TRUTH = {
    "csa": ("tibial", "mm2", "nerve-shape", 22.0, 0.0, 3.0),
    "T2": ("soleus", "ms", "t2-water", 35.0, 0.3, 1.5),
    "FF": ("soleus", "%", "pdff", 4.0, 0.4, 1.0),
}
PEOPLE = ("participant_id", "age", "sex", "height", "weight", "group", "site")


@dataclass
class Cohort:
    """People and their values; edit ``people`` and ``rows`` before `write`."""

    people: list[dict] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)

    def write(self, folder: Path, name: str = "controls") -> tuple[Path, Path]:
        """Both tables as files: (measurements, participants)."""
        folder.mkdir(parents=True, exist_ok=True)
        measured, people = folder / f"{name}.tsv", folder / f"{name}_participants.tsv"
        measured.write_text(_tsv(self.rows))
        people.write_text(_tsv(self.people))
        people.with_suffix(".json").write_text('{"height": {"Units": "m"}, "weight": {"Units": "kg"}}')
        return measured, people

    def of(self, subject: str) -> list[dict]:
        return [r for r in self.rows if r["subject"] == subject]


def healthy(
    n: int = 20, seed: int = 0, site: str = "here", first: int = 1, quantities: tuple[str, ...] = ("csa", "T2")
) -> Cohort:
    """``n`` controls with both sides, half of them women, 22 to 78 years old."""
    rng = np.random.default_rng(seed)
    made = Cohort()
    for i in range(n):
        who, age, sex = f"c{first + i:03d}", float(np.round(rng.uniform(22, 78), 1)), "MF"[i % 2]
        height = round(float(rng.normal(1.77 if sex == "M" else 1.65, 0.06)), 2)
        weight = round(float(rng.normal(24.5, 3) * height**2), 1)
        made.people.append(dict(zip(PEOPLE, (f"sub-{who}", age, sex, height, weight, "control", site), strict=True)))
        made.rows += [row for q in quantities for row in _both(rng, who, age, q)]
    return made


def patient(who: str = "p1", **values: float) -> list[dict]:
    """Rows of one person's left side with these values."""
    return [one(who, "left", q, v) for q, v in values.items()]


def one(who: str, side: str, quantity: str, value: float, **more) -> dict:
    region, unit, biomarker = TRUTH[quantity][:3]
    return {"subject": who, "session": "", "region": region, "region_source": "", "side": side, "quantity": quantity,
            "biomarker": biomarker, "unit": unit, "value": value, "statistic": "mean", "flags": "", **more}  # fmt: skip


def _both(rng, who: str, age: float, quantity: str) -> list[dict]:
    _, _, _, mean, slope, sd = TRUTH[quantity]
    person = mean + slope * (age - 50) / 10 + 0.9 * sd * rng.normal()
    return [one(who, s, quantity, round(float(person + 0.4 * sd * rng.normal()), 4)) for s in ("left", "right")]


def _tsv(rows: list[dict]) -> str:
    names = list(dict.fromkeys(n for row in rows for n in row))
    lines = [names, *([_cell(row.get(n)) for n in names] for row in rows)]
    return "\n".join("\t".join(line) for line in lines) + "\n"


def _cell(value) -> str:
    return "n/a" if value is None or value == "" else str(value)
