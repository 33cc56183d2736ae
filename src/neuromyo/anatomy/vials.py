"""The vials of a phantom: found by their round rims, told apart by where they stand, never by what is measured in them.

Slice by slice the rims of circles are looked for in every image given (maps and magnitudes: a vial that equals its bath in one
contrast shows in another). The declared layout is laid on them by rotation and shift; the mirror image is tried too and refused.
From the best slice the layout is followed to its neighbours. A region is the vial less its rim (a fifth of the radius, at least a
voxel and a half), less air bubbles and two voxels around them, in the slices that show most of the vials.

*Assumes* vials that are circles in the plane of the slices (upright cylinders, or spheres in one plane). *Breaks* where a vial is
replaced by another of the same size: geometry cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy import circles, layout
from neuromyo.anatomy.layout import SEEN, Placement
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region

SOURCE = "vials"
#: below this share of the vials that the best slice shows, a slice does not count; a vial with less of its region left is not measured
_SLICE_SHARE, LEAST_SHARE = 0.6, 0.4
#: share of the declared vials that has to be seen
LEAST_SEEN = 0.6
#: slices on which the layout is looked for from scratch
_TRIED = 7
#: response, relative to the middle one of the vials, from which another circle counts
_STRAY = 0.7
#: response that the middle one of the vials has at least: those of phantoms have 0.9, circles found by chance in a knee 0.4
_CLEAR = 0.5
#: signal, relative to the upper quartile of the vial, below which a voxel is air
_AIR = 0.5


@dataclass(frozen=True, eq=False)
class Layout:
    """What is looked for: names, places (n, 2) in mm as on the screen (x to the right, y up), inner radius in mm.

    sphere : spheres in one plane rather than cylinders across the slices
    """

    names: tuple[str, ...]
    at_mm: np.ndarray
    radius_mm: float
    turn_limit_deg: float = 30.0
    mirrored: bool = False
    sphere: bool = False

    def in_plane(self, mirror: bool = False) -> np.ndarray:
        """(n, 2) along the two in-plane axes in RAS order: the screen's right is the first axis backwards."""
        flip = -1.0 if self.mirrored == mirror else 1.0
        return self.at_mm * (flip, 1.0)


@dataclass(frozen=True)
class FoundVial:
    """One vial: label, share of its region that is liquid, its rim's response (0 to 1)."""

    name: str
    index: int
    share: float
    response: float
    n_voxels: int


@dataclass(frozen=True, eq=False)
class Vials:
    """Labels of the vials found, what is known of each, who is missing, by how much the phantom was turned."""

    labels: Labels
    vials: tuple[FoundVial, ...]
    missing: tuple[str, ...]
    turn_deg: float
    findings: tuple[Finding, ...]


def find(images: Sequence[np.ndarray], grid: Grid, wanted: Layout, *, where: str = "phantom") -> Vials:
    """The vials of a phantom in images (x, y, z) on one grid; the first image shows where there is signal.

    ``turn_deg`` of what is found is counter-clockwise on the screen. E-VIALS where fewer than 60 % of the vials (or fewer
    than three) are seen, where circles stand elsewhere instead, where the layout fits as well elsewhere, or only in the
    mirror. ``where`` names the scan in messages.
    """
    a, b = grid.in_plane_axes
    spacing = (grid.spacing_mm[a], grid.spacing_mm[b])
    if wanted.radius_mm < 2.0 * max(spacing):
        raise _error(
            where,
            "vials of at least two voxels in radius",
            f"{wanted.radius_mm:g} mm in voxels of {max(spacing):.2g} mm",
            "scan with smaller voxels, or give regions with --regions",
        )
    stacks = [np.moveaxis(np.asarray(one, dtype=np.float64), grid.slice_axis, -1) for one in images]
    rims = np.stack([circles.strongest([s[..., k] for s in stacks], spacing, wanted.radius_mm)
                     for k in range(stacks[0].shape[-1])], axis=-1)  # fmt: skip
    start, best, findings = _placed(rims, spacing, wanted, where)
    followed = _followed(rims, spacing, wanted, start, best)
    drawn = _drawn(stacks[0], rims, grid, spacing, wanted, followed, findings, where)
    clear = float(np.median([vial.response for vial in drawn.vials])) if drawn.vials else 0.0
    if clear < _CLEAR:
        raise _error(where, "vials with clear round rims",
                     f"rims of which {100 * clear:.0f} % can be seen, as chance puts them into any image",
                     "this does not look like a phantom: check the folder and --vials, or give regions with --regions")  # fmt: skip
    return drawn


