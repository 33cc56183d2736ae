"""Slice-selective pulses: waveforms, and Bloch integration through the slice.

Units: s, m, rad. The waveform is gamma B1(t) in rad/s (complex where its phase
moves), the gradient is gamma G in rad/s/m, so a spin at position r precesses at
gradient * r. Relaxation during the pulse is left out.

Each sample of length dt is half a precession, an instantaneous rotation by |w| dt
about the axis cos(arg w) x + sin(arg w) y, and the other half of the precession: a
symmetric splitting, with an error of order dt^2.

Sinc pulses. To select a band of frequencies of width B, small tips ask for B1(t)
proportional to its Fourier transform, sin(pi B t)/(pi B t), cut to a duration T. The
time-bandwidth product is B T, twice the number of zero crossings on one side when
even. The band covers a thickness d where gradient * d = 2 pi B.
"""

import numpy as np

from .bloch_cpmg import about_x, about_z


def sinc_pulse(time_bandwidth, duration, n_samples, flip_deg):
    """Make a cut sinc of area ``flip_deg``: (waveform in rad/s, dwell in s)."""
    return _scaled(np.sinc(time_bandwidth * _midpoints(n_samples)), duration, flip_deg)


def hann_sinc_pulse(time_bandwidth, duration, n_samples, flip_deg):
    """Make a sinc times the Hann window cos^2(pi t/T), which is zero at both ends."""
    t = _midpoints(n_samples)
    shape = np.sinc(time_bandwidth * t) * np.cos(np.pi * t) ** 2
    return _scaled(shape, duration, flip_deg)


def slice_gradient(time_bandwidth, duration, thickness):
    """Gradient (rad/s/m) under which the pulse's band covers ``thickness`` (m)."""
    return 2 * np.pi * time_bandwidth / (duration * thickness)


def slice_profile_bloch(waveform, dwell, gradient, positions, rephase=0.5):
    """Flip angle (rad, 0..pi) and transverse x + iy at ``positions`` (m), M0 = 1.

    The flip angle is that between z and the magnetisation that began along z. For a
    refocusing pulse between crushers it is also the angle that counts: the fraction
    refocused is sin^2(flip/2), whatever the tilt of the rotation axis. ``rephase``
    is the part of the pulse's gradient area undone after it: it turns x + iy only.
    """
    positions = np.asarray(positions, float)
    turn = gradient * dwell * positions
    m = (np.zeros_like(positions), np.zeros_like(positions), np.ones_like(positions))
    for w in np.asarray(waveform, complex):
        axis = np.angle(w)
        m = about_z(m, turn / 2 - axis)
        m = about_x(m, np.abs(w) * dwell)
        m = about_z(m, turn / 2 + axis)
    x, y, z = about_z(m, -rephase * len(waveform) * turn)
    return np.arctan2(np.hypot(x, y), z), x + 1j * y


def _midpoints(n_samples):
    """Sample times over the duration: n midpoints of (-1/2, 1/2)."""
    return (np.arange(n_samples) + 0.5) / n_samples - 0.5


def _scaled(shape, duration, flip_deg):
    dwell = duration / len(shape)
    return shape * np.deg2rad(flip_deg) / (shape.sum() * dwell), dwell
