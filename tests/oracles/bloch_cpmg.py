"""Spin-echo sequences by brute force: many isochromats, each a 3-vector.

A magnetisation is a tuple ``(x, y, z)`` of arrays that broadcast to (parameter
set, slice position, isochromat). Units: seconds, radians; degrees only in names
that end in ``_deg``; M0 = 1. Four operations make every sequence:

    pulse about x or y    right-handed rotation by the angle, instantaneous
    dephase               rotation about z by the isochromat's phase phi
    relax for dt          x, y -> E2 (x, y);  z -> 1 + E1 (z - 1),  E = exp(-dt/T)

The train. Excitation about y turns z into x; refocusing is about x (CPMG). Every
interval between a pulse and an echo, long or short, dephases by the same phi, so
the crushers on the two sides of each refocusing pulse match:

    90y - TE1/2 - 180x - TE1/2 - echo 1 - ESP/2 - 180x - ESP/2 - echo 2 - ...

The number of isochromats. The phases are phi_j = 2 pi c j / N, j = 0 .. N-1, for
c whole cycles across the voxel. Rotations about x and y do not contain phi, and
each dephasing multiplies x + iy by exp(i phi); so after p dephasings x + iy and z
are trigonometric polynomials in phi, of degree at most p. The mean over j of
exp(i k phi_j) is 1 where N divides c k, else 0. With N and c coprime and N > p it
therefore keeps k = 0 alone, which is what a continuous voxel keeps: the sum is
exact, not approximate. Echo n comes after p = 2n dephasings, hence N > 2n.

Repetition. Before each excitation the transverse part is set to zero and z is
replaced by its mean over the isochromats (longitudinal stripes forgotten); the
shot is played again until z stops changing. The shot maps z along a straight line of
slope below one, so it has one fixed point: two shots aim at it, and a further shot
that gives z back proves it. With ``keep_stripes`` each isochromat
keeps its own z instead; orders then grow by 2n a shot, so N > 2n no longer proves
exactness and N has to be raised until the answer stands still.
"""

from math import gcd

import numpy as np


def about_x(m, angle):
    """Rotate ``m`` about x by ``angle`` (rad)."""
    x, y, z = m
    c, s = np.cos(angle), np.sin(angle)
    return x, c * y - s * z, s * y + c * z


def about_y(m, angle):
    """Rotate ``m`` about y by ``angle`` (rad)."""
    x, y, z = m
    c, s = np.cos(angle), np.sin(angle)
    return c * x + s * z, y, c * z - s * x


def about_z(m, angle):
    """Rotate ``m`` about z by ``angle`` (rad)."""
    x, y, z = m
    c, s = np.cos(angle), np.sin(angle)
    return c * x - s * y, s * x + c * y, z


def relax(m, dt, t1, t2):
    """Let ``m`` relax for ``dt`` (s) towards M0 = 1 along z."""
    x, y, z = m
    e1, e2 = np.exp(-dt / t1), np.exp(-dt / t2)
    return e2 * x, e2 * y, 1 + e1 * (z - 1)


def phases(n_intervals, n_iso=None, cycles=1):
    """Isochromat phases (rad) that average ``n_intervals`` dephasings exactly."""
    n_iso = n_intervals + 1 if n_iso is None else n_iso
    if n_iso <= n_intervals or gcd(n_iso, cycles) != 1:
        raise ValueError("need n_iso > number of dephasings, coprime with cycles")
    return 2 * np.pi * cycles * np.arange(n_iso) / n_iso


def steady_state(shot, keep_stripes=False, tol=1e-13, max_shots=300):
    """Repeat ``shot(z) -> (echoes, z before the next shot)`` until z is steady."""
    z, step = np.ones((1, 1, 1)), None
    for _ in range(max_shots):
        echoes, after = shot(z)
        if not keep_stripes:
            after = after.mean(axis=-1, keepdims=True)
        last, step = step, after - z
        if np.max(np.abs(step)) < tol:
            return echoes
        if last is None:
            z = after
        else:  # z -> after is a straight line of slope step/last: go to its fixed point
            bend = np.where(last == step, np.inf, last - step)
            z, step = z + step * last / bend, None
    raise RuntimeError("no steady state reached")


