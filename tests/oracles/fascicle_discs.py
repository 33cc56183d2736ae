"""A nerve in cross-section, as round fascicles in epineurium within muscle, seen through voxels of a given size.

Everything is drawn on a fine grid of about 0.02 mm: an ellipse is the nerve, discs are its fascicles (the largest first, each at a
random place that leaves ``gap_mm`` free all around), all around it is muscle. The fine picture is smeared by a Gaussian of
``fwhm_mm`` and averaged over each voxel's box; the magnitude of that plus complex noise is what the scanner gives.
"""

from typing import NamedTuple

import numpy as np


class Discs(NamedTuple):
    """``image`` and ``coverage`` are (n, n, slices); voxel centres lie at (index - (n - 1) / 2) * pixel_mm around the middle."""

    image: np.ndarray
    coverage: np.ndarray
    fraction: np.ndarray  # (slices,) fascicular area over the nerve's area
    count: np.ndarray  # (slices,)
    areas_mm2: list  # one array a slice
    outlines_mm: list  # one (m, 2) polygon a slice, around the middle
    nerve_mm2: np.ndarray
    bright: np.ndarray  # (slices,) share of fascicular area that is bright
    sigma: float


def make(
    pixel_mm,
    *,
    seed,
    slices=1,
    diameters_mm=(0.3, 0.6),
    nerve_mm2=8.0,
    fraction=0.45,
    gap_mm=0.08,
    fwhm_mm=None,
    snr=25.0,
    fascicle=1.0,
    epineurium=0.25,
    muscle=0.5,
    gain=0.0,
    spread=0.0,
    bright_share=0.0,
    bright=1.0,
    axes=1.3,
    margin_mm=2.5,
):
    """``snr``: the brightest of fascicle and epineurium over sigma; ``gain``: relative change of the coil's sensitivity per mm;
    ``spread``: relative sd of the signal between fascicles; ``bright_share`` of them are ``bright`` times as bright."""
    rng = np.random.default_rng(seed)
    fwhm_mm = pixel_mm if fwhm_mm is None else fwhm_mm
    sigma = max(fascicle, epineurium) / snr
    minor = np.sqrt(nerve_mm2 / np.pi / axes)
    n = 2 * int(np.ceil((minor * axes + margin_mm) / pixel_mm)) + 1
    fine = max(3, int(np.ceil(pixel_mm / 0.02)) | 1)
    made = [_slice(rng, pixel_mm, n, fine, minor, minor * axes, diameters_mm, fraction, gap_mm, fwhm_mm, fascicle, epineurium,
                   muscle, gain, spread, bright_share, bright) for _ in range(slices)]  # fmt: skip
    clean = np.stack([m[0] for m in made], -1)
    noisy = np.abs(clean + sigma * (rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape)))
    column = [np.array([m[i] for m in made]) for i in (2, 3, 6, 7)]
    return Discs(noisy, np.stack([m[1] for m in made], -1), column[0], column[1], [m[4] for m in made], [m[5] for m in made],
                 column[2], column[3], sigma)  # fmt: skip


def _slice(
    rng, pixel, n, fine, a, b, diameters, fraction, gap, fwhm, fascicle, epineurium, muscle, gain, spread, share, bright
):
    h = pixel / fine
    line = (np.arange(n * fine) - (n * fine - 1) / 2) * h
    x, y = np.meshgrid(line, line, indexing="ij")
    turn, centre = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5, 2) * pixel
    u = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
    v = -(x - centre[0]) * np.sin(turn) + (y - centre[1]) * np.cos(turn)
    nerve = (u / b) ** 2 + (v / a) ** 2 <= 1
    discs, bright_ones = _place(rng, x, y, nerve, h, diameters, fraction, gap), []
    picture = np.where(nerve, epineurium, muscle).astype(float)
    inside = np.zeros(picture.shape, bool)
    for px, py, radius in discs:
        disc = (x - px) ** 2 + (y - py) ** 2 <= radius**2
        bright_ones.append(rng.uniform() < share)
        picture[disc] = fascicle * (bright if bright_ones[-1] else 1.0) * (1 + spread * rng.standard_normal())
        inside |= disc
    picture *= 1 + gain * x
    areas = np.array([np.pi * d[2] ** 2 for d in discs])
    phi = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    pu, pv = b * np.cos(phi), a * np.sin(phi)
    outline = np.stack([pu * np.cos(turn) - pv * np.sin(turn), pu * np.sin(turn) + pv * np.cos(turn)], -1) + centre
    total = inside.sum() / nerve.sum()
    return (_boxes(_smear(picture, fwhm / 2.3548 / h), n, fine), _boxes(nerve.astype(float), n, fine), total, len(discs), areas,
            outline, nerve.sum() * h * h, areas[np.array(bright_ones, bool)].sum() / areas.sum())  # fmt: skip


def _place(rng, x, y, nerve, h, diameters, fraction, gap):
    """Discs of random diameter, the largest first, until their area is the share asked for or nothing fits any more."""
    wanted, total, radii = fraction * nerve.sum() * h * h, 0.0, []
    while total < wanted:
        radii.append(rng.uniform(*diameters) / 2)
        total += np.pi * radii[-1] ** 2
    rim = nerve & ~(np.roll(nerve, 1, 0) & np.roll(nerve, -1, 0) & np.roll(nerve, 1, 1) & np.roll(nerve, -1, 1))
    rx, ry = x[rim], y[rim]
    px, py = x[nerve], y[nerve]
    free = np.full(px.shape, np.inf)
    for qx, qy in zip(rx, ry, strict=True):
        free = np.minimum(free, (px - qx) ** 2 + (py - qy) ** 2)
    free = np.sqrt(free) - h
    discs = []
    for radius in sorted(radii, reverse=True):
        places = np.flatnonzero(free >= radius + (0.5 * gap if not discs else gap))
        if places.size:
            at = rng.choice(places)
            discs.append((px[at], py[at], radius))
            free = np.minimum(free, np.hypot(px - px[at], py - py[at]) - radius)
    return discs


def _smear(picture, sd):
    if sd <= 0:
        return picture
    reach = int(np.ceil(4 * sd))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(picture, [(reach, reach) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
        length = picture.shape[axis]
        cut = [np.take(padded, range(i, i + length), axis) for i in range(2 * reach + 1)]
        picture = sum(k * c for k, c in zip(kernel, cut, strict=True))
    return picture


def _boxes(picture, n, fine):
    return picture.reshape(n, fine, n, fine).mean(axis=(1, 3))
