"""Scans of a phantom of vials, made to be judged by ``neuromyo qa``: sites, dates, faults of the scanner. Read from TOML."""

from __future__ import annotations

import datetime
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo import __version__
from neuromyo.core.errors import OptionError
from neuromyo.io import store
from neuromyo.io.table import write_tsv
from neuromyo.phantom import write
from neuromyo.phantom.acquire import acquire
from neuromyo.phantom.fields import Fields
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.series import SeriesPlan
from neuromyo.phantom.sets import FieldsPlan, Stack, Study, _known, _made
from neuromyo.phantom.vials import Liquid, VialBody, VialScene
from neuromyo.quality import vialset
from neuromyo.quality.vialset import VialSet

_KEYS = {"title", "seed", "snr", "vials", "grid", "fields", "series", "scan", "bath", "half_length_mm"}
_BATH = {"radius_mm", "T1", "T2"}


@dataclass(frozen=True)
class VialScan:
    """One session.

    site, session, date : labels of subject and session, and the day as YYYY-MM-DD
    turn_deg : counter-clockwise on the screen; shift_mm : to the right of the screen and upwards
    temperature_c : what the vials have and the thermometer says
    missing : names of vials that are not there; bubbles : name -> share of the diameter that is air
    fault : quantity -> factor by which this scanner's vials differ from their references (FF: points added)
    spread : quantity -> standard deviation of such a factor from session to session
    """

    site: str
    session: str
    date: str
    turn_deg: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    temperature_c: float = 20.0
    missing: tuple[str, ...] = ()
    bubbles: Mapping[str, float] = field(default_factory=dict)
    fault: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class VialStudy:
    """The scans to be made; ``base`` says on which grid, with which series and at which signal-to-noise ratio."""

    base: Study
    vials: VialSet
    scans: tuple[VialScan, ...]
    bath: Mapping[str, float] = field(default_factory=dict)
    half_length_mm: float = 40.0


def describes(text: str) -> bool:
    """Whether a phantom's TOML is about vials rather than legs."""
    try:
        return "vials" in tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False


def parse(text: str, where: str) -> VialStudy:
    """A study from TOML text; ``where`` is its name in messages."""
    raw = _known(tomllib.loads(text), _KEYS, where)
    scans = tuple(_made(VialScan, entry, f"{where} [[scan]]") for entry in raw.get("scan", []))
    series = tuple(_made(SeriesPlan, entry, f"{where} [[series]]") for entry in raw.get("series", []))
    if not scans or not series or len({(s.site, s.session) for s in scans}) != len(scans):
        raise OptionError("E-OPTION", where=where, needed="[[series]], and [[scan]]s of different site and session",
                          found=f"{len(series)} series, {len(scans)} scans")  # fmt: skip
    for scan in scans:
        _day(scan, where)
    base = Study(raw.get("title", where), raw.get("seed", 0), "phantom", float(raw.get("snr", 100.0)),
                 _made(Stack, raw.get("grid", {}), f"{where} [grid]"), series, (),
                 _made(FieldsPlan, raw.get("fields", {}), f"{where} [fields]"))  # fmt: skip
    bath = _known(raw.get("bath", {}), _BATH, f"{where} [bath]")
    return VialStudy(base, vialset.load(raw["vials"]), scans, dict(bath), float(raw.get("half_length_mm", 40.0)))


