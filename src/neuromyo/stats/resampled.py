r"""Statistics of many samples at once, (..., n, k) -> (...): what the bootstrap and its measured coverage are made of.

NaN where a sample does not vary. The columns of each:

* ``mean``: (x)
* ``srm``, the standardised response mean, mean over standard deviation of changes: (change)
* ``correlation``, Pearson's: (x, y)
* ``partial``, of x and y with the further columns held: (x, y, z, ...)
* ``icc``, ICC(2,1) of cases read k times: (reading 1, reading 2, ...)
* ``difference``, of two correlations with one y, r(x1, y) - r(x2, y): (y, x1, x2)
* ``indirect``, the standardised product a b of x -> m -> y with x held in the second step: (x, m, y)

*Cites* Shrout & Fleiss, Psychol Bull 1979;86:420, doi:10.1037/0033-2909.86.2.420.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Statistic = Callable[[np.ndarray], np.ndarray]
Transform = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]


def mean(sample: np.ndarray) -> np.ndarray:
    """The mean of the first column."""
    return sample[..., 0].mean(axis=-1)


def srm(sample: np.ndarray) -> np.ndarray:
    """Mean over standard deviation of the first column."""
    x = sample[..., 0]
    return _over(x.mean(axis=-1), _sd(x))


def correlation(sample: np.ndarray) -> np.ndarray:
    """Pearson's r of the first two columns."""
    return _r(_centred(sample, 0), _centred(sample, 1))


def partial(sample: np.ndarray) -> np.ndarray:
    """Pearson's r of the first two columns, what the others explain taken out of both; NaN where one says nothing new."""
    x, y = _centred(sample, 0), _centred(sample, 1)
    others: list[np.ndarray] = []
    for j in range(2, sample.shape[-1]):
        z = _centred(sample, j)
        size = (z**2).sum(axis=-1)
        z = _swept(z, others)
        left = (z**2).sum(axis=-1)
        others.append(np.where((left > 1e-12 * size)[..., None], z, np.nan))
    return _r(_swept(x, others), _swept(y, others))


def icc(sample: np.ndarray) -> np.ndarray:
    """ICC(2,1), absolute agreement of single readings."""
    n, k = sample.shape[-2:]
    all_ = sample.mean(axis=(-2, -1))
    by_case, by_reader = sample.mean(axis=-1), sample.mean(axis=-2)
    total = ((sample - all_[..., None, None]) ** 2).sum(axis=(-2, -1))
    cases = k * ((by_case - all_[..., None]) ** 2).sum(axis=-1)
    readers = n * ((by_reader - all_[..., None]) ** 2).sum(axis=-1)
    error = (total - cases - readers) / ((n - 1) * (k - 1))
    cases, readers = cases / (n - 1), readers / (k - 1)
    return _over(cases - error, cases + (k - 1) * error + k / n * (readers - error))


def difference(sample: np.ndarray) -> np.ndarray:
    """r(x1, y) - r(x2, y) of columns (y, x1, x2)."""
    y = _centred(sample, 0)
    return _r(_centred(sample, 1), y) - _r(_centred(sample, 2), y)


def indirect(sample: np.ndarray) -> np.ndarray:
    """a b of x -> m -> y, columns (x, m, y), all in standard deviations: r_xm (r_my - r_xm r_xy) / (1 - r_xm^2)."""
    x, m, y = (_centred(sample, j) for j in range(3))
    a, r_my, r_xy = _r(x, m), _r(m, y), _r(x, y)
    return a * _over(r_my - a * r_xy, 1 - a**2)


def _fisher(r: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9))


#: by name
STATISTICS: dict[str, Statistic] = {
    "mean": mean, "srm": srm, "correlation": correlation, "partial": partial, "icc": icc, "difference": difference,
    "indirect": indirect,
}  # fmt: skip
#: the scale on which a studentised interval is made, where it is another
TRANSFORMS: dict[str, Transform] = dict.fromkeys(("correlation", "partial", "icc"), (_fisher, np.tanh))


def _centred(sample: np.ndarray, column: int) -> np.ndarray:
    x = sample[..., column]
    return x - x.mean(axis=-1, keepdims=True)


def _swept(x: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """x less its projections on ``others``, which are orthogonal to each other."""
    for z in others:
        x = x - _over((x * z).sum(axis=-1), (z**2).sum(axis=-1))[..., None] * z
    return x


def _r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation of centred columns (..., n)."""
    r = _over((x * y).sum(axis=-1), np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1)))
    return np.clip(r, -1.0, 1.0)


def _sd(x: np.ndarray) -> np.ndarray:
    return x.std(axis=-1, ddof=1)


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, NaN where b is not positive beyond rounding."""
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 1e-300)
