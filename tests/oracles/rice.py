"""The Rice law by numerical integration, and the Cramer-Rao bound under it.

A magnitude m of a true amplitude A with Gaussian noise of standard deviation sigma
in each of the two channels. Averaging the Gaussian over the phase theta gives, in
u = m/sigma and a = A/sigma, with x = u a,

    f(u; a) = u exp(-(u - a)^2 / 2) J0(x)
    Jn(x)   = 1/pi  int_0^pi cos(n theta) exp(-x (1 - cos theta)) d theta

(Jn is the modified Bessel function In times exp(-x).) The midpoint rule on Jn is
wrong by about exp(-2 n^2/x) for n nodes in (0, pi), so n grows with sqrt(x). Since
J0' = J1 - J0, the score is d log f / da = u J1/J0 - a, and the Fisher information
on A is the mean of its square, divided by sigma^2. Integrals over u use
Gauss-Legendre nodes over all of u >= 0 within 12 of a.
"""

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(240)


def rician(signal, n_draws, rng, *, snr=None, sigma=None):
    """Noisy magnitudes, shape (n_draws, *signal.shape).

    Give either ``sigma``, per real channel, or ``snr`` = the noise-free first echo
    ``signal[..., 0]`` / sigma. ``signal`` may be complex.
    """
    if (snr is None) == (sigma is None):
        raise ValueError("give snr or sigma, one of the two")
    signal = np.asarray(signal)
    if sigma is None:
        sigma = np.abs(signal[..., :1]) / np.asarray(snr)[..., None]
    real, imag = rng.standard_normal((2, n_draws, *signal.shape))
    return np.abs(signal + sigma * (real + 1j * imag))


def scaled_bessel(x):
    """I0(x) exp(-x) and I1(x) exp(-x) for x >= 0 of any shape, by quadrature."""
    x = np.asarray(x, float)
    n = 32 + int(6 * np.sqrt(np.max(x)))
    theta = (np.arange(n) + 0.5) * np.pi / n
    e = np.exp(-2 * x[..., None] * np.sin(theta / 2) ** 2)
    return e.mean(axis=-1), (e * np.cos(theta)).mean(axis=-1)


def rice_pdf(m, amplitude, sigma):
    """Rice density of ``m`` >= 0 for a scalar amplitude and sigma."""
    u, a = np.asarray(m, float) / sigma, amplitude / sigma
    return u * np.exp(-((u - a) ** 2) / 2) * scaled_bessel(u * a)[0] / sigma


def rice_moments(amplitude, sigma):
    """Mean and variance of the Rice law; the arguments broadcast."""
    a, sigma = np.broadcast_arrays(np.asarray(amplitude) / sigma, sigma)
    mean, var = np.empty(a.shape), np.empty(a.shape)
    for i in np.ndindex(a.shape):
        u, p, _ = _law(a[i])
        mean[i] = np.sum(p * u)
        var[i] = np.sum(p * (u - mean[i]) ** 2)
    return mean * sigma, var * sigma**2


def rice_fisher(amplitude, sigma):
    """Fisher information of one Rician sample on its amplitude (1/amplitude^2)."""
    a, sigma = np.broadcast_arrays(np.asarray(amplitude) / sigma, sigma)
    info = np.empty(a.shape)
    for i in np.ndindex(a.shape):
        _, p, score = _law(a[i])
        info[i] = np.sum(p * score**2)
    return info / sigma**2


def rician_crlb(signal_fn, theta, sigma, rel_step=1e-3):
    """Lowest covariance an unbiased estimate of ``theta`` can have, sigma known.

    ``signal_fn(theta)`` gives the noise-free magnitudes, shape (n,), of theta, shape
    (p,). Its derivatives are five-point central differences with steps of
    ``rel_step * |theta|`` (``rel_step`` itself where theta is 0). Returns (p, p).
    """
    theta = np.asarray(theta, float)
    jac = []
    for j, value in enumerate(theta):
        h = np.zeros_like(theta)
        h[j] = rel_step * (abs(value) or 1.0)
        near = signal_fn(theta + h) - signal_fn(theta - h)
        far = signal_fn(theta + 2 * h) - signal_fn(theta - 2 * h)
        jac.append((8 * near - far) / (12 * h[j]))
    jac = np.array(jac)
    return np.linalg.inv((jac * rice_fisher(signal_fn(theta), sigma)) @ jac.T)


def _law(a):
    """Nodes u, probabilities p that sum to 1, and score at the nodes."""
    low, high = max(0.0, a - 12.0), a + 12.0
    u = (low + high) / 2 + (high - low) / 2 * _NODES
    j0, j1 = scaled_bessel(u * a)
    p = (high - low) / 2 * _WEIGHTS * u * np.exp(-((u - a) ** 2) / 2) * j0
    return u, p, u * j1 / j0 - a
