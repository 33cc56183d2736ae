"""The signal of a spoiled gradient echo at several flip angles, and what is doubtful about it when things are not stated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.options import option
from neuromyo.physics import slice_profile
from neuromyo.physics.fat import TISSUE
from neuromyo.physics.relaxation import spoiled_gradient_echo
from neuromyo.physics.spoiling import spoiled_steady_state

#: layers of half a slice, and of half a slab's profile
_LAYERS, _FINE = 21, 200
#: of what a 2D slice is made up, in nominal thicknesses from its centre
_EXTENT = 1.0


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip
    likelihood: str = option(
        "rician", "law of noise: magnitudes (rician) or plain least squares", choices=("rician", "least-squares")
    )
    rf_spoiling_increment_deg: float | None = option(
        None, "increment of the pulses' quadratic phase; where neither this nor the sidecar states it, spoiling is taken as ideal",
        unit="degrees", low=-360.0, high=360.0,
    )  # fmt: skip
    t2: float = option(
        TISSUE["muscle"].T2, "T2 of tissue, for the correction of incomplete spoiling", unit="s", low=0.002, high=3.0
    )
    excitation_pulse: str | tuple[float, ...] | None = option(
        None, "flip angles through the slice or slab; taken as uniform where not given, and said so",
        choices=tuple(slice_profile.SHAPES), open_choice="relative angles from its middle to its edge",
    )  # fmt: skip
    slab_thickness: float = option(
        1.0, "thickness of the excited slab over that of all stored slices together (3D)", low=0.5, high=5.0
    )


def angles(acquisition: Acquisition) -> np.ndarray:
    """(n,) nominal flip angles in degrees; E-NEEDS unless there are two different ones."""
    stated = acquisition.flip_angles_deg or ()
    if len(set(stated)) < 2:
        raise ProtocolError("E-NEEDS", where="t1-vfa, flip angles", needed="at least two different flip angles",
                            found=", ".join(f"{a:g}" for a in stated) or "none", remedy="check FlipAngle in the sidecars")  # fmt: skip
    return np.asarray(stated, dtype=np.float64)


def echo_times(acquisition: Acquisition) -> np.ndarray | None:
    """(n,) s where volumes differ in their echo time, so that T2* can be fitted along; None where they do not."""
    times = acquisition.echo_times or ()
    return np.asarray(times, dtype=np.float64) if len(set(times)) > 1 else None


def increment_of(acquisition: Acquisition, options: Options) -> float | None:
    """The RF spoiling increment in degrees: the user's, else the sidecar's, else None."""
    stated = options.rf_spoiling_increment_deg
    return acquisition.rf_spoiling_increment_deg if stated is None else stated


def pulse_of(acquisition: Acquisition, options: Options) -> str | tuple[float, ...] | None:
    """The excitation pulse as given or stated; None where nobody says."""
    return acquisition.excitation_pulse if options.excitation_pulse is None else options.excitation_pulse


def is_slab(acquisition: Acquisition) -> bool:
    """Whether one pulse excites all slices: unless stated otherwise, since variable flip angles are nearly always 3D."""
    return acquisition.slice_order_3d is not False


def signal(
    acquisition: Acquisition, options: Options, T1: Any, B1: Any, *, T2: Any = None, increment_deg: float | None = None
) -> np.ndarray:
    """Echoes at time 0 of unit magnetisation, (..., n) for T1 (s) and B1 (...), of the volumes of an acquisition.

    ``increment_deg`` None is ideal spoiling; T2 matters beside an increment only. Slices (2D) whose pulse is known are summed
    over their profile, its shape taken at the nominal angle; through a slab B1 carries the profile.
    """
    tips = angles(acquisition)
    t1, b1 = (np.asarray(v, dtype=np.float64) for v in (T1, B1))
    t2 = np.asarray(options.t2 if T2 is None else T2, dtype=np.float64)
    shapes, layers_a_slice = _slice_shapes(acquisition, options, tips)
    out = [
        _layered(acquisition, tip, shape, t1, b1, t2, increment_deg) for tip, shape in zip(tips, shapes, strict=True)
    ]
    return layers_a_slice * np.stack(out, axis=-1)


def _layered(
    acquisition: Acquisition, tip: float, shape: tuple[float, ...], t1: Any, b1: Any, t2: Any, increment: float | None
) -> np.ndarray:
    """The mean over layers of relative angles ``shape`` at one nominal angle, (...)."""
    tr = float(acquisition.repetition_time or 0.0)
    layers = np.asarray(shape) * tip
    if increment is None:
        return spoiled_gradient_echo(layers, t1, tr, B1=b1).mean(axis=-1)
    turned = spoiled_steady_state(np.abs(layers), t1, t2, tr, increment, B1=b1)
    return (np.sign(layers) * turned).mean(axis=-1)


def _slice_shapes(
    acquisition: Acquisition, options: Options, tips: np.ndarray
) -> tuple[list[tuple[float, ...]], float]:
    """Relative angles of the layers at each nominal angle, and the layers' reach over that of the nominal half slice."""
    pulse = pulse_of(acquisition, options)
    if pulse is None or pulse == "ideal" or is_slab(acquisition):
        return [(1.0,)] * len(tips), 1.0
    if not isinstance(pulse, str):
        return [slice_profile.profile(pulse)] * len(tips), 1.0
    nominal = slice_profile.NOMINAL_DEG["excitation"]
    made = [slice_profile.profile(pulse, n=_LAYERS, extent=_EXTENT, B1=float(tip) / nominal) for tip in tips]
    return made, _EXTENT / 0.5


def slab_profile(pulse: str | tuple[float, ...], position: np.ndarray, tip_deg: float) -> np.ndarray:
    """Flip angle over nominal at positions in slab thicknesses from the slab's middle, whose edges are at -0.5 and 0.5."""
    far = np.abs(position)
    if isinstance(pulse, str):
        share = tip_deg / slice_profile.NOMINAL_DEG["excitation"]
        shape = slice_profile.profile(pulse, n=_FINE, extent=_EXTENT, B1=share)
        return np.interp(far, slice_profile.positions(_FINE, _EXTENT), np.abs(shape))
    return np.interp(far, slice_profile.positions(len(pulse), 0.5), np.abs(pulse))


def slab_map(acquisition: Acquisition, grid: Grid, options: Options) -> np.ndarray | None:
    """(x, y, z) float32: the slab's flip angle over nominal in each slice; None unless its pulse is known and not ideal."""
    pulse = pulse_of(acquisition, options)
    if pulse is None or pulse == "ideal" or not is_slab(acquisition):
        return None
    n = grid.shape[grid.slice_axis]
    position = ((np.arange(n) + 0.5) / n - 0.5) / options.slab_thickness
    relative = slab_profile(pulse, position, float(np.mean(angles(acquisition)))).astype(np.float32)
    along = [1, 1, 1]
    along[grid.slice_axis] = n
    return np.broadcast_to(relative.reshape(along), grid.shape)


def prepared_by(acquisition: Acquisition) -> tuple[str, ...]:
    """Pulses beside the excitation that the metadata tell of: fat saturation, magnetisation transfer."""
    said = []
    scan_options = re.split(r"[^A-Z0-9]+", (acquisition.scan_options or "").upper())
    name = re.sub(r"[^a-z]", "", (acquisition.sequence_name or "").lower())
    if {"FS", "FATSAT"} & set(scan_options) or "fatsat" in name or "fatsup" in name:
        said.append("fat saturation")
    if any(acquisition.mt_on or ()):
        said.append("magnetisation transfer")
    return tuple(said)
