"""A made study on disk: raw BIDS as a scanner's files would be, and its truth beside it as a derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuromyo import __version__
from neuromyo.core import options
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.series import Series
from neuromyo.io import nifti_write, store
from neuromyo.phantom.acquire import Scan, acquire, noise_sigma
from neuromyo.phantom.cohort import Person, Visit
from neuromyo.phantom.pose import STILL, Pose
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.scene import Scene, scene
from neuromyo.phantom.series import ALL, SeriesPlan
from neuromyo.phantom.sets import Study
from neuromyo.phantom.truth import QUANTITIES, Truth
from neuromyo.phantom.volumes import datatype, gradients, volumes

BIDS_VERSION = "1.10.0"
#: truth map -> (datatype, suffix, unit on disk, factor from SI)
TRUTH_MAPS = {
    "T2": ("anat", "T2map", "s", 1.0),
    "T1": ("anat", "T1map", "s", 1.0),
    "R2star": ("anat", "R2starmap", "1/s", 1.0),
    "FF": ("anat", "PDFF", "percent", 100.0),
    "MTR": ("anat", "MTRmap", "percent", 100.0),
    "MTsat": ("anat", "MTsat", "percent", 100.0),
    "Protons": ("anat", "PDmap", "arbitrary", 1.0),
    "B1": ("fmap", "TB1map", "percent", 100.0),
    "B0": ("fmap", "B0map", "Hz", 1.0),
    "FA": ("dwi", "FA", "arbitrary", 1.0),
    "MD": ("dwi", "MD", "m2/s", 1.0),
    "V1": ("dwi", "V1", "arbitrary", 1.0),
    "tensor": ("dwi", "tensor", "m2/s", 1.0),
}


class Biomarkers(Protocol):
    """Where a biomarker is got by its id: a registry."""

    def get(self, id_: str, /) -> Any: ...


def write(
    out: Path,
    study: Study,
    biomarkers: Biomarkers | Mapping[str, Biomarker],
    *,
    sampling: Sampling | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """Make a study and write it to the new folder ``out``; gives ``out`` back.

    biomarkers : where those named by the study's series are got
    progress : is told what is being made

    Writes ``out`` as raw BIDS, and ``out/derivatives/truth`` with maps of `TRUTH_MAPS`, labels with their table, and
    a table of true means and volumes by region. The same study gives the same bytes.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(
            "E-OUTDIR",
            where=out.name,
            needed="a new or empty folder",
            found="one that holds files",
            remedy="name another folder",
        )
    write_heads(out, study)
    for number, person in enumerate(study.people):
        for turn, visit in enumerate(person.visits):
            progress(f"sub-{person.label}" + (f" ses-{visit.label}" if visit.label else ""))
            write_session(out, study, biomarkers, person, visit, (number, turn), sampling)
    return out


def _scan(plan: SeriesPlan, biomarkers: Any, snr: float) -> Scan:
    biomarker = biomarkers.get(plan.biomarker)
    if biomarker is None:
        raise OptionError(
            "E-UNKNOWN", where=plan.biomarker, needed="a biomarker that was handed in", found="none of that id"
        )
    known = tuple(biomarker.typical)
    unknown = sorted({*plan.roles, *plan.changes} - {*known, ALL})
    if unknown:
        raise OptionError("E-UNKNOWN", where=f"phantom series {biomarker.id}",
                          needed=f"roles out of {', '.join(known)}", found=", ".join(unknown))  # fmt: skip
    given = {role: plan.acquisition(biomarker.typical[role], role) for role in plan.roles or known}
    chosen = options.parse(biomarker.options, plan.options) if plan.options else biomarker.options()
    scan = Scan.of(biomarker, given, chosen, snr=snr, fat_left=plan.fat_left, readout_s=plan.signed_readout_s,
                   phase_axis=plan.phase_axis)  # fmt: skip
    return replace(scan, acquisitions=given)


def make_scene(
    study: Study, person: Person, visit: Visit, place: tuple[int, int], sampling: Sampling | None = None
) -> Scene:
    """The scene of one session; ``place`` are the numbers of the subject and of the session. A person's body stays the
    same from visit to visit unless a visit states its own, the fields are new."""
    rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(3, place[0])))
    sampling = sampling or Sampling(4, 1, study.stack.slice_thickness_mm)
    plan = study.fields
    return scene(
        replace(visit.body or person.body(rng), sides=study.legs),
        study.stack.grid(),
        study.seed,
        disease=visit.disease,
        tissues=visit.tissues,
        sampling=sampling,
        spawn_key=place,
        texture_key=place[:1],
        b1=plan.b1,
        b0_hz=plan.b0_hz,
        receive=plan.receive,
        receive_phase=plan.receive_phase,
        susceptibility=plan.susceptibility,
    )


