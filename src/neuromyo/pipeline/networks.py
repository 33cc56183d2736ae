"""Segmentation networks of others, run with weights that the user gives: nothing is fetched, everything is told and written down.

Each network is a programme in an environment of its own (docs/decisions/0033); here its image is made, its command run behind a fence
(`outside`), its labels brought into our vocabulary and onto the image's grid.

*Assumes* a programme and weights that the user trusts: it runs with the user's rights. *Breaks* where the weights learnt other images
than these: what it was made for is declared and told, not proved; look at the overlay.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core import resources
from neuromyo.core.errors import DataError, Finding, OptionError, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.series import Series
from neuromyo.io import nifti, store
from neuromyo.io.files import printable
from neuromyo.pipeline import network_files, network_weights, outside
from neuromyo.pipeline.network_kinds import Network, ids, network

__all__ = ["expectation", "ids", "network", "run"]

#: BIDS suffix -> what makes the image bright
_BRIGHT = {
    "T1w": "T1w", "T2w": "T2w", "PDw": "PDw", "MESE": "T2w", "MEGRE": "GRE", "VFA": "GRE", "MTS": "GRE", "MTR": "GRE",
    "STIR": "T2w-fs", "inplaneT1": "T1w", "inplaneT2": "T2w",
}  # fmt: skip
_DEVICES = ("cpu", "gpu")
#: words of headers that do not say which part of a limb
_VAGUE = ("leg", "legs", "extremity", "lowerextremity", "upperextremity", "lowerlimb", "upperlimb", "limb", "wholebody")


@dataclass(frozen=True, eq=False)
class _Input:
    """The image to be segmented, and what is known of it ("" where nothing is)."""

    values: np.ndarray
    grid: Grid
    name: str
    sha256: str
    weighting: str
    body_part: str
    findings: tuple[Finding, ...] = ()


def run(
    network_id: str,
    image: Path | Series,
    weights: Path,
    *,
    scratch: Path,
    python: str | Path | None = None,
    executable: str | Path | None = None,
    licence: str = "",
    sha256: str = "",
    weighting: str = "",
    body_part: str = "",
    device: str = "cpu",
    threads: int = 2,
    timeout_s: float = 4 * 3600,
    tell: Callable[[str], None] | None = None,
) -> tuple[Labels, tuple[Finding, ...], dict[str, Any]]:
    """Labels of an image, on its grid, in our vocabulary; what is to be known about them; and where they come from.

    image : a NIfTI file of one volume, or a series (its first volume is taken)
    weights : the file or folder, as the network's declaration says
    python, executable : the Python of the network's environment, or the programme itself; else it is looked for on the PATH
    licence, sha256 : of the weights, as the user states them; the second must then be theirs
    weighting, body_part : of the image, where its files do not say
    device : ``cpu`` or ``gpu``; timeout_s : after which it is ended
    tell : called with sentences before it starts: what runs, where, for how long, with which weights and licence

    E-EXTRA (no programme), E-WEIGHTS (missing, or not those stated), E-NEEDS (made for another body part), E-NETWORK (it failed, gave
    nothing, or something off the image).
    """
    one = network(network_id)
    if device not in one.devices:
        raise OptionError("E-OPTION", where="device", needed=f"one of {', '.join(_DEVICES)}", found=repr(device),
                          remedy="give one of them")  # fmt: skip
    say = tell or (lambda _: None)
    weights = weights.resolve()
    files = network_weights.files_of(one.weights, weights, one.id)
    digest = network_weights.digest(one.weights, files, weights)
    network_weights.check_digest(sha256, digest, f"{one.id}: weights {printable(weights.name)}")
    program = outside.find_program(one.program, python, executable, one.install)
    given = _read(image, scratch, weighting, body_part)
    doubts = (*given.findings, *_domain(one, given, weights), *_cost(one, given.grid, device), *_licence(one, licence))
    for sentence in expectation(one, given.grid, device, weights.name, digest, licence):
        say(sentence)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="network-", dir=scratch) as room:
        ended, command = _start(one, given, weights, program, Path(room), device, threads, timeout_s)
        _refuse_failure(one, ended)
        _refuse_changed(one, weights, files, digest)
        labels, findings = network_files.read_output(
            one, Path(room) / "output", given.grid, network_weights.labels_of(one, weights)
        )
    told = (*doubts, *_unused_gpu(one, ended, device), *_orientation(one, ended), *findings)
    return labels, told, _provenance(one, given, weights, digest, licence, device, command)


def expectation(one: Network, grid: Grid, device: str, weights: str, digest: str, licence: str = "") -> tuple[str, ...]:
    """What is told before a network starts: what, where, how long, how much memory, which weights, whose licence."""
    seconds, gb = _estimate(one, grid, device)
    return (
        f"{one.title} ({one.cites}) on the {device.upper()}",
        f"expected: about {_about(seconds)} and {gb:.1f} GB of memory (rough figures, from what users report)",
        f"weights {printable(weights)}, SHA-256 {digest}",
        f"licence: {one.licence}; of these weights, as stated by you: {printable(licence) or 'nothing stated'}",
        *((one.trust,) if one.trust else ()),
    )


def _read(image: Path | Series, scratch: Path, weighting: str, body_part: str) -> _Input:
    if isinstance(image, Series):
        values = np.abs(image.read()[..., 0]).astype(np.float32)
        several = image.n > 1
        found = (
            (Finding("note", "W-NETWORK", image.name, f"the first of {image.n} volumes was segmented"),)
            if several
            else ()
        )
        bright = weighting or _BRIGHT.get(image.kind, "")
        return _Input(values, image.grid, image.name, "", bright, body_part or image.acquisition.body_part or "", found)
    data, grid, remarks = nifti.open_image(image, scratch=scratch)
    name = printable(image.name)
    if data.shape[3] != 1:
        raise DataError("E-DIMS", where=f"{name}: dim[4]", needed="one volume to segment", found=str(data.shape[3]),
                        remedy="give one volume, such as the first echo or the water image")  # fmt: skip
    values = np.nan_to_num(np.abs(data.read()[..., 0]), nan=0.0, posinf=0.0, neginf=0.0)
    if not np.ptp(values):
        raise DataError("E-NOSIGNAL", where=name, needed="an image to segment", found="the same number everywhere",
                        remedy="check the file")  # fmt: skip
    bright = weighting or _BRIGHT.get(name.split(".")[0].rsplit("_", 1)[-1], "")
    return _Input(values, grid, name, store.sha256(image), bright, body_part, remarks)


def _domain(one: Network, given: _Input, weights: Path) -> tuple[Finding, ...]:
    """E-NEEDS for another body part or several channels; W-NETWORK for another contrast, or where it is not known."""
    domain, told = one.domain, []
    part = given.body_part.lower()
    part = "" if part.replace("_", "").replace(" ", "") in _VAGUE and part not in domain.body_parts else part
    if part and domain.body_parts and not any(known in part or part in known for known in domain.body_parts):
        raise ProtocolError("E-NEEDS", where=f"{one.id}: {given.name}", needed=f"an image of {' or '.join(domain.body_parts)}",
                            found=f"one of {printable(given.body_part)}",
                            remedy="choose a network made for it; if the files are wrong, state the body part")  # fmt: skip
    if one.labels_from == "dataset.json" and len(channels := network_weights.channels_of(weights)) != 1:
        raise ProtocolError("E-NEEDS", where=f"{one.id}: {printable(weights.name)}", needed="a model with one input channel",
                            found=f"{len(channels)} ({printable(', '.join(channels))})",
                            remedy="models of several images cannot be run here")  # fmt: skip
    if domain.contrasts and given.weighting and given.weighting not in domain.contrasts:
        told.append(f"it was made for {', '.join(domain.contrasts)}, this image is {given.weighting}")
    unknown = [what for what, said, known in (("contrast", given.weighting, domain.contrasts), ("body part", part, domain.body_parts))
               if known and not said]  # fmt: skip
    if unknown:
        made = " and ".join(filter(None, (", ".join(domain.contrasts), ", ".join(domain.body_parts))))
        told.append(f"the image's {' and '.join(unknown)} is not stated; it was made for {made}")
    if domain.axial and abs(_across(given.grid)[2]) < np.cos(np.pi / 4):
        told.append("it was made for axial slices, these are not")
    return tuple(Finding("warn", "W-NETWORK", f"{one.id}: {given.name}", text, "look at the overlay",
                         "its regions may be wrong where it was not made for the image") for text in told)  # fmt: skip


def _across(grid: Grid) -> np.ndarray:
    """(3,) unit normal of the slices in the world."""
    a, b = (grid.affine[:3, axis] for axis in grid.in_plane_axes)
    normal = np.cross(a, b)
    return normal / np.linalg.norm(normal)


def _cost(one: Network, grid: Grid, device: str) -> tuple[Finding, ...]:
    _, gb = _estimate(one, grid, device)
    have = _memory_gb()
    if have is None or gb < have:
        return ()
    return (Finding("warn", "W-NETWORK", one.id, f"it may need {gb:.0f} GB of memory, this machine has {have:.0f} GB",
                    "crop the image, or use a larger machine"),)  # fmt: skip


def _estimate(one: Network, grid: Grid, device: str) -> tuple[float, float]:
    """Seconds and GB, for the voxels that the network works on."""
    voxels = grid.n_voxels
    if one.cost.voxel_mm3:
        voxels = max(voxels, int(grid.n_voxels * grid.voxel_volume_mm3 / one.cost.voxel_mm3))
    rate = one.cost.cpu_s_per_mvoxel if device == "cpu" else one.cost.gpu_s_per_mvoxel
    return 30 + rate * voxels / 1e6, 2.0 + one.cost.bytes_per_voxel * voxels / 1e9


def _about(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _memory_gb() -> float | None:
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return None


def _licence(one: Network, licence: str) -> tuple[Finding, ...]:
    if licence:
        return ()
    return (Finding("warn", "W-NETWORK", one.id, f"the licence of the weights is not stated (known: {one.licence})",
                    "state it, so that it stands with the results"),)  # fmt: skip


def _start(
    one: Network, given: _Input, weights: Path, program: Path, room: Path, device: str, threads: int, timeout_s: float
) -> tuple[outside.Ended, list[str]]:
    """Runs it in a room of its own; how it ended, and its command with names in place of paths."""
    for folder in ("input", "output", "home"):
        (room / folder).mkdir()
    picture = room / "input" / one.input_name
    network_files.write_input(one, picture, given.values, given.grid)
    runner = room / one.runner if one.runner else room
    if one.runner:
        runner.write_text(resources.text("pipeline", one.runner), encoding="utf-8")
    fill = {"image": str(picture), "input": str(room / "input"), "output": str(room / "output"), "weights": str(weights),
            "device": one.devices[device], "runner": str(runner)}  # fmt: skip
    words = [word for part in one.arguments for word in _filled(part, fill, weights)]
    env = outside.environment(
        room / "home", threads, {k: v.format(**fill) for k, v in one.environment.items()} | _own(one)
    )
    if device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    ended = outside.run([str(program), *words], folder=room / "home", env=env, timeout_s=timeout_s, name=one.id)
    bare = {str(room) + os.sep: "", str(weights): printable(weights.name)}
    return ended, [program.name, *(_without(word, bare) for word in words)]


def _filled(part: str, fill: Mapping[str, str], weights: Path) -> list[str]:
    return network_weights.folds_of(weights) if part == "{folds}" else [part.format(**fill)]


def _own(one: Network) -> dict[str, str]:
    """Variables of the user's own that the programme needs (where its licence lies)."""
    return {name: os.environ.get(name) or str(Path(default).expanduser()) for name, default in one.own.items()}


