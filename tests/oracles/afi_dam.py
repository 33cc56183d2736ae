"""B1 mapping by Bloch steady states with finite T1: actual flip angle imaging and the double angle method.

AFI: pulses of one angle, alternately followed by TR1 and TR2; ``increment_deg`` None spoils perfectly, else both the
spoiler (in the ratio TR2 / TR1, a whole number) and the RF phase keep step (K Nehrke, Magn Reson Med 2009;61:84).

DAM: two scans with angles a and 2 a, gradient or spin echo, each in its own steady state. For the spin echo the
refocusing angle is ``refocus_deg`` (times B1) between matched crushers, of which the fraction sin^2(angle/2) is refocused; the
same pulse turns z by cos(angle), half an echo time after the excitation.
"""

import numpy as np

from .bloch_gre import spoiled_train


def afi(flip_deg, tr1, tr2, t1, b1=1.0, t2=0.04, *, increment_deg=None):
    """Magnitudes after the pulses before TR1 and before TR2, shape (..., 2): the second of them is the smaller in magnitude.

    The image called TR1 is read in the interval TR1, hence after the pulse which follows the long interval TR2.
    """
    ratio = round(tr2 / tr1)
    if abs(ratio - tr2 / tr1) > 1e-9:
        raise ValueError("tr2 must be a whole multiple of tr1")
    train = ((flip_deg, flip_deg), (tr1, tr2), t1, t2, b1)
    return np.abs(spoiled_train(*train, increment_deg=increment_deg, turns=(1, ratio)))


def dam(flip_deg, tr, t1, b1=1.0, *, te=0.0, t2=0.04, refocus_deg=None, signed=False):
    """Signals of the scans with ``flip_deg`` and twice that, shape (..., 2), magnitudes unless ``signed``.

    The steady state is reached by repeating the shot on z; transverse magnetisation is spoiled perfectly between shots.
    """
    t1, b1, t2 = np.broadcast_arrays(np.asarray(t1, float), np.asarray(b1, float), np.asarray(t2, float))
    scans = [_shots(b1 * np.deg2rad(a), tr, t1, t2, te, refocus_deg, b1) for a in (flip_deg, 2 * flip_deg)]
    pair = np.stack(scans, axis=-1)
    return pair if signed else np.abs(pair)


def _shots(angle, tr, t1, t2, te, refocus_deg, b1, most=100000):
    z = np.ones_like(t1)
    for _ in range(most):
        echo = z * np.sin(angle) * np.exp(-te / t2)
        after, rest = z * np.cos(angle), tr
        if refocus_deg is not None:
            refocus = b1 * np.deg2rad(refocus_deg)
            echo = echo * np.sin(refocus / 2) ** 2
            after, rest = (1 + (after - 1) * np.exp(-te / 2 / t1)) * np.cos(refocus), tr - te / 2
        after = 1 + (after - 1) * np.exp(-rest / t1)
        if np.max(np.abs(after - z)) < 1e-13:
            return echo
        z = after
    raise RuntimeError("no steady state reached")