def poses(study: Study, scans: Sequence[Scan], grid: Grid, place: tuple[int, int]) -> list[dict[str, Pose]]:
    """How the body lies in every series of a session: as in the truth in the first, elsewhere in the others."""
    x, y, z = (float(v) for v in grid.to_world((np.array(grid.shape) - 1) / 2.0))
    made: list[dict[str, Pose]] = []
    for number, scan in enumerate(scans):
        rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(*place, number, 8)))
        drawn = {
            role: Pose.drawn(rng, study.motion.turn_deg, study.motion.shift_mm, (x, y, z)) for role in scan.acquisitions
        }
        first = next(iter(drawn)) if number == 0 else None
        made.append({role: STILL if role == first or not study.motion.any else pose for role, pose in drawn.items()})
    return made


def write_session(
    out: Path,
    study: Study,
    biomarkers: Biomarkers | Mapping[str, Biomarker],
    person: Person,
    visit: Visit,
    place: tuple[int, int],
    sampling: Sampling | None = None,
) -> None:
    """The files of one session and their truth; ``place`` as in `make_scene`. Sessions do not depend on each other."""
    scans = [_scan(plan, biomarkers, study.snr) for plan in study.series]
    here = make_scene(study, person, visit, place, sampling)
    names = {"sub": person.label, **({"ses": visit.label} if visit.label else {})}
    truth = Truth(here.grid)
    about: dict[str, Any] = {"NoiseStandardDeviationPerChannel": {}}
    moved = poses(study, scans, here.grid, place)
    for number, (plan, scan) in enumerate(zip(study.series, scans, strict=True)):
        made = acquire(here, scan, study.seed, (*place, number), poses=moved[number],
                       each_slice=truth.add if number == 0 else None)  # fmt: skip
        for role, series in made.items():
            _write_series(out, names, plan, series, study)
            about["NoiseStandardDeviationPerChannel"][f"{plan.biomarker} {role}"] = noise_sigma(scan)[role]
            if study.motion.any:
                about.setdefault("Moved", []).append(
                    {"Series": number, "Role": role, "BodyToScanner": moved[number][role].matrix.round(9).tolist()}
                )
    _write_truth(out / "derivatives" / "truth", names, study.series[0].acq, truth, about)


def _write_series(out: Path, names: Mapping[str, str], plan: SeriesPlan, series: Series, study: Study) -> None:
    series = replace(series, kind=plan.kind or series.kind)
    labels = {**names, **({"acq": plan.acq} if plan.acq else {}), **plan.entities}
    folder = _folder(out, names, datatype(series.kind))
    readout = {"PhaseEncodingDirection": plan.phase_encoding, "TotalReadoutTime": plan.readout_s}
    for name, array, sidecar in volumes(series, labels, study):
        nifti_write.write_image(folder / f"{name}.nii.gz", array, series.grid)
        store.write_json(folder / f"{name}.json", sidecar | (readout if plan.readout_s > 0 else {}))
        for ending, text in gradients(series).items():
            store.write_text(folder / f"{name}.{ending}", text)


def _folder(root: Path, names: Mapping[str, str], kept_in: str) -> Path:
    return root.joinpath(*(f"{k}-{v}" for k, v in names.items()), kept_in)


# --- the truth --------------------------------------------------------------------------------------------------------


def _write_truth(root: Path, names: Mapping[str, str], acq: str, truth: Truth, about_all: Mapping[str, Any]) -> None:
    stem = "_".join(f"{k}-{v}" for k, v in {**names, **({"acq": acq} if acq else {})}.items())
    images = {**truth.maps, **truth.anisotropy(), "tensor": truth.tensor}
    for quantity, (kept_in, suffix, unit, factor) in TRUTH_MAPS.items():
        base = _folder(root, names, kept_in) / f"{stem}_desc-truth_{suffix}"
        nifti_write.write_image(base.with_name(base.name + ".nii.gz"), images[quantity] * factor, truth.grid)
        about = {"Units": unit, "SkullStripped": False, "Description": _MEANING[quantity]}
        store.write_json(base.with_name(base.name + ".json"), about)
    anat = _folder(root, names, "anat")
    labels = truth.labels()
    nifti_write.write_image(anat / f"{stem}_desc-truth_dseg.nii.gz", labels.volume, truth.grid)
    lines = [f"{r.index}\t{r.name}\t{r.side}\t{r.parent}\t{r.code or 'n/a'}" for r in labels.regions]
    store.write_text(anat / f"{stem}_desc-truth_dseg.tsv", _table(["index", "name", "side", "parent", "code"], lines))
    store.write_json(anat / f"{stem}_desc-truth_dseg.json", {"Manual": False, "SkullStripped": False, **_LABEL_COLUMNS})
    rows = truth.rows()
    lines = ["\t".join(v if isinstance(v, str) else _number(v) for v in row.values()) for row in rows]
    store.write_text(root / f"{stem}_desc-truth_regions.tsv", _table(list(rows[0]) if rows else ["region"], lines))
    store.write_json(
        root / f"{stem}_desc-truth_regions.json",
        {"Columns": _COLUMNS, **about_all},
    )


