"""Independent oracles: slow, plain NumPy answers that the package is tested against.

Nothing here imports neuromyo, and nothing here uses extended phase graphs.

``bloch_cpmg``   isochromats: multi-echo spin echo, water + fat, inversion recovery
``bloch_slice``  Bloch integration of a slice-selective pulse, and pulse waveforms
``rice``         Rician noise, its moments and Cramer-Rao bound by quadrature
``water_fat``    complex multi-echo gradient echoes of water and fat; two hard legs, vials
``bloch_gre``    isochromats: RF-spoiled gradient echoes, any cycle of pulses
``afi_dam``      B1 mapping by actual flip angles and double angles
``bloch_mcconnell``  two exchanging pools under an MT pulse, stepped in time; the one pool with the same signals
``nerve_slices``  stacks of slices around a nerve, or around what only looks like one; ``nerve_scores`` judges what was traced
``norm_cohorts``  healthy people with true means and SDs: sites, sides, skew, publications, profiles along a nerve
``diffusion``    tensors, gradients in the world frame and as FSL writes them, fibres of two legs
"""

from .bloch_cpmg import cpmg, cpmg_complex, inversion_recovery, two_pool
from .bloch_slice import (
    hann_sinc_pulse,
    sinc_pulse,
    slice_gradient,
    slice_profile_bloch,
)
from .rice import rice_fisher, rice_moments, rice_pdf, rician, rician_crlb

__all__ = [
    "cpmg",
    "cpmg_complex",
    "hann_sinc_pulse",
    "inversion_recovery",
    "rice_fisher",
    "rice_moments",
    "rice_pdf",
    "rician",
    "rician_crlb",
    "sinc_pulse",
    "slice_gradient",
    "slice_profile_bloch",
    "two_pool",
]
