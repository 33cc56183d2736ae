"""How bright tissues are in the images a nerve is looked for on: closed forms on the values of `tissue`.

T2w      turbo spin echo, TR 4 s, TE 65 ms: fat bright      T2w-fs  the same, 4 % of the fat signal left
T1w      turbo spin echo, TR 650 ms, TE 11 ms               PDw     TR 3.5 s, TE 14 ms
GRE, MTw spoiled gradient echo, TR 28 ms, 12 degrees, TE 4.6 ms (fat and water in phase); MTw with the loss MTR
FA       mean of the tissues' FA weighted by their signal in a fat-suppressed spin echo (TE 60 ms)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.core.image import Weighting
from neuromyo.phantom.tissue import FAT, TISSUES, Tissue

#: a lymph node: water like muscle's, longer T2, nearly isotropic; assumed
NODE = replace(TISSUES["muscle"], T1=1.40, T2=0.062, T2star=0.035, FF=0.0, MTR=0.22, D=(1.15e-9, 0.98e-9, 0.9e-9))
#: what pictures are made of, in the order of `Shares`
MATTER: dict[str, Tissue] = {
    "muscle": replace(TISSUES["muscle"], FF=0.0),
    "fat": TISSUES["intermuscular-fat"],
    "septum": TISSUES["fascia"],
    "marrow": TISSUES["marrow"],
    "cortex": TISSUES["cortex"],
    "artery": TISSUES["artery"],
    "vein": TISSUES["vein"],
    "wall": TISSUES["tendon"],
    "node": NODE,
    "fascicle": TISSUES["fascicle"],
    "epineurium": TISSUES["epineurium"],
    "sheath": TISSUES["fascia"],
}
SPIN_ECHO: dict[str, tuple[float, float, float]] = {  # repetition time, echo time (s), share of fat signal
    "T2w": (4.0, 0.065, 1.0),
    "T2w-fs": (4.0, 0.065, 0.04),
    "T1w": (0.65, 0.011, 1.0),
    "PDw": (3.5, 0.014, 1.0),
}
GRADIENT_ECHO = (0.028, 12.0, 0.0046)  # repetition time (s), flip angle (deg), echo time (s)
FA_ECHO = (5.0, 0.060, 0.03)


def matter(fascicle_t2: float | None = None, epineurial_fat: float | None = None) -> dict[str, Tissue]:
    """`MATTER` with another T2 (s) of fascicles, or another share of fat between them."""
    found = dict(MATTER)
    if fascicle_t2 is not None:
        found["fascicle"] = replace(found["fascicle"], T2=fascicle_t2)
    if epineurial_fat is not None:
        found["epineurium"] = replace(found["epineurium"], FF=epineurial_fat)
    return found


def signals(weighting: Weighting, tissues: Mapping[str, Tissue]) -> np.ndarray:
    """(n,) signal of each tissue, muscle (without fat) at 1; of ``FA`` the weight that each has in the mean."""
    raw = np.array([_signal(weighting, t) for t in tissues.values()])
    return raw / _signal(weighting, tissues["muscle"])


def anisotropies(tissues: Mapping[str, Tissue]) -> np.ndarray:
    """(n,) FA of each tissue's water."""
    return np.array([t.FA for t in tissues.values()])


def _signal(weighting: Weighting, tissue: Tissue) -> float:
    if weighting in SPIN_ECHO:
        return _mixed(tissue, _spin_echo, *SPIN_ECHO[weighting])
    if weighting == "FA":
        return _mixed(tissue, _spin_echo, *FA_ECHO)
    if weighting in ("GRE", "MTw"):
        repetition, flip, echo = GRADIENT_ECHO
        kept = 1.0 - tissue.MTR if weighting == "MTw" else 1.0
        water = kept * (1.0 - tissue.FF) * _gradient_echo(tissue, repetition, flip, echo)
        return tissue.PD * (water + tissue.FF * _gradient_echo(FAT, repetition, flip, echo))
    raise OptionError("E-OPTION", where="weighting", needed=f"one of {', '.join((*SPIN_ECHO, 'GRE', 'MTw', 'FA'))}",
                      found=weighting)  # fmt: skip


def _mixed(tissue: Tissue, echo, repetition_s: float, echo_s: float, fat_kept: float) -> float:
    water = (1.0 - tissue.FF) * echo(tissue, repetition_s, echo_s)
    return tissue.PD * (water + fat_kept * tissue.FF * echo(FAT, repetition_s, echo_s))


def _spin_echo(tissue: Tissue, repetition_s: float, echo_s: float) -> float:
    """(1 - exp(-TR/T1)) exp(-TE/T2)."""
    return float((1.0 - np.exp(-repetition_s / tissue.T1)) * np.exp(-echo_s / tissue.T2))


def _gradient_echo(tissue: Tissue, repetition_s: float, flip_deg: float, echo_s: float) -> float:
    """sin a (1 - E1) / (1 - cos a E1) exp(-TE/T2*)."""
    flip, e1 = np.deg2rad(flip_deg), np.exp(-repetition_s / tissue.T1)
    return float(np.sin(flip) * (1.0 - e1) / (1.0 - np.cos(flip) * e1) * np.exp(-echo_s / tissue.T2star))
