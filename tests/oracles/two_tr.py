"""Spin echoes at a repetition time, by playing them: one magnetisation vector, pulse after pulse, until it repeats.

Instantaneous pulses; after each echo train what is left across the field is spoiled. Units: s, degrees; M0 = 1.
"""

import numpy as np


def spin_echoes(tr, echo_times, t1, t2, excitation_deg=90.0, refocusing_deg=180.0, repeats=400):
    """Signals (n,) at the echo times, once the cycle repeats itself. Refocusing pulses are about y, the excitation about x."""
    mz = 1.0
    out = np.zeros(len(echo_times))
    for _ in range(repeats):
        m = _turn(np.array([0.0, 0.0, mz]), 0, excitation_deg)
        now = 0.0
        for k, echo in enumerate(echo_times):
            before = 0.0 if k == 0 else echo_times[k - 1]
            pulse = (before + echo) / 2
            m = _relax(m, pulse - now, t1, t2)
            m = _turn(m, 1, refocusing_deg)
            m[0] = 0.0  # what the pulse itself brought down is crushed
            m = _relax(m, echo - pulse, t1, t2)
            out[k], now = abs(m[1]), echo
        last, mz = mz, 1 + (m[2] - 1) * np.exp(-(tr - now) / t1)
        if abs(mz - last) < 1e-14:
            break
    return out


def _turn(m, axis, degrees):
    a = np.deg2rad(degrees)
    c, s = np.cos(a), np.sin(a)
    if axis == 0:
        return np.array([m[0], c * m[1] + s * m[2], -s * m[1] + c * m[2]])
    return np.array([c * m[0] - s * m[2], m[1], s * m[0] + c * m[2]])


def _relax(m, wait, t1, t2):
    e1, e2 = np.exp(-wait / t1), np.exp(-wait / t2)
    return np.array([m[0] * e2, m[1] * e2, 1 + (m[2] - 1) * e1])
