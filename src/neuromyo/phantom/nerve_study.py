"""A study of nerves in close-up on disk: the made cases as BIDS, where a person pointed, and the truth.

A subject is one place of one made person: T2-weighted, fat-suppressed and T1-weighted images, as many as its case has; the click on
its nerve stands in ``derivatives/readers/landmarks.tsv``, outlines and true areas in ``derivatives/truth``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo import __version__
from neuromyo.core.errors import OptionError
from neuromyo.core.image import Image
from neuromyo.core.labels import Region
from neuromyo.io import nifti_write, store
from neuromyo.io.table import write_tsv
from neuromyo.phantom.nerve_cases import Made, NerveCase, cases

#: weighting -> how BIDS calls such an image
_NAMES = {"T2w": "T2w", "T2w-fs": "acq-fs_T2w", "T1w": "T1w", "PDw": "PDw"}
_LANDMARKS = ("participant_id", "session_id", "kind", "name", "side", "x", "y", "z")


@dataclass(frozen=True)
class NerveStudy:
    """Made people by label, each with the case that is scanned."""

    title: str
    people: Mapping[str, NerveCase]


def describes(text: str) -> bool:
    """Whether a phantom's TOML is about nerves in close-up."""
    try:
        return "nerve" in tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False


def parse(text: str, where: str) -> NerveStudy:
    """The study from TOML: ``title`` and, for each person, ``[[nerve]]`` with ``subject`` and ``case`` (a made case's name)."""
    raw = tomllib.loads(text)
    known = {case.name: case for case in cases() if set(case.weightings) <= set(_NAMES)}
    people: dict[str, NerveCase] = {}
    for number, entry in enumerate(raw["nerve"], 1):
        subject, case = str(entry.get("subject", number)), str(entry.get("case", ""))
        if case not in known:
            raise OptionError("E-UNKNOWN", where=f"{where}: nerve {number}", needed=f"one of {', '.join(known)}",
                              found=repr(case), remedy="give the name of a made case")  # fmt: skip
        if not subject.isalnum() or subject in people:
            raise OptionError("E-OPTION", where=f"{where}: nerve {number}, subject", found=repr(subject),
                              needed="letters and digits that no other subject has", remedy="give another label")  # fmt: skip
        people[subject] = known[case]
    return NerveStudy(str(raw.get("title", "Nerves in close-up")), people)


def with_noise(study: NerveStudy, *, seed: int | None, snr: float | None) -> NerveStudy:
    """The same places with other people (a seed is added to theirs) or another signal-to-noise ratio."""

    def changed(case: NerveCase) -> NerveCase:
        moved = case if seed is None else replace(case, seed=case.seed + 1000 * seed)
        return moved if snr is None else replace(moved, snr=snr)

    return replace(study, people={label: changed(case) for label, case in study.people.items()})


def write_study(out: Path, study: NerveStudy, *, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Writes the study to the new folder ``out``; gives it back. The same study gives the same bytes."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError("E-OUTDIR", where=out.name, needed="a new or empty folder", found="one that holds files",
                          remedy="name another folder")  # fmt: skip
    clicks, areas = [], []
    for label, case in study.people.items():
        progress(f"sub-{label}: {case.name}")
        made = case.make()
        for image in made.images:
            _write_image(out, label, case, image)
        _write_truth(out, label, made)
        clicks.append((f"sub-{label}", "n/a", "start", made.name, made.side, *(round(v, 2) for v in made.start.xyz_mm)))
        areas += [
            (f"sub-{label}", nerve.name, made.side, k, round(area, 3), round(nerve.angle_deg[k], 2))
            for nerve in made.truth.nerves.values()
            for k, area in nerve.csa_by_slice_mm2.items()
        ]
    write_tsv(out / "derivatives" / "readers" / "landmarks.tsv", _LANDMARKS, clicks)
    write_tsv(
        out / "derivatives" / "truth" / "nerves.tsv",
        ("participant_id", "nerve", "side", "slice", "CSA_mm2", "angle_to_slice_deg"),
        areas,
    )
    _write_heads(out, study)
    return out


def _write_image(out: Path, label: str, case: NerveCase, image: Image) -> None:
    stem = out / f"sub-{label}" / "anat" / f"sub-{label}_{_NAMES[image.weighting]}"
    values = np.asarray(image.values, np.float32)
    nifti_write.write_image(stem.with_name(f"{stem.name}.nii.gz"), values, image.grid)
    said: dict[str, Any] = {
        "Manufacturer": "neuromyo phantom",
        "MagneticFieldStrength": 3.0,
        "BodyPart": "LEG",
        "PulseSequenceType": f"turbo spin echo, {image.weighting}",
        "MRAcquisitionType": "2D",
        "SliceThickness": case.thickness_mm,
        "SpacingBetweenSlices": case.thickness_mm,
    }
    store.write_json(stem.with_name(f"{stem.name}.json"), said)


def _write_truth(out: Path, label: str, made: Made) -> None:
    grid = made.images[0].grid
    volume = np.zeros(grid.shape, np.uint8)
    regions = []
    for index, (name, share) in enumerate(made.truth.coverage.items(), 1):
        volume[(share >= 0.5) & (volume == 0)] = index
        regions.append(Region(index, name, made.side, "nerve"))
    stem = out / "derivatives" / "truth" / f"sub-{label}" / "anat" / f"sub-{label}_desc-nerve_dseg"
    nifti_write.write_image(stem.with_name(f"{stem.name}.nii.gz"), volume, grid)
    rows = [(r.index, r.name, r.side, r.parent, r.code) for r in regions]
    write_tsv(stem.with_name(f"{stem.name}.tsv"), ("index", "name", "side", "parent", "code"), rows)


def _write_heads(out: Path, study: NerveStudy) -> None:
    made_by = [{"Name": "neuromyo", "Version": __version__, "Description": "simulated: nothing was scanned"}]
    head = {"Name": study.title, "BIDSVersion": "1.10.0", "License": "CC0", "GeneratedBy": made_by}
    store.write_json(out / "dataset_description.json", {**head, "DatasetType": "raw", "Authors": ["neuromyo phantom"]})
    for name, ignored in (("truth", "nerves.tsv\n"), ("readers", "landmarks.tsv\n")):
        folder = out / "derivatives" / name
        store.write_json(folder / "dataset_description.json", {**head, "DatasetType": "derivative"})
        store.write_text(folder / ".bidsignore", ignored)
    write_tsv(out / "participants.tsv", ("participant_id", "species"), [(f"sub-{p}", "n/a") for p in study.people])
    told = "\n".join(f"sub-{label}: {case.nerve}, {case.kind}, {case.in_plane_mm:g} mm pixels, {case.thickness_mm:g} mm "
                     f"slices, signal-to-noise ratio {case.snr:g}" for label, case in study.people.items())  # fmt: skip
    store.write_text(
        out / "README",
        f"{study.title}\n\nSimulated by the phantom of neuromyo: nothing was scanned. Outlines and true areas: derivatives/truth; "
        f"where a person pointed: derivatives/readers/landmarks.tsv.\n\n{told}\n",
    )
