r"""Motion between scans: measured, told, and where it matters undone.

Every scan (see `neuromyo.prep.scans`) is registered rigidly to a reference, x -> T x. Resampling smooths noise, so that only
a scan that moved by more than ``threshold_voxels`` is resampled; the others stay bit for bit as acquired. Diffusion gradients
are fixed to the scanner while the body turned: b-vectors of a resampled volume turn back with it, by the inverse of the rotation
of T (Leemans & Jones, Magn Reson Med 2009;61:1336, doi:10.1002/mrm.21890). A role on another grid is always resampled
onto the main role's, by geometry and what motion was found.

Not corrected: motion within a scan, between the echoes of one train, through-plane motion of fewer than four slices, eddy
currents. *Assumes* the part of the body in view moved as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import ArrayData, Series
from neuromyo.prep.scans import Scan, all_scans, is_separate, reference_of
from neuromyo.space.overlap import require_overlap
from neuromyo.space.register import rigid
from neuromyo.space.transform import IDENTITY, Transform
from neuromyo.space.warp import Allocate, apply

Mode = Literal["correct", "measure", "off"]
MODES: tuple[Mode, ...] = ("correct", "measure", "off")
#: mean displacement, in voxels along the worst axis, above which a scan is resampled
THRESHOLD_VOXELS = 0.25
#: codes of a registration that found nothing to go by: on a shared grid the scan is then left where the header puts it
_UNSURE = ("E-NOSIGNAL", "E-NODATA", "E-REGISTER", "E-EMPTYROI")


@dataclass(frozen=True, eq=False)
class Moved:
    """One scan's motion against the reference.

    voxels : mean displacement in voxels of the reference, along the axis where it is largest
    resampled : whether the scan is to be resampled; ``unsure`` says why nothing could be measured, else empty
    """

    role: str
    name: str
    volumes: tuple[int, ...]
    transform: Transform = IDENTITY
    mean_mm: float = 0.0
    rotation_deg: float = 0.0
    voxels: float = 0.0
    resampled: bool = False
    unsure: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON: numbers exact, so that a resumed run resamples to the same bits."""
        return {"role": self.role, "scan": self.name, "volumes": list(self.volumes), "matrix": list(self.transform.flat_matrix),
                "mean_mm": self.mean_mm, "rotation_deg": self.rotation_deg, "voxels": self.voxels,
                "resampled": self.resampled, "unsure": self.unsure}  # fmt: skip

    @staticmethod
    def from_dict(said: Mapping[str, Any]) -> Moved:
        return Moved(said["role"], said["scan"], tuple(said["volumes"]), Transform.from_dict(said), said["mean_mm"],
                     said["rotation_deg"], said["voxels"], said["resampled"], said["unsure"])  # fmt: skip


def concerns(biomarker: Biomarker, series: Mapping[str, Series]) -> bool:
    """Whether there is anything to do: scans that stand apart, or roles on another grid than the main one's."""
    main = next(iter(series.values()))
    elsewhere = any(not one.grid.same_as(main.grid) for one in series.values())
    return elsewhere or len(_apart_of(biomarker, all_scans(biomarker, series))) > 1


def estimate(
    biomarker: Biomarker, series: Mapping[str, Series], mode: Mode, threshold_voxels: float = THRESHOLD_VOXELS
) -> tuple[tuple[Moved, ...], tuple[Finding, ...]]:
    """The motion of every scan but the reference, and what to tell the user.

    series : role -> Series, the main role first; on any grids
    mode : ``correct``, ``measure`` (nothing on the main grid is resampled), ``off`` (nothing is measured; roles on another grid are
        brought to the main one by their headers)

    Raises E-GRID or E-REGISTER where a role on another grid cannot be brought to the main one.
    """
    scans = all_scans(biomarker, series)
    if mode == "correct" and any(s.series.part == "phase" for s in _apart_of(biomarker, scans)):
        mode = "measure"  # wrapped phases cannot be interpolated, and a magnitude must not leave its phase behind
    apart = {id(s) for s in _apart_of(biomarker, scans)}
    reference = reference_of(scans)
    fixed = reference.image() if mode != "off" else np.empty(0)
    found = []
    for scan in scans:
        away = not scan.series.grid.same_as(reference.series.grid)
        if scan is reference or (not away and (mode == "off" or id(scan) not in apart)):
            continue
        if away:
            require_overlap(
                reference.series.grid, scan.series.grid, where=f"{reference.series.name} and {scan.series.name}"
            )
        measurable = mode != "off" and id(scan) in apart and scan.series.part != "phase"
        moved = _measure(fixed, reference, scan, away) if measurable else Moved(scan.role, scan.name, scan.volumes)
        over = moved.voxels > threshold_voxels
        if mode == "measure" or not over:
            moved = replace(moved, transform=moved.transform if not away else IDENTITY)
        movable = scan.series.part != "phase"
        found.append(replace(moved, resampled=(away or (over and mode == "correct")) and movable))
    return tuple(found), _findings(found, reference, mode, threshold_voxels)


