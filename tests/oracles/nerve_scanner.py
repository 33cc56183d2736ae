"""What tissues look like and what a scanner makes of a finely sampled plane: k-space, coils, noise, motion. NumPy only.

Signals come from relaxation times at 3 T (nerve T2 about 65 ms, muscle 33 ms) put into the sequence's own equation. Noise is
Rician. SNR always means: noise-free signal of a healthy fascicle, at coil sensitivity 1, over sigma per real channel.
"""

from dataclasses import dataclass

import numpy as np

# name: proton density, T1, T2 (fat: apparent, in a train of echoes), T2* (ms), share lost to an MT pulse, FA
TISSUES = {
    "muscle": (0.80, 1420, 33, 25, 0.45, 0.27),
    "fat": (0.90, 380, 120, 20, 0.02, 0.12),
    "marrow": (0.85, 400, 105, 12, 0.02, 0.12),
    "fascicle": (0.85, 1350, 64, 28, 0.37, 0.58),
    "epineurium": (0.65, 900, 40, 18, 0.32, 0.25),
    "dark": (0.35, 700, 5, 2, 0.50, 0.25),
    "artery": (0.90, 1700, 100, 40, 0.10, 0.12),
    "vein": (0.90, 1700, 90, 30, 0.10, 0.12),
    "node": (0.85, 1450, 80, 40, 0.28, 0.14),
    "water": (1.00, 3800, 900, 400, 0.02, 0.06),
    "skin": (0.60, 900, 25, 15, 0.40, 0.20),
    "air": (0.0, 1000, 10, 10, 0.0, 0.0),
}


def spin_echo(pd, t1, t2, repetition, echo):
    return pd * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2)


def gradient_echo(pd, t1, t2star, repetition, echo, flip_deg):
    e1, a = np.exp(-repetition / t1), np.deg2rad(flip_deg)
    return pd * np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a)) * np.exp(-echo / t2star)


def signal(tissue, weighting):
    """Noise-free signal of a tissue, arbitrary units; flowing blood is void in spin echoes and fresh in gradient echoes."""
    pd, t1, t2, t2star, lost, anisotropy = TISSUES[tissue]
    fatty = tissue in ("fat", "marrow")
    if weighting == "FA":
        return anisotropy
    if weighting in ("GRE", "MTw"):
        pulse = 1 - lost if weighting == "MTw" else 1.0
        if tissue in ("artery", "vein"):
            return {"artery": 0.8, "vein": 0.5}[tissue] * pd * pulse * np.sin(np.deg2rad(12))
        return gradient_echo(pd, t1, t2star, 40, 4.9, 12) * pulse
    repetition, echo = {"T2w": (4500, 66), "T2w-fs": (4500, 58), "T1w": (620, 11), "PDw": (3200, 16)}[weighting]
    value = spin_echo(pd, t1, t2, repetition, echo)
    if tissue == "artery":
        return 0.05 * value
    if tissue == "vein" and weighting == "T1w":
        return 0.4 * value
    return value * (0.07 if fatty and weighting == "T2w-fs" else 1.0)


def signals(weighting):
    return {tissue: signal(tissue, weighting) for tissue in TISSUES}


