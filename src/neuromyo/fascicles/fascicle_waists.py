r"""Round things that touch, taken apart at their waists.

What hangs together is one thing, unless it has a waist: it is divided where its distance from the border, d, has maxima that are
parted by a saddle lower than the lower of them by a fifth of it (and by half a part).

*Assumes* things without waists of their own. *Breaks* where two divide or join.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: how deep a waist is that divides, relative to the thinner half's radius
WAIST = 0.2


def divided(mask: np.ndarray, step_mm: tuple[float, float]) -> np.ndarray:
    """Parts of a plane's mask, numbered from 1; 0 outside the mask."""
    from skimage.measure import label
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    deep = np.asarray(ndimage.distance_transform_edt(mask, sampling=step_mm))
    least = 0.5 * float(np.sqrt(step_mm[0] * step_mm[1]))
    floor = np.maximum(np.minimum((1.0 - WAIST) * deep, deep - least), 0.0)
    raised = reconstruction(floor, deep, method="dilation")
    tops = np.asarray(label((deep > raised) & mask, connectivity=2), int)
    return watershed(-deep, _each_has_one(tops, mask, deep), mask=mask)


def owners(parts: np.ndarray) -> np.ndarray:
    """Every place of the plane is given to the part nearest to it; 0 where there is none at all."""
    if not parts.any():
        return parts
    nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    return parts[tuple(np.asarray(nearest))]


def _each_has_one(tops: np.ndarray, mask: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Every connected part has a top at least: the deepest point of those that were left without."""
    from skimage.measure import label

    whole = np.asarray(label(mask, connectivity=1))
    tops = tops.copy()
    for index in np.setdiff1d(np.unique(whole[mask]), np.unique(whole[tops > 0])):
        at = np.unravel_index(np.argmax(np.where(whole == index, deep, -1.0)), deep.shape)
        tops[at] = tops.max() + 1
    return tops