_LABEL_COLUMNS = {
    "side": {"Description": "side of the body: left or right"},
    "parent": {"Description": "the larger region that this one belongs to"},
    "code": {"Description": "code of the region in a public terminology"},
}
_MEANING = {
    "T2": "T2 of the water in the voxel, mean over its water protons",
    "T1": "T1 of the water in the voxel, mean over its water protons",
    "FF": "share of fat among the protons that give signal",
    "MTR": "magnetisation transfer ratio, mean over the protons that give signal, those of fat at 0",
    "MTsat": "share of the longitudinal magnetisation that one MT pulse saturates, mean over the water protons",
    "R2star": "R2* of the water in the voxel, mean over its water protons",
    "Protons": "protons that give signal, relative to muscle, mean over the space that is not air",
    "B1": "transmit field relative to nominal",
    "B0": "off-resonance",
    "FA": "fractional anisotropy of the mean diffusion tensor of the water",
    "MD": "mean diffusivity of the water",
    "V1": "direction of fastest diffusion, x y z in the RAS world frame, z of at least 0",
    "tensor": "mean diffusion tensor of the water: xx yy zz xy xz yz in the RAS world frame",
}
_COLUMNS = {
    "volume_ml": "volume in ml, by area fractions",
    **{k: f"{_MEANING[k]}, over the region; SI" for k in QUANTITIES},
    "FA": "fractional anisotropy, mean over the water protons of that of each tissue",
}


def _number(value: float) -> str:
    return "n/a" if value != value else f"{value:.6g}"


def _table(columns: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join(["\t".join(columns), *lines]) + "\n"


# --- the dataset ------------------------------------------------------------------------------------------------------


def write_heads(out: Path, study: Study) -> None:
    """What a dataset has beside its sessions: descriptions, README, the table of participants."""
    made_by = [{"Name": "neuromyo", "Version": __version__, "Description": "simulated: no person was scanned"}]
    head = {"Name": study.title, "BIDSVersion": BIDS_VERSION, "License": "CC0"}
    store.write_json(
        out / "dataset_description.json",
        {**head, "DatasetType": "raw", "Authors": ["neuromyo phantom"], "GeneratedBy": made_by},
    )
    truth = out / "derivatives" / "truth"
    store.write_json(
        truth / "dataset_description.json",
        {**head, "Name": f"Truth of: {study.title}", "DatasetType": "derivative", "GeneratedBy": made_by},
    )
    store.write_text(
        truth / ".bidsignore", "*_regions.*\n*_PDFF.*\n*_MTRmap.*\n*_B0map.*\n*_FA.*\n*_MD.*\n*_V1.*\n*_tensor.*\n"
    )
    store.write_text(out / "README", _README.format(title=study.title, snr=study.snr, seed=study.seed))
    columns = ["participant_id", "sex", "age", "height", "weight", "group"]
    lines = [f"sub-{p.label}\t{p.sex}\t{p.age:g}\t{p.height:g}\t{p.weight:g}\t{p.group}" for p in study.people]
    store.write_text(out / "participants.tsv", _table(columns, lines))
    store.write_json(
        out / "participants.json",
        {
            "sex": {"Description": "sex of the made-up person", "Levels": {"F": "female", "M": "male"}},
            "age": {"Description": "age", "Units": "year"},
            "height": {"Description": "height", "Units": "m"},
            "weight": {"Description": "weight", "Units": "kg"},
            "group": {"Description": "healthy or not"},
        },
    )


_README = """{title}

Simulated by the phantom of neuromyo: nobody was scanned, and every tissue value is known. The truth (maps, labels, a
table of regions) lies in derivatives/truth. Seed {seed}; signal-to-noise ratio {snr:g}: the signal of healthy muscle in
the first image where the transmit field is nominal, over the noise of one real channel.
"""
