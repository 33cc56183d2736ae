"""Magnetisation transfer in a spoiled gradient echo: two pools, stepped in time until steady.

State (x, y, z, b): the free water vector in the frame that turns with the MT pulse, and the z of the bound pool, whose
transverse part lives for microseconds and is never kept. With free M0 = 1, bound M0 = F, k the rate from free to bound:

    dx/dt = -x/T2 - 2 pi D y                    D: how far the pulse is off water's resonance, Hz
    dy/dt =  2 pi D x - y/T2 + w1 z             w1(t): nutation of the pulse, rad/s
    dz/dt = -w1 y + R1 (1 - z) - k z + (k/F) b
    db/dt = -pi w1^2 g(D) b + R1b (F - b) + k z - (k/F) b

g is the bound pool's lineshape in s, with area one over angular frequency, int g d(2 pi D) = 1, so that a Lorentzian gives
the rate w1^2 T2b / (1 + (2 pi D T2b)^2) of the Bloch equations. A small step with w1 held at its midpoint value is one
exponential of this affine law (scaling and squaring of a Taylor series); steps are multiplied in order, and the repetition
is played until z and b stand still.

One repetition: MT pulse, gap, excitation, echo, rest of TR; transverse magnetisation is spoiled perfectly after the MT pulse
and after the echo. The excitation is instantaneous for water; the bound pool is multiplied by exp(-``excite_saturation``)
(pi g(0) int w1^2 dt of that pulse at B1 = 1; times B1^2), none by default. Units: s, Hz, 1/s; degrees where the name says so.
"""

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


def lineshape(offset_hz, t2b, kind="super-lorentzian"):
    """Bound-pool lineshape g in s at ``offset_hz`` (not zero for the super-Lorentzian, which has no value there)."""
    w = 2 * np.pi * float(offset_hz) * t2b
    if kind == "lorentzian":
        return t2b / np.pi / (1 + w**2)
    if kind == "gaussian":
        return t2b / np.sqrt(2 * np.pi) * np.exp(-(w**2) / 2)
    if kind != "super-lorentzian" or w == 0:
        raise ValueError(f"no value of {kind} at {offset_hz} Hz")
    x, weight = _NODES, _WEIGHTS
    total, magic = 0.0, 1 / np.sqrt(3)  # the dipolar coupling vanishes at cos = 1/sqrt 3: a node must not fall on it
    for low, high in ((0.0, magic), (magic, 1.0)):
        u = low + (high - low) * (x + 1) / 2
        width = np.abs(3 * u**2 - 1)
        value = np.sqrt(2 / np.pi) * t2b / width * np.exp(-2 * (w / width) ** 2)
        total += (high - low) / 2 * np.sum(weight * value)
    return total


def mt_pulse(flip_deg, duration, shape="gaussian", n_steps=400):
    """Nutation rate at the midpoints of equal steps (rad/s) and the step (s); the area is ``flip_deg`` on resonance.

    gaussian: cut at 3 standard deviations; hann: cos^2; sinc-hann: time-bandwidth product 4; rect.
    """
    t = (np.arange(n_steps) + 0.5) / n_steps - 0.5
    forms = {
        "rect": np.ones(n_steps),
        "gaussian": np.exp(-((6 * t) ** 2) / 2),
        "hann": np.cos(np.pi * t) ** 2,
        "sinc-hann": np.sinc(4 * t) * np.cos(np.pi * t) ** 2,
    }
    dt = duration / n_steps
    return forms[shape] * np.deg2rad(flip_deg) / (forms[shape].sum() * dt), dt


def law(w1, offset_hz, tissue, g):
    """Generators (..., 5, 5) of the affine law on (x, y, z, b, 1) for nutation rates ``w1``."""
    w1 = np.asarray(w1, float)
    f, k = tissue["F"], tissue["k"]
    back = k / f if f else 0.0
    a = np.zeros((*w1.shape, 5, 5))
    a[..., 0, 0] = a[..., 1, 1] = -1 / tissue["T2"]
    a[..., 0, 1], a[..., 1, 0] = -2 * np.pi * offset_hz, 2 * np.pi * offset_hz
    a[..., 1, 2], a[..., 2, 1] = w1, -w1
    a[..., 2, 2], a[..., 2, 3], a[..., 2, 4] = -tissue["R1"] - k, back, tissue["R1"]
    a[..., 3, 2], a[..., 3, 3] = k, -tissue["R1b"] - back - np.pi * w1**2 * g
    a[..., 3, 4] = tissue["R1b"] * f
    return a