def _placed(
    rims: np.ndarray, spacing: tuple[float, float], wanted: Layout, where: str
) -> tuple[int, Placement, tuple[Finding, ...]]:
    tried = _tried(rims.shape[-1])

    def best(mirror: bool, limit: float) -> tuple[float, int, list[Placement]]:
        fits = [
            (k, layout.placements(rims[..., k], spacing, wanted.in_plane(mirror), wanted.radius_mm, limit))
            for k in tried
        ]
        return max(((f[0].score, k, f) for k, f in fits if f), key=lambda one: one[0], default=(0.0, 0, []))

    score, start, found = best(False, wanted.turn_limit_deg)
    any_score, _, anyhow = best(False, 180.0)
    mirror_score = best(True, 180.0)[0]
    margin = 0.6 * (any_score / max(int(anyhow[0].seen.sum()), 1) if anyhow else 0.5)
    n_seen, least = (int(found[0].seen.sum()) if found else 0), max(3, int(np.ceil(LEAST_SEEN * len(wanted.names))))
    if mirror_score > max(score, any_score) + margin:
        raise _error(where, "the vials as described", "their mirror image",
                     "the phantom lies the other way round, or the image is flipped left to right: turn it and scan again, or, if "
                     "it is always scanned like this, state mirrored = true in the description")  # fmt: skip
    if any_score > score + margin and anyhow[0].seen.sum() >= least:
        raise _error(where, f"a phantom turned by at most {wanted.turn_limit_deg:g} degrees (turn_limit_deg)",
                     f"that it fits best turned by {abs(anyhow[0].turn_deg):.0f} degrees",
                     "turn it upright and scan again, or state a larger turn_limit_deg")  # fmt: skip
    if n_seen < least:
        raise _error(
            where,
            f"at least {least} of {len(wanted.names)} vials where the description puts them",
            f"{n_seen}",
            f"check at_mm and radius_mm of the description and that the phantom is turned by less than {wanted.turn_limit_deg:g} degrees "
            "(turn_limit_deg), or give regions with --regions",
        )
    if len(found) > 1 and found[1].score > score - margin:
        raise _error(
            where,
            "a layout that fits in one way only",
            f"a second fit, turned by {abs(found[1].turn_deg - found[0].turn_deg):.0f} degrees, that is as good",
            "give a smaller turn_limit_deg if you know how the phantom stood, or regions with --regions",
        )
    strays = _strays(rims[..., start], spacing, wanted, found[0])
    if strays >= 2 and len(wanted.names) - n_seen >= 2:
        raise _error(
            where,
            "round vials where the description puts them, and nowhere else",
            f"{strays} of that size elsewhere, and none at {len(wanted.names) - n_seen} of the places declared",
            "this looks like another phantom: check --vials, or give regions with --regions",
        )
    findings = ()
    if best(True, wanted.turn_limit_deg)[0] > score - margin:
        findings = (Finding("note", "N-MIRROR", where, "the layout looks the same in a mirror: had the phantom been put in the other way "
                            "round, nobody would notice", "put a mark on the phantom"),)  # fmt: skip
    return start, found[0], findings


def _strays(rim: np.ndarray, spacing: tuple[float, float], wanted: Layout, placed: Placement) -> int:
    """Circles as clear as most of the vials that the layout does not account for."""
    places = placed.places(wanted.in_plane())
    _, values = layout.local_maxima(rim, spacing, places, 0.3 * wanted.radius_mm)
    clear = max(SEEN, _STRAY * float(np.median(values[placed.seen])))
    others = circles.peaks(rim, spacing, 1.5 * wanted.radius_mm, clear, 48)
    away = np.hypot(*(others[:, None, :] - places[None]).transpose(2, 0, 1)).min(axis=1) if len(others) else np.zeros(0)
    return int((away > 1.5 * wanted.radius_mm).sum())


def _tried(n: int) -> np.ndarray:
    """The slices on which the layout is looked for from scratch: not the outermost."""
    return np.unique(np.linspace(0, n - 1, min(n, _TRIED) + 2)[1:-1].round().astype(int)) if n > 2 else np.arange(n)


def _followed(
    rims: np.ndarray, spacing: tuple[float, float], wanted: Layout, start: int, best: Placement
) -> dict[int, Placement]:
    """The placement in every slice that shows enough of the vials, from the first one outwards."""
    places = {start: best}
    least = max(2.0, _SLICE_SHARE * best.seen.sum())
    for step in (1, -1):
        k, last = start + step, best
        while 0 <= k < rims.shape[-1]:
            last = layout.refine(
                rims[..., k], spacing, wanted.in_plane(), wanted.radius_mm, last.turn_deg, np.asarray(last.shift_mm)
            )
            if last.seen.sum() < least or abs(last.turn_deg - best.turn_deg) > 10.0:
                break
            places[k] = last
            k += step
    if len(places) >= 5 and not wanted.sphere:  # the ends of the vials lie somewhere in the outermost slices
        places.pop(max(places))
        places.pop(min(places))
    return places


