r"""Counting protons: how much a spoiled gradient echo weighs water and fat by their T1.

.. math:: k = \frac{1 - E}{1 - E\cos\alpha}, \quad E = e^{-TR/T_1}, \qquad
    PDFF = \frac{F/k_f}{W/k_w + F/k_f}

Fat recovers faster than muscle, so that an uncorrected fat fraction is too large.

*Assumes* a steady state, perfect spoiling, the nominal angle. *Cites* Liu et al., Magn Reson Med 2007;58:354, doi:10.1002/mrm.21301.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuromyo.biomarkers._constants import FAT_T1, WATER_T1, spectrum
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import Finding, OptionError
from neuromyo.core.options import option
from neuromyo.physics import fat as fat_physics

#: weights of fat and water that differ by no more than this share make under a point of fat fraction
_ALIKE = 0.04


def spectrum_option() -> Any:
    return option(fat_physics.DEFAULT_SPECTRUM, "spectrum of fat", choices=tuple(fat_physics.SPECTRA))


def weighting_option() -> Any:
    return option(
        "correct", "whether the different saturation of water and fat is undone", choices=("correct", "leave")
    )


def water_t1_option() -> Any:
    return option(WATER_T1.number, "T1 of muscle water", unit="s", low=0.1, high=5.0)


def fat_t1_option() -> Any:
    return option(FAT_T1.number, "T1 of fat", unit="s", low=0.05, high=2.0)


#: what the corrections bring along
CONSTANTS = (WATER_T1, FAT_T1, *spectrum())


def weight(acquisition: Acquisition, t1: Any) -> Any:
    """k of a steady state; 1 where repetition time or flip angle are not stated. t1 : s, (...)."""
    tr, angles = acquisition.repetition_time, acquisition.flip_angles_deg
    if tr is None or not np.isfinite(tr) or not angles:
        return np.ones(np.shape(t1))
    e = np.exp(-tr / np.asarray(t1, dtype=np.float64))
    return (1 - e) / (1 - e * np.cos(np.deg2rad(angles[0])))


def weights(acquisition: Acquisition, options: Any, where: str) -> tuple[float, float, tuple[Finding, ...]]:
    """k of water and of fat, and what the user should know; 1 and 1 where they are left or cannot be told."""
    water, fat = (float(weight(acquisition, t1)) for t1 in (options.water_t1, options.fat_t1))
    if options.t1_weighting == "correct" and acquisition.repetition_time is not None and acquisition.flip_angles_deg:
        return water, fat, ()
    if options.t1_weighting == "correct":
        said = Finding("warn", "W-T1", f"{where}: RepetitionTime and FlipAngle", "not stated", "state them in the sidecar",
                       "the fat fraction is weighted by T1, and too large")  # fmt: skip
        return 1.0, 1.0, (said,)
    if abs(fat / water - 1) <= _ALIKE:
        return 1.0, 1.0, ()
    high = 0.1 * fat / (0.9 * water + 0.1 * fat)
    return 1.0, 1.0, (Finding("note", "N-T1", f"{where}: t1_weighting", "left in the fat fraction, as asked", "",
                              f"10 % of fat reads {100 * high:.0f} %"),)  # fmt: skip


def fat_phasor(acquisition: Acquisition, options: Any, times: np.ndarray) -> np.ndarray:
    """Complex signal of unit fat at ``times`` (n,)."""
    if acquisition.field_strength is None and acquisition.imaging_frequency_hz is None:
        raise OptionError("E-NEEDS", where="MagneticFieldStrength", needed="the field, for the frequency of fat", found="none",
                          remedy="state it in the sidecar")  # fmt: skip
    return fat_physics.phasor(
        options.fat_spectrum, times, field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz, precession_sign=acquisition.precession_sign or 1,
    )  # fmt: skip