def expm(a):
    """Exponential of matrices (..., n, n): Taylor series to order 16 of a / 2^s, squared s times."""
    s = max(0, int(np.ceil(np.log2(max(np.abs(a).sum(axis=-1).max(), 1e-300)))) + 2)
    a = a / 2.0**s
    out = term = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for order in range(1, 17):
        term = term @ a / order
        out = out + term
    for _ in range(s):
        out = out @ out
    return out


def tissue(t1=1.2, t2=0.035, bound_fraction=0.08, exchange=40.0, r1_bound=1.0, t2_bound=9e-6, shape="super-lorentzian"):
    """A tissue: ``bound_fraction`` f of all protons, F = f/(1-f); ``exchange`` the symmetric rate R, k = R F."""
    big_f = bound_fraction / (1 - bound_fraction)
    return {
        "R1": 1 / t1, "T2": t2, "F": big_f, "k": exchange * big_f, "R1b": r1_bound, "T2b": t2_bound, "shape": shape,
    }  # fmt: skip


def mt_spgr(
    tissue,
    flip_deg,
    tr,
    *,
    pulse=None,
    offset_hz=2000.0,
    gap=0.0,
    b1=1.0,
    excite_saturation=0.0,
    tol=1e-12,
    limit=200000,
):
    """Steady transverse water signal at TE 0 per unit of free M0; ``pulse`` = (w1, dt) of :func:`mt_pulse`, or None."""
    spoil = np.diag([0.0, 0.0, 1.0, 1.0, 1.0])
    before, used = np.eye(5), 0.0
    if pulse is not None:
        w1, dt = pulse
        g = lineshape(offset_hz, tissue["T2b"], tissue["shape"])
        for step in expm(law(b1 * w1, offset_hz, tissue, g) * dt):
            before = step @ before
        before, used = spoil @ before, len(w1) * dt
    free = law(0.0, 0.0, tissue, 0.0)
    before = spoil @ expm(free * gap) @ before
    after = spoil @ expm(free * (tr - used - gap))
    c = np.cos(b1 * np.deg2rad(flip_deg))
    excite = np.diag([0.0, 0.0, c, np.exp(-excite_saturation * b1**2), 1.0])
    m = np.array([0.0, 0.0, 1.0, tissue["F"], 1.0])
    for _ in range(limit):
        ready = before @ m
        then = after @ excite @ ready
        if np.max(np.abs(then - m)) < tol:
            return ready[2] * np.sin(b1 * np.deg2rad(flip_deg))
        m = then
    raise RuntimeError("no steady state reached")


def mpm(tissue, *, flips_deg=(6.0, 20.0), tr=0.025, mt_flip_deg=6.0, mt_tr=None, b1=1.0, m0=1.0, **mt):
    """Signals at TE 0 of the three scans of multi-parameter mapping: a dict PDw, T1w, MTw."""
    pulse, rest = mt.pop("pulse"), mt
    plain = {k: v for k, v in rest.items() if k == "excite_saturation"}
    pd, t1 = (m0 * mt_spgr(tissue, a, tr, b1=b1, **plain) for a in flips_deg)
    return {"PDw": pd, "T1w": t1, "MTw": m0 * mt_spgr(tissue, mt_flip_deg, mt_tr or tr, b1=b1, pulse=pulse, **rest)}


def one_pool(amplitude, r1, flip_deg, tr, delta=0.0, b1=1.0):
    """Spoiled steady state of one pool of which every repetition takes the part ``delta`` just before the excitation."""
    a, e1 = b1 * np.deg2rad(flip_deg), np.exp(-r1 * tr)
    return amplitude * np.sin(a) * (1 - delta) * (1 - e1) / (1 - (1 - delta) * np.cos(a) * e1)


def one_pool_twin(pd, t1w, mtw, flips_deg, tr, mt_flip_deg, mt_tr=None, b1=1.0):
    """(amplitude, R1, delta) of the one pool that gives the three signals exactly, by bisection on R1 and on delta."""

    def halve(low, high, too_high):
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if too_high(middle) else (middle, high)
        return (low + high) / 2

    def ratio(r1):
        return one_pool(1, r1, flips_deg[1], tr, b1=b1) / one_pool(1, r1, flips_deg[0], tr, b1=b1)

    r1 = halve(1e-3, 1e3, lambda r: ratio(r) > t1w / pd)
    amplitude = pd / one_pool(1, r1, flips_deg[0], tr, b1=b1)
    least = 1 - np.exp(r1 * (mt_tr or tr)) / np.cos(b1 * np.deg2rad(mt_flip_deg))  # below it there is no steady state
    delta = halve(least * (1 - 1e-9), 1.0, lambda d: one_pool(amplitude, r1, mt_flip_deg, mt_tr or tr, d, b1) < mtw)
    return amplitude, r1, delta
