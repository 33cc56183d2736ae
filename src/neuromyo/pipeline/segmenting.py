"""Regions of loose files: by a segmenter of our own, carried over from people in whom they are drawn, or by a network.

One label image comes out, with its table, a sidecar that says how it was made, and a page that shows it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError, first_few
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels
from neuromyo.pipeline import code_version, loose, pictures, registries, typed
from neuromyo.pipeline.options import parsed
from neuromyo.pipeline.outcome import Event, Tell, quiet
from neuromyo.space.overlap import Placed, place_labels, rough_body

TRANSFER = "transfer"


@dataclass(frozen=True)
class SegmentRequest:
    """What `neuromyo segment` was asked.

    method : id of a segmenter, ``transfer``, or a network; ``files`` as typed: ``[ROLE=]FILE`` or ``[WEIGHTING=]FILE``
    atlases : ``IMAGE,LABELS`` of people in whom the regions are drawn, for ``transfer``
    weights, sha256, licence, executable : of a network, all given by the user
    """

    method: str
    files: Sequence[str]
    prefix: Path
    atlases: Sequence[str] = ()
    option: Sequence[str] = ()
    weights: Path | None = None
    sha256: str = ""
    licence: str = ""
    executable: str = ""
    mem_mb: int = 4000
    geometry: str = "strict"


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """The regions, how sure each is where that is known (by index), the files written, and what the user should know."""

    labels: Labels
    confidence: Mapping[int, float]
    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Drawn:
    labels: Labels
    image: Image
    inputs: Mapping[str, str]
    findings: tuple[Finding, ...]
    about: Mapping[str, Any]
    confidence: Mapping[int, float] = field(default_factory=dict)


def methods() -> tuple[str, ...]:
    """What can be asked for."""
    from neuromyo.pipeline import networks

    return (*registries.segmenters().ids(), TRANSFER, *networks.ids())


def segment(request: SegmentRequest, tell: Tell = quiet) -> SegmentResult:
    """Draws regions and writes ``PREFIX_dseg.nii.gz``, its ``.tsv`` and ``.json``, and ``PREFIX.html``."""
    if request.method not in methods():
        raise OptionError("E-UNKNOWN", where=request.method, needed=f"one of {', '.join(methods())}", found="another name",
                          remedy="`neuromyo list` says what each of them is")  # fmt: skip
    typed.checked_prefix(request.prefix)
    typed.refuse_overwriting([Path(f"{request.prefix}{e}") for e in ("_dseg.nii.gz", "_dseg.tsv", "_dseg.json", ".html")],
                             [*_paths(request.files), *_paths(request.atlases)])  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as folder:
        drawn = _draw(request, Path(folder), tell)
    files = _write(request, drawn)
    return SegmentResult(drawn.labels, drawn.confidence, files, drawn.findings, drawn.about)


def _draw(request: SegmentRequest, scratch: Path, tell: Tell) -> _Drawn:
    if request.method == TRANSFER:
        return _carried(request, scratch, tell)
    if request.method in registries.segmenters().ids():
        return _by_segmenter(request, scratch)
    return _by_network(request, scratch, tell)


def _by_segmenter(request: SegmentRequest, scratch: Path) -> _Drawn:
    segmenter = registries.segmenters().get(request.method)
    options = parsed(segmenter.options, typed.assignments(request.option))
    roles = typed.by_role(segmenter, request.files)
    opened = loose.open_files(segmenter, roles, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
    drawn = segmenter.segment(dict(opened.series), options)
    main = opened.series[next(iter(roles))]
    labels = replace(drawn, source=drawn.source or segmenter.id)
    return _Drawn(labels, pictures.of_series(main), opened.inputs, opened.findings, {"Model": segmenter.title})


def _carried(request: SegmentRequest, scratch: Path, tell: Tell) -> _Drawn:
    from neuromyo.anatomy import transfer
    from neuromyo.io.files import printable
    from neuromyo.pipeline import masks

    if len(request.files) != 1 or not request.atlases:
        raise OptionError("E-NEEDS", where="segment transfer", needed="one image, and --from IMAGE,LABELS once or more",
                          found=f"{len(request.files)} images, {len(request.atlases)} times --from",
                          remedy="give the image to draw on, and images in which the regions are drawn")  # fmt: skip
    options = parsed(transfer.TransferOptions, typed.assignments(request.option))
    target = pictures.open_picture(request.files[0], scratch, memory_mb=request.mem_mb, geometry=request.geometry)
    inputs = {target.image.name: target.sha256}
    findings, atlases = list(target.findings), []
    for text in request.atlases:
        image, comma, drawn = text.rpartition(",")
        if not (comma and image and drawn):
            raise OptionError("E-OPTION", where="--from", needed="IMAGE,LABELS", found=repr(text),
                              remedy="write the image and its label image, divided by a comma")  # fmt: skip
        own = _atlas_image(image, request, scratch)
        said = printable(Path(drawn).name)
        placed = _on_its_image(masks.open_masks(Path(drawn), scratch=scratch), own.image, said)
        inputs |= {own.image.name: own.sha256, said: _digest(Path(drawn))}
        findings += [*own.findings, *placed.findings, *_nameless(placed.labels, said)]
        atlases.append(transfer.Atlas(own.image, placed.labels, own.image.name))

    def heard(text: str, share: float) -> None:
        tell(Event("step", TRANSFER, text))
        tell(Event("share", TRANSFER, share=share))

    done = transfer.transfer(target.image, atlases, options, heard)
    about = {"Model": "label transfer by registration", "Atlases": [a.name for a in atlases]}
    return _Drawn(done.labels, target.image, inputs, (*findings, *done.findings), about, done.confidence)


def _atlas_image(text: str, request: SegmentRequest, scratch: Path) -> pictures.Opened:
    """The image of ``--from IMAGE,LABELS``; where it is none, that the two may be exchanged."""
    try:
        return pictures.open_picture(text, scratch, memory_mb=request.mem_mb, geometry=request.geometry)
    except DataError as error:
        if error.code != "E-NOSIGNAL":
            raise
        raise DataError(error.code, where=f"--from: {error.where}", needed=error.needed, found=error.found,
                        remedy="write the image before the comma and its labels behind it") from error  # fmt: skip


def _nameless(labels: Labels, where: str) -> tuple[Finding, ...]:
    """W-NOTABLE where regions have numbers only: whoever measures them will not know which muscle is which."""
    numbered = [str(r.index) for r in labels.regions if r.name == f"label-{r.index}"]
    if not numbered:
        return ()
    message = f"no table (.tsv) beside it names its labels {first_few(numbered, 8)}"
    return (Finding("warn", "W-NOTABLE", where, message, "give columns index, name, side",
                    "regions are called label-1 and so on"),)  # fmt: skip


def _on_its_image(labels: Labels, image: Image, where: str) -> Placed:
    """An atlas' labels on the grid of its image, by geometry; E-GRID where they do not lie on what it shows."""
    present = np.unique(labels.volume)
    drawn = replace(labels, regions=tuple(r for r in labels.regions if r.index in present))
    return place_labels(drawn, image.grid, body=rough_body(image.values, image.grid.slice_axis), where=where)


