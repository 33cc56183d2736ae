r"""What a nerve looks like inside and what is around it: two histograms per image, and how much each brightness speaks for the nerve.

.. math:: L(v) = \sum_c \mathrm{clip}\left(\ln\frac{p_c(v_c\,|\,\mathrm{in})}{p_c(v_c\,|\,\mathrm{out})}, \pm 2.5\right)

A nerve is bright fascicles in darker or fatty epineurium, so that no single level and no mean describes it; histograms do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_BINS = 32
#: one brightness never decides alone: bound of the log ratio of an image; and the share of pixels that may be anything
_BOUND, _ANYTHING = 2.5, 0.02


@dataclass(frozen=True, eq=False)
class Look:
    """Densities (c, bins) of brightness inside and outside, between ``low`` and ``high`` (c,) of each image."""

    low: np.ndarray
    high: np.ndarray
    inside: np.ndarray
    outside: np.ndarray

    def ratio(self, values: np.ndarray, mute: np.ndarray | None = None) -> np.ndarray:
        """L for values (c, ...) -> (...); where ``mute`` (c, ...), an image cannot speak against the nerve."""
        table = np.clip(np.log(self.inside / self.outside), -_BOUND, _BOUND)
        out = np.zeros(values.shape[1:])
        for channel, image in enumerate(values):
            place = _place(image, self.low[channel], self.high[channel])
            under = np.floor(place).astype(int)
            part = place - under
            over = np.minimum(under + 1, _BINS - 1)
            speaks = (1.0 - part) * table[channel, under] + part * table[channel, over]
            out += speaks if mute is None else np.where(mute[channel], np.maximum(speaks, 0.0), speaks)
        return out

    def blend(self, newer: Look, share: float) -> Look:
        """Towards a newer look by ``share``."""
        return Look(self.low, self.high, (1 - share) * self.inside + share * newer.inside,
                    (1 - share) * self.outside + share * newer.outside)  # fmt: skip

    @property
    def distinct(self) -> float:
        """0 to 1: how little the two histograms overlap, in the image that tells them apart best."""
        overlap = np.minimum(self.inside, self.outside).sum(axis=1)
        return float(1.0 - overlap.min())


def scale_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) each (c,): the range of brightness that histograms cover, from a piece of an image (c, h, w)."""
    flat = values.reshape(len(values), -1)
    low, high = np.percentile(flat, 0.5, axis=1), np.percentile(flat, 99.5, axis=1)
    return low, np.where(high > low, high, low + 1.0)


def learn(values: np.ndarray, inside: np.ndarray, outside: np.ndarray, low: np.ndarray, high: np.ndarray) -> Look:
    """The look of samples (c, n) weighted as inside (n,) and as outside (n,)."""
    densities = [
        np.stack([_density(_place(v, lo, hi), weight) for v, lo, hi in zip(values, low, high, strict=True)])
        for weight in (inside, outside)
    ]
    return Look(low, high, densities[0], densities[1])


def _place(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0.0, 1.0) * (_BINS - 1)


def _density(place: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A histogram smoothed as much as its number of samples needs, with a floor."""
    count = np.bincount(np.rint(place).astype(int).ravel(), weights=weight.ravel(), minlength=_BINS)
    smooth = ndimage.gaussian_filter1d(count, 1.3, mode="nearest")
    total = smooth.sum()
    even = np.full(_BINS, 1.0 / _BINS)
    return even if not total > 0 else (1 - _ANYTHING) * smooth / total + _ANYTHING * even
