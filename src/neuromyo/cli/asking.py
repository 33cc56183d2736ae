"""From what was typed to the options of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuromyo.pipeline.intake_options import IntakeOptions
    from neuromyo.pipeline.options import RunOptions


def run_options(
    *,
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    biomarkers: str = "",
    protocol: str = "",
    regions: Path | None = None,
    flip_labels: str = "none",
    landmarks: Path | None = None,
    nerves: str = "",
    option: Sequence[str] | None = None,
    max_input_gb: float = 16.0,
    geometry: str = "strict",
    nprocs: int = 0,
    mem_mb: int = 4000,
    motion: str = "correct",
    norms: Path | None = None,
    site: str = "",
) -> RunOptions:
    """Checked options; labels lose their prefix, ``--nprocs 0`` means all cores, a protocol's file is read."""
    from neuromyo.core.errors import OptionError
    from neuromyo.pipeline.options import RunOptions, split_assignments, usable_cores

    if flip_labels not in ("none", "left-right"):
        raise OptionError("E-OPTION", where="--flip-labels", needed="none or left-right", found=flip_labels,
                          remedy="give one of them")  # fmt: skip
    return RunOptions(
        participants=_labels(participants, "sub-"),
        sessions=_labels(sessions, "ses-"),
        biomarkers=tuple(dict.fromkeys(part.strip() for part in biomarkers.split(",") if part.strip())),
        protocol=protocol_text(protocol),
        regions=regions,
        flip_labels=flip_labels == "left-right",
        landmarks=landmarks,
        nerves=tuple(dict.fromkeys(word.strip().lower() for word in nerves.split(",") if word.strip())),
        option=split_assignments(option or ()),
        max_input_gb=max_input_gb,
        geometry=geometry,
        nprocs=usable_cores() if nprocs == 0 else nprocs,
        mem_mb=mem_mb,
        motion=motion,
        norms=norms,
        site=site,
    ).checked()


def protocol_text(name_or_file: str) -> str:
    """The text of a protocol's file, or the name itself."""
    if not name_or_file.endswith(".toml"):
        return name_or_file
    from neuromyo.io.files import read_small

    return read_small(Path(name_or_file), name_or_file, "E-PROTOCOL").decode("utf-8", "replace")


def _labels(given: Sequence[str] | None, prefix: str) -> tuple[str, ...]:
    from neuromyo.core.errors import OptionError

    words = [word for text in given or () for word in text.replace(",", " ").split()]
    if given and not words:
        flag = {"sub-": "--participant-label", "ses-": "--session-label"}[prefix]
        raise OptionError("E-OPTION", where=flag, needed="a label", found="an empty word",
                          remedy="give a label, or leave it out for all")  # fmt: skip
    return tuple(dict.fromkeys(word.removeprefix(prefix) for word in words))


def import_options(
    *,
    subject: str,
    session: str = "",
    protocol: str = "",
    series: Sequence[str] | None = None,
    body_part: str = "",
    side: str = "",
    keep: str = "",
    key: Path | None = None,
    keep_dicom: bool = False,
    show_names: bool = False,
    trust_subject: bool = False,
    mem_mb: int = 2000,
    seconds: float = 60.0,
) -> IntakeOptions:
    """Checked options of an import; labels lose their prefix, a protocol's file is read."""
    from neuromyo.pipeline.intake_options import IntakeOptions, overrides

    return IntakeOptions(
        subject=subject.removeprefix("sub-"),
        sessions=tuple(word.strip().removeprefix("ses-") for word in session.split(",")) if session else (),
        protocol=protocol_text(protocol),
        series=overrides(tuple(series or ())),
        body_part=body_part,
        side=side,
        keep=tuple(word.strip() for word in keep.split(",") if word.strip()),
        key=key,
        keep_dicom=keep_dicom,
        show_names=show_names,
        trust_subject=trust_subject,
        mem_mb=mem_mb,
        seconds=seconds,
    ).checked()
