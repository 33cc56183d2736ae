"""What goes into a network and what comes out of it: an image in the form it wants, a label volume on the image's grid."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neuromyo.anatomy import muscles
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io.labels import read_labels
from neuromyo.io.nifti_write import write_image
from neuromyo.pipeline.network_kinds import Network
from neuromyo.space.overlap import LEAST_IN_FIELD
from neuromyo.space.resample import labels_to_grid
from neuromyo.space.sides import check_sides

_IMAGES = (".nii", ".nii.gz")


def write_input(network: Network, path: Path, values: np.ndarray, grid: Grid) -> None:
    """A copy of the image (x, y, z) as the network reads it; the user's own file is never handed over."""
    if path.suffix != ".npz":
        write_image(path, values.astype(np.float32), grid)
        return
    upright = _upright(grid)
    turned = values.transpose(upright)[:, ::-1]  # columns left to right, rows front to back, slices upwards
    spacing = [grid.spacing_mm[axis] for axis in upright]
    np.savez(path, image=turned.astype(np.float32), pixel_mm=np.array(spacing[:2]), slice_mm=spacing[2])


def read_output(
    network: Network, folder: Path, grid: Grid, listed: Mapping[int, str]
) -> tuple[Labels, tuple[Finding, ...]]:
    """The network's labels in our vocabulary, on ``grid``; E-NETWORK where there is nothing that can be used.

    listed : index -> words, as the network or its weights have it
    """
    if network.labels_from == "names of masks":
        raw, listed = _masks(network, folder, grid)
    else:
        raw = _label_image(network, folder)
    volume, dropped = _listed_only(network, raw, listed)
    present = [int(i) for i in np.unique(volume) if i]
    if not present:
        raise _nothing(network)
    labels, findings = muscles.resolve(
        Labels(volume, raw.grid, tuple(Region(i, listed[i]) for i in present), network.id)
    )
    labels, moved = _onto(network, labels, grid)
    return labels, (*dropped, *findings, *moved, *check_sides(labels, where=network.id))


def _label_image(network: Network, folder: Path) -> Labels:
    found = sorted(p for p in folder.rglob("*") if p.name.endswith(_IMAGES) and p.is_file() and not p.is_symlink())
    if len(found) != 1:
        said = "none" if not found else f"{len(found)}: {', '.join(p.name for p in found[:4])}"
        raise _useless(network, "one label image from the programme", said, "look at what it said, and at its version")
    try:
        return read_labels(found[0], scratch=folder)
    except DataError as error:
        if error.code == "E-EMPTYROI":
            raise _nothing(network) from error
        raise _useless(network, error.needed or "a label image that can be read", error.found,
                       "look at what the programme said, and at its version") from error  # fmt: skip


def _masks(network: Network, folder: Path, grid: Grid) -> tuple[Labels, dict[int, str]]:
    """One mask a name, as the runner writes them -> labels; where two overlap, the first by name."""
    file = folder / "masks.npz"
    upright = _upright(grid)
    try:
        with np.load(file, allow_pickle=False) as masks:
            held = {name: np.asarray(masks[name]) for name in sorted(masks.files)}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _useless(network, "masks from the runner", "none that can be read",
                       "look at what the programme said, and at its version") from error  # fmt: skip
    wanted = tuple(grid.shape[axis] for axis in upright)
    volume = np.zeros(grid.shape, np.int32)
    for index, (name, mask) in enumerate(held.items(), 1):
        if mask.shape != wanted:
            raise _useless(
                network, f"masks of {wanted} voxels", f"{name} of {mask.shape}", "look at the programme's version"
            )
        drawn = (mask[:, ::-1] > 0).transpose(np.argsort(upright))
        volume[drawn & (volume == 0)] = index
    return Labels(volume, grid, (), network.id), dict(enumerate(held, 1))


def _upright(grid: Grid) -> tuple[int, int, int]:
    """Array axes in the order left-right, front-back, slices; axial slices only."""
    a, b = grid.in_plane_axes
    return a, b, grid.slice_axis


def _listed_only(network: Network, raw: Labels, listed: Mapping[int, str]) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """The volume with the labels that are wanted; indices that the network does not have are told."""
    present = {int(i) for i in np.unique(raw.volume) if i}
    strange = sorted(present - set(listed))
    if not strange:
        return raw.volume, ()
    volume = np.where(np.isin(raw.volume, strange), 0, raw.volume)
    if network.others_left_out:
        return volume, ()
    share = float(np.isin(raw.volume, strange).sum() / (raw.volume > 0).sum())
    return volume, (Finding(
        "warn", "W-NETWORK", network.id, f"labels {', '.join(map(str, strange[:8]))} ({100 * share:.0f} % of what was drawn) are not "
        "in its list and were left out", "these weights may be of another version or another region",
    ),)  # fmt: skip


def _onto(network: Network, labels: Labels, grid: Grid) -> tuple[Labels, tuple[Finding, ...]]:
    """On the image's grid: as it is where it lies there, else by geometry; refused where labels lie outside the image."""
    if labels.grid.same_as(grid):
        return Labels(labels.volume, grid, labels.regions, labels.source, labels.above), ()
    placed, shares = labels_to_grid(labels, grid)
    outside = [r.name for r in labels.regions if shares.get(r.index, 0.0) < LEAST_IN_FIELD]
    if outside:
        raise _useless(network, "labels within the image", f"{', '.join(outside[:4])} outside it: the label image has another place or "
                       "orientation", "look at its version: it has to give labels in the image's own geometry")  # fmt: skip
    held = {int(i) for i in np.unique(placed.volume)}
    regions = tuple(r for r in placed.regions if r.index in held)
    said = f"its labels came on another grid ({_size(labels.grid)}) and were brought onto the image's ({_size(grid)})"
    return Labels(placed.volume, grid, regions, labels.source, labels.above), (
        Finding("warn", "W-NETWORK", network.id, said, consequence="outlines are as coarse as the coarser of the two"),
    )  # fmt: skip


def _size(grid: Grid) -> str:
    return " x ".join(f"{s:.3g}" for s in grid.spacing_mm) + " mm"


def _nothing(network: Network) -> DataError:
    return _useless(network, "labels of what is in the image", "none: every voxel is background",
                    "check that the image is of the body part and contrast the network was made for")  # fmt: skip


def _useless(network: Network, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-NETWORK", where=network.id, needed=needed, found=found, remedy=remedy)
