r"""Fat: its spectrum of several peaks, and how fast it and muscle relax.

The signal of unit fat at echo time t, relative to water on resonance, is

.. math::
    c(t) = \sum_p a_p \, e^{\pm 2\pi i \, \delta_p \nu_0 t}, \qquad \sum_p a_p = 1

with shifts :math:`\delta_p` from water (in 1e-6) and the imaging frequency :math:`\nu_0`.

Every number here names its source. ``evidence`` says how it came into this table: ``recalled`` means known to the authors from
the literature and not checked against the paper itself; replace it by ``read`` with the page when that has been done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.core.errors import OptionError

#: proton gyromagnetic ratio over 2 pi, Hz/T (CODATA 2018)
GAMMA_BAR = 42.577478518e6


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Peaks of fat. ``ppm`` relative to water (negative: slower than water), ``amplitudes`` relative to their sum."""

    name: str
    ppm: tuple[float, ...]
    amplitudes: tuple[float, ...]
    tissue: str = "given by the user"
    doi: str = ""
    evidence: str = "given"

    def __post_init__(self) -> None:
        sound = len(self.ppm) == len(self.amplitudes) > 0 and np.isfinite([*self.ppm, *self.amplitudes]).all()
        if not sound or min(self.amplitudes) < 0 or sum(self.amplitudes) <= 0:
            raise OptionError("E-OPTION", where=f"fat spectrum {self.name}", needed="one amplitude >= 0 for each shift in ppm",
                              found=f"{len(self.ppm)} shifts, amplitudes {self.amplitudes}")  # fmt: skip


_NINE_SHIFTS = (-3.80, -3.40, -3.10, -2.68, -2.46, -1.95, -0.50, 0.49, 0.59)

SPECTRA: Mapping[str, Spectrum] = {
    s.name: s
    for s in (
        Spectrum(
            "hamilton-6",
            (-3.80, -3.40, -2.60, -1.95, -0.50, 0.60),
            (0.088, 0.700, 0.120, 0.006, 0.039, 0.047),
            "liver fat in vivo, water at 4.7 ppm",
            "10.1002/nbm.1622",
            "recalled",
        ),
        Spectrum(
            "ismrm-6",
            (-3.80, -3.40, -2.60, -1.94, -0.39, 0.60),
            (0.087, 0.693, 0.128, 0.004, 0.039, 0.048),
            "the six peaks that most water-fat software and its test data are made with",
            "10.1002/jmri.21090",
            "recalled",
        ),
        Spectrum(
            "hamilton-9",
            _NINE_SHIFTS,
            (0.088, 0.642, 0.058, 0.062, 0.058, 0.006, 0.039, 0.010, 0.037),
            "liver fat in vivo, the same spectrum with the glycerol and carboxyl neighbours apart",
            "10.1002/nbm.1622",
            "recalled",
        ),
        Spectrum(
            "ren-marrow",
            _NINE_SHIFTS,
            (0.0899, 0.5834, 0.0599, 0.0849, 0.0599, 0.0150, 0.0400, 0.0100, 0.0569),
            "bone marrow and subcutaneous fat in vivo at 7 T",
            "10.1194/jlr.D800010-JLR200",
            "recalled",
        ),
        Spectrum(
            "single", (-3.40,), (1.0,), "the methylene peak alone, for comparison with older work", "", "convention"
        ),
    )
}

DEFAULT_SPECTRUM = "hamilton-6"


#: double bonds of the three chains of a triglyceride in liver fat: its family is then the spectrum hamilton-9
TYPICAL_DOUBLE_BONDS = 1.9
#: chain length = 16.8 + 0.25 ndb; double bonds a methylene apart = 0.093 ndb^2
_CHAIN, _CHAIN_SLOPE, _APART = 16.8, 0.25, 0.093


