"""Tables of a small study of two visits: people, measurements of muscles, CMAP and strength, of a truth that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

#: visit -> months
VISITS = {"m0": 0.0, "m4": 4.0}
MUSCLE = "tibialis-anterior"
#: quantity -> (unit, biomarker, statistic)
KINDS = {"T2": ("ms", "t2-mono", "mean"), "FF": ("%", "pdff", "mean"), "volume": ("ml", "", "volume")}


@dataclass
class Study:
    """Rows of each table; edit them before `write`. ``measured``: rows of measurements.tsv; ``people``: of participants.tsv; ``cmap`` and
    ``mvic``: of clinical tables; ``dates``: person -> visit -> date."""

    people: list[dict] = field(default_factory=list)
    measured: list[dict] = field(default_factory=list)
    cmap: list[dict] = field(default_factory=list)
    mvic: list[dict] = field(default_factory=list)
    dates: dict[str, dict[str, str]] = field(default_factory=dict)

    def write(self, root: Path) -> dict[str, Path]:
        """All tables under ``root``: what the command line is given, by name (tables, people, clinical)."""
        bids, run = root / "bids", root / "run"
        for folder in (bids / "phenotype", run):
            folder.mkdir(parents=True, exist_ok=True)
        write_tsv(run / "measurements.tsv", self.measured)
        write_tsv(bids / "participants.tsv", self.people)
        for name, rows in (("cmap", self.cmap), ("mvic", self.mvic)):
            if rows:
                write_tsv(bids / "phenotype" / f"{name}.tsv", rows)
        for who, visits in self.dates.items():
            (bids / f"sub-{who}").mkdir(exist_ok=True)
            rows = [{"session_id": f"ses-{v}", "acq_time": when} for v, when in visits.items()]
            write_tsv(bids / f"sub-{who}" / f"sub-{who}_sessions.tsv", rows)
        return {
            "tables": run / "measurements.tsv",
            "people": bids / "participants.tsv",
            "clinical": bids / "phenotype",
            "bids": bids,
        }

    def drop(self, who: str, visit: str | None = None) -> None:
        """Leaves out a person's measurements and clinical values, of one visit or of all."""
        self.measured = [r for r in self.measured if not (r["subject"] == who and visit in (None, r["session"]))]
        for name in ("cmap", "mvic"):
            rows = getattr(self, name)
            gone = f"sub-{who}"
            setattr(
                self,
                name,
                [r for r in rows if not (r["participant_id"] == gone and visit in (None, r["session_id"][4:]))],
            )

    def person(self, who: str) -> dict:
        return next(p for p in self.people if p["participant_id"] == f"sub-{who}")


def two_visits(
    patients: int = 11, controls: int = 8, seed: int = 1427, visits: Sequence[str] = tuple(VISITS), dated: bool = False
) -> Study:
    """Patients whose T2 rises as their CMAP falls, and controls in whom neither moves. Severity s from 0 to 1: T2 = 33 + 13 s + noise ms,
    CMAP = 6.5 (1 - s) mV, strength = 26 (1 - s)^0.75 N; s grows by about 0.1 from visit to visit."""
    rng = np.random.default_rng(seed)
    made = Study()
    for i in range(patients + controls):
        ill = i < patients
        who = f"p{i + 1:02d}" if ill else f"c{i + 1 - patients:02d}"
        made.people.append({"participant_id": f"sub-{who}", "age": round(float(rng.uniform(35, 70)), 1), "sex": "FM"[i % 2],
                            "group": "patient" if ill else "control", "site": "here"})  # fmt: skip
        own, severity, pace = (
            rng.normal(0, 1),
            float(rng.beta(0.9, 1.6)) * 0.8 if ill else 0.0,
            float(rng.uniform(0.02, 0.18)) if ill else 0.0,
        )
        for k, visit in enumerate(visits):
            _visit(made, rng, who, visit, own, min(severity + k * pace, 0.98))
        if dated:
            made.dates[who] = {v: f"1925-{1 + int(VISITS[v]):02d}-{1 + i:02d}" for v in visits}
    return made


def _visit(made: Study, rng: np.random.Generator, who: str, visit: str, own: float, s: float) -> None:
    for side in ("left", "right"):
        truth = {
            "T2": 33 + own + 13 * s + rng.normal(0, 0.5),
            "FF": 4 + 20 * s + rng.normal(0, 0.5),
            "volume": (120 + 15 * own) * (1 - 0.3 * s),
        }
        made.measured += [number(who, visit, side, q, x) for q, x in truth.items()]
        keys = {"participant_id": f"sub-{who}", "session_id": f"ses-{visit}", "side": side}
        cmap, force = max(6.5 * (1 - s) + rng.normal(0, 0.28), 0.1), max(26 * (1 - s) ** 0.75 + rng.normal(0, 1), 0.3)
        made.cmap.append(
            {**keys, "nerve": "fibular", "muscle": "tibialis_anterior", "amplitude (mV)": round(float(cmap), 3)}
        )
        made.mvic.append({**keys, "movement": "ankle_dorsiflexion", "force (N)": round(float(force), 2)})


def number(who: str, visit: str, side: str, quantity: str, value: float, **more: object) -> dict:
    """One row of measurements."""
    unit, biomarker, statistic = KINDS[quantity]
    return {"subject": who, "session": visit, "acquisition": "", "region": MUSCLE, "region_source": "drawn", "side": side, "level": "",
            "slice": "", "quantity": quantity, "biomarker": biomarker, "unit": unit, "value": round(float(value), 4),
            "statistic": statistic, "flags": "", **more}  # fmt: skip


def write_tsv(path: Path, rows: Sequence[Mapping[str, object]], end: str = "\n") -> Path:
    """Rows as a table; what is empty is n/a."""
    names = list(dict.fromkeys(n for row in rows for n in row))
    lines = [names, *([_cell(row.get(n)) for n in names] for row in rows)]
    path.write_bytes((end.join("\t".join(line) for line in lines) + end).encode())
    return path


def _cell(value: object) -> str:
    return "n/a" if value is None or value == "" else str(value)
