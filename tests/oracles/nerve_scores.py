"""How well a traced nerve agrees with the truth: Dice, 95 % Hausdorff distance in the plane, area. NumPy only.

All take boolean or fractional arrays of one grid, the axis across slices, and the slices that are to count.
"""

import numpy as np


def slices_of(array, axis, which):
    """The planes asked for, (slices, a, b)."""
    return np.moveaxis(np.asarray(array), axis, 0)[list(which)]


def held(truth, axis):
    """Slices in which the truth has a voxel of at least half."""
    planes = np.moveaxis(np.asarray(truth), axis, 0)
    return tuple(int(k) for k in np.flatnonzero((planes >= 0.5).any((1, 2))))


def dice(found, truth, axis, which):
    """2 |A and B| / (|A| + |B|) over all voxels of the slices; labels are coverages of at least half."""
    a, b = slices_of(found, axis, which) >= 0.5, slices_of(truth, axis, which) >= 0.5
    return 2.0 * (a & b).sum() / (a.sum() + b.sum())


def edge_points(mask, spacing):
    """(n, 2) mm: middles of the sides of pixels at which a mask ends."""
    padded = np.pad(np.asarray(mask, bool), 1)
    points = []
    for axis in (0, 1):
        changes = np.argwhere(np.diff(padded.astype(np.int8), axis=axis) != 0).astype(float)
        changes[:, axis] += 0.5
        points.append(changes)
    return (np.concatenate(points) - 1.0) * np.asarray(spacing)


def hausdorff_95(found, truth, axis, which, spacing):
    """The larger of the two 95th percentiles of edge-to-edge distances (mm), in the plane, pooled over slices that hold both.

    ``spacing``: mm along the three axes. NaN where no slice holds both.
    """
    pixel = [s for n, s in enumerate(spacing) if n != axis]
    there, back = [], []
    for a, b in zip(slices_of(found, axis, which), slices_of(truth, axis, which), strict=True):
        if not (a >= 0.5).any() or not (b >= 0.5).any():
            continue
        one, other = edge_points(a >= 0.5, pixel), edge_points(b >= 0.5, pixel)
        away = np.hypot(*(one[:, None] - other).transpose(2, 0, 1))
        there.append(away.min(1))
        back.append(away.min(0))
    if not there:
        return float("nan")
    return float(max(np.percentile(np.concatenate(there), 95), np.percentile(np.concatenate(back), 95)))


def area_bias(areas, truth, axis, spacing):
    """Relative error of the summed in-plane area over the slices of ``areas`` (slice -> mm2) that the truth holds too."""
    pixel = float(np.prod([s for n, s in enumerate(spacing) if n != axis]))
    planes = np.moveaxis(np.asarray(truth), axis, 0)
    both = [k for k in areas if planes[k].sum() > 0]
    true = sum(float(planes[k].sum()) for k in both) * pixel
    return sum(areas[k] for k in both) / true - 1.0 if true else float("nan")