def correct(
    series: Mapping[str, Series], moved: Sequence[Moved], allocate: Allocate | None = None
) -> dict[str, Series]:
    """The series with the scans that are to be resampled resampled, on the main role's grid; all others are the very same.

    ``allocate(shape, dtype)`` gives the memory of a role's new voxels (ordinary memory where None).
    """
    main = next(iter(series.values()))
    return {role: _corrected(one, main, [m for m in moved if m.role == role and m.resampled], allocate)
            for role, one in series.items()}  # fmt: skip


# --- measuring --------------------------------------------------------------------------------------------------------


def _apart_of(biomarker: Biomarker, scans: Sequence[Scan]) -> list[Scan]:
    return [s for s in scans if is_separate(biomarker, s.role, s.series)]


def _measure(fixed: np.ndarray, reference: Scan, scan: Scan, away: bool) -> Moved:
    grid = reference.series.grid
    try:
        found = rigid(fixed, grid, scan.image(), scan.series.grid, names=(reference.name, scan.name))
    except DataError as error:
        if away or error.code not in _UNSURE or _bodies_apart(error):
            raise
        return Moved(scan.role, scan.name, scan.volumes, unsure=f"needed {error.needed}, found {error.found}")
    transform, moved = found.transform, found.agreement.displacement
    voxels = transform.in_voxels(grid, found.body)
    return Moved(scan.role, scan.name, scan.volumes, transform, moved.mean_mm, moved.rotation_deg, voxels)


def _bodies_apart(error: DataError) -> bool:
    return error.code == "E-REGISTER" and "body" in error.needed


def _findings(found: Sequence[Moved], reference: Scan, mode: Mode, threshold: float) -> tuple[Finding, ...]:
    if mode == "off":
        return ()
    said: list[Finding] = []
    quiet = [m for m in found if not m.unsure and m.voxels <= threshold]
    unsure = [m for m in found if m.unsure]
    if unsure:
        more = f" and that of {len(unsure) - 1} more" if len(unsure) > 1 else ""
        said.append(Finding("warn", "W-MOTION", unsure[0].name,
                            f"its motion{more} against {reference.name} could not be measured: {unsure[0].unsure}",
                            "look at the images", "used as acquired"))  # fmt: skip
    for m in found:
        if not m.unsure and m.voxels > threshold:
            moved = f"moved by {m.mean_mm:.2f} mm ({m.voxels:.2f} voxels) and {m.rotation_deg:.2f} degrees against {reference.name}"
            done = "it was resampled" if mode == "correct" and m.resampled else "it was NOT corrected"
            said.append(Finding("warn", "W-MOTION", m.name, moved, "look at the maps' edges", done))
    if quiet:
        worst = max(quiet, key=lambda m: m.voxels)
        said.append(Finding("note", "N-MOTION", worst.name,
                            f"{_stayed(len(quiet), f'{threshold:g} voxel of {reference.name}')}: "
                            f"{worst.mean_mm:.2f} mm ({worst.voxels:.2f} voxels), {worst.rotation_deg:.2f} degrees",
                            "", "used as acquired"))  # fmt: skip
    return tuple(said)


def _stayed(number: int, within: str) -> str:
    return f"stayed within {within}" if number == 1 else f"{number} scans stayed within {within}; this one moved most"


# --- undoing ----------------------------------------------------------------------------------------------------------


def _corrected(one: Series, main: Series, moved: Sequence[Moved], allocate: Allocate | None) -> Series:
    if not moved:
        return one
    away = not one.grid.same_as(main.grid)
    data = (allocate or np.empty)((*main.grid.shape, one.n), one.data.dtype)
    by_volume = {v: m.transform for m in moved for v in m.volumes}
    for volume in range(one.n):
        image = _volume(one, volume)
        if volume in by_volume:
            image = apply(by_volume[volume], image, one.grid, main.grid)
        elif away:
            image = apply(IDENTITY, image, one.grid, main.grid)
        data[..., volume] = image
    grid = main.grid if away else one.grid
    return replace(one, data=ArrayData(data), grid=grid, acquisition=_turned(one, by_volume))


def _volume(series: Series, volume: int) -> np.ndarray:
    image = np.empty(series.grid.shape, dtype=series.data.dtype)
    for z in range(image.shape[2]):
        image[:, :, z] = series.read((slice(None), slice(None), slice(z, z + 1)))[:, :, 0, volume]
    return image


def _turned(series: Series, transforms: Mapping[int, Transform]):
    """The acquisition with the b-vectors of resampled volumes turned into the reference's frame."""
    vectors = series.acquisition.b_vectors
    if vectors is None:
        return series.acquisition
    turned = []
    for volume, vector in enumerate(vectors):
        transform = transforms.get(volume)
        x, y, z = (float(v) for v in (vector if transform is None else transform.rotation.T @ np.array(vector)))
        turned.append((x, y, z))
    return series.acquisition.with_(b_vectors=tuple(turned))
