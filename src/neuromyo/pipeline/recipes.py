"""Ready-made jobs: a phantom study, and the demonstration that makes one and measures it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from neuromyo.core.errors import OptionError
from neuromyo.pipeline import registries
from neuromyo.pipeline.options import RunOptions, usable_cores
from neuromyo.pipeline.outcome import RunResult, Tell, quiet
from neuromyo.pipeline.run import run_dataset

#: what a reader of the demonstration's pages should look at
LOOK_AT = (
    "sub-01 is healthy, sub-02's left leg has been losing its nerve: compare water T2 and fat, left against right.",
    "Global T2 (t2-mono) rises with fat, water T2 (t2-water) with oedema only: they part where fat replaces muscle.",
    "bids/derivatives/truth holds what the phantom is made of; the tables should agree with it.",
)


@dataclass(frozen=True)
class Demo:
    """A finished demonstration."""

    bids: Path
    result: RunResult


def phantom(
    out: Path,
    name: str = "demo",
    *,
    seed: int | None = None,
    snr: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Makes a phantom study in the new folder ``out``; ``name`` is a packaged set or a TOML file."""
    from neuromyo.phantom import nerve_study, sets, vial_study, write

    text = sets.text(Path(name) if name.endswith(".toml") else name)
    if vial_study.describes(text):
        vials = vial_study.with_noise(vial_study.parse(text, name), seed=seed, snr=snr)
        return vial_study.write_study(out, vials, registries.biomarkers(), progress=say)
    if nerve_study.describes(text):
        nerves = nerve_study.with_noise(nerve_study.parse(text, name), seed=seed, snr=snr)
        return nerve_study.write_study(out, nerves, progress=say)
    study = sets.load(Path(name) if name.endswith(".toml") else name)
    if seed is not None:
        study = replace(study, seed=seed)
    if snr is not None:
        study = replace(study, snr=snr)
    return write.write(out, study, registries.biomarkers(), progress=say)


def demo(out: Path, *, nprocs: int = 0, tell: Tell = quiet, say: Callable[[str], None] = lambda _: None) -> Demo:
    """A small phantom study in ``out/bids``, all measured on it in ``out/results``; done again only where something
    is missing."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise OptionError("E-OUTDIR", where=str(out), needed="a folder", found="something else",
                          remedy="name another place")  # fmt: skip
    bids = out / "bids"
    if not (bids / "participants.tsv").is_file():
        _make_whole(bids, say)
    options = RunOptions(nprocs=nprocs or usable_cores())
    return Demo(bids, run_dataset(bids, out / "results", "participant", options, tell))


def _make_whole(bids: Path, say: Callable[[str], None]) -> None:
    """The study is made beside its place and renamed into it, so that one half made is never taken for whole."""
    import os
    import shutil

    if bids.exists() and any(bids.iterdir()):
        raise OptionError("E-OUTDIR", where=str(bids), needed="a new folder, or an earlier demonstration",
                          found="other files", remedy="name another place")  # fmt: skip
    making = bids.with_name(".bids-being-made")
    shutil.rmtree(making, ignore_errors=True)
    phantom(making, say=say)
    bids.parent.mkdir(parents=True, exist_ok=True)
    if bids.exists():
        bids.rmdir()
    os.replace(making, bids)
