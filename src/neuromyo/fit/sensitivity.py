r"""What a missing map, a wrong assumption or another protocol does to a biomarker, found by its own simulation and estimate.

The biomarker's declared example is simulated with the thing true (B1 15 % low, refocusing pulses of 120 degrees), and estimated as it
would be without knowing it; what comes out against the truth, less what comes out wrong anyway, is the bias:

.. math:: b = \frac{\hat q(S(\theta, x)) - \hat q(S(\theta, x_0))}{q}

with x what is true and :math:`x_0` what is taken for granted. Scatter is the ratio of the Cramer-Rao bounds of two acquisitions at equal
noise. Nothing here knows any biomarker by name.

*Assumes* that the example is typical of the tissue in question. *Breaks* where the simulation does not know of the thing (it then has no
effect, and nothing is said).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, MapNeed
from neuromyo.core.errors import NeuromyoError, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.fit.crlb import bound_of_signal

#: quantities in percent of a whole are told in points, others in per cent of themselves
_SHARE_FROM = 1.2
#: an image for estimates that look at whole images: edge and slices
_EDGE, _SLICES = 12, 3
#: signal-to-noise ratio at which scatter is compared
_SNR = 50.0


@dataclass(frozen=True, slots=True)
class Span:
    """How far a quantity strays from what is taken for granted, with words for it."""

    nominal: float
    tried: tuple[float, ...]
    words: str


#: by the quantity of a known map
SPANS: Mapping[str, Span] = {
    "B1": Span(1.0, (0.85, 1.15), "where B1 is 15 % off"),
    "FF": Span(0.0, (0.1,), "where 10 % is fat"),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """The largest bias of one quantity: ``size`` relative to its true value, or absolute for shares of a whole (``points``)."""

    quantity: str
    title: str
    size: float
    points: bool = False

    def said(self) -> str:
        """``MTsat biased by up to 28 %``."""
        amount = 100 * self.size
        shown = f"{amount:.0f}" if amount >= 9.5 else f"{amount:.1f}"
        return f"{self.quantity} biased by up to {shown} {'points' if self.points else '%'}"


@dataclass(frozen=True, eq=False)
class Setting:
    """A biomarker as it is about to be used: options, acquisitions by role as stated, and the known maps it will be given."""

    biomarker: Biomarker
    options: Any
    acquisitions: Mapping[str, Acquisition]
    given: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple:
        return self.biomarker.id, self.options, tuple(sorted(self.acquisitions.items(), key=lambda i: i[0])), self.given


def refusal(setting: Setting) -> NeuromyoError | None:
    """What a biomarker has against its acquisitions, if its own simulation or estimate refuses them; None where it takes them.

    The simulation may be able to do more than the estimate: two echoes of any spacing can be simulated, and not all tell fat from water.
    """
    try:
        used = _filled(setting)
        setting.biomarker.simulate(setting.biomarker.example, used, setting.options)
    except NeuromyoError as error:
        return error
    try:
        _estimates(setting, [({}, used)], used)
    except ProtocolError as error:
        return error
    except NeuromyoError:  # it has something against the simulated image, not against the acquisition
        return None
    return None


def without_map(setting: Setting, role: str) -> tuple[Effect, ...]:
    """The bias of each quantity for want of the known map of a role, in declared order; none where nothing can be said."""
    need = setting.biomarker.needs.get(role)
    span = SPANS.get(need.quantity) if isinstance(need, MapNeed) else None
    if span is None:
        return ()
    used = _filled(setting)
    truths = [{role: value} for value in (span.nominal, *span.tried)]
    found = _estimates(setting, [(truth, used) for truth in truths], used)
    return _worst(setting.biomarker, found, skip=role)


def wrong_assumption(setting: Setting, role: str, true: Mapping[str, Any]) -> tuple[Effect, ...]:
    """The bias where fields of a role's acquisition are assumed, and ``true`` (field -> value) was the case."""
    used = _filled(setting)
    real = {**used, role: used[role].with_(**true)}
    found = _estimates(setting, [({}, used), ({}, real)], used)
    return _worst(setting.biomarker, found)


