"""Fascicles and epineurium within a nerve that was traced, and for each number whether the resolution supports it.

The largest section tells the blur, the thickness of the sheath and the contrast to noise. `resolvable` then says what this resolution
supports, by simulated nerves with fascicles of the size that is known of this nerve. A number that fails there is not given: its rows
hold NaN and the flag COARSE, and a finding W-COARSE says which pixel size would do; where all fail, nothing more is fitted. Else the
share of fascicle is found section by section by `fascicle_fit`, and single fascicles by `fascicle_split`.

*Assumes* an outline that is the epineurium's outer edge; fascicles of one signal each, a sheath of one thickness. *Breaks* where a
vessel or muscle lies within the outline (the misfit rises, and a finding says so).

Sizes are what is known of the nerve, not what the image shows, since what cannot be resolved looks large; only fascicles that turn
out smaller than expected change them, and make the verdict stricter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels
from neuromyo.core.nerve import Section, Trace
from neuromyo.core.options import option
from neuromyo.fascicles import fascicle_fit, fascicle_muscle, fascicle_section, fascicle_table, resolvable
from neuromyo.fascicles.fascicle_fit import Mixture
from neuromyo.fascicles.fascicle_muscle import Ratio
from neuromyo.fascicles.fascicle_section import FascicleSection, Model, Window
from neuromyo.fascicles.resolvable import Verdict

#: diameters of fascicles in mm, in thick nerves and in thin ones
LARGE_MM, SMALL_MM = (0.5, 1.2), (0.3, 0.6)
#: words in the names of nerves whose fascicles are of the larger kind
THICK = ("sciatic", "tibial", "fibular", "peroneal", "femoral", "median", "ulnar", "radial", "root", "plexus")
#: widths of the blur besides the voxel's box, over the pixel, that are tried where none is stated
WIDTHS = (0.25, 0.5, 0.75, 1.0, 1.5)
#: thicknesses of a sheath in mm that are tried where none is stated; every nerve has one, if only of the signal of other epineurium
SHEATHS_MM = (0.1, 0.15, 0.2, 0.3)
#: nothing more is fitted where nothing would be supported at so many times the contrast to noise
SPARE = 1.3
#: in these images epineurial fat is dark and fascicles are bright; in the others it is the other way round
BRIGHT_FASCICLES = ("T2w-fs", "FA")
#: residual over noise from which the outline is suspected to hold more than fascicles and epineurium
MISFIT = 1.6
T2_WEIGHTED = ("T2w", "T2w-fs")


@dataclass(frozen=True)
class FascicleOptions:
    """How fascicles are looked for."""

    psf_mm: float | None = option(None, "width (FWHM) of the blur besides the voxel's own box; the one that explains the largest section best where not given", unit="mm", low=0.0, high=5.0)  # fmt: skip  # noqa: E501
    sheath_mm: float | None = option(None, "thickness of the epineurial sheath that has a signal of its own, within the outline; 0 for none; the one that explains the largest section best where not given", unit="mm", low=0.0, high=1.0)  # fmt: skip  # noqa: E501
    fascicle_mm: tuple[float, float] | None = option(None, "smallest and largest diameter expected; by the nerve's name where not given", unit="mm", low=0.05, high=5.0)  # fmt: skip  # noqa: E501
    noise: float | None = option(
        None, "noise per channel of the images, in their unit; estimated where not given", low=0.0
    )
    fascicles: str = option("auto", "whether fascicles are brighter or darker than epineurium; auto: by the weighting", choices=("auto", "bright", "dark"))  # fmt: skip  # noqa: E501
    bright_reference: str = option("fascicle", "what T2-bright fascicles are held against: the nerve's normal fascicles, or muscle beside it", choices=("fascicle", "muscle"))  # fmt: skip  # noqa: E501
    bright_factor: float = option(
        1.25, "signal over that reference from which a fascicle is T2-bright", low=0.1, high=20.0
    )


DEFAULT = FascicleOptions()


@dataclass(frozen=True, eq=False)
class Fascicles:
    """What was found in a nerve.

    sections : those with an outline, by ascending slice
    share, share_sd : (x, y, z) fascicle in the nerve's part of each voxel, as its signal says, and its sd by noise; NaN elsewhere
    verdicts : quantity -> whether it is given
    fascicle_mm : diameters that the verdicts are about
    psf_mm, sheath_mm : the blur and the sheath that were used; NaN where nothing was fitted
    """

    trace: Trace
    images: tuple[str, ...]
    options: FascicleOptions
    sections: tuple[FascicleSection, ...]
    share: np.ndarray
    share_sd: np.ndarray
    verdicts: Mapping[str, Verdict]
    fascicle_mm: tuple[float, float]
    psf_mm: float
    sheath_mm: float
    t2_weighted: bool
    findings: tuple[Finding, ...]


def fascicles(
    image: Image | Sequence[Image],
    trace: Trace,
    *,
    psf_mm: float | None = None,
    muscle: Labels | None = None,
    options: FascicleOptions = DEFAULT,
) -> Fascicles:
    """Fascicle and epineurium in every slice of a traced nerve.

    image : one or several on the trace's grid; the first T2-weighted one tells bright fascicles and the ratio to muscle
    psf_mm : as the option of that name
    muscle : regions, of which those called ``muscle`` (or that are part of it) are used beside the nerve
    """
    options = core_options.check(options)
    psf_mm = options.psf_mm if psf_mm is None else psf_mm
    images = _ordered([image] if isinstance(image, Image) else list(image), trace)
    parts = [s for s in trace.sections if s.outlines_mm and "interpolated" not in s.flags]
    if not parts:
        raise DataError("E-NERVE", where=trace.name, needed="a slice at least in which the nerve has an outline",
                        found="none", remedy="trace the nerve first")  # fmt: skip
    job = _Job(
        trace, images, options, tuple(_brighter(i, options) for i in images), _sigmas(images, trace, parts, options)
    )
    size = options.fascicle_mm or expected_mm(trace.name)
    region = muscle.mask("muscle") if muscle is not None and muscle.grid.same_as(trace.grid) else None
    found, model = job.all(parts, psf_mm, size, region)
    verdicts, size = _verdicts(found, trace, model.psf_mm, size)
    share, sd = _maps(found, trace)
    return Fascicles(trace, tuple(i.name for i in images), options, found, share, sd, verdicts, size, model.psf_mm,
                     model.sheath_mm, images[0].weighting in T2_WEIGHTED, _findings(found, trace, verdicts))  # fmt: skip


def expected_mm(nerve: str) -> tuple[float, float]:
    """Diameters of fascicles that a nerve of this name has: the larger kind in thick nerves, the smaller in all others."""
    return LARGE_MM if any(word in nerve for word in THICK) else SMALL_MM


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same from section to section."""

    trace: Trace
    images: Sequence[Image]
    options: FascicleOptions
    brighter: tuple[bool, ...]
    sigma: tuple[float, ...]

    def planes(self, section: Section) -> np.ndarray:
        axis = self.trace.grid.slice_axis
        return np.stack([np.take(i.values, section.slice, axis) for i in self.images]).astype(np.float64)

    def all(
        self, parts: Sequence[Section], psf_mm: float | None, size: tuple[float, float], region: np.ndarray | None
    ) -> tuple[tuple[FascicleSection, ...], Model]:
        """Every section and what they share; sections without a fit where no number would be given."""
        windows = [fascicle_section.window(self.trace, s) for s in parts]
        beside = [self._beside(s, region) for s in parts]
        model = self._model(parts, windows, psf_mm, size)
        if model is None:
            bare = [fascicle_section.bare(s, w, m) for s, w, m in zip(parts, windows, beside, strict=True)]
            return tuple(bare), Model(float("nan") if psf_mm is None else psf_mm, float("nan"), float("nan"))
        found = [fascicle_section.measure(self._fit(s, w, model), w, s, self.trace.grid, m)
                 for s, w, m in zip(parts, windows, beside, strict=True)]  # fmt: skip
        return tuple(found), model

    def _model(
        self, parts: Sequence[Section], windows: Sequence[Window], psf_mm: float | None, size: tuple[float, float]
    ) -> Model | None:
        """The blur and the sheath that explain the largest section best; None where no number would be supported."""
        smear = _smear(windows)
        if not _any(self.trace, psf_mm or 0.0, smear, fascicle_table.best_cnr(), size):
            return None
        at = max(range(len(parts)), key=lambda i: parts[i].area_mm2)
        thin_mm = fascicle_fit.thin_mm(size)
        widths = [w * _pixel(self.trace) for w in WIDTHS] if psf_mm is None else [psf_mm]
        sheaths = SHEATHS_MM if self.options.sheath_mm is None else (self.options.sheath_mm,)

        def tried(width: float, sheath: float) -> Mixture:
            return self._fit(parts[at], windows[at], Model(width, sheath, thin_mm))

        first = [tried(widths[len(widths) // 3], sheath) for sheath in sheaths]
        best = int(np.argmin([one.price for one in first]))
        found = {widths[len(widths) // 3]: first[best]}
        found |= {width: tried(width, sheaths[best]) for width in widths if width not in found}
        width = min(found, key=lambda w: found[w].price)
        if not _any(self.trace, width, smear, SPARE * found[width].contrast, size):
            return None
        return Model(width, sheaths[best], thin_mm)

    def _fit(self, section: Section, where: Window, model: Model) -> Mixture:
        axis = self.trace.grid.slice_axis
        planes = np.stack([np.take(i.values, section.slice, axis) for i in self.images]).astype(np.float64)
        return fascicle_section.fit(
            planes, where, self.trace.grid, sigma=self.sigma, brighter=self.brighter, model=model
        )

    def _beside(self, section: Section, region: np.ndarray | None) -> Ratio:
        """Nerve over muscle, where there is a T2-weighted image."""
        if self.images[0].weighting not in T2_WEIGHTED:
            return fascicle_muscle.NONE
        grid = self.trace.grid
        a, b = grid.in_plane_axes
        plane, coverage = (
            np.take(v, section.slice, grid.slice_axis) for v in (self.images[0].values, self.trace.coverage)
        )
        own = None if region is None else np.take(region, section.slice, grid.slice_axis)
        return fascicle_muscle.ratio(plane.astype(np.float64), coverage, (grid.spacing_mm[a], grid.spacing_mm[b]), own)


def _ordered(images: list[Image], trace: Trace) -> list[Image]:
    """The images, a T2-weighted one first; refused where they are not on the trace's grid."""
    if not images:
        raise OptionError("E-OPTION", where="fascicles", needed="an image at least", found="none", remedy="give one")
    for one in images:
        if not one.grid.same_as(trace.grid):
            raise DataError("E-GRID", where=one.name, needed=f"the grid on which {trace.name} was traced",
                            found=f"{one.grid.shape} voxels of {tuple(round(s, 3) for s in one.grid.spacing_mm)} mm",
                            remedy="trace the nerve on this image, or resample the trace's outlines")  # fmt: skip
    return sorted(images, key=lambda i: i.weighting not in T2_WEIGHTED)


def _brighter(image: Image, options: FascicleOptions) -> bool:
    if options.fascicles != "auto":
        return options.fascicles == "bright"
    if image.weighting == "other":
        raise OptionError("E-OPTION", where=image.name, needed="a weighting that says whether fat is bright",
                          found="weighting 'other'", remedy="set the option `fascicles` to bright or dark")  # fmt: skip
    return image.weighting in BRIGHT_FASCICLES


def _sigmas(
    images: Sequence[Image], trace: Trace, parts: Sequence[Section], options: FascicleOptions
) -> tuple[float, ...]:
    """Noise per channel of each image; a thousandth of its range at least, since no image has less."""
    out = []
    for one in images:
        planes = [np.take(one.values, s.slice, trace.grid.slice_axis) for s in parts]
        if not any(np.isfinite(p).any() for p in planes):
            raise DataError("E-NODATA", where=one.name, needed=f"finite signal where {trace.name} runs", found="none",
                            remedy="check the image and the trace")  # fmt: skip
        least = 1e-3 * max(float(np.nanmax(p) - np.nanmin(p)) for p in planes if np.isfinite(p).any())
        if least == 0.0:
            raise DataError("E-NOSIGNAL", where=one.name, found=f"the image is constant where {trace.name} runs",
                            remedy="check the image")  # fmt: skip
        found = options.noise or float(np.median([fascicle_section.noise(p) for p in planes]))
        out.append(max(found, least))
    return tuple(out)


def _pixel(trace: Trace) -> float:
    a, b = trace.grid.in_plane_axes
    return max(trace.grid.spacing_mm[a], trace.grid.spacing_mm[b])


def _verdicts(
    found: Sequence[FascicleSection], trace: Trace, psf_mm: float, size: tuple[float, float]
) -> tuple[dict[str, Verdict], tuple[float, float]]:
    """One verdict a quantity, for the size expected; once more where supported fascicles turn out smaller than that."""
    fitted = [s.contrast for s in found if s.mixture is not None]
    contrast = float(np.median(fitted)) if fitted else fascicle_table.best_cnr()
    blur, smear = (psf_mm if np.isfinite(psf_mm) else 0.0), _smear([s.window for s in found])
    verdicts = _judged(trace, blur, smear, contrast, size)
    if not fitted:
        return {name: replace(v, ok=False) for name, v in verdicts.items()}, size
    areas = np.concatenate([np.zeros(0), *(s.areas_mm2 for s in found if s.misfit <= MISFIT)])
    if verdicts["fascicle_count"].ok and areas.size >= 5:
        least = round(float(np.sqrt(4.0 / np.pi * np.percentile(areas, 10.0))), 1)
        if 0.0 < least < size[0] - 0.05:
            size = (least, size[1])
            verdicts = _judged(trace, blur, smear, contrast, size)
    return verdicts, size


def _judged(
    trace: Trace, psf_mm: float, smear_mm: float, contrast: float, size: tuple[float, float]
) -> dict[str, Verdict]:
    thick = trace.grid.spacing_mm[trace.grid.slice_axis]
    angle = float(np.degrees(np.arctan2(smear_mm, thick)))
    return {
        name: resolvable.verdict(name, pixel_mm=_pixel(trace), slice_mm=thick, snr=max(contrast, 0.5), contrast=1.0,
                                 fascicle_mm=size, psf_mm=psf_mm, angle_deg=angle)
        for name in resolvable.QUANTITIES
    }  # fmt: skip


def _any(trace: Trace, psf_mm: float, smear_mm: float, contrast: float, size: tuple[float, float]) -> bool:
    """Whether any number would be given."""
    return any(v.ok for v in _judged(trace, psf_mm, smear_mm, contrast, size).values())


def _smear(windows: Sequence[Window]) -> float:
    """By how much the nerve moves within a slice, mm."""
    return float(np.median([np.hypot(*w.smear_mm) for w in windows]))


def _maps(found: Sequence[FascicleSection], trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    share, sd = (np.full(trace.grid.shape, np.nan, np.float32) for _ in range(2))
    a, b = trace.grid.in_plane_axes
    for one in found:
        if one.mixture is None:
            continue
        where: list[slice | int] = [one.slice] * 3
        where[a], where[b] = one.window.at
        share[tuple(where)], sd[tuple(where)] = fascicle_section.share_map(one.mixture)
    return share, sd


def _findings(found: Sequence[FascicleSection], trace: Trace, verdicts: Mapping[str, Verdict]) -> tuple[Finding, ...]:
    out = []
    refused = [v for v in verdicts.values() if not v.ok]
    for why in dict.fromkeys(v.why for v in refused):
        same = [v for v in refused if v.why == why]
        needed = min(v.needed_mm for v in same)
        names = ", ".join(v.quantity.replace("_", " ") for v in same)
        remedy = (
            f"pixels of {needed:g} mm would do"
            if np.isfinite(needed)
            else "no pixel size tried would do at this contrast to noise"
        )
        out.append(Finding("warn", "W-COARSE", trace.name, f"not given: {names}; {why}", remedy))
    poor = [s.slice for s in found if s.misfit > MISFIT]
    if poor:
        said = ", ".join(map(str, poor[:8])) + (f" and {len(poor) - 8} more" if len(poor) > 8 else "")
        found_there = f"slices {said}: fascicles, epineurium and a sheath do not explain what is within the outline; nothing is given there"
        remedy = "look for a vessel within it, or state the blur (psf_mm), the sheath (sheath_mm) and the noise"
        out.append(Finding("warn", "W-NERVE", trace.name, found_there, remedy))
    return tuple(out)


__all__ = ["DEFAULT", "FascicleOptions", "FascicleSection", "Fascicles", "expected_mm", "fascicles"]
