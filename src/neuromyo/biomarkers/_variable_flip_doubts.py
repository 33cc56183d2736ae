"""What T1 from variable flip angles would come to if what nobody stated were otherwise: findings with numbers, simulated for
the acquisition at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from neuromyo.biomarkers import _variable_flip as flip
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.errors import Finding
from neuromyo.physics.slice_profile import SHAPES
from neuromyo.physics.spoiling import USUAL_INCREMENTS_DEG

#: B1 in a thigh or calf at 3 T is commonly within this of nominal, or worse
_B1_ERROR = 0.1
#: where a slab is looked at: the middle of the outer tenth of either half
_OUTER = 0.475
_WHERE = "t1-vfa"
_STEPS = 400
_SPAN = (0.2, 5.0)


def apparent(acquisition: Acquisition, options: flip.Options, signals: np.ndarray, T1: float) -> np.ndarray:
    """T1 (...) s that least squares give to noiseless signals (..., n) of a tissue of ``T1``, by the model in force at B1 = 1:
    a search over logarithmic steps from a fifth to five times T1, and a parabola."""
    log_t1 = np.linspace(np.log(_SPAN[0] * T1), np.log(_SPAN[1] * T1), _STEPS)
    table = flip.signal(
        acquisition, options, np.exp(log_t1), 1.0, increment_deg=flip.increment_of(acquisition, options)
    )
    unit = table / np.linalg.norm(table, axis=-1, keepdims=True)
    match = np.atleast_2d(signals) @ unit.T
    best = np.clip(match.argmax(axis=-1), 1, _STEPS - 2)
    low, mid, high = (np.take_along_axis(match, (best + d)[:, None], axis=1)[:, 0] for d in (-1, 0, 1))
    shift = 0.5 * (low - high) / (low - 2 * mid + high)
    return np.exp(log_t1[best] + shift * (log_t1[1] - log_t1[0])).reshape(np.shape(signals)[:-1])


def findings(acquisition: Acquisition, options: flip.Options, given: Collection[str], T1: float) -> tuple[Finding, ...]:
    """Warnings about B1, spoiling, the slab's profile and preparation pulses, for the median T1 of the subject; ``given`` are the
    roles of the maps known."""
    said = [*_prepared(acquisition)]
    if "B1" not in given:
        said.append(_b1(acquisition, options, T1))
    if flip.increment_of(acquisition, options) is None:
        said.append(_spoiling(acquisition, options, T1))
    if flip.pulse_of(acquisition, options) is None:
        said.append(_profile(acquisition, options, T1))
    elif acquisition.slice_order_3d is None and flip.pulse_of(acquisition, options) != "ideal":
        said.append(_slab_or_slices(acquisition, options, T1))
    return tuple(said)


def assumptions(acquisition: Acquisition, options: flip.Options, given: Collection[str]) -> tuple[Assumption, ...]:
    """The same, as what was assumed."""
    made = []
    if "B1" not in given:
        made.append(Assumption("B1", "1", "no B1 map: flip angles are taken as nominal", "B1"))
    if flip.increment_of(acquisition, options) is None:
        why = "the increment of the pulses' phase is not stated: transverse magnetisation is taken as spoiled"
        made.append(Assumption("rf_spoiling_increment_deg", "ideal spoiling", why, "vfa"))
    else:
        why = "T2 of muscle, for the correction of incomplete spoiling"
        made.append(Assumption("t2", f"{options.t2:g} s", why, "vfa"))
    if flip.pulse_of(acquisition, options) is None:
        made.append(Assumption("excitation_pulse", "ideal", "the same flip angle all through the slab", "vfa"))
    elif acquisition.slice_order_3d is None:
        made.append(Assumption("slice_order_3d", "True", "variable flip angles are nearly always 3D", "vfa"))
    return tuple(made)


def _prepared(acquisition: Acquisition) -> Iterator[Finding]:
    for what in flip.prepared_by(acquisition):
        yield Finding(
            "warn", "W-PREPARED", _WHERE, f"the images were taken with {what}",
            "acquire the flip angles without it",
            "its pulse saturates bound protons in every repetition, which shortens the apparent T1 (and makes fat's S0 useless)",
        )  # fmt: skip


def _b1(acquisition: Acquisition, options: flip.Options, T1: float) -> Finding:
    off = np.array([1 - _B1_ERROR, 1 + _B1_ERROR])
    increment = flip.increment_of(acquisition, options)
    low, high = _error(acquisition, options, flip.signal(acquisition, options, T1, off, increment_deg=increment), T1)
    return Finding(
        "warn", "W-B1", _WHERE,
        f"no B1 map: flip angles are taken as nominal; where B1 is {100 * off[0]:.0f} % or {100 * off[1]:.0f} %, "
        f"a T1 of {1e3 * T1:.0f} ms reads {low:+.0f} % or {high:+.0f} % off",
        "acquire a B1 map and give it with --known B1=MAP", "T1 follows the square of B1",
    )  # fmt: skip


def _spoiling(acquisition: Acquisition, options: flip.Options, T1: float) -> Finding:
    signals = [flip.signal(acquisition, options, T1, 1.0, increment_deg=x) for x in USUAL_INCREMENTS_DEG]
    error = _error(acquisition, options, np.stack(signals), T1)
    usual = ", ".join(f"{x:g}" for x in USUAL_INCREMENTS_DEG)
    return Finding(
        "warn", "W-SPOILING", _WHERE,
        f"the increment of RF spoiling is not stated and spoiling is taken as ideal; over the usual increments ({usual} degrees) "
        f"a T1 of {1e3 * T1:.0f} ms (T2 {1e3 * options.t2:.0f} ms) reads {error.min():+.1f} % to {error.max():+.1f} % off",
        "state SpoilingRFPhaseIncrement in the sidecar, or give --option rf_spoiling_increment_deg=DEGREES",
        "T1 may be biased by that much",
    )  # fmt: skip


def _profile(acquisition: Acquisition, options: flip.Options, T1: float) -> Finding:
    shapes = [name for name in SHAPES if name != "ideal"]
    tip = float(np.mean(flip.angles(acquisition)))
    increment = flip.increment_of(acquisition, options)
    if flip.is_slab(acquisition):
        relative = np.array([flip.slab_profile(name, np.array(_OUTER), tip) for name in shapes])
        signals = flip.signal(acquisition, options, T1, relative, increment_deg=increment)
        where, remedy = (
            "in the outer tenth of the slab, as far as slices reach there",
            ", or a B1 map that holds it; or leave outer slices out",
        )
    else:
        named = [replace(options, excitation_pulse=name) for name in shapes]
        signals = np.stack([flip.signal(acquisition, o, T1, 1.0, increment_deg=increment) for o in named])
        where, remedy = "in 2D slices", ""
    error = _error(acquisition, options, signals, T1)
    return Finding(
        "warn", "W-PROFILE", _WHERE,
        f"the excitation pulse is not known and flip angles are taken as uniform; for the usual shapes ({', '.join(shapes)}) "
        f"a T1 of {1e3 * T1:.0f} ms reads {error.min():+.0f} % to {error.max():+.0f} % off {where}",
        f"give --option excitation_pulse=SHAPE{remedy}", "T1 is biased where the flip angle is not the nominal one",
    )  # fmt: skip


def _slab_or_slices(acquisition: Acquisition, options: flip.Options, T1: float) -> Finding:
    """The pulse is known, but not what it excites: a single slice would pass for the even middle of a slab."""
    increment = flip.increment_of(acquisition, options)
    slices = flip.signal(acquisition.with_(slice_order_3d=False), options, T1, 1.0, increment_deg=increment)
    error = float(np.squeeze(_error(acquisition, options, slices, T1)))
    return Finding(
        "warn", "W-PROFILE", _WHERE,
        f"whether one pulse excites the whole slab (3D) or each slice its own (2D) is not stated, and 3D is taken; if it is 2D, "
        f"a T1 of {1e3 * T1:.0f} ms reads {error:+.0f} % off", "state MRAcquisitionType (2D or 3D) in the sidecar",
        "T1 is not corrected for the profile of a 2D slice",
    )  # fmt: skip


def _error(acquisition: Acquisition, options: flip.Options, signals: np.ndarray, T1: float) -> np.ndarray:
    """Per cent by which T1 is misread from signals (..., n)."""
    return 100 * (apparent(acquisition, options, signals, T1) / T1 - 1)
