"""What tissues are made of at 3 T: relaxation, water and fat, with where each number comes from.

T1, T2 and T2star are those of the tissue's *water*; its fat share has the values of `FAT`. A voxel's truth is built
from these, the disease and the fields.

Sources
-------
A : Gold et al., AJR 2004;183:343 (3 T, measured in the knee; doi 10.2214/ajr.183.2.1830343)
B : Stanisz et al., MRM 2005;54:507 (3 T, excised tissue, MT too; doi 10.1002/mrm.20605)
C : Sollmann et al., MAGMA 2020;33:713 (distal sciatic nerve in vivo at 3 T: T2 44.6 ms; abstract read)
D : Elzibak et al., J Comput Assist Tomogr 2014;38:329 (foot muscles at 3 T: eigenvalues 1.88 to 2.14, 1.39 to 1.48, 0.91
    to 1.27, ADC 1.48 to 1.55 10^-3 mm2/s; abstract read; doi 10.1097/RCT.0b013e3182ab60ea)
E : Wako et al., J Orthop Surg Res 2017;12:184 (sciatic nerve at the femoral head, 3 T: FA 0.567; abstract read)

MTsat is not from a paper: it is what gives the tissue's own ``MTR`` in a spoiled gradient echo of TR 25 ms and 6 degrees,
so that both tell of one tissue: MTsat = MTR / (1 - MTR) (a^2 / 2 + TR / T1).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tissue:
    """One tissue. Times in s; ``PD`` signal-giving protons relative to muscle; ``FF`` fat share of them, 0 to 1.

    ``MTR`` is the loss under a typical off-resonance pulse, 0 to 1; ``MTsat`` what one such pulse saturates, 0 to 1.
    ``D`` are the diffusivities of its water along the fibres and across them (two), in m2/s. ``spread_T2`` (s) and
    ``spread_FF`` are how far healthy tissue varies from place to place, as half the full range. ``evidence`` says where
    the numbers are from.
    """

    T1: float
    T2: float
    T2star: float
    PD: float
    FF: float
    MTR: float
    MTsat: float
    D: tuple[float, float, float]
    evidence: str
    spread_T2: float = 0.0
    spread_FF: float = 0.0  # noqa: N815 - the name of the truth it spreads

    @property
    def MD(self) -> float:
        """Mean diffusivity, m2/s."""
        return sum(self.D) / 3.0

    @property
    def FA(self) -> float:
        """Fractional anisotropy, 0 to 1."""
        apart = sum((d - self.MD) ** 2 for d in self.D)
        size = sum(d * d for d in self.D)
        return (1.5 * apart / size) ** 0.5 if size > 0 else 0.0


def _d(along: float, across: float | None = None, third: float | None = None) -> tuple[float, float, float]:
    """Diffusivities from numbers in 10^-9 m2/s; the same in all directions where only one is given."""
    second = along if across is None else across
    return along * 1e-9, second * 1e-9, (second if third is None else third) * 1e-9


#: the fat in any tissue
FAT = Tissue(
    0.371,
    0.133,
    0.045,
    1.0,
    1.0,
    0.0,
    0.0,
    _d(0.02),
    "T1, T2: A (subcutaneous fat); T2star, MTR: of typical size, assumed; D: two orders below water, assumed",
)

TISSUES: dict[str, Tissue] = {
    "muscle": Tissue(1.42, 0.036, 0.024, 1.0, 0.02, 0.36, 0.0130, _d(1.98, 1.46, 1.14),
                     "T1: A, B (1.41 to 1.42 s); T2 between A (32 ms) and what stimulated-echo-corrected trains give "
                     "(near 40 ms); MTR: typical of thigh and calf, assumed; D: within the ranges of D", 0.0012, 0.012),
    "subcutaneous-fat": Tissue(1.0, 0.045, 0.030, 0.95, 0.94, 0.20, 0.0076, _d(1.2),
                               "fat: A; its water share is assumed", 0.0, 0.02),
    "intermuscular-fat": Tissue(1.2, 0.042, 0.028, 0.95, 0.85, 0.25, 0.0088, _d(1.3),
                                "fat with strands of connective tissue, assumed"),
    "marrow": Tissue(1.3, 0.050, 0.015, 0.90, 0.92, 0.15, 0.0044, _d(0.5),
                     "fat: A (yellow marrow); its water share is assumed"),
    "cortex": Tissue(0.22, 0.0006, 0.0004, 0.18, 0.0, 0.10, 0.0132, _d(0.3),
                     "dark on any echo train; order of magnitude only"),
    "cartilage": Tissue(1.24, 0.037, 0.022, 0.85, 0.0, 0.30, 0.0110, _d(1.3), "T1, T2: A; D assumed"),
    "tendon": Tissue(0.70, 0.004, 0.002, 0.45, 0.0, 0.40, 0.0275, _d(1.3, 0.7),
                     "short T2 collagen; order of magnitude only"),
    "fascia": Tissue(0.80, 0.008, 0.005, 0.55, 0.05, 0.40, 0.0245, _d(1.2),
                     "collagen sheet; assumed like tendon, looser"),
    "skin": Tissue(0.95, 0.022, 0.014, 0.60, 0.05, 0.35, 0.0171, _d(1.0), "order of magnitude only"),
    "artery": Tissue(1.93, 0.275, 0.050, 0.10, 0.0, 0.02, 0.0004, _d(3.0),
                     "T1, T2: B (blood); PD is low because flow leaves a void"),
    "vein": Tissue(1.93, 0.110, 0.025, 0.75, 0.0, 0.02, 0.0004, _d(3.0),
                   "T1: B; T2 shortened by deoxygenation, assumed"),
    "fascicle": Tissue(1.08, 0.046, 0.026, 0.95, 0.0, 0.32, 0.0135, _d(2.55, 0.85),
                       "T1: B (optic nerve, 1.08 s); T2: near C; T2star, MTR assumed; D: FA 0.60, so that a nerve with "
                       "its epineurium has that of E"),
    "epineurium": Tissue(1.0, 0.045, 0.030, 0.90, 0.65, 0.20, 0.0076, _d(1.6, 1.1),
                         "fatty connective tissue between fascicles, assumed"),
}  # fmt: skip
