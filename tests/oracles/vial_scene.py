"""Vials painted by hand, with NumPy alone: discs of known values in a bath, at places computed here by their own formula.

Screen coordinates (x to the right, y up) are turned counter-clockwise as seen on the screen, then put into an image whose first
axis runs to the patient's right (so to the left of the screen).
"""

import numpy as np


def paint(
    places,
    values,
    *,
    shape=(96, 96, 5),
    spacing=(1.5, 1.5, 6.0),
    radius=9.0,
    turn_deg=0.0,
    shift=(0.0, 0.0),
    bath=None,
    bath_radius=66.0,
    mirror=False,
    missing=(),
    bubbles=None,
    noise=0.0,
    seed=0,
    wall=1.0,
    filled_slices=None,
):
    """(x, y, z) image: ``values`` in discs, ``bath`` around them (None: air), walls of ``wall`` mm without signal.

    bubbles : place -> share of the diameter, from the top of the screen, that is air
    """
    nx, ny, nz = shape
    ss = 4  # points a voxel along each in-plane axis, for partial volume
    i = (np.arange(nx * ss) + 0.5) / ss - 0.5
    j = (np.arange(ny * ss) + 0.5) / ss - 0.5
    x_screen = -(i - (nx - 1) / 2) * spacing[0]
    y_screen = (j - (ny - 1) / 2) * spacing[1]
    X, Y = np.meshgrid(x_screen, y_screen, indexing="ij")
    plane = np.zeros(X.shape)
    if bath is not None:
        plane[np.hypot(X - shift[0], Y - shift[1]) < bath_radius] = bath
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    for n, ((px, py), value) in enumerate(zip(places, values, strict=True)):
        if mirror:
            px = -px
        cx, cy = c * px - s * py + shift[0], s * px + c * py + shift[1]
        if n in missing:
            continue
        away = np.hypot(X - cx, Y - cy)
        plane[away < radius + wall] = 0.0
        inside = away < radius
        top = (bubbles or {}).get(n, 0.0)
        plane[inside & (Y - cy < radius * (1 - 2 * top))] = value
    coarse = plane.reshape(nx, ss, ny, ss).mean((1, 3))
    image = np.repeat(coarse[:, :, None], nz, axis=2)
    if filled_slices is not None:
        keep = np.zeros(nz, bool)
        keep[list(filled_slices)] = True
        image[:, :, ~keep] = 0.0
    rng = np.random.default_rng(seed)
    return np.hypot(image + noise * rng.standard_normal(image.shape), noise * rng.standard_normal(image.shape))
