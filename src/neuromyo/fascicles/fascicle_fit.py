r"""Which part of a nerve's section is fascicle: two classes of signal, told apart under the point-spread function.

Every voxel's signal is a mixture of four,

.. math:: y = b\,[m_E\, A 1 + (m_F - m_E)\, A u + (m_R - m_E)\, A r] + (1 - A 1)\, o + \text{noise}

with u = 1 where a fine part of the section is fascicle and 0 where it is epineurium, r = 1 in the rim along the outline, where the
nerve's sheath has a signal m_R of its own (there u = 0; `fascicle_sheet`), A what the scanner does, b the coil's sensitivity (a plane,
1 in the middle), o what lies outside the outline. u minimises

.. math:: \frac12 \sum \frac{(y - \hat y)^2}{\sigma^2} + \lambda P(u), \qquad
          P = 3\sqrt2 \int \frac{\epsilon}{2} |\nabla u|^2 + \frac{u^2 (1 - u)^2}{\epsilon}

where P is near the length of the border between the classes and drives u to 0 or 1; u and the means m_E, m_F, m_R are found in turns.
Voxels that are purely one class are not needed: what ties the means down is that a part is either. A threshold
on y has no such tie: it counts voxels, and calls small fascicles epineurium. The mean of the magnitude's noise (Rice) is taken out.

The means are fitted together with a shift of all edges by a part or so, which would otherwise pass for contrast. Once
fascicles stand apart, each is given its own m_F in the same way, with a prior about that of all.

*Assumes* one signal for all epineurium of a section, up to the coil. *Breaks* where fascicles
are smaller than the point-spread function is wide: size and signal are then exchangeable; `resolvable.verdict` says where.

*Cites* the phase field as a length: Modica, Arch Ration Mech Anal 1987;98:123, doi:10.1007/BF00251230.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from neuromyo.fascicles.fascicle_sheet import Sheet
from neuromyo.fascicles.fascicle_waists import divided, owners
from neuromyo.physics.noise import rice_mean

#: price of border, in units of log-likelihood per border of one voxel's length
BORDER = 0.5
#: prior standard deviation of the coil's slope, per mm
SLOPE = 0.02
#: voxels with less of the nerve in them are not looked at
LEAST_SHARE = 0.05
#: prior standard deviation of a fascicle's signal about that of all, relative to the contrast
SPREAD = 0.15
#: the same of where its edge lies, in parts of the fine grid
EDGE = 0.5
#: no voxel is believed better than to this share of the brightest: the model is no truer
FLOOR = 0.01
#: a layer against the rim that is thinner than this is no fascicle, where nothing is known of their sizes
THIN_MM = 0.15
#: turns at most, turns in which all fascicles are alike, steps a turn; a turn that moves the share less (and the coil less than thrice
#: that) is the last
_ROUNDS, _ALIKE, _STEPS, _STILL = 8, 2, 15, 1e-3


@dataclass(frozen=True, eq=False)
class Mixture:
    """What was found in one section, of n images.

    picture : u on the fine grid, 0 to 1, 0 outside the outline
    epineurium, fascicle, rim : (n,) signals of the classes in the middle of the section; of the rim NaN where there is none
    gain : (n, a, b) coil sensitivity relative to the middle
    seen : (n, a, b) signal within the outline alone: the image less what comes from outside, less the noise's mean
    covered, share : (a, b) A 1 and A u
    own : (n, fine grid) contrast of the fascicle nearest by, relative to that of all
    fraction : fascicle over nerve; ``noise_se`` what noise in the voxels does to it, u given
    misfit : root mean square residual over sigma, of voxels that lie within the outline with nine tenths of their signal
    price : what was minimised, by which blurs and rims are compared
    """

    sheet: Sheet
    picture: np.ndarray
    epineurium: np.ndarray
    fascicle: np.ndarray
    rim: np.ndarray
    gain: np.ndarray
    seen: np.ndarray
    covered: np.ndarray
    share: np.ndarray
    own: np.ndarray
    sigma: np.ndarray
    fraction: float
    noise_se: float
    misfit: float
    price: float

    @property
    def contrast(self) -> float:
        """Contrast to noise of the image that has most: difference of the classes over sigma."""
        return float(np.max(np.abs(self.fascicle - self.epineurium) / self.sigma))


def fit(
    sheet: Sheet, planes: np.ndarray, sigma: Sequence[float], brighter: Sequence[bool], thin_mm: float = THIN_MM
) -> Mixture:
    """The mixture of a section.

    planes : (n, a, b) images of the sheet's window; not finite is left out
    sigma : (n,) noise per real channel
    brighter : (n,) whether fascicles are the brighter class
    thin_mm : what is thinner than this and lies against the rim is the sheath's, not a fascicle
    """
    state = _State(sheet, np.asarray(planes, dtype=np.float64), np.asarray(sigma, dtype=np.float64))
    picture = state.begin(brighter)
    for turn in range(_ROUNDS):
        if turn >= _ALIKE:
            state.single_out(picture)
        coil = state.gain.copy()
        state.steady(picture)
        last, picture = picture, state.without_slivers(state.descend(picture), thin_mm)
        still = abs(state.fraction(picture) - state.fraction(last)) < _STILL
        if turn > _ALIKE and still and float(np.abs(state.gain - coil).max()) < 3.0 * _STILL:
            break
    return state.result(picture)


def thin_mm(fascicle_mm: tuple[float, float]) -> float:
    """Half the smallest diameter: no fascicle is thinner."""
    return 0.5 * fascicle_mm[0]


class _State:
    """What is held while one section is fitted; pictures are of the part of the fine grid that holds the nerve."""

    def __init__(self, sheet: Sheet, planes: np.ndarray, sigma: np.ndarray) -> None:
        self.sheet, self.sigma = sheet, sigma
        self.at = sheet.box()
        self.core = sheet.core[self.at]
        self.covered = np.clip(sheet.see(sheet.inside[self.at], self.at), 0.0, 1.0)
        self.rim = sheet.see(sheet.rim[self.at], self.at) if sheet.rim.any() else None
        outside, unsure = _outside(planes, self.covered)
        self.from_outside = (1.0 - self.covered) * outside
        least = FLOOR * np.nanmax(np.abs(planes), axis=(1, 2))
        variance = np.maximum(sigma, least)[:, None, None] ** 2 + ((1.0 - self.covered) * unsure[:, None, None]) ** 2
        used = np.isfinite(planes) & (self.covered > LEAST_SHARE)
        self.weight = np.where(used, 1.0 / variance, 0.0)
        self.planes = np.where(np.isfinite(planes), planes, 0.0)
        self.gain = np.ones(planes.shape)
        self.excess = np.zeros(planes.shape)
        self.own = np.ones((len(planes), *self.core.shape))
        self.where = self.core > 0.0
        self.fences = _fences(self.where)
        self.length = BORDER / np.sqrt(sheet.pixel_mm[0] * sheet.pixel_mm[1])
        self.at_mm = _places(sheet, self.covered)

    def begin(self, brighter: Sequence[bool]) -> np.ndarray:
        """A first picture: the image itself, stretched between its darkest and its brightest within the nerve."""
        core = self.covered > 0.9 if (self.covered > 0.9).sum() >= 9 else self.covered > 0.5
        first = np.zeros(self.core.shape)
        for plane, up in zip(self._inner(), brighter, strict=True):
            low, high = np.percentile(plane[core], (8.0, 92.0))
            share = np.clip((plane / np.maximum(self.covered, 0.2) - low) / max(high - low, 1e-12), 0.0, 1.0)
            fine = ndimage.zoom(share if up else 1.0 - share, self.sheet.fine, order=1, grid_mode=True, mode="nearest")
            first = first + np.asarray(fine)[self.at] / len(self.planes)
        return first * self.where

    def fraction(self, picture: np.ndarray) -> float:
        """Fascicle over nerve."""
        return float((picture * self.core).sum() / self.sheet.inside.sum())

    def descend(self, picture: np.ndarray) -> np.ndarray:
        found = optimize.minimize(self._price, picture[self.where], jac=True, method="L-BFGS-B", bounds=optimize.Bounds(0.0, 1.0),
                                  options={"maxiter": _STEPS, "maxcor": 8})  # fmt: skip
        return self._on_grid(found.x)

    def without_slivers(self, picture: np.ndarray, thin_mm: float) -> np.ndarray:
        """The picture less thin layers against the rim: sheaths are not of one thickness all around."""
        if self.rim is None:
            return picture
        black = picture > 0.5
        parts = divided(black, self.sheet.step_mm)
        deep = np.asarray(ndimage.distance_transform_edt(black, sampling=self.sheet.step_mm))
        index = np.arange(1, int(parts.max()) + 1)
        if not index.size:
            return picture
        width = 2.0 * np.asarray(ndimage.maximum(deep, parts, index)) - float(np.mean(self.sheet.step_mm))
        beside = np.asarray(ndimage.binary_dilation(self.core < 0.5, iterations=2), bool)
        touches = np.bincount(parts[beside], minlength=len(index) + 1)[1:] > 0
        sliver = np.concatenate(([False], touches & (width < thin_mm)))
        return np.where(sliver[parts], 0.0, picture)

    def steady(self, picture: np.ndarray) -> None:
        """The classes' means, the coil's slope and the noise's mean, from the picture made black and white."""
        black = picture > 0.5
        share = self._shares(black * 1.0)
        self.means = self._means(share, self._shares(_ring(black) * 1.0))
        flat = self._flat(share)
        inner = self._inner()
        for k in range(len(self.planes)):
            basis = np.stack([flat[k] * at for at in self.at_mm] + self._classes(share[k])).reshape(-1, flat[k].size).T
            w = self.weight[k].ravel()[:, None]
            left = basis.T @ (w * basis)
            left[[0, 1], [0, 1]] += SLOPE**-2
            right = basis.T @ (w[:, 0] * inner[k].ravel())
            slope = np.linalg.lstsq(left, right, rcond=None)[0][:2]
            self.gain[k] = np.maximum(1.0 + slope[0] * self.at_mm[0] + slope[1] * self.at_mm[1], 0.2)
            model = np.maximum(self.gain[k] * flat[k] + self.from_outside[k], 0.0)
            self.excess[k] = rice_mean(model, self.sigma[k]) - model

    def result(self, picture: np.ndarray) -> Mixture:
        share = self._shares(picture)
        low, step, rim = self.means
        model = self.gain * self._flat(share)
        inner = self._inner()
        deep = np.where(self.covered > 0.9, self.weight, 0.0)
        deep = deep if np.count_nonzero(deep) >= 9 else self.weight
        misfit = np.sqrt(np.sum(deep * (inner - model) ** 2) / max(np.count_nonzero(deep), 1))
        fraction = self.fraction(picture)
        whole = np.zeros(self.sheet.inside.shape)
        whole[self.at] = picture
        own = np.ones((len(self.own), *whole.shape))
        own[:, *self.at] = self.own
        return Mixture(self.sheet, whole, low, low + step, low + rim if self.rim is not None else np.full(len(low), np.nan),
                       self.gain.copy(), inner, self.covered, self.sheet.see(picture * self.core, self.at), own, self.sigma,
                       fraction, self._noise_se(share, step, fraction), float(misfit),
                       self._price(picture[self.where])[0])  # fmt: skip

    def single_out(self, picture: np.ndarray) -> None:
        """Each fascicle's own signal, relative to that of all: some are brighter."""
        owner = owners(divided(picture > 0.5, self.sheet.step_mm))
        n = int(owner.max())
        if n < 2:
            return
        black = picture > 0.5
        seen = np.stack([self._one_by_one(what * self.core, owner) for what in (black, _ring(black))])
        seen = seen.reshape(2 * n, -1).T
        prior = np.diag(np.repeat([SPREAD**-2, EDGE**-2], n))
        _, step, _ = self.means
        others = self._flat(np.zeros(self.planes.shape))
        for k, inner in enumerate(self._inner()):
            gain, w = self.gain[k].ravel(), self.weight[k].ravel()
            basis = gain[:, None] * step[k] * seen
            rest = (inner - self.gain[k] * others[k]).ravel() - basis[:, :n].sum(axis=1)
            own = 1.0 + np.linalg.solve(basis.T @ (w[:, None] * basis) + prior, basis.T @ (w * rest))[:n]
            self.own[k] = np.clip(own, 0.4, 2.5)[owner - 1]

    def _one_by_one(self, picture: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """(m, a, b) what is seen of each owner's part of a picture."""
        first = self.at[0].start, self.at[1].start
        seen = []
        for index, box in enumerate(ndimage.find_objects(owner), 1):
            at = (
                slice(box[0].start + first[0], box[0].stop + first[0]),
                slice(box[1].start + first[1], box[1].stop + first[1]),
            )
            seen.append(self.sheet.see(picture[box] * (owner[box] == index), at))
        return np.stack(seen)

    def _shares(self, picture: np.ndarray) -> np.ndarray:
        """(n, a, b) A u, each fascicle by its own signal."""
        return np.stack([self.sheet.see(picture * self.core * own, self.at) for own in self.own])

    def _flat(self, share: np.ndarray) -> np.ndarray:
        """(n, a, b) the nerve as it would look under an even coil."""
        low, step, rim = self.means
        flat = low[:, None, None] * self.covered + step[:, None, None] * share
        return flat if self.rim is None else flat + rim[:, None, None] * self.rim

    def _classes(self, share: np.ndarray) -> list[np.ndarray]:
        return [self.covered, share] if self.rim is None else [self.covered, share, self.rim]

    def _inner(self) -> np.ndarray:
        return self.planes - self.excess - self.from_outside

    def _means(self, share: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,) m_E, m_F - m_E and m_R - m_E that fit best, wherever exactly the edges lie; no rim is darker than nothing."""
        found = []
        for k, inner in enumerate(self._inner()):
            classes = self._classes(share[k])
            means = [*self._fitted(k, inner, ring[k], classes), 0.0][:3]
            if self.rim is not None and means[0] + means[2] < 0.0:
                low, step = self._fitted(k, inner, ring[k], [classes[0] - classes[2], classes[1]])
                means = [low, step, -low]
            found.append(means)
        low, step, rim = np.array(found).T
        return low, step, rim

    def _fitted(self, k: int, inner: np.ndarray, ring: np.ndarray, classes: list[np.ndarray]) -> np.ndarray:
        """Signals of classes in image k, with the contrast of their edges set aside."""
        basis = (self.gain[k] * np.stack([ring, *classes])).reshape(-1, inner.size).T
        w = self.weight[k].ravel()
        left, right = basis.T @ (w[:, None] * basis), basis.T @ (w * inner.ravel())
        left[0, 0] += 1.0 / (EDGE * max(float(np.ptp(inner[self.covered > 0.5])), 1e-12)) ** 2
        return np.linalg.lstsq(left, right, rcond=None)[0][1:]

    def _price(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        picture = self._on_grid(values)
        share = self._shares(picture)
        wrong = self._inner() - self.gain * self._flat(share)
        pulls = self.weight * wrong * self.gain * self.means[1][:, None, None]
        pull = sum(self.sheet.back(one, self.at) * own for one, own in zip(pulls, self.own, strict=True))
        length, slope = _border(picture, self.fences, self.sheet.step_mm)
        price = 0.5 * float((self.weight * wrong**2).sum()) + self.length * length
        return price, (self.length * slope - pull * self.core)[self.where]

    def _on_grid(self, values: np.ndarray) -> np.ndarray:
        picture = np.zeros(self.where.shape)
        picture[self.where] = values
        return picture

    def _noise_se(self, share: np.ndarray, step: np.ndarray, fraction: float) -> float:
        """Of the fraction, from the information about the sum over voxels and about both means."""
        precision = 0.0
        total = self.covered.sum()
        for k in np.flatnonzero(step):
            a, b, w = self.gain[k] * self.covered, self.gain[k] * share[k], self.weight[k]
            information = np.array([[(w * a * a).sum(), (w * a * b).sum()], [(w * a * b).sum(), (w * b * b).sum()]])
            about = np.array([1.0, fraction]) / step[k]
            means = about @ np.linalg.pinv(information) @ about
            sums = (np.where(w > 0, 1.0 / np.where(w > 0, w, 1.0), 0.0) * (self.covered > LEAST_SHARE)).sum() / (
                step[k] * total
            ) ** 2
            precision += 1.0 / (means + sums)
        return float(precision**-0.5) if precision > 0.0 else float("nan")


def _border(
    picture: np.ndarray, fences: tuple[np.ndarray, np.ndarray], step_mm: tuple[float, float]
) -> tuple[float, np.ndarray]:
    """Length of the border in mm, and its slope with u; borders with what is not fenced in (`_fences`) are free."""
    area, width = step_mm[0] * step_mm[1], float(np.sqrt(step_mm[0] * step_mm[1]))
    well = picture * (1.0 - picture)
    slope = (2.0 / width) * well * (1.0 - 2.0 * picture)
    total = float(np.vdot(well, well)) / width
    for axis, mm in enumerate(step_mm):
        upper, lower = _ends(picture, axis)
        rise = (upper - lower) * fences[axis]
        total += 0.5 * width * float(np.vdot(rise, rise)) / mm**2
        rise *= width / mm**2
        slope[_end(axis, slice(1, None))] += rise
        slope[_end(axis, slice(None, -1))] -= rise
    scale = 3.0 * np.sqrt(2.0) * area
    return scale * total, scale * slope


def _fences(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Along both axes, 1 between neighbours that both may be fascicle."""
    first, second = (np.minimum(*_ends(where.astype(np.float64), axis)) for axis in (0, 1))
    return first, second


def _ring(black: np.ndarray) -> np.ndarray:
    """A part to either side of the border of what is black."""
    return np.asarray(ndimage.binary_dilation(black), bool) ^ np.asarray(ndimage.binary_erosion(black), bool)


def _ends(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    return values[_end(axis, slice(1, None))], values[_end(axis, slice(None, -1))]


def _end(axis: int, cut: slice) -> tuple[slice, slice]:
    return (cut, slice(None)) if axis == 0 else (slice(None), cut)


def _outside(planes: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, a, b) what the tissue just outside gives, carried inwards; (n,) how unsure that is."""
    carried, unsure = np.zeros(planes.shape), np.zeros(len(planes))
    near = np.asarray(ndimage.binary_dilation(covered > 0.02, iterations=3), bool) & (covered <= 0.02)
    for k, plane in enumerate(planes):
        known = (np.isfinite(plane) & (covered <= 0.02)).astype(float)
        if not known.any():
            continue
        values = np.where(known > 0, plane, 0.0)
        for width in (6.0, 1.2):
            weight = ndimage.gaussian_filter(known, width, truncate=3.0)
            smooth = ndimage.gaussian_filter(values, width, truncate=3.0) / np.maximum(weight, 1e-12)
            carried[k] = np.where(weight > 1e-3, smooth, carried[k] if width < 2.0 else values.sum() / known.sum())
        unsure[k] = 0.5 * float(np.std((plane - carried[k])[near & (known > 0)])) if (near & (known > 0)).any() else 0.0
    return carried, unsure


def _places(sheet: Sheet, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres from the middle of the section along both axes, each (a, b)."""
    axes = np.meshgrid(*(np.arange(n) * mm for n, mm in zip(sheet.shape, sheet.pixel_mm, strict=True)), indexing="ij")
    a, b = (axis - (axis * covered).sum() / covered.sum() for axis in axes)
    return a, b