def triglyceride(double_bonds: float = TYPICAL_DOUBLE_BONDS) -> Spectrum:
    r"""Nine peaks of a triglyceride with ``double_bonds`` (ndb, 0 to 8) in its three chains together.

    Protons, from methyl to olefinic: 9, 6(CL - 4) - 8 ndb + 2 nmidb, 6, 4(ndb - nmidb), 6, 2 nmidb, 4, 1, 2 ndb, with the mean chain
    length CL = 16.8 + 0.25 ndb and the double bonds a methylene apart nmidb = 0.093 ndb^2.

    *Assumes* that chain length and neighbourhood follow ndb as in human fat in vivo. *Cites* Hamilton et al., NMR Biomed 2011;24:784,
    doi:10.1002/nbm.1622; Bydder et al., Magn Reson Imaging 2011;29:1041, doi:10.1016/j.mri.2011.07.004.
    """
    ndb = float(double_bonds)
    if not 0 <= ndb <= 8:
        raise OptionError("E-OPTION", where="fat spectrum", needed="0 to 8 double bonds a triglyceride", found=f"{ndb:g}",
                          remedy="human fat has about 2 to 3.5")  # fmt: skip
    chain, apart = _CHAIN + _CHAIN_SLOPE * ndb, _APART * ndb**2
    methylene = 6 * (chain - 4) - 8 * ndb + 2 * apart
    protons = (9.0, methylene, 6.0, 4 * (ndb - apart), 6.0, 2 * apart, 4.0, 1.0, 2 * ndb)
    return Spectrum(f"triglyceride of {ndb:.2f} double bonds", _NINE_SHIFTS, protons, "fat in vivo, by its composition",
                    "10.1002/nbm.1622", "recalled")  # fmt: skip


def spectrum(name_or_peaks: str | Spectrum | Sequence[float]) -> Spectrum:
    """A spectrum by its name in `SPECTRA`, or from the numbers shift, amplitude, shift, amplitude...; a `Spectrum` is itself."""
    if isinstance(name_or_peaks, Spectrum):
        return name_or_peaks
    if not isinstance(name_or_peaks, str):
        numbers = tuple(float(n) for n in name_or_peaks)
        return Spectrum("peaks given by the user", numbers[0::2], numbers[1::2])
    if name_or_peaks not in SPECTRA:
        raise OptionError(
            "E-UNKNOWN", where="fat spectrum", needed=f"one of {', '.join(SPECTRA)}", found=repr(name_or_peaks)
        )
    return SPECTRA[name_or_peaks]


def phasor(
    fat: str | Spectrum | Sequence[float],
    echo_times: Sequence[float] | ArrayLike,
    *,
    field_strength: float | None = None,
    imaging_frequency_hz: float | None = None,
    precession_sign: int = 1,
    water_shift_ppm: float = 0.0,
) -> np.ndarray:
    """Complex signal of unit fat over that of water in phase at time 0: (n,) complex128.

    echo_times : s, (n,); in a CPMG train 0, since echoes refocus chemical shift: fat and water are then in phase
    field_strength : T, or ``imaging_frequency_hz``, which is taken where both are given
    precession_sign : +1 where a higher frequency gives a growing phase, -1 where the scanner turns the other way
    water_shift_ppm : by how much water is faster than where the spectrum has it: about 0.01 per kelvin below 37 degrees C
    """
    if imaging_frequency_hz is None and field_strength is None:
        raise OptionError(
            "E-NEEDS", where="fat spectrum", needed="field strength or imaging frequency", found="neither"
        )
    frequency = imaging_frequency_hz if imaging_frequency_hz is not None else GAMMA_BAR * float(field_strength or 0.0)
    peaks = spectrum(fat)
    shifts = (np.asarray(peaks.ppm) - water_shift_ppm) * 1e-6 * frequency
    amplitudes = np.asarray(peaks.amplitudes) / np.sum(peaks.amplitudes)
    times = np.asarray(echo_times, dtype=np.float64)
    return np.exp(precession_sign * 2j * np.pi * times[..., None] * shifts) @ amplitudes


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Relaxation times of a tissue in s: typical values to start from, never measurements of this subject."""

    tissue: str
    T1: float
    T2: float
    field_strength: float
    sequence: str
    source: str
    doi: str
    evidence: str
    note: str = ""


_GOLD = "Gold et al., AJR 2004;183:343"
_GOLD_DOI = "10.2214/ajr.183.2.1830343"
_GOLD_SEQUENCE = "imaging of healthy knees; sequence not recalled with certainty"

#: tissue -> typical relaxation at 3 T
TISSUE: Mapping[str, Relaxation] = {
    r.tissue: r
    for r in (
        Relaxation("muscle", 1.420, 0.0317, 3.0, _GOLD_SEQUENCE, _GOLD, _GOLD_DOI, "recalled"),
        Relaxation(
            "subcutaneous-fat", 0.371, 0.133, 3.0, _GOLD_SEQUENCE, _GOLD, _GOLD_DOI, "recalled",
            "apparent T2 in multi-echo trains grows with refocusing rate (J coupling), commonly 0.13 to 0.16 s: calibrate",
        ),
        Relaxation("bone-marrow", 0.365, 0.133, 3.0, _GOLD_SEQUENCE, _GOLD, _GOLD_DOI, "recalled"),
    )
}  # fmt: skip
