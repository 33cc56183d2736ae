r"""The outline of a nerve in one slice, from a guess of where it is and how large.

Along 64 rays a boundary may lie anywhere near the guess. What speaks for each place is counted in natural units (log likelihood):

.. math:: G(r, \theta) = \sum_c \frac{n}{2} \ln\frac{S_0 + n\sigma^2}{S_1 + n\sigma^2}
          + \alpha \int^r L(v(r', \theta))\, \frac{r'\,d\theta}{a}\,dr' - \frac{(r - r_p(\theta))^2}{2 s_p^2}

an edge, as the drop of the sum of squares from S0 (one level) to S1 (two levels under the blur of a pixel) within about a
millimetre along the ray; the look of what would lie inside (`trace_look`); and the outline expected from the slice before. The closed
path of most gain is found by dynamic programming, placed between samples by a parabola, and smoothed by a few harmonics.

*Assumes* an outline that each ray from its middle crosses once. *Breaks* where a nerve of 3:1 or flatter is bent like a banana.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

from neuromyo.nerve.contour import DIRECTIONS, N_ANGLES, Outline, around, best_path, peak_between, smoothed
from neuromyo.nerve.trace_look import Look, learn
from neuromyo.nerve.trace_stack import Piece

_TURN = 2.0 * np.pi / N_ANGLES
#: weight of the look against the edge: neighbouring pixels of one fascicle say the same
LOOK_WEIGHT = 1.0
#: harmonics that an outline may have
HARMONICS = 6
#: how far around a nerve its surroundings are learned
SURROUND_MM = 1.0
#: spread that an edge must exceed, as a share of the range of brightness; worth of an edge of the wrong sense
_FLOOR = 0.04
WRONG_SENSE = 0.3
#: share of the level of muscle under which a pixel holds less of muscle than of something darker
DARK = 0.75
#: stiffness of an outline where pixels are fine (natural units for a step of 0.12 mm from ray to ray)
STIFF = 0.15


@dataclass(frozen=True, eq=False)
class Cut:
    """An outline in one slice and what speaks for it.

    edge : (64,) gain of the boundary along each ray, natural units; clear : what counts as a boundary to be seen
    look : what is inside and around; rough : mm (root mean square) between the boundary found along rays and the smooth outline
    """

    outline: Outline
    look: Look
    edge: np.ndarray
    clear: float
    rough: float

    @property
    def closed(self) -> float:
        """Share of the circumference that has a boundary to be seen."""
        return float(np.mean(around(self.edge[:, None], 1.5) > self.clear))


@dataclass(frozen=True, eq=False)
class Expected:
    """What the slices before let one expect: radii (64,) mm and how far from them an outline may be (mm, one sd)."""

    radius: np.ndarray
    sd_mm: float


def levels(piece: Piece, outline: Outline, low: np.ndarray, high: np.ndarray) -> Look:
    """The look of what an outline encloses against what lies around it."""
    gap = 0.35 * piece.flat.pixel_mm
    reach = outline.radius.max() + max(SURROUND_MM, 1.5 * piece.flat.pixel_mm)
    step = min(0.25, 0.5 * piece.flat.pixel_mm)
    r = np.arange(0.5 * step, reach, step)
    places = outline.centre + r[None, :, None] * DIRECTIONS[:, None, :]
    values = piece.at(places)
    known = piece.known_at(places)
    inside = r[None] * known * (r[None] < np.maximum(outline.radius - gap, 0.4 * outline.radius)[:, None])
    beyond = r[None] - outline.radius[:, None]
    outside = r[None] * known * (beyond > gap) * (beyond < max(SURROUND_MM, 1.5 * piece.flat.pixel_mm))
    return learn(values.reshape(len(values), -1), inside.ravel(), outside.ravel(), low, high)


def gains(
    piece: Piece,
    outline: Outline,
    look: Look,
    half_mm: float,
    step_mm: float,
    *,
    band_mm: float,
    smear_mm: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(offsets (n,) mm from the outline, edge gain (64, n), look gain (64, n)).

    band_mm : how far to either side an edge is looked at; smear_mm : (2,) how far the nerve moves within the slice's thickness
    Only edges in images that show the boundary count (`Piece.shows_boundary`); what is dark in the others says nothing (`_mute`).
    """
    pixel = piece.flat.pixel_mm
    spread = np.zeros(N_ANGLES) if smear_mm is None else 0.5 * np.abs(DIRECTIONS @ smear_mm)
    pad = int(np.ceil((band_mm + float(spread.max())) / step_mm))
    n = int(np.ceil(half_mm / step_mm))
    offsets = np.arange(-n - pad, n + pad + 1) * step_mm
    r = outline.radius[:, None] + offsets[None]
    values = piece.at(outline.centre + r[..., None] * DIRECTIONS[:, None, :])
    values[:, r < 0] = piece.at(outline.centre[None])
    area = np.maximum(r, 0.2) * _TURN * 2 * band_mm / pixel**2
    turn = 0.35 * min(1.0, pixel) / (outline.radius.mean() * _TURN)
    group = np.ceil(spread / 0.3)
    edge = np.zeros(r.shape)
    shows = piece.shows_boundary
    for image, low, high, rises, tells in zip(values, look.low, look.high, piece.fat_is, shows, strict=True):
        if not tells:
            continue
        smooth = around(image, turn)
        for wide in np.unique(group):
            rows = group == wide
            template = _template(0.3 * wide, band_mm, step_mm, pixel)
            edge[rows] += _step_gain(smooth[rows], _FLOOR * (high - low), template, rises) * area[rows]
    speaks = look.ratio(values, _mute(piece, values)) * np.maximum(r, 0.0) * _TURN * step_mm / pixel**2
    total = np.cumsum(speaks, axis=1) - 0.5 * speaks
    kept = slice(pad, pad + 2 * n + 1)
    return offsets[kept], edge[:, kept], total[:, kept] - total[:, [pad + n]]


