"""The declaration: one file, one biomarker.

A biomarker's file holds a title and the equation (its module docstring), the physics (`simulate`), the inversion
(`estimate`) and one constant, ``BIOMARKER``, made here. Everything else is derived from it: the command-line entry, the
phantom's data, the contract tests, the report's captions, provenance and the documentation page.

    role -> need          what it works on: a series, a map known voxel by voxel, a region, a number
    simulate(truth, {role: Acquisition}, options) -> {role: signal (..., n)}
    calibrate({sample: Inputs}, options) -> Calibration        optional: once a subject, before the voxels
    derive(known maps, acquisitions, grid, options) -> maps    optional: what voxels are to know of their neighbourhood
    estimate(inputs, options) -> Estimate                      arrays of any leading shape in voxel scope
    review(maps, regions, options) -> findings                 optional: once a subject, over the finished maps
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import numpy as np

from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.constant import Constant
from neuromyo.core.errors import Finding, PluginError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps, Scalar
from neuromyo.core.options import NoOptions
from neuromyo.core.quantity import Quantity

Scope = Literal["voxel", "slice", "image"]
Noise = Literal["rician", "gaussian", "complex"]


# --- what a biomarker needs -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assumable:
    """A metadata field that may be absent: the value then used, and why that is tolerable. ``remedy`` says how the user can
    state it where a sidecar has no key for it."""

    field: str
    value: Any
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SeriesNeed:
    """An acquired series.

    kinds : BIDS suffixes that can serve, best first
    part : mag, phase or complex
    min_volumes : fewest volumes that will do
    required : fields of `Acquisition` without which nothing can be said
    assumable : fields that may be assumed, openly
    entities : entity values that the series must have (``{"flip": "1"}``)
    entities_if_any : entity values that it must have where it bears the entity at all
    separate : whether its scans (or it and other roles') were acquired one after another, so that motion between them is
        measured and corrected; None: as its kind says (VFA, MTR, TB1DAM, dwi, MPM and MTS were)
    """

    kinds: tuple[str, ...]
    part: str = "mag"
    min_volumes: int = 1
    required: tuple[str, ...] = ()
    assumable: tuple[Assumable, ...] = ()
    entities: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    separate: bool | None = None
    entities_if_any: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MapNeed:
    """A map known voxel by voxel and not fitted here (B1). ``quantity`` is its name, ``display`` its unit."""

    quantity: str
    display: str
    plausible: tuple[float, float]
    optional: bool = True


@dataclass(frozen=True, slots=True)
class RegionNeed:
    """A region to calibrate on, by its name in the label tables (``subcutaneous-fat``)."""

    region: str
    min_voxels: int = 20
    optional: bool = True


@dataclass(frozen=True, slots=True)
class ScalarNeed:
    """One number for the subject (a phantom's temperature), in SI."""

    title: str
    display: str
    optional: bool = True


Need = SeriesNeed | MapNeed | RegionNeed | ScalarNeed


# --- what passes in and out -------------------------------------------------------------------------------------------


def _silent(share: float) -> None:
    """Nobody is told."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """What `estimate` and `calibrate` are given.

    signals : role -> (..., n); in voxel scope a flat block of voxels (m, n), in image scope (x, y, z, n)
    acquisitions : role -> Acquisition, declared assumptions already filled in
    known : map role -> (...), SI; and what `derive` added
    regions : region role -> (...) bool; image scope and calibration only
    scalars : values from `calibrate`, or given by the user, SI
    mask : (...) bool, the voxels to be estimated; None means all
    grid : geometry, in slice and image scope
    averaged : the signals are means over many voxels' magnitudes (a region's mean), so that noise is small but its
        floor has not averaged away
    threads : how many an image-scope estimate may use; the bits must not depend on it
    progress : tells how far an image-scope estimate has come, 0 to 1
    """

    signals: Mapping[str, np.ndarray]
    acquisitions: Mapping[str, Acquisition]
    known: Mapping[str, np.ndarray] = field(default_factory=dict)
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)
    scalars: Mapping[str, float] = field(default_factory=dict)
    mask: np.ndarray | None = None
    grid: Grid | None = None
    averaged: bool = False
    threads: int = 1
    progress: Callable[[float], None] = _silent


@dataclass(frozen=True, eq=False)
class Estimate:
    """What `estimate` gives back, all in SI and of the leading shape of its inputs.

    values : quantity -> (...) or (..., 3 or 6)
    reason : (...) uint8 of `Reason` for all quantities, or a mapping quantity -> (...)
    sd : quantity -> same shape; quantities without an honest sd are left out
    diagnostics : extra images for the report, name -> (...): ``residual`` is the rms residual over the first signal
    scalars : subject-level quantities found by an image-scope estimate
    findings : what an image-scope estimate has to tell the user
    assumptions : what it had to assume
    """

    values: Mapping[str, np.ndarray]
    reason: np.ndarray | Mapping[str, np.ndarray]
    sd: Mapping[str, np.ndarray] = field(default_factory=dict)
    diagnostics: Mapping[str, np.ndarray] = field(default_factory=dict)
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    assumptions: tuple[Assumption, ...] = ()

    def reason_of(self, quantity: str) -> np.ndarray:
        return self.reason[quantity] if isinstance(self.reason, Mapping) else self.reason


@dataclass(frozen=True, eq=False)
class Calibration:
    """What `calibrate` found: ``scalars`` go to `estimate` by name; ``reported`` are subject-level quantities;
    ``findings`` and ``assumptions`` are shown to the user."""

    scalars: Mapping[str, float] = field(default_factory=dict)
    reported: tuple[Scalar, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    findings: tuple[Finding, ...] = ()


class Derive(Protocol):
    """Known maps by role (x, y, z), acquisitions by role, the grid -> more maps (x, y, z), by names that are no roles."""

    def __call__(
        self, known: Mapping[str, np.ndarray], acquisitions: Mapping[str, Acquisition], grid: Grid, options: Any
    ) -> Mapping[str, np.ndarray]: ...


class Simulate(Protocol):
    """The physics: truth by name, acquisitions by role -> signals by role, the contrast last."""

    def __call__(
        self, truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Any
    ) -> Mapping[str, np.ndarray]: ...


@dataclass(frozen=True, slots=True)
class Domain:
    """Where the estimator keeps its promises: bias < 0.2 Cramer-Rao sd, coverage of its sd 92 to 97 %, RMSE within
    15 % of the Cramer-Rao bound of the same noise law. Signal-to-noise is first sample over sigma per real channel.

    box : truth name -> (low, high) in SI
    snr : the lowest signal-to-noise ratio
    quantities : those the promise is made for
    """

    box: Mapping[str, tuple[float, float]]
    snr: float
    quantities: tuple[str, ...]


# --- the declaration --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Biomarker:
    """One biomarker, whole. See the module docstring; `neuromyo show ID` prints it.

    id : file name with hyphens
    title : a few words for people
    doi : sources, as DOIs
    needs, gives : roles and quantities; the first series role is the main one, whose grid and entities outputs take
    typical : role -> a typical acquisition; it must satisfy the needs
    example : truth name -> one value in SI, from which `simulate` makes a typical signal
    domain : where promises hold (None only for estimators that publish a bias table instead, named in ``bias_table``)
    provides : quantities that other biomarkers may take as their known maps (a B1 mapping provides B1)
    options : frozen dataclass of `neuromyo.core.options.option` fields
    caption : one or two sentences for the report and the methods text
    exclude : leave a voxel out of regional summaries where a quantity is above a limit: (that quantity, limit in SI)
    exclude_from : the quantities whose summaries that concerns; the first one where none is named
    prominence : reports speak of the biomarkers with the highest first
    derive : in voxel scope, maps that need whole images or the place of a voxel (a field's gradient, a slab's profile), made once
        before `calibrate`; estimates find them in ``inputs.known``, as any known map
    review : looks at the finished maps of the whole image (and the regions that were given) for what no voxel can tell:
        a turned gradient table, water and fat exchanged. It changes nothing.
    constants : the numbers that the estimate brings along; each names the option that replaces it
    """

    id: str
    title: str
    doi: tuple[str, ...]
    needs: Mapping[str, Need]
    gives: tuple[Quantity, ...]
    simulate: Simulate
    estimate: Callable[[Inputs, Any], Estimate]
    typical: Mapping[str, Acquisition]
    example: Mapping[str, float]
    calibrate: Callable[[Mapping[str, Inputs], Any], Calibration] | None = None
    options: type = NoOptions
    scope: Scope = "voxel"
    noise: Noise = "rician"
    domain: Domain | None = None
    bias_table: str = ""
    provides: tuple[str, ...] = ()
    caption: str = ""
    exclude: tuple[str, float] | None = None
    exclude_from: tuple[str, ...] = ()
    prominence: int = 0
    derive: Derive | None = None
    review: Callable[[Maps, Mapping[str, np.ndarray], Any], tuple[Finding, ...]] | None = None
    constants: tuple[Constant, ...] = ()

    def __post_init__(self) -> None:
        for complaint in self._complaints():
            raise PluginError("E-PLUGIN", where=f"biomarker {self.id}", found=complaint)

    def _complaints(self):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            yield "the id must be lower-case words joined by hyphens"
        if not self.series_roles:
            yield "it needs at least one series"
        if not self.gives:
            yield "it gives nothing"
        if len({q.name for q in self.gives}) != len(self.gives):
            yield "two quantities have the same name"
        if set(self.typical) != {r for r in self.series_roles if r in self.typical or not self.series_need(r).optional}:
            yield "the typical acquisition must cover every series role that is not optional, and no other"
        options = {f.name for f in fields(self.options)}
        for constant in self.constants:
            if constant.override not in options:
                yield f"the constant {constant.name!r} is replaced by an option {constant.override!r} that is not there"
        for role in self.typical:
            need = self.series_need(role)
            missing = [f for f in need.required if not self.typical[role].stated(f)]
            if missing:
                yield f"the typical acquisition of role {role!r} lacks {', '.join(missing)}"

    @property
    def slug(self) -> str:
        """The id as BIDS file names carry it: without hyphens."""
        return self.id.replace("-", "")

    @property
    def series_roles(self) -> tuple[str, ...]:
        return tuple(r for r, n in self.needs.items() if isinstance(n, SeriesNeed))

    @property
    def map_roles(self) -> tuple[str, ...]:
        return tuple(r for r, n in self.needs.items() if isinstance(n, MapNeed))

    def series_need(self, role: str) -> SeriesNeed:
        need = self.needs[role]
        if not isinstance(need, SeriesNeed):
            raise PluginError("E-PLUGIN", where=f"biomarker {self.id}", found=f"role {role!r} is not a series")
        return need

    def quantity(self, name: str) -> Quantity:
        return next(q for q in self.gives if q.name == name)

    @property
    def voxel_quantities(self) -> tuple[Quantity, ...]:
        return tuple(q for q in self.gives if q.level == "voxel")

    @property
    def equation(self) -> str:
        """The docstring of the file that declares it."""
        return inspect.getdoc(inspect.getmodule(self.estimate)) or ""


@dataclass(frozen=True, eq=False)
class Segmenter:
    """Something that draws regions from series, planned like a biomarker.

    gives : the region names it draws (leaves and parents); `segment` returns a `Labels` on the main series' grid
    segment : ({role: whole Series}, options) -> Labels
    """

    id: str
    title: str
    needs: Mapping[str, SeriesNeed]
    gives: tuple[str, ...]
    segment: Callable[[Mapping[str, Any], Any], Labels]
    options: type = NoOptions
    doi: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return self.id.replace("-", "")

    @property
    def series_roles(self) -> tuple[str, ...]:
        return tuple(self.needs)

    def series_need(self, role: str) -> SeriesNeed:
        return self.needs[role]


def fill_assumptions(
    need: SeriesNeed, acquisition: Acquisition, role: str
) -> tuple[Acquisition, tuple[Assumption, ...]]:
    """The acquisition with what it does not state replaced by the need's declared assumptions, and a list of those."""
    made = []
    for a in need.assumable:
        if not acquisition.stated(a.field):
            acquisition = acquisition.with_(**{a.field: a.value})
            made.append(Assumption(a.field, _say(a.value), a.why, role))
    return acquisition, tuple(made)


def answered(biomarker: Biomarker, options: Any) -> Biomarker:
    """The declaration without the assumptions that ``options`` make needless: an option that bears the name of a field of
    `Acquisition` and has a value states that field."""

    def trimmed(need: Need) -> Need:
        if not isinstance(need, SeriesNeed):
            return need
        return replace(need, assumable=tuple(a for a in need.assumable if getattr(options, a.field, None) is None))

    return replace(biomarker, needs={role: trimmed(need) for role, need in biomarker.needs.items()})


def _say(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
