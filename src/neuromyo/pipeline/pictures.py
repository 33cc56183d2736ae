"""Images to look at: from files and series to what a tracer, an atlas or a reader is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import WEIGHTINGS, Image, Weighting
from neuromyo.core.series import Series

#: what an image of a BIDS suffix is bright by. Trains of echoes are averaged, which is T2- or T2*-weighted
_BY_SUFFIX: Mapping[str, Weighting] = {
    "T2w": "T2w", "T1w": "T1w", "PDw": "PDw", "MESE": "T2w", "FA": "FA", "STIR": "T2w-fs",
    "MEGRE": "GRE", "VFA": "GRE", "MPM": "GRE", "MTS": "GRE", "MTR": "GRE", "T2starw": "GRE",
}  # fmt: skip
#: words in a file's name that say fat was suppressed
_SUPPRESSED = ("fs", "fatsat", "stir", "spair", "tirm")
#: of several contrasts, those finer than so many times the finest pixel are worth looking at
_COARSEST = 2.5
#: kinds that show no anatomy, or too coarsely
_NO_PICTURE = ("dwi", "epi", "fieldmap", "phasediff", "TB1map", "TB1AFI", "TB1DAM", "magnitude1", "magnitude2")
MOST_PICTURES = 3
#: one volume of so many different numbers or fewer is no image of anatomy
_FEWEST = 4
#: so many whole numbers from 0 on, or fewer, are taken for the indices of regions
_MOST_LABELS = 60
#: suffixes that show anatomy and that no biomarker may have asked for
KINDS = frozenset(_BY_SUFFIX)


@dataclass(frozen=True, eq=False)
class Opened:
    """An image with what was remarked on opening it, and its file's hash."""

    image: Image
    findings: tuple[Finding, ...]
    sha256: str


def open_picture(typed: str, scratch: Path, *, memory_mb: int = 4000, geometry: str = "strict") -> Opened:
    """``[WEIGHTING=]FILE`` as an image; several volumes are averaged (root mean square, so that phase and sign do no harm)."""
    from neuromyo.io import nifti
    from neuromyo.io.files import printable
    from neuromyo.io.unpack import Room

    weighting, path = _split(typed)
    name = printable(path.name)
    opened = nifti.load(path, Room(scratch, memory_mb), name=name, geometry=geometry)  # type: ignore[arg-type]
    values = opened.data.read()
    if not np.isfinite(values).any() or not np.any(values):
        raise DataError("E-NODATA", where=name, needed="an image with something in it", found="nothing but zero or no numbers",
                        remedy="check which file was meant")  # fmt: skip
    different = np.unique(values[np.isfinite(values)])
    if len(different) == 1 or (values.shape[3] == 1 and _of_labels(different)):
        few = (
            "the same number everywhere"
            if len(different) == 1
            else f"{len(different)} different numbers, as in a mask or label image"
        )
        raise DataError(
            "E-NOSIGNAL", where=name, needed="an image of grey levels", found=few, remedy="check which file was meant"
        )
    kind = _suffix(name)
    image = Image(_one(values), opened.grid, weighting or _weighting(kind, name), name)
    return Opened(image, opened.findings, opened.sha256)


def _of_labels(different: np.ndarray) -> bool:
    """Whether the numbers of an image are those of regions: next to none, or few whole ones that begin with 0. Noise alone gives an
    image more."""
    if len(different) <= _FEWEST:
        return True
    whole = different == np.rint(different)
    return (
        len(different) <= _MOST_LABELS and bool(whole.all()) and different[0] == 0 and different[-1] < 4 * _MOST_LABELS
    )


def of_session(series: Sequence[Series]) -> tuple[Image, ...]:
    """What a session offers to look at: the finest image first, then others nearly as fine, one a weighting."""
    able = [s for s in series if s.kind not in _NO_PICTURE and s.part in ("mag", "complex")]
    able.sort(key=lambda s: (round(pixel_mm(s.grid), 3), _BY_SUFFIX.get(s.kind, "other") == "other"))
    chosen: list[Image] = []
    for one in able:
        weighting = _of_series(one)
        fine = not chosen or pixel_mm(one.grid) <= _COARSEST * pixel_mm(chosen[0].grid)
        if fine and len(chosen) < MOST_PICTURES and weighting not in {c.weighting for c in chosen}:
            chosen.append(of_series(one))
    return tuple(chosen)


def of_series(one: Series) -> Image:
    """A series as one image: its volumes averaged."""
    return Image(_one(one.read()), one.grid, _of_series(one), Path(one.name).name)


def pixel_mm(grid: Grid) -> float:
    """The larger side of a pixel within the slices."""
    return max(grid.spacing_mm[a] for a in grid.in_plane_axes)


def _one(values: np.ndarray) -> np.ndarray:
    """(x, y, z) float32 of volumes (x, y, z, n), real or complex."""
    magnitude = np.abs(values)
    if magnitude.shape[3] == 1:
        return np.ascontiguousarray((magnitude if np.iscomplexobj(values) else values)[..., 0], np.float32)
    return np.sqrt(np.mean(magnitude.astype(np.float64) ** 2, axis=3)).astype(np.float32)


def _of_series(one: Series) -> Weighting:
    if one.acquisition.mt_on is not None and all(one.acquisition.mt_on):
        return "MTw"
    return _weighting(one.kind, one.name)


def _weighting(kind: str, name: str) -> Weighting:
    found = _BY_SUFFIX.get(kind, "other")
    words = {word.lower() for word in re.split(r"[^0-9A-Za-z]+", name)}
    suppressed = any(word.endswith(_SUPPRESSED) for word in words)
    return "T2w-fs" if found == "T2w" and suppressed else found


def _suffix(name: str) -> str:
    stem = name.removesuffix(".gz").removesuffix(".nii")
    return stem.rpartition("_")[2]


def _split(typed: str) -> tuple[Weighting | None, Path]:
    before, equals, after = typed.partition("=")
    if not equals or Path(typed).exists():
        return None, Path(typed)
    word: Weighting | None = next((w for w in WEIGHTINGS if w.lower() == before.lower()), None)
    if word is None:
        raise OptionError("E-OPTION", where=f"{before}=", needed=f"one of {', '.join(WEIGHTINGS)} before the file",
                          found=repr(before), remedy="say what the image is weighted by, or give the file alone")  # fmt: skip
    return word, Path(after)
