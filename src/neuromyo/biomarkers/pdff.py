r"""Fat fraction, R2* and field from complex multi-echo gradient echoes: water and fat told apart by their phase.

.. math:: S_n = (w + f\,c_n)\, e^{2\pi i s \psi t_n - R_2^* t_n}\, e^{i\theta(-1)^n}, \quad
    FF = \Re\!\left(\frac{f/k_f}{w/k_w + f/k_f}\right)

c_n is the signal of fat's several peaks, psi the field (Hz, positive where spins precess faster), s the sense in which phase turns,
theta the phase by which echoes read to and fro differ, and k the T1 weight of a spoiled gradient echo, so that FF counts protons.
The field is chosen for the whole image at once (`fit.field_map`), s is told from the fat itself and checked against what the files
state, and FF is taken along the phase of water and fat together: noise scatters it to both sides of 0, and a region's mean is right.

Published spectra of fat differ with its double bonds, by up to 3 points at 50 % fat: these are learned once from the subject's own fat
(`fit.fat_composition`), unless a spectrum is given.

*Assumes* one R2* and one fat, of one composition, and known T1s. *Breaks* where R2* leaves no signal after the first echoes (tendon,
cortical bone), in parts that touch nothing else and hold one substance only, and where fat is unusual but too scarce to tell its
composition, which is then assumed and said so.

*Cites* Yu et al., Magn Reson Med 2008;60:1122, doi:10.1002/mrm.21737; Hernando et al., Magn Reson Med 2010;63:79,
doi:10.1002/mrm.22177; Liu et al., Magn Reson Med 2007;58:354, doi:10.1002/mrm.21301; Hamilton et al., NMR Biomed 2011;24:784,
doi:10.1002/nbm.1622; Kolmogorov, IEEE Trans Pattern Anal Mach Intell 2006;28:1568, doi:10.1109/TPAMI.2006.200.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.biomarkers import _own_fat
from neuromyo.biomarkers import _water_fat as shared
from neuromyo.biomarkers._water_fat import Options
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, Inputs, RegionNeed, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.maps import Maps, Scalar
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import keeps_value
from neuromyo.fit.water_fat import polarity
from neuromyo.physics import fat as fat_physics

SENSE = Quantity("PrecessionSign", "sense of precession", "1", (-1.5, 1.5), "precession", level="subject", summarised=False)  # fmt: skip

#: below this median fat fraction, what is drawn as subcutaneous fat is not fat
_FAT_AT_LEAST = 0.5


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth FF, R2star (1/s), B0 (Hz), S0, optionally T1, FatT1 (s), phase and theta (rad), shape (...) -> complex (..., n)."""
    acquisition = acquisitions["gre"]
    times = np.asarray(acquisition.echo_times, dtype=np.float64)
    sign = options.precession_sign or acquisition.precession_sign or 1

    def of(name: str, default: Any = 0.0) -> np.ndarray:
        return np.asarray(truth.get(name, default), dtype=np.float64)[..., None]

    fat = fat_physics.phasor(
        _own_fat.start(options.fat_spectrum), times, field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz, precession_sign=sign, water_shift_ppm=options.water_shift_ppm,
    )  # fmt: skip
    water_weight = shared.weight(acquisition, of("T1", options.water_t1))
    fat_weight = shared.weight(acquisition, of("FatT1", options.fat_t1))
    share = np.asarray(truth["FF"], dtype=np.float64)[..., None]
    mixture = (1 - share) * water_weight + share * fat_weight * fat
    field, rate = np.asarray(truth["B0"], float)[..., None], np.asarray(truth["R2star"], float)[..., None]
    turning = sign * 2 * np.pi * field * times + of("phase") + of("theta") * polarity(len(times))
    size = np.asarray(truth["S0"], float)[..., None]
    return {"gre": size * mixture * np.exp(1j * turning - rate * times)}


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """Fat fraction, R2*, field, water and fat of complex images (x, y, z, n); lists of voxels count as an image."""
    acquisition = inputs.acquisitions["gre"]
    order = np.argsort(np.asarray(acquisition.echo_times), kind="stable")
    signals = np.asarray(inputs.signals["gre"])
    if (np.diff(order) < 0).any():
        signals, acquisition = signals[..., order], acquisition.select(tuple(int(i) for i in order))
    lead = signals.shape[:-1]
    image = signals.reshape((*lead, *[1] * (3 - len(lead)), signals.shape[-1]) if len(lead) < 3 else signals.shape)
    if not np.iscomplexobj(image):
        image = image.astype(np.complex64)
    mask = None if inputs.mask is None else inputs.mask.reshape(image.shape[:3])
    spacing = inputs.grid.spacing_mm if inputs.grid is not None else (1.0, 1.0, 1.0)
    found = shared.whole_image(image, acquisition, mask, spacing, options, inputs.threads, inputs.progress)
    scalars = {SENSE.name: Scalar(SENSE, float(found.sign), None, found.sign_source)}
    if found.double_bonds is not None:
        scalars[_own_fat.DOUBLE_BONDS.name] = found.double_bonds
    return Estimate(
        values={n: v.reshape(lead) for n, v in found.values.items()},
        reason={n: v.reshape(lead) for n, v in found.reason.items()},
        sd={n: v.reshape(lead) for n, v in found.sd.items()},
        diagnostics={"residual": found.residual.reshape(lead)},
        scalars=scalars,
        findings=found.findings,
        assumptions=found.assumptions,
    )