def _by_network(request: SegmentRequest, scratch: Path, tell: Tell) -> _Drawn:
    from neuromyo.pipeline import networks

    if len(request.files) != 1 or request.weights is None:
        raise OptionError("E-NEEDS", where=f"segment {request.method}", needed="one image, and --weights PATH",
                          found=f"{len(request.files)} images, {'no' if request.weights is None else 'some'} weights",
                          remedy="nothing is downloaded here: give the network's weights that you have")  # fmt: skip
    target = pictures.open_picture(request.files[0], scratch, memory_mb=request.mem_mb, geometry=request.geometry)
    labels, findings, about = networks.run(
        request.method, Path(request.files[0].rpartition("=")[2]), request.weights, scratch=scratch,
        executable=request.executable or None, licence=request.licence, sha256=request.sha256,
        weighting="" if target.image.weighting == "other" else target.image.weighting,
        tell=lambda said: tell(Event("step", request.method, said)),
    )  # fmt: skip
    return _Drawn(labels, target.image, {target.image.name: target.sha256}, (*target.findings, *findings), about)


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(request: SegmentRequest, drawn: _Drawn) -> tuple[str, ...]:
    from neuromyo.io import store
    from neuromyo.io.together import all_or_none
    from neuromyo.report import drawn as report

    said = {
        **drawn.about,
        "Method": request.method,
        "InputSHA256": dict(drawn.inputs),
        "Versions": code_version.versions(),
    }
    page = Path(f"{request.prefix}.html")
    lines = [f"{f.message}" for f in drawn.findings if f.level == "warn"]
    with all_or_none():
        files = write_labels(request.prefix, drawn.labels, said, drawn.confidence)
        store.write_text(page, report.page(request.prefix.name, drawn.image, drawn.labels, drawn.confidence, lines))
    return (*files, str(page))


def write_labels(
    prefix: Path, labels: Labels, said: Mapping[str, Any], confidence: Mapping[int, float] | None = None
) -> tuple[str, ...]:
    """``PREFIX_dseg.nii.gz`` with its table and sidecar."""
    from neuromyo.io import nifti_write, store, table

    image = Path(f"{prefix}_dseg.nii.gz")
    largest = max([r.index for r in labels.regions], default=0)
    volume = labels.volume.astype(np.uint8 if largest < 256 else np.int32)
    nifti_write.write_image(image, volume, labels.grid)
    beside = Path(f"{prefix}_dseg.tsv")
    head, rows = ["index", "name", "side", "parent", "code"], []
    for r in labels.regions:
        sure = () if not confidence else (confidence.get(r.index),)
        rows.append((r.index, r.name, r.side, r.parent, r.code, *sure))
    table.write_tsv(beside, [*head, "confidence"] if confidence else head, rows)
    about = Path(f"{prefix}_dseg.json")
    store.write_json(
        about, typed.finite({"Description": "regions", "Manual": False, "SegmentationSource": labels.source, **said})
    )
    return str(image), str(beside), str(about)


def _paths(given: Sequence[str]) -> list[Path]:
    """Files as typed, whatever stands before them."""
    return [Path(piece.rpartition("=")[2]) for text in given for piece in text.split(",")]


def _digest(path: Path) -> str:
    from neuromyo.io import store

    return store.sha256(path) if path.is_file() and not os.path.islink(path) else ""
