"""Spoiled gradient echoes by brute force: isochromats under a spoiler and RF pulses whose phase grows quadratically.

A train is a cycle of pulses; pulse k has a flip angle and is followed by an interval in which a spoiler turns isochromat j
by ``c_k phi_j``, phi_j = 2 pi j / N, with whole c_k. Pulse number n (counted in spoiler turns so far, v_n = sum of c) has the
phase

    psi_n = increment v_n (v_n + 1) / 2

so that equal intervals give the usual quadratic phase, and unequal ones (AFI) a phase that keeps step with the spoiler.
The signal is read right after the pulse, as the mean of x + iy over the isochromats turned back by the pulse's own
phase; decay to the echo time is the caller's.

How many isochromats. N of them mistake a coherence of order N for one of order 0. A path to order N lies in the
transverse plane for at least N / max(c) intervals, hence arrives with at most exp(-N TR / (max(c) T2)): N is taken so that this is
below 1e-11 and the sum is then that of a continuous voxel to about that. The cycle is played until the signals of a whole cycle stand
still; nothing is extrapolated. Units: s, degrees; M0 = 1.
"""

import numpy as np

from .bloch_cpmg import about_x, about_z, relax


def spoiled_train(
    flips_deg, intervals, t1, t2, b1=1.0, *, increment_deg, turns=None, n_iso=None, tol=1e-10, limit=20000
):
    """Steady complex signals after each pulse of a cycle: t1, t2, b1 broadcast to a shape, then (..., pulses).

    ``increment_deg`` None: perfect spoiling, transverse magnetisation is set to zero before each pulse.
    """
    shape, (t1, t2, b1) = _columns(t1, t2, b1)
    turns = np.ones(len(flips_deg), int) if turns is None else np.asarray(turns, int)
    perfect = increment_deg is None
    n_iso = 1 if perfect else n_iso or isochromats(intervals, turns, t2.max())
    phi = 2 * np.pi * np.arange(n_iso) / n_iso
    m = (np.zeros_like(t1 * phi), np.zeros_like(t1 * phi), np.ones_like(t1 * phi))
    last, turn = None, 0
    for _ in range(limit):
        cycle = []
        for flip, interval, c in zip(flips_deg, intervals, turns, strict=True):
            psi = 0.0 if perfect else np.deg2rad(increment_deg * (turn * (turn + 1) // 2 % 360000))
            m = about_z(about_x(about_z(m, -psi), -b1 * np.deg2rad(flip)), psi)
            cycle.append(np.mean(m[0] + 1j * m[1], axis=-1)[:, 0] * np.exp(-1j * psi) * -1j)
            m = about_z(relax(m, interval, t1, t2), c * phi)
            if perfect:
                m = (0 * m[0], 0 * m[1], m[2])
            turn += int(c)
        now = np.stack(cycle, axis=-1)
        if last is not None and np.max(np.abs(now - last)) < tol:
            return now.reshape(*shape, len(flips_deg))
        last = now
    raise RuntimeError("no steady state reached")


def isochromats(intervals, turns, t2):
    """How many isochromats hold the error of summation under 1e-11 (see the head of the file)."""
    shortest = min(i / c for i, c in zip(intervals, turns, strict=True))
    return int(np.ceil(25.5 * t2 / shortest)) + 2 * int(max(turns)) + 1


def spgr(flip_deg, tr, t1, t2, b1=1.0, *, increment_deg=50.0, n_iso=None):
    """RF-spoiled gradient echo at TE 0, complex, of the shape of t1, t2 and b1 broadcast."""
    return spoiled_train((flip_deg,), (tr,), t1, t2, b1, increment_deg=increment_deg, n_iso=n_iso)[..., 0]


def vfa(flips_deg, tr, t1, t2, b1=1.0, *, increment_deg=50.0, echo_times=(0.0,), r2star=0.0):
    """Magnitudes of a variable-flip series, (..., flips, echoes); r2star broadcasts with t1."""
    s = np.stack([np.abs(spgr(f, tr, t1, t2, b1, increment_deg=increment_deg)) for f in flips_deg], axis=-1)
    decay = np.exp(-np.asarray(r2star, float)[..., None, None] * np.asarray(echo_times, float))
    return s[..., None] * decay


def profile_vfa(flips_deg, tr, t1, t2, profile, b1=1.0, **how):
    """As :func:`vfa` for a slab: the complex mean over positions where the angle is ``profile`` of its nominal value."""
    total = sum(np.stack([spgr(f * p, tr, t1, t2, b1, **how) for f in flips_deg], axis=-1) for p in profile)
    return np.abs(total) / len(profile)


def _columns(*values):
    """Broadcast to one shape, then flatten each to (parameter set, 1, 1)."""
    arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in values))
    return arrays[0].shape, [a.reshape(-1, 1, 1) for a in arrays]