def _without(word: str, bare: Mapping[str, str]) -> str:
    for path, name in bare.items():
        word = word.replace(path, name)
    return word


def _refuse_failure(one: Network, ended: outside.Ended) -> None:
    lacking = (
        [line.split(" ", 1)[1] for line in ended.said.splitlines() if line.startswith("MISSING ")] if one.runner else []
    )
    if ended.status == 3 and lacking:
        raise OptionError("E-EXTRA", where=one.id, needed=f"the Python library {printable(lacking[-1])} in the environment given",
                          found="none there", remedy=f"install it: {one.install}")  # fmt: skip
    if ended.status:
        how = f"ended with status {ended.status}" if ended.status > 0 else f"was ended by signal {-ended.status}"
        raise DataError("E-NETWORK", where=one.id, needed="a programme that ends well",
                        found=f"it {how}; it said last: {outside.last_line(ended)}",
                        remedy="run it by itself to see all it says; it had no network, as everything was to be given")  # fmt: skip


def _refuse_changed(one: Network, weights: Path, files: tuple[Path, ...], digest: str) -> None:
    """Weights that are others afterwards: what was recorded is then not what made the labels."""
    after = network_weights.files_of(one.weights, weights, one.id)
    if after != files or network_weights.digest(one.weights, after, weights) != digest:
        raise DataError("E-WEIGHTS", where=f"{one.id}: weights {printable(weights.name)}", needed="weights that stay as they are",
                        found="others after the programme had run",
                        remedy="take them from their source again, and keep them read-only")  # fmt: skip