def scatter(setting: Setting, intended: Mapping[str, Acquisition]) -> dict[str, float]:
    """Quantity -> how many times as large its Cramer-Rao sd is as with the intended acquisitions, at equal noise; only those for which
    both are finite."""
    biomarker, example = setting.biomarker, setting.biomarker.example
    names = [n for n in example if n not in setting.given]
    theta = np.array([example[n] for n in names], dtype=np.float64)
    sds = []
    sigma = None
    for acquisitions in (intended, setting.acquisitions):
        used = runner.prepare_acquisitions(biomarker, acquisitions)[0]

        def signal(values: np.ndarray, used: Mapping[str, Acquisition] = used) -> np.ndarray:
            truth = {**example, **{n: values[..., i] for i, n in enumerate(names)}}
            made = biomarker.simulate(truth, used, setting.options)
            return np.concatenate([np.asarray(made[r]) for r in sorted(made)], axis=-1)

        if sigma is None:
            sigma = float(np.abs(signal(theta)).max()) / _SNR
        law = "complex" if biomarker.noise == "complex" else "gaussian"
        sds.append(np.sqrt(np.diag(bound_of_signal(signal, theta, sigma, law))))
    shown = {q.name for q in biomarker.voxel_quantities if q.summarised and q.rank == "scalar"}
    ratio = {n: float(b / a) for n, a, b in zip(names, *sds, strict=True) if n in shown and a > 0}
    return {n: r for n, r in ratio.items() if np.isfinite(r)}


# --- simulating and estimating ----------------------------------------------------------------------------------------


def _filled(setting: Setting) -> dict[str, Acquisition]:
    return runner.prepare_acquisitions(setting.biomarker, setting.acquisitions)[0]


def _estimates(
    setting: Setting,
    cases: Sequence[tuple[Mapping[str, float], Mapping[str, Acquisition]]],
    used: Mapping[str, Acquisition],
) -> dict[str, np.ndarray]:
    """Quantity -> its estimate in each case (truth over the example, acquisitions that are simulated), all estimated with ``used``."""
    made = []
    for truth, acquisitions in cases:
        made.append(setting.biomarker.simulate({**setting.biomarker.example, **truth}, acquisitions, setting.options))
    if setting.biomarker.scope == "voxel":
        return _run(setting, {r: np.stack([np.asarray(m[r]) for m in made])[:, None, None] for r in used}, used)
    each = [_run(setting, {r: _plate(np.asarray(one[r])) for r in used}, used) for one in made]
    return {n: np.array([np.nanmedian(e[n]) for e in each]) for n in each[0]}


def _plate(signal: np.ndarray) -> np.ndarray:
    """(n,) -> (x, y, z, n): the same signal all over a small image."""
    return np.broadcast_to(signal, (_EDGE, _EDGE, _SLICES, signal.size)).copy()


def _run(setting: Setting, images: Mapping[str, np.ndarray], used: Mapping[str, Acquisition]) -> dict[str, np.ndarray]:
    """Quantity -> its values (m,) on images (x, y, z, n) by role."""
    biomarker = setting.biomarker
    grid = Grid.of(next(iter(images.values())).shape[:3], np.diag([2.0, 2.0, 5.0, 1.0]))
    series = {}
    for role, image in images.items():
        need = biomarker.series_need(role)
        kind = np.complex64 if np.iscomplexobj(image) else np.float32
        series[role] = Series(
            ArrayData(image.astype(kind)), grid, used[role], need.kinds[0], need.part, dict(need.entities)
        )
    known = {}
    for role in setting.given:
        need = biomarker.needs[role]
        assert isinstance(need, MapNeed)
        nominal = SPANS[need.quantity].nominal if need.quantity in SPANS else np.nan
        known[role] = np.full(grid.shape, biomarker.example.get(role, nominal))
    maps, _ = runner.run(
        biomarker, series, setting.options, known={r: m for r, m in known.items() if np.isfinite(m).all()}
    )
    return {n: m.values.ravel() for n, m in maps.maps.items() if m.quantity.rank == "scalar"}


# --- judging ----------------------------------------------------------------------------------------------------------


def _worst(biomarker: Biomarker, found: Mapping[str, np.ndarray], skip: str = "") -> tuple[Effect, ...]:
    """From estimates (nominal case first), the largest bias of each quantity that regions report."""
    effects = []
    for quantity in biomarker.voxel_quantities:
        values = found.get(quantity.name)
        if values is None or quantity.name == skip or not quantity.summarised or not np.isfinite(values[0]):
            continue
        off = np.abs(values[1:] - values[0])
        if not np.isfinite(off).any():
            continue
        points = _is_share(quantity)
        scale = 1.0 if points else abs(float(values[0]))
        if scale > 0:
            effects.append(Effect(quantity.name, quantity.title, float(np.nanmax(off)) / scale, points))
    return tuple(effects)


def _is_share(quantity: Quantity) -> bool:
    return quantity.display == "%" and ("fraction" in quantity.title or quantity.plausible[1] > _SHARE_FROM)


def listed(effects: Iterable[Effect], least: float) -> str:
    """The effects from ``least`` on, as a reader reads them: ``T1 biased by up to 32 %, MTsat by up to 28 %``."""
    said = [e.said() for e in effects if e.size >= least]
    return ", ".join([*said[:1], *(s.replace(" biased by", " by") for s in said[1:])])