def _mute(piece: Piece, values: np.ndarray) -> np.ndarray:
    """Where (c, ...) an image cannot speak against the nerve: where fat is dark, so are the nerve's sheath and the fat within it; but
    what is as bright as muscle, the median around, is neither. Nowhere if no image shows the boundary."""
    level = DARK * np.median(piece.values, axis=(1, 2))
    return np.stack(
        [(v < dark) & (not tells) for v, dark, tells in zip(values, level, piece.shows_boundary, strict=True)]
    )


def _stiffness(piece: Piece, step_mm: float) -> float:
    """Cost of a step of one column from ray to ray: less where coarse pixels say less along a ray."""
    return STIFF * min(1.0, 0.4 / piece.flat.pixel_mm) * (step_mm / 0.12) ** 2


def _template(spread_mm: float, band_mm: float, step_mm: float, pixel: float) -> np.ndarray:
    """An edge of no mean: under the blur of a pixel, and under a slant that spreads it evenly to either side."""
    n = int(np.ceil((band_mm + 0.8 * spread_mm) / step_mm))
    at = np.arange(-n, n + 1) * step_mm
    blur = np.sqrt(2.0) * max(0.4 * pixel, 0.05)
    shifts = np.linspace(-spread_mm, spread_mm, 9) if spread_mm > 0 else np.zeros(1)
    template = np.mean([special.erf((at - by) / blur) for by in shifts], axis=0)
    return template - template.mean()