def _unused_gpu(one: Network, ended: outside.Ended, device: str) -> tuple[Finding, ...]:
    if device == "gpu" and any(sentence in ended.said for sentence in one.unused_gpu):
        return (Finding("warn", "W-NETWORK", one.id, "the GPU was asked for and not used",
                        "install the torch that fits the machine's driver"),)  # fmt: skip
    return ()


def _orientation(one: Network, ended: outside.Ended) -> tuple[Finding, ...]:
    """A model that does not say which way its slices must lie."""
    if not (one.runner and "ORIENTATION not stated" in ended.said):
        return ()
    said = "the model does not state which way its slices must lie; it is given them as scanners store them"
    consequence = "where it learnt otherwise, its labels are of the other leg, or wrong throughout"
    return (Finding("warn", "W-NETWORK", one.id, said, "look at the overlay", consequence),)


def _provenance(
    one: Network, given: _Input, weights: Path, digest: str, licence: str, device: str, command: list[str]
) -> dict[str, Any]:
    """What stands in the sidecar: names and hashes, no path, no time."""
    return {
        "network": one.id, "title": one.title, "cites": one.cites, "command": command, "device": device,
        "image": given.name, "image_sha256": given.sha256, "contrast": given.weighting, "body_part": given.body_part,
        "weights": printable(weights.name), "weights_sha256": digest, "licence": one.licence,
        "licence_of_weights": f"stated by you: {licence}" if licence else "not stated",
        "made_for": {"contrasts": list(one.domain.contrasts), "body_parts": list(one.domain.body_parts), "axial": one.domain.axial},
    }  # fmt: skip
