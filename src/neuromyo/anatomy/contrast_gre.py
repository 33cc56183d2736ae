r"""What complex gradient echoes tell about tissue at a glance: how bright it is, and how much of it is fat.

.. math:: S_n = (w + f\,c_n)\, e^{2\pi i s \psi t_n - R_2^* t_n}\, e^{i\theta(-1)^n}

The field psi is chosen for the whole leg at once (`fit.field_map`), water and fat follow voxel by voxel, and the sense s and the
readout's phase theta are told from the data as `fit` tells them. Fatness is :math:`\Re(f (w+f)^*) / |w+f|^2`, brightness
:math:`|w+f|` at the first echo. T1 weighting is left as it is, which makes fat look a little fatter; a region needs no better.

Voxels in which there is nothing to separate (air) are left out. Of very fine images the field is sought in every second or third
voxel along each in-plane axis, so that memory stays within a few hundred bytes a voxel of the leg.

*Assumes* at least three different echo times and a known field strength. *Breaks* where the echoes cannot tell fat from water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy import contrast
from neuromyo.anatomy.contrast import Contrast, Scale
from neuromyo.core.errors import DataError, ProtocolError
from neuromyo.core.series import Series
from neuromyo.fit import field_map, precession, readout_phase
from neuromyo.fit.water_fat import fat_fraction, separate
from neuromyo.physics import fat

#: of the fat fraction
FAT_SCALE = Scale((0.35, 0.6), (-0.1, 1.1), pure=0.8, fluid=float("inf"), muscle_to_fat=0.8)
#: most voxels in which the field is sought
_MOST_VOXELS = 800_000
#: R2* (1/s) where three echoes cannot tell it, and where it starts
_USUAL_R2STAR = 40.0
#: R2* (1/s) that is taken for what it is; bone's is beyond
_R2STAR = (-50.0, 500.0)
#: share of the signal's power that water and fat leave unexplained in noise, halved
_UNEXPLAINED = 0.15
_BLOCK = 8192
#: echoes used at most: later ones say little about fat
_MOST_ECHOES = 8


@dataclass(frozen=True, eq=False)
class _Model:
    """Echo times (n,) s, fat's signal (n,), sense of precession, R2* where it is held, the volumes used."""

    times: np.ndarray
    fat: np.ndarray
    sign: int
    rate: float | None
    volumes: np.ndarray