def _step_gain(profile: np.ndarray, noise: float, template: np.ndarray, rises: int) -> np.ndarray:
    """Half the log ratio of sums of squares, one level to two, for an edge at each sample; less for edges of the sense that fat
    around a nerve does not make, such as its own outer edge against muscle."""
    n = len(template)
    one = np.ones(n)
    mean = ndimage.correlate1d(profile, one / n, axis=1, mode="nearest")
    flat = ndimage.correlate1d(profile**2, one, axis=1, mode="nearest") - n * mean**2
    size = ndimage.correlate1d(profile, template, axis=1, mode="nearest")
    told = size**2 / np.sum(template**2)
    flat = np.maximum(flat, told)
    floor = n * noise**2
    gain = 0.5 * np.log((flat + floor) / (flat - told + floor))
    return np.where(size * rises < 0, WRONG_SENSE * gain, gain)


def settle(
    piece: Piece,
    outline: Outline,
    look: Look,
    expected: Expected | None,
    *,
    half_mm: float,
    rounds: int = 3,
    relearn: float = 0.0,
    harmonics: int = HARMONICS,
    smear_mm: np.ndarray | None = None,
) -> Cut:
    """The outline that gains most near a given one; ``relearn`` is the share of the look that each round renews."""
    band = max(0.7, 1.3 * piece.flat.pixel_mm)
    edge_at, rough = np.zeros(N_ANGLES), 0.0
    for turn in range(rounds):
        step = max(0.06, min(0.12, 0.25 * piece.flat.pixel_mm))
        half = min(half_mm / (1 + 0.5 * turn), 0.85 * float(outline.radius.max()))
        offsets, edge, inside = gains(piece, outline, look, half, step, band_mm=band, smear_mm=smear_mm)
        total = edge + LOOK_WEIGHT * inside
        r = outline.radius[:, None] + offsets[None]
        if expected is not None:
            total = total - 0.5 * ((r - expected.radius[:, None]) / expected.sd_mm) ** 2
        total = np.where(r > 0.35, total, total - 50.0)
        path = best_path(total, stiffness=_stiffness(piece, step), reach=5)
        between = peak_between(total, path)
        rows = np.arange(N_ANGLES)
        found = outline.radius + np.interp(between, np.arange(len(offsets)), offsets)
        edge_at = edge[rows, path]
        weight = 0.2 + np.clip(around(edge_at[:, None], 1.0)[:, 0], 0.0, 5.0)
        radius = np.maximum(smoothed(found, harmonics, weight), 0.3)
        rough = float(np.sqrt(np.mean((found - radius) ** 2)))
        outline = Outline(outline.centre, radius).recentred
        if relearn > 0.0:
            look = look.blend(levels(piece, outline, look.low, look.high), relearn)
    return Cut(outline, look, edge_at, float(np.clip(0.55 / piece.flat.pixel_mm, 0.4, 1.0)), rough)


def polished(piece: Piece, cut: Cut, smear_mm: np.ndarray | None = None, *, harmonics: int = HARMONICS) -> Cut:
    """The outline moved to the edge itself, by edges alone and in narrow bands, within a short way."""
    pixel = piece.flat.pixel_mm
    wide = 0.0 if smear_mm is None else 0.3 * float(np.linalg.norm(smear_mm))
    step, half = max(0.04, 0.12 * pixel), 0.3 + 0.5 * pixel + wide
    outline, rough = cut.outline, cut.rough
    for _ in range(2):
        offsets, edge, _ = gains(
            piece, outline, cut.look, half, step, band_mm=max(0.35, 0.8 * pixel), smear_mm=smear_mm
        )
        total = edge - 0.5 * (offsets[None] / max(0.3, 0.5 * half)) ** 2
        path = best_path(total, stiffness=_stiffness(piece, step), reach=5)
        found = outline.radius + np.interp(peak_between(total, path), np.arange(len(offsets)), offsets)
        weight = 0.2 + np.clip(around(edge[np.arange(N_ANGLES), path][:, None], 1.0)[:, 0], 0.0, 5.0)
        radius = np.maximum(smoothed(found, harmonics, weight), 0.3)
        rough = float(np.sqrt(np.mean((found - radius) ** 2)))
        outline = Outline(outline.centre, radius).recentred
    return Cut(outline, cut.look, cut.edge, cut.clear, rough)