def cpmg_complex(
    t2,
    b1=1.0,
    *,
    t1,
    n_echoes,
    echo_spacing,
    first_echo=None,
    refocus_deg=180.0,
    excite_deg=90.0,
    excite_profile=(1.0,),
    refocus_profile=(1.0,),
    tr=np.inf,
    n_iso=None,
    cycles=1,
    keep_stripes=False,
):
    """Complex echoes of a multi-echo spin echo train, shape (..., n_echoes).

    ``t2``, ``b1`` and ``t1`` broadcast to the leading shape. ``excite_profile`` and
    ``refocus_profile`` hold the angle at each slice position as a fraction of
    ``excite_deg`` and ``refocus_deg``; the signal is the mean over the positions.
    ``first_echo`` is ``echo_spacing`` unless given. ``tr`` runs from one excitation
    to the next.
    """
    first_echo = echo_spacing if first_echo is None else first_echo
    rest = tr - first_echo - (n_echoes - 1) * echo_spacing
    if rest < 0:
        raise ValueError("tr is shorter than the train")
    phi = phases(2 * n_echoes, n_iso, cycles)
    excite = np.deg2rad(excite_deg) * np.asarray(excite_profile, float)[:, None]
    refocus = np.deg2rad(refocus_deg) * np.asarray(refocus_profile, float)[:, None]
    shape, (t1, t2, b1) = _columns(t1, t2, b1)

    def train(t1, t2, b1):
        def shot(z):
            m = about_y((0.0, 0.0, z), b1 * excite)
            echoes = []
            for n in range(n_echoes):
                half = (echo_spacing if n else first_echo) / 2
                m = about_z(relax(m, half, t1, t2), phi)
                m = about_x(m, b1 * refocus)
                m = about_z(relax(m, half, t1, t2), phi)
                echoes.append(np.mean(m[0] + 1j * m[1], axis=(1, 2)))
            return np.stack(echoes, axis=-1), relax(m, rest, t1, t2)[2]

        return steady_state(shot, keep_stripes)

    block = max(1, 2**15 // (excite.size * phi.size))  # keeps the spins in cache
    out = [train(t1[i : i + block], t2[i : i + block], b1[i : i + block]) for i in range(0, len(t2), block)]
    return np.concatenate(out).reshape(*shape, n_echoes)


def cpmg(t2, b1=1.0, **train):
    """Echo magnitudes; the arguments of :func:`cpmg_complex`."""
    return np.abs(cpmg_complex(t2, b1, **train))


def two_pool(fat_fraction, water, fat, b1=1.0, s0=1.0, **train):
    """S0 |(1 - ff) water + ff fat|, both in phase, ff a fraction of M0.

    ``water`` and ``fat`` are pairs (T1, T2) in s; ``train`` goes to both trains.
    Shape: that of fat_fraction, s0, b1 and the times broadcast, then n_echoes.
    """
    ff, s0 = np.asarray(fat_fraction)[..., None], np.asarray(s0)[..., None]
    w = cpmg_complex(water[1], b1, t1=water[0], **train)
    f = cpmg_complex(fat[1], b1, t1=fat[0], **train)
    return s0 * np.abs((1 - ff) * w + ff * f)


def inversion_recovery(
    ti,
    t1,
    t2,
    b1=1.0,
    *,
    te,
    tr,
    inversion_deg=180.0,
    excite_deg=90.0,
    refocus_deg=180.0,
):
    """Magnitude of an inversion-recovery spin echo in the steady state.

        inversion - TI - excitation - TE/2 - refocusing - TE/2 - echo - rest of TR

    ``tr`` runs from one inversion to the next; transverse magnetisation is spoiled
    after the inversion and before the next one. ``ti``, ``t1``, ``t2`` and ``b1``
    broadcast to the shape of the answer.
    """
    if np.any(np.asarray(ti) + te > tr):
        raise ValueError("tr is shorter than ti + te")
    phi = phases(2)
    invert, excite, refocus = np.deg2rad([inversion_deg, excite_deg, refocus_deg])
    shape, (ti, t1, t2, b1) = _columns(ti, t1, t2, b1)

    def shot(z):
        z = about_y((0.0, 0.0, z), b1 * invert)[2]
        z = relax((0.0, 0.0, z), ti, t1, t2)[2]
        m = about_y((0.0, 0.0, z), b1 * excite)
        m = about_z(relax(m, te / 2, t1, t2), phi)
        m = about_x(m, b1 * refocus)
        m = about_z(relax(m, te / 2, t1, t2), phi)
        echo = np.mean(m[0] + 1j * m[1], axis=(1, 2))
        return echo, relax(m, tr - ti - te, t1, t2)[2]

    return np.abs(steady_state(shot)).reshape(shape)


def _columns(*values):
    """Broadcast to one shape, then flatten each to (parameter set, 1, 1)."""
    arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in values))
    return arrays[0].shape, [a.reshape(-1, 1, 1) for a in arrays]
