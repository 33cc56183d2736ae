"""Which way fibres run: along a muscle's, a tendon's, a vessel's or a nerve's course, slanted in muscle by its pennation.

A direction is made in leg coordinates (lateral, anterior, up), in which both legs are alike, and turned into RAS+: so
the two legs of a body are mirror images in their fibres too. Directions point upwards (z of at least 0).

*Assumes* one pennation a muscle, towards one azimuth. *Breaks* in bipennate muscles (rectus femoris, soleus, tibialis
anterior), whose two halves slant towards each other; here they slant alike.
"""

from __future__ import annotations

import numpy as np

from neuromyo.phantom import layout
from neuromyo.phantom.geometry import Body, Leg
from neuromyo.phantom.regions import LEAVES, PLACE
from neuromyo.phantom.shapes import Structure

#: muscle -> (pennation angle, azimuth towards which fibres lean going up, counted from lateral towards anterior), degrees.
#: Angles: Ward et al., Clin Orthop Relat Res 2009;467:1074 (doi 10.1007/s11999-008-0594-8), means over cadaver legs,
#: recalled and rounded; azimuths: this project's choice, from the deep towards the superficial aponeurosis.
PENNATION: dict[str, tuple[float, float]] = {
    "rectus-femoris": (14.0, 90.0), "vastus-lateralis": (18.0, 20.0), "vastus-intermedius": (4.5, 80.0),
    "vastus-medialis": (30.0, 150.0), "sartorius": (1.5, 120.0), "gracilis": (8.0, 190.0), "adductor-longus": (7.0, 160.0),
    "adductor-magnus": (15.0, 200.0), "biceps-femoris": (11.5, 300.0), "semitendinosus": (13.0, 260.0),
    "semimembranosus": (15.0, 240.0), "gastrocnemius-medialis": (10.0, 80.0), "gastrocnemius-lateralis": (12.0, 100.0),
    "soleus": (28.0, 270.0), "tibialis-anterior": (10.0, 90.0), "extensor-group": (11.0, 60.0),
    "peroneus-longus": (14.0, 0.0), "tibialis-posterior": (14.0, 250.0), "flexor-group": (15.0, 230.0),
}  # fmt: skip

_COURSES = {
    PLACE[(tube.name, tissue)]: (Structure(tube).course, *PENNATION.get(tube.name, (0.0, 0.0)))
    for tubes, tissues in (
        (layout.MUSCLES, ("muscle",)),
        (layout.TENDONS, ("tendon",)),
        (layout.VESSELS, ("artery", "vein")),
        (layout.NERVES, ("fascicle", "epineurium")),
    )
    for tube in tubes
    for tissue in tissues
    if (tube.name, tissue) in PLACE
}


def directions(body: Body, codes: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Unit vectors (m, 3) in RAS+ along the fibres at points (m, 3) of leaf codes (m,) other than 0. Matter without
    fibres has the direction of its leg."""
    out = np.zeros((len(codes), 3))
    place = codes - 1
    for leg, first in ((body.right, 0), (body.left, len(LEAVES))):
        own = np.flatnonzero((place >= first) & (place < first + len(LEAVES)))
        if own.size:
            out[own] = _in_leg(leg, place[own] - first, xyz[own])
    return np.where(out[:, 2:] < 0, -out, out)


def _in_leg(leg: Leg, place: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    corners = np.vstack([np.zeros(3), np.eye(3)])
    made = np.stack(leg.to_leg(corners), axis=1)
    to_world = np.linalg.inv((made[1:] - made[0]).T)
    level = leg.to_leg(xyz)[2]
    along = np.tile((0.0, 0.0, 1.0), (len(place), 1))
    for kind in np.unique(place):
        if int(kind) in _COURSES:
            course, angle, azimuth = _COURSES[int(kind)]
            own = place == kind
            along[own] = slanted(_tangent(course.slope(level[own])), angle, azimuth)
    world = along @ to_world.T
    return world / np.linalg.norm(world, axis=1, keepdims=True)


def _tangent(slope: np.ndarray) -> np.ndarray:
    """Slopes (2, m) of a centre along u and v -> unit vectors (m, 3)."""
    vectors = np.stack([slope[0], slope[1], np.ones(slope.shape[1])], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def slanted(vectors: np.ndarray, angle_deg: float, azimuth_deg: float) -> np.ndarray:
    """Unit vectors (m, 3) turned by ``angle_deg`` towards the transverse direction ``azimuth_deg``."""
    azimuth, angle = np.deg2rad(azimuth_deg), np.deg2rad(angle_deg)
    aside = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    across = aside - vectors * (vectors @ aside)[:, None]
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.cos(angle) * vectors + np.sin(angle) * across


def tensors(diffusivities: np.ndarray, fibres: np.ndarray) -> np.ndarray:
    """Diffusion tensors (m, 6), in the order xx yy zz xy xz yz, of diffusivities (m, 3) along and across unit vectors
    (m, 3). The second direction lies across the fibre and the z axis."""
    helper = np.where(np.abs(fibres[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    second = np.cross(fibres, helper)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    third = np.cross(fibres, second)
    out = np.zeros((len(fibres), 6))
    for i, axis in enumerate((fibres, second, third)):
        x, y, z = axis.T
        out += diffusivities[:, i : i + 1] * np.stack([x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
    return out
