"""A leg with bones, muscles of two kinds and vessels, known at every place of the world, in three contrasts."""

import numpy as np

from neuromyo.core.grid import Grid

LEVELS = {"T1w": (900.0, 400.0, 40.0, -30.0, 400.0, -350.0), "T2w": (500.0, 250.0, 60.0, 30.0, 150.0, 500.0),
          "MT": (850.0, 220.0, 15.0, -15.0, 500.0, 100.0)}  # fmt: skip


def _soft(distance):
    return 1.0 / (1.0 + np.exp(-np.clip(distance, -30, 30)))


def leg(world, contrast):
    """RAS+ mm (..., 3) -> signal (...)."""
    x, y, z = np.moveaxis(world, -1, 0)
    lean = z / 40.0
    r = np.hypot(x / (60 + 4 * lean), y / (52 - 3 * lean))
    body, inner = _soft((1 - r) * 60), _soft((0.86 - r) * 60)

    def blob(cx, cy, cz, ax, ay, az):
        d = np.sqrt(((x - cx - 2 * lean) / ax) ** 2 + ((y - cy) / ay) ** 2 + ((z - cz) / az) ** 2)
        return _soft((1 - d) * min(ax, ay)) * inner

    def tube(cx, cy, a, tx, ty):
        return _soft((1 - np.hypot(x - cx - tx * z, y - cy - ty * z) / a) * a)

    bone, thin = tube(15, 10, 10, 0.1, 0.05), tube(-25, -12, 5, -0.08, 0.02)
    vessels = np.clip(tube(5, -30, 3, 0.15, 0.1) + tube(-8, 30, 2.5, -0.1, 0.1), 0, 1) * inner
    fat, muscle, one, two, marrow, blood = LEVELS[contrast]
    muscles = one * blob(-20, 15, 10, 22, 16, 50) + two * blob(20, -20, -15, 18, 15, 40)
    signal = fat * (body - inner) + muscle * inner * (1 - 0.75 * thin) + muscles + marrow * bone + blood * vessels
    return np.clip(signal, 0, None)


def places(grid):
    return grid.to_world(np.moveaxis(np.indices(grid.shape, dtype=np.float64), 0, -1))


def upright(shape, spacing):
    """A grid about the origin."""
    affine = np.diag([*map(float, spacing), 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * np.array(spacing)
    return Grid.of(shape, affine, 2)


def turn(x_deg, y_deg, z_deg):
    (a, b, c), s = np.radians([x_deg, y_deg, z_deg]), np.sin
    x = np.array([[1, 0, 0], [0, np.cos(a), -s(a)], [0, s(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, s(b)], [0, 1, 0], [-s(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -s(c), 0], [s(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def rigid_matrix(angles, shift):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn(*angles), shift
    return matrix


def scanned(grid, contrast, seed, matrix=None, snr=20.0):
    """The leg on a grid, after the person moved by ``matrix``: its tissue at x is seen at M x. Rician noise."""
    back = np.linalg.inv(np.eye(4) if matrix is None else matrix)
    signal = leg(places(grid) @ back[:3, :3].T + back[:3, 3], contrast)
    rng = np.random.default_rng(seed)
    sd = LEVELS[contrast][1] / snr
    return np.hypot(signal + sd * rng.normal(size=signal.shape), sd * rng.normal(size=signal.shape)).astype(np.float32)