@dataclass(frozen=True)
class View:
    """One stack of slices: pixel (mm along u, v), extent (mm), slice thickness, spacing (gap included) and number.

    ``centre`` (u, v, w) is the middle of the stack; ``turn_deg`` turns its pixels in the plane.
    """

    pixel: tuple[float, float]
    extent: tuple[float, float]
    thickness: float
    spacing: float
    slices: int
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: float = 0.0

    @property
    def shape(self):
        return round(self.extent[0] / self.pixel[0]), round(self.extent[1] / self.pixel[1])

    @property
    def levels(self):
        """w of the middle of each slice."""
        return self.centre[2] + (np.arange(self.slices) - (self.slices - 1) / 2) * self.spacing

    @property
    def fine(self):
        """Sampling points a pixel along each axis: about 0.13 mm apart, at least two."""
        return tuple(max(2, round(p / 0.13)) for p in self.pixel)

    @property
    def step(self):
        return self.pixel[0] / self.fine[0], self.pixel[1] / self.fine[1]

    def affine(self):
        """Index (i, j, k) -> (u, v, w)."""
        t = np.deg2rad(self.turn_deg)
        turn = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
        out = np.eye(4)
        out[:3, :3] = turn * np.array([*self.pixel, self.spacing])
        middle = np.array([(self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2, (self.slices - 1) / 2])
        out[:3, 3] = np.array(self.centre) - out[:3, :3] @ middle
        return out

    def mesh(self, margin=0):
        """(u, v) of the fine points of one slice, with ``margin`` pixels more on every side."""
        axes = [
            (np.arange((n + 2 * margin) * f) + 0.5) / f - 0.5 - margin
            for n, f in zip(self.shape, self.fine, strict=True)
        ]
        i, j = np.meshgrid(*axes, indexing="ij", copy=False)
        a = self.affine()
        u, v = a[0, 0] * i + a[0, 1] * j + a[0, 3], a[1, 0] * i + a[1, 1] * j + a[1, 3]
        return u.astype(np.float32), v.astype(np.float32)


def box_mean(fine_plane, fine):
    a, b = fine_plane.shape[0] // fine[0], fine_plane.shape[1] // fine[1]
    return fine_plane.reshape(a, fine[0], b, fine[1]).mean((1, 3))


def through_k_space(plane, fine, window="hamming", share=1.0):
    """The scanner's pixels (complex) of a finely sampled plane: its spectrum is cut to what was acquired and filtered.

    window : "none" (a sinc, rings), "hamming" (mild apodisation), "gauss" (the pixel's box and a Gaussian of one pixel);
    share : of k-space along the second axis that was acquired, the rest filled with zeros
    """
    spectrum = np.fft.fft2(plane)
    for axis in (0, 1):
        n, f = plane.shape[axis] // fine[axis], fine[axis]
        k = np.rint(np.fft.fftfreq(n) * n).astype(int)  # cycles over the field of view
        spectrum = np.take(spectrum, k % (n * f), axis=axis)
        centred = np.exp(2j * np.pi * k * (f - 1) / 2 / (n * f))
        x = k / n / (share if axis == 1 else 1.0)
        shape = {
            "none": np.ones_like(x),
            "hamming": 0.75 + 0.25 * np.cos(2 * np.pi * np.clip(x, -0.5, 0.5)),
            "gauss": np.sinc(k / n) * np.exp(-((np.pi * k / n) ** 2) / (4 * np.log(2)) * 0.64),
        }[window]
        weight = np.where(np.abs(x) <= 0.5, shape, 0.0) * centred
        spectrum = spectrum * (weight[:, None] if axis == 0 else weight)
    return np.fft.ifft2(spectrum) / (fine[0] * fine[1])


def sensitivity(u, v, strength, direction_deg):
    """A smooth coil shading around 1: a slope and a bowl."""
    d = np.deg2rad(direction_deg)
    slope = (np.cos(d) * u + np.sin(d) * v) / 30.0
    bowl = (u * u + v * v) / 1500.0
    return np.clip(1 + strength * (slope + 0.5 * bowl), 0.35, 1.9)


def restless(image, rng, strength):
    """Phase errors from line to line along the second axis: ghosts and smear, 0.1 mild, 2 beyond recognition."""
    lines = np.fft.fft(image, axis=1)
    return np.fft.ifft(lines * np.exp(1j * strength * rng.standard_normal(image.shape[1])), axis=1)


def ghosted(image, share, parts=3):
    """A weak copy, moved by the ``parts``-th of the field along the second axis."""
    return image + share * np.roll(image, image.shape[1] // parts, axis=1)


def rician(image, sigma, rng):
    noise = rng.standard_normal((2, *image.shape)) * sigma
    return np.abs(image + noise[0] + 1j * noise[1])