@dataclass(frozen=True, eq=False)
class _Field:
    """Field (Hz) and readout phase (rad, or None), (a, b, z) of a box taken at every ``step``-th voxel in-plane."""

    hz: np.ndarray
    theta: np.ndarray | None
    step: int

    def at(self, k: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | float]:
        """Both in the voxels (a, b) of slice k."""
        index = np.ix_(np.arange(shape[0]) // self.step, np.arange(shape[1]) // self.step)
        return self.hz[..., k][index], 0.0 if self.theta is None else self.theta[..., k][index]


def measure(series: Series) -> Contrast:
    """Brightness, fat fraction and body of complex gradient echoes.

    Raises E-ECHO-COUNT where there are fewer than three different echo times, E-NEEDS without field strength and imaging
    frequency, E-NOSIGNAL where there is no body, or nothing in it that water and fat explain.
    """
    model = _model(series)
    a, b = series.grid.in_plane_axes
    spacing = (series.grid.spacing_mm[a], series.grid.spacing_mm[b])
    body = contrast.tissue(_strength(series, spacing), spacing, series.name)
    box = ndimage.find_objects(body.astype(np.uint8))[0]
    model, field = _field(series, model, body, box)
    bright, fatness = (np.zeros(body.shape, np.float32) for _ in range(2))
    left: list[np.ndarray] = []
    for k, samples in _samples(series, model, box):
        inside = body[box][..., k]
        amplitude, ratio, unexplained = _slice(samples, inside, model, field, k, spacing)
        bright[box][..., k], fatness[box][..., k] = amplitude, ratio
        left.append(unexplained)
    if not np.median(np.concatenate(left)) < _UNEXPLAINED:
        raise contrast.no_signal(series.name, "echoes that water and fat do not explain")
    return Contrast(bright / bright.max(), fatness, body, spacing, FAT_SCALE)


def _model(series: Series) -> _Model:
    """Echoes and fat's signal, turning in the positive sense."""
    acquisition = series.acquisition
    stated = np.asarray(acquisition.echo_times if acquisition.echo_times is not None else (), float)
    if len(stated) != series.n or len(np.unique(stated)) < max(3, len(stated)) or not np.isfinite(stated).all():
        raise DataError("E-ECHO-COUNT", where=series.name, needed="at least three different echo times, one a volume",
                        found=f"{len(np.unique(stated))} different ones for {series.n} volumes")  # fmt: skip
    if acquisition.field_strength is None and acquisition.imaging_frequency_hz is None:
        raise ProtocolError("E-NEEDS", where=series.name, needed="the field strength or the imaging frequency",
                            found="neither in the sidecar", remedy="add MagneticFieldStrength or ImagingFrequency")  # fmt: skip
    volumes = np.argsort(stated, kind="stable")[:_MOST_ECHOES]
    times = stated[volumes]
    phasor = fat.phasor(
        fat.DEFAULT_SPECTRUM, times, field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz,
    )  # fmt: skip
    return _Model(times, phasor, 1, _USUAL_R2STAR if len(times) == 3 else None, volumes)


def _strength(series: Series, spacing: tuple[float, float]) -> np.ndarray:
    """Root mean square over all echoes (a, b, z), smoothed: fat and water that cancel in one echo do not in all."""
    a, b = series.grid.in_plane_axes
    shape = (series.grid.shape[a], series.grid.shape[b], series.grid.shape[series.grid.slice_axis])
    out = np.empty(shape, np.float32)
    sigma = tuple(contrast.SMOOTH_MM / s for s in spacing)
    for k, echoes in contrast.slices(series):
        power = np.mean(np.square(echoes, dtype=np.float64), axis=-1)
        out[..., k] = np.sqrt(ndimage.gaussian_filter(power, sigma, mode="nearest"))
    top = out.max(initial=0.0)
    if not top > 0 or np.ptp(out) <= 1e-6 * top:
        raise contrast.no_signal(series.name, "a constant or empty image")
    return out


def _samples(series: Series, model: _Model, box: tuple[slice, ...]):
    """(slice's number within the box, complex64 (a, b, n)) with ascending echoes."""
    axis = series.grid.slice_axis
    for k in range(box[2].start, box[2].stop):
        block = [slice(None)] * 3
        block[axis] = slice(k, k + 1)
        voxels = series.read((block[0], block[1], block[2])).squeeze(axis)[box[0], box[1]]
        yield k - box[2].start, np.ascontiguousarray(voxels[..., model.volumes], dtype=np.complex64)


def _field(series: Series, model: _Model, body: np.ndarray, box: tuple[slice, ...]) -> tuple[_Model, _Field]:
    """The model with the sense of precession, and the field all over the box."""
    step = int(np.ceil(np.sqrt(body.sum() / _MOST_VOXELS)))
    samples = np.stack([s[::step, ::step] for _, s in _samples(series, model, box)], axis=2)
    mask = body[box][::step, ::step] & field_map.finite_voxels(samples)
    if not mask.any():
        raise contrast.no_signal(series.name, "no finite sample in what is tissue")
    model = _sensed(samples, mask, model, series.acquisition.precession_sign)
    a, b = series.grid.in_plane_axes
    sizes = series.grid.spacing_mm
    spacing = (step * sizes[a], step * sizes[b], sizes[series.grid.slice_axis])
    sign = model.sign
    theta = None
    if model.rate is None:
        theta = readout_phase.estimate(samples, model.times, model.fat, mask, spacing, precession_sign=sign)
    if theta is not None and np.sqrt(np.mean(theta[mask] ** 2)) < readout_phase.NEGLIGIBLE:
        theta = None
    found = field_map.field_map(
        samples, model.times, model.fat, mask, spacing, precession_sign=sign, theta=theta, r2star=model.rate
    )
    nearest = np.asarray(ndimage.distance_transform_edt(~mask, spacing, return_distances=False, return_indices=True))
    return model, _Field(found.field_hz[tuple(nearest)], theta, step)


def _sensed(samples: np.ndarray, mask: np.ndarray, model: _Model, stated: int | None) -> _Model:
    """The sense of precession: what the fat clearly says, else what the files state, else positive."""
    found, evidence = precession.precession_sign(samples, model.times, model.fat, mask, r2star=model.rate)
    sign = found if evidence.decided else stated or 1
    return _Model(model.times, model.fat if sign > 0 else model.fat.conj(), sign, model.rate, model.volumes)


def _slice(
    samples: np.ndarray, inside: np.ndarray, model: _Model, field: _Field, k: int, spacing: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brightness and fatness (a, b) of one slice, and the share of power (m,) that the fit leaves in its voxels."""
    start, theta = field.at(k, inside.shape)
    power = np.einsum("abn,abn->ab", samples, samples.conj()).real
    usable = inside & np.isfinite(power) & (power > 0)
    order = np.flatnonzero(usable)
    turn = np.broadcast_to(theta, inside.shape).ravel()
    total, fatty, left = (np.zeros(inside.size) for _ in range(3))
    flat = samples.reshape(-1, samples.shape[-1])
    for part in field_map.blocks(order, _BLOCK):
        here = order[part]
        fit = separate(
            flat[here], model.times, model.fat, start.ravel()[here], _USUAL_R2STAR, precession_sign=model.sign,
            theta=turn[here], hold_r2star=model.rate is not None, covariance=False, r2star_bounds=_R2STAR,
        )  # fmt: skip
        seen = np.abs(fit.water + fit.fat) ** 2 * np.exp(-2 * fit.r2star * model.times[0])
        total[here] = np.nan_to_num(seen, posinf=0.0)
        fatty[here] = np.nan_to_num(seen * fat_fraction(fit.water, fit.fat), posinf=0.0, neginf=0.0)
        left[here] = fit.rss / power.ravel()[here]
    sigma = tuple(contrast.SMOOTH_MM / s for s in spacing)
    total, fatty = (ndimage.gaussian_filter(v.reshape(inside.shape), sigma, mode="nearest") for v in (total, fatty))
    ratio = np.where(inside, fatty / np.maximum(total, np.finfo(np.float32).tiny), 0.0)
    return np.sqrt(total).astype(np.float32), ratio.astype(np.float32), left[order]