def _drawn(
    signal: np.ndarray, rims: np.ndarray, grid: Grid, spacing: tuple[float, float], wanted: Layout,
    places: dict[int, Placement], findings: tuple[Finding, ...], where: str,
) -> Vials:  # fmt: skip
    volume = np.zeros(signal.shape, dtype=np.int16)
    slices = sorted(places)
    middle = _middle(places)
    at = np.stack(
        np.meshgrid(*(np.arange(n) * mm for n, mm in zip(signal.shape[:2], spacing, strict=True)), indexing="ij"),
        axis=-1,
    )
    inner = wanted.radius_mm - max(1.5 * max(spacing), 0.2 * wanted.radius_mm)
    inner = max(inner, 0.4 * wanted.radius_mm)
    found, missing = [], []
    for i, name in enumerate(wanted.names):
        if 2 * sum(places[k].seen[i] for k in slices) < len(slices):
            missing.append(name)
            continue
        mask, response = np.zeros(signal.shape, dtype=bool), []
        for k in slices:
            centre, value = _centre(rims[..., k], spacing, wanted, places[k], i)
            reach = _reach(inner, (k - middle) * grid.spacing_mm[grid.slice_axis]) if wanted.sphere else inner
            mask[..., k] = np.hypot(*np.moveaxis(at - centre, -1, 0)) <= reach
            response.append(value)
        liquid = mask & ~_air(signal, mask)
        share = float(liquid.sum() / max(int(mask.sum()), 1))
        if share >= LEAST_SHARE:
            volume[liquid] = i + 1
        found.append(FoundVial(name, i + 1, share, float(np.median(response)), int(liquid.sum())))
    findings = (*findings, *_remarks(found, missing, where))
    regions = tuple(Region(v.index, v.name) for v in found if v.share >= LEAST_SHARE)
    labels = Labels(np.moveaxis(volume, -1, grid.slice_axis), grid, regions, SOURCE)
    turn = -float(np.median([p.turn_deg for p in places.values()]))  # as seen on the screen
    return Vials(labels, tuple(found), tuple(missing), turn, findings)


def _centre(
    rim: np.ndarray, spacing: tuple[float, float], wanted: Layout, place: Placement, i: int
) -> tuple[np.ndarray, float]:
    """Where the vial's own rim says that its middle is, if that is near the layout's place; else the latter."""
    expected = place.places(wanted.in_plane())[i : i + 1]
    nearest, values = layout.local_maxima(rim, spacing, expected, 0.3 * wanted.radius_mm)
    return (nearest[0] if values[0] >= SEEN else expected[0]), float(values[0])


def _middle(places: dict[int, Placement]) -> float:
    """The slice, between slices, through the middle of spheres: the mean weighted by how well the rims fit."""
    weight = np.array([p.score for p in places.values()])
    return float((np.array(list(places)) * weight).sum() / weight.sum())


def _reach(inner: float, away_mm: float) -> float:
    """Radius of a sphere's section, -1 beyond it."""
    return float(np.sqrt(inner**2 - away_mm**2)) if abs(away_mm) < inner else -1.0


def _air(signal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Voxels of a vial without liquid, and two more around them in the plane: the filter below takes one away at corners."""
    inside = signal[mask]
    inside = inside[np.isfinite(inside)]
    if inside.size == 0:
        return mask
    calm = ndimage.median_filter(np.nan_to_num(signal, nan=0.0), size=(3, 3, 1))  # a noisy voxel is no bubble
    empty = mask & ~(calm >= _AIR * np.percentile(inside, 75))
    return ndimage.binary_dilation(empty, np.ones((3, 3, 1), dtype=bool), iterations=2)


def _remarks(found: Sequence[FoundVial], missing: Sequence[str], where: str) -> list[Finding]:
    out = []
    if missing:
        out.append(Finding("warn", "W-VIAL", where, f"no vial to be seen where {_listed(missing)} should stand",
                           "put it back, or leave it out of the description", "it is not judged"))  # fmt: skip
    for vial in found:
        if vial.share < LEAST_SHARE:
            out.append(Finding("warn", "W-VIAL", where, f"vial {vial.name}: air in {100 * (1 - vial.share):.0f} % of it",
                               "top it up, or stand it upright and scan again", "it is not measured"))  # fmt: skip
        elif vial.share < 0.9:
            out.append(
                Finding(
                    "note",
                    "N-BUBBLE",
                    where,
                    f"vial {vial.name}: a bubble; {100 * vial.share:.0f} % of its region is used",
                )
            )
    return out


def _listed(names: Sequence[str]) -> str:
    return f"vial {names[0]}" if len(names) == 1 else f"vials {', '.join(names)}"


def _error(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-VIALS", where=where, needed=needed, found=found, remedy=remedy)