def review(maps: Maps, regions: Mapping[str, np.ndarray], options: Options) -> tuple[Finding, ...]:
    """A warning where the ring of fat under the skin came out as water."""
    ring = regions.get("fat")
    if ring is None:
        return ()
    values = maps["FF"].values[np.asarray(ring, bool) & keeps_value(maps["FF"].reason)]
    if values.size < 20 or np.median(values) >= _FAT_AT_LEAST:
        return ()
    return (
        Finding(
            "warn", "W-SWAP", "pdff", f"the region drawn as subcutaneous fat has a median fat fraction of {100 * np.median(values):.0f} %",
            "look at the map and at where that region lies; check the echo times, the field strength and the sense of precession",
            "water and fat are probably exchanged: do not use the fat fractions",
        ),
    )  # fmt: skip


BIOMARKER = Biomarker(
    id="pdff",
    title="proton density fat fraction (complex water-fat separation)",
    doi=("10.1002/mrm.21737", "10.1002/mrm.22177", "10.1002/mrm.21301", "10.1002/nbm.1622"),
    needs={
        "gre": SeriesNeed(kinds=("MEGRE",), part="complex", min_volumes=3, required=("echo_times",)),
        "fat": RegionNeed("subcutaneous-fat"),
    },
    gives=(
        Quantity("FF", "proton density fat fraction", "%", (-0.25, 1.25), "PDFF", window=(0.0, 1.0)),
        Quantity("R2star", "R2*", "1/s", (-100.0, 1000.0), "R2starmap", window=(0.0, 150.0)),
        Quantity("B0", "field offset (positive: faster precession)", "Hz", (-5000.0, 5000.0), "fieldmap", window=(-300.0, 300.0),
                 datatype="fmap", summarised=False),
        Quantity("W", "water signal", "a.u.", (float("-inf"), float("inf")), "Wmap", window=(0.0, float("inf")), summarised=False),
        Quantity("F", "fat signal", "a.u.", (float("-inf"), float("inf")), "Fmap", window=(0.0, float("inf")), summarised=False),
        SENSE,
        _own_fat.DOUBLE_BONDS,
    ),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    noise="complex",
    typical={
        "gre": Acquisition(
            echo_times=tuple(1.15e-3 + 0.98e-3 * n for n in range(6)), repetition_time=0.012, flip_angles_deg=(4.0,),
            field_strength=3.0, precession_sign=1,
        )
    },
    example={"FF": 0.2, "R2star": 40.0, "B0": 30.0, "S0": 1000.0, "phase": 0.4},
    domain=Domain({"FF": (0.02, 0.98), "R2star": (20.0, 100.0), "B0": (-150.0, 150.0)}, snr=50.0,
                  quantities=("FF", "R2star", "B0")),
    provides=("FF", "B0"),
    caption="Fat's share of the protons that water and fat hold together, from the phase and decay of several gradient echoes, with "
    "R2*, several fat peaks and T1 weighting accounted for.",
    prominence=30,
    review=review,
    constants=shared.CONSTANTS,
)  # fmt: skip
