"""What tissues are made of at 3 T: relaxation, water and fat, with where each number comes from.

T1, T2 and T2star are those of the tissue's *water*; its fat share has the values of `FAT`. A voxel's truth is built
from these, the disease and the fields.

Sources
-------
A : Gold et al., AJR 2004;183:343 (3 T, measured in the knee; doi 10.2214/ajr.183.2.1830343)
B : Stanisz et al., MRM 2005;54:507 (3 T, excised tissue, MT too; doi 10.1002/mrm.20605)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tissue:
    """One tissue. Times in s; ``PD`` signal-giving protons relative to muscle; ``FF`` fat share of them, 0 to 1.

    ``MTR`` is the loss under a typical off-resonance pulse, 0 to 1. ``spread_T2`` (s) and ``spread_FF`` are how far
    healthy tissue varies from place to place, as half the full range. ``evidence`` says where the numbers are from.
    """

    T1: float
    T2: float
    T2star: float
    PD: float
    FF: float
    MTR: float
    evidence: str
    spread_T2: float = 0.0
    spread_FF: float = 0.0  # noqa: N815 - the name of the truth it spreads


#: the fat in any tissue
FAT = Tissue(0.371, 0.133, 0.045, 1.0, 1.0, 0.0, "T1, T2: A (subcutaneous fat); T2star, MTR: of typical size, assumed")

TISSUES: dict[str, Tissue] = {
    "muscle": Tissue(1.42, 0.036, 0.024, 1.0, 0.02, 0.36,
                     "T1: A, B (1.41 to 1.42 s); T2 between A (32 ms) and what stimulated-echo-corrected trains give "
                     "(near 40 ms); MTR: typical of thigh and calf, assumed", 0.0012, 0.012),
    "subcutaneous-fat": Tissue(1.0, 0.045, 0.030, 0.95, 0.94, 0.20, "fat: A; its water share is assumed", 0.0, 0.02),
    "intermuscular-fat": Tissue(1.2, 0.042, 0.028, 0.95, 0.85, 0.25, "fat with strands of connective tissue, assumed"),
    "marrow": Tissue(1.3, 0.050, 0.015, 0.90, 0.92, 0.15, "fat: A (yellow marrow); its water share is assumed"),
    "cortex": Tissue(0.22, 0.0006, 0.0004, 0.18, 0.0, 0.10, "dark on any echo train; order of magnitude only"),
    "cartilage": Tissue(1.24, 0.037, 0.022, 0.85, 0.0, 0.30, "T1, T2: A"),
    "tendon": Tissue(0.70, 0.004, 0.002, 0.45, 0.0, 0.40, "short T2 collagen; order of magnitude only"),
    "fascia": Tissue(0.80, 0.008, 0.005, 0.55, 0.05, 0.40, "collagen sheet; assumed like tendon, looser"),
    "skin": Tissue(0.95, 0.022, 0.014, 0.60, 0.05, 0.35, "order of magnitude only"),
    "artery": Tissue(1.93, 0.275, 0.050, 0.10, 0.0, 0.02, "T1, T2: B (blood); PD is low because flow leaves a void"),
    "vein": Tissue(1.93, 0.110, 0.025, 0.75, 0.0, 0.02, "T1: B; T2 shortened by deoxygenation, assumed"),
    "fascicle": Tissue(1.08, 0.068, 0.035, 0.95, 0.0, 0.32, "T1: B (optic nerve, 1.08 s); T2 below B's 78 ms, assumed"),
    "epineurium": Tissue(1.0, 0.045, 0.030, 0.90, 0.65, 0.20, "fatty connective tissue between fascicles, assumed"),
}  # fmt: skip