def _day(scan: VialScan, where: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(scan.date)
    except ValueError as error:
        raise OptionError("E-OPTION", where=f"{where} [[scan]] {scan.session}: date", needed="YYYY-MM-DD",
                          found=repr(scan.date)) from error  # fmt: skip


def make_scene(study: VialStudy, number: int) -> VialScene:
    """The vials of one scan, in that session's fields."""
    scan, base, vials = study.scans[number], study.base, study.vials
    rng = np.random.default_rng(np.random.SeedSequence(base.seed, spawn_key=(number, 6)))
    plan = base.fields
    field_ = Fields.of(rng, b1=plan.b1, b0_hz=plan.b0_hz, receive=plan.receive, receive_phase=plan.receive_phase)
    drawn = {q: float(rng.standard_normal()) * scan.spread.get(q, 0.0) for q in ("T1", "T2", "FF")}
    names = [v.name for v in vials.vials]
    body = VialBody(
        np.array([v.at_mm for v in vials.vials]), vials.radius_mm, study.half_length_mm,
        bath_radius_mm=float(study.bath.get("radius_mm", 0.0)),
        bubbles={names.index(n): share for n, share in scan.bubbles.items()},
        missing=frozenset(names.index(n) for n in scan.missing),
    )  # fmt: skip
    bath = Liquid(float(study.bath.get("T1", 1.2)), float(study.bath.get("T2", 0.3)))
    liquids = (bath, *(_liquid(v, scan, drawn) for v in vials.vials))
    x, y = scan.shift_mm
    pose = Pose(turn_deg=(0.0, 0.0, -scan.turn_deg), shift_mm=(-x, y, 0.0))
    return VialScene(body, liquids, base.stack.grid(), field_, pose=pose)


def true_values(vial: vialset.Vial, scan: VialScan, drawn: Mapping[str, float] | None = None) -> dict[str, float]:
    """What is in a vial in one scan, in the unit of its references."""
    out = {}
    for quantity, reference in vial.references.items():
        value, _ = reference.at(scan.temperature_c)
        extra = (drawn or {}).get(quantity, 0.0)
        if vialset.QUANTITIES[quantity][1]:
            out[quantity] = value * scan.fault.get(quantity, 1.0) * (1.0 + extra)
        else:
            out[quantity] = float(np.clip(value + scan.fault.get(quantity, 0.0) + extra, 0.0, 100.0))
    return out


def _liquid(vial: vialset.Vial, scan: VialScan, drawn: Mapping[str, float]) -> Liquid:
    values = true_values(vial, scan, drawn)
    given = {
        "T1": values.get("T1", 1200.0) / 1e3,
        "T2": values.get("T2", 60.0) / 1e3,
        "FF": values.get("FF", 0.0) / 100,
    }
    return Liquid(**given)


def write_study(
    out: Path, study: VialStudy, biomarkers: Any, *, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Writes the scans as raw BIDS to the new folder ``out``; gives it back. Sites are subjects; dates, sites and temperatures
    stand in each ``sessions.tsv``; the truth of every vial in ``derivatives/truth/vials.tsv``."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError("E-OUTDIR", where=out.name, needed="a new or empty folder", found="one that holds files",
                          remedy="name another folder")  # fmt: skip
    scans = [write._scan(plan, biomarkers, study.base.snr) for plan in study.base.series]
    truth = []
    for number, one in enumerate(study.scans):
        progress(f"sub-{one.site} ses-{one.session}")
        here = make_scene(study, number)
        for turn, (plan, scan) in enumerate(zip(study.base.series, scans, strict=True)):
            made = acquire(here, scan, study.base.seed, (number, turn))  # type: ignore[arg-type]
            for series in made.values():
                write._write_series(out, {"sub": one.site, "ses": one.session}, plan, series, study.base)
        truth += [(one.site, one.session, v.name, *_shown(liquid)) for v, liquid in
                  zip(study.vials.vials, here.liquids[1:], strict=True) if v.name not in one.missing]  # fmt: skip
    _write_heads(out, study)
    write_tsv(
        out / "derivatives" / "truth" / "vials.tsv",
        ("subject", "session", "vial", "T1_ms", "T2_ms", "FF_percent"),
        truth,
    )
    return out


def _shown(liquid: Liquid) -> tuple[float, float, float]:
    return 1e3 * liquid.T1, 1e3 * liquid.T2, 100 * liquid.FF


def _write_heads(out: Path, study: VialStudy) -> None:
    made_by = [{"Name": "neuromyo", "Version": __version__, "Description": "simulated: nothing was scanned"}]
    head = {"Name": study.base.title, "BIDSVersion": write.BIDS_VERSION, "License": "CC0", "GeneratedBy": made_by}
    store.write_json(out / "dataset_description.json", {**head, "DatasetType": "raw", "Authors": ["neuromyo phantom"]})
    store.write_json(out / "derivatives" / "truth" / "dataset_description.json", {**head, "DatasetType": "derivative"})
    store.write_text(out / "derivatives" / "truth" / ".bidsignore", "vials.tsv\n")
    store.write_text(
        out / "README",
        f"{study.base.title}\n\nSimulated by the phantom of neuromyo: nothing was scanned, and what is in every "
        f"vial is known (derivatives/truth). Seed {study.base.seed}; signal-to-noise ratio {study.base.snr:g}.\n",
    )
    sites = list(dict.fromkeys(s.site for s in study.scans))
    write_tsv(out / "participants.tsv", ("participant_id", "species"), [(f"sub-{s}", "n/a") for s in sites])
    for site in sites:
        rows = _visits([s for s in study.scans if s.site == site])
        write_tsv(out / f"sub-{site}" / f"sub-{site}_sessions.tsv", ("session_id", "acq_time", "temperature"), rows)
        store.write_json(out / f"sub-{site}" / f"sub-{site}_sessions.json",
                         {"temperature": {"Description": "temperature of the phantom", "Units": "oC"}})  # fmt: skip


def _visits(scans: Sequence[VialScan]) -> list[tuple[str, str, float]]:
    """Session, time and temperature of a site's scans: those of one day half an hour after each other, from nine o'clock on."""
    rows: list[tuple[str, str, float]] = []
    today: Counter[str] = Counter()
    for one in scans:
        minutes = 9 * 60 + 30 * today[one.date]
        today[one.date] += 1
        rows.append(
            (f"ses-{one.session}", f"{one.date}T{minutes // 60 % 24:02d}:{minutes % 60:02d}:00", one.temperature_c)
        )
    return rows


def with_noise(study: VialStudy, *, seed: int | None, snr: float | None) -> VialStudy:
    """The same study with another seed or signal-to-noise ratio."""
    base = study.base if seed is None else replace(study.base, seed=seed)
    return replace(study, base=base if snr is None else replace(base, snr=snr))


__all__ = ["VialScan", "VialStudy", "describes", "make_scene", "parse", "true_values", "with_noise", "write_study"]
